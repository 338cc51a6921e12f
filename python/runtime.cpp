//===- runtime.cpp - Python module vtpu._runtime ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thin layer over the C API. Arrays cross as buffers or addresses; what they must look like is checked in Python (vtpu/_program.py).
//
//===----------------------------------------------------------------------===//

#include "Space.h"

#include "vtpu/Assembly/Assembly.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

namespace nb = nanobind;

namespace {
struct RuntimeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void check(int code) {
  if (code != 0)
    throw RuntimeError(vtpu_last_error());
}

nb::bytes assemble(const std::string &text, const std::string &fileName) {
  vtpu::Result<vtpu::Program> program = vtpu::parseAssembly(text, fileName);
  if (!program)
    throw RuntimeError(program.message());
  vtpu::Result<std::vector<uint8_t>> bytes = vtpu::writeObject(*program);
  if (!bytes)
    throw RuntimeError(bytes.message());
  return nb::bytes(reinterpret_cast<const char *>(bytes->data()), bytes->size());
}

/// Views of contiguous buffers for the time of a call.
class Buffers {
public:
  Buffers() = default;
  Buffers(const Buffers &) = delete;
  ~Buffers() {
    for (Py_buffer &view : views)
      PyBuffer_Release(&view);
  }
  /// The address in a number, or of a buffer.
  std::vector<uintptr_t> addresses(nb::list arguments) {
    std::vector<uintptr_t> result;
    result.reserve(arguments.size());
    for (nb::handle argument : arguments) {
      if (PyLong_Check(argument.ptr())) {
        result.push_back(nb::cast<uintptr_t>(argument));
        continue;
      }
      Py_buffer view;
      if (PyObject_GetBuffer(argument.ptr(), &view, PyBUF_SIMPLE) != 0)
        throw nb::python_error();
      views.push_back(view);
      result.push_back(reinterpret_cast<uintptr_t>(view.buf));
    }
    return result;
  }

private:
  std::vector<Py_buffer> views;
};

class Program {
public:
  Program(nb::bytes data, int tier, uint32_t threads, const std::string &features, const std::string &parameterFile) {
    vtpu_options options = makeOptions(tier, threads, features, parameterFile);
    check(vtpu_load_memory(data.c_str(), data.size(), &options, &program));
  }
  Program(const std::string &path, int tier, uint32_t threads, const std::string &features, const std::string &parameterFile) {
    vtpu_options options = makeOptions(tier, threads, features, parameterFile);
    check(vtpu_load_file(path.c_str(), &options, &program));
  }
  Program(const Program &) = delete;
  ~Program() { vtpu_release(program); }

