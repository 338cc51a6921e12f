//===- Analysis.cpp - Host code on the model of a host ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Analysis.h"

#include "Addresses.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <set>

namespace vtpu::host {

using sched::oneCycle;
using sched::Work;

namespace {
/// A store further back than this many rounds has long reached the cache.
constexpr int64_t mostDistance = 64;
constexpr double line = 64; // bytes
/// Stores that have left the window but not the core.
constexpr unsigned waitingStores = 64;

Work toWork(double cycles) { return Work(std::lround(std::max(0.0, cycles) * oneCycle)); }

/// The stack's own registers are renamed apart: no push waits for another.
bool movesStack(const Instruction &instruction) {
  return instruction.branch == Branch::call || instruction.branch == Branch::ret || instruction.form.compare(0, 5, "push ") == 0 ||
         instruction.form.compare(0, 4, "pop ") == 0;
}
constexpr Register stackPointer = 4;

template <typename Function>
void forEach(const RegisterSet &set, Function &&function) {
  for (size_t reg = set._Find_first(); reg < numRegisters; reg = set._Find_next(reg))
    function(Register(reg));
}

class Builder {
public:
  Builder(const std::vector<Instruction> &code, const Table &table, const CodeFacts &facts, CodeModel &model)
      : code(code), table(table), facts(facts), model(model), addresses(code), figures(model.figures) {}

  Status build() {
    figures.reserve(code.size());
    for (const Instruction &instruction : code) {
      const Figure *figure = table.find(instruction.form);
      if (!figure)
        return Error{fmt::format("the table '{}' has no figure for `{}`", table.name, instruction.form)};
      figures.push_back(figure);
    }
    wide.resize(table.resources.size());
    for (size_t i = 0; i < code.size(); ++i)
      if (isWide(code[i].form) && !isEliminated(code[i], *figures[i]))
        for (const Use &use : figures[i]->uses)
          wide[use.resource] = true;
    addPorts();
    addOperations();
    addForwarding();
    addFlow();
    if (facts.loops)
      addStreams();
    addCommits();
    return {};
  }

private:
  const std::vector<Instruction> &code;
  const Table &table;
  const CodeFacts &facts;
  CodeModel &model;
  const Addresses addresses;
  std::vector<const Figure *> &figures;
  std::vector<bool> wide; // by resource: something of 512 bits uses it, so that it counts if it is for that
  /// What a load gets from a store instead of from memory.
  struct Forward {
    uint32_t store, distance;
    double latency; // from the start of the store to what a load returns
  };
  std::vector<std::optional<Forward>> forwards; // by instruction: of those that only load
  std::map<decltype(Memory::base), std::vector<uint32_t>> writers; // instructions that write a register, as far as it was asked for
  std::map<uint32_t, double> fills; // by instruction that is the first to touch lines from further away: cycles, of those that come as stores do

  void addPorts() {
    model.ports.name = table.name;
    model.ports.window = table.window;
    model.ports.leaving = toWork(table.retireWidth);
    model.ports.ports.push_back({"issue", toWork(table.issueWidth)});
    for (const Resource &resource : table.resources)
      model.ports.ports.push_back({resource.name, std::max<Work>(1, toWork(resource.capacity))});
    model.ports.ports.push_back({"taken", oneCycle});
  }

  /// Whether the front end makes one operation of an instruction and the one before.
  bool isFused(size_t i) const { return i && code[i - 1].fusesWithNext; }
  /// Renaming does what needs no port.
  static bool isEliminated(const Instruction &instruction, const Figure &figure) {
    return instruction.isZeroIdiom || (instruction.isMove && figure.latency == 0);
  }

