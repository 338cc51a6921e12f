//===- SpaceRowsTest.cpp - Memory by coordinate in every tier ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows over the space of a call against models made of maps and arrays.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "RunWords.h"
#include "vtpu/Memory/CoordinateText.h"
#include "vtpu/Runtime/SentronMemory.h"

#include <algorithm>
#include <deque>
#include <map>

using namespace vtpu;

namespace {
/// A space for each tier's run, filled alike.
class Spaces {
public:
  explicit Spaces(std::function<void(mem::Space &)> fill = [](mem::Space &) {}) : fill(std::move(fill)) {}

  rt::Trap run(const std::string &words, test::Memory &memory) {
    return test::run(words, memory, [&](rt::SentronContext &context) {
      spaces.emplace_back();
      fill(spaces.back());
      memories.emplace_back(spaces.back());
      context.memory = &memories.back();
    });
  }
  std::deque<mem::Space> spaces;
  std::deque<rt::SentronMemory> memories;

private:
  std::function<void(mem::Space &)> fill;
};

Coordinate at(const std::string &text) {
  Result<Coordinate> c = parseCoordinate(text);
  EXPECT_TRUE(c.ok()) << text << ": " << c.message();
  return c ? *c : Coordinate();
}
mem::RegionSpec box(const std::string &name, const Coordinate &first, const Coordinate &last, isa::Type type) {
  mem::RegionSpec spec;
  spec.name = name;
  spec.box = {first, last};
  spec.type = type;
  return spec;
}
void bind(mem::Space &space, mem::RegionSpec spec) {
  auto region = space.bind(std::move(spec));
  ASSERT_TRUE(region.ok()) << region.message();
}
} // namespace

TEST(SpaceRows, GetAndPutAgreeWithAModel) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  const Coordinate corner = at("1.1.1/1.1.1/1.1.1.4.20"), end = at("1.1.1/1.1.1/1.1.1.6.43");
  constexpr unsigned ops = 120, step = 160; // of an operation: coordinate, mask, lanes in, lanes out
  for (mem::Layout layout : {mem::Layout::rowMajor, mem::Layout::blocked, mem::Layout::morton}) {
    std::map<Coordinate, uint64_t> model; // bits of elements and cells
    test::Memory memory(ops * step);
    for (uint8_t &byte : memory.bytes)
      byte = uint8_t(random());
    std::vector<uint8_t> expected = memory.bytes;
    std::string words;
    for (unsigned op = 0; op < ops; ++op) {
      const bool put = random() % 2, wide = random() % 2, zeroing = random() % 2, masked = random() % 3;
      const unsigned length = unsigned(random() % 3), width = wide ? 8 : 4, lanes = (16u << length) / width, base = op * step;
      // Rows 3..7 meet the region in columns 20..43, which holds f32; 64-bit accesses stay off its rows.
      Coordinate c = corner.with(9, wide ? 2 + 5 * int64_t(random() % 2) : 3 + int64_t(random() % 4)).with(10, 5 + int64_t(random() % 40));
      std::memcpy(&memory.bytes[base], &c, 16);
      const uint64_t mask = random() & random();
      std::memcpy(&memory.bytes[base + 16], &mask, 8);
      std::memcpy(&expected[base], &memory.bytes[base], 24);
      for (unsigned i = 0; i < lanes; ++i) {
        uint8_t *out = &expected[base + 96 + i * width];
        const uint8_t *in = &memory.bytes[base + 24 + i * width];
        uint64_t &element = model[c.step(10, i)];
        if (masked && !(mask >> i & 1)) {
          put || zeroing ? void(std::memset(out, 0, width)) : void(std::memcpy(out, in, width));
        } else if (put) {
          element = 0;
          std::memcpy(&element, in, width);
          std::memset(out, 0, width);
        } else {
          std::memcpy(out, &element, width);
        }
      }
      std::memset(&expected[base + 96 + lanes * width], 0, 64 - lanes * width);
      // Region elements are floats only by their name here: their bits are any.
      const char *type = wide ? (op % 2 ? "f64" : "i64") : "f32";
      const std::string head = fmt::format("{}.{}.{} v1, p3", put ? "cput" : "cget", type, 128 << length);
      words += fmt::format("{{ S: sldp p3, [r0 + {}] }}\n{{ S: sldr.i64 r1, [r0 + {}] }}\n{{ C: kput k2, r1 }}\n{{ S: sld.i64.i64.512 v1, [r0 + {}] }}\n"
                           "{{ S: {}{} }}\n",
                           base, base + 16, base + 24, head, !masked ? "" : !put && zeroing ? " {k2}{z}" : " {k2}");
      if (put)
        words += "{ D: dimm.i64.512 v1, 0 }\n";
      words += fmt::format("{{ S: sst.i64.i64.512 v1, [r0 + {}] }}\n", base + 96);
    }
    Spaces spaces([&](mem::Space &space) {
      mem::RegionSpec spec = box("r", corner, end, isa::Type::f32);
      spec.layout = layout;
      if (layout == mem::Layout::blocked)
        spec.block[10] = 5;
      bind(space, std::move(spec));
    });
    EXPECT_EQ(spaces.run(words, memory).cause, rt::TrapCause::none);
    ASSERT_EQ(memory.bytes, expected);
    for (const mem::Space &space : spaces.spaces) {
      uint64_t cells = 0;
      for (const auto &[c, bits] : model) {
        uint64_t found = 0;
        if (const mem::Place place = space.find(c))
          std::memcpy(&found, place.data, place.region ? 4 : 8);
        cells += space.find(c) && !space.find(c).region;
        ASSERT_EQ(found, bits) << printCoordinate(c);
      }
      EXPECT_EQ(space.usage().cells, cells);
      EXPECT_GT(cells, 0u);
    }
  }
}

