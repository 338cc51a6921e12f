//===- SpaceContents.cpp - The space that a random program meets -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SpaceContents.h"

#include <algorithm>
#include <cstring>

namespace vtpu::gen {

namespace {
constexpr unsigned cellsOfPlane = 24;
} // namespace

template <typename F>
void PreparedSpace::eachRow(const RegionPlace &place, F f) {
  for (unsigned x = 0; x < planeExtents[0]; ++x)
    for (unsigned y = 0; y < planeExtents[1]; ++y)
      f(placeAt(place.kind, place.plane, x, y, regionColumn));
}

PreparedSpace::PreparedSpace(const ByteSource &bytes, Random &random) {
  storage.reserve(std::size(regionPlaces));
  for (const RegionPlace &place : regionPlaces) {
    const unsigned width = isa::byteWidth(place.type), rowBytes = regionColumns * width;
    vtpu_region region = {};
    region.name = "prepared";
    const Coordinate first = placeAt(place.kind, place.plane, 0, 0, regionColumn);
    const Coordinate last = placeAt(place.kind, place.plane, planeExtents[0] - 1, planeExtents[1] - 1, regionColumn + regionColumns - 1);
    for (unsigned d = 0; d < Coordinate::dimensions; ++d) {
      region.first[d] = uint16_t(first[d]);
      region.last[d] = uint16_t(last[d]);
    }
    region.dtype = place.dtype;
    region.layout = place.layout;
    region.block[10] = place.layout == VTPU_LAYOUT_BLOCKED ? 5 : 0;
    region.read_only = place.readOnly;
    std::vector<uint8_t> contents = bytes(planeExtents[0] * planeExtents[1] * rowBytes);
    if (place.readOnly) { // nothing else can fill it
      storage.push_back(std::move(contents));
      region.data = storage.back().data();
      region.bytes = storage.back().size();
      keep(held.addRegion(region));
      continue;
    }
    keep(held.addRegion(region));
    const uint8_t *row = contents.data();
    eachRow(place, [&](const Coordinate &at) {
      keep(held.store(at, place.dtype, regionColumns, row));
      row += rowBytes;
    });
  }
  constexpr vtpu_dtype types[] = {VTPU_I64, VTPU_F32, VTPU_F64};
  for (unsigned kind = 0; kind < std::size(types); ++kind) {
    const std::vector<uint8_t> contents = bytes(8 * cellsOfPlane);
    for (unsigned i = 0; i < cellsOfPlane; ++i)
      keep(held.store(placeAt(Kind(kind), 0, unsigned(random.below(planeExtents[0])), unsigned(random.below(planeExtents[1])),
                              unsigned(random.below(planeExtents[2]))),
                      types[kind], 1, &contents[8 * i]));
  }
}

std::vector<SpaceElement> PreparedSpace::contents() const {
  std::vector<SpaceElement> elements;
  for (const RegionPlace &place : regionPlaces)
    eachRow(place, [&](const Coordinate &at) {
      uint8_t row[regionColumns * 8];
      const unsigned width = isa::byteWidth(place.type);
      for (unsigned i = 0; held.load(at, place.dtype, regionColumns, row) && i < regionColumns; ++i) {
        SpaceElement element{at.step(10, i), DType(place.dtype), 0};
        std::memcpy(&element.bits, row + i * width, width);
        elements.push_back(element);
      }
    });
  for (std::optional<Coordinate> at = held.first(); at; at = held.next(*at)) {
    const uint64_t part = (*at)[0] / 100;
    SpaceElement element{*at, part == 2 ? DType::f32 : part == 3 ? DType::f64 : DType::i64, 0};
    if (held.load(*at, VTPU_I64, 1, &element.bits))
      elements.push_back(element);
  }
  return elements;
}

} // namespace vtpu::gen
