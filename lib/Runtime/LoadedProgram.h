//===- LoadedProgram.h - A program ready to be called -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The object behind the C API's vtpu_program.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_LOADEDPROGRAM_H
#define VTPU_LIB_RUNTIME_LOADEDPROGRAM_H

#include "CallGroup.h"
#include "CallerSpace.h"
#include "Parameters.h"
#include "Workers.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/SentronMemory.h"
#include "vtpu/Runtime/vtpu.h"

#include <mutex>

namespace vtpu::rt {

class LoadedProgram {
public:
  /// `path` is the program's file, or empty: beside it the parameter file is looked for, under the name that the program tells, else under
  /// the program's own with the suffix `.safetensors`.
  /// `probe`: of the JIT tier, null for none.
  static Result<std::unique_ptr<LoadedProgram>> create(Program program, const std::string &path, const vtpu_options &options,
                                                       LoopProbe *probe = nullptr);

  struct Entry {
    uint32_t function;
    std::vector<uint32_t> inputs, outputs, arenas; // binding indices
    std::vector<uint8_t *> bases;                  // constants and parameters filled in
    std::vector<const uint8_t *> sources;          // parameters in row-major order
    bool usesSpace = false;
    uint32_t sentrons = 1;                         // one if no word asks for its sentron: each would do the same work
    vtpu_stats stats = {};
  };

  const Program &getProgram() const { return program; }
  const std::vector<Entry> &getEntries() const { return entries; }
  vtpu_tier getTier() const { return tier; }
  const Executor &getExecutor() const { return *executor; }

  Status setParameter(const std::string &key, TensorView tensor);
  /// `space`: null stands for an empty one of the call's own. It owns the program while the program's parameters have coordinates in it.
  static Status callIn(const std::shared_ptr<LoadedProgram> &program, uint32_t entry, const void *const *inputs, void *const *outputs,
                       CallerSpace *space) {
    return program->call(entry, inputs, outputs, space, program);
  }
  Result<vtpu_stats> stats(uint32_t entry);
  /// Where parameters that nobody sets are read from; with a path: where they would be if the program stood there.
  std::string getParameterFile(const char *path) const;

private:
  /// Memory of one call in flight: arena and stacks of one sentron each.
  struct Context {
    AlignedBuffer arena;
    std::vector<AlignedBuffer> stackMemory;
    std::vector<std::vector<uint8_t *>> stacks; // per sentron, per function
    std::vector<uint8_t *> bases;
    std::vector<SentronContext> sentrons;
    std::unique_ptr<CallGroup> group;
    std::unique_ptr<Workers> workers; // of sentrons 1..n-1; null until a call needs them
  };
  /// One call in flight, as its sentrons see it.
  struct Call;

  Program program;
  AlignedBuffer rodata;
  std::vector<FunctionFacts> facts;
  std::unique_ptr<Executor> executor;
  vtpu_tier tier = VTPU_TIER_INTERPRETER;
  uint32_t sentrons = 1; // most of any entry
  std::vector<Entry> entries;
  std::string parameterFile;

  std::mutex mutex;
  std::atomic<bool> parametersReady{false};
  std::unique_ptr<SafetensorsFile> file;
  std::map<std::string, TensorView> given;
  BufferPool copies; // of parameters
  std::vector<std::unique_ptr<Context>> idle;
  uint64_t arenaBytes = 0, stackBytes = 0;

  Status call(uint32_t entry, const void *const *inputs, void *const *outputs, CallerSpace *space, std::shared_ptr<const void> owner);
  /// The tensors that have coordinates.
  std::vector<mem::RegionSpec> tensorRegions(uint32_t entry, const std::vector<uint8_t *> &bases) const;
  Status checkBindings() const;
  Status resolveParameters();
  Result<uint8_t *> placeParameter(const Binding &binding, const TensorView &tensor);
  Result<std::unique_ptr<Context>> makeContext();
  Status takeContext(std::unique_ptr<Context> &memory);
  /// Counts the words of an entry and all that it calls, and gives it `threads` sentrons if any of them asks for its sentron.
  void inspect(Entry &entry, uint32_t threads);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_LOADEDPROGRAM_H
