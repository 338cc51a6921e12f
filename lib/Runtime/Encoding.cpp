//===- Encoding.cpp - Hypervectors of coordinates ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/Encoding.h"

namespace vtpu::rt {

namespace {
uint64_t mix(uint64_t x, uint64_t y) {
  uint64_t z = x + (y + 1) * 0x9e3779b97f4a7c15;
  for (int round = 0; round < 2; ++round)
    z = (z ^ z >> 32) * 0xd6e8feb86659fd93;
  return z ^ z >> 32;
}
} // namespace

HypervectorRegister encodeCoordinate(const std::array<uint16_t, 11> &components, uint32_t index, uint64_t seed) {
  constexpr uint32_t bits = 512, largest = 2047, most = bits / 2; // a half of all bits at the far end: as far as two random hypervectors
  const uint64_t key = mix(seed, index);
  uint16_t flips[bits] = {}; // 1: an odd number of dimensions flips that bit
  for (uint32_t d = 0; d < components.size(); ++d) {
    const uint64_t k = mix(key, 8 + d);
    const uint32_t count = (most * components[d] + uint32_t(k % largest)) / largest;
    uint32_t m[3], c[3];
    for (unsigned n = 0; n < 3; ++n) {
      m[n] = uint32_t(k >> 20 * n) % bits | 1;
      c[n] = uint32_t(k >> (20 * n + 9)) % bits;
    }
    for (uint32_t i = 0; i < bits; ++i) {
      uint32_t rank = i;
      for (unsigned n = 0; n < 3; ++n) {
        rank = (rank * m[n] + c[n]) % bits;
        rank ^= rank >> 4;
      }
      flips[i] ^= uint16_t(rank < count);
    }
  }
  HypervectorRegister result;
  for (uint32_t lane = 0; lane < result.size(); ++lane) {
    result[lane] = mix(key, lane);
    for (uint32_t i = 0; i < 64; ++i)
      result[lane] ^= uint64_t(flips[lane * 64 + i]) << i;
  }
  return result;
}

} // namespace vtpu::rt
