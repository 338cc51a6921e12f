//===- Routine.cpp - From rows to routines ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of routines. A row without a function does not link.
//
//===----------------------------------------------------------------------===//

#include "Routine.h"

#include <array>
#include <chrono>

namespace vtpu::rt {

namespace {
/// A routine and its time. Without a space there is nothing that a row over it could do.
template <RoutineFunction function, bool usesSpace>
TrapCause timed(const RoutineFrame &frame) {
  if (usesSpace && !frame.context.memory)
    return TrapCause::stopped;
  auto started = std::chrono::steady_clock::now();
  TrapCause cause = function(frame);
  frame.context.hostSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return cause;
}

using Table = std::array<std::array<Routine, 256>, isa::numPipes>;
constexpr Table makeTable() {
  Table table{};
#define VTPU_ROUTINE(pipe, mnemonic, light, usesSpace)                                                                                       \
  table[unsigned(isa::Pipe::pipe)][unsigned(isa::pipe##Op::mnemonic)] = {                                                                    \
      light ? &routines::mnemonic : &timed<&routines::mnemonic, usesSpace>, light};
#include "vtpu/ISA/SIWRoutines.inc"
#undef VTPU_ROUTINE
  return table;
}
constexpr Table table = makeTable();
} // namespace

Routine findRoutine(isa::Pipe pipe, uint8_t opcode) { return table[unsigned(pipe)][opcode]; }

} // namespace vtpu::rt
