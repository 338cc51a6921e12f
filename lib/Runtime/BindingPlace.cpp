//===- BindingPlace.cpp - Coordinates of tensors ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BindingPlace.h"

#include <fmt/format.h>

namespace vtpu::rt {

namespace {
constexpr unsigned mostExtent = Coordinate::limit + 1, firstOfTensor = 4, last = Coordinate::dimensions - 1;

/// The greatest divisor that fits a dimension.
unsigned innerExtent(int64_t extent) {
  unsigned inner = mostExtent;
  while (extent % inner)
    --inner;
  return inner;
}
} // namespace

isa::Type regionType(DType type) {
  switch (type) {
  case DType::i1:
  case DType::u8:
    return isa::Type::u8;
  case DType::i8:
    return isa::Type::i8;
  case DType::i16:
    return isa::Type::i16;
  case DType::u16:
    return isa::Type::u16;
  case DType::i32:
    return isa::Type::i32;
  case DType::u32:
    return isa::Type::u32;
  case DType::i64:
  case DType::u64:
    return isa::Type::i64;
  case DType::f16:
    return isa::Type::f16;
  case DType::bf16:
    return isa::Type::bf16;
  case DType::f32:
    return isa::Type::f32;
  case DType::f64:
    return isa::Type::f64;
  }
  return isa::Type::none;
}

Coordinate BindingPlace::at(const int64_t *index) const {
  Coordinate c = box.first;
  unsigned dimension = last;
  for (size_t t = split.size(); t-- > 0; --dimension) {
    if (!split[t]) {
      c = c.with(dimension, index[t]);
      continue;
    }
    c = c.with(dimension, index[t] % split[t]);
    c = c.with(--dimension, index[t] / split[t]);
  }
  return c;
}

Result<BindingPlace> placeBinding(const Function &function, uint32_t entry, uint32_t number) {
  const Binding &binding = function.bindings[number];
  auto fail = [&](std::string why) { return Error{fmt::format("'{}' of entry {} has no coordinates: {}", binding.name, function.name, why)}; };
  if (binding.kind != BindingKind::Input && binding.kind != BindingKind::Output && binding.kind != BindingKind::Parameter)
    return fail("it is no tensor of the caller; inputs, outputs and parameters have them");
  if (entry >= Coordinate::limit)
    return fail(fmt::format("the entry has the number {}; those up to {} have room", entry, Coordinate::limit - 1));
  BindingPlace place;
  place.split.assign(binding.shape.size(), 0);
  Coordinate::Components first{}, end{};
  first[0] = 1;
  first[1] = uint16_t(entry + 1);
  first[2] = uint16_t(number / mostExtent);
  first[3] = uint16_t(number % mostExtent);
  end = first;
  unsigned needed = 0; // dimensions, the innermost first
  auto take = [&](int64_t extent) {
    if (needed <= last - firstOfTensor)
      end[last - needed] = uint16_t(extent - 1);
    ++needed;
  };
  for (size_t t = binding.shape.size(); t-- > 0;) {
    const int64_t extent = binding.shape[t];
    if (extent <= 0)
      return fail("it has no elements");
    if (extent <= mostExtent) {
      take(extent);
      continue;
    }
    const unsigned inner = innerExtent(extent);
    if (extent / inner > mostExtent)
      return fail(fmt::format("its extent {} is no product of two numbers up to {}", extent, mostExtent));
    place.split[t] = inner;
    take(inner);
    take(extent / inner);
  }
  if (needed > last - firstOfTensor + 1)
    return fail(fmt::format("its extents take {} dimensions; there are {}", needed, last - firstOfTensor + 1));
  place.box = {Coordinate(first), Coordinate(end)};
  return place;
}

} // namespace vtpu::rt
