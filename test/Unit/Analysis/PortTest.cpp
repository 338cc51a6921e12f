//===- PortTest.cpp - Ports, pairs, cores -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Cores.h"
#include "vtpu/Analysis/Pairs.h"
#include "vtpu/Analysis/PortConflicts.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <numeric>

using namespace vtpu;
using namespace vtpu::analysis;

namespace {
/// A loop body of independent operations on a host with an issue width of four and three ports of one operation a cycle each.
struct Body {
  sched::PortTable table;
  std::vector<sched::PortRow> rows;
  sched::Problem problem{table};

  /// The port of each operation, 1 to 3; `chained`: each waits for the one before, and the first for the last of the iteration before.
  Body(const std::vector<uint32_t> &ports, bool chained) {
    table.name = "test";
    table.window = 64;
    for (const char *name : {"issue", "a", "b", "c"})
      table.ports.push_back({name, name == std::string("issue") ? 4 * sched::oneCycle : sched::oneCycle});
    for (uint32_t port : ports)
      rows.push_back({4, {{0, sched::oneCycle}, {port, sched::oneCycle}}});
    for (uint32_t i = 0; i < ports.size(); ++i) {
      sched::Operation operation;
      operation.row = &rows[i];
      problem.operations.push_back(operation);
      if (chained)
        problem.dependences.push_back({uint32_t(i ? i - 1 : ports.size() - 1), i, sched::DependenceKind::flow, 4, i ? 0u : 1u});
    }
  }
  Body(const Body &) = delete;
  PortReport report() const {
    std::vector<uint32_t> order(problem.operations.size());
    std::iota(order.begin(), order.end(), 0);
    return findPortConflicts(problem, order, true);
  }
};

TEST(PortConflicts, AreFoundWhereAPortBinds) {
  // Six operations want port a; the twin spreads them.
  const PortReport planted = Body({1, 1, 1, 1, 1, 1}, false).report(), twin = Body({1, 2, 3, 1, 2, 3}, false).report();
  EXPECT_NEAR(planted.cycles, 6, 0.1);
  ASSERT_EQ(planted.conflicts.size(), 1u);
  const PortConflict &conflict = planted.conflicts[0];
  EXPECT_EQ(conflict.port, 1u);
  EXPECT_NEAR(conflict.busy, 1, 0.02);
  EXPECT_NEAR(conflict.relieved, 3, 0.1);
  EXPECT_NEAR(conflict.surplus, 3, 0.2);
  EXPECT_EQ(conflict.users.size(), 6u);
  EXPECT_GT(conflict.waited, 0);
  EXPECT_NEAR(twin.cycles, 2, 0.1);
  EXPECT_TRUE(twin.conflicts.empty()) << "three ports are full, and more of one alone helps nothing";
  EXPECT_TRUE(twin.serial);
}

TEST(PortConflicts, TheFrontEndIsAPort) {
  const PortReport report = Body({1, 2, 3, 1, 2, 3, 2, 3}, false).report(); // a: 2, b and c: 3 cycles; 8 operations take 2
  EXPECT_TRUE(report.conflicts.empty());
  Body wide({1, 2, 3}, false);
  wide.table.ports[0].capacity = sched::oneCycle;
  const PortReport narrow = wide.report();
  ASSERT_EQ(narrow.conflicts.size(), 1u);
  EXPECT_EQ(narrow.conflicts[0].port, 0u);
}

TEST(PortConflicts, DependencesAreNone) {
  const PortReport report = Body({1, 1, 1, 1}, true).report();
  EXPECT_NEAR(report.cycles, 16, 0.1);
  EXPECT_TRUE(report.conflicts.empty()) << "the port is busy a quarter of the time";
  EXPECT_TRUE(findPortConflicts(Body({}, false).problem, {}, true).conflicts.empty());
}

TEST(Pairs, SiblingsShareTheBusiestResource) {
  Demand vectors, loads;
  vectors.cycles = 100;
  vectors.busy = {{"fma", 90}, {"load", 20}, {"issue", 40}};
  loads.cycles = 50;
  loads.busy = {{"load", 45}, {"issue", 20}};
  EXPECT_NEAR(onSiblings(vectors, vectors).slowdown, 1.8, 1e-9);
  EXPECT_EQ(onSiblings(vectors, vectors).resource, "fma");
  EXPECT_NEAR(onSiblings(vectors, loads).slowdown, 1.1, 1e-9);
  EXPECT_EQ(onSiblings(vectors, loads).resource, "load");
  EXPECT_EQ(onSiblings(vectors, loads).slowdown, onSiblings(loads, vectors).slowdown);
  EXPECT_EQ(onSiblings(vectors, {}).slowdown, 1);
}

TEST(Pairs, CoresShareWhatIsBehindTheirCaches) {
  Demand near, far;
  near.cycles = far.cycles = 100;
  far.sharedBytes = 600;
  EXPECT_EQ(onCores(near, far, 8).slowdown, 1);
  EXPECT_NEAR(onCores(far, far, 8).slowdown, 1.5, 1e-9);
  EXPECT_EQ(onCores(far, far, 8).resource, "shared memory");
  EXPECT_EQ(onCores(far, far, 0).slowdown, 1) << "unknown";
}

TEST(Cores, TellSiblings) {
  const auto cores = [](const char *machine) {
    setenv("HWLOC_SYNTHETIC", machine, 1);
    Result<std::vector<std::vector<uint32_t>>> found = findCores();
    unsetenv("HWLOC_SYNTHETIC");
    return found;
  };
  EXPECT_EQ(*cores("core:2 pu:2"), (std::vector<std::vector<uint32_t>>{{0, 1}, {2, 3}}));
  EXPECT_EQ(*cores("core:2 pu:1"), (std::vector<std::vector<uint32_t>>{{0}, {1}}));
  EXPECT_EQ(cores("pu:2").message(), "hwloc finds no cores on this machine");
  EXPECT_TRUE(findCores()) << "this machine";
}
} // namespace
