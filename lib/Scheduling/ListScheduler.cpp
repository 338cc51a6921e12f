//===- ListScheduler.cpp - Critical path first ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Top-down list scheduling: in each cycle, of the operations whose operands are ready and whose ports are free, the one with the longest way to the
// end starts first. A class of registers that runs short turns the preference: first what frees registers.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

namespace vtpu::sched {

namespace {
/// Registers that are alive while operations are started one by one.
class RegisterState {
public:
  explicit RegisterState(const Problem &problem)
      : problem(problem), alive(problem.registerLimits.size()), remaining(problem.values.size()), defines(problem.operations.size()),
        touches(problem.operations.size()) {
    for (uint32_t v = 0; v < problem.values.size(); ++v) {
      const RegisterValue &value = problem.values[v];
      std::vector<uint32_t> uses = value.uses;
      std::sort(uses.begin(), uses.end());
      uses.erase(std::unique(uses.begin(), uses.end()), uses.end());
      remaining[v] = uint32_t(uses.size());
      for (uint32_t use : uses)
        touches[use].push_back(v);
      if (value.def == RegisterValue::none)
        ++alive[value.cls];
      else
        defines[value.def].push_back(v);
    }
  }

  /// Whether the operation keeps within the limits, and how many registers it takes in classes that run short.
  bool fits(uint32_t op, int32_t &taken) const {
    taken = 0;
    for (uint32_t cls = 0; cls < alive.size(); ++cls) {
      uint32_t early = 0, late = 0, freed = 0;
      for (uint32_t v : defines[op])
        if (problem.values[v].cls == cls)
          ++(problem.values[v].early ? early : late);
      for (uint32_t v : touches[op])
        freed += problem.values[v].cls == cls && dies(v);
      const uint32_t limit = problem.registerLimits[cls];
      if (early + late > 0 && std::max(alive[cls] + early, alive[cls] + early + late - freed) > limit)
        return false;
      if (alive[cls] + reserve >= limit)
        taken += int32_t(early + late) - int32_t(freed);
    }
    return true;
  }
  void start(uint32_t op) {
    for (uint32_t v : touches[op]) {
      if (dies(v))
        --alive[problem.values[v].cls];
      --remaining[v];
    }
    for (uint32_t v : defines[op])
      if (remaining[v] || problem.values[v].liveOut)
        ++alive[problem.values[v].cls];
  }

private:
  static constexpr uint32_t reserve = 3; // a class runs short before it is full
  const Problem &problem;
  std::vector<uint32_t> alive, remaining;
  std::vector<std::vector<uint32_t>> defines, touches;

  bool dies(uint32_t v) const { return remaining[v] == 1 && !problem.values[v].liveOut; }
};
} // namespace

Result<Schedule> listSchedule(const Problem &problem) {
  if (Status status = checkProblem(problem); !status)
    return Error{status.message()};
  // How far an operation may overtake those before it in the given order: bounds the search, and registers that would live too long.
  constexpr uint32_t lookahead = 128;
  const uint32_t count = uint32_t(problem.operations.size());
  const Graph graph(problem, withinIteration);
  std::vector<uint32_t> height(count), predecessors = graph.numPredecessors(), readyAt(count), ready;
  for (uint32_t op = count; op-- > 0;) {
    height[op] = problem.row(op).latency;
    for (const Dependence *d : graph.leaving(op))
      height[op] = std::max(height[op], d->latency + height[d->to]);
    if (!predecessors[op])
      ready.push_back(op);
  }
  PortState ports(*problem.table);
  RegisterState registers(problem);
  Schedule schedule;
  schedule.cycle.resize(count);
  schedule.word.resize(count);
  std::vector<bool> started(count);
  uint32_t oldest = 0, cycle = 0;
  for (uint32_t position = 0; position < count;) {
    size_t best = ready.size();
    auto bestRank = std::make_tuple(int32_t(0), int64_t(0), uint32_t(0));
    uint32_t next = UINT32_MAX; // the cycle in which something else may start
    for (size_t i = 0; i < ready.size(); ++i) {
      const uint32_t op = ready[i];
      int32_t taken;
      if (op >= oldest + lookahead || !registers.fits(op, taken))
        continue;
      if (readyAt[op] > cycle || !ports.admits(problem.row(op))) {
        next = std::min(next, std::max(readyAt[op], cycle + 1));
        continue;
      }
      const auto rank = std::make_tuple(taken, -int64_t(height[op]), op);
      if (best == ready.size() || rank < bestRank) {
        best = i;
        bestRank = rank;
      }
    }
    if (best == ready.size()) {
      if (next == UINT32_MAX)
        return Error{fmt::format("no order is found within the registers: {} of {} operations are in their places, operation {} ({}) is the first that "
                                 "waits; spill a value or keep the given order",
                                 position, count, oldest, problem.operations[oldest].name)};
      ports.advance(next - cycle);
      cycle = next;
      continue;
    }
    const uint32_t op = ready[best];
    ready.erase(ready.begin() + ptrdiff_t(best));
    schedule.cycle[op] = cycle;
    schedule.word[op] = position++;
    started[op] = true;
    while (oldest < count && started[oldest])
      ++oldest;
    ports.start(problem.row(op));
    registers.start(op);
    for (const Dependence *d : graph.leaving(op)) {
      readyAt[d->to] = std::max(readyAt[d->to], cycle + d->latency);
      if (--predecessors[d->to] == 0)
        ready.push_back(d->to);
    }
  }
  return schedule;
}

} // namespace vtpu::sched
