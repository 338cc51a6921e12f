//===- Lanes.cpp - Arithmetic on lanes --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// arith ops, loads and stores on vectors of lanes. Integers narrower than their lanes are kept sign-extended; f16 and bf16 are computed in
// f32 and rounded after every operation, as their semantics ask.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using vtpu::isa::Predicate;
using vtpu::isa::SOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

std::optional<ElementInfo> getElementInfo(Type type) {
  if (type.isF32())
    return ElementInfo{LaneType::f32, LaneType::f32, 4};
  if (type.isF64())
    return ElementInfo{LaneType::f64, LaneType::f64, 8};
  if (type.isF16())
    return ElementInfo{LaneType::f32, LaneType::f16, 2};
  if (type.isBF16())
    return ElementInfo{LaneType::f32, LaneType::u16, 2, true};
  if (type.isIndex())
    return ElementInfo{LaneType::i64, LaneType::i64, 8};
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  switch (integer.getWidth()) {
  case 1:
    return ElementInfo{LaneType::none, LaneType::u8, 1};
  case 8:
    return ElementInfo{LaneType::i32, LaneType::i8, 1, false, 8};
  case 16:
    return ElementInfo{LaneType::i32, LaneType::i16, 2, false, 16};
  case 32:
    return ElementInfo{LaneType::i32, LaneType::i32, 4};
  case 64:
    return ElementInfo{LaneType::i64, LaneType::i64, 8};
  default:
    return std::nullopt;
  }
}

isa::Length KernelLowering::lengthFor(LaneType type) const {
  unsigned bytes = shape.lanes * isa::byteWidth(type);
  return bytes <= 16 ? isa::Length::v128 : bytes == 32 ? isa::Length::v256 : isa::Length::v512;
}
siw::Fields KernelLowering::fieldsFor(LaneType type) const {
  siw::Fields fields;
  fields.type = type;
  fields.length = lengthFor(type);
  return fields;
}
Value KernelLowering::splatInt(LaneType type, int64_t value) { return emitter().splat(type, lengthFor(type), uint64_t(value)); }
uint64_t KernelLowering::floatBits(LaneType type, double value) {
  return type == LaneType::f32 ? llvm::bit_cast<uint32_t>(float(value)) : llvm::bit_cast<uint64_t>(value);
}
Value KernelLowering::splatFloat(LaneType type, double value) { return emitter().splat(type, lengthFor(type), floatBits(type, value)); }
Value KernelLowering::laneMask(unsigned active) { return emitter().c(COp::kset, {}, siw::Emitter::immediate(active)); }
Value KernelLowering::maskOfChunk(unsigned chunk) {
  unsigned active = chunk + 1 == shape.chunks ? shape.lastActive : shape.lanes;
  // A single lane still needs a mask: registers are never shorter than 128 bits.
  unsigned full = 16 / 4;
  bool whole = active == shape.lanes && shape.lanes >= full;
  return whole ? Value() : laneMask(active);
}

Value KernelLowering::dop(DOp op, LaneType type, ArrayRef<Value> in, int64_t imm, Value mask, Value passthru) {
  siw::Fields fields = fieldsFor(type);
  fields.imm = imm;
  fields.mask = mask;
  fields.passthru = passthru;
  return emitter().d(op, in, fields);
}
Value KernelLowering::select(LaneType type, Value mask, Value a, Value b) {
  if (type == LaneType::none)
    return emitter().c(COp::kor, {emitter().c(COp::kand, {mask, a}), emitter().c(COp::kandn, {mask, b})});
  return dop(DOp::dsel, type, {a, b, mask});
}
Value KernelLowering::compareFloat(Predicate p, LaneType type, Value a, Value b) {
  siw::Fields fields = fieldsFor(type);
  fields.predicate = p;
  return emitter().d(DOp::dcmp, {a, b}, fields);
}

Value KernelLowering::convert(Value value, LaneType from, LaneType to) {
  if (from == to)
    return value;
  siw::Fields fields = fieldsFor(to);
  LaneType wide = isa::byteWidth(from) > isa::byteWidth(to) ? from : to;
  fields.length = lengthFor(wide);
  fields.memType = from;
  return emitter().d(DOp::dcvt, {value}, fields);
}

