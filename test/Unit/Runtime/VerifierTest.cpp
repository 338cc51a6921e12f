//===- VerifierTest.cpp - What the verifier accepts and proves --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/Verifier.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::isa;

namespace {
Word c(COp op, unsigned rd = 0, unsigned ra = 0, int32_t imm = 0) {
  Word word;
  Slot &slot = word.slot(Pipe::C);
  slot.opcode = uint8_t(op);
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(ra);
  slot.imm = imm;
  return word;
}
Word cimm(unsigned rd, int64_t value) {
  Word word = c(COp::cimm, rd);
  word.hasImmediates = true;
  word.i0 = value;
  return word;
}
Word loopEnd(unsigned counter, int64_t bound, int32_t distance) {
  Word word = c(COp::cbcci, 0, counter, distance);
  word.slot(Pipe::C).predicate = Predicate::lt;
  word.hasImmediates = true;
  word.i1 = bound;
  return word;
}
Word load(unsigned rd, unsigned base, unsigned index = noRegister, unsigned scale = 0, int32_t imm = 0) {
  Word word;
  Slot &slot = word.slot(Pipe::S);
  slot.opcode = uint8_t(SOp::sld);
  slot.type = slot.memType = Type::f32;
  slot.length = Length::v512;
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(base);
  slot.rb = uint8_t(index);
  slot.scale = uint8_t(scale);
  slot.imm = imm;
  return word;
}
Program entry(std::vector<Word> words, uint64_t size = 256) {
  Program program;
  Function function;
  function.name = "main";
  function.entry = true;
  Binding binding;
  binding.name = "x";
  binding.kind = BindingKind::Input;
  binding.size = size;
  function.bindings = {binding};
  function.words = std::move(words);
  program.functions = {function};
  return program;
}
std::string complaint(const Program &program) { return rt::verify(program).message(); }
} // namespace

TEST(Verifier, ProvesIndexedAccessInACountedLoop) {
  // 256 bytes hold 64 floats: 0, 16, 32, 48.
  for (int64_t bound : {64, 65}) {
    Program program = entry({c(COp::cptr, 0), cimm(1, 0), load(0, 0, 1, 2), c(COp::caddi, 1, 1, 16), loopEnd(1, bound, -2), c(COp::cret)});
    auto facts = rt::verify(program);
    ASSERT_TRUE(facts.ok()) << facts.message();
    EXPECT_EQ((*facts)[0].access[2], bound == 64 ? rt::AccessProof::proven : rt::AccessProof::checked);
  }
}

TEST(Verifier, ProvesMovingPointersInNestedLoops) {
  // Outer loop of 2 over rows of 128 bytes, inner loop of 2 loads; the pointer moves by 64.
  for (uint64_t size : {256, 255}) {
    Program program = entry({c(COp::cptr, 0), cimm(1, 0), c(COp::cmov, 2, 0), cimm(3, 0), load(0, 2), c(COp::caddi, 2, 2, 64),
                             c(COp::caddi, 3, 3, 1), loopEnd(3, 2, -3), c(COp::caddi, 0, 0, 128), c(COp::caddi, 1, 1, 1), loopEnd(1, 2, -8),
                             c(COp::cret)},
                            size);
    auto facts = rt::verify(program);
    ASSERT_TRUE(facts.ok()) << facts.message();
    EXPECT_EQ((*facts)[0].access[4], size == 256 ? rt::AccessProof::proven : rt::AccessProof::checked);
  }
}

TEST(Verifier, ProvesARegisterWithSeveralStepsARound) {
  // A round moves the pointer by 64 + 64 and back by 32; the counter goes by 2 + 1. The rounds of t < 9 load at 96 t and at 96 t + 128.
  for (uint64_t size : {384, 383}) {
    Program program = entry({c(COp::cptr, 0), cimm(1, 0), load(0, 0), c(COp::caddi, 0, 0, 64), c(COp::caddi, 1, 1, 2), c(COp::caddi, 0, 0, 64),
                             load(1, 0), c(COp::caddi, 0, 0, -32), c(COp::caddi, 1, 1, 1), loopEnd(1, 9, -7), c(COp::cret)},
                            size);
    auto facts = rt::verify(program);
    ASSERT_TRUE(facts.ok()) << facts.message();
    EXPECT_EQ((*facts)[0].access[2], rt::AccessProof::proven);
    EXPECT_EQ((*facts)[0].access[6], size == 384 ? rt::AccessProof::proven : rt::AccessProof::checked);
    EXPECT_FALSE((*facts)[0].polls[9]);
  }
  // A step that a branch may skip has no closed form.
  Program program = entry({c(COp::cptr, 0), cimm(1, 0), load(0, 0), loopEnd(1, 1, 2), c(COp::caddi, 0, 0, 64), c(COp::caddi, 1, 1, 1),
                           loopEnd(1, 4, -4), c(COp::cret)});
  auto facts = rt::verify(program);
  ASSERT_TRUE(facts.ok()) << facts.message();
  EXPECT_EQ((*facts)[0].access[2], rt::AccessProof::checked);
}

