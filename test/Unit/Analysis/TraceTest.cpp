//===- TraceTest.cpp - What a program touches -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Layouts.h"
#include "vtpu/Analysis/Patterns.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Conflicts.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::analysis;

namespace {
Program parsed(const std::string &text) {
  Result<Program> program = parseAssembly(text, "test.siw", true);
  EXPECT_TRUE(program) << program.message();
  return *program;
}
Trace recorded(const std::string &text, const TraceOptions &options = {}) {
  Result<Trace> trace = record(parsed(text), options);
  EXPECT_TRUE(trace) << trace.message();
  return *trace;
}
/// `load x+0:64 store y+4:4`.
std::string touched(const Trace &trace) {
  std::string text;
  for (const Access &access : trace.accesses) {
    const Object &object = trace.objects[trace.sites[access.site].object];
    constexpr const char *kinds[] = {"load ", "store "};
    text += (text.empty() ? "" : " ") + std::string(kinds[size_t(access.kind)]) + object.name + "+" +
            std::to_string(access.address - object.base) + ":" + std::to_string(access.bytes);
  }
  return text;
}
std::vector<uint8_t> bytesOf(const std::vector<int32_t> &values) {
  std::vector<uint8_t> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(Trace, CountsWordsAndFirstTouches) {
  const std::string text = R"(.func main entry
  .binding input x size=256 align=64 dtype=f32 shape=[64]
  .binding output y size=64 align=64 writable dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { C: cimm r2, 0 }
L1:
  { S: sld.f32.f32.256 v0, [r0] ; C: caddi r0, r0, 32 }
  { S: sld.f32.f32.256 v1, [r0 - 32] ; C: caddi r2, r2, 1 }
  { C: cbcci.lt r2, 7, L1 }
  { S: sst.f32.f32.512 v0, [r1] }
  { C: cret }
.end
)";
  TraceOptions options;
  for (bool accesses : {true, false}) {
    options.accesses = accesses;
    const Trace trace = recorded(text, options);
    EXPECT_EQ(trace.executions[0], (std::vector<uint64_t>{1, 1, 1, 7, 7, 7, 1, 1}));
    EXPECT_EQ(trace.firstTouches[0], (std::vector<uint64_t>{0, 0, 0, 4, 0, 0, 1, 0}));
    EXPECT_EQ(trace.accesses.size(), accesses ? 15 : 0u);
    EXPECT_EQ(trace.sites.empty(), !accesses);
  }
}

TEST(Trace, RecordsEveryKindOfAccess) {
  const std::string text = R"(.func main entry
  .binding input i size=64 align=4 dtype=i32 shape=[16]
  .binding input x size=4096 align=4 dtype=f32 shape=[1024]
  .binding output y size=4096 align=4 writable dtype=f32 shape=[1024]
  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { C: cptr r2, b2 }
  { C: cimm r3, 52 }
  { C: kput k1, r3 }
  { S: sld.i32.i32.128 v1, [r0] }
  { S: sprefch [r1 + 256] }
  { S: sld.f32.f16.512 v2, [r1 + 8] }
  { S: sld.f32.f32.512 v2, [r1 + 100] {k1}{z} }
  { S: sbcast.f32.512 v2, [r1 + r3*2] {k1}{z} }
  { S: sgather.f32.128 v3, [r1 + v1*4], k2 {k1}{z} }
  { C: kput k1, r3 }
  { S: sscatter.f32.128 v3, [r2 + v1*4 + 8], k2 }
  { S: ssts.f64 v3, [r2] }
  { S: sstr.i16 r3, [r2 + r3] }
  { S: sst.f32.f32.256 v2, [r2 + 64] {k1} }
  { C: cret }
.end
)";
  TraceOptions options;
  options.inputs = {bytesOf({3, 1, 700, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})};
  const Trace trace = recorded(text, options);
  // 52 has the bits 2, 4 and 5: of four lanes one, of sixteen three.
  EXPECT_EQ(touched(trace), "load i+0:16 load x+8:32 load x+108:16 load x+104:4 load x+2800:4 store y+20:4 store y+12:4 store y+2808:4 "
                            "store y+16:4 store y+0:8 store y+52:2 store y+72:16");
  EXPECT_EQ(trace.executedWords, 17u);
  EXPECT_EQ(trace.sites[0].place, "main:5");
  EXPECT_EQ(trace.sites[0].location, "test.siw:10");
  EXPECT_EQ(describe(trace.sites[0]), "word main:5 at test.siw:10, sld.i32.i32.128 v1, [r0]");
}

