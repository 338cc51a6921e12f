//===- Sampler.h - Where the time of some code goes -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A timer interrupts the calling thread every 0.1 ms on average and notes which instruction was the next to finish, and the clock of the core, which
// differs from part to part of a call. The code itself stays as it is: what is told of short loops, which code around them would disturb, is how they
// run in a whole program.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_SAMPLER_H
#define VTPU_ANALYSIS_SAMPLER_H

#include "vtpu/Support/Result.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace vtpu::analysis {

/// One interruption.
struct Sample {
  uint32_t offset; // into the code
  float rate;      // cycles of the core in a tick of the time stamp counter, there
};
/// Where calls spent their time.
struct Samples {
  std::vector<Sample> inside; // in the order of time
  uint64_t outside = 0;       // of the code
  double rates = 0;           // the sum of all, outside too
  /// Of one call while nothing interrupts it: nanoseconds of the shortest, and cycles of the one in the middle of the fastest quarter. A cycle is a
  /// step of a chain of dependent additions, timed where calls are interrupted.
  double nanoseconds = 0, cycles = 0;
  uint64_t all() const { return inside.size() + outside; }
};

/// Calls again and again, half of the time as it is and half of it sampled, for about so many seconds and at least twice each. `call` runs in the
/// calling thread; what fails ends it with that error. An error where the system has no such timer; or if another thread of the process is sampling.
Result<Samples> sampleCalls(const uint8_t *code, size_t bytes, double seconds, const std::function<Status()> &call);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_SAMPLER_H