TEST(SpaceRows, RefusedAccessesSayWhy) {
  Spaces spaces([](mem::Space &space) {
    bind(space, box("weights", at("1.0.0/0.0.0/0.0.0.0.0"), at("1.0.0/0.0.0/0.0.0.0.7"), isa::Type::f16));
    mem::RegionSpec fixed = box("fixed", at("2.0.0/0.0.0/0.0.0.0.0"), at("2.0.0/0.0.0/0.0.0.0.7"), isa::Type::f32);
    fixed.writable = false;
    bind(space, std::move(fixed));
  });
  test::Memory memory(64);
  auto refused = [&](const std::string &access, const std::string &coordinate) {
    const rt::Trap trap = spaces.run(fmt::format("{{ D: dimm.i64.512 v1, 0 ; C: kset k1, 4 }}\n{{ S: pcoord p1 }} @{}\n{{ S: {} }}\n", coordinate, access), memory);
    EXPECT_EQ(trap.cause, rt::TrapCause::space);
    EXPECT_EQ(trap.word, 3u);
    return spaces.memories.back().error;
  };
  EXPECT_EQ(refused("cget.f32.128 v1, p1", "1.0.0/0.0.0/0.0.0.0.4"),
            "region 'weights' holds f16 at 1.0.0/0.0.0/0.0.0.0.4, not f32; use its type");
  EXPECT_EQ(refused("cput.i64.512 v1, p1", "0.2047.2047/2047.2047.2047/2047.2047.2047.2047.2044"),
            "element 7 behind 0.2047.2047/2047.2047.2047/2047.2047.2047.2047.2044 would have the column (dimension 10) 2051; columns end at 2047");
  EXPECT_EQ(refused("cput.f32.256 v1, p1 {k1}", "2.0.0/0.0.0/0.0.0.0.3"), "region 'fixed' at 2.0.0/0.0.0/0.0.0.0.3 is not writable; write to another coordinate");
  // The mask keeps the rest of the vector away from the edge and from the region.
  EXPECT_EQ(spaces.run("{ C: kset k1, 4 }\n{ S: pcoord p1 } @0.2047.2047/2047.2047.2047/2047.2047.2047.2047.2044\n{ S: cget.f32.512 v1, p1 {k1}{z} }\n",
                       memory).cause,
            rt::TrapCause::none);
}

TEST(SpaceRows, WithoutASpaceTheCallEnds) {
  test::Memory memory(64);
  EXPECT_EQ(test::run("{ S: pcoord p1 } @0.0.0/0.0.0/0.0.0.0.1\n{ S: cget.f32.512 v1, p1 }\n", memory).cause, rt::TrapCause::stopped);
}

