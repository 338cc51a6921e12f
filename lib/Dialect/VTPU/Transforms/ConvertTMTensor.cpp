//===- ConvertTMTensor.cpp - tm_tensor to linalg, scf and vtpu ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer's own ops arrive unregistered, in generic form. Scans become a
// loop over the scanned dimension whose step is parallel over all others;
// short sorts compute each element's rank by counting, which is vector work and
// stable by construction, longer ones merge; scatters become a loop of row
// updates in place, or, where the places are known, a sum over the updates of
// each target.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h"
#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

namespace vtpu {
#define GEN_PASS_DEF_CONVERTTMTENSOR
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// Clones the body of `region` over `args`; returns what it yields.
static SmallVector<Value> inlineBody(OpBuilder &b, Region &region,
                                     ValueRange args) {
  IRMapping mapping;
  mapping.map(region.getArguments(), args);
  // `tm_tensor.yield` is unregistered, so it does not count as a terminator.
  for (Operation &op : llvm::drop_end(region.front()))
    b.clone(op, mapping);
  SmallVector<Value> results;
  for (Value value : region.front().back().getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  return results;
}

static Value constantIndex(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

/// The part of `tensor` at the given place, with its unit dimensions dropped.
static Value extractDropped(OpBuilder &b, Location loc, Value tensor,
                            ArrayRef<OpFoldResult> offsets,
                            ArrayRef<int64_t> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> kept;
  SmallVector<OpFoldResult> sizeAttrs, strides(sizes.size(), b.getIndexAttr(1));
  for (int64_t size : sizes) {
    sizeAttrs.push_back(b.getIndexAttr(size));
    if (size != 1)
      kept.push_back(size);
  }
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(kept, type.getElementType()), tensor,
      offsets, sizeAttrs, strides);
}

static Value insertDropped(OpBuilder &b, Location loc, Value part, Value into,
                           ArrayRef<OpFoldResult> offsets,
                           ArrayRef<int64_t> sizes) {
  SmallVector<OpFoldResult> sizeAttrs, strides(sizes.size(), b.getIndexAttr(1));
  for (int64_t size : sizes)
    sizeAttrs.push_back(b.getIndexAttr(size));
  return tensor::InsertSliceOp::create(b, loc, part, into, offsets, sizeAttrs,
                                       strides);
}

/// A parallel generic with identity maps that writes over `out`.
static Value
elementwise(OpBuilder &b, Location loc, ValueRange ins, Value out,
            llvm::function_ref<void(OpBuilder &, Location, ValueRange)> body) {
  int64_t rank = cast<RankedTensorType>(out.getType()).getRank();
  SmallVector<AffineMap> maps(ins.size() + 1, b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(b, loc, TypeRange(out.getType()), ins,
                                   ValueRange{out}, maps, iterators, body)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// The values of a constant list of indices, row by row; nothing if the
/// program does not hold them.
static std::optional<SmallVector<int64_t>> getKnownIndices(Value indices) {
  while (Operation *def = indices.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(def))
      break;
    indices = def->getOperand(0);
  }
  DenseIntElementsAttr elements;
  if (!matchPattern(indices, m_Constant(&elements)))
    return std::nullopt;
  return llvm::map_to_vector(
      elements.getValues<APInt>(),
      [](const APInt &value) { return value.getSExtValue(); });
}

/// The scalar that fills all of `tensor`, if one does.
static Value getFillValue(OpBuilder &b, Location loc, Value tensor) {
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    return fill.getInputs().front();
  SplatElementsAttr splat;
  if (!matchPattern(tensor, m_Constant(&splat)))
    return Value();
  return arith::ConstantOp::create(
      b, loc, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
}

/// Rows that are scattered to known places along one dimension: each target
/// visits its updates in their order. No row is read, changed and written back
/// for every update, and targets are independent of each other. Nothing if the
/// scatter has another form.
static Value scatterKnownRows(OpBuilder &b, Operation *op,
                              ArrayRef<int64_t> dimensionMap,
                              ArrayRef<int64_t> sizes) {
  Location loc = op->getLoc();
  Value updates = op->getOperand(0), target = op->getOperand(2);
  auto type = cast<RankedTensorType>(target.getType());
  const int64_t rank = type.getRank();
  const int64_t lead =
      rank - cast<RankedTensorType>(updates.getType()).getRank() + 1;
  if (dimensionMap.size() != 1)
    return Value();
  const int64_t dim = dimensionMap.front(), count = type.getDimSize(dim);
  for (int64_t i = 0; i < rank; ++i)
    if (sizes[i] != (i == dim ? 1 : type.getDimSize(i)))
      return Value();
  std::optional<SmallVector<int64_t>> rows = getKnownIndices(op->getOperand(1));
  // Few updates of a large target are better made one by one.
  if (!rows || count > 8 * int64_t(rows->size()) ||
      !llvm::all_of(*rows, [&](int64_t row) { return row >= 0 && row < count; }))
    return Value();

  // Updates of target t stand at starts[t] .. starts[t + 1] of `order`.
  SmallVector<int32_t> starts(count + 1, 0), order(rows->size());
  for (int64_t row : *rows)
    ++starts[row + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  SmallVector<int32_t> next(starts);
  for (auto [update, row] : llvm::enumerate(*rows))
    order[next[row]++] = int32_t(update);
  auto table = [&](ArrayRef<int32_t> values) -> Value {
    auto type = RankedTensorType::get({int64_t(values.size())}, b.getI32Type());
    return arith::ConstantOp::create(b, loc,
                                     DenseElementsAttr::get(type, values));
  };
  Value startTable = table(starts);
  Value orderTable = llvm::is_sorted(*rows) ? Value() : table(order);
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  Value filling = getFillValue(b, loc, target);
  Value out = target;
  if (filling)
    out = tensor::EmptyOp::create(b, loc, type.getShape(),
                                  type.getElementType());
  auto read = [&](OpBuilder &b, Value table, Value at) -> Value {
    Value element = tensor::ExtractOp::create(b, loc, table, at);
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), element);
  };
  return elementwise(b, loc, {}, out, [&](OpBuilder &b, Location loc,
                                          ValueRange v) {
    SmallVector<Value> at;
    for (int64_t i = 0; i < rank; ++i)
      at.push_back(linalg::IndexOp::create(b, loc, i));
    Value from = read(b, startTable, at[dim]);
    Value behind = arith::AddIOp::create(b, loc, at[dim], one);
    Value to = read(b, startTable, behind);
    auto visit = [&](OpBuilder &b, Location loc, Value place, ValueRange args) {
      SmallVector<Value> in{orderTable ? read(b, orderTable, place) : place};
      for (int64_t i = lead; i < rank; ++i)
        in.push_back(i == dim ? zero : at[i]);
      Value update = tensor::ExtractOp::create(b, loc, updates, in);
      scf::YieldOp::create(
          b, loc, inlineBody(b, op->getRegion(0), {update, args.front()}));
    };
    auto loop = scf::ForOp::create(b, loc, from, to, one,
                                   filling ? filling : v.back(), visit);
    loop->setAttr(vtpu::kVisitsOnceAttr, b.getUnitAttr());
    linalg::YieldOp::create(b, loc, loop.getResults());
  });
}

static LogicalResult convertScatter(OpBuilder &b, Operation *op) {
  Location loc = op->getLoc();
  auto dimensionMap = op->getAttrOfType<DenseI64ArrayAttr>("dimension_map");
  if (op->getNumOperands() != 3 || op->getNumRegions() != 1 || !dimensionMap)
    return op->emitError("'tm_tensor.scatter' needs updates, indices, a "
                         "target, 'dimension_map' and a body");
  Value updates = op->getOperand(0), indices = op->getOperand(1),
        target = op->getOperand(2);
  auto updatesType = dyn_cast<RankedTensorType>(updates.getType());
  auto targetType = dyn_cast<RankedTensorType>(target.getType());
  auto indicesType = dyn_cast<RankedTensorType>(indices.getType());
  int64_t rank = targetType ? targetType.getRank() : 0;
  int64_t lead = updatesType ? rank - updatesType.getRank() + 1 : -1;
  llvm::SmallDenseSet<int64_t> dims(dimensionMap.asArrayRef().begin(),
                                    dimensionMap.asArrayRef().end());
  if (lead < 0 || lead > rank || !indicesType || indicesType.getRank() != 2 ||
      indicesType.getDimSize(0) != updatesType.getDimSize(0) ||
      indicesType.getDimSize(1) != dimensionMap.size() ||
      dims.size() != size_t(dimensionMap.size()) ||
      llvm::any_of(dims, [&](int64_t dim) { return dim < 0 || dim >= rank; }))
    return op->emitError("'tm_tensor.scatter' needs one row of indices an "
                         "update, one index for each dimension of "
                         "'dimension_map', and these between 0 and ")
           << rank - 1 << ", each once";
  SmallVector<int64_t> sizes(rank, 1), updateSizes(updatesType.getShape());
  updateSizes[0] = 1;
  for (int64_t i = lead; i < rank; ++i)
    sizes[i] = updateSizes[i - lead + 1];
  bool isScalar = llvm::all_of(sizes, [](int64_t size) { return size == 1; });
  if (Value sorted = scatterKnownRows(b, op, dimensionMap, sizes)) {
    op->replaceAllUsesWith(ValueRange(sorted));
    return success();
  }

  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  Value count = constantIndex(b, loc, updatesType.getDimSize(0));
  auto body = [&](OpBuilder &b, Location loc, Value i, ValueRange args) {
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
    for (auto [k, dim] : llvm::enumerate(dimensionMap.asArrayRef())) {
      Value number = constantIndex(b, loc, k);
      Value at = tensor::ExtractOp::create(b, loc, indices,
                                           ValueRange{i, number});
      if (!at.getType().isIndex())
        at = arith::IndexCastOp::create(b, loc, b.getIndexType(), at);
      // One unsigned comparison covers both ends.
      Value limit = constantIndex(
          b, loc, targetType.getDimSize(dim) - sizes[dim] + 1);
      Value inside = arith::CmpIOp::create(
          b, loc, arith::CmpIPredicate::ult, at, limit);
      cf::AssertOp::create(
          b, loc, inside,
          ("index out of range: expected 0 <= index < " +
           Twine(targetType.getDimSize(dim) - sizes[dim] + 1) +
           " in dimension " + Twine(dim) + " of a scatter")
              .str());
      offsets[dim] = at;
    }
    Value result;
    SmallVector<OpFoldResult> from(updatesType.getRank(), b.getIndexAttr(0));
    from[0] = i;
    if (isScalar) {
      auto values = [&](ArrayRef<OpFoldResult> at) {
        return getValueOrCreateConstantIndexOp(b, loc, at);
      };
      SmallVector<Value> to = values(offsets);
      Value update =
          tensor::ExtractOp::create(b, loc, updates, values(from));
      Value old = tensor::ExtractOp::create(b, loc, args[0], to);
      Value merged = inlineBody(b, op->getRegion(0), {update, old}).front();
      result = tensor::InsertOp::create(b, loc, merged, args[0], to);
    } else {
      Value update = extractDropped(b, loc, updates, from, updateSizes);
      Value old = extractDropped(b, loc, args[0], offsets, sizes);
      Value merged = elementwise(
          b, loc, update, old, [&](OpBuilder &b, Location loc, ValueRange v) {
            linalg::YieldOp::create(b, loc, inlineBody(b, op->getRegion(0), v));
          });
      result = insertDropped(b, loc, merged, args[0], offsets, sizes);
    }
    scf::YieldOp::create(b, loc, result);
  };
  auto loop = scf::ForOp::create(b, loc, zero, count, one, target, body);
  op->replaceAllUsesWith(loop);
  return success();
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

static LogicalResult convertScan(OpBuilder &b, Operation *op) {
  Location loc = op->getLoc();
  auto dimension = op->getAttrOfType<IntegerAttr>("dimension");
  auto inclusive = op->getAttrOfType<BoolAttr>("inclusive");
  if (op->getNumOperands() != 3 || op->getNumRegions() != 1 || !dimension)
    return op->emitError("'tm_tensor.scan' needs an input, an output, an "
                         "accumulator, 'dimension' and a body");
  bool isInclusive = !inclusive || inclusive.getValue();
  Value input = op->getOperand(0), accumulator = op->getOperand(2);
  auto type = cast<RankedTensorType>(input.getType());
  int64_t dim = dimension.getInt(), count = type.getDimSize(dim);
  if (type.getNumElements() == 0) {
    op->replaceAllUsesWith(op->getOperands().drop_front());
    return success();
  }
  SmallVector<int64_t> sizes(type.getShape());
  sizes[dim] = 1;
  bool isScalar = llvm::all_of(sizes, [](int64_t size) { return size == 1; });
  auto at = [&](OpBuilder &b, OpFoldResult i) {
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
    offsets[dim] = i;
    return offsets;
  };
  auto take = [&](OpBuilder &b, Value tensor, OpFoldResult i) -> Value {
    if (isScalar)
      return tensor::ExtractOp::create(
          b, loc, tensor, getValueOrCreateConstantIndexOp(b, loc, at(b, i)));
    return extractDropped(b, loc, tensor, at(b, i), sizes);
  };
  auto put = [&](OpBuilder &b, Value part, Value tensor,
                 OpFoldResult i) -> Value {
    if (isScalar)
      return tensor::InsertOp::create(
          b, loc, part, tensor,
          getValueOrCreateConstantIndexOp(b, loc, at(b, i)));
    return insertDropped(b, loc, part, tensor, at(b, i), sizes);
  };

  // The accumulator without unit dimensions, or as a scalar.
  auto accumulatorType = cast<RankedTensorType>(accumulator.getType());
  Value start;
  if (isInclusive) {
    start = take(b, input, b.getIndexAttr(0));
    if (!isScalar) {
      // A buffer of its own: the loop updates it in place.
      Value empty = tensor::EmptyOp::create(
          b, loc, cast<RankedTensorType>(start.getType()).getShape(),
          type.getElementType());
      start = elementwise(b, loc, start, empty,
                          [](OpBuilder &b, Location loc, ValueRange v) {
                            linalg::YieldOp::create(b, loc, v.front());
                          });
    }
  } else {
    SmallVector<OpFoldResult> origin(accumulatorType.getRank(),
                                     b.getIndexAttr(0));
    start = isScalar ? tensor::ExtractOp::create(
                           b, loc, accumulator,
                           getValueOrCreateConstantIndexOp(b, loc, origin))
                           .getResult()
                     : extractDropped(b, loc, accumulator, origin,
                                      accumulatorType.getShape());
  }
  Value out = tensor::EmptyOp::create(b, loc, type.getShape(),
                                      type.getElementType());
  out = put(b, start, out, b.getIndexAttr(0));
  auto step = [&](OpBuilder &b, Location loc, Value i, ValueRange args) {
    Value from = i;
    if (!isInclusive)
      from = arith::SubIOp::create(b, loc, i, constantIndex(b, loc, 1));
    Value x = take(b, input, from), next;
    if (isScalar)
      next = inlineBody(b, op->getRegion(0), {args[1], x}).front();
    else
      next = elementwise(
          b, loc, x, args[1], [&](OpBuilder &b, Location loc, ValueRange v) {
            linalg::YieldOp::create(
                b, loc, inlineBody(b, op->getRegion(0), {v[1], v[0]}));
          });
    Value filled = put(b, next, args[0], i);
    scf::YieldOp::create(b, loc, ValueRange{filled, next});
  };
  auto loop = scf::ForOp::create(
      b, loc, constantIndex(b, loc, 1), constantIndex(b, loc, count),
      constantIndex(b, loc, 1), ValueRange{out, start}, step);
  op->getResult(0).replaceAllUsesWith(loop.getResult(0));
  if (op->getNumResults() > 1 && !op->getResult(1).use_empty()) {
    SmallVector<OpFoldResult> origin(accumulatorType.getRank(),
                                     b.getIndexAttr(0));
    Value last = loop.getResult(1);
    Value full =
        isScalar
            ? tensor::InsertOp::create(
                  b, loc, last, accumulator,
                  getValueOrCreateConstantIndexOp(b, loc, origin))
                  .getResult()
            : insertDropped(b, loc, last, accumulator, origin,
                            accumulatorType.getShape());
    op->getResult(1).replaceAllUsesWith(full);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Sort
//===----------------------------------------------------------------------===//

/// Emits "the element with arguments `args` (interleaved a0, b0, a1, b1) may
/// stay in front". A plain float comparison is completed to a total order in
/// which NaN is the largest value, as in PyTorch, and equal elements keep
/// their order.
static Value emitBefore(OpBuilder &b, Location loc, Region &region,
                        ValueRange args) {
  using arith::CmpFPredicate;
  Operation *yield = &region.front().back();
  auto compare = yield->getOperand(0).getDefiningOp<arith::CmpFOp>();
  auto isArgument = [&](Value value) { return isa<BlockArgument>(value); };
  if (!compare || !isArgument(compare.getLhs()) ||
      !isArgument(compare.getRhs()))
    return inlineBody(b, region, args).front();
  Value lhs = args[cast<BlockArgument>(compare.getLhs()).getArgNumber()];
  Value rhs = args[cast<BlockArgument>(compare.getRhs()).getArgNumber()];
  CmpFPredicate predicate = compare.getPredicate();
  bool ascending =
      llvm::is_contained({CmpFPredicate::OLT, CmpFPredicate::OLE,
                          CmpFPredicate::ULT, CmpFPredicate::ULE},
                         predicate);
  bool descending =
      llvm::is_contained({CmpFPredicate::OGT, CmpFPredicate::OGE,
                          CmpFPredicate::UGT, CmpFPredicate::UGE},
                         predicate);
  if (!ascending && !descending)
    return inlineBody(b, region, args).front();
  Value ordered = arith::CmpFOp::create(
      b, loc, ascending ? CmpFPredicate::OLE : CmpFPredicate::OGE, lhs, rhs);
  Value largest = ascending ? rhs : lhs;
  Value isNaN =
      arith::CmpFOp::create(b, loc, CmpFPredicate::UNO, largest, largest);
  return arith::OrIOp::create(b, loc, ordered, isNaN);
}

/// The position of every element in sorted order along `dim`.
static Value emitRanks(OpBuilder &b, Operation *op, int64_t dim) {
  Location loc = op->getLoc();
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  int64_t rank = type.getRank();
  MLIRContext *context = op->getContext();
  AffineMap self = AffineMap::getMultiDimIdentityMap(rank + 1, context)
                       .getMajorSubMap(rank);
  SmallVector<AffineExpr> exprs(self.getResults());
  exprs[dim] = b.getAffineDimExpr(rank);
  AffineMap other = AffineMap::get(rank + 1, 0, exprs, context);
  SmallVector<Value> ins;
  SmallVector<AffineMap> maps;
  for (Value operand : op->getOperands()) {
    ins.append(2, operand);
    maps.push_back(self);
    maps.push_back(other);
  }
  maps.push_back(self);
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  Value empty =
      tensor::EmptyOp::create(b, loc, type.getShape(), b.getI64Type());
  Value zero = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(0));
  Value init = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  auto body = [&](OpBuilder &b, Location loc, ValueRange v) {
    SmallVector<Value> forward, backward; // (j, i) and (i, j)
    for (unsigned k = 0; k + 1 < v.size(); k += 2) {
      forward.append({v[k + 1], v[k]});
      backward.append({v[k], v[k + 1]});
    }
    Region &region = op->getRegion(0);
    Value jFirst = emitBefore(b, loc, region, forward);
    Value iFirst = emitBefore(b, loc, region, backward);
    Value i = linalg::IndexOp::create(b, loc, dim);
    Value j = linalg::IndexOp::create(b, loc, rank);
    Value truth = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
    Value notI = arith::XOrIOp::create(b, loc, iFirst, truth);
    Value lower =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, j, i);
    Value higher =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, j, i);
    Value one = arith::AndIOp::create(b, loc, lower, jFirst);
    Value two = arith::AndIOp::create(b, loc, higher, notI);
    Value counts = arith::OrIOp::create(b, loc, one, two);
    Value wide = arith::ExtUIOp::create(b, loc, b.getI64Type(), counts);
    Value sum = arith::AddIOp::create(b, loc, v.back(), wide);
    linalg::YieldOp::create(b, loc, sum);
  };
  auto generic =
      linalg::GenericOp::create(b, loc, TypeRange(init.getType()), ins,
                                ValueRange{init}, maps, iterators, body);
  return generic.getResult(0);
}

/// One pass of a merge sort over the line `line` (its entry `dim` is free):
/// neighbouring sorted runs of `width` elements of `from` are merged into `to`.
static SmallVector<Value> emitMerge(OpBuilder &b, Operation *op, int64_t dim,
                                    ArrayRef<Value> line, Value width,
                                    ValueRange from, ValueRange to) {
  Location loc = op->getLoc();
  int64_t count =
      cast<RankedTensorType>(from.front().getType()).getDimSize(dim);
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  Value end = constantIndex(b, loc, count);
  Value last = constantIndex(b, loc, count - 1);
  Value pair = arith::AddIOp::create(b, loc, width, width);
  Value inPair = arith::SubIOp::create(b, loc, pair, one);
  auto less = [&](OpBuilder &b, Value x, Value y) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
  };
  SmallVector<Value> inits = {zero, zero};
  llvm::append_range(inits, to);
  auto body = [&](OpBuilder &b, Location loc, Value k, ValueRange args) {
    // A new pair of runs starts at the multiples of two widths.
    Value offset = arith::AndIOp::create(b, loc, k, inPair);
    Value base = arith::SubIOp::create(b, loc, k, offset);
    Value middle = arith::AddIOp::create(b, loc, base, width);
    Value starts = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         offset, zero);
    Value i = arith::SelectOp::create(b, loc, starts, base, args[0]);
    Value j = arith::SelectOp::create(b, loc, starts, middle, args[1]);
    Value iEnd = arith::MinSIOp::create(b, loc, middle, end);
    Value jEnd = arith::MinSIOp::create(
        b, loc, arith::AddIOp::create(b, loc, base, pair), end);
    auto valuesAt = [&](Value position) {
      SmallVector<Value> at(line), values;
      at[dim] = arith::MinSIOp::create(b, loc, position, last);
      for (Value tensor : from)
        values.push_back(tensor::ExtractOp::create(b, loc, tensor, at));
      return values;
    };
    SmallVector<Value> left = valuesAt(i), right = valuesAt(j), interleaved;
    for (auto [x, y] : llvm::zip(left, right))
      interleaved.append({x, y});
    Value first = emitBefore(b, loc, op->getRegion(0), interleaved);
    Value truth = arith::ConstantOp::create(b, loc, b.getBoolAttr(true));
    Value rightIsEmpty =
        arith::XOrIOp::create(b, loc, less(b, j, jEnd), truth);
    Value takesLeft = arith::AndIOp::create(
        b, loc, less(b, i, iEnd),
        arith::OrIOp::create(b, loc, rightIsEmpty, first));
    SmallVector<Value> at(line), results = {
        arith::SelectOp::create(b, loc, takesLeft,
                                arith::AddIOp::create(b, loc, i, one), i),
        arith::SelectOp::create(b, loc, takesLeft, j,
                                arith::AddIOp::create(b, loc, j, one))};
    at[dim] = k;
    for (auto [x, y, tensor] : llvm::zip(left, right, args.drop_front(2))) {
      Value taken = arith::SelectOp::create(b, loc, takesLeft, x, y);
      results.push_back(tensor::InsertOp::create(b, loc, taken, tensor, at));
    }
    scf::YieldOp::create(b, loc, results);
  };
  auto loop = scf::ForOp::create(b, loc, zero, end, one, inits, body);
  return SmallVector<Value>(loop.getResults().drop_front(2));
}

/// Stable merge sort from runs of one element up, line by line.
static SmallVector<Value> emitMergeSort(OpBuilder &b, Operation *op,
                                        int64_t dim) {
  Location loc = op->getLoc();
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  unsigned number = op->getNumOperands();
  // Operands first, then as many tensors that every other pass fills: copies
  // of the operands, as empty tensors of one type would become one buffer.
  SmallVector<Value> tensors(op->getOperands());
  llvm::append_range(tensors, op->getOperands());
  // Two passes a step, so that each tensor comes back to its own buffer; one
  // pass too many only copies.
  int64_t steps =
      llvm::divideCeil(llvm::Log2_64_Ceil(type.getDimSize(dim)), 2);
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  SmallVector<Value> lower(type.getRank(), zero), upper,
      strides(type.getRank(), one);
  for (auto [d, size] : llvm::enumerate(type.getShape()))
    upper.push_back(constantIndex(b, loc, int64_t(d) == dim ? 1 : size));
  auto nest = scf::buildLoopNest(
      b, loc, lower, upper, strides, tensors,
      [&](OpBuilder &b, Location loc, ValueRange line, ValueRange args) {
        SmallVector<Value> inits = {one};
        llvm::append_range(inits, args);
        auto body = [&](OpBuilder &b, Location loc, Value, ValueRange state) {
          Value width = state[0];
          Value twice = arith::AddIOp::create(b, loc, width, width);
          Value next = arith::AddIOp::create(b, loc, twice, twice);
          ValueRange here = state.slice(1, number),
                     there = state.drop_front(1 + number);
          SmallVector<Value> at(line);
          SmallVector<Value> once =
              emitMerge(b, op, dim, at, width, here, there);
          SmallVector<Value> back = emitMerge(b, op, dim, at, twice, once, here);
          SmallVector<Value> results = {next};
          llvm::append_range(results, back);
          llvm::append_range(results, once);
          scf::YieldOp::create(b, loc, results);
        };
        auto loop = scf::ForOp::create(b, loc, zero,
                                       constantIndex(b, loc, steps), one,
                                       inits, body);
        return scf::ValueVector(loop.getResults().drop_front(1));
      });
  return SmallVector<Value>(ArrayRef<Value>(nest.results).take_front(number));
}

/// Lines up to this length are sorted by counting, whose work grows with the
/// square of the length but fills the lanes.
static constexpr int64_t kCountingLimit = 256;

static LogicalResult convertSort(OpBuilder &b, Operation *op) {
  Location loc = op->getLoc();
  auto dimension = op->getAttrOfType<IntegerAttr>("dimension");
  if (op->getNumOperands() == 0 || op->getNumRegions() != 1 || !dimension)
    return op->emitError(
        "'tm_tensor.sort' needs operands, 'dimension' and a body");
  int64_t dim = dimension.getInt();
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  if (type.getNumElements() > 0 && type.getDimSize(dim) > kCountingLimit) {
    op->replaceAllUsesWith(emitMergeSort(b, op, dim));
    return success();
  }
  Value ranks = emitRanks(b, op, dim);
  // Copies: empty tensors of one type would become one buffer.
  SmallVector<Value> current(op->getOperands());
  Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
  SmallVector<Value> lower(type.getRank(), zero), upper,
      steps(type.getRank(), one);
  for (int64_t size : type.getShape())
    upper.push_back(constantIndex(b, loc, size));
  auto nest = scf::buildLoopNest(
      b, loc, lower, upper, steps, current,
      [&](OpBuilder &b, Location loc, ValueRange ivs, ValueRange args) {
        Value to = tensor::ExtractOp::create(b, loc, ranks, ivs);
        SmallVector<Value> target(ivs);
        target[dim] =
            arith::IndexCastOp::create(b, loc, b.getIndexType(), to);
        scf::ValueVector results;
        for (auto [operand, arg] : llvm::zip(op->getOperands(), args)) {
          Value x = tensor::ExtractOp::create(b, loc, operand, ivs);
          results.push_back(
              tensor::InsertOp::create(b, loc, x, arg, target));
        }
        return results;
      });
  if (nest.results.empty())
    op->replaceAllUsesWith(op->getOperands());
  else
    op->replaceAllUsesWith(nest.results);
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static LogicalResult convertAttention(OpBuilder &b, Operation *op) {
  unsigned count = op->getNumOperands();
  if (count != 4 && count != 5)
    return op->emitError("'tm_tensor.attention' needs query, key, value, an "
                         "optional mask and an output");
  auto query = cast<RankedTensorType>(op->getOperand(0).getType());
  double scale = 1.0 / std::sqrt(double(query.getShape().back()));
  if (auto attr = op->getAttrOfType<FloatAttr>("scale"))
    scale = attr.getValueAsDouble();
  auto attention = vtpu::AttentionOp::create(
      b, op->getLoc(), op->getResult(0).getType(), op->getOperand(0),
      op->getOperand(1), op->getOperand(2),
      count == 5 ? op->getOperand(3) : Value(), b.getF64FloatAttr(scale));
  op->replaceAllUsesWith(attention);
  return success();
}

namespace {

struct ConvertTMTensor : vtpu::impl::ConvertTMTensorBase<ConvertTMTensor> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation().walk([&](Operation *op) {
      StringRef name = op->getName().getStringRef();
      if (name.starts_with("tm_tensor.") && name != "tm_tensor.yield")
        work.push_back(op);
    });
    bool failed = false;
    for (Operation *op : work) {
      StringRef name = op->getName().getStringRef();
      bool isStatic = llvm::all_of(op->getOperandTypes(), [](Type type) {
        auto tensor = dyn_cast<RankedTensorType>(type);
        return tensor && tensor.hasStaticShape();
      });
      // The contract check reports what stays.
      if (!isStatic)
        continue;
      OpBuilder builder(op);
      LogicalResult result = success();
      if (name == "tm_tensor.scatter")
        result = convertScatter(builder, op);
      else if (name == "tm_tensor.scan")
        result = convertScan(builder, op);
      else if (name == "tm_tensor.sort")
        result = convertSort(builder, op);
      else if (name == "tm_tensor.attention")
        result = convertAttention(builder, op);
      else
        continue;
      if (mlir::failed(result)) {
        failed = true;
        continue;
      }
      op->erase();
      ++numConverted;
    }
    if (failed)
      signalPassFailure();
  }
};

} // namespace
