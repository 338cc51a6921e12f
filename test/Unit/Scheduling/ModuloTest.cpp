//===- ModuloTest.cpp - Loops whose iterations overlap ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InOrderModulo.h"
#include "Problems.h"

#include "vtpu/Generator/Loops.h"
#include "vtpu/Scheduling/Exact.h"
#include "vtpu/Scheduling/Pipeline.h"

#include <sstream>

using namespace vtpu;
using namespace vtpu::sched;
using namespace vtpu::sched::test;

namespace {
/// The value that `def` begins, read by `uses`.
void value(Problem &problem, uint32_t def, std::vector<uint32_t> uses, bool liveOut = false) {
  RegisterValue result;
  result.def = def;
  for (uint32_t use : uses)
    flow(problem, def, use);
  result.uses = std::move(uses);
  result.liveOut = liveOut;
  problem.values.push_back(result);
}
/// A load, a multiply-add of it into a register, a store of what that one gives, four times.
Problem stream() {
  Problem problem(table);
  problem.registerLimits = {16};
  for (int i = 0; i < 4; ++i) {
    const uint32_t from = add(problem, load), to = add(problem, multiplyAdd), end = add(problem, store);
    value(problem, from, {to});
    value(problem, to, {end});
  }
  return problem;
}

uint32_t intervalOf(const Problem &problem) {
  const Result<ModuloSchedule> schedule = moduloSchedule(problem);
  EXPECT_TRUE(schedule.ok()) << schedule.message();
  EXPECT_EQ(messages(problem, *schedule), Texts());
  return schedule->ii;
}
gen::LoopProblem loopOf(gen::LoopClass cls, uint64_t seed, uint32_t operations = 0, std::string_view ports = defaultPortTable) {
  gen::LoopOptions options;
  options.operations = operations;
  return *gen::problemOfLoop(*gen::generateLoop(cls, seed, options), **findPortTable(ports), {true, true});
}
} // namespace

//===----------------------------------------------------------------------===//
// Known optima
//===----------------------------------------------------------------------===//

TEST(ModuloScheduler, ReachesTheBoundOfAPort) {
  EXPECT_EQ(intervalOf(stream()), 4u); // four loads, one a cycle
  Problem divisions(table);
  add(divisions, division);
  add(divisions, division);
  EXPECT_EQ(intervalOf(divisions), 6u); // three cycles each
}

TEST(ModuloScheduler, ReachesTheBoundOfARecurrence) {
  Problem problem(table);
  const uint32_t from = add(problem, load), sum = add(problem, multiplyAdd), scaled = add(problem, multiplyAdd);
  flow(problem, from, sum);
  flow(problem, sum, scaled);
  flow(problem, scaled, sum, 3); // eight cycles over three iterations
  EXPECT_EQ(findIntervalBounds(problem).recurrence, 3u);
  EXPECT_EQ(intervalOf(problem), 3u);
}

TEST(ModuloScheduler, TakesTheTimeThatRegistersWant) {
  // Each of four values lives for five cycles: twenty cycles of life in an interval of four need five registers.
  Problem problem(table);
  problem.registerLimits = {5};
  for (int i = 0; i < 4; ++i) {
    const uint32_t from = add(problem, load);
    value(problem, from, {add(problem, alu)});
  }
  EXPECT_EQ(intervalOf(problem), 4u);
  EXPECT_EQ(findIntervalBounds(problem).registers, 4u);
  problem.registerLimits = {2};
  EXPECT_EQ(findIntervalBounds(problem).registers, 10u);
  EXPECT_EQ(intervalOf(problem), 10u);
  const ModuloSchedule known = *moduloSchedule(problem);
  const Result<ExactResult> exact = scheduleExactly(problem, known);
  EXPECT_TRUE(exact->optimal());
  EXPECT_EQ(exact->schedule.ii, 10u);
}

TEST(IntervalBounds, CountLivesThatCannotAllBeShort) {
  // Nothing bounds one value by itself. Together they are read when the second is there, which takes the first: lives of five and four cycles.
  Problem problem(table);
  problem.registerLimits = {1};
  const uint32_t first = add(problem, alu), second = add(problem, multiplyAdd), both = add(problem, alu);
  flow(problem, first, second);
  value(problem, first, {both});
  value(problem, second, {both});
  EXPECT_EQ(findIntervalBounds(problem).registers, 9u);
  problem.registerLimits = {3};
  EXPECT_EQ(findIntervalBounds(problem).registers, 3u);
  // Registers that come from outside leave none: no interval is long enough, and the others are the bound.
  problem.registerLimits = {1};
  problem.values.emplace_back();
  EXPECT_EQ(findIntervalBounds(problem).registers, 1u);
}