Value KernelLowering::canonical(Value value, const ElementInfo &info) {
  if (!info.intBits)
    return value;
  value = dop(DOp::dshli, LaneType::i32, {value}, 32 - info.intBits);
  return dop(DOp::dsari, LaneType::i32, {value}, 32 - info.intBits);
}

/// The bits of a bf16 (round to nearest even) as the upper half of an f32's bits.
static Value roundBf16(function_ref<Value(DOp, ArrayRef<Value>, int64_t)> op, function_ref<Value(int64_t)> splat, Value value, Value nanMask,
                       function_ref<Value(Value, Value, Value)> select) {
  Value odd = op(DOp::dand, {op(DOp::dshri, {value}, 16), splat(1)}, 0);
  Value rounded = op(DOp::dadd, {op(DOp::dadd, {value, splat(0x7fff)}, 0), odd}, 0);
  Value quiet = op(DOp::dor, {value, splat(0x400000)}, 0);
  return select(nanMask, quiet, rounded);
}

Value KernelLowering::roundStorage(Value value, Type type) {
  if (type.isF16()) {
    siw::Fields fields = fieldsFor(LaneType::f32);
    fields.memType = LaneType::f16;
    return emitter().d(DOp::drnd, {value}, fields);
  }
  if (type.isBF16()) {
    Value nan = compareFloat(Predicate::uno, LaneType::f32, value, value);
    Value bits = roundBf16([&](DOp op, ArrayRef<Value> in, int64_t imm) { return dop(op, LaneType::i32, in, imm); },
                           [&](int64_t v) { return splatInt(LaneType::i32, v); }, value, nan,
                           [&](Value m, Value a, Value b) { return select(LaneType::i32, m, a, b); });
    return dop(DOp::dand, LaneType::i32, {bits, splatInt(LaneType::i32, int64_t(0xffff0000))});
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelLowering::loadLanes(Type element, Value pointer, Value index, unsigned scale, int64_t offset, Value mask) {
  ElementInfo info = *getElementInfo(element);
  LaneType reg = info.reg == LaneType::none ? (shape.lanes == 8 ? LaneType::i64 : LaneType::i32) : info.reg;
  siw::Fields fields = fieldsFor(reg);
  fields.memType = info.mem;
  fields.imm = offset;
  fields.scale = index ? scale : 1;
  fields.mask = mask;
  if (info.isBf16)
    fields.type = LaneType::i32;
  if (reg == info.mem && shape.lanes == 1) { // one element: no mask register
    fields.mask = Value();
    return emitter().s(SOp::slds, {pointer, index}, fields);
  }
  Value value = emitter().s(SOp::sld, {pointer, index}, fields);
  if (info.isBf16)
    value = dop(DOp::dshli, LaneType::i32, {value}, 16);
  if (info.reg == LaneType::none) {
    siw::Fields compare = fieldsFor(reg);
    compare.predicate = Predicate::ne;
    compare.mask = mask;
    return emitter().d(DOp::dcmp, {value, splatInt(reg, 0)}, compare);
  }
  return value;
}

void KernelLowering::storeLanes(Type element, Value value, Value pointer, Value index, unsigned scale, int64_t offset, Value mask) {
  ElementInfo info = *getElementInfo(element);
  LaneType reg = info.reg == LaneType::none ? LaneType::i32 : info.reg;
  LaneType mem = info.mem;
  if (info.reg == LaneType::none) {
    reg = shape.lanes == 8 ? LaneType::i64 : LaneType::i32;
    value = select(reg, value, splatInt(reg, 1), splatInt(reg, 0));
    mem = LaneType::i8;
  }
  if (info.isBf16) {
    value = dop(DOp::dshri, LaneType::i32, {value}, 16);
    reg = LaneType::i32;
    mem = LaneType::i16;
  }
  siw::Fields fields = fieldsFor(reg);
  fields.memType = mem;
  fields.imm = offset;
  fields.scale = index ? scale : 1;
  fields.mask = mask;
  if (reg == mem && shape.lanes == 1) {
    fields.mask = Value();
    emitter().s(SOp::ssts, {value, pointer, index}, fields);
    return;
  }
  emitter().s(SOp::sst, {value, pointer, index}, fields);
}

Value KernelLowering::loadStrided(Type element, Value pointer, int64_t offset, int64_t step, Value mask) {
  ElementInfo info = *getElementInfo(element);
  LaneType indexType = isa::byteWidth(info.reg) == 8 ? LaneType::i64 : LaneType::i32;
  // 0, step, 2 * step, ...: constants in the read-only data.
  std::string name = ("iota." + Twine(step) + "." + Twine(isa::byteWidth(indexType))).str();
  auto [it, isNew] = tables.globals.insert({StringAttr::get(builder.getContext(), name).getValue(), 0});
  if (isNew) {
    it->second = (tables.rodata.size() + 63) / 64 * 64;
    tables.rodata.resize(it->second + 64);
    for (unsigned i = 0; i < 64 / isa::byteWidth(indexType); ++i) {
      int64_t entry = int64_t(i) * step;
      std::memcpy(&tables.rodata[it->second + i * isa::byteWidth(indexType)], &entry, isa::byteWidth(indexType));
    }
  }
  unsigned binding = addBinding("constant", name, 64, false, it->second);
  siw::Fields load = fieldsFor(indexType);
  load.memType = indexType;
  Value base = emitter().c(COp::cptr, {}, siw::Emitter::immediate(binding));
  Value indices = emitter().s(SOp::sld, {base, Value()}, load);
  siw::Fields fields = fieldsFor(info.reg);
  fields.imm = offset;
  fields.mask = mask;
  return emitter().s(SOp::sgather, {pointer, indices}, fields);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

LaneValue KernelLowering::constantLanes(Attribute attr, Type type) {
  ElementInfo info = *getElementInfo(type);
  Value reg;
  if (auto number = dyn_cast<FloatAttr>(attr)) {
    bool lossy;
    llvm::APFloat value = number.getValue();
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lossy);
    reg = splatFloat(info.reg, value.convertToDouble());
  } else {
    const llvm::APInt &value = cast<IntegerAttr>(attr).getValue();
    if (info.reg == LaneType::none)
      reg = laneMask(value.isZero() ? 0 : 64);
    else
      reg = splatInt(info.reg, value.getSExtValue());
  }
  LaneValue result;
  result.regs.assign(shape.chunks, reg);
  return result;
}

LaneValue KernelLowering::laneValue(Value value) {
  Attribute attr;
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    return constantLanes(constant.getValue(), value.getType());
  auto it = values.find(value);
  if (it != values.end()) {
    LaneValue result = it->second;
    if (result.lanes == shape.lanes && result.regs.size() == shape.chunks)
      return result;
    if (result.lanes != 1)
      return LaneValue();
    // A scalar of the surrounding code, used by every lane.
    Value one = result.regs.front();
    ElementInfo info = *getElementInfo(value.getType());
    if (info.reg == LaneType::none) {
      Value bit = emitter().c(COp::candi, {emitter().c(COp::kget, {one})}, siw::Emitter::immediate(1));
      Value all = emitter().c(COp::csub, {emitter().constant(0), bit});
      one = emitter().c(COp::kput, {all});
    } else {
      one = dop(DOp::dbcast, info.reg, {one});
    }
    result.regs.assign(shape.chunks, one);
    return result;
  }
  LaneValue result;
  if (auto counter = counters.find(value); counter != counters.end()) {
    const LaneType type = getElementInfo(value.getType())->reg;
    Value splat = type == LaneType::none ? emitter().c(COp::kput, {emitter().c(COp::csub, {emitter().constant(0), counter->second})})
                                         : dop(DOp::dset, type, {counter->second});
    result.regs.assign(shape.chunks, splat);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static std::optional<Predicate> floatPredicate(arith::CmpFPredicate p) {
  switch (p) {
  case arith::CmpFPredicate::OEQ:
    return Predicate::eq;
  case arith::CmpFPredicate::OGT:
    return Predicate::gt;
  case arith::CmpFPredicate::OGE:
    return Predicate::ge;
  case arith::CmpFPredicate::OLT:
    return Predicate::lt;
  case arith::CmpFPredicate::OLE:
    return Predicate::le;
  case arith::CmpFPredicate::ONE:
    return Predicate::one;
  case arith::CmpFPredicate::ORD:
    return Predicate::ord;
  case arith::CmpFPredicate::UEQ:
    return Predicate::ueq;
  case arith::CmpFPredicate::UGT:
    return Predicate::ugt;
  case arith::CmpFPredicate::UGE:
    return Predicate::uge;
  case arith::CmpFPredicate::ULT:
    return Predicate::ult;
  case arith::CmpFPredicate::ULE:
    return Predicate::ule;
  case arith::CmpFPredicate::UNE:
    return Predicate::ne;
  case arith::CmpFPredicate::UNO:
    return Predicate::uno;
  default:
    return std::nullopt;
  }
}
Predicate integerPredicate(arith::CmpIPredicate p) {
  static constexpr Predicate table[] = {Predicate::eq, Predicate::ne,  Predicate::lt,  Predicate::le,  Predicate::gt,
                                        Predicate::ge, Predicate::ult, Predicate::ule, Predicate::ugt, Predicate::uge};
  return table[unsigned(p)];
}

/// Logic on i1 values, which live in mask registers. Null if the op is none.
Value KernelLowering::lowerMaskOp(Operation &op, ArrayRef<Value> in) {
  auto k = [&](COp code, Value a, Value b) { return emitter().c(code, {a, b}); };
  auto invert = [&](Value a) { return k(COp::kandn, a, laneMask(64)); };
  if (mlir::isa<arith::AndIOp, arith::MulIOp, arith::MinUIOp, arith::MaxSIOp>(op))
    return k(COp::kand, in[0], in[1]);
  if (mlir::isa<arith::OrIOp, arith::MaxUIOp, arith::MinSIOp>(op))
    return k(COp::kor, in[0], in[1]);
  if (mlir::isa<arith::XOrIOp, arith::AddIOp, arith::SubIOp>(op))
    return k(COp::kxor, in[0], in[1]);
  if (mlir::isa<arith::SelectOp>(op))
    return select(LaneType::none, in[0], in[1], in[2]);
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::eq:
      return invert(k(COp::kxor, in[0], in[1]));
    case arith::CmpIPredicate::ne:
      return k(COp::kxor, in[0], in[1]);
    case arith::CmpIPredicate::ult:
    case arith::CmpIPredicate::sgt: // a signed i1 is 0 or -1
      return k(COp::kandn, in[0], in[1]);
    case arith::CmpIPredicate::ugt:
    case arith::CmpIPredicate::slt:
      return k(COp::kandn, in[1], in[0]);
    case arith::CmpIPredicate::ule:
    case arith::CmpIPredicate::sge:
      return invert(k(COp::kandn, in[1], in[0]));
    default:
      return invert(k(COp::kandn, in[0], in[1]));
    }
  }
  return Value();
}

Value KernelLowering::divideIntegers(Operation &op, Value a, Value b, bool isSigned, bool remainder, LaneType type) {
  // There is no vector integer division: bodies that divide are emitted with one lane.
  siw::Fields fields;
  fields.type = type;
  Value x = emitter().d(DOp::dget, {a}, fields), y = emitter().d(DOp::dget, {b}, fields);
  if (!isSigned && type == LaneType::i32) {
    siw::Fields extend;
    extend.memType = LaneType::u32;
    x = emitter().c(COp::cext, {x}, extend);
    y = emitter().c(COp::cext, {y}, extend);
  }
  COp code = isSigned ? (remainder ? COp::crem : COp::cdiv) : (remainder ? COp::cremu : COp::cdivu);
  return dop(DOp::dset, type, {emitter().c(code, {x, y})});
}

Value KernelLowering::lowerArith(Operation &op, ArrayRef<Value> in) {
  Type resultType = op.getResult(0).getType(), inType = op.getOperand(0).getType();
  std::optional<ElementInfo> out = getElementInfo(resultType), from = getElementInfo(inType);
  if (!out || !from)
    return Value();
  const LaneType t = out->reg, f = from->reg;
  if (t == LaneType::none && f == LaneType::none)
    return lowerMaskOp(op, in);
  auto binary = [&](DOp code) { return dop(code, t, {in[0], in[1]}); };
  auto narrow = [&](Value value) { return canonical(value, *out); };
  // NaN-propagating minimum and maximum: x86's give the second operand when unordered.
  auto propagating = [&](DOp code, bool propagate) {
    Value plain = dop(code, t, {in[0], in[1]});
    // Both zeros: the sign decides.
    Value bothEqual = compareFloat(Predicate::eq, t, in[0], in[1]);
    LaneType bits = t == LaneType::f32 ? LaneType::i32 : LaneType::i64;
    Value merged = dop(code == DOp::dmin ? DOp::dor : DOp::dand, bits, {in[0], in[1]});
    plain = select(t, bothEqual, merged, plain);
    if (propagate) {
      Value unordered = compareFloat(Predicate::uno, t, in[0], in[1]);
      return select(t, unordered, dop(DOp::dadd, t, {in[0], in[1]}), plain);
    }
    Value firstNaN = compareFloat(Predicate::uno, t, in[0], in[0]), secondNaN = compareFloat(Predicate::uno, t, in[1], in[1]);
    plain = select(t, firstNaN, in[1], plain);
    return select(t, secondNaN, in[0], plain);
  };
  if (mlir::isa<arith::AddFOp>(op))
    return binary(DOp::dadd);
  if (mlir::isa<arith::SubFOp>(op))
    return binary(DOp::dsub);
  if (mlir::isa<arith::MulFOp>(op))
    return binary(DOp::dmul);
  if (mlir::isa<arith::DivFOp>(op))
    return binary(DOp::ddiv);
  if (mlir::isa<arith::NegFOp>(op)) {
    LaneType bits = t == LaneType::f32 ? LaneType::i32 : LaneType::i64;
    return dop(DOp::dxor, bits, {in[0], splatInt(bits, t == LaneType::f32 ? int64_t(0x80000000u) : INT64_MIN)});
  }
  if (mlir::isa<arith::MaximumFOp>(op))
    return propagating(DOp::dmax, true);
  if (mlir::isa<arith::MinimumFOp>(op))
    return propagating(DOp::dmin, true);
  if (mlir::isa<arith::MaxNumFOp>(op))
    return propagating(DOp::dmax, false);
  if (mlir::isa<arith::MinNumFOp>(op))
    return propagating(DOp::dmin, false);
  if (mlir::isa<arith::RemFOp>(op))
    return hostLanes("fmod", t, in[0], in[1]);
  if (mlir::isa<arith::AddIOp>(op))
    return narrow(binary(DOp::dadd));
  if (mlir::isa<arith::SubIOp>(op))
    return narrow(binary(DOp::dsub));
  if (mlir::isa<arith::MulIOp>(op))
    return narrow(binary(DOp::dmul));
  if (mlir::isa<arith::AndIOp>(op))
    return binary(DOp::dand);
  if (mlir::isa<arith::OrIOp>(op))
    return binary(DOp::dor);
  if (mlir::isa<arith::XOrIOp>(op))
    return binary(DOp::dxor);
  auto unsignedOf = [&](Value value, const ElementInfo &info) {
    return info.intBits ? dop(DOp::dand, LaneType::i32, {value, splatInt(LaneType::i32, (1 << info.intBits) - 1)}) : value;
  };
  if (mlir::isa<arith::ShLIOp>(op))
    return narrow(binary(DOp::dshl));
  if (mlir::isa<arith::ShRSIOp>(op))
    return binary(DOp::dsar);
  if (mlir::isa<arith::ShRUIOp>(op))
    return narrow(dop(DOp::dshr, t, {unsignedOf(in[0], *out), in[1]}));
  if (mlir::isa<arith::MaxSIOp>(op))
    return binary(DOp::dmax);
  if (mlir::isa<arith::MinSIOp>(op))
    return binary(DOp::dmin);
  if (mlir::isa<arith::MaxUIOp>(op))
    return binary(DOp::dmaxu); // sign extension keeps the unsigned order
  if (mlir::isa<arith::MinUIOp>(op))
    return binary(DOp::dminu);
  if (mlir::isa<arith::DivSIOp>(op))
    return narrow(divideIntegers(op, in[0], in[1], true, false, t));
  if (mlir::isa<arith::RemSIOp>(op))
    return divideIntegers(op, in[0], in[1], true, true, t);
  if (mlir::isa<arith::DivUIOp, arith::RemUIOp>(op))
    return narrow(divideIntegers(op, unsignedOf(in[0], *out), unsignedOf(in[1], *out), false, mlir::isa<arith::RemUIOp>(op), t));
  if (mlir::isa<arith::FloorDivSIOp, arith::CeilDivSIOp>(op)) {
    Value q = divideIntegers(op, in[0], in[1], true, false, t), r = divideIntegers(op, in[0], in[1], true, true, t);
    siw::Fields ne = fieldsFor(t);
    ne.predicate = Predicate::ne;
    siw::Fields lt = fieldsFor(t);
    lt.predicate = mlir::isa<arith::FloorDivSIOp>(op) ? Predicate::lt : Predicate::ge;
    Value inexact = emitter().d(DOp::dcmp, {r, splatInt(t, 0)}, ne);
    Value signs = emitter().d(DOp::dcmp, {dop(DOp::dxor, t, {in[0], in[1]}), splatInt(t, 0)}, lt);
    Value adjust = emitter().c(COp::kand, {inexact, signs});
    Value moved = dop(mlir::isa<arith::FloorDivSIOp>(op) ? DOp::dsub : DOp::dadd, t, {q, splatInt(t, 1)});
    return narrow(select(t, adjust, moved, q));
  }
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    if (compare.getPredicate() == arith::CmpFPredicate::AlwaysFalse || compare.getPredicate() == arith::CmpFPredicate::AlwaysTrue)
      return laneMask(compare.getPredicate() == arith::CmpFPredicate::AlwaysTrue ? 64 : 0);
    return compareFloat(*floatPredicate(compare.getPredicate()), f, in[0], in[1]);
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    siw::Fields fields = fieldsFor(f);
    fields.predicate = integerPredicate(compare.getPredicate());
    return emitter().d(DOp::dcmp, {in[0], in[1]}, fields);
  }
  if (mlir::isa<arith::SelectOp>(op))
    return select(t, in[0], in[1], in[2]);
  if (mlir::isa<arith::ExtFOp>(op))
    return convert(in[0], f, t);
  if (mlir::isa<arith::TruncFOp>(op))
    return convert(in[0], f, t);
  if (mlir::isa<arith::ExtSIOp, arith::IndexCastOp, arith::ExtUIOp, arith::IndexCastUIOp, arith::UIToFPOp, arith::SIToFPOp>(op)) {
    bool isUnsigned = mlir::isa<arith::ExtUIOp, arith::IndexCastUIOp, arith::UIToFPOp>(op);
    if (f == LaneType::none) {
      Value one = mlir::isa<arith::UIToFPOp, arith::SIToFPOp>(op) ? splatFloat(t, isUnsigned ? 1 : -1) : splatInt(t, isUnsigned ? 1 : -1);
      Value zero = splatInt(t, 0);
      return select(t, in[0], one, zero);
    }
    Value source = isUnsigned ? unsignedOf(in[0], *from) : in[0];
    if (isUnsigned && f == LaneType::i64 && (t == LaneType::f32 || t == LaneType::f64)) {
      // Halve (keeping the odd bit for rounding), convert, double where the top bit is set.
      siw::Fields lt = fieldsFor(f);
      lt.predicate = Predicate::lt;
      Value large = emitter().d(DOp::dcmp, {source, splatInt(f, 0)}, lt);
      Value half = dop(DOp::dor, f, {dop(DOp::dshri, f, {source}, 1), dop(DOp::dand, f, {source, splatInt(f, 1)})});
      Value converted = convert(half, f, t);
      return select(t, large, dop(DOp::dadd, t, {converted, converted}), convert(source, f, t));
    }
    if (isUnsigned && f == LaneType::i32 && t != LaneType::i32)
      return convert(source, LaneType::u32, t);
    return canonical(convert(source, f, t), *out);
  }
  if (mlir::isa<arith::TruncIOp>(op)) {
    if (t == LaneType::none) {
      siw::Fields ne = fieldsFor(f);
      ne.predicate = Predicate::ne;
      return emitter().d(DOp::dcmp, {dop(DOp::dand, f, {in[0], splatInt(f, 1)}), splatInt(f, 0)}, ne);
    }
    return canonical(convert(in[0], f, t), *out);
  }
  if (mlir::isa<arith::FPToSIOp, arith::FPToUIOp>(op)) {
    if (t == LaneType::none)
      return compareFloat(Predicate::ne, f, dop(DOp::dround, f, {in[0]}, 3), splatFloat(f, 0));
    if (out->intBits || (mlir::isa<arith::FPToUIOp>(op) && t == LaneType::i32)) { // wide enough for every legal value, then the low bits
      if (shape.lanes <= 8 || f == LaneType::f32) {
        if (out->intBits)
          return canonical(convert(in[0], f, LaneType::i32), *out);
        return convert(convert(in[0], f, LaneType::i64), LaneType::i64, LaneType::i32);
      }
    }
    return convert(in[0], f, t);
  }
  if (mlir::isa<arith::BitcastOp>(op)) {
    if (from->bytes == out->bytes && !from->intBits && !out->intBits && !from->isBf16 && !out->isBf16 && !inType.isF16() && !resultType.isF16())
      return in[0];
    return Value();
  }
  return Value();
}

/// The product that is added to an accumulator and used for nothing else: both are rounded as one.
static arith::MulFOp getContractedProduct(Operation &op) {
  auto isAccumulator = [](Value value) {
    auto arg = dyn_cast<BlockArgument>(value);
    Operation *parent = arg ? arg.getOwner()->getParentOp() : nullptr;
    if (auto nest = dyn_cast_or_null<linalg::LinalgOp>(parent))
      return arg.getArgNumber() >= nest.getNumDpsInputs();
    return mlir::isa_and_nonnull<scf::ForOp>(parent) && arg.getArgNumber() > 0;
  };
  auto add = dyn_cast<arith::AddFOp>(op);
  if (!add || (!add.getType().isF32() && !add.getType().isF64()))
    return {};
  auto product = (isAccumulator(add.getLhs()) ? add.getRhs() : add.getLhs()).getDefiningOp<arith::MulFOp>();
  const bool accumulates = isAccumulator(add.getLhs()) || isAccumulator(add.getRhs());
  return product && accumulates && product->hasOneUse() && product->getBlock() == add->getBlock() ? product : arith::MulFOp();
}

LogicalResult KernelLowering::lowerLanes(Operation &op) {
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return lowerGather(load);
  if (op.getNumResults() != 1 || op.getNumOperands() == 0)
    return unsupported(&op);
  // The same for every lane: one lane computes it (and it may be wider than a vector of the others would be).
  auto isScalar = [&](Value operand) {
    if (operand.getDefiningOp<arith::ConstantOp>() || counters.count(operand))
      return true;
    auto it = values.find(operand);
    return it != values.end() && it->second.lanes == 1;
  };
  LaneShape saved = shape;
  llvm::scope_exit restore([&] { shape = saved; });
  if (shape.lanes != 1 && llvm::all_of(op.getOperands(), isScalar))
    shape = LaneShape();
  SmallVector<LaneValue> operands;
  SmallVector<Value> sources(op.getOperands());
  arith::MulFOp product = getContractedProduct(op); // its own word is dead then
  if (product)
    sources = {op.getOperand(0) == product ? op.getOperand(1) : op.getOperand(0), product.getLhs(), product.getRhs()};
  for (Value operand : sources) {
    if (!getElementInfo(operand.getType()))
      return unsupported(&op, "its operand type has no registers");
    operands.push_back(laneValue(operand));
    if (operands.back().regs.empty())
      return unsupported(&op, "an operand has no value here");
  }
  Type resultType = op.getResult(0).getType();
  std::optional<ElementInfo> info = getElementInfo(resultType);
  if (!info)
    return unsupported(&op, "its result type has no registers");
  LaneValue result;
  for (unsigned chunk = 0; chunk < shape.chunks; ++chunk) {
    if (chunk > 0 && llvm::all_of(operands, [&](LaneValue &v) { return v.regs[chunk] == v.regs[0]; })) {
      result.regs.push_back(result.regs[0]);
      continue;
    }
    SmallVector<Value> in;
    for (LaneValue &operand : operands)
      in.push_back(operand.regs[chunk]);
    Value value = product ? dop(DOp::dfma, info->reg, in) : lowerArith(op, in);
    if (!value)
      value = lowerMath(op, in, info->reg);
    if (!value)
      return unsupported(&op);
    if (resultType.isF16() || resultType.isBF16()) {
      // Selections and sign operations are exact.
      if (!mlir::isa<arith::SelectOp, arith::NegFOp, math::AbsFOp>(op))
        value = roundStorage(value, resultType);
    }
    result.regs.push_back(value);
  }
  setValue(op.getResult(0), result);
  return success();
}

bool KernelLowering::walksRow(memref::LoadOp op) {
  FailureOr<MemRefPlace> place = placeOf(op.getMemRef());
  if (llvm::failed(place) || op.getIndices().empty())
    return false;
  auto along = op.getIndices().back().getDefiningOp<linalg::IndexOp>();
  return along && int(along.getDim()) == lane.dim && place->strides.back() == getElementInfo(place->element)->bytes &&
         llvm::all_of(op.getIndices().drop_back(), [&](Value index) { return lane.scalars.contains(index) || constantIndex(index); });
}

LogicalResult KernelLowering::lowerGather(memref::LoadOp op) {
  FailureOr<MemRefPlace> place = placeOf(op.getMemRef());
  if (llvm::failed(place))
    return failure();
  std::optional<ElementInfo> info = getElementInfo(place->element);
  if (!info)
    return unsupported(op, "its element type has no registers");
  Value pointer = pointerOf(*place);
  LaneValue result;
  auto isScalar = [&](Value index) { return lane.scalars.contains(index) || constantIndex(index); };
  const bool sameForAll = shape.lanes != 1 && llvm::all_of(op.getIndices(), isScalar);
  // Lane offsets in bytes, or one address for all lanes.
  for (unsigned chunk = 0; chunk < shape.chunks; ++chunk) {
    if (shape.lanes == 1) {
      FailureOr<Address> address = addressOf(op, *place, op.getIndices());
      if (llvm::failed(address))
        return failure();
      result.regs.push_back(loadLanes(place->element, address->pointer, address->index, address->scale, address->offset, laneMask(1)));
      continue;
    }
    if (chunk > 0 && sameForAll) {
      result.regs.push_back(result.regs[0]);
      continue;
    }
    if (sameForAll) {
      FailureOr<Address> address = addressOf(op, *place, op.getIndices());
      if (llvm::failed(address))
        return failure();
      siw::Fields fields = fieldsFor(info->reg);
      fields.imm = address->offset;
      fields.scale = address->scale;
      result.regs.push_back(emitter().s(SOp::sbcast, {address->pointer, address->index}, fields));
      continue;
    }
    if (walksRow(op)) {
      FailureOr<Address> address = addressOf(op, *place, op.getIndices().drop_back(), /*indexed=*/false);
      if (llvm::failed(address))
        return failure();
      const int64_t offset = address->offset + (lane.start + int64_t(chunk) * shape.lanes) * info->bytes;
      result.regs.push_back(loadLanes(place->element, address->pointer, lane.counter, info->bytes, offset, maskOfChunk(chunk)));
      continue;
    }
    LaneType indexType = isa::byteWidth(info->reg) == 8 ? LaneType::i64 : LaneType::i32;
    Value sum;
    int64_t offset = place->offset;
    for (auto [index, stride] : llvm::zip(op.getIndices(), place->strides)) {
      if (std::optional<int64_t> constant = constantIndex(index)) {
        offset += *constant * stride;
        continue;
      }
      LaneValue lanes = laneValue(index);
      if (lanes.regs.empty())
        return unsupported(op, "an index has no value here");
      Value scaled = dop(DOp::dmul, LaneType::i64, {lanes.regs[chunk], splatInt(LaneType::i64, stride)});
      sum = sum ? dop(DOp::dadd, LaneType::i64, {sum, scaled}) : scaled;
    }
    if (!sum)
      sum = splatInt(LaneType::i64, 0);
    if (indexType == LaneType::i32) {
      // Saturate, so that an index far outside stays outside.
      sum = dop(DOp::dmin, LaneType::i64, {sum, splatInt(LaneType::i64, INT32_MAX)});
      sum = dop(DOp::dmax, LaneType::i64, {sum, splatInt(LaneType::i64, INT32_MIN)});
      sum = convert(sum, LaneType::i64, LaneType::i32);
    }
    siw::Fields fields = fieldsFor(info->reg);
    fields.imm = offset;
    fields.mask = maskOfChunk(chunk);
    result.regs.push_back(emitter().s(SOp::sgather, {pointer, sum}, fields));
  }
  setValue(op.getResult(), result);
  return success();
}

} // namespace vtpu
