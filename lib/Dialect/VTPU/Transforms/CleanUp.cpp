//===- CleanUp.cpp - Small repairs of imported programs -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What neither canonicalization nor CSE does for us: casts that hide a static
// shape from a concatenation, and initial values shared by several reductions.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace vtpu {
#define GEN_PASS_DEF_CLEANUP
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// Uses the statically shaped sources of casts.
static void dropCasts(tensor::ConcatOp concat) {
  for (OpOperand &operand : concat->getOpOperands()) {
    auto cast = operand.get().getDefiningOp<tensor::CastOp>();
    if (!cast)
      continue;
    auto source = dyn_cast<RankedTensorType>(cast.getSource().getType());
    if (source && source.hasStaticShape())
      operand.set(cast.getSource());
  }
}

/// Repeats `fill` for every use but the first that writes over it.
static unsigned splitFill(linalg::FillOp fill) {
  if (fill->getNumResults() != 1)
    return 0;
  unsigned repeated = 0;
  bool isFirst = true;
  // The order of a use list is that of creation; sort by position instead.
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : fill.getResult(0).getUses()) {
    auto owner = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    if (owner && owner.isDpsInit(&use) &&
        owner->getBlock() == fill->getBlock())
      uses.push_back(&use);
  }
  llvm::sort(uses, [](OpOperand *a, OpOperand *b) {
    if (a->getOwner() == b->getOwner())
      return a->getOperandNumber() < b->getOperandNumber();
    return a->getOwner()->isBeforeInBlock(b->getOwner());
  });
  for (OpOperand *use : uses) {
    if (isFirst && fill->hasOneUse())
      return repeated;
    OpBuilder builder(use->getOwner());
    auto type = cast<RankedTensorType>(fill.getResult(0).getType());
    if (!type.hasStaticShape())
      return repeated;
    Value empty = tensor::EmptyOp::create(builder, fill.getLoc(),
                                          type.getShape(),
                                          type.getElementType());
    use->set(linalg::FillOp::create(builder, fill.getLoc(), fill.value(),
                                    empty)
                 .getResult(0));
    isFirst = false;
    ++repeated;
  }
  if (fill->use_empty())
    fill->erase();
  return repeated;
}

namespace {

struct CleanUp : vtpu::impl::CleanUpBase<CleanUp> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation().walk([&](Operation *op) {
      if (auto concat = dyn_cast<tensor::ConcatOp>(op))
        dropCasts(concat);
      else if (auto fill = dyn_cast<linalg::FillOp>(op))
        fills.push_back(fill);
    });
    for (linalg::FillOp fill : fills)
      numFills += splitFill(fill);
  }
};

} // namespace
