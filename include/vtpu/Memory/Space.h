//===- Space.h - Memory by coordinate ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The memory of a call: regions, and outside of them cells of 8 bytes that exist from their first `touch` until they are erased. Translation is
// exact over all 2048^11 coordinates.
//
// Cells live in pages of 512: 8 by 8 by 8 of dimensions 8, 9 and 10 (scroll, line, column), so that neighbours in the innermost dimensions are
// near. A page costs `Space::pageBytes` and at most `Space::pageOverhead` in the indexes; it is freed with its last cell.
//
// Threads: any number may look up, touch and erase different coordinates, bind and release regions, and run queries at once. An address stays
// good until its own cell is erased or its own region released; accesses through it are the caller's to order. Looking up waits only while
// another thread binds, releases, frees a page or enlarges the page table.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_SPACE_H
#define VTPU_MEMORY_SPACE_H

#include "vtpu/Memory/Region.h"

#include <atomic>
#include <vector>

namespace vtpu::mem {

struct Page;
class PageTable;

/// Which occupied cells a query names. Regions are not part of queries: they are dense and asked for through their box.
class Query {
public:
  /// Every cell.
  static Query all() { return pattern(Coordinate(), 0); }
  /// Cells whose first `count` dimensions (at most 11) are those of `c` (CRANGE).
  static Query prefix(const Coordinate &c, unsigned count) { return pattern(c, (1u << count) - 1); }
  /// Cells that equal `c` in every dimension d with bit d set in `mask` (SHYPER).
  static Query pattern(const Coordinate &c, unsigned mask);
  /// Cells one dimension below `c` in the hierarchy: they extend it by one nonzero component (CHIER).
  static Query children(const Coordinate &c);
  /// Cells within a Manhattan distance (SNEIGHBR).
  static Query manhattan(const Coordinate &c, unsigned radius);
  /// Cells that differ in at most `radius` dimensions (SHYPBALL).
  static Query hamming(const Coordinate &c, unsigned radius);

  bool matches(const Coordinate &c) const;
  /// Whether a coordinate of the box may match; true more often than necessary only for `children`.
  bool mayMatch(const Box &box) const;
  /// No cell outside this range matches.
  const Coordinate &least() const { return range.first; }
  const Coordinate &greatest() const { return range.last; }

private:
  enum class Kind : uint8_t { pattern, manhattan, hamming };
  Kind kind = Kind::pattern;
  bool notCenter = false;
  unsigned radius = 0;
  Coordinate center;
  Coordinate mask; // pattern: all ones in the dimensions that are compared
  Box range;       // in lexicographic order: from first to last
};

/// Smallest possible distances from a coordinate to a box; 0 inside.
unsigned manhattanDistance(const Coordinate &c, const Box &box);
unsigned hammingDistance(const Coordinate &c, const Box &box);

/// Where a coordinate's value is.
struct Place {
  /// Null: neither a region nor a cell.
  uint8_t *data = nullptr;
  /// Element type; i64 for cells.
  isa::Type type = isa::Type::none;
  /// Null for cells.
  const Region *region = nullptr;

  explicit operator bool() const { return data != nullptr; }
  bool writable() const { return data && (!region || region->writable()); }
};

/// Recent translations of one thread; holds for one space at a time and forgets by itself what has changed. Not shared between threads.
class TranslationCache {
public:
  uint64_t hits = 0, misses = 0;

private:
  friend class Space;
  struct Entry {
    Coordinate key;
    uintptr_t target = 0; // 0: empty
    bool isRegion = false;
  };
  static constexpr unsigned size = 64;
  uint64_t epoch = 0;
  std::array<Entry, size> entries;
};

/// Distance of a line to be prefetched to.
enum class PrefetchHint : uint8_t { L1, L2, L3, NTA };

/// What a space holds now.
struct Usage {
  uint64_t regions = 0, regionBytes = 0; // bytes: owned storage only
  uint64_t cells = 0, pages = 0, pageBytes = 0, tableBytes = 0;
};

class Space {
public:
  /// Memory of a page with its 512 cells, and the most that the indexes add for it. Besides there is `baseBytes` of page table.
  static const uint64_t pageBytes, pageOverhead, baseBytes;

