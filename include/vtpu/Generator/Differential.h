//===- Differential.h - Tiers against each other ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs programs in every tier of the runtime through its C API and compares what comes out: all bits of integer outputs, all bits but the
// payloads of NaNs in float outputs, what the space of the call holds, and traps with function, word and cause. What differs is reduced to the words
// that matter.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_DIFFERENTIAL_H
#define VTPU_GENERATOR_DIFFERENTIAL_H

#include "vtpu/Generator/Generator.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <map>

namespace vtpu::gen {

/// The tiers of this build that run on this host: the interpreter first, ORC, which takes long to compile, last.
const std::vector<vtpu_tier> &tiers();

/// How often each form ran in each tier without a trap, from what the words of a run must have executed at least once.
class Coverage {
public:
  Coverage();
  /// A call of a program with an entry `main` ended in `function` at `word`, or ran to its end (function empty), in ORC too or only in the others.
  void record(const Program &program, const std::string &function, uint32_t word, bool orc = false);
  /// Forms that ran less than `times` in a tier.
  std::vector<std::string> missing(uint64_t times, vtpu_tier tier = VTPU_TIER_INTERPRETER) const;
  /// The least count of a form in a tier.
  uint64_t least(vtpu_tier tier = VTPU_TIER_INTERPRETER) const;
  /// {"forms": {"dadd.f32.512 merging": {"interpreter": 123, "jit": 123, "orc": 8}, ...}, "count": 1815, "least": {"interpreter": 100, ...}}.
  std::string toJSON() const;

private:
  std::vector<uint64_t> counts, orcCounts; // as allForms(): of all runs, and of those in ORC
  const std::vector<uint64_t> &of(vtpu_tier tier) const { return tier == VTPU_TIER_ORC ? orcCounts : counts; }
};

/// An element of a region, or a cell with all of its bits; the type is that of what was stored there last.
struct SpaceElement {
  Coordinate at;
  DType type;
  uint64_t bits;
};

/// How a call of the first entry ended in one tier.
struct Outcome {
  std::string error;    // empty: it returned
  std::string function; // of the trap
  uint32_t word = 0;    // of the trap
  std::vector<std::vector<uint8_t>> outputs;
  std::vector<SpaceElement> space; // what the regions and cells of the call's space hold behind it
  uint64_t executedWords = 0; // counted by the interpreter
};

/// Runs the first entry of a program with inputs, former contents of outputs and a space of regions and cells that follow from the seed.
Result<Outcome> runTier(const Program &program, vtpu_tier tier, uint64_t seed);
/// What distinguishes two outcomes of a program; empty: nothing.
std::string difference(const Program &program, const Outcome &a, const Outcome &b);

/// The result of one program in several tiers.
struct Comparison {
  bool loaded = false; // the interpreter took it
  std::string what; // how two tiers differ; empty: they agree
  Outcome reference;
};
/// In all tiers but ORC, or in that one too.
Comparison compareTiers(const Program &program, uint64_t seed, bool orc = false);
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
  uint64_t orcEvery = 0;       // programs whose seed is a multiple run in ORC too, where it is available; 0: none
  uint64_t orcLeast = 0;       // as `least`, in ORC
};
struct FuzzReport {
  uint64_t programs = 0, words = 0, slots = 0, executedWords = 0, traps = 0, orcPrograms = 0, orcWords = 0;
  std::map<std::string, uint64_t> trapCauses; // without places; N: any number
  Coverage coverage;
  std::string failure; // seed, difference and reduced program; empty: none
};
/// The program that a run makes of a seed.
Settings settingsOf(const FuzzSettings &fuzz, uint64_t seed);
FuzzReport fuzz(const FuzzSettings &settings);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_DIFFERENTIAL_H
