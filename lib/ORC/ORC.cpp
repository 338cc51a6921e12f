//===- ORC.cpp - The ORC tier's library -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Translates a program (Translator.h), optimises it for the host's CPU and links it into the process. An executor has no mutable state.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"

#include <cfenv>
#include <fmt/format.h>

// The semantics' bitcode, which clang made of lib/ORC/Semantics.cpp.
extern "C" const char vtpu_semantics_begin[], vtpu_semantics_end[];
__asm__(".section .rodata,\"a\",%progbits\n"
        ".balign 16\n"
        ".globl vtpu_semantics_begin, vtpu_semantics_end\n"
        ".hidden vtpu_semantics_begin, vtpu_semantics_end\n"
        "vtpu_semantics_begin: .incbin \"" VTPU_SEMANTICS_BITCODE "\"\n"
        "vtpu_semantics_end:\n"
        ".previous");

// What LLVM calls to divide 128-bit integers: in the compiler's own library, which a process may hold where no look-up by name finds it.
extern "C" {
__int128 __divti3(__int128, __int128);
__int128 __modti3(__int128, __int128);
unsigned __int128 __udivti3(unsigned __int128, unsigned __int128);
unsigned __int128 __umodti3(unsigned __int128, unsigned __int128);
}

namespace vtpu::rt {

namespace {
const std::pair<const char *, void *> compilerHelpers[] = {{"__divti3", reinterpret_cast<void *>(&__divti3)},
                                                           {"__modti3", reinterpret_cast<void *>(&__modti3)},
                                                           {"__udivti3", reinterpret_cast<void *>(&__udivti3)},
                                                           {"__umodti3", reinterpret_cast<void *>(&__umodti3)}};

template <typename T>
Result<T> resultOf(llvm::Expected<T> value) {
  if (!value)
    return Error{fmt::format("the ORC tier cannot compile the program: {}", llvm::toString(value.takeError()))};
  return std::move(*value);
}

class ORC final : public Executor {
public:
  Status build(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services, bool baseline) {
    llvm::LLVMContext context;
    llvm::StringRef bitcode(vtpu_semantics_begin, size_t(vtpu_semantics_end - vtpu_semantics_begin));
    auto module = resultOf(llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode, "semantics"), context));
    if (!module)
      return module.takeError();
    auto host = resultOf(llvm::orc::JITTargetMachineBuilder::detectHost());
    if (!host)
      return host.takeError();
    if (baseline) {
      host->setCPU("generic");
      host->getFeatures() = llvm::SubtargetFeatures();
    }
    host->setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
    host->getOptions().AllowFPOpFusion = llvm::FPOpFusion::Strict;
    auto machine = resultOf(host->createTargetMachine());
    if (!machine)
      return machine.takeError();
    (*module)->setDataLayout((*machine)->createDataLayout());
    (*module)->setTargetTriple((*machine)->getTargetTriple());
    const bool hostScales = (*machine)->getTargetTriple().isX86() && (*machine)->getMCSubtargetInfo()->checkFeatures("+avx512f");
    Translator(program, facts, services, **module, hostScales).translateProgram();
    optimise(**module, **machine);
    auto object = resultOf(llvm::orc::SimpleCompiler(**machine)(**module));
    if (!object)
      return object.takeError();
    countBytes(**object);
    auto created = resultOf(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(*host).create());
    if (!created)
      return created.takeError();
    jit = std::move(*created);
    llvm::orc::SymbolMap helpers;
    for (const auto &[name, function] : compilerHelpers)
      helpers[jit->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    if (llvm::Error error = jit->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(helpers))))
      return Error{fmt::format("the ORC tier cannot link the program: {}", llvm::toString(std::move(error)))};
    if (llvm::Error error = jit->addObjectFile(std::move(*object)))
      return Error{fmt::format("the ORC tier cannot link the program: {}", llvm::toString(std::move(error)))};
    for (size_t f = 0; f < program.functions.size(); ++f) {
      auto address = resultOf(jit->lookup(Translator::functionName(f)));
      if (!address)
        return address.takeError();
      functions.push_back(address->toPtr<Code>());
    }
    return {};
  }

  bool run(uint32_t function, uint8_t *const *bases, SentronContext &context) override {
    // Round to nearest, no exceptions, no flushing.
    std::fenv_t caller;
    std::fegetenv(&caller);
    std::fesetenv(FE_DFL_ENV);
    const bool good = functions[function](bases, &context);
    std::fesetenv(&caller);
    return good;
  }
  size_t codeBytes() const override { return bytes; }

private:
  using Code = bool (*)(uint8_t *const *bases, SentronContext *context);
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::vector<Code> functions;
  size_t bytes = 0;

  static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager graph;
    llvm::ModuleAnalysisManager modules;
    llvm::PipelineTuningOptions tuning;
    // The semantics' loops over lanes are vectors already, and looking at each of the others costs more time than all other passes.
    tuning.LoopVectorization = tuning.LoopInterleaving = false;
    llvm::PassBuilder passes(&machine, tuning);
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(graph);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, graph, modules);
    llvm::ModulePassManager pipeline;
    pipeline.addPass(llvm::GlobalDCEPass()); // the semantics, whose every use is inlined
    pipeline.addPass(passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2));
    pipeline.run(module, modules);
  }
  void countBytes(const llvm::MemoryBuffer &object) {
    if (auto file = llvm::object::ObjectFile::createObjectFile(object.getMemBufferRef())) {
      for (const llvm::object::SectionRef &section : (*file)->sections())
        bytes += section.isText() ? section.getSize() : 0;
    } else {
      llvm::consumeError(file.takeError());
    }
  }
};

Result<std::unique_ptr<Executor>> create(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services,
                                         bool baseline) {
  static const bool ready = !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  if (!ready)
    return Error{"LLVM knows no code generator for this CPU"};
  auto orc = std::make_unique<ORC>();
  if (Status status = orc->build(program, facts, services, baseline); !status)
    return Error{status.message()};
  return std::unique_ptr<Executor>(std::move(orc));
}
} // namespace

} // namespace vtpu::rt

extern "C" __attribute__((visibility("default"))) const vtpu::rt::TierPlugin vtpu_tier_plugin = {
    vtpu::rt::TierPlugin::currentABI, &vtpu::isa::tableHash, &vtpu::rt::create};
