//===- CurvesTest.cpp - Morton and Hilbert order ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Curves.h"
#include "RandomCoordinates.h"

#include <gtest/gtest.h>

using namespace vtpu;
using Bits = Coordinate::Bits;

namespace {
/// Bit by bit, from the definition.
Bits slowMorton(const Coordinate &c) {
  Bits out = 0;
  for (unsigned d = 0; d < 11; ++d)
    for (unsigned bit = 0; bit < 11; ++bit)
      out |= Bits(c[d] >> bit & 1) << (bit * 11 + 10 - d);
  return out;
}
constexpr Bits indexLimit = Bits(1) << 121;
} // namespace

TEST(Curves, MortonInterleavesBits) {
  std::mt19937_64 random(test::seed());
  std::vector<Coordinate> points;
  for (unsigned i = 0; i < 5001; ++i)
    points.push_back(test::randomCoordinate(random));
  for (unsigned d = 0; d < 11; ++d)
    for (unsigned bit = 0; bit < 11; ++bit)
      points.push_back(Coordinate().with(d, 1 << bit));
  std::vector<Bits> indices(points.size());
  mortonIndices(points.data(), points.size(), indices.data());
  std::vector<Coordinate> again(points.size());
  mortonCoordinates(indices.data(), indices.size(), again.data());
  for (size_t i = 0; i < points.size(); ++i) {
    const Bits expected = slowMorton(points[i]);
    ASSERT_TRUE(mortonIndex(points[i]) == expected) << "seed " << test::seed();
    ASSERT_TRUE(indices[i] == expected) << "seed " << test::seed();
    ASSERT_TRUE(detail::transposePortably(points[i].bits()) == expected);
    ASSERT_EQ(mortonCoordinate(expected), points[i]);
    ASSERT_EQ(again[i], points[i]);
  }
}

TEST(Curves, ConsecutiveHilbertIndicesAreNeighbours) {
  std::mt19937_64 random(test::seed());
  auto check = [&](Bits index) {
    const Coordinate here = hilbertCoordinate(index), next = hilbertCoordinate(index + 1);
    ASSERT_EQ(here.manhattan(next), 1u) << "seed " << test::seed();
    ASSERT_TRUE(hilbertIndex(here) == index) << "seed " << test::seed();
  };
  for (unsigned i = 0; i < 5000; ++i)
    check(i);
  // Around the boundaries of sub-cubes of every level, and anywhere.
  for (unsigned level = 1; level < 11; ++level)
    for (unsigned i = 0; i < 300; ++i) {
      const Bits index = (test::randomCoordinate(random).bits() >> (11 * level) << (11 * level)) % indexLimit;
      if (index != 0)
        check(index - 1);
    }
  for (unsigned i = 0; i < 20000; ++i) {
    const Bits index = test::randomCoordinate(random).bits();
    if (index + 1 < indexLimit)
      check(index);
  }
  EXPECT_EQ(hilbertCoordinate(0), Coordinate());
  // The curve ends beside where it began: one component at its greatest value.
  EXPECT_EQ(hilbertCoordinate(indexLimit - 1).manhattan(Coordinate()), 2047u);
  EXPECT_EQ(hilbertCoordinate(indexLimit - 1).hamming(Coordinate()), 1u);
}

TEST(Curves, HilbertBatchesAgreeWithSingles) {
  std::mt19937_64 random(test::seed());
  std::vector<Coordinate> points, again(1000);
  for (unsigned i = 0; i < 1000; ++i)
    points.push_back(test::randomCoordinate(random));
  std::vector<Bits> indices(points.size());
  hilbertIndices(points.data(), points.size(), indices.data());
  hilbertCoordinates(indices.data(), indices.size(), again.data());
  for (size_t i = 0; i < points.size(); ++i) {
    ASSERT_TRUE(indices[i] == hilbertIndex(points[i])) << "seed " << test::seed();
    ASSERT_EQ(again[i], points[i]);
  }
}

TEST(Curves, SmallCubesAreWalkedWhole) {
  for (unsigned n = 1; n <= 11; ++n)
    for (unsigned bits = 1; n * bits <= 12; ++bits) {
      const uint64_t size = uint64_t(1) << n * bits;
      std::vector<bool> seen(size);
      std::vector<unsigned> previous;
      for (uint64_t index = 0; index < size; ++index) {
        const Bits morton = hilbertToMorton(index, n, bits);
        ASSERT_TRUE(morton < size && !seen[uint64_t(morton)]) << n << " " << bits;
        seen[uint64_t(morton)] = true;
        ASSERT_TRUE(mortonToHilbert(morton, n, bits) == index) << n << " " << bits;
        std::vector<unsigned> point(n);
        for (unsigned bit = 0; bit < n * bits; ++bit)
          point[bit % n] |= unsigned(morton >> bit & 1) << bit / n;
        unsigned distance = 0;
        for (unsigned d = 0; d < n && index; ++d)
          distance += point[d] > previous[d] ? point[d] - previous[d] : previous[d] - point[d];
        ASSERT_EQ(distance, index ? 1u : 0u) << n << " " << bits << " at " << index;
        previous = point;
      }
    }
}
