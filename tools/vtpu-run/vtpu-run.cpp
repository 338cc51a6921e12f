//===- vtpu-run.cpp - Runs an entry of a program ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command-line face of the C API. Exit codes: 0 success, 1 a user's error, 2 results differ from what was expected.
//
//===----------------------------------------------------------------------===//

#include "Arrays.h"
#include "vtpu/Runtime/vtpu.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <getopt.h>

using namespace vtpu;
using namespace vtpu::tools;

namespace {
constexpr const char *usage = R"(usage: vtpu-run FILE.vtpu [options]
Runs one entry of a program and prints its results.

  --function=NAME              entry to run (default: the only one, or main)
  --input=ARRAY                2x2xf32=1 2 3 4 | 4xi64=0 | @file.npy; repeat per input
  --output=@FILE.npy           writes a result instead of printing it; repeat per result
  --expected_output=ARRAY      compares a result; repeat per result
  --expected_f32_threshold=X   absolute and relative tolerance (default 1e-4; f16 and f64 alike)
  --parameters=FILE            safetensors file with the external parameters
  --tier=TIER                  default, interpreter or jit
  --threads=N                  sentrons of the call (default 1)
  --cpu-features=baseline      behave as on a CPU without AVX-512
  --repeat=N                   calls, timed one by one (default 1)
  --stats                      words, filled slots, times, memory
  --list                       entries with their inputs and outputs
  --help                       this text
)";

int fail(const std::string &message) {
  std::fprintf(stderr, "vtpu-run: %s\n", message.c_str());
  return 1;
}
std::string describe(const vtpu_tensor_info &info) {
  Array array;
  array.dtype = DType(info.dtype);
  array.shape.assign(info.shape, info.shape + info.rank);
  return fmt::format("{}: {}", info.name, array.type());
}
} // namespace

