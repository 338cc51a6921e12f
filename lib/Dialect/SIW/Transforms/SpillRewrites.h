//===- SpillRewrites.h - How values leave their registers -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the register allocator asks of IR when it runs out of registers. Pointers may not be stored, so a pointer that must leave its register
// first becomes its byte offset from the start of its binding. A counted loop needs its counter and bound in registers; one that must do without
// becomes a loop under a condition.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_DIALECT_SIW_TRANSFORMS_SPILLREWRITES_H
#define VTPU_LIB_DIALECT_SIW_TRANSFORMS_SPILLREWRITES_H

#include "vtpu/Dialect/SIW/IR/SIWBuilder.h"

#include "llvm/ADT/SetVector.h"

namespace vtpu::siw {

/// True if the op is this row of the C pipe.
bool isScalarOp(mlir::Operation *op, isa::COp row);

/// The binding into which an r register value points; -1 if it is an integer.
int64_t getPointedBinding(mlir::Value value);

/// A constant, or a pointer at a constant offset: what two words can make anywhere.
struct KnownScalar {
  int64_t binding = -1; // -1: an integer
  int64_t number = 0;   // the integer, or the offset
};
std::optional<KnownScalar> getKnownScalar(mlir::Value value);
/// Makes it at the builder's place. Every new value goes to `made`.
mlir::Value makeKnownScalar(Emitter &emitter, KnownScalar known, llvm::DenseSet<mlir::Value> &made);

/// True if a use takes over the register of its value (a loop's start, a yielded value) instead of reading it.
bool isCarried(mlir::OpOperand &use);

/// True for the ops that make a pointer from a pointer.
bool derivesPointers(mlir::Operation *op);
/// Turns pointers into offsets. `web` is closed: it holds whole webs, and every pointer from which one of its values derives, unless that pointer is
/// known or stands in `made`. Uses outside get the pointer made before them; those values go to `made`.
void pointersToOffsets(const llvm::SetVector<mlir::Value> &web, llvm::DenseSet<mlir::Value> &made);

/// Removes the values of a web from starts, arguments, yields and results of structured ops. No other use of those arguments and results is left.
void dropCarried(FuncOp func, const llvm::SetVector<mlir::Value> &web);

/// Turns a counted loop into a siw.while that carries the counter first and tests it against the bound itself: both are then values as all others. A
/// bound that stands in `made` is made again for each test. Every new value that needs no register beyond its use goes to `made`.
WhileOp countInWhile(ForOp loop, llvm::DenseSet<mlir::Value> &made);

} // namespace vtpu::siw

#endif // VTPU_LIB_DIALECT_SIW_TRANSFORMS_SPILLREWRITES_H
