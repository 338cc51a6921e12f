//===- PipelineRewrite.h - A loop from its modulo schedule ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_DIALECT_SIW_TRANSFORMS_PIPELINEREWRITE_H
#define VTPU_LIB_DIALECT_SIW_TRANSFORMS_PIPELINEREWRITE_H

#include "vtpu/Dialect/SIW/IR/SIWBuilder.h"
#include "vtpu/Scheduling/Problem.h"

namespace vtpu::siw {

/// A register that a loop steps by a constant: its counter, or a carried integer or pointer that is yielded by one `caddi`.
struct Induction {
  mlir::Value argument, next; // next: what is yielded; null for the counter
  int64_t step = 0;
};

/// A counted loop whose body is one straight run.
struct StraightLoop {
  mutable ForOp loop; // ops are handles: asking one for its parts is no change
  llvm::SmallVector<Induction> inductions;      // the counter first
  llvm::SmallVector<mlir::Operation *> body;    // without what steps the inductions
  std::optional<int64_t> trips;                 // if known

  /// Nothing if the body is no straight run.
  static std::optional<StraightLoop> match(ForOp loop);
  const Induction *inductionOf(mlir::Value value) const;
};

/// What replaces a loop. Nothing is replaced before `commit`.
struct PipelinedLoop {
  ForOp kernel;
  uint32_t unrolled = 1;                       // iterations a pass of the kernel
  mlir::Operation *first = nullptr;            // the first new op; all stand from here to the old loop
  llvm::SmallVector<mlir::Value> results;      // in place of the loop's
};

/// Writes the pipelined form of a loop before it: the first iterations' stages, a kernel in which each pass starts `unrolled` iterations and goes on with
/// those of the passes before, the last iterations' stages, and the loop itself for the iterations that are left. If the number of iterations is
/// not known, all of it stands under a test for enough of them. A value that lives for several steps has a register for each step, because
/// the kernel is unrolled (modulo variable expansion, Lam, PLDI 1988). Nothing if the loop has too few iterations, or a pass would need more than
/// `mostOps` operations.
std::optional<PipelinedLoop> writePipelined(const StraightLoop &loop, const sched::ModuloSchedule &schedule, size_t mostOps);
/// Puts the new ops in the loop's place.
void commit(const StraightLoop &loop, const PipelinedLoop &pipelined);
/// Removes the new ops.
void discard(const StraightLoop &loop, const PipelinedLoop &pipelined);

} // namespace vtpu::siw

#endif // VTPU_LIB_DIALECT_SIW_TRANSFORMS_PIPELINEREWRITE_H
