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
#include "vtpu/Runtime/Encoding.h"

#include <array>
#include <unordered_map>

namespace vtpu::rt {

class SentronMemory {
public:
  explicit SentronMemory(mem::Space &space) : space(space) {}

  mem::Space &space;
  mem::TranslationCache translations;
  std::string error; // TrapCause::space: why

  static constexpr unsigned numTables = 16;
  /// `sdedup`: numbers of values.
  std::array<std::unordered_map<int64_t, int64_t>, numTables> numbers;

  /// `sassoc` and `sroute`: entries in the order of their coming, and those of a key.
  struct Entry {
    Coordinate key;
    int64_t value;
    HypervectorRegister code; // register 0 of the key, seed 0
  };
  struct Entries {
    size_t first;
    int64_t count;
  };
  std::vector<Entry> entries;
  std::unordered_map<Coordinate, Entries> entriesOf;
};

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_SENTRONMEMORY_H
