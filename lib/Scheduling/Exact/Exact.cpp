//===- Exact.cpp - The least interval, by a SAT solver -----------*- C++ -*-===//
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
#include "Formula.h"

#include "vtpu/Scheduling/Algorithms.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <numeric>

namespace vtpu::sched {

namespace {
using Answer = Formula::Answer;
using Literal = Formula::Literal;

class Interval {
public:
  Interval(const Problem &problem, uint32_t ii, bool withPorts, bool withRegisters, const ExactOptions &options, bool byCycle = false)
      : problem(problem), ii(int32_t(ii)), withPorts(withPorts), withRegisters(withRegisters), seconds(options.seconds),
        model(problem, ii, withRegisters, byCycle) {}

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
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    for (int round = 0; round < mostExcluded; ++round) {
      const Answer answer = formula.solve(seconds - std::chrono::duration<double>(Clock::now() - start).count());
      if (answer == Answer::impossible && excluded)
        return Answer::unknown;
      if (answer != Answer::satisfied)
        return answer;
      read(result);
      if (!withPorts || !withRegisters || verify(problem, result).empty())
        return Answer::satisfied; // perhaps with what was left out violated, which the caller sees
      exclude();
    }
    return Answer::unknown;
  }

private:
  static constexpr Literal yes = Formula::yes, no = Formula::no;
  const Problem &problem;
  const int32_t ii;
  const bool withPorts, withRegisters;
  const double seconds;
  ExactModel model;
  Formula formula;
  std::vector<std::vector<Literal>> from; // of each operation: it starts at low + 1 + i or later
  std::vector<std::vector<Literal>> at;   // it starts at low + i
  std::vector<std::vector<Literal>> ends; // of each life: it ends at the low of its definition + 1 + i or later
  std::vector<int32_t> times;
  bool excluded = false;

  int32_t slot(int32_t time) const { return ((time % ii) + ii) % ii; }

