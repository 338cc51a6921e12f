//===- PageTable.h - Pages of cells and their hash table --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_MEMORY_PAGETABLE_H
#define VTPU_LIB_MEMORY_PAGETABLE_H

#include "vtpu/Memory/Region.h"

#include <atomic>
#include <memory>

namespace vtpu::mem {

/// 8 by 8 by 8 cells of dimensions 8, 9 and 10.
struct alignas(64) Page {
  static constexpr uint64_t pitch = Coordinate::componentBits;
  /// Bits of a packed coordinate that choose the cell.
  static constexpr uint64_t inside = uint64_t(7) | uint64_t(7) << pitch | uint64_t(7) << 2 * pitch;

  static Coordinate keyOf(const Coordinate &c) { return Coordinate::fromBits(c.low() & ~inside, c.high()); }
  /// 0..511, in the order of coordinates.
  static unsigned cellOf(uint64_t low) { return unsigned((low & 7) | (low >> (pitch - 3) & 7 << 3) | (low >> (2 * pitch - 6) & 7 << 6)); }
  static Coordinate coordinateOf(const Coordinate &key, unsigned cell) {
    const uint64_t low = uint64_t(cell & 7) | uint64_t(cell >> 3 & 7) << pitch | uint64_t(cell >> 6) << 2 * pitch;
    return Coordinate::fromBits(key.low() | low, key.high());
  }

  Coordinate key;
  /// Bit i % 64 of word i / 64: cell i exists. A word is a plane of one component in dimension 8.
  std::atomic<uint64_t> occupied[8] = {};
  uint32_t count = 0;
  alignas(64) uint64_t cells[512] = {};

  explicit Page(const Coordinate &key) : key(key) {}
  Box box() const { return {key, coordinateOf(key, 511)}; }
  bool exists(unsigned cell) const { return occupied[cell / 64].load(std::memory_order_acquire) >> cell % 64 & 1; }
  uint8_t *address(unsigned cell) { return reinterpret_cast<uint8_t *>(cells + cell); }
};

/// Hash table from keys to pages: open addressing, linear probing, whole keys compared. At most one slot in eight is taken, so that
/// nearly every look-up ends at its first slot. Insertion may run beside look-ups; `reserve`, `erase` and `tag` need them shut out.
class PageTable {
public:
  PageTable() : slots(new Slot[minSlots]), slotCount(minSlots) {}

  /// A page and its tag, or null.
  struct Hit {
    uintptr_t word = 0;
    Page *page() const { return reinterpret_cast<Page *>(word & ~tagBit); }
    bool tagged() const { return word & tagBit; }
  };
  /// Low bit of a slot's pointer: part of the page's box belongs to a region.
  static constexpr uintptr_t tagBit = 1;
  static constexpr size_t minSlots = 64, leastLoad = 24, slotBytes = 32;

  Hit find(const Coordinate &key) const { return findFrom(key, start(key.hash())); }
  /// Slot where the probing of a key with this hash begins.
  size_t start(uint64_t hash) const { return hash & (slotCount - 1); }
  Hit findFrom(const Coordinate &key, size_t at) const {
    for (;; at = (at + 1) & (slotCount - 1)) {
      const Slot &slot = slots[at];
      const uintptr_t word = slot.word.load(std::memory_order_acquire);
      if (slot.low.load(std::memory_order_relaxed) == key.low() && slot.high.load(std::memory_order_relaxed) == key.high())
        return {word};
      if (!word)
        return {};
    }
  }
  /// Look-ups in `findBlock` at once.
  static constexpr size_t blockSize = 128;
  /// Addresses of up to `blockSize` coordinates' cells, null where no page was found at once or it is tagged. Those are listed by their index in
  /// `misses`, which has room for eight more than a block; the result is their number. They need `find`.
  size_t findBlock(const Coordinate *coordinates, size_t count, uint8_t **out, uint64_t *misses) const;

  /// Whether one more page would exceed the load; then call `grow`.
  bool full() const { return (used + 1) * 8 > slotCount; }
  void grow() { rehash(slotCount * 2); }
  /// A key that is not in the table. Needs room.
  void insert(const Coordinate &key, Page *page, bool tagged);
  /// A key that is in the table. Halves the table when fewer than one slot in `leastLoad` is taken.
  void erase(const Coordinate &key);
  void tag(const Coordinate &key, bool tagged);

  size_t bytes() const { return slotCount * sizeof(Slot); }

private:
  /// What the words of an empty slot's key hold: no coordinate has it, so whoever reads a key early does not take it for his own.
  static constexpr uint64_t noKey = UINT64_MAX;
  struct alignas(slotBytes) Slot {
    std::atomic<uint64_t> low{noKey}, high{noKey};
    std::atomic<uintptr_t> word{0};
  };

  size_t indexOf(const Coordinate &key) const;
  void rehash(size_t newCount);

  std::unique_ptr<Slot[]> slots;
  size_t slotCount, used = 0;
};

} // namespace vtpu::mem

#endif // VTPU_LIB_MEMORY_PAGETABLE_H