TEST(Verifier, KnowsTheIntegersOfConstants) {
  // k(x, indices): x[indices[i]] for both i; the entry passes constants from its read-only data.
  auto program = [](std::vector<int32_t> values, uint64_t at, int32_t imm = 0) {
    Program program = entry({c(COp::ccall), c(COp::cret)});
    program.rodata.resize(values.size() * 4);
    std::memcpy(program.rodata.data(), values.data(), program.rodata.size());
    Binding constant;
    constant.kind = BindingKind::Constant;
    constant.name = "indices";
    constant.size = program.rodata.size();
    program.functions[0].bindings.push_back(constant);
    Word index = load(0, 1, 3, 2, imm);
    Slot &slot = index.slot(Pipe::S);
    slot.opcode = uint8_t(SOp::sldr), slot.type = Type::none, slot.memType = Type::i32, slot.length = Length::v128, slot.rd = 2;
    Function kernel;
    kernel.name = "k";
    Binding import;
    import.size = 256;
    kernel.bindings = {import, import};
    kernel.bindings[1].size = 8;
    kernel.words = {c(COp::cptr, 0), c(COp::cptr, 1, 0, 1), cimm(3, 0), index, load(0, 0, 2, 2), c(COp::caddi, 3, 3, 1), loopEnd(3, 2, -3), c(COp::cret)};
    program.functions.push_back(kernel);
    program.functions[0].callTables = {{1, {{0, 0}, {1, at}}}};
    return program;
  };
  auto proof = [](const Program &program) {
    auto facts = rt::verify(program);
    EXPECT_TRUE(facts.ok()) << facts.message();
    return facts ? (*facts)[1].access[4] : rt::AccessProof::none;
  };
  EXPECT_EQ(proof(program({0, 48}, 0)), rt::AccessProof::proven);
  EXPECT_EQ(proof(program({0, 49}, 0)), rt::AccessProof::checked);
  EXPECT_EQ(proof(program({-1, 48}, 0)), rt::AccessProof::checked);
  // Only the part that is passed counts.
  EXPECT_EQ(proof(program({99, 48, 7}, 4)), rt::AccessProof::proven);
  EXPECT_EQ(proof(program({99, 48, 7}, 0)), rt::AccessProof::checked);
  // Between two integers stand others.
  EXPECT_EQ(proof(program({0, 48}, 0, 2)), rt::AccessProof::checked);
  // Other calls pass other constants, or other memory.
  Program twice = program({99, 48, 7, 8}, 4);
  twice.functions[0].callTables.push_back({1, {{0, 0}, {1, 8}}});
  EXPECT_EQ(proof(twice), rt::AccessProof::proven);
  twice.functions[0].callTables[1].arguments[1].offset = 0;
  EXPECT_EQ(proof(twice), rt::AccessProof::checked);
  twice.functions[0].callTables[1].arguments[1] = {0, 0};
  EXPECT_EQ(proof(twice), rt::AccessProof::checked);
  // Nobody calls it.
  Program uncalled = program({0, 48}, 0);
  uncalled.functions[0].callTables.clear();
  uncalled.functions[0].words = {c(COp::cret)};
  EXPECT_EQ(proof(uncalled), rt::AccessProof::checked);
}