int main(int argc, char **argv) {
  std::vector<std::string> inputs, outputs, expected;
  std::string function, parameters, features, tier = "default";
  double threshold = 1e-4;
  long threads = 1, repeat = 1;
  bool stats = false, list = false;
  static const option options[] = {{"function", required_argument, nullptr, 'f'},   {"entry", required_argument, nullptr, 'f'},
                                   {"input", required_argument, nullptr, 'i'},      {"output", required_argument, nullptr, 'o'},
                                   {"expected_output", required_argument, nullptr, 'e'}, {"expected_f32_threshold", required_argument, nullptr, 't'},
                                   {"parameters", required_argument, nullptr, 'p'}, {"tier", required_argument, nullptr, 'r'},
                                   {"threads", required_argument, nullptr, 'n'},    {"cpu-features", required_argument, nullptr, 'c'},
                                   {"repeat", required_argument, nullptr, 'k'},     {"stats", no_argument, nullptr, 's'},
                                   {"list", no_argument, nullptr, 'l'},             {"help", no_argument, nullptr, 'h'},
                                   {nullptr, 0, nullptr, 0}};
  for (int code; (code = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    switch (code) {
    case 'f':
      function = optarg;
      break;
    case 'i':
      inputs.push_back(optarg);
      break;
    case 'o':
      outputs.push_back(optarg);
      break;
    case 'e':
      expected.push_back(optarg);
      break;
    case 't':
      threshold = std::strtod(optarg, nullptr);
      break;
    case 'p':
      parameters = optarg;
      break;
    case 'r':
      tier = optarg;
      break;
    case 'n':
      threads = std::strtol(optarg, nullptr, 10);
      break;
    case 'c':
      features = optarg;
      break;
    case 'k':
      repeat = std::strtol(optarg, nullptr, 10);
      break;
    case 's':
      stats = true;
      break;
    case 'l':
      list = true;
      break;
    case 'h':
      std::fputs(usage, stdout);
      return 0;
    default:
      return 1;
    }
  }
  if (optind + 1 != argc)
    return fail("expected one program; see --help");
  vtpu_options load = {};
  load.struct_size = sizeof(load);
  if (tier != "default" && tier != "interpreter" && tier != "jit")
    return fail(fmt::format("unknown tier '{}'; legal are default, interpreter, jit", tier));
  load.tier = tier == "jit" ? VTPU_TIER_JIT : tier == "interpreter" ? VTPU_TIER_INTERPRETER : VTPU_TIER_DEFAULT;
  if (threads < 1 || repeat < 1)
    return fail("--threads and --repeat take positive numbers");
  load.threads = uint32_t(threads);
  load.cpu_features = features.empty() ? nullptr : features.c_str();
  load.parameter_file = parameters.empty() ? nullptr : parameters.c_str();
  vtpu_program *program;
  auto started = std::chrono::steady_clock::now();
  if (vtpu_load_file(argv[optind], &load, &program) != 0)
    return fail(vtpu_last_error());
  const double loadMs = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();

  if (list) {
    for (uint32_t e = 0; e < vtpu_entry_count(program); ++e) {
      std::printf("%s\n", vtpu_entry_name(program, e));
      vtpu_tensor_info info;
      for (uint32_t i = 0; i < vtpu_input_count(program, e); ++i)
        if (vtpu_input_info(program, e, i, &info) == 0)
          std::printf("  input  %s\n", describe(info).c_str());
      for (uint32_t i = 0; i < vtpu_output_count(program, e); ++i)
        if (vtpu_output_info(program, e, i, &info) == 0)
          std::printf("  output %s\n", describe(info).c_str());
    }
    vtpu_release(program);
    return 0;
  }
  if (function.empty())
    function = vtpu_entry_count(program) == 1 ? vtpu_entry_name(program, 0) : "main";
  const int32_t entry = vtpu_find_entry(program, function.c_str());
  if (entry < 0) {
    std::string names;
    for (uint32_t e = 0; e < vtpu_entry_count(program); ++e)
      names += fmt::format("{}{}", e ? ", " : "", vtpu_entry_name(program, e));
    return fail(fmt::format("no entry '{}'; the program has {}", function, names));
  }
  const uint32_t index = uint32_t(entry);
  if (inputs.size() != vtpu_input_count(program, index))
    return fail(fmt::format("entry '{}' takes {} inputs, {} given; --list shows them", function, vtpu_input_count(program, index), inputs.size()));
  std::vector<Array> in, out;
  std::vector<const void *> inPointers;
  std::vector<void *> outPointers;
  vtpu_tensor_info info;
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    Result<Array> array = parseArray(inputs[i]);
    if (!array)
      return fail(array.message());
    if (vtpu_input_info(program, index, i, &info) != 0)
      return fail(vtpu_last_error());
    if (vtpu_dtype(array->dtype) != info.dtype || array->shape != std::vector<int64_t>(info.shape, info.shape + info.rank))
      return fail(fmt::format("input {} is {}, the entry takes {}", i, array->type(), describe(info)));
    in.push_back(std::move(*array));
  }
  for (uint32_t i = 0; i < vtpu_output_count(program, index); ++i) {
    if (vtpu_output_info(program, index, i, &info) != 0)
      return fail(vtpu_last_error());
    Array array;
    array.dtype = DType(info.dtype);
    array.shape.assign(info.shape, info.shape + info.rank);
    array.bytes.resize(info.bytes);
    out.push_back(std::move(array));
  }
  for (Array &array : in)
    inPointers.push_back(array.bytes.data());
  for (Array &array : out)
    outPointers.push_back(array.bytes.data());
  std::vector<double> times;
  for (long k = 0; k < repeat; ++k) {
    auto before = std::chrono::steady_clock::now();
    if (vtpu_call(program, index, inPointers.data(), outPointers.data()) != 0)
      return fail(vtpu_last_error());
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count());
  }
  int result = 0;
  for (uint32_t i = 0; i < out.size(); ++i) {
    if (i < outputs.size()) {
      std::string path = outputs[i][0] == '@' ? outputs[i].substr(1) : outputs[i];
      if (Status status = writeNumpy(out[i], path); !status)
        return fail(status.message());
    } else if (i >= expected.size()) {
      std::printf("result %u: %s\n", i, out[i].text(1000).c_str());
    }
    if (i < expected.size()) {
      Result<Array> want = parseArray(expected[i]);
      if (!want)
        return fail(want.message());
      if (Status status = compareArrays(out[i], *want, threshold); !status) {
        std::fprintf(stderr, "vtpu-run: result %u: %s\n", i, status.message().c_str());
        result = 2;
      }
    }
  }
  if (stats) {
    vtpu_stats s;
    if (vtpu_get_stats(program, index, &s) != 0)
      return fail(vtpu_last_error());
    std::vector<double> sorted = times;
    std::sort(sorted.begin(), sorted.end());
    std::printf("tier %s  words %llu  D %llu  S %llu  C %llu\n", vtpu_active_tier(program) == VTPU_TIER_JIT ? "jit" : "interpreter",
                (unsigned long long)s.words, (unsigned long long)s.d, (unsigned long long)s.s, (unsigned long long)s.c);
    std::printf("load %.2f ms  first call %.3f ms  median call %.4f ms  outside words %.2f %%\n", loadMs, times[0], sorted[sorted.size() / 2],
                s.total_seconds > 0 ? 100 * s.host_seconds / s.total_seconds : 0.0);
    std::printf("code %llu bytes  context %llu bytes\n", (unsigned long long)s.code_bytes, (unsigned long long)s.context_bytes);
  }
  vtpu_release(program);
  return result;
}
