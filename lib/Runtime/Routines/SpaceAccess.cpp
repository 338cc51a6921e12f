//===- SpaceAccess.cpp - Elements by coordinate -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Accesses, lines and regions. The space translates once for each run of elements, so a vector inside one region is one translation.
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"

namespace vtpu::rt {

namespace {
/// Lanes of the slot's length that its mask lets through.
uint64_t activeLanes(const RoutineFrame &frame) {
  const uint64_t all = (uint64_t(1) << laneCount(frame.slot.length, frame.slot.type)) - 1;
  return frame.slot.mask ? all & frame.k(frame.slot.mask) : all;
}
} // namespace

TrapCause routines::cget(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  alignas(64) uint8_t values[64];
  if (Status status = frame.space().load(frame.p(slot.ra), slot.type, activeLanes(frame), values, &frame.memory().translations); !status)
    return frame.fail(status.message());
  writeLanes(frame, values);
  return TrapCause::none;
}

TrapCause routines::cput(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  return frame.check(frame.space().store(frame.p(slot.ra), slot.type, activeLanes(frame), frame.v(slot.rd), &frame.memory().translations));
}

TrapCause routines::cprefch(const RoutineFrame &frame) {
  frame.space().prefetch(&frame.p(frame.slot.ra), 1, mem::PrefetchHint(frame.slot.imm));
  return TrapCause::none;
}

TrapCause routines::sflush(const RoutineFrame &frame) {
  frame.space().flush(frame.p(frame.slot.ra));
  return TrapCause::none;
}

TrapCause routines::salloc(const RoutineFrame &frame) {
  constexpr mem::Layout layouts[] = {mem::Layout::rowMajor, mem::Layout::morton, mem::Layout::hilbert};
  const isa::Slot &slot = frame.slot;
  mem::RegionSpec spec;
  spec.name = "salloc";
  spec.box = {frame.p(slot.ra), frame.p(slot.rb)};
  spec.type = slot.type;
  spec.layout = layouts[slot.imm];
  Result<const mem::Region *> region = frame.space().bind(std::move(spec));
  return region ? TrapCause::none : frame.fail(region.message());
}

TrapCause routines::sfree(const RoutineFrame &frame) { return frame.check(frame.space().release(frame.p(frame.slot.ra))); }

} // namespace vtpu::rt
