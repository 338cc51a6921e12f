//===- FuseElementwise.cpp - Fewer passes over memory ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's element-wise fusion under a control function of ours: moving data
// is free inside any consumer, arithmetic is repeated nowhere.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include <numeric>

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
    return isa_and_present<math::MathDialect>(inner.getDialect()) ||
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

/// Reads through reshapes that add or drop dimensions of extent one.
struct ExtractThroughReshape : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractOp op,
                                PatternRewriter &rewriter) const override {
    Operation *reshape = op.getTensor().getDefiningOp();
    if (!isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
            reshape))
      return rewriter.notifyMatchFailure(op, "reads no reshape");
    Value source = reshape->getOperand(0);
    auto getReal = [](Value tensor) {
      SmallVector<int64_t> dims;
      for (auto [dim, size] :
           llvm::enumerate(cast<RankedTensorType>(tensor.getType()).getShape()))
        if (size != 1)
          dims.push_back(dim);
      return dims;
    };
    auto sourceType = cast<RankedTensorType>(source.getType());
    SmallVector<int64_t> ours = getReal(op.getTensor()), theirs = getReal(source);
    if (!llvm::equal(ours, theirs, [&](int64_t a, int64_t b) {
          return cast<RankedTensorType>(op.getTensor().getType())
                     .getDimSize(a) == sourceType.getDimSize(b);
        }))
      return rewriter.notifyMatchFailure(op, "dimensions are merged or split");
    Value zero = arith::ConstantIndexOp::create(rewriter, op.getLoc(), 0);
    SmallVector<Value> indices(sourceType.getRank(), zero);
    for (auto [from, to] : llvm::zip(ours, theirs))
      indices[to] = op.getIndices()[from];
    rewriter.replaceOpWithNewOp<tensor::ExtractOp>(op, source, indices);
    return success();
  }
};

/// Computes an element where a body reads it, instead of the whole tensor
/// ahead: of work that is cheap, that checks nothing, that nothing else reads,
/// and that is not repeated. The loop of a scatter to known places visits each
/// element once; elements keep their width, which lanes are chosen by.
struct ComputeExtracted : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractOp op,
                                PatternRewriter &rewriter) const override {
    auto producer = op.getTensor().getDefiningOp<linalg::GenericOp>();
    auto consumer = op->getParentOfType<linalg::GenericOp>();
    auto count = [](ArrayRef<int64_t> extents) {
      return std::accumulate(extents.begin(), extents.end(), int64_t(1),
                             std::multiplies<>());
    };
    if (!consumer || !producer || producer->getBlock() != consumer->getBlock() ||
        producer->getNumResults() != 1 || !producer->hasOneUse() ||
        producer.getNumReductionLoops() != 0 || computes(producer) ||
        !producer.getMatchingBlockArgument(producer.getDpsInitOperand(0))
             .use_empty() ||
        !producer.getIndexingMapsArray().back().isIdentity() ||
        llvm::any_of(*producer.getBody(), [](Operation &inner) {
          return inner.getNumRegions() != 0 || isa<cf::AssertOp>(inner);
        }))
      return rewriter.notifyMatchFailure(op, "reads no cheap work of its own");
    const bool once =
        op->getBlock() == consumer.getBody()
            ? movesData(producer) ||
                  count(consumer.getStaticLoopRanges()) <=
                      op.getTensor().getType().getNumElements()
            : op->getParentOp()->hasAttr(vtpu::kVisitsOnceAttr) &&
                  op->getParentOp()->getBlock() == consumer.getBody();
    if (!once)
      return rewriter.notifyMatchFailure(op, "reads elements repeatedly");
    for (OpOperand *input : producer.getDpsInputOperands())
      if (auto type = dyn_cast<RankedTensorType>(input->get().getType()))
        if (!type.getElementType().isIndex() &&
            type.getElementTypeBitWidth() < 32)
          return rewriter.notifyMatchFailure(op, "would gather narrow elements");
    for (AffineMap map : producer.getIndexingMapsArray())
      for (AffineExpr expr : map.getResults())
        if (!isa<AffineDimExpr, AffineConstantExpr>(expr))
          return rewriter.notifyMatchFailure(op, "operands are not permuted");
    Location loc = op.getLoc();
    IRMapping mapping;
    for (OpOperand *input : producer.getDpsInputOperands()) {
      BlockArgument argument = producer.getMatchingBlockArgument(input);
      if (argument.use_empty())
        continue;
      if (!isa<RankedTensorType>(input->get().getType())) {
        mapping.map(argument, input->get());
        continue;
      }
      SmallVector<Value> at;
      for (AffineExpr expr :
           producer.getMatchingIndexingMap(input).getResults()) {
        if (auto dim = dyn_cast<AffineDimExpr>(expr))
          at.push_back(op.getIndices()[dim.getPosition()]);
        else
          at.push_back(arith::ConstantIndexOp::create(
              rewriter, loc, cast<AffineConstantExpr>(expr).getValue()));
      }
      Value element = tensor::ExtractOp::create(rewriter, loc, input->get(), at);
      mapping.map(argument, element);
    }
    for (Operation &inner : producer.getBody()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner))
        mapping.map(index.getResult(), op.getIndices()[index.getDim()]);
      else
        rewriter.clone(inner, mapping);
    }
    rewriter.replaceOp(op, mapping.lookupOrDefault(
                               producer.getBody()->getTerminator()->getOperand(
                                   0)));
    return success();
  }
};

/// 1 - erf(x) is erfc(x), which keeps its digits where erf(x) is nearly 1.
struct UseErfc : OpRewritePattern<arith::SubFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::SubFOp op,
                                PatternRewriter &rewriter) const override {
    auto erf = op.getRhs().getDefiningOp<math::ErfOp>();
    if (!erf || !matchPattern(op.getLhs(), m_OneFloat()))
      return rewriter.notifyMatchFailure(op, "not 1 - erf(x)");
    rewriter.replaceOpWithNewOp<math::ErfcOp>(op, erf.getOperand());
    return success();
  }
};

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
    patterns.add<ExtractThroughReshape, ComputeExtracted>(&getContext());
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldExpand);
    patterns.add<UseErfc>(&getContext());
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