  Literal startsFrom(uint32_t op, int32_t time) const {
    if (time <= model.windows[op].low)
      return yes;
    if (time > model.windows[op].high)
      return no;
    return from[op][size_t(time - model.windows[op].low - 1)];
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
      std::vector<Literal> &later = from.emplace_back(), &exact = at.emplace_back();
      for (int32_t time = window.low + 1; time <= window.high; ++time)
        later.push_back(formula.fresh());
      for (int32_t time = window.low; time <= window.high; ++time)
        exact.push_back(formula.fresh());
    }
    for (uint32_t op = 0; op < from.size(); ++op)
      for (int32_t time = model.windows[op].low; time <= model.windows[op].high; ++time) {
        const Literal here = startsFrom(op, time), behind = startsFrom(op, time + 1), exact = at[op][size_t(time - model.windows[op].low)];
        formula.add({-behind, here});
        formula.add({-exact, here});
        formula.add({-exact, -behind});
        formula.add({exact, -here, behind});
      }
    for (const ExactModel::Bound &bound : model.bounds)
      for (int32_t time = model.windows[bound.from].low; time <= model.windows[bound.from].high; ++time)
        formula.add({-startsFrom(bound.from, time), startsFrom(bound.to, time + bound.least)});
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
          formula.add({-startsFrom(it->second, time), startsFrom(op, time)});
      it->second = op;
    }
  }

  //===-- Ports ----------------------------------------------------------===//

  /// In no cycle may an operation start where a whole cycle's work waits: the work of the cycles up to it, less what is done, and less the largest of
  /// its own cycle.
  void addPorts() {
    for (uint32_t port = 0; port < problem.table->ports.size(); ++port) {
      std::vector<std::pair<uint32_t, int64_t>> users; // and their work
      int64_t unit = 0, total = 0;
      for (uint32_t op = 0; op < from.size(); ++op)
        for (const PortUse &use : problem.row(op).uses)
          if (use.port == port && use.work) {
            users.push_back({op, use.work});
            unit = std::gcd(unit, int64_t(use.work));
            total += use.work;
          }
      if (total > problem.table->ports[port].capacity * int64_t(ii))
        formula.add({});
      else if (total)
        addPort(users, problem.table->ports[port].capacity, unit, total);
    }
  }

  /// All work is a multiple of `unit`. Where that is far smaller, work counts in halves of the least, rounded down: what that leaves out, `verify` sees.
  void addPort(const std::vector<std::pair<uint32_t, int64_t>> &users, int64_t capacity, int64_t unit, int64_t total) {
    std::vector<int64_t> sizes;
    for (auto [op, work] : users)
      sizes.push_back(work);
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
    constexpr int64_t mostUnits = 64;
    if (total / unit > mostUnits)
      unit = std::max(unit, (sizes.front() + 1) / 2);
    // Of each cycle and size: an operation at least so large starts there.
    std::vector<std::vector<Literal>> starts;
    starts.resize(size_t(ii));
    for (int32_t cycle = 0; cycle < ii; ++cycle)
      for (int64_t size : sizes) {
        const Literal one = formula.fresh();
        std::vector<Literal> any = {-one};
        for (auto [op, work] : users)
          if (work >= size)
            for (int32_t time = model.windows[op].low; time <= model.windows[op].high; ++time)
              if (slot(time) == cycle) {
                any.push_back(at[op][size_t(time - model.windows[op].low)]);
                formula.add({-any.back(), one});
              }
        formula.add(any);
        starts[size_t(cycle)].push_back(one);
      }
    for (int32_t length = 1; length <= ii; ++length) {
      // What may wait at most, in units, where the largest has a certain size.
      auto most = [&](int32_t cycles, int64_t size) { return (cycles * capacity - 1 + size) / unit; };
      if (length * capacity - 1 + sizes.front() >= total)
        break;
      bool follows = false; // from shorter ones
      for (int32_t first = 1; first < length && sizes.size() == 1; ++first)
        follows |= most(first, sizes.front()) + most(length - first, sizes.front()) <= most(length, sizes.front());
      if (follows)
        continue;
      for (int32_t last = 0; last < ii; ++last) {
        std::vector<Literal> literals;
        for (auto [op, work] : users)
          literals.insert(literals.end(), size_t(work / unit), startsWithin(op, last - length + 1, length));
        const std::vector<Literal> sum = formula.count(std::move(literals), size_t(most(length, sizes.back())) + 1);
        for (size_t i = 0; i < sizes.size(); ++i)
          if (const size_t bound = size_t(most(length, sizes[i])); bound < sum.size())
            formula.add({-sum[bound], -starts[size_t(last)][i], i + 1 < sizes.size() ? starts[size_t(last)][i + 1] : no});
      }
    }
  }

  /// True if an operation starts in one of so many cycles of the interval from `first` on; perhaps also if it does not.
  Literal startsWithin(uint32_t op, int32_t first, int32_t length) {
    std::vector<Literal> places;
    for (int32_t time = model.windows[op].low; time <= model.windows[op].high; ++time)
      if (slot(time - first) < length)
        places.push_back(at[op][size_t(time - model.windows[op].low)]);
    if (places.size() == at[op].size())
      return yes;
    if (places.size() <= 1)
      return places.empty() ? no : places.front();
    const Literal any = formula.fresh();
    for (Literal place : places)
      formula.add({-place, any});
    return any;
  }

  //===-- Registers ------------------------------------------------------===//

  /// The life ends at that time or later.
  Literal endsFrom(size_t life, int32_t time) const {
    const int32_t after = time - model.windows[model.lives[life].def].low - 1;
    return after < 0 ? yes : size_t(after) < ends[life].size() ? ends[life][size_t(after)] : no;
  }

  void addRegisters() {
    const size_t classes = model.free.size();
    std::vector<std::vector<std::vector<Literal>>> alive(classes, std::vector<std::vector<Literal>>(size_t(ii)));
    std::vector<std::vector<Literal>> alone(classes);
    std::vector<int64_t> room(model.free.begin(), model.free.end());
    for (size_t i = 0; i < model.lives.size(); ++i) {
      const ExactModel::Life &life = model.lives[i];
      const ExactModel::Window def = model.windows[life.def];
      int32_t end = def.low; // the life is over at that time at the latest
      for (auto [op, later] : life.ends)
        end = std::max(end, model.windows[op].high + later);
      ends.emplace_back();
      for (int32_t time = def.low + 1; time <= end; ++time)
        ends[i].push_back(formula.fresh());
      for (int32_t time = def.low + 1; time <= end; ++time) {
        for (auto [op, later] : life.ends)
          formula.add({-startsFrom(op, time - later), endsFrom(i, time)});
        if (time > def.low + 1)
          formula.add({-endsFrom(i, time), endsFrom(i, time - 1)});
      }
      if (life.alone) {
        room[life.cls] -= life.alone;
        for (int32_t turns = int32_t(life.alone); turns * ii < end - def.low; ++turns) {
          const Literal more = formula.fresh(); // lives longer than so many intervals
          for (int32_t time = def.low; time <= def.high; ++time)
            formula.add({startsFrom(life.def, time + 1), -endsFrom(i, time + 1 + turns * ii), more});
          alone[life.cls].push_back(more);
        }
        continue;
      }
      for (int32_t time = def.low - life.lead; time < end; ++time) {
        const Literal here = formula.fresh();
        formula.add({startsFrom(life.def, time + 1 + life.lead), -endsFrom(i, time + 1), here});
        alive[life.cls][size_t(slot(time))].push_back(here);
      }
    }
    for (size_t cls = 0; cls < classes; ++cls) {
      if (room[cls] < 0) {
        formula.add({});
        return;
      }
      for (int32_t time = 0; time < ii; ++time) {
        std::vector<Literal> literals = alive[cls][size_t(time)];
        literals.insert(literals.end(), alone[cls].begin(), alone[cls].end());
        formula.addAtMost(literals, size_t(room[cls]));
      }
      addMoments(uint32_t(cls), size_t(room[cls]), alone[cls]);
    }
  }

  /// What an operation writes of a class.
  struct Results {
    size_t all = 0, early = 0;
    bool unread = false;
  };
  /// Lives that count in a cycle, each by one proposition.
  using Counted = std::map<size_t, Literal>;

  /// A result that nothing reads, or that is written while operands are still read, needs a register for a moment within its cycle. These live then,
  /// whatever the order within the cycle: what lives through it; of a value that ends in it and a result of one of its readers that outlives it, one
  /// or the other; and at the first operation that writes early the operands that such operations read in their last cycle.
  void addMoments(uint32_t cls, size_t room, const std::vector<Literal> &alone) {
    std::map<uint32_t, Results> results;
    std::map<uint32_t, std::vector<size_t>> operands; // of operations
    std::vector<size_t> members;                      // lives of the class that have no registers of their own
    bool any = false;
    for (size_t i = 0; i < model.lives.size(); ++i) {
      const ExactModel::Life &life = model.lives[i];
      if (life.cls != cls || life.alone)
        continue;
      members.push_back(i);
      Results &own = results[life.def];
      ++own.all;
      own.early += life.early;
      own.unread |= life.ends.empty();
      any |= life.early || life.ends.empty();
      for (auto [op, later] : life.ends)
        if (later == 0 && op != life.def)
          operands[op].push_back(i);
    }
    if (!any)
      return;
    size_t leastEarly = SIZE_MAX;
    for (const auto &[op, own] : results)
      if (own.early)
        leastEarly = std::min(leastEarly, own.early);
    for (int32_t cycle = 0; cycle < ii; ++cycle) {
      std::vector<Literal> through = alone;
      for (size_t life : members)
        eachTime(cycle, model.windows[model.lives[life].def].low + 1, int32_t(ends[life].size()), [&](int32_t time) {
          through.push_back(formula.fresh());
          formula.add({startsFrom(model.lives[life].def, time), -endsFrom(life, time + 1), through.back()});
        });
      const Counted replaced = countReplaced(members, results, operands, cycle);
      Counted read = replaced;
      for (const auto &[op, own] : results)
        if (own.early)
          for (size_t operand : operands[op]) {
            auto [it, isNew] = read.try_emplace(operand, no);
            const auto before = replaced.find(operand);
            if (isNew || (before != replaced.end() && it->second == before->second))
              it->second = formula.fresh();
            if (before != replaced.end())
              formula.add({-before->second, it->second});
            eachPlace(op, cycle, [&](int32_t time, Literal here) {
              formula.add({-here, startsFrom(model.lives[operand].def, time), endsFrom(operand, time + 1), it->second});
            });
          }
      const std::vector<Literal> always = countAll(through, replaced, room), atFirst = countAll(through, read, room);
      for (const auto &[op, own] : results) {
        if (own.unread)
          leaveRoom(op, cycle, always, room, own.all);
        if (own.early)
          leaveRoom(op, cycle, atFirst, room, leastEarly);
      }
    }
  }

  /// Values that end in a cycle while a result of a reader outlives it. A result stands for one of them, the first that ends.
  Counted countReplaced(const std::vector<size_t> &members, const std::map<uint32_t, Results> &results,
                        const std::map<uint32_t, std::vector<size_t>> &operands, int32_t cycle) {
    Counted counted;
    for (size_t result : members) {
      const uint32_t op = model.lives[result].def;
      const auto read = operands.find(op);
      if (read == operands.end() || results.at(op).unread)
        continue;
      eachPlace(op, cycle, [&](int32_t time, Literal here) {
        std::vector<Literal> clause = {-here, -endsFrom(result, time + 1)};
        for (size_t operand : read->second) {
          auto [it, isNew] = counted.try_emplace(operand, no);
          if (isNew)
            it->second = formula.fresh();
          std::vector<Literal> whole = clause;
          whole.insert(whole.end(), {startsFrom(model.lives[operand].def, time), endsFrom(operand, time + 1), it->second});
          formula.add(whole);
          clause.push_back(-endsFrom(operand, time + 1));
        }
      });
    }
    return counted;
  }
  std::vector<Literal> countAll(std::vector<Literal> literals, const Counted &more, size_t room) {
    for (const auto &[life, literal] : more)
      literals.push_back(literal);
    return formula.count(std::move(literals), room + 1);
  }
  /// Where an operation starts in that cycle, a sum leaves so many registers.
  void leaveRoom(uint32_t op, int32_t cycle, const std::vector<Literal> &sum, size_t room, size_t registers) {
    if (registers <= room && room - registers >= sum.size())
      return;
    eachPlace(op, cycle, [&](int32_t, Literal here) { formula.add({-here, registers > room ? no : -sum[room - registers]}); });
  }
  template <typename Visit>
  void eachTime(int32_t cycle, int32_t first, int32_t count, Visit visit) const {
    for (int32_t time = first + slot(cycle - first); time < first + count; time += ii)
      visit(time);
  }
  /// Each time in a cycle of the interval at which an operation may start, and the proposition that it does.
  template <typename Visit>
  void eachPlace(uint32_t op, int32_t cycle, Visit visit) const {
    const ExactModel::Window window = model.windows[op];
    eachTime(cycle, window.low, window.high - window.low + 1, [&](int32_t time) { visit(time, at[op][size_t(time - window.low)]); });
  }

  //===-- Schedules ------------------------------------------------------===//

  void read(ModuloSchedule &result) {
    times.clear();
    for (uint32_t op = 0; op < from.size(); ++op) {
      int32_t time = model.windows[op].low;
      for (Literal later : from[op])
        time += formula.value(later);
      times.push_back(time);
    }
    result.ii = uint32_t(ii);
    result.cycle = model.settle(times);
    orderKernel(problem, result);
  }

  /// These times do not fit: others, please.
  void exclude() {
    excluded = true;
    std::vector<Literal> others;
    for (uint32_t op = 0; op < at.size(); ++op)
      if (at[op].size() > 1)
        others.push_back(-at[op][size_t(times[op] - model.windows[op].low)]);
    formula.add(others);
  }
};
} // namespace

