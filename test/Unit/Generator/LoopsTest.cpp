//===- LoopsTest.cpp - Hot loops and their problems -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Loops.h"

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Differential.h"
#include "vtpu/Runtime/Verifier.h"
#include "vtpu/Scheduling/Algorithms.h"

#include <gtest/gtest.h>
#include <map>

using namespace vtpu;
using namespace vtpu::gen;

namespace {
const sched::PortTable &table() { return **sched::findPortTable(sched::defaultPortTable); }

LoopProblem problemOf(const std::string &text, bool apart = false) {
  Result<Program> program = parseAssembly(text, "loop.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  Result<LoopProblem> result = problemOfLoop(*program, table(), {apart});
  EXPECT_TRUE(result.ok()) << result.message();
  return result ? *result : LoopProblem{sched::Problem(table())};
}
std::string errorOf(const std::string &text) {
  Result<Program> program = parseAssembly(text, "loop.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  return problemOfLoop(*program, table()).message();
}
/// kind, from, to, distance of each dependence.
std::vector<std::string> dependences(const LoopProblem &loop) {
  std::vector<std::string> texts;
  for (const sched::Dependence &d : loop.problem.dependences)
    texts.push_back(std::string(sched::dependenceName(d.kind)) + " " + std::to_string(d.from) + " " + std::to_string(d.to) + " " +
                    std::to_string(d.distance));
  std::sort(texts.begin(), texts.end());
  return texts;
}
using Texts = std::vector<std::string>;

std::string program(const std::string &body, const std::string &after = "") {
  return ".func main entry\n.binding input x size=65536 align=64 dtype=f32 shape=[16384]\n"
         ".binding output y size=65536 align=64 writable dtype=f32 shape=[16384]\n"
         "{ C: cptr r0, b0 }\n{ C: cptr r1, b1 }\n{ C: cimm r2, 0 }\n{ S: sld.f32.f32.512 v0, [r0] }\nL4:\n" +
         body + "{ C: caddi r2, r2, 1 }\n{ C: cbcci.lt r2, 16, L4 }\n" + after + "{ C: cret }\n.end\n";
}
} // namespace

TEST(Loops, ProgramsVerifyAndRunToTheirEnd) {
  for (LoopClass cls : loopClasses)
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      SCOPED_TRACE(std::string(loopClassName(cls)) + " " + std::to_string(seed));
      LoopOptions options;
      options.rounds = seed % 4 == 0 ? 3 : 1;
      Result<Program> program = generateLoop(cls, seed, options);
      ASSERT_TRUE(program.ok()) << program.message();
      ASSERT_EQ(rt::verify(*program).message(), "") << printAssembly(*program);
      const Comparison comparison = compareTiers(*program, seed);
      EXPECT_EQ(comparison.reference.error, "");
      EXPECT_EQ(comparison.what, "");
      EXPECT_EQ(printAssembly(*program), printAssembly(*generateLoop(cls, seed, options)));
    }
}

TEST(Loops, KeepWhatIsAskedFor) {
  LoopOptions options;
  for (uint32_t operations : {4u, 20u, 64u, 256u}) {
    options.operations = operations;
    uint64_t sum = 0;
    for (uint64_t seed = 1; seed <= 10; ++seed)
      sum += problemOfLoop(*generateLoop(LoopClass::issue, seed, options), table())->problem.operations.size();
    EXPECT_NEAR(double(sum) / 10, operations, operations / 4 + 10);
  }
  // Memory within L1 by default, beyond any in class l2.
  auto bytes = [](LoopClass cls) {
    uint64_t sum = 0;
    const Result<Program> program = generateLoop(cls, 1);
    for (const Binding &binding : program->functions[0].bindings)
      sum += binding.size;
    return sum;
  };
  EXPECT_LT(bytes(LoopClass::port), 64u << 10);
  EXPECT_GT(bytes(LoopClass::l2), 256u << 10);
}

/// What binds the loops of a class, by the bounds of their problems.
TEST(Loops, ClassesAreBoundByWhatTheySay) {
  auto count = [](LoopClass cls, std::string_view what) {
    unsigned found = 0;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      const LoopProblem loop = *problemOfLoop(*generateLoop(cls, seed), table(), {true});
      std::string limit;
      findBounds(loop.problem).limit(loop.problem, limit);
      found += limit.compare(0, what.size(), what) == 0;
    }
    return found;
  };
  EXPECT_GE(count(LoopClass::recurrence, "recurrence"), 26u);
  EXPECT_GE(count(LoopClass::port, "port"), 25u);
  EXPECT_GE(count(LoopClass::issue, "port"), 20u);
  // Many values wait at once.
  auto peak = [](LoopClass cls) {
    uint32_t most = 0;
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const LoopProblem loop = *problemOfLoop(*generateLoop(cls, seed), table(), {true});
      std::vector<uint32_t> order(loop.problem.operations.size());
      for (uint32_t i = 0; i < order.size(); ++i)
        order[i] = i;
      most += registerPeaks(loop.problem, order)[1];
    }
    return most / 20;
  };
  EXPECT_GE(peak(LoopClass::registers), peak(LoopClass::port) + 6);
}

