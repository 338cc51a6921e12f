//===- PlanMemory.cpp - Static arena of an entry --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An entry is straight-line code, so a buffer lives from the first to the last
// operation that touches it or a view of it. Buffers are placed greedily by
// falling size at the lowest offset that is free during their whole life (the
// order of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
// Inference", 2020).
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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
  int64_t first = 0, last = 0;
  int64_t offset = -1;
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

/// Extends the life time of `buffer` over every user of `value` and its views.
static void extendLife(Value value, Block &block,
                       const DenseMap<Operation *, int64_t> &position,
                       Buffer &buffer) {
  for (Operation *user : value.getUsers()) {
    Operation *top = block.findAncestorOpInBlock(*user);
    int64_t at = position.lookup(top);
    buffer.first = std::min(buffer.first, at);
    buffer.last = std::max(buffer.last, at);
    if (auto view = dyn_cast<ViewLikeOpInterface>(user))
      extendLife(view->getResult(0), block, position, buffer);
  }
}

/// Gives each buffer the lowest offset free during its life; returns the size
/// of the arena.
static int64_t place(MutableArrayRef<Buffer> buffers, int64_t alignment) {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers)
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
  for (Buffer &buffer : buffers) {
    buffer.first = std::numeric_limits<int64_t>::max();
    buffer.last = -1;
    extendLife(buffer.alloc, block, position, buffer);
    sumBytes += buffer.bytes;
    ++numBuffers;
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
    if (buffer.last < 0) {
      buffer.alloc.erase();
      continue;
    }
    builder.setInsertionPoint(buffer.alloc);
    Location loc = buffer.alloc.getLoc();
    Value offset =
        arith::ConstantIndexOp::create(builder, loc, buffer.offset);
    Value view = memref::ViewOp::create(builder, loc, buffer.alloc.getType(),
                                        arena, offset, ValueRange());
    buffer.alloc.replaceAllUsesWith(view);
    buffer.alloc.erase();
  }
  return success();
}
