//===- RandomWords.h - Random legal words for property tests ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Draws slots of a given row of the instruction table until the rules of a word accept one.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_RANDOMWORDS_H
#define VTPU_TEST_UNIT_RANDOMWORDS_H

#include "vtpu/ISA/Instruction.h"

#include <random>

namespace vtpu::test {

/// The seed of this run: VTPU_SEED, else a fixed one; tests print it.
inline uint64_t seed() {
  const char *text = std::getenv("VTPU_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 20261124;
}

/// A random legal word that holds only `info`. Immediates stay small. Never fails: every row has legal words.
inline isa::Word randomWord(const isa::InstrInfo &info, std::mt19937_64 &random) {
  auto below = [&](unsigned n) { return unsigned(random() % n); };
  while (true) {
    isa::Word word;
    isa::Slot &slot = word.slot(info.pipe);
    slot.opcode = info.opcode;
    if (info.types)
      slot.type = isa::Type(below(isa::numTypes));
    if (info.memTypes)
      slot.memType = isa::Type(below(isa::numTypes));
    if (info.hasLength)
      slot.length = isa::Length(below(3));
    if (info.hasPredicate)
      slot.predicate = isa::Predicate(below(isa::numPredicates));
    if (info.maskable && below(2)) {
      slot.mask = uint8_t(1 + below(7));
      slot.zeroing = below(2);
    }
    for (unsigned i = 0; i < info.numOperands; ++i) {
      const isa::OperandInfo &operand = info.operands[i];
      switch (operand.cls) {
      case isa::OperandClass::v:
      case isa::OperandClass::k:
      case isa::OperandClass::r:
      case isa::OperandClass::p:
      case isa::OperandClass::m:
        isa::setRegister(slot, operand.field, uint8_t(below(isa::registerCount(operand.cls))));
        break;
      case isa::OperandClass::idx:
        if (below(2)) {
          isa::setRegister(slot, operand.field, uint8_t(below(isa::numR)));
          slot.scale = uint8_t(below(4));
        } else {
          isa::setRegister(slot, operand.field, isa::noRegister);
        }
        break;
      case isa::OperandClass::i64:
        word.hasImmediates = true;
        word.i0 = int64_t(random()) >> below(64);
        break;
      case isa::OperandClass::cmp64:
        word.hasImmediates = true;
        word.i1 = int64_t(random()) >> below(64);
        break;
      default:
        slot.imm = int32_t(below(70)) - 2;
        break;
      }
    }
    if (info.usesCoordinate)
      for (uint16_t &component : word.coordinate)
        component = uint16_t(below(2048));
    if (isa::checkWord(word).ok())
      return word;
  }
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RANDOMWORDS_H
