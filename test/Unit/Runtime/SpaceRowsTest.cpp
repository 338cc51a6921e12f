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
