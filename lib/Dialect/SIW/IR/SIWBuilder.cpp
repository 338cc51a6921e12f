//===- SIWBuilder.cpp - Making siw ops from table rows ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/IR/SIWBuilder.h"

using namespace mlir;

namespace vtpu::siw {

Operation *Emitter::create(const isa::InstrInfo &info, ArrayRef<Value> operands, const Fields &fields) {
  MLIRContext *context = builder.getContext();
  OperationState state(loc, "siw." + std::string(info.mnemonic));
  size_t next = 0;
  bool hasOut = false, scaled = false;
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const isa::OperandInfo &operand = info.operands[i];
    bool isRegister = isa::registerCount(operand.cls) != 0;
    if (operand.cls == isa::OperandClass::idx) {
      Value index = operands[next++];
      if (index) {
        state.addOperands(index);
        state.addAttribute("indexed", builder.getUnitAttr());
        scaled = true;
      }
    } else if (isRegister) {
      if (operand.access == isa::Access::in || operand.access == isa::Access::inout)
        state.addOperands(operands[next++]);
      if (operand.access != isa::Access::in)
        state.addTypes(registerType(context, operand.cls, -1));
      hasOut |= operand.access == isa::Access::out;
      scaled |= operand.access == isa::Access::tmp && operand.cls == isa::OperandClass::k;
    } else if (operand.field == isa::Field::imm || !info.operand(isa::Field::imm)) { // whoever needs the word's immediate beside it adds it
      state.addAttribute("imm", builder.getI64IntegerAttr(fields.imm));
    }
  }
  assert(next == operands.size() && "operands do not match the row");
  if (info.types)
    state.addAttribute("type", builder.getStringAttr(llvm::StringRef(isa::typeName(fields.type).data(), isa::typeName(fields.type).size())));
  if (info.memTypes)
    state.addAttribute("mem", builder.getStringAttr(llvm::StringRef(isa::typeName(fields.memType).data(), isa::typeName(fields.memType).size())));
  if (info.hasLength)
    state.addAttribute("length", builder.getI32IntegerAttr(int(isa::lengthBytes(fields.length)) * 8));
  if (info.hasPredicate)
    state.addAttribute("pred", builder.getStringAttr(llvm::StringRef(isa::predicateName(fields.predicate).data(),
                                                                     isa::predicateName(fields.predicate).size())));
  if (scaled && fields.scale != 1)
    state.addAttribute("scale", builder.getI32IntegerAttr(int(fields.scale)));
  if (fields.mask && info.maskable) {
    state.addOperands(fields.mask);
    state.addAttribute("masked", builder.getUnitAttr());
    bool stores = info.isStore;
    if (fields.passthru && hasOut)
      state.addOperands(fields.passthru);
    else if (!stores && info.operands[0].access != isa::Access::inout)
      state.addAttribute("zeroing", builder.getUnitAttr());
  }
  return builder.create(state);
}

ForOp Emitter::makeFor(Value lower, Value upper, std::optional<int64_t> bound, int64_t step, bool nonempty, ValueRange inits, Body body) {
  OperationState state(loc, ForOp::getOperationName());
  state.addOperands(lower);
  if (upper)
    state.addOperands(upper);
  state.addOperands(inits);
  state.addAttribute("operandSegmentSizes", builder.getDenseI32ArrayAttr({1, upper ? 1 : 0, int32_t(inits.size())}));
  if (bound)
    state.addAttribute("bound", builder.getI64IntegerAttr(*bound));
  state.addAttribute("step", builder.getI64IntegerAttr(step));
  if (nonempty)
    state.addAttribute("nonempty", builder.getUnitAttr());
  state.addTypes(inits.getTypes());
  Region *region = state.addRegion();
  Block *block = new Block;
  region->push_back(block);
  block->addArgument(lower.getType(), loc);
  for (Value init : inits)
    block->addArgument(init.getType(), loc);
  auto op = cast<ForOp>(builder.create(state));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&op.getBody().front());
  SmallVector<Value> yielded = body(op.getCounter(), op.getCarried());
  YieldOp::create(builder, loc, yielded);
  return op;
}

Block *Emitter::unless(Value reg) {
  OperationState state(loc, IfOp::getOperationName());
  state.addOperands(reg);
  Block *last = nullptr;
  for (int i = 0; i < 2; ++i) {
    OpBuilder::InsertionGuard guard(builder);
    last = &state.addRegion()->emplaceBlock();
    builder.setInsertionPointToStart(last);
    YieldOp::create(builder, loc, ValueRange());
  }
  builder.create(state);
  return last;
}

ForOp Emitter::forLoop(Value lower, int64_t lowerConstant, int64_t bound, int64_t step, ValueRange inits, Body body) {
  return makeFor(lower, Value(), bound, step, lowerConstant < bound, inits, body);
}
ForOp Emitter::forLoop(Value lower, Value upper, int64_t step, ValueRange inits, Body body) {
  return makeFor(lower, upper, std::nullopt, step, false, inits, body);
}

} // namespace vtpu::siw
