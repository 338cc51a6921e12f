//===- SpaceTest.cpp - Memory by coordinate ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Space.h"
#include "RandomCoordinates.h"
#include "vtpu/Memory/CoordinateText.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <thread>

using namespace vtpu;
using namespace vtpu::mem;

namespace {
uint64_t read(const uint8_t *data) {
  uint64_t value;
  std::memcpy(&value, data, sizeof value);
  return value;
}
void write(const Place &place, uint64_t value) { std::memcpy(place.data, &value, sizeof value); }

/// Coordinates in clusters, so that pages hold several cells, planes and rows interleave, and queries have neighbours to find.
Coordinate clustered(std::mt19937_64 &random) {
  Coordinate c = random() % 8 ? Coordinate::uniform(unsigned(random() % 2) * 1000 + 100) : test::randomCoordinate(random);
  for (unsigned d : {0u, 5u, 7u, 8u, 8u, 9u, 9u, 9u, 10u, 10u, 10u})
    if (random() % 2)
      c = c.step(d, int64_t(random() % 25) - 12);
  return c;
}

RegionSpec specOf(std::string name, const Box &box) {
  RegionSpec spec;
  spec.name = std::move(name);
  spec.box = box;
  spec.type = isa::Type::i64;
  return spec;
}
} // namespace

TEST(Space, AgreesWithAMap) {
  std::mt19937_64 random(test::seed());
  Space space;
  std::map<Coordinate, uint64_t> oracle;
  TranslationCache cache;
  std::vector<Coordinate> used;
  for (unsigned step = 0; step < 60000; ++step) {
    const Coordinate c = used.empty() || random() % 3 == 0 ? clustered(random) : used[random() % used.size()];
    TranslationCache *with = random() % 2 ? &cache : nullptr;
    switch (random() % 4) {
    case 0:
    case 1: {
      const uint64_t value = random();
      Place place = space.touch(c, with);
      ASSERT_TRUE(place && place.writable());
      ASSERT_EQ(read(place.data), oracle.count(c) ? oracle[c] : 0) << printCoordinate(c) << " seed " << test::seed();
      write(place, value);
      oracle[c] = value;
      used.push_back(c);
      break;
    }
    case 2: {
      Place place = space.find(c, with);
      auto it = oracle.find(c);
      ASSERT_EQ(bool(place), it != oracle.end()) << printCoordinate(c) << " seed " << test::seed();
      if (place) {
        ASSERT_EQ(read(place.data), it->second) << printCoordinate(c) << " seed " << test::seed();
      }
      break;
    }
    case 3:
      ASSERT_EQ(space.erase(c), oracle.erase(c) > 0) << printCoordinate(c) << " seed " << test::seed();
    }
  }
  EXPECT_EQ(space.usage().cells, oracle.size());
  EXPECT_GT(cache.hits, 0u);
  // All of them at once, beside as many that do not exist.
  std::vector<Coordinate> asked;
  for (auto &[c, value] : oracle)
    asked.push_back(c);
  for (size_t i = 0, n = asked.size(); i < n; ++i)
    asked.push_back(clustered(random));
  std::shuffle(asked.begin(), asked.end(), random);
  std::vector<uint8_t *> addresses(asked.size());
  const size_t found = space.translate(asked.data(), asked.size(), addresses.data());
  EXPECT_EQ(found, size_t(std::count_if(addresses.begin(), addresses.end(), [](uint8_t *p) { return p != nullptr; })));
  for (size_t i = 0; i < asked.size(); ++i) {
    auto it = oracle.find(asked[i]);
    const uint64_t expected = it == oracle.end() ? 0 : it->second;
    ASSERT_EQ(addresses[i] ? read(addresses[i]) : 0, expected) << printCoordinate(asked[i]) << " seed " << test::seed();
    ASSERT_TRUE(it == oracle.end() || addresses[i] == space.find(asked[i]).data);
  }
  for (auto &[c, value] : oracle)
    ASSERT_TRUE(space.erase(c));
  EXPECT_EQ(space.usage().pages, 0u);
  EXPECT_EQ(space.usage().tableBytes, Space::baseBytes);
}

