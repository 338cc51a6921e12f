//===- DifferentialTest.cpp - The tiers agree on random programs -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Differential.h"
#include "vtpu/Runtime/Verifier.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::gen;

TEST(Differential, TiersAgree) {
  FuzzSettings settings;
  settings.seed = test::seed();
  settings.programs = 40;
  settings.words = 128;
  settings.orcEvery = 20;
  const FuzzReport report = fuzz(settings);
  EXPECT_EQ(report.failure, "");
  EXPECT_EQ(report.orcPrograms, tiers().back() == VTPU_TIER_ORC ? 2u : 0u);
}

TEST(Differential, LongFunctionsAgreeInORC) { // which it translates in pieces
  Settings settings;
  settings.seed = test::seed();
  settings.words = 900;
  settings.calls = 0;
  Result<Program> program = generate(settings);
  ASSERT_TRUE(program.ok());
  ASSERT_GT(program->functions[0].words.size(), 1000u);
  const Comparison comparison = compareTiers(*program, settings.seed, true);
  EXPECT_EQ(comparison.what, "");
  EXPECT_EQ(comparison.reference.error, "");
}

TEST(Differential, EveryFormRunsInEveryTier) {
  FuzzSettings settings;
  settings.seed = test::seed() + 40;
  settings.programs = 500;
  settings.least = 100;
  FuzzReport report = fuzz(settings);
  std::printf("seeds %llu to %llu: %llu words, %llu executed, %llu traps, %zu forms of which each ran at least %llu times\n",
              static_cast<unsigned long long>(settings.seed), static_cast<unsigned long long>(settings.seed + report.programs - 1),
              static_cast<unsigned long long>(report.words), static_cast<unsigned long long>(report.executedWords),
              static_cast<unsigned long long>(report.traps), allForms().size(), static_cast<unsigned long long>(report.coverage.least()));
  ASSERT_EQ(report.failure, "");
  EXPECT_GE(report.words, 100000u);
  for (const std::string &name : report.coverage.missing(settings.least))
    ADD_FAILURE() << "ran less than 100 times: " << name;
  for (const char *cause : {"integer division of N by zero", "message N", "memory access outside binding N (bits): N bytes at byte N of N; an index is out of range"})
    EXPECT_GE(report.trapCauses[cause], 1u) << cause;
}

TEST(Differential, ReportsWhatDiffers) {
  Result<Program> program = generate(Settings());
  ASSERT_TRUE(program.ok());
  Result<Outcome> outcome = runTier(*program, VTPU_TIER_INTERPRETER, 1);
  ASSERT_TRUE(outcome.ok());
  Outcome other = *outcome;
  EXPECT_EQ(difference(*program, *outcome, other), "");
  other.outputs[0][8] ^= 1;
  EXPECT_NE(difference(*program, *outcome, other).find("output bits, byte 8: "), std::string::npos);
  other = *outcome;
  other.error = "function main, word 7: integer division by zero";
  EXPECT_EQ(difference(*program, *outcome, other), "'' against 'function main, word 7: integer division by zero'");
  // What the space holds counts too, with NaNs as one value where floats are stored.
  other = *outcome;
  ASSERT_FALSE(other.space.empty());
  SpaceElement &cell = other.space.back();
  cell.bits ^= 1;
  EXPECT_NE(difference(*program, *outcome, other).find("element at "), std::string::npos);
  cell.at = cell.at.step(10, 1);
  EXPECT_NE(difference(*program, *outcome, other).find("against cell "), std::string::npos);
  other.space.pop_back();
  EXPECT_NE(difference(*program, *outcome, other).find(" elements of the space against "), std::string::npos);
  Outcome quiet = *outcome, loud = *outcome;
  quiet.space = {{Coordinate(), DType::f32, 0x7fc00000}};
  loud.space = {{Coordinate(), DType::f32, 0xffc12345}};
  EXPECT_EQ(difference(*program, quiet, loud), "");
  loud.space[0].bits |= uint64_t(1) << 32;
  EXPECT_NE(difference(*program, quiet, loud), "");
  // NaNs are one value in float outputs, and only there.
  auto put = [](Outcome &to, size_t output, uint32_t bits) { std::memcpy(&to.outputs[output][0], &bits, 4); };
  Outcome one = *outcome, two = *outcome;
  put(one, 1, 0x7fc00000);
  put(two, 1, 0xffc12345);
  EXPECT_EQ(difference(*program, one, two), "");
  put(two, 1, 0x7f800000);
  EXPECT_NE(difference(*program, one, two), "");
  one = two = *outcome;
  put(one, 0, 0x7fc00000);
  put(two, 0, 0xffc12345);
  EXPECT_NE(difference(*program, one, two), "");
}

TEST(Differential, ReducesToTheWordThatMatters) {
  Settings settings;
  settings.seed = test::seed();
  settings.only = {"dadd", "dmul", "sld", "cadd"};
  Result<Program> program = generate(settings);
  ASSERT_TRUE(program.ok());
  auto holds = [](const Program &candidate) {
    bool multiplies = false;
    for (const Function &function : candidate.functions)
      for (const isa::Word &word : function.words)
        multiplies |= word.slot(isa::Pipe::D).opcode == uint8_t(isa::DOp::dmul);
    return multiplies && rt::verify(candidate).ok();
  };
  const Program reduced = reduce(*program, holds);
  ASSERT_TRUE(holds(reduced));
  size_t words = 0;
  for (const Function &function : reduced.functions)
    words += function.words.size();
  EXPECT_LE(words, 8u) << printAssembly(reduced); // the product, what defines its operands, two returns
}

TEST(Coverage, NamesWhatHasNotRun) {
  Coverage coverage;
  EXPECT_EQ(coverage.missing(1).size(), allForms().size());
  Settings settings;
  settings.calls = 0;
  settings.only = {"dadd"};
  settings.branches = settings.loops = false;
  Result<Program> program = generate(settings);
  ASSERT_TRUE(program.ok());
  coverage.record(*program, "", 0);
  const std::vector<std::string> missing = coverage.missing(1);
  auto lacks = [&](const std::string &name) { return std::count(missing.begin(), missing.end(), name + ": 0") == 1; };
  EXPECT_FALSE(lacks("cret"));
  EXPECT_TRUE(lacks("ctrap"));
  EXPECT_TRUE(lacks("dmul.f32.512"));
  EXPECT_EQ(coverage.missing(1, VTPU_TIER_ORC).size(), allForms().size());
  coverage.record(*program, "", 0, true);
  EXPECT_EQ(coverage.missing(1, VTPU_TIER_ORC), missing);
  // A trap in the first word: nothing ran.
  Coverage none;
  none.record(*program, "main", 0);
  EXPECT_EQ(none.missing(1).size(), allForms().size());
}
