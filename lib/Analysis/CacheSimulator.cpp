//===- CacheSimulator.cpp - Misses of an access stream ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/CacheSimulator.h"

#include "LineNumbers.h"

#include <algorithm>

namespace vtpu::analysis {

namespace {
constexpr uint32_t none = UINT32_MAX;

/// Lines in the order of their last use; the oldest leaves.
class FullyAssociative {
public:
  FullyAssociative(uint64_t capacity, uint32_t lines) : capacity(capacity), links(lines) {}
  /// True if the line was there; it is now, as the latest.
  bool touch(uint32_t line) {
    const bool hit = links[line].present;
    if (hit) {
      if (line == newest)
        return true;
      unlink(line);
    } else if (held == capacity) {
      const uint32_t oldest = this->oldest;
      unlink(oldest);
      links[oldest].present = false;
    } else {
      ++held;
    }
    links[line] = {newest, none, true};
    if (newest != none)
      links[newest].newer = line;
    newest = line;
    if (oldest == none)
      oldest = line;
    return hit;
  }

private:
  struct Link {
    uint32_t older = none, newer = none;
    bool present = false;
  };
  uint64_t capacity, held = 0;
  std::vector<Link> links;
  uint32_t newest = none, oldest = none;

  void unlink(uint32_t line) {
    const Link link = links[line];
    (link.newer == none ? newest : links[link.newer].older) = link.older;
    (link.older == none ? oldest : links[link.older].newer) = link.newer;
  }
};

/// One level with its fully associative twin.
class Level {
public:
  Level(const host::Cache &cache, uint32_t lines, size_t sites)
      : sets(setsOf(cache)), ways(cache.ways), slots(std::min<uint64_t>(sets, uint64_t(lines)) * ways, none),
        twin(cache.bytes / cache.line, lines), seen(lines, false), evictedBy(lines, none) {
    result.bySite.resize(sites);
  }

  /// False: it missed. `number` is the line's address in lines, `line` its dense number.
  bool touch(uint64_t number, uint32_t line, uint32_t site) {
    const uint64_t set = number % sets;
    uint32_t *way = waysOf(set);
    const bool twinHit = twin.touch(line);
    uint32_t *found = std::find(way, way + ways, line);
    const bool hit = found != way + ways;
    if (!hit) {
      found = way + ways - 1;
      if (*found != none)
        evictedBy[*found] = site;
    }
    std::move_backward(way, found, found + 1);
    *way = line;
    const bool first = !seen[line];
    seen[line] = true;
    result.lines += first;
    for (MissCounts *counts : {&result.total, &result.bySite[site]}) {
      ++counts->accesses;
      if (hit)
        counts->spared += !twinHit;
      else
        ++(first ? counts->compulsory : twinHit ? counts->conflict : counts->capacity);
    }
    if (!hit && !first && twinHit) {
      ++result.conflictsBySet[set];
      ++result.fights[uint64_t(site) << 32 | evictedBy[line]];
    }
    return hit;
  }

  LevelResult result;

private:
  const uint64_t sets;
  const unsigned ways;
  std::vector<uint32_t> slots;                   // of each set the ways, latest first
  std::unordered_map<uint64_t, uint32_t> places; // of sets, where there are more than lines
  FullyAssociative twin;
  std::vector<bool> seen;
  std::vector<uint32_t> evictedBy; // by line: the site that evicted it last

  uint32_t *waysOf(uint64_t set) {
    if (slots.size() == sets * ways)
      return &slots[set * ways];
    return &slots[places.emplace(set, uint32_t(places.size())).first->second * size_t(ways)];
  }
};
} // namespace

std::vector<LevelResult> simulateCaches(const std::vector<Access> &accesses, size_t sites, const Caches &caches) {
  const unsigned lineBytes = caches[0].line;
  const LineNumbers numbers(accesses, lineBytes);
  std::vector<Level> levels;
  levels.reserve(caches.size() - 1);
  for (size_t i = 0; i + 1 < caches.size(); ++i)
    levels.emplace_back(caches[i], numbers.count(), sites);
  for (const Access &access : accesses) {
    const uint64_t last = (access.address + access.bytes - 1) / lineBytes;
    for (uint64_t number = access.address / lineBytes; number <= last; ++number) {
      const uint32_t line = numbers.of(number);
      for (Level &level : levels)
        if (level.touch(number, line, access.site))
          break;
    }
  }
  std::vector<LevelResult> results;
  for (Level &level : levels)
    results.push_back(std::move(level.result));
  return results;
}

double memoryCycles(const std::vector<LevelResult> &levels, const Caches &caches) {
  double cycles = levels.empty() ? 0 : double(levels[0].total.accesses);
  for (size_t i = 0; i < levels.size(); ++i)
    cycles += double(levels[i].total.misses()) * missCycles(caches, i);
  return cycles;
}

} // namespace vtpu::analysis
