//===- Views.cpp - Reports as text ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In the manner of llvm-mca's views, whose readers know how to read these.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "vtpu/Assembly/Assembly.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <unordered_map>

namespace vtpu::mca {

using sched::oneCycle;

namespace {
/// Columns of a timeline; what happens later is cut off.
constexpr uint32_t mostColumns = 100;

class TextReport {
public:
  TextReport(const Report &report, const host::Table &table) : report(report), model(*report.model), code(report.code), table(table) {}

  void print(const Views &views, uint32_t timelineRounds) const {
    fmt::print("\n{}\n", report.title());
    if (views.count(View::summary))
      summary();
    if (views.count(View::slots))
      slots();
    if (views.count(View::empty))
      empty();
    if (views.count(View::bottleneck))
      bottleneck();
    if (views.count(View::pressure) || views.count(View::words))
      pressure(views.count(View::words));
    if (views.count(View::instructions))
      instructions();
    if (views.count(View::chain))
      chain();
    if (views.count(View::timeline))
      timeline(timelineRounds);
    if (views.count(View::listing))
      listing();
  }

private:
  const Report &report;
  const host::CodeModel &model;
  const host::RegionCode &code;
  const host::Table &table;

  std::string textOf(size_t i) const {
    const host::Instruction &instruction = code.instructions[i];
    return host::disassemble(code.bytes.data() + instruction.offset, instruction.length, code.address + instruction.offset).text;
  }
  std::string textOfOperation(uint32_t op) const {
    const size_t i = model.leaders[op];
    const bool fused = i + 1 < code.instructions.size() && model.operations[i + 1] == op;
    return fused ? textOf(i) + "; " + textOf(i + 1) : textOf(i);
  }

  template <typename... Args>
  static void row(const char *name, fmt::format_string<Args...> text, Args &&...args) {
    fmt::print("{:<20}{}\n", name, fmt::format(text, std::forward<Args>(args)...));
  }

  void summary() const {
    const host::Prediction &p = report.prediction;
    const char *unit = report.region.loop ? " an iteration" : "";
    fmt::print("\n");
    if (report.region.iterations)
      row("Iterations:", "{}", report.region.iterations);
    row("Instructions:", "{}", code.instructions.size());
    row("uOps:", "{:.0f}", p.uops);
    row("Predicted cycles:", "{:.2f}{}", p.cycles, unit);
    if (report.measured)
      row("Measured cycles:", "{:.2f}{}, predicted {:+.1f} %", *report.measured, unit, 100 * (p.cycles / *report.measured - 1));
    else if (!report.notMeasured.empty())
      row("Measured cycles:", "none: {}", report.notMeasured);
    if (report.time)
      row("In calls:", "{:.1f} % of the time{}", 100 * report.time->share,
          report.time->runs ? fmt::format(", {:.2f} cycles{}, {} times", report.time->cycles, unit, report.time->runs) : "");
    if (report.time && report.time->far > 0)
      row("First touches:", "{:.2f} cycles{} from {}", report.time->far, unit, report.time->level);
    if (report.llvm)
      row("llvm-mca's cycles:", "{:.2f}{}", *report.llvm, unit);
    row("IPC:", "{:.2f}", double(code.instructions.size()) / p.cycles);
    row("uOps per cycle:", "{:.2f} of {:.2f}", p.uops / p.cycles, table.issueWidth);
    row("Block throughput:", "{:.2f}", report.throughput());
    if (model.footprint)
      row("Memory:", "{} bytes in {} streams, from {}", model.footprint, model.streams.size(),
          table.caches.empty() ? "L1" : table.caches[model.level].name);
  }

  void slots() const {
    const uint32_t words = report.region.last - report.region.first + 1;
    unsigned filled[3] = {};
    for (uint32_t w = report.region.first; w <= report.region.last; ++w)
      for (unsigned pipe = 0; pipe < isa::numPipes; ++pipe)
        filled[pipe] += !report.function().words[w].slots[pipe].empty();
    fmt::print("\nSlots of {} words:\n", words);
    for (unsigned pipe = 0; pipe < isa::numPipes; ++pipe)
      fmt::print("  {}  {:>6}  {:>5.1f} %\n", "DSC"[pipe], filled[pipe], 100.0 * filled[pipe] / words);
  }

