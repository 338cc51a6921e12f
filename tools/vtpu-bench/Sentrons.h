//===- Sentrons.h - Benchmarks of messages and barriers ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_VTPU_BENCH_SENTRONS_H
#define VTPU_TOOLS_VTPU_BENCH_SENTRONS_H

#include "Machine.h"

namespace vtpu::tools {

/// `ping-pong:words`: a message there and one back between two sentrons; `ping-pong:line`: the same with one number in a cache line each way,
/// between two threads. `barrier:words` and `barrier:counter`: two sentrons at `cbar`, two threads at a counter. Rates are rounds a second.
Status registerSentrons(const Configure &configure);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_VTPU_BENCH_SENTRONS_H
