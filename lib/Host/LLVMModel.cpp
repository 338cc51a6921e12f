//===- LLVMModel.cpp - What LLVM says instructions cost ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/LLVMModel.h"

#include <algorithm>
#include <fmt/format.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCExpr.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrAnalysis.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/MCA/Context.h>
#include <llvm/MCA/CustomBehaviour.h>
#include <llvm/MCA/InstrBuilder.h>
#include <llvm/MCA/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>

namespace vtpu::host {

namespace {
const char *const triple = "x86_64-unknown-linux-gnu";
/// Cycles from a store to a load that it is forwarded to, which no model of LLVM tells; Intel's and AMD's cores take 4 to 5 for general registers.
constexpr double forwarding = 5;
/// Of an instruction with a memory operand: base, scale, index, displacement, segment.
constexpr unsigned addressOperands = 5;
/// What LLVM's tools assume of calls.
constexpr unsigned callLatency = 100;
} // namespace

struct LLVMModel::State {
  std::string cpu;
  const llvm::Target *target = nullptr;
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> assemblyInfo;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCInstrAnalysis> analysis;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
  std::vector<uint32_t> positions; // of LLVM's resources in the table's

  const llvm::MCSchedModel &model() const { return subtarget->getSchedModel(); }

  Result<llvm::MCInst> decode(const uint8_t *bytes, size_t size) const {
    llvm::MCInst inst;
    uint64_t length = 0;
    if (disassembler->getInstruction(inst, length, llvm::ArrayRef(bytes, size), 0, llvm::nulls()) == llvm::MCDisassembler::Fail)
      return Error{fmt::format("LLVM cannot decode `{}`", disassemble(bytes, size).text)};
    return inst;
  }
  /// The scheduling class once what depends on operands is decided; null if there is none.
  const llvm::MCSchedClassDesc *schedClass(const llvm::MCInst &inst) const {
    unsigned id = instructions->get(inst.getOpcode()).getSchedClass();
    const llvm::MCSchedClassDesc *desc = model().getSchedClassDesc(id);
    while (desc->isVariant()) {
      id = subtarget->resolveVariantSchedClass(id, &inst, instructions.get(), model().getProcessorID());
      if (!id)
        return nullptr;
      desc = model().getSchedClassDesc(id);
    }
    return desc->isValid() ? desc : nullptr;
  }
};

LLVMModel::LLVMModel(std::unique_ptr<State> state) : state(std::move(state)) {}
LLVMModel::LLVMModel(LLVMModel &&) = default;
LLVMModel &LLVMModel::operator=(LLVMModel &&) = default;
LLVMModel::~LLVMModel() = default;

Result<LLVMModel> LLVMModel::create(const std::string &cpu) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
    return true;
  }();
  (void)initialized;
  auto state = std::make_unique<State>();
  State &s = *state;
  s.cpu = cpu.empty() ? llvm::sys::getHostCPUName().str() : cpu;
  const llvm::Triple parsed(triple);
  std::string failure;
  s.target = llvm::TargetRegistry::lookupTarget(parsed, failure);
  if (!s.target)
    return Error{fmt::format("this LLVM has no x86-64: {}", failure)};
  s.registers.reset(s.target->createMCRegInfo(parsed));
  s.assemblyInfo.reset(s.target->createMCAsmInfo(*s.registers, parsed, s.options));
  s.instructions.reset(s.target->createMCInstrInfo());
  // LLVM warns on stderr of a name that it does not know: a subtarget without a name tells first.
  s.subtarget.reset(s.target->createMCSubtargetInfo(parsed, "", ""));
  if (!s.subtarget->isCPUStringValid(s.cpu)) {
    std::string known;
    for (const llvm::SubtargetSubTypeKV &processor : s.subtarget->getAllProcessorDescriptions())
      if (processor.SchedModel->hasInstrSchedModel())
        known += fmt::format("{}{}", known.empty() ? "" : ", ", processor.Key);
    return Error{fmt::format("LLVM knows no CPU '{}'; it has models of {}", s.cpu, known)};
  }
  s.subtarget.reset(s.target->createMCSubtargetInfo(parsed, s.cpu, ""));
  if (!s.model().hasInstrSchedModel())
    return Error{fmt::format("LLVM has no scheduling model of the CPU '{}'; name a similar one", s.cpu)};
  s.analysis.reset(s.target->createMCInstrAnalysis(s.instructions.get()));
  s.context = std::make_unique<llvm::MCContext>(parsed, s.assemblyInfo.get(), s.registers.get(), s.subtarget.get());
  s.disassembler.reset(s.target->createMCDisassembler(*s.subtarget, *s.context));
  s.printer.reset(s.target->createMCInstPrinter(parsed, 0, *s.assemblyInfo, *s.instructions, *s.registers));
  for (unsigned id = 0, next = 0; id < s.model().getNumProcResourceKinds(); ++id)
    s.positions.push_back(id && s.model().getProcResource(id)->NumUnits ? next++ : UINT32_MAX);
  return LLVMModel(std::move(state));
}

const std::string &LLVMModel::cpu() const { return state->cpu; }

Table LLVMModel::emptyTable() const {
  const llvm::MCSchedModel &model = state->model();
  Table table;
  table.name = "llvm:" + state->cpu;
  table.cpu.brand = state->cpu;
  table.cpu.microcode = "unknown";
  table.issueWidth = model.IssueWidth;
  table.window = std::max(1u, model.MicroOpBufferSize);
  if (model.hasExtraProcessorInfo())
    table.retireWidth = model.getExtraProcessorInfo().MaxRetirePerCycle;
  for (unsigned id = 1; id < model.getNumProcResourceKinds(); ++id)
    if (const llvm::MCProcResourceDesc &resource = *model.getProcResource(id); resource.NumUnits)
      table.resources.push_back({resource.Name, double(resource.NumUnits)});
  return table;
}

