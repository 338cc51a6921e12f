//===- ModuloPlacer.cpp - Placing the operations of a loop ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModuloPlacer.h"

#include <numeric>

namespace vtpu::sched {

void ModuloPlacer::start(int32_t interval, bool byCycle) {
  ii = interval;
  table.reset(uint32_t(ii));
  lives.reset(ii, byCycle);
}

/// Numbers that are the same in every run.
uint32_t ModuloPlacer::draw(uint32_t below) {
  random = random * 1664525u + 1013904223u;
  return (random >> 16) % below;
}

void ModuloPlacer::put(uint32_t op, int32_t at) {
  lives.move(op, at);
  lastTime[op] = at;
  waiting[rank[op] / 64] &= ~(uint64_t(1) << rank[op] % 64);
}

void ModuloPlacer::eject(uint32_t op) {
  table.remove(op, lives.time(op));
  lives.move(op, unplaced);
  waiting[rank[op] / 64] |= uint64_t(1) << rank[op] % 64;
}

ModuloPlacer::Window ModuloPlacer::windowOf(uint32_t op) const {
  Window window;
  for (const Edge &edge : graph.entering(op))
    if (lives.isPlaced(edge.other))
      window.early = std::max(window.early, lives.time(edge.other) + edge.latency - ii * edge.distance);
  for (const Edge &edge : graph.leaving(op))
    if (lives.isPlaced(edge.other))
      window.late = std::min(window.late, lives.time(edge.other) - edge.latency + ii * edge.distance);
  return window;
}

//===----------------------------------------------------------------------===//
// Placing
//===----------------------------------------------------------------------===//

bool ModuloPlacer::place(const std::vector<int32_t> &wanted, bool forwards, uint32_t jitter, uint32_t scarce) {
  key.assign(wanted.begin(), wanted.begin() + count);
  if (jitter)
    for (int32_t &time : key)
      time += int32_t(draw(2 * jitter));
  constexpr int32_t far = 1 << 24;
  for (uint32_t op = 0; op < count && scarce; ++op)
    if (lives.touches(op, scarce))
      key[op] += forwards ? -far : far;
  sequence.resize(count);
  std::iota(sequence.begin(), sequence.end(), 0);
  std::sort(sequence.begin(), sequence.end(), [&](uint32_t a, uint32_t b) {
    return forwards ? std::make_pair(key[a], a) < std::make_pair(key[b], b) : std::make_pair(key[b], b) < std::make_pair(key[a], a);
  });
  rank.resize(count);
  for (uint32_t i = 0; i < count; ++i)
    rank[sequence[i]] = i;
  waiting.assign((count + 63) / 64, 0);
  for (uint32_t op = 0; op < count; ++op)
    waiting[op / 64] |= uint64_t(1) << op % 64;
  lastTime.assign(count, unplaced);
  forced.assign(count, 0);
  uint32_t steps = jitter ? 3 * count + 128 : count + count / 4 + 64;
  for (size_t word = 0; word < waiting.size();) {
    if (!waiting[word]) {
      ++word;
      continue;
    }
    if (steps-- == 0)
      return false;
    const uint32_t op = sequence[word * 64 + uint32_t(__builtin_ctzll(waiting[word]))];
    const Window window = windowOf(op);
    if (placeWithin(op, window, wanted[op], forwards))
      continue;
    if (!placeByForce(op, window, wanted[op], forwards, jitter))
      return false;
    word = 0;
  }
  return true;
}

/// The nearest place to where an operation is wanted that takes no register beyond the limits, or else few. False if the ports have none.
bool ModuloPlacer::placeWithin(uint32_t op, Window window, int32_t wanted, bool forwards) {
  if (window.early > window.late)
    return false;
  const int32_t at = std::max(window.early, std::min(window.late, wanted));
  const bool touches = lives.touchesValues(op);
  const int64_t before = lives.beyond();
  int64_t least = INT64_MAX;
  int32_t best = 0;
  int tries = 16; // places that the ports admit
  for (int32_t away = 0; away < 2 * ii && tries > 0; ++away) {
    const int32_t there = at + ((away & 1) == forwards ? (away + 1) / 2 : -((away + 1) / 2));
    if (there < window.early || there > window.late || !table.add(op, there))
      continue;
    if (touches)
      lives.move(op, there);
    if (const int64_t more = lives.beyond() - before; more <= 0) {
      put(op, there);
      return true;
    } else if (more < least) {
      least = more;
      best = there;
    }
    table.remove(op, there);
    --tries;
  }
  if (least == INT64_MAX)
    return false;
  table.add(op, best);
  put(op, best);
  return true;
}

/// Where the operations that are placed already want it, or beyond where it stood last; others make way.
bool ModuloPlacer::placeByForce(uint32_t op, Window window, int32_t wanted, bool forwards, uint32_t jitter) {
  const int32_t bound = forwards ? window.early : window.late, nowhere = forwards ? INT32_MIN : INT32_MAX, last = lastTime[op];
  int32_t at = bound != nowhere ? bound : wanted;
  if (last != unplaced && jitter)
    at += (forwards ? 1 : -1) * int32_t(draw(uint32_t(std::min(ii, int32_t(jitter) * ++forced[op]))));
  else if (last != unplaced)
    at = forwards ? std::max(bound, last + 1) : std::min(bound, last - 1);
  if (!makeRoom(op, at))
    return false;
  put(op, at);
  for (const Edge &edge : graph.leaving(op))
    if (lives.isPlaced(edge.other) && lives.time(edge.other) + ii * edge.distance < at + edge.latency)
      eject(edge.other);
  for (const Edge &edge : graph.entering(op))
    if (lives.isPlaced(edge.other) && lives.time(edge.other) + edge.latency - ii * edge.distance > at)
      eject(edge.other);
  return true;
}

/// Ejects others until the table takes an operation: of what uses the port where work piles up, or in the cycles before, what is the least urgent.
bool ModuloPlacer::makeRoom(uint32_t op, int32_t at) {
  while (!table.add(op, at)) {
    uint32_t victim = ModuloTable::none;
    for (int32_t back = 0; back < ii && victim == ModuloTable::none; ++back)
      for (uint32_t other = table.firstAt(table.slot(int32_t(table.blockedSlot()) - back)); other != ModuloTable::none; other = table.nextAt(other))
        if (table.uses(other, table.blockedPort()) && (victim == ModuloTable::none || rank[other] > rank[victim]))
          victim = other;
    if (victim == ModuloTable::none)
      return false;
    eject(victim);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Improving
//===----------------------------------------------------------------------===//

bool ModuloPlacer::improve(int sweeps) {
  int64_t before = INT64_MAX;
  for (int sweep = 0; sweep < sweeps && lives.beyond() > 0 && lives.beyond() < before; ++sweep) {
    before = lives.beyond();
    bool moved = false;
    for (uint32_t i = 0; i < count; ++i)
      moved |= moveOne(sweep % 2 ? i : count - 1 - i, sweeps > 1 ? 16 : 4);
    if (!moved)
      break;
  }
  return smooth();
}

/// Changes places with an operation that starts where `at` is in the interval, if the ports allow it and registers are better then. `op` is out of the
/// table, and in it if this succeeds.
template <typename IsBetter>
bool ModuloPlacer::exchange(uint32_t op, int32_t at, IsBetter &&isBetter) {
  const int32_t now = lives.time(op), away = (now - at) % ii;
  if (away == 0)
    return false;
  lives.move(op, at);
  others.clear();
  for (uint32_t other = table.firstAt(table.slot(at)); other != ModuloTable::none; other = table.nextAt(other))
    others.push_back(other);
  for (uint32_t other : others) {
    const Window window = windowOf(other);
    const int32_t there = lives.time(other);
    // To the nearest cycle in that slot, on either side.
    for (int32_t by : {away, away > 0 ? away - ii : away + ii}) {
      if (there + by < window.early || there + by > window.late)
        continue;
      lives.move(other, there + by);
      if (isBetter()) {
        table.remove(other, there);
        if (table.add(op, at)) {
          if (table.add(other, there + by))
            return true;
          table.remove(op, at);
        }
        table.add(other, there);
      }
      lives.move(other, there);
    }
  }
  lives.move(op, now);
  return false;
}

/// Moves an operation to where its operands and results live least, if a class of theirs is beyond its limit.
bool ModuloPlacer::moveOne(uint32_t op, int32_t farthest) {
  if (!lives.matters(op))
    return false;
  const Window window = windowOf(op);
  const int32_t now = lives.time(op), reach = std::min(ii, farthest);
  const int32_t from = std::max(window.early, now - reach), to = std::min(window.late, now + reach);
  if (from >= to)
    return false;
  const int64_t present = lives.cost();
  costs.clear();
  for (int32_t at = from; at <= to; ++at) {
    lives.move(op, at);
    if (const int64_t here = lives.cost(); here < present)
      costs.push_back({here, at});
  }
  lives.move(op, now);
  if (costs.empty())
    return false;
  std::sort(costs.begin(), costs.end());
  table.remove(op, now);
  for (const auto &[better, at] : costs) {
    if (table.add(op, at)) {
      lives.move(op, at);
      return true;
    }
    if (exchange(op, at, [&] { return lives.cost() < present; }))
      return true;
  }
  table.add(op, now);
  return false;
}

/// As long as it helps: takes lives out of the fullest cycle.
bool ModuloPlacer::smooth() {
  if (lives.beyond() > ii) // more than one register all the time
    return false;
  const uint64_t until = lives.moves() + 600 + 4 * count;
  while (lives.beyond() > 0)
    if (lives.moves() > until || !relieveOnce())
      return false;
  return true;
}

bool ModuloPlacer::relieveOnce() {
  lives.relieve(moves);
  // Where there is no room right behind the cycle, farther away, or in exchange for another operation.
  for (int32_t farther : {0, 2, 6, 14, 30}) {
    if (farther > ii / 2)
      break;
    for (const LoopLives::Move &move : moves)
      if (push(move.operation, lives.time(move.operation) + move.by + (move.by > 0 ? farther : -farther)))
        return true;
  }
  const int64_t before = lives.beyond();
  for (const LoopLives::Move &move : moves) {
    const int32_t now = lives.time(move.operation), at = now + move.by;
    const Window window = windowOf(move.operation);
    if (at < window.early || at > window.late)
      continue;
    table.remove(move.operation, now);
    if (exchange(move.operation, at, [&] { return lives.beyond() < before; }))
      return true;
    table.add(move.operation, now);
  }
  return false;
}

/// Moves an operation, and what it then stands too near to, in one direction. False, and nothing has changed, if registers are as much beyond their
/// limits as before.
bool ModuloPlacer::push(uint32_t first, int32_t to) {
  constexpr size_t most = 24; // operations
  const int64_t before = lives.beyond();
  const bool later = to > lives.time(first);
  journal.clear();
  pushes.assign(1, {first, to});
  bool placed = true;
  uint32_t missing = ModuloTable::none;
  for (size_t i = 0; i < pushes.size() && placed; ++i) {
    auto [op, at] = pushes[i];
    if (later ? lives.time(op) >= at : lives.time(op) <= at)
      continue;
    journal.push_back({op, lives.time(op)});
    table.remove(op, lives.time(op));
    placed = false;
    for (int32_t tries = std::min(ii, 8); tries-- > 0 && !(placed = table.add(op, at));)
      at += later ? 1 : -1;
    if (!placed) {
      missing = op;
      break;
    }
    lives.move(op, at);
    for (const Edge &edge : later ? graph.leaving(op) : graph.entering(op)) {
      const int32_t bound = later ? at + edge.latency - ii * edge.distance : at - edge.latency + ii * edge.distance;
      if (later ? lives.time(edge.other) < bound : lives.time(edge.other) > bound) {
        pushes.push_back({edge.other, bound});
        placed &= edge.other != first && pushes.size() < most;
      }
    }
  }
  if (placed && lives.beyond() < before)
    return true;
  // Back, the last first: an operation that has moved twice ends where it was.
  out.resize(count);
  if (missing != ModuloTable::none)
    out[missing] = 1;
  for (auto [op, at] : journal)
    if (!out[op]) {
      table.remove(op, lives.time(op));
      out[op] = 1;
    }
  for (size_t i = journal.size(); i-- > 0;)
    lives.move(journal[i].first, journal[i].second);
  for (auto [op, at] : journal)
    if (out[op]) {
      table.add(op, lives.time(op));
      out[op] = 0;
    }
  return false;
}

} // namespace vtpu::sched
