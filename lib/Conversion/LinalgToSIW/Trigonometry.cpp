//===- Trigonometry.cpp - Sine, tangent, their inverses, erf ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Coefficients that are no Taylor series interpolate at Chebyshev nodes of the interval that the comment names.
//
//===----------------------------------------------------------------------===//

#include "LaneMath.h"

#include <cmath>

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

static constexpr Digits kHalfPi = {1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33};

Flag LaneMath::hasSign(Num x) {
  siw::Fields fields = kernel.fieldsFor(bits);
  fields.predicate = isa::Predicate::lt;
  return {this, kernel.emitter().d(DOp::dcmp, {x.value, kernel.splatInt(bits, 0)}, fields)};
}

Num LaneMath::hostWhere(Flag where, StringRef name, Num x, Num result) {
  siw::Emitter emitter = kernel.emitter();
  OperationState state(emitter.loc, siw::IfOp::getOperationName());
  state.addOperands(emitter.c(COp::kget, {where.value}));
  state.addTypes(result.value.getType());
  for (bool taken : {true, false}) {
    Region *region = state.addRegion();
    region->push_back(new Block);
    OpBuilder::InsertionGuard guard(emitter.builder);
    emitter.builder.setInsertionPointToStart(&region->front());
    // The other lanes keep their own result: what a lane gives must not depend on its neighbours.
    Value value = taken ? select(where, number(kernel.hostLanes(name, type, x.value, Value())), result).value : result.value;
    siw::YieldOp::create(emitter.builder, emitter.loc, value);
  }
  return number(emitter.builder.create(state)->getResult(0));
}

//===----------------------------------------------------------------------===//
// Sine, cosine, tangent
//===----------------------------------------------------------------------===//

// Up to here the multiple of pi/2 is small enough for a reduction by three parts of pi/2 (Cody and Waite, 1980).
static double moderate(bool single) { return single ? 1e5 : 1e8; }

LaneMath::Reduced LaneMath::reduce(Num magnitude) {
  const Digits part = digits(kHalfPi);
  Num n = round(magnitude * (1 / kHalfPi.high));
  // The first difference is exact: it is a multiple of the first part's last bit and below 1.
  Num r = fnma(n, number(part.high), magnitude);
  r = fnma(n, number(part.low), r);
  r = fnma(n, number(part.rest), r);
  return {r, kernel.convert(n.value, type, bits)};
}

Num LaneMath::sinSeries(Num r) {
  Num z = r * r;
  llvm::SmallVector<double> coefficients;
  double factor = 1;
  for (int i = 1; i <= (single ? 5 : 9); ++i)
    coefficients.push_back(factor /= -(2.0 * i) * (2 * i + 1));
  return fma(r * z, polynomial(z, coefficients), r);
}

Num LaneMath::cosSeries(Num r) {
  Num z = r * r;
  llvm::SmallVector<double> coefficients;
  double factor = -0.5;
  for (int i = 2; i <= (single ? 5 : 9); ++i)
    coefficients.push_back(factor /= -(2.0 * i) * (2 * i - 1));
  // 1 - z/2 in two parts, the rest upon the low one.
  Num half = z * 0.5;
  Num high = 1.0 - half;
  Num low = (1.0 - high) - half;
  return high + fma(z * z, polynomial(z, coefficients), low);
}

/// sin(x + shift pi/2).
Num LaneMath::sineOf(Num x, StringRef name, int64_t shift) {
  Num a = magnitude(x);
  Reduced reduced = reduce(a);
  Value q = reduced.quarters;
  if (shift)
    q = kernel.dop(DOp::dadd, bits, {q, kernel.splatInt(bits, shift)});
  siw::Fields fields = kernel.fieldsFor(bits);
  fields.predicate = isa::Predicate::ne;
  Value odd = kernel.dop(DOp::dand, bits, {q, kernel.splatInt(bits, 1)});
  Flag isCosine = {this, kernel.emitter().d(DOp::dcmp, {odd, kernel.splatInt(bits, 0)}, fields)};
  Num sign = signOf(number(kernel.dop(DOp::dshli, bits, {q}, single ? 30 : 62)));
  Num result = flipSign(select(isCosine, cosSeries(reduced.rest), sinSeries(reduced.rest)), sign);
  if (!shift)
    result = flipSign(result, signOf(x));
  return hostWhere(a > moderate(single), name, x, result);
}

