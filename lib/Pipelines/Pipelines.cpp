//===- Pipelines.cpp - Phases of the compiler -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of all passes is decided here and nowhere else.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Pipelines/Pipelines.h"
#include "vtpu/Conversion/LinalgToSIW/LinalgToSIW.h"
#include "vtpu/Dialect/SIW/Transforms/Passes.h"
#include "vtpu/Dialect/VTPU/Transforms/Passes.h"
#include "vtpu/Host/Cache.h"
#include "vtpu/InitAllDialects.h"
#include "vtpu/Scheduling/PortTable.h"
#include "vtpu/Target/SIWBinary/SIWBinary.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "mlir/Support/DebugStringHelper.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/SourceMgr.h"
#include <array>

using namespace mlir;
using namespace vtpu;

static constexpr std::array<llvm::StringLiteral, 8> kPhaseNames = {
    "input",     "vtpu",      "tiled",   "siw",
    "scheduled", "allocated", "bundled", "binary"};

StringRef vtpu::stringifyPhase(Phase phase) {
  return kPhaseNames[static_cast<unsigned>(phase)];
}

std::optional<Phase> vtpu::parsePhase(StringRef name) {
  for (auto [index, known] : llvm::enumerate(kPhaseNames))
    if (name == known)
      return static_cast<Phase>(index);
  return std::nullopt;
}

std::string vtpu::listPhases() { return llvm::join(kPhaseNames, ", "); }

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

void vtpu::buildFrontendPipeline(OpPassManager &pm, const CompileOptions &) {
  // First: the inliner knows nothing of unregistered operations.
  pm.addPass(createConvertTMTensor());
  // Casts to dynamic shapes fold away before anyone complains about them.
  pm.nest<func::FuncOp>().addPass(createCleanUp());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createVerifyContract());
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createPrepareEntry());
  // arith and math on whole tensors
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.nest<func::FuncOp>().addPass(createCheckIndices());
  pm.addPass(createCSEPass());
  // Twice: canonicalization cancels the reshapes that the first run leaves
  // between producers and consumers.
  pm.nest<func::FuncOp>().addPass(createFuseElementwise());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.nest<func::FuncOp>().addPass(createFuseElementwise());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void vtpu::buildTilePipeline(OpPassManager &pm,
                             const CompileOptions &options) {
  pm.addPass(createDecompose());
  pm.nest<func::FuncOp>().addPass(createFuseElementwise());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Behind CSE, which shares initial values.
  pm.nest<func::FuncOp>().addPass(createCleanUp());
  // Results are computed in their destination where one exists.
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createEmptyTensorToAllocTensorPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.addResultAttribute = true;
  results.hoistStaticAllocs = true;
  results.modifyPublicFunctions = true;
  pm.addPass(bufferization::createBufferResultsToOutParamsPass(results));
  pm.addPass(createFinalizeEntry());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createForallToParallelLoopPass());
  // Kernels first, places second: life times are those of calls.
  OutlineKernelsOptions outline;
  outline.fuseEpilogues = options.fuse;
  pm.addPass(createOutlineKernels(outline));
  pm.addPass(createPlanMemory());
  pm.addPass(createCanonicalizerPass());
}

void vtpu::buildWordPipeline(OpPassManager &pm, const CompileOptions &options) {
  ConvertLinalgToSIWOptions convert;
  convert.divideFrom = options.divideFrom.value_or(convert.divideFrom);
  pm.addPass(createConvertLinalgToSIW(convert));
  OpPassManager &nested = pm.nest<siw::FuncOp>();
  nested.addPass(createCSEPass());
  nested.addPass(createLoopInvariantCodeMotionPass());
  nested.addPass(createCSEPass());
}

void vtpu::buildSchedulePipeline(OpPassManager &pm,
                                 const CompileOptions &options) {
  pm.nest<siw::FuncOp>().addPass(createCSEPass());
  if (options.schedule != "list") {
    siw::PipelineLoopsOptions loops;
    loops.portTable = options.portTable;
    loops.algorithm = options.schedule;
    pm.addPass(siw::createPipelineLoops(loops));
  }
  siw::ScheduleOptions schedule;
  schedule.portTable = options.portTable;
  pm.addPass(siw::createSchedule(schedule));
}

