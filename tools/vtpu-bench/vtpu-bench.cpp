//===- vtpu-bench.cpp - Times programs against the machine's peak -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Times entries of .vtpu programs through the C API, in turns with a probe of what the core can do: fused multiply-adds a second in registers.
// Floats are random, integers are 1, booleans alternate. Results are not checked here: `vtpu bench` and the tests do that on the same files.
//
//===----------------------------------------------------------------------===//

#include "Code.h"
#include "Conflicts.h"
#include "Machine.h"
#include "Memory.h"
#include "Options.h"
#include "Pipelining.h"
#include "Prediction.h"
#include "Progress.h"
#include "Sentrons.h"
#include "Synthetic.h"

#include "vtpu/Object/Program.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <memory>
#include <random>

using namespace vtpu;

namespace {
/// One entry of a program with its buffers.
struct Subject {
  std::string name;
  double flops = 0; // of a call; 0: unknown
  vtpu_program *program = nullptr;
  uint32_t entry = 0;
  std::vector<std::vector<uint8_t>> storage;
  std::vector<const void *> inputs;
  std::vector<void *> outputs;

  ~Subject() { vtpu_release(program); }
};

/// The most fused multiply-adds that the core does: 24 independent chains of the widest vectors, no memory.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) double peak512(int64_t steps) {
  __m512 sums[24], x = _mm512_set1_ps(0.9f), y = _mm512_set1_ps(1.1f);
  for (__m512 &sum : sums)
    sum = y;
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 24
    for (__m512 &sum : sums)
      sum = _mm512_fmadd_ps(sum, x, y);
  __m512 total = y;
  for (__m512 &sum : sums)
    total = _mm512_add_ps(total, sum);
  benchmark::DoNotOptimize(total);
  return double(steps) * 24 * 16 * 2;
}
__attribute__((target("avx2,fma"))) double peak256(int64_t steps) {
  __m256 sums[12], x = _mm256_set1_ps(0.9f), y = _mm256_set1_ps(1.1f);
  for (__m256 &sum : sums)
    sum = y;
  for (int64_t step = 0; step < steps; ++step)
#pragma GCC unroll 12
    for (__m256 &sum : sums)
      sum = _mm256_fmadd_ps(sum, x, y);
  __m256 total = y;
  for (__m256 &sum : sums)
    total = _mm256_add_ps(total, sum);
  benchmark::DoNotOptimize(total);
  return double(steps) * 12 * 8 * 2;
}
#endif

double peak(int64_t steps) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return peak512(steps);
  if (__builtin_cpu_supports("fma"))
    return peak256(steps);
#endif
  float sum[4] = {0, 1, 2, 3};
  for (int64_t step = 0; step < steps; ++step)
    for (float &value : sum)
      benchmark::DoNotOptimize(value = value * 0.9f + 1.0001f);
  return double(steps) * 8;
}

/// A file's name without folder and suffix.
std::string nameOf(const std::string &path) {
  const size_t slash = path.rfind('/');
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0)
    name.resize(dot);
  return name;
}