TEST(Trace, KnowsWhatCallsPass) {
  const Trace trace = recorded(R"(.rodata 00112233445566778899aabbccddeeff
.func add
  .binding import a size=64 align=4
  .binding import c size=64 align=4 writable
  .binding constant k size=16 align=16 offset=0
  .binding stack s size=64 align=64 writable
  { C: cptr r0, b0 }
  { S: sld.f32.f32.128 v0, [r0] ; C: cptr r1, b1 }
  { S: sst.f32.f32.128 v0, [r1] ; C: cptr r2, b2 }
  { S: sld.i32.i32.128 v1, [r2] ; C: cptr r3, b3 }
  { S: sst.i32.i32.128 v1, [r3 + 16] ; C: cret }
.end
.func main entry
  .binding input x size=64 align=4 dtype=f32 shape=[16]
  .binding arena t size=256 align=64 writable
  .table add b0+0 b1+128
  .table add b1+128 b1+0
  { C: ccall t0 }
  { C: ccall t1 }
  { C: cret }
.end
)");
  EXPECT_EQ(touched(trace), "load x+0:16 store t+128:16 load read-only data+0:16 store stack of add+16:16 "
                            "load t+128:16 store t+0:16 load read-only data+0:16 store stack of add+16:16");
  EXPECT_EQ(trace.sites[0].binding, "a");
  EXPECT_EQ(trace.sites.size(), 5u) << "a word that touches two objects has two sites";
}

TEST(Trace, SeesTensorsByCoordinate) {
  const Trace trace = recorded(R"(.func main entry
  .binding input x size=96 align=4 dtype=f32 shape=[2, 12]
  .binding output y size=96 align=4 writable dtype=f32 shape=[2, 12]
  { S: pcoord p0 } @1.1.0/0.0.0/0.0.0.1.6
  { S: pcoord p1 } @1.1.0/1.0.0/0.0.0.0.4
  { S: cget.f32.128 v0, p0 }
  { S: cput.f32.512 v0, p1 }
  { C: cret }
.end
)");
  EXPECT_EQ(touched(trace), "load x+72:16 store y+16:32")
      << "the second row starts behind 48 bytes; of 16 lanes eight lie inside of the row";
  EXPECT_TRUE(trace.sites[0].byCoordinate);
  ASSERT_EQ(trace.objects[0].axes.size(), 2u);
  EXPECT_EQ(trace.objects[0].axes[0].dimension, 9u);
  EXPECT_EQ(trace.objects[0].axes[0].stride, 48u);
  EXPECT_EQ(trace.objects[0].axes[1].dimension, 10u);
  EXPECT_EQ(trace.objects[0].axes[1].extent, 12u);
}

const char *const endless = R"(.func main entry
  .binding input x size=64 align=4 dtype=f32 shape=[16]
  { C: cptr r0, b0 }
again:
  { S: sld.f32.f32.512 v0, [r0] ; C: cbr again }
.end
)";

TEST(Trace, EndsAtItsLimit) {
  TraceOptions options;
  options.limit = 1000;
  const Trace trace = recorded(endless, options);
  EXPECT_TRUE(trace.cut);
  EXPECT_EQ(trace.trap, "");
  EXPECT_EQ(trace.executedWords, 1000u);
  EXPECT_EQ(trace.accesses.size(), 999u);
}

