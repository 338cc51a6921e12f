//===- CacheGeometry.h - The data caches of a processor ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Levels of data caches as analyses want them: as given in text, or as hwloc finds them on this machine. Levels are those of host tables
// (vtpu/Host/Table.h); the last entry is memory, with a latency only.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_CACHEGEOMETRY_H
#define VTPU_ANALYSIS_CACHEGEOMETRY_H

#include "vtpu/Host/Table.h"

namespace vtpu::analysis {

using Caches = std::vector<host::Cache>;

inline uint64_t setsOf(const host::Cache &cache) { return cache.bytes / (uint64_t(cache.ways) * cache.line); }

/// `L1:48K:12:64,L2:2M:16:64`: name, bytes (K, M, G are binary), ways, bytes of a line and optionally cycles of a load that hits; from the
/// nearest outwards. `memory:CYCLES` at the end is optional. Latencies that nobody gives are `assumedLatency`.
Result<Caches> parseCaches(std::string_view text);
/// The same as text, with all latencies.
std::string printCaches(const Caches &caches);
/// Every rule that levels must keep: a whole number of sets, lines of one size that is a power of two, sizes that grow.
Status checkCaches(const Caches &caches);
/// The data caches of the first processing unit that hwloc finds; an error if it knows no cache, or not its size, ways or line.
Result<Caches> detectCaches();
/// Cycles of a load that hits level `level` (0: the nearest) of `levels`; the last is memory. Typical of server cores of 2019 to 2025, used
/// where neither the user nor a host table tells.
double assumedLatency(size_t level, size_t levels);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_CACHEGEOMETRY_H
