//===- Timer.cpp - Times of loops in cycles ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Timer.h"

#include <algorithm>
#include <cmath>

namespace vtpu::host {

namespace {
constexpr unsigned additions = 64, clockRounds = 80;
/// Long enough that what surrounds a loop does not count, short enough that few runs are interrupted.
constexpr double ticksOfRun = 20000;
constexpr unsigned leastRuns = 4, mostRuns = 60;
/// Two times within this part are the same.
constexpr double repeatTolerance = 0.005;

bool agree(double a, double b) { return std::abs(a - b) <= repeatTolerance * std::min(a, b); }
} // namespace

Status Timer::start() {
  std::vector<uint8_t> body;
  for (unsigned i = 0; i < additions; ++i)
    append(body, ZYDIS_MNEMONIC_ADD, {operandOf(Register(8)), operandOf(kernel::number)});
  if (Status status = measurer.load(0, body); !status)
    return status;
  for (unsigned run = 0; run < 1000; ++run) // the core's clock rises with work
    clock();
  rate = measurer.tickRate() / clock();
  return {};
}

double Timer::clock() { return std::max(1.0, double(measurer.run(0, clockRounds))) / (additions * clockRounds); }

Result<Reading> Timer::time(const std::vector<uint8_t> &body) {
  if (Status status = measurer.load(1, body); !status)
    return Error{status.message()};
  ++numSamples;
  // Code and data become warm; the first runs tell how many rounds make a run.
  uint32_t rounds = 4;
  for (unsigned trial = 0; trial < 3; ++trial) {
    const double ticks = std::max(1.0, double(measurer.run(1, rounds)));
    rounds = uint32_t(std::clamp(ticksOfRun / ticks * rounds, 4.0, 20000.0));
  }
  double first = 1e300, second = 1e300; // the shortest times
  double before = clock();
  for (unsigned run = 0, good = 0; run < mostRuns && (good < leastRuns || !agree(first, second)); ++run) {
    const double ticks = double(measurer.run(1, rounds)) / rounds, after = clock();
    if (agree(before, after)) { // the core's clock did not change meanwhile
      const double time = ticks * 2 / (before + after);
      second = std::min(second, std::max(first, time));
      first = std::min(first, time);
      ++good;
    }
    before = after;
  }
  const bool repeats = second < 1e300 && agree(first, second);
  return Reading{first < 1e300 ? first : 0, repeats};
}

} // namespace vtpu::host
