//===- SpaceQueries.cpp - Which cells there are -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows that walk the occupied cells of the space.
//
//===----------------------------------------------------------------------===//

#include "Routine.h"

#include <algorithm>

namespace vtpu::rt {

using mem::Query;

namespace {
/// A step of a walk; a null query names no cell.
TrapCause walk(const RoutineFrame &frame, const std::optional<Query> &query) {
  const isa::Slot &slot = frame.slot;
  std::optional<Coordinate> cell;
  if (query)
    cell = frame.r(slot.rc) == 0 ? frame.space().from(frame.p(slot.rd), *query) : frame.space().next(frame.p(slot.rd), *query);
  if (cell)
    frame.p(slot.rd) = *cell;
  frame.r(slot.rc) = cell.has_value();
  return TrapCause::none;
}
/// The query of a center and a radius in an r register: none reaches below 0, and no distance is above `most`.
std::optional<Query> around(const RoutineFrame &frame, Query (*query)(const Coordinate &, unsigned), int64_t most) {
  const int64_t radius = frame.r(frame.slot.rb);
  if (radius < 0)
    return {};
  return query(frame.p(frame.slot.ra), unsigned(std::min(radius, most)));
}
Query patternOf(const RoutineFrame &frame) { return Query::pattern(frame.p(frame.slot.ra), unsigned(frame.slot.imm)); }
} // namespace

TrapCause routines::crange(const RoutineFrame &frame) { return walk(frame, Query::prefix(frame.p(frame.slot.ra), unsigned(frame.slot.imm))); }

TrapCause routines::sneighbr(const RoutineFrame &frame) {
  return walk(frame, around(frame, Query::manhattan, Coordinate::dimensions * Coordinate::limit));
}

TrapCause routines::shyper(const RoutineFrame &frame) { return walk(frame, patternOf(frame)); }

TrapCause routines::shypball(const RoutineFrame &frame) { return walk(frame, around(frame, Query::hamming, Coordinate::dimensions)); }

TrapCause routines::cnearest(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const Coordinate center = frame.p(slot.ra);
  const std::optional<Coordinate> cell = frame.space().nearest(center, uint64_t(frame.r(slot.rb)));
  frame.p(slot.rd) = cell.value_or(Coordinate());
  frame.r(slot.rc) = cell ? int64_t(center.manhattan(*cell)) : -1;
  return TrapCause::none;
}

TrapCause routines::shwrite(const RoutineFrame &frame) {
  const isa::Slot &slot = frame.slot;
  const Query query = patternOf(frame);
  const int64_t value = frame.r(slot.rb);
  int64_t written = 0;
  for (std::optional<Coordinate> cell = frame.space().first(query); cell; cell = frame.space().next(*cell, query), ++written)
    if (Status status = frame.space().store(*cell, isa::Type::i64, 1, &value); !status)
      return frame.fail(status.message());
  frame.r(slot.rd) = written;
  return TrapCause::none;
}

} // namespace vtpu::rt
