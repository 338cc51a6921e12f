//===- KernelGroups.h - Which work forms one kernel -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The analysis behind `vtpu-outline-kernels`: sorts the operations of an entry
// into what stays, what is cloned and what is work, and partitions the work
// into groups.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_VTPU_TRANSFORMS_KERNELGROUPS_H
#define VTPU_DIALECT_VTPU_TRANSFORMS_KERNELGROUPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace vtpu {

/// Partition of the work of an entry into kernels.
class KernelGroups {
public:
  /// Analyses the single block of `entry`.
  KernelGroups(mlir::func::FuncOp entry, bool fuseEpilogues);

  /// The groups in program order; each is a run of work in program order.
  llvm::ArrayRef<llvm::SmallVector<mlir::Operation *>> get() const {
    return groups;
  }

  /// True for scalar operations that may be repeated inside a kernel: pure
  /// ones, and loads of memory that nothing in the entry writes.
  bool isClonable(mlir::Operation *op) const { return clonable.contains(op); }

  /// True if `value` is an allocation of the entry that only `group` touches.
  bool isScratch(mlir::Value value,
                 const llvm::SmallPtrSetImpl<mlir::Operation *> &group) const;

private:
  void classify(mlir::func::FuncOp entry);
  void mergeScalarUses();
  void mergeEpilogues();

  /// Work in program order and, for each, where its group ends.
  llvm::SmallVector<mlir::Operation *> work;
  llvm::DenseMap<mlir::Operation *, unsigned> indexOf;
  llvm::SmallVector<unsigned> mergedWithNext;
  llvm::DenseSet<mlir::Operation *> clonable;
  llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> groups;
};

/// The buffer that `value` is a view of.
mlir::Value getViewRoot(mlir::Value value);

} // namespace vtpu

#endif // VTPU_DIALECT_VTPU_TRANSFORMS_KERNELGROUPS_H
