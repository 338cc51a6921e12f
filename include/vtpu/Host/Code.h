//===- Code.h - Host instructions as the models see them --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoded x86-64 machine code: of each instruction its form (what its cost depends on), what it reads and writes, and what the front end does
// with it. Nothing here runs or measures.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_CODE_H
#define VTPU_HOST_CODE_H

#include "vtpu/Support/Result.h"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vtpu::host {

/// A register as renaming knows it: the whole of what narrower names are part of.
using Register = uint8_t;
constexpr Register noRegister = 0xff;
constexpr Register firstVector = 16; // 0..15: general registers in the order of their encodings, rax first
constexpr Register firstMask = 48;   // k0..k7
constexpr Register flagsRegister = 56; // all arithmetic flags but the carry
constexpr Register carryRegister = 57;
constexpr unsigned numRegisters = 58;
using RegisterSet = std::bitset<numRegisters>;
/// `rax`, `v7` (of xmm7, ymm7 or zmm7), `k1`, `flags`, `carry`.
std::string registerName(Register reg);

/// An access or, of `lea`, an address.
struct Memory {
  Register base = noRegister, index = noRegister; // the index is a vector register in gathers and scatters
  uint8_t scale = 1;
  bool absolute = false;    // relative to the instruction pointer; `displacement` is the address then
  int64_t displacement = 0; // bytes
  uint32_t bytes = 0;       // extent; of gathers and scatters of all lanes together; 0: an address alone
  bool load = false, store = false;
  bool vectorIndex() const { return index != noRegister && index >= firstVector; }
};

enum class Branch : uint8_t { none, conditional, jump, indirect, call, ret };

struct Instruction {
  /// What its cost depends on: mnemonic, kinds and widths of the operands, masking; `vfmadd231ps zmm {k}, zmm, m512`. Mnemonics are Zydis'.
  std::string form;
  uint32_t offset = 0; // in the decoded bytes
  uint8_t length = 0;
  std::vector<Register> operands; // that it names and reads, in their order, without those of an address
  RegisterSet reads, writes; // with those of addresses and masks; a write of less than a register that keeps the rest reads it too
  int64_t immediate = 0;        // sign-extended; 0 if there is none
  std::optional<Memory> memory; // the first one of those that have two
  Branch branch = Branch::none;
  uint64_t target = 0;          // of a direct branch
  bool fusesWithNext = false;   // the front end makes one operation of it and the conditional jump behind it
  bool isMove = false;          // of a whole register to another: renaming may do it alone
  bool isZeroIdiom = false;     // writes zero whatever it reads; `reads` is empty
};

/// The instructions of some machine code, which stands at `address`. An error names the offset and the bytes that are no instruction.
Result<std::vector<Instruction>> decode(const uint8_t *bytes, size_t size, uint64_t address = 0);

struct Text {
  std::string text;
  size_t length; // bytes that it shows
};
/// The first instruction of `size` > 0 bytes in Intel's syntax; of what is no instruction one byte, as `.byte 0x06`.
Text disassemble(const uint8_t *bytes, size_t size, uint64_t address = 0);

} // namespace vtpu::host

#endif // VTPU_HOST_CODE_H
