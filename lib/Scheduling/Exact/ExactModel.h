//===- ExactModel.h - When operations may start -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_EXACT_EXACTMODEL_H
#define VTPU_LIB_SCHEDULING_EXACT_EXACTMODEL_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// For one interval: what follows for the times of operations, before any is chosen.
///
/// Operations that bind each other from both sides, by dependences or by the longest life that registers allow a value, form groups. Whatever times
/// the groups have, they can be moved against each other by whole intervals until the dependences between them hold, which changes nothing about
/// ports and registers. So only dependences within groups count, each group's first operation starts in the first interval, and the others' times are
/// bounded by their distances from it. A value is in one group with its uses only if dependences, of flow, lead to these from its definition.
class ExactModel {
public:
  /// `byCycle`: a value that nothing reads, or that is written while operands are still read, needs its register for all of that cycle, not only for a
  /// moment in which others may have room, so that an order within the cycle surely exists.
  ExactModel(const Problem &problem, uint32_t ii, bool withRegisters, bool byCycle);

  /// False if no schedule with this interval exists.
  bool possible() const { return !impossible; }

  struct Window {
    int32_t low = 0, high = 0;
  };
  std::vector<Window> windows; // of each operation
  std::vector<uint32_t> group;
  struct Bound {
    uint32_t from, to;
    int32_t least; // start[to] >= start[from] + least
  };
  std::vector<Bound> bounds; // within groups

  /// A value that an operation defines, and the uses that end its life: the operation and the intervals between.
  struct Life {
    uint32_t def;
    uint32_t cls;
    std::vector<std::pair<uint32_t, int32_t>> ends; // operation, cycles that it is later than its own start
    uint32_t alone = 0;                             // > 0: registers of its own, at least so many
    bool early = false;                             // written while operands are still read
    int32_t lead = 0;                               // cycles that it needs a register before its definition
  };
  std::vector<Life> lives;
  std::vector<uint32_t> free; // registers of each class that values defined in the loop may take

  /// Times for all operations from the times within groups.
  std::vector<uint32_t> settle(std::vector<int32_t> start) const;

private:
  const Problem &problem;
  const int32_t ii;
  bool impossible = false;
  std::vector<int32_t> distances; // longest ways between operations

  static constexpr int32_t apart = INT32_MIN / 4;
  int32_t &distance(uint32_t from, uint32_t to) { return distances[size_t(from) * problem.operations.size() + to]; }
  bool close();
  bool boundLives();
  void findGroups();
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_EXACT_EXACTMODEL_H
