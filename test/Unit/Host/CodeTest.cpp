//===- CodeTest.cpp - Host instructions as the models see them --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Generator/Templates.h"
#include "vtpu/Host/Code.h"
#include "vtpu/Runtime/JIT.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
using Bytes = std::vector<uint8_t>;
std::vector<Instruction> decodeAll(const Bytes &bytes, uint64_t address = 0) {
  Result<std::vector<Instruction>> result = decode(bytes.data(), bytes.size(), address);
  EXPECT_EQ(result.message(), "");
  return result ? *result : std::vector<Instruction>(1);
}
Instruction one(const Bytes &bytes) {
  std::vector<Instruction> all = decodeAll(bytes);
  EXPECT_EQ(all.size(), 1u);
  return all[0];
}
std::string names(const RegisterSet &set) {
  std::string text;
  for (unsigned reg = 0; reg < numRegisters; ++reg)
    if (set[reg])
      text += (text.empty() ? "" : " ") + registerName(Register(reg));
  return text;
}
} // namespace

TEST(Code, TellsFormsAndRegisters) {
  const struct {
    Bytes bytes;
    std::string text, form, reads, writes;
  } cases[] = {
      {{0x62, 0xf2, 0x6d, 0x48, 0xb8, 0x4c, 0x88, 0x01}, "vfmadd231ps zmm1, zmm2, [rax+rcx*4+0x40]",
       "vfmadd231ps zmm, zmm, m512", "rax rcx v1 v2", "v1"},
      {{0x62, 0xf2, 0x6d, 0x4b, 0xb8, 0xcb}, "vfmadd231ps zmm1 {k3}, zmm2, zmm3", "vfmadd231ps zmm {k}, zmm, zmm", "v1 v2 v3 k3", "v1"},
      {{0x62, 0xf1, 0x7c, 0xca, 0x10, 0x2b}, "vmovups zmm5 {k2} {z}, zmmword ptr [rbx]", "vmovups zmm {k} {z}, m512", "rbx k2", "v5"},
      {{0x62, 0xf1, 0x7c, 0x4a, 0x11, 0x2b}, "vmovups zmmword ptr [rbx] {k2}, zmm5", "vmovups m512 {k}, zmm", "rbx v5 k2", ""},
      {{0x48, 0x89, 0xc8}, "mov rax, rcx", "mov r64, r64", "rcx", "rax"},
      {{0x0f, 0xb6, 0x47, 0x03}, "movzx eax, byte ptr [rdi+0x03]", "movzx r32, m8", "rdi", "rax"},
      {{0x0f, 0x92, 0xc0}, "setb al", "setb r8", "rax carry", "rax"}, // the rest of rax stays
      {{0x48, 0x8d, 0x44, 0xd1, 0x10}, "lea rax, [rcx+rdx*8+0x10]", "lea r64, [b+i*s+d]", "rcx rdx", "rax"},
      {{0x48, 0x83, 0xc0, 0x01}, "add rax, 0x01", "add r64, imm8", "rax", "rax flags carry"},
      {{0x48, 0x05, 0x00, 0x01, 0x00, 0x00}, "add rax, 0x100", "add r64, imm32", "rax", "rax flags carry"},
      {{0x48, 0xff, 0xc1}, "inc rcx", "inc r64", "rcx", "rcx flags"}, // the carry stays
      {{0x48, 0xd3, 0xe0}, "shl rax, cl", "shl r64, cl", "rax rcx flags carry", "rax flags carry"}, // a count of 0 keeps the flags
      {{0x62, 0xf2, 0x7d, 0x49, 0x90, 0x0c, 0x9b}, "vpgatherdd zmm1 {k1}, dword ptr [rbx+zmm3*4]",
       "vpgatherdd zmm {k}, m[zmm]", "rbx v1 v3 k1", "v1 k1"},
      {{0x62, 0xf1, 0x6c, 0x58, 0x58, 0x08}, "vaddps zmm1, zmm2, [rax] {1to16}", "vaddps zmm, zmm, m32 {bcst}", "rax v2", "v1"},
      {{0x62, 0xf1, 0x7d, 0x78, 0x5b, 0xca}, "vcvtps2dq zmm1, zmm2 {rz-sae}", "vcvtps2dq zmm, zmm, {er}", "v2", "v1"},
      {{0xc5, 0xf8, 0x92, 0xc8}, "kmovw k1, eax", "kmovw k, r32", "rax", "k1"},
      {{0x48, 0xf7, 0xf9}, "idiv rcx", "idiv r64", "rax rcx rdx", "rax rdx flags carry"},
  };
  for (const auto &c : cases) {
    SCOPED_TRACE(c.form);
    const Text text = disassemble(c.bytes.data(), c.bytes.size());
    EXPECT_EQ(text.text, c.text);
    EXPECT_EQ(text.length, c.bytes.size());
    const Instruction instruction = one(c.bytes);
    EXPECT_EQ(instruction.form, c.form);
    EXPECT_EQ(instruction.length, c.bytes.size());
    EXPECT_EQ(names(instruction.reads), c.reads);
    EXPECT_EQ(names(instruction.writes), c.writes);
    EXPECT_FALSE(instruction.isMove && c.form != "mov r64, r64");
  }
}

