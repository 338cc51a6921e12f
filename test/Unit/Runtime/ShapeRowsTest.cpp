//===- ShapeRowsTest.cpp - Simplices, homology, curvature, walks -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows over what is occupied in every tier against models by brute force: enumerated subsets, ranks of boundary matrices, all assignments.
//
//===----------------------------------------------------------------------===//

#include "RunOnSpace.h"
#include "vtpu/ISA/Instruction.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace vtpu;
using test::Numbers;

namespace {
std::vector<Coordinate> keys(const Numbers<double> &numbers) {
  std::vector<Coordinate> out;
  for (const auto &[c, value] : numbers)
    out.push_back(c);
  return out;
}
/// Runs words with p1 = memory + 64, m1 = memory + 128 and r1; results: p0 and r3 at 0, m0 at 64, lane 0 of v1 at 128.
test::Memory apply(Numbers<double> &numbers, const std::string &row, const std::vector<Coordinate> &p, int64_t r1,
                   const std::vector<Coordinate> &m = {}) {
  test::Memory memory(192);
  std::copy(p.begin(), p.end(), memory.as<Coordinate>(64));
  std::copy(m.begin(), m.end(), memory.as<Coordinate>(128));
  test::runOn(numbers,
              fmt::format("{{ S: sldp p1, [r0 + 64] ; C: cimm r3, 77 }}\n{{ S: sldp p2, [r0 + 80] ; C: cimm r1, {} }}\n"
                          "{{ S: sld.i64.i64.512 v0, [r0 + 128] ; D: dimm.i64.512 v1, 77 }}\n{{ S: pmov p0, p1 ; C: cpackv m1, v0 }}\n"
                          "{{ C: cpackv m0, v1 }}\n{{ S: {} }}\n{{ S: sstp p0, [r0] ; C: cunpackv v0, m0 }}\n{{ S: sstr.i64 r3, [r0 + 16] }}\n"
                          "{{ S: sst.i64.i64.512 v0, [r0 + 64] }}\n{{ S: sst.i64.i64.512 v1, [r0 + 128] }}\n",
                          r1, row),
              memory);
  return memory;
}

/// Rank over GF(2) of rows as sets of columns.
size_t rankOf(std::vector<std::set<size_t>> rows) {
  size_t rank = 0;
  std::map<size_t, std::set<size_t>> pivots;
  for (std::set<size_t> row : rows) {
    while (!row.empty()) {
      auto pivot = pivots.find(*row.begin());
      if (pivot == pivots.end()) {
        pivots[*row.begin()] = row;
        ++rank;
        break;
      }
      std::set<size_t> sum;
      std::set_symmetric_difference(row.begin(), row.end(), pivot->second.begin(), pivot->second.end(), std::inserter(sum, sum.end()));
      row = sum;
    }
  }
  return rank;
}
/// Betti numbers of the clique complex by the ranks of its boundary matrices.
std::vector<int64_t> bettiNumbers(const std::vector<Coordinate> &vertices) {
  std::vector<std::map<std::vector<size_t>, size_t>> simplices; // by dimension: vertices to number
  for (size_t subset = 1; subset < size_t(1) << vertices.size(); ++subset) {
    std::vector<size_t> members;
    bool clique = true;
    for (size_t i = 0; i < vertices.size(); ++i)
      if (subset >> i & 1) {
        for (size_t j : members)
          clique &= vertices[i].hamming(vertices[j]) == 1;
        members.push_back(i);
      }
    if (!clique)
      continue;
    simplices.resize(std::max(simplices.size(), members.size()));
    simplices[members.size() - 1].emplace(members, simplices[members.size() - 1].size());
  }
  std::vector<size_t> ranks(simplices.size() + 1);
  for (size_t k = 1; k < simplices.size(); ++k) {
    std::vector<std::set<size_t>> rows;
    for (const auto &[members, number] : simplices[k]) {
      rows.emplace_back();
      for (size_t leave = 0; leave < members.size(); ++leave) {
        std::vector<size_t> face = members;
        face.erase(face.begin() + std::ptrdiff_t(leave));
        rows.back().insert(simplices[k - 1].at(face));
      }
    }
    ranks[k] = rankOf(rows);
  }
  std::vector<int64_t> out;
  for (size_t k = 0; k < simplices.size(); ++k)
    out.push_back(int64_t(simplices[k].size() - ranks[k] - ranks[k + 1]));
  return out;
}
} // namespace

