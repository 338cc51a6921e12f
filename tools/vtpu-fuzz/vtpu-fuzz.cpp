//===- vtpu-fuzz.cpp - Random programs in all tiers -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs random programs in every tier and compares; the first difference is reduced and printed with its seed.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Progress.h"
#include "vtpu/Generator/Differential.h"

using namespace vtpu;

int main(int argc, char **argv) {
  tools::Options options("vtpu-fuzz", "[options]", "Runs random programs in every tier of the runtime and compares the results bit by bit.");
  gen::FuzzSettings settings;
  settings.orcEvery = 16;
  uint64_t words = settings.words, iterations = settings.iterations;
  std::string coverage;
  std::vector<std::string> inputs;
  options.number("seed", "N", settings.seed, 0, UINT64_MAX, "seed of the first program; then the next (default 1)");
  options.number("programs", "N", settings.programs, 1, UINT64_MAX, "programs to run at least (default 100)");
  options.number("executed", "N", settings.executedWords, 0, UINT64_MAX, "words that the interpreter executes at least (default 0)");
  options.number("words", "N", words, 1, 1 << 20, "words of each function's body, about (default 256)");
  options.number("iterations", "N", iterations, 1, 1 << 20, "most iterations of a loop (default 4)");
  options.value("coverage", "FILE", coverage, "write how often each form ran without a trap, as JSON");
  options.number("least", "N", settings.least, 0, UINT64_MAX, "go on until each form ran so often (default 0)");
  options.number("orc-every", "N", settings.orcEvery, 0, UINT64_MAX, "seeds that it divides run in ORC too (default 16; 0: none)");
  options.number("orc-least", "N", settings.orcLeast, 0, UINT64_MAX, "go on until each form ran so often in ORC (default 0)");
  options.parse(argc, argv, inputs);
  if (!inputs.empty())
    options.fail("expected no input file; vtpu-fuzz makes its programs from seeds");
  settings.words = uint32_t(words);
  settings.iterations = uint32_t(iterations);
  gen::FuzzReport report;
  {
    tools::Progress progress("vtpu-fuzz: running programs");
    report = gen::fuzz(settings);
  }
  fmt::print("seeds {} to {}: {} words with {} slots, {} executed by the interpreter, {} programs ended in a trap\n", settings.seed,
             settings.seed + report.programs - (report.programs > 0), report.words, report.slots, report.executedWords, report.traps);
  for (const auto &[cause, count] : report.trapCauses)
    fmt::print("  {} x {}\n", count, cause);
  for (vtpu_tier tier : gen::tiers()) {
    const bool orc = tier == VTPU_TIER_ORC;
    fmt::print("{}: {} programs of {} words, each of {} forms ran untrapped at least {} times\n", tierNames[tier],
               orc ? report.orcPrograms : report.programs, orc ? report.orcWords : report.words, gen::allForms().size(),
               report.coverage.least(tier));
  }
  if (!coverage.empty()) {
    const std::string text = report.coverage.toJSON();
    if (Status status = writeFile(text.data(), text.size(), coverage); !status)
      options.fail(status.message());
  }
  if (!report.failure.empty())
    options.fail(report.failure, tools::exitMismatch);
  bool missing = false;
  for (vtpu_tier tier : gen::tiers())
    for (const std::string &name : report.coverage.missing(tier == VTPU_TIER_ORC ? settings.orcLeast : settings.least, tier)) {
      fmt::print("{} ran less than {} times: {}\n", tierNames[tier], tier == VTPU_TIER_ORC ? settings.orcLeast : settings.least, name);
      missing = true;
    }
  return missing ? tools::exitMismatch : tools::exitGood;
}
