//===- SpaceAPITest.cpp - Spaces of calls through the C API -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/CoordinateText.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <numeric>
#include <thread>

using namespace vtpu;

namespace {
LoadedFile load(const std::string &text, vtpu_tier tier, uint32_t threads = 1) {
  Result<Program> program = parseAssembly(text, "t.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  Result<std::vector<uint8_t>> bytes = writeObject(*program);
  EXPECT_TRUE(bytes.ok()) << bytes.message();
  Options options;
  options.tier = tier;
  options.threads = threads;
  Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
  EXPECT_TRUE(loaded.ok()) << loaded.message();
  return std::move(*loaded);
}
std::vector<vtpu_tier> tiers() {
  return rt::hostHasBaseline() ? std::vector<vtpu_tier>{VTPU_TIER_INTERPRETER, VTPU_TIER_JIT}
                               : std::vector<vtpu_tier>{VTPU_TIER_INTERPRETER};
}
Coordinate at(const std::string &text) {
  Coordinate::Components c;
  EXPECT_EQ(vtpu_coordinate_parse(text.c_str(), c.data()), 0) << vtpu_last_error();
  return Coordinate(c);
}
template <typename T>
std::vector<T> values(const Space &space, const Coordinate &c, vtpu_dtype dtype, uint32_t count) {
  std::vector<T> out(count, T(-1));
  const Status status = space.load(c, dtype, count, out.data());
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

/// Row 2 of x by pointer and by coordinate, doubled into row 0 of y by pointer and row 1 by coordinate; w stays in its panels.
const char *const mirrorText = R"(
.func other entry
  .binding output y size=4 align=4 writable dtype=f32 shape=[1]
  { C: cret }
.end
.func main entry
  .binding input x size=256 align=64 dtype=f32 shape=[4, 16]
  .binding parameter w size=64 align=64 dtype=f32 shape=[2, 5] key="net.w" panels=[1, 2, 5, 0, 5, 1, 0, 4]
  .binding output y size=128 align=64 writable dtype=f32 shape=[2, 16]
  .binding output keep.h size=64 align=64 writable dtype=f32 shape=[16]
  .binding arena scratch size=64 align=64 writable
  { C: cptr r0, b0 }
  { C: cptr r1, b2 }
  { S: sld.f32.f32.512 v0, [r0 + 128] }
  { S: pcoord p0 } @1.2.0/0.0.0/0.0.0.2.0
  { S: cget.f32.512 v1, p0 ; D: dadd.f32.512 v0, v0, v0 }
  { S: sst.f32.f32.512 v0, [r1] ; D: dadd.f32.512 v1, v1, v1 }
  { S: pcoord p1 } @1.2.0/2.0.0/0.0.0.1.0
  { S: cput.f32.512 v1, p1 ; C: cptr r2, b3 }
  { S: pcoord p2 } @1.2.0/1.0.0/0.0.0.1.1
  { S: cget.f32.128 v2, p2 }
  { S: sst.f32.f32.512 v2, [r2] ; C: cret }
.end
)";

/// Counts calls in the cell 5.0.0/0.0.0/0.0.0.0.7 and tells.
const char *const countText = R"(
.func main entry
  .binding output y size=8 align=8 writable dtype=i64 shape=[]
  { C: cptr r0, b0 ; D: dimm.i64.128 v1, 1 }
  { S: pcoord p0 } @5.0.0/0.0.0/0.0.0.0.7
  { C: kset k1, 1 }
  { S: cget.i64.128 v0, p0 {k1}{z} }
  { D: dadd.i64.128 v0, v0, v1 }
  { S: cput.i64.128 v0, p0 {k1} }
  { S: ssts.i64 v0, [r0] ; C: cret }
.end
)";
} // namespace

