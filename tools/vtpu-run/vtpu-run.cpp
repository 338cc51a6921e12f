//===- vtpu-run.cpp - Runs a `.vtpu` file -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls one entry through the public C API. Inputs, outputs and expectations are written as for iree-run-module. Results go to standard
// output, talk to standard error.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Progress.h"
#include "Tensor.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <algorithm>

using namespace vtpu;
using namespace vtpu::run;

namespace {
struct Settings {
  std::string module, function, tier = "default", features;
  std::vector<std::string> inputs, outputs, expected, parameters;
  Thresholds thresholds;
  uint64_t threads = 1, mostElements = 1024, repeats = 1;
  bool stats = false, list = false;
};

std::vector<int64_t> shapeOf(const vtpu_tensor_info &info) { return {info.shape, info.shape + info.rank}; }

vtpu_tensor_info infoOf(const vtpu_program *program, uint32_t entry, uint32_t index, bool input) {
  vtpu_tensor_info info = {};
  (input ? vtpu_input_info : vtpu_output_info)(program, entry, index, &info);
  return info;
}

std::string signature(const vtpu_program *program, uint32_t entry) {
  auto side = [&](bool input) {
    std::string out;
    const uint32_t count = input ? vtpu_input_count(program, entry) : vtpu_output_count(program, entry);
    for (uint32_t i = 0; i < count; ++i) {
      vtpu_tensor_info info = infoOf(program, entry, i, input);
      out += fmt::format("{}{}: {}", i ? ", " : "", info.name, typeText(DType(info.dtype), shapeOf(info)));
    }
    return out;
  };
  return fmt::format("{}({}) -> ({})", vtpu_entry_name(program, entry), side(true), side(false));
}

void printStats(const vtpu_program *program, uint32_t entry, vtpu_tier tier) {
  vtpu_stats stats = {sizeof(stats)};
  if (vtpu_get_stats(program, entry, &stats) != 0)
    return;
  auto fill = [&](uint64_t filled) { return stats.words ? 100.0 * double(filled) / double(stats.words) : 0.0; };
  fmt::print(stderr, "{:>16}  tier\n", tierNames[tier]);
  fmt::print(stderr, "{:>16}  words         # D {:.1f} %, S {:.1f} %, C {:.1f} % filled\n", stats.words, fill(stats.d), fill(stats.s),
             fill(stats.c));
  if (stats.executed_words)
    fmt::print(stderr, "{:>16}  executed words # {} ops, {:.2f} a word\n", stats.executed_words, stats.executed_ops,
               double(stats.executed_ops) / double(stats.executed_words));
  fmt::print(stderr, "{:>16.3f}  ms            # last call\n", stats.total_seconds * 1e3);
  fmt::print(stderr, "{:>16.3f}  ms            # outside words (listed host calls), {:.1f} %\n", stats.host_seconds * 1e3,
             stats.total_seconds > 0 ? 100 * stats.host_seconds / stats.total_seconds : 0.0);
  if (stats.sentrons > 1)
    fmt::print(stderr, "{:>16.3f}  ms            # sentron 0 of {} waiting for the others, {:.1f} %\n", stats.barrier_seconds * 1e3, stats.sentrons,
               stats.total_seconds > 0 ? 100 * stats.barrier_seconds / stats.total_seconds : 0.0);
  fmt::print(stderr, "{:>16}  bytes         # emitted machine code\n", stats.code_bytes);
  fmt::print(stderr, "{:>16}  bytes         # arena and stacks of a calling context\n", stats.context_bytes);
}

/// A buffer on a 64-byte boundary, as a program likes it best.
struct Buffer {
  explicit Buffer(uint64_t size) : data(std::aligned_alloc(64, (std::max<uint64_t>(size, 1) + 63) / 64 * 64)) {}
  Buffer(Buffer &&o) noexcept : data(o.data) { o.data = nullptr; }
  ~Buffer() { std::free(data); }
  void *data;
};

uint32_t pickEntry(const tools::Options &options, const Settings &settings, const vtpu_program *program) {
  if (settings.function.empty()) {
    if (vtpu_entry_count(program) == 1)
      return 0;
    options.fail(fmt::format("{} has {} entries; pick one with --function (see --list)", settings.module, vtpu_entry_count(program)));
  }
  int32_t entry = vtpu_find_entry(program, settings.function.c_str());
  if (entry < 0)
    options.fail(fmt::format("{} has no entry '{}'; --list shows them", settings.module, settings.function));
  return uint32_t(entry);
}

std::vector<Tensor> readInputs(const tools::Options &options, const Settings &settings, const vtpu_program *program, uint32_t entry) {
  const uint32_t count = vtpu_input_count(program, entry);
  if (settings.inputs.size() != count)
    options.fail(fmt::format("{} takes {} inputs, {} are given: {}", vtpu_entry_name(program, entry), count, settings.inputs.size(),
                             signature(program, entry)));
  std::map<std::string, long> offsets;
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < count; ++i) {
    Result<Tensor> tensor = readTensor(settings.inputs[i], offsets);
    if (!tensor)
      options.fail(fmt::format("input {}: {}", i, tensor.message()));
    vtpu_tensor_info info = infoOf(program, entry, i, true);
    // A .npy file says u2 for bf16 patterns.
    if (DType(info.dtype) == DType::bf16 && tensor->dtype == DType::u16)
      tensor->dtype = DType::bf16;
    if (tensor->dtype != DType(info.dtype) || tensor->shape != shapeOf(info))
      options.fail(fmt::format("input {} ('{}') is {}, the entry takes {}", i, info.name, typeText(tensor->dtype, tensor->shape),
                               typeText(DType(info.dtype), shapeOf(info))));
    inputs.push_back(std::move(*tensor));
  }
  return inputs;
}

