//===- Pipelining.cpp - Modulo schedules of generated loops -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pipelining.h"

#include "vtpu/Generator/Loops.h"
#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/Exact.h"
#include "vtpu/Scheduling/Pipeline.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vtpu::tools {

using namespace sched;

namespace {
/// Bindings of generated programs are areas of their own, and offsets can be adapted.
constexpr gen::LoopAssumptions assumptions = {true, true};

/// Seconds that this thread has computed: schedules of long loops take longer than what a busy system leaves undisturbed.
double threadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

class Measurement {
public:
  explicit Measurement(const PipeliningOptions &options) : options(options), table(**findPortTable(defaultPortTable)) {}

  Result<std::string> run() {
    nlohmann::ordered_json classes;
    Figures all, lengthy;
    for (gen::LoopClass cls : gen::loopClasses) {
      Figures own;
      for (uint64_t i = 0; i < options.loops; ++i)
        if (Status status = measure(cls, options.seed + i, own); !status)
          return Error{status.message()};
      classes[std::string(gen::loopClassName(cls))] = own.toJSON();
      all.add(own);
    }
    // Longer loops have figures of their own: no proof of theirs ends.
    for (uint32_t operations : {128, 256})
      for (gen::LoopClass cls : gen::loopClasses)
        for (uint64_t i = 0; i < (options.loops + 5) / 6; ++i)
          if (Status status = measureLong(cls, options.seed + i, operations, lengthy); !status)
            return Error{status.message()};
    Figures timed = all;
    timed.addTimes(lengthy);
    nlohmann::ordered_json json = timed.toJSON();
    json["up_to_64"] = all.toJSON();
    json["longer"] = lengthy.toJSON();
    json["verifier_failures"] = 0; // else there was an error
    json["seed"] = options.seed;
    json["port_table"] = table.name;
    json["solver"] = exactSolverVersion();
    json["solver_seconds_an_interval"] = options.exactSeconds;
    json["classes"] = classes;
    return json.dump(2) + "\n";
  }

private:
  const PipeliningOptions &options;
  const PortTable &table;

  struct Figures {
    uint64_t loops = 0, atBound = 0, optimal = 0, optimalExact = 0, planned = 0;
    double logRatio = 0;
    uint64_t operations = 0;
    std::vector<double> seconds; // of each loop

    void add(const Figures &o) {
      loops += o.loops;
      atBound += o.atBound;
      optimal += o.optimal;
      optimalExact += o.optimalExact;
      planned += o.planned;
      logRatio += o.logRatio;
      addTimes(o);
    }
    void addTimes(const Figures &o) {
      operations += o.operations;
      seconds.insert(seconds.end(), o.seconds.begin(), o.seconds.end());
    }
    nlohmann::ordered_json toJSON() const {
      std::vector<double> sorted = seconds;
      std::sort(sorted.begin(), sorted.end());
      double sum = 0;
      for (double s : sorted)
        sum += s;
      const double count = double(std::max<uint64_t>(loops, 1));
      nlohmann::ordered_json json;
      json["loops"] = loops;
      json["ii_at_bound_share"] = double(atBound) / count;
      json["ii_optimal_share"] = double(optimal) / count;
      json["ii_optimal_share_exact"] = double(optimalExact) / count;
      json["ii_over_mii_geomean"] = std::exp(logRatio / count);
      json["planned_share"] = double(planned) / count;
      json["timed_loops"] = sorted.size();
      json["ops_per_second"] = sum > 0 ? double(operations) / sum : 0;
      json["p99_ms"] = sorted.empty() ? 0 : 1e3 * sorted[std::min(sorted.size() - 1, sorted.size() * 99 / 100)];
      return json;
    }
  };

  Result<ModuloSchedule> schedule(const std::string &name, const Problem &problem, Figures &figures) {
    constexpr int turns = 5;
    double least = 1e9;
    std::optional<ModuloSchedule> result;
    for (int turn = 0; turn < turns; ++turn) {
      const double start = threadSeconds();
      Result<ModuloSchedule> found = moduloSchedule(problem);
      least = std::min(least, threadSeconds() - start);
      if (!found)
        return Error{fmt::format("{}: {}", name, found.message())};
      result = std::move(*found);
    }
    figures.operations += problem.operations.size();
    figures.seconds.push_back(least);
    if (const std::vector<Violation> violations = verify(problem, *result); !violations.empty())
      return Error{fmt::format("{}: {}", name, violations.front().message)};
    return std::move(*result);
  }

  Status measure(gen::LoopClass cls, uint64_t seed, Figures &figures) {
    const std::string name = fmt::format("loop {} of class {}", seed, gen::loopClassName(cls));
    const Result<gen::LoopProblem> loop = read(name, cls, seed, {});
    if (!loop)
      return Error{loop.message()};
    const Problem &problem = loop->problem;
    const Result<Found> found = scheduleAndPlan(name, problem, figures);
    if (!found)
      return Error{found.message()};
    if (found->atBound || options.exactSeconds <= 0)
      return {};
    const Result<ExactResult> exact = scheduleExactly(problem, found->schedule, {options.exactSeconds});
    if (!exact)
      return Error{fmt::format("{}: {}", name, exact.message())};
    figures.optimal += found->schedule.ii == exact->provenLeast;
    figures.optimalExact += exact->optimal();
    return {};
  }

  Status measureLong(gen::LoopClass cls, uint64_t seed, uint32_t operations, Figures &figures) {
    const std::string name = fmt::format("loop {} of class {} with {} operations", seed, gen::loopClassName(cls), operations);
    gen::LoopOptions size;
    size.operations = operations;
    const Result<gen::LoopProblem> loop = read(name, cls, seed, size);
    if (!loop)
      return Error{loop.message()};
    if (const Result<Found> found = scheduleAndPlan(name, loop->problem, figures); !found)
      return Error{found.message()};
    return {};
  }

  Result<gen::LoopProblem> read(const std::string &name, gen::LoopClass cls, uint64_t seed, const gen::LoopOptions &size) const {
    const Result<Program> program = gen::generateLoop(cls, seed, size);
    if (!program)
      return Error{fmt::format("{}: {}", name, program.message())};
    Result<gen::LoopProblem> loop = gen::problemOfLoop(*program, table, assumptions);
    if (!loop)
      return Error{fmt::format("{}: {}", name, loop.message())};
    return loop;
  }

  struct Found {
    ModuloSchedule schedule;
    bool atBound;
  };
  /// The schedule, counted with its plan; at the bound it is surely optimal.
  Result<Found> scheduleAndPlan(const std::string &name, const Problem &problem, Figures &figures) {
    Result<ModuloSchedule> found = schedule(name, problem, figures);
    if (!found)
      return found.takeError();
    const Result<PipelinedLoop> pipelined = pipelineLoop(problem);
    if (!pipelined)
      return Error{fmt::format("{}: {}", name, pipelined.message())};
    if (const std::vector<Violation> violations = verify(problem, pipelined->plan); !violations.empty())
      return Error{fmt::format("{}: {}", name, violations.front().message)};
    const uint32_t bound = findIntervalBounds(problem).least();
    ++figures.loops;
    figures.planned += pipelined->schedule.ii == found->ii;
    figures.logRatio += std::log(double(found->ii) / bound);
    const bool atBound = found->ii == bound;
    for (uint64_t *sum : {&figures.atBound, &figures.optimal, &figures.optimalExact})
      *sum += atBound;
    return Found{std::move(*found), atBound};
  }
};
} // namespace

Result<std::string> measurePipelining(const PipeliningOptions &options) { return Measurement(options).run(); }

} // namespace vtpu::tools
