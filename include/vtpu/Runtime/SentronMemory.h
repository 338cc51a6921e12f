//===- SentronMemory.h - What a sentron reaches by coordinate ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of one sentron in one call: the space, which it shares with the others, and what is its own.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_SENTRONMEMORY_H
#define VTPU_RUNTIME_SENTRONMEMORY_H

#include "vtpu/Memory/Space.h"

namespace vtpu::rt {

class SentronMemory {
public:
  explicit SentronMemory(mem::Space &space) : space(space) {}

  mem::Space &space;
  mem::TranslationCache translations;
  std::string error; // TrapCause::space: why
};

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_SENTRONMEMORY_H
