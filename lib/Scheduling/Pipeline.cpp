//===- Pipeline.cpp - Kernels, their registers and their ends ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modulo variable expansion after Lam (PLDI 1988); registers by colouring the lives around the unrolled kernel as arcs of a circle, first fit from
// the point where the fewest are alive (Hendren et al., CC 1992), and where these are too many by cycles of lives.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Pipeline.h"

#include "RegisterCycles.h"

#include "vtpu/Scheduling/Algorithms.h"

#include <fmt/format.h>

namespace vtpu::sched {

namespace {
/// The life of a value that iteration 0 defines, as registerPeaks counts.
struct Life {
  uint64_t start = 0, length = 0;
  uint32_t turns = 1; // iterations that it overlaps, or of which values come into the loop
  bool alone = false; // its registers hold nothing else
};

class Planner {
public:
  Planner(const Problem &problem, const ModuloSchedule &schedule)
      : problem(problem), schedule(schedule), round(2 * std::max<uint64_t>(problem.operations.size(), 1)) {
    const std::vector<uint32_t> positions = schedule.positions();
    const uint64_t count = positions.size();
    for (const RegisterValue &value : problem.values) {
      Life life;
      life.alone = value.def == RegisterValue::none || value.liveOut || !value.later.empty();
      if (value.def != RegisterValue::none) {
        life.start = 2 * uint64_t(positions[value.def]) + !value.early;
        uint64_t last = life.start | 1;
        for (uint32_t use : value.uses)
          last = std::max(last, 2 * uint64_t(positions[use]));
        for (const LaterUse &use : value.later) {
          last = std::max(last, 2 * (positions[use.operation] + count * use.distance));
          life.turns = std::max(life.turns, use.distance);
        }
        life.length = last + 1 - life.start;
        life.turns = std::max(life.turns, uint32_t((life.length + round - 1) / round));
        longest = std::max(longest, life.turns);
      }
      lives.push_back(life);
    }
  }

  Result<PipelinePlan> run() {
    // More turns than four times the longest life have not been seen to save a register.
    for (uint32_t unroll = longest; unroll <= 4 * longest; ++unroll) {
      plan.unroll = unroll;
      colour();
      if (fits()) {
        list();
        return std::move(plan);
      }
      if (unroll == longest)
        keepFirst();
    }
    return Error{fmt::format("iterations every {} cycles need {} registers of class {} by any unrolling of the kernel up to {}, {} are free",
                             schedule.ii, firstUsed, firstClass, 4 * longest, problem.registerLimits[firstClass])};
  }

private:
  const Problem &problem;
  const ModuloSchedule &schedule;
  const uint64_t round; // the length of an interval
  std::vector<Life> lives;
  uint32_t longest = 1, firstUsed = 0, firstClass = 0;
  PipelinePlan plan;

  bool fits() const {
    for (uint32_t cls = 0; cls < plan.used.size(); ++cls)
      if (plan.used[cls] > problem.registerLimits[cls])
        return false;
    return true;
  }
  void keepFirst() {
    for (uint32_t cls = 0; cls < plan.used.size() && !firstUsed; ++cls)
      if (plan.used[cls] > problem.registerLimits[cls]) {
        firstUsed = plan.used[cls];
        firstClass = cls;
      }
  }

  void colour() {
    const uint32_t unroll = plan.unroll;
    plan.registers.assign(lives.size() * unroll, 0);
    plan.used.assign(problem.registerLimits.size(), 0);
    for (size_t v = 0; v < lives.size(); ++v) {
      if (!lives[v].alone)
        continue;
      // As many registers in turn as divide the kernel.
      uint32_t turns = lives[v].turns;
      while (unroll % turns)
        ++turns;
      uint32_t &used = plan.used[problem.values[v].cls];
      for (uint32_t i = 0; i < unroll; ++i)
        plan.registers[v * unroll + i] = used + i % turns;
      used += turns;
    }
    for (uint32_t cls = 0; cls < plan.used.size(); ++cls) {
      const uint32_t alone = plan.used[cls];
      colourClass(cls);
      if (plan.used[cls] > problem.registerLimits[cls])
        shareClass(cls, alone);
    }
  }

