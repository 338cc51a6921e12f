//===- Semantics.cpp - What the D pipe's instructions compute ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each instruction is a function of one lane where it can be, else of whole registers. Built without contraction, so that every operation
// rounds as the table says. Also built as bitcode for the ORC tier.
//
//===----------------------------------------------------------------------===//

#include "Semantics.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

// The same source for the machine's own vectors; results do not depend on the clone (one rounding per operation). Clang builds the bitcode, which
// is compiled for the host when it is used.
#if defined(__x86_64__) && !defined(__clang__)
#ifdef VTPU_SANITIZED
#define VTPU_CLONES // the resolvers of clones run before a sanitizer has started
#else
#define VTPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define VTPU_CLONES
#endif

namespace vtpu::rt {

using namespace isa;

namespace {
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

/// Two's complement arithmetic without undefined overflow.
template <typename T, typename F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_floating_point_v<T>)
    return f(a, b);
  else
    return T(f(std::make_unsigned_t<T>(a), std::make_unsigned_t<T>(b)));
}

template <typename T>
bool comparePredicate(Predicate predicate, T a, T b) {
  bool unordered = false;
  if constexpr (std::is_floating_point_v<T>)
    unordered = std::isnan(a) || std::isnan(b);
  else if (predicate >= Predicate::ult && predicate <= Predicate::uge) {
    using U = std::make_unsigned_t<T>;
    U x = U(a), y = U(b);
    return predicate == Predicate::ult ? x < y : predicate == Predicate::ule ? x <= y : predicate == Predicate::ugt ? x > y : x >= y;
  }
  switch (predicate) {
  case Predicate::eq:
    return a == b;
  case Predicate::ne:
    return !(a == b);
  case Predicate::lt:
    return a < b;
  case Predicate::le:
    return a <= b;
  case Predicate::gt:
    return a > b;
  case Predicate::ge:
    return a >= b;
  case Predicate::ult:
    return unordered || a < b;
  case Predicate::ule:
    return unordered || a <= b;
  case Predicate::ugt:
    return unordered || a > b;
  case Predicate::uge:
    return unordered || a >= b;
  case Predicate::ueq:
    return unordered || a == b;
  case Predicate::one:
    return !unordered && a != b;
  case Predicate::ord:
    return !unordered;
  case Predicate::uno:
    return unordered;
  }
  return false;
}

template <typename T>
bool isQuiet(T nan) {
  return toBits(nan) >> (sizeof(T) == 4 ? 22 : 51) & 1;
}
template <typename T>
T scaleByPower(T a, T b) {
  // As vscalef has it: infinity and zero win over a quiet NaN.
  if (std::isnan(a) && isQuiet(a) && std::isinf(b))
    return b > 0 ? std::numeric_limits<T>::infinity() : T(0);
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<T>::quiet_NaN();
  if (std::isinf(b)) {
    if (b > 0)
      return a == 0 ? std::numeric_limits<T>::quiet_NaN() : std::copysign(std::numeric_limits<T>::infinity(), a);
    return std::isinf(a) ? std::numeric_limits<T>::quiet_NaN() : std::copysign(T(0), a);
  }
  T whole = std::clamp(std::floor(b), T(-10000), T(10000));
  return std::ldexp(a, int(whole));
}
template <typename T>
T exponentOf(T a) {
  return std::logb(a);
}
template <typename T>
T mantissaOf(T a) {
  if (std::isnan(a))
    return a + a;
  if (a == 0 || std::isinf(a))
    return std::copysign(T(1), a);
  int exponent;
  return T(2) * std::frexp(a, &exponent);
}
template <typename T>
T roundTo(T a, int mode) {
  switch (mode) {
  case 0:
    return std::nearbyint(a); // the environment rounds to nearest even
  case 1:
    return std::floor(a);
  case 2:
    return std::ceil(a);
  default:
    return std::trunc(a);
  }
}

