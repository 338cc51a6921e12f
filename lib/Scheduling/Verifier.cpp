//===- Verifier.cpp - Checking schedules ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Problem.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <numeric>

namespace vtpu::sched {

namespace {
class ScheduleVerifier {
public:
  ScheduleVerifier(const Problem &problem, const Schedule &schedule) : problem(problem), schedule(schedule) {}
  std::vector<Violation> violations;

  void run() {
    if (Status status = checkProblem(problem); !status)
      return add(0, status.message());
    const size_t count = problem.operations.size();
    if (schedule.cycle.size() != count || schedule.word.size() != count)
      return add(0, fmt::format("the schedule places {} operations in cycles and {} in words, the problem has {}", schedule.cycle.size(),
                                schedule.word.size(), count));
    checkDependences();
    checkWords();
    checkPorts();
    checkRegisters();
  }

private:
  const Problem &problem;
  const Schedule &schedule;

  void add(uint32_t op, std::string message) { violations.push_back({op, std::move(message)}); }
  std::string label(uint32_t op) const { return fmt::format("operation {} ({})", op, problem.operations[op].name); }

  void checkDependences() {
    for (const Dependence &d : problem.dependences) {
      if (d.distance) // iterations do not overlap
        continue;
      const uint64_t from = schedule.cycle[d.from], to = schedule.cycle[d.to];
      if (to < from + d.latency)
        add(d.to, fmt::format("{} starts in cycle {}; its {} dependence on {} allows cycle {} at the earliest", label(d.to), to,
                              dependenceName(d.kind), label(d.from), from + d.latency));
      const uint64_t word = uint64_t(schedule.word[d.from]) + d.nextWord;
      if (schedule.word[d.to] < word)
        add(d.to, fmt::format("{} stands in word {}; its {} dependence on {} allows word {} at the earliest", label(d.to), schedule.word[d.to],
                              dependenceName(d.kind), label(d.from), word));
    }
  }

  void checkWords() {
    std::map<uint32_t, std::vector<uint32_t>> words;
    for (uint32_t op = 0; op < problem.operations.size(); ++op)
      words[schedule.word[op]].push_back(op);
    for (const auto &[number, ops] : words) {
      isa::Word word;
      bool whole = true;
      std::array<uint32_t, isa::numPipes> holder;
      holder.fill(RegisterValue::none);
      for (uint32_t op : ops) {
        const Operation &operation = problem.operations[op];
        uint32_t &first = holder[unsigned(operation.pipe)];
        if (first != RegisterValue::none) {
          add(op, fmt::format("{} and {} need the same slot of word {}", label(first), label(op), number));
          whole = false;
          continue;
        }
        first = op;
        whole &= operation.content.has_value();
        if (!operation.content)
          continue;
        if (operation.content->hasImmediates && word.hasImmediates) {
          add(op, fmt::format("{} brings immediates to word {}, which has some already", label(op), number));
          whole = false;
        }
        addTo(word, operation);
      }
      if (Status status = whole ? isa::checkWord(word) : Status(); !status)
        add(ops.back(), fmt::format("word {} with {} is illegal: {}", number, label(ops.back()), status.message()));
    }
  }

  /// Replays the cycles: in none may an operation start where a whole cycle's work still waits.
  void checkPorts() {
    std::vector<uint32_t> byCycle(problem.operations.size());
    std::iota(byCycle.begin(), byCycle.end(), 0);
    std::stable_sort(byCycle.begin(), byCycle.end(), [&](uint32_t a, uint32_t b) { return schedule.cycle[a] < schedule.cycle[b]; });
    for (uint32_t port = 0; port < problem.table->ports.size(); ++port) {
      const uint64_t capacity = problem.table->ports[port].capacity;
      uint64_t left = 0; // work left from earlier cycles
      for (size_t i = 0; i < byCycle.size();) {
        const uint32_t cycle = schedule.cycle[byCycle[i]];
        uint64_t added = 0, largest = 0;
        uint32_t user = 0;
        for (; i < byCycle.size() && schedule.cycle[byCycle[i]] == cycle; ++i)
          for (const PortUse &use : problem.row(byCycle[i]).uses)
            if (use.port == port) {
              added += use.work;
              largest = std::max<uint64_t>(largest, use.work);
              user = byCycle[i];
            }
        // The largest starts last, when the rest is in the queue.
        if (added && left + added - largest >= capacity)
          add(user, fmt::format("{} starts in cycle {}, when {:.2f} cycles of work wait at port {}, which does {:.2f} a cycle", label(user), cycle,
                                double(left + added - largest) / oneCycle, problem.table->ports[port].name, double(capacity) / oneCycle));
        const uint64_t until = i < byCycle.size() ? schedule.cycle[byCycle[i]] - cycle : 0;
        left += added;
        left -= std::min(left, until * capacity);
      }
    }
  }

  void checkRegisters() {
    // Words between which nothing stands do not count: their numbers may be any.
    std::vector<uint32_t> used = schedule.word, words;
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    for (uint32_t word : schedule.word)
      words.push_back(uint32_t(std::lower_bound(used.begin(), used.end(), word) - used.begin()));
    const std::vector<uint32_t> peaks = registerPeaks(problem, words);
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls])
        add(0, fmt::format("the order needs {} registers of class {} at once, {} are free", peaks[cls], cls, problem.registerLimits[cls]));
  }
};
} // namespace

std::vector<Violation> verify(const Problem &problem, const Schedule &schedule) {
  ScheduleVerifier verifier(problem, schedule);
  verifier.run();
  return std::move(verifier.violations);
}

} // namespace vtpu::sched