TEST(Space, CoordinatesOfTheOriginalsAliasesStayApart) {
  // Pairs that shared a cell when dimensions were cut to 7, 8 or 9 bits.
  Space space;
  for (unsigned d = 0; d < 11; ++d)
    for (unsigned bit = 0; bit < 11; ++bit)
      write(space.touch(Coordinate::uniform(1).with(d, 1 << bit)), d * 100 + bit + 1);
  for (unsigned d = 0; d < 11; ++d)
    for (unsigned bit = 1; bit < 11; ++bit)
      EXPECT_EQ(read(space.find(Coordinate::uniform(1).with(d, 1 << bit)).data), d * 100 + bit + 1);
}

TEST(Space, QueriesAgreeWithAMap) {
  std::mt19937_64 random(test::seed());
  Space space;
  std::vector<Coordinate> cells;
  for (unsigned i = 0; i < 3000; ++i)
    cells.push_back(clustered(random));
  // A family for `children`.
  const Coordinate root = Coordinate({7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0});
  for (const Coordinate &c : {root, root.child(1), root.child(2047), root.child(5).child(3), root.with(4, 1)})
    cells.push_back(c);
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  for (const Coordinate &c : cells)
    write(space.touch(c), c.hash());

  auto same = [&](const Query &query, auto matches, const std::string &what) {
    std::vector<Coordinate> expected, found;
    std::copy_if(cells.begin(), cells.end(), std::back_inserter(expected), matches);
    space.forEach(query, [&](const Coordinate &c, const uint8_t *data) {
      EXPECT_EQ(read(data), c.hash());
      found.push_back(c);
    });
    EXPECT_EQ(found, expected) << what << " seed " << test::seed();
  };
  same(Query::all(), [](const Coordinate &) { return true; }, "all");
  for (unsigned round = 0; round < 40; ++round) {
    const Coordinate c = round % 4 ? cells[random() % cells.size()] : clustered(random);
    const unsigned prefix = unsigned(random() % 12), mask = unsigned(random() & random() & 0x7ff), radius = unsigned(random() % 40),
                   dimensions = unsigned(random() % 6);
    const std::string at = printCoordinate(c);
    same(Query::prefix(c, prefix), [&](const Coordinate &o) { return o.samePrefix(c, prefix); }, "prefix of " + at);
    same(
        Query::pattern(c, mask),
        [&](const Coordinate &o) {
          for (unsigned d = 0; d < 11; ++d)
            if (mask >> d & 1 && o[d] != c[d])
              return false;
          return true;
        },
        "pattern of " + at);
    same(Query::manhattan(c, radius), [&](const Coordinate &o) { return o.manhattan(c) <= radius; }, "ball at " + at);
    same(Query::hamming(c, dimensions), [&](const Coordinate &o) { return o.hamming(c) <= dimensions; }, "Hamming ball at " + at);
    same(Query::children(c), [&](const Coordinate &o) { return o != c && o.depth() == c.depth() + 1 && o.parent() == c; }, "children of " + at);
    // One step from anywhere.
    const Coordinate after = clustered(random);
    auto upper = std::find_if(std::upper_bound(cells.begin(), cells.end(), after), cells.end(),
                              [&](const Coordinate &o) { return o.manhattan(c) <= radius; });
    std::optional<Coordinate> next = space.next(after, Query::manhattan(c, radius));
    ASSERT_EQ(next.has_value(), upper != cells.end());
    if (next) {
      EXPECT_EQ(*next, *upper);
    }
    // The nearest.
    std::vector<std::pair<unsigned, Coordinate>> byDistance;
    for (const Coordinate &o : cells)
      byDistance.emplace_back(c.manhattan(o), o);
    std::sort(byDistance.begin(), byDistance.end());
    for (size_t k : {size_t(1), size_t(2), size_t(1 + random() % 50), cells.size()})
      EXPECT_EQ(space.nearest(c, k), byDistance[k - 1].second) << at << " " << k << " seed " << test::seed();
  }
  same(Query::children(root), [&](const Coordinate &o) { return o == root.child(1) || o == root.child(2047); }, "children of the root");
  EXPECT_EQ(space.nearest(root, 0), std::nullopt);
  EXPECT_EQ(space.nearest(root, cells.size() + 1), std::nullopt);
  EXPECT_EQ(space.next(Coordinate::uniform(2047), Query::all()), std::nullopt);
}

