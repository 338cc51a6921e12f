//===- Observer.h - Watching a program run ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For analyses: the interpreter tells an observer of each word before it executes it.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_OBSERVER_H
#define VTPU_RUNTIME_OBSERVER_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

class Observer {
public:
  virtual ~Observer() = default;
  /// A word is about to run on the registers of `context`; `bases[i]` is the address of binding i of its function. False ends the call with
  /// TrapCause::stopped at this word.
  virtual bool enter(uint32_t function, uint32_t word, uint8_t *const *bases, const SentronContext &context) = 0;
};

/// The reference interpreter, watched; the observer outlives it.
std::unique_ptr<Executor> createInterpreter(const Program &program, const std::vector<FunctionFacts> &facts, Observer &observer);

/// Bytes that follow each other, from an offset into a binding on.
struct TouchedBytes {
  int64_t offset;
  uint32_t bytes;
};
/// What a load or store of the S pipe touches, from the registers before its word: one run, from the first active lane to the last; of a gather or
/// scatter one for each active lane, in order; none if no lane is active. Offsets may lie outside of the binding.
struct TouchedRuns {
  std::array<TouchedBytes, 16> runs;
  unsigned count = 0;
  const TouchedBytes *begin() const { return runs.data(); }
  const TouchedBytes *end() const { return runs.data() + count; }
};
TouchedRuns findTouched(const isa::Slot &slot, const Registers &registers);

/// `function f, word 3 (a.py:2): integer division of 4 by zero`. `why`: of traps of coordination and of the space.
std::string describeTrap(const Program &program, const std::vector<FunctionFacts> &facts, const Trap &trap, const std::string &why);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_OBSERVER_H
