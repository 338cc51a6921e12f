//===- SIWBuilder.h - Making siw ops from table rows ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_SIW_IR_SIWBUILDER_H
#define VTPU_DIALECT_SIW_IR_SIWBUILDER_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"

#include "mlir/IR/Builders.h"

namespace vtpu::siw {

/// What an instruction has besides registers; only what its row uses is attached.
struct Fields {
  isa::Type type = isa::Type::none;
  isa::Type memType = isa::Type::none;
  isa::Length length = isa::Length::v512;
  isa::Predicate predicate = isa::Predicate::eq;
  int64_t imm = 0;
  unsigned scale = 1;
  mlir::Value mask = {};     // null: every lane
  mlir::Value passthru = {}; // null: inactive lanes become zero
};

/// Creates instruction ops at a builder's insertion point.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  /// `operands` in table order; a null value stands for an absent address index.
  mlir::Operation *create(const isa::InstrInfo &info, llvm::ArrayRef<mlir::Value> operands, const Fields &fields = {});
  mlir::Value d(isa::DOp op, llvm::ArrayRef<mlir::Value> operands, const Fields &fields) {
    return first(create(*isa::lookup(isa::Pipe::D, uint8_t(op)), operands, fields));
  }
  mlir::Value s(isa::SOp op, llvm::ArrayRef<mlir::Value> operands, const Fields &fields) {
    return first(create(*isa::lookup(isa::Pipe::S, uint8_t(op)), operands, fields));
  }
  mlir::Value c(isa::COp op, llvm::ArrayRef<mlir::Value> operands, const Fields &fields = {}) {
    return first(create(*isa::lookup(isa::Pipe::C, uint8_t(op)), operands, fields));
  }
  /// An integer register with a constant.
  mlir::Value constant(int64_t value) { return c(isa::COp::cimm, {}, immediate(value)); }
  static Fields immediate(int64_t value) {
    Fields fields;
    fields.imm = value;
    return fields;
  }
  /// A vector register with the same bits in every lane.
  mlir::Value splat(isa::Type type, isa::Length length, uint64_t bits) {
    Fields fields;
    fields.type = type;
    fields.length = length;
    fields.imm = int64_t(bits);
    return d(isa::DOp::dimm, {}, fields);
  }
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value counter, mlir::ValueRange carried)>;
  /// siw.for with a constant bound, which runs at least once if lower < bound is known.
  ForOp forLoop(mlir::Value lower, int64_t lowerConstant, int64_t bound, int64_t step, mlir::ValueRange inits, Body body);
  ForOp forLoop(mlir::Value lower, mlir::Value upper, int64_t step, mlir::ValueRange inits, Body body);

  /// siw.if whose second region, which is returned, runs if the register is zero.
  mlir::Block *unless(mlir::Value reg);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  static mlir::Value first(mlir::Operation *op) { return op->getNumResults() ? op->getResult(0) : mlir::Value(); }
  ForOp makeFor(mlir::Value lower, mlir::Value upper, std::optional<int64_t> bound, int64_t step, bool nonempty, mlir::ValueRange inits, Body body);
};

} // namespace vtpu::siw

#endif // VTPU_DIALECT_SIW_IR_SIWBUILDER_H
