//===- Field.h - Numbers by coordinate in routines --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the rows of geometry see of the space: which coordinates are occupied, and the field of a float type.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_ROUTINES_FIELD_H
#define VTPU_LIB_RUNTIME_ROUTINES_FIELD_H

#include "Lanes.h"
#include "vtpu/Memory/Space.h"

#include <optional>

namespace vtpu::rt {

/// The coordinate `distance` further in a dimension; nothing beyond the edges of the space.
inline std::optional<Coordinate> moved(const Coordinate &c, unsigned dimension, int64_t distance) {
  const int64_t component = int64_t(c[dimension]) + distance;
  if (component < 0 || component > int64_t(Coordinate::limit))
    return std::nullopt;
  return c.with(dimension, component);
}

/// The occupied coordinates of the call's space.
class Occupied {
public:
  explicit Occupied(const RoutineFrame &frame) : space(frame.space()), translations(&frame.memory().translations) {}

  bool at(const Coordinate &c) const { return bool(space.find(c, translations)); }
  /// Calls `visit(neighbour)` for those that differ from `c` by 1 in one dimension, dimension by dimension, the lesser first.
  template <typename Visitor>
  void forNeighbours(const Coordinate &c, Visitor visit) const {
    for (unsigned d = 0; d < Coordinate::dimensions; ++d)
      for (int distance : {-1, 1})
        if (std::optional<Coordinate> neighbour = moved(c, d, distance); neighbour && at(*neighbour))
          visit(*neighbour);
  }
  /// The cells that equal `c` in the dimensions of `mask`, in order.
  std::vector<Coordinate> cells(const Coordinate &c, unsigned mask) const {
    std::vector<Coordinate> result;
    const mem::Query query = mem::Query::pattern(c, mask);
    for (std::optional<Coordinate> cell = space.first(query); cell; cell = space.next(*cell, query))
      result.push_back(*cell);
    return result;
  }

private:
  const mem::Space &space;
  mem::TranslationCache *translations;
};

/// The numbers of type T in the space. What the space refuses, a region of another type or one that is not writable, counts as not there, and
/// `finish` ends the call with it.
template <typename T>
class Field {
public:
  explicit Field(const RoutineFrame &frame) : frame(frame) {}

  std::optional<T> at(const Coordinate &c) {
    T value;
    uint64_t occupied = 0;
    note(frame.space().load(c, frame.slot.type, 1, &value, &frame.memory().translations, &occupied));
    return occupied ? std::optional<T>(value) : std::nullopt;
  }
  std::optional<T> at(const std::optional<Coordinate> &c) { return c ? at(*c) : std::nullopt; }
  T orZero(const std::optional<Coordinate> &c) { return at(c).value_or(T(0)); }
  void set(const Coordinate &c, T value) { note(frame.space().store(c, frame.slot.type, 1, &value, &frame.memory().translations)); }

  /// Whether the routine ends well.
  TrapCause finish() const { return refused ? frame.fail(*refused) : TrapCause::none; }
  /// The same, with lane 0 of vd.
  TrapCause finish(T value) const {
    setScalar(frame, value);
    return finish();
  }

private:
  void note(const Status &status) {
    if (!status && !refused)
      refused = status.message();
  }
  const RoutineFrame &frame;
  std::optional<std::string> refused;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_FIELD_H