TEST(Loops, SayWhatIsWrong) {
  LoopOptions options;
  options.operations = 3;
  EXPECT_EQ(generateLoop(LoopClass::port, 1, options).message(), "a loop of 3 operations; legal are 4 to 1024");
  options = LoopOptions();
  options.iterations = 1 << 20;
  EXPECT_EQ(generateLoop(LoopClass::port, 1, options).message(), "a loop of 1048576 iterations; legal are 1 to 65536");
  options = LoopOptions();
  options.rounds = 0;
  EXPECT_EQ(generateLoop(LoopClass::port, 1, options).message(), "a loop that runs in 0 rounds; legal are 1 and more");
}

//===----------------------------------------------------------------------===//
// Problems of loops
//===----------------------------------------------------------------------===//

TEST(LoopProblem, FollowsValuesAndUpdates) {
  const LoopProblem loop = problemOf(program("{ S: sld.f32.f32.512 v1, [r0] }\n"       // 0: a value of each iteration
                                             "{ D: dfma.f32.512 v0, v1, v1 }\n"        // 1: updates v0
                                             "{ D: dadd.f32.512 v1, v0, v1 }\n"        // 2: another value in v1
                                             "{ S: sst.f32.f32.512 v1, [r1] }\n"       // 3
                                             "{ C: caddi r0, r0, 64 ; D: dadd.f32.512 v2, v0, v0 }\n"));
  ASSERT_EQ(loop.places.size(), 6u); // the counter is the loop's own
  const Texts found = dependences(loop);
  for (const char *expected : {"flow 0 1 0", "flow 0 2 0", "flow 1 1 1", "flow 1 2 0", "flow 2 3 0", "anti 2 1 1", "flow 5 0 1", "flow 5 5 1"})
    EXPECT_TRUE(std::count(found.begin(), found.end(), expected)) << expected;
  EXPECT_FALSE(std::count(found.begin(), found.end(), "output 0 2 0")); // values of their own
  EXPECT_EQ(loop.problem.registerLimits, (std::vector<uint32_t>{15, 32, 7, 16, 8}));
}

