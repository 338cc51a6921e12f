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
#include <array>
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

/// What waits for operations, by their place in the order: the dependences that leave each, one behind the other.
class Waiters {
public:
  struct Edge {
    uint32_t to, distance;
    Work latency;
  };
  /// Those of the dependences that count from when an operation has left the window, or the others.
  Waiters(const Problem &problem, const std::vector<uint32_t> &rank, bool retired) : first(rank.size() + 1) {
    auto counts = [&](const Dependence &d) { return holdsOnHost(d) && d.retired == retired; };
    for (const Dependence &d : problem.dependences)
      if (counts(d))
        ++first[rank[d.from] + 1];
    for (size_t at = 1; at < first.size(); ++at)
      first[at] += first[at - 1];
    edges.resize(first.back());
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (const Dependence &d : problem.dependences)
      if (counts(d))
        edges[next[rank[d.from]]++] = {rank[d.to], d.distance, latencyOf(d)};
  }
  struct Range {
    const Edge *from, *to;
    const Edge *begin() const { return from; }
    const Edge *end() const { return to; }
  };
  Range of(uint32_t at) const { return {edges.data() + first[at], edges.data() + first[at + 1]}; }
  const std::vector<Edge> &all() const { return edges; }

private:
  std::vector<uint32_t> first;
  std::vector<Edge> edges;
};

/// Operations by what they need of the ports, which is kept apart by when they need it.
class PortClasses {
public:
  PortClasses(const Problem &problem, const std::vector<uint32_t> &order) {
    auto before = [](const PortUse &a, const PortUse &b) { return std::pair(a.port, a.work) < std::pair(b.port, b.work); };
    auto less = [&](const PortRow *a, const PortRow *b) {
      return std::lexicographical_compare(a->uses.begin(), a->uses.end(), b->uses.begin(), b->uses.end(), before);
    };
    std::map<const PortRow *, uint32_t, decltype(less)> known(less);
    classes.reserve(order.size());
    for (uint32_t op : order) {
      const auto [it, isNew] = known.insert({&problem.row(op), uint32_t(parts.size())});
      if (isNew) {
        Parts &added = parts.emplace_back();
        for (const PortUse &use : it->first->uses)
          (use.port && !problem.table->ports[use.port].backlog ? added.starting : added.passing).uses.push_back(use);
      }
      classes.push_back(it->second);
    }
  }
  size_t size() const { return parts.size(); }
  /// Of the operation at a place in the order.
  uint32_t of(uint32_t at) const { return classes[at]; }
  /// What an operation of a class uses when it starts; when it enters and leaves the window.
  const PortRow &starting(uint32_t cls) const { return parts[cls].starting; }
  const PortRow &passing(uint32_t cls) const { return parts[cls].passing; }

private:
  struct Parts {
    PortRow starting, passing;
  };
  std::vector<Parts> parts; // of each class
  std::vector<uint32_t> classes;
};

/// Operations that may start: those behind one of their class that must wait wait too.
class ReadyQueues {
public:
  ReadyQueues(const PortClasses &classes, PortState &ports) : classes(classes), ports(ports), queues(classes.size()) {}
  void push(uint32_t cls, uint32_t instance) {
    Queue &queue = queues[cls];
    if (!queue.blocked && (queue.instances.empty() || instance < queue.instances.top()))
      oldest.push({instance, cls});
    queue.instances.push(instance);
    ++count;
  }
  /// Takes the oldest instance that the ports admit.
  std::optional<uint32_t> pop() {
    while (!oldest.empty()) {
      const auto [instance, cls] = oldest.top();
      Queue &queue = queues[cls];
      oldest.pop();
      if (queue.blocked || queue.instances.empty() || queue.instances.top() != instance)
        continue; // an older one came
      if (!ports.admits(classes.starting(cls))) {
        queue.blocked = true;
        blocked.push_back(cls);
        continue;
      }
      queue.instances.pop();
      --count;
      if (!queue.instances.empty())
        oldest.push({queue.instances.top(), cls});
      ports.start(classes.starting(cls));
      return instance;
    }
    return std::nullopt;
  }
  bool empty() const { return count == 0; }
  /// The ports have advanced: what they did not admit may be tried again.
  void advance() {
    for (uint32_t cls : blocked) {
      queues[cls].blocked = false;
      oldest.push({queues[cls].instances.top(), cls});
    }
    blocked.clear();
  }

private:
  template <typename T>
  using OldestFirst = std::priority_queue<T, std::vector<T>, std::greater<>>;
  struct Queue {
    OldestFirst<uint32_t> instances;
    bool blocked = false; // in this cycle, since what waits at ports grows within one
  };
  const PortClasses &classes;
  PortState &ports;
  std::vector<Queue> queues;                         // of each class
  OldestFirst<std::pair<uint32_t, uint32_t>> oldest; // the first instance of each class that is not blocked, and its class
  std::vector<uint32_t> blocked;
  size_t count = 0;
};

