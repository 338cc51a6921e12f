//===- Code.cpp - Decoding host instructions --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Code.h"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <fmt/format.h>

namespace vtpu::host {

namespace {
/// Bytes that instructions of the JIT have on average at least.
constexpr size_t leastAverageLength = 5;
constexpr ZyanU32 arithmeticFlags = ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;

struct Decoded {
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

  const ZydisDecodedOperand *begin() const { return operands; }
  const ZydisDecodedOperand *end() const { return operands + instruction.operand_count; }
  unsigned numVisible() const { return instruction.operand_count_visible; }
  bool is(ZydisMnemonic mnemonic) const { return instruction.mnemonic == mnemonic; }
  bool isMasked() const {
    return instruction.avx.mask.mode != ZYDIS_MASK_MODE_INVALID && instruction.avx.mask.mode != ZYDIS_MASK_MODE_DISABLED;
  }
};

class Decoder {
public:
  Decoder() { ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); }
  bool decode(const uint8_t *bytes, size_t size, Decoded &decoded) const {
    return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &decoded.instruction, decoded.operands));
  }

private:
  ZydisDecoder decoder;
};

Register rootOf(ZydisRegister reg) {
  const ZydisRegister root = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  const ZydisRegister whole = root == ZYDIS_REGISTER_NONE ? reg : root;
  const Register id = Register(ZydisRegisterGetId(whole));
  switch (ZydisRegisterGetClass(whole)) {
  case ZYDIS_REGCLASS_GPR64:
    return id;
  case ZYDIS_REGCLASS_XMM:
  case ZYDIS_REGCLASS_YMM:
  case ZYDIS_REGCLASS_ZMM:
    return Register(firstVector + id);
  case ZYDIS_REGCLASS_MASK:
    return Register(firstMask + id);
  default:
    return noRegister; // rip, segments, flags (by their masks)
  }
}

std::string widthName(ZydisRegister reg) {
  switch (ZydisRegisterGetClass(reg)) {
  case ZYDIS_REGCLASS_GPR8:
    return "r8";
  case ZYDIS_REGCLASS_GPR16:
    return "r16";
  case ZYDIS_REGCLASS_GPR32:
    return "r32";
  case ZYDIS_REGCLASS_GPR64:
    return "r64";
  case ZYDIS_REGCLASS_XMM:
    return "xmm";
  case ZYDIS_REGCLASS_YMM:
    return "ymm";
  case ZYDIS_REGCLASS_ZMM:
    return "zmm";
  case ZYDIS_REGCLASS_MASK:
    return "k";
  default:
    return ZydisRegisterGetString(reg);
  }
}

/// What an address unit must add: `[b+i*s+d]`.
std::string addressForm(const ZydisDecodedOperandMem &memory) {
  std::string form;
  auto add = [&](bool there, const char *part) {
    if (there)
      form += (form.empty() ? "" : "+") + std::string(part);
  };
  add(memory.base != ZYDIS_REGISTER_NONE, memory.base == ZYDIS_REGISTER_RIP ? "rip" : "b");
  add(memory.index != ZYDIS_REGISTER_NONE, memory.scale > 1 ? "i*s" : "i");
  add(memory.disp.has_displacement && memory.disp.value, "d");
  return "[" + form + "]";
}

/// Registers that a fixed operand must be named by, not by its width: counts of shifts. Accumulators have forms of their own that cost the same.
bool isNamed(const ZydisDecodedOperand &operand) {
  return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.visibility == ZYDIS_OPERAND_VISIBILITY_IMPLICIT &&
         operand.reg.value == ZYDIS_REGISTER_CL;
}

