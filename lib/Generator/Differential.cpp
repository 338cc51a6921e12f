//===- Differential.cpp - Tiers against each other --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Differential.h"

#include "SpaceContents.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/CoordinateText.h"
#include "vtpu/Runtime/Executor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace vtpu::gen {

using namespace isa;

namespace {
/// Bytes that exercise every type: each 64 of them hold random bits, small integers, or floats of one type with special values among them.
std::vector<uint8_t> randomBytes(size_t size, Random &random) {
  static constexpr float specials[] = {0.0f,  -0.0f,  1.0f, -1.0f, INFINITY, -INFINITY, NAN,      1e-42f,   -3e38f,
                                       2.5f,  -0.5f,  1e9f, 0.5f,  65504.0f, 65520.0f,  6e-8f,    6.2e-5f,  1.5f,
                                       2e-38f, 16777217.0f, -2147483648.0f, 9.2233720e18f, 4294967296.0f, 3.0e-45f};
  std::vector<uint8_t> bytes((size + 63) / 64 * 64);
  for (size_t line = 0; line < bytes.size(); line += 64) {
    const uint64_t flavour = random.below(4);
    for (size_t i = 0; i < 64; i += 8) {
      uint64_t bits = random.bits();
      auto value = [&] { return random.below(3) ? float(random.anyScale() >> 40) / 256 : random.of(specials); };
      if (flavour == 1) {
        bits = uint64_t(random.anyScale());
      } else if (flavour == 2) {
        float pair[2] = {value(), value()};
        std::memcpy(&bits, pair, 8);
      } else if (flavour == 3) {
        double wide = random.below(3) ? double(random.anyScale()) / 8 : double(value());
        std::memcpy(&bits, &wide, 8);
      }
      std::memcpy(&bytes[line + i], &bits, 8);
    }
  }
  bytes.resize(size);
  return bytes;
}

/// Floats of `exponentBits`: equal, or both NaN.
bool sameFloat(uint64_t a, uint64_t b, unsigned exponentBits, unsigned fractionBits) {
  const uint64_t infinity = ((uint64_t(1) << exponentBits) - 1) << fractionBits, magnitude = (uint64_t(1) << (exponentBits + fractionBits)) - 1;
  return a == b || ((a & magnitude) > infinity && (b & magnitude) > infinity);
}
bool sameElement(DType type, const uint8_t *a, const uint8_t *b) {
  uint64_t x = 0, y = 0;
  std::memcpy(&x, a, dtypeBytes(type));
  std::memcpy(&y, b, dtypeBytes(type));
  switch (type) {
  case DType::f16:
    return sameFloat(x, y, 5, 10);
  case DType::bf16:
    return sameFloat(x, y, 8, 7);
  case DType::f32:
    return sameFloat(x, y, 8, 23);
  case DType::f64:
    return sameFloat(x, y, 11, 52);
  default:
    return x == y;
  }
}

/// True if every branch backward ends a loop that counts up: whatever is left out of the program, it ends.
bool terminates(const Program &program) {
  for (const Function &function : program.functions)
    for (size_t w = 0; w < function.words.size(); ++w) {
      const Slot &branch = function.words[w].slot(Pipe::C);
      const InstrInfo *info = branch.empty() ? nullptr : lookup(Pipe::C, branch.opcode);
      if (!info || !info->isBranch || branch.imm > 0)
        continue;
      const Slot &step = function.words[w - (w > 0)].slot(Pipe::C);
      if (step.opcode != uint8_t(COp::caddi) || step.rd != branch.ra || step.ra != branch.ra || step.imm <= 0)
        return false;
    }
  return true;
}

/// Removes empty words; branches keep their targets.
void compact(Function &function) {
  std::vector<uint32_t> place; // new index of each word
  uint32_t next = 0;
  for (const Word &word : function.words) {
    place.push_back(next);
    next += word == Word() ? 0 : 1;
  }
  place.push_back(next);
  std::vector<Word> words;
  for (uint32_t w = 0; w < function.words.size(); ++w) {
    Word word = function.words[w];
    if (word == Word())
      continue;
    Slot &branch = word.slot(Pipe::C);
    if (const InstrInfo *info = branch.empty() ? nullptr : lookup(Pipe::C, branch.opcode); info && info->isBranch)
      branch.imm = int32_t(place[w + branch.imm]) - int32_t(place[w]);
    words.push_back(word);
  }
  function.words = std::move(words);
}

/// The cause of "PLACE: CAUSE", its numbers written N.
std::string causeOf(const std::string &error) {
  std::string cause;
  for (char c : error.substr(error.find(": ") + 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !cause.empty() && cause.back() == '-')
      cause.back() = 'N';
    else if (!digit || cause.empty() || cause.back() != 'N')
      cause += digit ? 'N' : c;
  }
  return cause;
}
} // namespace

