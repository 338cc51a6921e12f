//===- ShortLives.cpp - Times that keep values shortly ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShortLives.h"

#include <algorithm>

namespace vtpu::sched {

ShortLives::ShortLives(const Problem &problem)
    : count(uint32_t(problem.operations.size())), room(problem.registerLimits.begin(), problem.registerLimits.end()), nodes(count) {
  edges.reserve(problem.dependences.size() + 4 * problem.values.size());
  for (const Dependence &d : problem.dependences)
    if (d.from != d.to)
      edges.push_back({d.from, d.to, int32_t(d.latency), int32_t(d.distance), none});
  for (const RegisterValue &value : problem.values) {
    if (value.def == RegisterValue::none) {
      --room[value.cls];
      continue;
    }
    if (!value.liveOut && value.later.empty() && value.uses.size() == 1 && value.uses[0] != value.def) {
      edges.push_back({value.def, value.uses[0], 0, 0, value.cls});
      continue;
    }
    int32_t entering = value.liveOut ? 1 : 0;
    const uint32_t end = nodes++;
    for (uint32_t use : value.uses)
      if (use != value.def)
        edges.push_back({use, end, 0, 0, none});
    for (const LaterUse &use : value.later) {
      entering = std::max(entering, int32_t(use.distance));
      if (use.operation != value.def)
        edges.push_back({use.operation, end, 0, -int32_t(use.distance), none});
    }
    edges.push_back({value.def, end, 0, -entering, value.cls});
  }
  // Each has a node that starts at the later of two times: the operation's, less its place on the pace, and that of a beginning which all share. How
  // much later it is than either, together, is by how much the operation is off the pace.
  firstPace = edges.size();
  constexpr uint32_t each = 4;
  const uint32_t beginning = nodes++;
  for (uint32_t op = 0; op < count; op += each) {
    edges.push_back({op, nodes, 0, 0, none});
    edges.push_back({beginning, nodes, 0, 0, none});
    ++nodes;
  }
  firstLeaving.assign(nodes + 1, 0);
  firstEntering.assign(nodes + 1, 0);
  for (const Edge &edge : edges) {
    ++firstLeaving[edge.from + 1];
    ++firstEntering[edge.to + 1];
  }
  for (uint32_t node = 0; node < nodes; ++node) {
    firstLeaving[node + 1] += firstLeaving[node];
    firstEntering[node + 1] += firstEntering[node];
  }
  leaving.resize(edges.size());
  entering.resize(edges.size());
  std::vector<uint32_t> out(firstLeaving.begin(), firstLeaving.end() - 1), in(firstEntering.begin(), firstEntering.end() - 1);
  for (uint32_t e = 0; e < edges.size(); ++e) {
    leaving[out[edges[e].from]++] = {e, edges[e].to};
    entering[in[edges[e].to]++] = {e, edges[e].from};
  }
  stamp.assign(nodes, 0);
}

bool ShortLives::solve(int32_t ii, const std::vector<int32_t> &weights, int32_t pace) {
  for (size_t e = 0; e < edges.size(); ++e) {
    Edge &edge = edges[e];
    edge.length = e < firstPace ? edge.latency - ii * edge.distance : edge.from < count ? -int32_t(int64_t(edge.from) * ii / count) : 0;
    edge.weight = e >= firstPace ? pace : edge.cls == none ? 0 : weights[edge.cls];
  }
  start();
  buildTree();
  uint32_t steps = 16 * nodes;
  bool optimal = true;
  for (uint32_t node = 0, still = 0; still < nodes; node = node + 1 == nodes ? 0 : node + 1) {
    if (!wrong(node)) {
      ++still;
      continue;
    }
    if (steps-- == 0) {
      optimal = false;
      break;
    }
    pivot(node);
    still = 0;
  }
  if (count) {
    const int32_t first = *std::min_element(time.begin(), time.begin() + count);
    for (int32_t &at : time)
      at -= first;
  }
  return optimal;
}

bool ShortLives::registersAllow(int32_t ii, uint32_t classes) {
  std::vector<int32_t> weights(room.size());
  for (uint32_t cls = 0; cls < room.size(); ++cls) {
    if (!(classes >> cls & 1))
      continue;
    weights[cls] = 1;
    if (solve(ii, weights, 0) && cost() > int64_t(room[cls]) * ii)
      return false;
    weights[cls] = 0;
  }
  return true;
}

int64_t ShortLives::cost() const {
  int64_t sum = 0;
  for (const Edge &edge : edges)
    sum += int64_t(edge.weight) * (time[edge.to] - time[edge.from]);
  return sum;
}

/// Times that satisfy the dependences: the ones before, or as early as can be and then what makes more values than it uses up as late as its users
/// allow.
void ShortLives::start() {
  const bool warm = !time.empty();
  time.resize(nodes);
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t node = 0; node < nodes; ++node)
      for (uint32_t i = firstLeaving[node]; i < firstLeaving[node + 1]; ++i)
        if (const int32_t at = time[node] + edges[leaving[i].edge].length; at > time[leaving[i].other]) {
          time[leaving[i].other] = at;
          changed |= leaving[i].other <= node;
        }
  }
  pull.assign(nodes, 0);
  for (const Edge &edge : edges) {
    pull[edge.to] += edge.weight;
    pull[edge.from] -= edge.weight;
  }
  for (uint32_t node = nodes; node-- > 0 && !warm;) {
    if (pull[node] >= 0)
      continue;
    int32_t late = INT32_MAX;
    for (uint32_t i = firstLeaving[node]; i < firstLeaving[node + 1]; ++i)
      late = std::min(late, time[leaving[i].other] - edges[leaving[i].edge].length);
    if (late != INT32_MAX)
      time[node] = late;
  }
}

