//===- ExactModel.cpp - When operations may start ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExactModel.h"

#include <algorithm>

namespace vtpu::sched {

ExactModel::ExactModel(const Problem &problem, uint32_t interval, bool withRegisters, bool byCycle)
    : problem(problem), ii(int32_t(interval)) {
  const uint32_t count = uint32_t(problem.operations.size());
  distances.assign(size_t(count) * count, apart);
  for (const Dependence &d : problem.dependences) {
    int32_t &way = distance(d.from, d.to);
    way = std::max(way, int32_t(d.latency) - ii * int32_t(d.distance));
  }
  if (!close())
    return;
  if (withRegisters) {
    free = problem.registerLimits;
    for (const RegisterValue &value : problem.values) {
      if (value.def == RegisterValue::none) {
        --free[value.cls];
        continue;
      }
      Life life{value.def, value.cls, {}};
      life.early = value.early;
      for (uint32_t use : value.uses)
        life.ends.push_back({use, 0});
      for (const LaterUse &use : value.later) {
        life.ends.push_back({use.operation, ii * int32_t(use.distance)});
        life.alone = std::max(life.alone, use.distance);
      }
      if (value.liveOut)
        life.alone = std::max(life.alone, 1u);
      if (byCycle && life.alone) {
        for (auto &[op, later] : life.ends)
          later += op != life.def;
      } else if (byCycle) {
        life.lead = value.early;
        if (life.ends.empty())
          life.ends.push_back({life.def, 1});
      }
      lives.push_back(std::move(life));
    }
    // Each round of tighter distances makes least lives longer, and thereby longest ones shorter.
    for (int round = 0; round < 4; ++round)
      if (!boundLives() || !close())
        return;
  }
  findGroups();
}

/// Longest ways between all operations. False if an operation would have to start before itself.
bool ExactModel::close() {
  const uint32_t count = uint32_t(problem.operations.size());
  for (uint32_t via = 0; via < count; ++via)
    for (uint32_t from = 0; from < count; ++from) {
      const int32_t first = distance(from, via);
      if (first == apart)
        continue;
      for (uint32_t to = 0; to < count; ++to)
        if (const int32_t second = distance(via, to); second != apart)
          distance(from, to) = std::max(distance(from, to), first + second);
    }
  for (uint32_t op = 0; op < count; ++op)
    if (distance(op, op) > 0) {
      impossible = true;
      return false;
    }
  return true;
}

/// The lives of a class, together, are no longer than its registers have cycles. False if even the shortest lives are.
bool ExactModel::boundLives() {
  std::vector<int64_t> shortest, room;
  for (uint32_t registers : free)
    room.push_back(int64_t(registers) * ii);
  for (const Life &life : lives) {
    int64_t least = 0;
    for (auto [op, later] : life.ends)
      least = std::max<int64_t>(least, op == life.def ? later : std::max(0, distance(life.def, op) + later));
    if (life.alone)
      least = std::max<int64_t>(life.alone, (least + ii - 1) / ii) * ii;
    shortest.push_back(least);
    room[life.cls] -= least;
  }
  for (uint32_t cls = 0; cls < room.size(); ++cls)
    if (room[cls] < 0) {
      impossible = true;
      return false;
    }
  for (size_t v = 0; v < lives.size(); ++v)
    for (auto [op, later] : lives[v].ends)
      if (op != lives[v].def) {
        int32_t &back = distance(op, lives[v].def);
        back = std::max<int32_t>(back, int32_t(std::max<int64_t>(later - shortest[v] - room[lives[v].cls], apart / 2)));
      }
  return true;
}

void ExactModel::findGroups() {
  const uint32_t count = uint32_t(problem.operations.size());
  windows.resize(count);
  group.assign(count, UINT32_MAX);
  for (uint32_t op = 0; op < count; ++op) {
    if (group[op] != UINT32_MAX)
      continue;
    // Of a group, the operation that leaves the others the least room is the first.
    std::vector<uint32_t> members;
    for (uint32_t other = op; other < count; ++other)
      if (other == op || (distance(op, other) != apart && distance(other, op) != apart)) {
        members.push_back(other);
        group[other] = op;
      }
    uint32_t best = op;
    int64_t bestRoom = INT64_MAX;
    for (uint32_t first : members) {
      int64_t room = 0;
      for (uint32_t other : members)
        if (other != first)
          room -= int64_t(distance(other, first)) + distance(first, other);
      if (room < bestRoom) {
        bestRoom = room;
        best = first;
      }
    }
    for (uint32_t other : members)
      windows[other] = other == best ? Window{0, ii - 1} : Window{distance(best, other), ii - 1 - distance(other, best)};
  }
  // Ways that follow from others need not be stated.
  for (const Dependence &d : problem.dependences)
    if (d.from != d.to && group[d.from] == group[d.to])
      bounds.push_back({d.from, d.to, int32_t(d.latency) - ii * int32_t(d.distance)});
  for (const Life &life : lives)
    for (auto [op, later] : life.ends)
      if (op != life.def && group[op] == group[life.def])
        bounds.push_back({op, life.def, distance(op, life.def)});
}

std::vector<uint32_t> ExactModel::settle(std::vector<int32_t> start) const {
  const uint32_t count = uint32_t(start.size());
  std::vector<int32_t> shift(count); // of each group, in intervals
  for (bool changed = true; changed;) {
    changed = false;
    for (const Dependence &d : problem.dependences) {
      if (group[d.from] == group[d.to])
        continue;
      const int32_t from = start[d.from] + ii * shift[group[d.from]] + int32_t(d.latency) - ii * int32_t(d.distance);
      const int32_t late = from - (start[d.to] + ii * shift[group[d.to]]);
      if (late > 0) {
        shift[group[d.to]] += (late + ii - 1) / ii;
        changed = true;
      }
    }
  }
  int32_t first = INT32_MAX;
  for (uint32_t op = 0; op < count; ++op)
    first = std::min(first, start[op] += ii * shift[group[op]]);
  std::vector<uint32_t> cycles;
  for (int32_t at : start)
    cycles.push_back(uint32_t(at - first));
  return cycles;
}

} // namespace vtpu::sched
