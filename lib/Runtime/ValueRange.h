//===- ValueRange.h - Strided intervals -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The abstract values of the verifier: sets { low, low + stride, .., high } of 64-bit integers, with saturation to "any".
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_VALUERANGE_H
#define VTPU_LIB_RUNTIME_VALUERANGE_H

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

namespace vtpu::rt {

/// A set of integers. Bounds beyond +-2^48 count as unbounded: no binding is that large.
struct ValueRange {
  static constexpr int64_t unbounded = int64_t(1) << 48;
  int64_t low = -unbounded, high = unbounded;
  uint64_t stride = 1; // 0: the single value low

  static ValueRange any() { return {}; }
  static ValueRange constant(int64_t value) {
    if (value <= -unbounded || value >= unbounded)
      return any();
    return {value, value, 0};
  }
  static ValueRange between(int64_t low, int64_t high, uint64_t stride = 1) {
    if (low <= -unbounded || high >= unbounded || low > high)
      return low > high ? ValueRange{low, low, 0} : ValueRange{std::max(low, -unbounded), std::min(high, unbounded), 1};
    if (low == high || stride == 0)
      return {low, low == high ? low : high, low == high ? 0 : std::max<uint64_t>(stride, 1)};
    return {low, low + int64_t(uint64_t(high - low) / stride * stride), stride};
  }
  bool isBounded() const { return low > -unbounded && high < unbounded; }
  /// True if a constant added to all of it gives a set of this kind, which has moved.
  bool isMovable(int32_t offset) const { return isBounded() && low > -unbounded - offset && high < unbounded - offset; }
  bool isConstant() const { return stride == 0 && low == high; }
  bool operator==(const ValueRange &o) const { return low == o.low && high == o.high && stride == o.stride; }

  /// Registers wrap: beyond a missing bound lies the other end of the integers, so a sum with an unbounded side has no bound at all.
  ValueRange operator+(const ValueRange &o) const {
    if (!isBounded() || !o.isBounded())
      return any();
    const int64_t l = low + o.low, h = high + o.high;
    if ((stride == 0 || o.stride == 0) && l > -unbounded && h < unbounded) // a constant moves the set
      return {l, h, stride + o.stride};
    return between(l, h, std::gcd(stride, o.stride));
  }
  ValueRange negated() const {
    if (!isBounded())
      return any();
    return between(-high, -low, stride);
  }
  ValueRange scaled(int64_t factor) const {
    if (factor == 0)
      return constant(0);
    if (!isBounded() || factor >= unbounded || factor <= -unbounded)
      return any();
    int64_t a, b;
    if (__builtin_mul_overflow(low, factor, &a) || __builtin_mul_overflow(high, factor, &b))
      return any();
    return between(std::min(a, b), std::max(a, b), stride * uint64_t(factor < 0 ? -factor : factor));
  }
  /// The smallest strided interval that holds both.
  ValueRange joined(const ValueRange &o) const {
    if (*this == o)
      return o;
    int64_t l = std::min(low, o.low), h = std::max(high, o.high);
    if (l <= -unbounded || h >= unbounded)
      return between(l, h);
    uint64_t gap = uint64_t(low > o.low ? low - o.low : o.low - low);
    return between(l, h, std::gcd(std::gcd(stride, o.stride), gap));
  }
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_VALUERANGE_H