  struct Arc {
    uint64_t start, length;
    size_t place; // in plan.registers
  };
  /// Colours the lives around the unrolled kernel.
  void colourClass(uint32_t cls) {
    const uint64_t circle = round * plan.unroll;
    std::vector<int32_t> change(round + 1);
    std::vector<Arc> arcs;
    for (size_t v = 0; v < lives.size(); ++v) {
      if (lives[v].alone || problem.values[v].cls != cls)
        continue;
      for (uint32_t i = 0; i < plan.unroll; ++i)
        arcs.push_back({(lives[v].start + i * round) % circle, lives[v].length, v * plan.unroll + i});
      // Whole rounds change nothing about where the fewest are alive.
      const uint64_t from = lives[v].start % round, to = from + lives[v].length % round;
      ++change[from];
      --change[std::min(to, round)];
      if (to > round) {
        ++change[0];
        --change[to - round];
      }
    }
    uint64_t cut = 0;
    int32_t alive = 0, fewest = INT32_MAX;
    for (uint64_t time = 0; time < round; ++time)
      if ((alive += change[time]) < fewest) {
        fewest = alive;
        cut = time;
      }
    for (Arc &arc : arcs)
      arc.start = (arc.start + circle - cut) % circle;
    std::sort(arcs.begin(), arcs.end(),
              [](const Arc &a, const Arc &b) { return std::make_pair(a.start, a.place) < std::make_pair(b.start, b.place); });
    struct Register {
      uint64_t freeFrom, freeUntil;
    };
    std::vector<Register> registers;
    const uint32_t first = plan.used[cls];
    for (const Arc &arc : arcs) // those that are alive where the circle is cut
      if (arc.start + arc.length > circle) {
        plan.registers[arc.place] = first + uint32_t(registers.size());
        registers.push_back({arc.start + arc.length - circle, arc.start});
      }
    for (const Arc &arc : arcs) {
      if (arc.start + arc.length > circle)
        continue;
      size_t best = registers.size();
      for (size_t r = 0; r < registers.size(); ++r)
        if (registers[r].freeFrom <= arc.start && arc.start + arc.length <= registers[r].freeUntil &&
            (best == registers.size() || registers[r].freeFrom > registers[best].freeFrom))
          best = r;
      if (best == registers.size())
        registers.push_back({0, circle});
      registers[best].freeFrom = arc.start + arc.length;
      plan.registers[arc.place] = first + uint32_t(best);
    }
    plan.used[cls] += uint32_t(registers.size());
  }

  /// Registers by cycles of lives, behind those of values alone, if they suffice where colours were too many.
  void shareClass(uint32_t cls, uint32_t alone) {
    const uint32_t limit = problem.registerLimits[cls];
    if (alone >= limit)
      return;
    RegisterCycles cycles(round);
    std::vector<size_t> sharing;
    for (size_t v = 0; v < lives.size(); ++v)
      if (!lives[v].alone && problem.values[v].cls == cls) {
        cycles.add(lives[v].start, lives[v].length);
        sharing.push_back(v);
      }
    const uint32_t count = cycles.solve(plan.unroll, limit - alone);
    if (count > limit - alone)
      return;
    for (uint32_t i = 0; i < sharing.size(); ++i)
      for (uint32_t iteration = 0; iteration < plan.unroll; ++iteration)
        plan.registers[sharing[i] * plan.unroll + iteration] = alone + cycles.registerOf(i, iteration);
    plan.used[cls] = alone + count;
  }

