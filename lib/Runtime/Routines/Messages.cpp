//===- Messages.cpp - What sentrons do together -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows that CallGroup does, and the waiting half of those whose quick half is light.
//
//===----------------------------------------------------------------------===//

#include "MessagesSlow.h"

#include <chrono>
#include <cstring>

namespace vtpu::rt {

namespace {
/// A call that no group runs is one of a lone sentron, which has nobody to talk to.
template <typename Operation>
TrapCause together(const RoutineFrame &frame, Operation operation) {
  CallGroup *group = frame.context.group;
  return group && operation(*group, uint32_t(frame.context.sentron)) ? TrapCause::none : TrapCause::stopped;
}
/// The same, its time counted as waiting for others.
template <typename Operation>
TrapCause waiting(const RoutineFrame &frame, Operation operation) {
  auto started = std::chrono::steady_clock::now();
  const TrapCause cause = together(frame, operation);
  frame.context.barrierSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return cause;
}
} // namespace

bool wakeBarrier(SentronContext &context) {
  context.group->wakeAfterBarrier();
  return true;
}
bool finishBarrier(BarrierRest &rest) {
  auto started = std::chrono::steady_clock::now();
  const bool released = rest.context.group->waitAt(uint32_t(rest.context.sentron), rest.generation);
  rest.context.barrierSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return released;
}

TrapCause sendSlowly(const RoutineFrame &frame) {
  return waiting(frame, [&](CallGroup &group, uint32_t self) { return group.send(self, frame.r(frame.slot.rb), messageOf(frame, frame.slot.ra)); });
}
TrapCause receiveSlowly(const RoutineFrame &frame) {
  return waiting(frame, [&](CallGroup &group, uint32_t self) { return group.receive(self, frame.r(frame.slot.ra), messageOf(frame, frame.slot.rd)); });
}
TrapCause wakeDestination(const RoutineFrame &frame) {
  frame.context.group->wakeAfter(frame.r(frame.slot.rb));
  return TrapCause::none;
}
TrapCause wakeSource(const RoutineFrame &frame) {
  frame.context.group->wakeAfter(frame.r(frame.slot.ra));
  return TrapCause::none;
}

TrapCause routines::croute(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) {
    return group.send(self, int64_t(frame.p(frame.slot.rb).hash() % frame.context.sentrons), messageOf(frame, frame.slot.ra));
  });
}

TrapCause routines::cfanout(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) {
    return group.fanOut(self, uint64_t(frame.r(frame.slot.rb)), 64 * uint32_t(frame.slot.imm), messageOf(frame, frame.slot.ra));
  });
}

TrapCause routines::cbarn(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) { return group.barrier(self, uint32_t(frame.slot.imm), frame.r(frame.slot.ra)); });
}

TrapCause routines::creduce(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) {
    Message lanes;
    lanes.lanes[0] = uint64_t(frame.r(frame.slot.ra));
    if (!group.reduce(self, isa::Type::i64, frame.slot.imm, lanes))
      return false;
    frame.r(frame.slot.rd) = int64_t(lanes.lanes[0]);
    return true;
  });
}

TrapCause routines::creducev(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) {
    const isa::Slot &slot = frame.slot;
    const unsigned bytes = isa::lengthBytes(slot.length);
    Message lanes;
    std::memcpy(lanes.lanes, frame.v(slot.ra), bytes);
    if (!group.reduce(self, slot.type, slot.imm, lanes))
      return false;
    std::memset(frame.v(slot.rd), 0, sizeof(lanes.lanes));
    std::memcpy(frame.v(slot.rd), lanes.lanes, bytes);
    return true;
  });
}

TrapCause routines::ccast(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) { return group.broadcast(self, frame.r(frame.slot.ra), messageOf(frame, frame.slot.rd)); });
}

TrapCause routines::cmerge(const RoutineFrame &frame) {
  return together(frame, [&](CallGroup &group, uint32_t self) {
    Message message = messageOf(frame, frame.slot.ra);
    if (!group.merge(self, Merge(frame.slot.imm), message))
      return false;
    messageOf(frame, frame.slot.rd) = message;
    return true;
  });
}

} // namespace vtpu::rt
