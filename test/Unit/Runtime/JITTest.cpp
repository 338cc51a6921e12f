//===- JITTest.cpp - The tiers agree ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every row of the instruction table runs on random state in all tiers; the whole register state is stored and compared bit by bit (NaNs as
// a class, their payload is the host's).
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Runtime/Verifier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace vtpu;
using namespace vtpu::isa;

namespace {
constexpr unsigned numInts = 11; // r0..r10 hold integers, r11 the pointer
constexpr size_t vBytes = 32 * 64, kAt = vBytes, rAt = kAt + 8 * 8, pAt = rAt + 16 * 8, mAt = pAt + 16 * 16, stateBytes = mAt + 8 * 64,
                 memoryBytes = 4096;

Word sWord(SOp op, Type type, unsigned rd, unsigned ra, int32_t imm, Length length = Length::v512) {
  Word word;
  Slot &slot = word.slot(Pipe::S);
  slot.opcode = uint8_t(op);
  const InstrInfo *info = lookup(Pipe::S, slot.opcode);
  if (info->types)
    slot.type = type;
  if (info->memTypes)
    slot.memType = type;
  if (info->hasLength)
    slot.length = length;
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(ra);
  slot.rb = noRegister;
  slot.imm = imm;
  return word;
}
Word cWord(COp op, unsigned rd, unsigned ra, int32_t imm) {
  Word word;
  Slot &slot = word.slot(Pipe::C);
  slot.opcode = uint8_t(op);
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(ra);
  slot.imm = imm;
  return word;
}

/// Loads the state from binding 0, runs `words` with r11 pointing into binding 2, stores the state to binding 1.
Program harness(const std::vector<Word> &words) {
  Program program;
  program.messages = {"message"};
  for (int i = 0; i < 80; ++i)
    program.messages.push_back("m");
  Function function;
  function.name = "f";
  function.entry = true;
  Binding in, out, memory;
  in.kind = BindingKind::Input;
  in.size = stateBytes;
  out.kind = BindingKind::Output;
  out.size = stateBytes;
  out.writable = true;
  memory.kind = BindingKind::Output;
  memory.size = memoryBytes;
  memory.writable = true;
  function.bindings = {in, out, memory};
  auto add = [&](Word word) { function.words.push_back(word); };
  add(cWord(COp::cptr, 11, 0, 0));
  for (unsigned i = 0; i < 8; ++i) {
    add(sWord(SOp::sld, Type::f32, 0, 11, int32_t(mAt + 64 * i)));
    add(cWord(COp::cpackv, i, 0, 0));
  }
  for (unsigned i = 0; i < 16; ++i)
    add(sWord(SOp::sldp, Type::none, i, 11, int32_t(pAt + 16 * i)));
  for (unsigned i = 0; i < 32; ++i)
    add(sWord(SOp::sld, Type::f32, i, 11, int32_t(64 * i)));
  for (unsigned i = 0; i < 8; ++i) {
    add(sWord(SOp::sldr, Type::i64, 0, 11, int32_t(kAt + 8 * i)));
    add(cWord(COp::kput, i, 0, 0));
  }
  for (unsigned i = 0; i < 16; ++i)
    if (i != 11)
      add(sWord(SOp::sldr, Type::i64, i, 11, int32_t(rAt + 8 * i)));
  add(cWord(COp::cptr, 11, 0, 2));
  for (const Word &word : words)
    add(word);
  add(cWord(COp::cptr, 11, 0, 1));
  for (unsigned i = 0; i < 32; ++i)
    add(sWord(SOp::sst, Type::f32, i, 11, int32_t(64 * i)));
  for (unsigned i = 0; i < 16; ++i)
    add(sWord(SOp::sstp, Type::none, i, 11, int32_t(pAt + 16 * i)));
  for (unsigned i = 0; i < 8; ++i) {
    add(cWord(COp::cunpackv, 0, i, 0));
    add(sWord(SOp::sst, Type::f32, 0, 11, int32_t(mAt + 64 * i)));
  }
  for (unsigned i = 0; i < 16; ++i)
    if (i != 11)
      add(sWord(SOp::sstr, Type::i64, i, 11, int32_t(rAt + 8 * i)));
  for (unsigned i = 0; i < 8; ++i) {
    add(cWord(COp::kget, 0, i, 0));
    add(sWord(SOp::sstr, Type::i64, 0, 11, int32_t(kAt + 8 * i)));
  }
  add(cWord(COp::cret, 0, 0, 0));
  program.functions.push_back(function);
  return program;
}

struct Outcome {
  bool ok;
  rt::Trap trap;
  std::vector<uint8_t> state, memory;
};
Outcome execute(rt::Executor &executor, const std::vector<uint8_t> &in, std::vector<uint8_t> memory) {
  Outcome outcome;
  outcome.state.assign(stateBytes, 0);
  rt::SentronContext context;
  context.sentron = 4;
  context.sentrons = 7;
  std::vector<uint8_t> input = in;
  uint8_t *bases[] = {input.data(), outcome.state.data(), memory.data()};
  outcome.ok = executor.run(0, bases, context);
  outcome.trap = context.trap;
  outcome.memory = memory;
  return outcome;
}

template <typename T>
bool sameOrNaN(const uint8_t *a, const uint8_t *b) {
  T x, y;
  std::memcpy(&x, a, sizeof(T));
  std::memcpy(&y, b, sizeof(T));
  return std::memcmp(a, b, sizeof(T)) == 0 || (std::isnan(x) && std::isnan(y));
}

std::vector<uint8_t> randomState(std::mt19937_64 &random) {
  std::vector<uint8_t> state(stateBytes);
  static const float specials[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 1e-42f, -3e38f, 2.5f, -0.5f, 65504.0f, 65520.0f, 6e-8f};
  const int flavour = int(random() % 3);
  for (size_t i = 0; i < vBytes; i += 8) {
    uint64_t bits = random();
    if (flavour == 1) {
      float pair[2] = {specials[random() % std::size(specials)], float(int64_t(random()) >> 40) / 256};
      std::memcpy(&bits, pair, 8);
    } else if (flavour == 2) {
      double value = random() % 4 ? double(int64_t(random()) >> (random() % 60)) / 8 : double(specials[random() % std::size(specials)]);
      std::memcpy(&bits, &value, 8);
    }
    std::memcpy(&state[i], &bits, 8);
  }
  for (size_t i = vBytes; i < stateBytes; i += 8) {
    int64_t bits = int64_t(random()) >> (random() % 64);
    std::memcpy(&state[i], &bits, 8);
  }
  return state;
}

/// Checks a tier's outcome against the interpreter's.
void checkSame(const Outcome &a, const Outcome &b) {
  ASSERT_EQ(a.ok, b.ok) << "trap " << int(a.trap.cause) << " against " << int(b.trap.cause);
  ASSERT_EQ(int(a.trap.cause), int(b.trap.cause));
  ASSERT_EQ(a.trap.function, b.trap.function);
  ASSERT_EQ(a.trap.word, b.trap.word);
  ASSERT_EQ(a.trap.message, b.trap.message);
  ASSERT_EQ(a.trap.value, b.trap.value);
  ASSERT_TRUE(a.trap.coordinate == b.trap.coordinate);
  if (!a.ok)
    return;
  for (size_t at = 0; at < vBytes; at += 8) {
    bool same = sameOrNaN<double>(&a.state[at], &b.state[at]) ||
                (sameOrNaN<float>(&a.state[at], &b.state[at]) && sameOrNaN<float>(&a.state[at + 4], &b.state[at + 4]));
    uint64_t x, y;
    std::memcpy(&x, &a.state[at], 8);
    std::memcpy(&y, &b.state[at], 8);
    ASSERT_TRUE(same) << "v" << at / 64 << " byte " << at % 64 << std::hex << " " << x << " against " << y;
  }
  ASSERT_EQ(0, std::memcmp(&a.state[vBytes], &b.state[vBytes], stateBytes - vBytes)) << "scalar state";
  ASSERT_EQ(a.memory, b.memory) << "memory";
}

/// Whether a comparison includes the ORC tier, for this host or as on one without extensions. It takes a hundred times as long as the others.
enum class ORC { none, host, baseline };

/// The tiers beside the interpreter that this host has.
std::vector<std::pair<const char *, std::unique_ptr<rt::Executor>>> compiled(const Program &program, const std::vector<rt::FunctionFacts> &facts,
                                                                            ORC orc) {
  std::vector<std::pair<const char *, std::unique_ptr<rt::Executor>>> tiers;
  auto add = [&](const char *name, Result<std::unique_ptr<rt::Executor>> tier) {
    EXPECT_TRUE(tier.ok()) << name << ": " << tier.message();
    if (tier)
      tiers.push_back({name, std::move(*tier)});
  };
  if (rt::hostHasBaseline())
    for (rt::HostFeatures features : {rt::hostFeatures(), rt::HostFeatures()})
      add("jit", rt::createJIT(program, facts, features));
  if (orc != ORC::none)
    add(orc == ORC::host ? "orc" : "orc, baseline", rt::createORC(program, facts, orc == ORC::baseline));
  return tiers;
}

void compare(const std::vector<Word> &words, std::mt19937_64 &random, const std::string &what, int repeats, ORC orc) {
  Program program = harness(words);
  auto facts = rt::verify(program);
  ASSERT_TRUE(facts.ok()) << what << ": " << facts.message();
  auto interpreter = rt::createInterpreter(program, *facts);
  const auto tiers = compiled(program, *facts, orc);
  for (int i = 0; i < repeats; ++i) {
    std::vector<uint8_t> state = randomState(random), memory(memoryBytes);
    for (uint8_t &byte : memory)
      byte = uint8_t(random());
    const Outcome expected = execute(*interpreter, state, memory);
    for (const auto &[name, tier] : tiers) {
      SCOPED_TRACE(what + " in " + name);
      checkSame(expected, execute(*tier, state, memory));
      if (testing::Test::HasFatalFailure())
        return;
    }
  }
}

/// Host and baseline in turns, if the library is there.
ORC orcOf(int64_t number) { return !rt::hasORC() ? ORC::none : number % 2 ? ORC::host : ORC::baseline; }

/// Words that the harness can run: addresses through r11, no writes to it.
bool runnable(Word &word, const InstrInfo &info) {
  Slot &slot = word.slot(info.pipe);
  if (info.isBranch || info.isTerminator || info.mnemonic == "ccall" || info.mnemonic == "cbar")
    return false;
  if (info.hasAddress()) {
    slot.ra = 11;
    if (slot.rb == 11)
      slot.rb = 3;
  }
  if (effects(info.pipe, slot).writeR & 1u << 11)
    return false;
  if (!info.hasAddress() && (effects(info.pipe, slot).readR & 1u << 11))
    return false;
  if (info.mnemonic == "sstr" && slot.rd == 11)
    return false;
  if (info.mnemonic == "cptr")
    slot.imm = 0;
  if (info.mnemonic == "chost")
    slot.imm = int(unsigned(slot.imm + 2) % rt::numHostFunctions());
  return info.mnemonic != "cptr" && checkWord(word).ok();
}
} // namespace

