//===- ModuloVerifier.cpp - Checking schedules of loops ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Written for clarity and from the rules alone: nothing here is shared with what schedules.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Problem.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu::sched {

uint32_t ModuloSchedule::stages() const { return cycle.empty() ? 1 : *std::max_element(cycle.begin(), cycle.end()) / ii + 1; }

std::vector<uint32_t> ModuloSchedule::positions() const {
  const uint32_t count = uint32_t(cycle.size());
  std::vector<uint32_t> result(count);
  for (uint32_t rank = 0; rank < count; ++rank)
    result[order[rank]] = stage(order[rank]) * count + rank;
  return result;
}

namespace {
std::string label(const Problem &problem, uint32_t op) { return fmt::format("operation {} ({})", op, problem.operations[op].name); }
} // namespace

Status checkProblem(const Problem &problem) {
  const uint32_t count = uint32_t(problem.operations.size()), ports = uint32_t(problem.table->ports.size());
  if (ports == 0)
    return Error{fmt::format("port table '{}' has no ports; the first must be its front end", problem.table->name)};
  for (uint32_t op = 0; op < count; ++op) {
    if (!problem.operations[op].row)
      return Error{fmt::format("{} has no row of port table '{}', which says what it costs", label(problem, op), problem.table->name)};
    for (const PortUse &use : problem.row(op).uses) {
      if (use.port >= ports)
        return Error{fmt::format("{} uses port {}; port table '{}' has {}", label(problem, op), use.port, problem.table->name, ports)};
      if (use.work > 0 && problem.table->ports[use.port].capacity == 0)
        return Error{fmt::format("{} needs {:.2f} cycles of port {}, which does 0.00 a cycle in port table '{}'", label(problem, op),
                                 double(use.work) / oneCycle, problem.table->ports[use.port].name, problem.table->name)};
    }
  }
  for (const Dependence &d : problem.dependences) {
    if (d.from >= count || d.to >= count)
      return Error{fmt::format("a {} dependence of operation {} on operation {}; the problem has {}", dependenceName(d.kind), d.to, d.from, count)};
    if (d.distance == 0 && d.from >= d.to)
      return Error{fmt::format("the {} dependence of {} on {} goes backwards within an iteration; it needs a distance of 1 or more",
                               dependenceName(d.kind), label(problem, d.to), label(problem, d.from))};
  }
  std::vector<uint32_t> through(problem.registerLimits.size());
  for (uint32_t v = 0; v < problem.values.size(); ++v) {
    const RegisterValue &value = problem.values[v];
    if (value.cls >= through.size())
      return Error{fmt::format("value {} is of register class {}; the problem limits {} classes", v, value.cls, through.size())};
    bool known = value.def == RegisterValue::none || value.def < count;
    for (uint32_t use : value.uses)
      known &= use < count;
    for (const LaterUse &use : value.later)
      known &= use.operation < count;
    if (!known)
      return Error{fmt::format("value {} is defined or used by an operation that the problem of {} operations does not have", v, count)};
    through[value.cls] += value.def == RegisterValue::none;
  }
  for (uint32_t cls = 0; cls < through.size(); ++cls)
    if (through[cls] > problem.registerLimits[cls])
      return Error{fmt::format("{} values come from outside in registers of class {}, of which {} are free; keep some in memory", through[cls],
                               cls,
                               problem.registerLimits[cls])};
  return {};
}

std::vector<uint32_t> registerPeaks(const Problem &problem, const ModuloSchedule &schedule) {
  // An operation at position p reads at time 2p and writes at 2p + 1; the kernel is `round` long.
  const std::vector<uint32_t> positions = schedule.positions();
  const uint64_t count = positions.size(), round = 2 * count;
  std::vector<uint32_t> whole(problem.registerLimits.size()); // registers that values have for themselves
  std::vector<std::vector<int32_t>> alive(whole.size(), std::vector<int32_t>(round + 1)); // how many more than at the time before
  for (const RegisterValue &value : problem.values) {
    if (value.def == RegisterValue::none) {
      ++whole[value.cls];
      continue;
    }
    const uint64_t start = 2 * uint64_t(positions[value.def]) + !value.early;
    uint64_t last = start | 1;
    for (uint32_t use : value.uses)
      last = std::max(last, 2 * uint64_t(positions[use]));
    for (const LaterUse &use : value.later)
      last = std::max(last, 2 * (positions[use.operation] + count * use.distance));
    if (value.liveOut || !value.later.empty()) {
      uint32_t entering = 0; // each of the values that come into the loop stands in one of the registers
      for (const LaterUse &use : value.later)
        entering = std::max(entering, use.distance);
      whole[value.cls] += std::max(entering, uint32_t((last + 1 - start + round - 1) / round));
      continue;
    }
    // Whole rounds, and the rest of one, which begins and ends somewhere.
    const uint64_t from = start % round, to = from + (last + 1 - start) % round;
    alive[value.cls][0] += int32_t((last + 1 - start) / round + (to > round));
    ++alive[value.cls][from];
    --alive[value.cls][to > round ? to - round : to];
  }
  for (uint32_t cls = 0; cls < whole.size(); ++cls) {
    int32_t here = 0, most = 0;
    for (int32_t change : alive[cls])
      most = std::max(most, here += change);
    whole[cls] += uint32_t(most);
  }
  return whole;
}