  void empty() const {
    fmt::print("\nEmpty slots:\n");
    for (const EmptyLine &line : emptySlots(report))
      fmt::print("  word {:>5}  {}  {}\n", line.word, isa::pipeName(line.pipe), line.why);
  }

  void bottleneck() const {
    const host::Prediction &p = report.prediction;
    fmt::print("\nBottleneck: {}\n", p.bottleneck);
    const std::vector<double> pressures = report.pressures();
    std::vector<size_t> busy;
    for (size_t port = 0; port < pressures.size(); ++port)
      if (pressures[port] > 0)
        busy.push_back(port);
    std::sort(busy.begin(), busy.end(), [&](size_t a, size_t b) { return pressures[a] > pressures[b]; });
    for (size_t i = 0; i < std::min<size_t>(busy.size(), 3); ++i)
      fmt::print("  {:<24}{:>8.2f} cycles, busy {:.0f} %\n", "port " + model.ports.ports[busy[i]].name, pressures[busy[i]],
                 std::min(100.0, 100 * pressures[busy[i]] / p.cycles));
    if (report.region.loop)
      fmt::print("  {:<24}{:>8.2f} cycles\n", "recurrence", double(p.bounds.recurrence) / oneCycle);
    fmt::print("  {:<24}{:>8.2f} cycles\n", "critical path", double(p.bounds.criticalPath) / oneCycle);
    fmt::print("  An operation waits {:.1f} cycles for operands and {:.1f} for ports on average.\n", p.waitOperands, p.waitPorts);
  }

  void pressure(bool byWord) const {
    const std::vector<double> pressures = report.pressures();
    std::vector<size_t> used;
    for (size_t port = 0; port < pressures.size(); ++port)
      if (pressures[port] > 0)
        used.push_back(port);
    fmt::print("\nResources:\n");
    for (size_t i = 0; i < used.size(); ++i)
      fmt::print("[{}]{} {}, {:.2f} a cycle\n", i, i < 10 ? " " : "", model.ports.ports[used[i]].name,
                 double(model.ports.ports[used[i]].capacity) / oneCycle);
    std::string head, total;
    for (size_t i = 0; i < used.size(); ++i) {
      head += fmt::format("{:<7}", fmt::format("[{}]", i));
      total += fmt::format("{:<7.2f}", pressures[used[i]]);
    }
    fmt::print("\nResource pressure in cycles{}:\n{}\n{}\n", report.region.loop ? " an iteration" : "", head, total);
    if (!byWord)
      return;
    fmt::print("\nResource pressure by word:\n{}Word\n", head);
    const std::set<uint32_t> labels = branchTargets(report.function());
    size_t i = 0;
    for (uint32_t w = report.region.first; w <= report.region.last; ++w) {
      std::vector<double> sums(pressures.size());
      for (; i < code.words.size() && code.words[i] == w; ++i)
        if (model.leaders[model.operations[i]] == i)
          for (const sched::PortUse &use : model.rows[model.operations[i]].uses)
            sums[use.port] += double(use.work) / model.ports.ports[use.port].capacity;
      std::string line;
      for (size_t port : used)
        line += sums[port] > 0 ? fmt::format("{:<7.2f}", sums[port]) : fmt::format("{:<7}", "-");
      fmt::print("{}{}\n", line, printWord(report.function().words[w], w, labels));
    }
  }