template <typename To, typename From>
To convertLane(From value) {
  if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    // 2^(bits-1) is exact in both float types.
    const From limit = std::ldexp(From(1), int(sizeof(To) * 8 - 1));
    if (!(value >= -limit && value < limit))
      return std::numeric_limits<To>::min();
    return To(value);
  } else {
    return To(value);
  }
}

/// Trit `index` of a lane: 01 is +1, 10 is -1, 00 and 11 are 0.
template <typename T>
T tritOf(T lane, int32_t index) {
  const unsigned code = unsigned(toBits(lane) >> 2 * (unsigned(index) % (sizeof(T) * 4))) & 3;
  return T(code == 1) - T(code == 2);
}

/// The upper half of the concatenation of `high` and `low`, `n` lanes of 64 bits each, shifted up by `shift` bits modulo the length.
template <typename T>
void shiftUp(const T *high, const T *low, unsigned n, int32_t shift, T *out) {
  const unsigned bits = unsigned(shift) % (n * 64), lanes = bits / 64, rest = bits % 64;
  uint64_t both[16];
  std::memcpy(both, low, n * 8);
  std::memcpy(both + n, high, n * 8);
  for (unsigned i = 0; i < n; ++i) {
    const uint64_t *from = both + n + i - lanes;
    out[i] = T(rest ? from[0] << rest | from[-1] >> (64 - rest) : from[0]);
  }
}

template <typename T>
T reducePair(int kind, T a, T b) {
  using B = BitsOf<T>;
  switch (kind) {
  case 0:
    return wrapping(a, b, [](auto x, auto y) { return x + y; });
  case 1:
    return wrapping(a, b, [](auto x, auto y) { return x * y; });
  case 2:
    return a < b ? a : b;
  case 3:
    return a > b ? a : b;
  case 4:
    return fromBits<T>(B(toBits(a) & toBits(b)));
  case 5:
    return fromBits<T>(B(toBits(a) | toBits(b)));
  default:
    return fromBits<T>(B(toBits(a) ^ toBits(b)));
  }
}

/// A template's temporary is zero behind the instruction. It is none of its operands.
void clearTemporary(const Slot &slot, Registers &regs) {
  switch (DOp(slot.opcode)) {
  case DOp::dred:
  case DOp::dhdperm:
  case DOp::dtpop:
    std::memset(regs.v[slot.rb], 0, 64);
    return;
  case DOp::dhdperm2:
  case DOp::dternary:
  case DOp::dtacc:
    std::memset(regs.v[slot.rc], 0, 64);
    return;
  default:
    return;
  }
}

/// Every instruction whose sources and destination have lanes of one type.
template <typename T>
struct Lanes {
  static constexpr unsigned most = 64 / sizeof(T);
  using U = std::conditional_t<std::is_floating_point_v<T>, BitsOf<T>, std::make_unsigned_t<std::conditional_t<std::is_floating_point_v<T>, int, T>>>;

