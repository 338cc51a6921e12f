//===- Patterns.h - Strides, footprints, reuse ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the words of a trace walk over memory.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_PATTERNS_H
#define VTPU_ANALYSIS_PATTERNS_H

#include "vtpu/Analysis/Trace.h"

#include <array>

namespace vtpu::analysis {

/// How often lines come back. Bucket 0 holds distance 0, bucket b > 0 the distances from 2^(b-1) to 2^b - 1.
struct ReuseHistogram {
  static constexpr unsigned buckets = 34;
  uint64_t first = 0; // lines that were never touched before
  std::array<uint64_t, buckets> counts{};
  static unsigned bucketOf(uint64_t distance) { return distance ? 64 - unsigned(__builtin_clzll(distance)) : 0; }
};

/// For each access, and each line of it, in order: the number of distinct other lines since the last touch of that line, or `neverBefore`.
/// A fully associative cache of more lines than that hits. Bennett and Kruskal, "LRU Stack Processing", IBM Journal of Research and
/// Development 19 (1975): marks at the last touch of each line, counted by a tree; O(log of the distinct lines) an access.
constexpr uint64_t neverBefore = UINT64_MAX;
void forEachReuse(const std::vector<Access> &accesses, unsigned lineBytes,
                  const std::function<void(uint32_t access, uint64_t distance)> &visit);

enum class StrideKind : uint8_t { single, constant, few, random };
std::string_view strideName(StrideKind kind);

/// Of one site.
struct SitePattern {
  uint64_t accesses = 0, bytes = 0;
  uint64_t lines = 0; // distinct
  StrideKind kind = StrideKind::single;
  /// Distances between successive addresses, most frequent first, with their share; at most four.
  std::vector<std::pair<int64_t, double>> strides;
  ReuseHistogram reuse;
  /// Shares of the steps that moved in one dimension of the tensor's coordinates alone, by dimension, with the mean distance, and of those
  /// in several dimensions. Empty: the object has no coordinates.
  struct Steps {
    unsigned dimension;
    double share, distance;
  };
  std::vector<Steps> steps;
  double severalDimensions = 0;
};

struct Patterns {
  std::vector<SitePattern> bySite;
  ReuseHistogram reuse;
  uint64_t lines = 0;
  unsigned lineBytes = 0;
};

/// Constant: one stride makes 90 % of the steps; few: at most four do; else random.
Patterns findPatterns(const Trace &trace, unsigned lineBytes);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_PATTERNS_H
