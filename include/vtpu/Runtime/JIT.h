//===- JIT.h - The template JIT's view of its code --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tools ask of the template JIT besides running: the machine code of each word, and how long a loop takes.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_JIT_H
#define VTPU_RUNTIME_JIT_H

#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/vtpu.h"

namespace vtpu::rt {

/// Machine code of a program. `wordOffsets[f][w]` is where word w of function f starts; one more entry tells where the last ends.
struct EmittedCode {
  std::vector<uint8_t> bytes; // holds addresses of this process: for display only
  std::vector<std::vector<uint32_t>> wordOffsets;
  uint32_t codeEnd = 0; // constants stand behind
};

/// Emits the machine code of a program without running it; works on every x86-64 host. `learned` false: without templates, by the assembler alone,
/// which gives the same bytes.
Result<EmittedCode> emitForDisplay(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features = hostFeatures(),
                                   bool learned = true);

/// The machine code that runs, laid out as `emitForDisplay` does for the same program; nothing of other tiers.
struct RunningCode {
  const uint8_t *data = nullptr;
  size_t bytes = 0;
};
RunningCode runningCode(const Executor &executor);
RunningCode runningCode(const vtpu_program *program);

/// A loop whose time is taken while a program runs: words [head, tail] of a function, entered only from above and left only behind the tail.
struct LoopProbe {
  uint32_t function = 0, head = 0, tail = 0;
  int counter = -1; // r register whose growth is summed up; -1: none
  int64_t skip = 0; // is added to the counter when the loop is entered; may change between calls
  // Written by the code.
  uint64_t entered = 0; // times
  int64_t counted = 0;  // what the counter has grown by
  uint64_t start = 0;
  uint64_t least = UINT64_MAX; // ticks of the time stamp counter, of the shortest time
  /// Ticks of two chains of dependent additions right behind that time, while the core's clock is what the loop has made of it.
  uint64_t chains[2] = {};
  static constexpr uint32_t chainBlocks[2] = {4, 40}, chainBlock = 64; // additions of a block
  uint64_t left = 0; // blocks of a chain
  uint32_t control = 0;        // MXCSR as the loop left it last
  uint32_t exceptions = 0;     // all flags of MXCSR that it has set
};

/// Loads a program into the template JIT with one sentron and code around a loop that fills in the probe, which must outlive the program. The handle
/// is the C API's.
Result<vtpu_program *> loadProbed(Program program, LoopProbe &probe);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_JIT_H
