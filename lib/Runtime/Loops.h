//===- Loops.h - Counted loops of a function --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the words of a loop tell about its registers before any value is known. Linear in the words, and n log n in the branches,
// whatever a file holds.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_LOOPS_H
#define VTPU_LIB_RUNTIME_LOOPS_H

#include "vtpu/ISA/Instruction.h"

#include <array>
#include <vector>

namespace vtpu::rt {

/// Words [head, tail]; the word `tail` branches back to `head`. Sets of r registers are bits.
struct Loop {
  uint32_t head, tail;
  /// One branch back, entered only through the head, and not too many levels of loops inside. Of other loops the fields below tell nothing.
  bool closed = true;
  uint16_t changed = 0;
  /// Changed by nothing but `caddi r, r, constant` in words that every round executes once, and the sum of a round.
  uint16_t induction = 0;
  std::array<int64_t, isa::numR> steps{};
  /// Written in every round before anybody may read it: what it held at the head does not matter.
  uint16_t dead = 0;
  /// Induction register that the tail compares, `lt` branching back; -1: none.
  int counter = -1;
};

/// The loops of a function, in the order of their branches. `branches` are the words that branch, ascending; their targets are words.
std::vector<Loop> findLoops(const std::vector<isa::Word> &words, const isa::WordFacts *facts, const std::vector<uint32_t> &branches);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_LOOPS_H