const std::vector<vtpu_tier> &tiers() {
  static const std::vector<vtpu_tier> list = [] {
    std::vector<vtpu_tier> result = {VTPU_TIER_INTERPRETER};
    if (rt::hostHasBaseline())
      result.push_back(VTPU_TIER_JIT);
    if (rt::hasORC())
      result.push_back(VTPU_TIER_ORC);
    return result;
  }();
  return list;
}

Result<Outcome> runTier(const Program &program, vtpu_tier tier, uint64_t seed) {
  Result<std::vector<uint8_t>> bytes = writeObject(program);
  if (!bytes)
    return bytes.takeError();
  Options options;
  options.tier = tier;
  Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
  if (!loaded)
    return loaded.takeError();
  vtpu_program *handle = loaded->get();
  Random random(seed);
  std::vector<std::vector<uint8_t>> inputs;
  Outcome outcome;
  auto fill = [&](auto count, auto infoOf, std::vector<std::vector<uint8_t>> &buffers) {
    for (uint32_t i = 0; i < count(handle, 0); ++i) {
      vtpu_tensor_info info;
      infoOf(handle, 0, i, &info);
      buffers.push_back(randomBytes(info.bytes, random));
    }
  };
  fill(vtpu_input_count, vtpu_input_info, inputs);
  fill(vtpu_output_count, vtpu_output_info, outcome.outputs);
  std::vector<const void *> in;
  std::vector<void *> out;
  for (std::vector<uint8_t> &buffer : inputs)
    in.push_back(buffer.data());
  for (std::vector<uint8_t> &buffer : outcome.outputs)
    out.push_back(buffer.data());
  const PreparedSpace prepared([&](size_t size) { return randomBytes(size, random); }, random);
  if (!prepared.status())
    return Error{prepared.status().message()};
  if (vtpu_call_in(handle, 0, in.data(), out.data(), prepared.space().get()) != 0) {
    outcome.error = vtpu_last_error();
    // "function NAME, word W: cause"
    const size_t name = outcome.error.find("function "), word = outcome.error.find(", word ");
    if (name != std::string::npos && word != std::string::npos) {
      outcome.function = outcome.error.substr(name + 9, word - name - 9);
      outcome.word = uint32_t(std::strtoul(outcome.error.c_str() + word + 7, nullptr, 10));
    }
  }
  outcome.space = prepared.contents();
  vtpu_stats stats = {};
  stats.struct_size = sizeof(stats);
  vtpu_get_stats(handle, 0, &stats);
  outcome.executedWords = stats.executed_words;
  return outcome;
}

std::string difference(const Program &program, const Outcome &a, const Outcome &b) {
  if (a.error != b.error)
    return fmt::format("'{}' against '{}'", a.error, b.error);
  const Function *entry = &program.functions.front();
  for (const Function &function : program.functions)
    if (function.entry) {
      entry = &function;
      break;
    }
  size_t index = 0;
  for (const Binding &binding : entry->bindings) {
    if (binding.kind != BindingKind::Output)
      continue;
    const std::vector<uint8_t> &x = a.outputs[index], &y = b.outputs[index];
    ++index;
    const unsigned width = dtypeBytes(binding.dtype);
    for (size_t at = 0; at + width <= x.size(); at += width)
      if (!sameElement(binding.dtype, &x[at], &y[at])) {
        uint64_t left = 0, right = 0;
        std::memcpy(&left, &x[at], width);
        std::memcpy(&right, &y[at], width);
        return fmt::format("output {}, byte {}: {:#x} against {:#x}", binding.name, at, left, right);
      }
  }
  for (size_t i = 0; i < std::min(a.space.size(), b.space.size()); ++i) {
    const SpaceElement &x = a.space[i], &y = b.space[i];
    if (x.at != y.at)
      return fmt::format("cell {} against cell {}", printCoordinate(x.at), printCoordinate(y.at));
    // A cell has bits above its element.
    const unsigned width = 8 * dtypeBytes(x.type);
    const bool above = width < 64 && x.bits >> width != y.bits >> width;
    if (above || !sameElement(x.type, reinterpret_cast<const uint8_t *>(&x.bits), reinterpret_cast<const uint8_t *>(&y.bits)))
      return fmt::format("element at {}: {:#x} against {:#x}", printCoordinate(x.at), x.bits, y.bits);
  }
  return a.space.size() == b.space.size() ? "" : fmt::format("{} elements of the space against {}", a.space.size(), b.space.size());
}

Comparison compareTiers(const Program &program, uint64_t seed, bool orc) {
  Comparison result;
  for (vtpu_tier tier : tiers()) {
    if (tier == VTPU_TIER_ORC && !orc)
      continue;
    Result<Outcome> outcome = runTier(program, tier, seed);
    if (!outcome) {
      result.what = fmt::format("{}: {}", tierNames[tier], outcome.message());
      return result;
    }
    if (tier == VTPU_TIER_INTERPRETER) {
      result.loaded = true;
      result.reference = std::move(*outcome);
      continue;
    }
    if (std::string what = difference(program, result.reference, *outcome); !what.empty()) {
      result.what = fmt::format("interpreter against {}: {}", tierNames[tier], what);
      return result;
    }
  }
  return result;
}

