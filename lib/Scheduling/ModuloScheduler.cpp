//===- ModuloScheduler.cpp - Overlapping iterations -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Times for which lives are shortest, whatever the ports, come first (ShortLives.h). Operations are then placed as near to these as ports and
// registers allow (ModuloPlacer.h). All data stands in flat arrays.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "ModuloPlacer.h"
#include "ShortLives.h"

#include <fmt/format.h>
#include <numeric>

namespace vtpu::sched {

namespace {
class Scheduler {
public:
  Scheduler(const Problem &problem, uint32_t least, uint32_t effort)
      : problem(problem), count(uint32_t(problem.operations.size())), least(least), graph(problem), placer(problem, graph), lives(placer.registers()),
        shortLives(problem), most(uint64_t(effort) * 14000) {
    for (int32_t limit : lives.limits())
      weights.push_back(240 / std::max(1, limit));
  }

  Result<ModuloSchedule> run() {
    uint32_t first = std::max({least, placer.ports().leastInterval(), graph.recurrence()});
    while (lives.boundExcess(int32_t(first)) > 0 && first < longest())
      ++first;
    // Growing steps find an interval; then those between are tried.
    std::optional<ModuloSchedule> best;
    uint32_t failed = first - 1;
    for (uint32_t interval = first; best || interval == first || interval < longest();) {
      if (std::optional<ModuloSchedule> found = attempt(interval))
        best = std::move(found);
      else
        failed = interval;
      // What is left of the moves goes to the interval before the one that was found.
      while (best && best->ii - failed == 1 && failed >= first && !spent()) {
        std::optional<ModuloSchedule> shorter = attempt(failed, /*again=*/true);
        if (!shorter)
          break;
        best = std::move(shorter);
        --failed;
      }
      if (best && (best->ii - failed <= 1 || spent()))
        return std::move(*best);
      interval = best ? failed + (best->ii - failed) / 2 : interval + step(interval);
    }
    return inGivenOrder();
  }

private:
  const Problem &problem;
  const uint32_t count, least;
  const LoopGraph graph;
  ModuloPlacer placer;
  LoopLives &lives;
  ShortLives shortLives;
  std::vector<int32_t> weights; // of lives, by class: more where they were too many
  const uint64_t most;          // moves of operations, about
  bool byCycle = false;         // no order within cycles was good enough: every second turn counts whole cycles
  uint32_t failures = 0;
  double excess = 0;  // of the first placing with the last interval
  int64_t beyond = 0; // the least with the last interval
  std::optional<ModuloSchedule> given;

  bool spent() const { return lives.moves() >= most; }

  /// How much longer the next interval is: more where registers were far beyond, and where there is no time left.
  uint32_t step(uint32_t interval) {
    ++failures;
    const uint32_t far = uint32_t(excess * interval / 32 + double(beyond) / interval);
    return 1 + std::min(far, interval / 4) + (spent() ? interval / 8 : failures > 8 ? interval / 16 : 0);
  }

  /// A schedule of one interval, by a few ways to place operations: the last first, the first first, and then in disturbed orders, near to times that
  /// mind classes that were beyond their limits, every second time what touches these before all else. `again`: disturbed orders only, with all the
  /// moves that are left.
  std::optional<ModuloSchedule> attempt(uint32_t interval, bool again = false) {
    const int32_t ii = int32_t(interval);
    const uint64_t until = lives.moves() + (spent() ? 0 : (most - lives.moves()) / (again ? 1 : 3));
    uint32_t scarce = 0; // classes, as bits
    if (!spent()) {
      lives.keepFree({});
      byCycle = false;
    }
    excess = 0;
    beyond = INT64_MAX;
    for (uint32_t turn = again ? 3 : 0;; ++turn) {
      if (turn == 2 && !shortLives.registersAllow(ii))
        return std::nullopt;
      if (turn != 1)
        shortLives.solve(ii, weights);
      const bool whole = byCycle && turn % 2;
      placer.start(ii, whole);
      const uint32_t jitter = turn < 2 ? 0 : 1 + turn % 6;
      const bool placed = spent() && failures % 2 ? placer.placeInOrder() : placer.place(shortLives.times(), turn == 1, jitter, turn % 2 ? 0 : scarce);
      if (placed && turn == 0)
        excess = lives.excess();
      if (placed && placer.improve(turn < 2 ? 1 : 4)) {
        ModuloSchedule result = take(interval);
        if (fits(result, whole))
          return result;
        if (!whole) { // so near that it is worth another turn at any rate
          turn = std::max(turn, 1u);
          continue;
        }
      }
      if (placed)
        beyond = std::min(beyond, lives.beyond());
      for (uint32_t cls = 0; cls < weights.size(); ++cls)
        if (placed && turn != 1 && lives.isBeyond(cls)) {
          weights[cls] = std::min(100000, weights[cls] * 3 / 2);
          scarce |= uint32_t(1) << cls;
        }
      const bool far = beyond != INT64_MAX && beyond > std::max(20, ii);
      if (lives.moves() >= until || (far && (turn > 0 || count > 64)))
        break;
    }
    if (beyond == INT64_MAX)
      beyond = 0;
    return std::nullopt;
  }

