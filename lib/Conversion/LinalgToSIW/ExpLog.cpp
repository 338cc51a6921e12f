//===- ExpLog.cpp - Exponentials, logarithms, powers ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Series are Taylor's unless a comment says otherwise. Where a result must be better than the type, values are sums of two floats: a product's
// or sum's rounding error is computed by a fused multiply-add or by subtraction (Dekker, 1971).
//
//===----------------------------------------------------------------------===//

#include "LaneMath.h"

#include <cmath>

using vtpu::isa::DOp;

namespace vtpu {

static constexpr Digits kLn2 = {0.6931471805599453, 2.3190468138462996e-17};
static constexpr Digits kLog2E = {1.4426950408889634, 2.0355273740931033e-17};
static constexpr Digits kLog10E = {0.4342944819032518, 1.098319650216765e-17};
static constexpr Digits kLog10Of2 = {0.3010299956639812, -2.8037281277851704e-18};

Digits LaneMath::digits(const Digits &exact) const {
  if (!single)
    return exact;
  // Through memory: GCC 12 vectorises a pair of roundings to f32 and back away.
  volatile float high = float(exact.high), low = float(exact.high - high);
  return {high, low, exact.high - high - low + exact.low};
}

Num LaneMath::polynomial(Num x, llvm::ArrayRef<double> coefficients) {
  Num sum = number(coefficients.back());
  for (double c : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, c);
  return sum;
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

/// value * 2^exponent for |x| below some thousand.
LaneMath::Scaled LaneMath::expParts(Num x) {
  Num n = round(x * kLog2E.high);
  const Digits ln2 = digits(kLn2);
  Num r = fnma(n, number(ln2.low), fnma(n, number(ln2.high), x));
  llvm::SmallVector<double> coefficients = {1.0};
  for (int i = 1; i <= (single ? 7 : 13); ++i)
    coefficients.push_back(coefficients.back() / i);
  return {polynomial(r, coefficients), n};
}

Num LaneMath::exp(Num x) {
  // Beyond these the result is infinite or zero.
  Scaled parts = expParts(clamp(x, single ? -104 : -746, single ? 89 : 710));
  return scale(parts.value, parts.exponent);
}

/// 2^r for |r| <= 1/2, a little more at the edge.
Num LaneMath::exp2Series(Num r) {
  llvm::SmallVector<double> coefficients = {1.0};
  for (int i = 1; i <= (single ? 7 : 13); ++i)
    coefficients.push_back(coefficients.back() * kLn2.high / i);
  return polynomial(r, coefficients);
}

Num LaneMath::exp2(Num x) {
  x = clamp(x, single ? -151 : -1076, single ? 129 : 1025);
  Num n = round(x);
  return scale(exp2Series(x - n), n);
}

Num LaneMath::expm1(Num x) {
  Num limited = clamp(x, single ? -104 : -746, single ? 89 : 710);
  Num n = round(limited * kLog2E.high);
  const Digits ln2 = digits(kLn2);
  Num r = fnma(n, number(ln2.low), fnma(n, number(ln2.high), limited));
  llvm::SmallVector<double> coefficients = {0.5};
  for (int i = 3; i <= (single ? 8 : 15); ++i)
    coefficients.push_back(coefficients.back() / i);
  Num p = fma(r * r, polynomial(r, coefficients), r); // expm1(r)
  // 2^n p + (2^n - 1), halved lest 2^n overflow.
  Num half = scale(number(0.5), n);
  Num sum = fma(half, p, half - 0.5);
  Num result = select(n == 0.0, p, sum + sum);
  return setSign(result, signOf(x));
}

Num LaneMath::tanh(Num x) {
  Num t = expm1(magnitude(x) * -2.0);
  return setSign(magnitude(t / (t + 2.0)), signOf(x));
}

Num LaneMath::sinh(Num x) {
  const double limit = single ? 90 : 711;
  Num a = atMost(magnitude(x), limit);
  Num t = expm1(a);
  Num small = (t + t / (t + 1.0)) * 0.5;
  Scaled parts = expParts(a);
  Num large = scale(parts.value, parts.exponent - 1.0); // expm1 overflows earlier than sinh
  return setSign(select(a > 22.0, large, small), signOf(x));
}

Num LaneMath::cosh(Num x) {
  const double limit = single ? 90 : 711;
  Scaled parts = expParts(atMost(magnitude(x), limit));
  Num grows = scale(parts.value, parts.exponent - 1.0);
  return grows + scale(0.5 / parts.value, 0.0 - parts.exponent);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// x = 2^exponent (1 + value) with value in [sqrt(1/2) - 1, sqrt(2) - 1).
LaneMath::Scaled LaneMath::splitLog(Num x) {
  Num e = emit(DOp::dgetexp, {x.value}), m = emit(DOp::dgetmant, {x.value});
  Flag large = m > 1.4142135623730951;
  m = select(large, m * 0.5, m);
  e = select(large, e + 1.0, e);
  return {m - 1.0, e};
}

/// scale * log(1 + value) + two * exponent, by log(1 + f) = 2 atanh(s), s = f / (2 + f).
Num LaneMath::logFrom(Scaled parts, const Digits &exactScale, const Digits &exactTwo) {
  Num f = parts.value;
  Num s = f / (f + 2.0);
  Num z = s * s;
  llvm::SmallVector<double> coefficients;
  for (int i = 1; i <= (single ? 5 : 12); ++i)
    coefficients.push_back(2.0 / (2 * i + 1));
  // log(1 + f) = f - s (f - z P(z)): the leading term is exact.
  Num correction = s * (f - z * polynomial(z, coefficients));
  Num high = f - correction;
  Num low = (f - high) - correction;
  const Digits scale = digits(exactScale), two = digits(exactTwo);
  if (scale.high != 1.0)
    low = fma(high, number(scale.low), low * scale.high);
  if (two.low != 0.0)
    low = fma(parts.exponent, number(two.low), low);
  Num sum = scale.high != 1.0 ? fma(high, number(scale.high), low) : high + low;
  return two.high != 1.0 ? fma(parts.exponent, number(two.high), sum) : parts.exponent + sum;
}

Num LaneMath::logSpecials(Num x, Num result) {
  result = select(x == INFINITY, x, result);
  result = select(x == 0.0, number(-INFINITY), result);
  return select(compare(isa::Predicate::ult, x, number(0.0)), number(NAN), result);
}

Num LaneMath::log(Num x) { return logSpecials(x, logFrom(splitLog(x), {1, 0}, kLn2)); }
Num LaneMath::log2(Num x) { return logSpecials(x, logFrom(splitLog(x), kLog2E, {1, 0})); }
Num LaneMath::log10(Num x) { return logSpecials(x, logFrom(splitLog(x), kLog10E, kLog10Of2)); }

Num LaneMath::log1p(Num x) {
  // The exponent of the rounded sum will do; what is left is computed from x itself.
  Num u = x + 1.0;
  Num e = splitLog(u).exponent;
  Num unit = scale(number(1.0), 0.0 - e);
  Num result = logFrom({fma(x, unit, unit - 1.0), e}, {1, 0}, kLn2);
  return setSign(logSpecials(u, result), signOf(x));
}

Num LaneMath::asinh(Num x) {
  Num a = magnitude(x);
  Flag large = a > (single ? 33554432.0 : 18014398509481984.0); // 1 is nothing beside a
  Num square = a * a;
  Num argument = a + square / (sqrt(square + 1.0) + 1.0);
  Num result = log1p(select(large, a, argument)) + select(large, number(kLn2.high), number(0.0));
  return setSign(result, signOf(x));
}

Num LaneMath::acosh(Num x) {
  Flag large = x > (single ? 4096.0 : 268435456.0);
  Num t = x - 1.0;
  Num argument = t + sqrt(fma(t, t, t + t));
  Num result = log1p(select(large, t, argument)) + select(large, number(kLn2.high), number(0.0));
  return select(compare(isa::Predicate::ult, x, number(1.0)), number(NAN), result);
}

Num LaneMath::atanh(Num x) {
  Num a = magnitude(x);
  return setSign(log1p((a + a) / (1.0 - a)) * 0.5, signOf(x));
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

/// 2^(y log2|x|) with the logarithm in two floats; special cases as in C (F.10.4.4).
Num LaneMath::pow(Num x, Num y) {
  Num a = magnitude(x);
  Scaled parts = splitLog(a);
  Num e = parts.exponent, f = parts.value;
  // s = f / (2 + f), log2(1 + f) = (2 s + s^3 (2/3 + s^2 Q(s^2))) / ln 2.
  Num d = f + 2.0, dLow = f - (d - 2.0);
  Num inverse = 1.0 / d;
  Num s = f * inverse;
  Num sLow = fnma(s, dLow, fnma(s, d, f)) * inverse;
  Num z = s * s;
  Num zLow = (s + s) * sLow - fnma(s, s, z);
  llvm::SmallVector<double> coefficients;
  for (int i = 2; i <= (single ? 6 : 12); ++i)
    coefficients.push_back(2 * kLog2E.high / (2 * i + 1));
  const Digits third = digits({0.9617966939259756, 5.0577616648125907e-17}); // 2/3 / ln 2
  Num t = z * polynomial(z, coefficients);
  Num p = t + third.high;
  Num pLow = ((third.high - p) + t) + third.low;
  Num cube = s * z;
  Num cubeLow = fma(sLow, z, s * zLow) - fnma(s, z, cube);
  Num tail = cube * p;
  Num tailLow = fma(cubeLow, p, cube * pLow) - fnma(cube, p, tail);
  const Digits two = digits({2 * kLog2E.high, 2 * kLog2E.low});
  Num head = s * two.high;
  Num headLow = fma(sLow, number(two.high), s * two.low) - fnma(s, number(two.high), head);
  Num sum = head + tail;
  Num sumLow = (((head - sum) + tail) + tailLow) + headLow;
  Num log = e + sum;
  Num logLow = ((e - log) + sum) + sumLow;
  // Times y.
  Num h = y * log;
  Num hLow = y * logLow - fnma(y, log, h);
  const double limit = single ? 160 : 1100;
  Flag beyond = magnitude(h) > limit;
  hLow = select(beyond, number(0.0), hLow);
  h = clamp(h, -limit, limit);
  Num n = round(h);
  Num result = scale(exp2Series((h - n) + hLow), n);
  // Zeros and infinities grow or shrink to each other, 1 stays.
  Flag isZero = a == 0.0, isInfinite = a == INFINITY, yNegative = y < 0.0;
  Num extreme = select(isZero ^ yNegative, number(0.0), number(INFINITY));
  result = select((isZero | isInfinite) & compare(isa::Predicate::ord, y, y), extreme, result);
  result = select(a == 1.0, a, result);
  // Negative bases: the sign of odd powers, nothing for fractions.
  Num half = y * 0.5;
  Flag isWhole = round(y) == y;
  Flag isOdd = isWhole & (round(half) != half);
  result = setSign(result, select(isOdd, signOf(x), number(0.0)));
  Flag isFraction = compare(isa::Predicate::ne, round(y), y) & (x < 0.0) & (x > -INFINITY);
  result = select(isFraction, number(NAN), result);
  return select((y == 0.0) | (x == 1.0), number(1.0), result);
}

} // namespace vtpu