namespace {
/// Cells near each other and far apart, with their own value.
std::map<Coordinate, int64_t> someCells(std::mt19937_64 &random) {
  std::map<Coordinate, int64_t> cells;
  const Coordinate base = at("3.3.3/3.3.3/3.3.3.3.3");
  for (unsigned i = 0; i < 60; ++i) {
    Coordinate c = i % 10 ? base : Coordinate();
    for (unsigned change = 0; change < 1 + i % 3; ++change)
      c = c.with(unsigned(random() % 11), int64_t(random() % 12));
    cells[c] = int64_t(random());
  }
  return cells;
}
} // namespace

TEST(SpaceRows, WalksNameTheCellsThatTheyDescribe) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (int round = 0; round < 12; ++round) {
    const std::map<Coordinate, int64_t> cells = someCells(random);
    Spaces spaces([&](mem::Space &space) {
      for (const auto &[c, value] : cells)
        ASSERT_TRUE(space.store(c, isa::Type::i64, 1, &value).ok());
      bind(space, box("r", at("9.0.0/0.0.0/0.0.0.0.0"), at("9.0.0/0.0.0/0.0.0.9.9"), isa::Type::f32)); // no part of queries
    });
    const Coordinate center = round % 2 ? std::next(cells.begin(), long(random() % cells.size()))->first : at("3.3.3/3.3.3/3.3.3.3.3");
    const unsigned count = unsigned(random() % 12), mask = unsigned(random() % 2048);
    const int64_t radius = round == 0 ? -1 : round == 1 ? INT64_MAX : int64_t(random() % 14), differing = int64_t(random() % 5) - 1;
    struct Walk {
      std::string row;
      std::function<bool(const Coordinate &)> matches;
    };
    const Walk walks[] = {
        {fmt::format("crange p1, r3, p0, {}", count),
         [&](const Coordinate &c) {
           const auto a = c.components(), b = center.components();
           return std::equal(a.begin(), a.begin() + count, b.begin());
         }},
        {fmt::format("shyper p1, r3, p0, {}", mask),
         [&](const Coordinate &c) {
           for (unsigned d = 0; d < 11; ++d)
             if (mask >> d & 1 && c[d] != center[d])
               return false;
           return true;
         }},
        {"sneighbr p1, r3, p0, r1", [&](const Coordinate &c) { return int64_t(c.manhattan(center)) <= radius; }},
        {"shypball p1, r3, p0, r2", [&](const Coordinate &c) { return int64_t(c.hamming(center)) <= differing; }},
    };
    for (const Walk &walk : walks) {
      // The walk stores what it finds, one coordinate after the other, then the number.
      test::Memory memory(64 + 64 * 16);
      *memory.as<Coordinate>(0) = center;
      *memory.as<int64_t>(32) = radius;
      *memory.as<int64_t>(40) = differing;
      EXPECT_EQ(spaces.run("{ S: sldp p0, [r0] ; C: cimm r3, 0 }\n{ S: sldp p1, [r0 + 16] ; C: cimm r4, 0 }\n{ S: sldr.i64 r1, [r0 + 32] }\n"
                           "{ S: sldr.i64 r2, [r0 + 40] }\n{ C: cmov r5, r0 }\nnext:\n{ S: " + walk.row + " }\n{ C: cbcci.eq r3, 0, end }\n"
                           "{ S: sstp p1, [r5 + 64] ; C: caddi r5, r5, 16 }\n{ C: caddi r4, r4, 1 }\n{ C: cbr next }\nend:\n{ S: sstr.i64 r4, [r0] }\n",
                           memory).cause,
                rt::TrapCause::none);
      std::vector<Coordinate> expected;
      for (const auto &[c, value] : cells)
        if (walk.matches(c))
          expected.push_back(c);
      ASSERT_EQ(*memory.as<int64_t>(0), int64_t(expected.size())) << walk.row;
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(memory.coordinate(64 + 16 * i), expected[i]) << walk.row;
    }
    // By distance; and writing to a pattern.
    std::vector<std::pair<unsigned, Coordinate>> byDistance;
    for (const auto &[c, value] : cells)
      byDistance.emplace_back(c.manhattan(center), c);
    std::sort(byDistance.begin(), byDistance.end());
    const int64_t rank = int64_t(random() % (cells.size() + 2));
    test::Memory memory(64);
    *memory.as<Coordinate>(0) = center;
    *memory.as<int64_t>(32) = rank;
    EXPECT_EQ(spaces.run(fmt::format("{{ S: sldp p0, [r0] }}\n{{ S: sldr.i64 r1, [r0 + 32] }}\n{{ S: cnearest p1, r2, p0, r1 }}\n"
                                     "{{ S: sstp p1, [r0] }}\n{{ S: sstr.i64 r2, [r0 + 16] ; C: cimm r3, -5 }}\n"
                                     "{{ S: shwrite r4, p0, r3, {} }}\n{{ S: sstr.i64 r4, [r0 + 24] }}\n", mask), memory).cause,
              rt::TrapCause::none);
    const bool exists = rank >= 1 && rank <= int64_t(cells.size());
    EXPECT_EQ(memory.coordinate(0), exists ? byDistance[size_t(rank - 1)].second : Coordinate());
    EXPECT_EQ(*memory.as<int64_t>(16), exists ? int64_t(byDistance[size_t(rank - 1)].first) : -1);
    int64_t written = 0;
    for (const auto &[c, value] : cells) {
      const bool matches = walks[1].matches(c);
      written += matches;
      int64_t found = 0;
      ASSERT_TRUE(spaces.spaces.back().load(c, isa::Type::i64, 1, &found).ok());
      EXPECT_EQ(found, matches ? -5 : value);
    }
    EXPECT_EQ(*memory.as<int64_t>(24), written);
  }
}

