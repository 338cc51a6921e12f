//===- LoopGraph.cpp - Dependences between iterations -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopGraph.h"

#include <algorithm>

namespace vtpu::sched {

LoopGraph::LoopGraph(const Problem &problem) {
  const uint32_t count = uint32_t(problem.operations.size());
  firstLeaving.assign(count + 1, 0);
  firstEntering.assign(count + 1, 0);
  for (const Dependence &d : problem.dependences) {
    if (d.from == d.to) {
      if (d.distance) // else checkProblem complains
        leastInterval = std::max(leastInterval, (d.latency + d.distance - 1) / d.distance);
      continue;
    }
    ++firstLeaving[d.from + 1];
    ++firstEntering[d.to + 1];
  }
  for (uint32_t op = 0; op < count; ++op) {
    firstLeaving[op + 1] += firstLeaving[op];
    firstEntering[op + 1] += firstEntering[op];
  }
  leavingList.resize(firstLeaving[count]);
  enteringList.resize(firstEntering[count]);
  std::vector<uint32_t> out(firstLeaving.begin(), firstLeaving.end() - 1), in(firstEntering.begin(), firstEntering.end() - 1);
  for (const Dependence &d : problem.dependences)
    if (d.from != d.to) {
      leavingList[out[d.from]++] = {d.to, int32_t(d.latency), int32_t(d.distance)};
      enteringList[in[d.to]++] = {d.from, int32_t(d.latency), int32_t(d.distance)};
    }
  findRecurrence();
}

/// Components in which each operation reaches each other: Tarjan's algorithm without recursion.
void LoopGraph::findRecurrence() {
  const uint32_t count = uint32_t(firstLeaving.size() - 1);
  std::vector<uint32_t> component(count, UINT32_MAX), index(count, UINT32_MAX), low(count), stack, path, next(count), members;
  uint32_t number = 0, components = 0;
  for (uint32_t root = 0; root < count; ++root) {
    if (index[root] != UINT32_MAX)
      continue;
    auto open = [&](uint32_t op) {
      index[op] = low[op] = number++;
      next[op] = firstLeaving[op];
      stack.push_back(op);
      path.push_back(op);
    };
    open(root);
    while (!path.empty()) {
      const uint32_t op = path.back();
      if (next[op] < firstLeaving[op + 1]) {
        const uint32_t to = leavingList[next[op]++].other;
        if (index[to] == UINT32_MAX)
          open(to);
        else if (component[to] == UINT32_MAX)
          low[op] = std::min(low[op], index[to]);
        continue;
      }
      path.pop_back();
      if (!path.empty())
        low[path.back()] = std::min(low[path.back()], low[op]);
      if (low[op] != index[op])
        continue;
      members.clear();
      do {
        members.push_back(stack.back());
        component[stack.back()] = components;
        stack.pop_back();
      } while (members.back() != op);
      ++components;
      if (members.size() > 1)
        leastInterval = std::max(leastInterval, intervalOf(members, component));
    }
  }
}

/// The least interval that the dependences between operations of a component allow.
uint32_t LoopGraph::intervalOf(const std::vector<uint32_t> &members, const std::vector<uint32_t> &component) const {
  struct Inner {
    uint32_t from, to;
    int32_t latency, distance;
  };
  std::vector<Inner> inner;
  int64_t high = 1;
  for (uint32_t op : members)
    for (const Edge &edge : leaving(op))
      if (component[edge.other] == component[op]) {
        inner.push_back({op, edge.other, edge.latency, edge.distance});
        high += edge.latency;
      }
  std::vector<int64_t> start(component.size());
  auto allows = [&](int64_t interval) {
    for (uint32_t op : members)
      start[op] = 0;
    for (size_t round = 0; round <= members.size(); ++round) {
      bool changed = false;
      for (const Inner &edge : inner) {
        const int64_t earliest = start[edge.from] + edge.latency - interval * edge.distance;
        changed |= earliest > start[edge.to];
        start[edge.to] = std::max(start[edge.to], earliest);
      }
      if (!changed)
        return true;
    }
    return false;
  };
  // Most recurrences are not what binds: try what is known first.
  int64_t low = leastInterval;
  if (allows(low))
    return uint32_t(low);
  high = std::max(high, low);
  for (++low; low < high;) {
    const int64_t middle = low + (high - low) / 2;
    if (allows(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return uint32_t(low);
}

} // namespace vtpu::sched
