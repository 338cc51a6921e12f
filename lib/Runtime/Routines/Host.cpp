//===- Host.cpp - Listed host functions, lane by lane -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routine.h"

#include <cstring>

namespace vtpu::rt {

namespace {
template <typename T>
void callLanes(const RoutineFrame &frame, T (*function)(T, T)) {
  const isa::Slot &slot = frame.slot;
  const unsigned bytes = isa::lengthBytes(slot.length);
  uint8_t result[64] = {}; // zero above the length
  for (unsigned at = 0; at < bytes; at += sizeof(T)) {
    T a, b;
    std::memcpy(&a, frame.v(slot.ra) + at, sizeof(T));
    std::memcpy(&b, frame.v(slot.rb) + at, sizeof(T));
    const T lane = function(a, b);
    std::memcpy(result + at, &lane, sizeof(T));
  }
  std::memcpy(frame.v(slot.rd), result, sizeof(result));
}
} // namespace

TrapCause routines::chost(const RoutineFrame &frame) {
  const HostFunction &function = hostFunctions()[frame.slot.imm];
  if (frame.slot.type == isa::Type::f32)
    callLanes(frame, function.f32);
  else
    callLanes(frame, function.f64);
  return TrapCause::none;
}

} // namespace vtpu::rt
