//===- PortTables.cpp - Port tables from host tables ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/PortTables.h"
#include "vtpu/Host/Forms.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace vtpu::host {

using sched::PortRow;
using sched::Work;

namespace {
Work toWork(double cycles) { return Work(std::lround(cycles * sched::oneCycle)); }

/// What one draw of a template costs.
struct Cost {
  double latency = 0, slots = 0;
  std::vector<double> work; // by resource
  double cycles = 0;        // of the busiest resource or the front end
};

/// Nothing if the template calls something or holds an instruction that the table does not know.
std::optional<Cost> costOf(const TemplateCode &code, const Table &table, bool wide) {
  Cost cost;
  cost.work.resize(table.resources.size());
  double ready[numRegisters] = {};
  struct Stored {
    Register base;
    int64_t displacement;
    double ready;
  };
  std::vector<Stored> stored;
  for (const Instruction &instruction : code.instructions) {
    const Figure *figure = table.find(instruction.form);
    if (!figure || instruction.branch == Branch::call || instruction.branch == Branch::indirect || instruction.branch == Branch::ret)
      return std::nullopt;
    cost.slots += figure->uops;
    for (const Use &use : figure->uses)
      if (wide || !table.resources[use.resource].wide)
        cost.work[use.resource] += use.work;
    const std::optional<Memory> &memory = instruction.memory;
    double end = 0;
    for (Register reg = 0; reg < numRegisters; ++reg)
      if (instruction.reads[reg]) {
        const bool address = memory && memory->load && (reg == memory->base || reg == memory->index);
        end = std::max(end, ready[reg] + (address ? std::max(figure->addressLatency, figure->latency) : figure->latency));
      }
    if (memory && memory->load)
      for (const Stored &store : stored)
        if (store.base == memory->base && store.displacement == memory->displacement)
          end = std::max(end, store.ready);
    if (memory && memory->store)
      stored.push_back({memory->base, memory->displacement, end});
    for (Register reg = 0; reg < numRegisters; ++reg)
      if (instruction.writes[reg])
        ready[reg] = end;
    cost.latency = std::max(cost.latency, end);
  }
  cost.cycles = cost.slots / table.issueWidth;
  for (size_t r = 0; r < cost.work.size(); ++r)
    cost.cycles = std::max(cost.cycles, cost.work[r] / table.resources[r].capacity);
  return cost;
}

PortRow rowOf(const Cost &cost) {
  PortRow row;
  row.latency = uint32_t(std::lround(cost.latency));
  row.uses.push_back({0, std::max<Work>(1, toWork(cost.slots))});
  for (uint32_t r = 0; r < cost.work.size(); ++r)
    if (const Work work = toWork(cost.work[r]))
      row.uses.push_back({r + 1, work});
  return row;
}

/// The one in the middle.
const Cost &median(std::vector<Cost> &costs) {
  std::stable_sort(costs.begin(), costs.end(), [](const Cost &a, const Cost &b) { return a.cycles < b.cycles; });
  return costs[costs.size() / 2];
}

isa::Slot slotOf(const gen::Form &form) {
  isa::Slot slot;
  slot.type = form.type, slot.memType = form.memType, slot.length = form.length;
  slot.mask = form.mask != gen::MaskForm::none;
  slot.zeroing = form.mask == gen::MaskForm::zeroing;
  return slot;
}
} // namespace

Result<sched::PortTable> derivePortTable(const Table &table, const std::string &name) {
  Result<const sched::PortTable *> known = sched::findPortTable(sched::defaultPortTable);
  Result<std::vector<TemplateCode>> templates = emitTemplates(/*checkedAccesses=*/false);
  if (!known)
    return known.takeError();
  if (!templates)
    return templates.takeError();
  sched::PortTable result;
  result.name = name;
  const CPU &cpu = table.cpu;
  result.cpu = fmt::format("{} (family {}, model {}, stepping {}, microcode {})", cpu.brand, cpu.family, cpu.model, cpu.stepping, cpu.microcode);
  result.source = "derived from the host table of this processor; calls as in " + (*known)->name;
  result.window = table.window;
  result.ports.push_back({"issue", std::max<Work>(1, toWork(table.issueWidth))});
  for (const Resource &resource : table.resources)
    result.ports.push_back({resource.name, std::max<Work>(1, toWork(resource.capacity))});

  std::map<std::pair<isa::PortClass, isa::Length>, std::vector<Cost>> classes;
  for (size_t begin = 0, end = 0; begin < templates->size(); begin = end) {
    const gen::Form &form = (*templates)[begin].form;
    std::vector<Cost> draws;
    for (end = begin; end < templates->size() && (*templates)[end].form == form; ++end)
      if (std::optional<Cost> cost = costOf((*templates)[end], table, form.info->hasLength && form.length == isa::Length::v512))
        draws.push_back(std::move(*cost));
    if (draws.empty())
      continue;
    const Cost &cost = median(draws);
    result.formRows[sched::formKey(*form.info, slotOf(form))] = rowOf(cost);
    classes[{form.info->port, form.length}].push_back(cost);
  }
  for (unsigned c = 0; c < isa::numPortClasses; ++c)
    for (unsigned l = 0; l < 3; ++l) {
      const auto cls = isa::PortClass(c);
      // Without templates of a length those of another one stand for it; without any the default table, of which only the front end is the same.
      auto found = classes.find({cls, isa::Length(l)});
      for (unsigned other = 0; other < 3 && found == classes.end(); ++other)
        found = classes.find({cls, isa::Length(other)});
      if (found != classes.end()) {
        result.rows[c][l] = rowOf(median(found->second));
        continue;
      }
      const PortRow &row = (*known)->row(cls, isa::Length(l));
      result.rows[c][l] = {row.latency, {row.uses.front()}};
      for (const sched::PortUse &use : row.uses)
        if (use.port == 0)
          result.rows[c][l].uses = {use};
    }
  return result;
}

} // namespace vtpu::host
