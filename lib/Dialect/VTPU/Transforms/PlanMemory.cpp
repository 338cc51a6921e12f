//===- PlanMemory.cpp - Static arena of an entry --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An entry is straight-line code, so a buffer lives from the first to the last
// operation that touches it or a view of it. A result that is computed element
// by element takes the place of an operand that nothing reads any more, which
// the caches hold then. Buffers are placed greedily by falling size at the
// lowest offset that is free during their whole life (the order of Pisarchyk
// and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
//
//===----------------------------------------------------------------------===//

#include "KernelGroups.h"

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace vtpu {
#define GEN_PASS_DEF_PLANMEMORY
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

namespace {

/// One buffer: its size, its life time as positions in the entry, its place.
struct Buffer {
  memref::AllocOp alloc;
  int64_t bytes = 0;
  int64_t first = std::numeric_limits<int64_t>::max(), last = -1;
  int64_t offset = 0;
  Buffer *placeOf = nullptr; // has its place for as long as both live
};

struct PlanMemory : vtpu::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(vtpu::kEntryAttr))
        if (failed(plan(func)))
          return signalPassFailure();
  }

  LogicalResult plan(func::FuncOp func);
};

} // namespace

/// Bytes of a buffer of the given type; i1 takes a byte, index eight.
static int64_t sizeInBytes(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return type.getNumElements() * llvm::divideCeil(bits, 8);
}

/// Extends the life time of `buffer` over all that touches `value` or its views.
static void extendLife(Value value, Block &block,
                       const DenseMap<Operation *, int64_t> &position,
                       Buffer &buffer) {
  for (Operation *user : value.getUsers()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(user)) {
      extendLife(view->getResult(0), block, position, buffer);
      continue;
    }
    Operation *top = block.findAncestorOpInBlock(*user);
    int64_t at = position.lookup(top);
    buffer.first = std::min(buffer.first, at);
    buffer.last = std::max(buffer.last, at);
  }
}

/// True if the kernel reads each element of an argument for nothing but the
/// element of `result` at the same place.
static bool mayOverwrite(func::FuncOp kernel, unsigned argument,
                         unsigned result) {
  linalg::LinalgOp op;
  for (Operation &inner : kernel.front().without_terminator()) {
    if (isa<arith::ConstantOp>(inner))
      continue;
    if (op || !isa<linalg::LinalgOp>(inner))
      return false;
    op = cast<linalg::LinalgOp>(inner);
  }
  Value from = kernel.getArgument(argument), to = kernel.getArgument(result);
  if (!op || op.getNumParallelLoops() != op.getNumLoops() ||
      op.getNumDpsInits() != 1 || !from.hasOneUse() || !to.hasOneUse())
    return false;
  OpOperand &read = *from.use_begin(), &written = *to.use_begin();
  return read.getOwner() == op && written.getOwner() == op &&
         op.isDpsInput(&read) && op.isDpsInit(&written) &&
         !op.payloadUsesValueFromOperand(&written) &&
         op.getMatchingIndexingMap(&read).isPermutation() &&
         op.getMatchingIndexingMap(&read) ==
             op.getMatchingIndexingMap(&written);
}

/// Gives the result of a call the place of an operand where both are whole
/// buffers of which one ends there and the other begins.
static void computeInPlace(func::CallOp call, int64_t at,
                           func::FuncOp kernel,
                           const DenseMap<Operation *, Buffer *> &buffers) {
  SmallVector<Buffer *> roots;
  for (Value operand : call.getOperands())
    roots.push_back(buffers.lookup(vtpu::getViewRoot(operand).getDefiningOp()));
  auto isWhole = [&](unsigned i) {
    auto type = dyn_cast<MemRefType>(call.getOperand(i).getType());
    return type && roots[i] && type.getLayout().isIdentity() &&
           sizeInBytes(type) == roots[i]->bytes &&
           llvm::count(roots, roots[i]) == 1;
  };
  for (unsigned result = 0; result < roots.size(); ++result) {
    if (!isWhole(result) || roots[result]->first != at)
      continue;
    for (unsigned i = 0; i < roots.size(); ++i)
      if (i != result && isWhole(i) && roots[i]->last == at &&
          roots[i]->bytes == roots[result]->bytes &&
          mayOverwrite(kernel, i, result)) {
        roots[result]->placeOf =
            roots[i]->placeOf ? roots[i]->placeOf : roots[i];
        break;
      }
  }
}

