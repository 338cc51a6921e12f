//===- Exact.cpp - The least interval, by Z3 --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Propositions "the operation starts at t or later" make a dependence a clause for each t, so that unit propagation moves bounds as a human would.
// Ports and registers are sums of propositions. Registers count in whole cycles here: less than the order within a cycle may need, so that a proof
// that there is no schedule holds, and a schedule that comes out passes the verifier or is excluded.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Exact.h"

#include "ExactModel.h"

#include "vtpu/Scheduling/Algorithms.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <z3++.h>

namespace vtpu::sched {

namespace {
enum class Answer { found, impossible, unknown };

class Interval {
public:
  Interval(const Problem &problem, uint32_t ii, bool withPorts, bool withRegisters, const ExactOptions &options)
      : problem(problem), ii(int32_t(ii)), withPorts(withPorts), withRegisters(withRegisters), model(problem, ii, withRegisters),
        solver(context, "QF_FD") {
    z3::params params(context);
    params.set("timeout", unsigned(std::clamp(options.seconds * 1000, 1.0, 4e9)));
    params.set("random_seed", 1u);
    solver.set(params);
  }

  Answer run(ModuloSchedule &result) {
    if (!model.possible())
      return Answer::impossible;
    fixOne();
    addTimes();
    if (withPorts)
      addPorts();
    if (withRegisters)
      addRegisters();
    else
      addSymmetry();
    // What an order within a cycle costs is rarely what decides.
    constexpr int mostExcluded = 64;
    for (int round = 0; round < mostExcluded; ++round) {
      const z3::check_result answer = solver.check();
      if (answer == z3::unsat)
        return excluded ? Answer::unknown : Answer::impossible;
      if (answer != z3::sat)
        return Answer::unknown;
      read(result);
      if (!withPorts || !withRegisters || verify(problem, result).empty())
        return Answer::found; // perhaps with what was left out violated, which the caller sees
      exclude();
    }
    return Answer::unknown;
  }

private:
  const Problem &problem;
  const int32_t ii;
  const bool withPorts, withRegisters;
  ExactModel model;
  z3::context context;
  z3::solver solver;
  std::vector<std::vector<z3::expr>> from; // of each operation: it starts at low + 1 + i or later
  std::vector<std::vector<z3::expr>> at;   // it starts at low + i
  std::vector<int32_t> times;
  bool excluded = false;

  z3::expr fresh() { return z3::expr(context, Z3_mk_fresh_const(context, "x", context.bool_sort())); }
  int32_t slot(int32_t time) const { return ((time % ii) + ii) % ii; }

  z3::expr startsFrom(uint32_t op, int32_t time) {
    if (time <= model.windows[op].low)
      return context.bool_val(true);
    if (time > model.windows[op].high)
      return context.bool_val(false);
    return from[op][size_t(time - model.windows[op].low - 1)];
  }
  /// A clause; constants are left out.
  void addClause(std::initializer_list<z3::expr> literals) {
    z3::expr_vector list(context);
    for (const z3::expr &literal : literals) {
      if (literal.is_true())
        return;
      if (!literal.is_false())
        list.push_back(literal);
    }
    solver.add(z3::mk_or(list));
  }
  z3::expr negate(const z3::expr &literal) {
    return literal.is_true() ? context.bool_val(false) : literal.is_false() ? context.bool_val(true) : !literal;
  }

  /// All times can be moved alike: one operation starts in cycle 0, of the largest group the first.
  void fixOne() {
    std::map<uint32_t, uint32_t> sizes;
    for (uint32_t group : model.group)
      ++sizes[group];
    uint32_t largest = 0;
    for (auto [group, size] : sizes)
      if (size > sizes[model.group[largest]])
        largest = group;
    for (uint32_t op = 0; op < model.windows.size(); ++op)
      if (model.group[op] == model.group[largest] && model.windows[op].low == 0 && model.windows[op].high == ii - 1) {
        model.windows[op].high = 0;
        break;
      }
  }

  void addTimes() {
    for (const ExactModel::Window &window : model.windows) {
      std::vector<z3::expr> &later = from.emplace_back(), &exact = at.emplace_back();
      for (int32_t time = window.low + 1; time <= window.high; ++time)
        later.push_back(fresh());
      for (int32_t time = window.low; time <= window.high; ++time)
        exact.push_back(fresh());
    }
    for (uint32_t op = 0; op < from.size(); ++op)
      for (int32_t time = model.windows[op].low; time <= model.windows[op].high; ++time) {
        const z3::expr here = startsFrom(op, time), behind = startsFrom(op, time + 1), exact = at[op][size_t(time - model.windows[op].low)];
        addClause({negate(behind), here});
        addClause({negate(exact), here});
        addClause({negate(exact), negate(behind)});
        addClause({exact, negate(here), behind});
      }
    for (const ExactModel::Bound &bound : model.bounds)
      for (int32_t time = model.windows[bound.from].low; time <= model.windows[bound.from].high; ++time)
        addClause({negate(startsFrom(bound.from, time)), startsFrom(bound.to, time + bound.least)});
  }

