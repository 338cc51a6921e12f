//===- PortConflicts.cpp - Operations that fight for ports ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/PortConflicts.h"

#include <algorithm>

namespace vtpu::analysis {

using sched::HostTime;

namespace {
struct Run {
  std::vector<HostTime> times;
  uint32_t rounds;
  double cycles;
};

Run simulate(const sched::Problem &problem, const std::vector<uint32_t> &order, bool loops) {
  Run run;
  run.rounds = loops ? std::max(sched::steadyRounds(problem, order.size()), 2u) : 1;
  run.times = sched::simulate(problem, order, run.rounds);
  run.cycles = 0;
  if (loops)
    run.cycles = sched::steadyCycles(problem, run.times, run.rounds);
  else
    for (const HostTime &time : run.times)
      run.cycles = std::max(run.cycles, double(time.done));
  return run;
}
} // namespace

PortReport findPortConflicts(const sched::Problem &problem, const std::vector<uint32_t> &order, bool loops, double least) {
  const std::vector<sched::Port> &ports = problem.table->ports;
  PortReport report;
  report.pressure.assign(ports.size(), 0);
  if (order.empty())
    return report;
  const Run base = simulate(problem, order, loops);
  report.cycles = base.cycles;
  for (uint32_t operation : order)
    for (const sched::PortUse &use : problem.row(operation).uses)
      report.pressure[use.port] += double(use.work) / ports[use.port].capacity / report.cycles;

  // An operation waits for the busiest of its ports; rounds of the steady state count.
  const size_t first = loops ? base.rounds / 2 * order.size() : 0;
  const double counted = double(base.times.size() - first) / double(order.size());
  std::vector<std::vector<PortConflict::User>> users(ports.size());
  for (size_t position = 0; position < order.size(); ++position) {
    const std::vector<sched::PortUse> &uses = problem.row(order[position]).uses;
    if (uses.empty())
      continue;
    double waited = 0;
    for (size_t i = first + position; i < base.times.size(); i += order.size())
      waited += double(base.times[i].started - base.times[i].ready) / counted;
    uint32_t busiest = uses[0].port;
    for (const sched::PortUse &use : uses)
      if (report.pressure[use.port] > report.pressure[busiest])
        busiest = use.port;
    for (const sched::PortUse &use : uses)
      users[use.port].push_back({order[position], double(use.work) / ports[use.port].capacity, use.port == busiest ? waited : 0});
  }

  constexpr double busyEnough = 0.5;
  for (uint32_t port = 0; port < ports.size(); ++port) {
    if (report.pressure[port] < busyEnough)
      continue;
    sched::PortTable table = *problem.table;
    table.ports[port].capacity *= 2;
    sched::Problem relaxed = problem;
    relaxed.table = &table;
    const Run run = simulate(relaxed, order, loops);
    if (run.cycles > (1 - least) * base.cycles)
      continue;
    PortConflict conflict;
    conflict.port = port;
    conflict.busy = report.pressure[port];
    conflict.relieved = run.cycles;
    conflict.surplus = std::max(report.pressure[port] * base.cycles - run.cycles, 0.0);
    conflict.users = std::move(users[port]);
    for (const PortConflict::User &user : conflict.users)
      conflict.waited += user.waited;
    std::stable_sort(conflict.users.begin(), conflict.users.end(),
                     [](const PortConflict::User &a, const PortConflict::User &b) { return a.waited > b.waited; });
    report.conflicts.push_back(std::move(conflict));
  }
  std::stable_sort(report.conflicts.begin(), report.conflicts.end(),
                   [](const PortConflict &a, const PortConflict &b) { return a.relieved < b.relieved; });
  report.serial = report.conflicts.empty();
  return report;
}

} // namespace vtpu::analysis
