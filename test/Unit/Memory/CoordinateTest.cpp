//===- CoordinateTest.cpp - Points and their text ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/CoordinateText.h"
#include "RandomCoordinates.h"

#include <cmath>
#include <gtest/gtest.h>
#include <unordered_set>

using namespace vtpu;

namespace {
constexpr unsigned dims = Coordinate::dimensions;
int clamp(long value) { return int(value < 0 ? 0 : value > 2047 ? 2047 : value); }
} // namespace

TEST(Coordinate, PacksEveryComponentIntoElevenBitsOfItsOwn) {
  EXPECT_EQ(Coordinate::uniform(2047).low(), UINT64_MAX);
  EXPECT_EQ(Coordinate::uniform(2047).high(), (uint64_t(1) << 57) - 1);
  for (unsigned d = 0; d < dims; ++d)
    for (unsigned value : {0u, 1u, 511u, 512u, 1023u, 1024u, 2046u, 2047u}) {
      Coordinate c = Coordinate().with(d, value);
      EXPECT_TRUE(c.bits() == Coordinate::Bits(value) << 11 * (10 - d)) << d;
      for (unsigned e = 0; e < dims; ++e)
        EXPECT_EQ(c[e], e == d ? value : 0) << d << " " << e;
      Coordinate full = Coordinate::uniform(2047).with(d, value);
      for (unsigned e = 0; e < dims; ++e)
        EXPECT_EQ(full[e], e == d ? value : 2047) << d << " " << e;
    }
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 10000; ++i) {
    Coordinate a = test::randomCoordinate(random), b = test::randomCoordinate(random);
    EXPECT_EQ(Coordinate(a.components()), a) << "seed " << test::seed();
    EXPECT_EQ(Coordinate::fromBits(a.bits()), a);
    EXPECT_EQ(Coordinate::fromBits(a.low(), a.high() | uint64_t(0x7f) << 57), a);
    EXPECT_EQ(a < b, a.components() < b.components()) << "seed " << test::seed();
  }
  EXPECT_TRUE(Coordinate::isValid((uint64_t(1) << 57) - 1));
  EXPECT_FALSE(Coordinate::isValid(uint64_t(1) << 57));
}

TEST(Coordinate, ArithmeticSaturatesComponentByComponent) {
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 10000; ++i) {
    const Coordinate a = test::randomCoordinate(random), b = test::randomCoordinate(random);
    const int64_t factor = int64_t(random() % 5) - 1, distance = int64_t(random() % 8192) - 4096;
    const unsigned moved = unsigned(random() % dims);
    unsigned manhattan = 0, hamming = 0;
    bool covers = true;
    const Coordinate sum = a + b, difference = a - b, product = a * b, scaled = a.scaled(factor), stepped = a.step(moved, distance);
    for (unsigned d = 0; d < dims; ++d) {
      const long x = a[d], y = b[d];
      ASSERT_EQ(sum[d], clamp(x + y)) << "seed " << test::seed();
      ASSERT_EQ(difference[d], clamp(x - y));
      ASSERT_EQ(product[d], clamp(x * y));
      ASSERT_EQ(scaled[d], clamp(x * factor));
      ASSERT_EQ(stepped[d], d == moved ? clamp(x + distance) : x);
      manhattan += unsigned(std::abs(x - y));
      hamming += x != y;
      covers &= x >= y;
    }
    ASSERT_EQ(a.manhattan(b), manhattan);
    ASSERT_EQ(a.hamming(b), hamming);
    ASSERT_EQ(a.covers(b), covers);
    ASSERT_TRUE(sum.covers(a) && a.covers(difference) && a.covers(a));
  }
  EXPECT_EQ(Coordinate::uniform(1).scaled(INT64_MAX), Coordinate::uniform(2047));
  EXPECT_EQ(Coordinate::uniform(1).scaled(INT64_MIN), Coordinate());
  EXPECT_EQ(Coordinate().scaled(INT64_MAX), Coordinate());
  EXPECT_EQ(Coordinate::uniform(7).step(3, INT64_MAX)[3], 2047u);
  EXPECT_EQ(Coordinate::uniform(7).step(3, INT64_MIN)[3], 0u);
}

