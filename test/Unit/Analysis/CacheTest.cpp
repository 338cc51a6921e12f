//===- CacheTest.cpp - Caches, their simulator and findings -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/CacheFindings.h"
#include "vtpu/Generator/Conflicts.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <random>

using namespace vtpu;
using namespace vtpu::analysis;

namespace {
Caches parsed(const char *text) {
  Result<Caches> caches = parseCaches(text);
  EXPECT_TRUE(caches) << caches.message();
  return *caches;
}

//===--- Geometry ---------------------------------------------------------===//

TEST(CacheGeometry, ReadsAndPrints) {
  const Caches caches = parsed("L1:48K:12:64,L2:2M:16:64:14,memory:300");
  ASSERT_EQ(caches.size(), 3u);
  EXPECT_EQ(caches[0].bytes, 48u << 10);
  EXPECT_EQ(setsOf(caches[0]), 64u);
  EXPECT_EQ(caches[0].latency, assumedLatency(0, 2));
  EXPECT_EQ(caches[1].latency, 14);
  EXPECT_EQ(caches[2].latency, 300);
  EXPECT_EQ(printCaches(caches), "L1:48K:12:64:5,L2:2M:16:64:14,memory:300");
  EXPECT_EQ(printCaches(parsed("L1:48K:12:64:5,L2:2M:16:64:14,memory:300")), printCaches(caches));
}

TEST(CacheGeometry, RefusesWithPlaceAndWayOut) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "'': expected NAME:BYTES:WAYS:LINE or NAME:BYTES:WAYS:LINE:CYCLES, as L1:48K:12:64"},
      {"L1:48K", "'L1:48K': expected NAME:BYTES:WAYS:LINE or NAME:BYTES:WAYS:LINE:CYCLES, as L1:48K:12:64"},
      {"L1:48X:12:64", "'L1:48X:12:64': '48X' is no size; write bytes, or a number with K, M or G"},
      {"L1:48K:x:64", "'L1:48K:x:64': 'x' is no number of ways"},
      {"L1:48K:12:y", "'L1:48K:12:y': 'y' is no size of a line"},
      {"L1:48K:12:64:-1", "'L1:48K:12:64:-1': '-1' is no number of cycles"},
      {"L1:48K:12:48", "cache L1: a line of 48 bytes; legal are powers of two from 16 to 4096"},
      {"L1:48K:0:64", "cache L1: 0 ways; legal are 1 to 1024"},
      {"L1:0:12:64", "cache L1: 0 bytes; legal are up to 64G"},
      {"L1:48K:7:64", "cache L1: 49152 bytes are no whole number of sets of 7 ways with lines of 64 bytes"},
      {"L1:48K:12:64,L2:2M:16:128", "cache L2: a line of 128 bytes beside 64 of L1; all levels need lines of one size"},
      {"L1:2M:16:64,L2:48K:12:64", "cache L2: 49152 bytes are less than the 2097152 of L1; levels go from the nearest outwards"},
      {"memory:250", "no level of caches; name one as L1:48K:12:64"},
      {"L1:48K:12:64,memory", "'memory': expected memory:CYCLES"},
      {"memory:250,L1:48K:12:64", "'L1:48K:12:64': memory comes last"},
  };
  for (const auto &[text, message] : cases) {
    Result<Caches> caches = parseCaches(text);
    EXPECT_FALSE(caches) << text;
    EXPECT_EQ(caches.message(), message);
  }
}

//===--- Simulator and reuse distances ------------------------------------===//

/// Least recently used, as slow and plain as can be.
struct PlainCache {
  uint64_t sets, ways;
  std::vector<std::list<uint64_t>> lines = std::vector<std::list<uint64_t>>(sets);
  bool touch(uint64_t line) {
    std::list<uint64_t> &set = lines[line % sets];
    const auto found = std::find(set.begin(), set.end(), line);
    const bool hit = found != set.end();
    if (hit)
      set.erase(found);
    set.push_front(line);
    if (set.size() > ways)
      set.pop_back();
    return hit;
  }
};

std::vector<Access> randomAccesses(uint64_t seed, unsigned count, uint64_t bytes) {
  std::mt19937_64 random(seed);
  std::vector<Access> accesses;
  uint64_t at = 0;
  for (unsigned i = 0; i < count; ++i) {
    at = random() % 4 ? at + random() % 128 : random() % bytes;
    accesses.push_back({(uint64_t(1) << 40) + at % bytes, uint32_t(random() % 3), uint8_t(1 + random() % 64), AccessKind::load});
  }
  return accesses;
}

