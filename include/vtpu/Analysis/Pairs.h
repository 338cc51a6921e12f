//===- Pairs.h - Two programs beside each other -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much two programs slow each other down, from what each does to the resources of a core when it runs alone. On siblings of one core
// they share its ports: both go on at the same share of their speed, so that the busiest resource is full. On two cores they share what
// lies behind the private caches.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_PAIRS_H
#define VTPU_ANALYSIS_PAIRS_H

#include <map>
#include <string>

namespace vtpu::analysis {

/// What one program does, alone, in a call.
struct Demand {
  double cycles = 0;
  std::map<std::string, double> busy; // cycles of work at each resource of the core, by name
  double sharedBytes = 0;             // that come from and go to what cores share
};

struct Together {
  double slowdown = 1;  // of both
  std::string resource; // what limits; empty: nothing does
};

/// On siblings of one core.
Together onSiblings(const Demand &a, const Demand &b);
/// On two cores that share `bytesPerCycle` behind their private caches; 0: unknown, nothing limits.
Together onCores(const Demand &a, const Demand &b, double bytesPerCycle);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_PAIRS_H