TEST(ModuloScheduler, FindsShorterIntervalsWithMoreEffort) {
  uint32_t quickly = 0, slowly = 0; // all intervals
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Problem problem = loopOf(gen::LoopClass::registers, seed, 128).problem;
    const Result<ModuloSchedule> best = moduloSchedule(problem, 1, /*effort=*/8);
    ASSERT_TRUE(best.ok()) << best.message();
    EXPECT_EQ(messages(problem, *best), Texts());
    quickly += intervalOf(problem);
    slowly += best->ii;
  }
  EXPECT_LT(slowly, quickly);
}

TEST(ModuloScheduler, GeneratedLoopsPassTheVerifiers) {
  for (gen::LoopClass cls : gen::loopClasses)
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      SCOPED_TRACE(std::string(gen::loopClassName(cls)) + " " + std::to_string(seed));
      const Problem problem = loopOf(cls, seed, seed % 8 ? 0 : 160).problem;
      const Result<ModuloSchedule> schedule = moduloSchedule(problem);
      ASSERT_TRUE(schedule.ok()) << schedule.message();
      EXPECT_EQ(messages(problem, *schedule), Texts());
      EXPECT_GE(schedule->ii, findIntervalBounds(problem).least());
      EXPECT_EQ(moduloSchedule(problem)->cycle, schedule->cycle); // deterministic
      EXPECT_GT(moduloSchedule(problem, schedule->ii + 1)->ii, schedule->ii);
      const Result<PipelinedLoop> loop = pipelineLoop(problem);
      ASSERT_TRUE(loop.ok()) << loop.message();
      EXPECT_EQ(messages(problem, loop->schedule), Texts());
      EXPECT_EQ(messages(problem, loop->plan), Texts());
      EXPECT_EQ(loop->schedule.ii, schedule->ii); // registers in turn cost no time
    }
}

/// Lives that go around the end of the kernel count in its last cycles as well.
TEST(KernelOrder, EndsLivesBeforeItBeginsOthers) {
  Problem problem(table);
  for (int i = 0; i < 5; ++i)
    add(problem, alu);
  problem.registerLimits = {2};
  value(problem, 0, {4});
  value(problem, 1, {4});
  value(problem, 2, {3});
  ModuloSchedule schedule{3, {1, 2, 0, 2, 3}, {}};
  orderKernel(problem, schedule);
  EXPECT_EQ(schedule.order, (std::vector<uint32_t>{4, 2, 0, 3, 1}));
  EXPECT_EQ(messages(problem, schedule), Texts());
}

/// Operation 3 ends three lives of one class, which looks best, but then 4 has not the three registers of the other that it needs for a moment.
TEST(KernelOrder, TriesOtherOrdersWhereTheBestOneFails) {
  Problem problem(table);
  for (int i = 0; i < 6; ++i)
    add(problem, alu);
  problem.registerLimits = {3, 4};
  for (uint32_t def : {0, 1, 2})
    value(problem, def, {3});
  for (uint32_t def : {3, 3, 4, 4, 4}) {
    value(problem, def, def == 3 ? std::vector<uint32_t>{5} : std::vector<uint32_t>{});
    problem.values.back().cls = 1;
  }
  ModuloSchedule schedule{3, {0, 0, 0, 1, 1, 2}, {}};
  orderKernel(problem, schedule);
  EXPECT_EQ(schedule.order, (std::vector<uint32_t>{0, 1, 2, 4, 3, 5}));
  EXPECT_EQ(messages(problem, schedule), Texts());
}

TEST(InOrderModulo, IsAnAlgorithmAsAnyOther) {
  unsigned found = 0;
  for (gen::LoopClass cls : gen::loopClasses)
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      const Problem problem = loopOf(cls, seed, 16).problem;
      if (const Result<ModuloSchedule> schedule = scheduleInOrder(problem, 200)) {
        ++found;
        EXPECT_GE(schedule->ii, findIntervalBounds(problem).least());
      }
    }
  EXPECT_GE(found, 40u);
  EXPECT_EQ(scheduleInOrder(stream(), 3).message(), "no interval up to 3 cycles is legal in the given order");
}