Num LaneMath::sin(Num x) { return sineOf(x, "sin", 0); }
Num LaneMath::cos(Num x) { return sineOf(x, "cos", 1); }

Num LaneMath::tan(Num x) {
  Num a = magnitude(x);
  Reduced reduced = reduce(a);
  Num s = sinSeries(reduced.rest), c = cosSeries(reduced.rest);
  siw::Fields fields = kernel.fieldsFor(bits);
  fields.predicate = isa::Predicate::ne;
  Value low = kernel.dop(DOp::dand, bits, {reduced.quarters, kernel.splatInt(bits, 1)});
  Flag odd = {this, kernel.emitter().d(DOp::dcmp, {low, kernel.splatInt(bits, 0)}, fields)};
  Num quotient = select(odd, c, s) / select(odd, flipSign(s, signMask()), c);
  return hostWhere(a > moderate(single), "tan", x, flipSign(quotient, signOf(x)));
}

//===----------------------------------------------------------------------===//
// Inverses
//===----------------------------------------------------------------------===//

/// The angle of (x, y), both >= 0, in [0, pi/2].
Num LaneMath::atanQuotient(Num y, Num x) {
  Flag steep = y > x;
  Num least = select(steep, x, y), most = select(steep, y, x);
  Num ratio = least / most;
  // Two zeros or two infinities have no quotient.
  ratio = select(least == most, select(least == 0.0, least, number(1.0)), ratio);
  // Above tan(pi/8): atan(q) = pi/4 + atan((q - 1) / (q + 1)).
  Flag middle = ratio > 0.41421356237309503;
  Num t = select(middle, (ratio - 1.0) / (ratio + 1.0), ratio);
  Num z = t * t;
  // (atan(sqrt z) / sqrt z - 1) / z on [0, tan(pi/8)^2].
  Num p = single ? polynomial(z, {-0.33333331754, 0.19999538795, -0.14263897113, 0.10743099668, -0.064498352246})
                 : polynomial(z, {-0.3333333333333333322, 0.1999999999999980253, -0.142857142856593273, 0.1111111110510670514,
                                  -0.09090908751076635877, 0.07692296304974470057, -0.06666423628069257579, 0.05878914544400621696,
                                  -0.05230347873016074183, 0.04551108126325171883, -0.03455809255141379611, 0.01627194475162406036});
  Num angle = fma(t * z, p, t);
  const Digits half = digits(kHalfPi);
  angle = select(middle, number(half.high / 2) + (angle + half.low / 2), angle);
  return select(steep, half.high - (angle - half.low), angle);
}

Num LaneMath::atan(Num x) { return setSign(atanQuotient(magnitude(x), number(1.0)), signOf(x)); }

Num LaneMath::atan2(Num y, Num x) {
  Num angle = atanQuotient(magnitude(y), magnitude(x));
  const Digits half = digits(kHalfPi);
  angle = select(hasSign(x), 2 * half.high - (angle - 2 * half.low), angle);
  return setSign(angle, signOf(y));
}

Num LaneMath::asin(Num x) {
  Num root = sqrt((1.0 - x) * (x + 1.0)); // NaN outside [-1, 1]
  return setSign(atanQuotient(magnitude(x), root), signOf(x));
}

Num LaneMath::acos(Num x) {
  Num angle = atanQuotient(sqrt(1.0 - x), sqrt(x + 1.0));
  return angle + angle;
}