TEST(Verifier, ForgetsOnlyWhatEveryRoundWritesFirst) {
  // r2 is an integer before the loop and a pointer in it; behind the loop it is a pointer.
  std::vector<Word> words = {c(COp::cptr, 0), cimm(1, 0), cimm(2, 7), c(COp::cmov, 2, 0), load(0, 2), c(COp::caddi, 1, 1, 1), loopEnd(1, 4, -3),
                             load(1, 2), c(COp::cret)};
  auto facts = rt::verify(entry(words));
  ASSERT_TRUE(facts.ok()) << facts.message();
  EXPECT_EQ((*facts)[0].access[4], rt::AccessProof::proven);
  EXPECT_EQ((*facts)[0].access[7], rt::AccessProof::proven);
  // The loop may be left before the write, or the write be skipped, or a read comes first.
  words[3] = loopEnd(1, 2, 4);
  words[6] = loopEnd(1, 4, -3);
  words.insert(words.begin() + 4, c(COp::cmov, 2, 0));
  EXPECT_NE(complaint(entry(words)).find("r2"), std::string::npos);
  words = {c(COp::cptr, 0), cimm(1, 0), cimm(2, 7), loopEnd(1, 2, 2), c(COp::cmov, 2, 0), load(0, 2), c(COp::caddi, 1, 1, 1), loopEnd(1, 4, -4), c(COp::cret)};
  EXPECT_NE(complaint(entry(words)).find("r2"), std::string::npos);
  words = {c(COp::cptr, 0), cimm(1, 0), cimm(2, 7), c(COp::cmuli, 3, 2, 1), c(COp::cmov, 2, 0), c(COp::caddi, 1, 1, 1), loopEnd(1, 4, -3), c(COp::cret)};
  EXPECT_NE(complaint(entry(words)).find("r2"), std::string::npos);
}

TEST(Verifier, ThousandsOfBranches) {
  // Each form has `count` loops; time and memory grow with their number, not with its square.
  constexpr int32_t count = 20000;
  auto accepts = [](std::vector<Word> middle) {
    std::vector<Word> words = {cimm(1, 0)};
    words.insert(words.end(), middle.begin(), middle.end());
    words.push_back(c(COp::cret));
    EXPECT_EQ(complaint(entry(words)), "");
  };
  std::vector<Word> nested(2 * count, c(COp::caddi, 1, 1, 1)), overlapping = nested, forward = nested, apart = nested;
  for (int32_t i = 0; i < count; ++i) {
    nested[count + i] = loopEnd(1, 10, -2 * i - 1);
    overlapping[count + i] = loopEnd(1, 10, -count);
    forward[i] = loopEnd(1, 10, 2 * count - i);
    apart[2 * i + 1] = loopEnd(1, 10, -1);
  }
  accepts(nested);
  accepts(overlapping);
  accepts(forward);
  accepts(apart);
}

TEST(Verifier, MaskedTailIsProven) {
  Word tail = load(0, 0, noRegister, 0, 192);
  tail.slot(Pipe::S).mask = 1;
  tail.slot(Pipe::S).zeroing = true;
  for (int lanes : {8, 9}) {
    Program program = entry({c(COp::cptr, 0), c(COp::kset, 1, 0, lanes), tail, c(COp::cret)}, 224);
    auto facts = rt::verify(program);
    ASSERT_TRUE(facts.ok()) << facts.message();
    EXPECT_EQ((*facts)[0].access[2], lanes == 8 ? rt::AccessProof::proven : rt::AccessProof::checked);
  }
}

TEST(Verifier, WrappingSumsProveNothing) {
  // r1 is any 64-bit integer of the buffer. Clamped from below, stepped and clamped from above it may still be the lowest integer.
  Word any = load(1, 0);
  any.slot(Pipe::S) = Slot();
  any.slot(Pipe::S).opcode = uint8_t(SOp::sldr);
  any.slot(Pipe::S).memType = Type::i64;
  any.slot(Pipe::S).rd = 1;
  any.slot(Pipe::S).rb = noRegister;
  Word clampLow = c(COp::cmax, 1, 1), clampHigh = c(COp::cmin, 1, 1);
  clampLow.slot(Pipe::C).rb = clampHigh.slot(Pipe::C).rb = 2;
  for (int32_t step : {0, 1}) {
    // The step stands between the clamps; without it the range is exact.
    Program program = entry({c(COp::cptr, 0), any, cimm(2, 0), clampLow, step ? c(COp::caddi, 1, 1, step) : c(COp::cmov, 1, 1), cimm(2, 48),
                             clampHigh, load(0, 0, 1, 2), c(COp::cret)});
    auto facts = rt::verify(program);
    ASSERT_TRUE(facts.ok()) << facts.message();
    EXPECT_EQ((*facts)[0].access[7], step ? rt::AccessProof::checked : rt::AccessProof::proven);
  }
}

