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

TrapCause routines::padd(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra) + frame.p(slot.rb);
  return TrapCause::none;
}

TrapCause routines::psub(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra) - frame.p(slot.rb);
  return TrapCause::none;
}

TrapCause routines::pmul(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra) * frame.p(slot.rb);
  return TrapCause::none;
}

TrapCause routines::pscale(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra).scaled(frame.r(slot.rb));
  return TrapCause::none;
}

TrapCause routines::pcmp(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const Coordinate &a = frame.p(slot.ra), &b = frame.p(slot.rb);
  frame.r(slot.rd) = (a > b) - (a < b);
  return TrapCause::none;
}

TrapCause routines::pdist(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.r(slot.rd) = frame.p(slot.ra).manhattan(frame.p(slot.rb));
  return TrapCause::none;
}

TrapCause routines::sindex(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra).step(unsigned(slot.imm), frame.r(slot.rb));
  return TrapCause::none;
}

TrapCause routines::cdelta(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = frame.p(slot.ra).delta(frame.p(slot.rb));
  return TrapCause::none;
}

TrapCause routines::chier(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.p(slot.rd) = slot.imm == 0 ? frame.p(slot.ra).parent() : frame.p(slot.ra).child(frame.r(slot.rb));
  return TrapCause::none;
}

TrapCause routines::shypdist(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.r(slot.rd) = frame.p(slot.ra).hamming(frame.p(slot.rb));
  return TrapCause::none;
}

TrapCause routines::cshard(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  frame.r(slot.rd) = int64_t(frame.p(slot.ra).hash() % frame.context.sentrons);
  return TrapCause::none;
}

TrapCause routines::cmoe(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const uint64_t experts = uint64_t(frame.r(slot.rb));
  if (experts == 0)
    return frame.trapAt(TrapCause::divideByZero, frame.p(slot.ra));
  frame.r(slot.rd) = int64_t(frame.p(slot.ra).hash() % experts);
  return TrapCause::none;
}

TrapCause routines::sboundary(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const uint64_t removed = uint64_t(frame.r(slot.rb)), vertices = uint64_t(slot.imm) + 1;
  const uint64_t *from = frame.m(slot.ra);
  Coordinate face[4];
  unsigned count = 0;
  for (uint64_t i = 0; i < vertices && removed < vertices; ++i)
    if (i != removed)
      face[count++] = Coordinate::fromBits(from[2 * i], from[2 * i + 1]);
  uint64_t *to = frame.m(slot.rd);
  for (unsigned i = 0; i < 4; ++i) {
    to[2 * i] = face[i].low();
    to[2 * i + 1] = face[i].high();
  }
  frame.r(slot.rc) = removed >= vertices ? 0 : removed % 2 ? -1 : 1;
  return TrapCause::none;
}

} // namespace vtpu::rt