TEST(ShapeRows, SimplicesAreSubsetsInOrder) {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 12; ++round) {
    const std::vector<unsigned> dimensions = round % 4 == 0 ? std::vector<unsigned>{10} : round % 4 == 1 ? std::vector<unsigned>{2, 10}
                                             : round % 4 == 2 ? std::vector<unsigned>{2, 5, 10}
                                                              : std::vector<unsigned>{0, 2, 5, 10};
    const Coordinate center = Coordinate::uniform(9);
    Numbers<double> numbers = test::randomNumbers<double>(random, center, dimensions, 2 + unsigned(dimensions.size() == 1) * 3, 60);
    std::vector<Coordinate> members = keys(numbers);
    members.erase(std::remove(members.begin(), members.end(), center), members.end());
    numbers[Coordinate::uniform(9).with(1, 3)] = 1; // not in the pattern
    unsigned mask = 0;
    for (unsigned d : dimensions)
      mask |= 1u << d;
    const size_t size = dimensions.size();
    // Every subset, in lexicographic order of the members' numbers.
    std::vector<std::vector<Coordinate>> subsets;
    std::vector<bool> chosen(members.size());
    std::fill_n(chosen.begin(), std::min(size, members.size()), true);
    if (members.size() >= size)
      do {
        std::vector<Coordinate> subset;
        for (size_t i = 0; i < members.size(); ++i)
          if (chosen[i])
            subset.push_back(members[i]);
        subsets.push_back(subset);
      } while (std::prev_permutation(chosen.begin(), chosen.end()));
    for (int64_t number : {int64_t(0), int64_t(1), int64_t(subsets.size()) / 2, int64_t(subsets.size()) - 1, int64_t(subsets.size()), int64_t(-1)}) {
      test::Memory out = apply(numbers, fmt::format("ssimplex m0, r3, p1, r1, {}", mask), {center}, number);
      EXPECT_EQ(*out.as<int64_t>(16), int64_t(subsets.size()));
      std::vector<Coordinate> expected = number >= 0 && number < int64_t(subsets.size()) ? subsets[size_t(number)] : std::vector<Coordinate>();
      expected.resize(4);
      for (unsigned i = 0; i < 4; ++i)
        EXPECT_EQ(out.coordinate(64 + 16 * i), expected[i]) << number << " of " << subsets.size();
    }
  }
}

TEST(ShapeRows, ASimplexFitsAMessage) {
  Result<Program> program = parseAssembly(".func f entry\n{ C: cimm r1, 0 }\n{ S: pcoord p1 } @1.1.1/1.1.1/1.1.1.1.1\n"
                                          "{ S: ssimplex m0, r3, p1, r1, 31 }\n{ C: cret }\n.end\n",
                                          "t.siw");
  ASSERT_FALSE(program.ok());
  EXPECT_NE(program.message().find("ssimplex: mask 31 names 5 dimensions; a message holds the cells of 1 to 4"), std::string::npos) << program.message();
}

TEST(ShapeRows, BettiNumbersAreRanks) {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 20; ++round) {
    Numbers<double> numbers = test::randomNumbers<double>(random, Coordinate::uniform(5), {1, 6, 10}, round % 2 ? 2 : 3, round % 2 ? 90 : 30);
    while (numbers.size() > 10)
      numbers.erase(numbers.begin());
    std::vector<int64_t> expected = bettiNumbers(keys(numbers));
    expected.resize(5);
    numbers[Coordinate::uniform(5).with(2, 0)] = 1; // not in the pattern
    for (int64_t k : {-1, 0, 1, 2, 3})
      EXPECT_EQ(*apply(numbers, fmt::format("scocycle r3, p1, r1, {}", 1 << 1 | 1 << 6 | 1 << 10), {Coordinate::uniform(5)}, k).as<int64_t>(16),
                k < 0 ? 0 : expected[size_t(k)]);
  }
  // A frame around a hole; a full line of a thousand is one simplex.
  Numbers<double> frame, line, none;
  for (unsigned i = 0; i < 2; ++i)
    for (unsigned j = 0; j < 2; ++j)
      frame[Coordinate().with(9, i).with(10, j)] = 0;
  for (unsigned i = 0; i < 1000; ++i)
    line[Coordinate().with(10, i)] = 0;
  EXPECT_EQ(*apply(frame, "scocycle r3, p1, r1, 2047", {Coordinate()}, 1).as<int64_t>(16), 1);
  EXPECT_EQ(*apply(line, "scocycle r3, p1, r1, 2047", {Coordinate()}, 0).as<int64_t>(16), 1);
  EXPECT_EQ(*apply(line, "scocycle r3, p1, r1, 2047", {Coordinate()}, 1).as<int64_t>(16), 0);
  EXPECT_EQ(*apply(none, "scocycle r3, p1, r1, 2047", {Coordinate()}, 0).as<int64_t>(16), 0);
}