TEST(Code, TellsImmediates) {
  EXPECT_EQ(one({0x48, 0x83, 0xc0, 0xff}).immediate, -1);                          // add rax, -1
  EXPECT_EQ(one({0x48, 0x05, 0x00, 0x01, 0x00, 0x00}).immediate, 256);             // add rax, 0x100
  EXPECT_EQ(decodeAll({0x7c, 0xfb}, 0x100)[0].immediate, 0);                       // jl: a target is none
}

TEST(Code, TellsOperands) {
  auto operands = [](const Bytes &bytes) {
    std::string result;
    for (Register reg : one(bytes).operands)
      result += (result.empty() ? "" : " ") + registerName(reg);
    return result;
  };
  EXPECT_EQ(operands({0x62, 0xf2, 0x6d, 0x48, 0xb8, 0xcb}), "v1 v2 v3");             // vfmadd231ps zmm1, zmm2, zmm3
  EXPECT_EQ(operands({0x62, 0xf1, 0x6c, 0x49, 0x58, 0xcb}), "v1 k1 v2 v3");          // vaddps zmm1 {k1}, zmm2, zmm3
  EXPECT_EQ(operands({0x62, 0xf1, 0x6c, 0xc9, 0x58, 0xcb}), "k1 v2 v3");             // the same {z}
  EXPECT_EQ(operands({0x62, 0xf2, 0x6d, 0x48, 0xb8, 0x4c, 0x88, 0x01}), "v1 v2");    // an address is none
  EXPECT_EQ(operands({0x48, 0x01, 0xc8}), "rax rcx");                                // add rax, rcx
  EXPECT_EQ(operands({0x48, 0xf7, 0xf9}), "rcx");                                    // idiv rcx: nor what is not named
  EXPECT_EQ(operands({0x31, 0xc0}), "");                                             // xor eax, eax
}

TEST(Code, TellsMemory) {
  const Instruction load = one({0x62, 0xf2, 0x6d, 0x48, 0xb8, 0x4c, 0x88, 0x01});
  ASSERT_TRUE(load.memory);
  EXPECT_EQ(registerName(load.memory->base), "rax");
  EXPECT_EQ(registerName(load.memory->index), "rcx");
  EXPECT_EQ(load.memory->scale, 4);
  EXPECT_EQ(load.memory->displacement, 64);
  EXPECT_EQ(load.memory->bytes, 64u);
  EXPECT_TRUE(load.memory->load && !load.memory->store && !load.memory->vectorIndex());
  const Instruction store = one({0x62, 0xf1, 0x7c, 0x4a, 0x11, 0x2b});
  EXPECT_TRUE(store.memory->store && !store.memory->load);
  const Instruction gather = one({0x62, 0xf2, 0x7d, 0x49, 0x90, 0x0c, 0x9b});
  EXPECT_TRUE(gather.memory->vectorIndex() && gather.memory->load);
  EXPECT_EQ(gather.memory->bytes, 64u);
  const Instruction address = one({0x48, 0x8d, 0x44, 0xd1, 0x10});
  EXPECT_TRUE(!address.memory->load && !address.memory->store);
  const std::vector<Instruction> relative = decodeAll({0x62, 0xf1, 0x7c, 0x48, 0x10, 0x05, 0x20, 0x00, 0x00, 0x00}, 0x1000);
  EXPECT_TRUE(relative[0].memory->absolute);
  EXPECT_EQ(relative[0].memory->displacement, 0x102a);
}

