//===- Kernel.cpp - Loops that are timed ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <algorithm>
#include <cassert>
#include <fmt/format.h>

namespace vtpu::host {

using namespace kernel;

namespace {
struct Decoded {
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

  bool decode(const std::vector<uint8_t> &bytes) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes.data(), bytes.size(), &instruction, operands));
  }
};

/// The name of a register that has the width of `like`.
ZydisRegister named(ZydisRegister like, Register reg) {
  const ZydisRegisterClass cls = ZydisRegisterGetClass(like);
  if (cls == ZYDIS_REGCLASS_GPR8) // encodings of bytes have ah..bh between
    return ZydisRegister(reg < 4 ? ZYDIS_REGISTER_AL + reg : ZYDIS_REGISTER_SPL + (reg - 4));
  const unsigned id = reg < firstVector ? reg : reg < firstMask ? reg - firstVector : reg - firstMask;
  return ZydisRegisterEncode(cls, ZyanU8(id));
}

std::optional<RegisterClass> classOf(ZydisRegister reg) {
  switch (ZydisRegisterGetClass(reg)) {
  case ZYDIS_REGCLASS_GPR8:
  case ZYDIS_REGCLASS_GPR16:
  case ZYDIS_REGCLASS_GPR32:
  case ZYDIS_REGCLASS_GPR64:
    return RegisterClass::general;
  case ZYDIS_REGCLASS_XMM:
  case ZYDIS_REGCLASS_YMM:
  case ZYDIS_REGCLASS_ZMM:
    return RegisterClass::vector;
  case ZYDIS_REGCLASS_MASK:
    return RegisterClass::mask;
  default:
    return std::nullopt;
  }
}

Register rootOf(ZydisRegister reg) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  const uint8_t id = uint8_t(ZydisRegisterGetId(whole == ZYDIS_REGISTER_NONE ? reg : whole));
  switch (*classOf(reg)) {
  case RegisterClass::vector:
    return Register(firstVector + id);
  case RegisterClass::mask:
    return Register(firstMask + id);
  default:
    return id;
  }
}

} // namespace

RegisterClass classOf(Register reg) {
  return reg < firstVector     ? RegisterClass::general
         : reg < firstMask     ? RegisterClass::vector
         : reg < flagsRegister ? RegisterClass::mask
                               : RegisterClass::flags;
}

