//===- Math.cpp - Elementary functions as words -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// math ops: single instructions and short forms here, elementary functions by LaneMath; what neither has is a listed host call.
// docs/Math.md states the error bounds and the calls.
//
//===----------------------------------------------------------------------===//

#include "LaneMath.h"
#include "vtpu/Runtime/Executor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using vtpu::isa::Predicate;
using LaneType = vtpu::isa::Type;

namespace vtpu {

Value KernelLowering::hostLanes(StringRef name, LaneType type, Value a, Value b) {
  siw::Fields fields = fieldsFor(type);
  fields.imm = rt::findHostFunction(std::string_view(name.data(), name.size()));
  return emitter().c(COp::chost, {a, b ? b : a}, fields);
}

/// The value of a constant, also behind a conversion.
static std::optional<double> constantFloat(Value value) {
  if (Operation *def = value.getDefiningOp(); def && mlir::isa<arith::TruncFOp, arith::ExtFOp>(def))
    value = def->getOperand(0);
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  auto attr = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return attr ? std::optional<double>(attr.getValueAsDouble()) : std::nullopt;
}

Value KernelLowering::lowerMath(Operation &op, ArrayRef<Value> in, LaneType type) {
  const LaneType bits = type == LaneType::f32 ? LaneType::i32 : LaneType::i64;
  auto signMask = [&] { return splatInt(bits, bits == LaneType::i32 ? int64_t(0x80000000u) : INT64_MIN); };
  LaneMath elementary(*this, type);
  if (mlir::isa<math::SqrtOp>(op))
    return dop(DOp::dsqrt, type, {in[0]});
  if (mlir::isa<math::RsqrtOp>(op))
    return dop(DOp::ddiv, type, {splatFloat(type, 1.0), dop(DOp::dsqrt, type, {in[0]})});
  if (mlir::isa<math::AbsFOp>(op))
    return dop(DOp::dandn, bits, {signMask(), in[0]});
  if (mlir::isa<math::AbsIOp>(op))
    return canonical(dop(DOp::dabs, type, {in[0]}), *getElementInfo(op.getResult(0).getType()));
  if (mlir::isa<math::FloorOp>(op))
    return dop(DOp::dround, type, {in[0]}, 1);
  if (mlir::isa<math::CeilOp>(op))
    return dop(DOp::dround, type, {in[0]}, 2);
  if (mlir::isa<math::TruncOp>(op))
    return dop(DOp::dround, type, {in[0]}, 3);
  if (mlir::isa<math::RoundEvenOp>(op))
    return dop(DOp::dround, type, {in[0]}, 0);
  if (mlir::isa<math::RoundOp>(op)) { // half away from zero
    Value whole = dop(DOp::dround, type, {in[0]}, 3);
    Value rest = dop(DOp::dandn, bits, {signMask(), dop(DOp::dsub, type, {in[0], whole})});
    Value unit = dop(DOp::dor, bits, {dop(DOp::dand, bits, {in[0], signMask()}), splatFloat(type, 1.0)});
    Value up = dop(DOp::dadd, type, {whole, unit});
    return select(type, compareFloat(Predicate::ge, type, rest, splatFloat(type, 0.5)), up, whole);
  }
  if (mlir::isa<math::CopySignOp>(op))
    return dop(DOp::dor, bits, {dop(DOp::dandn, bits, {signMask(), in[0]}), dop(DOp::dand, bits, {in[1], signMask()})});
  if (mlir::isa<math::FmaOp>(op))
    return dop(DOp::dfma, type, {in[2], in[0], in[1]});
  if (mlir::isa<math::IsNaNOp>(op)) {
    LaneType source = getElementInfo(op.getOperand(0).getType())->reg;
    return compareFloat(Predicate::uno, source, in[0], in[0]);
  }
  if (mlir::isa<math::CountLeadingZerosOp>(op) && !getElementInfo(op.getResult(0).getType())->intBits)
    return dop(DOp::dlzcnt, type, {in[0]});
  if (mlir::isa<math::PowFOp>(op)) {
    // Squares and roots, which norms are made of.
    std::optional<double> exponent = constantFloat(op.getOperand(1));
    if (exponent == 2.0)
      return dop(DOp::dmul, type, {in[0], in[0]});
    if (exponent == 0.5) { // pow(-0, 0.5) is +0 and pow(-inf, 0.5) is inf
      Value root = dop(DOp::dsqrt, type, {dop(DOp::dadd, type, {in[0], splatFloat(type, 0.0)})});
      Value isLow = compareFloat(Predicate::eq, type, in[0], splatFloat(type, -INFINITY));
      return select(type, isLow, splatFloat(type, INFINITY), root);
    }
  }
  if (mlir::isa<math::FPowIOp>(op)) {
    if (std::optional<int64_t> n = constantIndex(op.getOperand(1)); n && std::abs(*n) <= 64) {
      Value power, square = in[0]; // by repeated squaring
      for (int64_t rest = std::abs(*n); rest; rest >>= 1) {
        if (rest & 1)
          power = power ? dop(DOp::dmul, type, {power, square}) : square;
        if (rest > 1)
          square = dop(DOp::dmul, type, {square, square});
      }
      if (!power)
        return splatFloat(type, 1.0);
      return *n < 0 ? dop(DOp::ddiv, type, {splatFloat(type, 1.0), power}) : power;
    }
    LaneType exponent = getElementInfo(op.getOperand(1).getType())->reg;
    return elementary.pow(elementary.number(in[0]), elementary.number(convert(in[1], exponent, type))).value;
  }
  if (mlir::isa<math::PowFOp>(op))
    return elementary.pow(elementary.number(in[0]), elementary.number(in[1])).value;
  if (mlir::isa<math::Atan2Op>(op))
    return elementary.atan2(elementary.number(in[0]), elementary.number(in[1])).value;
  static const std::pair<StringRef, Num (LaneMath::*)(Num)> functions[] = {
      {"math.exp", &LaneMath::exp},     {"math.exp2", &LaneMath::exp2},   {"math.expm1", &LaneMath::expm1}, {"math.log", &LaneMath::log},
      {"math.log2", &LaneMath::log2},   {"math.log10", &LaneMath::log10}, {"math.log1p", &LaneMath::log1p}, {"math.sin", &LaneMath::sin},
      {"math.cos", &LaneMath::cos},     {"math.tan", &LaneMath::tan},     {"math.asin", &LaneMath::asin},   {"math.acos", &LaneMath::acos},
      {"math.atan", &LaneMath::atan},   {"math.sinh", &LaneMath::sinh},   {"math.cosh", &LaneMath::cosh},   {"math.tanh", &LaneMath::tanh},
      {"math.asinh", &LaneMath::asinh}, {"math.acosh", &LaneMath::acosh}, {"math.atanh", &LaneMath::atanh}, {"math.erf", &LaneMath::erf},
      {"math.erfc", &LaneMath::erfc}};
  for (auto [name, function] : functions)
    if (op.getName().getStringRef() == name)
      return (elementary.*function)(elementary.number(in[0])).value;
  if (mlir::isa<math::CbrtOp>(op))
    return hostLanes("cbrt", type, in[0], Value());
  return Value();
}

} // namespace vtpu
