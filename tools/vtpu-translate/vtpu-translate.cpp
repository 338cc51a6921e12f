//===- vtpu-translate.cpp - Programs between their three forms --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// siw MLIR of phase bundled, binary and assembly: each into each. The output appears complete or not at all.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Progress.h"

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/InitAllDialects.h"
#include "vtpu/Target/SIWBinary/SIWBinary.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace vtpu;

namespace {
enum Form { mlirForm, binaryForm, assemblyForm, numForms };
constexpr const char *formNames[numForms] = {"mlir", "binary", "assembly"};

Result<Program> read(Form form, const llvm::MemoryBuffer &buffer, mlir::MLIRContext &context) {
  llvm::StringRef bytes = buffer.getBuffer(), name = buffer.getBufferIdentifier();
  if (form == assemblyForm)
    return parseAssembly(std::string_view(bytes.data(), bytes.size()), std::string_view(name.data(), name.size()));
  if (form == binaryForm) {
    Result<Program> program = readObject(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
    return program ? std::move(program) : Error{fmt::format("{}: {}", name.str(), program.message())};
  }
  std::string messages;
  llvm::raw_string_ostream os(messages);
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (messages.empty())
      os << diagnostic.getLocation() << ": " << diagnostic;
    return mlir::success();
  });
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(bytes, name, /*RequiresNullTerminator=*/false), llvm::SMLoc());
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, mlir::ParserConfig(&context));
  if (!module)
    return Error{messages};
  mlir::FailureOr<Program> program = translateToProgram(*module);
  if (mlir::failed(program))
    return Error{messages};
  return std::move(*program);
}

Result<std::string> write(Form form, const Program &program, mlir::MLIRContext &context) {
  if (form == assemblyForm)
    return printAssembly(program);
  if (form == binaryForm) {
    Result<std::vector<uint8_t>> bytes = writeObject(program);
    if (!bytes)
      return bytes.takeError();
    return std::string(bytes->begin(), bytes->end());
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  importProgram(program, context)->print(os, mlir::OpPrintingFlags().enableDebugInfo());
  os << "\n";
  return text;
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-translate", "--FORM-to-FORM [options] [FILE]",
                         "Translates a program between siw MLIR of phase bundled, binary and assembly.\nReads standard input without a FILE.");
  std::string output = "-";
  bool wanted[numForms][numForms] = {};
  for (int from = 0; from < numForms; ++from)
    for (int to = 0; to < numForms; ++to)
      if (from != to)
        options.flag(fmt::format("{}-to-{}", formNames[from], formNames[to]), wanted[from][to], fmt::format("read {}, write {}", formNames[from], formNames[to]));
  options.value("o,output", "FILE", output, "the file to write (default: standard output)");
  std::vector<std::string> inputs;
  options.parse(argc, argv, inputs);
  int from = -1, to = -1;
  for (int f = 0; f < numForms; ++f)
    for (int t = 0; t < numForms; ++t)
      if (wanted[f][t]) {
        if (from >= 0)
          options.fail(fmt::format("--{}-to-{} and --{}-to-{} exclude each other", formNames[from], formNames[to], formNames[f], formNames[t]));
        from = f;
        to = t;
      }
  if (from < 0)
    options.fail("which way? give one of --mlir-to-binary, --binary-to-mlir, ...; see vtpu-translate --help");
  if (inputs.size() > 1)
    options.fail(fmt::format("expected one input file, got {}", inputs.size()));

  const std::string path = inputs.empty() ? "-" : inputs[0];
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    options.fail(fmt::format("cannot read {}: {}", path, buffer.getError().message()));
  mlir::DialectRegistry registry; // all, so that text of an earlier phase is told from nonsense
  registerAllDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  tools::Progress progress("reading " + path);
  Result<Program> program = read(Form(from), **buffer, context);
  if (!program)
    options.fail(program.message());
  progress.enter("writing " + output);
  Result<std::string> result = write(Form(to), *program, context);
  if (!result)
    options.fail(result.message());
  if (output != "-") {
    if (Status status = writeFile(result->data(), result->size(), output); !status)
      options.fail(status.message());
  } else if (std::fwrite(result->data(), 1, result->size(), stdout) != result->size() || std::fflush(stdout) != 0) {
    options.fail("cannot write to standard output");
  }
  return tools::exitGood;
}
