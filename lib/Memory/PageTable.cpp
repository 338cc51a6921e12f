//===- PageTable.cpp - Pages of cells and their hash table ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageTable.h"

namespace vtpu::mem {

void PageTable::insert(const Coordinate &key, Page *page, bool tagged) {
  size_t at = start(key.hash());
  while (slots[at].word.load(std::memory_order_relaxed))
    at = (at + 1) & (slotCount - 1);
  slots[at].low.store(key.low(), std::memory_order_relaxed);
  slots[at].high.store(key.high(), std::memory_order_relaxed);
  // The key becomes visible with the page; a reader that sees the key early sees no page and misses.
  slots[at].word.store(reinterpret_cast<uintptr_t>(page) | (tagged ? tagBit : 0), std::memory_order_release);
  ++used;
}

size_t PageTable::indexOf(const Coordinate &key) const {
  size_t at = start(key.hash());
  while (slots[at].low.load(std::memory_order_relaxed) != key.low() || slots[at].high.load(std::memory_order_relaxed) != key.high() ||
         !slots[at].word.load(std::memory_order_relaxed))
    at = (at + 1) & (slotCount - 1);
  return at;
}

void PageTable::erase(const Coordinate &key) {
  const size_t mask = slotCount - 1;
  size_t hole = indexOf(key);
  auto move = [&](size_t to, uint64_t low, uint64_t high, uintptr_t word) {
    slots[to].low.store(low, std::memory_order_relaxed);
    slots[to].high.store(high, std::memory_order_relaxed);
    slots[to].word.store(word, std::memory_order_relaxed);
  };
  // Entries behind the hole that probing would no longer reach move into it.
  for (size_t at = (hole + 1) & mask;; at = (at + 1) & mask) {
    const uintptr_t word = slots[at].word.load(std::memory_order_relaxed);
    if (!word)
      break;
    const Coordinate other = Coordinate::fromBits(slots[at].low.load(std::memory_order_relaxed), slots[at].high.load(std::memory_order_relaxed));
    if (((at - start(other.hash())) & mask) < ((at - hole) & mask))
      continue;
    move(hole, other.low(), other.high(), word);
    hole = at;
  }
  move(hole, 0, 0, 0);
  --used;
  if (slotCount > minSlots && used * 16 < slotCount)
    rehash(slotCount / 2);
}

void PageTable::tag(const Coordinate &key, bool tagged) {
  std::atomic<uintptr_t> &word = slots[indexOf(key)].word;
  word.store((word.load(std::memory_order_relaxed) & ~tagBit) | (tagged ? tagBit : 0), std::memory_order_relaxed);
}

void PageTable::rehash(size_t newCount) {
  std::unique_ptr<Slot[]> old = std::move(slots);
  const size_t oldCount = slotCount;
  slots.reset(new Slot[newCount]);
  slotCount = newCount;
  used = 0;
  for (size_t i = 0; i < oldCount; ++i)
    if (const uintptr_t word = old[i].word.load(std::memory_order_relaxed)) {
      const Hit hit{word};
      insert(hit.page()->key, hit.page(), hit.tagged());
    }
}

} // namespace vtpu::mem
