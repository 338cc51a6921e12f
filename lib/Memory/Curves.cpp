//===- Curves.cpp - Morton and Hilbert order --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Morton: a transposition of 11 by 11 bits; AVX-512 BITALG picks 64 bits by their numbers in one instruction, elsewhere small tables spread the
// components. Hilbert: digit by digit from the Morton index, with the orientation of each sub-cube as state (entry corner and main direction, as
// in C. Hamilton, "Compact Hilbert Indices", 2006).
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Curves.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vtpu {

namespace {
using Bits = Coordinate::Bits;
constexpr unsigned side = Coordinate::dimensions;
static_assert(Coordinate::componentBits == side, "the transposition is of a square matrix");

/// Six bits moved apart to every eleventh place.
struct SpreadTable {
  uint64_t values[64] = {};
  constexpr SpreadTable() {
    for (unsigned i = 0; i < 64; ++i)
      for (unsigned bit = 0; bit < 6; ++bit)
        values[i] |= uint64_t(i >> bit & 1) << (bit * side);
  }
};
constexpr SpreadTable spread;

#if defined(__x86_64__)
/// For each bit of the transposed matrix the number of its source bit within a half, and whether the half is the lower one.
struct PickTable {
  alignas(64) uint8_t source[2][64] = {};
  uint64_t fromLow[2] = {}, fromHigh[2] = {};
  constexpr PickTable() {
    for (unsigned bit = 0; bit < side * side; ++bit) {
      const unsigned from = bit % side * side + bit / side;
      source[bit / 64][bit % 64] = uint8_t(from % 64);
      (from < 64 ? fromLow : fromHigh)[bit / 64] |= uint64_t(1) << bit % 64;
    }
  }
};
constexpr PickTable pick;

__attribute__((target("avx512f,avx512bw,avx512bitalg"), always_inline)) inline Bits transpose512(uint64_t low, uint64_t high) {
  const __m512i source0 = _mm512_load_si512(pick.source[0]), source1 = _mm512_load_si512(pick.source[1]);
  const __m512i lows = _mm512_set1_epi64(int64_t(low)), highs = _mm512_set1_epi64(int64_t(high));
  const uint64_t out0 =
      _mm512_mask_bitshuffle_epi64_mask(pick.fromLow[0], lows, source0) | _mm512_mask_bitshuffle_epi64_mask(pick.fromHigh[0], highs, source0);
  const uint64_t out1 =
      _mm512_mask_bitshuffle_epi64_mask(pick.fromLow[1], lows, source1) | _mm512_mask_bitshuffle_epi64_mask(pick.fromHigh[1], highs, source1);
  return Bits(out1) << 64 | out0;
}
__attribute__((target("avx512f,avx512bw,avx512bitalg"))) void transposeMany512(const Bits *in, size_t count, Bits *out) {
  for (size_t i = 0; i < count; ++i)
    out[i] = transpose512(uint64_t(in[i]), uint64_t(in[i] >> 64));
}
#endif

void transposeManyPortably(const Bits *in, size_t count, Bits *out) {
  for (size_t i = 0; i < count; ++i)
    out[i] = detail::transposePortably(in[i]);
}

using TransposeMany = void (*)(const Bits *, size_t, Bits *);
TransposeMany chooseTranspose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("avx512bw"))
    return transposeMany512;
#endif
  return transposeManyPortably;
}
const TransposeMany transposeMany = chooseTranspose();

Bits transpose(Bits bits) {
  Bits out;
  transposeMany(&bits, 1, &out);
  return out;
}

/// What a digit of the curve in standard orientation does, by its Gray code: its rank along the curve, the corner where its sub-cube is
/// entered, and one more than the direction of the sub-cube's curve (up to the number of dimensions, which counts as none).
struct HilbertTable {
  struct Row {
    uint16_t rank, entry, turn;
  };
  Row rows[2048] = {};
  constexpr HilbertTable() {
    for (unsigned rank = 0; rank < 2048; ++rank) {
      const unsigned before = rank == 0 ? 0 : (rank - 1) & ~1u;
      unsigned trailing = 0, pattern = rank == 0 ? 0 : rank & 1 ? rank : rank - 1;
      for (; pattern & 1; pattern >>= 1)
        ++trailing;
      rows[rank ^ rank >> 1] = {uint16_t(rank), uint16_t(before ^ before >> 1), uint16_t(trailing + 1)};
    }
  }
};
constexpr HilbertTable hilbert;

