//===- CacheFindings.cpp - What costs time in caches ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/CacheFindings.h"

#include "Moves.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace vtpu::analysis {

namespace {
constexpr size_t mostParts = 6;
/// A way out counts if it leaves at most this share of the count.
constexpr double mostRemaining = 0.2;

/// Parts by count, the largest first.
std::vector<Part> largest(std::vector<Part> parts, size_t &others) {
  std::sort(parts.begin(), parts.end(), [](const Part &a, const Part &b) {
    return a.count != b.count ? a.count > b.count : std::pair(a.site, a.opponent) < std::pair(b.site, b.opponent);
  });
  if (parts.size() > mostParts) {
    others = parts.size() - mostParts;
    parts.resize(mostParts);
  }
  return parts;
}

class Analyser {
public:
  Analyser(const Trace &trace, const Patterns &patterns, const CacheOptions &options, CacheReport &report)
      : trace(trace), patterns(patterns), options(options), report(report), caches(report.caches), line(caches[0].line) {}

  void run() {
    report.levels = simulateCaches(trace.accesses, trace.sites.size(), caches);
    for (const Access &access : trace.accesses) {
      report.loads += access.kind == AccessKind::load;
      report.stores += access.kind == AccessKind::store;
      report.split += isSplit(access);
    }
    aliases = findAliases(trace.accesses);
    for (const auto &[pair, count] : aliases)
      report.aliased += count;
    report.cycles = memoryCycles(report.levels, caches) + double(report.aliased) * options.aliasCycles;
    for (size_t level = 0; level < report.levels.size(); ++level) {
      findConflicts(level);
      findCapacity(level);
    }
    findAliasing();
    findSplits();
    std::stable_sort(report.findings.begin(), report.findings.end(),
                     [](const Finding &a, const Finding &b) { return a.cycles > b.cycles; });
  }

private:
  const Trace &trace;
  const Patterns &patterns;
  const CacheOptions &options;
  CacheReport &report;
  const Caches &caches;
  const unsigned line;
  using Pairs = std::map<std::pair<uint32_t, uint32_t>, uint64_t>;
  Pairs aliases; // load and store

  /// Whether something is a finding; then it has its cycles.
  bool isWorth(Finding &finding, double cyclesEach) const {
    finding.cycles = double(finding.count) * cyclesEach;
    finding.share = report.cycles > 0 ? finding.cycles / report.cycles : 0;
    return finding.cycles > 0 && finding.share >= options.least;
  }
  const Object &objectOf(uint32_t site) const { return trace.objects[trace.sites[site].object]; }
  bool isSplit(const Access &access) const { return access.address / line != (access.address + access.bytes - 1) / line; }

  //===--- Set conflicts -------------------------------------------------===//

  void findConflicts(size_t level) {
    const LevelResult &result = report.levels[level];
    Finding finding{FindingKind::setConflict, caches[level].name};
    finding.count = result.total.netConflict();
    finding.of = result.total.accesses;
    if (!isWorth(finding, missCycles(caches, level)))
      return;
    for (const auto &[pair, count] : result.fights)
      finding.parts.push_back({uint32_t(pair >> 32), uint32_t(pair), count});
    finding.parts = largest(std::move(finding.parts), finding.others);
    std::vector<uint64_t> bySet;
    for (const auto &[set, count] : result.conflictsBySet)
      bySet.push_back(count);
    std::sort(bySet.rbegin(), bySet.rend());
    uint64_t covered = 0;
    size_t sets = 0;
    while (sets < bySet.size() && double(covered) < 0.9 * double(result.total.conflict))
      covered += bySet[sets++];
    finding.what =
        fmt::format("{} of {} accesses to {} miss although it has room: nine tenths of these misses fall into {} of its {} sets of {} ways",
                    finding.count, finding.of, caches[level].name, sets, setsOf(caches[level]), caches[level].ways);
    findPlaces(finding, level);
    report.findings.push_back(std::move(finding));
  }

  /// Tries to move data so that sets are used evenly.
  void findPlaces(Finding &finding, size_t level) {
    const std::vector<Access> spread = spreadObjects(trace);
    std::set<uint32_t> objects;
    for (const Part &part : finding.parts)
      objects.insert({trace.sites[part.site].object, trace.sites[part.opponent].object});
    auto helps = [&](const std::vector<Access> &accesses) {
      const std::vector<LevelResult> levels = simulateCaches(accesses, trace.sites.size(), caches);
      finding.remaining = levels[level].total.netConflict();
      return double(*finding.remaining) <= mostRemaining * double(finding.count) && memoryCycles(levels, caches) < report.cycles;
    };
    // Rows: what a word strides over, what the tensor's shape says, and what all addresses of a set have in common.
    for (unsigned source = 0; source < 3; ++source)
      for (const unsigned lines : {1u, 2u, 4u, 8u, 16u}) {
        std::vector<Access> accesses = spread;
        std::string text;
        for (uint32_t object : objects)
          if (const uint64_t pitch = pitchOf(finding, object, level, source)) {
            padRows(trace, accesses, object, pitch, uint64_t(lines) * line);
            text += fmt::format("{}the rows of {} bytes in {} by {}", text.empty() ? "" : ", ", pitch, trace.objects[object].name,
                                lines * line);
          }
        if (!text.empty() && helps(accesses)) {
          finding.wayOut = "pad " + text;
          return;
        }
      }
    if (objects.size() > 1)
      for (const unsigned lines : {1u, 2u, 4u, 8u}) {
        std::vector<Access> accesses = spread;
        std::map<uint32_t, uint64_t> moved;
        for (uint32_t object : objects)
          moved[object] = moved.size() * lines * line;
        for (Access &access : accesses)
          if (auto found = moved.find(trace.sites[access.site].object); found != moved.end())
            access.address += found->second;
        if (helps(accesses)) {
          for (const auto &[object, distance] : moved)
            if (distance)
              finding.wayOut +=
                  fmt::format("{}{} by {} bytes", finding.wayOut.empty() ? "move " : ", ", trace.objects[object].name, distance);
          return;
        }
      }
    finding.remaining.reset();
  }

