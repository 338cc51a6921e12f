//===- PhextTextTest.cpp - Text documents by coordinate ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/PhextText.h"
#include "RandomCoordinates.h"

#include <gtest/gtest.h>

using namespace vtpu;

namespace {
Coordinate at(std::string_view text) { return *parseCoordinate(text); }
PhextText document(std::string_view text) {
  Result<PhextText> result = PhextText::parse(text);
  EXPECT_TRUE(result.ok()) << result.message();
  return *result;
}
} // namespace

TEST(PhextText, DelimitersCarryTheOriginalsBytes) {
  const char bytes[] = {0x01, 0x1f, 0x1e, 0x1d, 0x1c, 0x1a, 0x19, 0x18, 0x17, 0x0a};
  for (unsigned d = 0; d < 10; ++d) {
    EXPECT_EQ(phextDelimiter(d), bytes[d]) << dimensionName(d);
    EXPECT_EQ(phextDelimiterDimension(bytes[d]), d < 9 ? int(d) : -1);
  }
  // Reserved and skipped characters are text.
  EXPECT_EQ(phextDelimiterDimension(0x07), -1);
  EXPECT_EQ(phextDelimiterDimension(0x1b), -1);
}

TEST(PhextText, DelimitersMoveOnInTheirDimension) {
  for (unsigned d = 0; d < 9; ++d) {
    const std::string text = std::string("a") + phextDelimiter(d) + "b\nb" + phextDelimiter(d) + "c";
    const PhextText phext = document(text);
    EXPECT_EQ(phext.fetch(phextOrigin()), "a");
    EXPECT_EQ(phext.fetch(phextOrigin().with(d, 2)), "b\nb") << dimensionName(d);
    EXPECT_EQ(phext.fetch(phextOrigin().with(d, 3)), "c");
    EXPECT_EQ(phext.fetch(phextOrigin().with(d, 4)), "");
    EXPECT_EQ(phext.print(), text);
  }
  // A walk through many of them.
  const PhextText phext = document("x\x01" "in 2\x17" "2\x17" "3\x1a" "book\x1f" "shelf\x01\x01\x1e\x1d\x1d\x1a\x1a\x1c\x19\x18" "here");
  EXPECT_EQ(phext.fetch(at("2.1.1/1.1.1/1.1.3")), "3");
  EXPECT_EQ(phext.fetch(at("2.1.1/1.1.2/1.1.1")), "book");
  EXPECT_EQ(phext.fetch(at("2.2.1/1.1.1/1.1.1")), "shelf");
  EXPECT_EQ(phext.fetch(at("4.1.2/3.2.1/2.2.1")), "here");
}

TEST(PhextText, InsertsReplacesAndRemoves) {
  PhextText phext = document("aaa\x01" "bbb\x17" "ccc");
  EXPECT_TRUE(phext.insert(at("2.1.1/1.1.1/1.1.3"), "ddd").ok());
  EXPECT_EQ(phext.print(), "aaa\x01" "bbb\x17" "ccc\x17" "ddd");
  EXPECT_TRUE(phext.insert(at("2.1.1/1.1.1/1.2.1"), "fff").ok());
  EXPECT_TRUE(phext.insert(at("2.1.1/1.1.1/1.2.2"), "ggg").ok());
  EXPECT_EQ(phext.print(), "aaa\x01" "bbb\x17" "ccc\x17" "ddd\x18" "fff\x17" "ggg");
  EXPECT_TRUE(phext.insert(phextOrigin(), "+").ok()) << "an existing scroll is appended to";
  EXPECT_TRUE(phext.insert(at("1.1.1/1.1.1/1.1.3"), "between").ok());
  EXPECT_EQ(phext.print(), "aaa+\x17\x17" "between\x01" "bbb\x17" "ccc\x17" "ddd\x18" "fff\x17" "ggg");
  EXPECT_TRUE(phext.replace(at("2.1.1/1.1.1/1.1.1"), "B").ok());
  EXPECT_TRUE(phext.replace(at("9.1.1/1.1.1/1.1.1"), "new").ok());
  EXPECT_EQ(phext.fetch(at("2.1.1/1.1.1/1.1.1")), "B");
  phext.remove(at("9.1.1/1.1.1/1.1.1"));
  phext.remove(at("2.1.1/1.1.1/1.1.3"));
  EXPECT_EQ(phext.print(), "aaa+\x17\x17" "between\x01" "B\x17" "ccc\x18" "fff\x17" "ggg");
  EXPECT_EQ(phext.next(phextOrigin()), at("1.1.1/1.1.1/1.1.3"));
  EXPECT_EQ(phext.next(at("2.1.1/1.1.1/1.1.2")), at("2.1.1/1.1.1/1.2.1"));
  EXPECT_EQ(phext.next(at("2.1.1/1.1.1/1.2.2")), std::nullopt);
  EXPECT_EQ(phext.previous(at("2.1.1/1.1.1/1.1.1")), at("1.1.1/1.1.1/1.1.3"));
  EXPECT_EQ(phext.previous(phextOrigin()), std::nullopt);
}

