//===- Timer.h - Times of loops in cycles -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cycle is what a step of a chain of dependent additions takes. The chain is timed before and after each run of a loop; a run counts only if both
// agree, so that neither a change of the core's clock nor what interrupts the chain is taken for the loop's.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_HOST_TIMER_H
#define VTPU_LIB_HOST_TIMER_H

#include "Kernel.h"
#include "vtpu/Host/Calibrate.h"

namespace vtpu::host {

struct Reading {
  double cycles = 0;    // one round of the body
  bool repeats = false; // the shortest time was seen twice
};

class Timer {
public:
  explicit Timer(Measurer &measurer) : measurer(measurer) {}
  /// Prepares the chain of additions.
  Status start();
  Result<Reading> time(const std::vector<uint8_t> &body);
  /// Cycles a second when the timer started; 0: unknown.
  double clockRate() const { return rate; }
  size_t samples() const { return numSamples; }
  /// Ticks of one cycle now.
  double clock();

private:
  Measurer &measurer;
  double rate = 0;
  size_t numSamples = 0;
};

} // namespace vtpu::host

#endif // VTPU_LIB_HOST_TIMER_H
