//===- assembly.cpp - Any text as a program ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text that assembles prints as text that assembles to the same text.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"

#include <cstdlib>

using namespace vtpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<Program> program = parseAssembly({reinterpret_cast<const char *>(data), size}, "input");
  if (!program)
    return 0;
  const std::string text = printAssembly(*program);
  Result<Program> again = parseAssembly(text, "again");
  if (!again || printAssembly(*again) != text)
    std::abort();
  return 0;
}
