//===- FuseElementwise.cpp - Fewer passes over memory ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's element-wise fusion under a control function of ours: moving data
// is free inside any consumer, arithmetic is repeated nowhere.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"

namespace vtpu {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// True if the body only hands an input on.
static bool movesData(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  return llvm::hasSingleElement(*body) &&
         isa<BlockArgument>(body->getTerminator()->getOperand(0));
}

/// True if the body computes functions or quotients.
static bool computes(linalg::LinalgOp op) {
  return llvm::any_of(*op.getBlock(), [](Operation &inner) {
    return isa<math::MathDialect>(inner.getDialect()) ||
           isa<arith::DivFOp>(inner);
  });
}

/// True if the body does what is dear to repeat.
static bool isDear(linalg::LinalgOp op) {
  return computes(op) || llvm::any_of(*op.getBlock(),
                                      llvm::IsaPred<tensor::ExtractOp>);
}

/// True if the body is one conversion of one input: repeating it is cheaper
/// than a wider tensor in memory.
static bool isConversion(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  return op.getNumDpsInputs() == 1 && op->getNumResults() == 1 &&
         std::next(body->begin(), 2) == body->end() &&
         isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp,
             arith::TruncIOp, arith::SIToFPOp, arith::UIToFPOp>(body->front());
}

static bool shouldFuse(OpOperand *fused) {
  auto producer = fused->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(fused->getOwner());
  if (!producer || !consumer || producer.getNumReductionLoops() != 0)
    return false;
  bool reduces = consumer.getNumReductionLoops() != 0;
  AffineMap map = consumer.getMatchingIndexingMap(fused);
  if (movesData(producer)) {
    // A broadcast inside a contraction hides its form.
    return !reduces ||
           producer.getMatchingIndexingMap(producer.getDpsInputOperand(0))
               .isPermutation();
  }
  if (!producer->hasOneUse() && !isConversion(producer))
    return false;
  if (!reduces)
    // Nothing is computed twice where the consumer reads each element once.
    return map.isProjectedPermutation() &&
           (map.getNumResults() == map.getNumDims() || !isDear(producer));
  // Into a reduction only what it reads once, in the order of its loops;
  // products and windows read each element many times.
  return map.isPermutation() && !computes(producer) &&
         !linalg::isaContractionOpInterface(consumer) &&
         !linalg::isaConvolutionOpInterface(consumer);
}

/// Reshapes move through work that is parallel in all loops; a contraction
/// keeps the form that the code generator knows.
static bool shouldExpand(OpOperand *fused) {
  auto isParallel = [](Operation *op) {
    auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
    return generic && generic.getNumReductionLoops() == 0;
  };
  Operation *producer = fused->get().getDefiningOp();
  Operation *consumer = fused->getOwner();
  if (isa<tensor::ExpandShapeOp>(consumer))
    return isParallel(producer) && producer->hasOneUse();
  return producer && isa<tensor::CollapseShapeOp>(producer) &&
         isParallel(consumer);
}

/// Marks ops without uses that the program itself holds, for their checks.
static constexpr StringLiteral unusedAttr = "vtpu.unused";

namespace {

struct FuseElementwise : vtpu::impl::FuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> named;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op) &&
          !op->getResults().empty())
        named.push_back(op);
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      (void)linalg::generalizeNamedOp(rewriter, op);
    }
    getOperation().walk([&](linalg::GenericOp op) {
      if (op->use_empty())
        op->setAttr(unusedAttr, rewriter.getUnitAttr());
    });
    // Upstream's pass for this also turns destinations into inputs, which would
    // cost loops that accumulate in place their buffer.
    RewritePatternSet units(&getContext());
    linalg::ControlDropUnitDims control;
    linalg::populateFoldUnitExtentDimsPatterns(units, control);
    if (failed(applyPatternsGreedily(getOperation(), std::move(units))))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldExpand);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    // A producer's checks went along with its work; those that it still holds
    // would keep it alive.
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
    SmallVector<linalg::GenericOp> moved;
    getOperation().walk([&](linalg::GenericOp op) {
      if (!op->removeAttr(unusedAttr))
        moved.push_back(op);
    });
    for (linalg::GenericOp op : llvm::reverse(moved))
      if (op->use_empty() && op->getNumResults() != 0)
        op->erase();
  }
};

} // namespace
