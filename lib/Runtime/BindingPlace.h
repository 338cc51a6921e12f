//===- BindingPlace.h - Coordinates of tensors ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the inputs, outputs and parameters of an entry appear in the space of a call: the rule of docs/Memory.md, "Bindings".
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_BINDINGPLACE_H
#define VTPU_LIB_RUNTIME_BINDINGPLACE_H

#include "vtpu/Memory/Region.h"
#include "vtpu/Object/Program.h"

namespace vtpu::rt {

/// The type of a region that holds such elements: `i1` is a byte, and 64 unsigned bits are those of an i64.
isa::Type regionType(DType type);

struct BindingPlace {
  mem::Box box;
  /// By dimension of the tensor: 0, or the inner extent of one that takes two dimensions.
  std::vector<unsigned> split;

  /// Coordinate of an element; the index has as many numbers as the tensor has dimensions, each in its range.
  Coordinate at(const int64_t *index) const;
};

/// The place of binding `number` of the entry with number `entry`; an error says why it has none.
Result<BindingPlace> placeBinding(const Function &function, uint32_t entry, uint32_t number);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_BINDINGPLACE_H
