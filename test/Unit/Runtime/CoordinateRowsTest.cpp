//===- CoordinateRowsTest.cpp - Coordinates, shares, three-way --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of the coordinate rows, of `cslice` and of `dcmp3` in every tier against what their definitions give for arrays of components.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace vtpu;
using Components = std::array<int64_t, 11>;

namespace {
/// Runs `text` as the only function on 256 bytes of input and returns 256 bytes of output; the tiers must agree.
std::vector<int64_t> run(const std::string &words, const std::vector<int64_t> &in, rt::Trap &trap, uint64_t sentron = 0, uint64_t sentrons = 1) {
  const std::string text = ".func f entry\n.binding input x size=256 align=8 dtype=i64 shape=[32]\n"
                           ".binding output y size=256 align=8 writable dtype=i64 shape=[32]\n{ C: cptr r0, b0 }\n{ C: cptr r15, b1 }\n" +
                           words + "{ C: cret }\n.end\n";
  Result<Program> program = parseAssembly(text, "t.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  auto facts = rt::verify(*program);
  EXPECT_TRUE(facts.ok()) << facts.message();
  std::vector<std::unique_ptr<rt::Executor>> tiers;
  tiers.push_back(rt::createInterpreter(*program, *facts));
  if (rt::hostHasBaseline())
    tiers.push_back(std::move(*rt::createJIT(*program, *facts)));
  std::vector<int64_t> first;
  for (auto &tier : tiers) {
    std::vector<int64_t> input = in, output(32);
    input.resize(32);
    uint8_t *bases[] = {reinterpret_cast<uint8_t *>(input.data()), reinterpret_cast<uint8_t *>(output.data())};
    rt::SentronContext context;
    context.sentron = sentron;
    context.sentrons = sentrons;
    const bool returned = tier->run(0, bases, context);
    EXPECT_EQ(returned, context.trap.cause == rt::TrapCause::none);
    trap = context.trap;
    if (first.empty())
      first = output;
    EXPECT_EQ(first, output);
  }
  return first;
}
/// Packing by definition: dimension 10 lowest, eleven bits each.
void pack(const Components &c, std::vector<int64_t> &out) {
  __extension__ unsigned __int128 bits = 0;
  for (int64_t component : c)
    bits = bits * 2048 + uint64_t(std::clamp<int64_t>(component, 0, 2047));
  out.push_back(int64_t(uint64_t(bits)));
  out.push_back(int64_t(uint64_t(bits >> 64)));
}
template <typename F>
Components each(const Components &a, const Components &b, F function) {
  Components out;
  for (size_t d = 0; d < 11; ++d)
    out[d] = function(a[d], b[d]);
  return out;
}
} // namespace

TEST(CoordinateRows, MeanWhatTheyAreDefinedAs) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (int round = 0; round < 40; ++round) {
    Components a, b;
    // Often zero or equal, so that depths and first differences vary.
    for (size_t d = 0; d < 11; ++d) {
      a[d] = random() % 3 ? int64_t(random() % 2048) : 0;
      b[d] = random() % 3 ? int64_t(random() % 2048) : random() % 2 ? a[d] : 0;
    }
    const unsigned dimension = unsigned(random() % 11);
    const int64_t factor = int64_t(random() % 7) - 2, step = int64_t(random() % 5000) - 2500;
    std::vector<int64_t> in, expected;
    pack(a, in);
    pack(b, in);
    in.push_back(factor);
    in.push_back(step);
    const std::string at = std::to_string(dimension);
    const std::vector<int64_t> out = [&] {
      rt::Trap trap;
      return run("{ S: sldp p0, [r0] }\n{ S: sldp p1, [r0 + 16] }\n{ S: sldr.i64 r13, [r0 + 32] }\n{ S: sldr.i64 r2, [r0 + 40] }\n"
                 "{ S: padd p2, p0, p1 }\n{ S: sstp p2, [r15] }\n{ S: psub p2, p0, p1 }\n{ S: sstp p2, [r15 + 16] }\n"
                 "{ S: pmul p2, p0, p1 }\n{ S: sstp p2, [r15 + 32] }\n{ S: pscale p2, p0, r13 }\n{ S: sstp p2, [r15 + 48] }\n"
                 "{ S: sindex p2, p0, r2, " + at + " }\n{ S: sstp p2, [r15 + 64] }\n{ S: cdelta p2, p0, p1 }\n{ S: sstp p2, [r15 + 80] }\n"
                 "{ S: chier p2, p0, r2, 0 }\n{ S: sstp p2, [r15 + 96] }\n{ S: chier p2, p0, r2, 1 }\n{ S: sstp p2, [r15 + 112] }\n"
                 "{ S: pmov p2, p1 }\n{ S: pins p2, r2, " + at + " }\n{ S: sstp p2, [r15 + 128] }\n"
                 "{ S: pcmp r3, p0, p1 }\n{ S: sstr.i64 r3, [r15 + 144] }\n{ S: pdist r14, p0, p1 }\n{ S: sstr.i64 r14, [r15 + 152] }\n"
                 "{ S: shypdist r3, p0, p1 }\n{ S: sstr.i64 r3, [r15 + 160] }\n{ S: pext r3, p0, " + at + " }\n{ S: sstr.i64 r3, [r15 + 168] }\n"
                 "{ S: cshard r3, p0 }\n{ S: sstr.i64 r3, [r15 + 176] }\n",
                 in, trap, 2, 5);
    }();
    pack(each(a, b, std::plus<>()), expected);
    pack(each(a, b, std::minus<>()), expected);
    pack(each(a, b, std::multiplies<>()), expected);
    pack(each(a, b, [&](int64_t x, int64_t) { return x * factor; }), expected);
    Components moved = a;
    moved[dimension] += step;
    pack(moved, expected);
    Components read = a;
    const size_t outermost = size_t(std::find_if(b.begin(), b.end(), [](int64_t x) { return x != 0; }) - b.begin());
    for (size_t d = outermost; d < 11; ++d)
      read[d] = d == outermost ? a[d] + b[d] : 1 + b[d];
    pack(read, expected);
    size_t depth = 11;
    while (depth && a[depth - 1] == 0)
      --depth;
    Components parent = a, child = a;
    if (depth)
      parent[depth - 1] = 0;
    if (depth < 11)
      child[depth] = step;
    pack(parent, expected);
    pack(child, expected);
    Components inserted = b;
    inserted[dimension] = step;
    pack(inserted, expected);
    expected.push_back(a < b ? -1 : a > b);
    int64_t distance = 0, different = 0;
    for (size_t d = 0; d < 11; ++d) {
      distance += std::abs(a[d] - b[d]);
      different += a[d] != b[d];
    }
    expected.push_back(distance);
    expected.push_back(different);
    expected.push_back(a[dimension]);
    ASSERT_EQ(std::vector<int64_t>(out.begin(), out.begin() + 22), expected);
    ASSERT_TRUE(out[22] >= 0 && out[22] < 5);
  }
}

