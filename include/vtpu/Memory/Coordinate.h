//===- Coordinate.h - Points of the 11-dimensional space --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The coordinate of phext space: 11 components of 0..2047, index 0 outermost (library), 10 innermost (column). Header-only integer code, so that
// it may be used from files compiled for general registers only. Text forms: CoordinateText.h.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_COORDINATE_H
#define VTPU_MEMORY_COORDINATE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace vtpu {

/// A coordinate, packed into 121 bits with dimension 10 lowest: equal bits mean equal coordinates, and the order of packed values is the
/// lexicographic order from dimension 0. Every bit pattern of 121 bits is a coordinate.
class Coordinate {
public:
  static constexpr unsigned dimensions = 11, componentBits = 11;
  /// The greatest component.
  static constexpr unsigned limit = 2047;
  using Components = std::array<uint16_t, dimensions>;
  __extension__ using Bits = unsigned __int128;

  /// All components zero.
  constexpr Coordinate() = default;
  /// Components above `limit` saturate.
  constexpr explicit Coordinate(const Components &components) {
    Bits bits = 0;
    for (unsigned d = 0; d < dimensions; ++d)
      bits = bits << componentBits | saturated(components[d]);
    lowBits = uint64_t(bits);
    highBits = uint64_t(bits >> 64);
  }
  /// The lower 121 bits of `bits`.
  static constexpr Coordinate fromBits(Bits bits) { return fromBits(uint64_t(bits), uint64_t(bits >> 64)); }
  static constexpr Coordinate fromBits(uint64_t low, uint64_t high) {
    Coordinate c;
    c.lowBits = low;
    c.highBits = high & highMask;
    return c;
  }
  /// Every component `value`, saturated.
  static constexpr Coordinate uniform(unsigned value) {
    Components components{};
    for (uint16_t &component : components)
      component = uint16_t(saturated(value));
    return Coordinate(components);
  }
  /// Whether 16 bytes in memory form are a coordinate: the upper 7 bits are zero.
  static constexpr bool isValid(uint64_t high) { return (high & ~highMask) == 0; }

  constexpr uint64_t low() const { return lowBits; }
  constexpr uint64_t high() const { return highBits; }
  constexpr Bits bits() const { return Bits(highBits) << 64 | lowBits; }
  /// Component of a dimension below 11.
  constexpr unsigned operator[](unsigned dimension) const { return unsigned(bits() >> shift(dimension)) & limit; }
  constexpr Components components() const {
    Components out{};
    for (unsigned d = 0; d < dimensions; ++d)
      out[d] = uint16_t((*this)[d]);
    return out;
  }
  /// The same with one component replaced, saturated.
  constexpr Coordinate with(unsigned dimension, int64_t value) const {
    const Bits cleared = bits() & ~(Bits(limit) << shift(dimension));
    return fromBits(cleared | Bits(saturated(value)) << shift(dimension));
  }
  /// One dimension moved by `distance`, saturated (SINDEX).
  constexpr Coordinate step(unsigned dimension, int64_t distance) const {
    if (distance > int64_t(limit) || distance < -int64_t(limit))
      return with(dimension, distance > 0 ? limit : 0);
    return with(dimension, int64_t((*this)[dimension]) + distance);
  }

  constexpr bool operator==(const Coordinate &o) const { return lowBits == o.lowBits && highBits == o.highBits; }
  constexpr bool operator!=(const Coordinate &o) const { return !(*this == o); }
  constexpr bool operator<(const Coordinate &o) const { return bits() < o.bits(); }
  constexpr bool operator<=(const Coordinate &o) const { return bits() <= o.bits(); }
  constexpr bool operator>(const Coordinate &o) const { return bits() > o.bits(); }
  constexpr bool operator>=(const Coordinate &o) const { return bits() >= o.bits(); }

  /// Component by component, saturating to 0..2047.
  constexpr Coordinate operator+(const Coordinate &o) const { return zip(o, Sum()); }
  constexpr Coordinate operator-(const Coordinate &o) const { return zip(o, Difference()); }
  constexpr Coordinate operator*(const Coordinate &o) const { return zip(o, Product()); }
  /// Every component times a factor, saturating.
  constexpr Coordinate scaled(int64_t factor) const {
    const int64_t bounded = factor > int64_t(limit) ? int64_t(limit) : factor < 0 ? 0 : factor; // 2047 already saturates every nonzero one
    Components out{};
    for (unsigned d = 0; d < dimensions; ++d)
      out[d] = uint16_t(saturated(int64_t((*this)[d]) * bounded));
    return Coordinate(out);
  }