/// `FILE[:ENTRY][=FLOPS]`.
Result<std::unique_ptr<Subject>> open(std::string text, const vtpu_options &options, uint64_t seed) {
  auto subject = std::make_unique<Subject>();
  if (size_t equals = text.rfind('='); equals != std::string::npos) {
    char *end = nullptr;
    subject->flops = std::strtod(text.c_str() + equals + 1, &end);
    if (equals + 1 == text.size() || *end || !(subject->flops >= 0))
      return Error{fmt::format("{}: after '=' stand the floating-point operations of a call", text)};
    text.resize(equals);
  }
  std::string entry;
  if (size_t colon = text.rfind(':'); colon != std::string::npos) {
    entry = text.substr(colon + 1);
    text.resize(colon);
  }
  if (vtpu_load_file(text.c_str(), &options, &subject->program) != 0)
    return Error{vtpu_last_error()};
  const int32_t index = entry.empty() ? 0 : vtpu_find_entry(subject->program, entry.c_str());
  if (index < 0)
    return Error{fmt::format("{}: no entry '{}'; vtpu-run --list shows what there is", text, entry)};
  subject->entry = uint32_t(index);
  subject->name = nameOf(text);
  if (!entry.empty())
    subject->name += ":" + entry;

  std::mt19937 random{uint32_t(seed)};
  const uint32_t inputs = vtpu_input_count(subject->program, subject->entry), outputs = vtpu_output_count(subject->program, subject->entry);
  subject->storage.reserve(inputs + outputs);
  for (uint32_t i = 0; i < inputs + outputs; ++i) {
    vtpu_tensor_info info;
    if ((i < inputs ? vtpu_input_info(subject->program, subject->entry, i, &info)
                    : vtpu_output_info(subject->program, subject->entry, i - inputs, &info)) != 0)
      return Error{vtpu_last_error()};
    subject->storage.emplace_back(info.bytes + 64);
    uint8_t *data = subject->storage.back().data();
    data += -reinterpret_cast<uintptr_t>(data) & 63; // as an allocator for tensors would place it
    if (i < inputs) {
      std::vector<uint8_t> values(info.bytes);
      tools::fillRandom(values, info.dtype, random);
      std::copy(values.begin(), values.end(), data);
      subject->inputs.push_back(data);
    } else {
      subject->outputs.push_back(data);
    }
  }
  if (vtpu_call(subject->program, subject->entry, subject->inputs.data(), subject->outputs.data()) != 0)
    return Error{fmt::format("{}: {}", subject->name, vtpu_last_error())};
  return subject;
}

double least(const std::vector<double> &values) { return *std::min_element(values.begin(), values.end()); }
} // namespace

