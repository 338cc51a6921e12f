//===- SchedulingProblem.cpp - Instruction ops as a problem -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SchedulingProblem.h"
#include "Registers.h"
#include "SpillRewrites.h"

#include <map>

using namespace mlir;

namespace vtpu::siw {

using isa::COp;

Result<const sched::PortTable *> getPortTable(ModuleOp module) {
  auto name = module ? module->getAttrOfType<StringAttr>(portTableAttr) : StringAttr();
  return sched::findPortTable(name ? std::string_view(name.getValue()) : sched::defaultPortTable);
}

Result<const sched::PortTable *> choosePortTable(ModuleOp module, llvm::StringRef name) {
  if (!name.empty())
    module->setAttr(portTableAttr, StringAttr::get(module.getContext(), name));
  Result<const sched::PortTable *> table = getPortTable(module);
  if (table)
    module->setAttr(portTableAttr, StringAttr::get(module.getContext(), (*table)->name));
  return table;
}

/// Transfers control, or leaves no register as it was.
static bool endsRun(Operation *op) {
  const isa::InstrInfo *info = getInstruction(op);
  return info->isBranch || info->isTerminator || isScalarOp(op, COp::ccall);
}

SmallVector<Run> findRuns(Block &block) {
  SmallVector<Run> runs;
  bool open = false;
  for (Operation &op : block) {
    if (!getInstruction(&op)) {
      open = false;
      continue;
    }
    if (!open)
      runs.emplace_back();
    runs.back().push_back(&op);
    open = !endsRun(&op);
  }
  return runs;
}

namespace {
/// Base and index of an address, with what they held when it was formed.
struct Address {
  const void *base = nullptr, *index = nullptr;
  unsigned baseVersion = 0, indexVersion = 0, scale = 0;
  bool operator<(const Address &o) const {
    return std::tie(base, index, baseVersion, indexVersion, scale) < std::tie(o.base, o.index, o.baseVersion, o.indexVersion, o.scale);
  }
};
} // namespace

sched::Problem describeRun(const Run &run, const sched::PortTable &table) {
  sched::Problem problem(table);
  std::map<Address, uint64_t> addresses; // only looked up: the order of pointers does not matter
  llvm::DenseMap<Type, unsigned> versions; // writes to each numbered register so far
  for (Operation *op : run) {
    const isa::InstrInfo *info = getInstruction(op);
    isa::Word word;
    const isa::Slot slot = getUnnumberedSlot(op, word);
    sched::Operation operation;
    operation.name = info->mnemonic;
    operation.pipe = info->pipe;
    operation.row = &table.row(*info, slot);
    operation.control = info->isControl();
    operation.memory = sched::accessOf(*info, slot, !isMemoryEffectFree(op));
    sched::MemoryAccess &memory = operation.memory;
    if (memory.bytes) {
      memory.offset = slot.imm;
      Address address;
      // A numbered register is what its type says; a virtual one is its value, and a step of a pointer adds to the offset.
      auto identify = [&](Value value, const void *&what, unsigned &version) {
        if (getRegisterIndex(value.getType()) >= 0) {
          what = value.getType().getAsOpaquePointer();
          version = versions.lookup(value.getType());
          return;
        }
        for (Operation *def = value.getDefiningOp(); &what == &address.base && isScalarOp(def, COp::caddi); def = value.getDefiningOp()) {
          memory.offset += def->getAttrOfType<IntegerAttr>("imm").getInt();
          value = def->getOperand(0);
        }
        what = value.getAsOpaquePointer();
      };
      for (auto [place, operand] : llvm::zip(getOperandPlaces(op), op->getOperands())) {
        if (place.kind != Place::operand)
          continue;
        if (place.info->field == isa::Field::ra)
          identify(operand, address.base, address.baseVersion);
        else if (place.info->cls == isa::OperandClass::idx)
          identify(operand, address.index, address.indexVersion);
      }
      address.scale = slot.scale;
      memory.address = addresses.try_emplace(address, addresses.size() + 1).first->second;
    }
    for (Type type : op->getResultTypes())
      ++versions[type];
    problem.operations.push_back(std::move(operation));
  }
  return problem;
}

LogicalResult addContents(sched::Problem &problem, const Run &run) {
  for (auto [operation, op] : llvm::zip(problem.operations, run)) {
    isa::Word word;
    FailureOr<isa::Slot> slot = getSlot(op, word);
    if (failed(slot))
      return failure();
    operation.content = sched::SlotContent{*slot, word.hasImmediates, word.i0, word.i1};
    sched::addTo(word, operation);
    if (Status status = isa::checkWord(word); !status)
      return op->emitOpError() << "makes no legal word: " << status.message();
  }
  return success();
}

void addValueDependences(sched::Problem &problem, const Run &run, bool repeats) {
  using sched::DependenceKind;
  llvm::DenseMap<Operation *, uint32_t> numbers;
  for (auto [i, op] : llvm::enumerate(run))
    numbers[op] = uint32_t(i);
  auto flow = [&](uint32_t from, uint32_t to, uint32_t distance) {
    problem.dependences.push_back({from, to, DependenceKind::flow, problem.row(from).latency, distance});
  };
  for (auto [i, op] : llvm::enumerate(run))
    for (Value operand : op->getOperands())
      if (auto it = numbers.find(operand.getDefiningOp()); operand.getDefiningOp() && it != numbers.end())
        flow(it->second, uint32_t(i), 0);
  auto loop = dyn_cast<ForOp>(run.front()->getParentOp());
  if (!loop)
    return;
  for (auto [arg, yielded] : llvm::zip(loop.getCarried(), loop.getYield()->getOperands())) {
    Operation *def = yielded.getDefiningOp();
    auto it = numbers.find(def);
    if (!def || it == numbers.end())
      continue;
    const bool takesOver = canTakeOver(yielded, arg, run.front()->getBlock());
    for (Operation *user : arg.getUsers()) {
      auto use = numbers.find(user);
      if (use == numbers.end())
        continue;
      if (takesOver && user != def)
        problem.dependences.push_back({use->second, it->second, DependenceKind::anti, 0, 0, /*nextWord=*/false});
      if (repeats)
        flow(it->second, use->second, 1);
    }
  }
}

void addControlDependences(sched::Problem &problem, const Run &run) {
  if (!endsRun(run.back()))
    return;
  const uint32_t last = uint32_t(run.size()) - 1;
  for (uint32_t op = 0; op < last; ++op)
    problem.dependences.push_back({op, last, sched::DependenceKind::synchronisation, 0, 0, /*nextWord=*/false});
}

LogicalResult verifySchedule(const sched::Problem &problem, const sched::Schedule &schedule, const Run &run) {
  const std::vector<sched::Violation> violations = sched::verify(problem, schedule);
  for (const sched::Violation &violation : violations)
    run[violation.operation]->emitOpError() << "is scheduled wrongly: " << violation.message;
  return success(violations.empty());
}

} // namespace vtpu::siw
