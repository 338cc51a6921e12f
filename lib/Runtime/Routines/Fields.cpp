//===- Fields.cpp - Calculus of fields over the space -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Differences, means and diffusion of a field, and its contraction with factors. Differences and means compute in double precision and round
// once; contractions round every operation to the type, in the order of the indices (docs/ISA.md, geometry.field).
//
//===----------------------------------------------------------------------===//

#include "Field.h"

#include <limits>
#include <vector>

namespace vtpu::rt {

namespace {
/// The difference of the field at `c` in a dimension: central, one-sided at an edge of what is occupied, 0 without neighbours.
template <typename T>
double difference(Field<T> &field, const Coordinate &c, unsigned dimension) {
  const std::optional<T> before = field.at(moved(c, dimension, -1)), here = field.at(c), behind = field.at(moved(c, dimension, 1));
  if (before && behind)
    return (double(*behind) - double(*before)) / 2;
  if (here && behind)
    return double(*behind) - double(*here);
  return here && before ? double(*here) - double(*before) : 0;
}

/// f(c) minus the mean over the neighbours that have a number; 0 unless c and one of them have.
template <typename T>
double fromMean(Field<T> &field, const Coordinate &c) {
  const std::optional<T> here = field.at(c);
  double sum = 0;
  unsigned count = 0;
  for (unsigned d = 0; d < Coordinate::dimensions; ++d)
    for (int distance : {-1, 1})
      if (const std::optional<T> value = field.at(moved(c, d, distance))) {
        sum += double(*value);
        ++count;
      }
  return here && count ? double(*here) - sum / count : 0;
}

Coordinate messageCoordinate(const uint64_t *message, unsigned index) { return Coordinate::fromBits(message[2 * index], message[2 * index + 1]); }
} // namespace

TrapCause routines::dgradient(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    return field.finish(T(difference(field, frame.p(frame.slot.ra), unsigned(frame.slot.imm))));
  });
}

TrapCause routines::ddiverg(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    const unsigned components = unsigned(frame.slot.imm);
    double sum = 0;
    for (unsigned d = 0; d < Coordinate::dimensions; ++d)
      if (d != components)
        sum += difference(field, frame.p(frame.slot.ra).with(components, d), d);
    return field.finish(T(sum));
  });
}

TrapCause routines::slaplace(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    return field.finish(T(fromMean(field, frame.p(frame.slot.ra))));
  });
}

TrapCause routines::sdiffuse(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    const double step = double(laneOf<T>(frame, frame.slot.rb, 0));
    const std::vector<Coordinate> cells = Occupied(frame).cells(frame.p(frame.slot.ra), unsigned(frame.slot.imm));
    std::vector<T> values;
    values.reserve(cells.size());
    for (const Coordinate &c : cells)
      values.push_back(T(double(field.orZero(c)) - step * fromMean(field, c)));
    for (size_t i = 0; i < cells.size(); ++i)
      field.set(cells[i], values[i]);
    frame.r(frame.slot.rd) = int64_t(cells.size());
    return field.finish();
  });
}

TrapCause routines::stensor(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    const uint64_t *starts = frame.m(frame.slot.ra);
    const Coordinate &element = frame.p(frame.slot.rb);
    const Coordinate core = messageCoordinate(starts, 0);
    // Rows of the factors that the element's indices choose.
    std::optional<Coordinate> rows[3];
    for (unsigned i = 0; i < 3; ++i)
      rows[i] = moved(messageCoordinate(starts, i + 1), 9, element[8 + i]);
    const auto factor = [&](unsigned i, unsigned column) { return rows[i] ? field.orZero(moved(*rows[i], 10, column)) : T(0); };
    // Each loop ends at the first element of the core that is not there: no more steps than the core has elements.
    T sum = 0;
    std::optional<Coordinate> plane = core;
    for (unsigned p = 0; field.at(plane); plane = moved(core, 8, ++p)) {
      std::optional<Coordinate> line = plane;
      for (unsigned q = 0; field.at(line); line = moved(*plane, 9, ++q)) {
        std::optional<Coordinate> at = line;
        for (unsigned r = 0; const std::optional<T> g = field.at(at); at = moved(*line, 10, ++r))
          sum += *g * factor(0, p) * factor(1, q) * factor(2, r);
      }
    }
    return field.finish(sum);
  });
}

TrapCause routines::strfactor(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    const T observed = laneOf<T>(frame, frame.slot.ra, 0), rate = laneOf<T>(frame, frame.slot.ra, 1);
    std::array<std::vector<T>, 3> rows;
    std::array<Coordinate, 3> starts;
    for (unsigned i = 0; i < 3; ++i)
      starts[i] = messageCoordinate(frame.m(frame.slot.rb), i);
    const auto present = [&](unsigned column) {
      for (const Coordinate &start : starts)
        if (!field.at(moved(start, 10, column)))
          return false;
      return true;
    };
    T prediction = 0;
    unsigned rank = 0;
    for (; present(rank); ++rank) {
      for (unsigned i = 0; i < 3; ++i)
        rows[i].push_back(field.orZero(moved(starts[i], 10, rank)));
      prediction += rows[0][rank] * rows[1][rank] * rows[2][rank];
    }
    const T error = observed - prediction, step = rate * error;
    for (unsigned i = 0; i < 3; ++i)
      for (unsigned column = 0; column < rank; ++column) {
        const T others = rows[i == 0 ? 1 : 0][column] * rows[i == 2 ? 1 : 2][column];
        field.set(*moved(starts[i], 10, column), rows[i][column] + step * others);
      }
    return field.finish(error);
  });
}

TrapCause routines::cattend(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Field<T> field(frame);
    const unsigned lanes = laneCount(frame.slot);
    T query[64 / sizeof(T)];
    for (unsigned i = 0; i < lanes; ++i)
      query[i] = laneOf<T>(frame, frame.slot.ra, i);
    setLanes<T>(frame, [&](unsigned key) {
      const std::optional<Coordinate> start = moved(frame.p(frame.slot.rb), unsigned(frame.slot.imm), key);
      T products[64 / sizeof(T)];
      for (unsigned i = 0; i < lanes; ++i) {
        const std::optional<T> element = start ? field.at(moved(*start, 10, i)) : std::nullopt;
        if (!element)
          return -std::numeric_limits<T>::infinity();
        products[i] = query[i] * *element;
      }
      for (unsigned half = lanes / 2; half; half /= 2)
        for (unsigned i = 0; i < half; ++i)
          products[i] += products[i + half];
      return products[0];
    });
    return field.finish();
  });
}

} // namespace vtpu::rt