TEST(SpaceAPI, TensorsOfACallHaveCoordinates) {
  for (vtpu_tier tier : tiers()) {
    Space space;
    std::vector<float> x(64), y(32), kept(16), w(10), again(64);
    std::iota(x.begin(), x.end(), 1.0f);
    std::iota(w.begin(), w.end(), 100.0f);
    {
      LoadedFile program = load(mirrorText, tier);
      const int64_t shape[] = {2, 5};
      ASSERT_EQ(vtpu_set_parameter(program.get(), "net.w", VTPU_F32, 2, shape, w.data()), 0);
      const uint32_t entry = uint32_t(program.find("main"));
      const Status called = program.call(entry, {x.data()}, {y.data(), kept.data()}, &space);
      ASSERT_TRUE(called.ok()) << called.message();
      for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(y[i], 2 * x[32 + i]);
        EXPECT_EQ(y[16 + i], y[i]);
      }
      EXPECT_EQ(std::vector<float>(kept.begin(), kept.begin() + 4), (std::vector<float>{106, 107, 108, 109}));
      // Every tensor, where the API says that it is.
      const Coordinate row = *program.coordinate(entry, "x", {2, 3});
      EXPECT_EQ(row, at("1.2.0/0.0.0/0.0.0.2.3"));
      EXPECT_EQ(values<float>(space, row, VTPU_F32, 13), std::vector<float>(x.begin() + 35, x.begin() + 48));
      EXPECT_EQ(values<float>(space, *program.coordinate(entry, "y"), VTPU_F32, 16), std::vector<float>(y.begin(), y.begin() + 16));
      EXPECT_EQ(values<float>(space, *program.coordinate(entry, "keep.h", {1}), VTPU_F32, 2), (std::vector<float>{107, 108}));
      EXPECT_EQ(program.coordinate(entry, "net.w").message(), "");
      EXPECT_EQ(*program.coordinate(entry, "net.w"), *program.coordinate(entry, "w"));
      // The next call of the entry replaces them; a call elsewhere does not.
      std::vector<float> other(32, 7);
      ASSERT_TRUE(program.call(entry, {again.data()}, {other.data(), kept.data()}, &space).ok());
      EXPECT_EQ(values<float>(space, row, VTPU_F32, 2), (std::vector<float>{0, 0}));
      ASSERT_TRUE(program.call(0, {}, {other.data()}, &space).ok());
      EXPECT_EQ(values<float>(space, row, VTPU_F32, 2), (std::vector<float>{0, 0}));
      // Inputs and parameters are not the caller's to change by coordinate.
      const float zero = 0;
      EXPECT_EQ(space.store(row, VTPU_F32, 1, &zero).message(), "region 'x' at 1.2.0/0.0.0/0.0.0.2.3 is not writable; write to another coordinate");
      EXPECT_TRUE(space.store(*program.coordinate(entry, "y"), VTPU_F32, 1, &zero).ok());
      EXPECT_EQ(other[0], 0);
      // In a space of the call's own the tensors have no coordinates: zeros.
      std::fill(y.begin(), y.end(), -1.0f);
      ASSERT_TRUE(program.call(entry, {x.data()}, {y.data(), kept.data()}).ok());
      EXPECT_EQ(y[0], 2 * x[32]);
      EXPECT_EQ(y[16], -1); // a cell that ended with the call
    }
    // The program is released, its parameter lives with the space.
    EXPECT_EQ(values<float>(space, at("1.2.0/1.0.0/0.0.0.1.0"), VTPU_F32, 5), std::vector<float>(w.begin() + 5, w.end()));
  }
}

