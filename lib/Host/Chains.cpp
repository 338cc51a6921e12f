//===- Chains.cpp - Loops that measure latencies ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chains.h"

#include <algorithm>

namespace vtpu::host {

using namespace kernel;

namespace {
constexpr unsigned instructionsOfChain = 48;
/// Registers that chains run through, two of each class.
constexpr Register chained[3][2] = {{8, 9}, {firstVector, firstVector + 1}, {firstMask + 1, firstMask + 2}};
constexpr Register carried = 10, cutMask = firstMask + 3, indexResult = firstVector + 11;
constexpr int32_t forwarded = 64;

/// Builds the chain from the result of an instruction to one operand.
class Builder {
public:
  Builder(const Pattern &pattern) : pattern(pattern), places(pattern.places()), memory(pattern.instruction().memory) {
    for (size_t i = 0; i < places.size() && !result; ++i)
      if (places[i].writes && places[i].role == Place::value)
        result = i;
    const RegisterSet writes = pattern.fixedWrites();
    if (!result)
      for (Register reg : {rax, rdx, flagsRegister, carryRegister})
        if (writes[reg] && fixedResult == noRegister)
          fixedResult = reg;
  }

  bool hasResult() const { return result || fixedResult != noRegister; }
  bool forwards() const { return !hasResult() && memory && memory->store; }

  /// From the result to the operand at a place, or to a fixed register.
  Result<Chain> throughRegister(std::optional<size_t> place, Register fixed = noRegister) {
    const RegisterClass to = place ? places[*place].cls : classOf(fixed);
    const bool direct = place && result && places[*result].cls == to;
    return build([&](unsigned step, Chain &chain) -> Status {
      chain.carriers.clear();
      chain.simple = 0;
      std::vector<Register> registers = start(chain.body);
      Register from = noRegister, out = noRegister;
      if (place) {
        // What comes from elsewhere arrives in one register.
        from = direct                         ? chained[size_t(to)][*place == *result ? 0 : step % 2]
               : to == RegisterClass::general ? carried
                                              : chained[size_t(to)][0];
        registers[*place] = from;
      }
      if (result) {
        const auto &names = chained[size_t(places[*result].cls)];
        out = !direct ? names[0] : *place == *result ? from : names[(step + 1) % 2];
        registers[*result] = out;
      }
      if (Status status = pattern.encode(registers, memory && memory->store ? storesFrom + forwarded : forwarded, chain.body); !status)
        return status;
      if (direct)
        return {};
      if (forwards())
        return loadBack(chain, to, from);
      const Register general = toGeneral(chain, out);
      if (!place && to == RegisterClass::general) { // of a fixed one also its ordinary value comes back
        append(chain.body, ZYDIS_MNEMONIC_OR, {operandOf(fixed), operandOf(general == fixed ? other : general)});
        ++chain.simple;
      } else if (to == RegisterClass::general) {
        if (general != from) {
          append(chain.body, ZYDIS_MNEMONIC_OR, {operandOf(from), operandOf(general)});
          ++chain.simple;
        }
      } else {
        carry(chain,
              to == RegisterClass::vector ? Carrier::generalToVector
              : to == RegisterClass::mask ? Carrier::generalToMask
                                          : Carrier::generalToFlags,
              from, general);
      }
      return {};
    });
  }

  /// From the result to the address.
  Result<std::optional<Chain>> throughAddress() {
    std::optional<size_t> base, index;
    for (size_t i = 0; i < places.size(); ++i) {
      if (places[i].role == Place::base)
        base = i;
      if (places[i].role == Place::index && places[i].cls == RegisterClass::vector)
        index = i;
    }
    if (!memory || !memory->load || !hasResult() || (!base && !index))
      return std::optional<Chain>();
    Result<Chain> chain = build([&](unsigned, Chain &chain) -> Status {
      chain.carriers.clear();
      chain.simple = 0;
      std::vector<Register> registers = start(chain.body);
      const Register indices = index ? registers[*index] : noRegister;
      Register out = noRegister;
      if (result)
        registers[*result] = out = places[*result].cls == RegisterClass::general ? carried : chained[size_t(places[*result].cls)][0];
      // Before the access: the first one has a good address, too.
      if (index) {
        append(chain.body, ZYDIS_MNEMONIC_VPANDQ, {operandOf(indexResult), operandOf(out), operandOf(indices)});
        registers[*index] = indexResult;
        ++chain.simple;
      } else {
        const Register general = toGeneral(chain, out);
        append(chain.body, ZYDIS_MNEMONIC_AND, {operandOf(general), immediateOf(0)});
        append(chain.body, ZYDIS_MNEMONIC_LEA, {operandOf(chained[0][0]), at(general)});
        registers[*base] = chained[0][0];
        chain.simple += 2;
      }
      if (Status status = pattern.encode(registers, forwarded, chain.body); !status)
        return status;
      return {};
    });
    if (!chain)
      return chain.takeError();
    return std::optional<Chain>(std::move(*chain));
  }

private:
  const Pattern &pattern;
  const std::vector<Place> &places;
  const std::optional<Memory> &memory;
  std::optional<size_t> result;     // the place of the result
  Register fixedResult = noRegister; // the result if it has no place

