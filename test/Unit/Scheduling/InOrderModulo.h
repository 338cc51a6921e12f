//===- InOrderModulo.h - A sample algorithm ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an engineer writes who adds an algorithm: it needs nothing but the two headers below.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_SCHEDULING_INORDERMODULO_H
#define VTPU_TEST_UNIT_SCHEDULING_INORDERMODULO_H

#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// Starts operations in the given order, each as early as its dependences and ports allow, and takes the first interval for which this is legal.
/// An error if the problem cannot be scheduled at all, or none up to `longest` is.
inline Result<ModuloSchedule> scheduleInOrder(const Problem &problem, uint32_t longest) {
  if (Status status = checkProblem(problem); !status)
    return Error{status.message()};
  for (uint32_t ii = findIntervalBounds(problem).least(); ii <= longest; ++ii) {
    ModuloSchedule schedule;
    schedule.ii = ii;
    std::vector<std::vector<uint64_t>> work(problem.table->ports.size(), std::vector<uint64_t>(ii)); // in each cycle of the kernel
    for (uint32_t op = 0; op < problem.operations.size(); ++op) {
      int64_t cycle = 0;
      for (const Dependence &d : problem.dependences)
        if (d.to == op && d.from < op)
          cycle = std::max<int64_t>(cycle, int64_t(schedule.cycle[d.from]) + d.latency - int64_t(ii) * d.distance);
      // Stricter than the rule: the work of a cycle fits into it. An operation that is larger stands alone.
      auto admits = [&](int64_t at) {
        for (const PortUse &use : problem.row(op).uses)
          if (const uint64_t there = work[use.port][size_t(at) % ii]; there && there + use.work > problem.table->ports[use.port].capacity)
            return false;
        return true;
      };
      for (uint32_t tried = 0; tried < ii && !admits(cycle); ++tried)
        ++cycle;
      for (const PortUse &use : problem.row(op).uses)
        work[use.port][size_t(cycle) % ii] += use.work;
      schedule.cycle.push_back(uint32_t(cycle));
    }
    orderKernel(problem, schedule);
    if (verify(problem, schedule).empty())
      return schedule;
  }
  return Error{"no interval up to " + std::to_string(longest) + " cycles is legal in the given order"};
}

} // namespace vtpu::sched

#endif // VTPU_TEST_UNIT_SCHEDULING_INORDERMODULO_H