  VTPU_CLONES static void map(DOp op, unsigned n, const T *a, const T *b, const T *d, T *out, const Slot &slot) {
    constexpr unsigned bitsMask = sizeof(T) * 8 - 1;
    switch (op) {
    case DOp::dadd:
      for (unsigned i = 0; i < n; ++i)
        out[i] = wrapping(a[i], b[i], [](auto x, auto y) { return x + y; });
      return;
    case DOp::dsub:
      for (unsigned i = 0; i < n; ++i)
        out[i] = wrapping(a[i], b[i], [](auto x, auto y) { return x - y; });
      return;
    case DOp::dmul:
      for (unsigned i = 0; i < n; ++i)
        out[i] = wrapping(a[i], b[i], [](auto x, auto y) { return x * y; });
      return;
    case DOp::dmin:
      for (unsigned i = 0; i < n; ++i)
        out[i] = a[i] < b[i] ? a[i] : b[i];
      return;
    case DOp::dmax:
      for (unsigned i = 0; i < n; ++i)
        out[i] = a[i] > b[i] ? a[i] : b[i];
      return;
    case DOp::dmov:
      std::memcpy(out, a, n * sizeof(T));
      return;
    case DOp::dternary:
      for (unsigned i = 0; i < n; ++i)
        out[i] = wrapping(a[i], tritOf(b[i], slot.imm), [](auto x, auto y) { return x * y; });
      return;
    default:
      break;
    }
    if constexpr (std::is_floating_point_v<T>) {
      switch (op) {
      case DOp::dfma:
        for (unsigned i = 0; i < n; ++i)
          out[i] = std::fma(a[i], b[i], d[i]);
        return;
      case DOp::dfnma:
        for (unsigned i = 0; i < n; ++i)
          out[i] = std::fma(-a[i], b[i], d[i]);
        return;
      case DOp::dtacc:
        for (unsigned i = 0; i < n; ++i)
          out[i] = std::fma(a[i], tritOf(b[i], slot.imm), d[i]);
        return;
      case DOp::ddiv:
        for (unsigned i = 0; i < n; ++i)
          out[i] = a[i] / b[i];
        return;
      case DOp::dsqrt:
        for (unsigned i = 0; i < n; ++i)
          out[i] = std::sqrt(a[i]);
        return;
      case DOp::dround:
        for (unsigned i = 0; i < n; ++i)
          out[i] = roundTo(a[i], slot.imm);
        return;
      case DOp::dscale:
        for (unsigned i = 0; i < n; ++i)
          out[i] = scaleByPower(a[i], b[i]);
        return;
      case DOp::dgetexp:
        for (unsigned i = 0; i < n; ++i)
          out[i] = exponentOf(a[i]);
        return;
      case DOp::dgetmant:
        for (unsigned i = 0; i < n; ++i)
          out[i] = mantissaOf(a[i]);
        return;
      case DOp::drnd:
        if constexpr (sizeof(T) == 4)
          for (unsigned i = 0; i < n; ++i)
            out[i] = halfToFloat(floatToHalf(a[i]));
        return;
      default:
        return;
      }
    } else {
      for (unsigned i = 0; i < n; ++i) {
        U x = U(a[i]), y = U(b[i]);
        switch (op) {
        case DOp::dminu:
          out[i] = T(std::min(x, y));
          break;
        case DOp::dmaxu:
          out[i] = T(std::max(x, y));
          break;
        case DOp::dand:
          out[i] = T(x & y);
          break;
        case DOp::dor:
          out[i] = T(x | y);
          break;
        case DOp::dxor:
          out[i] = T(x ^ y);
          break;
        case DOp::dandn:
          out[i] = T(~x & y);
          break;
        case DOp::dshl:
          out[i] = y > bitsMask ? T(0) : T(x << y);
          break;
        case DOp::dshr:
          out[i] = y > bitsMask ? T(0) : T(x >> y);
          break;
        case DOp::dsar:
          out[i] = a[i] >> std::min<U>(y, bitsMask);
          break;
        case DOp::dshli:
          out[i] = T(x << (unsigned(slot.imm) & bitsMask));
          break;
        case DOp::dshri:
          out[i] = T(x >> (unsigned(slot.imm) & bitsMask));
          break;
        case DOp::dsari:
          out[i] = a[i] >> (unsigned(slot.imm) & bitsMask);
          break;
        case DOp::dabs:
          out[i] = a[i] < 0 ? T(U(0) - x) : a[i];
          break;
        case DOp::dlzcnt:
          out[i] = x == 0 ? T(sizeof(T) * 8) : T(sizeof(T) == 4 ? __builtin_clz(uint32_t(x)) : __builtin_clzll(uint64_t(x)));
          break;
        case DOp::dhdbind:
          out[i] = T(x ^ y);
          break;
        case DOp::dhdbund:
          out[i] = T((x & y) | (x & U(d[i])) | (y & U(d[i])));
          break;
        case DOp::dhdsim:
          out[i] = T(__builtin_popcountll(U(~(x ^ y))));
          break;
        case DOp::dpopcnt:
          out[i] = T(__builtin_popcountll(x));
          break;
        case DOp::dtpop: // a trit is 0 if its two bits are equal
          out[i] = T(__builtin_popcountll(U((x ^ x >> 1) & U(0x5555555555555555))));
          break;
        case DOp::dtacc:
          out[i] = T(x * U(tritOf(b[i], slot.imm)) + U(d[i]));
          break;
        default:
          break;
        }
      }
    }
  }

