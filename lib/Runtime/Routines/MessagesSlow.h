//===- MessagesSlow.h - The waiting half of messages ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between the light routines of messages and what they call when that is not done at once.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_ROUTINES_MESSAGESSLOW_H
#define VTPU_LIB_RUNTIME_ROUTINES_MESSAGESSLOW_H

#include "../CallGroup.h"
#include "../FunctionBases.h"
#include "Routine.h"

namespace vtpu::rt {

VTPU_INLINE Message &messageOf(const RoutineFrame &frame, unsigned index) {
  static_assert(sizeof(Message) == sizeof(frame.context.m[0]));
  return *reinterpret_cast<Message *>(frame.m(index));
}

/// What is left of `cbar` when others sleep there, and when it lasts.
bool wakeBarrier(SentronContext &context);
struct BarrierRest {
  SentronContext &context;
  uint32_t generation;
};
bool finishBarrier(BarrierRest &rest);
/// `csend` and `crecv` proper.
TrapCause sendSlowly(const RoutineFrame &frame);
TrapCause receiveSlowly(const RoutineFrame &frame);
/// What is left of them when the other side sleeps.
TrapCause wakeDestination(const RoutineFrame &frame);
TrapCause wakeSource(const RoutineFrame &frame);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_MESSAGESSLOW_H