std::string formOf(const Decoded &decoded) {
  const ZydisDecodedInstruction &instruction = decoded.instruction;
  std::string form;
  if (instruction.attributes & ZYDIS_ATTRIB_HAS_LOCK)
    form = "lock ";
  if (instruction.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
    form += "rep ";
  form += ZydisMnemonicGetString(instruction.mnemonic);
  unsigned printed = 0;
  for (unsigned i = 0; i < decoded.numVisible(); ++i) {
    const ZydisDecodedOperand &operand = decoded.operands[i];
    if (operand.encoding == ZYDIS_OPERAND_ENCODING_MASK)
      continue; // with the first operand
    std::string text;
    switch (operand.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      text = isNamed(operand) ? ZydisRegisterGetString(operand.reg.value) : widthName(operand.reg.value);
      break;
    case ZYDIS_OPERAND_TYPE_MEMORY:
      if (operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN)
        text = addressForm(operand.mem);
      else if (operand.mem.type == ZYDIS_MEMOP_TYPE_VSIB)
        text = "m[" + widthName(operand.mem.index) + "]";
      else
        text = fmt::format("m{}", operand.size);
      break;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
      text = operand.imm.is_relative ? "rel" : fmt::format("imm{}", instruction.raw.imm[0].size ? instruction.raw.imm[0].size : 8);
      break;
    default:
      text = "ptr";
    }
    form += printed++ ? ", " : " ";
    form += text;
    if (printed == 1 && decoded.isMasked())
      form += instruction.avx.mask.mode == ZYDIS_MASK_MODE_ZEROING ? " {k} {z}" : " {k}";
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && instruction.avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID &&
        !instruction.avx.broadcast.is_static)
      form += " {bcst}";
  }
  if (instruction.avx.rounding.mode != ZYDIS_ROUNDING_MODE_INVALID)
    form += ", {er}";
  else if (instruction.avx.has_sae)
    form += ", {sae}";
  return form;
}

Branch branchOf(const Decoded &decoded) {
  const bool direct = decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
  switch (decoded.instruction.meta.category) {
  case ZYDIS_CATEGORY_COND_BR:
    return Branch::conditional;
  case ZYDIS_CATEGORY_UNCOND_BR:
    return direct ? Branch::jump : Branch::indirect;
  case ZYDIS_CATEGORY_CALL:
    return Branch::call;
  case ZYDIS_CATEGORY_RET:
    return Branch::ret;
  default:
    return Branch::none;
  }
}

/// Bytes of all lanes of a gather or scatter: those of its data register.
uint32_t lanesBytes(const Decoded &decoded) {
  for (unsigned i = 0; i < decoded.numVisible(); ++i)
    if (const ZydisDecodedOperand &operand = decoded.operands[i];
        operand.type == ZYDIS_OPERAND_TYPE_REGISTER && operand.encoding != ZYDIS_OPERAND_ENCODING_MASK)
      return operand.size / 8;
  return 0;
}

void addMemory(Instruction &result, const Decoded &decoded, const ZydisDecodedOperand &operand) {
  if (result.memory)
    return;
  Memory memory;
  const bool rip = operand.mem.base == ZYDIS_REGISTER_RIP;
  memory.base = operand.mem.base == ZYDIS_REGISTER_NONE || rip ? noRegister : rootOf(operand.mem.base);
  memory.index = operand.mem.index == ZYDIS_REGISTER_NONE ? noRegister : rootOf(operand.mem.index);
  memory.scale = std::max<uint8_t>(1, operand.mem.scale);
  memory.displacement = operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
  memory.absolute = rip;
  if (operand.mem.type != ZYDIS_MEMOP_TYPE_AGEN) {
    memory.bytes = operand.mem.type == ZYDIS_MEMOP_TYPE_VSIB ? lanesBytes(decoded) : operand.size / 8;
    memory.load = operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ;
    memory.store = operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
  }
  result.memory = memory;
}

void addRegister(Instruction &result, const Decoded &decoded, const ZydisDecodedOperand &operand) {
  const Register reg = rootOf(operand.reg.value);
  if (reg == noRegister)
    return;
  const bool writes = operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
  const bool names = operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
  if (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) {
    result.reads.set(reg);
    if (names)
      result.operands.push_back(reg);
  }
  if (!writes)
    return;
  result.writes.set(reg);
  const ZydisRegisterClass cls = ZydisRegisterGetClass(operand.reg.value);
  const bool keepsRest = cls == ZYDIS_REGCLASS_GPR8 || cls == ZYDIS_REGCLASS_GPR16 ||
                         (operand.actions & ZYDIS_OPERAND_ACTION_CONDWRITE) ||
                         (reg >= firstVector && reg < firstMask && decoded.instruction.avx.mask.mode == ZYDIS_MASK_MODE_MERGING);
  if (!keepsRest)
    return;
  result.reads.set(reg);
  if (names && !(operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ))
    result.operands.push_back(reg);
}

