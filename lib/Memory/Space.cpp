//===- Space.cpp - Memory by coordinate -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two locks: `structure` orders all changes and the queries; `readers` shuts look-ups out while something is moved or freed. A look-up therefore
// takes `readers` shared, a change takes `structure` and, only where a reader could be misled, `readers` exclusively.
//
//===----------------------------------------------------------------------===//

#include "PageTable.h"
#include "StripedLock.h"

#include "vtpu/Memory/CoordinateText.h"
#include "vtpu/Memory/Space.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <queue>
#include <shared_mutex>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace vtpu::mem {

const uint64_t Space::pageBytes = sizeof(Page);
/// Slots of the table, and a node of the ordered index with the heap's own words.
const uint64_t Space::pageOverhead = PageTable::leastLoad * PageTable::slotBytes + 128;
const uint64_t Space::baseBytes = PageTable::minSlots * PageTable::slotBytes;

namespace {
/// Epochs are never used twice, so that a cache cannot take one space for another.
uint64_t newEpoch() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// Writes the line of `data` back; it stays in the caches if the host has clwb.
void writeBack(const uint8_t *data) {
#if defined(__x86_64__)
  static const bool keeps = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_CLWB;
  }();
  if (keeps)
    asm volatile("clwb %0" : : "m"(*data) : "memory");
  else
    _mm_clflush(data);
#else
  (void)data;
#endif
}

Place cellPlace(Page &page, unsigned cell) { return {page.address(cell), isa::Type::i64, nullptr}; }
Place elementPlace(const Region &region, const Coordinate &c) { return {region.address(c), region.type(), &region}; }
} // namespace

/// Storage of coordinates that follow each other in dimension 10.
struct Run {
  uint8_t *data = nullptr;
  int64_t stride = 0; // bytes to the next one
  unsigned count = 1;
  uint64_t occupied = 0; // bit i: the i-th one has storage
  const Region *region = nullptr;
};

struct Space::State {
  mutable std::mutex structure;
  mutable StripedLock readers;
  // Changed under both locks.
  std::vector<std::unique_ptr<Region>> regions;
  uint64_t epoch = newEpoch();
  // Inserted into under `structure`, moved and erased under both.
  PageTable table;
  // Under `structure`.
  std::map<Coordinate, std::unique_ptr<Page>> pages;
  uint64_t cells = 0;

  const Region *regionAt(const Coordinate &c) const {
    for (const std::unique_ptr<Region> &region : regions)
      if (region->box().contains(c))
        return region.get();
    return nullptr;
  }
  bool touchesRegion(const Box &box) const {
    return std::any_of(regions.begin(), regions.end(), [&](const auto &region) { return region->box().intersects(box); });
  }
  /// The place of a coordinate; under `readers` or `structure`. A cell may not exist in its page yet: `cell` says which it is.
  Place locate(const Coordinate &c, PageTable::Hit hit) const {
    if (!hit.word || hit.tagged())
      if (const Region *region = regionAt(c))
        return elementPlace(*region, c);
    if (!hit.word)
      return {};
    return cellPlace(*hit.page(), Page::cellOf(c.low()));
  }
  Place existing(const Coordinate &c, TranslationCache *cache) const;
  /// The region's element or the cell, which is created; under `structure`.
  Place create(const Coordinate &c);
  Run runFrom(const Coordinate &c, TranslationCache *cache) const;
  template <typename Visitor>
  Status forEachRun(const Coordinate &first, isa::Type type, uint64_t lanes, TranslationCache *cache, Visitor visit) const;
  /// Calls `visit` with each page that shares coordinates with the box, in order, until it returns false.
  template <typename Visitor>
  void forEachPage(const Box &box, Visitor visit) const {
    for (auto it = pages.lower_bound(Page::keyOf(box.first)); it != pages.end() && it->first <= box.last; ++it)
      if (it->second->box().intersects(box) && !visit(*it->second))
        return;
  }
  std::optional<Coordinate> cellIn(const Box &box) const;
  void retag(const Box &box) {
    forEachPage(box, [&](Page &page) {
      table.tag(page.key, touchesRegion(page.box()));
      return true;
    });
  }
  void freePage(const Coordinate &key) {
    std::lock_guard<StripedLock> exclusive(readers);
    table.erase(key);
    pages.erase(key);
    epoch = newEpoch();
  }
};

