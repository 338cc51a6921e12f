//===- Report.cpp - What vtpu-mca tells about some words --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Scheduling/Explain.h"
#include "vtpu/Scheduling/Limits.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vtpu::mca {

using nlohmann::json;
using sched::oneCycle;

std::string Report::title() const {
  const std::string words =
      region.first == region.last ? fmt::format("word {}", region.first) : fmt::format("words {} to {}", region.first, region.last);
  return fmt::format("{}, {} of {}", function().name, region.loop ? "loop" : "straight run", words);
}

double Report::pressure(uint32_t operation, uint32_t port) const {
  double work = 0;
  for (const sched::PortUse &use : model->rows[operation].uses)
    if (use.port == port)
      work += use.work;
  return work / model->ports.ports[port].capacity;
}

std::vector<EmptyLine> emptySlots(const Report &report) {
  const uint32_t first = report.region.first;
  // Only dependences and the rules of words count: any port table does.
  const Result<sched::PackedWords> packed =
      sched::readWords(**sched::findPortTable(sched::defaultPortTable), report.function().words.data() + first, report.region.last - first + 1);
  std::vector<EmptyLine> lines;
  if (packed) // what verifies keeps the rules
    for (const sched::EmptySlot &slot : sched::explainEmptySlots(packed->problem, packed->schedule))
      lines.push_back({first + slot.word, slot.pipe, sched::describe(slot, packed->problem, packed->schedule, first)});
  return lines;
}

std::vector<double> Report::pressures() const {
  std::vector<double> result(model->ports.ports.size());
  for (const sched::PortRow &row : model->rows)
    for (const sched::PortUse &use : row.uses)
      result[use.port] += double(use.work) / model->ports.ports[use.port].capacity;
  return result;
}

double Report::throughput() const {
  const std::vector<double> ports = pressures();
  const double most = *std::max_element(ports.begin(), ports.end());
  return region.loop ? std::max(most, double(prediction.bounds.recurrence) / oneCycle) : most;
}

std::optional<double> Report::drained() const {
  if (!region.loop || !region.iterations || region.iterations >= prediction.rounds)
    return std::nullopt;
  return double(sched::hostCycles(model->problem, model->order(), uint32_t(region.iterations))) / double(region.iterations);
}

Result<Report> analyse(const Program &program, const host::Region &region, host::RegionCode code, const host::Table &table) {
  Report report;
  report.program = &program;
  report.region = region;
  report.code = std::move(code);
  Result<std::unique_ptr<host::CodeModel>> model = host::modelCode(report.code.instructions, table, {region.loop, region.iterations});
  if (!model)
    return model.takeError();
  report.model = std::move(*model);
  report.prediction = host::predict(*report.model, region.loop);
  return report;
}

Result<Views> parseViews(std::string_view list) {
  Views views;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    const std::string_view name = list.substr(at, comma - at);
    at = comma + 1;
    const auto *found = std::find(std::begin(viewNames), std::end(viewNames), name);
    if (name == "all") {
      for (size_t i = 0; i < std::size(viewNames); ++i)
        views.insert(View(i));
    } else if (found == std::end(viewNames)) {
      return Error{fmt::format("unknown view '{}'; views are {}, all", name, fmt::join(viewNames, ", "))};
    } else {
      views.insert(View(found - std::begin(viewNames)));
    }
  }
  return views;
}

