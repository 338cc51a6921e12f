//===- FieldRowsTest.cpp - Calculus of fields over the space ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Differences, means, diffusion, tensor products and attention in every tier against models over maps and dense arrays.
//
//===----------------------------------------------------------------------===//

#include "RunOnSpace.h"

#include <cmath>
#include <limits>

using namespace vtpu;
using test::Numbers;

namespace {
template <typename T>
class FieldRows : public testing::Test {
public:
  using Number = T;
  std::mt19937_64 random{test::seed()};
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(FieldRows, Types);

template <typename T>
const T *lookup(const Numbers<T> &numbers, const Coordinate &c, unsigned dimension, int distance) {
  Coordinate::Components components = c.components();
  const int value = components[dimension] + distance;
  if (value < 0 || value > 2047)
    return nullptr;
  components[dimension] = uint16_t(value);
  auto found = numbers.find(Coordinate(components));
  return found == numbers.end() ? nullptr : &found->second;
}
template <typename T>
double gradient(const Numbers<T> &numbers, const Coordinate &c, unsigned d) {
  const T *low = lookup(numbers, c, d, -1), *here = lookup(numbers, c, d, 0), *high = lookup(numbers, c, d, 1);
  if (low && high)
    return 0.5 * (double(*high) - *low);
  if (here && (low || high))
    return high ? double(*high) - *here : double(*here) - *low;
  return 0;
}
template <typename T>
double laplacian(const Numbers<T> &numbers, const Coordinate &c) {
  double sum = 0;
  int count = 0;
  for (unsigned d = 0; d < 11; ++d)
    for (int side : {-1, 1})
      if (const T *value = lookup(numbers, c, d, side))
        sum += *value, ++count;
  return count && numbers.count(c) ? numbers.at(c) - sum / count : 0;
}
Coordinate any(std::mt19937_64 &random, const Coordinate &origin, const std::vector<unsigned> &dimensions, unsigned extent) {
  Coordinate c = origin;
  for (unsigned d : dimensions)
    c = c.with(d, origin[d] + random() % extent);
  return c;
}
/// The scalar that one word leaves in lane 0 of v1; p1 and p2 come from memory.
template <typename T>
T scalar(Numbers<T> &numbers, const std::string &row, const std::vector<Coordinate> &coordinates) {
  test::Memory memory(128);
  std::copy(coordinates.begin(), coordinates.end(), memory.as<Coordinate>(64));
  test::runOn(numbers,
              fmt::format("{{ S: sldp p1, [r0 + 64] }}\n{{ S: sldp p2, [r0 + 80] }}\n{{ S: {} }}\n{{ S: sst.i64.i64.512 v1, [r0] }}\n", row), memory);
  for (size_t i = 1; i < 64 / sizeof(T); ++i)
    EXPECT_EQ(memory.as<T>(0)[i], 0);
  return *memory.as<T>(0);
}
} // namespace

TYPED_TEST(FieldRows, DifferencesAndMeans) {
  using T = TypeParam;
  const char *type = test::typeOf<T>();
  for (int round = 0; round < 25; ++round) {
    // At both edges of the space too.
    const Coordinate origin = Coordinate::uniform(round % 3 == 0 ? 0 : round % 3 == 1 ? 2045 : 7);
    const std::vector<unsigned> dimensions{0, 5, 10};
    Numbers<T> numbers = test::randomNumbers<T>(this->random, origin, dimensions, 3, 60);
    const Coordinate c = any(this->random, origin, dimensions, 3);
    for (unsigned d : dimensions)
      EXPECT_EQ(scalar(numbers, fmt::format("dgradient.{} v1, p1, {}", type, d), {c}), T(gradient(numbers, c, d)));
    EXPECT_EQ(scalar(numbers, fmt::format("slaplace.{} v1, p1", type), {c}), T(laplacian(numbers, c)));
  }
  Numbers<T> empty;
  EXPECT_EQ(scalar(empty, fmt::format("slaplace.{} v1, p1", type), {Coordinate()}), 0);
}

TYPED_TEST(FieldRows, ADivergenceSumsItsComponents) {
  using T = TypeParam;
  // A vector field: component d stands at coordinates with 3 replaced by d.
  const unsigned numbering = 3;
  Numbers<T> numbers;
  for (unsigned d : {0u, 2u, 7u, 10u})
    for (const auto &[c, value] : test::randomNumbers<T>(this->random, Coordinate::uniform(20).with(numbering, d), {0, 2, 7, 10}, 3, 80))
      numbers[c] = value;
  for (int round = 0; round < 20; ++round) {
    const Coordinate c = any(this->random, Coordinate::uniform(20), {0, 2, 7, 10}, 3);
    double expected = 0;
    for (unsigned d = 0; d < 11; ++d)
      if (d != numbering)
        expected += gradient(numbers, c.with(numbering, d), d);
    EXPECT_EQ(scalar(numbers, fmt::format("ddiverg.{} v1, p1, {}", test::typeOf<T>(), numbering), {c}), T(expected));
  }
}

TYPED_TEST(FieldRows, DiffusionIsSimultaneous) {
  using T = TypeParam;
  for (int round = 0; round < 10; ++round) {
    const Coordinate origin = Coordinate::uniform(100);
    Numbers<T> numbers = test::randomNumbers<T>(this->random, origin, {4, 9, 10}, 4, 70), expected = numbers;
    // Cells with component 4 as the origin's; those beside them are neighbours that stay.
    int64_t count = 0;
    for (auto &[c, value] : expected)
      if (c[4] == origin[4]) {
        value = T(double(numbers.at(c)) - 0.25 * laplacian(numbers, c));
        ++count;
      }
    test::Memory memory(128);
    *memory.as<Coordinate>(64) = origin;
    *memory.as<T>(0) = T(0.25);
    test::runOn(numbers,
                fmt::format("{{ S: sldp p1, [r0 + 64] }}\n{{ S: slds.{0} v2, [r0] }}\n{{ S: sdiffuse.{0} r13, p1, v2, {1} }}\n"
                            "{{ S: sstr.i64 r13, [r0 + 8] }}\n",
                            test::typeOf<T>(), 1 << 4),
                memory);
    EXPECT_EQ(*memory.as<int64_t>(8), count);
    EXPECT_EQ(numbers, expected);
  }
}

TYPED_TEST(FieldRows, ATuckerProductFromRegionsAndCells) {
  using T = TypeParam;
  const unsigned P = 2, Q = 3, R = 4, rows = 3;
  T core[P][Q][R], factors[3][rows][R];
  auto draw = [&] { return T(double(int64_t(this->random())) * 0x1p-63); };
  const Coordinate starts[4] = {Coordinate::uniform(1), Coordinate::uniform(300), Coordinate::uniform(600), Coordinate::uniform(900)};
  Numbers<T> cells;
  for (unsigned p = 0; p < P; ++p)
    for (unsigned q = 0; q < Q; ++q)
      for (unsigned r = 0; r < R; ++r)
        cells[starts[0].step(8, p).step(9, q).step(10, r)] = core[p][q][r] = draw();
  const unsigned ranks[3] = {P, Q, R};
  for (unsigned f = 0; f < 3; ++f)
    for (unsigned i = 0; i < rows; ++i)
      for (unsigned column = 0; column < ranks[f]; ++column) {
        factors[f][i][column] = draw();
        if (f) // U is a region
          cells[starts[f + 1].step(9, i).step(10, column)] = factors[f][i][column];
      }
  auto bind = [&](mem::Space &space) {
    mem::RegionSpec spec;
    spec.name = "u";
    spec.box = {starts[1], starts[1].step(9, rows - 1).step(10, P - 1)};
    spec.type = sizeof(T) == 4 ? isa::Type::f32 : isa::Type::f64;
    auto region = space.bind(spec);
    ASSERT_TRUE(region.ok()) << region.message();
    for (unsigned i = 0; i < rows; ++i)
      for (unsigned column = 0; column < P; ++column)
        std::memcpy((*region)->address(starts[1].step(9, i).step(10, column)), &factors[0][i][column], sizeof(T));
  };
  for (unsigned i = 0; i < rows; ++i)
    for (unsigned j = 0; j < rows; ++j)
      for (unsigned k = 0; k < rows + 1; ++k) { // row 3 of W is not there
        double expected = 0;
        for (unsigned p = 0; p < P; ++p)
          for (unsigned q = 0; q < Q; ++q)
            for (unsigned r = 0; r < R && k < rows; ++r)
              expected += double(core[p][q][r]) * factors[0][i][p] * factors[1][j][q] * factors[2][k][r];
        test::Memory memory(128);
        std::copy(starts, starts + 4, memory.as<Coordinate>(0));
        *memory.as<Coordinate>(64) = Coordinate::uniform(5).with(8, i).with(9, j).with(10, k);
        test::runOn(cells,
                    fmt::format("{{ S: sld.i64.i64.512 v0, [r0] }}\n{{ C: cpackv m1, v0 }}\n{{ S: sldp p1, [r0 + 64] }}\n"
                                "{{ S: stensor.{0} v1, m1, p1 }}\n{{ S: sst.i64.i64.512 v1, [r0] }}\n",
                                test::typeOf<T>()),
                    memory, bind);
        EXPECT_NEAR(*memory.as<T>(0), expected, 32 * std::numeric_limits<T>::epsilon());
      }
}

TYPED_TEST(FieldRows, AFactorisationLearns) {
  using T = TypeParam;
  const Coordinate starts[3] = {Coordinate::uniform(10), Coordinate::uniform(20), Coordinate::uniform(30)};
  const unsigned rank = 4;
  Numbers<T> cells;
  for (const Coordinate &start : starts)
    for (unsigned r = 0; r < rank; ++r)
      cells[start.step(10, r)] = T(double(this->random() % 1000) / 1000 + 0.1);
  cells[starts[2].step(10, rank)] = 5; // the shortest row counts
  double last = 0;
  for (int step = 0; step < 30; ++step) {
    const Numbers<T> before = cells;
    auto old = [&](unsigned row, unsigned r) { return double(before.at(starts[row].step(10, r))); };
    double error = 2;
    for (unsigned r = 0; r < rank; ++r)
      error -= old(0, r) * old(1, r) * old(2, r);
    test::Memory memory(128);
    std::copy(starts, starts + 3, memory.as<Coordinate>(0));
    memory.as<T>(64)[0] = 2;
    memory.as<T>(64)[1] = T(0.05);
    test::runOn(cells,
                fmt::format("{{ S: sld.i64.i64.512 v0, [r0] }}\n{{ C: cpackv m1, v0 }}\n{{ S: sld.i64.i64.128 v2, [r0 + 64] }}\n"
                            "{{ S: strfactor.{0} v1, v2, m1 }}\n{{ S: sst.i64.i64.512 v1, [r0] }}\n",
                            test::typeOf<T>()),
                memory);
    const double tolerance = 16 * std::numeric_limits<T>::epsilon();
    EXPECT_NEAR(*memory.as<T>(0), error, tolerance);
    for (unsigned row = 0; row < 3; ++row)
      for (unsigned r = 0; r < rank; ++r)
        EXPECT_NEAR(cells.at(starts[row].step(10, r)), old(row, r) + 0.05 * error * old((row + 1) % 3, r) * old((row + 2) % 3, r), tolerance);
    EXPECT_EQ(cells.at(starts[2].step(10, rank)), 5);
    last = error;
  }
  EXPECT_LT(std::abs(last), 0.05);
}

TYPED_TEST(FieldRows, AttentionScoresKeysInARange) {
  using T = TypeParam;
  constexpr unsigned lanes = 64 / sizeof(T);
  const Coordinate start = Coordinate::uniform(40).with(6, 2047 - 5); // keys beyond the edge are not there
  T query[lanes], keys[lanes][lanes];
  Numbers<T> cells;
  for (unsigned j = 0; j < lanes; ++j)
    for (unsigned i = 0; i < lanes; ++i) {
      query[i] = T(int(i) - 3);
      keys[j][i] = T(int(this->random() % 32) - 16) / 4;
      if (j < 6 && (j != 2 || i != 1)) // an element of key 2 is missing
        cells[start.with(6, start[6] + j).step(10, i)] = keys[j][i];
    }
  test::Memory memory(128);
  std::copy(query, query + lanes, memory.as<T>(0));
  *memory.as<Coordinate>(64) = start;
  test::runOn(cells,
              fmt::format("{{ S: sld.i64.i64.512 v1, [r0] ; C: cimm r1, {1} }}\n{{ S: sldp p3, [r0 + 64] ; C: kput k1, r1 }}\n"
                          "{{ S: cattend.{0}.512 v1, v1, p3, 6 {{k1}} }}\n{{ S: sst.i64.i64.512 v1, [r0] }}\n",
                          test::typeOf<T>(), ~uint64_t(8) >> 1),
              memory);
  for (unsigned j = 0; j < lanes; ++j) {
    T expected = j == 2 || j >= 6 ? -std::numeric_limits<T>::infinity() : T(0);
    for (unsigned i = 0; i < lanes && !std::isinf(expected); ++i)
      expected += query[i] * keys[j][i]; // exact: small whole numbers and quarters
    EXPECT_EQ(memory.as<T>(0)[j], (~uint64_t(8) >> 1) >> j & 1 ? expected : query[j]) << j;
  }
}

TEST(FieldRows, RefusalsNameRegionAndPlace) {
  auto bind = [](mem::Space &space) {
    for (unsigned i = 0; i < 2; ++i) {
      mem::RegionSpec spec;
      spec.name = i ? "integers" : "fixed";
      spec.box = {Coordinate::uniform(3 + i).with(10, 2), Coordinate::uniform(3 + i).with(10, 4)};
      spec.type = i ? isa::Type::i64 : isa::Type::f64;
      spec.writable = false;
      ASSERT_TRUE(space.bind(spec).ok());
    }
  };
  Numbers<double> none;
  test::Memory memory(128);
  std::string error;
  *memory.as<Coordinate>(64) = Coordinate::uniform(4);
  EXPECT_EQ(test::runOn(none, "{ S: sldp p1, [r0 + 64] }\n{ S: slaplace.f64 v1, p1 }\n", memory, bind, &error).cause, rt::TrapCause::space);
  EXPECT_EQ(error, "region 'integers' holds i64 at 4.4.4/4.4.4/4.4.4.4.4, not f64; use its type");
  std::fill_n(memory.as<Coordinate>(0), 3, Coordinate::uniform(3).with(10, 2));
  EXPECT_EQ(test::runOn(none, "{ S: sld.i64.i64.512 v1, [r0] }\n{ C: cpackv m1, v1 }\n{ S: strfactor.f64 v1, v1, m1 }\n", memory, bind, &error).cause,
            rt::TrapCause::space);
  EXPECT_EQ(error, "region 'fixed' at 3.3.3/3.3.3/3.3.3.3.2 is not writable; write to another coordinate");
}
