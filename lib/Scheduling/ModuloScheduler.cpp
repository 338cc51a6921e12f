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
    // The first way to place operations finds an interval by growing steps, and a shorter one between the last two. What is left of the moves goes to
    // the interval before that.
    std::optional<ModuloSchedule> best;
    uint32_t failed = first - 1;
    for (uint32_t step = 1; !best; step += (step + 1) / 2) {
      const uint32_t interval = failed < first ? first : std::min(failed + step, longest() - 1);
      if (interval <= failed)
        return inGivenOrder();
      if (!(best = attempt(interval, /*once=*/true)))
        failed = interval;
    }
    while (best->ii - failed > 1) {
      const uint32_t interval = failed + (best->ii - failed) / 2;
      if (std::optional<ModuloSchedule> shorter = attempt(interval, /*once=*/true))
        best = std::move(shorter);
      else
        failed = interval;
    }
    while (best->ii > first && lives.moves() < most) {
      std::optional<ModuloSchedule> shorter = attempt(best->ii - 1, /*once=*/false);
      if (!shorter)
        break;
      best = std::move(shorter);
    }
    return std::move(*best);
  }

private:
  const Problem &problem;
  const uint32_t count, least;
  const LoopGraph graph;
  ModuloPlacer placer;
  LoopLives &lives;
  ShortLives shortLives;
  std::vector<int32_t> weights; // of lives, by class
  const uint64_t most;          // moves of operations, about
  uint32_t scarce = 0;          // classes that were beyond their limits, as bits
  bool byCycle = false;         // no order within cycles was good enough: every second turn counts whole cycles
  std::optional<ModuloSchedule> given;

  /// A schedule of one interval: the last operation is placed first. If that is not to be all, then the first first, and after that in disturbed
  /// orders, every second time what touches scarce classes before all else, until the moves are used up.
  std::optional<ModuloSchedule> attempt(uint32_t interval, bool once) {
    const int32_t ii = int32_t(interval);
    if (once)
      scarce = 0;
    else if (!shortLives.registersAllow(ii, scarce))
      return std::nullopt;
    shortLives.solve(ii, weights, /*pace=*/4);
    lives.keepFree({});
    byCycle = false;
    int64_t beyond = INT64_MAX;
    for (uint32_t turn = once ? 0 : 1;; ++turn) {
      const bool disturbed = turn > 1, whole = byCycle && turn % 2;
      placer.start(ii, whole);
      bool near = false;
      if (placer.place(shortLives.times(), /*forwards=*/turn == 1, disturbed ? 1 + turn % 3 : 0, disturbed && turn % 2 == 0 ? scarce : 0)) {
        if (placer.improve(disturbed ? 4 : 1)) {
          ModuloSchedule result = take(interval);
          if (fits(result, whole))
            return result;
          near = !whole; // worth another turn at any rate
        }
        beyond = std::min(beyond, lives.beyond());
        for (uint32_t cls = 0; cls < weights.size(); ++cls)
          if (turn != 1 && lives.isBeyond(cls))
            scarce |= uint32_t(1) << cls;
      }
      const bool far = turn > 2 && beyond != INT64_MAX && beyond > std::max(20, ii);
      if (!near && (once || far || lives.moves() >= most))
        return std::nullopt;
    }
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
