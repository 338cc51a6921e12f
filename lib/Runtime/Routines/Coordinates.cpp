//===- Coordinates.cpp - Arithmetic of coordinates --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Light routines: compiled for general registers only, they call nothing that is not inlined here.
//
//===----------------------------------------------------------------------===//

#include "Routine.h"

namespace vtpu::rt {

TrapCause routines::pins(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.rd).with(unsigned(slot.imm), frame.r(slot.ra));
  return TrapCause::none;
}

TrapCause routines::pext(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.r(slot.rd) = frame.p(slot.ra)[unsigned(slot.imm)];
  return TrapCause::none;
}

} // namespace vtpu::rt
