//===- LoopGraph.h - Dependences between iterations -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_LOOPGRAPH_H
#define VTPU_LIB_SCHEDULING_LOOPGRAPH_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// The dependences of a loop by operation, without those of an operation on itself: these bound the interval and nothing else.
class LoopGraph {
public:
  explicit LoopGraph(const Problem &problem);

  /// A dependence as one end sees it.
  struct Edge {
    uint32_t other;
    int32_t latency, distance;
  };
  struct Range {
    const Edge *from, *to;
    const Edge *begin() const { return from; }
    const Edge *end() const { return to; }
  };
  Range leaving(uint32_t op) const { return {leavingList.data() + firstLeaving[op], leavingList.data() + firstLeaving[op + 1]}; }
  Range entering(uint32_t op) const { return {enteringList.data() + firstEntering[op], enteringList.data() + firstEntering[op + 1]}; }

  /// The least interval that the cycles of dependences allow, in cycles.
  uint32_t recurrence() const { return leastInterval; }

private:
  std::vector<uint32_t> firstLeaving, firstEntering;
  std::vector<Edge> leavingList, enteringList;
  uint32_t leastInterval = 1;

  void findRecurrence();
  uint32_t intervalOf(const std::vector<uint32_t> &members, const std::vector<uint32_t> &component) const;
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_LOOPGRAPH_H
