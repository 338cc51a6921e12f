//===- FormBundles.cpp - Allocated instructions to words --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each straight run of instructions is a scheduling problem over numbered registers; its solution is checked before words are formed.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "SchedulingProblem.h"

#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/Explain.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

namespace vtpu::siw {
#define GEN_PASS_DEF_FORMBUNDLES
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"
} // namespace vtpu::siw

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;

namespace {
struct FormBundles : vtpu::siw::impl::FormBundlesBase<FormBundles> {
  using FormBundlesBase::FormBundlesBase;

  void runOnOperation() override {
    FuncOp func = getOperation();
    Result<const sched::PortTable *> table = getPortTable(func->getParentOfType<ModuleOp>());
    if (!table) {
      func.emitError() << table.message();
      return signalPassFailure();
    }
    SmallVector<Run> runs;
    func.walk([&](Block *block) {
      if (!mlir::isa<BundleOp>(block->getParentOp()))
        llvm::append_range(runs, findRuns(*block));
    });
    for (const Run &run : runs)
      if (failed(formWords(run, **table)))
        return signalPassFailure();
    nameRegisters(func);
  }

  LogicalResult formWords(const Run &run, const sched::PortTable &table) {
    sched::Problem problem = describeRun(run, table);
    if (failed(addContents(problem, run)))
      return failure();
    sched::addRegisterDependences(problem);
    sched::addMemoryDependences(problem);
    addControlDependences(problem, run);
    const sched::Schedule schedule = sched::packWords(problem, window);
    if (failed(verifySchedule(problem, schedule, run)))
      return failure();
    if (getContext().getRemarkEngine())
      remarkEmptySlots(problem, schedule, run);
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(run.back()); // before what stays there
    BundleOp bundle;
    uint32_t word = 0;
    for (uint32_t number : schedule.order()) {
      Operation *op = run[number];
      if (!bundle || schedule.word[number] != word) {
        bundle = BundleOp::create(builder, op->getLoc());
        bundle.getBody().emplaceBlock();
        word = schedule.word[number];
        ++numWords;
      }
      op->moveBefore(&bundle.getBody().front(), bundle.getBody().front().end());
      ++numOps;
    }
    return success();
  }

  /// Says of each empty slot what kept it empty. Words are counted from the start of the run.
  static void remarkEmptySlots(const sched::Problem &problem, const sched::Schedule &schedule, const Run &run) {
    llvm::DenseMap<uint32_t, Operation *> firsts;
    for (auto [op, word] : llvm::zip(run, schedule.word))
      firsts.try_emplace(word, op);
    for (const sched::EmptySlot &slot : sched::explainEmptySlots(problem, schedule))
      remark::analysis(firsts[slot.word]->getLoc(), remark::RemarkOpts::name("empty").category("siw-form-bundles"))
          << llvm::formatv("word {0}, slot {1} is empty: {2}", slot.word, llvm::StringRef(isa::pipeName(slot.pipe)),
                           sched::describe(slot, problem, schedule))
                 .str();
  }

  /// Registers are state from here on.
  void nameRegisters(FuncOp func) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(&func.getBody().front());
    llvm::DenseMap<Type, Value> named;
    func.walk([&](Operation *op) {
      if (mlir::isa<RegisterOp>(op))
        return;
      for (OpOperand &operand : op->getOpOperands()) {
        Value &value = named[operand.get().getType()];
        if (!value)
          value = RegisterOp::create(builder, func.getLoc(), operand.get().getType());
        operand.set(value);
      }
    });
  }
};
} // namespace