TEST(Space, APageCostsAPage) {
  // The worst case: every cell in a page of its own.
  std::mt19937_64 random(test::seed());
  Space space;
  std::vector<Coordinate> cells;
  for (unsigned i = 0; i < 2000; ++i) {
    cells.push_back(test::randomCoordinate(random));
    space.touch(cells.back());
    const Usage usage = space.usage();
    ASSERT_LE(usage.pageBytes, usage.pages * Space::pageBytes);
    ASSERT_LE(usage.tableBytes, Space::baseBytes + usage.pages * Space::pageOverhead);
  }
  EXPECT_EQ(Space::pageBytes, 4096u + 128u);
  std::shuffle(cells.begin(), cells.end(), random);
  for (const Coordinate &c : cells) {
    space.erase(c);
    const Usage usage = space.usage();
    ASSERT_LE(usage.tableBytes, Space::baseBytes + usage.pages * Space::pageOverhead);
  }
  EXPECT_EQ(space.usage().pages, 0u);
  EXPECT_EQ(space.usage().cells, 0u);
  // Reading makes nothing.
  EXPECT_FALSE(space.find(cells[0]));
  uint8_t *address;
  EXPECT_EQ(space.translate(cells.data(), 1, &address), 0u);
  EXPECT_EQ(address, nullptr);
  EXPECT_EQ(space.usage().pages, 0u);
}

TEST(Space, RegionsAndCellsShareTheSpace) {
  Space space;
  TranslationCache cache;
  const Coordinate origin = Coordinate::uniform(8);
  // A region that covers parts of pages, with cells around it in the same pages.
  Box box{origin.with(10, 10).with(9, 9), origin.with(10, 21).with(9, 12)};
  write(space.touch(origin), 1);
  Result<const Region *> bound = space.bind(specOf("a", box));
  ASSERT_TRUE(bound.ok()) << bound.message();
  const Region *region = *bound;
  std::vector<Coordinate> around;
  for (unsigned line = 8; line < 14; ++line)
    for (unsigned column = 8; column < 24; ++column) {
      const Coordinate c = origin.with(9, line).with(10, column);
      around.push_back(c);
      for (unsigned repeat = 0; repeat < 2; ++repeat) {
        Place place = space.touch(c, &cache);
        ASSERT_EQ(place.region, box.contains(c) ? region : nullptr) << printCoordinate(c);
        if (place.region) {
          ASSERT_EQ(place.data, region->address(c));
        }
      }
      write(space.touch(c), line * 100 + column);
      ASSERT_EQ(space.regionAt(c), box.contains(c) ? region : nullptr);
    }
  std::vector<uint8_t *> addresses(around.size());
  EXPECT_EQ(space.translate(around.data(), around.size(), addresses.data()), around.size());
  for (size_t i = 0; i < around.size(); ++i) {
    EXPECT_EQ(read(addresses[i]), around[i][9] * 100 + around[i][10]);
    EXPECT_EQ(read(space.find(around[i], &cache).data), around[i][9] * 100 + around[i][10]);
  }
  const uint64_t outside = around.size() - 4 * 12;
  EXPECT_EQ(space.usage().cells, outside);
  size_t walked = 0;
  space.forEach(Query::all(), [&](const Coordinate &c, const uint8_t *) { walked += !box.contains(c); });
  EXPECT_EQ(walked, outside);
  // Releasing the region leaves the cells around it, and room for cells in its place.
  EXPECT_EQ(space.usage().regionBytes, 4u * 12 * 8);
  EXPECT_TRUE(space.release(box.first).ok());
  EXPECT_EQ(space.usage().regionBytes, 0u);
  for (const Coordinate &c : around)
    EXPECT_EQ(bool(space.find(c, &cache)), !box.contains(c)) << printCoordinate(c);
  EXPECT_EQ(space.touch(box.first, &cache).region, nullptr);
  EXPECT_TRUE(space.release(box.first).ok()) << "a cell is released too";
  EXPECT_EQ(space.release(box.first).message(), "there is neither a region nor a cell at 8.8.8/8.8.8/8.8.8.9.10 that could be released");
}

