//===- RegionTest.cpp - Boxes of coordinates over storage -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Region.h"
#include "RandomCoordinates.h"

#include <gtest/gtest.h>
#include <set>

using namespace vtpu;
using namespace vtpu::mem;

namespace {
RegionSpec specOf(const Box &box, Layout layout, isa::Type type = isa::Type::f32) {
  RegionSpec spec;
  spec.name = "x";
  spec.box = box;
  spec.type = type;
  spec.layout = layout;
  return spec;
}

/// Calls `visit` with every coordinate of a small box.
template <typename Visitor>
void forEachCoordinate(const Box &box, Visitor visit) {
  Coordinate c = box.first;
  while (true) {
    visit(c);
    unsigned d = Coordinate::dimensions;
    while (d-- > 0) {
      if (c[d] < box.last[d]) {
        c = c.step(d, 1);
        break;
      }
      c = c.with(d, box.first[d]);
    }
    if (d > Coordinate::dimensions)
      return;
  }
}

/// A box of at most some thousand coordinates anywhere; with `cube`, of equal extents.
Box randomBox(std::mt19937_64 &random, bool cube) {
  Box box{test::randomCoordinate(random), {}};
  unsigned volume = 1;
  const unsigned side = 2u << random() % 2;
  box.last = box.first;
  for (unsigned i = 0; i < 5; ++i) {
    const unsigned d = unsigned(random() % 11), extent = cube ? side : 1 + unsigned(random() % 6);
    if (box.last[d] != box.first[d] || volume * extent > 4096)
      continue;
    volume *= extent;
    if (box.first[d] + extent - 1 > 2047)
      box.first = box.first.with(d, 2048 - int64_t(extent));
    box.last = box.last.with(d, int64_t(box.first[d]) + extent - 1);
  }
  return box;
}
} // namespace

TEST(Region, EveryLayoutGivesEveryCoordinateStorageOfItsOwn) {
  std::mt19937_64 random(test::seed());
  for (Layout layout : {Layout::rowMajor, Layout::blocked, Layout::morton, Layout::hilbert})
    for (unsigned round = 0; round < 60; ++round) {
      RegionSpec spec = specOf(randomBox(random, layout == Layout::hilbert), layout, round % 2 ? isa::Type::i8 : isa::Type::f64);
      if (layout == Layout::blocked)
        for (unsigned d = 0; d < 11; ++d)
          spec.block[d] = uint16_t(random() % (spec.box.extent(d) + 1));
      Result<std::unique_ptr<Region>> region = Region::create(spec);
      ASSERT_TRUE(region.ok()) << region.message() << " seed " << test::seed();
      const unsigned width = isa::byteWidth(spec.type);
      std::set<uint64_t> offsets;
      size_t count = 0;
      forEachCoordinate(spec.box, [&](const Coordinate &c) {
        const uint64_t offset = (*region)->offset(c);
        ASSERT_LE(offset + width, (*region)->bytes()) << "seed " << test::seed();
        ASSERT_EQ(offset % width, 0u);
        if (layout == Layout::rowMajor) {
          ASSERT_EQ(offset, count * width);
        }
        offsets.insert(offset);
        ++count;
        // What a tile promises about its strides is what translation says.
        const Tile tile = (*region)->tile(c);
        ASSERT_EQ(tile.data, (*region)->address(c));
        for (unsigned d = 0; d < 11; ++d)
          for (unsigned i = 1; i < tile.extents[d]; ++i)
            ASSERT_EQ(tile.data + i * tile.strides[d], (*region)->address(c.step(d, i))) << layoutName(layout) << " seed " << test::seed();
      });
      EXPECT_EQ(offsets.size(), count) << layoutName(layout) << " " << printBox(spec.box) << " seed " << test::seed();
    }
}

TEST(Region, HilbertNeighboursAreNeighboursInStorage) {
  Box box{Coordinate::uniform(5), Coordinate::uniform(5)};
  for (unsigned d : {1u, 6u, 10u})
    box.last = box.last.with(d, 12);
  Result<std::unique_ptr<Region>> region = Region::create(specOf(box, Layout::hilbert, isa::Type::i8));
  ASSERT_TRUE(region.ok()) << region.message();
  std::vector<Coordinate> order(512);
  forEachCoordinate(box, [&](const Coordinate &c) { order[(*region)->offset(c)] = c; });
  for (size_t i = 1; i < order.size(); ++i)
    EXPECT_EQ(order[i].manhattan(order[i - 1]), 1u) << i;
}

