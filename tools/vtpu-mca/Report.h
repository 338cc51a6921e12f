//===- Report.h - What vtpu-mca tells about some words ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_MCA_REPORT_H
#define VTPU_TOOLS_MCA_REPORT_H

#include "vtpu/Host/NamedTable.h"
#include "vtpu/Host/Regions.h"

#include <nlohmann/json_fwd.hpp>
#include <set>

namespace vtpu::mca {

/// Everything about one region; views print parts of it.
struct Report {
  const Program *program = nullptr;
  host::Region region;
  host::RegionCode code;
  std::unique_ptr<host::CodeModel> model;
  host::Prediction prediction;
  std::optional<double> llvm;     // llvm-mca's cycles an iteration, of a straight run for all of it
  std::optional<double> measured; // cycles an iteration on this machine
  std::string notMeasured;        // why not, if it was asked for
  struct Time {
    double share;  // of the time of a call
    uint64_t runs; // of its last word in a call: iterations of a loop
    double cycles; // that each of them takes
    /// Cycles for each that lines take which a call touches here first, from the cache that holds all that a call touches.
    double far;
    std::string level; // that cache
  };
  std::optional<Time> time; // in calls of the whole program

  const Function &function() const { return program->functions[region.function]; }
  /// `main, loop of words 3 to 9`
  std::string title() const;
  /// Cycles of work at a port in one round, over its capacity.
  double pressure(uint32_t operation, uint32_t port) const;
  /// Of a whole round.
  std::vector<double> pressures() const;
  /// Of a loop that runs too seldom to reach its steady state: predicted cycles an iteration if nothing overlaps with its start and end.
  std::optional<double> drained() const;
  /// Cycles that ports and recurrences allow at best; of a straight run only ports.
  double throughput() const;
};

/// An empty slot of a region, and what keeps it empty.
struct EmptyLine {
  uint32_t word;
  isa::Pipe pipe;
  std::string why;
};
std::vector<EmptyLine> emptySlots(const Report &report);

/// Analyses one region with a table that knows all of its forms.
Result<Report> analyse(const Program &program, const host::Region &region, host::RegionCode code, const host::Table &table);

enum class View : uint8_t { summary, slots, empty, bottleneck, pressure, words, instructions, chain, timeline, listing };
constexpr std::string_view viewNames[] = {"summary", "slots", "empty", "bottleneck", "pressure", "words", "instructions", "chain", "timeline", "listing"};
using Views = std::set<View>;
/// Views by their names, with commas; `all` is all of them.
Result<Views> parseViews(std::string_view list);

void printReport(const Report &report, const host::Table &table, const Views &views, uint32_t timelineRounds);
nlohmann::json toJSON(const Report &report, const host::Table &table, const Views &views, uint32_t timelineRounds);

/// Every host instruction of the template JIT: this table's figures beside those of LLVM's model.
Status printPorts(const host::Table &table, const host::LLVMModel &model, bool asJSON);

} // namespace vtpu::mca

#endif // VTPU_TOOLS_MCA_REPORT_H