Space::Space() : state(std::make_unique<State>()) {}
Space::~Space() = default;

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

std::optional<Coordinate> Space::State::cellIn(const Box &box) const {
  std::optional<Coordinate> found;
  forEachPage(box, [&](Page &page) {
    for (unsigned cell = 0; cell < 512 && !found; ++cell)
      if (Coordinate c = Page::coordinateOf(page.key, cell); page.exists(cell) && box.contains(c))
        found = c;
    return !found;
  });
  return found;
}

Result<const Region *> Space::bind(RegionSpec spec) {
  Result<std::unique_ptr<Region>> made = Region::create(std::move(spec));
  if (!made)
    return made.takeError();
  const Region *region = made->get();
  std::lock_guard<std::mutex> changing(state->structure);
  for (const std::unique_ptr<Region> &other : state->regions)
    if (other->box().intersects(region->box()))
      return Error{fmt::format("region '{}' in box {} overlaps region '{}' in box {}; release that one or move this one", region->name(),
                               printBox(region->box()), other->name(), printBox(other->box()))};
  if (std::optional<Coordinate> cell = state->cellIn(region->box()))
    return Error{fmt::format("region '{}' in box {} would hide the cell at {}; erase the cell first", region->name(), printBox(region->box()),
                             printCoordinate(*cell))};
  std::lock_guard<StripedLock> exclusive(state->readers);
  state->regions.push_back(std::move(*made));
  state->retag(region->box());
  state->epoch = newEpoch();
  return region;
}

Status Space::release(const Coordinate &c) {
  std::unique_ptr<Region> released; // its storage is freed after the locks
  {
    std::lock_guard<std::mutex> changing(state->structure);
    auto it = std::find_if(state->regions.begin(), state->regions.end(), [&](const auto &region) { return region->box().contains(c); });
    if (it != state->regions.end()) {
      std::lock_guard<StripedLock> exclusive(state->readers);
      released = std::move(*it);
      state->regions.erase(it);
      state->retag(released->box());
      state->epoch = newEpoch();
    }
  }
  if (released || erase(c))
    return {};
  return Error{fmt::format("there is neither a region nor a cell at {} that could be released", printCoordinate(c))};
}

const Region *Space::regionAt(const Coordinate &c) const {
  std::shared_lock<StripedLock> reading(state->readers);
  return state->regionAt(c);
}

//===----------------------------------------------------------------------===//
// Translation
//===----------------------------------------------------------------------===//

Place Space::State::existing(const Coordinate &c, TranslationCache *cache) const {
  const Coordinate key = Page::keyOf(c);
  const uint64_t hash = key.hash();
  const unsigned cell = Page::cellOf(c.low());
  TranslationCache::Entry *entry = nullptr;
  if (cache) {
    if (cache->epoch != epoch) {
      cache->entries = {};
      cache->epoch = epoch;
    }
    entry = &cache->entries[hash % TranslationCache::size];
    if (entry->target && entry->key == key) {
      if (!entry->isRegion) {
        ++cache->hits;
        Page &page = *reinterpret_cast<Page *>(entry->target);
        return page.exists(cell) ? cellPlace(page, cell) : Place();
      }
      const Region &region = *reinterpret_cast<const Region *>(entry->target);
      if (region.box().contains(c)) {
        ++cache->hits;
        return elementPlace(region, c);
      }
    }
    ++cache->misses;
  }
  const PageTable::Hit hit = table.findFrom(key, table.start(hash));
  const Place place = locate(c, hit);
  if (entry && place && (place.region || !hit.tagged()))
    *entry = {key, place.region ? reinterpret_cast<uintptr_t>(place.region) : reinterpret_cast<uintptr_t>(hit.page()), place.region != nullptr};
  return place.data && !place.region && !hit.page()->exists(cell) ? Place() : place;
}

