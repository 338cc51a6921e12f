//===- PortTable.h - What host templates cost -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A port table says, for one processor, how long the host template of each port class takes and which execution ports it keeps busy. Tables are
// JSON files in lib/Scheduling/PortTables, known by name. Manual: docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_PORTTABLE_H
#define VTPU_SCHEDULING_PORTTABLE_H

#include "vtpu/ISA/Instruction.h"

#include <map>
#include <vector>

namespace vtpu::sched {

/// Time on a port in hundredths of a cycle: measured throughputs are no whole numbers.
using Work = uint32_t;
constexpr Work oneCycle = 100;

/// A host resource. It does `capacity` work in a cycle.
struct Port {
  std::string name;
  Work capacity;
  /// On the out-of-order host operations use it when they leave the window, and may do so while less than `backlog` waits there; 0: when they start.
  Work backlog = 0;
};

struct PortUse {
  uint32_t port; // position in PortTable::ports
  Work work;
};

/// What one template costs.
struct PortRow {
  uint32_t latency = 1; // cycles from the issue to the result
  std::vector<PortUse> uses;
};

struct PortTable {
  std::string name;
  std::string cpu;    // which processors
  std::string source; // where the figures come from
  std::vector<Port> ports; // the first is the front end, `issue`: every host operation passes it
  uint32_t window = 1;     // operations in flight on the out-of-order host
  Work leaving = 0;        // that leave the window in a cycle, in work at the front end; 0: any number
  std::array<std::array<PortRow, 3>, isa::numPortClasses> rows; // by port class and length
  std::map<uint32_t, PortRow> formRows;                         // by form; few tables have them

  const PortRow &row(isa::PortClass port, isa::Length length) const { return rows[unsigned(port)][unsigned(length)]; }
  /// What an instruction costs: the row of its form, else of its port class.
  const PortRow &row(const isa::InstrInfo &info, const isa::Slot &slot) const;
};

/// What of a slot selects its template, as one number: instruction, types, length, kind of mask.
uint32_t formKey(const isa::InstrInfo &info, const isa::Slot &slot);
/// The same as a text, as tables have it: `dadd.f32.512 merging`.
std::string formName(const isa::InstrInfo &info, const isa::Slot &slot);

/// The table of a text in JSON. Every port class of the instruction table must have a row.
Result<PortTable> parsePortTable(std::string_view text);
/// The text of a table, with one line for each row.
std::string toJSON(const PortTable &table);
/// A checked-in table by name; an unknown name is an error that lists the known ones. A name that ends with `.json` is a file: its table is read and
/// can from then on be found by its own name.
Result<const PortTable *> findPortTable(std::string_view name);
/// Names of the checked-in tables, comma-separated.
std::string listPortTables();
/// What schedules if nobody chooses.
constexpr std::string_view defaultPortTable = "zen5";

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_PORTTABLE_H