//===----------------------------------------------------------------------===//
// The exact solver
//===----------------------------------------------------------------------===//

TEST(Exact, AgreesWithTheHeuristicOnShortLoops) {
  unsigned least = 0, proven = 0, count = 0;
  for (gen::LoopClass cls : gen::loopClasses)
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      SCOPED_TRACE(std::string(gen::loopClassName(cls)) + " " + std::to_string(seed));
      const Problem problem = loopOf(cls, seed, 12).problem;
      const ModuloSchedule known = *moduloSchedule(problem);
      const Result<ExactResult> exact = scheduleExactly(problem, known, {2});
      ASSERT_TRUE(exact.ok()) << exact.message();
      EXPECT_EQ(messages(problem, exact->schedule), Texts());
      EXPECT_LE(exact->provenLeast, exact->schedule.ii);
      EXPECT_EQ(exact->optimal(), exact->unknown.empty());
      ++count;
      proven += exact->optimal();
      least += known.ii == exact->provenLeast;
      // By itself, from a longer one, the solver finds that too.
      const Result<ExactResult> alone = scheduleExactly(problem, *moduloSchedule(problem, known.ii + 2), {2, 0});
      ASSERT_TRUE(alone.ok()) << alone.message();
      EXPECT_EQ(messages(problem, alone->schedule), Texts());
      EXPECT_EQ(alone->schedule.ii, exact->schedule.ii);
      EXPECT_LE(alone->provenLeast, known.ii);
    }
  EXPECT_EQ(count, 60u);
  EXPECT_GE(proven, 57u);
  EXPECT_GE(least, 54u);
}

/// With the limits that a schedule just keeps, where the order within cycles decides.
TEST(Exact, RulesOutNoScheduleThatExists) {
  uint32_t tried = 0;
  for (gen::LoopClass cls : gen::loopClasses)
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      SCOPED_TRACE(testing::Message() << gen::loopClassName(cls) << " " << seed);
      gen::LoopProblem loop = loopOf(cls, seed, uint32_t(10 + 4 * seed));
      Problem &problem = loop.problem;
      const ModuloSchedule known = *moduloSchedule(problem);
      problem.registerLimits = registerPeaks(problem, known);
      const Result<ModuloSchedule> slower = moduloSchedule(problem, known.ii + 1);
      if (!slower) // no other keeps these limits
        continue;
      const Result<ExactResult> exact = scheduleExactly(problem, *slower, {0.2, 0});
      ASSERT_TRUE(exact.ok()) << exact.message();
      EXPECT_LE(exact->provenLeast, known.ii);
      EXPECT_EQ(messages(problem, exact->schedule), Texts());
      ++tried;
    }
  EXPECT_GE(tried, 30u);
}

/// Standard output is the compiler's.
TEST(Exact, WritesNothing) {
  const Problem problem = loopOf(gen::LoopClass::l2, 51).problem; // clauses contradict each other before the search
  testing::internal::CaptureStdout();
  const Result<ExactResult> exact = scheduleExactly(problem, *moduloSchedule(problem), {2, 0});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  ASSERT_TRUE(exact.ok()) << exact.message();
  EXPECT_TRUE(exact->optimal());
}

/// Where work has no common unit, ports of the solver are coarser than those of the verifier.
TEST(Exact, TakesEveryPortTable) {
  std::istringstream names(listPortTables());
  for (std::string name; std::getline(names >> std::ws, name, ',');)
    for (gen::LoopClass cls : gen::loopClasses) {
      SCOPED_TRACE(name + " " + std::string(gen::loopClassName(cls)));
      const Problem problem = loopOf(cls, 1, 24, name).problem;
      const ModuloSchedule known = *moduloSchedule(problem);
      const Result<ExactResult> exact = scheduleExactly(problem, *moduloSchedule(problem, known.ii + 1), {0.5, 0});
      ASSERT_TRUE(exact.ok()) << exact.message();
      EXPECT_EQ(messages(problem, exact->schedule), Texts());
      EXPECT_LE(exact->provenLeast, known.ii);
      EXPECT_EQ(exact->optimal(), exact->unknown.empty());
    }
}