Place Space::find(const Coordinate &c, TranslationCache *cache) const {
  std::shared_lock<StripedLock> reading(state->readers);
  return state->existing(c, cache);
}

Place Space::touch(const Coordinate &c, TranslationCache *cache) {
  if (Place place = find(c, cache))
    return place;
  std::lock_guard<std::mutex> changing(state->structure);
  return state->create(c);
}

Place Space::State::create(const Coordinate &c) {
  const Coordinate key = Page::keyOf(c);
  PageTable::Hit hit = table.find(key);
  if (!hit.word || hit.tagged())
    if (const Region *region = regionAt(c)) // bound since the look-up
      return elementPlace(*region, c);
  Page *page = hit.page();
  if (!page) {
    if (table.full()) {
      std::lock_guard<StripedLock> exclusive(readers);
      table.grow();
    }
    page = new Page(key);
    pages.emplace(key, page);
    table.insert(key, page, touchesRegion(page->box()));
  }
  const unsigned cell = Page::cellOf(c.low());
  const uint64_t bit = uint64_t(1) << cell % 64;
  if (!(page->occupied[cell / 64].fetch_or(bit, std::memory_order_acq_rel) & bit)) {
    ++page->count;
    ++cells;
  }
  return cellPlace(*page, cell);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

namespace {
constexpr unsigned innermost = Coordinate::dimensions - 1;
constexpr uint64_t firstBits(unsigned count) { return count >= 64 ? UINT64_MAX : (uint64_t(1) << count) - 1; }

Status checkType(const Region &region, const Coordinate &c, isa::Type type) {
  if (region.type() == type)
    return {};
  return Error{fmt::format("region '{}' holds {} at {}, not {}; use its type", region.name(), isa::typeName(region.type()), printCoordinate(c),
                           isa::typeName(type))};
}
Status checkWritable(const Region &region, const Coordinate &c) {
  if (region.writable())
    return {};
  return Error{fmt::format("region '{}' at {} is not writable; write to another coordinate", region.name(), printCoordinate(c))};
}
// Elements in storage are aligned and copied at once each, so that several threads may access one without order.
template <typename T>
void copyOut(const uint8_t *storage, uint8_t *element) {
  const T bits = __atomic_load_n(reinterpret_cast<const T *>(storage), __ATOMIC_RELAXED);
  std::memcpy(element, &bits, sizeof(T));
}
template <typename T>
void copyIn(uint8_t *storage, const uint8_t *element) {
  T bits;
  std::memcpy(&bits, element, sizeof(T));
  __atomic_store_n(reinterpret_cast<T *>(storage), bits, __ATOMIC_RELAXED);
}
void loadElement(const uint8_t *storage, uint8_t *element, unsigned width) {
  switch (width) {
  case 1:
    return copyOut<uint8_t>(storage, element);
  case 2:
    return copyOut<uint16_t>(storage, element);
  case 4:
    return copyOut<uint32_t>(storage, element);
  default:
    return copyOut<uint64_t>(storage, element);
  }
}
void storeElement(uint8_t *storage, const uint8_t *element, unsigned width) {
  switch (width) {
  case 1:
    return copyIn<uint8_t>(storage, element);
  case 2:
    return copyIn<uint16_t>(storage, element);
  case 4:
    return copyIn<uint32_t>(storage, element);
  default:
    return copyIn<uint64_t>(storage, element);
  }
}
/// A whole cell, so that its upper bytes are 0.
void storeCell(uint8_t *cell, const uint8_t *element, unsigned width) {
  uint64_t bits = 0;
  std::memcpy(&bits, element, width);
  __atomic_store_n(reinterpret_cast<uint64_t *>(cell), bits, __ATOMIC_RELAXED);
}
} // namespace

/// Under `readers`.
Run Space::State::runFrom(const Coordinate &c, TranslationCache *cache) const {
  Run run;
  const unsigned ofPage = 8 - (c[innermost] & 7);
  const PageTable::Hit hit = table.find(Page::keyOf(c));
  if (hit.word && !hit.tagged()) {
    const unsigned cell = Page::cellOf(c.low());
    run = {hit.page()->address(cell), 8, ofPage, 0, nullptr};
    run.occupied = hit.page()->occupied[cell / 64].load(std::memory_order_acquire) >> cell % 64 & firstBits(ofPage);
  } else if (const Place place = existing(c, cache)) {
    run = {place.data, 8, 1, 1, place.region};
    if (place.region) {
      const Tile tile = place.region->tile(c);
      run = {tile.data, tile.strides[innermost], tile.extents[innermost], UINT64_MAX, place.region};
    }
  } else if (!hit.word && !touchesRegion({c, c.step(innermost, ofPage - 1)})) {
    run.count = ofPage;
  }
  return run;
}

/// Calls `visit(run, i, active)` for the runs of the lanes: run's first is lane i, `active` are those of its coordinates that are asked for.
template <typename Visitor>
Status Space::State::forEachRun(const Coordinate &first, isa::Type type, uint64_t lanes, TranslationCache *cache, Visitor visit) const {
  if (!lanes)
    return {};
  const unsigned last = 63 - unsigned(__builtin_clzll(lanes)), start = first[innermost];
  if (start + last > Coordinate::limit)
    return Error{fmt::format("element {} behind {} would have the column (dimension 10) {}; columns end at {}", last, printCoordinate(first),
                             start + last, Coordinate::limit)};
  std::shared_lock<StripedLock> reading(readers);
  for (unsigned i = unsigned(__builtin_ctzll(lanes)); i <= last;) {
    const Coordinate c = first.with(innermost, start + i);
    const Run run = runFrom(c, cache);
    if (const uint64_t active = lanes >> i & firstBits(run.count)) {
      if (run.region)
        if (Status status = checkType(*run.region, c, type); !status)
          return status;
      if (Status status = visit(run, i, active); !status)
        return status;
    }
    i += run.count;
  }
  return {};
}

Status Space::load(const Coordinate &first, isa::Type type, uint64_t lanes, void *out, TranslationCache *cache, uint64_t *occupied) const {
  const unsigned width = isa::byteWidth(type);
  uint8_t *to = static_cast<uint8_t *>(out);
  return state->forEachRun(first, type, lanes, cache, [&](const Run &run, unsigned i, uint64_t active) -> Status {
    if (occupied)
      *occupied |= (run.occupied & active) << i;
    for (; active; active &= active - 1) {
      const unsigned at = unsigned(__builtin_ctzll(active));
      if (run.occupied >> at & 1)
        loadElement(run.data + at * run.stride, to + (i + at) * width, width);
      else
        std::memset(to + (i + at) * width, 0, width);
    }
    return {};
  });
}

Status Space::store(const Coordinate &first, isa::Type type, uint64_t lanes, const void *values, TranslationCache *cache) {
  const unsigned width = isa::byteWidth(type);
  const uint8_t *from = static_cast<const uint8_t *>(values);
  uint64_t missing = 0; // lanes without storage
  Status stored = state->forEachRun(first, type, lanes, cache, [&](const Run &run, unsigned i, uint64_t active) -> Status {
    if (run.region)
      if (Status status = checkWritable(*run.region, first.step(innermost, i)); !status)
        return status;
    missing |= (active & ~run.occupied) << i;
    for (active &= run.occupied; active; active &= active - 1) {
      const unsigned at = unsigned(__builtin_ctzll(active));
      if (run.region)
        storeElement(run.data + at * run.stride, from + (i + at) * width, width);
      else
        storeCell(run.data + at * run.stride, from + (i + at) * width, width);
    }
    return {};
  });
  if (!stored || !missing)
    return stored;
  std::lock_guard<std::mutex> changing(state->structure);
  for (; missing; missing &= missing - 1) {
    const unsigned i = unsigned(__builtin_ctzll(missing));
    const Coordinate c = first.step(innermost, i);
    const Place place = state->create(c);
    if (!place.region) {
      storeCell(place.data, from + i * width, width);
      continue;
    }
    if (Status status = checkType(*place.region, c, type); !status)
      return status;
    if (Status status = checkWritable(*place.region, c); !status)
      return status;
    storeElement(place.data, from + i * width, width);
  }
  return {};
}

size_t Space::translate(const Coordinate *coordinates, size_t count, uint8_t **out) const {
  uint64_t misses[PageTable::blockSize + 8];
  size_t missing = 0;
  for (size_t block = 0; block < count; block += PageTable::blockSize) {
    std::shared_lock<StripedLock> reading(state->readers); // by the block, so that changes get their turn
    const size_t missed =
        state->table.findBlock(coordinates + block, std::min(PageTable::blockSize, count - block), out + block, misses);
    for (size_t i = 0; i < missed; ++i) {
      const Coordinate &c = coordinates[block + misses[i]];
      uint8_t *address = state->locate(c, state->table.find(Page::keyOf(c))).data;
      out[block + misses[i]] = address;
      missing += !address;
    }
  }
  return count - missing;
}

bool Space::erase(const Coordinate &c) {
  std::lock_guard<std::mutex> changing(state->structure);
  const Coordinate key = Page::keyOf(c);
  Page *page = state->table.find(key).page();
  const unsigned cell = Page::cellOf(c.low());
  if (!page || !page->exists(cell))
    return false;
  page->occupied[cell / 64].fetch_and(~(uint64_t(1) << cell % 64), std::memory_order_acq_rel);
  __atomic_store_n(&page->cells[cell], 0, __ATOMIC_RELAXED);
  --state->cells;
  if (--page->count == 0)
    state->freePage(key);
  return true;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

std::optional<Coordinate> Space::search(const Coordinate &from, bool exclusive, const Query &query) const {
  std::lock_guard<std::mutex> ordered(state->structure);
  const auto &pages = state->pages;
  Coordinate start = from;
  if (query.least() > from) {
    start = query.least();
    exclusive = false;
  }
  auto good = [&](const Coordinate &c) { return (exclusive ? c > start : c >= start) && query.matches(c); };
  // Pages with the same outer dimensions and the same block of dimension 8 form a slab: their cells interleave in the order of coordinates,
  // those of different slabs do not.
  const Coordinate::Bits slabMask = ~((Coordinate::Bits(1) << 2 * Coordinate::componentBits) - 1);
  auto slabOf = [&](const Coordinate &key) { return key.bits() & slabMask; };
  auto it = pages.lower_bound(Coordinate::fromBits(slabOf(Page::keyOf(start))));
  while (it != pages.end() && it->first <= query.greatest()) {
    const Coordinate::Bits slab = slabOf(it->first);
    for (unsigned plane = 0; plane < 8; ++plane) {
      const Coordinate planeStart = Coordinate::fromBits(slab | Coordinate::Bits(plane) << 2 * Coordinate::componentBits);
      const Coordinate planeEnd = planeStart.with(9, Coordinate::limit).with(10, Coordinate::limit);
      if (planeEnd < start)
        continue;
      if (planeStart > query.greatest())
        return {};
      std::optional<Coordinate> best;
      // In the plane where the search begins, rows before the start's are skipped.
      auto page = start > planeStart ? pages.lower_bound(Coordinate::fromBits(slab).with(9, start[9] & ~7u)) : it;
      for (; page != pages.end() && slabOf(page->first) == slab && !(best && page->first[9] > (*best)[9]); ++page) {
        uint64_t bits = page->second->occupied[plane].load(std::memory_order_acquire);
        if (!bits || !query.mayMatch(page->second->box()))
          continue;
        for (; bits; bits &= bits - 1) {
          const Coordinate c = Page::coordinateOf(page->first, plane * 64 + unsigned(__builtin_ctzll(bits)));
          if (best && c >= *best)
            break;
          if (good(c)) {
            best = c;
            break;
          }
        }
      }
      if (best)
        return best;
    }
    it = pages.upper_bound(Coordinate::fromBits(slab | ~slabMask));
  }
  return {};
}

std::optional<Coordinate> Space::nearest(const Coordinate &c, uint64_t k) const {
  std::lock_guard<std::mutex> ordered(state->structure);
  if (k == 0 || k > state->cells)
    return {};
  using Distance = std::pair<unsigned, Coordinate>; // ties go by coordinate
  std::vector<std::pair<unsigned, const Page *>> pages;
  for (const auto &[key, page] : state->pages)
    pages.emplace_back(manhattanDistance(c, page->box()), page.get());
  auto nearer = [](const auto &a, const auto &b) { return a.first > b.first; };
  std::make_heap(pages.begin(), pages.end(), nearer);
  std::priority_queue<Distance> best; // the k nearest so far, the farthest on top
  while (!pages.empty() && (best.size() < k || pages.front().first <= best.top().first)) {
    std::pop_heap(pages.begin(), pages.end(), nearer);
    const Page &page = *pages.back().second;
    pages.pop_back();
    for (unsigned plane = 0; plane < 8; ++plane)
      for (uint64_t bits = page.occupied[plane].load(std::memory_order_acquire); bits; bits &= bits - 1) {
        const Coordinate cell = Page::coordinateOf(page.key, plane * 64 + unsigned(__builtin_ctzll(bits)));
        const Distance distance{c.manhattan(cell), cell};
        if (best.size() == k && !(distance < best.top()))
          continue;
        if (best.size() == k)
          best.pop();
        best.push(distance);
      }
  }
  return best.top().second;
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

size_t Space::prefetch(const Coordinate *coordinates, size_t count, PrefetchHint hint) const {
  constexpr size_t blockSize = 64;
  uint8_t *addresses[blockSize];
  size_t found = 0;
  for (size_t block = 0; block < count; block += blockSize) {
    const size_t size = std::min(blockSize, count - block);
    found += translate(coordinates + block, size, addresses);
    for (size_t i = 0; i < size; ++i) {
      if (!addresses[i])
        continue;
      switch (hint) { // the builtin's locality is a constant
      case PrefetchHint::L1:
        __builtin_prefetch(addresses[i], 0, 3);
        break;
      case PrefetchHint::L2:
        __builtin_prefetch(addresses[i], 0, 2);
        break;
      case PrefetchHint::L3:
        __builtin_prefetch(addresses[i], 0, 1);
        break;
      case PrefetchHint::NTA:
        __builtin_prefetch(addresses[i], 0, 0);
        break;
      }
    }
  }
  return found;
}

bool Space::flush(const Coordinate &c) const {
  std::shared_lock<StripedLock> reading(state->readers); // a line that is gone would fault
  const Place place = state->existing(c, nullptr);
  if (!place)
    return false;
  writeBack(place.data);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return true;
}

Usage Space::usage() const {
  std::lock_guard<std::mutex> ordered(state->structure);
  Usage usage;
  usage.regions = state->regions.size();
  for (const std::unique_ptr<Region> &region : state->regions)
    usage.regionBytes += region->owned() ? region->bytes() : 0;
  usage.cells = state->cells;
  usage.pages = state->pages.size();
  usage.pageBytes = usage.pages * sizeof(Page);
  usage.tableBytes = state->table.bytes();
  return usage;
}

} // namespace vtpu::mem
