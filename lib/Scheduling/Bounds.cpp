//===- Bounds.cpp - What no schedule can beat -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"
#include "LongCycle.h"
#include "LoopGraph.h"
#include "ModuloTable.h"
#include "ShortLives.h"

#include <algorithm>

namespace vtpu::sched {

Bounds findBounds(const Problem &problem) {
  Bounds bounds;
  const uint32_t count = uint32_t(problem.operations.size());
  std::vector<uint64_t> work(problem.table->ports.size());
  for (const Operation &operation : problem.operations)
    for (const PortUse &use : operation.row->uses)
      work[use.port] += use.work;
  bounds.ports.resize(work.size());
  for (size_t port = 0; port < work.size(); ++port)
    bounds.ports[port] = Work(work[port] * oneCycle / problem.table->ports[port].capacity);
  const Graph graph(problem, [](const Dependence &d) { return holdsOnHost(d) && withinIteration(d); });
  std::vector<uint32_t> height(count);
  for (uint32_t op = count; op-- > 0;) {
    height[op] = problem.row(op).latency;
    for (const Dependence *d : graph.leaving(op))
      height[op] = std::max(height[op], d->latency + height[d->to]);
    bounds.criticalPath = std::max(bounds.criticalPath, height[op] * oneCycle);
  }
  for (const Dependence &d : problem.dependences)
    bounds.repeats |= holdsOnHost(d) && d.distance > 0;
  if (!bounds.repeats)
    return bounds;
  // Each cycle that takes too long tells how long an interval it needs itself.
  int64_t interval = 0;
  while (interval < bounds.criticalPath) {
    const std::vector<uint32_t> cycle = findLongCycle(problem, interval);
    if (cycle.empty())
      break;
    int64_t length = 0, distance = 0;
    for (uint32_t number : cycle) {
      length += latencyOf(problem.dependences[number]);
      distance += problem.dependences[number].distance;
    }
    interval = distance ? std::min<int64_t>((length + distance - 1) / distance, bounds.criticalPath) : bounds.criticalPath;
  }
  bounds.recurrence = Work(interval);
  return bounds;
}

IntervalBounds findIntervalBounds(const Problem &problem) {
  IntervalBounds bounds;
  bounds.resource = ModuloTable(problem).leastInterval();
  bounds.recurrence = LoopGraph(problem).recurrence();
  bounds.registers = std::max(bounds.resource, bounds.recurrence);
  ShortLives lives(problem);
  if (lives.registersAllow(int32_t(bounds.registers)))
    return bounds;
  // No life need be longer than all latencies. If all of them together do not fit into one register, registers forbid every interval.
  uint64_t latencies = 1;
  for (const Operation &operation : problem.operations)
    latencies += operation.row->latency;
  constexpr uint64_t longest = 1 << 20;
  uint32_t low = bounds.registers + 1, high = uint32_t(std::min(longest, low + latencies * (problem.values.size() + 1)));
  if (!lives.registersAllow(int32_t(high)))
    return bounds;
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (lives.registersAllow(int32_t(middle)))
      high = middle;
    else
      low = middle + 1;
  }
  bounds.registers = low;
  return bounds;
}

Work Bounds::limit(const Problem &problem, std::string &what) const {
  Work most = repeats ? recurrence : criticalPath;
  what = repeats ? "recurrence" : "critical path";
  for (size_t port = 0; port < ports.size(); ++port)
    if (ports[port] > most) {
      most = ports[port];
      what = "port " + problem.table->ports[port].name;
    }
  return most;
}

} // namespace vtpu::sched
