//===- Exact.h - Proving that an interval is the least ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An oracle for tests, and a mode for those who have time: it finds the least interval of a loop with a SAT solver, and proves that none is
// shorter.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_EXACT_H
#define VTPU_SCHEDULING_EXACT_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

struct ExactOptions {
  double seconds = 10;  // for each interval that is tried, and each part of the proof
  uint32_t effort = 32; // of `moduloSchedule`, which is tried first; 0: it is not
};

struct ExactResult {
  ModuloSchedule schedule;  // the best that is known; it passes `verify`
  uint32_t provenLeast = 1; // no schedule has a shorter interval
  std::string unknown;      // why nothing is proven between the two; empty: `schedule` has the least interval

  bool optimal() const { return schedule.ii == provenLeast; }
};

/// Tries each interval from the bounds on that is shorter than that of `known`, a schedule that passes `verify`. The rules are those of `verify`; an
/// error if the problem cannot be scheduled at all (checkProblem) or `known` breaks a rule.
Result<ExactResult> scheduleExactly(const Problem &problem, const ModuloSchedule &known, const ExactOptions &options = {});

/// Version of the solver: "CaDiCaL sc2021".
std::string exactSolverVersion();

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_EXACT_H
