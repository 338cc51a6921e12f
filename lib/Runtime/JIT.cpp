//===- JIT.cpp - The template JIT -------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits a program once, at load, into memory that executes and cannot be written, and calls it. An executor has no mutable state: any number of threads may
// call it at once, each with its own context.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/JIT.h"

#include "CodeMemory.h"
#include "CodeSymbols.h"
#include "JITEmitter.h"

#include <cstdio>
#include <fmt/format.h>

/// What asmjit's assertion handler prints to (lib/Runtime/CMakeLists.txt says why).
extern "C" __attribute__((visibility("hidden"))) FILE *vtpu_asmjit_stderr;
FILE *vtpu_asmjit_stderr = stderr;

namespace vtpu::rt {

using namespace asmjit;

namespace {
/// Collects the first failure of the assembler.
class Failure final : public ErrorHandler {
public:
  std::string message;
  void handleError(asmjit::Error, const char *text, BaseEmitter *) override {
    if (message.empty())
      message = text;
  }
};

/// Frames start with the context's address: the entry's bases are copied behind it.
constexpr size_t mostEntryBindingsOnStack = 512;

struct Emission {
  CodeHolder code;
  Failure failure;
  std::vector<std::vector<uint32_t>> wordOffsets;
  Label trampoline;
  std::vector<Label> functions;
  uint32_t codeEnd = 0;

  Status emit(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features, bool learned,
              LoopProbe *probe = nullptr) {
    Environment environment(Arch::kX64);
    code.init(environment);
    code.setErrorHandler(&failure);
    x86::Assembler assembler(&code);
    JITEmitter emitter(program, facts, features, assembler, learned ? &JITEmitter::threadTemplates() : nullptr, probe);
    emitter.emitProgram(wordOffsets);
    trampoline = emitter.trampoline;
    functions = emitter.functionLabels;
    codeEnd = emitter.codeEnd;
    if (failure.message.empty()) {
      emitter.keepTrampoline();
      code.flatten();
      code.resolveUnresolvedLinks();
    }
    if (!failure.message.empty())
      return vtpu::Error{fmt::format("machine code cannot be emitted: {}; run with the interpreter tier", failure.message)};
    return {};
  }
};

class JIT final : public Executor {
public:
  Status build(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features, LoopProbe *probe) {
    Emission emission;
    if (Status status = emission.emit(program, facts, features, true, probe); !status)
      return status;
    bytes = emission.code.codeSize();
    if (Status status = memory.allocate(bytes); !status)
      return status;
    emission.code.relocateToBase(uint64_t(reinterpret_cast<uintptr_t>(memory.data())));
    for (const Section *section : emission.code.sections())
      if (Status status = memory.write(section->offset(), section->data(), section->bufferSize()); !status)
        return status;
    trampoline = reinterpret_cast<Trampoline>(reinterpret_cast<uintptr_t>(memory.data()) + emission.code.labelOffset(emission.trampoline));
    for (size_t f = 0; f < emission.functions.size(); ++f) {
      functions.push_back(memory.data() + emission.code.labelOffset(emission.functions[f]));
      bindings.push_back(program.functions[f].bindings.size());
    }
    if (!CodeSymbols::wanted())
      return {};
    Result<std::unique_ptr<CodeSymbols>> announced = CodeSymbols::announce(memory.data(), bytes, symbolsOf(program, emission));
    if (!announced)
      return vtpu::Error{announced.message()};
    symbols = std::move(*announced);
    return {};
  }

  bool run(uint32_t function, uint8_t *const *bases, SentronContext &context) override {
    const size_t count = bindings[function];
    void *local[mostEntryBindingsOnStack + 1];
    std::vector<void *> large;
    void **frame = local;
    if (count > mostEntryBindingsOnStack) {
      large.resize(count + 1);
      frame = large.data();
    }
    frame[0] = &context;
    std::copy(bases, bases + count, frame + 1);
    return trampoline(frame + 1, &context, functions[function]);
  }
  size_t codeBytes() const override { return bytes; }
  const uint8_t *code() const { return memory.data(); }

private:
  /// `vtpu:enter`, and of each function `vtpu:NAME` up to its first word, `vtpu:NAME.wN` of each word with code, `vtpu:NAME.traps` behind them.
  static std::vector<CodeSymbol> symbolsOf(const Program &program, const Emission &emission) {
    std::vector<CodeSymbol> symbols;
    auto add = [&](std::string name, uint64_t from, uint64_t to) {
      if (from < to)
        symbols.push_back({"vtpu:" + std::move(name), uint32_t(from), uint32_t(to - from)});
    };
    for (size_t f = 0; f < program.functions.size(); ++f) {
      const std::string &name = program.functions[f].name;
      const std::vector<uint32_t> &offsets = emission.wordOffsets[f];
      const uint64_t begin = emission.code.labelOffset(emission.functions[f]);
      const uint64_t end = f + 1 < program.functions.size() ? emission.code.labelOffset(emission.functions[f + 1]) : emission.codeEnd;
      if (!f)
        add("enter", emission.code.labelOffset(emission.trampoline), begin);
      add(name, begin, offsets.front());
      for (size_t w = 0; w + 1 < offsets.size(); ++w)
        add(fmt::format("{}.w{}", name, w), offsets[w], offsets[w + 1]);
      add(name + ".traps", offsets.back(), end);
    }
    return symbols;
  }

  using Trampoline = bool (*)(void **bases, SentronContext *context, const void *function);
  CodeMemory memory;
  std::unique_ptr<CodeSymbols> symbols; // null unless the environment asks for them
  Trampoline trampoline = nullptr;
  std::vector<const uint8_t *> functions;
  std::vector<size_t> bindings;
  size_t bytes = 0;
};
} // namespace

bool hostHasBaseline() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("bmi2");
}

HostFeatures hostFeatures() {
  HostFeatures features;
  features.vpopcntdq = __builtin_cpu_supports("avx512vpopcntdq");
  return features;
}

Result<std::unique_ptr<Executor>> createJIT(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features,
                                            LoopProbe *probe) {
  if (!hostHasBaseline())
    return vtpu::Error{"this CPU lacks AVX-512 (F, VL, BW, DQ, CD), which the JIT tier needs; run with the interpreter tier"};
  auto jit = std::make_unique<JIT>();
  if (Status status = jit->build(program, facts, features, probe); !status)
    return vtpu::Error{status.message()};
  return std::unique_ptr<Executor>(std::move(jit));
}

RunningCode runningCode(const Executor &executor) {
  const auto *jit = dynamic_cast<const JIT *>(&executor);
  return jit ? RunningCode{jit->code(), jit->codeBytes()} : RunningCode{};
}

Result<EmittedCode> emitForDisplay(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features, bool learned) {
  Emission emission;
  if (Status status = emission.emit(program, facts, features, learned); !status)
    return vtpu::Error{status.message()};
  EmittedCode result;
  result.bytes.resize(emission.code.codeSize());
  emission.code.relocateToBase(0x10000);
  emission.code.copyFlattenedData(result.bytes.data(), result.bytes.size());
  result.wordOffsets = std::move(emission.wordOffsets);
  result.codeEnd = emission.codeEnd;
  return result;
}

} // namespace vtpu::rt