  /// Bytes of a row of an object, by one of three sources; 0: it has none.
  uint64_t pitchOf(const Finding &finding, uint32_t object, size_t level, unsigned source) const {
    const uint64_t size = trace.objects[object].bytes;
    uint64_t pitch = 0;
    if (source == 0) {
      for (const Part &part : finding.parts)
        for (uint32_t site : {part.site, part.opponent})
          if (trace.sites[site].object == object && !pitch)
            for (const auto &[stride, share] : patterns.bySite[site].strides)
              if (const uint64_t distance = uint64_t(std::abs(stride)); distance > line && share >= 0.25 && !pitch)
                pitch = distance;
    } else if (source == 1) {
      const std::vector<int64_t> &shape = trace.objects[object].shape;
      pitch = shape.size() < 2 ? 0 : uint64_t(shape.back()) * dtypeBytes(trace.objects[object].dtype);
    } else {
      pitch = setsOf(caches[level]) * line;
    }
    return pitch > line && pitch < size ? pitch : 0;
  }

  //===--- Capacity ------------------------------------------------------===//

  void findCapacity(size_t level) {
    const LevelResult &result = report.levels[level];
    Finding finding{FindingKind::capacity, caches[level].name};
    // What the sets spare was counted as a hit already.
    finding.count = result.total.capacity;
    finding.of = result.total.accesses;
    if (!isWorth(finding, missCycles(caches, level)))
      return;
    const uint64_t capacity = caches[level].bytes / line;
    for (uint32_t site = 0; site < result.bySite.size(); ++site)
      if (result.bySite[site].capacity)
        finding.parts.push_back({site, site, result.bySite[site].capacity});
    finding.parts = largest(std::move(finding.parts), finding.others);
    // The usual distance of those reuses that the level is too small for.
    std::vector<uint64_t> distances;
    forEachReuse(trace.accesses, line, [&](uint32_t, uint64_t distance) {
      if (distance != neverBefore && distance >= capacity)
        distances.push_back(distance);
    });
    if (distances.empty())
      return; // the level sees only what others missed; there is no reuse that a larger one would catch
    auto middle = distances.begin() + ptrdiff_t(distances.size() / 2);
    std::nth_element(distances.begin(), middle, distances.end());
    const uint64_t usual = *middle + 1;
    finding.what = fmt::format(
        "{} of {} accesses to {} miss for lack of room: {} lines ({} KiB) are touched before a line is used again, and it holds {}",
        finding.count, finding.of, caches[level].name, usual, usual * line / 1024, capacity);
    std::set<std::string> names;
    for (const Part &part : finding.parts)
      names.insert(objectOf(part.site).name);
    std::string list;
    for (const std::string &name : names)
      list += (list.empty() ? "" : ", ") + name;
    // Half of the level leaves room for what else is touched and for uneven sets.
    finding.wayOut = fmt::format("tile the loops over {} so that at most {} KiB are touched between two uses of a line, {} times less",
                                 list, std::max<uint64_t>(caches[level].bytes / 2048, 1), (2 * usual + capacity - 1) / capacity);
    report.findings.push_back(std::move(finding));
  }

  //===--- 4K aliasing ---------------------------------------------------===//

  /// Loads whose youngest store with the same low 12 bits, of the last ones, went elsewhere.
  Pairs findAliases(const std::vector<Access> &accesses) const {
    constexpr uint64_t low = 4095;
    Pairs pairs;
    std::vector<Access> stores; // a ring
    std::vector<uint64_t> times;
    size_t next = 0;
    uint64_t time = 0;
    for (const Access &access : accesses) {
      ++time;
      if (access.kind == AccessKind::store) {
        if (stores.size() < options.window) {
          stores.push_back(access);
          times.push_back(time);
        } else {
          stores[next] = access;
          times[next] = time;
        }
        next = (next + 1) % options.window;
        continue;
      }
      for (size_t back = 1; back <= stores.size(); ++back) {
        const size_t at = (next + options.window - back) % options.window;
        if (times[at] + options.window < time)
          break;
        const Access &store = stores[at];
        // Distance of the ranges round the page.
        const uint64_t ahead = (access.address - store.address) & low, behind = (store.address - access.address) & low;
        if (ahead >= store.bytes && behind >= access.bytes)
          continue;
        const bool same = access.address < store.address + store.bytes && store.address < access.address + access.bytes;
        if (!same)
          ++pairs[{access.site, store.site}];
        break;
      }
    }
    return pairs;
  }

