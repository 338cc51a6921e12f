//===- Prediction.cpp - Predicted cycles against measured ones --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Prediction.h"

#include "vtpu/Generator/Loops.h"
#include "vtpu/Host/LoopTimer.h"
#include "vtpu/Host/NamedTable.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace vtpu::tools {

using nlohmann::json;

namespace {
struct Sample {
  gen::LoopClass cls;
  uint64_t seed;
  uint32_t iterations;
  double predicted = 0, measured = 0, llvm = 0;
  std::string bottleneck;
  double error(double value) const { return std::abs(value / measured - 1); }
};

/// A call runs the loop so often, and the shortest time counts: the first time code and data are cold, and predictors have yet to learn.
constexpr uint32_t rounds = 8;

/// A program of one loop, and the loop's host code.
struct Loop {
  Program program;
  host::Region region;
  host::RegionCode code;
};
Result<Loop> makeLoop(gen::LoopClass cls, uint64_t seed, uint32_t iterations) {
  gen::LoopOptions options;
  options.iterations = iterations;
  options.rounds = rounds;
  Result<Program> program = gen::generateLoop(cls, seed, options);
  if (!program)
    return program.takeError();
  const Result<std::vector<rt::FunctionFacts>> facts = rt::verify(*program);
  if (!facts)
    return Error{facts.message()};
  const Result<rt::EmittedCode> emitted = rt::emitForDisplay(*program, *facts);
  if (!emitted)
    return Error{emitted.message()};
  for (const host::Region &region : host::findRegions(*program, 0)) {
    if (!region.loop)
      continue;
    Result<host::RegionCode> code = host::codeOf(*emitted, region);
    if (!code)
      return code.takeError();
    return Loop{std::move(*program), region, std::move(*code)};
  }
  return Error{"a generated program has no loop"};
}

/// What a loop is to move through: half of the least L1 that hosts of the template JIT have, or several times any L1 and a part of any L2.
constexpr uint64_t nearBytes = 20 << 10, farBytes = 256 << 10;
constexpr uint32_t fewestIterations = 32, mostIterations = 1 << 14;

/// As many iterations as these bytes allow: the more there are, the less counts how a loop begins and ends.
uint32_t iterationsOf(gen::LoopClass cls, const host::CodeModel &model) {
  uint64_t bytes = 0;
  for (const host::Stream &stream : model.streams)
    bytes += stream.bytes;
  const uint64_t wanted = cls == gen::LoopClass::l2 ? farBytes : nearBytes;
  return uint32_t(std::clamp<uint64_t>(wanted / std::max<uint64_t>(bytes, 1), fewestIterations, mostIterations));
}

/// Fails if the loop cannot be measured on this machine. What is wrong with the loop or the table is an error that ends the comparison.
Result<Sample> compareLoop(gen::LoopClass cls, uint64_t seed, host::NamedTable &table, const host::LLVMModel &llvm, std::string &wrong) {
  const auto fail = [&](const std::string &message) -> Error { return Error{wrong = message}; };
  std::optional<Loop> loop;
  const auto prepare = [&](uint32_t iterations) -> Result<std::unique_ptr<host::CodeModel>> {
    Result<Loop> made = makeLoop(cls, seed, iterations);
    if (!made)
      return made.takeError();
    loop = std::move(*made);
    if (Result<std::vector<std::string>> filled = table.fillGaps(loop->code.instructions, loop->code.bytes.data()); !filled)
      return filled.takeError();
    return host::modelCode(loop->code.instructions, table.table(), {true, loop->region.iterations});
  };
  Result<std::unique_ptr<host::CodeModel>> model = prepare(0);
  if (!model)
    return fail(model.message());
  const uint32_t iterations = iterationsOf(cls, **model);
  if (model = prepare(iterations); !model)
    return fail(model.message());
  const host::Prediction prediction = host::predict(**model, true);
  const Result<double> theirs = llvm.mcaCycles(loop->code.instructions, loop->code.bytes.data());
  if (!theirs)
    return fail(theirs.message());
  const Result<double> measured = host::timeLoop(loop->program, loop->region);
  if (!measured)
    return Error{measured.message()};
  return Sample{cls, seed, iterations, prediction.cycles, *measured, *theirs, prediction.bottleneck};
}

/// Kendall's tau-b of two rankings.
double kendall(const std::vector<Sample> &samples) {
  int64_t concordant = 0, discordant = 0, tiesA = 0, tiesB = 0;
  for (size_t i = 0; i < samples.size(); ++i)
    for (size_t k = 0; k < i; ++k) {
      const double a = samples[i].predicted - samples[k].predicted, b = samples[i].measured - samples[k].measured;
      tiesA += a == 0 && b != 0;
      tiesB += b == 0 && a != 0;
      concordant += a * b > 0;
      discordant += a * b < 0;
    }
  const double untied = double(concordant + discordant);
  const double all = std::sqrt((untied + double(tiesA)) * (untied + double(tiesB)));
  return all > 0 ? double(concordant - discordant) / all : 0;
}

json meansOf(const std::vector<Sample> &samples) {
  double ours = 0, theirs = 0;
  for (const Sample &sample : samples) {
    ours += sample.error(sample.predicted);
    theirs += sample.error(sample.llvm);
  }
  const double count = double(std::max<size_t>(1, samples.size()));
  return {{"loops", samples.size()}, {"port_error_mean", ours / count}, {"mca_error_mean", theirs / count}, {"kendall_tau", kendall(samples)}};
}
} // namespace