TEST(SpaceRows, RegionsComeAndGo) {
  Spaces spaces;
  test::Memory memory(64);
  const std::string corners = "{ S: pcoord p1 } @1.0.0/0.0.0/0.0.0.0.0\n{ S: pcoord p2 } @1.0.0/0.0.0/0.0.0.3.3\n";
  for (const char *layout : {"0", "1", "2"}) {
    // The values of a region are gone with it, and its place is free for cells and another region.
    std::fill(memory.bytes.begin(), memory.bytes.end(), 1);
    EXPECT_EQ(spaces.run(corners + "{ D: dimm.i32.512 v1, 7 ; C: kset k1, 3 }\n{ S: salloc.i32 p1, p2, " + layout + " }\n{ S: cput.i32.128 v1, p1 {k1} }\n"
                         "{ S: cprefch p1, 2 }\n{ S: sflush p1 }\n{ S: cget.i32.128 v2, p1 }\n{ S: sst.i32.i32.128 v2, [r0] }\n{ S: sfree p2 }\n"
                         "{ S: sflush p1 }\n{ S: cprefch p1, 0 }\n{ S: cget.i64.128 v2, p1 }\n{ S: sst.i64.i64.128 v2, [r0 + 16] }\n"
                         "{ S: cput.i64.128 v1, p1 {k1} }\n{ S: sfree p1 }\n{ S: cget.i64.128 v2, p1 }\n{ S: sst.i64.i64.128 v2, [r0 + 32] }\n",
                         memory).cause,
              rt::TrapCause::none);
    EXPECT_EQ(std::vector<int32_t>(memory.as<int32_t>(0), memory.as<int32_t>(32)), (std::vector<int32_t>{7, 7, 7, 0, 0, 0, 0, 0}));
    EXPECT_EQ(std::vector<int64_t>(memory.as<int64_t>(32), memory.as<int64_t>(48)), (std::vector<int64_t>{0, 0x700000007}));
  }
  auto refused = [&](const std::string &words) {
    EXPECT_EQ(spaces.run(corners + words, memory).cause, rt::TrapCause::space);
    return spaces.memories.back().error;
  };
  EXPECT_EQ(refused("{ S: sfree p1 }\n"), "there is neither a region nor a cell at 1.0.0/0.0.0/0.0.0.0.0 that could be released");
  EXPECT_EQ(refused("{ S: salloc.f32 p2, p1, 0 }\n"), "region 'salloc': box 1.0.0/0.0.0/0.0.0.3.3..1.0.0/0.0.0/0.0.0.0.0 has a first corner behind "
                                                      "its last; no component of the first may be greater");
  EXPECT_EQ(refused("{ D: dimm.i64.512 v1, 1 }\n{ S: cput.f32.128 v1, p1 }\n{ S: salloc.f32 p1, p2, 0 }\n"),
            "region 'salloc' in box 1.0.0/0.0.0/0.0.0.0.0..1.0.0/0.0.0/0.0.0.3.3 would hide the cell at 1.0.0/0.0.0/0.0.0.0.0; erase the cell first");
}

