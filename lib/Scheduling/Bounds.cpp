//===- Bounds.cpp - What no schedule can beat -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"

#include <algorithm>

namespace vtpu::sched {

namespace {
/// True if iterations can follow each other every `interval` hundredths of a cycle as far as dependences go: no cycle of them is longer.
bool recurrencesAllow(const Problem &problem, int64_t interval) {
  std::vector<int64_t> start(problem.operations.size());
  for (size_t round = 0; round <= start.size(); ++round) {
    bool changed = false;
    for (const Dependence &d : problem.dependences) {
      if (!holdsOnHost(d))
        continue;
      const int64_t earliest = start[d.from] + int64_t(d.latency) * oneCycle - interval * d.distance;
      if (earliest > start[d.to]) {
        start[d.to] = earliest;
        changed = true;
      }
    }
    if (!changed)
      return true;
  }
  return false;
}
} // namespace

Bounds findBounds(const Problem &problem) {
  Bounds bounds;
  const uint32_t count = uint32_t(problem.operations.size());
  bounds.ports.resize(problem.table->ports.size());
  std::vector<uint64_t> work(bounds.ports.size());
  for (uint32_t op = 0; op < count; ++op)
    for (const PortUse &use : problem.row(op).uses)
      work[use.port] += use.work;
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
  int64_t low = 0, high = bounds.criticalPath;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (recurrencesAllow(problem, middle))
      high = middle;
    else
      low = middle + 1;
  }
  bounds.recurrence = Work(low);
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
