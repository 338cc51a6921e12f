//===- FormBundles.cpp - Allocated instructions to words --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Greedy placement in program order. A read of a register stands in a later word than its last write, a write in the same word as the last
// read or later: slots are parallel. Loads and stores keep their order; what has side effects is a barrier for memory.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "mlir/IR/Builders.h"

namespace vtpu::siw {
#define GEN_PASS_DEF_FORMBUNDLES
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"
} // namespace vtpu::siw

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;

namespace {

/// A word under construction.
struct Draft {
  isa::Word word;
  SmallVector<Operation *, 3> ops;
};

/// Registers of all classes in one bit set: r 0..15, k 16..23, v 24..55.
uint64_t bits(uint16_t r, uint8_t k, uint32_t v) { return uint64_t(r) | uint64_t(k) << 16 | uint64_t(v) << 24; }

struct FormBundles : vtpu::siw::impl::FormBundlesBase<FormBundles> {
  using FormBundlesBase::FormBundlesBase;

  void runOnOperation() override {
    FuncOp func = getOperation();
    if (failed(packBlock(func.getBody().front())))
      return signalPassFailure();
    nameRegisters(func);
  }

  /// Where words of one straight run stand and what they touched last.
  struct Run {
    SmallVector<Draft> drafts;
    int64_t lastRead[56], lastWrite[56], lastLoad = -1, lastStore = -1;
    Run() {
      std::fill(lastRead, lastRead + 56, -1);
      std::fill(lastWrite, lastWrite + 56, -1);
    }
  };

  LogicalResult packBlock(Block &block) {
    Run run;
    SmallVector<Operation *> ops;
    for (Operation &op : block)
      ops.push_back(&op);
    for (Operation *op : ops) {
      if (getInstruction(op)) {
        if (failed(place(op, run)))
          return failure();
        continue;
      }
      // Structured ops, calls and terminators end the run.
      flush(run, op);
      for (Region &region : op->getRegions())
        if (failed(packBlock(region.front())))
          return failure();
    }
    if (!run.drafts.empty())
      flush(run, nullptr, &block);
    return success();
  }

  LogicalResult place(Operation *op, Run &run) {
    const isa::InstrInfo *info = getInstruction(op);
    isa::Word own;
    FailureOr<isa::Slot> slot = getSlot(op, own);
    if (failed(slot))
      return failure();
    isa::Effects e = isa::effects(info->pipe, *slot);
    uint64_t reads = bits(e.readR, e.readK, e.readV), writes = bits(e.writeR, e.writeK, e.writeV);
    const bool ordered = info->hasSideEffects || info->isControl() || !isMemoryEffectFree(op);
    const bool loads = info->isLoad, stores = info->isStore, barrier = ordered && !loads && !stores;
    int64_t earliest = 0;
    for (unsigned i = 0; i < 56; ++i) {
      if (reads >> i & 1)
        earliest = std::max(earliest, run.lastWrite[i] + 1);
      if (writes >> i & 1)
        earliest = std::max({earliest, run.lastRead[i], run.lastWrite[i] + 1});
    }
    if (loads || stores || barrier)
      earliest = std::max(earliest, run.lastStore + 1);
    if (stores || barrier)
      earliest = std::max(earliest, run.lastLoad + (barrier ? 0 : 1));
    if (info->isControl()) // nothing moves behind control, and control is last
      earliest = std::max<int64_t>(earliest, int64_t(run.drafts.size()) - 1);
    const int64_t count = int64_t(run.drafts.size());
    int64_t at = std::max<int64_t>(earliest, count - int64_t(window));
    for (; at < count; ++at) {
      Draft &draft = run.drafts[size_t(at)];
      if (!draft.word.slot(info->pipe).empty() || (own.hasImmediates && draft.word.hasImmediates))
        continue;
      isa::Word both = draft.word;
      both.slot(info->pipe) = *slot;
      if (own.hasImmediates) {
        both.hasImmediates = true;
        both.i0 = own.i0;
        both.i1 = own.i1;
      }
      if (!isa::checkWord(both).ok())
        continue;
      draft.word = both;
      draft.ops.push_back(op);
      break;
    }
    if (at >= count) {
      Draft draft;
      draft.word = own;
      draft.word.slot(info->pipe) = *slot;
      if (Status status = isa::checkWord(draft.word); !status)
        return op->emitOpError() << "makes no legal word: " << status.message();
      draft.ops.push_back(op);
      at = count;
      run.drafts.push_back(std::move(draft));
    }
    for (unsigned i = 0; i < 56; ++i) {
      if (reads >> i & 1)
        run.lastRead[i] = std::max(run.lastRead[i], at);
      if (writes >> i & 1)
        run.lastWrite[i] = std::max(run.lastWrite[i], at);
    }
    if (loads || barrier)
      run.lastLoad = std::max(run.lastLoad, at);
    if (stores || barrier)
      run.lastStore = std::max(run.lastStore, at);
    ++numOps;
    return success();
  }

  void flush(Run &run, Operation *before, Block *block = nullptr) {
    OpBuilder builder(&getContext());
    if (before)
      builder.setInsertionPoint(before);
    else
      builder.setInsertionPointToEnd(block);
    for (Draft &draft : run.drafts) {
      auto bundle = BundleOp::create(builder, draft.ops.front()->getLoc());
      Block &body = bundle.getBody().emplaceBlock();
      for (Operation *op : draft.ops)
        op->moveBefore(&body, body.end());
      ++numWords;
    }
    run = Run();
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
