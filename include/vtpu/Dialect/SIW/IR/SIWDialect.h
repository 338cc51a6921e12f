//===- SIWDialect.h - The siw dialect ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types, ops and the table-driven view of instruction ops.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_SIW_IR_SIWDIALECT_H
#define VTPU_DIALECT_SIW_IR_SIWDIALECT_H

#include "vtpu/ISA/Instruction.h"
#include "vtpu/Memory/Coordinate.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace vtpu::siw {

/// The row of an instruction op; null for every other op.
const isa::InstrInfo *getInstruction(mlir::Operation *op);
/// Checks an instruction op against its row.
mlir::LogicalResult verifyInstruction(mlir::Operation *op);

/// Ops that are instructions.
template <typename ConcreteType>
class IsInstruction : public mlir::OpTrait::TraitBase<ConcreteType, IsInstruction> {
public:
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) { return verifyInstruction(op); }
};

/// The type of a register class; index -1: virtual.
mlir::Type registerType(mlir::MLIRContext *context, isa::OperandClass cls, int index);
/// Number of an allocated register type; -1 if virtual or no register.
int getRegisterIndex(mlir::Type type);
/// Where an operand or result of an instruction op stands.
struct Place {
  enum Kind { operand, mask, passthru } kind;
  const isa::OperandInfo *info; // null for the mask
};
/// The places of all operands of an instruction op.
llvm::SmallVector<Place, 6> getOperandPlaces(mlir::Operation *op);
/// The rows of all results of an instruction op.
llvm::SmallVector<const isa::OperandInfo *, 3> getResultRows(mlir::Operation *op);
/// The operand that must share its register with a result (inout, kept lanes); -1 if none. `result` receives the result's number.
int getTiedOperand(mlir::Operation *op, unsigned &result);

/// The slot of an instruction op without its registers, which need no numbers yet; its immediate I0 or I1, or its coordinate, goes into
/// `word`.
isa::Slot getUnnumberedSlot(mlir::Operation *op, isa::Word &word);
/// The slot that an instruction op with allocated registers stands for; its immediate I0 or I1, or its coordinate, goes into
/// `word`.
mlir::FailureOr<isa::Slot> getSlot(mlir::Operation *op, isa::Word &word);
/// The other way: an instruction op for the slot of a pipe. `named` gives the `siw.register` of a type.
mlir::Operation *createInstruction(mlir::OpBuilder &builder, mlir::Location loc, isa::Pipe pipe, const isa::Word &word,
                                   llvm::function_ref<mlir::Value(mlir::Type)> named);

} // namespace vtpu::siw

#include "vtpu/Dialect/SIW/IR/SIWDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWAttributes.h.inc"
#define GET_TYPEDEF_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWTypes.h.inc"
#define GET_OP_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWOps.h.inc"

#endif // VTPU_DIALECT_SIW_IR_SIWDIALECT_H
