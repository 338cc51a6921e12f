//===- PrepareEntry.cpp - Mark entries and their arguments ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bufferization must know that the buffers a caller passes in are not ours to
// write, so every tensor argument of an entry is marked read-only here.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"

namespace vtpu {
#define GEN_PASS_DEF_PREPAREENTRY
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

namespace {

struct PrepareEntry : vtpu::impl::PrepareEntryBase<PrepareEntry> {
  void runOnOperation() override {
    bool failed = false;
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal()) {
        func.emitError() << "function '" << func.getName()
                         << "' has no body; define it in the same module";
        failed = true;
        continue;
      }
      if (!func.isPublic())
        continue;
      auto unit = UnitAttr::get(&getContext());
      func->setAttr(vtpu::kEntryAttr, unit);
      for (unsigned i = 0, e = func.getNumArguments(); i != e; ++i)
        if (isa<TensorType>(func.getArgument(i).getType()))
          func.setArgAttr(i,
                          bufferization::BufferizationDialect::kWritableAttrName,
                          BoolAttr::get(&getContext(), false));
    }
    if (failed)
      signalPassFailure();
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(vtpu::kEntryAttr))
        separateResults(func);
  }

  /// A value returned twice becomes two: each result is a buffer of its own.
  static void separateResults(func::FuncOp func) {
    for (auto op : func.getOps<func::ReturnOp>()) {
      llvm::SmallDenseSet<Value> seen;
      OpBuilder builder(op);
      for (OpOperand &operand : op->getOpOperands()) {
        auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        if (type && !seen.insert(operand.get()).second)
          operand.set(bufferization::AllocTensorOp::create(
              builder, op.getLoc(), type, ValueRange(), operand.get()));
      }
    }
  }
};

} // namespace
