//===- PairMode.cpp - vtpu-mca --pair ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"

#include "Runner.h"
#include "vtpu/Analysis/Cores.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <sched.h>
#include <thread>

namespace vtpu::tools {

using namespace analysis;
using nlohmann::ordered_json;

namespace {
/// Seconds of a call of a runner on a processing unit while `stop` does not hold.
double timeOn(uint32_t unit, Runner &runner, const std::atomic<bool> &start, const std::atomic<bool> &stop) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(unit, &set);
  (void)sched_setaffinity(0, sizeof set, &set);
  while (!start)
    ;
  const auto began = std::chrono::steady_clock::now();
  uint64_t calls = 0;
  auto now = began;
  do {
    (void)runner.call();
    ++calls;
    now = std::chrono::steady_clock::now();
  } while (!stop);
  return std::chrono::duration<double>(now - began).count() / double(calls);
}

/// Seconds of a call of each runner while all of them run.
std::vector<double> runTogether(const std::vector<std::pair<Runner *, uint32_t>> &runners) {
  std::atomic<bool> start{false}, stop{false};
  std::vector<double> seconds(runners.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < runners.size(); ++i)
    threads.emplace_back([&, i] { seconds[i] = timeOn(runners[i].second, *runners[i].first, start, stop); });
  start = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  stop = true;
  for (std::thread &thread : threads)
    thread.join();
  return seconds;
}

/// One way to run the pair.
struct Case {
  std::string name;
  double predicted = 1;         // slowdown of both
  std::string resource;         // what limits
  std::vector<double> measured; // slowdown of each; empty: not measured
  std::string missing;          // why there is nothing to measure
};

Case caseOf(std::string name, const Together &together) {
  Case made;
  made.name = std::move(name);
  made.predicted = together.slowdown;
  made.resource = together.resource;
  return made;
}
} // namespace

Demand demandOf(const std::vector<mca::Report> &reports, const Trace &trace, const Caches &caches) {
  Demand demand;
  for (const mca::Report &report : reports) {
    const double times = double(trace.executions[report.region.function][report.region.last]);
    demand.cycles += times * report.prediction.cycles;
    const std::vector<double> pressures = report.pressures();
    for (size_t port = 0; port < pressures.size(); ++port)
      demand.busy[report.model->ports.ports[port].name] += times * pressures[port];
  }
  // What misses the private caches, the nearest two.
  const std::vector<LevelResult> levels = simulateCaches(trace.accesses, trace.sites.size(), caches);
  const size_t last = std::min<size_t>(levels.size(), 2);
  if (last)
    demand.sharedBytes = double(levels[last - 1].total.misses()) * caches[0].line;
  return demand;
}

