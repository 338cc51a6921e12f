//===- vtpu-opt.cpp - Runs passes over a module ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The usual MLIR driver over the dialects and passes of the compiler, and a
// short way through its phases: `--compile-from` and `--compile-to`.
//
//===----------------------------------------------------------------------===//

#include "Help.h"
#include "Progress.h"

#include "vtpu/InitAllDialects.h"
#include "vtpu/InitAllPasses.h"
#include "vtpu/Object/Program.h"
#include "vtpu/Pipelines/Pipelines.h"
#include "vtpu/Scheduling/PortTable.h"

#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include <csignal>

using namespace mlir;

static constexpr llvm::StringLiteral kHelp =
    R"(Runs passes, or the phases of the compiler, over MLIR.

Usage: vtpu-opt [options] [FILE.mlir]

Phases: input, vtpu, tiled, siw, scheduled, allocated, bundled, binary
  --compile-from=PHASE         phase the input is in (default: input)
  --compile-to=PHASE           run all up to this phase; binary writes a .vtpu
Passes:
  --vtpu-..., --siw-...        a pass by its argument; see --help-all
  --pass-pipeline=TEXT         builtin.module(...)
Input and output:
  -o FILE                      write there (default: standard output)
  --split-input-file           compile the pieces between // ----- one by one
  --verify-diagnostics         check the messages against // expected-error
  --mlir-print-debuginfo       print source locations
  --port-table=NAME            whose ports order the words; also host, FILE.json
  --schedule=KIND              list (straight runs), modulo (loops too), exact
When something goes wrong:
  --mlir-print-ir-after-all    the IR after each pass
  --mlir-pass-pipeline-crash-reproducer=FILE   what makes a crash happen again
  --help-all                   every option and every pass
  --version                    the version
)";

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
static llvm::cl::opt<std::string>
    schedule("schedule", llvm::cl::cat(phaseOptions), llvm::cl::init("modulo"),
             llvm::cl::desc("How words are ordered: list, modulo, exact"),
             llvm::cl::value_desc("kind"));

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
  // A file beyond its limit is an error of a write, not a crash.
  std::signal(SIGXFSZ, SIG_IGN);
  vtpu::tools::handleHelp(argc, argv, kHelp);
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
  if (!portTable.empty()) {
    llvm::Expected<std::string> name = vtpu::loadPortTable(portTable);
    if (!name)
      return fail(llvm::toString(name.takeError()));
    options.portTable = std::move(*name);
  }
  if (llvm::Error error = vtpu::checkSchedule(schedule))
    return fail(llvm::toString(std::move(error)));
  options.schedule = schedule;
  vtpu::tools::Progress progress("reading " + inputName);
  options.onPhase = [&](vtpu::Phase next) {
    progress.enter("compiling to phase " + vtpu::stringifyPhase(next).str());
  };
  std::string message;
  auto input = openInputFile(inputName, &message);
  if (!input)
    return fail(message);
  if (options.compileTo == vtpu::Phase::Binary) {
    if (!MlirOptMainConfig::createFromCLOptions().inputSplitMarker().empty())
      return fail("--split-input-file would make several programs of one "
                  "output; compile each piece to binary by itself");
    // Printing, timing and reproducers work as for every other phase.
    options.configure = [](PassManager &pm) {
      (void)applyPassManagerCLOptions(pm);
    };
    MLIRContext context(registry);
    llvm::Expected<std::string> bytes =
        vtpu::compileText(context, input->getBuffer(), inputName, options);
    if (!bytes)
      return fail(llvm::toString(bytes.takeError()));
    if (outputName != "-") {
      if (vtpu::Status status =
              vtpu::writeFile(bytes->data(), bytes->size(), outputName);
          !status)
        return fail(status.message());
      return 0;
    }
    llvm::outs() << *bytes;
    return 0;
  }
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  config.allowUnregisteredDialects(true);
  config.setPassPipelineSetupFn([&](PassManager &pm) {
    if (llvm::Error error = vtpu::buildPipeline(pm, options))
      return fail(llvm::toString(std::move(error))), failure();
    return success();
  });
  // The output may be the input, which is still read until the end.
  std::string text;
  llvm::raw_string_ostream stream(text);
  const bool done = succeeded(MlirOptMain(stream, std::move(input), registry, config));
  if (outputName == "-") { // of several pieces, those that are done
    llvm::outs() << text;
    return !done;
  }
  if (!done)
    return 1;
  if (vtpu::Status status = vtpu::writeFile(text.data(), text.size(), outputName); !status)
    return fail(status.message());
  return 0;
}