  std::string parameterFile(const std::optional<std::string> &path) const { return vtpu_parameter_file(program, path ? path->c_str() : nullptr); }
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < vtpu_entry_count(program); ++i)
      names.push_back(vtpu_entry_name(program, i));
    return names;
  }
  using Info = std::tuple<std::string, int, std::vector<int64_t>>;
  std::vector<Info> tensors(uint32_t entry, bool inputs) const {
    std::vector<Info> result;
    uint32_t count = inputs ? vtpu_input_count(program, entry) : vtpu_output_count(program, entry);
    for (uint32_t i = 0; i < count; ++i) {
      vtpu_tensor_info info;
      check(inputs ? vtpu_input_info(program, entry, i, &info) : vtpu_output_info(program, entry, i, &info));
      result.emplace_back(info.name, int(info.dtype), std::vector<int64_t>(info.shape, info.shape + info.rank));
    }
    return result;
  }
  void setParameter(const std::string &key, int dtype, const std::vector<int64_t> &shape, uintptr_t data) {
    check(vtpu_set_parameter(program, key.c_str(), vtpu_dtype(dtype), uint32_t(shape.size()), shape.data(), reinterpret_cast<const void *>(data)));
  }
  /// Arguments are addresses or contiguous buffers; the caller has checked types and shapes.
  void call(uint32_t entry, nb::list inputArguments, nb::list outputArguments, nb::handle inSpace) {
    vtpu_space *space = spaceHandle(inSpace);
    Buffers buffers;
    const std::vector<uintptr_t> inputs = buffers.addresses(inputArguments), outputs = buffers.addresses(outputArguments);
    int code;
    {
      nb::gil_scoped_release unlocked;
      code = vtpu_call_in(program, entry, reinterpret_cast<const void *const *>(inputs.data()), reinterpret_cast<void *const *>(outputs.data()),
                          space);
    }
    check(code);
  }
  /// The coordinate of an element; no index: of the first.
  vtpu::Coordinate coordinate(uint32_t entry, const std::string &name, const std::optional<std::vector<int64_t>> &index) const {
    const Info info = binding(entry, name);
    if (const size_t rank = std::get<2>(info).size(); index && index->size() != rank)
      raise("WrongValue", "index of '" + name + "' has " + std::to_string(index->size()) + " numbers; the tensor has " + std::to_string(rank) +
                              " dimensions");
    vtpu::Coordinate::Components components;
    if (vtpu_binding_coordinate(program, entry, name.c_str(), index ? index->data() : nullptr, components.data()) != 0)
      raise("WrongValue", vtpu_last_error());
    return vtpu::Coordinate(components);
  }
  /// Name, type and shape of a tensor of the caller; KeyError if there is none of that name.
  Info binding(uint32_t entry, const std::string &name) const {
    vtpu_tensor_info info;
    if (vtpu_binding_info(program, entry, name.c_str(), &info) != 0)
      throw nb::key_error(vtpu_last_error());
    return {info.name, int(info.dtype), std::vector<int64_t>(info.shape, info.shape + info.rank)};
  }
  nb::dict stats(uint32_t entry) {
    vtpu_stats s = {sizeof(s)};
    check(vtpu_get_stats(program, entry, &s));
    nb::dict d;
    d["words"] = s.words;
    d["D"] = s.d;
    d["S"] = s.s;
    d["C"] = s.c;
    d["executed_words"] = s.executed_words;
    d["executed_ops"] = s.executed_ops;
    d["host_seconds"] = s.host_seconds;
    d["total_seconds"] = s.total_seconds;
    d["code_bytes"] = s.code_bytes;
    d["context_bytes"] = s.context_bytes;
    d["barrier_seconds"] = s.barrier_seconds;
    d["sentrons"] = s.sentrons;
    return d;
  }
  int tier() const { return int(vtpu_active_tier(program)); }

private:
  vtpu_program *program = nullptr;

  static vtpu_options makeOptions(int tier, uint32_t threads, const std::string &features, const std::string &parameterFile) {
    vtpu_options options = {};
    options.struct_size = sizeof(options);
    options.tier = vtpu_tier(tier);
    options.threads = threads;
    options.cpu_features = features.empty() ? nullptr : features.c_str();
    options.parameter_file = parameterFile.empty() ? nullptr : parameterFile.c_str();
    return options;
  }
};
} // namespace

NB_MODULE(_runtime, m) {
  nb::exception<RuntimeError>(m, "RuntimeError");
  addSpace(m);
  nb::class_<Program>(m, "Program")
      .def(nb::init<nb::bytes, int, uint32_t, const std::string &, const std::string &>())
      .def(nb::init<const std::string &, int, uint32_t, const std::string &, const std::string &>())
      .def("entries", &Program::entries)
      .def("parameter_file", &Program::parameterFile, nb::arg("path").none())
      .def("tensors", &Program::tensors)
      .def("set_parameter", &Program::setParameter)
      .def("call", &Program::call, nb::arg(), nb::arg(), nb::arg(), nb::arg("space").none())
      .def("binding", &Program::binding)
      .def("coordinate", &Program::coordinate, nb::arg(), nb::arg(), nb::arg("index").none())
      .def("stats", &Program::stats)
      .def("tier", &Program::tier);
  m.def("assemble", &assemble, nb::arg("text"), nb::arg("file_name") = "<text>", "Assembles the text form of a program; returns the bytes of a .vtpu file.");
  m.def("version", &vtpu_version);
}
