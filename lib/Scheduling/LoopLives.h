//===- LoopLives.h - Registers of a loop while it is placed -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_LOOPLIVES_H
#define VTPU_LIB_SCHEDULING_LOOPLIVES_H

#include "LoopGraph.h"

#include <algorithm>

namespace vtpu::sched {

/// When the operations of a loop start, as far as that is decided, and what registers their values need: how many are alive in each cycle of the
/// interval. A value of which one end is decided counts for as long as it will live at least. Whole cycles only: the order within a cycle is
/// `orderKernel`'s.
class LoopLives {
public:
  LoopLives(const Problem &problem, const LoopGraph &graph);

  /// Takes all operations out, for schedules of this interval. What nothing reads, or is written while operands are still read, needs a register for
  /// a moment of a cycle in which others may have room; `byCycle`: for all of that cycle, so that an order within it surely exists.
  void reset(int32_t ii, bool byCycle);

  static constexpr int32_t unplaced = INT32_MIN;
  int32_t time(uint32_t op) const { return times[op]; }
  bool isPlaced(uint32_t op) const { return times[op] != unplaced; }
  /// Starts an operation in a cycle, or takes it out (`unplaced`).
  void move(uint32_t op, int32_t at);

  /// How often `move` was called: what placing costs, in the end.
  uint64_t moves() const { return moveCount; }

  /// Registers beyond the limits, summed over cycles and classes.
  int64_t beyond() const { return allBeyond; }
  bool isBeyond(uint32_t cls) const { return beyondOf[cls] > 0; }
  /// What is to be small: that, and the lives.
  int64_t cost() const { return 16 * allBeyond + allLives; }
  /// What would take a life out of the cycle in which a class is the farthest beyond its limit: to move an operation by so many cycles.
  struct Move {
    uint32_t operation;
    int32_t by;
  };
  void relieve(std::vector<Move> &moves) const;
  /// True if an operation begins or ends values of a class that is beyond its limit.
  bool matters(uint32_t op) const;
  /// True if an operation begins or ends values of one of these classes, which are bits.
  bool touches(uint32_t op, uint32_t classes) const {
    return std::any_of(touched.begin() + firstTouched[op], touched.begin() + lastTouched[op],
                       [&](uint32_t v) { return classes >> values[v].cls & 1; });
  }
  bool touchesValues(uint32_t op) const { return firstTouched[op] != lastTouched[op]; }

  /// By how many cycles the shortest lives are longer than registers have: if by any, no schedule of that interval exists.
  int64_t boundExcess(int32_t interval) const;
  /// Registers of each class that values which operations define may take.
  const std::vector<int32_t> &limits() const { return limit; }
  /// Of each class so many registers more stay free from the next `reset` on, two at most; none: all may be taken.
  void keepFree(const std::vector<int32_t> &more);

private:
  struct Value {
    uint32_t def, cls, firstEnd, lastEnd;
    int32_t entering;  // > 0: has registers for itself, at least so many
    int32_t least = 0; // cycles that it lives at least
    bool unread = false, early = false;
    int32_t lead = 0;           // cycles that it needs a register before its definition
    int32_t start = 0, end = 0; // what counts now
  };
  struct End {
    uint32_t operation;
    int32_t distance, latency; // of the flow from the definition
  };
  int32_t ii = 1;
  std::vector<int32_t> times;
  std::vector<Value> values;
  std::vector<End> ends;
  std::vector<uint32_t> firstTouched, lastTouched, touched; // values that each operation begins or ends

  std::vector<int32_t> limit, kept, whole; // by class; registers that stay free, and that values have for themselves
  std::vector<int32_t> alive;              // by class and cycle
  std::vector<int64_t> beyondOf;           // by class
  int64_t allBeyond = 0, allLives = 0;
  uint64_t moveCount = 0;

  uint32_t slot(int32_t time) const {
    const int32_t at = time % ii;
    return uint32_t(at < 0 ? at + ii : at);
  }
  int32_t turns(const Value &value, int32_t length) const { return std::max(value.entering, (length + ii - 1) / ii); }
  void count(const Value &value, int32_t start, int32_t end, int32_t sign);
  void countWhole(uint32_t cls, int32_t turns);
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_LOOPLIVES_H
