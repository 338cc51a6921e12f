//===- Moves.h - Traces with data in other places ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_ANALYSIS_MOVES_H
#define VTPU_LIB_ANALYSIS_MOVES_H

#include "vtpu/Analysis/Trace.h"

namespace vtpu::analysis {

/// Accesses with every object so far from the next that it may grow; their places in sets and pages stay.
std::vector<Access> spreadObjects(const Trace &trace);
/// Where an object is then.
uint64_t spreadBase(const Trace &trace, uint32_t object);
/// Rows of `pitch` bytes in an object get `padding` bytes more. On spread accesses.
void padRows(const Trace &trace, std::vector<Access> &accesses, uint32_t object, uint64_t pitch, uint64_t padding);

} // namespace vtpu::analysis

#endif // VTPU_LIB_ANALYSIS_MOVES_H
