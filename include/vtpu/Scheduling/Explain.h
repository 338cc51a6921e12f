//===- Explain.h - Why slots stay empty -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_EXPLAIN_H
#define VTPU_SCHEDULING_EXPLAIN_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// An empty slot of a word, and what keeps the operations that stand in that slot of later words out of it.
struct EmptySlot {
  enum class Reason : uint8_t {
    nothing,    // no later word has an operation for this slot
    dependence, // the first of them waits for an operation of this word or a later one
    rule,       // no dependence keeps `operation` out, but the rules of a word do
    notMoved,   // nothing keeps `operation` out: the algorithm did not look so far
  };
  uint32_t word;
  isa::Pipe pipe;
  Reason reason;
  uint32_t operation = 0;               // that could fill the slot
  const Dependence *dependence = nullptr; // that holds it back
  std::string rule;                     // that it would break
};

/// Every empty slot of the words of a schedule, by word and pipe. Operations are asked in the order of their words, at most 64 for a slot; one that
/// could move counts more than one that breaks a rule, and that more than one that must wait. Time: linear in the slots times what is asked.
std::vector<EmptySlot> explainEmptySlots(const Problem &problem, const Schedule &schedule);
/// The operations of words as a problem, and the schedule that the words are. Registers and accesses are ordered as `addRegisterDependences` and
/// `addMemoryDependences` order them; a branch stays behind everything. An error names a word that breaks a rule.
struct PackedWords {
  Problem problem;
  Schedule schedule;
};
Result<PackedWords> readWords(const PortTable &table, const isa::Word *words, size_t count);

/// In one line, with the names of operations and the numbers of their words, counted from `firstWord`.
std::string describe(const EmptySlot &slot, const Problem &problem, const Schedule &schedule, uint32_t firstWord = 0);

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_EXPLAIN_H
