//===- LimitsTest.cpp - What binds a loop, named and relaxed ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problems.h"

#include "vtpu/Generator/Loops.h"
#include "vtpu/Scheduling/Limits.h"

#include <fmt/format.h>
#include <sstream>

using namespace vtpu;
using namespace vtpu::sched;
using namespace vtpu::sched::test;

namespace {
double cyclesOf(const Problem &problem) { return predictedCycles(problem, givenOrder(problem), /*loop=*/true); }

TEST(Limits, NamesPortsThatBindTogether) {
  Problem problem(table);
  for (unsigned i = 0; i < 2; ++i)
    add(problem, load);
  Limits limits = findLimits(problem, true, 2);
  EXPECT_EQ(describe(limits, problem), "port load");
  for (unsigned i = 0; i < 4; ++i)
    add(problem, multiplyAdd);
  limits = findLimits(problem, true, 2);
  EXPECT_EQ(describe(limits, problem), "port fma, port load");
  EXPECT_LT(cyclesOf(RelaxedProblem(problem, limits).get()), cyclesOf(problem));
  // Told that it takes longer than what the engine finds with a larger window.
  EXPECT_EQ(describe(findLimits(problem, true, 4), problem), "window and order");
}

TEST(Limits, NamesTheDependencesOfEveryLongestRecurrence) {
  Problem problem(table);
  for (unsigned i = 0; i < 2; ++i) { // two sums of two steps each
    const uint32_t first = add(problem, multiplyAdd), second = add(problem, multiplyAdd);
    flow(problem, first, second);
    flow(problem, second, first, 1);
  }
  const Limits limits = findLimits(problem, true, 8);
  EXPECT_EQ(limits.cycles, 800u);
  EXPECT_EQ(describe(limits, problem), "recurrence (dfma to dfma, 4 cycles, and 1 more)");
  const RelaxedProblem relaxed(problem, limits);
  EXPECT_EQ(findBounds(relaxed.get()).recurrence, 400u);
  EXPECT_LT(cyclesOf(relaxed.get()), cyclesOf(problem));
}

TEST(Limits, NamesTheLongestPathOfARun) {
  Problem problem(table);
  const uint32_t first = add(problem, load), second = add(problem, multiplyAdd);
  flow(problem, first, second);
  const Limits limits = findLimits(problem, false, 9);
  EXPECT_EQ(limits.cycles, 900u);
  EXPECT_EQ(describe(limits, problem), "critical path (sld to dfma, 5 cycles)");
  EXPECT_EQ(findBounds(RelaxedProblem(problem, limits).get()).criticalPath, 500u);
}

/// What the remarks on generated loops name: with less of it the bounds fall, and so does what the host takes.
TEST(Limits, AreTrueOfGeneratedLoops) {
  constexpr uint64_t firstSeed = 1, seeds = 12;
  std::istringstream names(listPortTables());
  for (std::string name; std::getline(names >> std::ws, name, ',');)
    for (gen::LoopClass cls : gen::loopClasses)
      for (uint64_t seed = firstSeed; seed < firstSeed + seeds; ++seed) {
        SCOPED_TRACE(fmt::format("{}, class {}, seed {}", name, gen::loopClassName(cls), seed));
        const Result<Program> program = gen::generateLoop(cls, seed);
        ASSERT_TRUE(program) << program.message();
        const Result<gen::LoopProblem> loop = gen::problemOfLoop(*program, **findPortTable(name), {true, true});
        ASSERT_TRUE(loop) << loop.message();
        const Problem &problem = loop->problem;
        const double cycles = cyclesOf(problem);
        const Limits limits = findLimits(problem, true, cycles);
        const RelaxedProblem relaxed(problem, limits);
        EXPECT_LT(cyclesOf(relaxed.get()), cycles) << describe(limits, problem);
        if (limits.window)
          continue;
        std::string what;
        EXPECT_LT(findBounds(relaxed.get()).limit(relaxed.get(), what), limits.cycles) << describe(limits, problem);
        const IntervalBounds before = findIntervalBounds(problem), after = findIntervalBounds(relaxed.get());
        EXPECT_LE(after.resource, before.resource);
        EXPECT_LE(after.recurrence, before.recurrence);
      }
}
} // namespace
