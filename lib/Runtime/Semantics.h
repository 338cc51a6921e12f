//===- Semantics.h - What instructions do ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the slots of a word do to it: the one statement of the semantics. The interpreter calls these functions, the ORC tier
// inlines their bitcode with constant slots; the template JIT is checked against them.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_SEMANTICS_H
#define VTPU_LIB_RUNTIME_SEMANTICS_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

/// Lanes of a type in a length.
inline unsigned laneCount(isa::Length length, isa::Type type) { return isa::lengthBytes(length) / isa::byteWidth(type); }

/// True for the accesses whose lanes have addresses of their own.
inline bool isGather(const isa::Slot &slot) { return slot.opcode == uint8_t(isa::SOp::sgather) || slot.opcode == uint8_t(isa::SOp::sscatter); }
/// Bytes that a load or store touches, all lanes active; of a gather, each lane.
inline unsigned accessBytes(const isa::Slot &slot) {
  const auto op = isa::SOp(slot.opcode);
  if (op == isa::SOp::sld || op == isa::SOp::sst) // laneCount() elements, by shifts
    return isa::lengthBytes(slot.length) << isa::byteShift(slot.memType) >> isa::byteShift(slot.type);
  if (op == isa::SOp::sldp || op == isa::SOp::sstp)
    return sizeof(Coordinate);
  return isa::byteWidth(op == isa::SOp::sldr || op == isa::SOp::sstr ? slot.memType : slot.type);
}

/// Executes a D slot.
void executeD(const isa::Slot &slot, const isa::Word &word, Registers &regs);
/// Executes an S slot whose pointer is an offset into the `size` bytes at `base`. False: `checked`, and the access leaves them.
bool executeS(const isa::Slot &slot, const isa::Word &word, Registers &regs, SentronContext &context, uint8_t *base, uint64_t size, bool checked);

/// The offset in bytes, modulo 2^64, that a trap names (Trap::value) when executeS() has refused the slot; it has changed no register.
int64_t findRefused(const isa::Slot &slot, const Registers &regs, uint64_t size);

/// What a tier does behind the other slots of a word: go on, or what the C slot asks for (the slot's immediate says where or which).
enum class Control : uint8_t { next, branch, call, stop, divideByZero, message, barrier };
/// Executes a C slot. Slots of routines (Routines/Routine.h) are none of these functions' matter.
Control executeC(const isa::Slot &slot, const isa::Word &word, Registers &regs, SentronContext &context);
/// Integer comparison of C-pipe instructions.
bool compareIntegers(isa::Predicate predicate, int64_t a, int64_t b);
/// The lanes of 64 bytes, pair by pair: `into` = dred's operation `kind` of `into`, `with`.
void reduceLanes(isa::Type type, int kind, void *into, const void *with);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_SEMANTICS_H
