//===- Generator.h - Random programs that verify ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs of a given mix of work that verify by construction: registers are loaded before they are read, addresses are in bounds (or
// deliberately not), loops are counted. Every function ends by storing its live registers, so that two tiers that differ show it. Instructions
// come from the table alone: a new row is generated without a change here.
//
// NaN payloads are the host's. A program therefore keeps each float type in v registers and memory of its own (reading bits that never held a
// float is fine everywhere), which makes all outputs comparable: exactly by bits in integer outputs, NaNs as a class in float outputs. So it does
// with the space of its call: what is accessed there by type lies in a part for that kind of contents.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_GENERATOR_H
#define VTPU_GENERATOR_GENERATOR_H

#include "vtpu/Generator/Forms.h"
#include "vtpu/Object/Program.h"

namespace vtpu::gen {

/// How addresses move.
enum class Pattern : uint8_t { sequential, strided, tiled, gather, chase, mixed };
std::string_view patternName(Pattern pattern);
/// Nothing if no pattern has that name.
std::optional<Pattern> parsePattern(std::string_view name);

/// What to generate.
struct Settings {
  uint64_t seed = 1;
  uint32_t words = 256;          // of each function's body, about
  double d = 0.8, s = 0.5, c = 0.5; // share of words that fill the slot of a pipe
  double dependence = 0.3;       // share of operands that read one of the last results
  Pattern pattern = Pattern::mixed;
  bool loops = true;             // counted loops, two deep at most
  uint32_t iterations = 4;       // most iterations of a loop
  bool branches = true;          // conditional and unconditional branches forward
  uint32_t calls = 1;            // functions that the entry calls
  double traps = 0;              // chance of a deliberate trap at each place that can have one
  double endTraps = 0;           // chance that the entry ends in a trap, not in a return
  uint32_t memoryBytes = 4096;   // of each area that words address; a power of two, at least 1024
  uint16_t types = 0xffff;       // element types, a bit set over isa::Type
  uint8_t lengths = 7;           // a bit set over isa::Length
  std::vector<std::string> only; // mnemonics; empty: every row
};

/// An error if the settings contradict each other or leave nothing to generate.
Result<Program> generate(const Settings &settings);

/// Any well-formed program for tests of files and text: it uses every row of the table `rounds` times and every directive; it need not verify.
Program randomFile(Random &random, unsigned rounds);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_GENERATOR_H
