//===- Conflicts.h - Programs with a planted conflict -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pairs of programs that do the same work, one with a conflict in caches or in the order of memory, one without. Their sizes follow from
// the caches, so that a pair can be made for any processor. For tests of detectors, and to measure what a conflict costs.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_CONFLICTS_H
#define VTPU_GENERATOR_CONFLICTS_H

#include "vtpu/Analysis/CacheGeometry.h"
#include "vtpu/Object/Program.h"

#include <optional>

namespace vtpu::gen {

enum class Conflict : uint8_t {
  rows,     // twice as many rows as a level (or a nearer one) has ways, a way's bytes apart; repaired: a line more apart
  streams,  // parts of one buffer, a way's bytes apart, read side by side; repaired: at distances that spread over the sets
  capacity, // sweeps over twice a level's bytes; repaired: in tiles of half of the nearest level
  aliasing, // loads, each of which waits for the last, behind stores that agree in the low 12 bits; repaired: half a page apart
  split,    // accesses across lines; repaired: at the start of lines
  layout,   // a matrix read by columns, of more rows than the nearest level has lines; repaired: by rows
};
constexpr unsigned numConflicts = 6;
std::string_view conflictName(Conflict conflict);
/// Nothing if none has that name.
std::optional<Conflict> parseConflict(std::string_view name);
/// Whether there is one for each level.
bool isOfLevel(Conflict conflict);

struct ConflictSettings {
  Conflict conflict = Conflict::rows;
  size_t level = 0; // of the caches, 0 the nearest
  bool repaired = false;
  uint64_t rounds = 0; // how often the work is done; 0: enough that first touches do not matter
};

/// Assembly text of an entry `main`. An error if there is no such level or its sizes leave no room for the conflict.
Result<std::string> conflictText(const ConflictSettings &settings, const analysis::Caches &caches);
/// The same as a program whose source locations are the lines of that text.
Result<Program> plantConflict(const ConflictSettings &settings, const analysis::Caches &caches);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_CONFLICTS_H
