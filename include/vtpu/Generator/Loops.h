//===- Loops.h - Random hot loops -------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs whose time is one counted loop, and the scheduling problem of such a loop. A class says what is likely to bind the loop: it steers the
// mix of instructions and the operands that they choose, nothing has a shape of its own.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_LOOPS_H
#define VTPU_GENERATOR_LOOPS_H

#include "vtpu/Generator/Forms.h"
#include "vtpu/Object/Program.h"
#include "vtpu/Scheduling/Problem.h"

namespace vtpu::gen {

/// What binds a loop: chains through carried registers, one kind of port, instructions a cycle, registers, or memory in L2.
enum class LoopClass : uint8_t { recurrence, port, issue, registers, l2 };
constexpr LoopClass loopClasses[] = {LoopClass::recurrence, LoopClass::port, LoopClass::issue, LoopClass::registers, LoopClass::l2};
std::string_view loopClassName(LoopClass cls);
/// Nothing if no class has that name.
std::optional<LoopClass> parseLoopClass(std::string_view name);

struct LoopOptions {
  uint32_t operations = 0; // of the body, about, 4 to 1024; 0: by the seed, 64 at most
  uint32_t iterations = 0; // of the loop; 0: 32, which keeps memory in L1; class l2: 512, which takes more than any L1 has
  uint32_t rounds = 1;     // how often the loop runs over the same memory
};

/// A program with the entry `main`, whose bindings are areas of their own. It verifies, does not trap, and its outputs are comparable like those of
/// `generate`. An error names an option out of range.
Result<Program> generateLoop(LoopClass cls, uint64_t seed, const LoopOptions &options = {});

/// What may be assumed where the words do not tell.
struct LoopAssumptions {
  bool bindingsApart = false; // pointers into different bindings never reach the same byte
  /// Who follows the schedule adapts offsets: an access whose pointer or index has moved on, or not yet, by so many constant steps has them
  /// subtracted from its offset. Then these registers order no accesses, and each is one register however far iterations overlap.
  bool offsetsFollow = false;
};

/// The innermost loop of a function as a problem. Operations are the slots of its words in the order in which they are emitted, without what only
/// counts the loop: the branch at its end, and the steps of a counter that nothing else reads.
struct LoopProblem {
  struct Place {
    uint32_t word;
    isa::Pipe pipe;
  };
  sched::Problem problem;
  uint32_t function = 0, head = 0, tail = 0; // words [head, tail]; the last one branches back
  std::vector<Place> places;                 // of each operation
  std::vector<uint32_t> registers;           // the register in which each value stands in the words
};

/// Flow follows values: one that a plain write begins may have another register in every iteration. What updates a register in place is ordered with
/// its readers. Accesses by pointers and indices that the loop moves by constants have exact distances; others that may overlap are ordered in every
/// iteration. Limits are the registers of the machine (without k0, which stands for no mask), less those that live through the loop untouched, less
/// one r register that counts the loop. An error if there is no loop, more than one innermost one, or another branch in it.
Result<LoopProblem> problemOfLoop(const Program &program, const sched::PortTable &table, const LoopAssumptions &assumptions = {});

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_LOOPS_H
