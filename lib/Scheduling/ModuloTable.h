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
  explicit ModuloTable(const Problem &problem) {
    for (const Port &port : problem.table->ports)
      capacities.push_back(port.capacity);
    total.resize(capacities.size());
    firstUse.reserve(problem.operations.size() + 1);
    for (const Operation &operation : problem.operations) {
      firstUse.push_back(uint32_t(list.size()));
      for (const PortUse &use : operation.row->uses)
        if (use.work) {
          list.push_back(use);
          total[use.port] += use.work;
        }
    }
    firstUse.push_back(uint32_t(list.size()));
    next.resize(problem.operations.size());
  }

  /// The least interval in which all operations can be done.
  uint32_t leastInterval() const {
    uint32_t least = 1;
    for (size_t port = 0; port < total.size(); ++port)
      if (total[port])
        least = std::max(least, uint32_t((total[port] + capacities[port] - 1) / capacities[port]));
    return least;
  }

  /// Empties the table.
  void reset(uint32_t interval) {
    ii = interval;
    cells.assign(total.size() * ii, Cell());
    first.assign(ii, none);
  }

  uint32_t slot(int32_t cycle) const {
    const int32_t at = cycle % int32_t(ii);
    return uint32_t(at < 0 ? at + int32_t(ii) : at);
  }

  /// Adds an operation if its ports admit it there, and with it those that are in the table already.
  bool add(uint32_t op, int32_t cycle) {
    const uint32_t at = slot(cycle);
    const PortUse *begin = list.data() + firstUse[op], *end = list.data() + firstUse[op + 1];
    for (const PortUse *use = begin; use < end; ++use) {
      const Cell &cell = cells[size_t(use->port) * ii + at];
      if (cell.left + cell.added + use->work - std::max(cell.largest, use->work) >= capacities[use->port]) {
        badPort = use->port;
        badSlot = at;
        return false;
      }
    }
    for (const PortUse *use = begin; use < end; ++use)
      if (!addWork(*use, at)) {
        while (use-- > begin)
          removeWork(*use, at);
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
    for (uint32_t use = firstUse[op]; use < firstUse[op + 1]; ++use)
      removeWork(list[use], at);
  }

  /// The operations that start in a cycle, linked.
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t firstAt(uint32_t slot) const { return first[slot]; }
  uint32_t nextAt(uint32_t op) const { return next[op]; }

  /// Where the last operation that was not added did not fit.
  uint32_t blockedPort() const { return badPort; }
  uint32_t blockedSlot() const { return badSlot; }
  bool uses(uint32_t op, uint32_t port) const {
    for (uint32_t use = firstUse[op]; use < firstUse[op + 1]; ++use)
      if (list[use].port == port)
        return true;
    return false;
  }

private:
  struct Cell {
    uint32_t added = 0, largest = 0; // work that starts in the cycle
    uint32_t left = 0;               // that waits from the cycles before
  };
  std::vector<uint32_t> capacities; // of each port, in a cycle
  std::vector<uint64_t> total;      // work of all operations at each port
  std::vector<uint32_t> firstUse;   // of each operation
  std::vector<PortUse> list;
  uint32_t ii = 1, badPort = 0, badSlot = 0;
  std::vector<Cell> cells;                         // by port and cycle
  std::vector<std::pair<uint32_t, uint32_t>> undo; // cells as they were
  std::vector<uint32_t> first, next;               // operations of each cycle, linked

  bool addWork(const PortUse &use, uint32_t at) {
    Cell *row = cells.data() + size_t(use.port) * ii;
    const uint32_t capacity = capacities[use.port];
    Cell &cell = row[at];
    const uint32_t oldLargest = cell.largest;
    cell.added += use.work;
    cell.largest = std::max(cell.largest, use.work);
    // What now waits longer goes into the cycles behind, around the interval.
    uint32_t here = at;
    undo.clear();
    for (uint32_t steps = 0; steps <= 2 * ii; ++steps) {
      const uint32_t waiting = row[here].left + row[here].added, left = waiting - std::min(waiting, capacity);
      here = here + 1 == ii ? 0 : here + 1;
      if (row[here].left >= left)
        return true;
      undo.push_back({here, row[here].left});
      row[here].left = left;
      if (row[here].added && left + row[here].added - row[here].largest >= capacity)
        break;
    }
    badPort = use.port;
    badSlot = here;
    cell.added -= use.work;
    cell.largest = oldLargest;
    for (; !undo.empty(); undo.pop_back())
      row[undo.back().first].left = undo.back().second;
    return false;
  }

  void removeWork(const PortUse &use, uint32_t at) {
    Cell *row = cells.data() + size_t(use.port) * ii;
    const uint32_t capacity = capacities[use.port];
    row[at].added -= use.work;
    if (use.work == row[at].largest) {
      row[at].largest = 0;
      for (uint32_t op = first[at]; op != none; op = next[op])
        for (uint32_t other = firstUse[op]; other < firstUse[op + 1]; ++other)
          if (list[other].port == use.port)
            row[at].largest = std::max(row[at].largest, list[other].work);
    }
    // Less waits in the cycles behind. Now that there is room in the interval, no more waits than comes from one that is done in time.
    for (uint32_t here = at;;) {
      const uint32_t waiting = row[here].left + row[here].added, left = waiting - std::min(waiting, capacity);
      here = here + 1 == ii ? 0 : here + 1;
      if (row[here].left == left)
        break;
      row[here].left = left;
    }
  }
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_MODULOTABLE_H