void vtpu::buildAllocationPipeline(OpPassManager &pm, const CompileOptions &) {
  pm.nest<siw::FuncOp>().addPass(siw::createAllocateRegisters());
}

void vtpu::buildBundlePipeline(OpPassManager &pm, const CompileOptions &) {
  pm.nest<siw::FuncOp>().addPass(siw::createFormBundles());
}

/// How each phase is reached; filled at start-up, then only read.
static std::array<PhaseBuilder, 8> &phaseBuilders() {
  static std::array<PhaseBuilder, 8> builders = [] {
    std::array<PhaseBuilder, 8> initial;
    initial[static_cast<unsigned>(Phase::VTPU)] = buildFrontendPipeline;
    initial[static_cast<unsigned>(Phase::Tiled)] = buildTilePipeline;
    initial[static_cast<unsigned>(Phase::SIW)] = buildWordPipeline;
    initial[static_cast<unsigned>(Phase::Scheduled)] = buildSchedulePipeline;
    initial[static_cast<unsigned>(Phase::Allocated)] = buildAllocationPipeline;
    initial[static_cast<unsigned>(Phase::Bundled)] = buildBundlePipeline;
    return initial;
  }();
  return builders;
}

void vtpu::registerPhase(Phase phase, PhaseBuilder builder) {
  phaseBuilders()[static_cast<unsigned>(phase)] = std::move(builder);
}

/// The phases must go forward.
static llvm::Error checkOrder(const CompileOptions &options) {
  if (options.compileTo >= options.compileFrom)
    return llvm::Error::success();
  return llvm::createStringError(
      "cannot compile from phase '%s' back to phase '%s'; the order is %s",
      stringifyPhase(options.compileFrom).str().c_str(),
      stringifyPhase(options.compileTo).str().c_str(), listPhases().c_str());
}

llvm::Error vtpu::checkSchedule(llvm::StringRef name) {
  if (name == "list" || name == "modulo" || name == "exact")
    return llvm::Error::success();
  return llvm::createStringError("unknown schedule '" + name +
                                 "'; legal are list, modulo, exact");
}

llvm::Expected<std::string> vtpu::loadPortTable(llvm::StringRef name) {
  std::string place = name.str();
  if (name == "host") {
    const host::CPU cpu = host::thisCPU();
    // The host table tells whether the machine, or its microcode, is another
    // one than was calibrated.
    if (Result<host::Table> table = host::loadTable(cpu); !table)
      return llvm::createStringError("port table 'host': " + table.message());
    Result<std::string> path = host::portTablePath(cpu);
    if (!path)
      return llvm::createStringError("port table 'host': " + path.message());
    place = *path;
  }
  auto table = sched::findPortTable(place);
  if (!table)
    return llvm::createStringError(
        table.message() + (name == "host" ? "; run 'vtpu calibrate'" : ""));
  return (*table)->name;
}

llvm::Error vtpu::buildPipeline(OpPassManager &pm,
                                const CompileOptions &options) {
  if (llvm::Error error = checkOrder(options))
    return error;
  if (llvm::Error error = checkSchedule(options.schedule))
    return error;
  CompileOptions named = options;
  if (!options.portTable.empty()) {
    llvm::Expected<std::string> name = loadPortTable(options.portTable);
    if (!name)
      return name.takeError();
    named.portTable = std::move(*name);
  }
  for (unsigned i = static_cast<unsigned>(options.compileFrom) + 1;
       i <= static_cast<unsigned>(options.compileTo); ++i) {
    if (static_cast<Phase>(i) == Phase::Binary)
      continue;
    const PhaseBuilder &builder = phaseBuilders()[i];
    if (!builder)
      return llvm::createStringError(
          "phase '%s' is not part of this build; stop earlier with "
          "--compile-to",
          kPhaseNames[i].str().c_str());
    builder(pm, named);
  }
  return llvm::Error::success();
}

