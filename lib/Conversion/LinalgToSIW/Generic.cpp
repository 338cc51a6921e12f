//===- Generic.cpp - Loop nests of linalg ops -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every linalg op is a loop nest whose operands are linear functions of the loop counters. One dimension becomes lanes: a parallel one in which
// the results are contiguous, or a reduction with a known combiner. Accumulators stay in registers over the reduction loops.
//
//===----------------------------------------------------------------------===//

#include "BodyFacts.h"
#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

LogicalResult getByteStrides(MemRefType type, SmallVectorImpl<int64_t> &strides, int64_t &offset) {
  std::optional<ElementInfo> info = getElementInfo(type.getElementType());
  if (!info || !type.hasStaticShape() || llvm::failed(type.getStridesAndOffset(strides, offset)))
    return failure();
  for (int64_t &stride : strides) {
    if (ShapedType::isDynamic(stride))
      return failure();
    stride *= info->bytes;
  }
  if (ShapedType::isDynamic(offset))
    offset = 0; // of a view whose pointer already moved
  else
    offset *= info->bytes;
  return success();
}

/// The value of an affine expression at one point.
static std::optional<int64_t> evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  auto left = evaluate(binary.getLHS(), dims), right = evaluate(binary.getRHS(), dims);
  if (!left || !right)
    return std::nullopt;
  return expr.getKind() == AffineExprKind::Add ? *left + *right : *left * *right;
}

FailureOr<SmallVector<LinearOperand>> linearise(linalg::LinalgOp op, function_ref<FailureOr<MemRefPlace>(Value)> placeOf) {
  SmallVector<LinearOperand> operands;
  const unsigned dims = op.getNumLoops();
  for (OpOperand &operand : op->getOpOperands()) {
    LinearOperand linear;
    linear.steps.assign(dims, 0);
    if (mlir::isa<MemRefType>(operand.get().getType())) {
      FailureOr<MemRefPlace> place = placeOf(operand.get());
      if (llvm::failed(place))
        return failure();
      linear.place = *place;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      SmallVector<int64_t> origin(dims, 0);
      for (auto [expr, stride] : llvm::zip(map.getResults(), linear.place.strides)) {
        std::optional<int64_t> base = evaluate(expr, origin);
        if (!base)
          return failure();
        linear.place.offset += *base * stride;
        for (unsigned d = 0; d < dims; ++d) {
          SmallVector<int64_t> unit(dims, 0);
          unit[d] = 1;
          linear.steps[d] += (*evaluate(expr, unit) - *base) * stride;
        }
      }
    }
    operands.push_back(std::move(linear));
  }
  return operands;
}

SmallVector<bool> reductionsOf(linalg::LinalgOp op) {
  SmallVector<bool> reduction;
  for (utils::IteratorType kind : op.getIteratorTypesArray())
    reduction.push_back(kind == utils::IteratorType::reduction);
  return reduction;
}

LogicalResult KernelLowering::lowerLinalg(linalg::LinalgOp op) {
  auto operands = linearise(op, [&](Value memref) { return placeOf(memref); });
  if (llvm::failed(operands))
    return unsupported(op, "an operand is no linear function of the loops");
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<bool> reduction = reductionsOf(op);
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return unsupported(op, "a loop range is not static");
  if (llvm::is_contained(extents, 0))
    return success();
  if (std::optional<LogicalResult> result = lowerContraction(op, *operands, extents, reduction))
    return *result;
  return lowerNest(op, std::move(*operands), std::move(extents), std::move(reduction));
}

