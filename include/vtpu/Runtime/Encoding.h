//===- Encoding.h - Hypervectors of coordinates -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Coordinates as hypervectors with graded locality: what is near in the coordinate space agrees in many bits, and agreement falls with
// distance. Every tier calls this one function.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_ENCODING_H
#define VTPU_RUNTIME_ENCODING_H

#include <array>
#include <cstdint>

namespace vtpu::rt {

/// One register of a hypervector: bit i is bit (i mod 64) of lane i / 64.
using HypervectorRegister = std::array<uint64_t, 8>;

/// Register `index` of the hypervector of a coordinate; components are 0..2047, dimension 0 first. Registers of other indices, and other seeds,
/// are independent, so that a longer hypervector is a sequence of registers.
///
/// With mix(x, y) as below, and rotations and products modulo 2^64:
///   key            = mix(seed, index)
///   lane l of base = mix(key, l)
///   for each dimension d: k = mix(key, 8 + d), and rank(i) of the bits i = 0..511 is i after three rounds n = 0, 1, 2 of
///     i = (i * m + c) mod 512, m = (k >> 20n) mod 512 with its lowest bit set, c = (k >> (20n + 9)) mod 512, then i = i ^ (i >> 4);
///     bit i is flipped if rank(i) < (256 * component + k mod 2047) / 2047, rounded down.
/// mix(x, y): z = x + (y + 1) * 0x9e3779b97f4a7c15; twice: z = (z ^ (z >> 32)) * 0xd6e8feb86659fd93; then z ^ (z >> 32).
///
/// A dimension flips the first bits of an order of its own, of 512 up to 256, so two coordinates that differ in one dimension by n differ in
/// 256 n / 2047 bits of a register, rounded down or up, and those at its ends in half of them. Exchanging dimensions gives another hypervector.
HypervectorRegister encodeCoordinate(const std::array<uint16_t, 11> &components, uint32_t index, uint64_t seed);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_ENCODING_H
