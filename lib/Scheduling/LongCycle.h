//===- LongCycle.h - Recurrences that take too long -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_LONGCYCLE_H
#define VTPU_LIB_SCHEDULING_LONGCYCLE_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// A cycle of the host's dependences, by number, that takes longer than iterations which follow each other every `interval` hundredths of a cycle
/// allow. Empty if there is none.
std::vector<uint32_t> findLongCycle(const Problem &problem, int64_t interval);

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_LONGCYCLE_H
