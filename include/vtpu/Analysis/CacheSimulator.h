//===- CacheSimulator.h - Misses of an access stream ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Set-associative levels with least-recently-used replacement; what misses one goes to the next. Beside each level a fully associative
// cache of its size sees the same stream, which sorts the misses (Hill, "Aspects of Cache Memory and Instruction Buffer Performance",
// 1987): the first touch of a line is compulsory; what the other cache misses too, for lack of room, is capacity; the rest is conflict,
// made by the sets. No prefetcher is modelled: what streams in order costs less than its misses say.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_CACHESIMULATOR_H
#define VTPU_ANALYSIS_CACHESIMULATOR_H

#include "vtpu/Analysis/CacheGeometry.h"
#include "vtpu/Analysis/Trace.h"

#include <unordered_map>

namespace vtpu::analysis {

struct MissCounts {
  uint64_t accesses = 0, compulsory = 0, capacity = 0, conflict = 0;
  uint64_t spared = 0; // hits that the fully associative cache misses
  uint64_t misses() const { return compulsory + capacity + conflict; }
  /// Misses that sets add, less those that they spare.
  uint64_t netConflict() const { return conflict > spared ? conflict - spared : 0; }
};

struct LevelResult {
  MissCounts total;
  std::vector<MissCounts> bySite;
  /// Conflict misses by who missed and who had evicted the line: site << 32 | site.
  std::unordered_map<uint64_t, uint64_t> fights;
  std::unordered_map<uint64_t, uint64_t> conflictsBySet;
  uint64_t lines = 0; // distinct ones that came to this level
};

/// One result for each level of the caches, memory left out. A run of bytes that crosses lines is an access to each.
std::vector<LevelResult> simulateCaches(const std::vector<Access> &accesses, size_t sites, const Caches &caches);

/// Cycles that one miss of a level adds to what a hit takes.
inline double missCycles(const Caches &caches, size_t level) { return std::max(caches[level + 1].latency - caches[level].latency, 0.0); }
/// Cycles of all accesses: one each, and those of the misses. Out-of-order execution hides a part; the figure weighs findings against each
/// other.
double memoryCycles(const std::vector<LevelResult> &levels, const Caches &caches);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_CACHESIMULATOR_H