TEST(PhextText, NormalizingDropsEmptyScrolls) {
  const std::string text = "\x17\x17" "a\x18\x18\x17\x01\x17" "b\x17\x17\x19";
  PhextText phext = document(text);
  EXPECT_EQ(phext.print(), text);
  EXPECT_EQ(phext.next(phextOrigin()), at("1.1.1/1.1.1/1.1.3"));
  phext.normalize();
  EXPECT_EQ(phext.print(), "\x17\x17" "a\x01\x17" "b");
  EXPECT_EQ(phext.scrolls().size(), 2u);
  EXPECT_TRUE(document("").scrolls().empty());
  EXPECT_EQ(document("").print(), "");
}

TEST(PhextText, AnyBytesAreReadAndPrintedBack) {
  std::mt19937_64 random(test::seed());
  for (unsigned round = 0; round < 300; ++round) {
    std::string text;
    for (size_t length = random() % 200; length; --length)
      text += random() % 2 ? phextDelimiter(unsigned(random() % 10)) : char(random());
    PhextText phext = document(text);
    ASSERT_EQ(phext.print(), text) << "seed " << test::seed();
    Result<PhextText> imploded = PhextText::fromScrolls(phext.scrolls());
    ASSERT_TRUE(imploded.ok()) << imploded.message();
    EXPECT_EQ(imploded->print(), text);
    phext.normalize();
    const PhextText again = document(phext.print());
    for (auto &[c, scroll] : phext.scrolls())
      ASSERT_EQ(again.fetch(c), scroll) << printCoordinate(c) << " seed " << test::seed();
  }
}

TEST(PhextText, EveryErrorNamesItsPlace) {
  PhextText phext;
  EXPECT_EQ(phext.insert(Coordinate(), "a").message(),
            "no scroll can be at 0.0.0/0.0.0/0.0.0.0.0: the library is 0; scrolls count from 1 and have line and column 0");
  EXPECT_EQ(phext.replace(phextOrigin().with(9, 4), "a").message(),
            "no scroll can be at 1.1.1/1.1.1/1.1.1.4.0: the line is 4; scrolls count from 1 and have line and column 0");
  EXPECT_EQ(phext.replace(phextOrigin(), "ab\x1c").message(),
            "the scroll for 1.1.1/1.1.1/1.1.1 has a volume delimiter at byte 2; parse such text as a document");
  EXPECT_EQ(PhextText::fromScrolls({{phextOrigin(), "\x01"}}).message(),
            "the scroll for 1.1.1/1.1.1/1.1.1 has a library delimiter at byte 0; parse such text as a document");
  EXPECT_TRUE(document(std::string(2046, phextDelimiter(4))).scrolls().count(phextOrigin().with(4, 2047)));
  EXPECT_EQ(PhextText::parse(std::string(2047, phextDelimiter(4))).message(),
            "byte 2046: a volume delimiter behind 1.1.1/1.2047.1/1.1.1 leads past 2047; split the document");
  EXPECT_TRUE(phext.scrolls().empty());
}
