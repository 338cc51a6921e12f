//===- Conflicts.h - Times planted conflicts --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_VTPU_BENCH_CONFLICTS_H
#define VTPU_TOOLS_VTPU_BENCH_CONFLICTS_H

#include "vtpu/Analysis/CacheGeometry.h"

namespace vtpu::tools {

/// Runs each planted conflict that fits these caches and its repaired twin (vtpu/Generator/Conflicts.h) in turns, `repetitions` times of at
/// least `seconds` each, and prints the least times as JSON: nanoseconds an access, and the planted over the repaired time. Buffers start
/// on huge pages.
Status timeConflicts(const analysis::Caches &caches, uint64_t repetitions, double seconds);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_VTPU_BENCH_CONFLICTS_H
