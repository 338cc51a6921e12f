//===- Lanes.h - Lanes of registers in routines -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What routines over float lanes share: types, lengths, masks.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_ROUTINES_LANES_H
#define VTPU_LIB_RUNTIME_ROUTINES_LANES_H

#include "Routine.h"

#include <cstring>

namespace vtpu::rt {

/// Calls `body(T())` for the slot's float type T. The row takes no other types.
template <typename Body>
TrapCause withFloat(const RoutineFrame &frame, Body body) {
  if (frame.slot.type == isa::Type::f32)
    body(float());
  else
    body(double());
  return TrapCause::none;
}

template <typename T>
T numberOf(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}
template <typename T>
T laneOf(const RoutineFrame &frame, unsigned v, unsigned lane) {
  return numberOf<T>(frame.v(v) + lane * sizeof(T));
}
template <typename T>
unsigned laneCount(const isa::Slot &slot) {
  return isa::lengthBytes(slot.length) / unsigned(sizeof(T));
}

inline bool isActive(const RoutineFrame &frame, unsigned lane) { return !frame.slot.mask || frame.k(frame.slot.mask) >> lane & 1; }
/// Calls `visit(lane)` for the lanes within the length that the mask lets through, in order.
template <typename T, typename Visitor>
void forActiveLanes(const RoutineFrame &frame, Visitor visit) {
  for (unsigned i = 0; i < laneCount<T>(frame.slot); ++i)
    if (isActive(frame, i))
      visit(i);
}
/// Writes `lane(i)` to the active lanes of vd; the others stay or become zero as the mask says, and those above the length zero.
template <typename T, typename Lane>
void setLanes(const RoutineFrame &frame, Lane lane) {
  const isa::Slot &slot = frame.slot;
  uint8_t *to = frame.v(slot.rd);
  alignas(64) uint8_t result[64] = {};
  if (slot.mask && !slot.zeroing)
    std::memcpy(result, to, isa::lengthBytes(slot.length));
  forActiveLanes<T>(frame, [&](unsigned i) {
    const T value = lane(i);
    std::memcpy(result + i * sizeof(T), &value, sizeof(T));
  });
  std::memcpy(to, result, sizeof(result));
}
/// Lane 0 of vd, the others zero.
template <typename T>
void setScalar(const RoutineFrame &frame, T value) {
  std::memset(frame.v(frame.slot.rd), 0, 64);
  std::memcpy(frame.v(frame.slot.rd), &value, sizeof(T));
}

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_LANES_H