LogicalResult KernelLowering::lowerNest(linalg::LinalgOp op, SmallVector<LinearOperand> operands, SmallVector<int64_t> extents,
                                        SmallVector<bool> reduction) {
  Location saved = loc;
  loc = op.getLoc();
  LaneShape outerShape = shape;
  const BodyFacts facts = inspect(op);
  const unsigned numInputs = op.getNumDpsInputs(), numOperands = operands.size();
  Block *block = op.getBlock();
  auto elementOf = [&](unsigned i) { return block->getArgument(i).getType(); };
  auto isMemRef = [&](unsigned i) { return !operands[i].place.shape.empty() || operands[i].place.element; };
  for (unsigned i = 0; i < numOperands; ++i)
    if (!getElementInfo(elementOf(i)))
      return unsupported(op, "an element type has no registers");

  // Dimensions of one iteration vanish; neighbours that every operand walks as one merge.
  SmallVector<unsigned> dims;
  for (unsigned d = 0; d < extents.size(); ++d)
    if (extents[d] != 1)
      dims.push_back(d);
  for (unsigned i = 0; i + 1 < dims.size();) {
    unsigned outer = dims[i], inner = dims[i + 1];
    bool merges = reduction[outer] == reduction[inner] && !facts.counts.contains(outer) && !facts.counts.contains(inner);
    for (LinearOperand &operand : operands)
      merges &= operand.steps[outer] == operand.steps[inner] * extents[inner];
    if (!merges) {
      ++i;
      continue;
    }
    extents[inner] *= extents[outer];
    dims.erase(dims.begin() + i);
    i = 0;
  }

  // Addresses are computed in r registers where all lanes share them.
  const llvm::DenseSet<Value> parts = findAddressParts(block);
  auto alongDim = [&](int laneDim) {
    LanePosition position;
    position.dim = laneDim;
    auto isShared = [&](Value value) {
      return position.scalars.contains(value) || !block->getParent()->isAncestor(value.getParentRegion()) ||
             value.getDefiningOp<arith::ConstantOp>();
    };
    for (unsigned i = 0; i < numInputs; ++i)
      if (parts.contains(block->getArgument(i)) && (laneDim < 0 || operands[i].steps[size_t(laneDim)] == 0))
        position.scalars.insert(block->getArgument(i));
    block->walk<WalkOrder::PreOrder>([&](Operation *inner) {
      auto loop = dyn_cast<scf::ForOp>(inner);
      auto load = dyn_cast<memref::LoadOp>(inner);
      auto index = dyn_cast<linalg::IndexOp>(inner);
      if (!loop && inner->getNumResults() != 1)
        return;
      Value result = loop ? loop.getInductionVar() : inner->getResult(0);
      ValueRange from = loop ? inner->getOperands().take_front(3) : load ? OperandRange(load.getIndices()) : inner->getOperands();
      if (parts.contains(result) && (!index || int(index.getDim()) != laneDim) && llvm::all_of(from, isShared))
        position.scalars.insert(result);
    });
    return position;
  };
  // Lanes go through loops of the body together, and gather what their registers hold as it stands in memory.
  auto bodyTakesLanes = [&](const LanePosition &position) {
    bool takes = true;
    block->walk([&](Operation *inner) {
      if (auto loop = dyn_cast<scf::ForOp>(inner))
        takes &= llvm::all_of(inner->getOperands().take_front(3),
                              [&](Value bound) { return position.scalars.contains(bound) || constantIndex(bound); });
      if (auto load = dyn_cast<memref::LoadOp>(inner); load && !position.scalars.contains(load.getResult())) {
        std::optional<ElementInfo> info = getElementInfo(load.getType());
        takes &= info && info->reg == info->mem;
      }
    });
    return takes;
  };

  // Which dimension becomes lanes.
  std::optional<int> kind = reductionKind(op);
  int laneDim = -1;
  double best = 0;
  lane = alongDim(-1);
  if (!facts.single) {
    for (unsigned d : dims) {
      double score = double(std::min<int64_t>(extents[d], 64));
      if (extents[d] < 4)
        continue;
      bool legal = true;
      for (unsigned i = 0; i < numOperands; ++i) {
        if (!isMemRef(i))
          continue;
        ElementInfo info = *getElementInfo(elementOf(i));
        int64_t step = operands[i].steps[d];
        if (i >= numInputs) {
          legal &= reduction[d] ? step == 0 && kind.has_value() : step == info.bytes;
        } else if (step != 0 && step != info.bytes) {
          legal &= info.reg == info.mem && std::abs(step) * 16 < INT32_MAX; // a gather
          score /= 8;
        }
      }
      if (reduction[d])
        score *= 0.75;
      if (!legal || score <= best)
        continue;
      if (LanePosition position = alongDim(int(d)); bodyTakesLanes(position)) {
        best = score;
        laneDim = int(d);
        lane = std::move(position);
      }
    }
  }
  auto isAlong = [&](Value value) { // the lanes' own index, if rows are walked along it and no more
    auto index = value.getDefiningOp<linalg::IndexOp>();
    return index && int(index.getDim()) == laneDim && parts.contains(value) && llvm::all_of(value.getUsers(), [&](Operation *user) {
             auto load = dyn_cast<memref::LoadOp>(user);
             return load && walksRow(load);
           });
  };
  const unsigned most = isWide(op, [&](Value value) { return lane.scalars.contains(value) || isAlong(value); }) ? 8 : 16;
  // Extents of what is left, parallel loops outside.
  SmallVector<unsigned> parallelDims, reductionDims;
  for (unsigned d : dims)
    if (int(d) != laneDim)
      (reduction[d] ? reductionDims : parallelDims).push_back(d);
  const bool lanesReduce = laneDim >= 0 && reduction[laneDim];
  const int64_t laneExtent = laneDim >= 0 ? extents[laneDim] : 1;
  const unsigned lanes = laneDim >= 0 ? most : 1;

  // A loop whose steps find the lines of a gather again stands inside that over lanes, which would lose them.
  int innerDim = -1;
  if (laneDim >= 0 && !lanesReduce) {
    int64_t least = 64; // bytes of a cache line
    for (unsigned i = 0; i < numInputs; ++i)
      if (isMemRef(i) && operands[i].steps[laneDim] != 0 && operands[i].steps[laneDim] != getElementInfo(elementOf(i))->bytes)
        for (unsigned d : parallelDims)
          if (const int64_t step = std::abs(operands[i].steps[d]); step != 0 && step < least) {
            least = step;
            innerDim = int(d);
          }
    llvm::erase(parallelDims, unsigned(innerDim)); // if there is one
  }

  // Short reductions inside (windows of convolutions and pools) are unrolled while the words stay few.
  SmallVector<bool> unrolls(extents.size(), false);
  int64_t unrolled = 1;
  for (unsigned d : llvm::reverse(reductionDims)) {
    if (facts.counts.contains(d) || extents[d] * unrolled > 32)
      break;
    unrolls[d] = true;
    unrolled *= extents[d];
  }

  // What the body reads: accumulators only where it uses them or loops reduce.
  const bool reduces = llvm::any_of(dims, [&](unsigned d) { return reduction[d]; });
  auto readsInit = [&](unsigned i) { return !block->getArgument(i).use_empty(); };

  struct Cursor {
    Value pointer;
    int64_t offset;
  };
  SmallVector<Cursor> cursors;
  for (unsigned i = 0; i < numOperands; ++i)
    cursors.push_back(isMemRef(i) ? Cursor{pointerOf(operands[i].place), operands[i].place.offset} : Cursor{Value(), 0});

  SmallVector<Value> counterOf(extents.size()); // r registers
  LogicalResult status = success();

  // One pass of the body for the current shape; `index` counts along the lane dimension. Gives the yielded values.
  auto emitBody = [&](ArrayRef<Cursor> at, Value index, int64_t start, ArrayRef<LaneValue> accumulators) -> SmallVector<LaneValue> {
    lane.counter = index;
    lane.start = start;
    for (unsigned i = 0; i < numOperands; ++i) {
      BlockArgument arg = block->getArgument(i);
      if (i >= numInputs) {
        setValue(arg, accumulators[i - numInputs]);
        continue;
      }
      if (arg.use_empty())
        continue;
      if (!isMemRef(i)) {
        if (lane.scalars.contains(arg))
          counters[arg] = scalarIndex(op->getOperand(i));
        else
          setValue(arg, laneValue(op->getOperand(i)));
        continue;
      }
      ElementInfo info = *getElementInfo(elementOf(i));
      if (lane.scalars.contains(arg)) {
        siw::Fields fields;
        fields.memType = info.mem;
        fields.imm = at[i].offset;
        counters[arg] = emitter().s(isa::SOp::sldr, {at[i].pointer, Value()}, fields);
        continue;
      }
      int64_t step = laneDim >= 0 ? operands[i].steps[laneDim] : 0;
      LaneValue loaded;
      for (unsigned chunk = 0; chunk < shape.chunks; ++chunk) {
        if (step == 0 && chunk > 0) {
          loaded.regs.push_back(loaded.regs[0]);
          continue;
        }
        int64_t position = start + int64_t(chunk) * shape.lanes;
        if (laneDim >= 0 && step == 0) {
          if (info.reg == info.mem) {
            siw::Fields fields = fieldsFor(info.reg);
            fields.imm = at[i].offset;
            loaded.regs.push_back(emitter().s(isa::SOp::sbcast, {at[i].pointer, Value()}, fields));
          } else { // one element, then all lanes
            LaneShape keep = shape;
            shape = LaneShape();
            Value one = loadLanes(elementOf(i), at[i].pointer, Value(), 1, at[i].offset, laneMask(1));
            shape = keep;
            values[arg] = LaneValue{{one}, 1};
            loaded.regs.push_back(laneValue(arg).regs[0]);
          }
        } else if (laneDim >= 0 && step != info.bytes) {
          Value pointer = at[i].pointer;
          if (index)
            pointer = emitter().c(COp::cadd, {pointer, emitter().c(COp::cmuli, {index}, siw::Emitter::immediate(step))});
          loaded.regs.push_back(loadStrided(elementOf(i), pointer, at[i].offset + position * step, step, maskOfChunk(chunk)));
        } else {
          loaded.regs.push_back(loadLanes(elementOf(i), at[i].pointer, laneDim >= 0 ? index : Value(), info.bytes,
                                          at[i].offset + position * step, maskOfChunk(chunk)));
        }
      }
      setValue(arg, loaded);
    }
    for (Operation &inner : block->without_terminator()) {
      if (mlir::isa<arith::ConstantOp>(inner))
        continue;
      if (auto indexOp = dyn_cast<linalg::IndexOp>(inner)) {
        if (lane.scalars.contains(indexOp)) {
          Value counter = counterOf[indexOp.getDim()];
          counters[indexOp] = counter ? counter : emitter().constant(0);
          continue;
        }
        if (isAlong(indexOp))
          continue;
        LaneValue value;
        unsigned d = unsigned(indexOp.getDim());
        for (unsigned chunk = 0; chunk < shape.chunks; ++chunk) {
          if (int(d) != laneDim) {
            value.regs.push_back(counterOf[d] ? dop(DOp::dset, LaneType::i64, {counterOf[d]}) : splatInt(LaneType::i64, 0));
            continue;
          }
          uint64_t table;
          auto [it, isNew] = tables.globals.insert({"iota", 0});
          if (isNew) {
            it->second = (tables.rodata.size() + 63) / 64 * 64;
            tables.rodata.resize(it->second + 64);
            for (int64_t lane = 0; lane < 8; ++lane)
              std::memcpy(&tables.rodata[it->second + lane * 8], &lane, 8);
          }
          table = it->second;
          unsigned binding = addBinding("constant", "iota", 64, false, table);
          siw::Fields fields = fieldsFor(LaneType::i64);
          fields.memType = LaneType::i64;
          Value iota = emitter().s(isa::SOp::sld, {emitter().c(COp::cptr, {}, siw::Emitter::immediate(binding)), Value()}, fields);
          int64_t position = start + int64_t(chunk) * shape.lanes;
          if (index)
            iota = dop(DOp::dadd, LaneType::i64, {iota, dop(DOp::dset, LaneType::i64, {index})});
          if (position)
            iota = dop(DOp::dadd, LaneType::i64, {iota, splatInt(LaneType::i64, position)});
          value.regs.push_back(iota);
        }
        setValue(indexOp.getResult(), value);
        continue;
      }
      if (llvm::failed(lowerOp(inner)))
        status = failure();
      if (llvm::failed(status))
        return {};
    }
    SmallVector<LaneValue> results;
    for (Value yielded : block->getTerminator()->getOperands()) {
      results.push_back(laneValue(yielded));
      if (results.back().regs.empty()) {
        status = unsupported(block->getTerminator(), "a yielded value has no registers");
        return {};
      }
    }
    return results;
  };

  // Reduction loops inside; `accumulators` are flattened over results and chunks.
  std::function<SmallVector<LaneValue>(unsigned, SmallVector<Cursor>, Value, int64_t, SmallVector<LaneValue>)> reduce =
      [&](unsigned depth, SmallVector<Cursor> at, Value index, int64_t start, SmallVector<LaneValue> accumulators) -> SmallVector<LaneValue> {
    if (depth == reductionDims.size())
      return emitBody(at, index, start, accumulators);
    unsigned d = reductionDims[depth];
    if (unrolls[d]) { // a window's few steps: offsets instead of counters and pointers
      for (int64_t step = 0; step < extents[d]; ++step) {
        SmallVector<Cursor> here = at;
        for (unsigned i = 0; i < numInputs; ++i)
          here[i].offset += step * operands[i].steps[d];
        accumulators = reduce(depth + 1, here, index, start, accumulators);
        if (llvm::failed(status))
          return accumulators;
      }
      return accumulators;
    }
    SmallVector<Value> inits;
    for (LaneValue &value : accumulators)
      inits.append(value.regs.begin(), value.regs.end());
    const size_t numAccumulators = inits.size();
    SmallVector<unsigned> moving;
    for (unsigned i = 0; i < numInputs; ++i)
      if (isMemRef(i) && operands[i].steps[d] != 0) {
        moving.push_back(i);
        inits.push_back(at[i].pointer);
      }
    Value zero = emitter().constant(0);
    siw::ForOp loop = emitter().forLoop(zero, 0, extents[d], 1, inits, [&](Value counter, ValueRange carried) {
      counterOf[d] = counter;
      SmallVector<LaneValue> inside;
      size_t next = 0;
      for (LaneValue &value : accumulators) {
        LaneValue copy;
        for (size_t c = 0; c < value.regs.size(); ++c)
          copy.regs.push_back(carried[next++]);
        inside.push_back(copy);
      }
      SmallVector<Cursor> here = at;
      for (auto [i, operand] : llvm::enumerate(moving))
        here[operand].pointer = carried[numAccumulators + i];
      SmallVector<LaneValue> results = reduce(depth + 1, here, index, start, inside);
      SmallVector<Value> yielded;
      for (LaneValue &value : results)
        yielded.append(value.regs.begin(), value.regs.end());
      if (yielded.size() != numAccumulators)
        yielded.assign(carried.begin(), carried.begin() + numAccumulators);
      for (auto [i, operand] : llvm::enumerate(moving))
        yielded.push_back(emitter().c(COp::caddi, {carried[numAccumulators + i]}, siw::Emitter::immediate(operands[operand].steps[d])));
      counterOf[d] = Value();
      return yielded;
    });
    SmallVector<LaneValue> results;
    size_t next = 0;
    for (LaneValue &value : accumulators) {
      LaneValue copy;
      for (size_t c = 0; c < value.regs.size(); ++c)
        copy.regs.push_back(loop.getResult(next++));
      results.push_back(copy);
    }
    return results;
  };

  auto loadInit = [&](unsigned i, ArrayRef<Cursor> at, Value index, int64_t start) {
    LaneValue value;
    ElementInfo info = *getElementInfo(elementOf(i));
    for (unsigned chunk = 0; chunk < shape.chunks; ++chunk)
      value.regs.push_back(loadLanes(elementOf(i), at[i].pointer, laneDim >= 0 && !lanesReduce ? index : Value(), info.bytes,
                                     at[i].offset + (lanesReduce ? 0 : (start + int64_t(chunk) * shape.lanes) * info.bytes), maskOfChunk(chunk)));
    return value;
  };
  auto unread = [&](unsigned i) {
    // The body does not read it: any register of the class will do.
    ElementInfo info = *getElementInfo(elementOf(i));
    LaneValue value;
    value.regs.assign(shape.chunks, info.reg == LaneType::none ? laneMask(0) : splatInt(info.reg, 0));
    return value;
  };

  // One group of chunks along a parallel lane dimension.
  auto emitGroup = [&](ArrayRef<Cursor> at, Value index, int64_t start, LaneShape group) {
    shape = group;
    SmallVector<LaneValue> accumulators;
    for (unsigned i = numInputs; i < numOperands; ++i)
      accumulators.push_back(readsInit(i) || reduces ? loadInit(i, at, index, start) : unread(i));
    SmallVector<LaneValue> results = reduce(0, SmallVector<Cursor>(at), index, start, accumulators);
    if (llvm::failed(status))
      return;
    for (unsigned i = numInputs; i < numOperands; ++i) {
      ElementInfo info = *getElementInfo(elementOf(i));
      for (unsigned chunk = 0; chunk < shape.chunks; ++chunk)
        storeLanes(elementOf(i), results[i - numInputs].regs[chunk], at[i].pointer, laneDim >= 0 ? index : Value(), info.bytes,
                   at[i].offset + (laneDim >= 0 ? (start + int64_t(chunk) * shape.lanes) * info.bytes : 0), maskOfChunk(chunk));
    }
  };

  // A lane dimension that reduces: several partial accumulators, a tree at the end.
  auto emitLaneReduction = [&](ArrayRef<Cursor> at) {
    const unsigned result = numInputs;
    ElementInfo info = *getElementInfo(elementOf(result));
    const LaneType type = info.reg;
    Operation *combiner = block->getTerminator()->getOperand(0).getDefiningOp();
    const int64_t full = laneExtent / lanes, rest = laneExtent % lanes;
    const unsigned partial = full >= 8 && reductionDims.empty() ? 4 : 1;
    shape = LaneShape{lanes, 1, lanes};
    auto identity = [&]() -> Value {
      if (type == LaneType::none)
        return laneMask(*kind == 4 ? 64 : 0);
      const bool isFloat = type == LaneType::f32 || type == LaneType::f64;
      switch (*kind) {
      case 0:
        return isFloat ? splatFloat(type, -0.0) : splatInt(type, 0);
      case 1:
        return isFloat ? splatFloat(type, 1.0) : splatInt(type, 1);
      case 2:
        return splatInt(type, type == LaneType::i32 ? INT32_MAX : INT64_MAX);
      case 3:
        return splatInt(type, type == LaneType::i32 ? INT32_MIN : INT64_MIN);
      case 4:
        return splatInt(type, -1);
      case 5:
        return splatInt(type, 0);
      case 12:
        return splatFloat(type, INFINITY);
      default:
        return splatFloat(type, -INFINITY);
      }
    };
    auto combine = [&](Value a, Value b) -> Value { return lowerArith(*combiner, {a, b}); };
    Value start = identity();
    SmallVector<Value> sums(partial, start);
    // All reduction loops: the lane dimension innermost.
    std::function<SmallVector<Value>(unsigned, SmallVector<Cursor>, SmallVector<Value>)> walk =
        [&](unsigned depth, SmallVector<Cursor> here, SmallVector<Value> carriedSums) -> SmallVector<Value> {
      if (depth < reductionDims.size()) {
        unsigned d = reductionDims[depth];
        SmallVector<Value> inits = carriedSums;
        SmallVector<unsigned> moving;
        for (unsigned i = 0; i < numInputs; ++i)
          if (isMemRef(i) && operands[i].steps[d] != 0) {
            moving.push_back(i);
            inits.push_back(here[i].pointer);
          }
        siw::ForOp loop = emitter().forLoop(emitter().constant(0), 0, extents[d], 1, inits, [&](Value counter, ValueRange carried) {
          counterOf[d] = counter;
          SmallVector<Cursor> inside = here;
          for (auto [i, operand] : llvm::enumerate(moving))
            inside[operand].pointer = carried[partial + i];
          SmallVector<Value> next = walk(depth + 1, inside, SmallVector<Value>(carried.take_front(partial)));
          for (auto [i, operand] : llvm::enumerate(moving))
            next.push_back(emitter().c(COp::caddi, {carried[partial + i]}, siw::Emitter::immediate(operands[operand].steps[d])));
          counterOf[d] = Value();
          return next;
        });
        return SmallVector<Value>(loop.getResults().take_front(partial));
      }
      const int64_t grouped = full / partial * partial;
      SmallVector<Value> now = carriedSums;
      auto step = [&](Value index, int64_t position, Value accumulator) -> Value {
        LaneValue acc;
        acc.regs = {accumulator};
        SmallVector<LaneValue> results = emitBody(here, index, position, {acc});
        return results.empty() ? accumulator : results[0].regs[0];
      };
      if (grouped > 0) {
        siw::ForOp loop = emitter().forLoop(emitter().constant(0), 0, grouped * lanes, int64_t(partial) * lanes, now,
                                            [&](Value counter, ValueRange carried) {
                                              SmallVector<Value> next;
                                              for (unsigned p = 0; p < partial; ++p)
                                                next.push_back(step(counter, int64_t(p) * lanes, carried[p]));
                                              return next;
                                            });
        now.assign(loop.getResults().begin(), loop.getResults().end());
      }
      for (int64_t chunk = grouped; chunk < full; ++chunk)
        now[chunk % partial] = step(Value(), chunk * lanes, now[chunk % partial]);
      if (rest) {
        // The tail's inactive lanes keep what they had.
        LaneShape keep = shape;
        shape.lastActive = unsigned(rest);
        Value before = now[0], after = step(Value(), full * lanes, before);
        shape = keep;
        now[0] = select(type, laneMask(unsigned(rest)), after, before);
      }
      return now;
    };
    sums = walk(0, SmallVector<Cursor>(at), sums);
    if (llvm::failed(status))
      return;
    Value total = sums[0];
    for (unsigned p = 1; p < partial; ++p)
      total = combine(total, sums[p]);
    Value reduced;
    if (type == LaneType::none) { // whether none is false, or one is true
      const bool isAnd = *kind == 4;
      Value odd = emitter().c(COp::kget, {emitter().c(isAnd ? COp::kandn : COp::kand, {total, laneMask(lanes)})});
      siw::Fields fields;
      fields.predicate = isAnd ? isa::Predicate::eq : isa::Predicate::ne;
      reduced = emitter().c(COp::kput, {emitter().c(COp::cset, {odd, emitter().constant(0)}, fields)});
    } else if (*kind < 10) {
      siw::Fields fields = fieldsFor(type);
      fields.imm = *kind;
      reduced = emitter().d(DOp::dred, {total}, fields);
    } else { // NaN in any lane wins
      siw::Fields fields = fieldsFor(type);
      fields.imm = *kind - 10;
      Value nan = compareFloat(isa::Predicate::uno, type, total, total);
      Value any = emitter().c(COp::kget, {emitter().c(COp::kand, {nan, laneMask(lanes)})});
      siw::Fields orFields = fieldsFor(type == LaneType::f32 ? LaneType::i32 : LaneType::i64);
      orFields.imm = 0;
      Value tree = emitter().d(DOp::dred, {total}, fields);
      Value flag = emitter().d(DOp::dset, {any}, orFields);
      siw::Fields ne = orFields;
      ne.predicate = isa::Predicate::ne;
      Value isAny = emitter().d(DOp::dcmp, {flag, splatInt(orFields.type, 0)}, ne);
      reduced = select(type, isAny, splatFloat(type, NAN), tree);
    }
    shape = LaneShape();
    Value initial = loadLanes(elementOf(result), at[result].pointer, Value(), 1, at[result].offset, laneMask(1));
    storeLanes(elementOf(result), combine(initial, reduced), at[result].pointer, Value(), 1, at[result].offset, laneMask(1));
  };

  // Groups of chunks along parallel lanes, then what is left.
  unsigned group = 4;
  if (numOperands - numInputs > 1 || std::distance(block->begin(), block->end()) > 12)
    group = 1; // long bodies overlap by themselves
  const int64_t full = laneExtent / lanes, groups = laneDim >= 0 && !lanesReduce ? full / group : 0, groupLanes = int64_t(group) * lanes;
  const unsigned rest = unsigned(laneExtent % lanes), left = unsigned(full - groups * group) + (rest ? 1 : 0);

  // Which loop is divided over sentrons: one along which every result moves.
  int divided = -1;
  if (divides) {
    auto parts = [&](unsigned d, int64_t count) {
      for (unsigned i = numInputs; i < numOperands; ++i)
        if (operands[i].steps[d] == 0 || !op.getMatchingIndexingMap(&op->getOpOperand(i)).isProjectedPermutation())
          return int64_t(0);
      return count;
    };
    SmallVector<int64_t> candidates;
    for (unsigned d : parallelDims)
      candidates.push_back(parts(d, extents[d]));
    candidates.push_back(groups ? parts(unsigned(laneDim), groups + (left ? 1 : 0)) : 0);
    candidates.push_back(innerDim >= 0 ? parts(unsigned(innerDim), extents[innerDim]) : 0);
    divided = pickLoop(candidates);
  }
  const bool dividesLanes = divided == int(parallelDims.size()), dividesInner = divided > int(parallelDims.size());
  const Share share = dividesLanes   ? takeShare(groups, left)
                      : dividesInner ? takeShare(extents[innerDim])
                      : divided >= 0 ? takeShare(extents[parallelDims[unsigned(divided)]])
                                     : Share();

  auto overDim = [&](unsigned d, const Share &share, SmallVector<Cursor> at, llvm::function_ref<void(SmallVector<Cursor>)> emit) {
    SmallVector<Value> inits;
    SmallVector<unsigned> moving;
    SmallVector<int64_t> strides;
    for (unsigned i = 0; i < numOperands; ++i)
      if (isMemRef(i) && operands[i].steps[d] != 0) {
        moving.push_back(i);
        inits.push_back(at[i].pointer);
        strides.push_back(operands[i].steps[d]);
      }
    parallelLoop(share, extents[d], inits, strides, [&](Value counter, ValueRange pointers) {
      counterOf[d] = counter;
      SmallVector<Cursor> here = at;
      for (auto [i, operand] : llvm::enumerate(moving))
        here[operand].pointer = pointers[i];
      emit(here);
      counterOf[d] = Value();
    });
  };
  auto emitChunks = [&](SmallVector<Cursor> at, Value index, int64_t start, LaneShape group) {
    if (innerDim < 0)
      return emitGroup(at, index, start, group);
    overDim(unsigned(innerDim), dividesInner ? share : Share(), at, [&](SmallVector<Cursor> here) { emitGroup(here, index, start, group); });
  };

  auto emitLanes = [&](SmallVector<Cursor> at) {
    if (lanesReduce)
      return emitLaneReduction(at);
    if (laneDim < 0)
      return emitGroup(at, Value(), 0, LaneShape());
    const LaneShape groupShape{lanes, group, lanes};
    auto emitAt = [&](Value counter, ValueRange) {
      emitChunks(at, counter, 0, groupShape);
      return SmallVector<Value>();
    };
    if (dividesLanes) {
      auto position = [&](Value number) { return emitter().c(COp::cmuli, {number}, siw::Emitter::immediate(groupLanes)); };
      emitter().forLoop(position(share.first), position(share.last), groupLanes, {}, emitAt);
    } else if (groups == 1) {
      emitChunks(at, Value(), 0, groupShape);
    } else if (groups > 1) {
      emitter().forLoop(emitter().constant(0), 0, groups * groupLanes, groupLanes, {}, emitAt);
    }
    if (left)
      onLastSentron(dividesLanes ? share : Share(), [&] {
        emitChunks(at, Value(), groups * groupLanes, LaneShape{lanes, left, rest ? rest : lanes});
      });
  };

  std::function<void(unsigned, SmallVector<Cursor>)> walk = [&](unsigned depth, SmallVector<Cursor> at) {
    if (depth == parallelDims.size())
      return emitLanes(at);
    overDim(parallelDims[depth], int(depth) == divided ? share : Share(), at, [&](SmallVector<Cursor> here) { walk(depth + 1, here); });
  };
  if (divides && divided < 0)
    onFirstSentron([&] { walk(0, cursors); });
  else
    walk(0, cursors);
  shape = outerShape;
  loc = saved;
  return status;
}

} // namespace vtpu
