//===- ConflictMode.cpp - vtpu-mca --conflicts ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"
#include "vtpu/Analysis/PortConflicts.h"
#include "vtpu/Assembly/Assembly.h"

#include <algorithm>

namespace vtpu::tools {

using namespace analysis;
using nlohmann::ordered_json;

namespace {
/// A word that uses a port, with all of its operations.
struct WordUse {
  uint32_t word;
  double work = 0, waited = 0;
};

class ConflictReport {
public:
  explicit ConflictReport(const mca::Report &region) : region(region), ports(region.model->ports.ports) {
    result = findPortConflicts(region.model->problem, region.model->order(), region.region.loop);
  }

  ordered_json toJSON() const {
    ordered_json json = {{"function", region.function().name},
                         {"first_word", region.region.first},
                         {"last_word", region.region.last},
                         {"kind", region.region.loop ? "loop" : "straight"},
                         {"cycles", result.cycles},
                         {"bottleneck", region.prediction.bottleneck},
                         {"pressure", ordered_json::object()},
                         {"conflicts", ordered_json::array()}};
    for (size_t port = 0; port < ports.size(); ++port)
      json["pressure"][ports[port].name] = result.pressure[port];
    for (const PortConflict &conflict : result.conflicts) {
      ordered_json entry = {{"port", ports[conflict.port].name}, {"busy", conflict.busy},       {"relieved_cycles", conflict.relieved},
                            {"waited", conflict.waited},         {"surplus", conflict.surplus}, {"way_out", wayOut(conflict)},
                            {"words", ordered_json::array()}};
      for (const WordUse &use : wordsOf(conflict))
        entry["words"].push_back({{"word", placeOf(use.word)},
                                  {"location", locationOf(use.word)},
                                  {"text", textOf(use.word)},
                                  {"work", use.work},
                                  {"waited", use.waited}});
      json["conflicts"].push_back(std::move(entry));
    }
    return json;
  }

  void print() const {
    const char *each = region.region.loop ? " an iteration" : "";
    fmt::print("\n{}: {:.2f} cycles{}\n", region.title(), result.cycles, each);
    std::string busy;
    for (size_t port = 0; port < ports.size(); ++port)
      if (result.pressure[port] > 0)
        busy += fmt::format("{}{} {:.0f} %", busy.empty() ? "" : ", ", ports[port].name, 100 * result.pressure[port]);
    fmt::print("  busy: {}\n", busy);
    if (result.serial)
      fmt::print("  no findings: more of any port would not help; {} binds\n", region.prediction.bottleneck);
    for (const PortConflict &conflict : result.conflicts) {
      fmt::print("  port {}: {:.0f} % busy, {} operations wait {:.1f} cycles each for it; with twice of it {:.2f} cycles{}\n",
                 ports[conflict.port].name, 100 * conflict.busy, conflict.users.size(),
                 conflict.waited / double(std::max<size_t>(conflict.users.size(), 1)), conflict.relieved, each);
      const std::vector<WordUse> words = wordsOf(conflict);
      constexpr size_t most = 12;
      for (size_t i = 0; i < words.size() && i < most; ++i)
        fmt::print("    {:>6.2f} cycles of work, waits {:>6.2f}  {}{}  {}\n", words[i].work, words[i].waited, placeOf(words[i].word),
                   locationOf(words[i].word).empty() ? "" : " at " + locationOf(words[i].word), textOf(words[i].word));
      if (words.size() > most)
        fmt::print("    and {} more words\n", words.size() - most);
      fmt::print("    way out: {}\n", wayOut(conflict));
    }
  }

private:
  const mca::Report &region;
  const std::vector<sched::Port> &ports;
  PortReport result;

  std::vector<WordUse> wordsOf(const PortConflict &conflict) const {
    std::map<uint32_t, WordUse> byWord;
    for (const PortConflict::User &user : conflict.users) {
      const uint32_t word = region.code.words[region.model->leaders[user.operation]];
      WordUse &use = byWord[word];
      use.word = word;
      use.work += user.work;
      use.waited += user.waited;
    }
    std::vector<WordUse> words;
    for (const auto &[word, use] : byWord)
      words.push_back(use);
    std::stable_sort(words.begin(), words.end(), [](const WordUse &a, const WordUse &b) { return a.waited > b.waited; });
    return words;
  }
  /// What would have to go elsewhere, and where there is room.
  std::string wayOut(const PortConflict &conflict) const {
    std::vector<std::pair<double, std::string>> idle;
    for (uint32_t port = 0; port < ports.size(); ++port)
      if (port != conflict.port && result.pressure[port] > 0 && result.pressure[port] < 0.5)
        idle.push_back({result.pressure[port], ports[port].name});
    std::sort(idle.begin(), idle.end());
    std::string free;
    for (size_t i = 0; i < idle.size() && i < 4; ++i)
      free += (i ? ", " : "") + idle[i].second;
    const bool frontEnd = conflict.port == 0;
    return frontEnd ? fmt::format("{:.2f} cycles of host operations less{}: wider vectors, operands in memory, fewer words",
                                  conflict.surplus, region.region.loop ? " an iteration" : "")
                    : fmt::format("take {:.2f} cycles of work from {}{}{}", conflict.surplus, ports[conflict.port].name,
                                  region.region.loop ? " an iteration" : "",
                                  free.empty() ? "; no other port that is used has room" : "; there is room at " + free);
  }
  std::string placeOf(uint32_t word) const { return fmt::format("{}:{}", region.function().name, word); }
  std::string locationOf(uint32_t word) const {
    std::string text;
    for (const Location &location : region.function().locations)
      if (location.word <= word)
        text = region.program->locationTexts[location.text];
    return text;
  }
  std::string textOf(uint32_t word) const { return printWord(region.function().words[word], word, {}); }
};
} // namespace

void printPortConflicts(const std::vector<mca::Report> &reports, const std::string &table, bool json) {
  if (!json)
    fmt::print("table {}\n", table);
  ordered_json all = {{"table", table}, {"regions", ordered_json::array()}};
  for (const mca::Report &report : reports) {
    const ConflictReport conflicts(report);
    if (json)
      all["regions"].push_back(conflicts.toJSON());
    else
      conflicts.print();
  }
  if (json)
    fmt::print("{}\n", all.dump(1));
}

} // namespace vtpu::tools