  static void execute(const Slot &slot, const Word &word, Registers &regs) {
    const unsigned n = laneCount(slot.length, slot.type);
    const T *a = reinterpret_cast<const T *>(regs.v[slot.ra % numV]);
    const T *b = reinterpret_cast<const T *>(regs.v[slot.rb % numV]);
    const T *d = reinterpret_cast<const T *>(regs.v[slot.rd % numV]);
    alignas(64) T out[most] = {};
    const uint64_t mask = slot.mask ? regs.k[slot.mask] : ~0ull;
    switch (DOp(slot.opcode)) {
    case DOp::dcmp: {
      uint64_t bits = 0;
      for (unsigned i = 0; i < n; ++i)
        bits |= uint64_t(comparePredicate(slot.predicate, a[i], b[i])) << i;
      regs.k[slot.rd] = bits & mask;
      return;
    }
    case DOp::dcmp3:
      for (unsigned i = 0; i < n; ++i)
        out[i] = T((a[i] > b[i]) - (a[i] < b[i]));
      regs.k[slot.rc] = 0;
      break;
    case DOp::dsel:
      for (unsigned i = 0; i < n; ++i)
        out[i] = regs.k[slot.rc] >> i & 1 ? a[i] : b[i];
      break;
    case DOp::dbcast:
      std::fill(out, out + n, a[0]);
      break;
    case DOp::dset: {
      BitsOf<T> bits = BitsOf<T>(regs.r[slot.ra]);
      std::fill(out, out + n, fromBits<T>(bits));
      break;
    }
    case DOp::dimm: {
      BitsOf<T> bits = BitsOf<T>(word.i0);
      std::fill(out, out + n, fromBits<T>(bits));
      break;
    }
    case DOp::dget:
      regs.r[slot.rd] = std::is_floating_point_v<T> ? int64_t(toBits(a[0])) : int64_t(a[0]);
      return;
    case DOp::dred: {
      T tree[most];
      std::copy(a, a + n, tree);
      for (unsigned half = n / 2; half > 0; half /= 2)
        for (unsigned i = 0; i < half; ++i)
          tree[i] = reducePair(slot.imm, tree[i], tree[i + half]);
      out[0] = tree[0];
      break;
    }
    case DOp::dperm:
      for (unsigned i = 0; i < n; ++i)
        out[i] = b[toBits(a[i]) % n];
      break;
    case DOp::dperm2:
      for (unsigned i = 0; i < n; ++i) {
        unsigned lane = unsigned(toBits(d[i]) % (2 * n));
        out[i] = lane < n ? a[lane] : b[lane - n];
      }
      break;
    case DOp::dcompress: {
      unsigned next = 0;
      for (unsigned i = 0; i < n; ++i)
        if (mask >> i & 1)
          out[next++] = a[i];
      for (unsigned i = next; i < n; ++i)
        out[i] = slot.zeroing ? T(0) : d[i];
      std::memset(regs.v[slot.rd], 0, 64);
      std::memcpy(regs.v[slot.rd], out, n * sizeof(T));
      return;
    }
    case DOp::dexpand: {
      unsigned next = 0;
      for (unsigned i = 0; i < n; ++i)
        if (mask >> i & 1)
          out[i] = a[next++];
      break;
    }
    case DOp::dhdperm:
      shiftUp(a, a, n, slot.imm, out);
      break;
    case DOp::dhdperm2:
      shiftUp(a, b, n, slot.imm, out);
      break;
    default:
      map(DOp(slot.opcode), n, a, b, d, out, slot);
      break;
    }
    clearTemporary(slot, regs);
    writeLanes(slot, regs, slot.rd, reinterpret_cast<const uint8_t *>(out), n, sizeof(T));
  }
};

