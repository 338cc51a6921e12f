//===- Arrays.h - Arrays of the command line --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `2x2xf32=1 2 3 4`, a splat `4xf32=0`, `@file.npy`; comparison and printing.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_RUN_ARRAYS_H
#define VTPU_TOOLS_RUN_ARRAYS_H

#include "vtpu/Object/Program.h"

namespace vtpu::tools {

struct Array {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  int64_t count() const;
  /// `2x3xf32`.
  std::string type() const;
  /// Element as a double (integers beyond 2^53 lose bits; only printed and compared).
  double at(int64_t index) const;
  void set(int64_t index, double value);
  /// `2x3xf32=[1 2 3][4 5 6]`, cut after `most` elements.
  std::string text(int64_t most) const;
};

/// Reads one array of the command line.
Result<Array> parseArray(const std::string &text);
/// Writes NumPy's .npy format (atomically).
Status writeNumpy(const Array &array, const std::string &path);
/// What differs first, or nothing; `threshold` is absolute and relative for floats.
Status compareArrays(const Array &actual, const Array &expected, double threshold);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_RUN_ARRAYS_H
