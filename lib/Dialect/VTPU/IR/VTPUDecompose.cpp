//===- VTPUDecompose.cpp - vtpu ops as linalg and scf ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The meaning of every op in terms of upstream dialects. Attention keeps the
// unnormalised row and divides the small result, so the scores are passed
// over once for the maximum and once for exponential and sum.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using Body = llvm::function_ref<void(OpBuilder &, Location, ValueRange)>;

static Value filled(OpBuilder &b, Location loc, ArrayRef<int64_t> shape,
                    TypedAttr value) {
  Value scalar = arith::ConstantOp::create(b, loc, value);
  Value empty = tensor::EmptyOp::create(b, loc, shape, value.getType());
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

/// A generic; `dims` lists the loops of each operand, the output last.
static linalg::GenericOp generic(OpBuilder &b, Location loc, ValueRange ins,
                                 ValueRange outs,
                                 ArrayRef<SmallVector<unsigned>> dims,
                                 unsigned loops,
                                 ArrayRef<unsigned> reductions, Body body) {
  SmallVector<AffineMap> maps;
  for (const SmallVector<unsigned> &list : dims) {
    SmallVector<AffineExpr> exprs;
    for (unsigned dim : list)
      exprs.push_back(b.getAffineDimExpr(dim));
    maps.push_back(AffineMap::get(loops, 0, exprs, b.getContext()));
  }
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::parallel);
  for (unsigned dim : reductions)
    iterators[dim] = utils::IteratorType::reduction;
  return linalg::GenericOp::create(b, loc, outs.getTypes(), ins, outs, maps,
                                   iterators, body);
}

/// Converts between float types of any width.
static Value convert(OpBuilder &b, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(b, loc, type, value);
  if (from > to)
    return arith::TruncFOp::create(b, loc, type, value);
  return value;
}

