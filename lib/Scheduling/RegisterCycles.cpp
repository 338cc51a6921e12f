//===- RegisterCycles.cpp - Registers of a pipelined loop -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RegisterCycles.h"

#include <algorithm>
#include <tuple>

namespace vtpu::sched {

void RegisterCycles::add(uint64_t start, uint64_t length) {
  lives.push_back({int64_t(start) % round, int64_t(length), uint32_t(int64_t(start) / round)});
}

/// Time between the end of a life and the next beginning of another.
int64_t RegisterCycles::gap(uint32_t from, uint32_t to) const {
  const int64_t wait = (lives[to].start - lives[from].start - lives[from].length) % round;
  return wait < 0 ? wait + round : wait;
}

/// Each life that begins takes the register that was freed last. Then no more are taken than are alive at once.
void RegisterCycles::match() {
  struct Event {
    int64_t time;
    bool begins;
    uint32_t life;
  };
  std::vector<Event> events;
  for (uint32_t life = 0; life < lives.size(); ++life) {
    events.push_back({lives[life].start, true, life});
    events.push_back({(lives[life].start + lives[life].length) % round, false, life});
  }
  std::sort(events.begin(), events.end(), [](const Event &a, const Event &b) {
    return std::make_tuple(a.time, a.begins, a.life) < std::make_tuple(b.time, b.begins, b.life);
  });
  std::vector<uint32_t> free;
  std::vector<uint8_t> taken(lives.size());
  next.assign(lives.size(), 0);
  // The second time around, what is free at the end of the interval is there for what found none at its beginning.
  for (int turn = 0; turn < 2; ++turn)
    for (const Event &event : events) {
      if (!event.begins) {
        if (turn == 0)
          free.push_back(event.life);
      } else if (!taken[event.life] && !free.empty()) {
        next[free.back()] = event.life;
        taken[event.life] = 1;
        free.pop_back();
      }
    }
}

/// The registers that the cycles take.
uint32_t RegisterCycles::count() {
  uint64_t sum = 0;
  std::fill(seen.begin(), seen.end(), 0);
  for (uint32_t begin = 0; begin < lives.size(); ++begin) {
    if (seen[begin])
      continue;
    int64_t length = 0;
    for (uint32_t life = begin; !seen[life]; life = next[life]) {
      seen[life] = 1;
      length += lives[life].length + gap(life, next[life]);
    }
    const uint64_t intervals = uint64_t(length / round);
    // Cycles that are too long must be parted: how much too long tells which way is better.
    sum += intervals < divisors.size() ? divisors[intervals] : 1000 * intervals;
  }
  return uint32_t(std::min<uint64_t>(sum, UINT32_MAX));
}

uint32_t RegisterCycles::solve(uint32_t unroll, uint32_t enough) {
  if (lives.empty())
    return 0;
  divisors.assign(unroll + 1, 0);
  for (uint32_t k = unroll, divisor = unroll; k > 0; --k)
    divisors[k] = divisor = unroll % k ? divisor : k;
  match();
  int64_t together = 0;
  for (uint32_t life = 0; life < lives.size(); ++life)
    together += lives[life].length + gap(life, next[life]);
  if (together / round > enough)
    return UINT32_MAX;
  seen.assign(lives.size(), 0);
  uint32_t now = count(), best = now;
  std::vector<uint32_t> bestNext = next;
  // Two lives change followers, which joins cycles or parts one. What makes it worse is kept less and less often.
  const uint32_t steps = uint32_t(200 * lives.size());
  uint32_t random = 1;
  auto draw = [&](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return uint32_t((uint64_t(random >> 8) * below) >> 24);
  };
  for (uint32_t step = 0; step < steps && best > enough; ++step) {
    const uint32_t a = draw(uint32_t(lives.size())), b = draw(uint32_t(lives.size()));
    if (a == b || gap(a, next[a]) + gap(b, next[b]) < gap(a, next[b]) + gap(b, next[a]))
      continue;
    std::swap(next[a], next[b]);
    const uint32_t then = count();
    if (then > now + draw(1 + 6 * (steps - step) / steps)) {
      std::swap(next[a], next[b]);
      continue;
    }
    now = then;
    if (now < best) {
      best = now;
      bestNext = next;
    }
  }
  next = std::move(bestNext);
  if (best >= 1000)
    return UINT32_MAX;
  number();
  return best;
}

void RegisterCycles::number() {
  first.assign(lives.size(), 0);
  turns.assign(lives.size(), 0);
  lag.assign(lives.size(), 0);
  uint32_t used = 0;
  std::vector<uint32_t> members;
  for (uint32_t begin = 0; begin < lives.size(); ++begin) {
    if (turns[begin])
      continue;
    members.clear();
    int64_t time = lives[begin].start;
    uint32_t life = begin;
    do {
      members.push_back(life);
      lag[life] = uint32_t((time - lives[life].start) / round);
      time += lives[life].length + gap(life, next[life]);
      life = next[life];
    } while (life != begin);
    const uint32_t registers = divisors[size_t((time - lives[begin].start) / round)];
    for (uint32_t member : members) {
      first[member] = used;
      turns[member] = registers;
    }
    used += registers;
  }
}

uint32_t RegisterCycles::registerOf(uint32_t life, uint32_t iteration) const {
  const uint32_t k = turns[life];
  return first[life] + (iteration + lives[life].stage + k - lag[life] % k) % k;
}

} // namespace vtpu::sched