template <typename To, typename From>
void convert(const Slot &slot, Registers &regs) {
  unsigned lanes = lengthBytes(slot.length) / unsigned(std::max(sizeof(To), sizeof(From)));
  const From *a = reinterpret_cast<const From *>(regs.v[slot.ra]);
  alignas(64) To out[64 / sizeof(To)] = {};
  for (unsigned i = 0; i < lanes; ++i)
    out[i] = convertLane<To>(a[i]);
  writeLanes(slot, regs, slot.rd, reinterpret_cast<const uint8_t *>(out), lanes, sizeof(To));
}
template <typename To>
void convertFrom(const Slot &slot, Registers &regs) {
  switch (slot.memType) {
  case Type::i32:
    return convert<To, int32_t>(slot, regs);
  case Type::i64:
    return convert<To, int64_t>(slot, regs);
  case Type::u32:
    return convert<To, uint32_t>(slot, regs);
  case Type::f32:
    return convert<To, float>(slot, regs);
  default:
    return convert<To, double>(slot, regs);
  }
}
} // namespace

void writeLanes(const Slot &slot, Registers &regs, uint8_t rd, const uint8_t *values, unsigned lanes, unsigned bytes) {
  uint8_t *target = regs.v[rd];
  if (!slot.mask) {
    std::memcpy(target, values, lanes * bytes);
  } else {
    uint64_t mask = regs.k[slot.mask];
    for (unsigned i = 0; i < lanes; ++i) {
      if (mask >> i & 1)
        std::memcpy(target + i * bytes, values + i * bytes, bytes);
      else if (slot.zeroing)
        std::memset(target + i * bytes, 0, bytes);
    }
  }
  std::memset(target + lanes * bytes, 0, 64 - lanes * bytes);
}

void executeD(const Slot &slot, const Word &word, Registers &regs) {
  if (slot.opcode == uint8_t(DOp::dcvt)) {
    switch (slot.type) {
    case Type::i32:
      return convertFrom<int32_t>(slot, regs);
    case Type::i64:
      return convertFrom<int64_t>(slot, regs);
    case Type::f32:
      return convertFrom<float>(slot, regs);
    default:
      return convertFrom<double>(slot, regs);
    }
  }
  switch (slot.type) {
  case Type::i32:
    return Lanes<int32_t>::execute(slot, word, regs);
  case Type::i64:
    return Lanes<int64_t>::execute(slot, word, regs);
  case Type::f32:
    return Lanes<float>::execute(slot, word, regs);
  default:
    return Lanes<double>::execute(slot, word, regs);
  }
}

bool compareIntegers(Predicate predicate, int64_t a, int64_t b) { return comparePredicate(predicate, a, b); }

void reduceLanes(Type type, int kind, void *into, const void *with) {
  auto reduce = [&](auto zero) {
    using T = decltype(zero);
    T *lanes = static_cast<T *>(into);
    const T *others = static_cast<const T *>(with);
    for (unsigned i = 0; i < 64 / sizeof(T); ++i)
      lanes[i] = reducePair(kind, lanes[i], others[i]);
  };
  switch (type) {
  case Type::f32:
    return reduce(float());
  case Type::f64:
    return reduce(double());
  case Type::i32:
    return reduce(int32_t());
  default:
    return reduce(int64_t());
  }
}

float halfToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31)
    return fromBits<float>(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0));
  if (exponent == 0) {
    float magnitude = std::ldexp(float(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  return fromBits<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t floatToHalf(float value) {
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
