//===- ModuloPlacer.h - Placing the operations of a loop --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_MODULOPLACER_H
#define VTPU_LIB_SCHEDULING_MODULOPLACER_H

#include "LoopGraph.h"
#include "LoopLives.h"
#include "ModuloTable.h"

namespace vtpu::sched {

/// Operations in cycles of an interval, with what they take of ports and registers.
class ModuloPlacer {
public:
  ModuloPlacer(const Problem &problem, const LoopGraph &graph)
      : problem(problem), graph(graph), count(uint32_t(problem.operations.size())), table(problem), lives(problem, graph) {}

  ModuloTable &ports() { return table; }
  LoopLives &registers() { return lives; }

  /// The interval of what is placed from now on; nothing is in place any more. `byCycle`: see LoopLives::reset.
  void start(int32_t ii, bool byCycle);

  /// Places all operations as near to their wanted times as ports and registers allow: the last first, so that what an operation reads comes right
  /// before it, or `forwards`. Where nothing fits, an operation takes its place from others, which are placed again (Rau, MICRO 1994). `jitter` > 0
  /// disturbs the order, by so many cycles about; what touches values of the classes in `scarce` (bits) comes before all others. False if the steps,
  /// which are bounded, did not suffice.
  bool place(const std::vector<int32_t> &wanted, bool forwards, uint32_t jitter, uint32_t scarce);
  /// Moves operations to where registers live less, `sweeps` times, and then what takes lives out of the cycles that are beyond their limits. True if
  /// none is in the end.
  bool improve(int sweeps);

private:
  using Edge = LoopGraph::Edge;
  static constexpr int32_t unplaced = LoopLives::unplaced;
  const Problem &problem;
  const LoopGraph &graph;
  const uint32_t count;
  ModuloTable table;
  LoopLives lives;
  int32_t ii = 1;

  // Of `place`.
  std::vector<int32_t> key, lastTime, forced; // the order; where an operation stood last; how often it took its place from others
  std::vector<uint32_t> sequence, rank;
  std::vector<uint64_t> waiting; // bits by rank: not placed
  uint32_t random = 1;

  struct Window {
    int32_t early = INT32_MIN, late = INT32_MAX;
  };
  Window windowOf(uint32_t op) const;
  uint32_t draw(uint32_t below);
  void put(uint32_t op, int32_t at);
  void eject(uint32_t op);
  bool placeWithin(uint32_t op, Window window, int32_t wanted, bool forwards);
  bool placeByForce(uint32_t op, Window window, int32_t wanted, bool forwards, uint32_t jitter);
  bool makeRoom(uint32_t op, int32_t at);

  // Of `improve`.
  std::vector<std::pair<int64_t, int32_t>> costs;
  std::vector<LoopLives::Move> moves;
  std::vector<std::pair<uint32_t, int32_t>> pushes, journal; // operations to move, and to where; that have moved, and from where
  std::vector<uint8_t> out;                                  // of the table
  std::vector<uint32_t> others;                              // to exchange with

  bool moveOne(uint32_t op, int32_t farthest);
  template <typename IsBetter>
  bool exchange(uint32_t op, int32_t at, IsBetter &&isBetter);
  bool smooth();
  bool relieveOnce();
  bool push(uint32_t first, int32_t to);
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_MODULOPLACER_H
