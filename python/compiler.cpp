//===- compiler.cpp - Python module vtpu._compiler --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler as one function: text of a phase in, a program's bytes or the text of a later phase out.
//
//===----------------------------------------------------------------------===//

#include "vtpu/InitAllDialects.h"
#include "vtpu/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace {
struct CompileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::bytes compile(const std::vector<std::string> &texts, const std::string &fileName, const std::string &compileFrom, const std::string &compileTo,
                  const std::string &parameterFile, const std::string &reproducer, const std::map<std::string, Bytes> &structures,
                  std::optional<int64_t> divideFrom, const std::string &portTable, const std::string &schedule, nb::object onPhase) {
  vtpu::CompileOptions options;
  options.divideFrom = divideFrom;
  auto phase = [](const std::string &name) {
    std::optional<vtpu::Phase> parsed = vtpu::parsePhase(name);
    if (!parsed)
      throw CompileError("unknown phase '" + name + "'; legal are " + vtpu::listPhases());
    return *parsed;
  };
  options.compileFrom = phase(compileFrom);
  options.compileTo = phase(compileTo);
  options.parameterFile = parameterFile;
  options.reproducer = reproducer;
  for (const auto &[key, bytes] : structures)
    options.structures[key] = llvm::ArrayRef(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  options.portTable = portTable;
  options.schedule = schedule;
  std::exception_ptr thrown; // by the callback; the compiler lets no exception through
  if (!onPhase.is_none())
    options.onPhase = [&](vtpu::Phase next) {
      nb::gil_scoped_acquire locked;
      try {
        onPhase(vtpu::stringifyPhase(next).str());
      } catch (...) {
        thrown = std::current_exception();
      }
    };
  std::string result;
  {
    nb::gil_scoped_release unlocked;
    mlir::DialectRegistry registry;
    vtpu::registerAllDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    llvm::Expected<std::string> compiled = vtpu::compileText(context, llvm::SmallVector<llvm::StringRef>(texts.begin(), texts.end()), fileName, options);
    if (!compiled)
      throw CompileError(llvm::toString(compiled.takeError()));
    result = std::move(*compiled);
  }
  if (thrown)
    std::rethrow_exception(thrown);
  return nb::bytes(result.data(), result.size());
}
} // namespace

NB_MODULE(_compiler, m) {
  nb::exception<CompileError>(m, "CompileError");
  m.def("compile", &compile, nb::arg("texts"), nb::arg("file_name") = "program.mlir", nb::arg("compile_from") = "input",
        nb::arg("compile_to") = "binary", nb::arg("parameter_file") = "", nb::arg("reproducer") = "",
        nb::arg("structures") = std::map<std::string, Bytes>(), nb::arg("divide_from") = nb::none(), nb::arg("port_table") = "", nb::arg("schedule") = "modulo",
        nb::arg("on_phase") = nb::none(),
        "Compiles MLIR texts into one program; returns the bytes of a .vtpu file, or text for an earlier phase.");
  m.def("phases", &vtpu::listPhases, "Names of all phases, in order.");
}
