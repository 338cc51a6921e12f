//===- JIT.h - The template JIT's view of its code --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tools ask of the template JIT besides running: the machine code of each word.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_JIT_H
#define VTPU_RUNTIME_JIT_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

/// Machine code of a program. `wordOffsets[f][w]` is where word w of function f starts; one more entry tells where the last ends.
struct EmittedCode {
  std::vector<uint8_t> bytes; // holds addresses of this process: for display only
  std::vector<std::vector<uint32_t>> wordOffsets;
};

/// Emits the machine code of a program without running it; works on every x86-64 host. `learned` false: without templates, by the assembler alone,
/// which gives the same bytes.
Result<EmittedCode> emitForDisplay(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features = hostFeatures(),
                                   bool learned = true);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_JIT_H
