//===- CAPI.cpp - The C API of the runtime ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Thin: checks arguments, turns failures into codes and texts.
//
//===----------------------------------------------------------------------===//

#include "CAPI.h"
#include "vtpu/Runtime/JIT.h"

#include <cstring>
#include <fmt/format.h>

using namespace vtpu;
using namespace vtpu::rt;

namespace {
thread_local std::string lastError;
} // namespace

int vtpu::rt::fail(std::string message) {
  lastError = std::move(message);
  return -1;
}

namespace {
vtpu_options read(const vtpu_options *options) {
  vtpu_options result = {};
  if (options)
    std::memcpy(&result, options, std::min<size_t>(options->struct_size, sizeof(result)));
  return result;
}
int finish(Result<Program> program, const std::string &path, const vtpu_options *options, vtpu_program **out) {
  if (!program)
    return fail(program.message());
  Result<std::unique_ptr<LoadedProgram>> loaded = LoadedProgram::create(std::move(*program), path, read(options));
  if (!loaded)
    return fail(loaded.message());
  *out = new vtpu_program{std::move(*loaded)};
  return 0;
}
int info(const vtpu_program *program, uint32_t entry, uint32_t index, bool input, vtpu_tensor_info *out) {
  const auto &entries = program->loaded->getEntries();
  if (entry >= entries.size())
    return fail(fmt::format("entry {} does not exist; the program has {}", entry, entries.size()));
  const std::vector<uint32_t> &list = input ? entries[entry].inputs : entries[entry].outputs;
  if (index >= list.size())
    return fail(fmt::format("{} {} does not exist; the entry has {}", input ? "input" : "output", index, list.size()));
  *out = describeTensor(program->loaded->getProgram().functions[entries[entry].function].bindings[list[index]]);
  return 0;
}
} // namespace

vtpu_tensor_info vtpu::rt::describeTensor(const Binding &binding) {
  return {binding.name.c_str(), vtpu_dtype(binding.dtype), uint32_t(binding.shape.size()), binding.shape.data(), tensorBytes(binding)};
}

vtpu::rt::RunningCode vtpu::rt::runningCode(const vtpu_program *program) { return runningCode(program->loaded->getExecutor()); }

Result<vtpu_program *> vtpu::rt::loadProbed(Program program, LoopProbe &probe) {
  vtpu_options options = {};
  options.tier = VTPU_TIER_JIT;
  Result<std::unique_ptr<LoadedProgram>> loaded = LoadedProgram::create(std::move(program), "", options, &probe);
  if (!loaded)
    return loaded.takeError();
  return new vtpu_program{std::move(*loaded)};
}

extern "C" {

const char *vtpu_version(void) { return VTPU_VERSION; }
const char *vtpu_last_error(void) { return lastError.c_str(); }

int vtpu_load_file(const char *path, const vtpu_options *options, vtpu_program **program) {
  if (!path || !program)
    return fail("vtpu_load_file: path and program must not be null pointers");
  return finish(readObjectFile(path, false), path, options, program);
}
int vtpu_load_memory(const void *data, size_t size, const vtpu_options *options, vtpu_program **program) {
  if (!data || !program)
    return fail("vtpu_load_memory: data and program must not be null pointers");
  return finish(readObject(static_cast<const uint8_t *>(data), size, false), "", options, program);
}
const char *vtpu_parameter_file(const vtpu_program *program, const char *path) {
  thread_local std::string file;
  file = program->loaded->getParameterFile(path);
  return file.c_str();
}
int vtpu_set_parameter(vtpu_program *program, const char *key, vtpu_dtype dtype, uint32_t rank, const int64_t *shape, const void *data) {
  if (dtype < VTPU_I1 || dtype > VTPU_F64)
    return fail(fmt::format("parameter '{}' has the unknown element type {}", key, int(dtype)));
  TensorView tensor{DType(dtype), std::vector<int64_t>(shape, shape + rank), static_cast<const uint8_t *>(data), dtypeBytes(DType(dtype))};
  for (int64_t extent : tensor.shape)
    tensor.bytes *= uint64_t(extent);
  return finish(program->loaded->setParameter(key, std::move(tensor)));
}
void vtpu_release(vtpu_program *program) { delete program; }

uint32_t vtpu_entry_count(const vtpu_program *program) { return uint32_t(program->loaded->getEntries().size()); }
const char *vtpu_entry_name(const vtpu_program *program, uint32_t entry) {
  const auto &entries = program->loaded->getEntries();
  return entry < entries.size() ? program->loaded->getProgram().functions[entries[entry].function].name.c_str() : nullptr;
}
int32_t vtpu_find_entry(const vtpu_program *program, const char *name) {
  for (uint32_t i = 0; i < vtpu_entry_count(program); ++i)
    if (std::strcmp(vtpu_entry_name(program, i), name) == 0)
      return int32_t(i);
  return -1;
}
uint32_t vtpu_input_count(const vtpu_program *program, uint32_t entry) {
  return entry < vtpu_entry_count(program) ? uint32_t(program->loaded->getEntries()[entry].inputs.size()) : 0;
}
uint32_t vtpu_output_count(const vtpu_program *program, uint32_t entry) {
  return entry < vtpu_entry_count(program) ? uint32_t(program->loaded->getEntries()[entry].outputs.size()) : 0;
}
int vtpu_input_info(const vtpu_program *program, uint32_t entry, uint32_t index, vtpu_tensor_info *out) {
  return info(program, entry, index, true, out);
}
int vtpu_output_info(const vtpu_program *program, uint32_t entry, uint32_t index, vtpu_tensor_info *out) {
  return info(program, entry, index, false, out);
}
vtpu_tier vtpu_active_tier(const vtpu_program *program) { return program->loaded->getTier(); }

int vtpu_call(vtpu_program *program, uint32_t entry, const void *const *inputs, void *const *outputs) {
  return vtpu_call_in(program, entry, inputs, outputs, nullptr);
}
int vtpu_get_stats(const vtpu_program *program, uint32_t entry, vtpu_stats *out) {
  Result<vtpu_stats> stats = program->loaded->stats(entry);
  if (!stats)
    return fail(stats.message());
  const size_t size = std::min<size_t>(out->struct_size, sizeof(vtpu_stats));
  if (size < offsetof(vtpu_stats, words))
    return fail("vtpu_get_stats: set struct_size to sizeof(vtpu_stats) first");
  stats->struct_size = out->struct_size;
  std::memcpy(out, &*stats, size);
  return 0;
}
}
