//===- Routine.h - Instructions that are functions --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row of the instruction table with the bit `Routine` means the function of its name below; the generated list declares them, and every tier
// calls them through findRoutine(). A light routine is compiled for general registers only and called without saving the others.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_ROUTINES_ROUTINE_H
#define VTPU_LIB_RUNTIME_ROUTINES_ROUTINE_H

#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/SentronMemory.h"

namespace vtpu::rt {

/// What a routine works on: its slot and word, and the registers that the slot names. All others are undefined here and keep their values.
struct RoutineFrame {
  SentronContext &context;
  const isa::Slot &slot;
  const isa::Word &word;

  int64_t &r(unsigned index) const { return context.registers.r[index]; }
  uint64_t &k(unsigned index) const { return context.registers.k[index]; }
  /// 64 bytes on a boundary of 64.
  uint8_t *v(unsigned index) const { return context.registers.v[index]; }
  Coordinate &p(unsigned index) const { return context.p[index]; }
  /// Eight lanes of a message.
  uint64_t *m(unsigned index) const { return context.m[index]; }

  /// Of rows that use the space.
  SentronMemory &memory() const { return *context.memory; }
  mem::Space &space() const { return context.memory->space; }

  /// Ends the call: `return frame.trap(cause, value)`. `value` is what offends.
  TrapCause trap(TrapCause cause, int64_t value = 0) const {
    context.trap.value = value;
    return cause;
  }
  /// Ends the call because of a coordinate.
  TrapCause trapAt(TrapCause cause, const Coordinate &coordinate, int64_t value = 0) const {
    context.trap.coordinate = coordinate;
    return trap(cause, value);
  }
  /// Ends the call because of the space: one sentence without a full stop.
  TrapCause fail(std::string why) const {
    memory().error = std::move(why);
    return TrapCause::space;
  }
  /// Ends the call if the space refuses something.
  TrapCause check(const Status &status) const { return status ? TrapCause::none : fail(status.message()); }
};

/// TrapCause::none, or why the call ends.
using RoutineFunction = TrapCause (*)(const RoutineFrame &frame);

struct Routine {
  RoutineFunction function = nullptr;
  bool light = false;
};
/// The function of a row, its time counted as outside words unless it is light; null if the row is no routine.
Routine findRoutine(isa::Pipe pipe, uint8_t opcode);

namespace routines {
#define VTPU_ROUTINE(pipe, mnemonic, light, usesSpace) TrapCause mnemonic(const RoutineFrame &frame);
#include "vtpu/ISA/SIWRoutines.inc"
#undef VTPU_ROUTINE
} // namespace routines

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_ROUTINE_H