void runPairMode(const Options &options, const TraceArguments &arguments, const PairProgram (&pair)[2], double sharedBytesPerCycle) {
  Demand demands[2];
  for (unsigned i = 0; i < 2; ++i)
    demands[i] = pair[i].demand;
  std::vector<Case> cases;
  cases.push_back(caseOf("alone", {}));
  cases.push_back(caseOf("two cores", onCores(demands[0], demands[1], sharedBytesPerCycle)));
  cases.push_back(caseOf("SMT siblings", onSiblings(demands[0], demands[1])));
  const Result<std::vector<std::vector<uint32_t>>> cores = findCores();
  if (!cores)
    for (Case &c : cases)
      c.missing = cores.message();
  double alone[2] = {};
  if (cores) {
    if (cores->size() < 2)
      cases[1].missing = "there is one core only";
    const auto sibling = std::find_if(cores->begin(), cores->end(), [](const std::vector<uint32_t> &units) { return units.size() > 1; });
    if (sibling == cores->end())
      cases[2].missing = "this machine has no SMT siblings";
    if (arguments.measure) {
      Runner runners[2];
      for (unsigned i = 0; i < 2; ++i)
        if (Status status = runners[i].load(*pair[i].program, {"", arguments.parameters, {}, arguments.seed + i}); !status)
          options.fail(fmt::format("{}: {}", pair[i].path, status.message()));
      std::vector<double> best[3];
      for (unsigned turn = 0; turn < 5; ++turn) // in turns; the least time of each counts
        for (unsigned c = 0; c < 3; ++c) {
          if (!cases[c].missing.empty())
            continue;
          std::vector<double> seconds;
          if (c == 0)
            for (Runner &runner : runners)
              seconds.push_back(runTogether({{&runner, (*cores)[0][0]}})[0]);
          else if (c == 1)
            seconds = runTogether({{&runners[0], (*cores)[0][0]}, {&runners[1], (*cores)[1][0]}});
          else
            seconds = runTogether({{&runners[0], (*sibling)[0]}, {&runners[1], (*sibling)[1]}});
          for (unsigned i = 0; i < 2; ++i)
            if (best[c].size() <= i)
              best[c].push_back(seconds[i]);
            else
              best[c][i] = std::min(best[c][i], seconds[i]);
        }
      for (unsigned i = 0; i < 2; ++i)
        alone[i] = best[0][i];
      for (unsigned c = 0; c < 3; ++c)
        for (unsigned i = 0; i < best[c].size(); ++i)
          cases[c].measured.push_back(best[c][i] / alone[i]);
    }
  }

  if (arguments.json) {
    ordered_json json = {{"programs", ordered_json::array()}, {"cases", ordered_json::array()}};
    for (unsigned i = 0; i < 2; ++i)
      json["programs"].push_back({{"file", pair[i].path},
                                  {"cycles", demands[i].cycles},
                                  {"nanoseconds", alone[i] > 0 ? ordered_json(alone[i] * 1e9) : ordered_json(nullptr)},
                                  {"shared_bytes", demands[i].sharedBytes},
                                  {"busy", demands[i].busy}});
    for (const Case &c : cases)
      json["cases"].push_back({{"name", c.name},
                               {"predicted_slowdown", c.predicted},
                               {"limit", c.resource.empty() ? ordered_json(nullptr) : ordered_json(c.resource)},
                               {"measured_slowdown", c.measured.empty() ? ordered_json(nullptr) : ordered_json(c.measured)},
                               {"not_possible", c.missing.empty() ? ordered_json(nullptr) : ordered_json(c.missing)}});
    fmt::print("{}\n", json.dump(1));
    return;
  }
  for (unsigned i = 0; i < 2; ++i) {
    std::vector<std::pair<double, std::string>> busiest;
    for (const auto &[name, work] : demands[i].busy)
      busiest.push_back({demands[i].cycles > 0 ? work / demands[i].cycles : 0, name});
    std::sort(busiest.rbegin(), busiest.rend());
    fmt::print("{}: {:.0f} cycles a call{}; busy:", pair[i].path, demands[i].cycles,
               alone[i] > 0 ? fmt::format(", measured {:.1f} us", alone[i] * 1e6) : "");
    for (size_t k = 0; k < busiest.size() && k < 4; ++k)
      fmt::print("{} {} {:.0f} %", k ? "," : "", busiest[k].second, 100 * busiest[k].first);
    fmt::print("\n");
  }
  fmt::print("\n{:<14} {:>10} {:>20}\n", "", "predicted", "measured");
  for (const Case &c : cases)
    fmt::print("{:<14} {:>8.2f} x {:>20}{}\n", c.name, c.predicted,
               !c.missing.empty()   ? c.missing
               : c.measured.empty() ? "-"
                                    : fmt::format("{:.2f} x, {:.2f} x", c.measured[0], c.measured[1]),
               c.resource.empty() ? "" : fmt::format("  limited by {}", c.resource));
  const double siblings = cases[2].predicted;
  fmt::print("{}: on siblings both do {:.2f} times the work of taking turns on one\n",
             siblings < 1.2   ? "they complement each other"
             : siblings < 1.8 ? "they want the same resources in part"
                              : "they want the same resources",
             2 / siblings);
}

} // namespace vtpu::tools
