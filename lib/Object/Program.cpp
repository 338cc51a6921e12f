//===- Program.cpp - A program as data --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names and sizes of tensor element types; look-up of functions.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Object/Program.h"

namespace vtpu {

namespace {
struct DTypeInfo {
  std::string_view name;
  unsigned bytes;
};
constexpr DTypeInfo dtypeInfos[] = {{"none", 0}, {"i1", 1},  {"i8", 1},  {"i16", 2}, {"i32", 4},  {"i64", 8}, {"u8", 1},
                                    {"u16", 2},  {"u32", 4}, {"u64", 8}, {"f16", 2}, {"bf16", 2}, {"f32", 4}, {"f64", 8}};
} // namespace

std::string_view dtypeName(DType type) { return dtypeInfos[unsigned(type)].name; }
unsigned dtypeBytes(DType type) { return dtypeInfos[unsigned(type)].bytes; }
DType parseDType(std::string_view name) {
  for (unsigned i = 1; i < std::size(dtypeInfos); ++i)
    if (dtypeInfos[i].name == name)
      return DType(i);
  return DType(0);
}

uint64_t tensorBytes(const Binding &binding) {
  uint64_t bytes = dtypeBytes(binding.dtype);
  for (int64_t extent : binding.shape)
    bytes *= uint64_t(extent);
  return bytes;
}

bool Layout::operator==(const Layout &o) const {
  return kind == o.kind && batch == o.batch && rows == o.rows && cols == o.cols && batchStride == o.batchStride &&
         rowStride == o.rowStride && colStride == o.colStride && offset == o.offset && tile == o.tile;
}

int Program::find(std::string_view name) const {
  for (size_t i = 0; i < functions.size(); ++i)
    if (functions[i].name == name)
      return int(i);
  return -1;
}

} // namespace vtpu
