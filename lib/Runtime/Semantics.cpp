//===- Semantics.cpp - What the D pipe's instructions compute ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each instruction is a function of one lane where it can be, else of whole registers. Built without contraction, so that every operation
// rounds as the table says. Also built as bitcode for the ORC tier.
//
//===----------------------------------------------------------------------===//

#include "SemanticsLanes.h"

#include <algorithm>
#include <limits>

namespace vtpu::rt {

using namespace isa;

namespace {
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

/// Calls `f` with the predicate as a constant, so that loops over lanes have no switch inside.
template <typename F>
void withPredicate(Predicate predicate, F &&f) {
  switch (predicate) {
#define VTPU_PREDICATE(name)                                                                                                                \
  case Predicate::name:                                                                                                                     \
    return f(std::integral_constant<Predicate, Predicate::name>());
    VTPU_PREDICATE(eq) VTPU_PREDICATE(ne) VTPU_PREDICATE(lt) VTPU_PREDICATE(le) VTPU_PREDICATE(gt) VTPU_PREDICATE(ge)
    VTPU_PREDICATE(ult) VTPU_PREDICATE(ule) VTPU_PREDICATE(ugt) VTPU_PREDICATE(uge) VTPU_PREDICATE(ueq) VTPU_PREDICATE(one)
    VTPU_PREDICATE(ord) VTPU_PREDICATE(uno)
#undef VTPU_PREDICATE
  }
}

template <typename T>
bool isQuiet(T nan) {
  return toBits(nan) >> (sizeof(T) == 4 ? 22 : 51) & 1;
}
/// a * 2^floor(b), rounded once, without a branch: loops over lanes become vectors.
template <typename T>
T scaleByPower(T a, T b) {
  using Limits = std::numeric_limits<T>;
  constexpr int highest = Limits::max_exponent - 1, lowest = Limits::min_exponent - 1; // of normal powers of two
  // A power in three factors. Multiplying up is exact. Downward a part keeps all bits of what does not vanish: only the last factor may round.
  constexpr int down = lowest + Limits::digits, most = 3 * highest, least = 2 * down + lowest;
  const T whole = std::floor(b);
  int power = int(whole > T(least) ? whole < T(most) ? whole : T(most) : T(least)); // NaN: the least
  auto part = [&] {
    const int step = power > highest ? highest : power < lowest ? down : 0;
    power -= step;
    return step;
  };
  auto powerOf = [](int exponent) { return fromBits<T>(BitsOf<T>(exponent + highest) << (Limits::digits - 1)); };
  T scaled = a * powerOf(part());
  scaled *= powerOf(part());
  scaled *= powerOf(power);
  // As vscalef has it: infinity and zero win over a quiet NaN.
  const T end = b > 0 ? Limits::infinity() : T(0);
  const T atEnd = std::isnan(a) && isQuiet(a) ? end : a * end;
  return std::isnan(b) ? b + b : std::isinf(b) ? atEnd : scaled;
}
/// Bits of a positive float's fraction, and what makes a denormal a normal number.
template <typename T>
constexpr int fractionBits = std::numeric_limits<T>::digits - 1;
template <typename T>
constexpr T normalising = T(uint64_t(1) << (fractionBits<T> + 1));

template <typename T>
T exponentOf(T a) {
  constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
  const T magnitude = std::fabs(a);
  const bool small = magnitude < std::numeric_limits<T>::min();
  const BitsOf<T> bits = toBits(small ? magnitude * normalising<T> : magnitude);
  const T exponent = T(int(bits >> fractionBits<T>) - bias - (small ? fractionBits<T> + 1 : 0));
  if (!(magnitude <= std::numeric_limits<T>::max())) // infinity or NaN
    return magnitude + magnitude;
  return magnitude == 0 ? -std::numeric_limits<T>::infinity() : exponent;
}
template <typename T>
T mantissaOf(T a) {
  constexpr BitsOf<T> fraction = (BitsOf<T>(1) << fractionBits<T>)-1, sign = BitsOf<T>(1) << (sizeof(T) * 8 - 1);
  const T magnitude = std::fabs(a);
  const BitsOf<T> bits = toBits(magnitude < std::numeric_limits<T>::min() ? magnitude * normalising<T> : magnitude);
  const BitsOf<T> mantissa = magnitude == 0 || std::isinf(magnitude) ? 0 : bits & fraction;
  const T result = fromBits<T>((toBits(a) & sign) | toBits(T(1)) | mantissa);
  return std::isnan(a) ? a + a : result;
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

/// Calls `f` with dred's operation on two lanes.
template <typename T, typename F>
void withReduction(int kind, F &&f) {
  using B = BitsOf<T>;
  switch (kind) {
  case 0:
    return f([](T x, T y) { return wrapping(x, y, [](auto u, auto v) { return u + v; }); });
  case 1:
    return f([](T x, T y) { return wrapping(x, y, [](auto u, auto v) { return u * v; }); });
  case 2:
    return f([](T x, T y) { return x < y ? x : y; });
  case 3:
    return f([](T x, T y) { return x > y ? x : y; });
  case 4:
    return f([](T x, T y) { return fromBits<T>(B(toBits(x) & toBits(y))); });
  case 5:
    return f([](T x, T y) { return fromBits<T>(B(toBits(x) | toBits(y))); });
  default:
    return f([](T x, T y) { return fromBits<T>(B(toBits(x) ^ toBits(y))); });
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

/// Every instruction whose sources and destination have `n` lanes of one type. The number is a constant, so that a loop over lanes is a vector.
template <typename T, unsigned n>
struct Lanes {
  using U = std::conditional_t<std::is_floating_point_v<T>, BitsOf<T>, std::make_unsigned_t<std::conditional_t<std::is_floating_point_v<T>, int, T>>>;

  template <typename F>
  static void eachLane(const T *a, T *out, F f) {
    for (unsigned i = 0; i < n; ++i)
      out[i] = f(a[i]);
  }

  VTPU_CLONES static void map(DOp op, const T *a, const T *b, const T *d, T *out, const Slot &slot) {
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
        switch (slot.imm) {
        case 0:
          return eachLane(a, out, [](T x) { return std::nearbyint(x); }); // the environment rounds to nearest even
        case 1:
          return eachLane(a, out, [](T x) { return std::floor(x); });
        case 2:
          return eachLane(a, out, [](T x) { return std::ceil(x); });
        default:
          return eachLane(a, out, [](T x) { return std::trunc(x); });
        }
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
      const unsigned count = unsigned(slot.imm) & bitsMask;
      auto binary = [&](auto f) {
        for (unsigned i = 0; i < n; ++i)
          out[i] = T(f(U(a[i]), U(b[i])));
      };
      switch (op) {
      case DOp::dminu:
        return binary([](U x, U y) { return std::min(x, y); });
      case DOp::dmaxu:
        return binary([](U x, U y) { return std::max(x, y); });
      case DOp::dand:
        return binary([](U x, U y) { return x & y; });
      case DOp::dor:
        return binary([](U x, U y) { return x | y; });
      case DOp::dxor:
        return binary([](U x, U y) { return x ^ y; });
      case DOp::dandn:
        return binary([](U x, U y) { return ~x & y; });
      case DOp::dshl:
        return binary([](U x, U y) { return y > bitsMask ? U(0) : x << (y & bitsMask); });
      case DOp::dshr:
        return binary([](U x, U y) { return y > bitsMask ? U(0) : x >> (y & bitsMask); });
      case DOp::dsar:
        return binary([](U x, U y) { return T(x) >> (y > bitsMask ? bitsMask : y); });
      case DOp::dshli:
        return eachLane(a, out, [=](T x) { return T(U(x) << count); });
      case DOp::dshri:
        return eachLane(a, out, [=](T x) { return T(U(x) >> count); });
      case DOp::dsari:
        return eachLane(a, out, [=](T x) { return x >> count; });
      case DOp::dabs:
        return eachLane(a, out, [](T x) { return x < 0 ? T(U(0) - U(x)) : x; });
      case DOp::dlzcnt:
        return eachLane(a, out, [](T x) {
          return x == 0 ? T(sizeof(T) * 8) : T(sizeof(T) == 4 ? __builtin_clz(uint32_t(x)) : __builtin_clzll(uint64_t(x)));
        });
      case DOp::dhdbind:
        return binary([](U x, U y) { return x ^ y; });
      case DOp::dhdbund:
        for (unsigned i = 0; i < n; ++i)
          out[i] = T((a[i] & b[i]) | (a[i] & d[i]) | (b[i] & d[i]));
        return;
      case DOp::dhdsim:
        return binary([](U x, U y) { return __builtin_popcountll(U(~(x ^ y))); });
      case DOp::dpopcnt:
        return eachLane(a, out, [](T x) { return T(__builtin_popcountll(U(x))); });
      case DOp::dtpop: // a trit is 0 if its two bits are equal
        return eachLane(a, out, [](T x) { return T(__builtin_popcountll(U((U(x) ^ U(x) >> 1) & U(0x5555555555555555)))); });
      case DOp::dtacc:
        for (unsigned i = 0; i < n; ++i)
          out[i] = T(U(a[i]) * U(tritOf(b[i], slot.imm)) + U(d[i]));
        return;
      default:
        return;
      }
    }
  }

  /// Upper half with lower half, until one lane is left.
  template <unsigned half, typename F>
  static void reduceTree(T *tree, F f) {
    if constexpr (half > 0) {
      for (unsigned i = 0; i < half; ++i)
        tree[i] = f(tree[i], tree[i + half]);
      reduceTree<half / 2>(tree, f);
    }
  }
  static T reduce(int kind, const T *a) {
    T tree[n];
    std::memcpy(tree, a, sizeof tree);
    withReduction<T>(kind, [&](auto f) { reduceTree<n / 2>(tree, f); });
    return tree[0];
  }

  static void execute(const Slot &slot, const Word &word, Registers &regs) {
    const T *a = reinterpret_cast<const T *>(regs.v[slot.ra % numV]);
    const T *b = reinterpret_cast<const T *>(regs.v[slot.rb % numV]);
    const T *d = reinterpret_cast<const T *>(regs.v[slot.rd % numV]);
    alignas(64) T out[n] = {};
    const uint64_t mask = slot.mask ? regs.k[slot.mask] : ~0ull;
    switch (DOp(slot.opcode)) {
    case DOp::dcmp: {
      uint64_t bits = 0;
      withPredicate(slot.predicate, [&](auto predicate) { bits = bitsOf<n>([&](unsigned i) { return comparePredicate(predicate.value, a[i], b[i]); }); });
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
    case DOp::dfmai:
      if constexpr (std::is_floating_point_v<T>) // the only legal lanes
        for (unsigned i = 0; i < n; ++i)
          out[i] = std::fma(d[i], a[i], fromBits<T>(BitsOf<T>(word.i0)));
      break;
    case DOp::dget:
      regs.r[slot.rd] = std::is_floating_point_v<T> ? int64_t(toBits(a[0])) : int64_t(a[0]);
      return;
    case DOp::dred:
      out[0] = reduce(slot.imm, a);
      break;
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
      if constexpr (sizeof(T) == 8) // the only legal lanes
        shiftUp(a, a, n, slot.imm, out);
      break;
    case DOp::dhdperm2:
      if constexpr (sizeof(T) == 8) // the only legal lanes
        shiftUp(a, b, n, slot.imm, out);
      break;
    default:
      map(DOp(slot.opcode), a, b, d, out, slot);
      break;
    }
    clearTemporary(slot, regs);
    writeLanes<T, n>(slot, regs, out);
  }
};

template <typename To, typename From, unsigned n>
void convert(const Slot &slot, Registers &regs) {
  const From *a = reinterpret_cast<const From *>(regs.v[slot.ra]);
  alignas(64) To out[n];
  for (unsigned i = 0; i < n; ++i)
    out[i] = convertLane<To>(a[i]);
  writeLanes<To, n>(slot, regs, out);
}
template <typename To, typename From>
void convertLength(const Slot &slot, Registers &regs) {
  using Wider = std::conditional_t<(sizeof(To) > sizeof(From)), To, From>;
  withLength<Wider>(slot.length, [&](auto n) { convert<To, From, n.value>(slot, regs); });
}
template <typename To>
void convertFrom(const Slot &slot, Registers &regs) {
  switch (slot.memType) {
  case Type::i32:
    return convertLength<To, int32_t>(slot, regs);
  case Type::i64:
    return convertLength<To, int64_t>(slot, regs);
  case Type::u32:
    return convertLength<To, uint32_t>(slot, regs);
  case Type::f32:
    return convertLength<To, float>(slot, regs);
  default:
    return convertLength<To, double>(slot, regs);
  }
}
template <typename T>
void executeLength(const Slot &slot, const Word &word, Registers &regs) {
  withLength<T>(slot.length, [&](auto n) { Lanes<T, n.value>::execute(slot, word, regs); });
}
} // namespace

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
    return executeLength<int32_t>(slot, word, regs);
  case Type::i64:
    return executeLength<int64_t>(slot, word, regs);
  case Type::f32:
    return executeLength<float>(slot, word, regs);
  default:
    return executeLength<double>(slot, word, regs);
  }
}

bool compareIntegers(Predicate predicate, int64_t a, int64_t b) { return comparePredicate(predicate, a, b); }

void reduceLanes(Type type, int kind, void *into, const void *with) {
  auto reduce = [&](auto zero) {
    using T = decltype(zero);
    withReduction<T>(kind, [&](auto f) {
      T *lanes = static_cast<T *>(into);
      const T *others = static_cast<const T *>(with);
      for (unsigned i = 0; i < 64 / sizeof(T); ++i)
        lanes[i] = f(lanes[i], others[i]);
    });
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

} // namespace vtpu::rt
