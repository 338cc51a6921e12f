//===- Points.cpp - Points and scores in a register -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows whose operands are points, or scores, with one component an active lane (docs/ISA.md, points.compute). All compute in double precision,
// sum in the order of lanes and round each result once. The operations on the Poincare ball are those of Ganea, Becigneul and Hofmann,
// "Hyperbolic Neural Networks" (2018), section 2.
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"

#include <cmath>
#include <limits>

namespace vtpu::rt {

namespace {
/// The lanes of a v register.
template <typename T>
struct Point {
  double components[64 / sizeof(T)];

  Point(const RoutineFrame &frame, unsigned index) {
    for (unsigned i = 0; i < laneCount(frame.slot); ++i)
      components[i] = double(laneOf<T>(frame, index, i));
  }
};

template <typename T>
double dot(const RoutineFrame &frame, const Point<T> &a, const Point<T> &b) {
  double sum = 0;
  forActiveLanes(frame, [&](unsigned i) { sum += a.components[i] * b.components[i]; });
  return sum;
}

/// The low bits of I0 as a number.
template <typename T>
double immediateOf(const RoutineFrame &frame) {
  return double(numberOf<T>(reinterpret_cast<const uint8_t *>(&frame.word.i0)));
}
} // namespace

TrapCause routines::dsoft(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    const double temperature = immediateOf<T>(frame);
    Point<T> z(frame, frame.slot.ra);
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    forActiveLanes(frame, [&](unsigned i) {
      z.components[i] /= temperature;
      most = z.components[i] > most ? z.components[i] : most;
    });
    forActiveLanes(frame, [&](unsigned i) { sum += z.components[i] = std::exp(z.components[i] - most); });
    return setLanes<T>(frame, [&](unsigned i) { return T(z.components[i] / sum); });
  });
}

TrapCause routines::dhypadd(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    const double c = immediateOf<T>(frame);
    const Point<T> x(frame, frame.slot.ra), y(frame, frame.slot.rb);
    const double xx = dot(frame, x, x), yy = dot(frame, y, y), mixed = 1 + 2 * c * dot(frame, x, y);
    const double ofX = mixed + c * yy, ofY = 1 - c * xx, whole = mixed + c * c * xx * yy;
    return setLanes<T>(frame, [&](unsigned i) { return T((ofX * x.components[i] + ofY * y.components[i]) / whole); });
  });
}

TrapCause routines::dhypmul(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    const double r = double(laneOf<T>(frame, frame.slot.rb, 0));
    const Point<T> x(frame, frame.slot.ra);
    // 1 is the boundary, at infinite distance: points on it and outside count as the last number before it.
    const double length = std::sqrt(immediateOf<T>(frame) * dot(frame, x, x)), last = 1 - 0x1p-53;
    const double factor = length == 0 ? r : std::tanh(r * std::atanh(length > last ? last : length)) / length;
    return setLanes<T>(frame, [&](unsigned i) { return T(factor * x.components[i]); });
  });
}

TrapCause routines::shypmap(const RoutineFrame &frame) {
  return withFloat(frame, [&](auto zero) {
    using T = decltype(zero);
    Coordinate result;
    for (unsigned i = 0; i < laneCount(frame.slot) && i < Coordinate::dimensions; ++i) {
      const double value = double(laneOf<T>(frame, frame.slot.ra, i));
      if (value > 0) // not a NaN
        result = result.with(i, int64_t(std::nearbyint(value < Coordinate::limit ? value : Coordinate::limit)));
    }
    frame.p(frame.slot.rd) = result;
    return TrapCause::none;
  });
}

} // namespace vtpu::rt
