//===- KernelOrder.cpp - Operations that start together ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace vtpu::sched {

namespace {
/// Goes through the kernel and counts the registers that are alive. Of the operations of a cycle, one of those comes next that go least beyond the
/// limits; of these the one that frees most. Where that leads beyond them, other orders are tried.
class KernelOrder {
public:
  KernelOrder(const Problem &problem, ModuloSchedule &schedule) : problem(problem), schedule(schedule), count(uint32_t(schedule.cycle.size())) {}

  void run() {
    collectLives();
    collectWaits();
    std::vector<uint32_t> first(schedule.ii + 1), bySlot(count);
    for (uint32_t cycle : schedule.cycle)
      ++first[cycle % schedule.ii + 1];
    for (uint32_t slot = 0; slot < schedule.ii; ++slot)
      first[slot + 1] += first[slot];
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (uint32_t op = 0; op < count; ++op)
      bySlot[next[schedule.cycle[op] % schedule.ii]++] = op;
    schedule.order.clear();
    for (uint32_t slot = 0; slot < schedule.ii; ++slot)
      orderCycle(bySlot.data() + first[slot], bySlot.data() + first[slot + 1]);
  }

private:
  const Problem &problem;
  ModuloSchedule &schedule;
  const uint32_t count;

  struct Life {
    uint32_t cls, uses; // operations of its last cycle that read it
    bool early;
    uint32_t left; // of these, those that do not stand in the order yet
  };
  std::vector<Life> lives;
  std::vector<uint32_t> firstBegun, begun, firstEnded, ended; // lives by operation: that begin there, that it is one of the last uses of
  std::vector<int32_t> alive, room, earlyBirths, births, unread, deaths; // by class
  std::vector<std::pair<uint32_t, uint32_t>> waits;            // (operation, another of its cycle that must come before)
  std::vector<std::pair<uint32_t, uint32_t>> shared;           // the same, so that a register is not needed twice
  std::vector<uint8_t> done;
  static constexpr ptrdiff_t mostSearched = 16; // operations of a cycle
  static constexpr size_t mostSets = 256;
  std::vector<uint32_t> tried; // sets of operations of a cycle that come first

  template <typename Visit>
  void eachEnd(const RegisterValue &value, Visit visit) const {
    for (uint32_t use : value.uses)
      visit(use, int64_t(schedule.cycle[use]));
    for (const LaterUse &use : value.later)
      visit(use.operation, int64_t(schedule.cycle[use.operation]) + int64_t(schedule.ii) * use.distance);
  }

  void collectLives() {
    const int64_t ii = schedule.ii;
    alive.assign(problem.registerLimits.size(), 0);
    room.assign(problem.registerLimits.begin(), problem.registerLimits.end());
    std::vector<std::pair<uint32_t, uint32_t>> begins, ends;
    for (const RegisterValue &value : problem.values) {
      if (value.def == RegisterValue::none) {
        --room[value.cls];
        continue;
      }
      const int64_t start = schedule.cycle[value.def];
      int64_t end = start;
      uint32_t entering = value.liveOut;
      eachEnd(value, [&](uint32_t, int64_t at) { end = std::max(end, at); });
      for (const LaterUse &use : value.later)
        entering = std::max(entering, use.distance);
      if (entering) {
        const int64_t turns = std::max<int64_t>(entering, (end - start + ii - 1) / ii);
        room[value.cls] -= int32_t(turns);
        eachEnd(value, [&](uint32_t op, int64_t at) {
          if (op != value.def && at == start + turns * ii)
            shared.push_back({value.def, op});
        });
        continue;
      }
      const uint32_t life = uint32_t(lives.size());
      begins.push_back({value.def, life});
      uint32_t uses = 0;
      const size_t before = ends.size();
      eachEnd(value, [&](uint32_t op, int64_t at) {
        if (at == end && std::find(ends.begin() + ptrdiff_t(before), ends.end(), std::make_pair(op, life)) == ends.end()) {
          ends.push_back({op, life});
          ++uses;
        }
      });
      lives.push_back({value.cls, uses, value.early, uses});
      // Iterations that overlap where the kernel begins.
      alive[value.cls] += int32_t(end / ii - start / ii);
    }
    index(begins, firstBegun, begun);
    index(ends, firstEnded, ended);
    std::sort(shared.begin(), shared.end());
  }
  void index(const std::vector<std::pair<uint32_t, uint32_t>> &pairs, std::vector<uint32_t> &first, std::vector<uint32_t> &list) const {
    first.assign(count + 1, 0);
    list.resize(pairs.size());
    for (auto [op, life] : pairs)
      ++first[op + 1];
    for (uint32_t op = 0; op < count; ++op)
      first[op + 1] += first[op];
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (auto [op, life] : pairs)
      list[next[op]++] = life;
  }

  /// Dependences between operations of one cycle that leave no time.
  void collectWaits() {
    for (const Dependence &d : problem.dependences)
      if (d.from != d.to && int64_t(schedule.cycle[d.to]) + int64_t(schedule.ii) * d.distance == int64_t(schedule.cycle[d.from]))
        waits.push_back({d.to, d.from});
    std::sort(waits.begin(), waits.end());
    done.assign(count, 0);
  }
  bool allDone(const std::vector<std::pair<uint32_t, uint32_t>> &pairs, uint32_t op) const {
    if (pairs.empty())
      return true;
    for (auto it = std::lower_bound(pairs.begin(), pairs.end(), std::make_pair(op, 0u)); it != pairs.end() && it->first == op; ++it)
      if (!done[it->second])
        return false;
    return true;
  }