Result<Figure> LLVMModel::figure(const uint8_t *bytes, size_t size) const {
  const State &s = *state;
  const Result<llvm::MCInst> inst = s.decode(bytes, size);
  if (!inst)
    return Error{inst.message()};
  const llvm::MCSchedClassDesc *cls = s.schedClass(*inst);
  if (!cls)
    return Error{fmt::format("LLVM's model of {} says nothing about `{}`", s.cpu, disassemble(bytes, size).text)};
  const llvm::MCInstrDesc &desc = s.instructions->get(inst->getOpcode());
  Figure figure;
  figure.origin = Origin::model;
  figure.uops = cls->NumMicroOps;
  if (s.analysis->isOptimizableRegisterMove(*inst, s.model().getProcessorID())) {
    figure.throughput = figure.uops / s.model().IssueWidth;
    return figure;
  }
  figure.latency = desc.isCall() ? callLatency : std::max(0, llvm::MCSchedModel::computeInstrLatency(*s.subtarget, *cls));
  if (desc.mayLoad()) {
    figure.addressLatency = figure.latency;
    // Cycles that a register operand may come later than the address; what only loads has no other operand.
    int advance = 0;
    if (desc.getNumOperands() - desc.getNumDefs() > addressOperands)
      for (const llvm::MCReadAdvanceEntry &entry : s.subtarget->getReadAdvanceEntries(*cls))
        advance = std::max(advance, entry.Cycles);
    figure.latency -= std::min<double>(advance, figure.latency);
  } else if (desc.mayStore()) {
    figure.latency = std::max(figure.latency, forwarding);
  }
  for (const llvm::MCWriteProcResEntry *entry = s.subtarget->getWriteProcResBegin(cls); entry != s.subtarget->getWriteProcResEnd(cls); ++entry)
    if (const uint32_t position = s.positions[entry->ProcResourceIdx]; position != UINT32_MAX && entry->ReleaseAtCycle > entry->AcquireAtCycle)
      figure.uses.push_back({position, double(entry->ReleaseAtCycle - entry->AcquireAtCycle)});
  std::sort(figure.uses.begin(), figure.uses.end(), [](const Use &a, const Use &b) { return a.resource < b.resource; });
  figure.throughput = std::max(llvm::MCSchedModel::getReciprocalThroughput(*s.subtarget, *cls), figure.uops / s.model().IssueWidth);
  return figure;
}

Status LLVMModel::addForms(Table &table, const std::vector<Instruction> &code, const uint8_t *bytes) const {
  for (const Instruction &instruction : code) {
    if (table.find(instruction.form))
      continue;
    Result<Figure> found = figure(bytes + instruction.offset, instruction.length);
    if (!found)
      return found.takeError();
    table.forms.emplace(instruction.form, std::move(*found));
  }
  return {};
}

Result<std::string> LLVMModel::assembly(const uint8_t *bytes, size_t size, const std::string &target) const {
  Result<llvm::MCInst> inst = state->decode(bytes, size);
  if (!inst)
    return inst.takeError();
  const llvm::MCInstrDesc &desc = state->instructions->get(inst->getOpcode());
  if ((desc.isBranch() || desc.isCall()) && !desc.isIndirectBranch() && inst->getNumOperands() && inst->getOperand(0).isImm()) {
    llvm::MCInst named = *inst;
    const std::string label = target.empty() ? "." : target;
    named.getOperand(0) =
        llvm::MCOperand::createExpr(llvm::MCSymbolRefExpr::create(state->context->getOrCreateSymbol(label), *state->context));
    *inst = named;
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  state->printer->printInst(&*inst, 0, "", *state->subtarget, stream);
  std::replace(text.begin(), text.end(), '\t', ' ');
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

Result<double> LLVMModel::mcaCycles(const std::vector<Instruction> &code, const uint8_t *bytes, unsigned iterations) const {
  const State &s = *state;
  llvm::mca::InstrumentManager instruments(*s.subtarget, *s.instructions);
  llvm::mca::InstrBuilder builder(*s.subtarget, *s.instructions, *s.registers, s.analysis.get(), instruments, callLatency);
  std::vector<std::unique_ptr<llvm::mca::Instruction>> sequence;
  for (const Instruction &instruction : code) {
    const Result<llvm::MCInst> inst = s.decode(bytes + instruction.offset, instruction.length);
    if (!inst)
      return Error{inst.message()};
    llvm::Expected<std::unique_ptr<llvm::mca::Instruction>> built = builder.createInstruction(*inst, {});
    if (!built)
      return Error{llvm::toString(built.takeError())};
    sequence.push_back(std::move(*built));
  }
  llvm::mca::CircularSourceMgr source(sequence, iterations);
  llvm::mca::CustomBehaviour behaviour(*s.subtarget, source, *s.instructions);
  llvm::mca::Context context(*s.registers, *s.subtarget);
  const std::unique_ptr<llvm::mca::Pipeline> pipeline = context.createDefaultPipeline({0, 0, 0, 0, 0, 0, /*NoAlias=*/true}, source, behaviour);
  llvm::Expected<unsigned> cycles = pipeline->run();
  if (!cycles)
    return Error{llvm::toString(cycles.takeError())};
  return double(*cycles) / iterations;
}

} // namespace vtpu::host