void addFlags(Instruction &result, const ZydisDecodedInstruction &instruction, bool keepsFlags) {
  if (!instruction.cpu_flags)
    return;
  const ZydisAccessedFlags &flags = *instruction.cpu_flags;
  const ZyanU32 written = flags.modified | flags.set_0 | flags.set_1 | flags.undefined;
  if (flags.tested & arithmeticFlags)
    result.reads.set(flagsRegister);
  if (flags.tested & ZYDIS_CPUFLAG_CF)
    result.reads.set(carryRegister);
  if (written & arithmeticFlags)
    result.writes.set(flagsRegister);
  if (written & ZYDIS_CPUFLAG_CF)
    result.writes.set(carryRegister);
  if (keepsFlags)
    result.reads |= result.writes & RegisterSet().set(flagsRegister).set(carryRegister);
}

bool isRegister(const ZydisDecodedOperand &operand) { return operand.type == ZYDIS_OPERAND_TYPE_REGISTER; }

bool isMove(const Decoded &decoded) {
  if (decoded.isMasked() || decoded.numVisible() < 2 || !isRegister(decoded.operands[0]))
    return false;
  // Zydis lists a mask operand also where k0 stands for none.
  const ZydisDecodedOperand &source = decoded.operands[decoded.numVisible() - 1];
  if (!isRegister(source))
    return false;
  switch (decoded.instruction.mnemonic) {
  case ZYDIS_MNEMONIC_MOV:
    return decoded.instruction.operand_width >= 32 && rootOf(source.reg.value) < firstVector;
  case ZYDIS_MNEMONIC_VMOVAPS:
  case ZYDIS_MNEMONIC_VMOVAPD:
  case ZYDIS_MNEMONIC_VMOVUPS:
  case ZYDIS_MNEMONIC_VMOVUPD:
  case ZYDIS_MNEMONIC_VMOVDQA:
  case ZYDIS_MNEMONIC_VMOVDQU:
  case ZYDIS_MNEMONIC_VMOVDQA32:
  case ZYDIS_MNEMONIC_VMOVDQA64:
  case ZYDIS_MNEMONIC_VMOVDQU32:
  case ZYDIS_MNEMONIC_VMOVDQU64:
    return true;
  default:
    return false;
  }
}

bool isZeroIdiom(const Decoded &decoded) {
  if (decoded.isMasked() || decoded.numVisible() < 2)
    return false;
  const ZydisDecodedOperand &a = decoded.operands[decoded.numVisible() - 2], &b = decoded.operands[decoded.numVisible() - 1];
  if (!isRegister(a) || !isRegister(b) || a.reg.value != b.reg.value)
    return false;
  switch (decoded.instruction.mnemonic) {
  case ZYDIS_MNEMONIC_XOR:
  case ZYDIS_MNEMONIC_SUB:
    return decoded.instruction.operand_width >= 32;
  case ZYDIS_MNEMONIC_VPXOR:
  case ZYDIS_MNEMONIC_VPXORD:
  case ZYDIS_MNEMONIC_VPXORQ:
  case ZYDIS_MNEMONIC_VXORPS:
  case ZYDIS_MNEMONIC_VXORPD:
  case ZYDIS_MNEMONIC_VPSUBB:
  case ZYDIS_MNEMONIC_VPSUBW:
  case ZYDIS_MNEMONIC_VPSUBD:
  case ZYDIS_MNEMONIC_VPSUBQ:
    return true;
  default:
    return false;
  }
}

/// Source: Intel 64 and IA-32 Architectures Optimization Reference Manual, macro-fusion. AMD fuses a subset, `cmp` and `test` first of all.
bool fuses(const Decoded &first, const Decoded &jump) {
  if (jump.instruction.meta.category != ZYDIS_CATEGORY_COND_BR || !jump.instruction.cpu_flags)
    return false;
  const bool any = first.is(ZYDIS_MNEMONIC_TEST) || first.is(ZYDIS_MNEMONIC_AND);
  const bool compares = first.is(ZYDIS_MNEMONIC_CMP) || first.is(ZYDIS_MNEMONIC_ADD) || first.is(ZYDIS_MNEMONIC_SUB);
  const bool counts = first.is(ZYDIS_MNEMONIC_INC) || first.is(ZYDIS_MNEMONIC_DEC);
  if (!any && !compares && !counts)
    return false;
  bool memory = false, immediate = false;
  for (unsigned i = 0; i < first.numVisible(); ++i) {
    const ZydisDecodedOperand &operand = first.operands[i];
    memory |= operand.type == ZYDIS_OPERAND_TYPE_MEMORY;
    immediate |= operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY && (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE || operand.mem.base == ZYDIS_REGISTER_RIP))
      return false;
  }
  if (memory && immediate)
    return false;
  if (any)
    return true;
  switch (jump.instruction.mnemonic) {
  case ZYDIS_MNEMONIC_JZ:
  case ZYDIS_MNEMONIC_JNZ:
  case ZYDIS_MNEMONIC_JL:
  case ZYDIS_MNEMONIC_JNL:
  case ZYDIS_MNEMONIC_JLE:
  case ZYDIS_MNEMONIC_JNLE:
    return true;
  case ZYDIS_MNEMONIC_JB:
  case ZYDIS_MNEMONIC_JNB:
  case ZYDIS_MNEMONIC_JBE:
  case ZYDIS_MNEMONIC_JNBE:
    return !counts;
  default:
    return false;
  }
}

