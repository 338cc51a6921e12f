//===- Differential.h - Tiers against each other ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs programs in every tier of the runtime through its C API and compares what comes out: all bits of integer outputs, all bits but the
// payloads of NaNs in float outputs, and traps with function, word and cause. What differs is reduced to the words that matter.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_DIFFERENTIAL_H
#define VTPU_GENERATOR_DIFFERENTIAL_H

#include "vtpu/Generator/Generator.h"
#include "vtpu/Runtime/vtpu.h"

#include <map>

namespace vtpu::gen {

/// How often each form of the rows that programs may hold (isDrawn) ran without a trap, from what the words of a run must have executed at least once.
class Coverage {
public:
  Coverage();
  /// A call of a program with an entry `main` ended in `function` at `word`, or ran to its end (function empty).
  void record(const Program &program, const std::string &function, uint32_t word);
  /// Forms that ran less than `times`.
  std::vector<std::string> missing(uint64_t times) const;
  /// The least count of a form.
  uint64_t least() const;
  /// {"forms": {"dadd.f32.512 merging": 123, ...}, "least": 100}.
  std::string toJSON() const;

private:
  std::vector<uint64_t> counts; // as allForms()
  std::vector<size_t> drawn;    // the forms that count
};

/// How a call of the first entry ended in one tier.
struct Outcome {
  std::string error;    // empty: it returned
  std::string function; // of the trap
  uint32_t word = 0;    // of the trap
  std::vector<std::vector<uint8_t>> outputs;
  uint64_t executedWords = 0; // counted by the interpreter
};

std::string_view tierName(vtpu_tier tier);
/// The tiers of this build that run on this host; the interpreter first.
const std::vector<vtpu_tier> &tiers();

/// Runs the first entry of a program with inputs (and former contents of outputs) that follow from the seed.
Result<Outcome> runTier(const Program &program, vtpu_tier tier, uint64_t seed);
/// What distinguishes two outcomes of a program; empty: nothing.
std::string difference(const Program &program, const Outcome &a, const Outcome &b);

/// The result of one program in all tiers.
struct Comparison {
  bool loaded = false; // the interpreter took it
  std::string what; // how two tiers differ; empty: they agree
  Outcome reference;
};
Comparison compareTiers(const Program &program, uint64_t seed);
/// The smallest program found, by leaving out words and slots, that still has a property. Candidates end whenever the program does.
Program reduce(const Program &program, const std::function<bool(const Program &)> &holds);

/// A run over programs with the seeds seed, seed + 1, ...
struct FuzzSettings {
  uint64_t seed = 1;
  uint64_t programs = 100;
  uint32_t words = 256;        // of each function's body, about
  uint32_t iterations = 4;     // most iterations of a loop
  uint64_t executedWords = 0;  // go on until the interpreter has executed so many; 0: no matter
  uint64_t least = 0;          // go on until every form has run so often without a trap, for tenfold `programs` at most
};
struct FuzzReport {
  uint64_t programs = 0, words = 0, slots = 0, executedWords = 0, traps = 0;
  std::map<std::string, uint64_t> trapCauses; // without places; N: any number
  Coverage coverage;
  std::string failure; // seed, difference and reduced program; empty: none
};
/// The program that a run makes of a seed.
Settings settingsOf(const FuzzSettings &fuzz, uint64_t seed);
FuzzReport fuzz(const FuzzSettings &settings);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_DIFFERENTIAL_H