TEST(CacheSimulator, AgreesWithPlainCaches) {
  for (const char *text : {"L1:1K:2:64,L2:4K:4:64", "L1:3K:3:64,L2:8K:8:64,L3:40K:5:64", "L1:512:8:64"}) {
    const Caches caches = parsed(text);
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const std::vector<Access> accesses = randomAccesses(seed, 6000, 20000);
      std::vector<PlainCache> real, full;
      for (size_t i = 0; i + 1 < caches.size(); ++i) {
        real.push_back({setsOf(caches[i]), caches[i].ways});
        full.push_back({1, caches[i].bytes / caches[i].line});
      }
      std::vector<MissCounts> expected(real.size());
      std::vector<std::vector<uint64_t>> seen(real.size());
      for (const Access &access : accesses)
        for (uint64_t line = access.address / 64; line <= (access.address + access.bytes - 1) / 64; ++line)
          for (size_t i = 0; i < real.size(); ++i) {
            const bool hit = real[i].touch(line), fullHit = full[i].touch(line);
            const bool first = std::find(seen[i].begin(), seen[i].end(), line) == seen[i].end();
            if (first)
              seen[i].push_back(line);
            ++expected[i].accesses;
            expected[i].spared += hit && !fullHit;
            expected[i].compulsory += !hit && first;
            expected[i].conflict += !hit && !first && fullHit;
            expected[i].capacity += !hit && !first && !fullHit;
            if (hit)
              break;
          }
      const std::vector<LevelResult> results = simulateCaches(accesses, 3, caches);
      ASSERT_EQ(results.size(), expected.size());
      for (size_t i = 0; i < results.size(); ++i) {
        const MissCounts &total = results[i].total;
        EXPECT_EQ(total.accesses, expected[i].accesses) << text << " seed " << seed;
        EXPECT_EQ(total.compulsory, expected[i].compulsory) << text << " seed " << seed;
        EXPECT_EQ(total.capacity, expected[i].capacity) << text << " seed " << seed;
        EXPECT_EQ(total.conflict, expected[i].conflict) << text << " seed " << seed;
        EXPECT_EQ(total.spared, expected[i].spared) << text << " seed " << seed;
        uint64_t sites = 0, fights = 0, sets = 0;
        for (const MissCounts &site : results[i].bySite)
          sites += site.misses();
        for (const auto &[pair, count] : results[i].fights)
          fights += count;
        for (const auto &[set, count] : results[i].conflictsBySet)
          sets += count;
        EXPECT_EQ(sites, total.misses());
        EXPECT_EQ(fights, total.conflict);
        EXPECT_EQ(sets, total.conflict);
      }
    }
  }
}

TEST(ReuseDistances, CountDistinctLines) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const std::vector<Access> accesses = randomAccesses(seed, 5000, 60000); // more touches than moments of the tree
    std::vector<uint64_t> expected, found;
    std::list<uint64_t> stack;
    for (const Access &access : accesses)
      for (uint64_t line = access.address / 64; line <= (access.address + access.bytes - 1) / 64; ++line) {
        const auto at = std::find(stack.begin(), stack.end(), line);
        expected.push_back(at == stack.end() ? neverBefore : uint64_t(std::distance(stack.begin(), at)));
        if (at != stack.end())
          stack.erase(at);
        stack.push_front(line);
      }
    forEachReuse(accesses, 64, [&](uint32_t, uint64_t distance) { found.push_back(distance); });
    EXPECT_EQ(found, expected) << "seed " << seed;
  }
}

TEST(ReuseDistances, SayWhatFullyAssociativeCachesMiss) {
  const std::vector<Access> accesses = randomAccesses(9, 20000, 40000);
  for (uint64_t lines : {8u, 64u, 300u}) {
    uint64_t far = 0;
    forEachReuse(accesses, 64, [&](uint32_t, uint64_t distance) { far += distance >= lines; });
    const Caches caches = parsed(("L1:" + std::to_string(lines * 64) + ":" + std::to_string(lines) + ":64").c_str());
    EXPECT_EQ(simulateCaches(accesses, 3, caches)[0].total.misses(), far) << lines;
  }
}

//===--- Findings ---------------------------------------------------------===//

struct Found {
  Trace trace;
  CacheReport report;
};
Found analyse(const Program &program, const Caches &caches) {
  TraceOptions options;
  options.limit = 20'000'000;
  Result<Trace> trace = record(program, options);
  EXPECT_TRUE(trace) << trace.message();
  EXPECT_EQ(trace->trap, "");
  EXPECT_FALSE(trace->cut);
  CacheReport report = analyseCaches(*trace, findPatterns(*trace, caches[0].line), caches);
  return {std::move(*trace), std::move(report)};
}

