//===- Moves.cpp - Traces with data in other places -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Moves.h"

namespace vtpu::analysis {

namespace {
constexpr unsigned objectShift = 46; // far beyond the memory of a call
}

std::vector<Access> spreadObjects(const Trace &trace) {
  std::vector<Access> accesses = trace.accesses;
  for (Access &access : accesses)
    access.address += uint64_t(trace.sites[access.site].object) << objectShift;
  return accesses;
}

uint64_t spreadBase(const Trace &trace, uint32_t object) { return trace.objects[object].base + (uint64_t(object) << objectShift); }

void padRows(const Trace &trace, std::vector<Access> &accesses, uint32_t object, uint64_t pitch, uint64_t padding) {
  const uint64_t base = spreadBase(trace, object);
  for (Access &access : accesses)
    if (trace.sites[access.site].object == object)
      access.address += (access.address - base) / pitch * padding;
}

} // namespace vtpu::analysis
