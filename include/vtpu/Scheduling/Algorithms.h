//===- Algorithms.h - Solving scheduling problems ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All algorithms are deterministic and see nothing but the problem.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_ALGORITHMS_H
#define VTPU_SCHEDULING_ALGORITHMS_H

#include "vtpu/Scheduling/Problem.h"

#include <algorithm>

namespace vtpu::sched {

/// Orders operations cycle by cycle; among those that may start, the one with the longest way to the end goes first. Each gets a word of its own.
/// An error if the problem cannot be scheduled at all (checkProblem), or if the register limits leave no operation to go on with, which does not prove
/// that there is no solution.
Result<Schedule> listSchedule(const Problem &problem);

/// Puts each operation, in the given order, into the earliest word that its dependences, its slot and the rules of a word allow, at most `window`
/// words back. Every operation must have a content that makes a word by itself.
Schedule packWords(const Problem &problem, unsigned window);

/// The cycle in which each operation starts if the host never starts one before another that precedes it.
std::vector<uint32_t> issueInOrder(const Problem &problem, const std::vector<uint32_t> &order);

/// What the out-of-order host does with one operation of one iteration, in cycles from the start.
struct HostTime {
  static constexpr uint32_t never = UINT32_MAX;
  uint32_t entered = 0;      // the window: it has passed the front end
  uint32_t ready = 0;        // what it reads is there
  uint32_t started = never;  // its ports were free
  uint32_t done = never;     // its result is there
  uint32_t retired = never;  // it left the window: it and all before it are done, and the table's `leaving` and the backlog of its ports allow it
  uint32_t cause = never;    // the instance that it became ready by; never: by entering the window
};
/// Runs the operations in this order so many times on an out-of-order host: registers are renamed, operations enter in order, what may start starts
/// in order of age, and at most the table's window of operations is in flight. One entry for each operation of each iteration, in order.
std::vector<HostTime> simulate(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations);

/// Predicted cycles of `iterations` runs until the last result is there.
uint32_t hostCycles(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations);

/// How many iterations of so many operations bring the host into its steady state.
uint32_t steadyRounds(const Problem &problem, size_t operations);
/// Cycles an iteration of a simulation, once it is in its steady state; at least 2 iterations.
double steadyCycles(const Problem &problem, const std::vector<HostTime> &times, uint32_t iterations);
/// Predicted cycles of an iteration in the steady state, or of a straight run.
double predictedCycles(const Problem &problem, const std::vector<uint32_t> &order, bool loop);

/// What no order can beat on the out-of-order host, in hundredths of a cycle.
struct Bounds {
  std::vector<Work> ports;     // busy time of each port
  Work criticalPath = 0;       // longest chain of one iteration
  Work recurrence = 0;         // longest cycle of dependences over its distance
  bool repeats = false;        // iterations overlap: the critical path does not count
  /// The largest bound, and what it is: "port fma", "critical path", "recurrence".
  Work limit(const Problem &problem, std::string &what) const;
};
Bounds findBounds(const Problem &problem);

/// What no interval between iterations can beat, in cycles: the work of the busiest port, the longest cycle of dependences over its distance, and
/// what registers ask for: with a shorter interval, the shortest lives of some class are together longer than its registers have cycles. It is at
/// least the other two, and only them if registers forbid every interval.
struct IntervalBounds {
  uint32_t resource = 1, recurrence = 1, registers = 1;
  uint32_t least() const { return std::max({resource, recurrence, registers}); }
};
/// Of a problem that passes checkProblem.
IntervalBounds findIntervalBounds(const Problem &problem);

/// Sets `order` from `cycle` and `ii`. Within a cycle of the kernel: as dependences without latency want, else first what goes least beyond the
/// register limits, and of that what frees most; of up to 16 operations in another order, if one is found that keeps within the limits where this one
/// does not.
void orderKernel(const Problem &problem, ModuloSchedule &schedule);

/// Overlaps the iterations of a loop. The interval is the least, from the bounds on, for which operations find places near to the times that keep
/// lives shortest, within the register limits; where these bind, ever longer steps bound the time, and `effort` times as much may be spent. It is at
/// most as long as iterations one after the other take. An error if the problem cannot be scheduled at all (checkProblem), or if even the given
/// order needs more registers than there are. With `least`, no interval below that is tried.
Result<ModuloSchedule> moduloSchedule(const Problem &problem, uint32_t least = 1, uint32_t effort = 1);

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_ALGORITHMS_H