TEST(SpaceRows, TablesOfASentron) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  // Values numbered as they come, in two tables; entries by coordinate.
  constexpr unsigned steps = 40;
  test::Memory memory(steps * 96);
  std::string words;
  std::map<std::pair<unsigned, int64_t>, int64_t> numbers;
  int64_t known[2] = {};
  std::vector<std::pair<Coordinate, int64_t>> entries;
  std::vector<std::array<int64_t, 8>> expected;
  auto similarity = [](const Coordinate &a, const Coordinate &b) {
    const auto x = rt::encodeCoordinate(a.components(), 0, 0), y = rt::encodeCoordinate(b.components(), 0, 0);
    int64_t equal = 0;
    for (unsigned bit = 0; bit < 512; ++bit)
      equal += (x[bit / 64] >> bit % 64 & 1) == (y[bit / 64] >> bit % 64 & 1);
    return equal;
  };
  std::vector<Coordinate> routed;
  for (unsigned step = 0; step < steps; ++step) {
    const unsigned base = step * 96, table = unsigned(random() % 2), operation = step < 3 ? step % 3 + 1 : unsigned(random() % 4);
    const int64_t value = int64_t(random() % 9) - 4;
    const Coordinate key = at("1.1.1/1.1.1/1.1.1.1.1").with(unsigned(random() % 3), int64_t(random() % 3) * 700);
    *memory.as<Coordinate>(base) = key;
    *memory.as<int64_t>(base + 16) = value;
    words += fmt::format("{{ S: sldp p1, [r0 + {}] }}\n{{ S: sldr.i64 r1, [r0 + {}] }}\n{{ S: sdedup r2, r1, {} }}\n{{ S: sstr.i64 r2, [r0 + {}] }}\n"
                         "{{ S: sassoc r2, r3, p1, r1, {} }}\n{{ S: sstr.i64 r2, [r0 + {}] }}\n{{ S: sstr.i64 r3, [r0 + {}] }}\n"
                         "{{ S: sroute p2, r3, p1 }}\n{{ S: sstr.i64 r3, [r0 + {}] }}\n{{ S: sstp p2, [r0 + {}] }}\n",
                         base, base + 16, table * 15, base + 32, operation, base + 40, base + 48, base + 56, base + 64);
    auto [number, isNew] = numbers.emplace(std::make_pair(table, value), known[table]);
    known[table] += isNew;
    int64_t result = 0, equal = 0;
    auto best = [&]() -> const std::pair<Coordinate, int64_t> * {
      const std::pair<Coordinate, int64_t> *found = nullptr;
      for (const auto &entry : entries)
        if (!found || similarity(entry.first, key) > similarity(found->first, key))
          found = &entry;
      return found;
    };
    auto first = std::find_if(entries.begin(), entries.end(), [&](const auto &entry) { return entry.first == key; });
    if (operation == 0) {
      result = int64_t(entries.size());
      entries.emplace_back(key, value);
    } else if (operation == 1) {
      result = first != entries.end() ? first->second : 0;
      equal = first != entries.end() ? 512 : -1;
    } else if (operation == 2) {
      result = best() ? best()->second : 0;
      equal = best() ? similarity(best()->first, key) : -1;
    } else {
      result = std::count_if(entries.begin(), entries.end(), [&](const auto &entry) { return entry.first == key; });
    }
    expected.push_back({number->second, result, equal, best() ? similarity(best()->first, key) : -1});
    routed.push_back(best() ? best()->first : Coordinate());
  }
  Spaces spaces;
  EXPECT_EQ(spaces.run(words, memory).cause, rt::TrapCause::none);
  for (unsigned step = 0; step < steps; ++step) {
    for (unsigned i = 0; i < 4; ++i)
      ASSERT_EQ(*memory.as<int64_t>(step * 96 + 32 + 8 * i), expected[step][i]) << "step " << step << ", result " << i;
    ASSERT_EQ(memory.coordinate(step * 96 + 64), routed[step]);
  }
}
