//===- vtpu-gen.cpp - Synthetic programs ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes one random program of a given mix of work, or one with a planted conflict, as text or as a `.vtpu` file.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Conflicts.h"
#include "vtpu/Generator/Generator.h"
#include "vtpu/Generator/Loops.h"

using namespace vtpu;

namespace {
std::vector<std::string> splitList(const std::string &text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    size_t comma = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

Result<Program> makeConflict(const tools::Options &options, const std::string &name, const std::string &caches, gen::ConflictSettings settings) {
  const std::optional<gen::Conflict> conflict = gen::parseConflict(name);
  if (!conflict)
    options.fail(fmt::format("--conflict={}: expected rows, streams, capacity, aliasing, split or layout", name));
  settings.conflict = *conflict;
  Result<analysis::Caches> levels = caches.empty() ? analysis::detectCaches() : analysis::parseCaches(caches);
  if (!levels)
    options.fail(caches.empty() ? levels.message() : fmt::format("--caches: {}", levels.message()));
  return gen::plantConflict(settings, *levels);
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-gen", "[options]", "Generates a random program that verifies, as assembly text or as a .vtpu file.");
  gen::Settings settings;
  uint64_t words = settings.words, iterations = 0, calls = settings.calls, memory = settings.memoryBytes;
  std::string output, pattern = "mixed", types, lengths, only;
  std::vector<std::string> inputs;
  std::string loop;
  gen::LoopOptions loopOptions;
  uint64_t operations = 0, rounds = 0, level = 1;
  bool straight = false, repaired = false;
  std::string conflict, caches;
  options.value("o,output", "FILE", output, "the file to write, .vtpu or text (default: standard output)");
  options.number("seed", "N", settings.seed, 0, UINT64_MAX, "the same seed and options give the same program (default 1)");
  options.number("words", "N", words, 1, 1 << 20, "words of each function's body, about (default 256)");
  options.real("d", "SHARE", settings.d, "share of words with a D slot, 0 to 1 (default 0.8)");
  options.real("s", "SHARE", settings.s, "share of words with an S slot (default 0.5)");
  options.real("c", "SHARE", settings.c, "share of words with a C slot (default 0.5)");
  options.real("dependence", "SHARE", settings.dependence, "share of operands that read a late result (default 0.3)");
  options.value("pattern", "NAME", pattern, "sequential, strided, tiled, gather, chase, mixed (default)");
  options.number("memory", "BYTES", memory, 1024, 1 << 30, "bytes of each area, a power of two (default 4096)");
  options.number("iterations", "N", iterations, 1, 1 << 20, "most iterations of a loop (default 4; hot: all, 32, l2 512)");
  options.number("calls", "N", calls, 0, 64, "functions that the entry calls (default 1)");
  options.real("traps", "SHARE", settings.traps, "chance of a deliberate trap where one can be (default 0)");
  options.flag("straight", straight, "no loops and no branches");
  options.value("types", "LIST", types, "element types, with commas: f32, f64, i32, i64 (default: all)");
  options.value("lengths", "LIST", lengths, "vector lengths, with commas: 128, 256, 512 (default: all)");
  options.value("only", "LIST", only, "mnemonics with commas (default: all)");
  options.group("kinds", "other kinds of programs: a hot loop, a planted conflict");
  options.value("loop", "CLASS", loop, "one hot loop, bound by recurrence, port, issue, registers or l2");
  options.number("operations", "N", operations, 4, 1024, "operations in the hot loop, about (default: 8 to 64)");
  options.number("rounds", "N", rounds, 1, 1 << 30, "how often the loop runs (default 1), or the conflict's work");
  options.value("conflict", "NAME", conflict, "rows, streams, capacity, aliasing, split or layout");
  options.flag("repaired", repaired, "its twin without the conflict");
  options.value("caches", "LIST", caches, "caches that it is for, L1:48K:12:64,... (default: this machine's)");
  options.number("level", "N", level, 1, 8, "the cache of the conflict, from 1, the nearest (default 1)");
  options.parse(argc, argv, inputs);
  if (!inputs.empty())
    options.fail("expected no input file; vtpu-gen makes programs from options alone");
  for (double share : {settings.d, settings.s, settings.c, settings.dependence, settings.traps})
    if (share > 1)
      options.fail(fmt::format("a share of {}; legal are 0 to 1", share));
  settings.words = uint32_t(words);
  if (iterations)
    settings.iterations = uint32_t(iterations);
  settings.calls = uint32_t(calls);
  settings.memoryBytes = uint32_t(memory);
  settings.loops = settings.branches = !straight;
  settings.only = splitList(only);
  std::optional<gen::Pattern> parsed = gen::parsePattern(pattern);
  if (!parsed)
    options.fail(fmt::format("--pattern={}: expected sequential, strided, tiled, gather, chase or mixed", pattern));
  settings.pattern = *parsed;
  if (!types.empty())
    settings.types = 0;
  for (const std::string &name : splitList(types)) {
    isa::Type type = isa::parseType(name);
    if (type != isa::Type::f32 && type != isa::Type::f64 && type != isa::Type::i32 && type != isa::Type::i64)
      options.fail(fmt::format("--types: '{}' is no element type of registers; legal are f32, f64, i32, i64", name));
    settings.types |= uint16_t(1u << unsigned(type));
  }
  if (!lengths.empty())
    settings.lengths = 0;
  for (const std::string &name : splitList(lengths)) {
    if (name != "128" && name != "256" && name != "512")
      options.fail(fmt::format("--lengths: '{}' is no vector length; legal are 128, 256, 512", name));
    settings.lengths |= uint8_t(name == "128" ? 1 : name == "256" ? 2 : 4);
  }
  const std::optional<gen::LoopClass> loopClass = gen::parseLoopClass(loop);
  if (!loop.empty() && !loopClass)
    options.fail(fmt::format("--loop={}: expected recurrence, port, issue, registers or l2", loop));
  loopOptions.operations = uint32_t(operations);
  loopOptions.iterations = uint32_t(iterations);
  loopOptions.rounds = uint32_t(std::max<uint64_t>(rounds, 1));
  if (conflict.empty() && (repaired || !caches.empty() || level != 1))
    options.fail("--repaired, --caches and --level belong to --conflict");
  Result<Program> program = !conflict.empty() ? makeConflict(options, conflict, caches, {{}, level - 1, repaired, rounds})
                            : loopClass       ? gen::generateLoop(*loopClass, settings.seed, loopOptions)
                                              : gen::generate(settings);
  if (!program)
    options.fail(program.message());
  const bool object = output.size() > 5 && output.compare(output.size() - 5, 5, ".vtpu") == 0;
  if (object) {
    if (Status status = writeObjectFile(*program, output); !status)
      options.fail(status.message());
    return tools::exitGood;
  }
  const std::string text = printAssembly(*program);
  if (output.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else if (Status status = writeFile(text.data(), text.size(), output); !status) {
    options.fail(status.message());
  }
  return tools::exitGood;
}
