//===- Subject.h - The program that a mode looks at -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The modes beside the prediction of cycles, and what those on traces share: options and the recording of a run.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_MCA_SUBJECT_H
#define VTPU_TOOLS_MCA_SUBJECT_H

#include "Options.h"
#include "Report.h"
#include "vtpu/Analysis/CacheFindings.h"
#include "vtpu/Analysis/Pairs.h"
#include "vtpu/Analysis/Sampler.h"

#include <nlohmann/json.hpp>

namespace vtpu::tools {

struct TraceArguments {
  std::string entry, caches, parameters, layouts;
  std::vector<std::string> inputs, moves;
  uint64_t limit = 4'000'000, seed = 1;
  double least = 5; // per cent
  double aliasCycles = analysis::CacheOptions().aliasCycles;
  bool json = false, measure = false; // from options that other modes have too
};

/// Options of the modes on traces.
void registerTraceOptions(Options &options, TraceArguments &arguments);

/// Those of --caches, or this machine's.
Result<analysis::Caches> readCaches(const TraceArguments &arguments);
/// Contents of --input, in order.
Result<std::vector<std::vector<uint8_t>>> readInputs(const TraceArguments &arguments);
/// `accesses` false: only counts of each word.
Result<analysis::Trace> recordRun(const Program &program, const TraceArguments &arguments, bool accesses = true);

/// What a trace says of itself: entry, words, accesses, limit, trap, objects, caches.
nlohmann::ordered_json traceJSON(const analysis::Trace &trace, const analysis::Caches &caches);
nlohmann::ordered_json siteJSON(const analysis::Trace &trace, uint32_t site);
void printTrace(const analysis::Trace &trace, const analysis::Caches &caches);
/// `main:5 at a.siw:8, sld.f32.f32.512 v0, [r1]`: a word in a list.
std::string siteText(const analysis::Trace &trace, uint32_t site);

/// The modes on traces. A trap is reported and what ran before is analysed. Mistakes of the user end the process.
void runCacheMode(const Options &options, const TraceArguments &arguments, const Program &program, const std::string &path);
void runMemoryMode(const Options &options, const TraceArguments &arguments, const Program &program, const std::string &path);
/// What one of a pair takes from the machine, in a call: of each region what is predicted, as often as the trace ran it.
analysis::Demand demandOf(const std::vector<mca::Report> &reports, const analysis::Trace &trace, const analysis::Caches &caches);
struct PairProgram {
  std::string path;
  const Program *program;
  analysis::Demand demand;
};
/// Two programs alone, on two cores, and on siblings of one. `sharedBytesPerCycle`: what cores share behind their private caches; 0:
/// unknown.
void runPairMode(const Options &options, const TraceArguments &arguments, const PairProgram (&pair)[2], double sharedBytesPerCycle);
/// Where the time of calls goes (--profile).
struct Profile {
  std::string entry;
  analysis::Samples samples;
  std::vector<std::vector<uint64_t>> executions, firstTouches; // as Trace has them, of a call
  struct Taken {
    double samples = 0, rates = 0; // how many, and the sum of their rates
  };
  std::map<std::pair<uint32_t, uint32_t>, Taken> byWord; // by function and word
  /// What a region takes of a call.
  struct Share {
    double time = 0, cycles = 0; // 0 to 1; cycles of the core
  };
  Share shareOf(const host::Region &region) const;
  /// Bytes of lines that a call touches in a region for the first time; of all regions.
  uint64_t newBytes(const host::Region &region) const;
  uint64_t newBytes() const;
};
/// Samples calls of an entry for so many seconds, and counts words in the interpreter.
Result<Profile> profileCalls(const Program &program, const std::vector<rt::FunctionFacts> &facts, const TraceArguments &arguments, double seconds);
/// The mode on regions.
void printPortConflicts(const std::vector<mca::Report> &reports, const std::string &table, bool json);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_MCA_SUBJECT_H
