//===- Cores.cpp - Which processing units share a core ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Cores.h"

#include <hwloc.h>

namespace vtpu::analysis {

Result<std::vector<std::vector<uint32_t>>> findCores() {
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) != 0)
    return Error{"hwloc cannot start"};
  std::vector<std::vector<uint32_t>> cores;
  if (hwloc_topology_load(topology) == 0)
    for (hwloc_obj_t core = nullptr; (core = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_CORE, core));) {
      std::vector<uint32_t> units;
      for (hwloc_obj_t unit = nullptr; (unit = hwloc_get_next_obj_inside_cpuset_by_type(topology, core->cpuset, HWLOC_OBJ_PU, unit));)
        units.push_back(unit->os_index);
      if (!units.empty())
        cores.push_back(std::move(units));
    }
  hwloc_topology_destroy(topology);
  if (cores.empty())
    return Error{"hwloc finds no cores on this machine"};
  return cores;
}

} // namespace vtpu::analysis
