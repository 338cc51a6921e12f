//===- LoopLives.cpp - Registers of a loop while it is placed ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopLives.h"

#include <algorithm>

namespace vtpu::sched {

LoopLives::LoopLives(const Problem &problem, const LoopGraph &graph) : limit(problem.registerLimits.begin(), problem.registerLimits.end()) {
  const uint32_t count = uint32_t(problem.operations.size());
  times.assign(count, unplaced);
  for (const RegisterValue &value : problem.values) {
    if (value.def == RegisterValue::none) {
      --limit[value.cls];
      continue;
    }
    Value own{value.def, value.cls, uint32_t(ends.size()), 0, value.liveOut ? 1 : 0};
    auto addEnd = [&](uint32_t use, uint32_t distance) {
      int32_t latency = 0;
      for (const LoopGraph::Edge &edge : graph.leaving(value.def))
        if (edge.other == use && edge.distance == int32_t(distance))
          latency = std::max(latency, edge.latency);
      ends.push_back({use, int32_t(distance), latency});
      own.least = std::max(own.least, latency);
    };
    for (uint32_t use : value.uses)
      addEnd(use, 0);
    for (const LaterUse &use : value.later) {
      addEnd(use.operation, use.distance);
      own.entering = std::max(own.entering, int32_t(use.distance));
    }
    own.lastEnd = uint32_t(ends.size());
    own.unread = own.firstEnd == own.lastEnd && !own.entering;
    own.early = value.early && !own.entering;
    values.push_back(own);
  }
  // An operation that touches a value twice has it once in its list, which ends before the next one begins.
  firstTouched.assign(count + 1, 0);
  for (const Value &value : values) {
    ++firstTouched[value.def + 1];
    for (uint32_t end = value.firstEnd; end < value.lastEnd; ++end)
      ++firstTouched[ends[end].operation + 1];
  }
  for (uint32_t op = 0; op < count; ++op)
    firstTouched[op + 1] += firstTouched[op];
  touched.resize(firstTouched[count]);
  lastTouched.assign(firstTouched.begin(), firstTouched.end() - 1);
  for (uint32_t v = 0; v < values.size(); ++v) {
    auto touch = [&](uint32_t op) {
      if (lastTouched[op] == firstTouched[op] || touched[lastTouched[op] - 1] != v)
        touched[lastTouched[op]++] = v;
    };
    touch(values[v].def);
    for (uint32_t end = values[v].firstEnd; end < values[v].lastEnd; ++end)
      touch(ends[end].operation);
  }
  whole.resize(limit.size());
  kept.resize(limit.size());
  beyondOf.resize(limit.size());
}

void LoopLives::reset(int32_t interval, bool byCycle) {
  ii = interval;
  std::fill(times.begin(), times.end(), unplaced);
  alive.assign(limit.size() * size_t(ii), 0);
  std::fill(whole.begin(), whole.end(), 0);
  std::fill(beyondOf.begin(), beyondOf.end(), 0);
  allBeyond = allLives = 0;
  for (Value &value : values) {
    value.start = value.end = 0;
    if (value.unread)
      value.least = byCycle;
    value.lead = byCycle && value.early;
    whole[value.cls] += value.entering;
  }
  for (uint32_t cls = 0; cls < limit.size(); ++cls)
    countWhole(cls, 0);
}

void LoopLives::move(uint32_t op, int32_t at) {
  times[op] = at;
  ++moveCount;
  for (uint32_t i = firstTouched[op]; i < lastTouched[op]; ++i) {
    Value &value = values[touched[i]];
    int32_t start = times[value.def], end = unplaced, latency = 0;
    for (uint32_t e = value.firstEnd; e < value.lastEnd; ++e)
      if (const End &use = ends[e]; times[use.operation] != unplaced)
        if (const int32_t here = times[use.operation] + ii * use.distance; here > end) {
          end = here;
          latency = use.latency;
        }
    if (start != unplaced)
      end = std::max(end, start + value.least);
    else if (end != unplaced)
      start = end - latency;
    else
      start = end = 0;
    start -= start == end ? 0 : value.lead;
    if (value.entering) {
      if (const int32_t more = turns(value, end - start) - turns(value, value.end - value.start))
        countWhole(value.cls, more);
      // So that cycles beyond a turn count at once, though a register more counts only behind the last.
      allLives += std::max(end - start, value.entering * ii) - std::max(value.end - value.start, value.entering * ii);
    } else if (value.start == value.end || start >= value.end || end <= value.start) {
      count(value, value.start, value.end, -1);
      count(value, start, end, 1);
    } else { // only what differs, at both ends
      if (start > value.start)
        count(value, value.start, start, -1);
      else
        count(value, start, value.start, 1);
      if (end > value.end)
        count(value, value.end, end, 1);
      else
        count(value, end, value.end, -1);
    }
    value.start = start;
    value.end = end;
  }
}

void LoopLives::count(const Value &value, int32_t start, int32_t end, int32_t sign) {
  if (start == end)
    return;
  const uint32_t cls = value.cls;
  int32_t *cells = alive.data() + size_t(cls) * size_t(ii);
  const int32_t room = limit[cls] - whole[cls];
  allLives += sign * (end - start);
  uint32_t at = slot(start);
  int64_t change = 0;
  for (int32_t left = end - start; left > 0; --left) {
    change += sign > 0 ? cells[at] >= room : -(cells[at] > room);
    cells[at] += sign;
    at = at + 1 == uint32_t(ii) ? 0 : at + 1;
  }
  beyondOf[cls] += change;
  allBeyond += change;
}

void LoopLives::countWhole(uint32_t cls, int32_t turns) {
  whole[cls] += turns;
  const int32_t *cells = alive.data() + size_t(cls) * size_t(ii);
  const int32_t room = limit[cls] - whole[cls];
  int64_t sum = 0;
  for (int32_t at = 0; at < ii; ++at)
    sum += std::max(0, cells[at] - room);
  allBeyond += sum - beyondOf[cls];
  beyondOf[cls] = sum;
}

void LoopLives::relieve(std::vector<Move> &moves) const {
  moves.clear();
  int32_t most = 0, where = 0;
  uint32_t which = 0;
  for (uint32_t cls = 0; cls < limit.size(); ++cls)
    if (beyondOf[cls] > 0)
      for (int32_t at = 0; at < ii; ++at)
        if (const int32_t over = alive[size_t(cls) * size_t(ii) + size_t(at)] - (limit[cls] - whole[cls]); over > most) {
          most = over;
          where = at;
          which = cls;
        }
  for (const Value &value : values) {
    if (value.cls != which)
      continue;
    if (value.entering) { // a register less if it is a cycle more than whole turns
      const int32_t length = value.end - value.start, over = length - (turns(value, length) - 1) * ii;
      if (turns(value, length) == value.entering || over > ii / 2)
        continue;
      moves.push_back({value.def, over});
      for (uint32_t e = value.firstEnd; e < value.lastEnd; ++e)
        if (ends[e].operation != value.def && times[ends[e].operation] + ii * ends[e].distance == value.end)
          moves.push_back({ends[e].operation, -over});
      continue;
    }
    // Cycles from its start, and back from its end, to the cycle in question.
    const int32_t into = int32_t(slot(where - value.start)) + 1, back = int32_t(slot(value.end - 1 - where)) + 1;
    if (into > value.end - value.start)
      continue;
    if (into <= ii / 2)
      moves.push_back({value.def, into});
    if (back <= ii / 2)
      for (uint32_t e = value.firstEnd; e < value.lastEnd; ++e)
        if (ends[e].operation != value.def && times[ends[e].operation] + ii * ends[e].distance == value.end)
          moves.push_back({ends[e].operation, -back});
  }
  std::stable_sort(moves.begin(), moves.end(), [](const Move &a, const Move &b) { return std::abs(a.by) < std::abs(b.by); });
}

void LoopLives::keepFree(const std::vector<int32_t> &more) {
  for (uint32_t cls = 0; cls < limit.size(); ++cls) {
    const int32_t keep = more.empty() ? 0 : std::min(2, kept[cls] + more[cls]);
    limit[cls] -= keep - kept[cls];
    kept[cls] = keep;
  }
}

bool LoopLives::matters(uint32_t op) const {
  for (uint32_t i = firstTouched[op]; i < lastTouched[op]; ++i)
    if (beyondOf[values[touched[i]].cls] > 0)
      return true;
  return false;
}

int64_t LoopLives::boundExcess(int32_t interval) const {
  std::vector<int64_t> sum(limit.size());
  for (const Value &value : values) {
    int32_t least = 0;
    for (uint32_t e = value.firstEnd; e < value.lastEnd; ++e)
      least = std::max(least, ends[e].operation == value.def ? interval * ends[e].distance : ends[e].latency);
    sum[value.cls] += value.entering ? std::max(value.entering, (least + interval - 1) / interval) * interval : least;
  }
  int64_t excess = 0;
  for (uint32_t cls = 0; cls < limit.size(); ++cls)
    excess += std::max<int64_t>(0, sum[cls] - int64_t(limit[cls]) * interval);
  return excess;
}

} // namespace vtpu::sched
