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

/// True if the body computes what is dear to repeat.
static bool isDear(linalg::LinalgOp op) {
  return llvm::any_of(*op.getBlock(), [](Operation &inner) {
    return isa<math::MathDialect>(inner.getDialect()) ||
           isa<arith::DivFOp, tensor::ExtractOp>(inner);
  });
}

static bool shouldFuse(OpOperand *fused) {
  auto producer = fused->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(fused->getOwner());
  if (!producer || !consumer || producer.getNumReductionLoops() != 0)
    return false;
  if (movesData(producer)) {
    // A broadcast inside a contraction hides its form.
    return consumer.getNumReductionLoops() == 0 ||
           producer.getMatchingIndexingMap(producer.getDpsInputOperand(0))
               .isPermutation();
  }
  if (!producer->hasOneUse())
    return false;
  if (consumer.getNumReductionLoops() == 0) {
    // Nothing is computed twice where the consumer reads each element once.
    AffineMap map = consumer.getMatchingIndexingMap(fused);
    return map.isProjectedPermutation() &&
           (map.getNumResults() == map.getNumDims() || !isDear(producer));
  }
  // Into a reduction only what keeps one input and the reduced elements' order.
  return consumer.getNumDpsInputs() == 1 && !isDear(producer) &&
         consumer.getMatchingIndexingMap(fused).isPermutation();
}

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
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