TEST(JIT, EveryRowAgreesWithTheInterpreter) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    ORC orc = orcOf(info - begin()); // for the first word that can run
    for (int i = 0; i < 60; ++i) {
      Word word = test::randomWord(*info, random);
      if (!runnable(word, *info))
        continue;
      std::vector<Word> words;
      // Half the accesses use an index register of a small value, so that some hit memory.
      if (info->hasAddress() && random() % 2) {
        Word small;
        small.hasImmediates = true;
        small.i0 = int64_t(random() % 1200) - 100;
        small.slot(Pipe::C).opcode = uint8_t(COp::cimm);
        const Slot &s = word.slot(Pipe::S);
        small.slot(Pipe::C).rd = s.rb < 16 && s.rb != 11 ? s.rb : 0;
        words.push_back(small);
        if (info->operand(Field::rc)) { // gathers: indices of a few hundred
          Word shift;
          Slot &d = shift.slot(Pipe::D);
          d.opcode = uint8_t(DOp::dshri);
          d.type = byteWidth(s.type) == 8 ? Type::i64 : Type::i32;
          d.length = Length::v512;
          d.rd = d.ra = s.rc;
          d.imm = byteWidth(s.type) == 8 ? 56 : 24;
          words.push_back(shift);
        }
      }
      words.push_back(word);
      compare(words, random, std::string(info->mnemonic) + "." + std::string(typeName(word.slot(info->pipe).type)) + "." +
                                 std::string(typeName(word.slot(info->pipe).memType)), 8, orc);
      if (testing::Test::HasFatalFailure())
        return;
      orc = ORC::none;
    }
  }
}