Result<Pattern> Pattern::create(const Example &example) {
  Pattern pattern;
  pattern.of = example.instruction;
  Decoded decoded;
  if (!decoded.decode(example.bytes))
    return Error{fmt::format("'{}' cannot be decoded", example.instruction.form)};
  const unsigned visible = decoded.instruction.operand_count_visible;
  if (!ZYAN_SUCCESS(ZydisEncoderDecodedInstructionToEncoderRequest(&decoded.instruction, decoded.operands, ZyanU8(visible), &pattern.request)))
    return Error{fmt::format("'{}' cannot be encoded", example.instruction.form)};
  RegisterSet explicitReads, explicitWrites;
  for (unsigned i = 0; i < visible; ++i) {
    const ZydisDecodedOperand &operand = decoded.operands[i];
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT) {
      const bool isMask = operand.encoding == ZYDIS_OPERAND_ENCODING_MASK;
      const std::optional<RegisterClass> cls = classOf(operand.reg.value);
      if (!cls || (isMask && operand.reg.value == ZYDIS_REGISTER_K0))
        continue;
      const Register root = rootOf(operand.reg.value);
      const bool writes = operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
      // What a write keeps it reads; the example may use one register twice.
      const bool keeps = writes && !isMask &&
                         ((operand.actions & ZYDIS_OPERAND_ACTION_CONDWRITE) || operand.size < 32 ||
                          (*cls == RegisterClass::vector && decoded.instruction.avx.mask.mode == ZYDIS_MASK_MODE_MERGING && i == 0));
      const bool reads = keeps || operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ;
      if (reads)
        explicitReads.set(root);
      if (writes)
        explicitWrites.set(root);
      pattern.all.push_back({isMask ? Place::lanes : Place::value, *cls, reads, writes, i});
    } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
      pattern.memoryOperand = i;
      pattern.wideIndices = operand.mem.type == ZYDIS_MEMOP_TYPE_VSIB && operand.element_size == 64;
      ZydisEncoderOperand &memory = pattern.request.operands[i];
      if (memory.mem.base == ZYDIS_REGISTER_RIP)
        memory.mem.base = ZYDIS_REGISTER_R14;
      if (memory.mem.base != ZYDIS_REGISTER_NONE) {
        explicitReads.set(rootOf(operand.mem.base == ZYDIS_REGISTER_RIP ? ZYDIS_REGISTER_R14 : operand.mem.base));
        pattern.all.push_back({Place::base, RegisterClass::general, true, false, i});
      }
      if (memory.mem.index != ZYDIS_REGISTER_NONE) {
        explicitReads.set(rootOf(memory.mem.index));
        pattern.all.push_back({Place::index, *classOf(memory.mem.index), true, false, i});
      }
    }
  }
  if (pattern.of.branch == Branch::conditional) {
    pattern.jump = example.bytes;
    std::fill_n(pattern.jump.end() - decoded.instruction.raw.imm[0].size / 8, decoded.instruction.raw.imm[0].size / 8, uint8_t(0));
  }
  // What is read or written without being named: by the decoder's list, since a named register may be the same one in the example.
  for (unsigned i = 0; i < decoded.instruction.operand_count; ++i) {
    const ZydisDecodedOperand &operand = decoded.operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT || !classOf(operand.reg.value))
      continue;
    if (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ)
      pattern.implicitReads.set(rootOf(operand.reg.value));
    if (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
      pattern.implicitWrites.set(rootOf(operand.reg.value));
  }
  for (Register flag : {flagsRegister, carryRegister}) {
    pattern.implicitReads[flag] = example.instruction.reads[flag];
    pattern.implicitWrites[flag] = example.instruction.writes[flag];
  }
  return pattern;
}

bool Pattern::isTimed() const {
  constexpr Register stack = 4;
  return (of.branch == Branch::none || of.branch == Branch::conditional) && !implicitReads[stack];
}

std::optional<unsigned> Pattern::condition() const {
  if (of.branch != Branch::conditional)
    return std::nullopt;
  return jump[jump[0] == 0x0f ? 1 : 0] & 15;
}

std::vector<Register> Pattern::neutral() const {
  std::vector<Register> registers;
  bool second = false;
  for (const Place &place : all)
    switch (place.role) {
    case Place::lanes:
      registers.push_back(allLanes);
      break;
    case Place::base:
      registers.push_back(scratch);
      break;
    case Place::index:
      registers.push_back(place.cls == RegisterClass::general ? kernel::index : wideIndices ? index64 : index32);
      break;
    case Place::value:
      // Two sources differ: what equal ones give may be known without work.
      registers.push_back(place.cls == RegisterClass::general  ? (second ? other : number)
                          : place.cls == RegisterClass::vector ? (second ? vectorOther : vectorNumber)
                                                               : (second ? noLane : allLanes));
      second |= !place.writes;
      break;
    }
  return registers;
}

std::optional<Pattern> Pattern::indexed(bool with) const {
  if (memoryOperand == ~0u || of.memory->vectorIndex() || (!of.memory->load && !of.memory->store))
    return std::nullopt;
  const auto place = std::find_if(all.begin(), all.end(), [](const Place &p) { return p.role == Place::base; });
  if (place == all.end() || with == (of.memory->index != noRegister))
    return std::nullopt;
  Pattern result = *this;
  result.of.memory->index = with ? kernel::index : noRegister;
  result.of.memory->scale = 1;
  result.request.operands[memoryOperand].mem.index = with ? operandOf(kernel::index).reg.value : ZYDIS_REGISTER_NONE;
  result.request.operands[memoryOperand].mem.scale = with ? 1 : 0;
  const auto at = result.all.begin() + (place - all.begin()) + 1;
  if (with)
    result.all.insert(at, {Place::index, RegisterClass::general, true, false, memoryOperand});
  else
    result.all.erase(at);
  return result;
}

