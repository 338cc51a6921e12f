//===- ModuloTable.h - Ports of a loop --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_MODULOTABLE_H
#define VTPU_LIB_SCHEDULING_MODULOTABLE_H

#include "vtpu/Scheduling/Problem.h"

#include <algorithm>

namespace vtpu::sched {

/// The work that waits at each port in each cycle of an interval, in the steady state: an operation may start while less than one cycle's work waits,
/// where the largest of a cycle starts last, and all work of an interval is done within one.
class ModuloTable {
public:
  explicit ModuloTable(const Problem &problem) : problem(problem), total(problem.table->ports.size()) {
    for (const Operation &operation : problem.operations)
      for (const PortUse &use : operation.row->uses)
        total[use.port] += use.work;
  }

  /// The least interval in which all operations can be done.
  uint32_t leastInterval() const {
    uint32_t least = 1;
    for (size_t port = 0; port < total.size(); ++port)
      if (total[port])
        least = std::max(least, uint32_t((total[port] + capacity(port) - 1) / capacity(port)));
    return least;
  }

  /// Empties the table.
  void reset(uint32_t interval) {
    ii = interval;
    cells.assign(total.size() * ii, Cell());
    first.assign(ii, none);
    next.resize(problem.operations.size());
  }

  uint32_t slot(int32_t cycle) const {
    const int32_t at = cycle % int32_t(ii);
    return uint32_t(at < 0 ? at + int32_t(ii) : at);
  }

  /// Adds an operation if its ports admit it there, and with it those that are in the table already.
  bool add(uint32_t op, int32_t cycle) {
    const uint32_t at = slot(cycle);
    const std::vector<PortUse> &uses = problem.row(op).uses;
    for (size_t i = 0; i < uses.size(); ++i)
      if (uses[i].work && !addWork(uses[i], at)) {
        while (i-- > 0)
          removeWork(uses[i], at);
        return false;
      }
    next[op] = first[at];
    first[at] = op;
    return true;
  }
  void remove(uint32_t op, int32_t cycle) {
    const uint32_t at = slot(cycle);
    uint32_t *link = &first[at];
    while (*link != op)
      link = &next[*link];
    *link = next[op];
    for (const PortUse &use : problem.row(op).uses)
      removeWork(use, at);
  }

  /// The operations that start in a cycle, linked.
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t firstAt(uint32_t slot) const { return first[slot]; }
  uint32_t nextAt(uint32_t op) const { return next[op]; }

  /// Where the last operation that was not added did not fit.
  uint32_t blockedPort() const { return badPort; }
  uint32_t blockedSlot() const { return badSlot; }
  bool uses(uint32_t op, uint32_t port) const {
    for (const PortUse &use : problem.row(op).uses)
      if (use.port == port && use.work)
        return true;
    return false;
  }

private:
  struct Cell {
    uint64_t added = 0, largest = 0; // work that starts in the cycle
    uint64_t left = 0;               // that waits from the cycles before
  };
  const Problem &problem;
  std::vector<uint64_t> total; // work of all operations at each port
  uint32_t ii = 1, badPort = 0, badSlot = 0;
  std::vector<Cell> cells; // by port and cycle
  std::vector<std::pair<uint32_t, uint64_t>> undo; // cells as they were
  std::vector<uint32_t> first, next; // operations of each cycle, linked

  uint64_t capacity(size_t port) const { return problem.table->ports[port].capacity; }

  bool addWork(const PortUse &use, uint32_t at) {
    Cell *row = cells.data() + size_t(use.port) * ii;
    const uint64_t capacity = this->capacity(use.port);
    Cell &cell = row[at];
    const uint64_t largest = std::max<uint64_t>(cell.largest, use.work);
    badPort = use.port;
    badSlot = at;
    if (cell.left + cell.added + use.work - largest >= capacity)
      return false;
    const uint64_t oldLargest = cell.largest;
    cell.added += use.work;
    cell.largest = largest;
    // What now waits longer goes into the cycles behind, around the interval.
    uint32_t here = at;
    undo.clear();
    for (uint32_t steps = 0; steps <= 2 * ii; ++steps) {
      const uint64_t waiting = row[here].left + row[here].added, left = waiting - std::min(waiting, capacity);
      here = here + 1 == ii ? 0 : here + 1;
      if (row[here].left >= left)
        return true;
      undo.push_back({here, row[here].left});
      row[here].left = left;
      if (row[here].added && left + row[here].added - row[here].largest >= capacity)
        break;
    }
    badSlot = here;
    cell.added -= use.work;
    cell.largest = oldLargest;
    for (; !undo.empty(); undo.pop_back())
      row[undo.back().first].left = undo.back().second;
    return false;
  }

  void removeWork(const PortUse &use, uint32_t at) {
    if (!use.work)
      return;
    Cell *row = cells.data() + size_t(use.port) * ii;
    row[at].added -= use.work;
    row[at].largest = 0;
    for (uint32_t op = first[at]; op != none; op = next[op])
      for (const PortUse &other : problem.row(op).uses)
        if (other.port == use.port)
          row[at].largest = std::max<uint64_t>(row[at].largest, other.work);
    settle(row, capacity(use.port));
  }

  /// What waits in each cycle, from nothing: two rounds reach the steady state.
  void settle(Cell *row, uint64_t capacity) {
    uint64_t left = 0;
    for (uint32_t round = 0; round < 2; ++round)
      for (uint32_t here = 0; here < ii; ++here) {
        row[here].left = left;
        left += row[here].added;
        left -= std::min(left, capacity);
      }
  }
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_MODULOTABLE_H
