//===- LoopTimer.h - Timing loops of programs -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_LOOPTIMER_H
#define VTPU_HOST_LOOPTIMER_H

#include "vtpu/Host/Regions.h"

namespace vtpu::host {

/// Core cycles that an iteration of a loop takes in the template JIT on this machine, in a call of the first entry that runs it, with numbers of the
/// program's own making in all inputs and parameters. If the words tell how often the loop runs it is also run half as often, and what both have in
/// common does not count. Cycles are counted by a chain of additions timed beside each call. Takes some 10 ms. An error says why it cannot be timed.
Result<double> timeLoop(const Program &program, const Region &region);

} // namespace vtpu::host

#endif // VTPU_HOST_LOOPTIMER_H