TEST(JIT, StraightLineProgramsAgree) {
  std::mt19937_64 random(test::seed() + 1);
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  std::vector<const InstrInfo *> rows;
  for (const InstrInfo *info = begin(); info != end(); ++info)
    if (info->mnemonic != "chost")
      rows.push_back(info);
  for (int program = 0; program < 60; ++program) {
    std::vector<Word> words;
    while (words.size() < 60) {
      const InstrInfo *info = rows[random() % rows.size()];
      Word word = test::randomWord(*info, random);
      if (!runnable(word, *info))
        continue;
      // A second slot where the rules allow it.
      const InstrInfo *other = rows[random() % rows.size()];
      Word extra = test::randomWord(*other, random);
      if (other->pipe != info->pipe && runnable(extra, *other)) {
        Word both = word;
        both.slot(other->pipe) = extra.slot(other->pipe);
        both.hasImmediates |= extra.hasImmediates;
        both.i0 |= extra.i0;
        both.i1 |= extra.i1;
        if (other->usesCoordinate)
          both.coordinate = extra.coordinate;
        if (checkWord(both).ok())
          word = both;
      }
      words.push_back(word);
    }
    compare(words, random, "program " + std::to_string(program), 4, program % 10 ? ORC::none : orcOf(program / 10));
    if (testing::Test::HasFatalFailure())
      return;
  }
}
