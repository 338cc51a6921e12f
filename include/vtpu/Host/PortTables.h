//===- PortTables.h - Port tables from host tables --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the templates of SIW instructions cost, from what their host instructions cost. Manual: docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_PORTTABLES_H
#define VTPU_HOST_PORTTABLES_H

#include "vtpu/Host/Table.h"
#include "vtpu/Scheduling/PortTable.h"

namespace vtpu::host {

/// The port table of a host table, with a row for each form of SIW instruction: its host instructions' uses in sum, and as latency the longest way
/// through its template. Forms whose template calls something have their class's row. `name` is how programs record it.
Result<sched::PortTable> derivePortTable(const Table &table, const std::string &name);

} // namespace vtpu::host

#endif // VTPU_HOST_PORTTABLES_H