int main(int argc, char **argv) {
  std::string json, tier = "default", parameters;
  uint64_t repetitions = 9, seed = 1;
  double seconds = 0.05;
  tools::Options options("vtpu-bench", "[options] FILE.vtpu[:ENTRY][=FLOPS]...",
                         "Times entries of programs through the C API, one thread, in turns with the core's\npeak of fused multiply-adds.\n"
                         "FLOPS, the floating-point operations of a call, turns time into a rate.");
  options.value("json", "FILE", json, "write the figures (Google Benchmark's format)");
  options.number("repetitions", "N", repetitions, 1, 1000, "turns of each contestant (default 9)");
  options.real("min-time", "S", seconds, "seconds of a turn (default 0.05)");
  options.value("tier", fmt::format("{}", fmt::join(tierNames, "|")), tier, "what executes the words");
  options.value("parameters", "FILE", parameters, "safetensors file instead of the one the programs name");
  options.number("seed", "N", seed, 0, UINT32_MAX, "of the random inputs (default 1)");
  bool emission = false, checks = false, native = false, memory = false, sentrons = false, conflicts = false;
  std::string caches;
  options.flag("emission", emission, "time the phases of loading, and loops of 64 to 4096 words");
  options.flag("native", native, "time code beside the same instructions assembled");
  options.flag("checks", checks, "time programs with all accesses checked, none, no polls");
  options.flag("memory", memory, "time memory by coordinate too");
  options.flag("sentrons", sentrons, "time messages and barriers between two sentrons");
  options.group("modes", "modes with programs of their own, which print JSON");
  options.flag("conflicts", conflicts, "only time planted conflicts and their twins; prints JSON");
  options.value("caches", "LIST", caches, "caches that conflicts are made for (default: this machine's)");
  tools::PipeliningOptions pipelining;
  options.number("pipelining", "N", pipelining.loops, 1, 100000, "schedule N generated loops of each class; JSON");
  options.real("exact", "S", pipelining.exactSeconds, "seconds of the exact solver for an interval (default 10)");
  uint64_t predictions = 0;
  std::string table = "llvm";
  options.number("predictions", "N", predictions, 1, 100000, "predict and time N generated loops, seeds from --seed on; JSON");
  options.value("table", "NAME", table, "host table for that, as of vtpu-mca (default llvm)");
  std::vector<std::string> programs;
  options.parse(argc, argv, programs);
  if (conflicts || !caches.empty()) {
    if (!conflicts || !programs.empty())
      options.fail("--conflicts makes programs of its own, and --caches belongs to it");
    Result<analysis::Caches> levels = caches.empty() ? analysis::detectCaches() : analysis::parseCaches(caches);
    if (!levels)
      options.fail(caches.empty() ? levels.message() : fmt::format("--caches: {}", levels.message()));
    if (Status status = tools::timeConflicts(*levels, repetitions, seconds); !status)
      options.fail(status.message());
    return tools::exitGood;
  }
  if (pipelining.loops) {
    pipelining.seed = seed;
    Result<std::string> figures = tools::measurePipelining(pipelining);
    if (!figures)
      options.fail(figures.message(), tools::exitInternal);
    if (json.empty())
      std::fputs(figures->c_str(), stdout);
    else if (Status status = writeFile(figures->data(), figures->size(), json); !status)
      options.fail(status.message());
    return tools::exitGood;
  }
  if (predictions) {
    const Result<std::string> text = tools::comparePredictions(uint32_t(predictions), seed, table);
    if (!text)
      options.fail(text.message());
    if (json.empty())
      std::fputs(text->c_str(), stdout);
    else if (Status status = writeFile(text->data(), text->size(), json); !status)
      options.fail(status.message());
    return tools::exitGood;
  }
  vtpu_options load = {};
  load.struct_size = sizeof load;
  load.threads = 1;
  load.parameter_file = parameters.empty() ? nullptr : parameters.c_str();
  if (std::optional<vtpu_tier> parsed = parseTier(tier))
    load.tier = *parsed;
  else
    options.fail(fmt::format("--tier={}: expected {}", tier, fmt::join(tierNames, ", ")));

  struct Loaded {
    std::string path;
    tools::NamedProgram named;
  };
  std::vector<Loaded> loaded;
  if (emission || checks) {
    for (const std::string &path : programs) {
      Result<Program> program = readObjectFile(path);
      if (!program)
        options.fail(program.message());
      loaded.push_back({path, {nameOf(path), std::move(*program)}});
    }
    programs.clear();
  }
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::string &text : programs) {
    tools::Progress progress("loading " + text);
    Result<std::unique_ptr<Subject>> subject = open(text, load, seed);
    if (!subject)
      options.fail(subject.message());
    subjects.push_back(std::move(*subject));
  }
  auto rate = [](double flops) { return benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate); };
  auto configure = [&](benchmark::internal::Benchmark *b) {
    b->Repetitions(int(repetitions))->MinTime(std::max(seconds, 1e-4))->ReportAggregatesOnly()->ComputeStatistics("min", least)->UseRealTime();
    return b->Unit(benchmark::kMicrosecond);
  };
  if (emission) {
    std::vector<tools::NamedProgram> subjects = tools::loops();
    for (const Loaded &program : loaded)
      subjects.push_back(program.named);
    tools::registerEmission(std::move(subjects), configure);
  }
  if (native)
    if (Status status = tools::registerNative(configure); !status)
      options.fail(status.message());
  if (checks)
    for (Loaded &program : loaded)
      if (Status status = tools::registerChecks(program.path, std::move(program.named), seed, configure); !status)
        options.fail(status.message());
  if (sentrons)
    if (Status status = tools::registerSentrons(configure); !status)
      options.fail(status.message());
  if (!emission && !native && !checks && !sentrons && !memory)
    configure(benchmark::RegisterBenchmark("fma-peak", [&](benchmark::State &state) {
    double flops = 0;
    for (auto _ : state)
      flops = peak(4000);
    state.counters["FLOPS"] = rate(flops);
  }));
  for (const std::unique_ptr<Subject> &subject : subjects)
    configure(benchmark::RegisterBenchmark(subject->name.c_str(), [&rate, s = subject.get()](benchmark::State &state) {
      for (auto _ : state)
        if (vtpu_call(s->program, s->entry, s->inputs.data(), s->outputs.data()) != 0)
          return state.SkipWithError(vtpu_last_error());
      if (s->flops > 0)
        state.counters["FLOPS"] = rate(s->flops);
    }));

  if (memory)
    tools::registerMemoryBenchmarks(configure, seed);

  std::vector<std::string> words = {argv[0], "--benchmark_enable_random_interleaving=true"};
  if (!json.empty()) {
    words.push_back("--benchmark_out=" + json);
    words.push_back("--benchmark_out_format=json");
  }
  std::vector<char *> arguments;
  for (std::string &word : words)
    arguments.push_back(word.data());
  int count = int(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return tools::exitGood;
}
