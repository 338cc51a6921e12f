//===- Shapes.cpp - Simplices, homology, curvature and walks ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows over which coordinates are occupied, whatever stands there.
//
//===----------------------------------------------------------------------===//

#include "Field.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <vector>

namespace vtpu::rt {

namespace {
constexpr unsigned allDimensions = (1u << Coordinate::dimensions) - 1;

/// n over k, at most the greatest i64.
uint64_t binomial(uint64_t n, unsigned k) {
  constexpr uint64_t most = std::numeric_limits<int64_t>::max();
  if (n < k)
    return 0;
  Coordinate::Bits result = 1;
  for (unsigned i = 0; i < k; ++i) {
    result = result * (n - i) / (i + 1); // n over i + 1
    if (result > most)
      return most;
  }
  return uint64_t(result);
}

/// Sets of numbers that are merged pair by pair.
class DisjointSets {
public:
  explicit DisjointSets(size_t count) : parents(count), sets(count) { std::iota(parents.begin(), parents.end(), size_t(0)); }
  void merge(size_t a, size_t b) {
    a = find(a);
    b = find(b);
    sets -= a != b;
    parents[a] = b;
  }
  /// Number of sets.
  size_t size() const { return sets; }

private:
  size_t find(size_t a) {
    while (parents[a] != a)
      a = parents[a] = parents[parents[a]];
    return a;
  }
  std::vector<size_t> parents;
  size_t sets;
};

/// The least cost of moving mass between two uniform distributions, each of mass `mass`, a common multiple of the numbers of their points; a
/// unit costs the Manhattan distance. Successive shortest paths, found by Bellman and Ford's method because residual costs are negative.
int64_t transportCost(const std::vector<Coordinate> &from, const std::vector<Coordinate> &to, int64_t mass) {
  // Node 0 is the source, the last one the sink, the points of both sides stand between.
  const size_t sink = from.size() + to.size() + 1, nodes = sink + 1;
  struct Edge {
    size_t from, to;
    int64_t capacity, cost; // the edge back stands beside it: number ^ 1
  };
  std::vector<Edge> edges;
  const auto connect = [&](size_t a, size_t b, int64_t capacity, int64_t cost) {
    edges.push_back({a, b, capacity, cost});
    edges.push_back({b, a, 0, -cost});
  };
  for (size_t i = 0; i < from.size(); ++i) {
    connect(0, 1 + i, mass / int64_t(from.size()), 0);
    for (size_t j = 0; j < to.size(); ++j)
      connect(1 + i, 1 + from.size() + j, mass, from[i].manhattan(to[j]));
  }
  for (size_t j = 0; j < to.size(); ++j)
    connect(1 + from.size() + j, sink, mass / int64_t(to.size()), 0);
  constexpr int64_t unreached = std::numeric_limits<int64_t>::max();
  int64_t total = 0;
  while (true) {
    std::vector<int64_t> distances(nodes, unreached);
    std::vector<size_t> via(nodes);
    distances[0] = 0;
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t e = 0; e < edges.size(); ++e) {
        const Edge &edge = edges[e];
        if (edge.capacity && distances[edge.from] != unreached && distances[edge.from] + edge.cost < distances[edge.to]) {
          distances[edge.to] = distances[edge.from] + edge.cost;
          via[edge.to] = e;
          changed = true;
        }
      }
    }
    if (distances[sink] == unreached)
      return total;
    int64_t flow = mass;
    for (size_t node = sink; node; node = edges[via[node]].from)
      flow = std::min(flow, edges[via[node]].capacity);
    for (size_t node = sink; node; node = edges[via[node]].from) {
      edges[via[node]].capacity -= flow;
      edges[via[node] ^ 1].capacity += flow;
    }
    total += flow * distances[sink];
  }
}
} // namespace