TEST(SpaceAPI, TensorsThatDoNotFitSayWhy) {
  const auto program = [](const std::string &shape, uint64_t size) {
    return load(fmt::format(".func main entry\n.binding input x size={} align=1 dtype=u8 shape=[{}]\n.binding arena a size=64 align=64 writable\n"
                            "{{ C: cret }}\n.end\n", size, shape), VTPU_TIER_INTERPRETER);
  };
  const auto refused = [&](const std::string &shape, uint64_t size) { return program(shape, size).coordinate(0, "x").message(); };
  EXPECT_EQ(refused("2, 2053", 4106), "'x' of entry main has no coordinates: its extent 2053 is no product of two numbers up to 2048");
  EXPECT_EQ(refused("1, 1, 1, 1, 1, 1, 1, 1", 1), "'x' of entry main has no coordinates: its extents take 8 dimensions; there are 7");
  EXPECT_EQ(refused("1, 4096, 1, 1, 1, 1, 1", 4096), "'x' of entry main has no coordinates: its extents take 8 dimensions; there are 7");
  EXPECT_EQ(refused("3, 0", 0), "'x' of entry main has no coordinates: it has no elements");
  LoadedFile fits = program("3, 5000, 7", 105000);
  EXPECT_EQ(fits.coordinate(0, "a").message(), "'a' of entry main has no coordinates: it is no tensor of the caller; inputs, outputs and parameters have them");
  EXPECT_EQ(fits.coordinate(0, "z").message(), "entry main has no input, output or parameter 'z'");
  EXPECT_EQ(fits.coordinate(1, "x").message(), "entry 1 does not exist; the program has 1");
  EXPECT_EQ(fits.coordinate(0, "x", {0, 5000, 0}).message(), "index 5000 of dimension 1 of 'x' is outside 0..4999");
  // 5000 = 4 * 1250.
  EXPECT_EQ(*fits.coordinate(0, "x", {2, 1251, 6}), at("1.1.0/0.0.0/0.2.1.1.6"));
  std::vector<uint8_t> x(105000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = uint8_t(i * 31 >> 3);
  Space space;
  ASSERT_TRUE(fits.call(0, {x.data()}, {}, &space).ok());
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 5000; j += 617)
      EXPECT_EQ(values<uint8_t>(space, *fits.coordinate(0, "x", {i, j, 0}), VTPU_U8, 7),
                std::vector<uint8_t>(x.begin() + (i * 5000 + j) * 7, x.begin() + (i * 5000 + j) * 7 + 7));
  // A tensor without coordinates is no obstacle for a call.
  ASSERT_TRUE(program("2, 2053", 4106).call(0, {x.data()}, {}, &space).ok());
}

// RULE: space.call
TEST(SpaceAPI, CellsOutliveCallsInASpaceAndNoOthers) {
  for (vtpu_tier tier : tiers()) {
    LoadedFile program = load(countText, tier);
    Space space;
    int64_t y = 0;
    for (int64_t call = 1; call <= 3; ++call) {
      ASSERT_TRUE(program.call(0, {}, {&y}, &space).ok());
      EXPECT_EQ(y, call);
      ASSERT_TRUE(program.call(0, {}, {&y}).ok());
      EXPECT_EQ(y, 1);
    }
    EXPECT_EQ(*space.first(), at("5.0.0/0.0.0/0.0.0.0.7"));
    EXPECT_FALSE(space.next(*space.first()).has_value());
    EXPECT_EQ(values<int64_t>(space, *space.first(), VTPU_I64, 1)[0], 3);
    ASSERT_TRUE(space.erase(*space.first()).ok());
    ASSERT_TRUE(program.call(0, {}, {&y}, &space).ok());
    EXPECT_EQ(y, 1);
    // Calls in one space take turns, whatever threads they come from.
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        int64_t mine = 0;
        for (int call = 0; call < 50; ++call)
          EXPECT_TRUE(program.call(0, {}, {&mine}, &space).ok());
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(values<int64_t>(space, *space.first(), VTPU_I64, 1)[0], 201);
  }
}