TEST(Verifier, LoopFromAnUnboundedStartProvesNothing) {
  // A counter that starts at the highest integer wraps below the bound: the pointer moves on for longer than four trips.
  Word any = load(1, 0);
  any.slot(Pipe::S) = Slot();
  any.slot(Pipe::S).opcode = uint8_t(SOp::sldr);
  any.slot(Pipe::S).memType = Type::i64;
  any.slot(Pipe::S).rd = 1;
  any.slot(Pipe::S).rb = noRegister;
  Word clampLow = c(COp::cmax, 1, 1);
  clampLow.slot(Pipe::C).rb = 2;
  Program program = entry({c(COp::cptr, 0), any, cimm(2, 0), clampLow, load(0, 0), c(COp::caddi, 0, 0, 64), c(COp::caddi, 1, 1, 1),
                           loopEnd(1, 4, -3), c(COp::cret)});
  auto facts = rt::verify(program);
  ASSERT_TRUE(facts.ok()) << facts.message();
  EXPECT_EQ((*facts)[0].access[4], rt::AccessProof::checked);
}

namespace {
Word c3(COp op, unsigned rd, unsigned ra, unsigned rb) {
  Word word = c(op, rd, ra);
  word.slot(Pipe::C).rb = uint8_t(rb);
  return word;
}
Word branch(Predicate predicate, unsigned ra, unsigned rb, int32_t distance) {
  Word word = c3(COp::cbcc, 0, ra, rb);
  word.slot(Pipe::C).predicate = predicate;
  word.slot(Pipe::C).imm = distance;
  return word;
}
/// This sentron's share of four rows of 64 bytes: r3 counts from sentron * 4 / sentrons to r5 = (sentron + 1) * 4 / sentrons.
std::vector<Word> share() {
  return {c(COp::cptr, 0),
          c(COp::csid, 1),
          c(COp::csnum, 2),
          cimm(4, 4),
          c3(COp::cmul, 3, 1, 4),
          c3(COp::cdivu, 3, 3, 2),
          c3(COp::cmin, 3, 3, 4),
          c(COp::caddi, 1, 1, 1),
          c3(COp::cmul, 5, 1, 4),
          c3(COp::cdivu, 5, 5, 2),
          c3(COp::cmin, 5, 5, 4),
          branch(Predicate::ge, 3, 5, 6),
          c(COp::cmuli, 6, 3, 64),
          c3(COp::cadd, 7, 0, 6),
          load(0, 7), // word 14
          c(COp::caddi, 3, 3, 1),
          branch(Predicate::lt, 3, 5, -4),
          c(COp::cret)};
}
rt::AccessProof proofOf(std::vector<Word> words, uint64_t size = 256) {
  auto facts = rt::verify(entry(std::move(words), size));
  EXPECT_TRUE(facts.ok()) << facts.message();
  return facts.ok() ? (*facts)[0].access[14] : rt::AccessProof::none;
}

TEST(Verifier, LimitsStacksAndFrames) {
  Program program = entry({c(COp::cret)});
  Function kernel;
  kernel.name = "k";
  kernel.words = {c(COp::cret)};
  Binding stack;
  stack.name = "stack";
  stack.kind = BindingKind::Stack;
  stack.size = (uint64_t(1) << 48) - 64;
  stack.writable = true;
  kernel.bindings = {stack};
  program.functions.push_back(kernel);
  EXPECT_TRUE(rt::verify(program));
  program.functions.push_back(kernel);
  EXPECT_EQ(rt::verify(program).message(), "function k: the stacks of all functions together take more than 2^48 bytes");
  program.functions.resize(1);
  stack.kind = BindingKind::Import;
  stack.size = 64;
  kernel.bindings.assign(1025, stack);
  program.functions.push_back(kernel);
  EXPECT_EQ(rt::verify(program).message(), "function k: 1025 bindings; legal are 1024");
}
} // namespace

TEST(Verifier, ProvesASentronsShare) {
  EXPECT_EQ(proofOf(share()), rt::AccessProof::proven);
  EXPECT_EQ(proofOf(share(), 255), rt::AccessProof::checked);
}

