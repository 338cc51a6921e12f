//===- MemoryMode.cpp - vtpu-mca --memory -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"
#include "vtpu/Analysis/Layouts.h"

namespace vtpu::tools {

using namespace analysis;
using nlohmann::ordered_json;

namespace {
ordered_json reuseJSON(const ReuseHistogram &reuse) {
  ordered_json counts = ordered_json::array();
  size_t last = 0;
  for (size_t b = 0; b < reuse.counts.size(); ++b)
    if (reuse.counts[b])
      last = b + 1;
  for (size_t b = 0; b < last; ++b)
    counts.push_back({{"below", uint64_t(1) << b}, {"count", reuse.counts[b]}});
  return {{"first", reuse.first}, {"distances", counts}};
}

ordered_json comparisonJSON(const Trace &trace, const Caches &caches, const LayoutComparison &comparison) {
  ordered_json json = {{"object", trace.objects[comparison.object].name},
                       {"cycles", comparison.current},
                       {"best", layoutText(comparison.results[comparison.best].choice)},
                       {"worthwhile", isWorthwhile(comparison)},
                       {"layouts", ordered_json::array()}};
  for (const LayoutResult &result : comparison.results) {
    ordered_json entry = {{"layout", layoutText(result.choice)}};
    if (!result.refused.empty()) {
      entry["refused"] = result.refused;
    } else {
      entry["bytes"] = result.bytes;
      entry["runs"] = result.runs;
      entry["cycles"] = result.cycles;
      entry["misses"] = ordered_json::object();
      for (size_t i = 0; i < result.levels.size(); ++i)
        entry["misses"][caches[i].name] = result.levels[i].misses();
      entry["nanoseconds"] = result.nanoseconds > 0 ? ordered_json(result.nanoseconds) : ordered_json(nullptr);
    }
    json["layouts"].push_back(std::move(entry));
  }
  return json;
}

ordered_json reportJSON(const Trace &trace, const Caches &caches, const Patterns &patterns,
                        const std::vector<LayoutComparison> &comparisons) {
  ordered_json json = traceJSON(trace, caches);
  json["line"] = patterns.lineBytes;
  json["footprint_lines"] = patterns.lines;
  json["reuse"] = reuseJSON(patterns.reuse);
  json["words"] = ordered_json::array();
  for (uint32_t site = 0; site < trace.sites.size(); ++site) {
    const SitePattern &pattern = patterns.bySite[site];
    ordered_json word = siteJSON(trace, site);
    word["accesses"] = pattern.accesses;
    word["bytes"] = pattern.bytes;
    word["lines"] = pattern.lines;
    word["pattern"] = strideName(pattern.kind);
    word["strides"] = ordered_json::array();
    for (const auto &[stride, share] : pattern.strides)
      word["strides"].push_back({{"bytes", stride}, {"share", share}});
    word["dimensions"] = ordered_json::array();
    for (const SitePattern::Steps &steps : pattern.steps)
      word["dimensions"].push_back({{"dimension", steps.dimension}, {"share", steps.share}, {"distance", steps.distance}});
    word["several_dimensions"] = pattern.severalDimensions;
    word["reuse"] = reuseJSON(pattern.reuse);
    json["words"].push_back(std::move(word));
  }
  json["layouts"] = ordered_json::array();
  for (const LayoutComparison &comparison : comparisons)
    json["layouts"].push_back(comparisonJSON(trace, caches, comparison));
  return json;
}

void printReport(const Trace &trace, const Caches &caches, const Patterns &patterns, const std::vector<LayoutComparison> &comparisons) {
  printTrace(trace, caches);
  fmt::print("footprint: {} lines of {} bytes\n\nreuse distance in lines\n{:>12} {:>12}\n", patterns.lines, patterns.lineBytes, "first",
             patterns.reuse.first);
  for (size_t b = 0; b < patterns.reuse.counts.size(); ++b)
    if (const uint64_t count = patterns.reuse.counts[b])
      fmt::print("{:>12} {:>12}\n", fmt::format("< {}", uint64_t(1) << b), count);
  fmt::print("\n{:>10} {:>8} {:<8}  {}\n", "accesses", "lines", "pattern", "word");
  for (uint32_t site = 0; site < trace.sites.size(); ++site) {
    const SitePattern &pattern = patterns.bySite[site];
    fmt::print("{:>10} {:>8} {:<8}  {}: {}\n", pattern.accesses, pattern.lines, strideName(pattern.kind),
               trace.objects[trace.sites[site].object].name, siteText(trace, site));
    std::string text;
    for (const auto &[stride, share] : pattern.strides)
      text += fmt::format("{}{} ({:.1f} %)", text.empty() ? "strides " : ", ", stride, 100 * share);
    for (size_t i = 0; i < pattern.steps.size(); ++i)
      text += fmt::format("{}{} by {:.3g} ({:.1f} %)", i ? ", " : "; dimension ", pattern.steps[i].dimension, pattern.steps[i].distance,
                          100 * pattern.steps[i].share);
    if (pattern.severalDimensions > 0)
      text += fmt::format("{} several ({:.1f} %)", pattern.steps.empty() ? "; dimensions:" : ",", 100 * pattern.severalDimensions);
    if (!text.empty())
      fmt::print("{:>29} {}\n", "", text);
  }
  if (comparisons.empty())
    fmt::print("\nno tensor's layout matters: none of at least two dimensions has misses that cost enough (--least)\n");
  for (const LayoutComparison &comparison : comparisons) {
    fmt::print("\nlayouts of {}\n{:<14} {:>12} {:>10}", trace.objects[comparison.object].name, "layout", "bytes", "runs");
    for (size_t i = 0; i + 1 < caches.size(); ++i)
      fmt::print(" {:>12}", caches[i].name + " misses");
    fmt::print(" {:>12} {:>12}\n", "cycles", "measured us");
    for (const LayoutResult &result : comparison.results) {
      if (!result.refused.empty()) {
        fmt::print("{:<14} not possible: {}\n", layoutText(result.choice), result.refused);
        continue;
      }
      fmt::print("{:<14} {:>12} {:>10}", layoutText(result.choice), result.bytes, result.runs);
      for (const MissCounts &misses : result.levels)
        fmt::print(" {:>12}", misses.misses());
      fmt::print(" {:>12.0f} {:>12}\n", result.cycles, result.nanoseconds > 0 ? fmt::format("{:.1f}", result.nanoseconds / 1e3) : "-");
    }
    const LayoutResult &best = comparison.results[comparison.best];
    if (isWorthwhile(comparison))
      fmt::print("bad layout: {} leaves {:.0f} % of the memory cycles\n", layoutText(best.choice), 100 * best.cycles / comparison.current);
    else
      fmt::print("no layout saves enough to be worth a copy\n");
  }
}
} // namespace

void runMemoryMode(const Options &options, const TraceArguments &arguments, const Program &program, const std::string &path) {
  LayoutOptions layoutOptions;
  layoutOptions.measure = arguments.measure;
  layoutOptions.least = arguments.least / 100;
  for (size_t at = 0; at < arguments.layouts.size();) {
    const size_t comma = std::min(arguments.layouts.find(',', at), arguments.layouts.size());
    Result<LayoutChoice> choice = parseLayout(arguments.layouts.substr(at, comma - at));
    if (!choice)
      options.fail(fmt::format("--layouts: {}", choice.message()));
    layoutOptions.choices.push_back(*choice);
    at = comma + 1;
  }
  Result<Caches> caches = readCaches(arguments);
  if (!caches)
    options.fail(caches.message());
  Result<Trace> trace = recordRun(program, arguments);
  if (!trace)
    options.fail(fmt::format("{}: {}", path, trace.message()));
  const Patterns patterns = findPatterns(*trace, (*caches)[0].line);
  const std::vector<LayoutComparison> comparisons = compareLayouts(*trace, *caches, layoutOptions);
  if (arguments.json)
    fmt::print("{}\n", reportJSON(*trace, *caches, patterns, comparisons).dump(1));
  else
    printReport(*trace, *caches, patterns, comparisons);
}

} // namespace vtpu::tools
