//===- Pipelining.h - Modulo schedules of generated loops -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_BENCH_PIPELINING_H
#define VTPU_TOOLS_BENCH_PIPELINING_H

#include "vtpu/Support/Result.h"

namespace vtpu::tools {

struct PipeliningOptions {
  uint64_t loops = 0; // of each class
  uint64_t seed = 1;
  double exactSeconds = 10; // for each interval that the exact solver tries; 0: it tries none
};

/// Schedules generated loops, checks what comes out, and compares the intervals with the least ones. The figures as JSON; an error if a schedule or a
/// plan breaks a rule.
Result<std::string> measurePipelining(const PipeliningOptions &options);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_BENCH_PIPELINING_H
