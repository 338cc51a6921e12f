//===- Syntax.h - What printer and parser share -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of a row's operands in text and the names of binding kinds. Memory rows gather ra, index and displacement in one
// bracketed address.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_ASSEMBLY_SYNTAX_H
#define VTPU_LIB_ASSEMBLY_SYNTAX_H

#include "vtpu/ISA/Instruction.h"

#include <vector>

namespace vtpu::assembly {

inline constexpr std::string_view kindNames[] = {"", "input", "output", "parameter", "constant", "arena", "import", "stack"};

/// One operand in text: a field, or the bracketed address.
struct Item {
  bool address = false;
  const isa::OperandInfo *operand = nullptr;
};

inline bool isRegister(isa::OperandClass cls) {
  return isa::registerCount(cls) != 0;
}
/// The letter of a class's registers.
inline char registerLetter(isa::OperandClass cls) {
  using isa::OperandClass;
  return cls == OperandClass::v ? 'v' : cls == OperandClass::k ? 'k' : cls == OperandClass::p ? 'p' : cls == OperandClass::m ? 'm' : 'r';
}

/// The index register of a memory row: the optional integer one, or the lanes of a gather or scatter. Null if the row has none.
inline const isa::OperandInfo *indexOperand(const isa::InstrInfo &info) {
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const isa::OperandInfo &operand = info.operands[i];
    if (operand.cls == isa::OperandClass::idx || (operand.cls == isa::OperandClass::v && operand.field == isa::Field::rc))
      return &operand;
  }
  return nullptr;
}

/// Operands of a row in the order of its text.
inline std::vector<Item> items(const isa::InstrInfo &info) {
  std::vector<Item> result;
  const bool memory = info.hasAddress();
  const isa::OperandInfo *index = memory ? indexOperand(info) : nullptr;
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const isa::OperandInfo &operand = info.operands[i];
    if (memory && operand.field == isa::Field::ra)
      result.push_back({true, nullptr});
    else if (!memory || (&operand != index && operand.field != isa::Field::imm))
      result.push_back({false, &operand});
  }
  return result;
}

/// True if a name can stand without quotes.
inline bool isPlainName(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; };
  if (text.empty() || !letter(text[0]))
    return false;
  for (char c : text)
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.')
      return false;
  return true;
}

} // namespace vtpu::assembly

#endif // VTPU_LIB_ASSEMBLY_SYNTAX_H
