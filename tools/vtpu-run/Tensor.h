//===- Tensor.h - Tensors of vtpu-run ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors as text (`2x2xf32=1 2 3 4`), as .npy files and as raw files, and their comparison.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_RUN_TENSOR_H
#define VTPU_TOOLS_RUN_TENSOR_H

#include "vtpu/Object/Program.h"

#include <map>

namespace vtpu::run {

/// A contiguous row-major tensor.
struct Tensor {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  uint64_t elements() const;
  void allocate() { bytes.assign(elements() * dtypeBytes(dtype), 0); }
};

/// One element as a number; i64 and u64 beyond 2^53 are compared exactly elsewhere.
double element(const Tensor &tensor, uint64_t index);
/// `2x2xf32`.
std::string typeText(DType dtype, const std::vector<int64_t> &shape);
/// `2x2xf32=[1 2][3 4]`; more than `most` elements end in `...`.
std::string tensorText(const Tensor &tensor, uint64_t most);

/// Reads `2x2xf32=1 2 3 4`, `f32=1`, `4xi32` (zeros), `@x.npy`, `4xf32=@x.bin`. Successive uses of `+x.npy` read the arrays that a file
/// holds one behind the other; `offsets` remembers where each file stands.
Result<Tensor> readTensor(const std::string &text, std::map<std::string, long> &offsets);
/// Writes a .npy file; `append` adds to an existing file.
Status writeNpy(const Tensor &tensor, const std::string &path, bool append);

/// Bounds of the comparison, by element type.
struct Thresholds {
  double f16 = 1e-3, f32 = 1e-4, f64 = 1e-4;
};
/// Empty if the tensors agree, else what differs first and how many do.
std::string compare(const Tensor &actual, const Tensor &expected, const Thresholds &thresholds);

} // namespace vtpu::run

#endif // VTPU_TOOLS_RUN_TENSOR_H
