//===- Table.h - What instructions cost on a host ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A host table says, for one processor, what each form of host instruction costs. It is a conjunctive resource mapping (Derumigny et al., "PALMED:
// Throughput Characterization for Superscalar Architectures", CGO 2022): a form does a fraction of a cycle of work on some abstract resources, and
// what takes longest is the resource with the most work. Resources need not be ports; which exist, a calibration of the processor decides.
// Forms are named by `host::Instruction::form`. Manual: docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_TABLE_H
#define VTPU_HOST_TABLE_H

#include "vtpu/Support/Result.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vtpu::host {

/// Which processor a table describes. All of it is in the name of a cached table, so that none is taken for another.
struct CPU {
  std::string vendor; // as CPUID gives it: "GenuineIntel", "AuthenticAMD"
  uint32_t family = 0, model = 0, stepping = 0;
  std::string brand;     // for people
  std::string microcode; // revision, as the kernel prints it; "unknown" if it does not tell
  /// The same processor with the same microcode; the brand does not count.
  bool operator==(const CPU &o) const {
    return vendor == o.vendor && family == o.family && model == o.model && stepping == o.stepping && microcode == o.microcode;
  }
  bool operator!=(const CPU &o) const { return !(*this == o); }
};

/// Something that forms share. It does `capacity` cycles of work in a cycle.
struct Resource {
  std::string name;
  double capacity = 1;
  /// Counts only while operations of 512 bits are in flight: a host may close or join units for them, and narrower ones wait for what is left.
  bool wide = false;
  bool operator==(const Resource &o) const { return name == o.name && capacity == o.capacity && wide == o.wide; }
};

/// Whether a form has an operand of 512 bits.
inline bool isWide(std::string_view form) { return form.find("zmm") != form.npos || form.find("m512") != form.npos; }

struct Use {
  uint32_t resource = 0; // position in Table::resources
  double work = 0;       // cycles on one unit of the resource
  bool operator==(const Use &o) const { return resource == o.resource && work == o.work; }
};

enum class Origin : uint8_t { measured, model };

/// What one form costs. All times are in core cycles.
struct Figure {
  /// From a register operand to the result, for the operand with the longest way; flags and mask registers count. Of a form that only loads: from
  /// the address to the result. Of a form that only stores: from the stored value to the result of a load that is forwarded. 0: eliminated at rename.
  double latency = 0;
  /// From the address to the result of a form that reads memory; 0 for others.
  double addressLatency = 0;
  double uops = 0;       // issue slots
  double throughput = 0; // cycles for each of many independent ones
  std::vector<Use> uses; // in the order of resources; issue slots are not among them
  Origin origin = Origin::measured;
  /// From each of Instruction::operands to the result; empty: `latency` from all of them.
  std::vector<double> operands;
  double indexedUops = 0; // more issue slots if the address has an index
  bool operator==(const Figure &o) const {
    return latency == o.latency && addressLatency == o.addressLatency && uops == o.uops && throughput == o.throughput && uses == o.uses &&
           origin == o.origin && operands == o.operands && indexedUops == o.indexedUops;
  }
  /// From the quickest operand, of all registers, to the result.
  double leastLatency() const {
    const double least = operands.empty() ? latency : *std::min_element(operands.begin(), operands.end());
    return addressLatency > 0 ? std::min(least, addressLatency) : least;
  }
};

/// A level of the data caches as one core sees it; the last entry of a table is memory, with 0 bytes and 0 ways.
struct Cache {
  std::string name; // "L1", "L2", "L3", "memory"
  uint64_t bytes = 0;
  uint32_t ways = 0, line = 0;
  double latency = 0;    // cycles of a load that hits, address to result
  double loadBytes = 0;  // bytes a cycle that loads of 64 bytes reach
  double storeBytes = 0; // bytes a cycle that stores of 64 bytes reach
  bool operator==(const Cache &o) const {
    return name == o.name && bytes == o.bytes && ways == o.ways && line == o.line && latency == o.latency && loadBytes == o.loadBytes &&
           storeBytes == o.storeBytes;
  }
};

/// A host may know at rename what a load will find in a store: general registers of 64 bits through addresses of a base and a distance.
struct Renaming {
  double latency = 0;   // cycles from the stored value to what the load returns
  bool anyBase = false; // also if the load has another base register than the store
  bool operator==(const Renaming &o) const { return latency == o.latency && anyBase == o.anyBase; }
};

struct Table {
  std::string name;
  CPU cpu;
  double issueWidth = 1;           // issue slots a cycle
  double retireWidth = 0;          // that leave the window in a cycle; 0: unknown, as many as are done
  uint32_t window = 1;             // instructions in flight
  Origin windowOrigin = Origin::model;
  double clock = 0;                // GHz of scalar code while the table was made; 0: unknown
  bool disturbed = false;          // something else ran: some forms have the model's figures although they can be measured
  std::vector<std::string> notes;  // for people: what could not be measured, and why
  std::vector<Cache> caches;       // from the nearest outwards
  /// Cycles from when a store leaves the window to a load that must wait for that: one that finds only a part of what it reads in the store.
  double storeToLoad = 12;
  std::optional<Renaming> renaming; // of memory; nothing: the host has none, or nobody measured
  std::vector<Resource> resources;
  std::map<std::string, Figure, std::less<>> forms; // by form

  /// Null if the table does not know the form.
  const Figure *find(std::string_view form) const {
    const auto found = forms.find(form);
    return found == forms.end() ? nullptr : &found->second;
  }
  /// Position of the nearest cache that holds so many bytes, or of memory, the last one; 0 if there are none.
  size_t levelOf(uint64_t bytes) const;
  /// Position of a resource; nothing if there is none of that name.
  std::optional<uint32_t> findResource(std::string_view resource) const;
  /// Cycles that the uses and issue slots of a figure allow at best, when nothing else runs; with wide resources if `wide`.
  double throughputOf(const Figure &figure, bool wide) const;
  bool operator==(const Table &o) const;
};

/// Figures in a text have thousandths of a cycle; a table whose figures are rounded like this is read back as it was written.
double roundFigure(double cycles);

/// The text of a table: JSON with one line for each form, cache and resource.
std::string toJSON(const Table &table);
/// The table of a text. Keys that are missing, unknown, of another type or out of range are errors that name the key and its value.
Result<Table> parseTable(std::string_view text);

} // namespace vtpu::host

#endif // VTPU_HOST_TABLE_H