Result<std::string> comparePredictions(uint32_t loops, uint64_t seed, const std::string &name) {
  Result<host::NamedTable> table = host::NamedTable::load(name);
  if (!table)
    return table.takeError();
  const Result<host::LLVMModel> llvm = host::LLVMModel::create(table->cpu());
  if (!llvm)
    return Error{llvm.message()};
  std::vector<Sample> samples;
  json unmeasured = json::array();
  for (unsigned c = 0; c < std::size(gen::loopClasses); ++c) {
    const gen::LoopClass cls = gen::loopClasses[c];
    // As many of each class, in its order; another seed for each loop that cannot be measured.
    uint32_t wanted = loops / uint32_t(std::size(gen::loopClasses)) + (c < loops % std::size(gen::loopClasses)), left = wanted;
    for (uint64_t s = seed; left && s < seed + 2 * uint64_t(wanted); ++s) {
      std::string wrong;
      const Result<Sample> sample = compareLoop(cls, s, *table, *llvm, wrong);
      if (!wrong.empty())
        return Error{fmt::format("loop of class {}, seed {}: {}", gen::loopClassName(cls), s, wrong)};
      if (sample) {
        samples.push_back(*sample);
        --left;
      } else {
        unmeasured.push_back({{"class", gen::loopClassName(cls)}, {"seed", s}, {"why", sample.message()}});
      }
    }
  }
  if (samples.empty() && loops)
    return Error{fmt::format("no loop could be measured; the first one: {}", unmeasured[0]["why"].get<std::string>())};
  json result = meansOf(samples);
  result["table"] = table->table().name;
  result["llvm"] = llvm->cpu();
  result["seed"] = seed;
  result["classes"] = json::object();
  result["not_measured"] = std::move(unmeasured);
  result["samples"] = json::array();
  for (gen::LoopClass cls : gen::loopClasses) {
    std::vector<Sample> some;
    std::copy_if(samples.begin(), samples.end(), std::back_inserter(some), [&](const Sample &sample) { return sample.cls == cls; });
    result["classes"][std::string(gen::loopClassName(cls))] = meansOf(some);
  }
  for (const Sample &sample : samples)
    result["samples"].push_back({{"class", gen::loopClassName(sample.cls)},
                                 {"seed", sample.seed},
                                 {"iterations", sample.iterations},
                                 {"predicted", sample.predicted},
                                 {"measured", sample.measured},
                                 {"llvm", sample.llvm},
                                 {"bottleneck", sample.bottleneck}});
  return result.dump(1) + "\n";
}

} // namespace vtpu::tools