FailureOr<SmallVector<Value>>
vtpu::AttentionOp::decomposeOperation(OpBuilder &b) {
  Location loc = getLoc();
  auto query = cast<RankedTensorType>(getQuery().getType());
  auto value = cast<RankedTensorType>(getValue().getType());
  unsigned rank = query.getRank();
  int64_t m = query.getDimSize(rank - 2);
  int64_t n = value.getDimSize(rank - 2), d = value.getDimSize(rank - 1);
  Type element = query.getElementType();
  // Narrow types compute in f32.
  Type wide = element.isF64() ? element : Type(b.getF32Type());
  auto number = [&](double x) { return b.getFloatAttr(wide, x); };
  auto scalar = [&](OpBuilder &b, double x) -> Value {
    return arith::ConstantOp::create(b, loc, number(x));
  };
  const double infinity = std::numeric_limits<double>::infinity();

  SmallVector<int64_t> batch(query.getShape().drop_back(2));
  SmallVector<int64_t> rows = batch, scores = batch, outs = batch;
  rows.push_back(m);
  scores.append({m, n});
  outs.append({m, d});
  // Loops: the batch, m = rank - 2, n = rank - 1, and k or d = rank.
  SmallVector<unsigned> lead = llvm::to_vector(llvm::seq<unsigned>(0, rank - 2));
  auto dims = [&](std::initializer_list<unsigned> more) {
    SmallVector<unsigned> list = lead;
    list.append(more);
    return list;
  };
  const unsigned M = rank - 2, N = rank - 1, K = rank;

  auto product = [&](OpBuilder &b, Location loc, ValueRange v) {
    Value x = convert(b, loc, v[0], wide), y = convert(b, loc, v[1], wide);
    Value xy = arith::MulFOp::create(b, loc, x, y);
    Value sum = arith::AddFOp::create(b, loc, v[2], xy);
    linalg::YieldOp::create(b, loc, sum);
  };
  Value score = generic(b, loc, {getQuery(), getKey()},
                        filled(b, loc, scores, number(0)),
                        {dims({M, K}), dims({N, K}), dims({M, N})}, rank + 1,
                        {K}, product)
                    .getResult(0);
  SmallVector<Value> scaleIns;
  SmallVector<SmallVector<unsigned>> scaleDims;
  if (getMask()) {
    scaleIns.push_back(getMask());
    scaleDims.push_back(dims({M, N}));
  }
  scaleDims.push_back(dims({M, N}));
  double factor = getScale().convertToDouble();
  score = generic(b, loc, scaleIns, score, scaleDims, rank, {},
                  [&](OpBuilder &b, Location loc, ValueRange v) {
                    Value x = arith::MulFOp::create(b, loc, v.back(),
                                                    scalar(b, factor));
                    if (v.size() == 2 && v[0].getType().isInteger(1))
                      x = arith::SelectOp::create(b, loc, v[0], x,
                                                  scalar(b, -infinity));
                    else if (v.size() == 2)
                      x = arith::AddFOp::create(
                          b, loc, x, convert(b, loc, v[0], wide));
                    linalg::YieldOp::create(b, loc, x);
                  })
              .getResult(0);
  Value maximum = generic(b, loc, score, filled(b, loc, rows, number(-infinity)),
                          {dims({M, N}), dims({M})}, rank, {N},
                          [&](OpBuilder &b, Location loc, ValueRange v) {
                            Value x = arith::MaximumFOp::create(b, loc, v[0],
                                                                v[1]);
                            linalg::YieldOp::create(b, loc, x);
                          })
                      .getResult(0);
  // exp(-inf - -inf) would be NaN: a row of minus infinities subtracts zero.
  Value weights =
      generic(b, loc, maximum, score, {dims({M}), dims({M, N})}, rank, {},
              [&](OpBuilder &b, Location loc, ValueRange v) {
                Value isEmpty = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OEQ, v[0],
                    scalar(b, -infinity));
                Value shift = arith::SelectOp::create(b, loc, isEmpty,
                                                      scalar(b, 0), v[0]);
                Value x = arith::SubFOp::create(b, loc, v[1], shift);
                linalg::YieldOp::create(
                    b, loc, math::ExpOp::create(b, loc, x).getResult());
              })
          .getResult(0);
  Value sum = generic(b, loc, weights, filled(b, loc, rows, number(0)),
                      {dims({M, N}), dims({M})}, rank, {N},
                      [&](OpBuilder &b, Location loc, ValueRange v) {
                        Value x = arith::AddFOp::create(b, loc, v[1], v[0]);
                        linalg::YieldOp::create(b, loc, x);
                      })
                  .getResult(0);
  // Loops of the second product: m, d = N, n = K.
  Value out = generic(b, loc, {weights, getValue()},
                      filled(b, loc, outs, number(0)),
                      {dims({M, K}), dims({K, N}), dims({M, N})}, rank + 1,
                      {K}, product)
                  .getResult(0);
  Value empty = tensor::EmptyOp::create(b, loc, outs, element);
  Value result =
      generic(b, loc, {out, sum}, empty,
              {dims({M, N}), dims({M}), dims({M, N})}, rank, {},
              [&](OpBuilder &b, Location loc, ValueRange v) {
                Value isEmpty = arith::CmpFOp::create(
                    b, loc, arith::CmpFPredicate::OEQ, v[1], scalar(b, 0));
                Value divisor = arith::SelectOp::create(b, loc, isEmpty,
                                                        scalar(b, 1), v[1]);
                Value x = arith::DivFOp::create(b, loc, v[0], divisor);
                linalg::YieldOp::create(b, loc, convert(b, loc, x, element));
              })
          .getResult(0);
  return SmallVector<Value>{result};
}

