//===- PointRowsTest.cpp - Points and scores in a register ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `dsoft`, `dhypadd`, `dhypmul`, `shypmap` and `sboundary` in every tier: against long double models by other formulas, and the laws of the
// hyperbolic space. The oracle of the conformance suite tests every bit.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "RunWords.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

using namespace vtpu;

namespace {
using Vector = std::vector<double>;

/// Lanes 0..7 that a D row makes of v1 (and v2) in f64; `k1` lets through what the mask says, the others keep 0.5.
Vector compute(const std::string &head, const std::string &operands, const Vector &a, const Vector &b = Vector(8), uint64_t mask = 255) {
  test::Memory memory(192);
  std::copy(a.begin(), a.end(), memory.as<double>(0));
  std::copy(b.begin(), b.end(), memory.as<double>(64));
  std::fill_n(memory.as<double>(128), 8, 0.5);
  test::run(fmt::format("{{ S: sld.f64.f64.512 v1, [r0] ; C: cimm r1, {} }}\n{{ S: sld.f64.f64.512 v2, [r0 + 64] ; C: kput k1, r1 }}\n"
                        "{{ S: sld.f64.f64.512 v0, [r0 + 128] }}\n{{ D: {}.f64.512 v0, {} {{k1}} }}\n{{ S: sst.f64.f64.512 v0, [r0] }}\n",
                        mask, head, operands),
            memory);
  return Vector(memory.as<double>(0), memory.as<double>(64));
}
int64_t bits(double value) {
  int64_t out;
  std::memcpy(&out, &value, 8);
  return out;
}
Vector add(const Vector &a, const Vector &b, double c) { return compute("dhypadd", fmt::format("v1, v2, {}", bits(c)), a, b); }
Vector multiply(double r, const Vector &a, double c) { return compute("dhypmul", fmt::format("v1, v2, {}", bits(c)), a, {r, 7, 7, 7, 7, 7, 7, 7}); }
void expectNear(const Vector &a, const Vector &b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], tolerance) << "lane " << i;
}
Vector randomPoint(std::mt19937_64 &random, double radius) {
  Vector out(8);
  double square = 0;
  for (double &x : out) {
    x = double(int64_t(random())) * 0x1p-63;
    square += x * x;
  }
  for (double &x : out)
    x *= radius / std::sqrt(square);
  return out;
}
Vector negated(Vector a) {
  for (double &x : a)
    x = -x;
  return a;
}
long double norm(const Vector &a) {
  long double square = 0;
  for (double x : a)
    square += (long double)x * x;
  return std::sqrt(square);
}
} // namespace

TEST(PointRows, SoftmaxIsItsDefinition) {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 20; ++round) {
    Vector a(8);
    for (double &x : a)
      x = double(int64_t(random())) * 0x1p-58; // up to 32
    const double temperature = round % 2 ? 0.25 + double(random() % 100) / 16 : -2;
    const uint64_t mask = round < 4 ? 255 : 1 + random() % 255;
    const Vector out = compute("dsoft", fmt::format("v1, {}", bits(temperature)), a, Vector(8), mask);
    long double sum = 0;
    for (int i = 0; i < 8; ++i)
      if (mask >> i & 1)
        sum += std::exp((long double)a[i] / temperature);
    for (int i = 0; i < 8; ++i)
      EXPECT_NEAR(out[i], mask >> i & 1 ? double(std::exp((long double)a[i] / temperature) / sum) : 0.5, 1e-14);
  }
  // The maximum is taken away first: no overflow.
  expectNear(compute("dsoft", fmt::format("v1, {}", bits(1)), {1e300, 1e300, 0, -INFINITY, 0, 0, 0, 0}), {0.5, 0.5, 0, 0, 0, 0, 0, 0}, 0);
  EXPECT_TRUE(std::isnan(compute("dsoft", fmt::format("v1, {}", bits(0)), {1, 2, 3, 4, 5, 6, 7, 8})[0]));
}

TEST(PointRows, MoebiusAdditionIsAGyrogroup) {
  std::mt19937_64 random(test::seed());
  for (double c : {1.0, 0.25, 4.0}) {
    const Vector a = randomPoint(random, 0.4 / std::sqrt(c)), b = randomPoint(random, 0.7 / std::sqrt(c)), zero(8);
    expectNear(add(zero, b, c), b, 0);
    expectNear(add(a, zero, c), a, 0);
    expectNear(add(negated(a), add(a, b, c), c), b, 1e-14); // left cancellation
    EXPECT_NEAR(double(norm(add(a, b, c))), double(norm(add(b, a, c))), 1e-14); // gyrocommutative: equal up to a rotation
    EXPECT_LT(norm(add(a, b, c)), 1 / std::sqrt(c));
  }
  const Vector a = randomPoint(random, 3), b = randomPoint(random, 5);
  Vector sum(8);
  std::transform(a.begin(), a.end(), b.begin(), sum.begin(), std::plus<>());
  expectNear(add(a, b, 0), sum, 0); // flat
}

