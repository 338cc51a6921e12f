//===- KernelOrder.cpp - Operations that start together ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include <numeric>
#include <tuple>

namespace vtpu::sched {

void orderKernel(const Problem &problem, ModuloSchedule &schedule) {
  const uint32_t count = uint32_t(schedule.cycle.size());
  // Lives that an operation begins less those that it ends.
  std::vector<int32_t> begins(count);
  for (const RegisterValue &value : problem.values) {
    if (value.def == RegisterValue::none)
      continue;
    uint32_t last = value.def;
    uint64_t lastCycle = 0;
    auto use = [&](uint32_t op, uint32_t distance) {
      if (const uint64_t at = schedule.cycle[op] + uint64_t(schedule.ii) * distance; at >= lastCycle) {
        last = op;
        lastCycle = at;
      }
    };
    for (uint32_t op : value.uses)
      use(op, 0);
    for (const LaterUse &later : value.later)
      use(later.operation, later.distance);
    ++begins[value.def];
    --begins[last];
  }
  std::vector<uint32_t> slot(count), list(count);
  for (uint32_t op = 0; op < count; ++op)
    slot[op] = schedule.cycle[op] % schedule.ii;
  std::iota(list.begin(), list.end(), 0);
  std::sort(list.begin(), list.end(), [&](uint32_t a, uint32_t b) {
    return std::make_tuple(slot[a], begins[a], a) < std::make_tuple(slot[b], begins[b], b);
  });
  // Dependences between operations of one cycle that leave no time: (to, from).
  std::vector<std::pair<uint32_t, uint32_t>> tight;
  for (const Dependence &d : problem.dependences)
    if (d.from != d.to && slot[d.from] == slot[d.to] &&
        int64_t(schedule.cycle[d.to]) + int64_t(schedule.ii) * d.distance == int64_t(schedule.cycle[d.from]))
      tight.push_back({d.to, d.from});
  if (tight.empty()) {
    schedule.order = std::move(list);
    return;
  }
  std::sort(tight.begin(), tight.end());
  std::vector<uint8_t> done(count);
  schedule.order.clear();
  for (uint32_t from = 0, to; from < count; from = to) {
    for (to = from; to < count && slot[list[to]] == slot[list[from]];)
      ++to;
    for (uint32_t left = to - from; left > 0; --left)
      for (uint32_t i = from; i < to; ++i) {
        const uint32_t op = list[i];
        bool ready = !done[op];
        for (auto it = std::lower_bound(tight.begin(), tight.end(), std::make_pair(op, 0u)); ready && it != tight.end() && it->first == op; ++it)
          ready = done[it->second];
        if (ready) {
          done[op] = 1;
          schedule.order.push_back(op);
          break;
        }
      }
  }
}

} // namespace vtpu::sched
