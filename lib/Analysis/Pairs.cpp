//===- Pairs.cpp - Two programs beside each other ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Pairs.h"

namespace vtpu::analysis {

Together onSiblings(const Demand &a, const Demand &b) {
  Together together;
  if (a.cycles <= 0 || b.cycles <= 0)
    return together;
  for (const auto &[name, work] : a.busy) {
    const auto other = b.busy.find(name);
    const double busy = work / a.cycles + (other == b.busy.end() ? 0 : other->second / b.cycles);
    if (busy > together.slowdown) {
      together.slowdown = busy;
      together.resource = name;
    }
  }
  return together;
}

Together onCores(const Demand &a, const Demand &b, double bytesPerCycle) {
  Together together;
  if (a.cycles <= 0 || b.cycles <= 0 || bytesPerCycle <= 0)
    return together;
  const double busy = (a.sharedBytes / a.cycles + b.sharedBytes / b.cycles) / bytesPerCycle;
  if (busy > together.slowdown) {
    together.slowdown = busy;
    together.resource = "shared memory";
  }
  return together;
}

} // namespace vtpu::analysis