  void addOperations() {
    model.rows.reserve(code.size());
    model.leaders.reserve(code.size());
    model.operations.reserve(code.size());
    for (size_t i = 0; i < code.size(); ++i) {
      const Figure &figure = *figures[i];
      sched::PortRow row;
      row.uses.reserve(figure.uses.size() + 3); // and issue, taken, commit
      row.latency = code[i].isZeroIdiom ? 0 : uint32_t(figure.latency);
      const bool indexed = code[i].memory && code[i].memory->index != noRegister && !code[i].memory->vectorIndex();
      row.uses.push_back({0, std::max<Work>(1, toWork(figure.uops + (indexed ? figure.indexedUops : 0)))});
      if (!isEliminated(code[i], figure))
        for (const Use &use : figure.uses)
          if (const Work work = toWork(use.work); work && (wide[use.resource] || !table.resources[use.resource].wide))
            row.uses.push_back({use.resource + 1, work});
      const bool taken = code[i].branch != Branch::none && (code[i].branch != Branch::conditional || (facts.loops && i + 1 == code.size()));
      if (taken)
        row.uses.push_back({uint32_t(table.resources.size() + 1), oneCycle});
      if (isFused(i)) { // one operation, on what both can run on
        sched::PortRow &first = model.rows.back();
        for (const sched::PortUse &use : row.uses) {
          auto same = std::find_if(first.uses.begin(), first.uses.end(), [&](const sched::PortUse &o) { return o.port == use.port; });
          if (same == first.uses.end())
            first.uses.push_back(use);
          else
            same->work = std::max(same->work, use.work);
        }
      } else {
        model.rows.push_back(std::move(row));
        model.leaders.push_back(uint32_t(i));
      }
      model.operations.push_back(uint32_t(model.rows.size() - 1));
    }
    model.problem.operations.reserve(model.rows.size());
    for (size_t op = 0; op < model.rows.size(); ++op) {
      sched::Operation operation;
      operation.name = code[model.leaders[op]].form;
      operation.row = &model.rows[op];
      model.problem.operations.push_back(operation);
    }
  }

  void depend(uint32_t from, uint32_t to, sched::DependenceKind kind, double latency, uint32_t distance, bool retired = false) {
    const Work work = toWork(latency);
    model.problem.dependences.push_back({from, to, kind, work / oneCycle, distance, false, retired, work % oneCycle});
  }

  /// Cycles from when what a register holds is there to when an instruction that reads it would start if it were the quickest of its operands.
  double delay(size_t i, Register reg) const {
    const Figure &figure = *figures[i];
    double latency = 0;
    bool named = false;
    for (size_t k = 0; k < figure.operands.size() && k < code[i].operands.size(); ++k)
      if (code[i].operands[k] == reg) {
        latency = std::max(latency, figure.operands[k]);
        named = true;
      }
    if (const std::optional<Memory> &access = code[i].memory; access && access->load && (access->base == reg || access->index == reg)) {
      latency = std::max(latency, figure.addressLatency);
      named = true;
    }
    return (named ? latency : figure.latency) - figure.leastLatency();
  }

  /// From the last write of a register to each read.
  void addFlow() {
    constexpr int64_t never = INT64_MIN;
    std::vector<int64_t> last(numRegisters, never); // negative: in the round before
    const size_t n = code.size();
    for (size_t i = 0; i < n && facts.loops; ++i)
      forEach(code[i].writes, [&](Register reg) { last[reg] = int64_t(i) - int64_t(n); });
    for (size_t i = 0; i < n; ++i) {
      forEach(code[i].reads, [&](Register reg) {
        if (last[reg] == never || (reg == stackPointer && movesStack(code[i])))
          return;
        const uint32_t distance = last[reg] < 0;
        const size_t from = size_t(distance ? last[reg] + int64_t(n) : last[reg]);
        if (reg == stackPointer && movesStack(code[from]))
          return;
        if (model.operations[from] == model.operations[i] && !distance)
          return; // the flags of a fused pair
        const double latency = code[from].isZeroIdiom ? 0 : figures[from]->leastLatency(), wait = delay(i, reg);
        depend(model.operations[from], model.operations[i], sched::DependenceKind::flow, latency + wait, distance);
        if (const std::optional<Forward> &forward = forwards[from])
          depend(model.operations[forward->store], model.operations[i], sched::DependenceKind::flow, forward->latency + wait,
                 distance + forward->distance);
      });
      forEach(code[i].writes, [&](Register reg) { last[reg] = int64_t(i); });
    }
  }

  /// Stores of one symbol by the blocks of bytes that they touch, each list in order.
  using Blocks = std::map<std::pair<uint32_t, int64_t>, std::vector<uint32_t>>;
  static int64_t blockOf(int64_t offset) { return offset >> 6; }

