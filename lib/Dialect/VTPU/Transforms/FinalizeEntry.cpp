//===- FinalizeEntry.cpp - Destination-passing entries --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cleans up what one-shot bufferization leaves: copies become generics that
// the code generator treats like any other element-wise work, static
// allocations move to the top of the entry where the planner sees them.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace vtpu {
#define GEN_PASS_DEF_FINALIZEENTRY
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// Rewrites `memref.copy` into a parallel generic that yields its input.
static void lowerCopy(IRRewriter &rewriter, memref::CopyOp copy) {
  rewriter.setInsertionPoint(copy);
  Value source = copy.getSource(), target = copy.getTarget();
  if (source == target) {
    rewriter.eraseOp(copy);
    return;
  }
  int64_t rank = cast<MemRefType>(target.getType()).getRank();
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  linalg::GenericOp::create(
      rewriter, copy.getLoc(), TypeRange(), ValueRange{source},
      ValueRange{target}, maps, iterators,
      [](OpBuilder &b, Location loc, ValueRange args) {
        linalg::YieldOp::create(b, loc, args.front());
      });
  rewriter.eraseOp(copy);
}

namespace {

struct FinalizeEntry : vtpu::impl::FinalizeEntryBase<FinalizeEntry> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func->hasAttr(vtpu::kEntryAttr))
        continue;
      for (unsigned i = 0, e = func.getNumArguments(); i != e; ++i) {
        func.removeArgAttr(
            i, bufferization::BufferizationDialect::kWritableAttrName);
        if (func.getArgAttr(i, "bufferize.result")) {
          func.removeArgAttr(i, "bufferize.result");
          func.setArgAttr(i, vtpu::kResultAttr,
                          UnitAttr::get(&getContext()));
        }
      }
      SmallVector<Operation *> work;
      func.walk([&](Operation *op) {
        if (isa<memref::CopyOp, memref::DeallocOp, memref::AllocOp>(op))
          work.push_back(op);
      });
      for (Operation *op : work) {
        if (auto copy = dyn_cast<memref::CopyOp>(op)) {
          ++numCopies;
          lowerCopy(rewriter, copy);
        } else if (isa<memref::DeallocOp>(op)) {
          rewriter.eraseOp(op);
        } else if (op->getBlock() != &func.front() &&
                   op->getNumOperands() == 0) {
          Operation *top = func.front().findAncestorOpInBlock(*op);
          op->moveBefore(top);
        }
      }
    }
  }
};

} // namespace
