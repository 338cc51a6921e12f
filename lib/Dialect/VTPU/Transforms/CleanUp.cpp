//===- CleanUp.cpp - Small repairs of imported programs -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What neither canonicalization nor CSE does for us: casts that hide a static
// shape from a concatenation, initial values shared by several reductions,
// comparisons in a wider type than that of their operands, reductions that keep
// a large tensor alive, and tables of indices that are looked up in each other.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// The list of integers that an element is taken from, if the program holds it.
static DenseIntElementsAttr getTable(tensor::ExtractOp extract) {
  DenseIntElementsAttr table;
  if (extract.getTensor().getType().getRank() != 1 ||
      !extract.getType().isInteger() ||
      !matchPattern(extract.getTensor(), m_Constant(&table)))
    return {};
  return table;
}

/// Takes the element at the same place of another list.
static tensor::ExtractOp extractFrom(ArrayRef<APInt> values, IntegerType type,
                                     tensor::ExtractOp like) {
  OpBuilder builder(like);
  auto list = RankedTensorType::get({int64_t(values.size())}, type);
  auto table = arith::ConstantOp::create(
      builder, like.getLoc(), DenseIntElementsAttr::get(list, values));
  table->moveBefore(
      &like->getParentOfType<func::FuncOp>().getBody().front().front());
  return tensor::ExtractOp::create(builder, like.getLoc(), table,
                                   like.getIndices());
}

/// With its table, if nothing else takes from that: none shall become a buffer.
static void eraseUnused(tensor::ExtractOp extract) {
  Operation *table = extract.getTensor().getDefiningOp();
  if (!extract->use_empty())
    return;
  extract->erase();
  if (table->use_empty())
    table->erase();
}

/// Looks up now what a table holds at the places that another one holds.
static bool composeTables(tensor::ExtractOp extract) {
  if (extract.getIndices().size() != 1)
    return false;
  auto index = extract.getIndices().front().getDefiningOp<arith::IndexCastOp>();
  auto place = index ? index.getIn().getDefiningOp<tensor::ExtractOp>()
                     : tensor::ExtractOp();
  if (!place)
    return false;
  const DenseIntElementsAttr table = getTable(extract), places = getTable(place);
  if (!table || !places)
    return false;
  SmallVector<APInt> values;
  const auto held = table.getValues<APInt>();
  for (const APInt &at : places.getValues<APInt>()) {
    const int64_t number = at.getSExtValue();
    if (number < 0 || number >= table.getNumElements())
      return false;
    values.push_back(held[number]);
  }
  extract.replaceAllUsesWith(
      extractFrom(values, cast<IntegerType>(extract.getType()), place)
          .getResult());
  eraseUnused(extract);
  if (index->use_empty())
    index->erase();
  eraseUnused(place);
  return true;
}

/// Keeps a table of indices in 32 bits, if they fit.
static bool narrowTable(tensor::ExtractOp extract) {
  const DenseIntElementsAttr table = getTable(extract);
  if (!table || !extract.getType().isInteger(64) ||
      extract->use_empty() ||
      !llvm::all_of(extract->getUsers(), llvm::IsaPred<arith::IndexCastOp>) ||
      !llvm::all_of(table.getValues<APInt>(),
                    [](const APInt &value) { return value.isSignedIntN(32); }))
    return false;
  SmallVector<APInt> values;
  for (const APInt &value : table.getValues<APInt>())
    values.push_back(value.trunc(32));
  tensor::ExtractOp narrow = extractFrom(
      values, IntegerType::get(extract.getContext(), 32), extract);
  extract->replaceAllUsesWith(narrow);
  eraseUnused(extract);
  return true;
}

namespace {

struct CleanUp : vtpu::impl::CleanUpBase<CleanUp> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    SmallVector<arith::CmpFOp> compares;
    SmallVector<linalg::LinalgOp> reductions;
    SmallVector<tensor::ExtractOp> extracts;
    getOperation().walk([&](Operation *op) {
      if (auto concat = dyn_cast<tensor::ConcatOp>(op))
        dropCasts(concat);
      else if (auto fill = dyn_cast<linalg::FillOp>(op))
        fills.push_back(fill);
      else if (auto compare = dyn_cast<arith::CmpFOp>(op))
        compares.push_back(compare);
      else if (auto reduction = dyn_cast<linalg::LinalgOp>(op))
        reductions.push_back(reduction);
      else if (auto extract = dyn_cast<tensor::ExtractOp>(op))
        extracts.push_back(extract);
    });
    for (arith::CmpFOp compare : compares)
      numCompares += narrowCompare(compare);
    for (linalg::LinalgOp reduction : reductions)
      numReductions += hoistReduction(reduction);
    for (linalg::FillOp fill : fills)
      numFills += splitFill(fill);
    for (tensor::ExtractOp extract : extracts)
      numTables += composeTables(extract);
    getOperation().walk([&](tensor::ExtractOp extract) {
      numTables += narrowTable(extract);
    });
  }
};

} // namespace
