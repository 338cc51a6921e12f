//===- Query.cpp - Which cells a query names --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Space.h"

namespace vtpu::mem {

Query Query::pattern(const Coordinate &c, unsigned mask) {
  Query query;
  query.center = c;
  query.range = {Coordinate(), Coordinate::uniform(Coordinate::limit)};
  bool leading = true;
  for (unsigned d = 0; d < Coordinate::dimensions; ++d) {
    if (!(mask >> d & 1)) {
      leading = false;
      continue;
    }
    query.mask = query.mask.with(d, Coordinate::limit);
    if (leading) {
      query.range.first = query.range.first.with(d, c[d]);
      query.range.last = query.range.last.with(d, c[d]);
    }
  }
  return query;
}

Query Query::children(const Coordinate &c) {
  const unsigned depth = c.depth();
  Query query = pattern(c, ((1u << Coordinate::dimensions) - 1) & ~(depth < Coordinate::dimensions ? 1u << depth : 0));
  query.notCenter = true;
  return query;
}

Query Query::manhattan(const Coordinate &c, unsigned radius) {
  Query query = all();
  query.kind = Kind::manhattan;
  query.center = c;
  query.radius = radius;
  const Coordinate reach = Coordinate::uniform(radius);
  query.range = {c - reach, c + reach};
  return query;
}

Query Query::hamming(const Coordinate &c, unsigned radius) {
  Query query = all();
  query.kind = Kind::hamming;
  query.center = c;
  query.radius = radius;
  return query;
}

bool Query::matches(const Coordinate &c) const {
  switch (kind) {
  case Kind::pattern:
    return ((c.bits() ^ center.bits()) & mask.bits()) == 0 && !(notCenter && c == center);
  case Kind::manhattan:
    return c.manhattan(center) <= radius;
  case Kind::hamming:
    return c.hamming(center) <= radius;
  }
  return false;
}

bool Query::mayMatch(const Box &box) const {
  switch (kind) {
  case Kind::pattern: {
    // Dimensions that are not compared count as equal.
    const Coordinate::Bits m = mask.bits();
    const Coordinate c = Coordinate::fromBits(center.bits() & m);
    return Box{Coordinate::fromBits(box.first.bits() & m), Coordinate::fromBits(box.last.bits() & m)}.contains(c);
  }
  case Kind::manhattan:
    return manhattanDistance(center, box) <= radius;
  case Kind::hamming:
    return hammingDistance(center, box) <= radius;
  }
  return false;
}

unsigned manhattanDistance(const Coordinate &c, const Box &box) {
  // Saturating differences are zero on the inner side.
  return (box.first - c).manhattan(Coordinate()) + (c - box.last).manhattan(Coordinate());
}

unsigned hammingDistance(const Coordinate &c, const Box &box) {
  return (box.first - c).hamming(Coordinate()) + (c - box.last).hamming(Coordinate());
}

} // namespace vtpu::mem
