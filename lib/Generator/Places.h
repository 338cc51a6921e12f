//===- Places.h - Where random programs use the space -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What programs and the runner that prepares their space agree on. Floats of one type that are read as another would show the payloads of NaNs:
// each kind of contents has a part of the space of its own (dimension 0), too far from the others for a neighbour or a lane to reach them. A part
// has planes (dimension 7): plane 0 holds cells alone, in the others a region lies among the cells.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_GENERATOR_PLACES_H
#define VTPU_LIB_GENERATOR_PLACES_H

#include "vtpu/Generator/Forms.h"
#include "vtpu/Runtime/vtpu.hpp"

namespace vtpu::gen {

/// What memory and v registers hold. `bits` never depends on a NaN's payload.
enum class Kind : uint8_t { bits, f32, f64, f16 };
constexpr unsigned numKinds = 4;
inline Kind kindOf(isa::Type type) {
  return type == isa::Type::f32 ? Kind::f32 : type == isa::Type::f64 ? Kind::f64 : type == isa::Type::f16 ? Kind::f16 : Kind::bits;
}

/// A region in its plane: rows (dimensions 8 and 9) of elements that follow each other in dimension 10.
struct RegionPlace {
  Kind kind;
  uint16_t plane;
  isa::Type type;
  vtpu_dtype dtype;
  vtpu_layout layout;
  bool readOnly;
};
constexpr RegionPlace regionPlaces[] = {
    {Kind::bits, 1, isa::Type::i32, VTPU_I32, VTPU_LAYOUT_MORTON, false},
    {Kind::bits, 2, isa::Type::i64, VTPU_I64, VTPU_LAYOUT_BLOCKED, false},
    {Kind::bits, 3, isa::Type::i64, VTPU_I64, VTPU_LAYOUT_ROW_MAJOR, true},
    {Kind::f32, 1, isa::Type::f32, VTPU_F32, VTPU_LAYOUT_BLOCKED, false},
    {Kind::f32, 2, isa::Type::f32, VTPU_F32, VTPU_LAYOUT_ROW_MAJOR, true},
    {Kind::f64, 1, isa::Type::f64, VTPU_F64, VTPU_LAYOUT_MORTON, false},
};
/// Extents of a plane in dimensions 8, 9 and 10, and where its region stands in dimension 10.
constexpr unsigned planeExtents[] = {2, 4, 32}, regionColumn = 8, regionColumns = 16;

inline Coordinate placeAt(Kind kind, unsigned plane, unsigned x, unsigned y, unsigned column) {
  Coordinate::Components c{};
  c[0] = uint16_t(100 * (unsigned(kind) + 1));
  c[7] = uint16_t(plane);
  c[8] = uint16_t(x);
  c[9] = uint16_t(y);
  c[10] = uint16_t(column);
  return Coordinate(c);
}
/// The corner of the boxes that programs allocate and free; nothing else comes here.
inline Coordinate allocatedCorner(Kind kind) { return placeAt(kind, 64, 0, 0, 0); }
/// A place whose elements have a type, or in a plane without regions. No region that refuses stores, unless `readOnly`.
inline Coordinate randomPlace(isa::Type type, bool readOnly, Random &random) {
  unsigned plane = 0, seen = 1; // each plane that fits is as likely as any other
  for (const RegionPlace &place : regionPlaces)
    if (place.type == type && (readOnly || !place.readOnly) && random.below(++seen) == 0)
      plane = place.plane;
  return placeAt(kindOf(type), plane, unsigned(random.below(planeExtents[0])), unsigned(random.below(planeExtents[1])),
                 unsigned(random.below(planeExtents[2])));
}

} // namespace vtpu::gen

#endif // VTPU_LIB_GENERATOR_PLACES_H