TEST(ShapeRows, CurvatureIsTheBestAssignment) {
  std::mt19937_64 random(test::seed());
  int curved = 0;
  for (int round = 0; round < 40; ++round) {
    const Coordinate a = Coordinate::uniform(1), b = a.step(10, 1);
    Numbers<double> numbers = test::randomNumbers<double>(random, a.with(9, 0).with(10, 0), {9, 10}, 4, 65);
    numbers[a] = numbers[b] = 1;
    std::vector<Coordinate> around[2];
    for (const auto &[c, value] : numbers) {
      if (c.manhattan(a) == 1)
        around[0].push_back(c);
      if (c.manhattan(b) == 1)
        around[1].push_back(c);
    }
    // Split the masses into equal units: at most 12. The cheapest assignment of all by the set of targets that are taken.
    const size_t units = std::lcm(around[0].size(), around[1].size());
    std::vector<int64_t> best(size_t(1) << units, INT64_MAX / 2);
    best[0] = 0;
    for (size_t taken = 0; taken + 1 < best.size(); ++taken) {
      const Coordinate &from = around[0][size_t(__builtin_popcountll(taken)) * around[0].size() / units];
      for (size_t to = 0; to < units; ++to)
        if (!(taken >> to & 1))
          best[taken | size_t(1) << to] = std::min(best[taken | size_t(1) << to], best[taken] + from.manhattan(around[1][to * around[1].size() / units]));
    }
    const double expected = double(int64_t(units) - best.back()) / double(units);
    EXPECT_EQ(*apply(numbers, "scurve.f64 v1, p1, p2", {a, b}, 0).as<double>(128), expected);
    EXPECT_EQ(*apply(numbers, "scurve.f64 v1, p2, p1", {a, b}, 0).as<double>(128), expected);
    EXPECT_EQ(*apply(numbers, "scurve.f32 v1, p1, p2", {a, b}, 0).as<float>(128), float(expected));
    curved += expected != 0;
  }
  EXPECT_GT(curved, 5);
  Numbers<double> lone{{Coordinate(), 1}};
  EXPECT_EQ(*apply(lone, "scurve.f64 v1, p1, p1", {Coordinate(), Coordinate()}, 0).as<double>(128), 0);
  EXPECT_EQ(*apply(lone, "scurve.f64 v1, p1, p2", {Coordinate(), Coordinate().with(10, 1)}, 0).as<double>(128), 0);
}

TEST(ShapeRows, WalksEndBeforeWhatIsNotThere) {
  const Coordinate start = Coordinate::uniform(4);
  const std::vector<Coordinate> deltas{Coordinate().with(10, 2), Coordinate().with(8, 1), Coordinate().with(10, 3), Coordinate().with(9, 1)};
  std::vector<Coordinate> places{start, start.with(10, 6), start.with(8, 5).with(9, 1).with(10, 1), start.with(8, 5).with(9, 1).with(10, 4),
                                 start.with(8, 5).with(9, 2).with(10, 1)};
  for (unsigned there = 0; there <= 4; ++there) {
    Numbers<double> numbers; // the start need not be occupied
    for (unsigned i = 1; i <= 4; ++i)
      if (i != there + 1)
        numbers[places[i]] = 1;
    for (unsigned most = 1; most <= 4; ++most) {
      test::Memory out = apply(numbers, fmt::format("ckg p0, r3, p1, m1, {}", most), {start}, 0, deltas);
      const unsigned hops = std::min(there, most);
      EXPECT_EQ(out.coordinate(0), places[hops]);
      EXPECT_EQ(*out.as<int64_t>(16), int64_t(hops));
    }
  }
}
