//===- vtpu-opt.cpp - Runs passes over a module ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The usual MLIR driver over the dialects and passes of the compiler, and a
// short way through its phases: `--compile-from` and `--compile-to`.
//
//===----------------------------------------------------------------------===//

#include "vtpu/InitAllDialects.h"
#include "vtpu/InitAllPasses.h"
#include "vtpu/Pipelines/Pipelines.h"
#include "vtpu/Scheduling/PortTable.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

static llvm::cl::OptionCategory phaseOptions("Phases");
static llvm::cl::opt<std::string>
    compileFrom("compile-from", llvm::cl::cat(phaseOptions),
                llvm::cl::desc("Phase the input is in (default: input)"),
                llvm::cl::value_desc("phase"));
static llvm::cl::opt<std::string>
    compileTo("compile-to", llvm::cl::cat(phaseOptions),
              llvm::cl::desc("Run everything up to this phase: input, vtpu, "
                             "tiled, siw, scheduled, allocated, bundled, "
                             "binary"),
              llvm::cl::value_desc("phase"));
static llvm::cl::opt<std::string>
    portTable("port-table", llvm::cl::cat(phaseOptions),
              llvm::cl::desc("Port table that schedules the words"),
              llvm::cl::value_desc("name"));

static llvm::cl::opt<int64_t>
    divideFrom("divide-from", llvm::cl::cat(phaseOptions),
               llvm::cl::desc("As the option of convert-linalg-to-siw"),
               llvm::cl::value_desc("N"));

/// Says what is wrong and ends with the exit code of a user's mistake.
static int fail(const Twine &message) {
  llvm::errs() << "vtpu-opt: error: " << message << "\n";
  return 1;
}

/// Reads a phase by name; an empty option is `fallback`.
static std::optional<vtpu::Phase> readPhase(const std::string &name,
                                            vtpu::Phase fallback) {
  return name.empty() ? fallback : vtpu::parsePhase(name);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  vtpu::registerAllPasses();
  auto [inputName, outputName] = registerAndParseCLIOptions(
      argc, argv, "vTPU modular optimizer driver\n", registry);
  if (compileFrom.empty() && compileTo.empty())
    return asMainReturnCode(
        MlirOptMain(argc, argv, inputName, outputName, registry));

  vtpu::CompileOptions options;
  for (const std::string &name : {compileFrom.getValue(), compileTo.getValue()})
    if (!name.empty() && !vtpu::parsePhase(name))
      return fail("unknown phase '" + name + "'; legal are " +
                  vtpu::listPhases());
  options.compileFrom = *readPhase(compileFrom, vtpu::Phase::Input);
  options.compileTo = *readPhase(compileTo, vtpu::Phase::Binary);
  if (divideFrom.getNumOccurrences())
    options.divideFrom = divideFrom;
  if (options.compileTo < options.compileFrom)
    return fail("cannot compile from phase '" +
                vtpu::stringifyPhase(options.compileFrom) +
                "' back to phase '" + vtpu::stringifyPhase(options.compileTo) +
                "'; the order is " + vtpu::listPhases());
  if (!portTable.empty())
    if (auto table = vtpu::sched::findPortTable(portTable); !table)
      return fail(table.message());
  options.portTable = portTable;
  std::string message;
  auto input = openInputFile(inputName, &message);
  if (!input)
    return fail(message);
  auto output = openOutputFile(outputName, &message);
  if (!output)
    return fail(message);
  if (options.compileTo == vtpu::Phase::Binary) {
    MLIRContext context(registry);
    llvm::Expected<std::string> bytes =
        vtpu::compileText(context, input->getBuffer(), inputName, options);
    if (!bytes)
      return fail(llvm::toString(bytes.takeError()));
    output->os() << *bytes;
    output->keep();
    return 0;
  }
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  config.allowUnregisteredDialects(true);
  config.setPassPipelineSetupFn([&](PassManager &pm) {
    if (llvm::Error error = vtpu::buildPipeline(pm, options))
      return fail(llvm::toString(std::move(error))), failure();
    return success();
  });
  if (failed(MlirOptMain(output->os(), std::move(input), registry, config)))
    return 1;
  output->keep();
  return 0;
}
