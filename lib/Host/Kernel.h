//===- Kernel.h - Loops that are timed --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An instruction whose registers can be chosen, made of an example, and bodies of loops made of such instructions. All bodies run with the same
// registers and memory, which Measure.cpp sets:
//
//   r14              scratch memory            r13, r12   ordinary numbers, the second the larger one
//   rbp              64, the index             r15        the counter of the loop
//   rax, rcx, rdx    fixed operands            others     free, with 1
//   v12, v13         ordinary numbers          v14, v15   indices into the scratch memory, of 64 and 32 bits
//   k6               all lanes                 k7         no lane
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_HOST_KERNEL_H
#define VTPU_LIB_HOST_KERNEL_H

#include "vtpu/Host/Forms.h"

#include <Zydis/Zydis.h>
#include <array>
#include <initializer_list>

namespace vtpu::host {

namespace kernel {
constexpr Register rax = 0, rcx = 1, rdx = 2, index = 5, number = 13, other = 12, scratch = 14, counter = 15;
constexpr Register vectorNumber = firstVector + 12, vectorOther = firstVector + 13, index64 = firstVector + 14, index32 = firstVector + 15;
constexpr Register allLanes = firstMask + 6, noLane = firstMask + 7;
constexpr uint32_t scratchBytes = 12288;
/// Accesses of one loop take turns over this many bytes; stores begin where no load of the same loop has the same offset in a page.
constexpr uint32_t accessSpan = 1024, storesFrom = 6144;
} // namespace kernel

enum class RegisterClass : uint8_t { general, vector, mask, flags };
RegisterClass classOf(Register reg);

/// Where an explicit register stands in an instruction.
struct Place {
  enum Role : uint8_t { value, lanes, base, index };
  Role role;
  RegisterClass cls;
  bool reads, writes;
  unsigned operand; // of the encoder's request
};

/// An instruction as the encoder makes it; explicit registers can be chosen.
class Pattern {
public:
  static Result<Pattern> create(const Example &example);

  const Instruction &instruction() const { return of; }
  const std::vector<Place> &places() const { return all; }
  /// Registers that the instruction names by itself.
  RegisterSet fixedReads() const { return implicitReads; }
  RegisterSet fixedWrites() const { return implicitWrites; }
  /// Whether the loop that is timed can hold it: nothing that is sure to jump, nor moves the stack.
  bool isTimed() const;
  /// Of a conditional jump: its condition as the opcode encodes it.
  std::optional<unsigned> condition() const;

  /// The registers of the example's places that no kernel minds: constants for what is read, the scratch memory for addresses.
  std::vector<Register> neutral() const;
  /// The same with or without a general register as index of its address; nothing if it has no such address, or has it or has it not already.
  std::optional<Pattern> indexed(bool with) const;
  /// Appends the instruction with these registers in its places and its memory `displacement` bytes into the scratch memory.
  Status encode(const std::vector<Register> &registers, int32_t displacement, std::vector<uint8_t> &bytes) const;

private:
  Instruction of;
  std::vector<Place> all;
  RegisterSet implicitReads, implicitWrites;
  ZydisEncoderRequest request;
  std::vector<uint8_t> jump; // of a direct branch: to the next instruction
  bool wideIndices = false;  // of a vector: 64 bits each
  unsigned memoryOperand = ~0u;
};

/// Appends an instruction of general, vector (all 512 bits unless a form has 128 only) and mask registers; it must exist.
void append(std::vector<uint8_t> &bytes, ZydisMnemonic mnemonic, std::initializer_list<ZydisEncoderOperand> operands);
ZydisEncoderOperand operandOf(ZydisRegister reg);
ZydisEncoderOperand operandOf(Register reg);     // general registers of 64, vectors of 512 bits
ZydisEncoderOperand narrowOf(Register reg);      // general registers of 32, vectors of 128 bits
ZydisEncoderOperand immediateOf(int64_t value);
ZydisEncoderOperand scratchAt(int32_t displacement, unsigned bytes);
/// An instruction that sets the flags so that a conditional jump is taken or not.
void appendFlags(std::vector<uint8_t> &bytes, unsigned condition, bool taken);
constexpr unsigned nopBytes = 4;
void appendNops(std::vector<uint8_t> &bytes, unsigned count);

/// Independent copies of a pattern: written registers take turns, chains through registers that the instruction names are cut.
class Copies {
public:
  enum Registers : uint8_t { all, firstHalf, secondHalf };
  /// `share`: which of the free registers the copies write.
  Copies(const Pattern &pattern, Registers share = all);
  /// Appends the next copy.
  Status appendTo(std::vector<uint8_t> &bytes);
  /// Instructions that cut chains, for each copy.
  unsigned cuts() const { return numCuts; }

private:
  const Pattern &pattern;
  std::array<std::vector<Register>, 3> free; // by class
  std::vector<uint8_t> before;               // cuts chains
  unsigned numCuts = 0;
  unsigned turn = 0;
};

} // namespace vtpu::host

#endif // VTPU_LIB_HOST_KERNEL_H