TEST(Verifier, SharesThatMayLeaveTheirRowsAreChecked) {
  auto with = [](size_t at, Word word) {
    std::vector<Word> words = share();
    words[at] = word;
    return words;
  };
  // The end is not bounded, or too far.
  EXPECT_EQ(proofOf(with(10, c(COp::cmov, 5, 5))), rt::AccessProof::checked);
  EXPECT_EQ(proofOf(with(10, c3(COp::cmax, 5, 5, 4))), rt::AccessProof::checked);
  EXPECT_EQ(proofOf(with(3, cimm(4, 5))), rt::AccessProof::checked);
  // The loop is entered at a start beyond the end, and runs once.
  EXPECT_EQ(proofOf(with(6, c(COp::cmov, 3, 3))), rt::AccessProof::proven); // the guard looks at the start
  std::vector<Word> unguarded = with(6, c(COp::cmov, 3, 3));
  unguarded[11] = c(COp::cmov, 8, 3);
  EXPECT_EQ(proofOf(unguarded), rt::AccessProof::checked);
  // A guard that lets the end itself through.
  EXPECT_EQ(proofOf(with(11, branch(Predicate::gt, 3, 5, 6))), rt::AccessProof::checked);
  // The counter comes from below zero.
  EXPECT_EQ(proofOf(with(6, c(COp::caddi, 3, 3, -1))), rt::AccessProof::checked);
  // The counter goes on until it is equal to the end, which it may have missed.
  EXPECT_EQ(proofOf(with(16, branch(Predicate::ne, 3, 5, -4))), rt::AccessProof::checked);
  // A step over the end: the test stops it before the access.
  EXPECT_EQ(proofOf(with(15, c(COp::caddi, 3, 3, 3))), rt::AccessProof::proven);
  // The end moves on with the counter.
  std::vector<Word> moving = share();
  moving.insert(moving.begin() + 15, c(COp::caddi, 5, 5, 1));
  moving[11] = branch(Predicate::ge, 3, 5, 7);
  moving[17] = branch(Predicate::lt, 3, 5, -5);
  EXPECT_EQ(proofOf(moving), rt::AccessProof::checked);
  // The pointer moves from an unknown start: no relation to the counter is known.
  EXPECT_EQ(proofOf(with(12, c(COp::cmuli, 6, 1, 64))), rt::AccessProof::checked);
}

TEST(Verifier, QuotientsByUnknownDivisors) {
  auto proof = [](Word divide, int64_t low) {
    // r3 = 64 to 127 divided by a sentron count of at least one; r4 takes part as a divisor that may be `low`.
    std::vector<Word> words(14, c(COp::cimm));
    for (Word &word : words)
      word = cimm(9, 0);
    words[0] = c(COp::cptr, 0);
    words[1] = c(COp::csnum, 2);
    words[2] = c(COp::caddi, 2, 2, int32_t(low - 1));
    words[3] = c(COp::csid, 3);
    words[4] = cimm(4, 63);
    words[5] = c3(COp::cmin, 3, 3, 4);
    words[6] = c(COp::caddi, 3, 3, 64);
    words[7] = divide;
    words.push_back(load(0, 0, 5));
    words.push_back(c(COp::cret));
    return proofOf(words, 127 + 64);
  };
  EXPECT_EQ(proof(c3(COp::cdivu, 5, 3, 2), 1), rt::AccessProof::proven);
  EXPECT_EQ(proof(c3(COp::cdiv, 5, 3, 2), 1), rt::AccessProof::proven);
  // By zero both trap, by less than zero cdiv gives less than zero.
  EXPECT_EQ(proof(c3(COp::cdiv, 5, 3, 2), 0), rt::AccessProof::checked);
  EXPECT_EQ(proof(c3(COp::cdiv, 5, 3, 2), -4), rt::AccessProof::checked);
  EXPECT_EQ(proof(c3(COp::cdivu, 5, 3, 2), -4), rt::AccessProof::checked);
}

