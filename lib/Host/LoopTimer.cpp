//===- LoopTimer.cpp - Timing loops of programs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/LoopTimer.h"

#include "vtpu/Host/Clock.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <random>

namespace vtpu::host {

using namespace isa;

namespace {
/// A round takes the shortest times of some numbers of iterations and has the slope between them. So many rounds that agree are wanted of so many.
constexpr unsigned wantedRounds = 3, mostRounds = 15, warmUpCalls = 8;
constexpr double tolerance = 0.02;
/// A loop's own clock may be so far from the one beside its calls.
constexpr double mostSlowed = 0.2;
/// A round calls the loop with each number of iterations so often at least and at most, and ends when its time is over.
constexpr unsigned leastPasses = 3, mostPasses = 60;
constexpr std::chrono::microseconds roundTime(2000);
/// Different numbers of iterations, from half of them on. Many, in an order that no branch predictor learns: so every run ends alike, with a jump
/// that is predicted wrong.
constexpr unsigned mostCounts = 16;
/// Of a loop that runs less often only all iterations are timed together.
constexpr uint64_t fewestIterations = 8;
/// Flags of MXCSR: an operand was denormal, a result became so.
constexpr uint32_t denormalFlags = 0x12;
constexpr const char *denormal = "it computes denormal numbers, which hosts are slow at";
/// A load waits for an older store whose address is the same in its last twelve bits: what is read and what is written start apart within a page.
/// Since they may move towards each other, and what a program spills stands somewhere, too, there are several such distances, and the least time
/// counts.
constexpr size_t page = 4096, outputPhases[] = {page / 2, page / 4 + 512, 3 * page / 4 + 256};

/// What a loop is timed with, one after the other until its program runs: numbers that are ordinary whatever type reads them, as bits of other types
/// too; small integers, which also are indices in range; zeros.
enum class Fill : uint8_t { ordinary, small, zero };
constexpr Fill fills[] = {Fill::ordinary, Fill::small, Fill::zero};

/// Floats are from 1 to 2.
std::vector<uint8_t> numbers(DType type, uint64_t bytes, Fill how) {
  std::vector<uint8_t> result(bytes);
  if (how == Fill::zero)
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
    if (how == Fill::ordinary) {
      // As bf16 and f32 from 1 to 2, as f16 and f64 close to that.
      fill([&] { return uint16_t(0x3f80 | (random() & 0x7f)); });
      break;
    }
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
  Status load(Program program, const Region &region, Fill how) {
    probe.function = region.function;
    probe.head = region.first;
    probe.tail = region.last;
    probe.counter = region.counter;
    for (Function &function : program.functions)
      for (Binding &binding : function.bindings)
        if (binding.kind == BindingKind::Parameter) {
          binding.hash.clear(); // of numbers that are not there
          parameters.push_back({binding.key, binding.dtype, binding.shape, numbers(binding.dtype, tensorBytes(binding), how)});
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
  void choose(uint32_t e, Fill how, size_t outputPhase = outputPhases[0]) {
    entry = e;
    inputs.clear();
    outputs.clear();
    vtpu_tensor_info info = {};
    for (uint32_t i = 0; i < vtpu_input_count(handle, e) && vtpu_input_info(handle, e, i, &info) == 0; ++i)
      inputs.push_back(Buffer(numbers(DType(info.dtype), info.bytes, how), 0));
    for (uint32_t i = 0; i < vtpu_output_count(handle, e) && vtpu_output_info(handle, e, i, &info) == 0; ++i)
      outputs.push_back(Buffer(std::vector<uint8_t>(info.bytes), outputPhase));
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

/// Ticks of a cycle behind the shortest time of a loop.
double clockBehind(const rt::LoopProbe &probe) {
  const auto ticks = double(int64_t(probe.chains[1] - probe.chains[0]));
  return ticks / ((rt::LoopProbe::chainBlocks[1] - rt::LoopProbe::chainBlocks[0]) * rt::LoopProbe::chainBlock);
}

/// The slope through points, in order of x, that few of them can spoil: the median of those between points far from each other (Theil 1950).
double slopeOf(const std::vector<std::pair<double, double>> &points) {
  std::vector<double> slopes;
  const size_t far = std::max<size_t>(1, points.size() / 3);
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t k = i + far; k < points.size(); ++k)
      slopes.push_back((points[k].second - points[i].second) / (points[k].first - points[i].first));
  std::nth_element(slopes.begin(), slopes.begin() + ptrdiff_t(slopes.size() / 2), slopes.end());
  return slopes[slopes.size() / 2];
}

/// The middle of `wantedRounds` values that lie closest together, if they agree.
std::optional<double> agreed(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::optional<double> best;
  double spread = tolerance;
  for (size_t i = 0; i + wantedRounds <= values.size(); ++i) {
    const double middle = values[i + wantedRounds / 2], width = values[i + wantedRounds - 1] - values[i];
    if (middle > 0 && width <= spread * middle) {
      spread = width / middle;
      best = middle;
    }
  }
  return best;
}

/// Cycles an iteration, of a subject whose entry is chosen and warm. The first iterations are skipped `step` by `step`; 0: none may be.
Result<double> measure(Subject &subject, uint64_t iterations, int64_t step) {
  std::vector<uint64_t> skips;
  const uint64_t most = !step || iterations < fewestIterations ? 0 : iterations / 2, counts = std::min<uint64_t>(mostCounts, most + 1);
  for (uint64_t i = 0; i < counts; ++i)
    skips.push_back(counts > 1 ? most - most * i / (counts - 1) : 0);
  std::mt19937 random(1);
  std::vector<double> samples;
  for (unsigned round = 0; round < mostRounds; ++round) {
    std::map<uint64_t, double> least; // cycles, by iterations
    double clock = ticksPerCycle();
    const auto end = std::chrono::steady_clock::now() + roundTime;
    for (unsigned pass = 0; pass < mostPasses && (pass < leastPasses || std::chrono::steady_clock::now() < end); ++pass) {
      std::shuffle(skips.begin(), skips.end(), random);
      std::vector<uint64_t> ticks;
      std::vector<double> clocks; // right behind the loop, which may slow the clock down for as long as it runs
      for (uint64_t skip : skips) {
        subject.probe.skip = int64_t(skip) * step;
        subject.probe.least = UINT64_MAX;
        if (Status status = subject.run(); !status)
          return Error{status.message()};
        ticks.push_back(subject.probe.least);
        clocks.push_back(clockBehind(subject.probe));
      }
      std::nth_element(clocks.begin(), clocks.begin() + ptrdiff_t(clocks.size() / 2), clocks.end());
      const double own = clocks[clocks.size() / 2];
      // The core's clock may change: a pass counts if it did not.
      const double after = ticksPerCycle();
      if (std::abs(after - clock) < 0.5 * tolerance * clock && std::abs(own - clock) < mostSlowed * clock)
        for (size_t i = 0; i < skips.size(); ++i) {
          const double cycles = double(ticks[i]) / own;
          const auto [it, isNew] = least.insert({iterations - skips[i], cycles});
          it->second = std::min(it->second, cycles);
        }
      clock = after;
    }
    if (least.size() == skips.size())
      samples.push_back(counts > 1 ? slopeOf({least.begin(), least.end()}) : least.begin()->second / double(iterations));
    if (const std::optional<double> cycles = agreed(samples))
      return *cycles;
  }
  if (samples.empty())
    return Error{"the clock of the core never kept still"};
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  return Error{fmt::format("its time does not repeat: between {:.2f} and {:.2f} cycles", *low, *high)};
}
} // namespace

Result<double> timeLoop(const Program &program, const Region &region) {
  if (const std::string why = obstacle(program, region); !why.empty())
    return Error{why};
  if (region.counter < 0)
    return Error{"no register counts its iterations"};
  std::string why = "no entry of the program runs it";
  for (Fill how : fills) {
    Subject subject;
    if (Status status = subject.load(program, region, how); !status)
      return Error{status.message()};
    for (uint32_t e = 0; e < subject.numEntries(); ++e) {
      subject.choose(e, how);
      rt::LoopProbe &probe = subject.probe;
      probe.skip = probe.counted = 0;
      probe.entered = probe.exceptions = 0;
      if (Status status = subject.run(); !status) {
        why = fmt::format("entry {} fails with numbers of vtpu-mca's own: {}", subject.nameOf(e), status.message());
        continue;
      }
      if (!probe.entered)
        continue;
      if (probe.exceptions & denormalFlags) {
        why = denormal;
        continue;
      }
      // Where the words do not tell them, iterations may differ from one time that the loop is entered to the next.
      const uint64_t iterations = region.iterations ? region.iterations : uint64_t(probe.counted / region.step) / probe.entered;
      const int64_t step = region.iterations || probe.entered == 1 ? region.step : 0;
      Result<double> least = Error{};
      for (size_t phase : outputPhases) {
        subject.choose(e, how, phase);
        for (unsigned call = 0; call < warmUpCalls; ++call)
          if (Status status = subject.run(); !status)
            return Error{status.message()};
        Result<double> cycles = measure(subject, iterations, step);
        if (probe.exceptions & denormalFlags)
          break;
        if (!least || (cycles && *cycles < *least))
          least = std::move(cycles);
      }
      if (!(probe.exceptions & denormalFlags))
        return least;
      why = denormal;
    }
  }
  return Error{why};
}

} // namespace vtpu::host
