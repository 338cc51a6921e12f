//===- LowerTMTensor.cpp - tm_tensor ops as loops -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// torch-mlir's scatter, scan and sort arrive in generic form: their dialect is
// not linked here. They become scf loops over tensor.extract and
// tensor.insert, which bufferize in place.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace vtpu {
#define GEN_PASS_DEF_LOWERTMTENSOR
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

namespace {

/// Builds one op's loops.
class Lowering {
public:
  explicit Lowering(Operation *op)
      : op(op), builder(op), loc(op->getLoc()) {}

  LogicalResult scatter();
  LogicalResult scan();
  LogicalResult sort();

private:
  Operation *op;
  OpBuilder builder;
  Location loc;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  /// The op's region on these values; gives what it yields.
  Value apply(ValueRange arguments) {
    Block &block = op->getRegion(0).front();
    IRMapping mapping;
    mapping.map(block.getArguments(), arguments);
    for (Operation &inner : block.without_terminator())
      builder.clone(inner, mapping);
    return mapping.lookupOrDefault(block.getTerminator()->getOperand(0));
  }
  using Body =
      llvm::function_ref<SmallVector<Value>(ValueRange ivs, ValueRange carried)>;
  /// Loops over `extents` from 0, carrying `inits`.
  SmallVector<Value> nest(ArrayRef<int64_t> extents, ValueRange inits,
                          Body body) {
    SmallVector<Value> ivs;
    return level(extents, ivs, inits, body);
  }
  SmallVector<Value> level(ArrayRef<int64_t> extents, SmallVector<Value> &ivs,
                           ValueRange carried, Body body) {
    if (extents.empty())
      return body(ivs, carried);
    return loop(0, extents.front(), carried, [&](Value iv, ValueRange inside) {
      ivs.push_back(iv);
      SmallVector<Value> result =
          level(extents.drop_front(), ivs, inside, body);
      ivs.pop_back();
      return result;
    });
  }
  SmallVector<Value>
  loop(int64_t from, int64_t to, ValueRange carried,
       llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loopOp = scf::ForOp::create(
        builder, loc, index(from), index(to), index(1), carried,
        [&](OpBuilder &inner, Location at, Value iv, ValueRange inside) {
          OpBuilder saved = builder;
          builder = inner;
          SmallVector<Value> result = body(iv, inside);
          scf::YieldOp::create(builder, at, result);
          builder = saved;
        });
    return SmallVector<Value>(loopOp.getResults());
  }
  Value extract(Value tensor, ValueRange at) {
    return tensor::ExtractOp::create(builder, loc, tensor, at);
  }
  Value insert(Value scalar, Value tensor, ValueRange at) {
    return tensor::InsertOp::create(builder, loc, scalar, tensor, at);
  }
};

ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

} // namespace

LogicalResult Lowering::scatter() {
  Value updates = op->getOperand(0), indices = op->getOperand(1),
        original = op->getOperand(2);
  auto map = op->getAttrOfType<DenseI64ArrayAttr>("dimension_map");
  if (!map)
    return op->emitError() << "has no dimension map";
  ArrayRef<int64_t> dims = map.asArrayRef(), shape = shapeOf(original);
  const size_t windowRank = shapeOf(updates).size() - 1;
  if (windowRank > shape.size() || shapeOf(indices).size() != 2)
    return op->emitError() << "has updates of a rank that its result lacks";
  const size_t skipped = shape.size() - windowRank;
  SmallVector<Value> result = nest(
      shapeOf(updates), original, [&](ValueRange ivs, ValueRange carried) {
        SmallVector<Value> at;
        for (size_t d = 0; d < shape.size(); ++d)
          at.push_back(d < skipped ? index(0) : ivs[1 + d - skipped]);
        for (auto [i, d] : llvm::enumerate(dims)) {
          Value raw = extract(indices, {ivs[0], index(int64_t(i))});
          Value offset = arith::IndexCastOp::create(
              builder, loc, builder.getIndexType(), raw);
          at[d] = arith::AddIOp::create(builder, loc, at[d], offset);
          Value inside = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::ult, at[d], index(shape[d]));
          cf::AssertOp::create(builder, loc, inside,
                               "scatter index is out of range");
        }
        Value updated =
            apply({extract(updates, ivs), extract(carried[0], at)});
        return SmallVector<Value>{insert(updated, carried[0], at)};
      });
  op->replaceAllUsesWith(result);
  return success();
}