// RULE: space.order
TEST(SpaceAPI, ASpaceThatSentronsChangeTogether) {
  // Every sentron makes and frees cells and regions of its own next to the others' while all read everything.
  const char *const text = R"(
.func main entry
  .binding output y size=8 align=8 writable dtype=i64 shape=[]
  { C: csid r0 ; D: dimm.i64.512 v1, 1 }
  { C: cimm r1, 0 }
round:
  { S: pcoord p0 } @7.0.0/0.0.0/0.0.0.0.0
  { S: sindex p1, p0, r0, 8 }
  { S: cput.i64.512 v1, p1 }
  { S: sindex p2, p0, r0, 7 }
  { C: cimm r2, 1 }
  { S: sindex p2, p2, r2, 0 }
  { S: sindex p3, p2, r2, 10 }
  { S: salloc.i64 p2, p3, 0 }
  { S: cput.i64.128 v1, p2 }
  { S: cnearest p4, r3, p0, r2 }
  { S: cget.i64.512 v2, p4 }
  { S: cget.i64.512 v2, p0 }
  { S: sflush p4 }
  { S: sfree p2 }
  { S: sfree p1 }
  { C: caddi r1, r1, 1 }
  { C: cbcci.lt r1, 200, round }
  { C: cret }
.end
)";
  for (vtpu_tier tier : tiers()) {
    LoadedFile program = load(text, tier, 4);
    Space space;
    int64_t y = 0;
    const Status called = program.call(0, {}, {&y}, &space);
    ASSERT_TRUE(called.ok()) << called.message();
    EXPECT_EQ(values<int64_t>(space, at("7.0.0/0.0.0/0.0.3.0.0"), VTPU_I64, 8), (std::vector<int64_t>{0, 1, 1, 1, 1, 1, 1, 1}));
  }
}

TEST(SpaceAPI, RegionsOfTheCaller) {
  Space space;
  std::vector<float> data(24);
  std::iota(data.begin(), data.end(), 0.0f);
  vtpu_region region = {};
  region.name = "grid";
  const auto corner = at("2.0.0/0.0.0/0.0.0.1.1").components(), end = at("2.0.0/0.0.0/0.0.0.4.6").components();
  std::copy(corner.begin(), corner.end(), region.first);
  std::copy(end.begin(), end.end(), region.last);
  region.dtype = VTPU_F32;
  region.data = data.data();
  region.bytes = data.size() * sizeof(float);
  ASSERT_TRUE(space.addRegion(region).ok());
  EXPECT_EQ(values<float>(space, at("2.0.0/0.0.0/0.0.0.2.0"), VTPU_F32, 8), (std::vector<float>{0, 6, 7, 8, 9, 10, 11, 0}));
  const float five[] = {5, 5};
  ASSERT_TRUE(space.store(at("2.0.0/0.0.0/0.0.0.4.6"), VTPU_F32, 2, five).ok()); // one into the grid, one into a cell
  EXPECT_EQ(data[23], 5);
  EXPECT_EQ(*space.first(), at("2.0.0/0.0.0/0.0.0.4.7"));
  // A long row, by more than one access.
  std::vector<double> row(300, 2.5);
  ASSERT_TRUE(space.store(at("3.0.0/0.0.0/0.0.0.0.5"), VTPU_F64, 300, row.data()).ok());
  EXPECT_EQ(values<double>(space, at("3.0.0/0.0.0/0.0.0.0.5"), VTPU_F64, 300), row);

  region.name = "again";
  EXPECT_EQ(space.addRegion(region).message(), "region 'again' in box 2.0.0/0.0.0/0.0.0.1.1..2.0.0/0.0.0/0.0.0.4.6 overlaps region 'grid' in box "
                                               "2.0.0/0.0.0/0.0.0.1.1..2.0.0/0.0.0/0.0.0.4.6; release that one or move this one");
  region.first[3] = 2048;
  EXPECT_EQ(space.addRegion(region).message(), "component 2048 of dimension 3 is outside 0..2047");
  region.first[3] = 0;
  region.layout = vtpu_layout(9);
  EXPECT_EQ(space.addRegion(region).message(), "unknown layout 9; use a vtpu_layout");
  region.dtype = vtpu_dtype(0);
  EXPECT_EQ(space.addRegion(region).message(), "unknown element type 0; use a vtpu_dtype");
  EXPECT_EQ(space.load(at("2.0.0/0.0.0/0.0.0.4.2047"), VTPU_F32, 2, data.data()).message(),
            "2 elements behind 2.0.0/0.0.0/0.0.0.4.2047 leave the columns; 1 are there");
  EXPECT_EQ(space.load(at("2.0.0/0.0.0/0.0.0.4.3"), VTPU_F64, 1, data.data()).message(),
            "region 'grid' holds f32 at 2.0.0/0.0.0/0.0.0.4.3, not f64; use its type");
  EXPECT_EQ(space.erase(at("0.0.0/0.0.0/0.0.0.0.0")).message(),
            "there is neither a region nor a cell at 0.0.0/0.0.0/0.0.0.0.0 that could be released");
  Coordinate::Components c;
  EXPECT_EQ(vtpu_coordinate_parse("1.2.x", c.data()), -1);
  EXPECT_NE(std::string(vtpu_last_error()).find("coordinate '1.2.x': "), std::string::npos) << vtpu_last_error();
}