void ShortLives::hang(uint32_t node, uint32_t under, uint32_t edge) {
  parent[node] = under;
  parentEdge[node] = edge;
  previousSibling[node] = none;
  nextSibling[node] = firstChild[under];
  if (firstChild[under] != none)
    previousSibling[firstChild[under]] = node;
  firstChild[under] = node;
}

void ShortLives::unhang(uint32_t node) {
  if (previousSibling[node] == none)
    firstChild[parent[node]] = nextSibling[node];
  else
    nextSibling[previousSibling[node]] = nextSibling[node];
  if (nextSibling[node] != none)
    previousSibling[nextSibling[node]] = previousSibling[node];
}

void ShortLives::buildTree() {
  parent.assign(nodes, none);
  parentEdge.assign(nodes, none);
  firstChild.assign(nodes, none);
  nextSibling.assign(nodes, none);
  previousSibling.assign(nodes, none);
  std::vector<uint32_t> &order = moving;
  order.clear();
  ++turn;
  for (uint32_t root = 0; root < nodes; ++root) {
    if (stamp[root] == turn)
      continue;
    stamp[root] = turn;
    if (root)
      hang(root, 0, none);
    order.push_back(root);
    for (size_t next = order.size() - 1; next < order.size(); ++next) {
      const uint32_t node = order[next];
      auto visit = [&](const Half &half) {
        if (stamp[half.other] == turn || time[edges[half.edge].to] - time[edges[half.edge].from] != edges[half.edge].length)
          return;
        stamp[half.other] = turn;
        hang(half.other, node, half.edge);
        order.push_back(half.other);
      };
      for (uint32_t i = firstLeaving[node]; i < firstLeaving[node + 1]; ++i)
        visit(leaving[i]);
      for (uint32_t i = firstEntering[node]; i < firstEntering[node + 1]; ++i)
        visit(entering[i]);
    }
  }
  size.assign(nodes, 1);
  for (size_t i = order.size(); i-- > 1;) {
    pull[parent[order[i]]] += pull[order[i]];
    size[parent[order[i]]] += size[order[i]];
  }
}

/// True if all below a node should move away from its parent, and nothing holds them.
bool ShortLives::wrong(uint32_t node) const {
  if (pull[node] == 0 || parent[node] == none)
    return false;
  const uint32_t edge = parentEdge[node];
  return edge == none || (edges[edge].to == node ? pull[node] < 0 : pull[node] > 0);
}

void ShortLives::pivot(uint32_t top) {
  // What hangs on the node moves, or all others the other way: the fewer.
  const bool others = 2 * size[top] > nodes, later = (pull[top] < 0) != others;
  ++turn;
  moving.assign(1, others ? 0 : top);
  stamp[moving.front()] = turn;
  for (size_t i = 0; i < moving.size(); ++i)
    for (uint32_t child = firstChild[moving[i]]; child != none; child = nextSibling[child])
      if (child != top) {
        stamp[child] = turn;
        moving.push_back(child);
      }
  // Which edge stops the move first.
  int32_t least = INT32_MAX;
  uint32_t inside = none, outside = none, through = none;
  for (uint32_t node : moving) {
    const uint32_t from = later ? firstLeaving[node] : firstEntering[node], to = later ? firstLeaving[node + 1] : firstEntering[node + 1];
    for (uint32_t i = from; i < to; ++i) {
      const Half &half = later ? leaving[i] : entering[i];
      if (stamp[half.other] == turn)
        continue;
      const Edge &edge = edges[half.edge];
      if (const int32_t slack = time[edge.to] - time[edge.from] - edge.length; slack < least) {
        least = slack;
        inside = node;
        outside = half.other;
        through = half.edge;
      }
    }
  }
  if (others)
    std::swap(inside, outside);
  const int64_t whole = pull[top];
  const uint32_t number = size[top];
  if (through == none) { // nothing holds them: they cost nothing there
    pull[top] = 0;
    return;
  }
  for (uint32_t node : moving)
    time[node] += later ? least : -least;
  for (uint32_t node = parent[top]; node != none; node = parent[node]) {
    pull[node] -= whole;
    size[node] -= number;
  }
  for (uint32_t node = outside; node != none; node = parent[node]) {
    pull[node] += whole;
    size[node] += number;
  }
  // The tree below hangs on its other end now.
  uint32_t node = inside, under = outside, edge = through;
  int64_t below = 0;
  uint32_t numberBelow = 0;
  while (true) {
    const uint32_t next = parent[node], nextEdge = parentEdge[node], ownNumber = size[node];
    const int64_t own = pull[node];
    unhang(node);
    pull[node] = whole - below;
    size[node] = number - numberBelow;
    below = own;
    numberBelow = ownNumber;
    hang(node, under, edge);
    if (node == top)
      break;
    under = node;
    edge = nextEdge;
    node = next;
  }
}

} // namespace vtpu::sched