  template <typename Step>
  Result<Chain> build(Step &&step) {
    Chain chain;
    unsigned steps = 8;
    for (; chain.steps < steps; ++chain.steps) {
      if (Status status = step(chain.steps, chain); !status)
        return Error{status.message()};
      if (chain.steps == 0) // an even number: two registers take turns
        steps = std::max<unsigned>(8, instructionsOfChain / (1 + unsigned(chain.carriers.size()) + chain.simple) & ~1u);
    }
    return chain;
  }

  /// The registers of a step; cuts other chains.
  std::vector<Register> start(std::vector<uint8_t> &bytes) {
    std::vector<Register> registers = pattern.neutral();
    for (size_t i = 0; i < places.size(); ++i)
      if (places[i].role == Place::lanes && places[i].writes) {
        registers[i] = cutMask;
        append(bytes, ZYDIS_MNEMONIC_KMOVQ, {operandOf(cutMask), operandOf(allLanes)});
      }
    if (pattern.fixedReads()[rdx] && pattern.fixedWrites()[rdx])
      append(bytes, ZYDIS_MNEMONIC_XOR, {narrowOf(rdx), narrowOf(rdx)});
    return registers;
  }

  static ZydisEncoderOperand at(Register offset) {
    ZydisEncoderOperand operand = scratchAt(0, 8);
    operand.mem.index = operandOf(offset).reg.value;
    operand.mem.scale = 1;
    return operand;
  }

  void carry(Chain &chain, Carrier carrier, Register to, Register from) {
    appendCarrier(chain.body, carrier, to, from);
    chain.carriers.push_back(carrier);
  }

  /// Carries the result to a general register.
  Register toGeneral(Chain &chain, Register out) {
    if (result) {
      switch (places[*result].cls) {
      case RegisterClass::vector:
        carry(chain, Carrier::vectorToGeneral, carried, out);
        return carried;
      case RegisterClass::mask:
        carry(chain, Carrier::maskToGeneral, carried, out);
        return carried;
      default:
        return out;
      }
    }
    if (classOf(fixedResult) == RegisterClass::general)
      return fixedResult;
    carry(chain, Carrier::flagsToGeneral, carried, fixedResult);
    return carried;
  }

