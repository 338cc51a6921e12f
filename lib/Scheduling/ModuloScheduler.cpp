//===- ModuloScheduler.cpp - Overlapping iterations -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Swing modulo scheduling (Llosa et al., PACT 1996): operations are taken in an order in which each has neighbours on one side only, as far as
// cycles of dependences allow, those of the tightest recurrences first, and stand as close to them as they can, so that values live shortly. Where
// nothing fits, an operation takes its place from others, which are taken again (Rau, MICRO 1994). Then operations move within their slack to where
// registers live least. All data stands in flat arrays: a loop takes about a microsecond an operation.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "ModuloTable.h"

#include <fmt/format.h>
#include <numeric>
#include <tuple>

namespace vtpu::sched {

namespace {
/// A dependence as one end sees it.
struct Edge {
  uint32_t other;
  int32_t latency, distance;
};

/// Edges by operation, in one array.
struct Edges {
  std::vector<uint32_t> first;
  std::vector<Edge> list;

  void build(const Problem &problem, bool leaving) {
    first.assign(problem.operations.size() + 1, 0);
    for (const Dependence &d : problem.dependences)
      ++first[(leaving ? d.from : d.to) + 1];
    for (size_t op = 1; op < first.size(); ++op)
      first[op] += first[op - 1];
    list.resize(first.back());
    std::vector<uint32_t> next(first.begin(), first.end() - 1);
    for (const Dependence &d : problem.dependences)
      list[next[leaving ? d.from : d.to]++] = {leaving ? d.to : d.from, int32_t(d.latency), int32_t(d.distance)};
  }
  struct Range {
    const Edge *from, *to;
    const Edge *begin() const { return from; }
    const Edge *end() const { return to; }
  };
  Range of(uint32_t op) const { return {list.data() + first[op], list.data() + first[op + 1]}; }
};

class Scheduler {
public:
  explicit Scheduler(const Problem &problem) : problem(problem), count(uint32_t(problem.operations.size())), table(problem) {
    leaving.build(problem, true);
    entering.build(problem, false);
    findComponents();
    findTimes();
    findOrder();
    collectValues();
  }

  Result<ModuloSchedule> run(uint32_t least) {
    ModuloSchedule given = inGivenOrder(least);
    least = std::max({least, table.leastInterval(), recurrence});
    // Where registers bind, the first intervals are tried one by one, then ever fewer: the time stays bounded, whatever the registers.
    constexpr uint32_t oneByOne = 8;
    movesLeft = 1536;
    placesLeft = 1280 + count;
    for (uint32_t interval = least, tried = 0; interval < given.ii; interval += tried < oneByOne ? 1 : 1 + interval / 4) {
      if (lifeBound(int32_t(interval)) > 0)
        continue;
      ++tried;
      for (auto place : {&Scheduler::placeNear, &Scheduler::placeEarly, &Scheduler::placeInOrder}) {
        if (!(this->*place)(interval) || !improve())
          continue;
        ModuloSchedule result = take(interval);
        if (fits(result))
          return result;
      }
    }
    if (fits(given))
      return given;
    const std::vector<uint32_t> peaks = registerPeaks(problem, given);
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls])
        return Error{fmt::format("even one iteration after the other needs {} registers of class {}, of which {} are free; spill a value", peaks[cls],
                                 cls,
                                 problem.registerLimits[cls])};
    return given;
  }

private:
  const Problem &problem;
  const uint32_t count;
  Edges leaving, entering;
  ModuloTable table;
  std::vector<uint32_t> component;                 // of each operation
  std::vector<std::vector<uint32_t>> recurrences;  // components of several operations, the tightest first
  uint32_t recurrence = 1;                         // the interval that they allow
  std::vector<int32_t> depth, height;              // cycles before and behind an operation within an iteration
  std::vector<uint32_t> order;                     // the swing order
  int32_t ii = 1;
  std::vector<uint32_t> sequence, rank; // in which operations are placed
  std::vector<int32_t> time, lastTime, scratch;
  std::vector<uint64_t> waiting; // bits by rank: not placed

  //===-- Recurrences ----------------------------------------------------===//

