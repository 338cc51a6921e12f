//===- CacheFindings.h - What costs time in caches --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Set conflicts, capacity, 4K aliasing and split lines of a trace, each with the words that take part and a way out. Ways out that change
// where data lies are tried in the simulator before they are named; one that does not help is not named.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_CACHEFINDINGS_H
#define VTPU_ANALYSIS_CACHEFINDINGS_H

#include "vtpu/Analysis/CacheSimulator.h"
#include "vtpu/Analysis/Patterns.h"

namespace vtpu::analysis {

enum class FindingKind : uint8_t {
  setConflict, // lines fight for the ways of few sets while others are free
  capacity,    // more lines lie between two uses than the level holds
  aliasing,    // a load waits for a store that only looks like its own: addresses agree in the low 12 bits
  splitLines,  // accesses cross from one line into the next
};
std::string_view findingName(FindingKind kind);

/// A word's part in a finding.
struct Part {
  uint32_t site;
  uint32_t opponent; // site that evicts the line or stores to the alias; of other kinds the same site
  uint64_t count;
};

struct Finding {
  FindingKind kind;
  std::string level;            // the cache; empty: no matter of one
  uint64_t count = 0;           // misses, aliased loads, split accesses
  uint64_t of = 0;              // accesses, loads, accesses
  double cycles = 0, share = 0; // of the memory cycles of the program
  std::vector<Part> parts;      // the largest first, at most six
  size_t others = 0;            // parts that are left out
  std::string what;             // one sentence
  std::string wayOut;           // empty: none is known
  /// What remains of `count` after the way out, as simulated; nothing: it was not simulated.
  std::optional<uint64_t> remaining;
};

struct CacheOptions {
  double least = 0.05;    // share of the memory cycles from which on something is a finding
  unsigned window = 48;   // accesses that a store stays in the way of loads behind it; about a store buffer
  double aliasCycles = 7; // that an aliased load waits
};

struct CacheReport {
  Caches caches;
  std::vector<LevelResult> levels;
  uint64_t loads = 0, stores = 0;
  uint64_t aliased = 0, split = 0;
  double cycles = 0;             // memory cycles, aliasing included
  std::vector<Finding> findings; // the most expensive first
};

CacheReport analyseCaches(const Trace &trace, const Patterns &patterns, const Caches &caches, const CacheOptions &options = {});

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_CACHEFINDINGS_H
