//===- Associative.cpp - Tables of one sentron ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `sdedup` numbers values; `sassoc` and `sroute` hold entries by coordinate and find them by the similarity of hypervectors.
//
//===----------------------------------------------------------------------===//

#include "Routine.h"

namespace vtpu::rt {

namespace {
HypervectorRegister codeOf(const Coordinate &coordinate) { return encodeCoordinate(coordinate.components(), 0, 0); }

/// The entry most similar to a coordinate and the number of equal bits; null and -1 if there are no entries.
std::pair<const SentronMemory::Entry *, int64_t> mostSimilar(const RoutineFrame &frame) {
  const HypervectorRegister code = codeOf(frame.p(frame.slot.ra));
  const SentronMemory::Entry *best = nullptr;
  int64_t most = -1;
  for (const SentronMemory::Entry &entry : frame.memory().entries) {
    int64_t equal = 0;
    for (size_t i = 0; i < code.size(); ++i)
      equal += __builtin_popcountll(~(code[i] ^ entry.code[i]));
    if (equal > most) {
      most = equal;
      best = &entry;
    }
  }
  return {best, most};
}
} // namespace

TrapCause routines::sdedup(const RoutineFrame &frame) {
  auto &table = frame.memory().numbers[size_t(frame.slot.imm)];
  frame.r(frame.slot.rd) = table.emplace(frame.r(frame.slot.ra), int64_t(table.size())).first->second;
  return TrapCause::none;
}

TrapCause routines::sassoc(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  SentronMemory &memory = frame.memory();
  const Coordinate key = frame.p(slot.ra);
  const auto found = memory.entriesOf.find(key);
  const bool known = found != memory.entriesOf.end();
  int64_t &result = frame.r(slot.rd), &equal = frame.r(slot.rc);
  constexpr int64_t allBits = 8 * sizeof(HypervectorRegister);
  switch (slot.imm) {
  case 0: {
    const SentronMemory::Entry entry{key, frame.r(slot.rb), known ? memory.entries[found->second.first].code : codeOf(key)};
    if (known)
      ++found->second.count;
    else
      memory.entriesOf[key] = {memory.entries.size(), 1};
    result = int64_t(memory.entries.size());
    equal = 0;
    memory.entries.push_back(entry);
    break;
  }
  case 1:
    result = known ? memory.entries[found->second.first].value : 0;
    equal = known ? allBits : -1;
    break;
  case 2: {
    const auto [entry, bits] = mostSimilar(frame);
    result = entry ? entry->value : 0;
    equal = bits;
    break;
  }
  default:
    result = known ? found->second.count : 0;
    equal = 0;
  }
  return TrapCause::none;
}

TrapCause routines::sroute(const RoutineFrame &frame) {
  const auto [entry, bits] = mostSimilar(frame);
  frame.p(frame.slot.rd) = entry ? entry->key : Coordinate();
  frame.r(frame.slot.rc) = bits;
  return TrapCause::none;
}

} // namespace vtpu::rt