TEST(Trace, KeepsWhatRanBeforeATrap) {
  const Trace trace = recorded(R"(.func main entry
  .binding input x size=64 align=4 dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { S: sld.f32.f32.512 v0, [r0] }
  { S: slds.f32 v0, [r0 + 64] }
  { C: cret }
.end
)");
  EXPECT_EQ(touched(trace), "load x+0:64");
  EXPECT_EQ(trace.trap,
            "function main, word 2 (test.siw:5): memory access outside binding 0 (x): 4 bytes at byte 64 of 64; an index is out of range");
}

TEST(Trace, RefusesWhatItCannotRun) {
  const Program program = parsed(endless);
  auto refused = [&](const TraceOptions &options) { return record(program, options).message(); };
  TraceOptions options;
  options.entry = "other";
  EXPECT_EQ(refused(options), "no entry 'other'; the program has main");
  options = {};
  options.inputs = {{1, 2, 3}};
  EXPECT_EQ(refused(options), "input 0 ('x') has 3 bytes, the entry takes 64");
  options.inputs = {std::vector<uint8_t>(64), {}};
  EXPECT_EQ(refused(options), "2 inputs for entry main, which takes 1");
  options = {};
  options.displacements = {{"z", 64}};
  EXPECT_EQ(refused(options), "entry main has no binding 'z' to be moved");
  options = {};
  options.parameters = "/nonexistent.safetensors";
  EXPECT_NE(refused(options).find("/nonexistent.safetensors"), std::string::npos);
  EXPECT_EQ(record(Program(), {}).message(), "the program has no entry function");
  EXPECT_NE(record(parsed(".func main entry\n  { C: cimm r0, 1 }\n.end\n"), {}).message(), "") << "what does not verify";
}

TEST(Trace, PlacesObjectsOnPages) {
  TraceOptions options;
  options.limit = 10;
  options.displacements = {{"x", 80}};
  EXPECT_EQ(recorded(endless, options).objects[0].base % 4096, 80u);
  EXPECT_EQ(recorded(endless).objects[0].base % 4096, 0u);
}

TEST(Patterns, TellStridesReuseAndDimensions) {
  // A matrix of 8 rows by 16 columns, read by columns.
  const Trace trace = recorded(R"(.func main entry
  .binding input x size=512 align=4 dtype=f32 shape=[8, 16]
  { C: cptr r0, b0 }
  { C: cimm r2, 0 }
columns:
  { C: caddi r1, r0, 0 }
  { C: cimm r3, 0 }
rows:
  { S: slds.f32 v0, [r1] ; C: caddi r1, r1, 64 }
  { C: caddi r3, r3, 1 }
  { C: cbcci.lt r3, 8, rows }
  { C: caddi r0, r0, 4 }
  { C: caddi r2, r2, 1 }
  { C: cbcci.lt r2, 16, columns }
  { C: cret }
.end
)");
  const Patterns patterns = findPatterns(trace, 64);
  ASSERT_EQ(patterns.bySite.size(), 1u);
  const SitePattern &pattern = patterns.bySite[0];
  EXPECT_EQ(pattern.accesses, 128u);
  EXPECT_EQ(pattern.lines, 8u);
  EXPECT_EQ(pattern.kind, StrideKind::few);
  ASSERT_EQ(pattern.strides.size(), 2u);
  EXPECT_EQ(pattern.strides[0].first, 64);
  EXPECT_NEAR(pattern.strides[0].second, 112 / 127.0, 1e-9);
  EXPECT_EQ(pattern.strides[1].first, 4 - 7 * 64);
  EXPECT_EQ(pattern.reuse.first, 8u);
  EXPECT_EQ(pattern.reuse.counts[ReuseHistogram::bucketOf(7)], 120u);
  ASSERT_EQ(pattern.steps.size(), 1u);
  EXPECT_EQ(pattern.steps[0].dimension, 9u);
  EXPECT_NEAR(pattern.steps[0].share, 112 / 127.0, 1e-9);
  EXPECT_EQ(pattern.steps[0].distance, 1);
  EXPECT_NEAR(pattern.severalDimensions, 15 / 127.0, 1e-9);
}

