//===- Region.h - Boxes of coordinates over storage -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A region gives every coordinate of a box an element in one buffer. The layouts are bijections, so that no two coordinates share storage.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_REGION_H
#define VTPU_MEMORY_REGION_H

#include "vtpu/ISA/Instruction.h"
#include "vtpu/Memory/Coordinate.h"

#include <memory>
#include <string>

namespace vtpu::mem {

/// A box of coordinates; both corners belong to it. Valid if no component of `first` is greater than `last`'s.
struct Box {
  Coordinate first, last;

  bool valid() const { return last.covers(first); }
  bool contains(const Coordinate &c) const { return c.covers(first) && last.covers(c); }
  bool contains(const Box &o) const { return o.first.covers(first) && last.covers(o.last); }
  bool intersects(const Box &o) const { return last.covers(o.first) && o.last.covers(first); }
  /// Coordinates along a dimension.
  unsigned extent(unsigned dimension) const { return last[dimension] - first[dimension] + 1; }
};
/// `first..last` in text form.
std::string printBox(const Box &box);

/// Order of the elements in storage.
enum class Layout : uint8_t {
  /// Dimension 10 varies fastest; no padding.
  rowMajor,
  /// Blocks of `RegionSpec::block` in row-major order, row-major within; the box is padded to whole blocks.
  blocked,
  /// Bits of the offsets interleaved, dimension 10 lowest; every extent is padded to a power of two.
  morton,
  /// Hilbert curve over the dimensions whose extent is above 1; they have one common extent, a power of two.
  hilbert,
};
std::string_view layoutName(Layout layout);

/// What a region is made of.
struct RegionSpec {
  /// Names the region in messages.
  std::string name;
  Box box;
  isa::Type type = isa::Type::none;
  Layout layout = Layout::rowMajor;
  /// Extents of a block; 0 stands for the whole extent. Only for Layout::blocked.
  Coordinate::Components block{};
  bool writable = true;
  /// The caller's buffer, which outlives the region, and its size; null: the region owns zeroed storage, aligned to 64 bytes.
  void *data = nullptr;
  uint64_t bytes = 0;
};

/// A run of elements with constant distances: the address of one coordinate, and how far each dimension may be followed from there.
struct Tile {
  uint8_t *data = nullptr;
  /// Bytes from an element to its neighbour in each dimension.
  std::array<int64_t, Coordinate::dimensions> strides{};
  /// Elements in each dimension, this one included.
  std::array<uint32_t, Coordinate::dimensions> extents{};
};

class Region {
public:
  /// Bytes that a region of this kind needs, padding included; the error names the region, what is wrong and what would be legal.
  static Result<uint64_t> requiredBytes(const RegionSpec &spec);
  /// Checks the specification and takes or makes the storage.
  static Result<std::unique_ptr<Region>> create(RegionSpec spec);
  ~Region();
  Region(const Region &) = delete;
  Region &operator=(const Region &) = delete;

  const std::string &name() const { return spec.name; }
  const Box &box() const { return spec.box; }
  isa::Type type() const { return spec.type; }
  Layout layout() const { return spec.layout; }
  /// Extents of a block, as they were given.
  const Coordinate::Components &block() const { return spec.block; }
  bool writable() const { return spec.writable; }
  bool owned() const { return ownsData; }
  uint8_t *data() const { return static_cast<uint8_t *>(spec.data); }
  uint64_t bytes() const { return spec.bytes; }

  /// Byte offset of a coordinate of the box.
  uint64_t offset(const Coordinate &c) const;
  uint8_t *address(const Coordinate &c) const { return data() + offset(c); }
  /// The largest run of constant strides from a coordinate of the box on: to the edge of the box (row-major) or of the block (blocked); for the
  /// curves the element alone. Kernels translate once a tile.
  Tile tile(const Coordinate &c) const;

private:
  /// One dimension whose extent is above 1.
  struct Axis {
    uint8_t dimension;
    uint8_t bits;             // Morton, Hilbert: bits of an offset
    uint16_t block;           // blocked: extent of a block
    uint32_t first;           // component of the box's first corner
    uint64_t stride;          // elements to the next (within a block)
    uint64_t blockStride;     // blocked: elements to the next block
    uint64_t mask;            // Morton, Hilbert: places of this dimension's bits in the index
  };

  explicit Region(RegionSpec spec) : spec(std::move(spec)) {}
  /// Fills `axes`; the number of elements, padding included.
  Result<uint64_t> plan();

  RegionSpec spec;
  bool ownsData = false;
  unsigned axisCount = 0, elementShift = 0;
  std::array<Axis, Coordinate::dimensions> axes;
};

} // namespace vtpu::mem

#endif // VTPU_MEMORY_REGION_H