llvm::Error vtpu::compile(ModuleOp module, const CompileOptions &options) {
  if (llvm::Error error = checkOrder(options))
    return error;
  // Read once, known by name to each phase.
  std::string portTable;
  if (!options.portTable.empty()) {
    llvm::Expected<std::string> name = loadPortTable(options.portTable);
    if (!name)
      return name.takeError();
    portTable = std::move(*name);
  }
  for (unsigned i = static_cast<unsigned>(options.compileFrom) + 1;
       i <= static_cast<unsigned>(options.compileTo); ++i) {
    CompileOptions step = options;
    step.portTable = portTable;
    step.compileFrom = static_cast<Phase>(i - 1);
    step.compileTo = static_cast<Phase>(i);
    PassManager pm(module.getContext());
    pm.enableVerifier(options.verifyEach);
    if (!options.reproducer.empty())
      pm.enableCrashReproducerGeneration(options.reproducer);
    if (llvm::Error error = buildPipeline(pm, step))
      return error;
    if (options.configure)
      options.configure(pm);
    if (options.onPhase)
      options.onPhase(step.compileTo);
    if (failed(pm.run(module)))
      return llvm::createStringError("compilation failed on the way to phase "
                                     "'%s'",
                                     stringifyPhase(step.compileTo)
                                         .str()
                                         .c_str());
  }
  return llvm::Error::success();
}

/// Replaces parameters that are structure by constants: what is computed from
/// them is then known, and need not be checked.
static llvm::Error
foldStructures(ModuleOp module,
               const llvm::StringMap<ArrayRef<char>> &structures) {
  for (auto func : module.getOps<func::FuncOp>()) {
    llvm::BitVector folded(func.getNumArguments());
    for (unsigned i = 0, e = func.getNumArguments(); i != e; ++i) {
      auto key = func.getArgAttrOfType<StringAttr>(i, "vtpu.parameter");
      auto type = dyn_cast<RankedTensorType>(func.getArgument(i).getType());
      if (!key || !type || !func.getArgAttr(i, "vtpu.structure") ||
          func.isExternal())
        continue;
      auto found = structures.find(key.getValue());
      if (found == structures.end())
        continue;
      ArrayRef<char> bytes = found->second;
      auto hash = func.getArgAttrOfType<StringAttr>(i, "vtpu.hash");
      uint32_t actual = llvm::crc32(
          ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()),
                   bytes.size()));
      if (hash && hash.getValue() != "crc32:" + llvm::utohexstr(actual, true, 8))
        return llvm::createStringError(
            "parameter '" + key.getValue() + "' has the hash crc32:" +
            llvm::utohexstr(actual, true, 8) + ", but the program records " +
            hash.getValue() + "; pass the file that was exported with it");
      if (!type.getElementType().isIntOrFloat() ||
          int64_t(bytes.size()) * 8 !=
              type.getNumElements() * type.getElementTypeBitWidth())
        return llvm::createStringError(
            "parameter '" + key.getValue() + "' has " +
            Twine(bytes.size()) + " bytes, which do not make its type " +
            debugString(type));
      OpBuilder builder = OpBuilder::atBlockBegin(&func.front());
      Value constant = arith::ConstantOp::create(
          builder, func.getArgument(i).getLoc(),
          DenseElementsAttr::getFromRawBuffer(type, bytes));
      func.getArgument(i).replaceAllUsesWith(constant);
      folded.set(i);
    }
    if (folded.any() && failed(func.eraseArguments(folded)))
      return llvm::createStringError("entry '" + func.getName() +
                                     "' cannot lose its parameters");
  }
  return llvm::Error::success();
}

