//===- LaneMath.h - Elementary functions on lanes ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The vocabulary in which elementary functions are written: a Num is a float in every lane, a Flag a truth value in every lane, and each
// operator emits one instruction. docs/Math.md states the error bounds, test/python/test_math.py measures them.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_CONVERSION_LINALGTOSIW_LANEMATH_H
#define VTPU_LIB_CONVERSION_LINALGTOSIW_LANEMATH_H

#include "KernelLowering.h"

namespace vtpu {

class LaneMath;

struct Num {
  LaneMath *math = nullptr;
  mlir::Value value;
};
struct Flag {
  LaneMath *math = nullptr;
  mlir::Value value;
};

/// A constant as the sum of two or three floats of falling size: more digits than a type has.
struct Digits {
  double high, low, rest = 0;
};

/// Elementary functions of one float type (f32 or f64), as instructions at the kernel's place of insertion.
class LaneMath {
public:
  LaneMath(KernelLowering &kernel, isa::Type type)
      : kernel(kernel), type(type), bits(type == isa::Type::f32 ? isa::Type::i32 : isa::Type::i64), single(type == isa::Type::f32) {}

  Num number(mlir::Value value) { return {this, value}; }
  Num number(double value) { return {this, kernel.splatFloat(type, value)}; }

  Num exp(Num x);
  Num exp2(Num x);
  Num expm1(Num x);
  Num log(Num x);
  Num log2(Num x);
  Num log10(Num x);
  Num log1p(Num x);
  Num pow(Num x, Num y);
  Num sinh(Num x);
  Num cosh(Num x);
  Num tanh(Num x);
  Num asinh(Num x);
  Num acosh(Num x);
  Num atanh(Num x);
  Num sin(Num x);
  Num cos(Num x);
  Num tan(Num x);
  Num asin(Num x);
  Num acos(Num x);
  Num atan(Num x);
  Num atan2(Num y, Num x);
  Num erf(Num x);
  Num erfc(Num x);

  // Instructions.
  Num emit(isa::DOp op, llvm::ArrayRef<mlir::Value> in, int64_t imm = 0) { return number(kernel.dop(op, type, in, imm)); }
  Num emitBits(isa::DOp op, Num a, Num b) { return number(kernel.dop(op, bits, {a.value, b.value})); }
  Flag compare(isa::Predicate p, Num a, Num b) { return {this, kernel.compareFloat(p, type, a.value, b.value)}; }
  Flag combine(isa::COp op, Flag a, Flag b) { return {this, kernel.emitter().c(op, {a.value, b.value})}; }

private:
  /// a * b + c, and c - a * b, rounded once.
  Num fma(Num a, Num b, Num c) { return emit(isa::DOp::dfma, {c.value, a.value, b.value}); }
  Num fma(Num a, Num b, double c) { return emit(isa::DOp::dfmai, {a.value, b.value}, int64_t(KernelLowering::floatBits(type, c))); }
  Num fnma(Num a, Num b, Num c) { return emit(isa::DOp::dfnma, {c.value, a.value, b.value}); }
  /// x * 2^n, rounded once.
  Num scale(Num x, Num n) { return emit(isa::DOp::dscale, {x.value, n.value}); }
  Num round(Num x) { return emit(isa::DOp::dround, {x.value}, 0); }
  Num sqrt(Num x) { return emit(isa::DOp::dsqrt, {x.value}); }
  /// x limited to [low, high]; a NaN passes.
  Num clamp(Num x, double low, double high) {
    return emit(isa::DOp::dmax, {number(low).value, atMost(x, high).value});
  }
  /// x, at most `high`; a NaN passes.
  Num atMost(Num x, double high) { return emit(isa::DOp::dmin, {number(high).value, x.value}); }
  Num select(Flag flag, Num a, Num b) { return number(kernel.select(type, flag.value, a.value, b.value)); }
  Num signMask() { return number(kernel.splatInt(bits, single ? int64_t(0x80000000u) : INT64_MIN)); }
  Num signOf(Num x) { return emitBits(isa::DOp::dand, x, signMask()); }
  Num magnitude(Num x) { return emitBits(isa::DOp::dandn, signMask(), x); }
  /// x with the sign bit set where `sign`, of all bits zero but the sign, has it; and with its own flipped there.
  Num setSign(Num x, Num sign) { return emitBits(isa::DOp::dor, x, sign); }
  Num flipSign(Num x, Num sign) { return emitBits(isa::DOp::dxor, x, sign); }
  /// True where the sign bit is set, also that of a zero or a NaN.
  Flag hasSign(Num x);
  /// The constant in this type, as two of its floats.
  Digits digits(const Digits &exact) const;
  /// c[0] + x * (c[1] + x * (...)).
  Num polynomial(Num x, llvm::ArrayRef<double> coefficients);

  // x = exponent + log(mantissa), and the like.
  struct Scaled {
    Num value, exponent;
  };
  Scaled expParts(Num x);
  Num exp2Series(Num r);
  Scaled splitLog(Num x);
  Num logFrom(Scaled parts, const Digits &scale, const Digits &two);
  Num logSpecials(Num x, Num result);

  struct Reduced {
    Num rest;             // in [-pi/4, pi/4], a little more at the edge
    mlir::Value quarters; // integer lanes
  };
  Reduced reduce(Num magnitude);
  Num sinSeries(Num r);
  Num cosSeries(Num r);
  Num sineOf(Num x, llvm::StringRef name, int64_t shift);
  /// `result`, but in lanes where `where` holds what the host function gives. No call is made unless there is such a lane.
  Num hostWhere(Flag where, llvm::StringRef name, Num x, Num result);
  Num atanQuotient(Num y, Num x);
  Num erfcPositive(Num x);
  Num erfSmall(Num x);

  KernelLowering &kernel;
  isa::Type type, bits;
  bool single;
};

#define VTPU_OPERATOR(symbol, code)                                                                                                             \
  inline Num operator symbol(Num a, Num b) { return a.math->emit(isa::DOp::code, {a.value, b.value}); }                                         \
  inline Num operator symbol(Num a, double b) { return a symbol a.math->number(b); }                                                            \
  inline Num operator symbol(double a, Num b) { return b.math->number(a) symbol b; }
VTPU_OPERATOR(+, dadd)
VTPU_OPERATOR(-, dsub)
VTPU_OPERATOR(*, dmul)
VTPU_OPERATOR(/, ddiv)
#undef VTPU_OPERATOR

// Comparisons are false where a NaN is; `!=` is true there.
#define VTPU_COMPARISON(symbol, predicate)                                                                                                      \
  inline Flag operator symbol(Num a, Num b) { return a.math->compare(isa::Predicate::predicate, a, b); }                                        \
  inline Flag operator symbol(Num a, double b) { return a symbol a.math->number(b); }
VTPU_COMPARISON(<, lt)
VTPU_COMPARISON(>, gt)
VTPU_COMPARISON(==, eq)
VTPU_COMPARISON(!=, ne)
#undef VTPU_COMPARISON

inline Flag operator&(Flag a, Flag b) { return a.math->combine(isa::COp::kand, a, b); }
inline Flag operator|(Flag a, Flag b) { return a.math->combine(isa::COp::kor, a, b); }
inline Flag operator^(Flag a, Flag b) { return a.math->combine(isa::COp::kxor, a, b); }

} // namespace vtpu

#endif // VTPU_LIB_CONVERSION_LINALGTOSIW_LANEMATH_H
