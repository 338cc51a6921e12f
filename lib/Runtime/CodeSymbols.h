//===- CodeSymbols.h - Emitted code for perf and gdb ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CODESYMBOLS_H
#define VTPU_LIB_RUNTIME_CODESYMBOLS_H

#include "vtpu/Support/Result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace vtpu::rt {

/// A named part of emitted code.
struct CodeSymbol {
  std::string name;
  uint32_t offset, size; // bytes
};

/// Tells tools outside of the process the names of some emitted code, as long as it lives: `perf` if the environment has VTPU_PERF_MAP=1, through
/// the file /tmp/perf-PID.map, and gdb if it has VTPU_GDB=1, through its JIT interface.
class CodeSymbols {
public:
  /// True if anybody asks for names.
  static bool wanted();
  /// Symbols of `size` bytes of code that stand at `code`.
  static Result<std::unique_ptr<CodeSymbols>> announce(const uint8_t *code, size_t size, const std::vector<CodeSymbol> &symbols);
  ~CodeSymbols();

private:
  struct Registration;
  std::unique_ptr<Registration> registration; // gdb's
  CodeSymbols();
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CODESYMBOLS_H
