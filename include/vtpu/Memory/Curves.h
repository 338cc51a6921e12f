//===- Curves.h - Morton and Hilbert order ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Space-filling curves over all 2048^11 coordinates (indices of 121 bits) and over smaller cubes. Digit k of an index (eleven bits, from the
// lowest) belongs to bit k of the components; within a digit, dimension 10 is lowest.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_CURVES_H
#define VTPU_MEMORY_CURVES_H

#include "vtpu/Memory/Coordinate.h"

namespace vtpu {

/// Morton index: the bits of the components interleaved. Seen as a matrix of 11 by 11 bits, it is the transposed packed coordinate.
Coordinate::Bits mortonIndex(const Coordinate &coordinate);
Coordinate mortonCoordinate(Coordinate::Bits index);
/// The same for many; `indices` and `coordinates` do not overlap.
void mortonIndices(const Coordinate *coordinates, size_t count, Coordinate::Bits *indices);
void mortonCoordinates(const Coordinate::Bits *indices, size_t count, Coordinate *coordinates);

/// Hilbert index: coordinates of consecutive indices differ by one in one dimension.
Coordinate::Bits hilbertIndex(const Coordinate &coordinate);
Coordinate hilbertCoordinate(Coordinate::Bits index);
/// The same for many; `indices` and `coordinates` do not overlap.
void hilbertIndices(const Coordinate *coordinates, size_t count, Coordinate::Bits *indices);
void hilbertCoordinates(const Coordinate::Bits *indices, size_t count, Coordinate *coordinates);

/// Turns the Morton index of a cube of `dimensions` (1..11) dimensions with `bits` (up to 11) bits each into the Hilbert index and back.
Coordinate::Bits mortonToHilbert(Coordinate::Bits morton, unsigned dimensions, unsigned bits);
Coordinate::Bits hilbertToMorton(Coordinate::Bits hilbert, unsigned dimensions, unsigned bits);

namespace detail {
/// The transposition in portable form, whatever the host has.
Coordinate::Bits transposePortably(Coordinate::Bits bits);
} // namespace detail

} // namespace vtpu

#endif // VTPU_MEMORY_CURVES_H