/// Instances by the cycle in which they become ready, a bucket for each of the next cycles. What is further away comes round again.
class Calendar {
public:
  void add(uint32_t now, uint32_t ready, uint32_t instance) {
    buckets[std::clamp(ready, now, now + numBuckets - 1) % numBuckets].push_back(instance);
    ++count;
  }
  /// Empties the bucket of a cycle.
  const std::vector<uint32_t> &take(uint32_t cycle) {
    taken.clear();
    taken.swap(buckets[cycle % numBuckets]);
    count -= taken.size();
    return taken;
  }
  /// The first cycle behind this one whose bucket is not empty.
  uint32_t next(uint32_t cycle) const {
    if (!count)
      return HostTime::never;
    do
      ++cycle;
    while (buckets[cycle % numBuckets].empty());
    return cycle;
  }

private:
  static constexpr uint32_t numBuckets = 256; // longer than most latencies
  std::array<std::vector<uint32_t>, numBuckets> buckets;
  std::vector<uint32_t> taken;
  size_t count = 0;
};
} // namespace

std::vector<HostTime> simulate(const Problem &problem, const std::vector<uint32_t> &order, uint32_t iterations) {
  const uint32_t count = uint32_t(order.size()), total = count * iterations;
  std::vector<uint32_t> rank(count), latency(count);
  for (uint32_t at = 0; at < count; ++at) {
    rank[order[at]] = at;
    latency[at] = std::max(1u, problem.row(order[at]).latency);
  }
  const Waiters onResult(problem, rank, /*retired=*/false), onLeaving(problem, rank, /*retired=*/true);
  const PortClasses classes(problem, order);
  // An instance is iteration * count + rank. Counts of what each still waits for; dependences into the first iterations come from nowhere.
  std::vector<uint32_t> waitsFor(total);
  std::vector<HostTime> times(total);
  for (const Waiters *waiters : {&onResult, &onLeaving})
    for (const Waiters::Edge &edge : waiters->all())
      for (uint32_t iteration = edge.distance; iteration < iterations; ++iteration)
        ++waitsFor[iteration * count + edge.to];
  Calendar later;
  PortState ports(*problem.table, /*frontEndApart=*/true);
  ReadyQueues ready(classes, ports);
  uint32_t cycle = 0, retired = 0, entered = 0;
  // What waits for an instance may start so much later than `cycle`.
  auto release = [&](uint32_t instance, uint32_t iteration, const Waiters::Edge &edge, bool queue) {
    if (iteration + edge.distance >= iterations)
      return;
    const uint32_t to = (iteration + edge.distance) * count + edge.to;
    const uint32_t then = cycle + wholeCycles(edge.latency, iteration);
    HostTime &time = times[to];
    if (time.ready <= then) {
      time.ready = then;
      time.cause = instance;
    }
    if (--waitsFor[to] || to >= entered)
      return;
    if (queue && time.ready <= cycle)
      ready.push(classes.of(edge.to), to);
    else
      later.add(cycle, time.ready, to);
  };
  while (retired < total) {
    bool leaves = true;
    for (; retired < entered && times[retired].done <= cycle; ++retired) {
      const uint32_t iteration = retired / count, at = retired % count;
      const PortRow &row = classes.passing(classes.of(at));
      if (leaves = ports.mayLeave(row); !leaves)
        break;
      ports.leave(row);
      times[retired].retired = cycle;
      for (const Waiters::Edge &edge : onLeaving.of(at))
        release(retired, iteration, edge, false);
    }
    const uint32_t most = uint32_t(std::min<uint64_t>(total, uint64_t(retired) + problem.table->window));
    for (; entered < most && !ports.full(); ++entered) {
      HostTime &time = times[entered];
      ports.enter(classes.passing(classes.of(entered % count)));
      time.entered = cycle;
      if (time.ready < cycle) {
        time.ready = cycle;
        time.cause = HostTime::never;
      }
      if (!waitsFor[entered])
        later.add(cycle, time.ready, entered);
    }
    for (uint32_t instance : later.take(cycle))
      if (times[instance].ready <= cycle)
        ready.push(classes.of(instance % count), instance);
      else
        later.add(cycle + 1, times[instance].ready, instance);
    while (const std::optional<uint32_t> instance = ready.pop()) {
      const uint32_t iteration = *instance / count, at = *instance % count;
      times[*instance].started = cycle;
      times[*instance].done = cycle + latency[at];
      for (const Waiters::Edge &edge : onResult.of(at))
        release(*instance, iteration, edge, true);
    }
    // To the next cycle in which anything can change.
    uint32_t next = cycle + 1;
    if (ready.empty() && entered == most && leaves) {
      next = later.next(cycle);
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

double steadyCycles(const Problem &problem, const std::vector<HostTime> &times, uint32_t iterations) {
  const size_t count = times.size() / iterations;
  const uint32_t from = iterations / 2;
  const double simulated = double(times.back().retired - times[from * count - 1].retired) / (iterations - from);
  // A backlog may take longer to fill than was simulated.
  double leaving = 0;
  std::vector<uint64_t> work(problem.table->ports.size());
  for (const Operation &operation : problem.operations)
    for (const PortUse &use : operation.row->uses)
      if (const Port &port = problem.table->ports[use.port]; port.backlog) {
        work[use.port] += use.work;
        leaving = std::max(leaving, double(work[use.port]) / port.capacity);
      }
  return std::max(simulated, leaving);
}

double predictedCycles(const Problem &problem, const std::vector<uint32_t> &order, bool loop) {
  if (!loop)
    return hostCycles(problem, order, 1);
  const uint32_t rounds = steadyRounds(problem, order.size());
  return steadyCycles(problem, simulate(problem, order, rounds), rounds);
}

} // namespace vtpu::sched
