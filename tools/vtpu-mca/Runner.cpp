//===- Runner.cpp - Calls of a program again and again ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runner.h"

#include "Synthetic.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu::tools {

Status Runner::load(Program source, const Contents &contents) {
  if (contents.parameters.empty()) // what stands in for them has other hashes
    for (Function &function : source.functions)
      for (Binding &binding : function.bindings)
        binding.hash.clear();
  Result<std::vector<uint8_t>> object = writeObject(source);
  if (!object)
    return Error{object.message()};
  vtpu_options options = {};
  options.struct_size = sizeof options;
  options.parameter_file = contents.parameters.empty() ? nullptr : contents.parameters.c_str();
  if (vtpu_load_memory(object->data(), object->size(), &options, &program) != 0)
    return Error{vtpu_last_error()};
  if (!contents.entry.empty()) {
    const int32_t found = vtpu_find_entry(program, contents.entry.c_str());
    if (found < 0) {
      std::string known;
      for (uint32_t e = 0; e < vtpu_entry_count(program); ++e)
        known += (e ? ", " : "") + std::string(vtpu_entry_name(program, e));
      return Error{fmt::format("no entry '{}'; the program has {}", contents.entry, known)};
    }
    entry = uint32_t(found);
  }
  std::mt19937 random{uint32_t(contents.seed)};
  const uint32_t numInputs = vtpu_input_count(program, entry), numOutputs = vtpu_output_count(program, entry);
  if (contents.inputs.size() > numInputs)
    return Error{fmt::format("{} inputs for entry {}, which takes {}", contents.inputs.size(), entryName(), numInputs)};
  storage.reserve(numInputs + numOutputs);
  for (uint32_t i = 0; i < numInputs + numOutputs; ++i) {
    const bool isInput = i < numInputs;
    vtpu_tensor_info info;
    (isInput ? vtpu_input_info : vtpu_output_info)(program, entry, isInput ? i : i - numInputs, &info);
    std::vector<uint8_t> bytes(info.bytes);
    if (i < contents.inputs.size()) {
      if (contents.inputs[i].size() != info.bytes)
        return Error{fmt::format("input {} ('{}') has {} bytes, the entry takes {}", i, info.name, contents.inputs[i].size(), info.bytes)};
      bytes = contents.inputs[i];
    } else if (isInput) {
      fillRandom(bytes, info.dtype, random);
    }
    storage.emplace_back(info.bytes + 64);
    uint8_t *data = storage.back().data();
    data += -reinterpret_cast<uintptr_t>(data) & 63;
    std::copy(bytes.begin(), bytes.end(), data);
    if (isInput)
      inputs.push_back(data);
    else
      outputs.push_back(data);
  }
  if (contents.parameters.empty())
    if (Status status = setRandomParameters(source, random); !status)
      return status;
  return call(); // warms up
}

Status Runner::call() { return vtpu_call(program, entry, inputs.data(), outputs.data()) == 0 ? Status() : Status(Error{vtpu_last_error()}); }

Status Runner::setRandomParameters(const Program &source, std::mt19937 &random) {
  for (const Function &function : source.functions) {
    if (!function.entry)
      continue;
    for (const Binding &binding : function.bindings) {
      if (binding.kind != BindingKind::Parameter)
        continue;
      std::vector<uint8_t> &bytes = parameters.emplace_back(tensorBytes(binding));
      fillRandom(bytes, vtpu_dtype(binding.dtype), random);
      if (vtpu_set_parameter(program, binding.key.c_str(), vtpu_dtype(binding.dtype), uint32_t(binding.shape.size()), binding.shape.data(),
                             bytes.data()) != 0)
        return Error{vtpu_last_error()};
    }
  }
  return {};
}

} // namespace vtpu::tools