TEST(Region, LivesOverTheCallersBuffer) {
  float buffer[2][3] = {{0, 1, 2}, {3, 4, 5}};
  RegionSpec spec = specOf({Coordinate(), Coordinate().with(9, 1).with(10, 2)}, Layout::rowMajor);
  spec.data = buffer;
  spec.bytes = sizeof buffer;
  Result<std::unique_ptr<Region>> region = Region::create(spec);
  ASSERT_TRUE(region.ok()) << region.message();
  EXPECT_FALSE((*region)->owned());
  EXPECT_EQ((*region)->address(Coordinate().with(9, 1).with(10, 2)), reinterpret_cast<uint8_t *>(&buffer[1][2]));
  EXPECT_EQ(*Region::requiredBytes(spec), sizeof buffer);
}

TEST(Region, OwnedStorageIsZeroAndAligned) {
  Result<std::unique_ptr<Region>> region = Region::create(specOf({Coordinate(), Coordinate().with(10, 99)}, Layout::rowMajor));
  ASSERT_TRUE(region.ok());
  EXPECT_TRUE((*region)->owned());
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*region)->data()) % 64, 0u);
  for (unsigned i = 0; i < 400; ++i)
    EXPECT_EQ((*region)->data()[i], 0);
}

TEST(Region, EveryErrorNamesTheRegionAndTheWayOut) {
  const Coordinate o;
  auto message = [](const RegionSpec &spec) { return Region::create(spec).message(); };
  EXPECT_EQ(message(specOf({o.with(3, 1), o}, Layout::rowMajor)),
            "region 'x': box 0.0.0/1.0.0/0.0.0.0.0..0.0.0/0.0.0/0.0.0.0.0 has a first corner behind its last; no component of the first may be "
            "greater");
  EXPECT_EQ(message(specOf({o, o}, Layout::rowMajor, isa::Type::none)), "region 'x': needs an element type such as f32");
  RegionSpec spec = specOf({o, o.with(10, 3)}, Layout::rowMajor);
  spec.block[10] = 2;
  EXPECT_EQ(message(spec), "region 'x': block extents belong to the blocked layout, not to the row-major one");
  spec.layout = Layout::blocked;
  spec.block[10] = 5;
  EXPECT_EQ(message(spec), "region 'x': a block of 5 exceeds the box's extent of 4 in the column (dimension 10)");
  EXPECT_EQ(message(specOf({o, o.with(10, 2)}, Layout::hilbert)),
            "region 'x': the Hilbert layout needs one power of two as extent of all dimensions above 1, found 3 in the column (dimension 10)");
  EXPECT_EQ(message(specOf({o, o.with(10, 3).with(8, 1)}, Layout::hilbert)),
            "region 'x': the Hilbert layout needs one power of two as extent of all dimensions above 1, found 2 in the scroll (dimension 8) "
            "beside 4 in the column");
  for (Layout layout : {Layout::rowMajor, Layout::blocked, Layout::morton, Layout::hilbert})
    EXPECT_EQ(message(specOf({o, Coordinate::uniform(2047)}, layout)),
              "region 'x': box 0.0.0/0.0.0/0.0.0.0.0..2047.2047.2047/2047.2047.2047/2047.2047.2047.2047.2047 needs more than 2^47 bytes");
  float few[3];
  spec = specOf({o, o.with(10, 3)}, Layout::rowMajor);
  spec.data = few;
  spec.bytes = sizeof few;
  EXPECT_EQ(message(spec), "region 'x': the buffer has 12 bytes, box 0.0.0/0.0.0/0.0.0.0.0..0.0.0/0.0.0/0.0.0.0.3 in row-major layout needs 16");
  spec.data = reinterpret_cast<char *>(few) + 1;
  spec.bytes = 16;
  EXPECT_EQ(message(spec), "region 'x': the buffer is not aligned to its elements of 4 bytes");
}
