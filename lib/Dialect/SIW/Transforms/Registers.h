//===- Registers.h - Classes and lives of registers -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the register allocator does with a value, for those who must know it beforehand.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_DIALECT_SIW_TRANSFORMS_REGISTERS_H
#define VTPU_LIB_DIALECT_SIW_TRANSFORMS_REGISTERS_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"
#include "vtpu/Scheduling/Problem.h"

namespace vtpu::siw {

enum RegisterClass { classR, classV, classK, classP, classM, numClasses };
RegisterClass classOf(mlir::Type type);
/// The registers of a class that the allocator hands out: k0 means "no mask".
constexpr int lowest[numClasses] = {0, 0, 1, 0, 0};
constexpr int highest[numClasses] = {isa::numR - 1, isa::numV - 1, isa::numK - 1, isa::numP - 1, isa::numM - 1};
/// A class as the instruction table names it.
constexpr isa::OperandClass operandClass[numClasses] = {isa::OperandClass::r, isa::OperandClass::v, isa::OperandClass::k, isa::OperandClass::p,
                                                        isa::OperandClass::m};

/// True if an op may write over the operand that is tied to a result; else the allocator copies it first.
bool canUpdateInPlace(mlir::Operation *op, mlir::Value tied);
/// True if a loop of a block may take the register of a value that it starts with: the value dies there. Else the allocator copies it first.
bool canStartLoop(mlir::Value start, mlir::Block *block);
/// The first value of a block to stand in a value's register, from which ops updated it in place and loops carried it on; an argument or a result.
mlir::Value firstInRegister(mlir::Value value, mlir::Block *block);
/// True if a value that ends a loop's block may stand in the register of the carried argument that it follows (null: it follows none): nothing
/// reads what stood there once the value's register is written for the first time.
bool canTakeOver(mlir::Value yielded, mlir::Value carried, mlir::Block *block);
/// True if a result is written while the op still reads its operands.
bool isWrittenEarly(mlir::OpResult result);

/// Ops in program order: one at position p reads at 2p and writes at 2p + 1. Structured ops end behind their regions.
class Positions {
public:
  explicit Positions(FuncOp func);
  int64_t start(mlir::Operation *op) const { return 2 * startOf.lookup(op); }
  int64_t end(mlir::Operation *op) const { return 2 * endOf.lookup(op); }
  /// When `user` reads the value for the last time: loops between it and the value's block repeat the read.
  int64_t lastRead(mlir::Value value, mlir::Operation *user) const;

private:
  llvm::DenseMap<mlir::Operation *, int64_t> startOf, endOf;

  void number(mlir::Block &block, int64_t &position);
};

/// The registers that values need at the same time, before the allocator has added its copies. Where a copy may come, the values on both sides count.
class RegisterLives {
public:
  explicit RegisterLives(FuncOp func);
  /// Adds the values that begin or end in a straight run of instructions, and as limits what the others leave. False if the given order already
  /// needs more registers than there are.
  bool addTo(sched::Problem &problem, llvm::ArrayRef<mlir::Operation *> run) const;

private:
  struct Life {
    llvm::SmallVector<mlir::Value, 2> values; // share one register
    int64_t start = INT64_MAX, end = -1;      // as Positions count
  };
  llvm::SmallVector<Life> lives;
  Positions positions;
};

} // namespace vtpu::siw

#endif // VTPU_LIB_DIALECT_SIW_TRANSFORMS_REGISTERS_H
