//===- CallGroup.cpp - The sentrons of one call -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CallGroup.h"

#include "FunctionBases.h"
#include "Semantics.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vtpu::rt {

namespace {
/// What a collective meeting is for: kind << 12 | detail.
enum Collective : uint16_t { reduceTag = 0 << 12, broadcastTag = 1 << 12, mergeTag = 2 << 12 };
const char *collectiveName(uint16_t what) {
  const char *names[] = {"creduce", "ccast", "cmerge"};
  return names[what >> 12];
}

bool registerFences() {
  static const bool done = syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return done;
}

/// Sentrons of a deadlock that its message lists.
constexpr unsigned mostListed = 8;
} // namespace

CallGroup::CallGroup(uint32_t most)
    : sleeperFences(registerFences()), waiters(most), outgoing(most), incoming(most), numbered(numBarriers), contributions(most) {
  auto threads = std::make_unique<LocalTransport>(most);
  local = threads.get();
  transport = std::move(threads);
}

void CallGroup::begin(uint32_t count) {
  sentrons = count;
  transport->clear();
  if (isStopped()) { // else nobody is left at a meeting
    auto forget = [](Meeting &meeting) { meeting.state.store(stateOf(generationOf(meeting.state.load()), 0, 0)); };
    forget(all);
    forget(collective);
    std::for_each(numbered.begin(), numbered.end(), forget);
    stopped.store(false);
  }
  for (Waiter &waiter : waiters) {
    waiter.returned = false;
    waiter.wait = {};
    waiter.error.clear();
  }
  std::fill(outgoing.begin(), outgoing.end(), End());
  std::fill(incoming.begin(), incoming.end(), End());
  left = 0;
}

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

bool CallGroup::isOver(uint32_t self, const Wait &wait) const {
  switch (wait.kind) {
  case WaitKind::none:
    return true;
  case WaitKind::send:
    return transport->canSend(self, wait.peer);
  case WaitKind::receive:
    return transport->canReceive(wait.peer, self);
  default:
    return generationOf(wait.meeting->state.load()) != wait.generation;
  }
}

bool CallGroup::await(uint32_t self, const Wait &wait) {
  if (!spin([&] { return isOver(self, wait) || isStopped(); }))
    sleep(self, wait);
  return !isStopped();
}

/// `parked` is set before the wait is looked at again, and wakers look at `parked` after they have acted: one of the two sees the other. Where
/// the system has membarrier, which has every running thread of the process pass a full fence, the rare sleeper pays for that order alone.
void CallGroup::sleep(uint32_t self, const Wait &wait) {
  Waiter &waiter = waiters[self];
  std::unique_lock<std::mutex> lock(mutex);
  waiter.wait = wait;
  waiter.parked.store(true);
  sleeping.fetch_add(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeperFences)
    syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  checkDeadlock();
  waiter.changed.wait(lock, [&] { return isOver(self, wait) || isStopped(); });
  sleeping.fetch_sub(1);
  waiter.parked.store(false);
  waiter.wait = {};
}

/// After a change that `peer` may wait for.
void CallGroup::wake(uint32_t peer) {
  orderBeforeLook();
  Waiter &waiter = waiters[peer];
  if (!waiter.parked.load(std::memory_order_relaxed))
    return;
  std::lock_guard<std::mutex> lock(mutex);
  waiter.changed.notify_one();
}

/// After a meeting.
void CallGroup::wakeMet() {
  orderBeforeLook();
  if (sleeping.load(std::memory_order_relaxed) == 0)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  for (uint32_t s = 0; s < sentrons; ++s)
    if (waiters[s].wait.meeting && isOver(s, waiters[s].wait))
      waiters[s].changed.notify_one();
}

void CallGroup::leave(uint32_t self, bool trapped) {
  std::lock_guard<std::mutex> lock(mutex);
  if (trapped)
    return stop();
  waiters[self].returned = true;
  ++left;
  checkDeadlock();
}

/// Under the lock.
void CallGroup::stop() {
  stopped.store(true);
  for (uint32_t s = 0; s < sentrons; ++s)
    waiters[s].changed.notify_one();
}

