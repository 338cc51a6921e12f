//===- MessagesLight.cpp - Messages that need not wait long -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Light routines (Routine.h). Saving all vector registers takes as long as a message between two cores, so what is done with general registers
// is done so; only who sleeps, wakes or fails calls ordinary code, with the vector registers saved around it.
//
//===----------------------------------------------------------------------===//

#include "MessagesSlow.h"

namespace vtpu::rt {

namespace {
/// Calls ordinary code, which may change v and k registers, from a light routine: they keep their values.
template <typename Result, typename Argument>
[[gnu::noinline]] Result callSaving(Result (*function)(Argument &), Argument &argument) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
    alignas(64) uint8_t area[64 * isa::numV + 8 * isa::numK];
    uint32_t result;
    // The stack pointer is moved past what may be in use below it and aligned for the call; r12 keeps it.
    asm volatile(".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
                 "vmovdqa64 %%zmm\\i, 64*\\i(%%rbx)\n\t"
                 ".endr\n\t"
                 ".irp i,0,1,2,3,4,5,6,7\n\t"
                 "kmovq %%k\\i, 2048+8*\\i(%%rbx)\n\t"
                 ".endr\n\t"
                 "vzeroupper\n\t"
                 "movq %%rsp, %%r12\n\t"
                 "subq $128, %%rsp\n\t"
                 "andq $-16, %%rsp\n\t"
                 "call *%%rax\n\t"
                 "movq %%r12, %%rsp\n\t"
                 ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
                 "vmovdqa64 64*\\i(%%rbx), %%zmm\\i\n\t"
                 ".endr\n\t"
                 ".irp i,0,1,2,3,4,5,6,7\n\t"
                 "kmovq 2048+8*\\i(%%rbx), %%k\\i\n\t"
                 ".endr"
                 : "=a"(result)
                 : "a"(function), "b"(area), "D"(&argument)
                 : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "cc", "memory");
    return Result(result & 0xFF); // a bool has no more
  }
#endif
  return function(argument);
}
} // namespace

bool waitAtBarrierLightly(SentronContext &context) {
  if (!context.group || context.sentrons <= 1)
    return true;
  uint32_t generation = 0;
  switch (context.group->tryBarrier(uint32_t(context.sentron), generation)) {
  case CallGroup::Quick::done:
    return true;
  case CallGroup::Quick::wake:
    return callSaving(&wakeBarrier, context);
  case CallGroup::Quick::wait: {
    BarrierRest rest{context, generation};
    return callSaving(&finishBarrier, rest);
  }
  default:
    return callSaving(&waitAtBarrier, context);
  }
}

TrapCause routines::csend(const RoutineFrame &frame) {
  if (CallGroup *group = frame.context.group) {
    const auto quick = group->trySend(uint32_t(frame.context.sentron), frame.r(frame.slot.rb), messageOf(frame, frame.slot.ra));
    if (quick == CallGroup::Quick::done)
      return TrapCause::none;
    if (quick == CallGroup::Quick::wake)
      return callSaving(&wakeDestination, frame);
  }
  return callSaving(&sendSlowly, frame);
}

TrapCause routines::crecv(const RoutineFrame &frame) {
  if (CallGroup *group = frame.context.group) {
    const auto quick = group->tryReceive(uint32_t(frame.context.sentron), frame.r(frame.slot.ra), messageOf(frame, frame.slot.rd));
    if (quick == CallGroup::Quick::done)
      return TrapCause::none;
    if (quick == CallGroup::Quick::wake)
      return callSaving(&wakeSource, frame);
  }
  return callSaving(&receiveSlowly, frame);
}

} // namespace vtpu::rt