  Space();
  ~Space();
  Space(const Space &) = delete;
  Space &operator=(const Space &) = delete;

  /// Adds a region. Errors: what Region::create says; the box overlaps another region (both are named) or holds a cell.
  Result<const Region *> bind(RegionSpec spec);
  /// Frees the region that holds the coordinate, with its storage if owned, or the cell there (SFREE). An error if there is neither.
  Status release(const Coordinate &c);
  /// The region that holds a coordinate, or null.
  const Region *regionAt(const Coordinate &c) const;

  /// The element or cell at a coordinate. A null cache does without one.
  Place find(const Coordinate &c, TranslationCache *cache = nullptr) const;
  /// The same, creating the cell (with value 0) outside of regions.
  Place touch(const Coordinate &c, TranslationCache *cache = nullptr);
  /// Addresses for reading: `out[i]` is that of `coordinates[i]`'s element or cell. A cell that does not exist has a null address or one that
  /// reads as 0; `touch` alone makes cells. Returns the number of addresses that are not null.
  size_t translate(const Coordinate *coordinates, size_t count, uint8_t **out) const;
  /// Copies the elements at `first`, moved by i in dimension 10, to `out[i]` for the bits i of `lanes`; nothing else of `out` changes. A
  /// cell holds an element in its low bytes; where nothing is stands 0. Errors: a lane lies behind component 2047; a region holds another type.
  /// `occupied`: gets the bits of those lanes where something is. This and `store` are safe beside every change of the space by other threads.
  Status load(const Coordinate &first, isa::Type type, uint64_t lanes, void *out, TranslationCache *cache = nullptr,
              uint64_t *occupied = nullptr) const;
  /// The reverse; cells are made where nothing is, their upper bytes 0. Errors: those of `load`; a region is not writable. Lanes before the one
  /// that is refused may have been stored.
  Status store(const Coordinate &first, isa::Type type, uint64_t lanes, const void *values, TranslationCache *cache = nullptr);
  /// Erases a cell; false if there is none.
  bool erase(const Coordinate &c);

  /// The first cell behind `after` that the query names, in the order of coordinates; `after` need not exist.
  std::optional<Coordinate> next(const Coordinate &after, const Query &query) const { return search(after, true, query); }
  /// The same, `start` included.
  std::optional<Coordinate> from(const Coordinate &start, const Query &query) const { return search(start, false, query); }
  /// The first cell that the query names.
  std::optional<Coordinate> first(const Query &query) const { return search(Coordinate(), false, query); }
  /// Calls `visit(coordinate, address)` for every cell that the query names, in order. The visitor must not change the space.
  template <typename Visitor>
  void forEach(const Query &query, Visitor visit) const {
    for (std::optional<Coordinate> c = first(query); c; c = next(*c, query))
      if (Place place = find(*c))
        visit(*c, place.data);
  }
  /// The k-th nearest cell (from 1) by Manhattan distance, ties in order; nothing if there are fewer.
  std::optional<Coordinate> nearest(const Coordinate &c, uint64_t k) const;

  /// Prefetches the lines of coordinates that have storage; returns how many have.
  size_t prefetch(const Coordinate *coordinates, size_t count, PrefetchHint hint) const;
  /// Writes the line of a coordinate back to memory; false if it has no storage.
  bool flush(const Coordinate &c) const;

  Usage usage() const;

private:
  struct State;
  std::unique_ptr<State> state;

  std::optional<Coordinate> search(const Coordinate &from, bool exclusive, const Query &query) const;
};

} // namespace vtpu::mem

#endif // VTPU_MEMORY_SPACE_H
