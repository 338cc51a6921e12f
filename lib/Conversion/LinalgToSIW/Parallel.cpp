//===- Parallel.cpp - Work divided over sentrons ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All sentrons of a call run the same words. One parallel loop of an op is cut into shares, never a reduction, so that every number of sentrons
// gives the same bits; the shares are computed at run time. A barrier stands between two ops of a kernel unless both only read. What cannot be
// divided runs on sentron 0; what fills a buffer of the stack, of which each sentron has its own, runs on all.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using vtpu::isa::COp;

namespace vtpu {

namespace {
/// Parts from which a loop is divided well among a few sentrons.
constexpr int64_t manyParts = 8;
/// A kernel with less than this share of the least work of an entry is not worth its barriers.
constexpr double kernelShare = 1.0 / 64;

/// Calls `see` with every memref that the op or one inside it may write.
void forEachWritten(Operation *op, llvm::function_ref<void(Value)> see) {
  op->walk([&](Operation *inner) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(inner)) {
      for (Value init : linalgOp.getDpsInits())
        see(init);
    } else if (auto effects = dyn_cast<MemoryEffectOpInterface>(inner)) {
      for (Value operand : inner->getOperands())
        if (mlir::isa<MemRefType>(operand.getType()) && effects.getEffectOnValue<MemoryEffects::Write>(operand))
          see(operand);
    }
  });
}

bool isLocal(Value memref, Block *block) {
  Operation *root = rootOf(memref).getDefiningOp();
  return root && mlir::isa<memref::AllocOp, memref::AllocaOp>(root) && root->getBlock() == block;
}

/// True if a sentron may run the op while others run other parts of it, or may leave it to another one.
bool isDividable(Operation &op) {
  if (mlir::isa<memref::LoadOp, memref::AllocOp, memref::AllocaOp, memref::DeallocOp, memref::GetGlobalOp, cf::AssertOp>(op) ||
      (isPure(&op) && op.getNumRegions() == 0))
    return true;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (!linalgOp.hasPureBufferSemantics() || linalgOp.getBlock()->walk([](memref::StoreOp) { return WalkResult::interrupt(); }).wasInterrupted())
      return false;
  } else if (!mlir::isa<scf::ParallelOp, memref::CopyOp>(op) || op.getNumResults() != 0) {
    return false;
  }
  bool own = false, shared = false;
  forEachWritten(&op, [&](Value memref) {
    if (!op.isAncestor(rootOf(memref).getParentRegion()->getParentOp()))
      (isLocal(memref, op.getBlock()) ? own : shared) = true;
  });
  return !own || (!shared && !mlir::isa<scf::ParallelOp>(op));
}

/// What an op costs, in vector operations' lanes: about a sixtieth of a nanosecond of one core.
double workOf(Operation *op) {
  auto inside = [](Operation *outer) {
    double sum = 0;
    for (Region &region : outer->getRegions())
      for (Block &block : region)
        for (Operation &inner : block)
          sum += workOf(&inner);
    return sum;
  };
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    double work = std::max(1.0, inside(op));
    if (linalg::isaContractionOpInterface(linalgOp) || linalg::isaConvolutionOpInterface(linalgOp))
      work = 1;
    for (int64_t extent : linalgOp.getStaticLoopRanges())
      work *= double(extent);
    return work;
  }
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
    double work = inside(op);
    auto lower = loop.getLoopLowerBounds(), upper = loop.getLoopUpperBounds(), step = loop.getLoopSteps();
    if (lower && upper && step)
      for (auto [l, u, s] : llvm::zip(*lower, *upper, *step))
        if (std::optional<APInt> trips = constantTripCount(l, u, s, /*isSigned=*/true, scf::computeUbMinusLb))
          work *= double(trips->getSExtValue());
    return work;
  }
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return double(cast<MemRefType>(copy.getTarget().getType()).getNumElements());
  if (op->getNumRegions())
    return inside(op);
  if (mlir::isa<math::MathDialect>(op->getDialect()) && !mlir::isa<math::AbsFOp, math::FmaOp>(op))
    return 16;
  if (mlir::isa<arith::DivFOp, memref::LoadOp>(op))
    return 4;
  return op->hasTrait<OpTrait::IsTerminator>() || mlir::isa<arith::ConstantOp>(op) ? 0 : 1;
}
} // namespace

void findDividedKernels(ModuleOp module, ProgramTables &tables) {
  SymbolTable symbols(module);
  llvm::DenseMap<Operation *, double> work;
  for (auto kernel : module.getOps<func::FuncOp>())
    if (!kernel->hasAttr("vtpu.entry") && !kernel.isExternal() && llvm::all_of(kernel.front().without_terminator(), isDividable))
      for (Operation &op : kernel.front())
        work[kernel] += workOf(&op);
  for (auto entry : module.getOps<func::FuncOp>()) {
    if (!entry->hasAttr("vtpu.entry"))
      continue;
    SmallVector<Operation *> callees;
    double sum = 0;
    for (auto call : entry.getOps<func::CallOp>())
      callees.push_back(symbols.lookup(call.getCallee()));
    for (Operation *kernel : callees)
      sum += work.lookup(kernel);
    for (Operation *kernel : callees)
      if (work.count(kernel) && sum >= tables.leastWork && work.lookup(kernel) >= kernelShare * tables.leastWork)
        tables.divided.insert(kernel);
  }
}