//===----------------------------------------------------------------------===//
// The error function
//===----------------------------------------------------------------------===//

/// erfc(x) = exp(-x^2) g(q) / (1 + 2 x), q = (x - K) / (x + K), for x >= 0 (Shepherd and Laframboise, 1981).
Num LaneMath::erfcPositive(Num x) {
  const double k = single ? 2 : 4;
  x = atMost(x, single ? 10.5 : 27.3); // zero from here on
  Num q = (x - k) / (x + k);
  // On x in [0, 10.6] and [0, 27.4].
  Num g = single ? polynomial(q, {1.2769783929, -0.092763909872, -0.1660314281, 0.16405336084, -0.054204260091, -0.0080449540554,
                                  0.0086349107277, 0.0012712561184, -0.0012497092014, -0.00035974495402, 2.811129798e-5})
                 : polynomial(q, {1.232995118625552506, -0.1396211168405628633, 0.01537965210262104326, 0.06809705425473414467,
                                  -0.1010390660363706992, 0.09373283499688893587, -0.06633036581108195107, 0.03716751556127146901,
                                  -0.01619773406461013229, 0.005031969763652847083, -0.0007577733027442622235, -0.0001992555303973419084,
                                  0.0001506220797406190102, -0.00002440316317659252323, -0.00001122436530756407451, 5.718043609773559191e-6,
                                  3.007144483751104579e-7, -8.356147219289346955e-7, 6.318100986366053366e-8, 1.158854295654146553e-7,
                                  -7.783296115022293173e-9, -1.391155394532714859e-8, -1.894787610062639368e-9});
  Num square = x * x;
  Num negativeLow = fnma(x, x, square); // what the square lost
  Scaled parts = expParts(0.0 - square);
  Num factor = fma(parts.value, negativeLow, parts.value);
  return scale(factor * (g / fma(number(2.0), x, number(1.0))), parts.exponent);
}

/// erf(x) for |x| <= 1.
Num LaneMath::erfSmall(Num x) {
  Num z = x * x;
  // erf(sqrt z) / sqrt z - 1 on [0, 1].
  Num p = single ? polynomial(z, {0.12837916706, -0.37612638468, 0.112837824952, -0.0268654307277, 0.00522103180786, -0.000848408040553,
                                  0.000112659590256, -9.66704457148e-6})
                 : polynomial(z, {0.12837916709551257377, -0.37612638903183748056, 0.11283791670954878666, -0.026866170645076793248,
                                  0.0052239776248180144673, -0.00085483269808337899052, 0.00012055331111642710923,
                                  -0.000014925595266831181565, 1.6461000484121368033e-6, -1.6350312701054695011e-7,
                                  1.4659775274047435814e-8, -1.137284885679167367e-9, 5.9571761477489114044e-11});
  return fma(x, p, x);
}

Num LaneMath::erfc(Num x) {
  Num a = magnitude(x);
  Num positive = erfcPositive(a);
  return select(a < 0.5, 1.0 - erfSmall(x), select(x < 0.0, 2.0 - positive, positive));
}

Num LaneMath::erf(Num x) {
  Num a = magnitude(x);
  Num large;
  if (single) {
    // 1 - exp(Q): log erfc on [1, 4].
    Num t = atMost(a, 4); // erf(4) rounds to 1
    Num q = polynomial(t, {0.00038293733357, -1.13053334897, -0.631212643856, -0.110785717526, 0.0269248652787, -0.00499138552619,
                           0.000665684680169, -5.88302148201e-5, 2.9809121164e-6, -6.12397252702e-8});
    Scaled parts = expParts(q); // Q is between -16 and 0.001
    large = 1.0 - scale(parts.value, parts.exponent);
  } else {
    large = 1.0 - erfcPositive(a);
  }
  return setSign(select(a < 1.0, erfSmall(a), large), signOf(x));
}

} // namespace vtpu
