//===- OutlineKernels.cpp - Entries become lists of kernel calls ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of an entry is cut into groups of consecutive work; each group
// becomes a private function over memrefs. Scalars never cross a call: pure
// scalar operations are cloned into every kernel that uses them, and a group
// that produces a scalar is merged with the groups that consume it. Kernels
// are compared by their printed form, which names no symbols and only the
// locations of assertions, so equal layers share one kernel.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "KernelGroups.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

namespace vtpu {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;
using vtpu::KernelGroups;

namespace {

struct OutlineKernels : vtpu::impl::OutlineKernelsBase<OutlineKernels> {
  using OutlineKernelsBase::OutlineKernelsBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> entries;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(vtpu::kEntryAttr))
        entries.push_back(func);
    SymbolTable symbols(getOperation());
    for (func::FuncOp entry : entries) {
      KernelGroups groups(entry, fuseEpilogues);
      for (ArrayRef<Operation *> group : groups.get())
        outline(entry, groups, group, symbols);
      eraseDeadScalars(entry);
    }
  }

  void outline(func::FuncOp entry, KernelGroups &groups,
               ArrayRef<Operation *> group, SymbolTable &symbols);
  void eraseDeadScalars(func::FuncOp entry);

  /// Printed body of a kernel to the kernel.
  llvm::StringMap<func::FuncOp> known;
};

} // namespace

/// Clones `op` into the kernel, first the scalar operations it depends on.
static void cloneInto(OpBuilder &builder, Operation *op, KernelGroups &groups,
                      IRMapping &mapping) {
  auto visit = [&](Operation *nested) {
    for (Value operand : nested->getOperands()) {
      if (mapping.contains(operand))
        continue;
      Operation *def = operand.getDefiningOp();
      if (def && groups.isClonable(def))
        cloneInto(builder, def, groups, mapping);
    }
  };
  op->walk(visit);
  builder.clone(*op, mapping);
}

void OutlineKernels::outline(func::FuncOp entry, KernelGroups &groups,
                             ArrayRef<Operation *> group,
                             SymbolTable &symbols) {
  // Memrefs that come from the entry, in the order of first use.
  llvm::SetVector<Value> captured;
  llvm::SmallPtrSet<Operation *, 16> inGroup(group.begin(), group.end());
  SmallVector<Operation *> pending;
  auto capture = [&](Operation *op) {
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands()) {
        if (operand.getParentBlock() != &entry.front())
          continue;
        Operation *def = operand.getDefiningOp();
        if (def && inGroup.contains(def))
          continue;
        if (def && groups.isClonable(def))
          pending.push_back(def);
        else
          captured.insert(operand);
      }
    });
  };
  for (Operation *op : group) {
    capture(op);
    while (!pending.empty())
      capture(pending.pop_back_val());
  }

  // A location per kernel keeps the source line of its last operation.
  Location loc = group.back()->getLoc();
  OpBuilder builder(&getContext());
  SmallVector<Type> types;
  SmallVector<Location> locs;
  for (Value value : captured) {
    types.push_back(value.getType());
    locs.push_back(value.getLoc());
  }
  auto kernel = func::FuncOp::create(
      loc, "kernel", builder.getFunctionType(types, TypeRange()));
  kernel.setPrivate();
  kernel->setAttr(vtpu::kKernelAttr, builder.getUnitAttr());
  Block *body = kernel.addEntryBlock();
  IRMapping mapping;
  for (auto [index, value] : llvm::enumerate(captured)) {
    mapping.map(value, body->getArgument(index));
    if (groups.isScratch(value, inGroup))
      kernel.setArgAttr(index, vtpu::kScratchAttr, builder.getUnitAttr());
  }
  builder.setInsertionPointToStart(body);
  for (Operation *op : group)
    cloneInto(builder, op, groups, mapping);
  func::ReturnOp::create(builder, loc);

  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os, OpPrintingFlags().useLocalScope());
  // What may trap names its own source line.
  kernel.walk([&](cf::AssertOp assertion) { assertion.getLoc().print(os); });
  auto [entryOf, isNew] = known.try_emplace(text, kernel);
  if (isNew) {
    kernel.setName(("kernel_" + Twine(numKernels.getValue())).str());
    symbols.insert(kernel);
    ++numKernels;
  } else {
    kernel.erase();
  }
  builder.setInsertionPoint(group.back());
  func::CallOp::create(builder, loc, entryOf->second, captured.getArrayRef());
  ++numCalls;
  for (Operation *op : llvm::reverse(group)) {
    // What still uses the results is scalar and was cloned into the kernel.
    op->dropAllDefinedValueUses();
    op->erase();
  }
}

void OutlineKernels::eraseDeadScalars(func::FuncOp entry) {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(entry.front())))
    if (isa_and_present<arith::ArithDialect, memref::MemRefDialect>(
            op.getDialect()) ||
        isMemoryEffectFree(&op))
      if (isOpTriviallyDead(&op) ||
          (isa<memref::AllocOp>(op) && op.use_empty()))
        op.erase();
}
