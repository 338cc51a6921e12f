//===- ShortLives.h - Times that keep values shortly ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_SHORTLIVES_H
#define VTPU_LIB_SCHEDULING_SHORTLIVES_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// Times of a loop's operations for which the lives of its values, weighted by class, are together as short as dependences allow (Ning and Gao, POPL
/// 1993), whatever the ports. This is a linear program over differences of times, which the network simplex method solves as in the ranking of graphs
/// (Gansner et al., IEEE TSE 1993).
///
/// Such lives alone would have all that nothing binds start together, which no port admits. So operations also keep pace with the interval, where that
/// costs little: the n-th of N wants to start n / N of it behind the first. Every fourth does; lives hold the others beside them.
class ShortLives {
public:
  explicit ShortLives(const Problem &problem);

  /// Solves it for an interval, which the recurrences must allow. False if the number of steps, which is bounded, did not suffice: the times satisfy
  /// the dependences all the same, but lives may be longer than need be. `pace`: what a cycle costs by which an operation does not keep pace.
  bool solve(int32_t ii, const std::vector<int32_t> &weights, int32_t pace);

  /// False if no schedule of this interval keeps within the registers: the lives of one of these classes (bits) alone, with times that suit no other,
  /// are longer than its registers have cycles. As `solve` it leaves times behind.
  bool registersAllow(int32_t ii, uint32_t classes = UINT32_MAX);

  /// When each operation starts; from the first at 0.
  const std::vector<int32_t> &times() const { return time; }

private:
  static constexpr uint32_t none = UINT32_MAX;
  struct Edge {
    uint32_t from, to;
    int32_t latency, distance;
    uint32_t cls; // of the value whose life it is, or none
    int32_t length = 0, weight = 0;
  };
  struct Half {
    uint32_t edge, other;
  };
  const uint32_t count;    // operations
  std::vector<int32_t> room; // registers of each class for values that operations define
  uint32_t nodes;          // operations, then ends of values, then what keeps pace
  size_t firstPace;        // edges from there on
  std::vector<Edge> edges; // those of operations point forwards but for what later iterations do
  std::vector<uint32_t> firstLeaving, firstEntering;
  std::vector<Half> leaving, entering;

  // A spanning tree of edges without slack. What no such edge joins hangs on the root by none.
  std::vector<int32_t> time;
  std::vector<uint32_t> parent, parentEdge, firstChild, nextSibling, previousSibling;
  std::vector<int64_t> pull; // what the cost grows by if all below a node, and it, start a cycle later
  std::vector<uint32_t> size; // nodes below, and it
  std::vector<uint32_t> stamp, moving;
  uint32_t turn = 0;

  /// The sum of weighted lives. One of a value that has registers for itself counts as if these were never empty.
  int64_t cost() const;
  void start();
  void buildTree();
  bool wrong(uint32_t node) const;
  void pivot(uint32_t node);
  void hang(uint32_t node, uint32_t under, uint32_t edge);
  void unhang(uint32_t node);
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_SHORTLIVES_H