/// Parses, compiles and hands the module on; every error diagnostic met on
/// the way is in the text of the error.
static llvm::Expected<std::string>
compileWith(MLIRContext &context, ArrayRef<StringRef> texts,
            StringRef fileName, const CompileOptions &options,
            llvm::function_ref<llvm::Expected<std::string>(ModuleOp)> finish) {
  std::string messages;
  llvm::raw_string_ostream os(messages);
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return success();
    if (std::string place = locationText(diagnostic.getLocation());
        !place.empty())
      os << place << ": ";
    os << diagnostic << "\n";
    return success();
  });
  context.allowUnregisteredDialects();
  auto explain = [&](llvm::Error error) -> llvm::Error {
    if (messages.empty())
      return error;
    llvm::consumeError(std::move(error));
    return llvm::createStringError(StringRef(messages).rtrim());
  };
  OwningOpRef<ModuleOp> module;
  for (StringRef text : texts) {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(
        llvm::MemoryBuffer::getMemBuffer(text, fileName,
                                         /*RequiresNullTerminator=*/false),
        llvm::SMLoc());
    auto parsed = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
    if (!parsed)
      return llvm::createStringError(StringRef(messages).rtrim());
    if (!module) {
      module = std::move(parsed);
      continue;
    }
    for (Operation &op : llvm::make_early_inc_range(*parsed->getBody())) {
      if (auto symbol = dyn_cast<SymbolOpInterface>(op))
        if (SymbolTable::lookupSymbolIn(*module, symbol.getNameAttr()))
          return llvm::createStringError(
              "two programs define '" + symbol.getName() +
              "'; give each entry a name of its own");
      op.moveBefore(module->getBody(), module->getBody()->end());
    }
  }
  if (!module)
    return llvm::createStringError("no program text was given");
  if (!options.parameterFile.empty())
    (*module)->setAttr("vtpu.parameter_file",
                       StringAttr::get(&context, options.parameterFile));
  if (options.compileFrom == Phase::Input)
    if (llvm::Error error = foldStructures(*module, options.structures))
      return error;
  if (llvm::Error error = compile(*module, options))
    return explain(std::move(error));
  llvm::Expected<std::string> result = finish(*module);
  if (!result)
    return explain(result.takeError());
  return result;
}

llvm::Expected<std::string> vtpu::compileText(MLIRContext &context,
                                              ArrayRef<StringRef> texts,
                                              StringRef fileName,
                                              const CompileOptions &options) {
  return compileWith(
      context, texts, fileName, options,
      [&](ModuleOp module) -> llvm::Expected<std::string> {
        std::string result;
        if (options.compileTo != Phase::Binary) {
          llvm::raw_string_ostream os(result);
          module.print(os, OpPrintingFlags().enableDebugInfo());
          return result;
        }
        FailureOr<Program> program = translateToProgram(module);
        if (failed(program))
          return llvm::createStringError("the words cannot be emitted");
        Result<std::vector<uint8_t>> bytes = writeObject(*program);
        if (!bytes)
          return llvm::createStringError(bytes.message());
        result.assign(bytes->begin(), bytes->end());
        return result;
      });
}

/// Registers one pipeline under its command-line name.
static void registerOne(StringRef name, StringRef description,
                        PhaseBuilder builder) {
  PassPipelineRegistration<>(name, description, [builder](OpPassManager &pm) {
    builder(pm, CompileOptions());
  });
}

void vtpu::registerPipelines() {
  registerOne("vtpu-frontend-pipeline", "From phase input to phase vtpu",
              buildFrontendPipeline);
  registerOne("vtpu-tile-pipeline", "From phase vtpu to phase tiled",
              buildTilePipeline);
  registerOne("vtpu-word-pipeline", "From phase tiled to phase siw",
              buildWordPipeline);
  registerOne("vtpu-schedule-pipeline", "From phase siw to phase scheduled",
              buildSchedulePipeline);
  registerOne("vtpu-allocation-pipeline",
              "From phase scheduled to phase allocated",
              buildAllocationPipeline);
  registerOne("vtpu-bundle-pipeline", "From phase allocated to phase bundled",
              buildBundlePipeline);
}