Program reduce(const Program &program, const std::function<bool(const Program &)> &holds) {
  Program best = program;
  auto attempt = [&](Program candidate) {
    if (!terminates(candidate) || !holds(candidate))
      return false;
    best = std::move(candidate);
    return true;
  };
  // One word may only be left out once another is: until nothing changes.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t f = 0; f < best.functions.size(); ++f) {
      // Ever smaller runs of words, then single slots.
      for (size_t length = best.functions[f].words.size() / 2; length > 0; length /= 2)
        for (size_t at = 0; at < best.functions[f].words.size(); at += length) {
          Program candidate = best;
          std::vector<Word> &words = candidate.functions[f].words;
          const auto first = words.begin() + int64_t(at), last = words.begin() + int64_t(std::min(at + length, words.size()));
          if (std::all_of(first, last, [](const Word &word) { return word == Word(); }))
            continue;
          std::fill(first, last, Word());
          changed |= attempt(std::move(candidate));
        }
      for (size_t w = 0; w < best.functions[f].words.size(); ++w)
        for (unsigned pipe = 0; pipe < numPipes; ++pipe) {
          Program candidate = best;
          Word &word = candidate.functions[f].words[w];
          if (word.slots[pipe].empty())
            continue;
          word.slots[pipe] = Slot();
          bool immediates = false;
          for (unsigned p = 0; p < numPipes; ++p)
            if (const InstrInfo *info = word.slots[p].empty() ? nullptr : lookup(Pipe(p), word.slots[p].opcode))
              immediates |= info->operand(Field::i0) || info->operand(Field::i1);
          if (!immediates) {
            word.hasImmediates = false;
            word.i0 = word.i1 = 0;
          }
          changed |= attempt(std::move(candidate));
        }
      Program candidate = best;
      compact(candidate.functions[f]);
      attempt(std::move(candidate));
    }
  }
  return best;
}

Settings settingsOf(const FuzzSettings &fuzz, uint64_t seed) {
  Random random(seed);
  auto share = [&] { return 0.3 + 0.7 * double(random.below(101)) / 100; };
  Settings settings;
  settings.seed = seed;
  settings.words = fuzz.words;
  settings.iterations = fuzz.iterations;
  settings.d = share();
  settings.s = share();
  settings.c = share();
  settings.dependence = double(random.below(101)) / 100;
  settings.pattern = Pattern(random.below(6));
  settings.calls = uint32_t(random.below(3));
  settings.traps = random.below(4) ? 0 : random.below(2) ? 1.0 / fuzz.words : 0.1;
  settings.endTraps = 0.2;
  return settings;
}

FuzzReport fuzz(const FuzzSettings &settings) {
  FuzzReport report;
  const uint64_t orcEvery = tiers().back() == VTPU_TIER_ORC ? settings.orcEvery : 0;
  auto goesOn = [&] {
    return report.programs < settings.programs || report.executedWords < settings.executedWords ||
           (report.programs / 10 < settings.programs &&
            (report.coverage.least() < settings.least || (orcEvery && report.coverage.least(VTPU_TIER_ORC) < settings.orcLeast)));
  };
  for (uint64_t seed = settings.seed; goesOn(); ++seed) {
    Result<Program> program = generate(settingsOf(settings, seed));
    const bool orc = orcEvery && seed % orcEvery == 0;
    Comparison comparison;
    if (program)
      comparison = compareTiers(*program, seed, orc);
    else
      comparison.what = program.message();
    if (!comparison.what.empty()) {
      report.failure = fmt::format("seed {}: {}\n", seed, comparison.what);
      if (program) {
        Program reduced = reduce(*program, [&](const Program &candidate) {
          const Comparison comparison = compareTiers(candidate, seed, orc);
          return comparison.loaded && !comparison.what.empty();
        });
        report.failure += fmt::format("reduced ({}):\n{}", compareTiers(reduced, seed, orc).what, printAssembly(reduced));
      }
      return report;
    }
    ++report.programs;
    report.orcPrograms += orc;
    report.executedWords += comparison.reference.executedWords;
    if (!comparison.reference.error.empty()) {
      ++report.traps;
      ++report.trapCauses[causeOf(comparison.reference.error)];
    }
    for (const Function &function : program->functions)
      for (const Word &word : function.words) {
        ++report.words;
        report.orcWords += orc;
        for (const Slot &slot : word.slots)
          report.slots += !slot.empty();
      }
    report.coverage.record(*program, comparison.reference.function, comparison.reference.word, orc);
  }
  return report;
}

} // namespace vtpu::gen
