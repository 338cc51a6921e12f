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

} // namespace vtpu::host

#endif // VTPU_HOST_CLOCK_H