Instruction describe(const Decoded &decoded, uint32_t offset, uint64_t address) {
  Instruction result;
  result.form = formOf(decoded);
  result.offset = offset;
  result.length = decoded.instruction.length;
  for (const ZydisDecodedOperand &operand : decoded) {
    if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
      if (operand.encoding != ZYDIS_OPERAND_ENCODING_MASK || operand.reg.value != ZYDIS_REGISTER_K0)
        addRegister(result, decoded, operand);
    } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY) {
      for (ZydisRegister reg : {operand.mem.base, operand.mem.index})
        if (const Register root = reg == ZYDIS_REGISTER_NONE ? noRegister : rootOf(reg); root != noRegister)
          result.reads.set(root);
      addMemory(result, decoded, operand);
    } else if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !operand.imm.is_relative) {
      result.immediate = operand.imm.value.s;
    }
  }
  // A shift by cl may be one by 0, which keeps the flags.
  addFlags(result, decoded.instruction, std::any_of(decoded.begin(), decoded.end(), isNamed));
  result.branch = branchOf(decoded);
  if (result.branch != Branch::none && decoded.operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
    ZydisCalcAbsoluteAddress(&decoded.instruction, &decoded.operands[0], address, &result.target);
  else if (result.memory && result.memory->absolute)
    result.memory->displacement += int64_t(address) + result.length;
  result.isMove = isMove(decoded);
  result.isZeroIdiom = isZeroIdiom(decoded);
  if (result.isZeroIdiom) {
    result.reads.reset();
    result.operands.clear();
  }
  return result;
}
} // namespace

std::string registerName(Register reg) {
  if (reg < firstVector)
    return ZydisRegisterGetString(ZydisRegisterEncode(ZYDIS_REGCLASS_GPR64, reg));
  if (reg < firstMask)
    return fmt::format("v{}", reg - firstVector);
  if (reg < flagsRegister)
    return fmt::format("k{}", reg - firstMask);
  return reg == flagsRegister ? "flags" : "carry";
}

Result<std::vector<Instruction>> decode(const uint8_t *bytes, size_t size, uint64_t address) {
  const Decoder decoder;
  std::vector<Instruction> result;
  result.reserve(size / leastAverageLength + 1);
  Decoded decoded[2]; // the last one and the one before
  for (size_t at = 0; at < size;) {
    Decoded &now = decoded[result.size() % 2];
    if (!decoder.decode(bytes + at, size - at, now)) {
      std::string text;
      for (size_t i = at; i < std::min(size, at + ZYDIS_MAX_INSTRUCTION_LENGTH); ++i)
        text += fmt::format(" {:02x}", bytes[i]);
      return Error{fmt::format("no x86-64 instruction at offset {:#x}:{}", at, text)};
    }
    if (!result.empty())
      result.back().fusesWithNext = fuses(decoded[(result.size() + 1) % 2], now);
    result.push_back(describe(now, uint32_t(at), address + at));
    at += now.instruction.length;
  }
  return result;
}

Text disassemble(const uint8_t *bytes, size_t size, uint64_t address) {
  static const Decoder decoder;
  static const ZydisFormatter formatter = [] {
    ZydisFormatter made;
    ZydisFormatterInit(&made, ZYDIS_FORMATTER_STYLE_INTEL); // fails for no style that there is
    return made;
  }();
  Decoded decoded;
  char text[256];
  if (!decoder.decode(bytes, size, decoded) ||
      !ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &decoded.instruction, decoded.operands, uint8_t(decoded.numVisible()), text,
                                                    sizeof(text), address, nullptr)))
    return {fmt::format(".byte 0x{:02x}", *bytes), 1};
  return {text, decoded.instruction.length};
}

} // namespace vtpu::host