TrapCause routines::ssimplex(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const Coordinate center = frame.p(slot.ra);
  const unsigned size = unsigned(__builtin_popcount(unsigned(slot.imm)));
  std::vector<Coordinate> members = Occupied(frame).cells(center, allDimensions & ~unsigned(slot.imm));
  members.erase(std::remove(members.begin(), members.end(), center), members.end());
  const uint64_t count = binomial(members.size(), size);
  uint64_t number = uint64_t(frame.r(slot.rb)), *to = frame.m(slot.rd);
  std::fill_n(to, 8, 0);
  frame.r(slot.rc) = int64_t(count);
  if (number >= count)
    return TrapCause::none;
  // The member at `next` begins as many of the remaining subsets as there are choices of the others behind it.
  for (size_t next = 0, chosen = 0; chosen < size; ++next) {
    const uint64_t behind = binomial(members.size() - next - 1, unsigned(size - chosen - 1));
    if (number >= behind) {
      number -= behind;
      continue;
    }
    to[2 * chosen] = members[next].low();
    to[2 * chosen + 1] = members[next].high();
    ++chosen;
  }
  return TrapCause::none;
}

TrapCause routines::scocycle(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  // Three cells that differ pairwise in one dimension each differ in the same one, so a maximal clique is what lies on a line, and two lines meet
  // in one cell at most. Each line's simplex contracts to a point that is joined to its cells: the complex has the homotopy type of the graph
  // between cells and lines (nerve theorem), and its Betti numbers are the graph's.
  const std::vector<Coordinate> cells = Occupied(frame).cells(frame.p(slot.ra), allDimensions & ~unsigned(slot.imm));
  DisjointSets components(cells.size());
  int64_t lines = 0, incidences = 0;
  for (unsigned d = 0; d < Coordinate::dimensions; ++d) {
    if (!(unsigned(slot.imm) >> d & 1))
      continue;
    struct Line {
      size_t first, count;
    };
    std::unordered_map<Coordinate, Line> found;
    for (size_t i = 0; i < cells.size(); ++i) {
      Line &line = found.try_emplace(cells[i].with(d, 0), Line{i, 0}).first->second;
      components.merge(i, line.first);
      ++line.count;
    }
    for (const auto &[start, line] : found)
      if (line.count > 1) {
        ++lines;
        incidences += int64_t(line.count);
      }
  }
  const int64_t connected = int64_t(components.size()), degree = frame.r(slot.rb);
  frame.r(slot.rd) = degree == 0 ? connected : degree == 1 ? incidences - (int64_t(cells.size()) + lines) + connected : 0;
  return TrapCause::none;
}

TrapCause routines::scurve(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    const Coordinate &a = frame.p(frame.slot.ra), &b = frame.p(frame.slot.rb);
    const Occupied occupied(frame);
    std::vector<Coordinate> aroundA, aroundB;
    occupied.forNeighbours(a, [&](const Coordinate &c) { aroundA.push_back(c); });
    occupied.forNeighbours(b, [&](const Coordinate &c) { aroundB.push_back(c); });
    if (a == b || !occupied.at(a) || !occupied.at(b) || aroundA.empty() || aroundB.empty())
      return setScalar(frame, T(0));
    const int64_t mass = std::lcm(int64_t(aroundA.size()), int64_t(aroundB.size())), whole = mass * a.manhattan(b);
    return setScalar(frame, T(double(whole - transportCost(aroundA, aroundB, mass)) / double(whole)));
  });
}

TrapCause routines::ckg(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const Occupied occupied(frame);
  const uint64_t *deltas = frame.m(slot.rb);
  Coordinate at = frame.p(slot.ra);
  int64_t hops = 0;
  for (; hops < slot.imm; ++hops) {
    const Coordinate next = at.delta(Coordinate::fromBits(deltas[2 * hops], deltas[2 * hops + 1]));
    if (!occupied.at(next))
      break;
    at = next;
  }
  frame.p(slot.rd) = at;
  frame.r(slot.rc) = hops;
  return TrapCause::none;
}

} // namespace vtpu::rt
