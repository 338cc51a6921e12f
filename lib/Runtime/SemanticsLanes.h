//===- SemanticsLanes.h - Lanes and their bits ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the D and S pipes' semantics share. Loops over lanes have a constant length and no exit, so that each compiler makes a vector of them.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_SEMANTICSLANES_H
#define VTPU_LIB_RUNTIME_SEMANTICSLANES_H

#include "Semantics.h"

#include <cmath>
#include <cstring>
#include <type_traits>

// The same source for the machine's own vectors; results do not depend on the clone (one rounding per operation). Clang builds the bitcode, which
// is compiled for the host when it is used.
#if defined(__x86_64__) && !defined(__clang__) && !defined(VTPU_SANITIZED) // the resolvers of clones run before a sanitizer has started
#define VTPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VTPU_CLONES
#endif

namespace vtpu::rt {

template <typename T>
using BitsOf = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

template <typename T>
BitsOf<T> toBits(T value) {
  BitsOf<T> bits;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}
template <typename T>
T fromBits(BitsOf<T> bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// An IEEE binary16 in memory.
struct Half {
  uint16_t bits;
};

/// Calls `f` with the number of lanes of T in a length, as a constant.
template <typename T, typename F>
void withLength(isa::Length length, F &&f) {
  constexpr unsigned n = 16 / sizeof(T);
  switch (length) {
  case isa::Length::v128:
    return f(std::integral_constant<unsigned, n>());
  case isa::Length::v256:
    return f(std::integral_constant<unsigned, 2 * n>());
  case isa::Length::v512:
    return f(std::integral_constant<unsigned, 4 * n>());
  }
}
/// Calls `f` with a value of an element type that words know in memory.
template <typename F>
void withElement(isa::Type type, F &&f) {
  switch (type) {
  case isa::Type::i8:
    return f(int8_t());
  case isa::Type::i16:
    return f(int16_t());
  case isa::Type::i32:
    return f(int32_t());
  case isa::Type::i64:
    return f(int64_t());
  case isa::Type::u8:
    return f(uint8_t());
  case isa::Type::u16:
    return f(uint16_t());
  case isa::Type::u32:
    return f(uint32_t());
  case isa::Type::f32:
    return f(float());
  case isa::Type::f64:
    return f(double());
  case isa::Type::f16:
    return f(Half());
  default:
    return;
  }
}

/// Bit i is what `f` says of lane i.
template <unsigned n, typename F>
uint64_t bitsOf(F f) {
#ifdef __clang__ // which does not see that these are the bits of a vector of booleans
  using Lanes __attribute__((ext_vector_type(n))) = bool;
  uint8_t flags[n];
  for (unsigned i = 0; i < n; ++i)
    flags[i] = f(i);
  typedef uint8_t Bytes __attribute__((ext_vector_type(n)));
  Bytes bytes;
  std::memcpy(&bytes, flags, n);
  const Lanes lanes = __builtin_convertvector(bytes, Lanes);
  uint64_t bits = 0;
  std::memcpy(&bits, &lanes, sizeof lanes);
  return bits & ((uint64_t(1) << n) - 1); // fewer than eight lanes leave the rest of their byte undefined
#else
  uint64_t bits = 0;
  for (unsigned i = 0; i < n; ++i)
    bits |= uint64_t(f(i)) << i;
  return bits;
#endif
}

/// Writes `n` lanes to v register rd under the slot's mask; the rest becomes zero.
template <typename T, unsigned n>
void writeLanes(const isa::Slot &slot, Registers &regs, const T *values) {
  T *target = reinterpret_cast<T *>(regs.v[slot.rd]);
  if (slot.mask) {
    const uint64_t mask = regs.k[slot.mask];
    for (unsigned i = 0; i < n; ++i)
      target[i] = mask >> i & 1 ? values[i] : slot.zeroing ? T(0) : target[i];
  } else {
    std::memcpy(target, values, n * sizeof(T));
  }
  std::memset(target + n, 0, 64 - n * sizeof(T));
}

/// IEEE binary16 and back; to nearest even, NaNs become quiet.
inline float halfToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31)
    return fromBits<float>(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0));
  if (exponent == 0) {
    float magnitude = std::ldexp(float(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  return fromBits<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

inline uint16_t floatToHalf(float value) {
  uint32_t bits = toBits(value);
  uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  if (std::isnan(value))
    return uint16_t(sign | 0x7e00 | (bits >> 13 & 0x3ff));
  float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f)
    return sign | 0x7c00;
  if (magnitude < std::ldexp(1.0f, -14)) // denormal: a multiple of 2^-24
    return uint16_t(sign | uint16_t(std::nearbyint(std::ldexp(magnitude, 24))));
  uint32_t rounded = (bits & 0x7fffffff) + 0xfff + (bits >> 13 & 1);
  return uint16_t(sign | uint16_t((rounded >> 13) - (112u << 10)));
}

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_SEMANTICSLANES_H