  using Key = std::tuple<int32_t, bool, int32_t, uint32_t>;
  Key keyOf(uint32_t op) {
    const size_t classes = alive.size();
    earlyBirths.assign(classes, 0);
    births.assign(classes, 0);
    deaths.assign(classes, 0);
    unread.assign(classes, 0);
    for (uint32_t i = firstBegun[op]; i < firstBegun[op + 1]; ++i) {
      const Life &life = lives[begun[i]];
      ++(life.early ? earlyBirths : births)[life.cls];
      unread[life.cls] += life.uses == 0;
    }
    for (uint32_t i = firstEnded[op]; i < firstEnded[op + 1]; ++i)
      deaths[lives[ended[i]].cls] += lives[ended[i]].left == 1;
    int32_t beyond = 0, grows = 0;
    for (size_t cls = 0; cls < classes; ++cls) {
      const int32_t reading = alive[cls] + earlyBirths[cls], after = reading + births[cls] - deaths[cls];
      beyond += std::max(0, std::max(reading, after) - room[cls]);
      grows += (after - unread[cls] - alive[cls]) * (after > room[cls] - 2 ? 4 : 1);
    }
    return {beyond, !allDone(shared, op), grows, op};
  }

  /// False if the registers suffice whatever the order.
  bool isNarrow(const uint32_t *from, const uint32_t *to) {
    if (!shared.empty())
      return true;
    births = alive;
    for (const uint32_t *op = from; op < to; ++op)
      for (uint32_t i = firstBegun[*op]; i < firstBegun[*op + 1]; ++i)
        ++births[lives[begun[i]].cls];
    for (size_t cls = 0; cls < alive.size(); ++cls)
      if (births[cls] > room[cls])
        return true;
    return false;
  }

  void orderCycle(uint32_t *from, uint32_t *to) {
    const bool narrow = isNarrow(from, to);
    if (narrow && to - from <= mostSearched) {
      tried.clear();
      if (search(from, uint32_t(to - from), 0))
        return;
    }
    for (; from < to; ++from) {
      uint32_t *best = nullptr;
      Key least;
      if (to - from == 1) {
        best = from;
      } else {
        for (uint32_t *op = from; op < to; ++op)
          if (allDone(waits, *op)) {
            if (!narrow) {
              best = op;
              break;
            }
            const Key key = keyOf(*op);
            if (!best || key < least) {
              best = op;
              least = key;
            }
          }
        if (!best) // what waits for itself around a cycle is no schedule; the verifier says so
          best = from;
      }
      std::swap(*from, *best);
      take(*from);
    }
  }

  /// An order of the operations beside those in `done` that stays within the limits, the best first. What is alive follows from which are done,
  /// whatever their order, so that each set is tried once. False, and nothing has changed, if there is none or the search is long.
  bool search(const uint32_t *ops, uint32_t number, uint32_t done) {
    if (done + 1 == uint32_t(1) << number)
      return true;
    if (tried.size() == mostSets || std::find(tried.begin(), tried.end(), done) != tried.end())
      return false;
    tried.push_back(done);
    std::array<std::pair<Key, uint32_t>, mostSearched> next;
    auto end = next.begin();
    for (uint32_t i = 0; i < number; ++i)
      if (!(done >> i & 1) && allDone(waits, ops[i]))
        if (const Key key = keyOf(ops[i]); std::get<0>(key) == 0 && !std::get<1>(key))
          *end++ = {key, i};
    std::sort(next.begin(), end);
    for (auto it = next.begin(); it != end; ++it) {
      const uint32_t i = it->second;
      take(ops[i]);
      if (search(ops, number, done | uint32_t(1) << i))
        return true;
      putBack(ops[i]);
    }
    return false;
  }

  void take(uint32_t op) {
    done[op] = 1;
    schedule.order.push_back(op);
    for (uint32_t i = firstBegun[op]; i < firstBegun[op + 1]; ++i)
      alive[lives[begun[i]].cls] += lives[begun[i]].uses > 0; // what nothing reads is over at once
    for (uint32_t i = firstEnded[op]; i < firstEnded[op + 1]; ++i)
      if (Life &life = lives[ended[i]]; --life.left == 0) {
        --alive[life.cls];
        life.left = life.uses; // of the iteration behind
      }
  }
  /// Undoes the last `take`.
  void putBack(uint32_t op) {
    done[op] = 0;
    schedule.order.pop_back();
    for (uint32_t i = firstEnded[op]; i < firstEnded[op + 1]; ++i)
      if (Life &life = lives[ended[i]]; life.left == life.uses) {
        ++alive[life.cls];
        life.left = 1;
      } else {
        ++life.left;
      }
    for (uint32_t i = firstBegun[op]; i < firstBegun[op + 1]; ++i)
      alive[lives[begun[i]].cls] -= lives[begun[i]].uses > 0;
  }
};
} // namespace

void orderKernel(const Problem &problem, ModuloSchedule &schedule) { KernelOrder(problem, schedule).run(); }

} // namespace vtpu::sched
