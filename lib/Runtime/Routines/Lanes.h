//===- Lanes.h - Lanes of registers in routines -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What routines over lanes share: types, lengths, masks.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_ROUTINES_LANES_H
#define VTPU_LIB_RUNTIME_ROUTINES_LANES_H

#include "../Semantics.h"
#include "Routine.h"

#include <cstring>

namespace vtpu::rt {

/// `body(T())` for the slot's float type T. The row takes no other types.
template <typename Body>
TrapCause withFloat(const RoutineFrame &frame, Body body) {
  return frame.slot.type == isa::Type::f32 ? body(float()) : body(double());
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
inline unsigned laneCount(const isa::Slot &slot) { return laneCount(slot.length, slot.type); }

inline bool isActive(const RoutineFrame &frame, unsigned lane) { return !frame.slot.mask || frame.k(frame.slot.mask) >> lane & 1; }
/// Calls `visit(lane)` for the lanes within the length that the mask lets through, in order.
template <typename Visitor>
void forActiveLanes(const RoutineFrame &frame, Visitor visit) {
  for (unsigned i = 0; i < laneCount(frame.slot); ++i)
    if (isActive(frame, i))
      visit(i);
}
/// Writes lanes of the slot's length and type to vd under the slot's mask; the rest becomes zero.
inline void writeLanes(const RoutineFrame &frame, const void *values) {
  const unsigned width = isa::byteWidth(frame.slot.type), lanes = laneCount(frame.slot);
  uint8_t *to = frame.v(frame.slot.rd);
  for (unsigned i = 0; i < lanes; ++i)
    if (isActive(frame, i))
      std::memcpy(to + i * width, static_cast<const uint8_t *>(values) + i * width, width);
    else if (frame.slot.zeroing)
      std::memset(to + i * width, 0, width);
  std::memset(to + lanes * width, 0, 64 - lanes * width);
}
/// Writes `lane(i)` to the active lanes of vd.
template <typename T, typename Lane>
TrapCause setLanes(const RoutineFrame &frame, Lane lane) {
  T values[64 / sizeof(T)] = {};
  forActiveLanes(frame, [&](unsigned i) { values[i] = lane(i); });
  writeLanes(frame, values);
  return TrapCause::none;
}
/// Lane 0 of vd, the others zero.
template <typename T>
TrapCause setScalar(const RoutineFrame &frame, T value) {
  std::memset(frame.v(frame.slot.rd), 0, 64);
  std::memcpy(frame.v(frame.slot.rd), &value, sizeof(T));
  return TrapCause::none;
}

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_LANES_H
