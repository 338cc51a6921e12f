//===- Clock.h - Cycles without counters ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_CLOCK_H
#define VTPU_HOST_CLOCK_H

#include <cstdint>

namespace vtpu::host {

/// The time stamp counter, when all that stands before has ended.
uint64_t readTicks();

/// Ticks of the time stamp counter in a cycle of the core, now, by additions that wait for each other and take a cycle each; about 13,000 cycles. More
/// than 0; 1 where there is no such counter. Leaves next to nothing in the caches.
double ticksPerCycle();

/// The same from about 2,000 cycles, for what the clock was just before: it follows the work of a core, which 512-bit multiply-adds slow down, within
/// some microseconds. Off by up to 1 %. Async-signal-safe.
double ticksPerCycleJustNow();

} // namespace vtpu::host

#endif // VTPU_HOST_CLOCK_H
