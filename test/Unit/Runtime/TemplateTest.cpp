//===- TemplateTest.cpp - What no template may contain ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decodes the machine code of every row of the instruction table, over all types and lengths: inside a word control only goes forward, and
// nothing is called but the function that `ccall` names, a routine by its own row, and the barrier.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Runtime/JIT.h"

#include <Zydis/Zydis.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace vtpu;
using namespace vtpu::isa;

namespace {
/// Words of one row: every legal pair of types with every length, some random registers, masks and immediates of each.
std::vector<Word> wordsOf(const InstrInfo &info, std::mt19937_64 &random) {
  std::vector<Word> words;
  for (unsigned type = 0; type < (info.types ? numTypes : 1); ++type)
    for (unsigned memType = 0; memType < (info.memTypes ? numTypes : 1); ++memType)
      for (unsigned length = 0; length < (info.hasLength ? 3 : 1); ++length)
        for (int draw = 0; draw < 6; ++draw) {
          Word word = test::randomWord(info, random);
          Slot &slot = word.slot(info.pipe);
          if (info.types)
            slot.type = Type(type);
          if (info.memTypes)
            slot.memType = Type(memType);
          if (info.hasLength)
            slot.length = Length(length);
          if (info.isBranch)
            slot.imm = 1 + int(random() % 3);
          if (info.mnemonic == "ccall")
            slot.imm = 0;
          if (checkWord(word).ok())
            words.push_back(word);
        }
  return words;
}

/// `words`, behind them words to branch to, and a function to call that has every kind of binding.
Program programOf(const std::vector<Word> &words) {
  Program program;
  program.messages.assign(80, "message");
  Function function, callee;
  function.name = "f";
  function.entry = true;
  Binding input, arena;
  input.kind = BindingKind::Input;
  arena.kind = BindingKind::Arena;
  input.size = arena.size = 4096;
  function.bindings = {input, arena};
  function.words = words;
  Word end;
  end.slot(Pipe::C).opcode = uint8_t(COp::cret);
  function.words.insert(function.words.end(), 4, end);
  callee.name = "g";
  Binding import, stack, constant;
  import.kind = BindingKind::Import;
  stack.kind = BindingKind::Stack;
  constant.kind = BindingKind::Constant;
  import.size = stack.size = constant.size = 64;
  callee.bindings = {import, import, stack, constant};
  callee.words = {end};
  program.rodata.resize(64);
  CallTable table;
  table.callee = 1;
  table.arguments.resize(4);
  table.arguments[1].offset = uint64_t(1) << 40;
  function.callTables = {table};
  program.functions = {function, callee};
  return program;
}

/// The calls of all templates: rows to the addresses that they call.
using Calls = std::map<std::string, std::set<uint64_t>>;

void checkWordCode(const rt::EmittedCode &code, const InstrInfo &info, uint32_t w, uint32_t words, Calls &calls) {
  ZydisDecoder decoder;
  ASSERT_TRUE(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
  const std::vector<uint32_t> &offsets = code.wordOffsets[0];
  const uint32_t begin = offsets[w], end = offsets[w + 1];
  std::set<uint64_t> starts, targets;
  uint64_t lastImmediate = 0; // that was moved to rax, through which templates call
  for (uint32_t at = begin; at < end;) {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ASSERT_TRUE(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.bytes.data() + at, end - at, &instruction, operands))) << "byte " << at - begin;
    starts.insert(at);
    ASSERT_FALSE(instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) << "a repeated instruction";
    const bool relative = operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[0].imm.is_relative;
    ZyanU64 target = 0;
    if (relative) {
      ASSERT_TRUE(ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, &operands[0], at, &target)));
    }
    switch (instruction.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
      ASSERT_TRUE(relative) << "an indirect jump";
      ASSERT_GT(target, at) << "a jump back: a loop";
      if (target < end) {
        targets.insert(target);
      } else if (info.isBranch) { // to a word
        ASSERT_TRUE(std::count(offsets.begin() + w + 1, offsets.end(), target)) << "a jump into another word";
      } else { // behind this word, or to a trap behind all words
        ASSERT_TRUE(target == end || target >= offsets.back()) << "a jump to another word";
      }
      break;
    case ZYDIS_CATEGORY_CALL:
      if (relative) {
        ASSERT_EQ(info.mnemonic, "ccall");
        ASSERT_LE(target, code.wordOffsets[1].front());
        ASSERT_GE(target, offsets[words]);
      } else {
        ASSERT_EQ(operands[0].reg.value, ZYDIS_REGISTER_RAX) << "a call of an address that is not in the template";
        calls[std::string(info.mnemonic)].insert(lastImmediate);
      }
      break;
    case ZYDIS_CATEGORY_RET:
      ASSERT_EQ(info.mnemonic, "cret");
      break;
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_INTERRUPT:
      FAIL() << "a call of the system";
    default:
      break;
    }
    if (instruction.mnemonic == ZYDIS_MNEMONIC_MOV && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        (operands[0].reg.value == ZYDIS_REGISTER_RAX || operands[0].reg.value == ZYDIS_REGISTER_EAX))
      lastImmediate = operands[1].imm.value.u;
    at += instruction.length;
  }
  for (uint64_t target : targets)
    ASSERT_TRUE(starts.count(target)) << "a jump into an instruction";
}
} // namespace

TEST(Template, NoneLoopsOrMakesAnUnlistedCall) {
  std::mt19937_64 random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  Calls calls;
  rt::HostFeatures everything;
  everything.vpopcntdq = true;
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    const std::vector<Word> words = wordsOf(*info, random);
    ASSERT_FALSE(words.empty()) << info->mnemonic;
    const Program program = programOf(words);
    for (auto [proof, features] : {std::pair(rt::AccessProof::proven, everything), std::pair(rt::AccessProof::checked, rt::HostFeatures())}) {
      std::vector<rt::FunctionFacts> facts(2);
      for (size_t f = 0; f < 2; ++f) {
        facts[f].access.assign(program.functions[f].words.size(), proof);
        facts[f].accessBinding.assign(program.functions[f].words.size(), 0);
        facts[f].order.assign(program.functions[f].words.size(), {Pipe::D, Pipe::S, Pipe::C});
        facts[f].polls.assign(program.functions[f].words.size(), false);
      }
      Result<rt::EmittedCode> code = rt::emitForDisplay(program, facts, features);
      ASSERT_TRUE(code.ok()) << info->mnemonic << ": " << code.message();
      for (uint32_t w = 0; w < words.size(); ++w) {
        const Slot &slot = words[w].slot(info->pipe);
        SCOPED_TRACE(std::string(info->mnemonic) + "." + std::string(typeName(slot.type)) + "." + std::string(typeName(slot.memType)));
        checkWordCode(*code, *info, w, uint32_t(words.size()), calls);
        if (testing::Test::HasFatalFailure())
          return;
      }
    }
  }
  // Each routine has a function of its own.
  std::set<uint64_t> functions;
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    const bool mayCall = info->isRoutine || info->mnemonic == "cbar";
    ASSERT_EQ(calls[std::string(info->mnemonic)].size(), mayCall ? 1u : 0u) << info->mnemonic;
    for (uint64_t function : calls[std::string(info->mnemonic)])
      ASSERT_TRUE(functions.insert(function).second) << info->mnemonic;
  }
}
