//===- Chains.h - Loops that measure latencies ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A chain hands the result of an instruction to one of its operands, again and again. Where result and operand are of different kinds, other
// instructions carry the value back; what they take is subtracted.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_HOST_CHAINS_H
#define VTPU_LIB_HOST_CHAINS_H

#include "Kernel.h"

namespace vtpu::host {

/// Carries a value from one kind of register to another: `vmovq`, `kmovq`, `test` and `cmovz`.
enum class Carrier : uint8_t { vectorToGeneral, generalToVector, maskToGeneral, generalToMask, flagsToGeneral, generalToFlags };
constexpr unsigned numCarriers = 6;
void appendCarrier(std::vector<uint8_t> &bytes, Carrier carrier, Register to, Register from);

struct Chain {
  std::vector<uint8_t> body;
  unsigned steps = 0;
  // Of each step, besides the instruction:
  std::vector<Carrier> carriers;
  unsigned simple = 0; // integer operations of one cycle
  std::optional<size_t> place; // of the operand, if it has one
};

/// A chain through each register operand, and of a form that only stores through memory. Empty if there is none: nothing is read or written.
Result<std::vector<Chain>> registerChains(const Pattern &pattern);
/// Stores a general register and loads it again, by a base and a distance alone, as hosts that rename memory have it.
Chain renamedChain(bool otherBase);
/// Stores 8 bytes and loads the 64 bytes around them: what the store holds is not enough for the load. Each step has so many operations that do
/// nothing behind it. No step hands a value to the next, but none leaves the window before the one in front of it.
Chain partialChain(unsigned nops);
/// The chain through the address of a form that loads; nothing if the form has none.
Result<std::optional<Chain>> addressChain(const Pattern &pattern);

} // namespace vtpu::host

#endif // VTPU_LIB_HOST_CHAINS_H