/// Gives each buffer the lowest offset free during its life; returns the size
/// of the arena.
static int64_t place(MutableArrayRef<Buffer> buffers, int64_t alignment) {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers)
    if (!buffer.placeOf)
      order.push_back(&buffer);
  llvm::stable_sort(
      order, [](Buffer *a, Buffer *b) { return a->bytes > b->bytes; });
  SmallVector<Buffer *> placed;
  int64_t total = 0;
  for (Buffer *buffer : order) {
    int64_t offset = 0;
    // `placed` is ordered by offset, so one sweep finds the lowest gap.
    for (Buffer *other : placed) {
      if (other->last < buffer->first || buffer->last < other->first)
        continue;
      if (offset + buffer->bytes <= other->offset)
        break;
      offset = std::max(
          offset, static_cast<int64_t>(llvm::alignTo(
                      other->offset + other->bytes, alignment)));
    }
    buffer->offset = offset;
    total = std::max(total, offset + buffer->bytes);
    placed.insert(llvm::upper_bound(placed, buffer,
                                    [](Buffer *a, Buffer *b) {
                                      return a->offset < b->offset;
                                    }),
                  buffer);
  }
  return llvm::alignTo(total, alignment);
}

LogicalResult PlanMemory::plan(func::FuncOp func) {
  Block &block = func.front();
  DenseMap<Operation *, int64_t> position;
  SmallVector<Buffer> buffers;
  for (Operation &op : block) {
    position[&op] = position.size();
    auto alloc = dyn_cast<memref::AllocOp>(op);
    if (!alloc)
      continue;
    MemRefType type = alloc.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity())
      return alloc.emitError()
             << "buffer of type " << type
             << " has no static size; the planner needs static shapes and "
                "identity layouts";
    Buffer buffer;
    buffer.alloc = alloc;
    buffer.bytes = sizeInBytes(type);
    buffers.push_back(buffer);
  }
  DenseMap<Operation *, Buffer *> bufferOf;
  for (Buffer &buffer : buffers) {
    extendLife(buffer.alloc, block, position, buffer);
    bufferOf[buffer.alloc] = &buffer;
    sumBytes += buffer.bytes;
    ++numBuffers;
  }
  SymbolTable symbols(getOperation());
  for (auto call : block.getOps<func::CallOp>())
    if (auto kernel = symbols.lookup<func::FuncOp>(call.getCallee()))
      if (!kernel.isExternal())
        computeInPlace(call, position.lookup(call), kernel, bufferOf);
  for (Buffer &buffer : buffers)
    if (buffer.placeOf) {
      buffer.placeOf->last = std::max(buffer.placeOf->last, buffer.last);
      ++numInPlace;
    }
  int64_t total = place(buffers, alignment);
  arenaBytes += total;

  OpBuilder builder(func.getContext());
  auto arenaType = MemRefType::get({total}, builder.getI8Type());
  unsigned index = func.getNumArguments();
  NamedAttrList attrs;
  attrs.set(vtpu::kArenaAttr, builder.getUnitAttr());
  if (failed(func.insertArgument(index, arenaType,
                                 attrs.getDictionary(func.getContext()),
                                 func.getLoc())))
    return failure();
  Value arena = func.getArgument(index);
  for (Buffer &buffer : buffers) {
    if (buffer.alloc->use_empty()) {
      buffer.alloc.erase();
      continue;
    }
    builder.setInsertionPoint(buffer.alloc);
    Location loc = buffer.alloc.getLoc();
    Value offset =
        arith::ConstantIndexOp::create(
            builder, loc,
            buffer.placeOf ? buffer.placeOf->offset : buffer.offset);
    Value view = memref::ViewOp::create(builder, loc, buffer.alloc.getType(),
                                        arena, offset, ValueRange());
    buffer.alloc.replaceAllUsesWith(view);
    buffer.alloc.erase();
  }
  return success();
}
