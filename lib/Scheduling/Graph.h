//===- Graph.h - Dependences by operation -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_GRAPH_H
#define VTPU_LIB_SCHEDULING_GRAPH_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// The dependences that leave each operation, in one array.
class Graph {
public:
  template <typename Keep>
  Graph(const Problem &problem, Keep keep) : first(problem.operations.size() + 1), predecessors(problem.operations.size()) {
    for (const Dependence &d : problem.dependences)
      if (keep(d))
        ++first[d.from + 1];
    for (size_t op = 1; op < first.size(); ++op)
      first[op] += first[op - 1];
    edges.resize(first.back());
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (const Dependence &d : problem.dependences)
      if (keep(d)) {
        edges[next[d.from]++] = &d;
        predecessors[d.to] += d.distance == 0;
      }
  }

  struct Range {
    const Dependence *const *from, *const *to;
    const Dependence *const *begin() const { return from; }
    const Dependence *const *end() const { return to; }
  };
  Range leaving(uint32_t op) const { return {edges.data() + first[op], edges.data() + first[op + 1]}; }
  /// How many dependences of the same iteration enter each operation.
  const std::vector<uint32_t> &numPredecessors() const { return predecessors; }

private:
  std::vector<uint32_t> first, predecessors;
  std::vector<const Dependence *> edges;
};

/// True for what an out-of-order host waits for: it renames registers, and accesses that only may overlap do not wait for each other.
inline bool holdsOnHost(const Dependence &d) {
  return d.kind == DependenceKind::flow || (d.kind == DependenceKind::memory && d.latency > 0);
}
/// Latency in hundredths of a cycle.
inline Work latencyOf(const Dependence &d) { return d.latency * oneCycle + d.hundredths; }
inline bool withinIteration(const Dependence &d) { return d.distance == 0; }

/// Work that waits at each port. An operation may start while less than one cycle's work waits at every port that it uses. If the front end, port 0,
/// is apart, operations pass it when they enter the window, ports with a backlog when they leave it, and the others when they start.
class PortState {
public:
  explicit PortState(const PortTable &table, bool frontEndApart = false) : table(table), first(frontEndApart), until(table.ports.size()) {}
  bool admits(const PortRow &row) const {
    for (const PortUse &use : row.uses)
      if (starts(use) && waiting(use.port) >= table.ports[use.port].capacity)
        return false;
    return true;
  }
  void start(const PortRow &row) {
    for (const PortUse &use : row.uses)
      if (starts(use))
        add(use);
  }
  bool mayLeave(const PortRow &row) const {
    if (table.leaving && left >= table.leaving)
      return false;
    for (const PortUse &use : row.uses)
      if (leaves(use) && waiting(use.port) >= table.ports[use.port].backlog)
        return false;
    return true;
  }
  void leave(const PortRow &row) {
    for (const PortUse &use : row.uses)
      if (leaves(use))
        add(use);
      else if (use.port == 0)
        left += use.work;
  }
  /// True if nothing passes the front end any more in this cycle.
  bool full() const { return waiting(0) >= table.ports[0].capacity; }
  void enter(const PortRow &row) {
    for (const PortUse &use : row.uses)
      if (use.port < first)
        add(use);
  }
  void advance(uint32_t cycles) {
    left -= std::min<uint64_t>(left, uint64_t(cycles) * table.leaving);
    cycle += cycles;
  }

private:
  const PortTable &table;
  const uint32_t first; // of the ports behind the front end
  uint64_t cycle = 0;
  std::vector<uint64_t> until; // work that each port can have done by the time it has nothing to do: cycles pass without touching the ports
  uint64_t left = 0; // work of what has left the window beyond what a cycle allows

  uint64_t done(uint32_t port) const { return cycle * table.ports[port].capacity; }
  uint64_t waiting(uint32_t port) const { return until[port] - std::min(until[port], done(port)); }
  void add(const PortUse &use) { until[use.port] = std::max(until[use.port], done(use.port)) + use.work; }
  bool leaves(const PortUse &use) const { return first && table.ports[use.port].backlog; }
  bool starts(const PortUse &use) const { return use.port >= first && !leaves(use); }
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_GRAPH_H