  /// From the youngest store that left what a load reads.
  void addForwarding() {
    forwards.resize(code.size());
    Blocks stores;
    for (uint32_t i = 0; i < code.size(); ++i)
      if (const std::optional<Addresses::Address> &at = addresses.all()[i]; at && code[i].memory->store && code[i].branch == Branch::none)
        for (int64_t block = blockOf(at->offset); block <= blockOf(at->offset + code[i].memory->bytes - 1); ++block)
          stores[{at->symbol, block}].push_back(i);
    for (uint32_t i = 0; i < code.size(); ++i) {
      if (!addresses.all()[i] || !code[i].memory->load)
        continue;
      const Addresses::Address &load = *addresses.all()[i];
      const std::optional<int64_t> step = addresses.step(load.symbol);
      const int64_t most = !facts.loops || !step ? 0 : *step ? mostDistance : 1;
      std::optional<uint32_t> store;
      int64_t distance = 0;
      while (!(store = findStore(stores, i, load.offset + distance * step.value_or(0), distance == 0)) && distance < most)
        ++distance;
      if (!store)
        continue;
      const int64_t at = load.offset + distance * step.value_or(0) - addresses.all()[*store]->offset;
      const bool whole = at >= 0 && at + code[i].memory->bytes <= code[*store].memory->bytes;
      const bool masked = code[*store].form.find("{k}") != std::string::npos;
      const uint32_t from = model.operations[*store], to = model.operations[i];
      if (!whole || masked) {
        depend(from, to, sched::DependenceKind::memory, table.storeToLoad, uint32_t(distance), true);
        continue;
      }
      // Through the store buffer it takes as long as through the cache.
      const double latency =
          isRenamed(*store, i, distance) ? table.renaming->latency : std::max(figures[*store]->leastLatency(), figures[i]->addressLatency);
      if (figures[i]->latency == figures[i]->addressLatency)
        forwards[i] = {*store, uint32_t(distance), latency};
      else
        depend(from, to, sched::DependenceKind::flow, latency, uint32_t(distance));
    }
  }

  /// Whether the host knows at rename what a load gets from a store.
  bool isRenamed(uint32_t store, uint32_t load, int64_t distance) {
    const Memory &a = *code[store].memory, &b = *code[load].memory;
    const bool whole = code[store].form == "mov m64, r64" && b.bytes == 8 && a.index == noRegister && b.index == noRegister &&
                       code[load].form.find("r64") != std::string::npos;
    if (!table.renaming || !whole)
      return false;
    if (table.renaming->anyBase)
      return true;
    // By the same register, which nothing in between writes.
    if (a.base != b.base || a.displacement != b.displacement || distance > 1 || (distance && load > store))
      return false;
    if (a.base == noRegister)
      return true;
    const auto [it, isNew] = writers.insert({a.base, {}});
    std::vector<uint32_t> &writing = it->second;
    for (uint32_t i = 0; isNew && i < code.size(); ++i)
      if (code[i].writes[a.base])
        writing.push_back(i);
    const auto behind = std::upper_bound(writing.begin(), writing.end(), store);
    if (store < load)
      return behind == writing.end() || *behind >= load;
    return behind == writing.end() && (writing.empty() || writing.front() >= load);
  }

  /// The last store to any of the bytes that a load reads at some offset, of those before it or of all.
  std::optional<uint32_t> findStore(const Blocks &stores, uint32_t load, int64_t offset, bool before) const {
    std::optional<uint32_t> last;
    const int64_t end = offset + code[load].memory->bytes;
    for (int64_t block = blockOf(offset); block <= blockOf(end - 1); ++block) {
      const auto found = stores.find({addresses.all()[load]->symbol, block});
      if (found == stores.end())
        continue;
      const std::vector<uint32_t> &all = found->second;
      const auto from = before ? std::lower_bound(all.begin(), all.end(), load) : all.end();
      for (auto s = std::make_reverse_iterator(from); s != all.rend() && (!last || *s > *last); ++s) {
        const int64_t begin = addresses.all()[*s]->offset;
        if (begin < end && offset < begin + code[*s].memory->bytes) {
          last = *s;
          break;
        }
      }
    }
    return last;
  }

