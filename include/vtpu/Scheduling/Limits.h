//===- Limits.h - What binds a loop, named and relaxed ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A remark that names what binds a loop is true if the loop gets faster once that costs less. These functions find what is named, and make it cost
// less.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_LIMITS_H
#define VTPU_SCHEDULING_LIMITS_H

#include "vtpu/Scheduling/Algorithms.h"

namespace vtpu::sched {

/// Bounds within this part of the largest bind as well: relaxing only one of them would show nothing.
constexpr double sameLimit = 0.02;

/// What binds a problem.
struct Limits {
  std::vector<uint32_t> ports; // of the table, the busiest first
  /// Dependences, by number, that bind: of each longest recurrence, or if iterations do not overlap of each longest path, the longest one.
  std::vector<uint32_t> dependences;
  bool loop = false;   // iterations overlap
  bool window = false; // none of the bounds explains the cycles: the order and how many operations are in flight do
  Work cycles = 0;     // the largest bound, in hundredths
};

/// All bounds within `sameLimit` of the largest. `cycles`: what the host is predicted to take in the given order, an iteration of a loop; if the
/// largest bound is less than nine tenths of that and twice the window would help, the window binds. `loop`: iterations overlap.
Limits findLimits(const Problem &problem, bool loop, double cycles);

/// `port fma`, `port issue, recurrence (dadd to dadd, 4 cycles, and 3 more)`, `critical path (sld to dfma, 7 cycles)`, `window and order`.
std::string describe(const Limits &limits, const Problem &problem);

/// A problem with what binds it relaxed: twice the capacity of the ports, dependences without latency, twice the window. Refers to the rows of the
/// problem that it comes from.
class RelaxedProblem {
public:
  RelaxedProblem(const Problem &problem, const Limits &limits);
  RelaxedProblem(const RelaxedProblem &) = delete;
  RelaxedProblem &operator=(const RelaxedProblem &) = delete;
  const Problem &get() const { return relaxed; }

private:
  PortTable table;
  Problem relaxed;
};

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_LIMITS_H
