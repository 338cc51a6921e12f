//===- Limits.cpp - What binds a loop, named and relaxed --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Limits.h"

#include "Graph.h"
#include "LongCycle.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace vtpu::sched {

namespace {
/// Dependences that a remark can name; more equally long chains than that are not relaxed.
constexpr size_t mostDependences = 256;

/// The dependences of a path that takes longer than `length` hundredths; empty if there is none, or if its only operation does by itself.
std::vector<uint32_t> findLongPath(const Problem &problem, int64_t length) {
  constexpr uint32_t none = UINT32_MAX;
  const uint32_t count = uint32_t(problem.operations.size());
  std::vector<int64_t> start(count);
  std::vector<uint32_t> entering(count, none); // the dependence that puts an operation off longest
  // Dependences within an iteration go forwards.
  const Graph graph(problem, [](const Dependence &d) { return holdsOnHost(d) && withinIteration(d); });
  for (uint32_t op = 0; op < count; ++op)
    for (const Dependence *d : graph.leaving(op))
      if (const int64_t earliest = start[op] + latencyOf(*d); earliest > start[d->to]) {
        start[d->to] = earliest;
        entering[d->to] = uint32_t(d - problem.dependences.data());
      }
  for (uint32_t op = 0; op < count; ++op)
    if (start[op] + int64_t(problem.row(op).latency) * oneCycle > length) {
      std::vector<uint32_t> path;
      for (; entering[op] != none; op = problem.dependences[entering[op]].from)
        path.push_back(entering[op]);
      return path;
    }
  return {};
}

/// Of each chain that takes longer, the longest dependence.
std::vector<uint32_t> findLongDependences(const Problem &problem, bool loop, int64_t interval) {
  Problem shorter = problem;
  std::vector<uint32_t> found;
  while (found.size() < mostDependences) {
    const std::vector<uint32_t> chain = loop ? findLongCycle(shorter, interval) : findLongPath(shorter, interval);
    if (chain.empty())
      break;
    const uint32_t longest = *std::max_element(
        chain.begin(), chain.end(), [&](uint32_t a, uint32_t b) { return latencyOf(shorter.dependences[a]) < latencyOf(shorter.dependences[b]); });
    if (!latencyOf(shorter.dependences[longest]))
      break; // the last operation of a path takes that long by itself
    found.push_back(longest);
    shorter.dependences[longest].latency = shorter.dependences[longest].hundredths = 0;
  }
  return found;
}
} // namespace

Limits findLimits(const Problem &problem, bool loop, double cycles) {
  Limits limits;
  limits.loop = loop;
  Bounds bounds = findBounds(problem);
  bounds.repeats |= loop;
  std::string what;
  limits.cycles = bounds.limit(problem, what);
  if (double(limits.cycles) / oneCycle < 0.9 * cycles) {
    Limits window;
    window.window = true;
    std::vector<uint32_t> order(problem.operations.size());
    std::iota(order.begin(), order.end(), 0);
    limits.window = predictedCycles(RelaxedProblem(problem, window).get(), order, loop) < 0.99 * cycles;
  }
  const double least = (1 - sameLimit) * double(limits.cycles);
  for (uint32_t port = 0; port < bounds.ports.size(); ++port)
    if (double(bounds.ports[port]) > least)
      limits.ports.push_back(port);
  std::stable_sort(limits.ports.begin(), limits.ports.end(), [&](uint32_t a, uint32_t b) { return bounds.ports[a] > bounds.ports[b]; });
  if (double(loop ? bounds.recurrence : bounds.criticalPath) > least)
    limits.dependences = findLongDependences(problem, loop, int64_t(least));
  return limits;
}

std::string describe(const Limits &limits, const Problem &problem) {
  if (limits.window)
    return "window and order";
  std::vector<std::string> names;
  for (uint32_t port : limits.ports)
    names.push_back("port " + problem.table->ports[port].name);
  if (!limits.dependences.empty()) {
    const Dependence &d = problem.dependences[limits.dependences.front()];
    const std::string more = limits.dependences.size() > 1 ? fmt::format(", and {} more", limits.dependences.size() - 1) : "";
    names.push_back(fmt::format("{} ({} to {}, {:g} cycles{})", limits.loop ? "recurrence" : "critical path", problem.operations[d.from].name,
                                problem.operations[d.to].name, double(latencyOf(d)) / oneCycle, more));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

RelaxedProblem::RelaxedProblem(const Problem &problem, const Limits &limits) : table(*problem.table), relaxed(problem) {
  relaxed.table = &table;
  if (limits.window) {
    table.window *= 2;
    return;
  }
  for (uint32_t port : limits.ports)
    table.ports[port].capacity *= 2;
  // Others between the same operations stand for the same wait.
  for (uint32_t number : limits.dependences)
    for (Dependence &d : relaxed.dependences)
      if (d.from == problem.dependences[number].from && d.to == problem.dependences[number].to && holdsOnHost(d))
        d.latency = d.hundredths = 0;
}

} // namespace vtpu::sched
