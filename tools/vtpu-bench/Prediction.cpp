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

namespace vtpu::tools {

using nlohmann::json;

namespace {
struct Sample {
  gen::LoopClass cls;
  uint64_t seed;
  double predicted = 0, measured = 0, llvm = 0;
  std::string bottleneck;
  double error(double value) const { return std::abs(value / measured - 1); }
};

Result<Sample> compareLoop(gen::LoopClass cls, uint64_t seed, host::NamedTable &table, const host::LLVMModel &llvm) {
  const Result<Program> program = gen::generateLoop(cls, seed);
  if (!program)
    return Error{program.message()};
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
    if (Result<std::vector<std::string>> filled = table.fillGaps(code->instructions, code->bytes.data()); !filled)
      return filled.takeError();
    const Result<std::unique_ptr<host::CodeModel>> model = host::modelCode(code->instructions, table.table(), {true, region.iterations});
    if (!model)
      return Error{model.message()};
    const host::Prediction prediction = host::predict(**model, true);
    const Result<double> theirs = llvm.mcaCycles(code->instructions, code->bytes.data());
    if (!theirs)
      return Error{theirs.message()};
    const Result<double> measured = host::timeLoop(*program, region);
    if (!measured)
      return Error{measured.message()};
    return Sample{cls, seed, prediction.cycles, *measured, *theirs, prediction.bottleneck};
  }
  return Error{"a generated program has no loop"};
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
  for (uint32_t i = 0; i < loops; ++i) {
    const gen::LoopClass cls = gen::loopClasses[i % std::size(gen::loopClasses)];
    const uint64_t s = seed + i / std::size(gen::loopClasses);
    const Result<Sample> sample = compareLoop(cls, s, *table, *llvm);
    if (!sample)
      return Error{fmt::format("loop of class {}, seed {}: {}", gen::loopClassName(cls), s, sample.message())};
    samples.push_back(*sample);
  }
  json result = meansOf(samples);
  result["table"] = table->table().name;
  result["llvm"] = llvm->cpu();
  result["seed"] = seed;
  result["classes"] = json::object();
  result["samples"] = json::array();
  for (gen::LoopClass cls : gen::loopClasses) {
    std::vector<Sample> some;
    std::copy_if(samples.begin(), samples.end(), std::back_inserter(some), [&](const Sample &sample) { return sample.cls == cls; });
    result["classes"][std::string(gen::loopClassName(cls))] = meansOf(some);
  }
  for (const Sample &sample : samples)
    result["samples"].push_back({{"class", gen::loopClassName(sample.cls)},
                                 {"seed", sample.seed},
                                 {"predicted", sample.predicted},
                                 {"measured", sample.measured},
                                 {"llvm", sample.llvm},
                                 {"bottleneck", sample.bottleneck}});
  return result.dump(1) + "\n";
}

} // namespace vtpu::tools
