//===- Region.cpp - Boxes of coordinates over storage -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Region.h"
#include "vtpu/Memory/CoordinateText.h"
#include "vtpu/Memory/Curves.h"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

namespace vtpu::mem {

namespace {
/// Larger regions than an address space of 47 bits are refused.
constexpr uint64_t maxBytes = uint64_t(1) << 47;
constexpr size_t alignment = 64;

unsigned ceilLog2(uint64_t value) {
  unsigned bits = 0;
  while (uint64_t(1) << bits < value)
    ++bits;
  return bits;
}

/// Moves the low bits of `value` to the places of `mask`.
uint64_t deposit(uint64_t value, uint64_t mask) {
  uint64_t out = 0;
  for (; mask; mask &= mask - 1, value >>= 1)
    if (value & 1)
      out |= mask & -mask;
  return out;
}
} // namespace

std::string printBox(const Box &box) { return printCoordinate(box.first) + ".." + printCoordinate(box.last); }

std::string_view layoutName(Layout layout) {
  constexpr std::string_view names[] = {"row-major", "blocked", "Morton", "Hilbert"};
  return names[unsigned(layout)];
}

Result<uint64_t> Region::plan() {
  auto fail = [&](std::string what) { return Error{fmt::format("region '{}': {}", spec.name, what)}; };
  if (!spec.box.valid())
    return fail(fmt::format("box {} has a first corner behind its last; no component of the first may be greater", printBox(spec.box)));
  if (spec.type == isa::Type::none)
    return fail("needs an element type such as f32");
  elementShift = ceilLog2(isa::byteWidth(spec.type));
  for (unsigned d = 0; d < Coordinate::dimensions; ++d) {
    if (spec.block[d] && spec.layout != Layout::blocked)
      return fail(fmt::format("block extents belong to the blocked layout, not to the {} one", layoutName(spec.layout)));
    if (spec.block[d] > spec.box.extent(d))
      return fail(fmt::format("a block of {} exceeds the box's extent of {} in the {} (dimension {})", spec.block[d], spec.box.extent(d),
                              dimensionName(d), d));
  }
  // Elements so far; dimension 10 comes first, being the innermost.
  __extension__ unsigned __int128 elements = 1, blockElements = 1;
  for (unsigned d = Coordinate::dimensions; d-- > 0;) {
    const unsigned extent = spec.box.extent(d);
    if (extent == 1)
      continue;
    Axis axis = {};
    axis.dimension = uint8_t(d);
    axis.first = spec.box.first[d];
    axis.bits = uint8_t(ceilLog2(extent));
    axis.block = uint16_t(spec.layout == Layout::blocked && spec.block[d] ? spec.block[d] : extent);
    axis.stride = uint64_t(blockElements);
    blockElements *= spec.layout == Layout::morton ? 1u << axis.bits : axis.block;
    if (spec.layout == Layout::hilbert && (extent != 1u << axis.bits || (axisCount && axis.bits != axes[0].bits)))
      return fail(fmt::format("the Hilbert layout needs one power of two as extent of all dimensions above 1, found {} in the {} "
                              "(dimension {}){}",
                              extent, dimensionName(d), d,
                              axisCount ? fmt::format(" beside {} in the {}", 1u << axes[0].bits, dimensionName(axes[0].dimension)) : ""));
    if (blockElements << elementShift > maxBytes)
      return fail(fmt::format("box {} needs more than 2^47 bytes", printBox(spec.box)));
    axes[axisCount++] = axis;
  }
  elements = blockElements;
  for (unsigned i = 0; i < axisCount; ++i) {
    const unsigned extent = spec.box.extent(axes[i].dimension), blocks = (extent + axes[i].block - 1) / axes[i].block;
    axes[i].blockStride = uint64_t(elements);
    elements *= blocks;
    if (elements << elementShift > maxBytes)
      return fail(fmt::format("box {} needs more than 2^47 bytes", printBox(spec.box)));
  }
  if (spec.layout == Layout::morton || spec.layout == Layout::hilbert) {
    unsigned place = 0;
    for (unsigned bit = 0; bit < Coordinate::componentBits; ++bit)
      for (unsigned i = 0; i < axisCount; ++i)
        if (bit < axes[i].bits)
          axes[i].mask |= uint64_t(1) << place++;
  }
  return uint64_t(elements);
}

Result<uint64_t> Region::requiredBytes(const RegionSpec &spec) {
  Region region(spec);
  Result<uint64_t> elements = region.plan();
  if (!elements)
    return elements;
  return *elements << region.elementShift;
}

Result<std::unique_ptr<Region>> Region::create(RegionSpec spec) {
  std::unique_ptr<Region> region(new Region(std::move(spec)));
  Result<uint64_t> elements = region->plan();
  if (!elements)
    return elements.takeError();
  const uint64_t bytes = *elements << region->elementShift;
  RegionSpec &made = region->spec;
  if (!made.data) {
    const uint64_t rounded = (bytes + alignment - 1) / alignment * alignment;
    made.data = std::aligned_alloc(alignment, rounded);
    if (!made.data)
      return Error{fmt::format("region '{}': no memory for {} bytes of box {}", made.name, bytes, printBox(made.box))};
    std::memset(made.data, 0, rounded);
    region->ownsData = true;
  } else if (made.bytes < bytes) {
    return Error{fmt::format("region '{}': the buffer has {} bytes, box {} in {} layout needs {}", made.name, made.bytes, printBox(made.box),
                             layoutName(made.layout), bytes)};
  } else if (reinterpret_cast<uintptr_t>(made.data) % isa::byteWidth(made.type)) {
    return Error{fmt::format("region '{}': the buffer is not aligned to its elements of {} bytes", made.name, isa::byteWidth(made.type))};
  }
  made.bytes = bytes;
  return region;
}

Region::~Region() {
  if (ownsData)
    std::free(spec.data);
}

uint64_t Region::offset(const Coordinate &c) const {
  uint64_t element = 0;
  switch (spec.layout) {
  case Layout::rowMajor:
    for (unsigned i = 0; i < axisCount; ++i)
      element += (c[axes[i].dimension] - axes[i].first) * axes[i].stride;
    break;
  case Layout::blocked:
    for (unsigned i = 0; i < axisCount; ++i) {
      const unsigned at = c[axes[i].dimension] - axes[i].first;
      element += at / axes[i].block * axes[i].blockStride + at % axes[i].block * axes[i].stride;
    }
    break;
  case Layout::morton:
  case Layout::hilbert:
    for (unsigned i = 0; i < axisCount; ++i)
      element |= deposit(c[axes[i].dimension] - axes[i].first, axes[i].mask);
    if (spec.layout == Layout::hilbert && axisCount)
      element = uint64_t(mortonToHilbert(element, axisCount, axes[0].bits));
    break;
  }
  return element << elementShift;
}

Tile Region::tile(const Coordinate &c) const {
  Tile tile;
  tile.data = address(c);
  tile.extents.fill(1);
  if (spec.layout == Layout::morton || spec.layout == Layout::hilbert)
    return tile;
  for (unsigned i = 0; i < axisCount; ++i) {
    const Axis &axis = axes[i];
    const unsigned at = c[axis.dimension] - axis.first, rest = spec.box.extent(axis.dimension) - at, inBlock = axis.block - at % axis.block;
    tile.strides[axis.dimension] = int64_t(axis.stride << elementShift);
    tile.extents[axis.dimension] = rest < inBlock ? rest : inBlock;
  }
  return tile;
}

} // namespace vtpu::mem
