//===- CodeMemory.h - Memory of emitted code --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pages that are executable and never writable: code gets there through the file that they map. Programs share them, so that loading one changes
// no mapping. Where files are limited, a program's own pages are writable while its code is written.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CODEMEMORY_H
#define VTPU_LIB_RUNTIME_CODEMEMORY_H

#include "vtpu/Support/Result.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace vtpu::rt {

/// The place of one program's code, on cache lines of its own. Places are taken and given back on any thread; a process that forks takes new ones
/// from pages of its own, as does its child.
class CodeMemory {
public:
  CodeMemory() = default;
  CodeMemory(const CodeMemory &) = delete;
  CodeMemory &operator=(const CodeMemory &) = delete;
  ~CodeMemory();

  /// Takes a place for `bytes` bytes, at least one. Once.
  Status allocate(size_t bytes);
  /// Writes into the place; what is to be executed is written before.
  Status write(size_t at, const void *code, size_t bytes);
  /// The start of the place, a multiple of 64.
  const uint8_t *data() const;

private:
  friend class CodePool;
  struct Pages;
  std::shared_ptr<Pages> pages;
  size_t offset = 0, size = 0;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CODEMEMORY_H
