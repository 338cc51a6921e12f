//===- LoopTimer.cpp - Timing loops of programs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/LoopTimer.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <random>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace vtpu::host {

using namespace isa;

namespace {
/// Rounds of samples, of which the median counts; in each the shortest of some runs does. The first ones warm up.
constexpr unsigned rounds = 7, warmUp = 2, mostRuns = 40;
constexpr std::chrono::microseconds roundTime(1500);
/// Loops that run less often are not also run half as often.
constexpr uint64_t fewestIterations = 8;
/// A load waits for an older store whose address is the same in its last twelve bits: what is read and what is written starts half a page apart.
constexpr size_t page = 4096;

/// Ticks of the time stamp counter in a cycle of the core, now: additions that wait for each other take a cycle each.
double ticksPerCycle() {
#if defined(__x86_64__)
  constexpr unsigned additions = 1024;
  uint64_t least = UINT64_MAX, value = 0;
  for (unsigned run = 0; run < 3; ++run) {
    _mm_lfence();
    const uint64_t start = __rdtsc();
    _mm_lfence();
    asm volatile(".rept 1024\n\tadd %1, %0\n\t.endr" : "+r"(value) : "r"(start));
    _mm_lfence();
    least = std::min<uint64_t>(least, __rdtsc() - start);
  }
  return double(least) / additions;
#else
  return 1;
#endif
}

/// Numbers that no operation is slow with: floats from 1 to 2, small integers, which also are indices in range; or all zero.
std::vector<uint8_t> numbers(DType type, uint64_t bytes, bool zero) {
  std::vector<uint8_t> result(bytes);
  if (zero)
    return result;
  std::mt19937_64 random(1);
  auto fill = [&](auto sample) {
    for (size_t at = 0; at + sizeof(sample()) <= bytes; at += sizeof(sample())) {
      const auto value = sample();
      std::memcpy(&result[at], &value, sizeof value);
    }
  };
  switch (type) {
  case DType::f64:
    fill([&] { return 1 + double(random() >> 11) * 0x1p-53; });
    break;
  case DType::f32:
    fill([&] { return 1 + float(random() >> 40) * 0x1p-24f; });
    break;
  case DType::f16: // the exponents of 1
    fill([&] { return uint16_t(0x3c00 | (random() & 0x3ff)); });
    break;
  case DType::bf16:
    fill([&] { return uint16_t(0x3f80 | (random() & 0x7f)); });
    break;
  case DType::i1:
    fill([&] { return uint8_t(random() & 1); });
    break;
  default:
    switch (dtypeBytes(type)) {
    case 1:
      fill([&] { return uint8_t(random() % 16); });
      break;
    case 2:
      fill([&] { return uint16_t(random() % 16); });
      break;
    case 4:
      fill([&] { return uint32_t(random() % 16); });
      break;
    default:
      fill([&] { return uint64_t(random() % 16); });
    }
  }
  return result;
}

/// A program with a probe around a loop, and what its entries are called with.
class Subject {
public:
  ~Subject() {
    if (handle)
      vtpu_release(handle);
  }
  Status load(Program program, const Region &region, bool zero) {
    probe.function = region.function;
    probe.head = region.first;
    probe.tail = region.last;
    probe.counter = region.counter;
    for (Function &function : program.functions)
      for (Binding &binding : function.bindings)
        if (binding.kind == BindingKind::Parameter) {
          uint64_t bytes = dtypeBytes(binding.dtype);
          for (int64_t extent : binding.shape)
            bytes *= uint64_t(extent);
          binding.hash.clear(); // of numbers that are not there
          parameters.push_back({binding.key, binding.dtype, binding.shape, numbers(binding.dtype, bytes, zero)});
        }
    Result<vtpu_program *> loaded = rt::loadProbed(std::move(program), probe);
    if (!loaded)
      return loaded.takeError();
    handle = *loaded;
    for (const Parameter &p : parameters)
      if (vtpu_set_parameter(handle, p.key.c_str(), vtpu_dtype(p.dtype), uint32_t(p.shape.size()), p.shape.data(), p.bytes.data()) != 0)
        return Error{vtpu_last_error()};
    return {};
  }
  uint32_t numEntries() const { return vtpu_entry_count(handle); }
  std::string nameOf(uint32_t e) const { return vtpu_entry_name(handle, e); }
  void choose(uint32_t e, bool zero) {
    entry = e;
    inputs.clear();
    outputs.clear();
    vtpu_tensor_info info = {};
    for (uint32_t i = 0; i < vtpu_input_count(handle, e) && vtpu_input_info(handle, e, i, &info) == 0; ++i)
      inputs.push_back(Buffer(numbers(DType(info.dtype), info.bytes, zero), 0));
    for (uint32_t i = 0; i < vtpu_output_count(handle, e) && vtpu_output_info(handle, e, i, &info) == 0; ++i)
      outputs.push_back(Buffer(std::vector<uint8_t>(info.bytes), page / 2));
  }
  Status run() {
    std::vector<const void *> in;
    std::vector<void *> out;
    for (Buffer &buffer : inputs)
      in.push_back(buffer.data());
    for (Buffer &buffer : outputs)
      out.push_back(buffer.data());
    return vtpu_call(handle, entry, in.data(), out.data()) == 0 ? Status() : Status(Error{vtpu_last_error()});
  }
  rt::LoopProbe probe;

private:
  struct Parameter {
    std::string key;
    DType dtype;
    std::vector<int64_t> shape;
    std::vector<uint8_t> bytes;
  };
  /// Bytes that stand `phase` bytes behind the start of a page.
  class Buffer {
  public:
    Buffer(const std::vector<uint8_t> &from, size_t phase)
        : bytes(from.size() + 2 * page), shift((page - reinterpret_cast<uintptr_t>(bytes.data()) % page) % page + phase) {
      std::copy(from.begin(), from.end(), bytes.begin() + ptrdiff_t(shift));
    }
    uint8_t *data() { return bytes.data() + shift; }