FailureOr<SmallVector<Value>>
vtpu::HypergraphAggregateOp::decomposeOperation(OpBuilder &b) {
  Location loc = getLoc();
  auto features = cast<RankedTensorType>(getFeatures().getType());
  auto resultType = cast<RankedTensorType>(getResult().getType());
  Type element = features.getElementType();
  int64_t columns = features.getDimSize(1);
  bool toEdges = getDirection() == Direction::NodeToEdge;
  Value source = toEdges ? getNodes() : getEdges();
  Value target = toEdges ? getEdges() : getNodes();
  auto index = [&](OpBuilder &b, int64_t x) -> Value {
    return arith::ConstantIndexOp::create(b, loc, x);
  };
  auto load = [&](OpBuilder &b, Value list, Value pin, int64_t limit,
                  StringRef what) -> Value {
    Value at = tensor::ExtractOp::create(b, loc, list, pin);
    if (!at.getType().isIndex())
      at = arith::IndexCastOp::create(b, loc, b.getIndexType(), at);
    Value inside = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::ult, at, index(b, limit));
    cf::AssertOp::create(b, loc, inside,
                         ("index out of range: expected 0 <= " + what +
                          " < " + Twine(limit) +
                          " in a hypergraph aggregation")
                             .str());
    return at;
  };
  auto row = [&](OpBuilder &b, Value matrix, Value at) -> Value {
    SmallVector<OpFoldResult> offsets{at, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(1),
                                    b.getIndexAttr(columns)};
    SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(
        b, loc, RankedTensorType::get({columns}, element), matrix, offsets,
        sizes, strides);
  };
  Value pins = index(
      b, cast<RankedTensorType>(getNodes().getType()).getDimSize(0));
  StringRef sourceName = toEdges ? "node" : "edge";
  StringRef targetName = toEdges ? "edge" : "node";
  auto accumulate = [&](OpBuilder &b, Location loc, Value pin,
                        ValueRange args) {
    Value from = load(b, source, pin, features.getDimSize(0), sourceName);
    Value to = load(b, target, pin, resultType.getDimSize(0), targetName);
    Value weight;
    if (getWeights())
      weight = tensor::ExtractOp::create(b, loc, getWeights(), pin);
    Value old = row(b, args[0], to);
    Value sum = generic(b, loc, row(b, getFeatures(), from), old, {{0}, {0}},
                        1, {},
                        [&](OpBuilder &b, Location loc, ValueRange v) {
                          Value x = v[0];
                          if (weight)
                            x = arith::MulFOp::create(b, loc, x, weight);
                          x = arith::AddFOp::create(b, loc, v[1], x);
                          linalg::YieldOp::create(b, loc, x);
                        })
                    .getResult(0);
    SmallVector<OpFoldResult> offsets{to, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(1),
                                    b.getIndexAttr(columns)};
    SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
    Value next = tensor::InsertSliceOp::create(b, loc, sum, args[0], offsets,
                                               sizes, strides);
    scf::YieldOp::create(b, loc, next);
  };
  Value zero = index(b, 0), one = index(b, 1);
  Value start =
      filled(b, loc, resultType.getShape(), b.getFloatAttr(element, 0));
  Value sums = scf::ForOp::create(b, loc, zero, pins, one, start, accumulate)
                   .getResult(0);
  if (getNormalization() == Normalization::None)
    return SmallVector<Value>{sums};

  auto count = [&](OpBuilder &b, Location loc, Value pin, ValueRange args) {
    Value to = load(b, target, pin, resultType.getDimSize(0), targetName);
    Value old = tensor::ExtractOp::create(b, loc, args[0], to);
    Value step =
        arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 1));
    Value next = arith::AddFOp::create(b, loc, old, step);
    Value counts = tensor::InsertOp::create(b, loc, next, args[0], to);
    scf::YieldOp::create(b, loc, counts);
  };
  Value none = filled(b, loc, {resultType.getDimSize(0)},
                      b.getFloatAttr(element, 0));
  Value counts = scf::ForOp::create(b, loc, zero, pins, one, none, count)
                     .getResult(0);
  Value mean =
      generic(b, loc, counts, sums, {{0}, {0, 1}}, 2, {},
              [&](OpBuilder &b, Location loc, ValueRange v) {
                Value unit = arith::ConstantOp::create(
                    b, loc, b.getFloatAttr(element, 1));
                Value divisor = arith::MaximumFOp::create(b, loc, v[0], unit);
                Value x = arith::DivFOp::create(b, loc, v[1], divisor);
                linalg::YieldOp::create(b, loc, x);
              })
          .getResult(0);
  return SmallVector<Value>{mean};
}
