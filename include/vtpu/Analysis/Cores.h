//===- Cores.h - Which processing units share a core ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_CORES_H
#define VTPU_ANALYSIS_CORES_H

#include "vtpu/Support/Result.h"

#include <cstdint>
#include <vector>

namespace vtpu::analysis {

/// Numbers of the operating system for the processing units that this process may use, by core. More than one in a core: siblings of
/// simultaneous multithreading. An error if hwloc cannot tell.
Result<std::vector<std::vector<uint32_t>>> findCores();

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_CORES_H