LogicalResult Lowering::scan() {
  Value input = op->getOperand(0), output = op->getOperand(1),
        accumulator = op->getOperand(2);
  const int64_t dim = op->getAttrOfType<IntegerAttr>("dimension").getInt();
  auto inclusiveAttr = op->getAttrOfType<BoolAttr>("inclusive");
  const bool inclusive = !inclusiveAttr || inclusiveAttr.getValue();
  SmallVector<int64_t> outer(shapeOf(input));
  const int64_t extent = outer[dim];
  outer.erase(outer.begin() + dim);
  if (extent == 0) {
    op->replaceAllUsesWith(ValueRange{output, accumulator});
    return success();
  }
  SmallVector<Value> result = nest(
      outer, {output, accumulator}, [&](ValueRange ivs, ValueRange carried) {
        auto position = [&](Value k) {
          SmallVector<Value> at(ivs);
          at.insert(at.begin() + dim, k);
          return at;
        };
        Value zero = index(0);
        Value first = inclusive ? extract(input, position(zero))
                                : extract(carried[1], ivs);
        Value out = insert(first, carried[0], position(zero));
        SmallVector<Value> walked = loop(
            1, extent, {out, first}, [&](Value k, ValueRange inside) {
              Value source = k;
              if (!inclusive)
                source = arith::SubIOp::create(builder, loc, k, index(1));
              Value next = apply({inside[1], extract(input, position(source))});
              return SmallVector<Value>{insert(next, inside[0], position(k)),
                                        next};
            });
        return SmallVector<Value>{walked[0],
                                  insert(walked[1], carried[1], ivs)};
      });
  op->replaceAllUsesWith(result);
  return success();
}

LogicalResult Lowering::sort() {
  const int64_t dim = op->getAttrOfType<IntegerAttr>("dimension").getInt();
  SmallVector<int64_t> outer(shapeOf(op->getOperand(0)));
  const int64_t extent = outer[dim];
  outer.erase(outer.begin() + dim);
  // Exchange of neighbours that are out of order: stable.
  SmallVector<Value> result = nest(
      outer, op->getOperands(), [&](ValueRange ivs, ValueRange carried) {
        return loop(1, extent, carried, [&](Value, ValueRange round) {
          return loop(1, extent, round, [&](Value k, ValueRange inside) {
            Value before = arith::SubIOp::create(builder, loc, k, index(1));
            SmallVector<Value> left(ivs), right(ivs);
            left.insert(left.begin() + dim, before);
            right.insert(right.begin() + dim, k);
            SmallVector<Value> pairs, next;
            for (Value tensor : inside) {
              pairs.push_back(extract(tensor, left));
              pairs.push_back(extract(tensor, right));
            }
            Value keep = apply(pairs);
            for (auto [i, tensor] : llvm::enumerate(inside)) {
              Value a = arith::SelectOp::create(builder, loc, keep,
                                                pairs[2 * i], pairs[2 * i + 1]);
              Value b = arith::SelectOp::create(builder, loc, keep,
                                                pairs[2 * i + 1], pairs[2 * i]);
              next.push_back(insert(b, insert(a, tensor, left), right));
            }
            return next;
          });
        });
      });
  op->replaceAllUsesWith(result);
  return success();
}

namespace {

struct LowerTMTensor : vtpu::impl::LowerTMTensorBase<LowerTMTensor> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (op->getName().getStringRef().starts_with("tm_tensor.") &&
          op->getNumRegions() == 1)
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      StringRef name = op->getName().getStringRef();
      Lowering lowering(op);
      LogicalResult result = success();
      if (name == "tm_tensor.scatter")
        result = lowering.scatter();
      else if (name == "tm_tensor.scan")
        result = lowering.scan();
      else if (name == "tm_tensor.sort")
        result = lowering.sort();
      else
        continue; // the contract's check names it
      if (failed(result))
        return signalPassFailure();
      op->erase();
    }
  }
};

} // namespace
