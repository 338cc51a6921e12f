//===- CodeMemory.h - Memory of emitted code --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages that are writable while they are filled and executable afterwards, never both.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CODEMEMORY_H
#define VTPU_LIB_RUNTIME_CODEMEMORY_H

#include "vtpu/Support/Result.h"

#include <cstddef>
#include <cstdint>

namespace vtpu::rt {

class CodeMemory {
public:
  CodeMemory() = default;
  CodeMemory(const CodeMemory &) = delete;
  CodeMemory &operator=(const CodeMemory &) = delete;
  ~CodeMemory();

  /// Maps writable pages for at least `bytes` bytes.
  Status allocate(size_t bytes);
  /// Makes the pages executable and read-only.
  Status seal();
  uint8_t *data() const { return pages; }

private:
  uint8_t *pages = nullptr;
  size_t size = 0;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CODEMEMORY_H
