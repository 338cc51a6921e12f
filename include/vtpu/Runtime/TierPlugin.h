//===- TierPlugin.h - A tier that is loaded on demand -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the runtime and the shared library of the ORC tier (lib/ORC) know of each other. The library holds LLVM, the runtime does not; both come
// from one build, and a number and the instruction table's hash tell if not.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_TIERPLUGIN_H
#define VTPU_RUNTIME_TIERPLUGIN_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

/// What generated code calls in the runtime.
struct TierServices {
  /// Runs the routine in a slot of a word, on registers in the context.
  TrapCause (*callRoutine)(SentronContext &context, const isa::Word &word, isa::Pipe pipe);
  bool (*waitAtBarrier)(SentronContext &context);
  /// Tells in the trap which offset an S slot refused, from registers in the context.
  void (*tellRefused)(SentronContext &context, const isa::Word &word, uint64_t size);
};

/// The symbol `vtpu_tier_plugin` of the library.
struct TierPlugin {
  /// Raised with every change of this header or of Executor.h, Program.h and Instruction.h.
  static constexpr uint32_t currentABI = 1;
  uint32_t abi;
  uint64_t (*tableHash)();
  /// `baseline`: for any CPU of this architecture, as if the host had no extensions. The program and the facts outlive the executor.
  Result<std::unique_ptr<Executor>> (*create)(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services,
                                              bool baseline);
};

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_TIERPLUGIN_H