  /// Loads what was stored, with an index: no host renames such memory.
  Status loadBack(Chain &chain, RegisterClass to, Register target) {
    // A mask or a general register takes the first bytes of a vector.
    const unsigned bytes = to == RegisterClass::vector ? memory->bytes : std::min(memory->bytes, 8u);
    constexpr int32_t indexValue = 64;
    const int32_t stored = memory->index == noRegister || memory->vectorIndex() ? 0 : indexValue * memory->scale;
    ZydisEncoderOperand from = scratchAt(storesFrom + forwarded + stored - indexValue, bytes);
    from.mem.index = operandOf(kernel::index).reg.value;
    from.mem.scale = 1;
    if (to == RegisterClass::mask && bytes == 8) {
      append(chain.body, ZYDIS_MNEMONIC_KMOVQ, {operandOf(target), from});
    } else if (to == RegisterClass::vector && bytes >= 16) {
      const ZydisRegister reg = bytes == 64 ? operandOf(target).reg.value
                                            : ZydisRegister((bytes == 32 ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0) + (target - firstVector));
      append(chain.body, ZYDIS_MNEMONIC_VMOVUPS, {operandOf(reg), from});
    } else if (to == RegisterClass::vector && bytes >= 4) {
      append(chain.body, bytes == 8 ? ZYDIS_MNEMONIC_VMOVQ : ZYDIS_MNEMONIC_VMOVD, {narrowOf(target), from});
    } else {
      const Register general = to == RegisterClass::general ? target : carried;
      if (bytes <= 2)
        append(chain.body, ZYDIS_MNEMONIC_MOVZX, {narrowOf(general), from});
      else
        append(chain.body, ZYDIS_MNEMONIC_MOV, {bytes == 4 ? narrowOf(general) : operandOf(general), from});
      if (to != RegisterClass::general)
        carry(chain, to == RegisterClass::vector ? Carrier::generalToVector : Carrier::generalToMask, target, general);
    }
    return {};
  }
};
} // namespace

void appendCarrier(std::vector<uint8_t> &bytes, Carrier carrier, Register to, Register from) {
  switch (carrier) {
  case Carrier::vectorToGeneral:
    return append(bytes, ZYDIS_MNEMONIC_VMOVQ, {operandOf(to), narrowOf(from)});
  case Carrier::generalToVector:
    return append(bytes, ZYDIS_MNEMONIC_VMOVQ, {narrowOf(to), operandOf(from)});
  case Carrier::maskToGeneral:
  case Carrier::generalToMask:
    return append(bytes, ZYDIS_MNEMONIC_KMOVQ, {operandOf(to), operandOf(from)});
  case Carrier::flagsToGeneral:
    return append(bytes, from == carryRegister ? ZYDIS_MNEMONIC_CMOVB : ZYDIS_MNEMONIC_CMOVZ, {operandOf(to), operandOf(number)});
  case Carrier::generalToFlags:
    return append(bytes, ZYDIS_MNEMONIC_TEST, {operandOf(from), operandOf(from)});
  }
}

Result<std::vector<Chain>> registerChains(const Pattern &pattern) {
  std::vector<Chain> chains;
  Builder builder(pattern);
  if (!builder.hasResult() && !builder.forwards())
    return chains;
  const std::optional<Memory> &memory = pattern.instruction().memory;
  const bool accesses = memory && (memory->load || memory->store);
  auto add = [&](std::optional<size_t> place, Register fixed) -> Status {
    Result<Chain> chain = builder.throughRegister(place, fixed);
    if (!chain)
      return Error{chain.message()};
    chain->place = place;
    chains.push_back(std::move(*chain));
    return {};
  };
  // An operand beside a fixed accumulator would get a value that the instruction may refuse, as a divisor.
  const bool accumulates = pattern.fixedReads()[rax];
  for (size_t i = 0; i < pattern.places().size() && !accumulates; ++i) {
    const Place &place = pattern.places()[i];
    const bool address = place.role == Place::base || place.role == Place::index;
    if (place.reads && !(address && accesses) && !(place.role == Place::lanes && place.writes))
      if (Status status = add(i, noRegister); !status)
        return Error{status.message()};
  }
  if (accumulates)
    if (Status status = add(std::nullopt, rax); !status)
      return Error{status.message()};
  if ((pattern.fixedReads()[flagsRegister] || pattern.fixedReads()[carryRegister]) && builder.hasResult())
    if (Status status = add(std::nullopt, flagsRegister); !status)
      return Error{status.message()};
  return chains;
}

Chain renamedChain(bool otherBase) {
  Chain chain;
  constexpr Register value = 8, base = 9;
  if (otherBase)
    append(chain.body, ZYDIS_MNEMONIC_MOV, {operandOf(base), operandOf(scratch)});
  ZydisEncoderOperand to = scratchAt(storesFrom + forwarded, 8), from = to;
  if (otherBase)
    from.mem.base = operandOf(base).reg.value;
  for (; chain.steps < instructionsOfChain / 3; ++chain.steps) {
    append(chain.body, ZYDIS_MNEMONIC_MOV, {to, operandOf(value)});
    append(chain.body, ZYDIS_MNEMONIC_MOV, {operandOf(value), from});
    append(chain.body, ZYDIS_MNEMONIC_OR, {operandOf(value), operandOf(other)});
  }
  chain.simple = 1;
  return chain;
}

Chain partialChain(unsigned nops) {
  Chain chain;
  for (; chain.steps < 8; ++chain.steps) {
    append(chain.body, ZYDIS_MNEMONIC_MOV, {scratchAt(storesFrom + forwarded, 8), operandOf(number)});
    append(chain.body, ZYDIS_MNEMONIC_VMOVUPS, {operandOf(Register(firstVector + chain.steps)), scratchAt(storesFrom + forwarded, 64)});
    appendNops(chain.body, nops);
  }
  return chain;
}

Result<std::optional<Chain>> addressChain(const Pattern &pattern) { return Builder(pattern).throughAddress(); }

} // namespace vtpu::host