Status Pattern::encode(const std::vector<Register> &registers, int32_t displacement, std::vector<uint8_t> &bytes) const {
  if (!jump.empty()) { // as it is: the encoder would choose the distance's size
    bytes.insert(bytes.end(), jump.begin(), jump.end());
    return {};
  }
  ZydisEncoderRequest now = request;
  for (size_t i = 0; i < all.size(); ++i) {
    ZydisEncoderOperand &operand = now.operands[all[i].operand];
    ZydisRegister &target = all[i].role == Place::base ? operand.mem.base : all[i].role == Place::index ? operand.mem.index : operand.reg.value;
    target = named(target, registers[i]);
  }
  if (memoryOperand != ~0u && (of.memory->load || of.memory->store))
    now.operands[memoryOperand].mem.displacement = displacement;
  uint8_t encoded[ZYDIS_MAX_INSTRUCTION_LENGTH];
  ZyanUSize length = sizeof(encoded);
  if (!ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&now, encoded, &length)))
    return Error{fmt::format("'{}' cannot be encoded with other registers", of.form)};
  bytes.insert(bytes.end(), encoded, encoded + length);
  return {};
}

void append(std::vector<uint8_t> &bytes, ZydisMnemonic mnemonic, std::initializer_list<ZydisEncoderOperand> operands) {
  // Some vector instructions have a mask behind their first operand, where k0 stands for none.
  for (bool masked : {false, true}) {
    ZydisEncoderRequest request = {};
    request.machine_mode = ZYDIS_MACHINE_MODE_LONG_64;
    request.mnemonic = mnemonic;
    for (const ZydisEncoderOperand &operand : operands) {
      if (masked && request.operand_count == 1)
        request.operands[request.operand_count++] = operandOf(ZYDIS_REGISTER_K0);
      request.operands[request.operand_count++] = operand;
    }
    uint8_t encoded[ZYDIS_MAX_INSTRUCTION_LENGTH];
    ZyanUSize length = sizeof(encoded);
    if (ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(&request, encoded, &length))) {
      bytes.insert(bytes.end(), encoded, encoded + length);
      return;
    }
  }
  assert(false && "no such instruction");
}

ZydisEncoderOperand operandOf(ZydisRegister reg) {
  ZydisEncoderOperand operand = {};
  operand.type = ZYDIS_OPERAND_TYPE_REGISTER;
  operand.reg.value = reg;
  return operand;
}
ZydisEncoderOperand operandOf(Register reg) {
  const RegisterClass cls = classOf(reg);
  const ZydisRegister like = cls == RegisterClass::general  ? ZYDIS_REGISTER_RAX
                             : cls == RegisterClass::vector ? ZYDIS_REGISTER_ZMM0
                                                            : ZYDIS_REGISTER_K0;
  return operandOf(named(like, reg));
}
ZydisEncoderOperand narrowOf(Register reg) {
  return operandOf(named(classOf(reg) == RegisterClass::general ? ZYDIS_REGISTER_EAX : ZYDIS_REGISTER_XMM0, reg));
}
ZydisEncoderOperand immediateOf(int64_t value) {
  ZydisEncoderOperand operand = {};
  operand.type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
  operand.imm.s = value;
  return operand;
}
ZydisEncoderOperand scratchAt(int32_t displacement, unsigned bytes) {
  ZydisEncoderOperand operand = {};
  operand.type = ZYDIS_OPERAND_TYPE_MEMORY;
  operand.mem.base = ZYDIS_REGISTER_R14;
  operand.mem.displacement = displacement;
  operand.mem.size = ZyanU16(bytes);
  return operand;
}

