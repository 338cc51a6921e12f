//===- FunctionBases.h - What every tier does the same way ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Helpers shared by the tiers: addresses of a callee's bindings, the barrier.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_FUNCTIONBASES_H
#define VTPU_LIB_RUNTIME_FUNCTIONBASES_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

/// Addresses of the bindings of `table`'s callee, called from a function whose bindings stand at `bases`.
std::vector<uint8_t *> calleeBases(const Program &program, const CallTable &table, uint8_t *const *bases,
                                   const SentronContext &context);
/// Waits until every sentron of the call has arrived; false if the call is over.
bool waitAtBarrier(SentronContext &context);
/// The same; keeps v and k registers. Waits of less than some tens of microseconds are not counted.
bool waitAtBarrierLightly(SentronContext &context);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_FUNCTIONBASES_H
