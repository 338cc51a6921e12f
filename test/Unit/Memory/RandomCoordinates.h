//===- RandomCoordinates.h - Coordinates for property tests -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_MEMORY_RANDOMCOORDINATES_H
#define VTPU_TEST_UNIT_MEMORY_RANDOMCOORDINATES_H

#include "RandomWords.h"
#include "vtpu/Memory/Coordinate.h"

#include <random>

namespace vtpu::test {

/// Uniform over all coordinates, except that one component in four is a boundary value.
inline Coordinate randomCoordinate(std::mt19937_64 &random) {
  static constexpr uint16_t boundaries[] = {0, 1, 127, 128, 255, 256, 511, 512, 1023, 1024, 2046, 2047};
  Coordinate::Components components;
  for (uint16_t &component : components)
    component = random() % 4 ? uint16_t(random() & Coordinate::limit) : boundaries[random() % std::size(boundaries)];
  return Coordinate(components);
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_MEMORY_RANDOMCOORDINATES_H