TEST(PointRows, MoebiusProductsAreMultiples) {
  std::mt19937_64 random(test::seed());
  for (double c : {1.0, 0.25, 4.0}) {
    const Vector a = randomPoint(random, 0.4 / std::sqrt(c));
    expectNear(multiply(1, a, c), a, 1e-15);
    expectNear(multiply(2, a, c), add(a, a, c), 1e-14);
    expectNear(multiply(3, a, c), add(a, add(a, a, c), c), 1e-14);
    expectNear(multiply(0.5, multiply(2, a, c), c), a, 1e-14);
    expectNear(multiply(-1, a, c), negated(a), 1e-15);
    // Outside the ball: the direction stays, the result lies inside, at atanh(1 - 2^-53) times the factor.
    const Vector outside = multiply(0.5, randomPoint(random, 10 / std::sqrt(c)), c);
    EXPECT_NEAR(double(norm(outside)), std::tanh(0.5 * std::atanh(1 - 0x1p-53)) / std::sqrt(c), 1e-14);
  }
  expectNear(multiply(3, Vector(8), 1), Vector(8), 0);
  const Vector a = randomPoint(random, 4);
  Vector tripled = a;
  for (double &x : tripled)
    x *= 3;
  expectNear(multiply(3, a, 0), tripled, 0);
  EXPECT_TRUE(std::isnan(multiply(3, a, -1)[0]));
}

TEST(PointRows, LanesBecomeComponents) {
  test::Memory memory(128);
  const float lanes[16] = {0.5f, 1.5f, 2.5f, -3, 2046.5f, 1e30f, NAN, INFINITY, -0.0f, 7.49f, 2047.5f, 9, 9, 9, 9, 9};
  std::memcpy(memory.as<float>(0), lanes, 64);
  test::run("{ S: sld.f32.f32.512 v1, [r0] }\n{ S: shypmap.f32.512 p3, v1 }\n{ S: sstp p3, [r0 + 64] }\n{ S: shypmap.f32.128 p3, v1 }\n"
            "{ S: sstp p3, [r0 + 80] }\n",
            memory);
  EXPECT_EQ(memory.coordinate(64), Coordinate(Coordinate::Components{0, 2, 2, 0, 2046, 2047, 0, 2047, 0, 7, 2047}));
  EXPECT_EQ(memory.coordinate(80), Coordinate(Coordinate::Components{0, 2, 2}));
}

TEST(PointRows, TheBoundaryOfABoundaryIsZero) {
  // Chains of edges of a tetrahedron: in the boundary of its boundary every edge has the signs + and -.
  std::vector<Coordinate> vertices;
  for (unsigned i = 0; i < 4; ++i)
    vertices.push_back(Coordinate::uniform(100 + i));
  std::map<std::pair<Coordinate::Bits, Coordinate::Bits>, int64_t> chain;
  for (int outer = 0; outer < 4; ++outer)
    for (int inner = 0; inner < 3; ++inner) {
      test::Memory memory(192);
      std::copy(vertices.begin(), vertices.end(), memory.as<Coordinate>(0));
      test::run(fmt::format("{{ S: sld.i64.i64.512 v1, [r0] ; C: cimm r1, {} }}\n{{ C: cpackv m1, v1 }}\n{{ S: sboundary m1, r3, m1, r1, 3 }}\n"
                            "{{ C: cimm r1, {} }}\n{{ S: sboundary m0, r4, m1, r1, 2 }}\n{{ C: cmul r3, r3, r4 }}\n{{ C: cunpackv v0, m0 }}\n"
                            "{{ S: sst.i64.i64.512 v0, [r0] }}\n{{ S: sstr.i64 r3, [r0 + 64] }}\n",
                            outer, inner),
                memory);
      EXPECT_EQ(memory.coordinate(32), Coordinate());
      chain[{memory.coordinate(0).bits(), memory.coordinate(16).bits()}] += *memory.as<int64_t>(64);
    }
  EXPECT_EQ(chain.size(), 6u);
  for (const auto &[edge, coefficient] : chain)
    EXPECT_EQ(coefficient, 0);
  test::Memory memory(64);
  test::run("{ C: cimm r1, 2 }\n{ S: pcoord p1 } @1.1.1/1.1.1/1.1.1.1.1\n{ D: dimm.i64.512 v1, -1 }\n{ C: cpackv m1, v1 }\n"
            "{ S: sboundary m1, r3, m1, r1, 1 }\n{ C: cunpackv v0, m1 }\n{ S: sst.i64.i64.512 v0, [r0] }\n{ S: sstr.i64 r3, [r0 + 32] }\n",
            memory);
  EXPECT_EQ(memory.coordinate(0), Coordinate()); // no vertex 2
  EXPECT_EQ(*memory.as<int64_t>(32), 0);
}
