//===- TemplateTest.cpp - What no template may contain ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decodes the machine code of every row of the instruction table, over all types and lengths: inside a word control only goes forward, and
// nothing is called but the function that `ccall` names, a routine by its own row, and the barrier.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Generator/Templates.h"
#include "vtpu/Runtime/JIT.h"

#include <Zydis/Zydis.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace vtpu;
using namespace vtpu::isa;

namespace {
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
  gen::Random random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  Calls calls;
  rt::HostFeatures everything;
  everything.vpopcntdq = true;
  for (const InstrInfo *info = begin(); info != end(); ++info) {
    const std::vector<Word> words = gen::templateWords(*info, random);
    ASSERT_FALSE(words.empty()) << info->mnemonic;
    for (auto [proof, features] : {std::pair(rt::AccessProof::proven, everything), std::pair(rt::AccessProof::checked, rt::HostFeatures())}) {
      const gen::TemplateProgram all = gen::templateProgram(words, proof);
      Result<rt::EmittedCode> code = rt::emitForDisplay(all.program, all.facts, features);
      ASSERT_TRUE(code.ok()) << info->mnemonic << ": " << code.message();
      // Twice: templates that were learned the first time are used the second.
      for (int round = 0; round < 2; ++round) {
        Result<rt::EmittedCode> again = rt::emitForDisplay(all.program, all.facts, features),
                                assembled = rt::emitForDisplay(all.program, all.facts, features, false);
        ASSERT_TRUE(again.ok() && assembled.ok()) << info->mnemonic;
        ASSERT_EQ(again->wordOffsets, assembled->wordOffsets) << info->mnemonic;
        ASSERT_EQ(again->bytes, assembled->bytes) << info->mnemonic;
      }
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

TEST(Template, LongProgramsAreTheAssemblersToo) {
  gen::Random random(test::seed());
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  std::vector<Word> words;
  while (words.size() < 20000)
    for (const char *mnemonic : {"dfma", "sld", "caddi", "cdiv"}) // with templates, and without
      for (const Word &word : gen::templateWords(*lookup(mnemonic), random))
        words.push_back(word);
  const gen::TemplateProgram all = gen::templateProgram(words, rt::AccessProof::proven);
  Result<rt::EmittedCode> learned = rt::emitForDisplay(all.program, all.facts), assembled = rt::emitForDisplay(all.program, all.facts, rt::hostFeatures(), false);
  ASSERT_TRUE(learned.ok() && assembled.ok());
  EXPECT_TRUE(learned->wordOffsets == assembled->wordOffsets);
  EXPECT_TRUE(learned->bytes == assembled->bytes);
}