  void addStreams() {
    std::map<uint32_t, Stream> bySymbol;
    for (uint32_t i = 0; i < code.size(); ++i) {
      if (!addresses.all()[i])
        continue;
      const Addresses::Address &address = *addresses.all()[i];
      const std::optional<int64_t> step = addresses.step(address.symbol);
      if (!step)
        continue;
      const auto [it, isNew] = bySymbol.insert({address.symbol, {}});
      Stream &stream = it->second;
      const int64_t end = address.offset + code[i].memory->bytes;
      stream.step = *step;
      stream.begin = isNew ? address.offset : std::min(stream.begin, address.offset);
      stream.end = isNew ? end : std::max(stream.end, end);
      stream.loads |= code[i].memory->load;
      stream.stores |= code[i].memory->store;
      stream.instructions.push_back(i);
    }
    for (auto &[symbol, stream] : bySymbol) {
      stream.bytes = newBytes(stream);
      model.streams.push_back(std::move(stream));
    }
    if (!facts.iterations)
      return;
    double footprint = 0;
    for (const Stream &stream : model.streams)
      footprint += stream.step ? double(stream.bytes) * double(facts.iterations) : double(stream.bytes);
    model.footprint = uint64_t(footprint);
    model.level = table.levelOf(model.footprint);
    if (model.level)
      addFills();
  }

  /// Bytes of the lines that a round is the first to touch. Where a stream moves by whole lines these are the places of its accesses within a step.
  uint64_t newBytes(const Stream &stream) const {
    std::set<int64_t> lines;
    for (uint32_t i : stream.instructions)
      for (int64_t at = lineOf(i, 0); at <= lineOf(i, code[i].memory->bytes - 1); ++at)
        lines.insert(placeOf(stream, at));
    const uint64_t touched = lines.size() * uint64_t(line);
    return stream.step ? std::min(touched, uint64_t(std::abs(stream.step))) : touched;
  }
  int64_t lineOf(uint32_t i, int64_t beyond) const { return (addresses.all()[i]->offset + beyond) >> 6; }
  /// Lines of different rounds that are one and the same have one place.
  static int64_t placeOf(const Stream &stream, int64_t at) {
    const int64_t lines = std::abs(stream.step) / int64_t(line);
    return !lines || stream.step % int64_t(line) ? (stream.step ? 0 : at) : ((at % lines) + lines) % lines;
  }

  /// Charges the lines that come from further away to the instructions that are the first to touch them.
  void addFills() {
    const Cache &cache = table.caches[model.level];
    // Where a loop writes what it moves through, lines displace written ones, and all come at the rate of stores.
    const bool writes = std::any_of(model.streams.begin(), model.streams.end(), [](const Stream &s) { return s.stores && s.step; });
    const double bytes = writes ? cache.storeBytes : cache.loadBytes;
    if (!(bytes > 0))
      return;
    for (const Stream &stream : model.streams) {
      if (!stream.step)
        continue;
      std::map<int64_t, std::pair<int64_t, uint32_t>> first; // by place: how far ahead, and who
      for (uint32_t i : stream.instructions)
        for (int64_t at = lineOf(i, 0); at <= lineOf(i, code[i].memory->bytes - 1); ++at) {
          const int64_t ahead = stream.step > 0 ? at : -at;
          const auto [it, isNew] = first.insert({placeOf(stream, at), {ahead, i}});
          if (!isNew && ahead > it->second.first)
            it->second = {ahead, i};
        }
      // Where a step is no number of lines, the part of rounds that come to a new one.
      for (const auto &[place, leader] : first)
        fills[leader.second] += double(stream.bytes) / bytes / double(first.size());
    }
    if (writes)
      return;
    const uint32_t port = uint32_t(model.ports.ports.size());
    model.ports.ports.push_back({cache.name, oneCycle});
    for (const auto &[i, cycles] : fills)
      model.rows[model.operations[i]].uses.push_back({port, std::max<Work>(1, toWork(cycles))});
    fills.clear();
  }

