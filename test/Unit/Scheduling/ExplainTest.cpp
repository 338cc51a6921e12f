//===- ExplainTest.cpp - Why slots stay empty -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problems.h"

#include "vtpu/Scheduling/Explain.h"

#include <random>

using namespace vtpu;
using namespace vtpu::sched;
using namespace vtpu::sched::test;

namespace {
std::vector<std::string> reasons(const Problem &problem, const Schedule &schedule) {
  std::vector<std::string> texts;
  for (const EmptySlot &slot : explainEmptySlots(problem, schedule))
    texts.push_back(std::to_string(slot.word) + ": " + describe(slot, problem, schedule));
  return texts;
}

/// Numbered registers, loads, sums and constants.
Problem randomProblem(std::mt19937_64 &random, int operations) {
  Problem problem(table);
  for (int i = 0; i < operations; ++i) {
    auto reg = [&](unsigned count) { return uint8_t(random() % count); };
    switch (random() % 4) {
    case 0: addSlot(problem, "sld", {reg(32), reg(16)}); break;
    case 1: addSlot(problem, "dadd", {reg(32), reg(32), reg(32)}); break;
    case 2: addSlot(problem, "cadd", {reg(16), reg(16), reg(16)}); break;
    default: addSlot(problem, "cimm", {reg(16)}, 7);
    }
  }
  addRegisterDependences(problem);
  addMemoryDependences(problem);
  return problem;
}
} // namespace

TEST(Explain, NamesWhatKeepsASlotEmpty) {
  Problem problem(table);
  addSlot(problem, "sld", {1, 0});
  addSlot(problem, "dadd", {2, 1, 1}); // waits for the load
  addSlot(problem, "cimm", {3}, 7);
  addSlot(problem, "cimm", {4}, 7);    // its slot is taken, then nothing stands beside it
  addRegisterDependences(problem);
  const Schedule packed = packWords(problem, 16);
  EXPECT_EQ(packed.word, (std::vector<uint32_t>{0, 1, 0, 1}));
  EXPECT_EQ(reasons(problem, packed), (Texts{"0: dadd of word 1 waits for sld of word 0 (flow dependence)", "1: no later word has an operation for S"}));
}

TEST(Explain, TellsRulesFromNarrowWindows) {
  Problem problem(table);
  addSlot(problem, "cimm", {0}, 7);
  addSlot(problem, "dimm", {1}, 7); // a word has one pair of immediates
  addSlot(problem, "dadd", {2, 1, 1});
  addSlot(problem, "sld", {4, 5});
  addRegisterDependences(problem);
  const Schedule packed = packWords(problem, 1);
  EXPECT_EQ(packed.word, (std::vector<uint32_t>{0, 1, 2, 2}));
  EXPECT_EQ(reasons(problem, packed),
            (Texts{"0: dimm of word 1 may not stand here: the word has immediates already", "0: sld of word 2 could stand here; packing did not look back so far",
                   "1: sld of word 2 could stand here; packing did not look back so far", "1: no later word has an operation for C",
                   "2: no later word has an operation for C"}));
}

/// Words read back are the problem they were packed from, as far as empty slots can tell.
TEST(Explain, ReadsWords) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 100; ++round) {
    const Problem problem = randomProblem(random, 40);
    const Schedule packed = packWords(problem, 8);
    std::vector<isa::Word> words(*std::max_element(packed.word.begin(), packed.word.end()) + 1);
    for (uint32_t op = 0; op < problem.operations.size(); ++op)
      addTo(words[packed.word[op]], problem.operations[op]);
    const Result<PackedWords> back = readWords(table, words.data(), words.size());
    ASSERT_TRUE(back.ok()) << back.message();
    EXPECT_EQ(messages(back->problem, back->schedule), Texts()) << "round " << round;
    const std::vector<EmptySlot> before = explainEmptySlots(problem, packed), after = explainEmptySlots(back->problem, back->schedule);
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(std::tie(before[i].word, before[i].pipe, before[i].reason), std::tie(after[i].word, after[i].pipe, after[i].reason)) << "round " << round;
      if (before[i].reason != EmptySlot::Reason::nothing) {
        EXPECT_EQ(problem.operations[before[i].operation].name, back->problem.operations[after[i].operation].name) << "round " << round;
      }
    }
  }
}

/// A prefetch orders nothing, and the row of a form stands before that of its class.
TEST(Explain, ReadsWhatInstructionsCost) {
  Problem problem(table);
  addSlot(problem, "sst", {1, 0});
  addSlot(problem, "sprefch", {2});
  addSlot(problem, "sld", {3, 4});
  std::vector<isa::Word> words(problem.operations.size());
  for (uint32_t op = 0; op < problem.operations.size(); ++op)
    addTo(words[op], problem.operations[op]);
  PortTable formed = makeTable();
  const PortRow &form = formed.formRows[formKey(*isa::lookup("sld"), problem.operations[2].content->slot)] = load;
  const Result<PackedWords> back = readWords(formed, words.data(), words.size());
  ASSERT_TRUE(back.ok()) << back.message();
  ASSERT_EQ(back->problem.operations.size(), 3u);
  EXPECT_EQ(back->problem.operations[2].row, &form);
  ASSERT_EQ(back->problem.dependences.size(), 1u); // the two accesses may overlap
  const Dependence &order = back->problem.dependences.front();
  EXPECT_EQ(std::tie(order.from, order.to, order.kind), std::make_tuple(0u, 2u, DependenceKind::memory));
}

TEST(Explain, NamesAWordThatBreaksARule) {
  isa::Word word;
  word.slot(isa::Pipe::D).opcode = 255;
  EXPECT_NE(readWords(table, &word, 1).message().find("word 0: "), std::string::npos);
}

/// With a window as wide as the run, packing leaves nothing that could move: every reason is a dependence, a rule or the lack of operations.
TEST(Explain, FindsNothingToMoveAfterAWideWindow) {
  const char *seedText = getenv("VTPU_SEED");
  const uint64_t seed = seedText ? strtoull(seedText, nullptr, 0) : 1;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const Problem problem = randomProblem(random, 60);
    const Schedule packed = packWords(problem, 64);
    size_t slots = 0;
    for (const EmptySlot &slot : explainEmptySlots(problem, packed)) {
      EXPECT_NE(slot.reason, EmptySlot::Reason::notMoved) << "seed " << seed << ", round " << round << ", word " << slot.word << ": "
                                                          << describe(slot, problem, packed);
      ++slots;
    }
    const uint32_t words = *std::max_element(packed.word.begin(), packed.word.end()) + 1;
    EXPECT_EQ(slots + problem.operations.size(), size_t(words) * isa::numPipes) << "seed " << seed << ", round " << round;
  }
}
