//===- Hypervectors.cpp - Routines on hypervectors --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Routine.h"
#include "vtpu/Runtime/Encoding.h"

#include <cstring>

namespace vtpu::rt {

TrapCause routines::dhdenc(const RoutineFrame &frame) {
  const HypervectorRegister result = encodeCoordinate(frame.p(frame.slot.ra).components(), uint32_t(frame.slot.imm), uint64_t(frame.word.i0));
  std::memcpy(frame.v(frame.slot.rd), result.data(), sizeof(result));
  return TrapCause::none;
}

} // namespace vtpu::rt
