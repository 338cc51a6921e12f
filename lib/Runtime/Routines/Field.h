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
  explicit Occupied(const RoutineFrame &frame) : space(frame.context.space) {}

  bool at(const Coordinate &c) const { return space && space->find(c); }
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
    if (space)
      space->forEach(mem::Query::pattern(c, mask), [&](const Coordinate &cell, uint8_t *) { result.push_back(cell); });
    return result;
  }

private:
  mem::Space *space;
};

/// The numbers of type T in the space: the low bytes of cells, and the elements of regions of that type.
template <typename T>
class Field {
public:
  explicit Field(const RoutineFrame &frame) : space(frame.context.space) {}

  std::optional<T> at(const Coordinate &c) const {
    if (const mem::Place place = find(c))
      return numberOf<T>(place.data);
    return std::nullopt;
  }
  std::optional<T> at(const std::optional<Coordinate> &c) const { return c ? at(*c) : std::nullopt; }
  T orZero(const std::optional<Coordinate> &c) const { return at(c).value_or(T(0)); }
  /// Whether a number stands here that may be set.
  bool isWritable(const Coordinate &c) const { return find(c).writable(); }
  /// Sets one that may be set.
  void set(const Coordinate &c, T value) const { std::memcpy(find(c).data, &value, sizeof(T)); }

private:
  mem::Place find(const Coordinate &c) const {
    const mem::Place place = space ? space->find(c) : mem::Place();
    return !place.region || place.type == type ? place : mem::Place();
  }
  static constexpr isa::Type type = sizeof(T) == 4 ? isa::Type::f32 : isa::Type::f64;
  mem::Space *space;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_ROUTINES_FIELD_H