TEST(Verifier, MessagesNameThePlace) {
  EXPECT_NE(complaint(entry({})).find("function main: it has no words"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::cptr, 0)})).find("falls off the end"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::cptr, 0, 0, 1), c(COp::cret)})).find("names binding 1"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::cbr, 0, 0, 5)})).find("to word 5"), std::string::npos);
  EXPECT_NE(complaint(entry({load(0, 0), c(COp::cret)})).find("address register r0"), std::string::npos);
  EXPECT_NE(complaint(entry({cimm(0, 64), load(0, 0), c(COp::cret)})).find("holds an integer"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::cptr, 0), c(COp::cmuli, 1, 0, 2), c(COp::cret)})).find("holds a pointer"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::ccall, 0, 0, 0), c(COp::cret)})).find("call table 0"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::ctrap, 0, 0, 0)})).find("message 0"), std::string::npos);
  Word store = load(0, 0);
  store.slot(Pipe::S).opcode = uint8_t(SOp::sst);
  EXPECT_NE(complaint(entry({c(COp::cptr, 0), load(0, 0), store, c(COp::cret)})).find("not writable"), std::string::npos);
  EXPECT_NE(complaint(entry({c(COp::cptr, 0), store, c(COp::cret)})).find("reads v0, which is undefined"), std::string::npos);
}

TEST(Verifier, CoordinatesAndMessagesAreDefinedBeforeUse) {
  auto p = [](SOp op, unsigned rd, unsigned ra) {
    Word word;
    Slot &slot = word.slot(Pipe::S);
    slot.opcode = uint8_t(op);
    slot.rd = uint8_t(rd);
    slot.ra = uint8_t(ra);
    return word;
  };
  EXPECT_EQ(complaint(entry({p(SOp::pmov, 1, 15), c(COp::cret)})), "function main, word 0: pmov reads p15, which is undefined on some path");
  EXPECT_EQ(complaint(entry({p(SOp::pcoord, 15, 0), p(SOp::pmov, 1, 15), c(COp::cret)})), "");
  EXPECT_EQ(complaint(entry({c(COp::cunpackv, 0, 7), c(COp::cret)})), "function main, word 0: cunpackv reads m7, which is undefined on some path");
  // A loaded message can be unpacked; one that is packed in part keeps the rest, so it must be defined.
  std::vector<Word> words = {c(COp::cptr, 0), load(0, 0), c(COp::cpackv, 7), c(COp::cunpackv, 1, 7), c(COp::cret)};
  EXPECT_EQ(complaint(entry(words)), "");
  EXPECT_EQ(complaint(entry({p(SOp::pcoord, 2, 0), c(COp::cpackp, 3, 2, 1), c(COp::cret)})),
            "function main, word 1: cpackp reads m3, which is undefined on some path");
  // Defined on one path only.
  EXPECT_EQ(complaint(entry({cimm(1, 0), loopEnd(1, 1, 2), p(SOp::pcoord, 4, 0), p(SOp::pmov, 5, 4), c(COp::cret)})),
            "function main, word 3: pmov reads p4, which is undefined on some path");
  // Neither survives a call.
  Program program = entry({p(SOp::pcoord, 4, 0), c(COp::ccall), p(SOp::pmov, 5, 4), c(COp::cret)});
  Function kernel;
  kernel.name = "k";
  kernel.words = {c(COp::cret)};
  program.functions.push_back(kernel);
  program.functions[0].callTables = {{1, {}}};
  EXPECT_EQ(complaint(program), "function main, word 2: pmov reads p4, which is undefined on some path");
  // Routines take no pointers.
  EXPECT_NE(complaint(entry({c(COp::cptr, 0), p(SOp::pcoord, 4, 0), p(SOp::pins, 4, 0), c(COp::cret)})).find("pins reads r0, which holds a pointer"),
            std::string::npos);
}

TEST(Verifier, TablesAndRecursion) {
  Program program = entry({c(COp::ccall), c(COp::cret)});
  Function kernel;
  kernel.name = "k";
  Binding import;
  import.kind = BindingKind::Import;
  import.size = 300;
  kernel.bindings = {import};
  kernel.words = {c(COp::cret)};
  program.functions.push_back(kernel);
  program.functions[0].callTables = {{1, {{0, 0}}}};
  EXPECT_NE(complaint(program).find("k needs 300"), std::string::npos) << complaint(program);
  program.functions[1].bindings[0].size = 256;
  EXPECT_EQ(complaint(program), "");
  program.functions[1].bindings[0].writable = true;
  EXPECT_NE(complaint(program).find("x is not writable"), std::string::npos) << complaint(program);
  program.functions[1].bindings[0].writable = false;
  program.functions[1].callTables = {{1, {{0, 0}}}};
  EXPECT_NE(complaint(program).find("recursion"), std::string::npos) << complaint(program);
}
