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
/// function's own making in all inputs and parameters. It is run with different numbers of iterations, down to half of its own, and the slope counts;
/// of several times that a call enters it the shortest does. A cycle is a step of a chain of additions right behind the loop. Takes some
/// 20 to 90 ms, or some 500 calls if these take longer. An error says why it cannot be timed: it does not run by itself, computes denormal numbers,
/// or never took as long twice.
Result<double> timeLoop(const Program &program, const Region &region);

} // namespace vtpu::host

#endif // VTPU_HOST_LOOPTIMER_H