TEST(Exact, FindsWhatAHeuristicMisses) {
  const Problem problem = stream();
  ModuloSchedule slow = *moduloSchedule(problem, 20);
  ASSERT_EQ(slow.ii, 20u);
  const Result<ExactResult> exact = scheduleExactly(problem, slow);
  ASSERT_TRUE(exact.ok()) << exact.message();
  EXPECT_EQ(exact->schedule.ii, 4u);
  EXPECT_TRUE(exact->optimal());
  EXPECT_EQ(exact->unknown, "");
  EXPECT_EQ(scheduleExactly(problem, slow, {0, 0})->unknown,
            "the solver neither finds nor rules out intervals of 4 cycles, with 0.0 s for each part of the proof");
  slow.cycle[1] = 0;
  EXPECT_EQ(scheduleExactly(problem, slow).message().substr(0, 36), "the known schedule breaks a rule: op");
  EXPECT_EQ(exactSolverVersion().substr(0, 8), "CaDiCaL ");
}

//===----------------------------------------------------------------------===//
// Problems without a solution
//===----------------------------------------------------------------------===//

TEST(Infeasible, SaysWhatIsWrong) {
  Problem rowless = stream();
  rowless.operations[4].row = nullptr;
  EXPECT_EQ(moduloSchedule(rowless).message(), "operation 4 (dfma) has no row of port table 'test', which says what it costs");

  PortTable none = makeTable();
  none.ports[2].capacity = 0;
  Problem portless = stream();
  portless.table = &none;
  EXPECT_EQ(moduloSchedule(portless).message(), "operation 0 (sld) needs 1.00 cycles of port load, which does 0.00 a cycle in port table 'test'");
  none.ports.clear();
  EXPECT_EQ(moduloSchedule(portless).message(), "port table 'test' has no ports; the first must be its front end");
  none.ports = {{"issue", 400}};
  EXPECT_EQ(moduloSchedule(portless).message(), "operation 0 (sld) uses port 2; port table 'test' has 1");

  Problem backwards = stream();
  backwards.dependences.push_back({5, 3, DependenceKind::memory, 0});
  EXPECT_EQ(moduloSchedule(backwards).message(), "the memory dependence of operation 3 (sld) on operation 5 (sst) goes backwards within an "
                                                 "iteration; it needs a distance of 1 or more");
  backwards.dependences.back() = {5, 33, DependenceKind::memory, 0, 1};
  EXPECT_EQ(moduloSchedule(backwards).message(), "a memory dependence of operation 33 on operation 5; the problem has 12");

  Problem full = stream();
  for (int i = 0; i < 17; ++i)
    full.values.emplace_back();
  EXPECT_EQ(moduloSchedule(full).message(), "17 values come from outside in registers of class 0, of which 16 are free; keep some in memory");
  full.values.pop_back();
  EXPECT_EQ(moduloSchedule(full).message(),
            "even one iteration after the other needs 17 registers of class 0, of which 16 are free; spill a value");
  full.values[0].cls = 3;
  EXPECT_EQ(moduloSchedule(full).message(), "value 0 is of register class 3; the problem limits 1 classes");
  full.values[0].cls = 0;
  full.values[0].uses = {77};
  EXPECT_EQ(moduloSchedule(full).message(), "value 0 is defined or used by an operation that the problem of 12 operations does not have");
}

//===----------------------------------------------------------------------===//
// Planted violations
//===----------------------------------------------------------------------===//