LogicalResult KernelLowering::lowerDivided(Block &block) {
  LogicalResult result = success();
  bool wasRead = false, wasWritten = false; // since the last barrier
  for (Operation &op : block.without_terminator()) {
    const bool worker = mlir::isa<linalg::LinalgOp, scf::ParallelOp, memref::CopyOp>(op);
    const bool reads = worker || mlir::isa<memref::LoadOp>(op);
    bool writes = false;
    forEachWritten(&op, [&](Value memref) { writes |= worker && !isLocal(memref, &block); });
    if ((wasWritten && (reads || writes)) || (wasRead && writes)) {
      emitter().c(COp::cbar, {});
      wasRead = wasWritten = false;
    }
    wasRead |= reads;
    wasWritten |= writes;
    divides = writes && workOf(&op) >= kernelShare * tables.leastWork;
    auto lower = [&] {
      if (llvm::failed(lowerOp(op)))
        result = failure();
    };
    if (writes && !divides)
      onFirstSentron(lower);
    else
      lower();
    divides = false;
  }
  return result;
}

int KernelLowering::pickLoop(ArrayRef<int64_t> parts) {
  int best = -1;
  for (auto [i, count] : llvm::enumerate(parts)) {
    if (count >= manyParts)
      return int(i);
    if (count > 1 && (best < 0 || count > parts[best]))
      best = int(i);
  }
  return best;
}

KernelLowering::Share KernelLowering::takeShare(int64_t count, bool more) {
  const int64_t parts = count + more;
  auto c = [&](COp op, Value a, Value b) { return emitter().c(op, {a, b}); };
  Value sentron = emitter().c(COp::csid, {}), sentrons = emitter().c(COp::csnum, {}), factor = emitter().constant(parts);
  Value next = emitter().c(COp::caddi, {sentron}, siw::Emitter::immediate(1));
  // The minimum bounds what the verifier knows of the quotient, and leaves the last part to what is behind the loop.
  auto edge = [&](Value number) {
    return c(COp::cmin, c(COp::cdivu, c(COp::cmul, number, factor), sentrons), emitter().constant(count));
  };
  return {edge(sentron), edge(next)};
}

Value KernelLowering::movedBy(Value pointer, Value counter, int64_t stride) {
  Value offset = stride == 1                 ? counter
                 : stride == int32_t(stride) ? emitter().c(COp::cmuli, {counter}, siw::Emitter::immediate(stride))
                                             : emitter().c(COp::cmul, {counter, emitter().constant(stride)});
  return emitter().c(COp::cadd, {pointer, offset});
}

SmallVector<Value> KernelLowering::parallelLoop(const Share &share, int64_t count, ValueRange pointers, ArrayRef<int64_t> strides,
                                                llvm::function_ref<void(Value, ValueRange)> body) {
  if (!share.first) {
    siw::ForOp loop = emitter().forLoop(emitter().constant(0), 0, count, 1, pointers, [&](Value counter, ValueRange carried) {
      body(counter, carried);
      SmallVector<Value> next;
      for (auto [pointer, stride] : llvm::zip(carried, strides))
        next.push_back(emitter().c(COp::caddi, {pointer}, siw::Emitter::immediate(stride)));
      return next;
    });
    return SmallVector<Value>(loop.getResults());
  }
  // Addresses from the counter: the verifier bounds it, not how far a pointer has moved from a start that it does not know.
  emitter().forLoop(share.first, share.last, 1, {}, [&](Value counter, ValueRange) {
    SmallVector<Value> here;
    for (auto [pointer, stride] : llvm::zip(pointers, strides))
      here.push_back(movedBy(pointer, counter, stride));
    body(counter, here);
    return SmallVector<Value>();
  });
  SmallVector<Value> ends;
  for (auto [pointer, stride] : llvm::zip(pointers, strides))
    ends.push_back(emitter().c(COp::cadd, {pointer, emitter().constant(count * stride)}));
  return ends;
}

void KernelLowering::unless(Value reg, llvm::function_ref<void()> emit) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(emitter().unless(reg)->getTerminator());
  emit();
}

void KernelLowering::onFirstSentron(llvm::function_ref<void()> emit) { unless(emitter().c(COp::csid, {}), emit); }

void KernelLowering::onLastSentron(const Share &share, llvm::function_ref<void()> emit) {
  if (!share.first)
    return emit();
  Value next = emitter().c(COp::caddi, {emitter().c(COp::csid, {})}, siw::Emitter::immediate(1));
  unless(emitter().c(COp::csub, {emitter().c(COp::csnum, {}), next}), emit);
}

} // namespace vtpu
