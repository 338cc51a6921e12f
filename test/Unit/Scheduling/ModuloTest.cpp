//===- ModuloTest.cpp - Loops whose iterations overlap ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Loops.h"
#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/Pipeline.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::sched;

namespace {
template <typename Solution>
void expectGood(const Problem &problem, const Solution &solution) {
  for (const Violation &violation : verify(problem, solution))
    ADD_FAILURE() << violation.message;
}
} // namespace

TEST(ModuloScheduler, GeneratedLoopsPassTheVerifier) {
  const PortTable &table = **findPortTable(defaultPortTable);
  for (gen::LoopClass cls : gen::loopClasses) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      SCOPED_TRACE(std::string(gen::loopClassName(cls)) + " " + std::to_string(seed));
      const gen::LoopProblem loop = *gen::problemOfLoop(*gen::generateLoop(cls, seed), table, {true});
      const Result<ModuloSchedule> schedule = moduloSchedule(loop.problem);
      ASSERT_TRUE(schedule.ok()) << schedule.message();
      expectGood(loop.problem, *schedule);
      const IntervalBounds bounds = findIntervalBounds(loop.problem);
      EXPECT_GE(schedule->ii, bounds.least());
      const Result<PipelinePlan> plan = planPipeline(loop.problem, *schedule);
      if (plan)
        expectGood(loop.problem, *plan);
    }
  }
}