/// What each planted conflict is found as, for caches of different makes.
class Planted : public testing::TestWithParam<std::tuple<const char *, unsigned, size_t>> {};

TEST_P(Planted, IsFoundAndItsTwinIsSilent) {
  const auto &[text, number, level] = GetParam();
  const gen::Conflict conflict = gen::Conflict(number);
  if (level && !gen::isOfLevel(conflict))
    return;
  const Caches caches = parsed(text);
  Result<Program> planted = gen::plantConflict({conflict, level, false, 0}, caches),
                  repaired = gen::plantConflict({conflict, level, true, 0}, caches);
  ASSERT_TRUE(planted) << planted.message();
  ASSERT_TRUE(repaired) << repaired.message();

  const Found twin = analyse(*repaired, caches);
  for (const Finding &finding : twin.report.findings)
    ADD_FAILURE() << "the repaired twin has " << findingName(finding.kind) << ": " << finding.what;

  const Found found = analyse(*planted, caches);
  EXPECT_EQ(found.trace.accesses.size(), twin.trace.accesses.size()) << "the twins do the same work";
  using Kind = FindingKind;
  constexpr Kind wanted[gen::numConflicts] = {Kind::setConflict, Kind::setConflict, Kind::capacity,
                                              Kind::aliasing,    Kind::splitLines,  Kind::capacity};
  const auto finding = std::find_if(found.report.findings.begin(), found.report.findings.end(), [&, level = level](const Finding &f) {
    return f.kind == wanted[number] && (f.level.empty() || f.level == caches[level].name);
  });
  ASSERT_NE(finding, found.report.findings.end());
  EXPECT_NE(finding->wayOut, "");
  EXPECT_FALSE(finding->parts.empty());
  for (const Part &part : finding->parts) {
    const Site &site = found.trace.sites[part.site];
    EXPECT_EQ(site.binding, "x");
    EXPECT_NE(site.location.find(std::string(gen::conflictName(conflict)) + ".siw:"), std::string::npos) << site.location;
  }
  if (finding->remaining) {
    EXPECT_LE(double(*finding->remaining), 0.2 * double(finding->count));
  }
}

INSTANTIATE_TEST_SUITE_P(Caches, Planted,
                         testing::Combine(testing::Values("L1:4K:4:64,L2:32K:8:64", "L1:6K:6:64,L2:60K:10:64",
                                                          "L1:8K:8:64,L2:64K:4:64,L3:256K:16:64", "L1:16K:8:128,L2:128K:16:128"),
                                          testing::Range(0u, gen::numConflicts), testing::Values(size_t(0), size_t(1))));

TEST(Planted, OfARealCoreIsFound) {
  const Caches caches = parsed("L1:48K:12:64,L2:2M:16:64");
  for (gen::Conflict conflict : {gen::Conflict::rows, gen::Conflict::streams, gen::Conflict::aliasing}) {
    EXPECT_FALSE(analyse(*gen::plantConflict({conflict, 0, false, 0}, caches), caches).report.findings.empty());
    EXPECT_TRUE(analyse(*gen::plantConflict({conflict, 0, true, 0}, caches), caches).report.findings.empty());
  }
}

TEST(Conflicts, RefusesWhatHasNoRoom) {
  const Caches caches = parsed("L1:4K:4:64,L2:32K:8:64");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::rows, 2, false, 0}, caches).message(), "level 3 of the caches; there are 2");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::split, 1, false, 0}, caches).message(),
            "conflict split is no matter of a level; leave the level out");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::rows, 0, false, 0}, parsed("L1:4K:64:64")).message(),
            "cache L1 of 4096 bytes has no room for conflict rows: it has 1 sets; a conflict needs 4");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::streams, 0, false, 0}, parsed("L1:4K:64:64")).message(),
            "cache L1 of 4096 bytes has no room for conflict streams: 68 parts do not fit into 1 sets of 64 ways");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::rows, 0, false, 0}, parsed("L1:4K:4:32")).message(),
            "cache L1 of 4096 bytes has no room for conflict rows: its lines have 32 bytes, vectors have 64");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::split, 0, false, 0}, parsed("L1:1K:4:64")).message(),
            "cache L1 of 1024 bytes has no room for conflict split: it has less than 32 lines of 64 bytes");
  EXPECT_EQ(gen::plantConflict({gen::Conflict::capacity, 1, false, 0}, parsed("L1:4K:4:64,L2:4G:16:64")).message(),
            "conflict capacity of L2 takes 8589934592 bytes, more than 1073741824; choose a nearer level");
}
} // namespace
