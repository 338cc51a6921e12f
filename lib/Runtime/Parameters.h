//===- Parameters.h - External tensors --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors by key, from a mapped safetensors file or from the caller, and their packing into the layout a program wants.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_PARAMETERS_H
#define VTPU_LIB_RUNTIME_PARAMETERS_H

#include "vtpu/Object/Program.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace vtpu::rt {

/// A contiguous row-major tensor in memory that someone else owns.
struct TensorView {
  DType dtype;
  std::vector<int64_t> shape;
  const uint8_t *data;
  uint64_t bytes;
};

/// A mapped safetensors file (format: 8 bytes header size, JSON header, data).
class SafetensorsFile {
public:
  static Result<std::unique_ptr<SafetensorsFile>> open(const std::string &path);
  ~SafetensorsFile();
  /// Null if the file has no such tensor.
  const TensorView *find(const std::string &key) const;

private:
  SafetensorsFile() = default;
  const uint8_t *map = nullptr;
  size_t size = 0;
  std::map<std::string, TensorView> tensors;
};

/// Bytes on a 64-byte boundary.
class AlignedBuffer {
public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t bytes);
  AlignedBuffer(AlignedBuffer &&o) noexcept : bytes(o.bytes) { o.bytes = nullptr; }
  AlignedBuffer &operator=(AlignedBuffer &&o) noexcept {
    std::swap(bytes, o.bytes);
    return *this;
  }
  ~AlignedBuffer();
  uint8_t *data() const { return bytes; }

private:
  uint8_t *bytes = nullptr;
};

/// Memory that lives as long as this. Takings share blocks that grow with their sum, so that the many weights of a model lie in huge pages.
class BufferPool {
public:
  /// On a 64-byte boundary; null: there is no memory.
  uint8_t *take(size_t bytes);

private:
  std::vector<AlignedBuffer> blocks;
  uint8_t *next = nullptr;
  size_t left = 0, total = 0; // bytes from `next` on, and of all blocks
};

/// Checks a tensor against what a binding expects: element type, shape, hash.
Status checkParameter(const Binding &binding, const TensorView &tensor, const std::string &where);
/// Packs a tensor into the binding's layout (Layout::Panels): as many bytes of `pool` as the binding has.
Result<uint8_t *> packParameter(const Binding &binding, const TensorView &tensor, BufferPool &pool);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_PARAMETERS_H
