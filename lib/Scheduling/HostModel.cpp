//===- HostModel.cpp - What an out-of-order host makes of it ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host renames registers and finds by itself what may start, but only among the operations in flight: an order pays where the window ends.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"

#include <algorithm>
#include <functional>
#include <queue>

namespace vtpu::sched {

uint32_t hostCycles(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations) {
  const uint32_t count = uint32_t(order.size()), total = count * iterations;
  const Graph graph(problem, holdsOnHost);
  std::vector<uint32_t> rank(count);
  for (uint32_t position = 0; position < count; ++position)
    rank[order[position]] = position;
  // An instance is iteration * count + rank. Counts of what each still waits for; dependences into the first iterations come from nowhere.
  std::vector<uint32_t> waitsFor(total), readyAt(total), doneAt(total, UINT32_MAX);
  for (uint32_t op = 0; op < count; ++op)
    for (const Dependence *d : graph.leaving(op))
      for (uint32_t iteration = d->distance; iteration < iterations; ++iteration)
        ++waitsFor[iteration * count + rank[d->to]];
  using Timed = std::pair<uint32_t, uint32_t>; // cycle, instance
  std::priority_queue<Timed, std::vector<Timed>, std::greater<>> later;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready; // the oldest first
  std::vector<uint32_t> blocked;
  PortState ports(*problem.table);
  uint32_t cycle = 0, retired = 0, entered = 0, last = 0;
  while (retired < total) {
    while (retired < total && doneAt[retired] <= cycle)
      ++retired;
    for (; entered < std::min(total, retired + problem.table->window); ++entered)
      if (!waitsFor[entered])
        later.push({readyAt[entered], entered});
    for (; !later.empty() && later.top().first <= cycle; later.pop())
      ready.push(later.top().second);
    blocked.clear();
    while (!ready.empty() && !ports.full()) {
      const uint32_t instance = ready.top(), op = order[instance % count], iteration = instance / count;
      ready.pop();
      if (!ports.admits(problem.row(op))) {
        blocked.push_back(instance);
        continue;
      }
      ports.start(problem.row(op));
      doneAt[instance] = cycle + std::max(1u, problem.row(op).latency);
      last = std::max(last, doneAt[instance]);
      for (const Dependence *d : graph.leaving(op)) {
        if (iteration + d->distance >= iterations)
          continue;
        const uint32_t to = (iteration + d->distance) * count + rank[d->to];
        readyAt[to] = std::max(readyAt[to], cycle + d->latency);
        if (--waitsFor[to] == 0 && to < entered) {
          if (readyAt[to] <= cycle)
            ready.push(to);
          else
            later.push({readyAt[to], to});
        }
      }
    }
    for (uint32_t instance : blocked)
      ready.push(instance);
    ports.advance(1);
    ++cycle;
  }
  return last;
}

} // namespace vtpu::sched