  void findAliasing() {
    Finding finding{FindingKind::aliasing, ""};
    finding.count = report.aliased;
    finding.of = report.loads;
    if (!isWorth(finding, options.aliasCycles))
      return;
    for (const auto &[pair, count] : aliases)
      finding.parts.push_back({pair.first, pair.second, count});
    finding.parts = largest(std::move(finding.parts), finding.others);
    finding.what =
        fmt::format("{} of {} loads come within {} accesses of a store whose address differs from theirs only above the low 12 bits",
                    finding.count, finding.of, options.window);
    for (uint64_t distance = line; distance < 4096 && finding.wayOut.empty(); distance *= 2) {
      std::vector<Access> accesses = spreadObjects(trace);
      std::set<uint32_t> moved;
      for (const Part &part : finding.parts)
        moved.insert(part.opponent);
      for (Access &access : accesses)
        if (moved.count(access.site))
          access.address += distance;
      uint64_t remaining = 0;
      for (const auto &[pair, count] : findAliases(accesses))
        remaining += count;
      if (double(remaining) > mostRemaining * double(finding.count))
        continue;
      std::set<std::string> names;
      for (uint32_t site : moved)
        names.insert(objectOf(site).name);
      for (const std::string &name : names)
        finding.wayOut += (finding.wayOut.empty() ? "move what is stored in " : ", ") + name;
      finding.wayOut += fmt::format(" by {} bytes", distance);
      finding.remaining = remaining;
    }
    report.findings.push_back(std::move(finding));
  }

  //===--- Split lines ---------------------------------------------------===//

  void findSplits() {
    Finding finding{FindingKind::splitLines, ""};
    finding.count = report.split;
    finding.of = report.loads + report.stores;
    if (!isWorth(finding, 1)) // the second line is one more access
      return;
    std::map<uint32_t, uint64_t> bySite;
    for (const Access &access : trace.accesses)
      if (isSplit(access))
        ++bySite[access.site];
    std::set<uint32_t> objects;
    for (const auto &[site, count] : bySite) {
      finding.parts.push_back({site, site, count});
      objects.insert(trace.sites[site].object);
    }
    finding.parts = largest(std::move(finding.parts), finding.others);
    finding.what = fmt::format("{} of {} accesses cross from one line of {} bytes into the next", finding.count, finding.of, line);
    std::string moves;
    uint64_t remaining = 0;
    for (uint32_t object : objects)
      alignObject(object, moves, remaining);
    if (double(remaining) <= mostRemaining * double(finding.count)) {
      finding.wayOut = std::move(moves);
      finding.remaining = remaining;
    }
    report.findings.push_back(std::move(finding));
  }

  /// The move of an object that leaves the fewest splits: from its start, or of its rows to whole lines.
  void alignObject(uint32_t object, std::string &moves, uint64_t &remaining) {
    auto splitsAfter = [&](const std::vector<Access> &accesses, uint64_t distance) {
      uint64_t count = 0;
      for (Access access : accesses)
        if (trace.sites[access.site].object == object) {
          access.address += distance;
          count += isSplit(access);
        }
      return count;
    };
    const std::vector<Access> spread = spreadObjects(trace);
    uint64_t best = splitsAfter(spread, 0);
    std::string text;
    auto consider = [&](uint64_t count, const std::string &how) {
      if (count < best) {
        best = count;
        text = how;
      }
    };
    const std::string &name = trace.objects[object].name;
    for (unsigned distance = 4; distance < line; distance += 4)
      consider(splitsAfter(spread, distance), fmt::format("move what is accessed in {} by {} bytes", name, distance));
    std::set<uint64_t> pitches;
    for (uint32_t site = 0; site < trace.sites.size(); ++site)
      if (trace.sites[site].object == object && !patterns.bySite[site].strides.empty())
        pitches.insert(uint64_t(std::abs(patterns.bySite[site].strides[0].first)));
    for (uint64_t pitch : pitches)
      if (pitch > 0 && pitch % line) {
        std::vector<Access> accesses = spread;
        padRows(trace, accesses, object, pitch, line - pitch % line);
        consider(splitsAfter(accesses, 0), fmt::format("pad the rows of {} bytes in {} by {}", pitch, name, line - pitch % line));
      }
    remaining += best;
    if (!text.empty())
      moves += (moves.empty() ? "" : ", ") + text;
  }
};
} // namespace

std::string_view findingName(FindingKind kind) {
  constexpr std::string_view names[] = {"set conflicts", "capacity", "4K aliasing", "split lines"};
  return names[size_t(kind)];
}

CacheReport analyseCaches(const Trace &trace, const Patterns &patterns, const Caches &caches, const CacheOptions &options) {
  CacheReport report;
  report.caches = caches;
  Analyser(trace, patterns, options, report).run();
  return report;
}

} // namespace vtpu::analysis
