//===- PageTable.cpp - Pages of cells and their hash table ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PageTable.h"

#include <cstddef>
#if defined(__x86_64__)
#pragma GCC diagnostic push
// GCC 12 takes its own headers' undefined operands for ours.
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace vtpu::mem {

#if defined(__x86_64__)
// Plain loads beside atomic stores: an insertion stores key and page in this order, so a slot read in between shows no key that matches, or no
// page; both send the lane to the careful search. Moves do not run beside look-ups.
__attribute__((target("avx512f,avx512dq,popcnt"), no_sanitize("thread"))) static size_t
findEights(const void *slots, uint64_t mask, const Coordinate *coordinates, size_t count, uint8_t **out, uint64_t *misses) {
  const __m256i *table = static_cast<const __m256i *>(slots);
  const __m512i inside = _mm512_set1_epi64(int64_t(Page::inside)), slotMask = _mm512_set1_epi64(int64_t(mask));
  const __m512i factorLow = _mm512_set1_epi64(int64_t(Coordinate::hashLow)), factorHigh = _mm512_set1_epi64(int64_t(Coordinate::hashHigh));
  const __m512i tag = _mm512_set1_epi64(int64_t(PageTable::tagBit)), cellsAt = _mm512_set1_epi64(offsetof(Page, cells));
  const __m512i columns = _mm512_set1_epi64(7 << 3), lines = _mm512_set1_epi64(7 << 6), scrolls = _mm512_set1_epi64(7 << 9);
  const __m512i order = _mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0);
  __m512i numbers = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  size_t missed = 0;
  for (size_t i = 0; i < count; i += 8) {
    const __m512i first = _mm512_loadu_si512(coordinates + i), second = _mm512_loadu_si512(coordinates + i + 4);
    // Lanes hold the coordinates 0, 4, 1, 5, 2, 6, 3, 7 up to the end.
    const __m512i low = _mm512_unpacklo_epi64(first, second), high = _mm512_unpackhi_epi64(first, second);
    const __m512i key = _mm512_andnot_si512(inside, low);
    __m512i hash = _mm512_xor_si512(_mm512_mullo_epi64(key, factorLow), _mm512_rol_epi64(_mm512_mullo_epi64(high, factorHigh), 32));
    hash = _mm512_mullo_epi64(_mm512_xor_si512(hash, _mm512_srli_epi64(hash, 32)), factorHigh);
    hash = _mm512_xor_si512(hash, _mm512_srli_epi64(hash, 29));
    alignas(64) uint64_t at[8];
    _mm512_store_si512(at, _mm512_and_si512(hash, slotMask));

    // A slot is half a register; two rounds of shuffles turn eight slots into registers of low and high halves of keys, and of pages.
#define VTPU_SLOTS(a, b) _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_load_si256(table + at[a])), _mm256_load_si256(table + at[b]), 1)
    const __m512i row0 = VTPU_SLOTS(0, 2), row1 = VTPU_SLOTS(1, 3), row2 = VTPU_SLOTS(4, 6), row3 = VTPU_SLOTS(5, 7);
#undef VTPU_SLOTS
    const __m512i even0 = _mm512_unpacklo_epi64(row0, row1), even1 = _mm512_unpacklo_epi64(row2, row3);
    const __m512i odd0 = _mm512_unpackhi_epi64(row0, row1), odd1 = _mm512_unpackhi_epi64(row2, row3);
    const __m512i slotLow = _mm512_shuffle_i64x2(even0, even1, 0x88), slotHigh = _mm512_shuffle_i64x2(odd0, odd1, 0x88);
    const __m512i word = _mm512_shuffle_i64x2(even0, even1, 0xdd);
    __mmask8 good = _mm512_mask_cmpeq_epi64_mask(_mm512_cmpeq_epi64_mask(slotLow, key), slotHigh, high);
    good = _mm512_mask_testn_epi64_mask(_mm512_mask_test_epi64_mask(good, word, word), word, tag);

    // Byte offset of the cell: three bits of each inner dimension, as in Page::cellOf, times eight.
    const __m512i column = _mm512_and_si512(_mm512_slli_epi64(low, 3), columns);
    const __m512i line = _mm512_and_si512(_mm512_srli_epi64(low, Page::pitch - 6), lines);
    const __m512i scroll = _mm512_and_si512(_mm512_srli_epi64(low, 2 * Page::pitch - 9), scrolls);
    const __m512i offset = _mm512_or_si512(_mm512_or_si512(column, line), scroll);
    const __m512i address = _mm512_permutexvar_epi64(order, _mm512_maskz_add_epi64(good, _mm512_add_epi64(word, cellsAt), offset));
    _mm512_storeu_si512(out + i, address);
    // Misses are listed without a branch, which random coordinates would mispredict.
    const __mmask8 missing = _mm512_testn_epi64_mask(address, address);
    _mm512_storeu_si512(misses + missed, _mm512_maskz_compress_epi64(missing, numbers));
    missed += size_t(__builtin_popcount(missing));
    numbers = _mm512_add_epi64(numbers, _mm512_set1_epi64(8));
  }
  return missed;
}
#endif

size_t PageTable::findBlock(const Coordinate *coordinates, size_t count, uint8_t **out, uint64_t *misses) const {
  size_t done = 0, missed = 0;
#if defined(__x86_64__)
  static const bool canFindEights = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  if (canFindEights) {
    done = count & ~size_t(7);
    missed = findEights(slots.get(), slotCount - 1, coordinates, done, out, misses);
  }
#endif
  for (; done < count; ++done) {
    const Hit hit = find(Page::keyOf(coordinates[done]));
    const bool good = hit.word && !hit.tagged();
    out[done] = good ? hit.page()->address(Page::cellOf(coordinates[done].low())) : nullptr;
    misses[missed] = done;
    missed += !good;
  }
  return missed;
}

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
  move(hole, noKey, noKey, 0);
  --used;
  if (slotCount > minSlots && used * leastLoad < slotCount)
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