  void list() {
    plan.stages = schedule.stages();
    const uint32_t last = plan.stages - 1, iterations = plan.leastIterations();
    for (uint32_t interval = 0; interval < iterations + last; ++interval)
      for (uint32_t op : schedule.order) {
        const uint32_t stage = schedule.stage(op);
        if (stage > interval || interval - stage >= iterations)
          continue;
        std::vector<PlannedOperation> &part = interval < last ? plan.prologue : interval < iterations ? plan.kernel : plan.epilogue;
        part.push_back({op, interval - stage});
      }
  }
};

/// Walks through runs of a plan.
class PlanVerifier {
public:
  PlanVerifier(const Problem &problem, const PipelinePlan &plan) : problem(problem), plan(plan) {}
  std::vector<Violation> violations;

  void run() {
    if (plan.unroll == 0 || plan.registers.size() != problem.values.size() * plan.unroll || plan.used.size() != problem.registerLimits.size())
      return add(0, fmt::format("the plan has {} registers for {} values in {} turns of the kernel", plan.registers.size(), problem.values.size(),
                                plan.unroll));
    for (size_t v = 0; v < problem.values.size(); ++v)
      for (uint32_t i = 0; i < plan.unroll; ++i)
        if (const uint32_t cls = problem.values[v].cls, reg = plan.registers[v * plan.unroll + i]; reg >= problem.registerLimits[cls])
          return add(0, fmt::format("value {} has register {} of class {}, of which {} are free", v, reg, cls, problem.registerLimits[cls]));
    for (uint32_t passes = 1; passes <= 3 && violations.empty(); ++passes)
      walk(passes);
  }

private:
  const Problem &problem;
  const PipelinePlan &plan;
  std::vector<PlannedOperation> sequence;

  void add(uint32_t op, std::string message) { violations.push_back({op, std::move(message)}); }
  std::string name(const PlannedOperation &p) const {
    return fmt::format("operation {} ({}) of iteration {}", p.operation, problem.operations[p.operation].name, p.iteration);
  }

  void walk(uint32_t passes) {
    sequence = plan.prologue;
    for (uint32_t pass = 0; pass < passes; ++pass)
      for (const PlannedOperation &p : plan.kernel)
        sequence.push_back({p.operation, p.iteration + pass * plan.unroll});
    for (const PlannedOperation &p : plan.epilogue)
      sequence.push_back({p.operation, p.iteration + (passes - 1) * plan.unroll});
    const uint32_t iterations = plan.leastIterations() + (passes - 1) * plan.unroll;
    checkOrder(iterations);
    if (violations.empty())
      checkRegisters(iterations);
  }

  void checkOrder(uint32_t iterations) {
    const uint32_t count = uint32_t(problem.operations.size());
    std::vector<uint32_t> places(size_t(count) * iterations, UINT32_MAX);
    for (uint32_t place = 0; place < sequence.size(); ++place) {
      const PlannedOperation &p = sequence[place];
      if (p.operation >= count || p.iteration >= iterations)
        return add(0, fmt::format("the plan executes operation {} of iteration {}; there are {} operations and {} iterations", p.operation,
                                  p.iteration, count, iterations));
      uint32_t &own = places[size_t(p.iteration) * count + p.operation];
      if (own != UINT32_MAX)
        return add(p.operation, name(p) + " executes twice");
      own = place;
    }
    for (uint32_t i = 0; i < iterations; ++i)
      for (uint32_t op = 0; op < count; ++op)
        if (places[size_t(i) * count + op] == UINT32_MAX)
          return add(op, name({op, i}) + " never executes");
    for (const Dependence &d : problem.dependences)
      for (uint32_t i = 0; i + d.distance < iterations; ++i)
        if (places[size_t(i + d.distance) * count + d.to] <= places[size_t(i) * count + d.from])
          return add(d.to, fmt::format("{} executes before {}, on which it has a {} dependence", name({d.to, i + d.distance}), name({d.from, i}),
                                       dependenceName(d.kind)));
  }

