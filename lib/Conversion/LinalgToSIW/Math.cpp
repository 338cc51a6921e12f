//===- Math.cpp - Elementary functions as words -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expansions of math ops. Bounds (test/python/test_math.py measures them): exp, log 2 ulp; tanh 3 ulp; erf 2 ulp in f32; sqrt exact; rsqrt
// 1.5 ulp. Everything else is a listed host call.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"
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

/// c[0] + x * (c[1] + x * (...)), by fused multiply-adds.
Value KernelLowering::polynomial(LaneType type, Value x, ArrayRef<double> coefficients) {
  Value sum = splatFloat(type, coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back())) {
    // rd = ra * rb + rd: the addend is the register that is updated.
    sum = dop(DOp::dfma, type, {splatFloat(type, c), sum, x});
  }
  return sum;
}

/// Taylor series on |r| <= ln(2)/2 after x = n ln(2) + r.
Value KernelLowering::expLanes(LaneType type, Value x) {
  const bool single = type == LaneType::f32;
  // Beyond these the result is infinite or zero; a NaN passes (the second operand wins when unordered).
  x = dop(DOp::dmin, type, {splatFloat(type, single ? 89.0 : 710.0), x});
  x = dop(DOp::dmax, type, {splatFloat(type, single ? -104.0 : -746.0), x});
  Value n = dop(DOp::dround, type, {dop(DOp::dmul, type, {x, splatFloat(type, 1.4426950408889634)})}, 0);
  const double high = single ? 0.693359375 : 6.93147180369123816490e-01, low = single ? -2.12194440054690581e-4 : 1.90821492927058770002e-10;
  Value r = dop(DOp::dfnma, type, {x, n, splatFloat(type, high)});
  r = dop(DOp::dfnma, type, {r, n, splatFloat(type, low)});
  SmallVector<double> coefficients = {1.0};
  for (int i = 1; i <= (single ? 7 : 13); ++i)
    coefficients.push_back(coefficients.back() / i);
  return dop(DOp::dscale, type, {polynomial(type, r, coefficients), n});
}

/// 2 atanh(s), s = (m - 1) / (m + 1), after x = 2^e m with m in [sqrt(1/2), sqrt(2)).
Value KernelLowering::logLanes(LaneType type, Value x) {
  const bool single = type == LaneType::f32;
  Value e = dop(DOp::dgetexp, type, {x}), m = dop(DOp::dgetmant, type, {x});
  Value large = compareFloat(Predicate::gt, type, m, splatFloat(type, 1.4142135623730951));
  m = select(type, large, dop(DOp::dmul, type, {m, splatFloat(type, 0.5)}), m);
  e = select(type, large, dop(DOp::dadd, type, {e, splatFloat(type, 1.0)}), e);
  Value f = dop(DOp::dsub, type, {m, splatFloat(type, 1.0)});
  Value s = dop(DOp::ddiv, type, {f, dop(DOp::dadd, type, {f, splatFloat(type, 2.0)})});
  Value z = dop(DOp::dmul, type, {s, s});
  SmallVector<double> coefficients;
  for (int i = 1; i <= (single ? 5 : 12); ++i)
    coefficients.push_back(2.0 / (2 * i + 1));
  // log(1 + f) = f - s (f - z P(z)): the leading term is exact.
  Value tail = dop(DOp::dmul, type, {z, polynomial(type, z, coefficients)});
  Value correction = dop(DOp::dmul, type, {s, dop(DOp::dsub, type, {f, tail})});
  const double high = single ? 0.693359375 : 6.93147180369123816490e-01, low = single ? -2.12194440054690581e-4 : 1.90821492927058770002e-10;
  correction = dop(DOp::dfnma, type, {correction, e, splatFloat(type, low)});
  Value result = dop(DOp::dsub, type, {f, correction});
  result = dop(DOp::dfma, type, {result, e, splatFloat(type, high)});
  const double infinity = INFINITY;
  result = select(type, compareFloat(Predicate::eq, type, x, splatFloat(type, infinity)), x, result);
  result = select(type, compareFloat(Predicate::eq, type, x, splatFloat(type, 0.0)), splatFloat(type, -infinity), result);
  return select(type, compareFloat(Predicate::ult, type, x, splatFloat(type, 0.0)), splatFloat(type, NAN), result);
}