TEST(CoordinateRows, AWordNamesItsCoordinateAndMessagesCarryIt) {
  rt::Trap trap;
  std::vector<int64_t> expected;
  pack({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2047}, expected);
  const std::vector<int64_t> out = run("{ S: pcoord p9 } @1.2.3/4.5.6/7.8.9.10.2047\n{ D: dimm.i64.512 v0, -1 }\n{ C: cpackv m7, v0 }\n"
                                       "{ C: cpackp m7, p9, 2 }\n{ C: cunpackp p0, m7, 2 }\n{ C: cunpackp p1, m7, 3 }\n"
                                       "{ S: sstp p0, [r15] }\n{ S: sstp p1, [r15 + 16] }\n{ C: cunpack r12, r1, m7, 2 }\n"
                                       "{ S: sstr.i64 r12, [r15 + 32] }\n{ S: sstr.i64 r1, [r15 + 40] }\n",
                                       {}, trap);
  pack({2047, 2047, 2047, 2047, 2047, 2047, 2047, 2047, 2047, 2047, 2047}, expected); // the upper 7 bits are dropped
  expected.push_back(expected[0]);
  expected.push_back(expected[1]);
  EXPECT_EQ(std::vector<int64_t>(out.begin(), out.begin() + 6), expected);
}

TEST(CoordinateRows, NoExpertsTrap) {
  rt::Trap trap;
  run("{ S: pcoord p1 } @0.0.0/0.0.0/0.0.0.0.7\n{ C: cimm r12, 0 }\n{ S: cmoe r3, p1, r12 }\n", {}, trap);
  EXPECT_EQ(trap.cause, rt::TrapCause::divideByZero);
  EXPECT_EQ(trap.word, 4u);
  EXPECT_EQ(trap.coordinate[10], 7u);
}

TEST(Slice, SharesCoverTheRange) {
  for (int64_t extent : {int64_t(-5), int64_t(0), int64_t(1), int64_t(100), INT64_MAX})
    for (uint64_t sentrons : {1, 7, 1024}) {
      int64_t next = 0;
      for (uint64_t sentron = 0; sentron < std::min<uint64_t>(sentrons, 7); ++sentron) {
        rt::Trap trap;
        const std::vector<int64_t> out =
            run("{ S: sldr.i64 r12, [r0] }\n{ C: cslice r13, r12, 0 }\n{ C: cslice r2, r12, 1 }\n{ S: sstr.i64 r13, [r15] }\n"
                "{ S: sstr.i64 r2, [r15 + 8] }\n{ C: cfence 0 }\n{ C: cfence 3 }\n",
                {extent}, trap, sentron, sentrons);
        EXPECT_EQ(out[0], next);
        next = out[1];
        EXPECT_GE(next, out[0]);
      }
      if (sentrons <= 7) {
        EXPECT_EQ(next, std::max<int64_t>(extent, 0));
      }
    }
}

TEST(ThreeWay, LanesByTheirOrder) {
  const float a[] = {1, 2, 3, NAN, -0.0f, INFINITY, -1e-42f, 5}, b[] = {2, 2, 1, 1, 0, NAN, 0, 5};
  std::vector<int64_t> in(8);
  std::memcpy(in.data(), a, 32);
  std::memcpy(in.data() + 4, b, 32);
  rt::Trap trap;
  const std::vector<int64_t> out = run("{ S: sld.f32.f32.256 v1, [r0] }\n{ S: sld.f32.f32.256 v2, [r0 + 32] }\n{ C: kset k2, 2 }\n"
                                       "{ D: dcmp3.f32.256 v3, v1, v2, k1 }\n{ S: sst.f32.f32.256 v3, [r15] }\n"
                                       "{ D: dcmp3.f32.256 v1, v1, v2, k1 {k2} }\n{ S: sst.f32.f32.256 v1, [r15 + 32] }\n",
                                       in, trap);
  const float expected[] = {-1, 0, 1, 0, 0, 0, -1, 0};
  EXPECT_EQ(std::memcmp(out.data(), expected, 32), 0);
  EXPECT_EQ(std::memcmp(out.data() + 4, expected, 8), 0);
  EXPECT_EQ(std::memcmp(reinterpret_cast<const char *>(out.data() + 4) + 8, a + 2, 24), 0); // inactive lanes stay
}