/// Orientation of a sub-cube of n dimensions.
struct Orientation {
  unsigned n, mask, entry = 0, direction = 0;
  explicit Orientation(unsigned n) : n(n), mask((1u << n) - 1) {}

  // Rotations of n bits by direction + 1, which is at most n.
  unsigned toStandard(unsigned corner) const {
    const unsigned x = corner ^ entry;
    return (x | x << n) >> (direction + 1) & mask;
  }
  unsigned fromStandard(unsigned corner) const { return ((corner | corner << n) << (direction + 1) >> n & mask) ^ entry; }
  void enter(const HilbertTable::Row &row) {
    entry = fromStandard(row.entry);
    direction += row.turn;
    direction -= direction >= n ? n : 0;
    direction -= direction >= n ? n : 0;
  }
};

inline Bits encode(Bits morton, unsigned n, unsigned levels) {
  Orientation orientation(n);
  Bits index = 0;
#pragma GCC unroll 11
  for (unsigned level = levels; level-- > 0;) {
    const HilbertTable::Row &row = hilbert.rows[orientation.toStandard(unsigned(morton >> level * n) & orientation.mask)];
    index = index << n | row.rank;
    orientation.enter(row);
  }
  return index;
}

inline Bits decode(Bits index, unsigned n, unsigned levels) {
  Orientation orientation(n);
  Bits morton = 0;
#pragma GCC unroll 11
  for (unsigned level = levels; level-- > 0;) {
    const unsigned rank = unsigned(index >> level * n) & orientation.mask, gray = rank ^ rank >> 1;
    morton = morton << n | orientation.fromStandard(gray);
    orientation.enter(hilbert.rows[gray]);
  }
  return morton;
}

/// Coordinates or indices that one pass over a block of them holds.
constexpr size_t blockSize = 64;
} // namespace

Bits detail::transposePortably(Bits bits) {
  Bits out = 0;
  for (unsigned row = 0; row < side; ++row) {
    const unsigned value = unsigned(bits >> row * side) & Coordinate::limit;
    out |= Bits(spread.values[value & 63]) << row | Bits(spread.values[value >> 6]) << (6 * side + row);
  }
  return out;
}

Bits mortonIndex(const Coordinate &coordinate) { return transpose(coordinate.bits()); }
Coordinate mortonCoordinate(Bits index) { return Coordinate::fromBits(transpose(index)); }

void mortonIndices(const Coordinate *coordinates, size_t count, Bits *indices) {
  Bits packed[blockSize];
  for (size_t start = 0; start < count; start += blockSize) {
    const size_t block = count - start < blockSize ? count - start : blockSize;
    for (size_t i = 0; i < block; ++i)
      packed[i] = coordinates[start + i].bits();
    transposeMany(packed, block, indices + start);
  }
}

void mortonCoordinates(const Bits *indices, size_t count, Coordinate *coordinates) {
  Bits packed[blockSize];
  for (size_t start = 0; start < count; start += blockSize) {
    const size_t block = count - start < blockSize ? count - start : blockSize;
    transposeMany(indices + start, block, packed);
    for (size_t i = 0; i < block; ++i)
      coordinates[start + i] = Coordinate::fromBits(packed[i]);
  }
}

Bits hilbertIndex(const Coordinate &coordinate) { return encode(mortonIndex(coordinate), side, side); }
Coordinate hilbertCoordinate(Bits index) { return mortonCoordinate(decode(index, side, side)); }

void hilbertIndices(const Coordinate *coordinates, size_t count, Bits *indices) {
  mortonIndices(coordinates, count, indices);
  for (size_t i = 0; i < count; ++i)
    indices[i] = encode(indices[i], side, side);
}

void hilbertCoordinates(const Bits *indices, size_t count, Coordinate *coordinates) {
  Bits morton[blockSize];
  for (size_t start = 0; start < count; start += blockSize) {
    const size_t block = count - start < blockSize ? count - start : blockSize;
    for (size_t i = 0; i < block; ++i)
      morton[i] = decode(indices[start + i], side, side);
    mortonCoordinates(morton, block, coordinates + start);
  }
}

Bits mortonToHilbert(Bits morton, unsigned dimensions, unsigned bits) { return encode(morton, dimensions, bits); }
Bits hilbertToMorton(Bits index, unsigned dimensions, unsigned bits) { return decode(index, dimensions, bits); }

} // namespace vtpu
