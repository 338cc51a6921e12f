//===- Clock.cpp - Cycles without counters ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Clock.h"

#include <algorithm>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace vtpu::host {

#if defined(__x86_64__)

uint64_t readTicks() {
  _mm_lfence();
  const uint64_t now = __rdtsc();
  _mm_lfence();
  return now;
}

namespace {
/// Ticks that so many blocks of dependent additions take. Few bytes of code.
__attribute__((noinline)) uint64_t timeAdditions(unsigned blocks) {
  uint64_t value = 0;
  const uint64_t start = readTicks();
  for (; blocks; --blocks)
    asm volatile(".rept 128\n\tadd %1, %0\n\t.endr" : "+r"(value) : "r"(start));
  return readTicks() - start;
}

double timeCycle(unsigned few, unsigned many, unsigned runs) {
  uint64_t shortTime = UINT64_MAX, longTime = UINT64_MAX;
  for (unsigned run = 0; run < runs; ++run) {
    shortTime = std::min(shortTime, timeAdditions(few));
    longTime = std::min(longTime, timeAdditions(many));
  }
  return double(longTime > shortTime ? longTime - shortTime : 1) / ((many - few) * 128);
}
} // namespace

double ticksPerCycle() { return timeCycle(2, 18, 5); }
double ticksPerCycleJustNow() { return timeCycle(1, 7, 2); }

#else

uint64_t readTicks() { return 0; }
double ticksPerCycle() { return 1; }
double ticksPerCycleJustNow() { return 1; }

#endif

} // namespace vtpu::host