void appendFlags(std::vector<uint8_t> &bytes, unsigned condition, bool taken) {
  // Carry, zero and sign after `test number, number`, `xor ecx, ecx`, `cmp rcx, number`; overflow is never set.
  struct State {
    bool carry, zero, sign;
  } constexpr states[] = {{false, false, false}, {false, true, false}, {true, false, true}};
  for (unsigned s = 0; s < 3; ++s) {
    const State &state = states[s];
    const bool tests[] = {false, state.carry, state.zero, state.carry || state.zero, state.sign, false, state.sign, state.zero || state.sign};
    if ((tests[condition >> 1] != bool(condition & 1)) != taken)
      continue;
    if (s == 0)
      append(bytes, ZYDIS_MNEMONIC_TEST, {operandOf(number), operandOf(number)});
    else
      append(bytes, ZYDIS_MNEMONIC_XOR, {narrowOf(rcx), narrowOf(rcx)});
    if (s == 2)
      append(bytes, ZYDIS_MNEMONIC_CMP, {operandOf(rcx), operandOf(number)});
    return;
  }
}

void appendNops(std::vector<uint8_t> &bytes, unsigned count) {
  for (; count > 0; --count)
    for (uint8_t byte : {0x0f, 0x1f, 0x40, 0x00})
      bytes.push_back(byte);
}

Copies::Copies(const Pattern &pattern, Registers share) : pattern(pattern) {
  // The first registers: instructions of VEX reach only sixteen vectors.
  constexpr Register lists[3][12] = {{3, 6, 7, 8, 9, 10, 11}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {1, 2, 3, 4, 5}};
  constexpr unsigned counts[] = {7, 12, 5}, middle[] = {5, 8, 2}, first[] = {0, firstVector, firstMask};
  for (unsigned c = 0; c < 3; ++c)
    for (unsigned i = share == secondHalf ? middle[c] : 0; i < (share == firstHalf ? middle[c] : counts[c]); ++i)
      free[c].push_back(Register(first[c] + lists[c][i]));
  // Registers that the instruction names and both reads and writes; zero idioms and moves cost issue slots alone.
  const RegisterSet chained = pattern.fixedReads() & pattern.fixedWrites();
  if (chained[rax])
    ++numCuts, append(before, ZYDIS_MNEMONIC_MOV, {operandOf(rax), operandOf(other)});
  if (chained[rdx])
    ++numCuts, append(before, ZYDIS_MNEMONIC_XOR, {narrowOf(rdx), narrowOf(rdx)});
  if (chained[flagsRegister] || chained[carryRegister])
    ++numCuts, append(before, ZYDIS_MNEMONIC_XOR, {narrowOf(rcx), narrowOf(rcx)});
  for (const Place &place : pattern.places())
    numCuts += place.role == Place::lanes && place.writes;
}

Status Copies::appendTo(std::vector<uint8_t> &bytes) {
  std::vector<Register> registers = pattern.neutral();
  bytes.insert(bytes.end(), before.begin(), before.end());
  for (size_t i = 0; i < registers.size(); ++i) {
    const Place &place = pattern.places()[i];
    if (!place.writes)
      continue;
    const std::vector<Register> &candidates = free[size_t(place.cls)];
    registers[i] = candidates[turn % candidates.size()];
    if (place.role == Place::lanes) // a gather ends with no lane left
      append(bytes, ZYDIS_MNEMONIC_KMOVQ, {operandOf(registers[i]), operandOf(allLanes)});
  }
  // One access behind the other: banks of a cache can serve those together, but not the same place of several lines.
  int32_t displacement = 0;
  if (const std::optional<Memory> &memory = pattern.instruction().memory) {
    const uint32_t step = memory->vectorIndex() ? 64 : std::clamp(memory->bytes, 8u, 64u);
    displacement = int32_t(step * turn % accessSpan + (memory->store ? storesFrom : 0));
  }
  ++turn;
  return pattern.encode(registers, displacement, bytes);
}

} // namespace vtpu::host