TEST(LoopProblem, KnowsDistancesInMemory) {
  // Reads two lines ahead of what is written: 128 bytes at 64 an iteration.
  const std::string walk = "{ S: sld.f32.f32.512 v1, [r1 + 128] }\n{ S: sst.f32.f32.512 v1, [r1] }\n{ C: caddi r1, r1, 64 }\n";
  Texts found = dependences(problemOf(program(walk)));
  EXPECT_TRUE(std::count(found.begin(), found.end(), "memory 0 1 2"));
  EXPECT_FALSE(std::count(found.begin(), found.end(), "memory 1 0 1")); // what is written is behind
  const std::string back = "{ S: sld.f32.f32.512 v1, [r1] }\n{ S: sst.f32.f32.512 v1, [r1 + 192] }\n{ C: caddi r1, r1, 64 }\n";
  const LoopProblem loop = problemOf(program(back));
  found = dependences(loop);
  EXPECT_TRUE(std::count(found.begin(), found.end(), "memory 1 0 3"));
  for (const sched::Dependence &d : loop.problem.dependences)
    if (d.kind == sched::DependenceKind::memory && d.from == 1 && d.to == 0) {
      EXPECT_EQ(d.latency, loop.problem.row(1).latency); // forwarded
    }
  // An index that the loop steps, behind and before the step.
  found = dependences(problemOf(program("{ S: sld.f32.f32.512 v1, [r1 + r3*8] }\n{ C: caddi r3, r3, 8 }\n{ S: sst.f32.f32.512 v1, [r1 + r3*8] }\n",
                                        "{ C: cmov r4, r3 }\n")));
  EXPECT_TRUE(std::count(found.begin(), found.end(), "memory 2 0 1"));
  // Different pointers may be one buffer, unless bindings are apart.
  const std::string two = "{ S: sld.f32.f32.512 v1, [r0] }\n{ S: sst.f32.f32.512 v1, [r1] }\n{ C: caddi r0, r0, 64 }\n{ C: caddi r1, r1, 64 }\n";
  found = dependences(problemOf(program(two)));
  EXPECT_TRUE(std::count(found.begin(), found.end(), "memory 1 0 1"));
  EXPECT_TRUE(std::count(found.begin(), found.end(), "memory 0 1 0"));
  found = dependences(problemOf(program(two), /*apart=*/true));
  EXPECT_FALSE(std::count(found.begin(), found.end(), "memory 1 0 1"));
}

TEST(LoopProblem, OffsetsCanFollow) {
  const Result<Program> walk = parseAssembly(program("{ S: sld.f32.f32.512 v1, [r0] }\n{ C: caddi r0, r0, 64 }\n{ S: sst.f32.f32.512 v1, [r1] }\n"
                                                     "{ C: caddi r1, r1, 64 }\n{ C: cmov r4, r1 }\n", "{ C: cmov r5, r4 }\n"), "loop.siw");
  ASSERT_TRUE(walk.ok()) << walk.message();
  const Texts bound = dependences(*problemOfLoop(*walk, table(), {true, false})), free = dependences(*problemOfLoop(*walk, table(), {true, true}));
  for (const char *text : {"flow 1 0 1", "flow 3 2 1"})
    EXPECT_TRUE(std::count(bound.begin(), bound.end(), text)) << text;
  EXPECT_FALSE(std::count(free.begin(), free.end(), "flow 1 0 1")); // the load takes any value of r0
  EXPECT_TRUE(std::count(free.begin(), free.end(), "flow 1 1 1"));
  EXPECT_TRUE(std::count(free.begin(), free.end(), "flow 3 2 1")); // r1 is no address alone
}

TEST(LoopProblem, OrdersWithinAnIterationGoForwards) {
  for (LoopClass cls : loopClasses)
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      const LoopProblem loop = *problemOfLoop(*generateLoop(cls, seed), table());
      for (const sched::Dependence &d : loop.problem.dependences)
        ASSERT_TRUE(d.distance > 0 || d.from < d.to) << loopClassName(cls) << " " << seed;
    }
}

TEST(LoopProblem, SaysWhatIsWrong) {
  EXPECT_EQ(errorOf(".func main entry\n{ C: cret }\n.end\n"), "no function has a loop, a branch to itself or an earlier word");
  EXPECT_EQ(errorOf(program("{ C: cbcci.lt r2, 3, L5 }\nL5:\n")),
            "function main, word 4: cbcci leaves the loop at words 4 to 6 in the middle; only the branch at its end may");
  EXPECT_EQ(errorOf(program("", "L7:\n{ C: caddi r2, r2, 1 }\n{ C: cbcci.lt r2, 16, L7 }\n")),
            "there are 2 innermost loops, in function main at word 4 and in function main at word 6; give a program of one");
}
