//===- HostModel.cpp - What an out-of-order host makes of it ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The host renames registers and finds by itself what may start, but only among the operations in flight: an order pays where the window ends.
// Operations enter the window in order, as many in a cycle as the front end lets pass; each starts once what it reads is there and its ports are
// free, the oldest first; they leave the window in order.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>

namespace vtpu::sched {

namespace {
/// What simulate() runs at least to be in its steady state, in windows of the host and in iterations.
constexpr uint32_t steadyWindows = 8, steadyIterations = 8;
/// Keeps time and memory in bounds for the longest bodies: those fill the window by themselves.
constexpr uint64_t mostInstances = 1 << 18;

/// Whole cycles of a latency in hundredths, for the n-th time: 4.5 is 4 and 5 in turns.
uint32_t wholeCycles(Work latency, uint32_t n) {
  const uint32_t whole = latency / oneCycle, rest = latency % oneCycle;
  return whole + (rest ? uint32_t(((n + uint64_t(1)) * rest) / oneCycle - n * uint64_t(rest) / oneCycle) : 0);
}

/// Operations that may start, by what they need of the ports: those behind one that must wait wait too.
class ReadyQueues {
public:
  ReadyQueues(const Problem &problem, PortState &ports) : ports(ports) {
    std::map<std::vector<std::pair<uint32_t, Work>>, uint32_t> known;
    for (uint32_t op = 0; op < problem.operations.size(); ++op) {
      std::vector<std::pair<uint32_t, Work>> key;
      for (const PortUse &use : problem.row(op).uses)
        key.push_back({use.port, use.work});
      const auto [it, isNew] = known.insert({std::move(key), uint32_t(classes.size())});
      if (isNew)
        classes.push_back({&problem.row(op), {}, false});
      classOf.push_back(it->second);
    }
  }
  void push(uint32_t op, uint32_t instance) {
    Class &cls = classes[classOf[op]];
    if (!cls.blocked && (cls.queue.empty() || instance < cls.queue.top()))
      oldest.push({instance, classOf[op]});
    cls.queue.push(instance);
    ++count;
  }
  /// Takes the oldest instance that the ports admit.
  std::optional<uint32_t> pop() {
    while (!oldest.empty()) {
      const auto [instance, number] = oldest.top();
      Class &cls = classes[number];
      oldest.pop();
      if (cls.blocked || cls.queue.empty() || cls.queue.top() != instance)
        continue; // an older one came
      if (!ports.admits(*cls.row)) {
        cls.blocked = true;
        blocked.push_back(number);
        continue;
      }
      cls.queue.pop();
      --count;
      if (!cls.queue.empty())
        oldest.push({cls.queue.top(), number});
      ports.start(*cls.row);
      return instance;
    }
    return std::nullopt;
  }
  bool empty() const { return count == 0; }
  /// The ports have advanced: what they did not admit may be tried again.
  void advance() {
    for (uint32_t number : blocked) {
      classes[number].blocked = false;
      oldest.push({classes[number].queue.top(), number});
    }
    blocked.clear();
  }

private:
  template <typename T>
  using OldestFirst = std::priority_queue<T, std::vector<T>, std::greater<>>;
  struct Class {
    const PortRow *row;
    OldestFirst<uint32_t> queue;
    bool blocked; // in this cycle, since what waits at ports grows within one
  };
  PortState &ports;
  std::vector<Class> classes;
  std::vector<uint32_t> classOf;                     // of each operation
  OldestFirst<std::pair<uint32_t, uint32_t>> oldest; // the first instance of each class that is not blocked, and its class
  std::vector<uint32_t> blocked;
  size_t count = 0;
};
} // namespace

std::vector<HostTime> simulate(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations) {
  const uint32_t count = uint32_t(order.size()), total = count * iterations;
  const Graph graph(problem, holdsOnHost);
  std::vector<uint32_t> rank(count);
  for (uint32_t position = 0; position < count; ++position)
    rank[order[position]] = position;
  // An instance is iteration * count + rank. Counts of what each still waits for; dependences into the first iterations come from nowhere.
  std::vector<uint32_t> waitsFor(total);
  std::vector<HostTime> times(total);
  for (uint32_t op = 0; op < count; ++op)
    for (const Dependence *d : graph.leaving(op))
      for (uint32_t iteration = d->distance; iteration < iterations; ++iteration)
        ++waitsFor[iteration * count + rank[d->to]];
  using Timed = std::pair<uint32_t, uint32_t>; // cycle, instance
  std::priority_queue<Timed, std::vector<Timed>, std::greater<>> later;
  PortState ports(*problem.table, /*frontEndApart=*/true);
  ReadyQueues ready(problem, ports);
  uint32_t cycle = 0, retired = 0, entered = 0;
  // What waits for an instance may start `latency` cycles behind `cycle`.
  auto release = [&](uint32_t instance, const Dependence &d, bool queue) {
    const uint32_t iteration = instance / count;
    if (iteration + d.distance >= iterations)
      return;
    const uint32_t to = (iteration + d.distance) * count + rank[d.to];
    const uint32_t then = cycle + wholeCycles(latencyOf(d), iteration);
    if (times[to].ready <= then) {
      times[to].ready = then;
      times[to].cause = instance;
    }
    if (--waitsFor[to] || to >= entered)
      return;
    if (queue && times[to].ready <= cycle)
      ready.push(d.to, to);
    else
      later.push({times[to].ready, to});
  };
  while (retired < total) {
    bool leaves = true;
    for (; retired < entered && times[retired].done <= cycle; ++retired) {
      const PortRow &row = problem.row(order[retired % count]);
      if (leaves = ports.mayLeave(row); !leaves)
        break;
      ports.leave(row);
      times[retired].retired = cycle;
      for (const Dependence *d : graph.leaving(order[retired % count]))
        if (d->retired)
          release(retired, *d, false);
    }
    for (; entered < std::min<uint64_t>(total, uint64_t(retired) + problem.table->window) && !ports.full(); ++entered) {
      HostTime &time = times[entered];
      ports.enter(problem.row(order[entered % count]));
      time.entered = cycle;
      if (time.ready < cycle) {
        time.ready = cycle;
        time.cause = HostTime::never;
      }
      if (!waitsFor[entered])
        later.push({time.ready, entered});
    }
    for (; !later.empty() && later.top().first <= cycle; later.pop())
      ready.push(order[later.top().second % count], later.top().second);
    while (const std::optional<uint32_t> instance = ready.pop()) {
      const uint32_t op = order[*instance % count];
      times[*instance].started = cycle;
      times[*instance].done = cycle + std::max(1u, problem.row(op).latency);
      for (const Dependence *d : graph.leaving(op))
        if (!d->retired)
          release(*instance, *d, true);
    }
    // To the next cycle in which anything can change.
    uint32_t next = cycle + 1;
    const bool canEnter = entered < std::min<uint64_t>(total, uint64_t(retired) + problem.table->window);
    if (ready.empty() && !canEnter && leaves) {
      next = later.empty() ? HostTime::never : later.top().first;
      if (retired < entered)
        next = std::min(next, times[retired].done);
      next = next == HostTime::never ? cycle + 1 : std::max(next, cycle + 1);
    }
    ports.advance(next - cycle);
    ready.advance();
    cycle = next;
  }
  return times;
}

uint32_t hostCycles(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations) {
  uint32_t last = 0;
  for (const HostTime &time : simulate(problem, order, iterations))
    last = std::max(last, time.done);
  return last;
}

uint32_t steadyRounds(const Problem &problem, size_t operations) {
  const uint64_t count = std::max<uint64_t>(1, operations), wanted = uint64_t(problem.table->window) * steadyWindows / count + steadyIterations;
  return uint32_t(std::max<uint64_t>(2, std::min(wanted, mostInstances / count)));
}

double steadyCycles(const std::vector<HostTime> &times, uint32_t iterations) {
  const size_t count = times.size() / iterations;
  const uint32_t from = iterations / 2;
  return double(times.back().retired - times[from * count - 1].retired) / (iterations - from);
}

double predictedCycles(const Problem &problem, const std::vector<uint32_t> &order, bool loop) {
  if (!loop)
    return hostCycles(problem, order, 1);
  const uint32_t rounds = steadyRounds(problem, order.size());
  return steadyCycles(simulate(problem, order, rounds), rounds);
}

} // namespace vtpu::sched
