//===- KernelGroups.cpp - Which work forms one kernel ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups are intervals of the work list, so the order of side effects inside
// an entry never changes: an interval is grown to hold every use of a scalar
// that work produces, and from a contraction over the row-wise work behind it.
//
//===----------------------------------------------------------------------===//

#include "KernelGroups.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace vtpu;

Value vtpu::getViewRoot(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

/// True for operations that define a memref and stay in the entry: nothing in
/// them depends on a run-time scalar.
static bool definesStaticMemRef(Operation *op) {
  if (isa<memref::AllocOp, memref::GetGlobalOp>(op))
    return op->getNumOperands() == 0;
  return isa<ViewLikeOpInterface>(op) && op->getNumOperands() == 1;
}

KernelGroups::KernelGroups(func::FuncOp entry, bool fuseEpilogues) {
  classify(entry);
  mergedWithNext.assign(work.size(), false);
  mergeScalarUses();
  if (fuseEpilogues)
    mergeEpilogues();
  for (unsigned i = 0; i < work.size(); ++i) {
    if (i == 0 || !mergedWithNext[i - 1])
      groups.emplace_back();
    groups.back().push_back(work[i]);
  }
}

void KernelGroups::classify(func::FuncOp entry) {
  Block &block = entry.front();
  // Roots that anything may write; everything else is constant in the entry.
  DenseSet<Value> written;
  for (Operation &op : block) {
    if (isMemoryEffectFree(&op) || isa<memref::AllocOp>(op))
      continue;
    op.walk([&](Operation *nested) {
      if (isa<memref::LoadOp>(nested) || nested->getNumRegions() != 0) {
        auto linalgOp = dyn_cast<linalg::LinalgOp>(nested);
        if (linalgOp)
          for (Value init : linalgOp.getDpsInits())
            written.insert(getViewRoot(init));
        return;
      }
      for (Value operand : nested->getOperands())
        if (isa<MemRefType>(operand.getType()))
          written.insert(getViewRoot(operand));
    });
  }
  for (Operation &op : block.without_terminator()) {
    if (definesStaticMemRef(&op) &&
        !indexOf.count(op.getNumOperands() ? op.getOperand(0).getDefiningOp()
                                           : nullptr))
      continue;
    bool isScalar = op.getNumResults() == 1 &&
                    op.getResult(0).getType().isIntOrIndexOrFloat();
    bool constantLoad = false;
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      Value root = getViewRoot(load.getMemRef());
      bool readOnly = isa<BlockArgument>(root) ||
                      isa<memref::GetGlobalOp>(root.getDefiningOp());
      constantLoad = readOnly && !written.contains(root);
    }
    if (isScalar && (isPure(&op) || constantLoad)) {
      clonable.insert(&op);
      continue;
    }
    indexOf[&op] = work.size();
    work.push_back(&op);
  }
}

void KernelGroups::mergeScalarUses() {
  for (auto [index, op] : llvm::enumerate(work)) {
    unsigned last = index;
    SmallVector<Operation *> pending{op};
    while (!pending.empty()) {
      Operation *def = pending.pop_back_val();
      for (Operation *user : def->getUsers()) {
        Operation *top = op->getBlock()->findAncestorOpInBlock(*user);
        auto it = indexOf.find(top);
        if (it != indexOf.end())
          last = std::max(last, it->second);
        else if (clonable.contains(top))
          pending.push_back(top);
      }
    }
    for (unsigned i = index; i < last; ++i)
      mergedWithNext[i] = true;
  }
}

bool KernelGroups::isScratch(
    Value value, const llvm::SmallPtrSetImpl<Operation *> &group) const {
  if (!value.getDefiningOp<memref::AllocOp>())
    return false;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    for (Operation *user : pending.pop_back_val().getUsers()) {
      Operation *top =
          value.getParentBlock()->findAncestorOpInBlock(*user);
      if (group.contains(top))
        continue;
      auto view = dyn_cast<ViewLikeOpInterface>(user);
      if (!view)
        return false;
      pending.push_back(view->getResult(0));
    }
  }
  return true;
}

void KernelGroups::mergeEpilogues() {
  for (unsigned i = 0; i + 1 < work.size(); ++i) {
    // An initial value belongs to the reduction that consumes it.
    auto fill = dyn_cast<linalg::FillOp>(work[i]);
    if (!fill)
      continue;
    auto next = dyn_cast<linalg::LinalgOp>(work[i + 1]);
    if (next && llvm::is_contained(next.getDpsInits(), fill.output()))
      mergedWithNext[i] = true;
  }
}
