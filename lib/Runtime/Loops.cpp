//===- Loops.cpp - Counted loops of a function ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Loops.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace vtpu::rt {

using namespace isa;

namespace {
/// Levels of loops inside a loop that is looked at: bounds how often a word is.
constexpr unsigned mostLevels = 8;

uint32_t targetOf(const std::vector<Word> &words, uint32_t w) { return uint32_t(int64_t(w) + words[w].slot(Pipe::C).imm); }

/// The words that branch to some words: the first and the last of them.
struct Sources {
  uint32_t first = ~0u, last = 0;
  void add(const Sources &o) {
    first = std::min(first, o.first);
    last = std::max(last, o.last);
  }
};

/// A word that words branch to.
struct Target {
  uint32_t word;
  Sources sources;
  int32_t loop = -1; // whose head it is
};

std::vector<Target> findTargets(const std::vector<Word> &words, const std::vector<uint32_t> &branches) {
  std::vector<std::pair<uint32_t, uint32_t>> edges; // target, source
  edges.reserve(branches.size());
  for (uint32_t w : branches)
    edges.push_back({targetOf(words, w), w});
  std::sort(edges.begin(), edges.end());
  std::vector<Target> targets;
  for (const auto &[target, source] : edges) {
    if (targets.empty() || targets.back().word != target)
      targets.push_back({target, {}});
    targets.back().sources.add({source, source});
  }
  return targets;
}

/// Sets `closed`. One walk over the targets and tails with a stack of the loops that are open: what branches into a loop is known when its tail is
/// reached.
void findClosed(std::vector<Loop> &loops, const std::vector<Target> &targets) {
  std::vector<uint32_t> byTail(loops.size());
  std::iota(byTail.begin(), byTail.end(), 0);
  std::sort(byTail.begin(), byTail.end(), [&](uint32_t a, uint32_t b) { return loops[a].tail < loops[b].tail; });
  struct Open {
    uint32_t loop;
    Sources inside; // of the words behind the head
    unsigned levels = 0;
    bool done = false;
  };
  std::vector<Open> open;
  std::vector<size_t> places(loops.size()); // in `open`
  auto close = [&] {
    const Open top = open.back();
    open.pop_back();
    if (open.empty())
      return;
    open.back().inside.add(top.inside);
    open.back().levels = std::max(open.back().levels, top.levels + 1);
  };
  auto target = targets.begin();
  for (uint32_t index : byTail) {
    Loop &loop = loops[index];
    for (; target != targets.end() && target->word <= loop.tail; ++target) {
      if (!open.empty())
        open.back().inside.add(target->sources);
      if (target->loop < 0)
        continue;
      places[size_t(target->loop)] = open.size();
      open.push_back({uint32_t(target->loop), {}});
    }
    if (open.back().loop != index) { // a loop that began inside goes on behind it, and branches into it
      loop.closed = false;
      open[places[index]].done = true;
      continue;
    }
    const Open &top = open.back();
    loop.closed &= top.levels <= mostLevels && (top.inside.first > top.inside.last || (top.inside.first >= loop.head && top.inside.last <= loop.tail));
    close();
    while (!open.empty() && open.back().done)
      close();
  }
}

/// The facts of a closed loop.
void analyse(Loop &loop, const std::vector<Word> &words, const WordFacts *facts, const std::vector<uint32_t> &branches) {
  // Behind a forward branch or in a loop inside a word may run never or often: where such ranges begin and end.
  std::vector<std::pair<uint32_t, int32_t>> edges;
  uint32_t leaves = loop.tail; // the first word that may
  for (auto it = std::lower_bound(branches.begin(), branches.end(), loop.head); it != branches.end() && *it < loop.tail; ++it) {
    const uint32_t w = *it, target = targetOf(words, w);
    if (target > loop.tail || target < loop.head)
      leaves = std::min(leaves, w);
    if (target > loop.tail) // what stands behind it runs once in every round that goes on
      continue;
    edges.push_back({target > w ? w + 1 : std::max(target, loop.head), 1});
    edges.push_back({target > w ? target : w + 1, -1});
  }
  std::sort(edges.begin(), edges.end());
  unsigned read = 0, stepped = 0, otherwise = 0, dead = 0;
  int32_t depth = 0;
  auto edge = edges.begin();
  for (uint32_t w = loop.head; w <= loop.tail;) {
    for (; edge != edges.end() && edge->first <= w; ++edge)
      depth += edge->second;
    const uint32_t end = edge == edges.end() ? loop.tail + 1 : std::min(edge->first, loop.tail + 1);
    const bool once = depth == 0;
    for (const WordFacts *known = facts + w; w < end; ++w, ++known) {
      read |= known->readR();
      unsigned written = known->writeR();
      if (known->traits & WordFacts::calls)
        written = 0xffff;
      dead |= once && w <= leaves ? written & ~read : 0;
      if (const Slot &c = words[w].slot(Pipe::C); once && known->traits & WordFacts::adds && c.rd == c.ra) {
        stepped |= 1u << c.rd;
        loop.steps[c.rd] += c.imm;
        written &= ~(1u << c.rd); // no slot beside it writes the same register
      }
      otherwise |= written;
    }
  }
  loop.dead = uint16_t(dead);
  loop.changed = uint16_t(stepped | otherwise);
  loop.induction = uint16_t(stepped & ~otherwise);
  const Slot &tail = words[loop.tail].slot(Pipe::C);
  if ((tail.opcode == uint8_t(COp::cbcci) || tail.opcode == uint8_t(COp::cbcc)) && tail.predicate == Predicate::lt &&
      loop.induction >> tail.ra & 1 && loop.steps[tail.ra] > 0)
    loop.counter = tail.ra;
}
} // namespace

std::vector<Loop> findLoops(const std::vector<Word> &words, const WordFacts *facts, const std::vector<uint32_t> &branches) {
  std::vector<Loop> loops;
  std::vector<Target> targets = findTargets(words, branches);
  for (uint32_t w : branches) {
    const uint32_t head = targetOf(words, w);
    if (head > w)
      continue;
    Target &target = *std::lower_bound(targets.begin(), targets.end(), head, [](const Target &t, uint32_t word) { return t.word < word; });
    if (target.loop < 0) {
      target.loop = int32_t(loops.size());
      loops.push_back({head, w});
    } else {
      loops[size_t(target.loop)].closed = false;
      loops[size_t(target.loop)].tail = w;
    }
  }
  if (loops.empty())
    return loops;
  findClosed(loops, targets);
  for (Loop &loop : loops)
    if (loop.closed)
      analyse(loop, words, facts, branches);
  return loops;
}

} // namespace vtpu::rt