TEST(Space, RefusesRegionsThatWouldHideSomething) {
  Space space;
  const Coordinate o = Coordinate::uniform(3);
  ASSERT_TRUE(space.bind(specOf("a", {o, o.with(10, 9)})).ok());
  EXPECT_EQ(space.bind(specOf("b", {o.with(10, 9), o.with(10, 12)})).message(),
            "region 'b' in box 3.3.3/3.3.3/3.3.3.3.9..3.3.3/3.3.3/3.3.3.3.12 overlaps region 'a' in box "
            "3.3.3/3.3.3/3.3.3.3.3..3.3.3/3.3.3/3.3.3.3.9; release that one or move this one");
  EXPECT_TRUE(space.bind(specOf("b", {o.with(10, 10), o.with(10, 12)})).ok());
  space.touch(o.with(0, 4));
  EXPECT_EQ(space.bind(specOf("c", {o.with(0, 4), o.with(0, 5)})).message(),
            "region 'c' in box 4.3.3/3.3.3/3.3.3.3.3..5.3.3/3.3.3/3.3.3.3.3 would hide the cell at 4.3.3/3.3.3/3.3.3.3.3; erase the cell first");
  EXPECT_TRUE(space.bind(specOf("c", {o.with(0, 5), o.with(0, 6)})).ok());
  EXPECT_EQ(space.bind(specOf("d", {o.with(0, 9), o.with(0, 8)})).message(),
            "region 'd': box 9.3.3/3.3.3/3.3.3.3.3..8.3.3/3.3.3/3.3.3.3.3 has a first corner behind its last; no component of the first may be "
            "greater");
  RegionSpec spec = specOf("e", {o.with(1, 9), o.with(1, 9)});
  spec.writable = false;
  ASSERT_TRUE(space.bind(spec).ok());
  EXPECT_FALSE(space.find(o.with(1, 9)).writable());
  EXPECT_EQ(space.usage().regions, 4u);
}

TEST(Space, LinesArePrefetchedAndFlushedWhereThereIsStorage) {
  Space space;
  std::vector<Coordinate> coordinates;
  for (unsigned i = 0; i < 100; ++i)
    coordinates.push_back(Coordinate::uniform(i * 20));
  for (unsigned i = 0; i < 100; i += 2)
    write(space.touch(coordinates[i]), i);
  for (PrefetchHint hint : {PrefetchHint::L1, PrefetchHint::L2, PrefetchHint::L3, PrefetchHint::NTA})
    EXPECT_EQ(space.prefetch(coordinates.data(), coordinates.size(), hint), 50u);
  for (unsigned i = 0; i < 100; ++i) {
    EXPECT_EQ(space.flush(coordinates[i]), i % 2 == 0);
    if (i % 2 == 0) {
      EXPECT_EQ(read(space.find(coordinates[i]).data), i);
    }
  }
  EXPECT_EQ(space.usage().cells, 50u);
}

TEST(Space, ThreadsWorkOnCellsOfTheirOwn) {
  // Threads touch, read and erase interleaved cells of the same pages while another binds and releases regions elsewhere; pages come and go.
  constexpr unsigned threads = 4, rounds = 200, cellsPerRound = 24;
  Space space;
  std::atomic<unsigned> errors{0};
  std::vector<std::thread> team;
  for (unsigned t = 0; t < threads; ++t)
    team.emplace_back([&, t] {
      std::mt19937_64 random(test::seed() + t);
      TranslationCache cache;
      for (unsigned round = 0; round < rounds; ++round) {
        std::vector<Coordinate> mine;
        for (unsigned i = 0; i < cellsPerRound; ++i)
          mine.push_back(Coordinate::uniform(unsigned(random() % 6)).with(7, round % 3).with(10, int64_t(i) * threads + t));
        std::sort(mine.begin(), mine.end());
        mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
        for (const Coordinate &c : mine)
          write(space.touch(c, &cache), c.hash() + round);
        std::vector<uint8_t *> addresses(mine.size());
        errors += space.translate(mine.data(), mine.size(), addresses.data()) != mine.size();
        for (size_t i = 0; i < mine.size(); ++i) {
          Place place = space.find(mine[i], &cache);
          errors += !place || place.data != addresses[i] || read(place.data) != mine[i].hash() + round;
          errors += !space.find(mine[i]);
        }
        errors += space.next(Coordinate(), Query::all()) == std::nullopt;
        for (const Coordinate &c : mine)
          errors += !space.erase(c) || bool(space.find(c, &cache));
      }
    });
  team.emplace_back([&] {
    for (unsigned round = 0; round < rounds; ++round) {
      const Coordinate place = Coordinate::uniform(1000 + round % 7);
      Result<const Region *> region = space.bind(specOf("r", {place, place.with(10, 1500)}));
      errors += !region.ok() || space.find(place.with(10, 1400)).region != *region;
      errors += !space.release(place).ok();
    }
  });
  for (std::thread &thread : team)
    thread.join();
  EXPECT_EQ(errors.load(), 0u) << "seed " << test::seed();
  EXPECT_EQ(space.usage().cells, 0u);
  EXPECT_EQ(space.usage().pages, 0u);
}