/// Under the lock, which every sleeper has held since its last deed: what is seen of the channels is what they are.
void CallGroup::checkDeadlock() {
  const uint32_t waiting = sleeping.load();
  if (waiting == 0 || waiting + left != sentrons || isStopped())
    return;
  for (uint32_t s = 0; s < sentrons; ++s)
    if (waiters[s].wait.kind != WaitKind::none && isOver(s, waiters[s].wait))
      return;
  std::string report = "deadlock: ";
  unsigned listed = 0;
  for (uint32_t s = 0; s < sentrons; ++s) {
    if (waiters[s].wait.kind == WaitKind::none)
      continue;
    if (listed < mostListed)
      report += (listed ? "; " : "") + describe(s, waiters[s].wait);
    ++listed;
  }
  if (listed > mostListed)
    report += fmt::format("; and {} more", listed - mostListed);
  for (uint32_t s = 0; s < sentrons; ++s)
    if (waiters[s].wait.kind != WaitKind::none)
      waiters[s].error = report;
  stop();
}

std::string CallGroup::describe(uint32_t self, const Wait &wait) const {
  std::string place;
  switch (wait.kind) {
  case WaitKind::send:
  case WaitKind::receive:
    return fmt::format("sentron {} waits to {} {}{}", self, wait.kind == WaitKind::send ? "send to" : "receive from", wait.peer,
                       waiters[wait.peer].returned ? ", which has returned" : "");
  case WaitKind::barrier:
    place = "cbar";
    break;
  case WaitKind::numbered:
    place = fmt::format("barrier {}", wait.peer);
    break;
  default:
    place = collectiveName(whatOf(wait.meeting->state.load()));
    break;
  }
  return fmt::format("sentron {} waits at {} ({} of {} arrived)", self, place, arrivedOf(wait.meeting->state.load()), wait.needed);
}

bool CallGroup::refuse(uint32_t self, std::string why) {
  waiters[self].error = std::move(why);
  return false;
}