json toJSON(const Report &report, const host::Table &table, const Views &views, uint32_t timelineRounds) {
  const host::Prediction &p = report.prediction;
  const host::CodeModel &model = *report.model;
  const auto &code = report.code;
  json j;
  j["function"] = report.function().name;
  j["first_word"] = report.region.first;
  j["last_word"] = report.region.last;
  j["kind"] = report.region.loop ? "loop" : "straight";
  j["iterations"] = report.region.iterations ? json(report.region.iterations) : json();
  j["instructions"] = code.instructions.size();
  j["operations"] = model.rows.size();
  j["uops"] = p.uops;
  j["cycles"] = p.cycles;
  j["measured_cycles"] = report.measured ? json(*report.measured) : json();
  if (!report.notMeasured.empty())
    j["not_measured"] = report.notMeasured;
  if (report.time)
    j["in_calls"] = {{"share", report.time->share}, {"runs", report.time->runs}, {"far_cycles", report.time->far}, {"far_level", report.time->level},
                     {"cycles", report.time->runs ? json(report.time->cycles) : json()}};
  const std::optional<double> drained = report.drained();
  j["drained_cycles"] = drained ? json(*drained) : json();
  j["llvm_cycles"] = report.llvm ? json(*report.llvm) : json();
  j["ipc"] = double(code.instructions.size()) / p.cycles;
  j["throughput"] = report.throughput();
  j["bottleneck"] = p.bottleneck;
  j["memory"] = {{"level", table.caches.empty() ? "L1" : table.caches[model.level].name},
                 {"bytes", model.footprint ? json(model.footprint) : json()},
                 {"streams", model.streams.size()}};
  if (views.count(View::empty)) {
    j["empty"] = json::array();
    for (const EmptyLine &line : emptySlots(report))
      j["empty"].push_back({{"word", line.word}, {"slot", isa::pipeName(line.pipe)}, {"why", line.why}});
  }
  if (views.count(View::slots)) {
    unsigned filled[3] = {};
    for (uint32_t w = report.region.first; w <= report.region.last; ++w)
      for (unsigned pipe = 0; pipe < isa::numPipes; ++pipe)
        filled[pipe] += !report.function().words[w].slots[pipe].empty();
    j["slots"] = {{"words", report.region.last - report.region.first + 1}, {"d", filled[0]}, {"s", filled[1]}, {"c", filled[2]}};
  }
  if (views.count(View::bottleneck)) {
    const sched::Limits limits = sched::findLimits(model.problem, report.region.loop, p.cycles);
    j["limits"] = sched::describe(limits, model.problem);
    const sched::RelaxedProblem relaxed(model.problem, limits);
    j["relieved_cycles"] = sched::predictedCycles(relaxed.get(), model.order(), report.region.loop);
    j["waits"] = {{"operands", p.waitOperands}, {"ports", p.waitPorts}, {"recurrence", double(p.bounds.recurrence) / oneCycle},
                  {"critical_path", double(p.bounds.criticalPath) / oneCycle}};
  }
  if (views.count(View::pressure)) {
    json ports = json::object();
    const std::vector<double> pressures = report.pressures();
    for (size_t port = 0; port < pressures.size(); ++port)
      ports[model.ports.ports[port].name] = pressures[port];
    j["pressure"] = ports;
  }
  if (views.count(View::words)) {
    json words = json::array();
    for (uint32_t w = report.region.first; w <= report.region.last; ++w) {
      json ports = json::object();
      for (size_t i = 0; i < code.words.size(); ++i)
        if (code.words[i] == w && model.leaders[model.operations[i]] == i)
          for (const sched::PortUse &use : model.rows[model.operations[i]].uses) {
            const std::string &name = model.ports.ports[use.port].name;
            ports[name] = ports.value(name, 0.0) + double(use.work) / model.ports.ports[use.port].capacity;
          }
      words.push_back({{"word", w}, {"pressure", ports}});
    }
    j["words"] = words;
  }
  if (views.count(View::instructions) || views.count(View::listing)) {
    json list = json::array();
    for (size_t i = 0; i < code.instructions.size(); ++i) {
      const host::Instruction &instruction = code.instructions[i];
      const host::Figure &figure = *model.figures[i];
      list.push_back({{"word", code.words[i]},
                      {"offset", instruction.offset},
                      {"text", host::disassemble(code.bytes.data() + instruction.offset, instruction.length, code.address + instruction.offset).text},
                      {"form", instruction.form},
                      {"operation", model.operations[i]},
                      {"uops", figure.uops},
                      {"latency", figure.latency},
                      {"throughput", figure.throughput},
                      {"origin", figure.origin == host::Origin::measured ? "measured" : "model"},
                      {"fused", model.leaders[model.operations[i]] != i}});
    }
    j["code"] = list;
  }
  if (views.count(View::chain)) {
    static constexpr const char *names[] = {"entered", "operand", "port"};
    json list = json::array();
    for (const host::ChainLink &link : host::criticalChain(model, p))
      list.push_back({{"operation", link.operation}, {"round", link.round}, {"waits_for", names[unsigned(link.why)]}, {"cycles", link.waited}});
    j["chain"] = list;
  }
  if (views.count(View::timeline)) {
    json list = json::array();
    for (size_t i = 0; i < std::min<size_t>(p.times.size(), timelineRounds * model.rows.size()); ++i) {
      const sched::HostTime &time = p.times[i];
      list.push_back({{"round", i / model.rows.size()},
                      {"operation", i % model.rows.size()},
                      {"entered", time.entered},
                      {"ready", time.ready},
                      {"started", time.started},
                      {"done", time.done},
                      {"retired", time.retired}});
    }
    j["timeline"] = list;
  }
  return j;
}

} // namespace vtpu::mca