  void instructions() const {
    fmt::print("\nInstruction info:\n[1]: uOps  [2]: latency  [3]: cycles each  [4]: loads  [5]: stores\n"
               "[6]: figures measured (M) or LLVM's (L), fused with the one before (F), done by renaming (E)\n\n"
               "[1]    [2]    [3]    [4] [5] [6] Word   Instruction\n");
    // Much of the time of big programs goes into these lines: what repeats is formatted once, and columns by hand.
    std::unordered_map<const host::Figure *, std::string> known;
    std::unordered_map<std::string_view, std::string> texts; // by bytes; those of relative addresses hold in one place only
    std::string line;
    auto column = [&](std::string_view text, size_t width) {
      line += text;
      line.append(width - std::min(width, text.size()) + 1, ' ');
    };
    for (size_t i = 0; i < code.instructions.size(); ++i) {
      const host::Instruction &instruction = code.instructions[i];
      const host::Figure &figure = *model.figures[i];
      std::string &figures = known[&figure];
      if (figures.empty())
        figures = fmt::format("{:<6.4g} {:<6.4g} {:<6.3g} ", figure.uops, figure.latency, figure.throughput);
      const bool fused = model.leaders[model.operations[i]] != i;
      const char kind = fused                                                                    ? 'F'
                        : instruction.isZeroIdiom || (instruction.isMove && !figure.latency) ? 'E'
                        : figure.origin == host::Origin::measured                                ? 'M'
                                                                                                 : 'L';
      const bool loads = instruction.memory && instruction.memory->load, stores = instruction.memory && instruction.memory->store;
      line = figures;
      column(loads ? "*" : "", 3);
      column(stores ? "*" : "", 3);
      column({&kind, 1}, 3);
      const fmt::format_int word(code.words[i]);
      column({word.data(), word.size()}, 6);
      const bool isRelative = instruction.branch != host::Branch::none || (instruction.memory && instruction.memory->absolute);
      std::string &text = texts[{reinterpret_cast<const char *>(code.bytes.data()) + instruction.offset, instruction.length}];
      if (text.empty() || isRelative)
        text = textOf(i);
      line += text;
      line += '\n';
      std::fwrite(line.data(), 1, line.size(), stdout);
    }
  }

  void chain() const {
    fmt::print("\nCritical chain, the last first:\n  Word   Waits\n");
    for (const host::ChainLink &link : host::criticalChain(model, report.prediction)) {
      static constexpr const char *names[] = {"on entry", "operands", "ports"};
      fmt::print("  {:<6} {:>4} {:<9} {}\n", code.words[model.leaders[link.operation]], link.waited, names[unsigned(link.why)],
                 textOfOperation(link.operation));
    }
  }

  void timeline(uint32_t rounds) const {
    const std::vector<sched::HostTime> &times = report.prediction.times;
    const size_t count = model.rows.size(), shown = std::min<size_t>(times.size(), rounds * count);
    uint32_t columns = 0;
    for (size_t i = 0; i < shown; ++i)
      columns = std::max(columns, times[i].retired + 1);
    columns = std::min(columns, mostColumns);
    std::string tens, ones;
    for (uint32_t c = 0; c < columns; ++c) {
      tens += c % 10 ? ' ' : char('0' + c / 10 % 10);
      ones += char('0' + c % 10);
    }
    fmt::print("\nTimeline: D enters, = waits, e runs, E done, - waits for those before, R leaves\n{:<10}{}\n{:<10}{}\n", "", tens, "Index", ones);
    for (size_t i = 0; i < shown; ++i) {
      const sched::HostTime &t = times[i];
      if (t.entered >= columns)
        continue;
      std::string line(columns, ' ');
      auto put = [&](uint32_t from, uint32_t to, char what) {
        for (uint32_t c = from; c < std::min(to, columns); ++c)
          line[c] = what;
      };
      put(t.entered, t.started, '=');
      put(t.started, t.done, 'e');
      put(t.done, t.retired, '-');
      put(t.retired, t.retired + 1, 'R');
      if (t.done < t.retired)
        put(t.done, t.done + 1, 'E');
      put(t.entered, t.entered + 1, 'D');
      fmt::print("{:<10}{}  {}\n", fmt::format("[{},{}]", i / count, i % count), line, textOfOperation(uint32_t(i % count)));
    }
    if (columns == mostColumns)
      fmt::print("What starts behind cycle {} is left out.\n", mostColumns - 1);
  }

  void listing() const {
    fmt::print("\nListing:\n");
    const std::set<uint32_t> labels = branchTargets(report.function());
    size_t i = 0;
    for (uint32_t w = report.region.first; w <= report.region.last; ++w) {
      fmt::print("{}{:>6}  {}\n", labels.count(w) ? fmt::format("L{}:\n", w) : "", w, printWord(report.function().words[w], w, labels));
      for (; i < code.words.size() && code.words[i] == w; ++i)
        fmt::print("            {:6x}: {}\n", code.address + code.instructions[i].offset, textOf(i));
    }
  }
};
} // namespace

void printReport(const Report &report, const host::Table &table, const Views &views, uint32_t timelineRounds) {
  TextReport(report, table).print(views, timelineRounds);
}

} // namespace vtpu::mca