  /// Tarjan's algorithm without recursion.
  void findComponents() {
    component.assign(count, UINT32_MAX);
    std::vector<uint32_t> index(count, UINT32_MAX), low(count), stack, path, next(count);
    std::vector<std::pair<uint32_t, std::vector<uint32_t>>> found;
    uint32_t number = 0, components = 0;
    for (uint32_t root = 0; root < count; ++root) {
      if (index[root] != UINT32_MAX)
        continue;
      auto open = [&](uint32_t op) {
        index[op] = low[op] = number++;
        next[op] = leaving.first[op];
        stack.push_back(op);
        path.push_back(op);
      };
      open(root);
      while (!path.empty()) {
        const uint32_t op = path.back();
        if (next[op] < leaving.first[op + 1]) {
          const uint32_t to = leaving.list[next[op]++].other;
          if (index[to] == UINT32_MAX)
            open(to);
          else if (component[to] == UINT32_MAX)
            low[op] = std::min(low[op], index[to]);
          continue;
        }
        path.pop_back();
        if (!path.empty())
          low[path.back()] = std::min(low[path.back()], low[op]);
        if (low[op] != index[op])
          continue;
        std::vector<uint32_t> members;
        uint32_t member;
        do {
          member = stack.back();
          stack.pop_back();
          component[member] = components;
          members.push_back(member);
        } while (member != op);
        ++components;
        const uint32_t interval = intervalOf(members);
        recurrence = std::max(recurrence, interval);
        if (members.size() > 1) {
          std::sort(members.begin(), members.end());
          found.push_back({interval, std::move(members)});
        }
      }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto &a, const auto &b) {
      return std::make_tuple(b.first, a.second.size(), a.second.front()) < std::make_tuple(a.first, b.second.size(), b.second.front());
    });
    for (auto &[interval, members] : found)
      recurrences.push_back(std::move(members));
  }

  /// The least interval that the dependences between operations of a component allow.
  uint32_t intervalOf(const std::vector<uint32_t> &members) {
    struct Inner {
      uint32_t from, to;
      int32_t latency, distance;
    };
    std::vector<Inner> inner;
    int64_t low = 1, high = 1;
    for (uint32_t op : members)
      for (const Edge &edge : leaving.of(op)) {
        if (component[edge.other] != component[op])
          continue;
        if (edge.other == op) {
          low = std::max<int64_t>(low, (edge.latency + edge.distance - 1) / edge.distance);
          continue;
        }
        inner.push_back({op, edge.other, edge.latency, edge.distance});
        high += edge.latency;
      }
    high = std::max(high, low);
    if (inner.empty())
      return uint32_t(low);
    std::vector<int64_t> start(count);
    auto allows = [&](int64_t interval) {
      for (uint32_t op : members)
        start[op] = 0;
      for (size_t round = 0; round <= members.size(); ++round) {
        bool changed = false;
        for (const Inner &edge : inner) {
          const int64_t earliest = start[edge.from] + edge.latency - interval * edge.distance;
          changed |= earliest > start[edge.to];
          start[edge.to] = std::max(start[edge.to], earliest);
        }
        if (!changed)
          return true;
      }
      return false;
    };
    // Most recurrences are not what binds: try what is known first.
    low = std::max<int64_t>(low, recurrence);
    if (allows(low))
      return uint32_t(low);
    high = std::max(high, low);
    for (++low; low < high;) {
      const int64_t middle = low + (high - low) / 2;
      if (allows(middle))
        high = middle;
      else
        low = middle + 1;
    }
    return uint32_t(low);
  }

  //===-- The order ------------------------------------------------------===//

  void findTimes() {
    depth.assign(count, 0);
    height.assign(count, 0);
    // Dependences within an iteration go forwards.
    for (uint32_t op = 0; op < count; ++op)
      for (const Edge &edge : entering.of(op))
        if (edge.distance == 0)
          depth[op] = std::max(depth[op], depth[edge.other] + edge.latency);
    for (uint32_t op = count; op-- > 0;)
      for (const Edge &edge : leaving.of(op))
        if (edge.distance == 0)
          height[op] = std::max(height[op], height[edge.other] + edge.latency);
  }

  /// Sets of operations: each recurrence with what lies between it and those before, then the rest. Within a set the order swings between
  /// what follows the operations that are ordered already, farthest from the end first, and what precedes them.
  void findOrder() {
    std::vector<uint8_t> ordered(count), wanted(count);
    order.reserve(count);
    for (const std::vector<uint32_t> &members : recurrences) {
      std::fill(wanted.begin(), wanted.end(), 0);
      if (!order.empty())
        addPaths(members, ordered, wanted);
      for (uint32_t op : members)
        wanted[op] = !ordered[op];
      orderSet(wanted, ordered);
    }
    for (uint32_t op = 0; op < count; ++op)
      wanted[op] = !ordered[op];
    orderSet(wanted, ordered);
  }

  /// What lies on ways from ordered operations to the members, or back.
  void addPaths(const std::vector<uint32_t> &members, const std::vector<uint8_t> &ordered, std::vector<uint8_t> &wanted) {
    // Bits: reached from ordered ones, reaches them, reached from members, reaches them.
    std::vector<uint8_t> marks(count);
    std::vector<uint32_t> work;
    auto spread = [&](uint8_t mark, const Edges &edges) {
      while (!work.empty()) {
        const uint32_t op = work.back();
        work.pop_back();
        for (const Edge &edge : edges.of(op))
          if (!(marks[edge.other] & mark)) {
            marks[edge.other] |= mark;
            work.push_back(edge.other);
          }
      }
    };
    auto start = [&](uint8_t mark, bool fromMembers, const Edges &edges) {
      if (fromMembers) {
        work = members;
      } else {
        for (uint32_t op = 0; op < count; ++op)
          if (ordered[op])
            work.push_back(op);
      }
      for (uint32_t op : work)
        marks[op] |= mark;
      spread(mark, edges);
    };
    start(1, false, leaving);
    start(2, false, entering);
    start(4, true, leaving);
    start(8, true, entering);
    for (uint32_t op = 0; op < count; ++op)
      wanted[op] = !ordered[op] && ((marks[op] & 9) == 9 || (marks[op] & 6) == 6);
  }

  void orderSet(std::vector<uint8_t> &wanted, std::vector<uint8_t> &ordered) {
    uint32_t left = uint32_t(std::count(wanted.begin(), wanted.end(), 1));
    std::vector<uint8_t> inReach(count);
    std::vector<uint32_t> reach;
    auto collect = [&](const Edges &edges) {
      for (uint32_t op : order)
        for (const Edge &edge : edges.of(op))
          if (wanted[edge.other] && !inReach[edge.other]) {
            inReach[edge.other] = 1;
            reach.push_back(edge.other);
          }
    };
    bool down = false;
    while (left > 0) {
      reach.clear();
      std::fill(inReach.begin(), inReach.end(), 0);
      collect(down ? leaving : entering);
      if (reach.empty()) {
        down = !down;
        collect(down ? leaving : entering);
      }
      if (reach.empty()) { // nothing touches what is ordered: start from the end of the longest way
        uint32_t best = UINT32_MAX;
        for (uint32_t op = 0; op < count; ++op)
          if (wanted[op] && (best == UINT32_MAX || depth[op] > depth[best]))
            best = op;
        reach.push_back(best);
        inReach[best] = 1;
        down = false;
      }
      // The longest way ahead first; of equal ones the least slack, then the lower number.
      auto key = [&](uint32_t op) { return down ? std::make_tuple(-height[op], -depth[op], op) : std::make_tuple(-depth[op], -height[op], op); };
      while (!reach.empty()) {
        size_t best = 0;
        for (size_t i = 1; i < reach.size(); ++i)
          if (key(reach[i]) < key(reach[best]))
            best = i;
        const uint32_t op = reach[best];
        reach[best] = reach.back();
        reach.pop_back();
        order.push_back(op);
        ordered[op] = 1;
        wanted[op] = 0;
        --left;
        for (const Edge &edge : (down ? leaving : entering).of(op))
          if (wanted[edge.other] && !inReach[edge.other]) {
            inReach[edge.other] = 1;
            reach.push_back(edge.other);
          }
      }
      down = !down;
    }
  }

  //===-- Placing --------------------------------------------------------===//

  static constexpr int32_t unplaced = INT32_MIN;

  /// Rank of each operation in the order in which they are placed.
  void useOrder(const std::vector<uint32_t> &list) {
    sequence = list;
    rank.resize(count);
    for (uint32_t i = 0; i < count; ++i)
      rank[sequence[i]] = i;
  }
  void clear(uint32_t interval) {
    ii = int32_t(interval);
    table.reset(interval);
    time.assign(count, unplaced);
  }
  void put(uint32_t op, int32_t at) {
    time[op] = at;
    waiting[rank[op] / 64] &= ~(uint64_t(1) << rank[op] % 64);
  }
  void eject(uint32_t op) {
    table.remove(op, time[op]);
    time[op] = unplaced;
    waiting[rank[op] / 64] |= uint64_t(1) << rank[op] % 64;
  }

  struct Window {
    int32_t early = INT32_MIN, late = INT32_MAX;
  };
  Window windowOf(uint32_t op) const {
    Window window;
    for (const Edge &edge : entering.of(op))
      if (time[edge.other] != unplaced && edge.other != op)
        window.early = std::max(window.early, time[edge.other] + edge.latency - ii * edge.distance);
    for (const Edge &edge : leaving.of(op))
      if (time[edge.other] != unplaced && edge.other != op)
        window.late = std::min(window.late, time[edge.other] - edge.latency + ii * edge.distance);
    return window;
  }

  /// Each operation as near to its neighbours as it can be, in swing order. False if one has no place.
  bool placeNear(uint32_t interval) {
    clear(interval);
    for (uint32_t op : order) {
      const Window window = windowOf(op);
      bool placed = false;
      if (window.early != INT32_MIN || window.late == INT32_MAX) {
        const int32_t from = window.early == INT32_MIN ? depth[op] : window.early, to = std::min(window.late, from + ii - 1);
        for (time[op] = from; time[op] <= to && !placed; time[op] += !placed)
          placed = table.add(op, time[op]);
      } else {
        for (time[op] = window.late; time[op] > window.late - ii && !placed; time[op] -= !placed)
          placed = table.add(op, time[op]);
      }
      if (!placed)
        return false;
    }
    return true;
  }

  /// Iterative modulo scheduling: the operation with the longest way ahead first, as early as it can be; where nothing fits it takes its place from
  /// others.
  bool placeEarly(uint32_t interval) {
    clear(interval);
    // The longest way to any end, over iterations too.
    std::vector<int32_t> &ahead = scratch;
    ahead.assign(count, 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (uint32_t op = count; op-- > 0;)
        for (const Edge &edge : leaving.of(op))
          if (const int32_t way = ahead[edge.other] + edge.latency - ii * edge.distance; way > ahead[op]) {
            ahead[op] = way;
            changed = true;
          }
    }
    sequence.resize(count);
    std::iota(sequence.begin(), sequence.end(), 0);
    std::sort(sequence.begin(), sequence.end(), [&](uint32_t a, uint32_t b) { return std::make_pair(-ahead[a], a) < std::make_pair(-ahead[b], b); });
    useOrder(std::vector<uint32_t>(sequence));
    waiting.assign((count + 63) / 64, 0);
    for (uint32_t op = 0; op < count; ++op)
      waiting[op / 64] |= uint64_t(1) << op % 64;
    lastTime.assign(count, unplaced);
    uint32_t budget = std::min(6 * count, placesLeft);
    placesLeft -= budget;
    for (size_t word = 0; word < waiting.size();) {
      if (!waiting[word]) {
        ++word;
        continue;
      }
      if (budget == 0)
        return false;
      --budget;
      const uint32_t op = sequence[word * 64 + uint32_t(__builtin_ctzll(waiting[word]))];
      const Window window = windowOf(op);
      const int32_t early = std::max(0, window.early);
      int32_t at = early;
      while (at < early + ii && !table.add(op, at))
        ++at;
      if (at == early + ii) {
        at = lastTime[op] == unplaced ? early : std::max(early, lastTime[op] + 1);
        if (!makeRoom(op, at))
          return false;
        word = 0;
      }
      lastTime[op] = at;
      put(op, at);
      for (const Edge &edge : leaving.of(op))
        if (edge.other != op && time[edge.other] != unplaced && time[edge.other] + ii * edge.distance < at + edge.latency) {
          eject(edge.other);
          word = 0;
        }
    }
    placesLeft += budget;
    return true;
  }

  /// Each operation as early as it can be, but none before one that precedes it: lives overlap little more than in the given order.
  bool placeInOrder(uint32_t interval) {
    clear(interval);
    int32_t earliest = 0;
    for (uint32_t op = 0; op < count; ++op) {
      const Window window = windowOf(op);
      const int32_t from = std::max(earliest, window.early), to = std::min(window.late, from + ii - 1);
      int32_t at = from;
      while (at <= to && !table.add(op, at))
        ++at;
      if (at > to)
        return false;
      time[op] = earliest = at;
    }
    return true;
  }

  /// Ejects others until the table takes an operation: of what uses the port where work piles up, or in the cycles before, what is the least urgent.
  bool makeRoom(uint32_t op, int32_t at) {
    while (!table.add(op, at)) {
      uint32_t victim = UINT32_MAX;
      for (int32_t back = 0; back < ii && victim == UINT32_MAX; ++back) {
        const uint32_t slot = table.slot(int32_t(table.blockedSlot()) - back);
        for (uint32_t other = table.firstAt(slot); other != ModuloTable::none; other = table.nextAt(other))
          if (table.uses(other, table.blockedPort()) && (victim == UINT32_MAX || rank[other] > rank[victim]))
            victim = other;
      }
      if (victim == UINT32_MAX)
        return false;
      eject(victim);
    }
    return true;
  }

  //===-- Registers ------------------------------------------------------===//

  /// What the lives of values take, in cycles: registers that are alive in each, and those that values have for themselves.
  struct Lives {
    std::vector<int32_t> alive;        // by class and cycle of the interval
    std::vector<int32_t> whole, limit; // by class
    std::vector<int64_t> sum, beyond;  // of the lives, and of registers beyond the limit in each cycle, by class
  };
  Lives lives;
  struct Value {
    uint32_t def, cls, firstEnd, lastEnd;
    int32_t entering; // > 0: has registers for itself, at least so many
  };
  std::vector<Value> values;
  std::vector<LaterUse> ends;                       // of values
  std::vector<uint32_t> firstTouched, touchedValues; // values that each operation begins or ends

  void collectValues() {
    const uint32_t classes = uint32_t(problem.registerLimits.size());
    lives.limit.assign(problem.registerLimits.begin(), problem.registerLimits.end());
    firstTouched.assign(count + 1, 0);
    for (const RegisterValue &value : problem.values) {
      if (value.def == RegisterValue::none) {
        --lives.limit[value.cls];
        continue;
      }
      Value own{value.def, value.cls, uint32_t(ends.size()), 0, value.liveOut ? 1 : 0};
      for (uint32_t use : value.uses)
        ends.push_back({use, 0});
      for (const LaterUse &use : value.later) {
        ends.push_back(use);
        own.entering = std::max(own.entering, int32_t(use.distance));
      }
      own.lastEnd = uint32_t(ends.size());
      ++firstTouched[own.def + 1];
      for (uint32_t end = own.firstEnd; end < own.lastEnd; ++end)
        ++firstTouched[ends[end].operation + 1];
      values.push_back(own);
    }
    for (uint32_t op = 0; op < count; ++op)
      firstTouched[op + 1] += firstTouched[op];
    touchedValues.resize(firstTouched[count]);
    std::vector<uint32_t> next(firstTouched.begin(), firstTouched.end() - 1), last(count, UINT32_MAX);
    for (uint32_t v = 0; v < values.size(); ++v) {
      auto touch = [&](uint32_t op) {
        if (last[op] != v)
          touchedValues[next[op]++] = v;
        last[op] = v;
      };
      touch(values[v].def);
      for (uint32_t end = values[v].firstEnd; end < values[v].lastEnd; ++end)
        touch(ends[end].operation);
    }
    // An operation that touches a value twice leaves gaps: the lists end where they were filled to.
    lastTouched = next;
    lives.whole.resize(classes);
    lives.sum.resize(classes);
    lives.beyond.resize(classes);
  }
  std::vector<uint32_t> lastTouched;

  int32_t endOf(const Value &value) const {
    int32_t end = time[value.def];
    for (uint32_t i = value.firstEnd; i < value.lastEnd; ++i)
      end = std::max(end, time[ends[i].operation] + ii * int32_t(ends[i].distance));
    return end;
  }
  int32_t turnsOf(const Value &value, int32_t length) const { return std::max(value.entering, (length + ii - 1) / ii); }

  /// Counts a life from one time to another, and what it is beyond the limits.
  void addCells(uint32_t cls, int32_t from, int32_t to, int32_t sign) {
    int32_t *alive = lives.alive.data() + size_t(cls) * size_t(ii);
    const int32_t room = lives.limit[cls] - lives.whole[cls];
    uint32_t slot = table.slot(from);
    lives.sum[cls] += sign * (to - from);
    for (int32_t left = to - from; left > 0; --left) {
      lives.beyond[cls] += sign > 0 ? alive[slot] >= room : -(alive[slot] > room);
      alive[slot] += sign;
      slot = slot + 1 == uint32_t(ii) ? 0 : slot + 1;
    }
  }
  void addWhole(uint32_t cls, int32_t turns) {
    if (turns == 0)
      return;
    lives.whole[cls] += turns;
    lives.sum[cls] += int64_t(turns) * ii;
    const int32_t *alive = lives.alive.data() + size_t(cls) * size_t(ii);
    const int32_t room = lives.limit[cls] - lives.whole[cls];
    lives.beyond[cls] = 0;
    for (int32_t slot = 0; slot < ii; ++slot)
      lives.beyond[cls] += std::max(0, alive[slot] - room);
  }
  void addLife(uint32_t v, int32_t sign) {
    const Value &value = values[v];
    const int32_t start = time[value.def], end = endOf(value);
    if (value.entering)
      addWhole(value.cls, sign * turnsOf(value, end - start));
    else
      addCells(value.cls, start, end, sign);
  }

  /// By how many cycles the shortest lives are longer than registers have: if by any, no schedule with this interval exists.
  int64_t lifeBound(int32_t interval) {
    std::fill(lives.sum.begin(), lives.sum.end(), 0);
    for (const Value &value : values) {
      int32_t least = 0;
      for (uint32_t i = value.firstEnd; i < value.lastEnd; ++i) {
        const int32_t later = interval * int32_t(ends[i].distance);
        if (ends[i].operation == value.def)
          least = std::max(least, later);
        for (const Edge &edge : leaving.of(value.def))
          if (edge.other == ends[i].operation)
            least = std::max(least, later + edge.latency - interval * edge.distance);
      }
      lives.sum[value.cls] += value.entering ? std::max(value.entering, (least + interval - 1) / interval) * interval : least;
    }
    int64_t beyond = 0;
    for (uint32_t cls = 0; cls < lives.sum.size(); ++cls)
      beyond += std::max<int64_t>(0, lives.sum[cls] - int64_t(lives.limit[cls]) * interval);
    return beyond;
  }

  /// Moves operations, one at a time, to where their operands and results live least, as long as classes are beyond their limits. True if none is.
  bool improve() {
    const uint32_t classes = uint32_t(lives.limit.size());
    lives.alive.assign(size_t(classes) * size_t(ii), 0);
    for (uint32_t cls = 0; cls < classes; ++cls) {
      lives.whole[cls] = 0;
      lives.sum[cls] = 0;
      lives.beyond[cls] = 0;
      addWhole(cls, 0);
    }
    for (uint32_t v = 0; v < values.size(); ++v)
      addLife(v, 1);
    constexpr int mostSweeps = 8;
    int64_t before = INT64_MAX;
    for (int sweep = 0; sweep < mostSweeps; ++sweep) {
      int64_t beyond = 0, all = 0;
      for (uint32_t cls = 0; cls < classes; ++cls) {
        beyond += lives.beyond[cls];
        all += int64_t(lives.limit[cls]) * ii;
      }
      if (beyond == 0)
        return true;
      // Hopeless: far beyond, or not nearer than a sweep before.
      if (beyond > all / 4 || beyond >= before)
        return false;
      before = beyond;
      bool moved = false;
      for (uint32_t i = 0; i < count; ++i)
        moved |= moveOne(sweep % 2 ? i : count - 1 - i);
      if (!moved)
        return false;
    }
    return false;
  }

  static constexpr int32_t farthest = 16; // that an operation moves at once
  uint32_t movesLeft = 0, placesLeft = 0; // bound the time
  std::vector<std::pair<int64_t, int32_t>> costs;

  bool moveOne(uint32_t op) {
    const uint32_t first = firstTouched[op], last = lastTouched[op];
    bool matters = false;
    for (uint32_t i = first; i < last; ++i)
      matters |= lives.beyond[values[touchedValues[i]].cls] > 0;
    if (!matters || movesLeft == 0)
      return false;
    --movesLeft;
    const Window window = windowOf(op);
    const int32_t now = time[op], reach = std::min(ii, farthest);
    const int32_t from = std::max(window.early, now - reach), to = std::min(window.late, now + reach);
    if (from >= to)
      return false;
    auto move = [&](int32_t at) {
      for (uint32_t i = first; i < last; ++i) {
        const Value &value = values[touchedValues[i]];
        const int32_t start = time[value.def], end = endOf(value), before = time[op];
        time[op] = at;
        const int32_t newStart = time[value.def], newEnd = endOf(value);
        if (value.entering) {
          addWhole(value.cls, turnsOf(value, newEnd - newStart) - turnsOf(value, end - start));
        } else {
          // Only what differs, at both ends.
          if (newStart > start)
            addCells(value.cls, start, newStart, -1);
          else
            addCells(value.cls, newStart, start, 1);
          if (newEnd > end)
            addCells(value.cls, end, newEnd, 1);
          else
            addCells(value.cls, newEnd, end, -1);
        }
        time[op] = before;
      }
      time[op] = at;
    };
    auto cost = [&] {
      int64_t sum = 0;
      for (uint32_t cls = 0; cls < lives.beyond.size(); ++cls)
        sum += 16 * lives.beyond[cls] + lives.sum[cls];
      return sum;
    };
    const int64_t present = cost();
    costs.clear();
    for (int32_t at = from; at <= to; ++at) {
      move(at);
      if (const int64_t here = cost(); here < present)
        costs.push_back({here, at});
    }
    move(now);
    if (costs.empty())
      return false;
    std::sort(costs.begin(), costs.end());
    table.remove(op, now);
    for (const auto &[better, at] : costs)
      if (table.add(op, at)) {
        move(at);
        return true;
      }
    table.add(op, now);
    return false;
  }

  bool fits(const ModuloSchedule &schedule) const {
    const std::vector<uint32_t> peaks = registerPeaks(problem, schedule);
    for (uint32_t cls = 0; cls < peaks.size(); ++cls)
      if (peaks[cls] > problem.registerLimits[cls])
        return false;
    return true;
  }

  /// The schedule of the present times.
  ModuloSchedule take(uint32_t ii) const {
    ModuloSchedule result;
    result.ii = ii;
    const int32_t start = count ? *std::min_element(time.begin(), time.end()) : 0;
    for (int32_t at : time)
      result.cycle.push_back(uint32_t(at - start));
    orderKernel(problem, result);
    return result;
  }

  /// One iteration after the other.
  ModuloSchedule inGivenOrder(uint32_t least) {
    ModuloSchedule result;
    std::vector<uint32_t> all(count);
    std::iota(all.begin(), all.end(), 0);
    result.cycle = issueInOrder(problem, all);
    result.order = all;
    uint32_t ii = std::max(least, table.leastInterval());
    for (uint32_t op = 0; op < count; ++op) {
      ii = std::max(ii, result.cycle[op] + 1);
      for (const Edge &edge : leaving.of(op))
        if (edge.distance > 0) {
          const int64_t gap = int64_t(result.cycle[op]) + edge.latency - result.cycle[edge.other];
          ii = std::max<int64_t>(ii, (gap + edge.distance - 1) / edge.distance);
        }
    }
    // What is left at the ports at the end of an iteration must not delay the next.
    while (true) {
      table.reset(ii);
      bool all = true;
      for (uint32_t op = 0; op < count && all; ++op)
        all = table.add(op, int32_t(result.cycle[op]));
      if (all)
        break;
      ++ii;
    }
    result.ii = ii;
    return result;
  }
};
} // namespace

Result<ModuloSchedule> moduloSchedule(const Problem &problem, uint32_t least) {
  if (Status status = checkProblem(problem); !status)
    return Error{status.message()};
  return Scheduler(problem).run(least);
}

} // namespace vtpu::sched