namespace {
class ModuloVerifier {
public:
  ModuloVerifier(const Problem &problem, const ModuloSchedule &schedule) : problem(problem), schedule(schedule) {}
  std::vector<Violation> violations;

  void run() {
    if (Status status = checkProblem(problem); !status)
      return add(0, status.message());
    const size_t count = problem.operations.size();
    if (schedule.ii == 0)
      return add(0, "the interval between iterations is 0 cycles; the least is 1");
    if (schedule.cycle.size() != count || schedule.order.size() != count)
      return add(0, fmt::format("the schedule places {} operations in cycles and {} in the kernel, the problem has {}", schedule.cycle.size(),
                                schedule.order.size(), count));
    checkOrder();
    if (!violations.empty())
      return;
    checkDependences();
    checkPorts();
    checkRegisters();
  }

private:
  const Problem &problem;
  const ModuloSchedule &schedule;

  void add(uint32_t op, std::string message) { violations.push_back({op, std::move(message)}); }
  std::string name(uint32_t op) const { return label(problem, op); }

  void checkOrder() {
    std::vector<bool> seen(schedule.order.size());
    for (size_t rank = 0; rank < schedule.order.size(); ++rank) {
      const uint32_t op = schedule.order[rank];
      if (op >= seen.size() || seen[op])
        return add(op >= seen.size() ? 0 : op, fmt::format("place {} of the kernel holds operation {}, which {}", rank, op,
                                                           op >= seen.size() ? "the problem does not have" : "stands in it already"));
      seen[op] = true;
      if (rank == 0)
        continue;
      const uint32_t before = schedule.order[rank - 1];
      if (schedule.cycle[before] % schedule.ii > schedule.cycle[op] % schedule.ii)
        add(op, fmt::format("{} of cycle {} stands in the kernel behind {} of cycle {}", name(op), schedule.cycle[op] % schedule.ii, name(before),
                            schedule.cycle[before] % schedule.ii));
    }
  }

  void checkDependences() {
    const std::vector<uint32_t> positions = schedule.positions();
    for (const Dependence &d : problem.dependences) {
      const int64_t from = schedule.cycle[d.from], to = schedule.cycle[d.to], shift = int64_t(schedule.ii) * d.distance;
      if (to + shift < from + d.latency)
        add(d.to, fmt::format("{} starts in cycle {}; with iterations every {} cycles its {} dependence on {} of {} iterations before allows cycle "
                              "{} at the earliest",
                              name(d.to), to, schedule.ii, dependenceName(d.kind), name(d.from), d.distance, from + d.latency - shift));
      else if (int64_t(positions[d.to]) + int64_t(positions.size()) * d.distance <= int64_t(positions[d.from]))
        add(d.to, fmt::format("{} stands before {} in the kernel; its {} dependence wants it behind", name(d.to), name(d.from),
                              dependenceName(d.kind)));
    }
  }

  /// Replays two intervals of the steady state; the second starts with what the first leaves.
  void checkPorts() {
    std::vector<std::vector<uint32_t>> starts(schedule.ii);
    for (uint32_t op = 0; op < schedule.cycle.size(); ++op)
      starts[schedule.cycle[op] % schedule.ii].push_back(op);
    for (uint32_t port = 0; port < problem.table->ports.size(); ++port) {
      const Port &resource = problem.table->ports[port];
      uint64_t left = 0, total = 0;
      for (uint32_t op = 0; op < schedule.cycle.size(); ++op)
        for (const PortUse &use : problem.row(op).uses)
          total += use.port == port ? use.work : 0;
      if (total > uint64_t(resource.capacity) * schedule.ii) {
        add(0, fmt::format("an iteration has {:.2f} cycles of work for port {}, which does {:.2f} in an interval of {} cycles",
                           double(total) / oneCycle,
                           resource.name, double(resource.capacity) * schedule.ii / oneCycle, schedule.ii));
        continue;
      }
      for (uint32_t cycle = 0; cycle < 2 * schedule.ii; ++cycle) {
        uint64_t added = 0, largest = 0;
        uint32_t user = 0;
        for (uint32_t op : starts[cycle % schedule.ii])
          for (const PortUse &use : problem.row(op).uses)
            if (use.port == port) {
              added += use.work;
              largest = std::max<uint64_t>(largest, use.work);
              user = op;
            }
        // The largest starts last, when the rest is in the queue.
        if (cycle >= schedule.ii && added && left + added - largest >= resource.capacity)
          add(user, fmt::format("{} starts in cycle {} of the kernel, when {:.2f} cycles of work wait at port {}, which does {:.2f} a cycle",
                                name(user), cycle - schedule.ii, double(left + added - largest) / oneCycle, resource.name,
                                double(resource.capacity) / oneCycle));
        left += added;
        left -= std::min<uint64_t>(left, resource.capacity);
      }
    }
  }

  void checkRegisters() {
    const std::vector<uint32_t> peaks = registerPeaks(problem, schedule);
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls])
        add(0, fmt::format("iterations every {} cycles need {} registers of class {} at once, {} are free", schedule.ii, peaks[cls], cls,
                           problem.registerLimits[cls]));
  }
};
} // namespace

std::vector<Violation> verify(const Problem &problem, const ModuloSchedule &schedule) {
  ModuloVerifier verifier(problem, schedule);
  verifier.run();
  return std::move(verifier.violations);
}

} // namespace vtpu::sched