  /// Stores leave for the nearest cache in order, a line at a time: two behind each other that reach the same line leave together. One whose line is
  /// further away waits for it.
  void addCommits() {
    if (table.caches.empty() || !(table.caches.front().storeBytes > 0))
      return;
    const double lineWork = line / table.caches.front().storeBytes;
    const uint32_t port = uint32_t(model.ports.ports.size());
    model.ports.ports.push_back({"commit", oneCycle, std::max<Work>(1, toWork(waitingStores * lineWork))});
    std::pair<uint32_t, int64_t> last; // line of a store that another one can join
    bool joins = false;
    for (uint32_t i = 0; i < code.size(); ++i) {
      const auto fill = fills.find(i);
      double cycles = fill == fills.end() ? 0 : fill->second;
      if (code[i].memory && code[i].memory->store) {
        const std::optional<Addresses::Address> &address = addresses.all()[i];
        const std::pair<uint32_t, int64_t> now = address ? std::pair(address->symbol, lineOf(i, 0)) : std::pair(UINT32_MAX, int64_t(i));
        joins = !joins && now == last;
        last = now;
        if (!joins)
          cycles = std::max(cycles, lineWork);
      }
      if (const Work work = toWork(cycles))
        model.rows[model.operations[i]].uses.push_back({port, work});
    }
  }
};
} // namespace

std::vector<uint32_t> CodeModel::order() const {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

std::vector<std::string> missingForms(const std::vector<Instruction> &code, const Table &table) {
  std::vector<std::string> missing;
  for (const Instruction &instruction : code)
    if (!table.find(instruction.form) && std::find(missing.begin(), missing.end(), instruction.form) == missing.end())
      missing.push_back(instruction.form);
  return missing;
}

Result<std::unique_ptr<CodeModel>> modelCode(const std::vector<Instruction> &code, const Table &table, const CodeFacts &facts) {
  auto model = std::make_unique<CodeModel>();
  if (code.empty())
    return Error{"there is no host code to analyse"};
  if (Status status = Builder(code, table, facts, *model).build(); !status)
    return Error{status.message()};
  return model;
}

Prediction predict(const CodeModel &model, bool loops) {
  Prediction result;
  const std::vector<uint32_t> order = model.order();
  const size_t count = order.size();
  result.rounds = loops ? sched::steadyRounds(model.problem, count) : 1;
  result.times = sched::simulate(model.problem, order, result.rounds);
  if (loops)
    result.cycles = sched::steadyCycles(model.problem, result.times, result.rounds);
  else
    for (const sched::HostTime &time : result.times)
      result.cycles = std::max(result.cycles, double(time.done));
  result.bounds = sched::findBounds(model.problem);
  result.bounds.repeats |= loops;
  const Work limit = result.bounds.limit(model.problem, result.bottleneck);
  if (double(limit) / oneCycle < 0.9 * result.cycles)
    result.bottleneck = "window and order";
  for (const sched::PortRow &row : model.rows)
    result.uops += double(row.uses.front().work) / oneCycle;
  const size_t first = loops ? result.rounds / 2 * count : 0;
  for (size_t i = first; i < result.times.size(); ++i) {
    result.waitOperands += result.times[i].ready - result.times[i].entered;
    result.waitPorts += result.times[i].started - result.times[i].ready;
  }
  result.waitOperands /= double(result.times.size() - first);
  result.waitPorts /= double(result.times.size() - first);
  return result;
}

std::vector<ChainLink> criticalChain(const CodeModel &model, const Prediction &prediction) {
  const size_t count = model.rows.size();
  // From the last operation to leave in a round in the middle, back through what each waited for until the same operation stands in another round.
  const uint32_t round = prediction.rounds > 1 ? prediction.rounds * 3 / 4 : 0;
  const std::vector<sched::HostTime> &times = prediction.times;
  uint32_t at = uint32_t(round * count);
  for (uint32_t i = at; i < (round + 1) * count; ++i)
    if (times[i].done >= times[at].done)
      at = i;
  std::vector<ChainLink> chain;
  std::vector<bool> seen(count);
  while (!seen[at % count]) {
    const sched::HostTime &time = times[at];
    seen[at % count] = true;
    ChainLink link{uint32_t(at % count), uint32_t(at / count), ChainLink::Why::entered, 0};
    if (time.started > time.ready) {
      link.why = ChainLink::Why::port;
      link.waited = time.started - time.ready;
    } else if (time.cause != sched::HostTime::never) {
      link.why = ChainLink::Why::operand;
      link.waited = time.ready - time.entered;
    }
    chain.push_back(link);
    if (time.cause == sched::HostTime::never)
      break;
    at = time.cause;
  }
  return chain;
}

} // namespace vtpu::host