bool CallGroup::checkPeer(uint32_t self, int64_t peer) {
  if (peer >= 0 && peer < int64_t(sentrons))
    return true;
  return refuse(self, fmt::format("sentron {} does not exist; this call has {} (0 to {})", peer, sentrons, sentrons - 1));
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

bool CallGroup::send(uint32_t self, int64_t to, const Message &message) {
  if (!checkPeer(self, to))
    return false;
  while (!isStopped()) {
    switch (transport->trySend(self, uint32_t(to), message)) {
    case Transfer::done:
      wake(uint32_t(to));
      return true;
    case Transfer::blocked:
      await(self, {WaitKind::send, uint32_t(to), 0, 0, nullptr});
      break;
    case Transfer::noMemory:
      return refuse(self, fmt::format("out of memory for the channel from sentron {} to {}", self, to));
    }
  }
  return false;
}

bool CallGroup::receive(uint32_t self, int64_t from, Message &message) {
  if (!checkPeer(self, from))
    return false;
  while (!isStopped()) {
    if (transport->tryReceive(uint32_t(from), self, message) == Transfer::done) {
      wake(uint32_t(from));
      return true;
    }
    await(self, {WaitKind::receive, uint32_t(from), 0, 0, nullptr});
  }
  return false;
}

bool CallGroup::fanOut(uint32_t self, uint64_t mask, uint32_t first, const Message &message) {
  if (mask && !checkPeer(self, int64_t(first) + 63 - __builtin_clzll(mask)))
    return false;
  for (; mask; mask &= mask - 1)
    if (!send(self, int64_t(first) + __builtin_ctzll(mask), message))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Meetings
//===----------------------------------------------------------------------===//

template <typename Complete>
bool CallGroup::meet(uint32_t self, Meeting &meeting, uint16_t what, Wait wait, Complete complete) {
  if (isStopped())
    return false;
  uint64_t seen;
  switch (arrive(meeting, what, wait.needed, seen, complete)) {
  case Arrival::conflict: {
    const uint16_t other = whatOf(seen);
    if (wait.kind == WaitKind::numbered)
      return refuse(self, fmt::format("barrier {} for {} sentrons, but others wait there for {}", wait.peer, what, other));
    if (what >> 12 != other >> 12)
      return refuse(self, fmt::format("sentron {} is at {}, others are at {}", self, collectiveName(what), collectiveName(other)));
    return refuse(self, fmt::format("sentron {} is at {} with operands that differ from the others'", self, collectiveName(what)));
  }
  case Arrival::last:
    wakeMet();
    return true;
  case Arrival::waits:
    wait.generation = generationOf(seen);
    wait.meeting = &meeting;
    await(self, wait);
    return isOver(self, wait);
  }
  return false;
}

bool CallGroup::waitAt(uint32_t self, uint32_t generation) {
  const Wait wait{WaitKind::barrier, 0, generation, sentrons, &all};
  await(self, wait);
  return isOver(self, wait);
}

bool CallGroup::barrier(uint32_t self) {
  return meet(self, all, 0, {WaitKind::barrier, 0, 0, sentrons, nullptr}, [](uint32_t) {});
}

bool CallGroup::barrier(uint32_t self, uint32_t number, int64_t count) {
  if (count < 1 || count > int64_t(sentrons))
    return refuse(self, fmt::format("barrier {} for {} sentrons; this call has {}", number, count, sentrons));
  return meet(self, numbered[number], uint16_t(count), {WaitKind::numbered, number, 0, uint32_t(count), nullptr}, [](uint32_t) {});
}

template <typename Combine>
bool CallGroup::collect(uint32_t self, uint16_t what, WaitKind kind, Message &message, Combine combine) {
  const uint32_t generation = generationOf(collective.state.load()); // does not pass without this sentron
  contributions[self] = message;
  if (!meet(self, collective, what, {kind, 0, 0, sentrons, nullptr}, [&](uint32_t now) { combine(results[now & 1]); }))
    return false;
  message = results[generation & 1];
  return true;
}

bool CallGroup::reduce(uint32_t self, isa::Type type, int kind, Message &lanes) {
  return collect(self, uint16_t(reduceTag | unsigned(type) << 3 | unsigned(kind)), WaitKind::reduce, lanes, [&](Message &result) {
    for (uint32_t step = 1; step < sentrons; step *= 2)
      for (uint32_t s = 0; s + step < sentrons; s += 2 * step)
        reduceLanes(type, kind, contributions[s].lanes, contributions[s + step].lanes);
    result = contributions[0];
  });
}

bool CallGroup::broadcast(uint32_t self, int64_t root, Message &message) {
  if (!checkPeer(self, root))
    return false;
  return collect(self, uint16_t(broadcastTag | unsigned(root)), WaitKind::broadcast, message,
                 [&](Message &result) { result = contributions[size_t(root)]; });
}

bool CallGroup::merge(uint32_t self, Merge kind, Message &message) {
  if (kind == Merge::concat && sentrons > 8)
    return refuse(self, fmt::format("cmerge joins the messages of up to 8 sentrons; this call has {}", sentrons));
  return collect(self, uint16_t(mergeTag | unsigned(kind)), WaitKind::merge, message, [&](Message &result) {
    if (kind == Merge::concat) {
      result = {};
      for (uint32_t s = 0; s < sentrons; ++s)
        result.lanes[s] = contributions[s].lanes[0];
      return;
    }
    if (kind != Merge::vote) {
      result = contributions[0];
      for (uint32_t s = 1; s < sentrons; ++s)
        reduceLanes(isa::Type::i64, kind == Merge::sum ? 0 : 3, result.lanes, contributions[s].lanes);
      return;
    }
    std::vector<int64_t> votes(sentrons);
    for (unsigned lane = 0; lane < 8; ++lane) {
      for (uint32_t s = 0; s < sentrons; ++s)
        votes[s] = int64_t(contributions[s].lanes[lane]);
      std::sort(votes.begin(), votes.end());
      size_t most = 0;
      for (size_t first = 0, end = 0; first < votes.size(); first = end) {
        while (end < votes.size() && votes[end] == votes[first])
          ++end;
        if (end - first > most) {
          most = end - first;
          result.lanes[lane] = uint64_t(votes[first]);
        }
      }
    }
  });
}

bool waitAtBarrier(SentronContext &context) {
  if (!context.group || context.sentrons <= 1)
    return true;
  auto started = std::chrono::steady_clock::now();
  const bool released = context.group->barrier(uint32_t(context.sentron));
  context.barrierSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return released;
}

} // namespace vtpu::rt