  /// Operations of one row that nothing distinguishes start in the order of their numbers.
  void addSymmetry() {
    std::map<const PortRow *, uint32_t> last;
    std::map<uint32_t, uint32_t> sizes;
    for (uint32_t group : model.group)
      ++sizes[group];
    for (uint32_t op = 0; op < from.size(); ++op) {
      if (sizes[model.group[op]] > 1)
        continue;
      auto [it, first] = last.try_emplace(problem.operations[op].row, op);
      if (!first)
        for (int32_t time = 0; time < ii; ++time)
          addClause({negate(startsFrom(it->second, time)), startsFrom(op, time)});
      it->second = op;
    }
  }

  struct Term {
    z3::expr literal;
    int weight;
  };
  void addAtMost(const std::vector<Term> &terms, int64_t most) {
    z3::expr_vector literals(context);
    std::vector<int> weights;
    int64_t sum = 0;
    bool alike = true;
    for (const Term &term : terms) {
      literals.push_back(term.literal);
      weights.push_back(term.weight);
      sum += term.weight;
      alike &= term.weight == weights.front();
    }
    if (sum <= most)
      return;
    if (most < 0)
      solver.add(context.bool_val(false));
    else if (alike)
      solver.add(z3::atmost(literals, unsigned(most / weights.front())));
    else
      solver.add(z3::pble(literals, weights.data(), int(most)));
  }

  /// In no cycle may an operation start where a whole cycle's work waits: the work of the cycles up to it, less what is done, and less the largest of
  /// its own cycle.
  void addPorts() {
    for (uint32_t port = 0; port < problem.table->ports.size(); ++port) {
      const int64_t capacity = problem.table->ports[port].capacity;
      std::vector<int> work(from.size());
      std::vector<int> sizes;
      int64_t total = 0;
      for (uint32_t op = 0; op < from.size(); ++op)
        for (const PortUse &use : problem.row(op).uses)
          if (use.port == port && use.work) {
            work[op] += int(use.work);
            sizes.push_back(int(use.work));
            total += use.work;
          }
      if (sizes.empty())
        continue;
      std::sort(sizes.begin(), sizes.end());
      sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
      if (total > capacity * ii) {
        solver.add(context.bool_val(false));
        return;
      }
      std::vector<std::vector<Term>> bySlot(ii);
      for (uint32_t op = 0; op < from.size(); ++op)
        for (size_t i = 0; work[op] && i < at[op].size(); ++i)
          bySlot[slot(model.windows[op].low + int32_t(i))].push_back({at[op][i], work[op]});
      for (int32_t last = 0; last < ii; ++last) {
        const std::vector<Term> largest = sizes.size() > 1 ? largestOf(bySlot[last], sizes) : std::vector<Term>();
        std::vector<Term> terms;
        for (int32_t length = 1; length <= ii; ++length) {
          const std::vector<Term> &more = bySlot[slot(last - length + 1)];
          terms.insert(terms.end(), more.begin(), more.end());
          const int64_t most = length * capacity - 1 + sizes.front();
          if (most >= total)
            break;
          // sum - (largest - smallest) <= most: the terms of the largest count negated.
          std::vector<Term> sum = terms;
          int64_t limit = most;
          for (const Term &term : largest) {
            sum.push_back({!term.literal, term.weight});
            limit += term.weight;
          }
          addAtMost(sum, limit);
        }
      }
    }
  }

  /// Propositions whose weights are the largest work of a cycle beyond the smallest: true only if an operation so large starts there, or none at all.
  std::vector<Term> largestOf(const std::vector<Term> &terms, const std::vector<int> &sizes) {
    const z3::expr none = fresh();
    for (const Term &term : terms)
      addClause({!none, !term.literal});
    std::vector<Term> result;
    for (size_t i = 1; i < sizes.size(); ++i) {
      const z3::expr large = fresh();
      z3::expr_vector reasons(context);
      reasons.push_back(!large);
      reasons.push_back(none);
      for (const Term &term : terms)
        if (term.weight >= sizes[i])
          reasons.push_back(term.literal);
      solver.add(z3::mk_or(reasons));
      result.push_back({large, sizes[i] - sizes[i - 1]});
    }
    // Where none starts, anything may wait.
    result.push_back({none, int(std::min<int64_t>(INT32_MAX / 4, 1000000))});
    return result;
  }