TEST(SpaceAPI, TrapsOfTheSpaceNameThePlace) {
  for (vtpu_tier tier : tiers()) {
    LoadedFile program = load(countText, tier);
    Space space;
    vtpu_region region = {};
    region.name = "floats";
    const auto corner = at("5.0.0/0.0.0/0.0.0.0.0").components();
    std::copy(corner.begin(), corner.end(), region.first);
    std::copy(corner.begin(), corner.end(), region.last);
    region.last[10] = 9;
    region.dtype = VTPU_F32;
    ASSERT_TRUE(space.addRegion(region).ok());
    int64_t y = 0;
    EXPECT_EQ(program.call(0, {}, {&y}, &space).message(),
              "function main, word 3: region 'floats' holds f32 at 5.0.0/0.0.0/0.0.0.0.7, not i64; use its type");
    // A cell where a tensor of the call belongs is in its way, and nothing else.
    ASSERT_TRUE(space.erase(at("5.0.0/0.0.0/0.0.0.0.7")).ok());
    const int64_t one = 1;
    ASSERT_TRUE(space.erase(at("1.1.0/0.0.0/0.0.0.0.0")).ok());
    ASSERT_TRUE(space.store(at("1.1.0/0.0.0/0.0.0.0.0"), VTPU_I64, 1, &one).ok());
    EXPECT_EQ(program.call(0, {}, {&y}, &space).message(), "region 'y' in box 1.1.0/0.0.0/0.0.0.0.0..1.1.0/0.0.0/0.0.0.0.0 would hide the cell at "
                                                           "1.1.0/0.0.0/0.0.0.0.0; erase the cell first");
    ASSERT_TRUE(space.erase(at("1.1.0/0.0.0/0.0.0.0.0")).ok());
    EXPECT_TRUE(program.call(0, {}, {&y}, &space).ok());
    EXPECT_EQ(y, 1);
  }
}