//===--- Layouts ----------------------------------------------------------===//

TEST(Layouts, AreReadAndRefused) {
  for (const char *text : {"row-major", "blocked-4x16", "morton", "hilbert"}) {
    Result<LayoutChoice> choice = parseLayout(text);
    ASSERT_TRUE(choice) << choice.message();
    EXPECT_EQ(layoutText(*choice), text);
  }
  for (const char *text : {"zigzag", "blocked", "blocked-4", "blocked-0x4", "blocked-4x4x4", "blocked-4x4096"})
    EXPECT_EQ(parseLayout(text).message(),
              "unknown layout '" + std::string(text) + "'; known are row-major, blocked-AxB with A and B of 1 to 2048, morton, hilbert");
}

TEST(Layouts, BlocksHelpColumnsAndRowsNeedNone) {
  const Caches caches = *parseCaches("L1:4K:4:64,L2:32K:8:64");
  for (bool repaired : {false, true}) {
    Result<Program> program = gen::plantConflict({gen::Conflict::layout, 0, repaired, 0}, caches);
    ASSERT_TRUE(program) << program.message();
    Result<Trace> trace = record(*program, {});
    ASSERT_TRUE(trace) << trace.message();
    LayoutOptions options;
    options.measure = true;
    const std::vector<LayoutComparison> comparisons = compareLayouts(*trace, caches, options);
    ASSERT_EQ(comparisons.size(), 1u);
    const LayoutComparison &comparison = comparisons[0];
    ASSERT_EQ(comparison.results.size(), 5u);
    EXPECT_EQ(isWorthwhile(comparison), !repaired);
    EXPECT_EQ(comparison.results[0].cycles, comparison.current) << "row-major is what it is";
    for (const LayoutResult &result : comparison.results) {
      EXPECT_EQ(result.refused, "");
      EXPECT_EQ(result.runs, trace->accesses.size()) << "single elements stay whole";
      EXPECT_EQ(result.levels[0].accesses, trace->accesses.size());
      EXPECT_GT(result.nanoseconds, 0);
    }
    // 128 rows of 64 columns: a block of a line holds four rows and four columns, of a page 32 of each.
    EXPECT_EQ(layoutText(comparison.results[1].choice), "blocked-4x4");
    EXPECT_EQ(layoutText(comparison.results[2].choice), "blocked-32x32");
    EXPECT_EQ(comparison.results[0].levels[0].compulsory, 512u);
    if (!repaired) {
      EXPECT_LE(4 * comparison.results[1].levels[0].misses(), comparison.results[0].levels[0].misses()) << "four columns share a line";
    }
    EXPECT_EQ(comparison.results[4].bytes, 128u * 128 * 4) << "Hilbert's curve takes a square";
  }
}

TEST(Layouts, SplitVectorsIntoRuns) {
  const Trace trace = recorded(R"(.func main entry
  .binding input x size=1024 align=4 dtype=f32 shape=[16, 16]
  { C: cptr r0, b0 }
  { S: sld.f32.f32.512 v0, [r0 + 64] }
  { S: sld.f32.f32.512 v0, [r0 + 32] }
  { C: cret }
.end
)");
  LayoutOptions options;
  options.choices = {*parseLayout("blocked-4x4"), *parseLayout("blocked-16x16"), *parseLayout("morton")};
  const std::vector<LayoutComparison> comparisons = compareLayouts(trace, *parseCaches("L1:4K:4:64"), options);
  ASSERT_EQ(comparisons.size(), 1u);
  // The second row is in four blocks; the second vector lies in the last two of the first row and the first two of the second.
  EXPECT_EQ(comparisons[0].results[0].runs, 8u);
  EXPECT_EQ(comparisons[0].results[1].runs, 2u);
  EXPECT_EQ(comparisons[0].results[2].runs, 16u) << "neighbours in a row come in pairs";
}
} // namespace
