//===- Calibrate.h - Measuring what instructions cost -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds a host table of this machine by timing loops: no performance counters, no privileges. Manual: docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_CALIBRATE_H
#define VTPU_HOST_CALIBRATE_H

#include "vtpu/Host/Forms.h"
#include "vtpu/Host/Table.h"

#include <functional>
#include <memory>

namespace vtpu::host {

/// What times loops. Tests have one that computes times.
class Measurer {
public:
  virtual ~Measurer() = default;
  /// Loops are kept apart by a number, 0 or 1, so that two can be timed in turns.
  static constexpr unsigned numLoops = 2;
  /// Makes a loop of a body. The body finds the registers and memory that lib/Host/Kernel.h lists.
  virtual Status load(unsigned loop, const std::vector<uint8_t> &body) = 0;
  /// Runs a loop once and returns the ticks of some clock that `iterations` > 0 rounds took, without what surrounds them.
  virtual uint64_t run(unsigned loop, uint32_t iterations) = 0;
  /// Ticks a second; 0: unknown.
  virtual double tickRate() const = 0;
  /// Levels of the data caches without times, memory last.
  virtual std::vector<Cache> caches() const = 0;
  /// Ticks for each load of a chain that walks through `bytes` bytes in random order.
  virtual double chaseTicks(uint64_t bytes) = 0;
  /// Ticks for each 64 bytes when `bytes` bytes are loaded or stored one after the other again and again.
  virtual double streamTicks(uint64_t bytes, bool store) = 0;
};

/// Times loops on the core on which the calling thread runs, which it keeps until the measurer is gone. An error without AVX-512.
Result<std::unique_ptr<Measurer>> createNativeMeasurer();

/// Where a form was not measured: what somebody else says. Its resources are not used.
struct Prior {
  std::string name;
  uint32_t window = 1; // instructions in flight
  std::function<std::optional<Figure>(const Example &)> figure;
};

struct Calibration {
  Table table;
  std::vector<std::string> warnings; // one sentence each
  size_t samples = 0;                // loops timed
};

/// Called with what is being measured; seconds may pass between calls.
using OnStage = std::function<void(std::string_view)>;

/// Measures the forms. What cannot be measured, or never twice alike, has the prior's figures and a warning.
Result<Calibration> calibrate(const CPU &cpu, const std::map<std::string, Example> &forms, Measurer &measurer, const Prior &prior,
                              const OnStage &onStage = {});

} // namespace vtpu::host

#endif // VTPU_HOST_CALIBRATE_H