TEST(SpaceAPI, FindsRegionsAndCells) {
  Space space;
  std::vector<float> data(8);
  vtpu_region region = {};
  region.name = "grid";
  const auto corner = at("2.0.0/0.0.0/0.0.0.0.0").components();
  std::copy(corner.begin(), corner.end(), region.first);
  std::copy(corner.begin(), corner.end(), region.last);
  region.last[10] = 7;
  region.block[10] = 4;
  region.dtype = VTPU_F32;
  region.layout = VTPU_LAYOUT_BLOCKED;
  region.read_only = 1;
  region.data = data.data();
  region.bytes = 32;
  ASSERT_TRUE(space.addRegion(region).ok());
  vtpu_region found = {};
  found.struct_size = sizeof(found);
  EXPECT_EQ(vtpu_space_region_at(space.get(), at("2.0.0/0.0.0/0.0.0.0.3").components().data(), &found), 1);
  EXPECT_STREQ(found.name, "grid");
  EXPECT_EQ(std::make_tuple(found.last[10], found.block[10], found.dtype, found.layout, found.read_only, found.data, found.bytes),
            std::make_tuple(7, 4, VTPU_F32, VTPU_LAYOUT_BLOCKED, 1, static_cast<void *>(data.data()), uint64_t(32)));
  EXPECT_EQ(vtpu_space_region_at(space.get(), at("2.0.0/0.0.0/0.0.0.0.8").components().data(), &found), 0);
  found.struct_size = 4;
  EXPECT_EQ(vtpu_space_region_at(space.get(), corner.data(), &found), -1);
  EXPECT_STREQ(vtpu_last_error(), "vtpu_space_region_at: set struct_size to sizeof(vtpu_region) first");

  const char *const cells[] = {"1.0.0/0.0.0/0.0.0.0.0", "1.2.0/0.0.0/0.0.0.0.0", "1.2.3/0.0.0/0.0.0.0.0", "1.2.3/0.0.0/0.0.0.0.4", "3.2.0/0.0.0/0.0.0.0.4"};
  const int64_t one = 1;
  for (const char *cell : cells)
    ASSERT_TRUE(space.store(at(cell), VTPU_I64, 1, &one).ok());
  auto named = [&](vtpu_query_kind kind, const char *center, uint32_t number) {
    vtpu_query query = {sizeof(query), kind, {}, number};
    const auto components = at(center).components();
    std::copy(components.begin(), components.end(), query.center);
    std::string numbers;
    Coordinate::Components cell;
    for (int code = vtpu_space_find(space.get(), &query, nullptr, cell.data()); code == 1;
         code = vtpu_space_find(space.get(), &query, cell.data(), cell.data()))
      for (size_t i = 0; i < std::size(cells); ++i)
        if (at(cells[i]) == Coordinate(cell))
          numbers += char('0' + i);
    return numbers;
  };
  EXPECT_EQ(named(VTPU_QUERY_ALL, cells[2], 7), "01234");
  EXPECT_EQ(named(VTPU_QUERY_PREFIX, cells[1], 2), "123");
  EXPECT_EQ(named(VTPU_QUERY_PATTERN, cells[3], 1 << 1 | 1 << 10), "34");
  EXPECT_EQ(named(VTPU_QUERY_CHILDREN, cells[1], 0), "2");
  EXPECT_EQ(named(VTPU_QUERY_MANHATTAN, cells[1], 3), "012");
  EXPECT_EQ(named(VTPU_QUERY_HAMMING, cells[1], 1), "012");
  Coordinate::Components cell;
  EXPECT_EQ(vtpu_space_nearest(space.get(), at(cells[3]).components().data(), 3, cell.data()), 1);
  EXPECT_EQ(Coordinate(cell), at(cells[4]));
  EXPECT_EQ(vtpu_space_nearest(space.get(), at(cells[3]).components().data(), 6, cell.data()), 0);
  EXPECT_EQ(vtpu_space_nearest(space.get(), at(cells[3]).components().data(), 0, cell.data()), -1);
  EXPECT_STREQ(vtpu_last_error(), "the 0-th nearest cell; they count from 1");
  for (auto [kind, number, message] : {std::make_tuple(VTPU_QUERY_PREFIX, 12u, "a prefix of 12 dimensions; there are 11"),
                                       {VTPU_QUERY_PATTERN, 2048u, "the pattern's mask 0x800 has bits behind dimension 10"},
                                       {vtpu_query_kind(9), 0u, "unknown kind of query 9; use a vtpu_query_kind"}}) {
    const vtpu_query query = {sizeof(query), kind, {}, number};
    EXPECT_EQ(vtpu_space_find(space.get(), &query, nullptr, cell.data()), -1);
    EXPECT_STREQ(vtpu_last_error(), message);
  }
}

TEST(SpaceAPI, TellsOfTensorsByName) {
  LoadedFile program = load(mirrorText, VTPU_TIER_INTERPRETER);
  vtpu_tensor_info info;
  for (const char *name : {"w", "net.w"}) {
    ASSERT_EQ(vtpu_binding_info(program.get(), 1, name, &info), 0);
    EXPECT_EQ(std::make_tuple(std::string(info.name), info.dtype, info.rank, info.shape[0], info.shape[1], info.bytes),
              std::make_tuple("w", VTPU_F32, 2u, 2, 5, 40u));
  }
  EXPECT_EQ(vtpu_binding_info(program.get(), 1, "none", &info), -2);
  EXPECT_STREQ(vtpu_last_error(), "entry main has no input, output or parameter 'none'");
  EXPECT_EQ(vtpu_binding_info(program.get(), 7, "w", &info), -1);
  Coordinate::Components c;
  EXPECT_EQ(vtpu_binding_coordinate(program.get(), 1, "none", nullptr, c.data()), -2);
}
