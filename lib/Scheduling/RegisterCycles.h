//===- RegisterCycles.h - Registers of a pipelined loop ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_REGISTERCYCLES_H
#define VTPU_LIB_SCHEDULING_REGISTERCYCLES_H

#include <cstdint>
#include <vector>

namespace vtpu::sched {

/// Lives of a class in registers, each of them once in every interval, after the meeting graph of Eisenbeis, Lelait and Marmol (1995). When a life is
/// over, its register goes to one that begins later: who follows whom makes cycles around the interval. One that takes k intervals needs k registers,
/// which its values take in turn, iteration by iteration. Together that is as many as are alive at once, if the kernel is unrolled by a multiple of
/// each k; with another unrolling a cycle takes its turn less often, in more registers.
class RegisterCycles {
public:
  /// `round`: length of the interval, in the units of lives.
  explicit RegisterCycles(uint64_t round) : round(int64_t(round)) {}
  void add(uint64_t start, uint64_t length);

  /// Chooses who follows whom for a kernel that is unrolled so often, with as few registers as it finds but no fewer than `enough`: how many.
  /// UINT32_MAX if a life is too long for that, or if more than `enough` are alive at once.
  uint32_t solve(uint32_t unroll, uint32_t enough);
  /// The register of a life in an iteration, from 0.
  uint32_t registerOf(uint32_t life, uint32_t iteration) const;

private:
  struct Life {
    int64_t start, length; // within the interval
    uint32_t stage;        // intervals before
  };
  const int64_t round;
  std::vector<Life> lives;
  std::vector<uint32_t> next;              // who follows a life
  std::vector<uint32_t> divisors;          // by k: the least divisor of `unroll` from k on, or 0
  std::vector<uint32_t> first, turns, lag; // of a life's cycle: its first register and how many; intervals from the cycle's beginning to the life
  std::vector<uint8_t> seen;

  void match();
  int64_t gap(uint32_t from, uint32_t to) const;
  uint32_t count();
  void number();
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_REGISTERCYCLES_H