/// Tries one interval: first without what is hard to prove. That a class of registers forbids it, without ports or with them, is proven soonest where the
/// other classes are left out.
static Answer tryInterval(const Problem &problem, uint32_t ii, ModuloSchedule &schedule, const ExactOptions &options) {
  Answer answer = Interval(problem, ii, /*withPorts=*/true, /*withRegisters=*/false, options).run(schedule);
  if (answer == Answer::impossible || (answer == Answer::satisfied && verify(problem, schedule).empty()))
    return answer;
  for (bool withPorts : {false, true})
    for (uint32_t cls = 0; cls < problem.registerLimits.size(); ++cls) {
      Problem alone = problem;
      alone.values.clear();
      std::copy_if(problem.values.begin(), problem.values.end(), std::back_inserter(alone.values),
                   [&](const RegisterValue &value) { return value.cls == cls; });
      if (alone.values.empty())
        continue;
      answer = Interval(alone, ii, withPorts, /*withRegisters=*/true, options).run(schedule);
      if (answer == Answer::impossible || (answer == Answer::satisfied && verify(problem, schedule).empty()))
        return answer;
    }
  answer = Interval(problem, ii, /*withPorts=*/true, /*withRegisters=*/true, options).run(schedule);
  if (answer != Answer::unknown)
    return answer;
  return Interval(problem, ii, true, true, options, true).run(schedule) == Answer::satisfied ? Answer::satisfied : answer;
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
  if (result.provenLeast < known.ii && options.effort)
    if (Result<ModuloSchedule> more = moduloSchedule(problem, result.provenLeast, options.effort); more && more->ii < known.ii)
      result.schedule = std::move(*more);
  for (uint32_t ii = result.provenLeast; ii < result.schedule.ii; ++ii) {
    ModuloSchedule schedule;
    const Answer answer = tryInterval(problem, ii, schedule, options);
    if (answer == Answer::satisfied) {
      result.schedule = std::move(schedule);
      return result;
    }
    if (answer == Answer::impossible && result.unknown.empty())
      result.provenLeast = ii + 1;
    else if (answer == Answer::unknown && result.unknown.empty())
      result.unknown = fmt::format("the solver neither finds nor rules out intervals of {} cycles, with {:.1f} s for each part of the proof", ii, options.seconds);
  }
  return result;
}

std::string exactSolverVersion() { return fmt::format("CaDiCaL {}", CaDiCaL::Solver::version()); }

} // namespace vtpu::sched