  void addRegisters() {
    const size_t classes = model.free.size();
    std::vector<std::vector<std::vector<Term>>> alive(classes, std::vector<std::vector<Term>>(size_t(ii)));
    std::vector<std::vector<Term>> alone(classes);
    std::vector<int64_t> room(model.free.begin(), model.free.end());
    for (const ExactModel::Life &life : model.lives) {
      const ExactModel::Window def = model.windows[life.def];
      int32_t end = def.low; // the life is over at that time at the latest
      for (auto [op, later] : life.ends)
        end = std::max(end, model.windows[op].high + later);
      // "ends at t or later", from def.low + 1 on.
      std::vector<z3::expr> ends;
      for (int32_t time = def.low + 1; time <= end; ++time)
        ends.push_back(fresh());
      auto endsFrom = [&](int32_t time) { return time > end ? context.bool_val(false) : ends[size_t(time - def.low - 1)]; };
      for (int32_t time = def.low + 1; time <= end; ++time)
        for (auto [op, later] : life.ends)
          addClause({negate(startsFrom(op, time - later)), endsFrom(time)});
      if (life.alone) {
        room[life.cls] -= life.alone;
        for (int32_t turns = int32_t(life.alone); turns * ii < end - def.low; ++turns) {
          const z3::expr more = fresh(); // lives longer than so many intervals
          for (int32_t time = def.low; time <= def.high; ++time)
            addClause({startsFrom(life.def, time + 1), negate(endsFrom(time + 1 + turns * ii)), more});
          alone[life.cls].push_back({more, 1});
        }
        continue;
      }
      for (int32_t time = def.low; time < end; ++time) {
        const z3::expr here = fresh();
        addClause({startsFrom(life.def, time + 1), negate(endsFrom(time + 1)), here});
        alive[life.cls][size_t(slot(time))].push_back({here, 1});
      }
    }
    for (size_t cls = 0; cls < classes; ++cls)
      for (int32_t time = 0; time < ii; ++time) {
        std::vector<Term> terms = alive[cls][size_t(time)];
        terms.insert(terms.end(), alone[cls].begin(), alone[cls].end());
        addAtMost(terms, room[cls]);
      }
  }

  void read(ModuloSchedule &result) {
    const z3::model found = solver.get_model();
    times.clear();
    for (uint32_t op = 0; op < from.size(); ++op) {
      int32_t time = model.windows[op].low;
      for (const z3::expr &later : from[op])
        time += found.eval(later, true).is_true();
      times.push_back(time);
    }
    result.ii = uint32_t(ii);
    result.cycle = model.settle(times);
    orderKernel(problem, result);
  }

  /// These times do not fit: others, please.
  void exclude() {
    excluded = true;
    z3::expr_vector others(context);
    for (uint32_t op = 0; op < at.size(); ++op)
      if (at[op].size() > 1)
        others.push_back(!at[op][size_t(times[op] - model.windows[op].low)]);
    solver.add(z3::mk_or(others));
  }
};
} // namespace

/// True if the registers of some class alone, whatever the ports and the other classes, forbid an interval.
static bool registersForbid(const Problem &problem, uint32_t ii, const ExactOptions &options) {
  for (uint32_t cls = 0; cls < problem.registerLimits.size(); ++cls) {
    Problem alone = problem;
    alone.values.clear();
    for (const RegisterValue &value : problem.values)
      if (value.cls == cls)
        alone.values.push_back(value);
    ModuloSchedule any;
    if (!alone.values.empty() && Interval(alone, ii, /*withPorts=*/false, /*withRegisters=*/true, options).run(any) == Answer::impossible)
      return true;
  }
  return false;
}

/// Tries one interval: first without what is hard to prove.
static Answer tryInterval(const Problem &problem, uint32_t ii, ModuloSchedule &schedule, const ExactOptions &options) {
  const Answer answer = Interval(problem, ii, /*withPorts=*/true, /*withRegisters=*/false, options).run(schedule);
  if (answer == Answer::impossible || (answer == Answer::found && verify(problem, schedule).empty()))
    return answer;
  if (registersForbid(problem, ii, options))
    return Answer::impossible;
  return Interval(problem, ii, /*withPorts=*/true, /*withRegisters=*/true, options).run(schedule);
}

Result<ExactResult> scheduleExactly(const Problem &problem, const ModuloSchedule &known, const ExactOptions &options) {
  if (Status status = checkProblem(problem); !status)
    return Error{status.message()};
  if (const std::vector<Violation> violations = verify(problem, known); !violations.empty())
    return Error{fmt::format("the known schedule breaks a rule: {}", violations.front().message)};
  ExactResult result;
  result.schedule = known;
  result.provenLeast = findIntervalBounds(problem).least();
  // Where a schedule is easy to find, it is found sooner so than by the solver.
  constexpr uint32_t effort = 32;
  if (result.provenLeast < known.ii)
    if (Result<ModuloSchedule> more = moduloSchedule(problem, result.provenLeast, effort); more && more->ii < known.ii)
      result.schedule = std::move(*more);
  for (uint32_t ii = result.provenLeast; ii < result.schedule.ii; ++ii) {
    ModuloSchedule schedule;
    const Answer answer = tryInterval(problem, ii, schedule, options);
    if (answer == Answer::found) {
      result.schedule = std::move(schedule);
      return result;
    }
    if (answer == Answer::impossible && result.unknown.empty())
      result.provenLeast = ii + 1;
    else if (answer == Answer::unknown && result.unknown.empty())
      result.unknown = fmt::format("no answer for intervals of {} cycles in {:.1f} s", ii, options.seconds);
  }
  return result;
}

std::string exactSolverVersion() {
  unsigned major, minor, build, revision;
  Z3_get_version(&major, &minor, &build, &revision);
  return fmt::format("Z3 {}.{}.{}", major, minor, build);
}

} // namespace vtpu::sched