TEST(ModuloVerifier, FindsWhatIsWrong) {
  Problem problem(table);
  problem.registerLimits = {2};
  const uint32_t from = add(problem, load), to = add(problem, multiplyAdd);
  value(problem, from, {to});
  flow(problem, to, to, 1);
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 5}, {0, 1}}), Texts());
  EXPECT_EQ(messages(problem, ModuloSchedule{0, {0, 5}, {0, 1}}), Texts{"the interval between iterations is 0 cycles; the least is 1"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0}, {0, 1}}),
            Texts{"the schedule places 1 operations in cycles and 2 in the kernel, the problem has 2"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 5}, {0, 0}}), Texts{"place 1 of the kernel holds operation 0, which stands in it already"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 5}, {0, 7}}), Texts{"place 1 of the kernel holds operation 7, which the problem does not have"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 5}, {1, 0}}),
            Texts{"operation 0 (sld) of cycle 0 stands in the kernel behind operation 1 (dfma) of cycle 1"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 4}, {0, 1}}),
            Texts{"operation 1 (dfma) starts in cycle 4; with iterations every 4 cycles its flow dependence on operation 0 (sld) of 0 iterations "
                  "before allows cycle 5 at the earliest"});
  EXPECT_EQ(messages(problem, ModuloSchedule{3, {0, 5}, {0, 1}}),
            Texts{"operation 1 (dfma) starts in cycle 5; with iterations every 3 cycles its flow dependence on operation 1 (dfma) of 1 iterations "
                  "before allows cycle 6 at the earliest"});
  EXPECT_EQ(messages(problem, ModuloSchedule{4, {0, 13}, {0, 1}}),
            Texts{"iterations every 4 cycles need 4 registers of class 0 at once, 2 are free"});

  Problem anti(table);
  add(anti, alu);
  add(anti, alu);
  anti.dependences.push_back({0, 1, DependenceKind::anti, 0, 0, false});
  EXPECT_EQ(messages(anti, ModuloSchedule{1, {0, 0}, {1, 0}}),
            Texts{"operation 1 (cadd) stands before operation 0 (cadd) in the kernel; its anti dependence wants it behind"});

  Problem ports(table);
  add(ports, load);
  add(ports, load);
  EXPECT_EQ(messages(ports, ModuloSchedule{2, {0, 2}, {0, 1}}),
            Texts{"operation 1 (sld) starts in cycle 0 of the kernel, when 1.00 cycles of work wait at port load, which does 1.00 a cycle"});
  EXPECT_EQ(messages(ports, ModuloSchedule{1, {0, 0}, {0, 1}}),
            Texts{"an iteration has 2.00 cycles of work for port load, which does 1.00 in an interval of 1 cycles"});
}

TEST(PlanVerifier, FindsWhatIsWrong) {
  const Problem problem = stream();
  const Result<PipelinedLoop> loop = pipelineLoop(problem);
  ASSERT_TRUE(loop.ok()) << loop.message();
  ASSERT_GT(loop->plan.stages, 1u);
  EXPECT_EQ(messages(problem, loop->plan), Texts());
  PipelinePlan twice = loop->plan;
  twice.prologue.push_back(twice.prologue.front());
  EXPECT_EQ(messages(problem, twice), Texts{"operation " + std::to_string(twice.prologue[0].operation) + " (sld) of iteration 0 executes twice"});
  PipelinePlan never = loop->plan;
  const PlannedOperation lost = never.epilogue.back();
  never.epilogue.pop_back();
  EXPECT_EQ(messages(problem, never), Texts{"operation " + std::to_string(lost.operation) + " (sst) of iteration " + std::to_string(lost.iteration) +
                                            " never executes"});
  PipelinePlan early = loop->plan;
  std::reverse(early.kernel.begin(), early.kernel.end());
  EXPECT_FALSE(messages(problem, early).empty());
  PipelinePlan shared = loop->plan;
  std::fill(shared.registers.begin(), shared.registers.end(), 0);
  ASSERT_FALSE(messages(problem, shared).empty());
  EXPECT_NE(messages(problem, shared)[0].find(" reads value "), std::string::npos);
  PipelinePlan outside = loop->plan;
  outside.registers[0] = 16;
  EXPECT_EQ(messages(problem, outside), Texts{"value 0 has register 16 of class 0, of which 16 are free"});
  outside.registers.clear();
  EXPECT_EQ(messages(problem, outside),
            Texts{"the plan has 0 registers for 8 values in " + std::to_string(outside.unroll) + " turns of the kernel"});
}

TEST(Pipeline, RunsEveryNumberOfIterationsFromTheLeast) {
  const PipelinedLoop loop = *pipelineLoop(stream());
  EXPECT_EQ(loop.plan.leastIterations(), loop.plan.stages - 1 + loop.plan.unroll);
  EXPECT_EQ(loop.plan.kernel.size(), loop.plan.unroll * 12u);
  EXPECT_EQ(loop.plan.prologue.size() + loop.plan.epilogue.size(), (loop.plan.stages - 1) * 12u);
}
