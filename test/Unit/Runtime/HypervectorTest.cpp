//===- HypervectorTest.cpp - Bits and trits ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Facts about hypervectors and packed trits that hold whatever computes them: programs in text run in every tier and are compared with models
// that work bit by bit.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Encoding.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/Verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <cstring>

using namespace vtpu;

namespace {
using Bits = std::bitset<512>;

template <typename T>
Bits bitsOf(const T &value) {
  static_assert(sizeof(T) == 64);
  uint64_t lanes[8];
  std::memcpy(lanes, &value, 64);
  Bits bits;
  for (unsigned i = 0; i < 512; ++i)
    bits[i] = lanes[i / 64] >> (i % 64) & 1;
  return bits;
}

/// Loads v0, v1, v2 from three registers of input, runs `body`, stores v0 to the output; in every tier of this host, which must agree.
std::array<uint64_t, 8> runBody(const std::string &body, const std::vector<std::array<uint64_t, 8>> &inputs) {
  std::string text = ".func f entry\n  .binding input x size=192 align=64 dtype=u64 shape=[24]\n"
                     "  .binding output y size=64 align=64 writable dtype=u64 shape=[8]\n  { C: cptr r0, b0 }\n  { C: cptr r1, b1 }\n";
  for (int i = 0; i < 3; ++i)
    text += "  { S: sld.i64.i64.512 v" + std::to_string(i) + ", [r0 + " + std::to_string(64 * i) + "] }\n";
  text += body + "\n  { S: sst.i64.i64.512 v0, [r1] ; C: cret }\n.end\n";
  std::array<uint64_t, 8> first{};
  Result<Program> program = parseAssembly(text, "body.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  if (!program.ok())
    return first;
  auto facts = rt::verify(*program);
  EXPECT_TRUE(facts.ok()) << facts.message();
  if (!facts.ok())
    return first;
  std::vector<std::unique_ptr<rt::Executor>> tiers;
  tiers.push_back(rt::createInterpreter(*program, *facts));
  if (rt::hostHasBaseline())
    for (rt::HostFeatures features : {rt::hostFeatures(), rt::HostFeatures()})
      tiers.push_back(std::move(*rt::createJIT(*program, *facts, features)));
  for (size_t tier = 0; tier < tiers.size(); ++tier) {
    alignas(64) std::array<std::array<uint64_t, 8>, 3> x{};
    std::copy(inputs.begin(), inputs.end(), x.begin());
    alignas(64) std::array<uint64_t, 8> y;
    uint8_t *bases[] = {reinterpret_cast<uint8_t *>(&x), reinterpret_cast<uint8_t *>(&y)};
    rt::SentronContext context;
    EXPECT_TRUE(tiers[tier]->run(0, bases, context));
    if (tier == 0)
      first = y;
    EXPECT_EQ(first, y) << "tier " << tier << " of " << body;
  }
  return first;
}

std::array<uint64_t, 8> randomRegister(std::mt19937_64 &random) {
  std::array<uint64_t, 8> lanes;
  for (uint64_t &lane : lanes)
    lane = random();
  return lanes;
}

template <typename T>
std::array<uint64_t, 8> pack(const std::vector<T> &values) {
  std::array<uint64_t, 8> lanes{};
  std::memcpy(&lanes, values.data(), values.size() * sizeof(T));
  return lanes;
}
template <typename T>
std::vector<T> unpack(const std::array<uint64_t, 8> &lanes) {
  std::vector<T> values(64 / sizeof(T));
  std::memcpy(values.data(), &lanes, 64);
  return values;
}
} // namespace

TEST(Hypervector, BindingIsItsOwnInverse) {
  std::mt19937_64 random(test::seed());
  const auto a = randomRegister(random), b = randomRegister(random);
  EXPECT_EQ(runBody("  { D: dhdbind.i64.512 v0, v0, v1 }\n  { D: dhdbind.i64.512 v0, v0, v1 }", {a, b}), a);
  EXPECT_EQ(bitsOf(runBody("  { D: dhdbind.i32.512 v0, v0, v1 }", {a, b})), bitsOf(a) ^ bitsOf(b));
}

TEST(Hypervector, MajorityAndTies) {
  std::mt19937_64 random(test::seed());
  const auto a = randomRegister(random), b = randomRegister(random), tie = randomRegister(random);
  const Bits result = bitsOf(runBody("  { D: dhdbund.i64.512 v0, v1, v2 }", {tie, a, b}));
  for (unsigned i = 0; i < 512; ++i) // where the two agree they win, elsewhere the third decides
    EXPECT_EQ(result[i], bitsOf(a)[i] == bitsOf(b)[i] ? bitsOf(a)[i] : bitsOf(tie)[i]) << i;
}

TEST(Hypervector, RotationByEveryCount) {
  std::mt19937_64 random(test::seed());
  const auto a = randomRegister(random), b = randomRegister(random);
  for (int length : {128, 256, 512})
    for (int shift = -1; shift <= 512; shift += shift % 64 == 1 ? 62 : 1) {
      const std::string suffix = std::to_string(length), imm = std::to_string(shift);
      const Bits rotated = bitsOf(runBody("  { D: dhdperm.i64." + suffix + " v0, v0, v3, " + imm + " }", {a}));
      const Bits funnel = bitsOf(runBody("  { D: dhdperm2.i64." + suffix + " v0, v0, v1, v3, " + imm + " }", {a, b}));
      const int by = (shift + length) % length;
      for (int i = 0; i < 512; ++i) {
        EXPECT_EQ(rotated[i], i < length && bitsOf(a)[(i - by + length) % length]) << length << " " << shift << " " << i;
        EXPECT_EQ(funnel[i], i < length && (i >= by ? bitsOf(a)[i - by] : bitsOf(b)[length + i - by])) << length << " " << shift << " " << i;
      }
      if (testing::Test::HasFailure())
        return;
    }
}

TEST(Hypervector, SimilarityCountsEqualBits) {
  std::mt19937_64 random(test::seed());
  const auto a = randomRegister(random), b = randomRegister(random);
  const auto sums = runBody("  { D: dhdsim.i64.512 v0, v0, v1 }\n  { D: dred.i64.512 v0, v0, v3, 0 }", {a, b});
  EXPECT_EQ(sums[0], 512 - (bitsOf(a) ^ bitsOf(b)).count());
  const auto counts = unpack<int32_t>(runBody("  { D: dpopcnt.i32.512 v0, v0 }", {a}));
  for (unsigned i = 0; i < 16; ++i)
    EXPECT_EQ(counts[i], __builtin_popcount(unpack<uint32_t>(a)[i]));
}

TEST(Ternary, CodesOfTrits) {
  // +1, -1, 0 and the other 0, in trit 5 of four lanes.
  const std::vector<float> values = {3, 7, 100, 1e30f}, sums = {0.5f, 0.5f, 0.5f, 0.5f};
  const auto trits = pack<uint32_t>({1u << 10, 2u << 10, 0, 3u << 10});
  EXPECT_EQ(unpack<float>(runBody("  { D: dternary.f32.128 v0, v0, v1, v3, 5 }", {pack(values), trits})), (std::vector<float>{3, -7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(unpack<float>(runBody("  { D: dtacc.f32.128 v2, v0, v1, v3, 21 }\n  { D: dmov.f32.128 v0, v2 }", {pack(values), trits, pack(sums)})),
            (std::vector<float>{3.5f, -6.5f, 0.5f, 0.5f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) << "the count is taken modulo the 16 trits of a lane";
  const auto counts = runBody("  { D: dtpop.i64.512 v0, v0, v3 }", {pack<uint64_t>({0b0000100100100001, 3, 0, ~0ull, 1, 2, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa})});
  EXPECT_EQ(counts, (std::array<uint64_t, 8>{4, 0, 0, 0, 1, 1, 32, 32}));
}

TEST(Ternary, DotProducts) {
  // One trit of every lane after the other, as a matrix-vector product reads them.
  auto dot = [](const std::vector<int64_t> &values, const std::vector<int> &trits) {
    std::vector<uint64_t> codes;
    for (int trit : trits)
      codes.push_back(trit > 0 ? 1 : trit < 0 ? 2 : 0);
    return int64_t(runBody("  { D: dimm.i64.512 v4, 0 ; C: cimm r2, 0 }\n  { D: dtacc.i64.512 v4, v0, v1, v3, 0 }\n  { D: dred.i64.512 v0, v4, v3, 0 }",
                           {pack(values), pack(codes)})[0]);
  };
  EXPECT_EQ(dot({7, 7}, {1, -1}), 0);
  EXPECT_EQ(dot({5, 5, 5, 5}, {1, 1, 1, 1}), 20);
  EXPECT_EQ(dot({3, 7}, {1, -1}), -4);
  EXPECT_EQ(dot({10, 20, 30, 40}, {1, -1, 0, 1}), 30);
  EXPECT_EQ(dot({1, 2, 3, 4, 5, 6, 7, 8}, {1, -1, 0, 1, -1, 0, 0, 1}), 6);
}

TEST(Encoding, AgreementFallsWithDistance) {
  for (uint32_t index : {0u, 1u, 19u})
    for (unsigned d = 0; d < 11; ++d) {
      std::array<uint16_t, 11> at{};
      at.fill(7);
      at[d] = 0;
      const Bits start = bitsOf(rt::encodeCoordinate(at, index, 42));
      size_t before = 0;
      for (unsigned c = 1; c < 2048; ++c) {
        at[d] = uint16_t(c);
        const size_t distance = (start ^ bitsOf(rt::encodeCoordinate(at, index, 42))).count();
        EXPECT_GE(distance, before);
        EXPECT_LE(distance, c / 8 + 1);
        EXPECT_GE(distance + 1, c / 8);
        before = distance;
      }
      EXPECT_EQ(before, 256u);
    }
}

TEST(Encoding, DimensionsRegistersAndSeedsAreIndependent) {
  std::mt19937_64 random(test::seed());
  auto bits = [](const std::array<uint16_t, 11> &at, uint32_t index, uint64_t seed) { return bitsOf(rt::encodeCoordinate(at, index, seed)); };
  size_t exchanged = 0, other = 0, seeds = 0, far = 0;
  constexpr int draws = 200;
  for (int draw = 0; draw < draws; ++draw) {
    std::array<uint16_t, 11> a{}, b{};
    a[random() % 11] = uint16_t(1 + random() % 2047);
    b = a;
    std::rotate(b.begin(), b.begin() + 1 + random() % 10, b.end());
    EXPECT_NE(bits(a, 0, 1) ^ bits(b, 0, 1), Bits()) << "the same value in another dimension";
    for (uint16_t &c : a)
      c = uint16_t(random() % 2048);
    for (uint16_t &c : b)
      c = uint16_t(random() % 2048);
    std::array<uint16_t, 11> swapped = a;
    std::swap(swapped[0], swapped[10]);
    exchanged += (bits(a, 0, 1) ^ bits(swapped, 0, 1)).count();
    other += (bits(a, 0, 1) ^ bits(a, 1, 1)).count();
    seeds += (bits(a, 0, 1) ^ bits(a, 0, 2)).count();
    far += (bits(a, 0, 1) ^ bits(b, 0, 1)).count();
  }
  EXPECT_GT(exchanged, draws * 80u);
  for (size_t sum : {other, seeds, far}) // half of the bits, as of random hypervectors
    EXPECT_NEAR(double(sum) / draws, 256, 5);
}
