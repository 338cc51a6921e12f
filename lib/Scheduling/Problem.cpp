//===- Problem.cpp - Dependences and register lives -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Problem.h"

#include <algorithm>
#include <bitset>
#include <cstdlib>
#include <numeric>

namespace vtpu::sched {

std::string_view dependenceName(DependenceKind kind) {
  constexpr std::string_view names[] = {"flow", "anti", "output", "memory", "synchronisation"};
  return names[unsigned(kind)];
}

void addTo(isa::Word &word, const Operation &operation) {
  const SlotContent &content = *operation.content;
  word.slot(operation.pipe) = content.slot;
  if (content.hasImmediates) {
    word.hasImmediates = true;
    word.i0 = content.i0;
    word.i1 = content.i1;
  }
}

int64_t accessBytes(const isa::InstrInfo &info, const isa::Slot &slot) {
  if (info.operand(isa::Field::rc) || (!info.isLoad && !info.isStore)) // gathers reach anywhere
    return 0;
  if (!info.hasLength)
    return isa::byteWidth(info.memTypes ? slot.memType : slot.type);
  if (!info.memTypes) // a broadcast
    return isa::byteWidth(slot.type);
  return isa::lengthBytes(slot.length) / isa::byteWidth(slot.type) * isa::byteWidth(slot.memType);
}

MemoryAccess accessOf(const isa::InstrInfo &info, const isa::Slot &slot, bool effects) {
  MemoryAccess access;
  access.loads = info.isLoad;
  access.stores = info.isStore;
  access.barrier = effects && !info.isLoad && !info.isStore && !info.isPrefetch();
  access.bytes = accessBytes(info, slot);
  return access;
}

namespace {
bool sameAddress(const MemoryAccess &a, const MemoryAccess &b) { return a.address && a.address == b.address && a.bytes && b.bytes; }
bool mayOverlap(const MemoryAccess &a, const MemoryAccess &b) {
  return !sameAddress(a, b) || (a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes);
}
} // namespace

void addMemoryDependences(Problem &problem) {
  // Beyond this many accesses a store is ordered with all of them: the number of dependences stays linear.
  constexpr size_t mostRemembered = 128;
  std::vector<uint32_t> accesses; // since the last operation that all of them were ordered with, which stands first
  bool fenced = false;            // whether there is one
  for (uint32_t op = 0; op < problem.operations.size(); ++op) {
    const Operation &here = problem.operations[op];
    const MemoryAccess &m = here.memory;
    if (!m.loads && !m.stores && !m.barrier)
      continue;
    const bool all = m.barrier || (m.stores && (accesses.size() >= mostRemembered || !m.address));
    for (uint32_t earlier : accesses) {
      const Operation &there = problem.operations[earlier];
      const MemoryAccess &e = there.memory;
      const bool fence = fenced && earlier == accesses.front(); // stands for all that it is ordered with
      if (m.barrier || e.barrier) {
        problem.dependences.push_back({earlier, op, DependenceKind::synchronisation, 0, 0, !here.control});
        continue;
      }
      if (!all && !fence && ((!m.stores && !e.stores) || !mayOverlap(e, m)))
        continue;
      // What was stored is forwarded; accesses that only may overlap do not wait for each other on the host.
      const bool forwards = e.stores && m.loads && sameAddress(e, m) && mayOverlap(e, m);
      problem.dependences.push_back({earlier, op, DependenceKind::memory, forwards ? there.row->latency : 0});
    }
    if (all)
      accesses.clear();
    fenced |= all;
    accesses.push_back(op);
  }
}

void addLoopMemoryDependences(Problem &problem, bool bindingsApart) {
  // Orders `a` before every later execution of `b` that may touch the same bytes.
  auto order = [&](uint32_t a, uint32_t b) {
    const MemoryAccess &x = problem.operations[a].memory, &y = problem.operations[b].memory;
    const uint32_t nearest = a < b ? 0 : 1;
    if (x.barrier || y.barrier) {
      if (a != b)
        problem.dependences.push_back({a, b, DependenceKind::synchronisation, 0, nearest});
      return;
    }
    if ((!x.stores && !y.stores) || (bindingsApart && x.binding >= 0 && y.binding >= 0 && x.binding != y.binding))
      return;
    int64_t distance = nearest;
    const bool exact = sameAddress(x, y) && x.step == y.step;
    if (exact) {
      // d iterations later b stands at y.offset + d * step. It overlaps a if -y.bytes < gap + d * step < x.bytes.
      const int64_t gap = y.offset - x.offset, step = std::abs(x.step);
      if (step) {
        // The first d that reaches, from the side where b comes from.
        const int64_t missing = x.step > 0 ? -y.bytes - gap + 1 : gap - x.bytes + 1;
        distance = std::max<int64_t>(missing <= 0 ? 0 : (missing + step - 1) / step, nearest);
      }
      const int64_t there = gap + distance * x.step;
      if (there >= x.bytes || there <= -y.bytes)
        return;
    }
    const bool forwards = exact && x.stores && y.loads;
    problem.dependences.push_back({a, b, DependenceKind::memory, forwards ? problem.row(a).latency : 0, uint32_t(distance)});
  };
  std::vector<uint32_t> accesses;
  for (uint32_t op = 0; op < problem.operations.size(); ++op)
    if (const MemoryAccess &m = problem.operations[op].memory; m.loads || m.stores || m.barrier)
      accesses.push_back(op);
  for (uint32_t a : accesses)
    for (uint32_t b : accesses)
      order(a, b);
}

void addRegisterDependences(Problem &problem) {
  constexpr unsigned count = isa::numR + isa::numK + isa::numV + isa::numP + isa::numM;
  using Registers = std::bitset<count>;
  constexpr uint32_t none = RegisterValue::none;
  std::array<uint32_t, count> writer;
  writer.fill(none);
  std::array<std::vector<uint32_t>, count> readers; // since the last write
  for (uint32_t op = 0; op < problem.operations.size(); ++op) {
    const Operation &here = problem.operations[op];
    const isa::Effects e = isa::effects(here.pipe, here.content->slot);
    auto all = [](uint16_t r, uint8_t k, uint32_t v, uint16_t p, uint8_t m) {
      Registers set(m);
      for (auto [bits, number] : {std::pair<uint64_t, unsigned>(p, isa::numP), {v, isa::numV}, {k, isa::numK}, {r, isa::numR}})
        set = set << number | Registers(bits);
      return set;
    };
    const Registers reads = all(e.readR, e.readK, e.readV, e.readP, e.readM), writes = all(e.writeR, e.writeK, e.writeV, e.writeP, e.writeM);
    for (unsigned reg = 0; reg < count; ++reg) {
      if (!reads[reg] && !writes[reg])
        continue;
      if (reads[reg] && writer[reg] != none)
        problem.dependences.push_back({writer[reg], op, DependenceKind::flow, problem.row(writer[reg]).latency});
      if (writes[reg]) {
        if (writer[reg] != none)
          problem.dependences.push_back({writer[reg], op, DependenceKind::output, 0});
        for (uint32_t reader : readers[reg])
          problem.dependences.push_back({reader, op, DependenceKind::anti, 0, 0, /*nextWord=*/false});
        readers[reg].clear();
        writer[reg] = op;
      } else {
        readers[reg].push_back(op);
      }
    }
  }
}

std::vector<uint32_t> registerPeaks(const Problem &problem, const std::vector<uint32_t> &words) {
  // A word reads at time 2w and writes at 2w + 1.
  const uint32_t end = words.empty() ? 0 : 2 * *std::max_element(words.begin(), words.end()) + 2;
  std::vector<std::vector<int32_t>> change(problem.registerLimits.size(), std::vector<int32_t>(end + 2));
  for (const RegisterValue &value : problem.values) {
    const uint32_t start = value.def == RegisterValue::none ? 0 : 2 * words[value.def] + !value.early;
    uint32_t last = value.liveOut ? end : start | 1;
    for (uint32_t use : value.uses)
      last = std::max(last, 2 * words[use]);
    ++change[value.cls][start];
    --change[value.cls][last + 1];
  }
  std::vector<uint32_t> peaks;
  for (const std::vector<int32_t> &steps : change) {
    int32_t alive = 0, peak = 0;
    for (int32_t step : steps)
      peak = std::max(peak, alive += step);
    peaks.push_back(uint32_t(peak));
  }
  return peaks;
}

std::vector<uint32_t> Schedule::order() const {
  std::vector<uint32_t> ops(word.size());
  std::iota(ops.begin(), ops.end(), 0);
  std::stable_sort(ops.begin(), ops.end(), [&](uint32_t a, uint32_t b) { return word[a] < word[b]; });
  return ops;
}

uint32_t Schedule::length() const { return cycle.empty() ? 0 : *std::max_element(cycle.begin(), cycle.end()) + 1; }

} // namespace vtpu::sched
