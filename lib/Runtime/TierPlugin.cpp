//===- TierPlugin.cpp - Loads the ORC tier ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The library is opened once a process and stays. It is looked for at the path in VTPU_ORC_PLUGIN, else by its name, as the dynamic linker does:
// in the RUNPATH of the object that holds the runtime, in LD_LIBRARY_PATH, in the system's folders.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/TierPlugin.h"

#include "FunctionBases.h"
#include "Routines/Routine.h"
#include "Semantics.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>

namespace vtpu::rt {

namespace {
constexpr const char *libraryName = "libVTPUORC.so";
constexpr const char *pathVariable = "VTPU_ORC_PLUGIN";

Result<const TierPlugin *> openPlugin() {
  const char *path = std::getenv(pathVariable);
  if (!path || !*path)
    path = libraryName;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Error{fmt::format("the ORC tier cannot be loaded: {}; install {} beside the runtime or name it in {}", dlerror(), libraryName,
                             pathVariable)};
  auto *plugin = static_cast<const TierPlugin *>(dlsym(library, "vtpu_tier_plugin"));
  if (!plugin)
    return Error{fmt::format("{} is no tier of the vTPU: it lacks the symbol vtpu_tier_plugin", path)};
  if (plugin->abi != TierPlugin::currentABI)
    return Error{fmt::format("{} has ABI {}, this runtime needs {}; take both from one build", path, plugin->abi, TierPlugin::currentABI)};
  if (plugin->tableHash() != isa::tableHash())
    return Error{fmt::format("{} was built for another instruction table; take it and the runtime from one build", path)};
  return plugin;
}

const Result<const TierPlugin *> &plugin() {
  static const Result<const TierPlugin *> opened = openPlugin();
  return opened;
}

TrapCause callRoutine(SentronContext &context, const isa::Word &word, isa::Pipe pipe) {
  const isa::Slot &slot = word.slot(pipe);
  return findRoutine(pipe, slot.opcode).function({context, slot, word});
}
void tellRefused(SentronContext &context, const isa::Word &word, uint64_t size) {
  context.trap.value = findRefused(word.slot(isa::Pipe::S), context.registers, size);
}
} // namespace

bool hasORC() { return plugin().ok(); }

Result<std::unique_ptr<Executor>> createORC(const Program &program, const std::vector<FunctionFacts> &facts, bool baseline) {
  if (!plugin())
    return Error{plugin().message()};
  return (*plugin())->create(program, facts, {&callRoutine, &waitAtBarrier, &tellRefused}, baseline);
}

} // namespace vtpu::rt
