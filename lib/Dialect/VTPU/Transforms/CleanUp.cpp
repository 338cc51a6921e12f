//===- CleanUp.cpp - Small repairs of imported programs -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What neither canonicalization nor CSE does for us: casts that hide a static
// shape from a concatenation, initial values shared by several reductions,
// comparisons in a wider type than that of their operands, and reductions that
// keep a large tensor alive.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

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

/// Compares what was extended in the type that it was extended from: PyTorch's
/// scalars are f64, and the importer extends tensors to compare with them.
static bool narrowCompare(arith::CmpFOp compare) {
  Type narrow;
  for (Value operand : compare.getOperands())
    if (auto extend = operand.getDefiningOp<arith::ExtFOp>()) {
      if (narrow && narrow != extend.getIn().getType())
        return false;
      narrow = extend.getIn().getType();
    }
  if (!narrow)
    return false;
  OpBuilder builder(compare);
  SmallVector<Value> operands;
  for (Value operand : compare.getOperands()) {
    if (auto extend = operand.getDefiningOp<arith::ExtFOp>()) {
      operands.push_back(extend.getIn());
      continue;
    }
    APFloat value(0.0);
    bool isInexact = true;
    if (!matchPattern(operand, m_ConstantFloat(&value)))
      return false;
    auto type = dyn_cast<FloatType>(narrow);
    if (!type)
      return false;
    value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &isInexact);
    if (isInexact)
      return false;
    operands.push_back(arith::ConstantOp::create(
        builder, compare.getLoc(), builder.getFloatAttr(type, value)));
  }
  compare->setOperands(operands);
  return true;
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

/// Elements of a static tensor; 0 of anything else.
static int64_t sizeOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() ? type.getNumElements() : 0;
}

/// Moves a reduction to where its operands are complete: the larger one may
/// end there, and stands in the caches.
static bool hoistReduction(linalg::LinalgOp op) {
  if (op->getNumResults() != 1 || op.getNumReductionLoops() == 0 ||
      !isMemoryEffectFree(op))
    return false;
  Operation *last = nullptr;
  int64_t largest = 0;
  for (Value input : op.getDpsInputs()) {
    Operation *def = input.getDefiningOp();
    if (!def || def->getBlock() != op->getBlock())
      continue;
    largest = std::max(largest, sizeOf(input));
    if (!last || last->isBeforeInBlock(def))
      last = def;
  }
  if (!last || sizeOf(op->getResult(0)) * 2 > largest)
    return false;
  Operation *next = last->getNextNode(); // behind what may come with it
  while (isa<arith::ConstantOp, linalg::FillOp, tensor::EmptyOp,
             tensor::CollapseShapeOp, tensor::ExpandShapeOp>(next))
    next = next->getNextNode();
  IRRewriter rewriter(op->getContext());
  if (next == op || failed(moveOperationDependencies(rewriter, op, next)))
    return false;
  op->moveBefore(next);
  return true;
}

namespace {

struct CleanUp : vtpu::impl::CleanUpBase<CleanUp> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    SmallVector<arith::CmpFOp> compares;
    SmallVector<linalg::LinalgOp> reductions;
    getOperation().walk([&](Operation *op) {
      if (auto concat = dyn_cast<tensor::ConcatOp>(op))
        dropCasts(concat);
      else if (auto fill = dyn_cast<linalg::FillOp>(op))
        fills.push_back(fill);
      else if (auto compare = dyn_cast<arith::CmpFOp>(op))
        compares.push_back(compare);
      else if (auto reduction = dyn_cast<linalg::LinalgOp>(op))
        reductions.push_back(reduction);
    });
    for (arith::CmpFOp compare : compares)
      numCompares += narrowCompare(compare);
    for (linalg::LinalgOp reduction : reductions)
      numReductions += hoistReduction(reduction);
    for (linalg::FillOp fill : fills)
      numFills += splitFill(fill);
  }
};

} // namespace