Value KernelLowering::tanhLanes(LaneType type, Value x) {
  const LaneType bits = type == LaneType::f32 ? LaneType::i32 : LaneType::i64;
  Value sign = dop(DOp::dand, bits, {x, splatInt(bits, type == LaneType::f32 ? int64_t(0x80000000u) : INT64_MIN)});
  Value magnitude = dop(DOp::dxor, bits, {x, sign});
  // Large: 1 - 2 / (exp(2|x|) + 1). Small: coefficients of the Cephes library (Moshier, 1989).
  Value e = expLanes(type, dop(DOp::dadd, type, {magnitude, magnitude}));
  Value one = splatFloat(type, 1.0);
  Value large = dop(DOp::dsub, type, {one, dop(DOp::ddiv, type, {splatFloat(type, 2.0), dop(DOp::dadd, type, {e, one})})});
  Value z = dop(DOp::dmul, type, {x, x});
  Value series;
  if (type == LaneType::f32) {
    series = polynomial(type, z, {-3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3});
  } else {
    Value p = polynomial(type, z, {-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1});
    Value q = polynomial(type, z, {4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1.0});
    series = dop(DOp::ddiv, type, {p, q});
  }
  Value small = dop(DOp::dfma, type, {magnitude, dop(DOp::dmul, type, {series, z}), magnitude});
  Value result = select(type, compareFloat(Predicate::lt, type, magnitude, splatFloat(type, 0.625)), small, large);
  return dop(DOp::dor, bits, {result, sign});
}

/// f32 only: x P(x^2) below 1, else 1 - exp(-Q(|x|)); Chebyshev interpolation of erf(sqrt z)/sqrt z and of -log erfc.
Value KernelLowering::erfLanes(LaneType type, Value x) {
  if (type != LaneType::f32)
    return hostLanes("erf", type, x, Value());
  Value sign = dop(DOp::dand, LaneType::i32, {x, splatInt(LaneType::i32, int64_t(0x80000000u))});
  Value magnitude = dop(DOp::dxor, LaneType::i32, {x, sign});
  Value z = dop(DOp::dmul, type, {x, x});
  Value p = polynomial(type, z, {0.12837916706, -0.37612638468, 0.112837824952, -0.0268654307277, 0.00522103180786, -0.000848408040553,
                                 0.000112659590256, -9.66704457148e-6});
  Value small = dop(DOp::dfma, type, {magnitude, magnitude, p});
  Value t = dop(DOp::dmin, type, {splatFloat(type, 4.0), magnitude}); // erf(4) rounds to 1; a NaN passes
  Value q = polynomial(type, t, {-0.00038293733357, 1.13053334897, 0.631212643856, 0.110785717526, -0.0269248652787, 0.00499138552619,
                                 -0.000665684680169, 5.88302148201e-5, -2.9809121164e-6, 6.12397252702e-8});
  Value negated = dop(DOp::dxor, LaneType::i32, {q, splatInt(LaneType::i32, int64_t(0x80000000u))});
  Value large = dop(DOp::dsub, type, {splatFloat(type, 1.0), expLanes(type, negated)});
  Value result = select(type, compareFloat(Predicate::lt, type, magnitude, splatFloat(type, 1.0)), small, large);
  return dop(DOp::dor, LaneType::i32, {result, sign});
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
  if (mlir::isa<math::ExpOp>(op))
    return expLanes(type, in[0]);
  if (mlir::isa<math::LogOp>(op))
    return logLanes(type, in[0]);
  if (mlir::isa<math::TanhOp>(op))
    return tanhLanes(type, in[0]);
  if (mlir::isa<math::ErfOp>(op))
    return erfLanes(type, in[0]);
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
    return hostLanes("pow", type, in[0], convert(in[1], exponent, type));
  }
  static const std::pair<StringRef, StringRef> host[] = {
      {"math.powf", "pow"},     {"math.atan2", "atan2"}, {"math.atan", "atan"},   {"math.asin", "asin"},   {"math.acos", "acos"},
      {"math.sinh", "sinh"},    {"math.cosh", "cosh"},   {"math.tan", "tan"},     {"math.cbrt", "cbrt"},   {"math.erfc", "erfc"},
      {"math.expm1", "expm1"},  {"math.log1p", "log1p"}, {"math.asinh", "asinh"}, {"math.acosh", "acosh"}, {"math.atanh", "atanh"},
      {"math.sin", "sin"},      {"math.cos", "cos"},     {"math.exp2", "exp2"},   {"math.log2", "log2"},   {"math.log10", "log10"}};
  for (auto [name, function] : host)
    if (op.getName().getStringRef() == name)
      return hostLanes(function, type, in[0], in.size() > 1 ? in[1] : Value());
  return Value();
}

} // namespace vtpu