  /// False if a schedule needs too many registers, be it for the order within cycles, which does not show in `lives`: then more is left free.
  bool fits(const ModuloSchedule &schedule, bool whole) {
    const std::vector<uint32_t> peaks = registerPeaks(problem, schedule);
    std::vector<int32_t> free(peaks.size());
    bool all = true;
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls]) {
        free[cls] = whole;
        all = false;
      }
    if (!all) {
      lives.keepFree(free);
      byCycle = true;
    }
    return all;
  }

  /// The schedule of the present times.
  ModuloSchedule take(uint32_t ii) const {
    ModuloSchedule result;
    result.ii = ii;
    int32_t start = INT32_MAX;
    for (uint32_t op = 0; op < count; ++op)
      start = std::min(start, lives.time(op));
    for (uint32_t op = 0; op < count; ++op)
      result.cycle.push_back(uint32_t(lives.time(op) - start));
    orderKernel(problem, result);
    return result;
  }

  //===-- One iteration after the other ----------------------------------===//

  /// Its interval: from there on there is nothing to try.
  uint32_t longest() {
    if (!given)
      given = issueGivenOrder();
    return given->ii;
  }

  Result<ModuloSchedule> inGivenOrder() {
    const std::vector<uint32_t> peaks = registerPeaks(problem, *given);
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls])
        return Error{fmt::format("even one iteration after the other needs {} registers of class {}, of which {} are free; spill a value", peaks[cls],
                                 cls, problem.registerLimits[cls])};
    return std::move(*given);
  }

  ModuloSchedule issueGivenOrder() const {
    ModuloSchedule result;
    std::vector<uint32_t> all(count);
    std::iota(all.begin(), all.end(), 0);
    result.cycle = issueInOrder(problem, all);
    result.order = all;
    ModuloTable table(problem);
    uint32_t ii = std::max({least, table.leastInterval(), graph.recurrence()});
    for (uint32_t op = 0; op < count; ++op) {
      ii = std::max(ii, result.cycle[op] + 1);
      for (const LoopGraph::Edge &edge : graph.leaving(op))
        if (edge.distance > 0) {
          const int64_t gap = int64_t(result.cycle[op]) + edge.latency - result.cycle[edge.other];
          ii = std::max<int64_t>(ii, (gap + edge.distance - 1) / edge.distance);
        }
    }
    // What is left at the ports at the end of an iteration must not delay the next.
    for (;; ++ii) {
      table.reset(ii);
      bool fits = true;
      for (uint32_t op = 0; op < count && fits; ++op)
        fits = table.add(op, int32_t(result.cycle[op]));
      if (fits)
        break;
    }
    result.ii = ii;
    return result;
  }
};
} // namespace

Result<ModuloSchedule> moduloSchedule(const Problem &problem, uint32_t least, uint32_t effort) {
  if (Status status = checkProblem(problem); !status)
    return Error{status.message()};
  return Scheduler(problem, least, effort).run();
}

} // namespace vtpu::sched