void writeOutputs(const tools::Options &options, const Settings &settings, const vtpu_program *program, uint32_t entry,
                  const std::vector<Tensor> &results) {
  if (settings.outputs.size() > results.size())
    options.fail(fmt::format("{} has {} outputs, --output is given {} times", vtpu_entry_name(program, entry), results.size(),
                             settings.outputs.size()));
  if (settings.outputs.empty() && settings.expected.empty())
    fmt::print("EXEC @{}\n", vtpu_entry_name(program, entry));
  for (size_t i = 0; i < results.size(); ++i) {
    std::string target = i < settings.outputs.size()                             ? settings.outputs[i]
                         : settings.outputs.empty() && settings.expected.empty() ? "-"
                                                                                 : "";
    if (target == "-") {
      fmt::print("result[{}]: {}\n", i, tensorText(results[i], settings.mostElements));
    } else if (!target.empty() && (target[0] == '@' || target[0] == '+')) {
      if (Status status = writeNpy(results[i], target.substr(1), target[0] == '+'); !status)
        options.fail(status.message());
    } else if (!target.empty()) {
      options.fail(fmt::format("--output={}: expected -, @FILE.npy or +FILE.npy", target));
    }
  }
}

int compareOutputs(const tools::Options &options, const Settings &settings, const std::vector<Tensor> &results) {
  if (settings.expected.empty())
    return tools::exitGood;
  if (settings.expected.size() != results.size())
    options.fail(fmt::format("the entry has {} outputs, --expected_output is given {} times", results.size(), settings.expected.size()));
  std::map<std::string, long> offsets;
  bool good = true;
  for (size_t i = 0; i < results.size(); ++i) {
    if (settings.expected[i] == "(ignored)")
      continue;
    Result<Tensor> expected = readTensor(settings.expected[i], offsets);
    if (!expected)
      options.fail(fmt::format("expected output {}: {}", i, expected.message()));
    if (results[i].dtype == DType::bf16 && expected->dtype == DType::u16)
      expected->dtype = DType::bf16;
    std::string difference = compare(results[i], *expected, settings.thresholds);
    if (difference.empty())
      continue;
    good = false;
    fmt::print("[FAILED] result[{}]: {}\n", i, difference);
  }
  if (good)
    fmt::print("[SUCCESS] all function outputs matched their expected values.\n");
  return good ? tools::exitGood : tools::exitMismatch;
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-run", "[options] FILE.vtpu", "Runs an entry of a .vtpu file.");
  Settings s;
  std::vector<std::string> files;
  options.value("module", "FILE", s.module, "the program (or as an argument)");
  options.value("function,entry,e", "NAME", s.function, "the entry to call (default: the only one)");
  options.list("input", "TENSOR", s.inputs, "2x2xf32=1 2 3 4 | 4xi32 | @x.npy | +x.npy | 4xf32=@x.bin");
  options.list("output", "TARGET", s.outputs, "- (text) | @y.npy | +y.npy (append); in order");
  options.list("expected_output", "TENSOR", s.expected, "as --input, or (ignored); differs: exit code 2");
  options.real("expected_f16_threshold", "X", s.thresholds.f16, "largest difference of f16 and bf16 (default 1e-3)");
  options.real("expected_f32_threshold", "X", s.thresholds.f32, "largest difference of f32 (default 1e-4)");
  options.real("expected_f64_threshold", "X", s.thresholds.f64, "largest difference of f64 (default 1e-4)");
  options.list("parameters", "[SCOPE=]FILE", s.parameters, "safetensors file instead of the one the program names");
  options.value("tier", fmt::format("{}", fmt::join(tierNames, "|")), s.tier, "what executes the words");
  options.number("threads", "N", s.threads, 1, 1024, "sentrons of a call (default 1)");
  options.value("cpu-features", "baseline", s.features, "pretend a CPU without AVX-512");
  options.number("repeat", "N", s.repeats, 1, 1u << 30, "call N times");
  options.number("output_max_element_count", "N", s.mostElements, 0, UINT64_MAX, "elements to print (default 1024)");
  options.flag("stats,print_statistics", s.stats, "words, fill, time and share outside words, on stderr");
  options.flag("list", s.list, "list the entries and exit");
  options.parse(argc, argv, files);
  if (s.module.empty() && files.size() == 1)
    s.module = files[0];
  else if (s.module.empty() || !files.empty())
    options.fail("expected one program; see vtpu-run --help");

  vtpu_options load = {};
  load.struct_size = sizeof(load);
  load.threads = uint32_t(s.threads);
  if (!s.features.empty())
    load.cpu_features = s.features.c_str();
  if (std::optional<vtpu_tier> tier = parseTier(s.tier))
    load.tier = *tier;
  else
    options.fail(fmt::format("--tier={}: legal are {}", s.tier, fmt::join(tierNames, ", ")));
  if (s.parameters.size() > 1)
    options.fail("--parameters is given more than once; a program reads one parameter file");
  std::string parameters = s.parameters.empty() ? "" : s.parameters[0].substr(s.parameters[0].find('=') + 1);
  if (!parameters.empty())
    load.parameter_file = parameters.c_str();

  vtpu_program *program = nullptr;
  {
    tools::Progress progress("loading " + s.module);
    if (vtpu_load_file(s.module.c_str(), &load, &program) != 0)
      program = nullptr;
  }
  if (!program)
    options.fail(vtpu_last_error());
  if (s.list) {
    for (uint32_t entry = 0; entry < vtpu_entry_count(program); ++entry)
      fmt::print("{}\n", signature(program, entry));
    vtpu_release(program);
    return tools::exitGood;
  }
  const uint32_t entry = pickEntry(options, s, program);
  std::vector<Tensor> inputs = readInputs(options, s, program, entry), results;
  std::vector<Buffer> buffers;
  std::vector<const void *> inputPointers;
  std::vector<void *> outputPointers;
  for (const Tensor &tensor : inputs) {
    buffers.emplace_back(tensor.bytes.size());
    std::copy(tensor.bytes.begin(), tensor.bytes.end(), static_cast<uint8_t *>(buffers.back().data));
    inputPointers.push_back(buffers.back().data);
  }
  for (uint32_t i = 0; i < vtpu_output_count(program, entry); ++i) {
    vtpu_tensor_info info = infoOf(program, entry, i, false);
    results.push_back({DType(info.dtype), shapeOf(info), {}});
    results.back().allocate();
    buffers.emplace_back(info.bytes);
    std::fill_n(static_cast<uint8_t *>(buffers.back().data), info.bytes, uint8_t(0));
    outputPointers.push_back(buffers.back().data);
  }
  bool good = true;
  {
    tools::Progress progress(fmt::format("running {}", vtpu_entry_name(program, entry)));
    for (uint64_t i = 0; i < s.repeats && good; ++i)
      good = vtpu_call(program, entry, inputPointers.data(), outputPointers.data()) == 0;
  }
  if (!good)
    options.fail(vtpu_last_error());
  for (size_t i = 0; i < results.size(); ++i)
    std::copy_n(static_cast<uint8_t *>(outputPointers[i]), results[i].bytes.size(), results[i].bytes.data());
  writeOutputs(options, s, program, entry, results);
  int code = compareOutputs(options, s, results);
  std::fflush(stdout);
  if (s.stats)
    printStats(program, entry, vtpu_active_tier(program));
  vtpu_release(program);
  return code;
}