  private:
    std::vector<uint8_t> bytes;
    size_t shift;
  };
  vtpu_program *handle = nullptr;
  uint32_t entry = 0;
  std::vector<Parameter> parameters;
  std::vector<Buffer> inputs, outputs;
};

/// Why a probe cannot stand around a loop; empty if it can.
std::string obstacle(const Program &program, const Region &region) {
  if (!region.loop)
    return "a straight run is no loop";
  const std::vector<Word> &words = program.functions[region.function].words;
  for (uint32_t w = 0; w < words.size(); ++w) {
    const InstrInfo *info = lookup(Pipe::C, words[w].slot(Pipe::C).opcode);
    if (!info || !info->isBranch || w == region.last)
      continue;
    const int64_t target = int64_t(w) + words[w].slot(Pipe::C).imm;
    const bool inside = w >= region.first && w <= region.last, toInside = target >= region.first && target <= region.last;
    if (inside && !toInside)
      return fmt::format("word {} leaves the loop before its end", w);
    if (!inside && toInside)
      return fmt::format("word {} branches into the loop", w);
  }
  return "";
}

/// The program with half of the loop's iterations; nothing if its words do not tell how many there are, or others read the bound.
std::optional<Program> halved(const Program &program, const Region &region) {
  if (region.iterations < fewestIterations)
    return std::nullopt;
  Program result = program;
  Word &tail = result.functions[region.function].words[region.last];
  if (tail.slot(Pipe::C).opcode != uint8_t(COp::cbcci))
    return std::nullopt;
  for (Pipe pipe : {Pipe::D, Pipe::S})
    if (const InstrInfo *info = lookup(pipe, tail.slot(pipe).opcode); info && (info->operand(Field::i0) || info->operand(Field::i1)))
      return std::nullopt;
  tail.i1 -= int64_t(region.iterations / 2) * region.step;
  return result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
} // namespace

Result<double> timeLoop(const Program &program, const Region &region) {
  if (const std::string why = obstacle(program, region); !why.empty())
    return Error{why};
  if (region.counter < 0)
    return Error{"no register counts its iterations"};
  std::string why = "no entry of the program runs it";
  for (bool zero : {false, true}) {
    Subject whole, half;
    if (Status status = whole.load(program, region, zero); !status)
      return Error{status.message()};
    std::optional<Program> shorter = halved(program, region);
    if (shorter)
      if (Status status = half.load(std::move(*shorter), region, zero); !status)
        return Error{status.message()};
    for (uint32_t e = 0; e < whole.numEntries(); ++e) {
      whole.choose(e, zero);
      if (Status status = whole.run(); !status) {
        why = fmt::format("entry {} fails with numbers of vtpu-mca's own: {}", whole.nameOf(e), status.message());
        continue;
      }
      if (!whole.probe.entered)
        continue;
      if (shorter) {
        half.choose(e, zero);
        if (Status status = half.run(); !status)
          return Error{status.message()};
      }
      const double iterations = double(whole.probe.counted) / double(region.step) / double(whole.probe.entered);
      std::vector<double> samples;
      for (unsigned round = 0; round < rounds + warmUp; ++round) {
        whole.probe.least = half.probe.least = UINT64_MAX;
        double clock = 1e9;
        const auto end = std::chrono::steady_clock::now() + roundTime;
        for (unsigned run = 0; run < mostRuns && std::chrono::steady_clock::now() < end; ++run) {
          if (!whole.run() || (shorter && !half.run()))
            return Error{vtpu_last_error()};
          clock = std::min(clock, ticksPerCycle());
        }
        const double ticks = double(whole.probe.least) - (shorter ? double(half.probe.least) : 0);
        if (round >= warmUp)
          samples.push_back(ticks / clock / (shorter ? double(region.iterations / 2) : iterations));
      }
      return median(samples);
    }
  }
  return Error{why};
}

} // namespace vtpu::host
