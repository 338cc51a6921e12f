//===- LongCycle.cpp - Recurrences that take too long -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LongCycle.h"

#include "Graph.h"

namespace vtpu::sched {

namespace {
constexpr uint32_t none = UINT32_MAX;

/// The cycle that following the dependences by which operations were last put off leads into; empty: none does.
std::vector<uint32_t> cycleOf(const Problem &problem, const std::vector<uint32_t> &entering) {
  std::vector<uint32_t> seenBy(entering.size(), none); // the operation from which one was first reached
  auto before = [&](uint32_t op) { return problem.dependences[entering[op]].from; };
  for (uint32_t first = 0; first < entering.size(); ++first) {
    uint32_t op = first;
    for (; seenBy[op] == none && entering[op] != none; op = before(op))
      seenBy[op] = first;
    if (seenBy[op] != first)
      continue;
    std::vector<uint32_t> cycle;
    for (uint32_t at = op; cycle.empty() || at != op; at = before(at))
      cycle.push_back(entering[at]);
    return cycle;
  }
  return {};
}
} // namespace

std::vector<uint32_t> findLongCycle(const Problem &problem, int64_t interval) {
  std::vector<int64_t> start(problem.operations.size());
  std::vector<uint32_t> entering(start.size(), none); // the dependence by which an operation was last put off
  // Too long a cycle shows in these long before all rounds are over, after which it surely does.
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t number = 0; number < problem.dependences.size(); ++number) {
      const Dependence &d = problem.dependences[number];
      if (!holdsOnHost(d))
        continue;
      const int64_t earliest = start[d.from] + latencyOf(d) - interval * d.distance;
      if (earliest > start[d.to]) {
        start[d.to] = earliest;
        entering[d.to] = number;
        changed = true;
      }
    }
    if (changed)
      if (std::vector<uint32_t> cycle = cycleOf(problem, entering); !cycle.empty())
        return cycle;
  }
  return {};
}

} // namespace vtpu::sched