TEST(Coordinate, HammingCountsDimensionsThatDiffer) {
  const Coordinate a({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(a.hamming(a.with(10, 99)), 1u);
  EXPECT_EQ(a.hamming(a.with(10, 99).with(9, 99)), 2u);
  EXPECT_EQ(a.hamming(Coordinate::uniform(99)), 11u);
}

TEST(Coordinate, BreaksIncrementTheirDimensionAndResetTheInnerOnes) {
  const Coordinate a({3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  EXPECT_EQ(a.afterBreak(0), Coordinate({4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(a.afterBreak(8), Coordinate({3, 4, 5, 6, 7, 8, 9, 10, 12, 1, 1}));
  EXPECT_EQ(a.afterBreak(9), Coordinate({3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 1}));
  EXPECT_EQ(Coordinate::uniform(2047).afterBreak(5)[5], 2047u);
  // A delta is its delimiters read one after another from the outermost on.
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 1000; ++i) {
    Coordinate base = test::randomCoordinate(random), delta, walked = base;
    for (unsigned d = 0; d < 10; ++d)
      if (random() % 3 == 0)
        delta = delta.with(d, int64_t(random() % 4));
    for (unsigned d = 0; d < 10; ++d)
      for (unsigned n = 0; n < delta[d]; ++n)
        walked = walked.afterBreak(d);
    EXPECT_EQ(base.delta(delta), walked) << "seed " << test::seed() << " " << printCoordinate(base) << " " << printCoordinate(delta);
  }
  EXPECT_EQ(a.delta(Coordinate()), a);
  EXPECT_EQ(Coordinate::uniform(2000).delta(Coordinate::uniform(2047)), Coordinate::uniform(2047));
}

TEST(Coordinate, ParentAndChildUndoEachOther) {
  EXPECT_EQ(Coordinate().parent(), Coordinate());
  EXPECT_EQ(Coordinate().depth(), 0u);
  EXPECT_EQ(Coordinate({5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0}).parent(), Coordinate().with(0, 5));
  EXPECT_EQ(Coordinate({5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0}).child(9), Coordinate({5, 0, 3, 9, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(Coordinate::uniform(1).child(9), Coordinate::uniform(1));
  EXPECT_EQ(Coordinate().with(0, 1).child(-3), Coordinate().with(0, 1));
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 1000; ++i) {
    Coordinate c = test::randomCoordinate(random);
    for (unsigned d = unsigned(random() % dims); d < dims; ++d)
      c = c.with(d, 0);
    EXPECT_EQ(c.child(1 + int64_t(random() % 2047)).parent(), c) << "seed " << test::seed();
    EXPECT_EQ(c.child(1).depth(), c.depth() + 1);
  }
}

TEST(Coordinate, PrefixesCompareOuterDimensions) {
  const Coordinate a({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  for (unsigned d = 0; d < dims; ++d)
    for (unsigned count = 0; count <= dims; ++count)
      EXPECT_EQ(a.samePrefix(a.with(d, 99), count), count <= d) << d << " " << count;
}

TEST(Coordinate, HashSpreadsStructuredSets) {
  // Collisions of 64-bit hashes over these sets would be a defect, not bad luck: 200,000 values, chance of one about 1e-9. The low bits, which
  // choose slots of tables, must fill a table of as many slots as values about as a random function does (a share 1/e stays empty).
  std::unordered_set<uint64_t> hashes, slots;
  size_t count = 0;
  auto add = [&](const Coordinate &c) {
    hashes.insert(c.hash());
    slots.insert(c.hash() & 0x3ffff);
    ++count;
  };
  for (unsigned d = 0; d < dims; ++d)
    for (unsigned value = 1; value < 2048; ++value)
      add(Coordinate().with(d, value));
  for (unsigned value = 1; value < 2048; ++value)
    add(Coordinate::uniform(value)); // components that cancel in a plain xor
  for (unsigned a = 1; a <= 56; ++a)
    for (unsigned b = 1; b <= 56; ++b)
      for (unsigned c = 1; c <= 56; ++c)
        add(Coordinate().with(2, a).with(5, b).with(8, c));
  EXPECT_EQ(hashes.size(), count);
  const double expected = 262144 * (1 - std::exp(-double(count) / 262144));
  EXPECT_NEAR(double(slots.size()), expected, expected * 0.02);
}

TEST(CoordinateText, PrintsAndReadsBack) {
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 2000; ++i) {
    Coordinate c = test::randomCoordinate(random);
    Result<Coordinate> again = parseCoordinate(printCoordinate(c));
    ASSERT_TRUE(again.ok()) << again.message();
    EXPECT_EQ(*again, c) << "seed " << test::seed();
    Result<Coordinate> syllables = parseSyllableCoordinate(printSyllables(c));
    ASSERT_TRUE(syllables.ok()) << syllables.message();
    EXPECT_EQ(*syllables, c);
    const Coordinate scroll = c.with(9, 0).with(10, 0);
    for (char separator : {'/', ';'}) {
      Result<Coordinate> nine = parseCoordinate(printScrollCoordinate(c, separator));
      ASSERT_TRUE(nine.ok()) << nine.message();
      EXPECT_EQ(*nine, scroll);
      EXPECT_EQ(parseCoordinateLeniently(printScrollCoordinate(scroll + phextOrigin(), separator)), scroll + phextOrigin());
    }
  }
  EXPECT_EQ(printCoordinate(Coordinate({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})), "1.2.3/4.5.6/7.8.9.10.11");
  EXPECT_EQ(printScrollCoordinate(Coordinate({98, 76, 54, 32, 10, 1, 23, 45, 67, 0, 0}), ';'), "98.76.54;32.10.1;23.45.67");
}

TEST(CoordinateText, EveryErrorNamesItsCharacterAndComponent) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "character 1: expected the library (component 0 of a coordinate) in 0..2047, found the end"},
      {"1.2", "character 4: expected '.' and the series of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found the end"},
      {"1.2.x", "character 5: expected the series (component 2 of a coordinate) in 0..2047, found 'x'"},
      {"1.2.3.4", "character 6: expected '/' and the collection of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found '.'"},
      {"1.2.3;4.5.6/7",
       "character 12: expected ';' and the chapter of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found '/'"},
      {"1.2.3/4.5.6/7.8.2048", "character 17: the scroll (component 8 of a coordinate) is 2048, which is not in 0..2047"},
      {"1.2.3/4.5.6/7.8.99999999999999999999",
       "character 17: the scroll (component 8 of a coordinate) is 99999999999999999999, which is not in 0..2047"},
      {"1.2.3/4.5.6/7.8.9.10",
       "character 21: expected '.' and the column of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found the end"},
      {"1.2.3/4.5.6/7.8.9.10.11.12", "character 24: expected the end of the coordinate behind the column, found '.'"},
      {"1.-2.3", "character 3: expected the shelf (component 1 of a coordinate) in 0..2047, found '-'"},
      {"1.\x17", "character 3: expected the shelf (component 1 of a coordinate) in 0..2047, found byte 0x17"},
  };
  for (auto [text, message] : cases) {
    Result<Coordinate> result = parseCoordinate(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.message(), message) << text;
    size_t place = 99;
    const std::string bare = parseCoordinate(text, &place).message();
    EXPECT_EQ("character " + std::to_string(place + 1) + ": " + bare, message);
  }
}

TEST(CoordinateText, LenientReadingFollowsLibphext) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "1.1.1/1.1.1/1.1.1.0.0"},
      {"HOME", "1.1.1/1.1.1/1.1.1.0.0"},
      {"5", "1.1.1/1.1.1/1.1.5.0.0"},
      {"7.5", "7.1.1/1.1.1/1.1.5.0.0"},
      {"a3b.4c", "3.1.1/1.1.1/1.1.4.0.0"},
      {"..6.", "6.1.1/1.1.1/1.1.1.0.0"},
      {"9.8.7/6.5.4/3.2.1", "9.8.7/6.5.4/3.2.1.0.0"},
      {"0.0.0/0.0.0/0.0.0", "0.0.0/0.0.0/0.0.1.0.0"},
      {"142.143.144;145.146.147;148.149.150", "142.143.144/145.146.147/148.149.150.0.0"},
      {"1.2.3/4.5.6/7.8.9.10.11", "1.2.3/4.5.6/7.8.11.0.0"},
      {"99999999999.1.1/1.1.1/1.1.1", "2047.1.1/1.1.1/1.1.1.0.0"},
  };
  for (auto [text, expected] : cases)
    EXPECT_EQ(printCoordinate(parseCoordinateLeniently(text)), expected) << text;
}

TEST(CoordinateText, SyllablesCodeEveryByte) {
  EXPECT_EQ(printSyllables(std::vector<uint8_t>{0, 255}), "bacwom");
  std::vector<uint8_t> all(256);
  for (unsigned i = 0; i < 256; ++i)
    all[i] = uint8_t(i);
  const std::string text = printSyllables(all);
  Result<std::vector<uint8_t>> again = parseSyllables(text);
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(*again, all);
  EXPECT_EQ(*parseSyllables("bac.wom-bad dem/wom"), (std::vector<uint8_t>{0, 255, 1, 23, 255}));
  EXPECT_TRUE(parseSyllables("")->empty());
  EXPECT_EQ(parseSyllables("bax").message(), "character 3: expected one of 'cdfm' in a syllable, found 'x'");
  EXPECT_EQ(parseSyllables("ba").message(), "character 3: expected one of 'cdfm' in a syllable, found the end");
  EXPECT_EQ(parseSyllables("bac..bac").message(), "character 5: expected one of 'bdfghjklmnprstvw' in a syllable, found '.'");
  EXPECT_EQ(parseSyllables("bac.").message(), "character 5: expected one of 'bdfghjklmnprstvw' in a syllable, found the end");
  EXPECT_EQ(parseSyllableCoordinate("bacbad").message(), "a coordinate has 16 syllables, found 2");
  EXPECT_EQ(parseSyllableCoordinate("baf" + printSyllables(std::vector<uint8_t>(15))).message(),
            "the first syllable of a coordinate is bac or bad, found 'baf'");
}
