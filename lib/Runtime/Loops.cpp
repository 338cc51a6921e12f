//===- Loops.cpp - Counted loops of a function ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Loops.h"

#include <algorithm>

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

/// Sets `closed`. One walk over the words with a stack of the loops that are open: what branches into a loop is known when its tail is reached.
void findClosed(std::vector<Loop> &loops, const std::vector<Word> &words, const std::vector<uint32_t> &branches) {
  const size_t n = words.size();
  std::vector<Sources> sources(n); // by target
  for (uint32_t w : branches)
    sources[targetOf(words, w)].add({w, w});
  std::vector<int32_t> byHead(n, -1), byTail(n, -1);
  for (size_t i = 0; i < loops.size(); ++i)
    byHead[loops[i].head] = byTail[loops[i].tail] = int32_t(i);
  struct Open {
    int32_t loop;
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
  for (uint32_t w = 0; w < n; ++w) {
    if (!open.empty())
      open.back().inside.add(sources[w]);
    if (byHead[w] >= 0) {
      places[byHead[w]] = open.size();
      open.push_back({byHead[w], {}});
    }
    if (byTail[w] < 0)
      continue;
    Loop &loop = loops[byTail[w]];
    if (open.back().loop != byTail[w]) { // a loop that began inside goes on behind it, and branches into it
      loop.closed = false;
      open[places[byTail[w]]].done = true;
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
void analyse(Loop &loop, const std::vector<Word> &words, const std::vector<WordFacts> &facts, const std::vector<uint32_t> &branches) {
  // Behind a forward branch or in a loop inside a word may run never or often: how many such ranges begin less those that end.
  std::vector<int32_t> ranges(loop.tail - loop.head + 2, 0);
  uint32_t leaves = loop.tail; // the first word that may
  for (auto it = std::lower_bound(branches.begin(), branches.end(), loop.head); it != branches.end() && *it < loop.tail; ++it) {
    const uint32_t w = *it, target = targetOf(words, w);
    if (target > loop.tail || target < loop.head)
      leaves = std::min(leaves, w);
    if (target > loop.tail) // what stands behind it runs once in every round that goes on
      continue;
    const uint32_t begin = target > w ? w + 1 : std::max(target, loop.head), end = target > w ? target : w + 1;
    ++ranges[begin - loop.head];
    --ranges[end - loop.head];
  }
  uint16_t read = 0, stepped = 0, otherwise = 0;
  int32_t depth = 0;
  for (uint32_t w = loop.head; w <= loop.tail; ++w) {
    depth += ranges[w - loop.head];
    const Slot &c = words[w].slot(Pipe::C);
    read |= facts[w].readR();
    uint16_t written = facts[w].writeR();
    if (c.opcode == uint8_t(COp::ccall))
      written = 0xffff;
    if (!written)
      continue;
    if (depth == 0 && w <= leaves)
      loop.dead |= uint16_t(written & ~read);
    if (depth == 0 && c.opcode == uint8_t(COp::caddi) && c.rd == c.ra) {
      stepped |= uint16_t(1u << c.rd);
      loop.steps[c.rd] += c.imm;
      written &= uint16_t(~(1u << c.rd)); // no slot beside it writes the same register
    }
    otherwise |= written;
  }
  loop.changed = stepped | otherwise;
  loop.induction = uint16_t(stepped & ~otherwise);
  const Slot &tail = words[loop.tail].slot(Pipe::C);
  if ((tail.opcode == uint8_t(COp::cbcci) || tail.opcode == uint8_t(COp::cbcc)) && tail.predicate == Predicate::lt &&
      loop.induction >> tail.ra & 1 && loop.steps[tail.ra] > 0)
    loop.counter = tail.ra;
}
} // namespace

std::vector<Loop> findLoops(const std::vector<Word> &words, const std::vector<WordFacts> &facts, const std::vector<uint32_t> &branches) {
  std::vector<Loop> loops;
  std::vector<int32_t> byHead(words.size(), -1);
  for (uint32_t w : branches) {
    const uint32_t head = targetOf(words, w);
    if (head > w)
      continue;
    if (byHead[head] < 0) {
      byHead[head] = int32_t(loops.size());
      loops.push_back({head, w});
    } else {
      loops[byHead[head]].closed = false;
      loops[byHead[head]].tail = w;
    }
  }
  if (loops.empty())
    return loops;
  findClosed(loops, words, branches);
  for (Loop &loop : loops)
    if (loop.closed)
      analyse(loop, words, facts, branches);
  return loops;
}

} // namespace vtpu::rt