TEST(Code, TellsWhatTheFrontEndDoes) {
  const Instruction move = one({0x62, 0x71, 0x7c, 0x48, 0x28, 0xcf}); // vmovaps zmm9, zmm7
  EXPECT_TRUE(move.isMove);
  EXPECT_EQ(names(move.reads), "v7");
  for (const Bytes &bytes : {Bytes{0x62, 0x61, 0x5d, 0x48, 0xef, 0xfc}, Bytes{0x31, 0xc0}}) { // vpxord zmm31, zmm4, zmm4; xor eax, eax
    const Instruction zero = one(bytes);
    EXPECT_TRUE(zero.isZeroIdiom);
    EXPECT_EQ(names(zero.reads), "");
  }
  EXPECT_FALSE(one({0x31, 0xc8}).isZeroIdiom);              // xor eax, ecx
  EXPECT_FALSE(one({0x62, 0xf1, 0x7c, 0xca, 0x28, 0xcf}).isMove); // vmovaps zmm1 {k2} {z}, zmm7
  // cmp rax, rdx; jl 0: one operation
  const std::vector<Instruction> loop = decodeAll({0x48, 0x39, 0xd0, 0x7c, 0xfb}, 0x100);
  EXPECT_TRUE(loop[0].fusesWithNext);
  EXPECT_EQ(loop[1].branch, Branch::conditional);
  EXPECT_EQ(loop[1].target, 0x100u);
  EXPECT_EQ(loop[1].form, "jl rel");
  EXPECT_FALSE(decodeAll({0x48, 0xff, 0xc1, 0x72, 0xfb})[0].fusesWithNext);             // inc rcx; jb: the carry is older
  EXPECT_FALSE(decodeAll({0x48, 0x83, 0x3f, 0x01, 0x74, 0xfb})[0].fusesWithNext);       // cmp qword ptr [rdi], 1; je
  EXPECT_TRUE(decodeAll({0x48, 0x3b, 0x07, 0x74, 0xfb})[0].fusesWithNext);              // cmp rax, [rdi]; je
  EXPECT_EQ(one({0xff, 0xd0}).branch, Branch::call);
  EXPECT_EQ(one({0xc3}).branch, Branch::ret);
  EXPECT_EQ(one({0xff, 0xe0}).branch, Branch::indirect);
  EXPECT_EQ(one({0xeb, 0xfe}).branch, Branch::jump);
}

TEST(Code, RefusesWhatIsNone) {
  const Bytes bytes = {0x48, 0x89, 0xc8, 0x06, 0x90};
  const Result<std::vector<Instruction>> result = decode(bytes.data(), bytes.size());
  EXPECT_EQ(result.message(), "no x86-64 instruction at offset 0x3: 06 90");
  EXPECT_EQ(disassemble(bytes.data() + 3, 2).text, ".byte 0x06");
}

TEST(Code, DecodesEveryTemplate) {
  SCOPED_TRACE("seed " + std::to_string(test::seed()));
  gen::Random random(test::seed());
  rt::HostFeatures everything;
  everything.vpopcntdq = true;
  for (const isa::InstrInfo *info = isa::begin(); info != isa::end(); ++info) {
    const std::vector<isa::Word> words = gen::templateWords(*info, random, 2);
    for (auto [proof, features] : {std::pair(rt::AccessProof::proven, everything), std::pair(rt::AccessProof::checked, rt::HostFeatures())}) {
      const gen::TemplateProgram all = gen::templateProgram(words, proof);
      const Result<rt::EmittedCode> code = rt::emitForDisplay(all.program, all.facts, features);
      ASSERT_TRUE(code.ok()) << info->mnemonic << ": " << code.message();
      const Result<std::vector<Instruction>> decoded = decode(code->bytes.data(), code->codeEnd);
      ASSERT_TRUE(decoded.ok()) << info->mnemonic << ": " << decoded.message();
      for (const Instruction &instruction : *decoded)
        ASSERT_FALSE(instruction.form.empty());
    }
  }
}
