//===- Words.h - Words that generators write --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_GENERATOR_WORDS_H
#define VTPU_LIB_GENERATOR_WORDS_H

#include "vtpu/ISA/Instruction.h"

namespace vtpu::gen {

inline isa::Word wordWith(isa::Pipe pipe, const isa::Slot &slot) {
  isa::Word word;
  word.slot(pipe) = slot;
  return word;
}
inline isa::Word control(isa::COp op, unsigned rd, unsigned ra, int32_t imm) {
  isa::Slot slot;
  slot.opcode = uint8_t(op);
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(ra);
  slot.imm = imm;
  return wordWith(isa::Pipe::C, slot);
}
inline isa::Word immediate(unsigned rd, int64_t value) {
  isa::Word word = control(isa::COp::cimm, rd, 0, 0);
  word.hasImmediates = true;
  word.i0 = value;
  return word;
}
inline isa::Word branchIf(isa::Predicate predicate, unsigned ra, int64_t value, int32_t distance) {
  isa::Word word = control(isa::COp::cbcci, 0, ra, distance);
  word.slot(isa::Pipe::C).predicate = predicate;
  word.hasImmediates = true;
  word.i1 = value;
  return word;
}
/// A whole v register, or 64 bits of an r register, without an index.
inline isa::Word access(isa::SOp op, isa::Type type, unsigned rd, unsigned ra, int32_t imm) {
  isa::Slot slot;
  slot.opcode = uint8_t(op);
  slot.memType = type;
  if (op == isa::SOp::sld || op == isa::SOp::sst) {
    slot.type = type;
    slot.length = isa::Length::v512;
  }
  slot.rd = uint8_t(rd);
  slot.ra = uint8_t(ra);
  slot.rb = isa::noRegister;
  slot.imm = imm;
  return wordWith(isa::Pipe::S, slot);
}

} // namespace vtpu::gen

#endif // VTPU_LIB_GENERATOR_WORDS_H