  /// What a register holds: a value as an iteration defined it.
  struct Content {
    uint32_t value = RegisterValue::none;
    int64_t iteration = 0;
    bool operator!=(const Content &o) const { return value != o.value || iteration != o.iteration; }
  };
  void checkRegisters(uint32_t iterations) {
    std::vector<std::vector<Content>> file;
    for (uint32_t limit : problem.registerLimits)
      file.emplace_back(limit);
    auto at = [&](uint32_t v, int64_t i) -> Content & { return file[problem.values[v].cls][plan.registerOf(v, i)]; };
    auto content = [&](uint32_t v, int64_t i) { return Content{v, problem.values[v].def == RegisterValue::none ? 0 : i}; };
    auto text = [&](const Content &c) {
      return c.value == RegisterValue::none ? std::string("nothing") : fmt::format("value {} of iteration {}", c.value, c.iteration);
    };
    struct Read {
      uint32_t value, distance;
    };
    std::vector<std::vector<Read>> reads(problem.operations.size());
    std::vector<std::vector<uint32_t>> writes(problem.operations.size());
    for (uint32_t v = 0; v < problem.values.size(); ++v) {
      const RegisterValue &value = problem.values[v];
      uint32_t before = 0; // iterations whose values come into the loop
      for (uint32_t use : value.uses)
        reads[use].push_back({v, 0});
      for (const LaterUse &use : value.later) {
        reads[use.operation].push_back({v, use.distance});
        before = std::max(before, use.distance);
      }
      if (value.def == RegisterValue::none)
        before = 1;
      else
        writes[value.def].push_back(v);
      for (uint32_t i = 1; i <= before; ++i) {
        Content &place = at(v, -int64_t(i));
        if (place.value != RegisterValue::none)
          return add(0, fmt::format("{} and {} come into the loop in one register", text(place), text(content(v, -int64_t(i)))));
        place = content(v, -int64_t(i));
      }
    }
    for (const PlannedOperation &p : sequence) {
      auto write = [&](bool early) {
        for (uint32_t v : writes[p.operation])
          if (problem.values[v].early == early)
            at(v, p.iteration) = content(v, p.iteration);
      };
      write(true);
      for (const Read &read : reads[p.operation]) {
        const int64_t i = int64_t(p.iteration) - read.distance;
        if (const Content &found = at(read.value, i); found != content(read.value, i))
          return add(p.operation, fmt::format("{} reads {} where {} stands", name(p), text(content(read.value, i)), text(found)));
      }
      write(false);
    }
    for (uint32_t v = 0; v < problem.values.size(); ++v)
      if (problem.values[v].liveOut && at(v, int64_t(iterations) - 1) != content(v, int64_t(iterations) - 1))
        return add(0, fmt::format("behind the loop {} stands where {} is read", text(at(v, int64_t(iterations) - 1)),
                                  text(content(v, int64_t(iterations) - 1))));
  }
};
} // namespace

Result<PipelinePlan> planPipeline(const Problem &problem, const ModuloSchedule &schedule) { return Planner(problem, schedule).run(); }

Result<PipelinedLoop> pipelineLoop(const Problem &problem) {
  for (uint32_t least = 1;;) {
    Result<ModuloSchedule> schedule = moduloSchedule(problem, least);
    if (!schedule)
      return schedule.takeError();
    if (Result<PipelinePlan> plan = planPipeline(problem, *schedule))
      return PipelinedLoop{std::move(*schedule), std::move(*plan)};
    else if (schedule->stages() == 1) // the given order, behind which nothing comes
      return plan.takeError();
    least = schedule->ii + 1;
  }
}

std::vector<Violation> verify(const Problem &problem, const PipelinePlan &plan) {
  PlanVerifier verifier(problem, plan);
  verifier.run();
  return std::move(verifier.violations);
}

} // namespace vtpu::sched