  /// Sum of the components' absolute differences, at most 11 * 2047.
  constexpr unsigned manhattan(const Coordinate &o) const {
    unsigned sum = 0;
    for (unsigned d = 0; d < dimensions; ++d)
      sum += (*this)[d] > o[d] ? (*this)[d] - o[d] : o[d] - (*this)[d];
    return sum;
  }
  /// Number of dimensions that differ.
  constexpr unsigned hamming(const Coordinate &o) const {
    unsigned count = 0;
    for (Bits difference = bits() ^ o.bits(); difference; difference >>= componentBits)
      count += (unsigned(difference) & limit) != 0;
    return count;
  }

  /// Where reading a delimiter of `dimension` (below 10) leads to: it is incremented, saturating, and those behind it become 1.
  constexpr Coordinate afterBreak(unsigned dimension) const {
    Coordinate out = step(dimension, 1);
    for (unsigned d = dimension + 1; d < dimensions; ++d)
      out = out.with(d, 1);
    return out;
  }
  /// Where reading `delimiters[d]` delimiters of every dimension d, outermost first, leads to: dimensions before the outermost nonzero one
  /// stay, that one adds, those behind it become 1 + their number (CDELTA). Saturates.
  constexpr Coordinate delta(const Coordinate &delimiters) const {
    unsigned first = 0;
    while (first < dimensions && delimiters[first] == 0)
      ++first;
    Coordinate out = *this;
    for (unsigned d = first; d < dimensions; ++d)
      out = out.with(d, int64_t(delimiters[d]) + (d == first ? (*this)[d] : 1));
    return out;
  }

  /// Number of dimensions up to and including the innermost nonzero component; 0 for all zero.
  constexpr unsigned depth() const {
    unsigned count = dimensions;
    for (Bits rest = bits(); count && !(unsigned(rest) & limit); rest >>= componentBits)
      --count;
    return count;
  }
  /// The last nonzero component becomes 0 (CHIER up). All zero is its own parent.
  constexpr Coordinate parent() const { return depth() ? with(depth() - 1, 0) : *this; }
  /// The first zero component behind the last nonzero one becomes `value`, saturated (CHIER down). A coordinate of depth 11 has no children
  /// and stays; so does one whose child 0 is asked for.
  constexpr Coordinate child(int64_t value) const { return depth() < dimensions ? with(depth(), value) : *this; }

  /// Whether every component is at least the other's: all fields at once, by a subtraction that cannot borrow across their top bits.
  constexpr bool covers(const Coordinate &o) const {
    const Bits x = bits(), y = o.bits(), tops = uniform(1024).bits();
    const Bits difference = (x | tops) - (y & ~tops);
    return (((x & ~y) | (~(x ^ y) & difference)) & tops) == tops;
  }
  /// Whether the first `count` dimensions are equal.
  constexpr bool samePrefix(const Coordinate &o, unsigned count) const {
    return count == 0 || (bits() ^ o.bits()) >> ((dimensions - count) * componentBits) == 0;
  }

  /// The hash of all 121 bits, used wherever coordinates are hashed or sharded. Both words pass an odd multiplier (a bijection of each), so
  /// coordinates that differ in one word only never collide before the mix, which is a bijection of 64 bits.
  constexpr uint64_t hash() const {
    const uint64_t spread = highBits * hashHigh;
    uint64_t h = (lowBits * hashLow) ^ (spread << 32 | spread >> 32);
    h ^= h >> 32;
    h *= hashHigh;
    return h ^ h >> 29;
  }
  /// The multipliers of `hash`, for code that hashes several coordinates at once.
  static constexpr uint64_t hashLow = 0x9e3779b97f4a7c15u, hashHigh = 0xd6e8feb86659fd93u;

private:
  static constexpr uint64_t highMask = (uint64_t(1) << (dimensions * componentBits - 64)) - 1;
  static constexpr unsigned shift(unsigned dimension) { return (dimensions - 1 - dimension) * componentBits; }
  static constexpr unsigned saturated(int64_t value) { return value < 0 ? 0 : value > int64_t(limit) ? limit : unsigned(value); }

  struct Sum {
    constexpr int operator()(int a, int b) const { return a + b; }
  };
  struct Difference {
    constexpr int operator()(int a, int b) const { return a - b; }
  };
  struct Product {
    constexpr int operator()(int a, int b) const { return a * b; }
  };
  template <typename Op>
  constexpr Coordinate zip(const Coordinate &o, Op op) const {
    Components out{};
    for (unsigned d = 0; d < dimensions; ++d)
      out[d] = uint16_t(saturated(op(int((*this)[d]), int(o[d]))));
    return Coordinate(out);
  }

  uint64_t lowBits = 0, highBits = 0;
};

static_assert(sizeof(Coordinate) == 16, "a coordinate is 16 bytes in memory");

} // namespace vtpu

template <>
struct std::hash<vtpu::Coordinate> {
  size_t operator()(const vtpu::Coordinate &c) const { return size_t(c.hash()); }
};

#endif // VTPU_MEMORY_COORDINATE_H
