//===- CacheMode.cpp - vtpu-mca --cache -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"

namespace vtpu::tools {

using namespace analysis;
using nlohmann::ordered_json;

namespace {
ordered_json missesJSON(const MissCounts &misses) {
  return {{"accesses", misses.accesses},
          {"compulsory", misses.compulsory},
          {"capacity", misses.capacity},
          {"conflict", misses.conflict},
          {"spared", misses.spared}};
}

ordered_json strideJSON(const Patterns &patterns, uint32_t site) {
  const auto &strides = patterns.bySite[site].strides;
  return strides.empty() ? ordered_json(nullptr) : ordered_json(strides[0].first);
}

ordered_json reportJSON(const Trace &trace, const Patterns &patterns, const CacheReport &report) {
  ordered_json json = traceJSON(trace, report.caches);
  json["loads"] = report.loads;
  json["stores"] = report.stores;
  json["aliased_loads"] = report.aliased;
  json["split_accesses"] = report.split;
  json["memory_cycles"] = report.cycles;
  json["levels"] = ordered_json::array();
  for (size_t i = 0; i < report.levels.size(); ++i) {
    const LevelResult &level = report.levels[i];
    ordered_json entry = {{"name", report.caches[i].name},
                          {"sets", setsOf(report.caches[i])},
                          {"lines_touched", level.lines},
                          {"misses", missesJSON(level.total)}};
    entry["words"] = ordered_json::array();
    for (uint32_t site = 0; site < level.bySite.size(); ++site)
      if (level.bySite[site].accesses) {
        ordered_json word = siteJSON(trace, site);
        word["stride"] = strideJSON(patterns, site);
        word["misses"] = missesJSON(level.bySite[site]);
        entry["words"].push_back(std::move(word));
      }
    std::map<uint64_t, uint64_t> bySet(level.conflictsBySet.begin(), level.conflictsBySet.end());
    entry["conflicts_by_set"] = ordered_json::array();
    for (const auto &[set, count] : bySet)
      entry["conflicts_by_set"].push_back({set, count});
    json["levels"].push_back(std::move(entry));
  }
  json["findings"] = ordered_json::array();
  for (const Finding &finding : report.findings) {
    ordered_json entry = {{"kind", findingName(finding.kind)},
                          {"level", finding.level.empty() ? ordered_json(nullptr) : ordered_json(finding.level)},
                          {"count", finding.count},
                          {"of", finding.of},
                          {"cycles", finding.cycles},
                          {"share", finding.share},
                          {"what", finding.what},
                          {"way_out", finding.wayOut.empty() ? ordered_json(nullptr) : ordered_json(finding.wayOut)},
                          {"remaining", finding.remaining ? ordered_json(*finding.remaining) : ordered_json(nullptr)},
                          {"words", ordered_json::array()},
                          {"other_words", finding.others}};
    for (const Part &part : finding.parts) {
      ordered_json word = siteJSON(trace, part.site);
      word["stride"] = strideJSON(patterns, part.site);
      word["count"] = part.count;
      if (part.opponent != part.site || finding.kind == FindingKind::setConflict)
        word["against"] = siteJSON(trace, part.opponent);
      entry["words"].push_back(std::move(word));
    }
    json["findings"].push_back(std::move(entry));
  }
  return json;
}

void printReport(const Trace &trace, const Patterns &patterns, const CacheReport &report) {
  printTrace(trace, report.caches);
  fmt::print("\n{:<8} {:>12} {:>12} {:>12} {:>12} {:>9}\n", "level", "accesses", "compulsory", "capacity", "conflict", "misses");
  for (size_t i = 0; i < report.levels.size(); ++i) {
    const MissCounts &misses = report.levels[i].total;
    fmt::print("{:<8} {:>12} {:>12} {:>12} {:>12} {:>7.1f} %\n", report.caches[i].name, misses.accesses, misses.compulsory, misses.capacity,
               misses.conflict, misses.accesses ? 100 * double(misses.misses()) / double(misses.accesses) : 0.0);
  }
  fmt::print("{} loads, {} of them aliased; {} stores; {} accesses across lines; about {:.0f} memory cycles\n", report.loads,
             report.aliased, report.stores, report.split, report.cycles);
  if (report.findings.empty())
    fmt::print("\nno findings\n");
  for (const Finding &finding : report.findings) {
    fmt::print("\n{}{}{}: {}\n  about {:.0f} cycles, {:.1f} % of the memory cycles\n", findingName(finding.kind),
               finding.level.empty() ? "" : " in ", finding.level, finding.what, finding.cycles, 100 * finding.share);
    for (const Part &part : finding.parts) {
      const auto &strides = patterns.bySite[part.site].strides;
      fmt::print("  {:>10}  {}: {}{}\n", part.count, trace.objects[trace.sites[part.site].object].name, siteText(trace, part.site),
                 strides.empty() ? "" : fmt::format(", stride {}", strides[0].first));
      if (finding.kind == FindingKind::setConflict)
        fmt::print("  {:>10}  evicted by {}\n", "", siteText(trace, part.opponent));
      else if (finding.kind == FindingKind::aliasing)
        fmt::print("  {:>10}  behind {}: {}\n", "", trace.objects[trace.sites[part.opponent].object].name, siteText(trace, part.opponent));
    }
    if (finding.others)
      fmt::print("  {:>10}  and {} more\n", "", finding.others);
    if (!finding.wayOut.empty())
      fmt::print("  way out: {}{}\n", finding.wayOut, finding.remaining ? fmt::format("; simulated, {} remain", *finding.remaining) : "");
  }
}
} // namespace

void runCacheMode(const Options &options, const TraceArguments &arguments, const Program &program, const std::string &path) {
  Result<Caches> caches = readCaches(arguments);
  if (!caches)
    options.fail(caches.message());
  Result<Trace> trace = recordRun(program, arguments);
  if (!trace)
    options.fail(fmt::format("{}: {}", path, trace.message()));
  const Patterns patterns = findPatterns(*trace, (*caches)[0].line);
  CacheOptions cacheOptions;
  cacheOptions.least = arguments.least / 100;
  cacheOptions.aliasCycles = arguments.aliasCycles;
  const CacheReport report = analyseCaches(*trace, patterns, *caches, cacheOptions);
  if (arguments.json)
    fmt::print("{}\n", reportJSON(*trace, patterns, report).dump(1));
  else
    printReport(*trace, patterns, report);
}

} // namespace vtpu::tools
