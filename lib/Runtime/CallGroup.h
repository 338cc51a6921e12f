//===- CallGroup.h - The sentrons of one call -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sentrons do together: messages, barriers, collective operations; and what ends a call before its time: a trap of one of them, or that
// all wait.
//
// Whoever has to wait polls for some tens of microseconds, then says under a lock what it waits for and sleeps. When every sentron that has
// not returned has done so and no one's wait is over, nothing can happen any more: that is the deadlock, and the only one; the decision needs
// no timeout and never depends on timing.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CALLGROUP_H
#define VTPU_LIB_RUNTIME_CALLGROUP_H

#include "LocalTransport.h"
#include "Spin.h"
#include "vtpu/ISA/Instruction.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace vtpu::rt {

/// Barriers with a number: 0..numBarriers-1.
constexpr uint32_t numBarriers = 64;

/// What `cmerge` makes of the messages of all sentrons, lane by lane as 64-bit integers.
enum class Merge : uint8_t {
  concat, // lane i = lane 0 of sentron i's message; at most eight sentrons
  sum,    // wrapping
  max,    // signed
  vote,   // the value that most sentrons hold; of several, the least
};

/// Operations return false when the call is over for the sentron that asked: `error` tells why. `self` is that sentron's number; each is one
/// thread.
class CallGroup {
public:
  /// For calls of up to `most` sentrons.
  explicit CallGroup(uint32_t most);

  /// Starts a call. While no sentron runs.
  void begin(uint32_t sentrons);
  /// A sentron has returned, or has trapped and stops the others.
  void leave(uint32_t self, bool trapped);

  bool send(uint32_t self, int64_t to, const Message &message);
  bool receive(uint32_t self, int64_t from, Message &message);
  /// To the sentrons first + i of the bits i in `mask`, in their order.
  bool fanOut(uint32_t self, uint64_t mask, uint32_t first, const Message &message);

  /// Until all sentrons have arrived.
  bool barrier(uint32_t self);
  /// Until `count` sentrons, which must agree about that, have arrived at barrier `number`.
  bool barrier(uint32_t self, uint32_t number, int64_t count);

  // The rest is done by all sentrons, in the same order. Results do not depend on timing.

  /// Lanes of all sentrons by dred's operation `kind`, in a tree: sentron i with i + 1, i + 2, i + 4 ... as those are there.
  bool reduce(uint32_t self, isa::Type type, int kind, Message &lanes);
  /// `root`'s message becomes everyone's.
  bool broadcast(uint32_t self, int64_t root, Message &message);
  bool merge(uint32_t self, Merge kind, Message &message);

  // For light routines: what can be done with general registers only, at once or within the time that one polls.

  enum class Quick : uint8_t {
    done,
    wake,  // done; call `wakeAfter`
    enter, // nothing is done: call the operation proper
    wait,  // at the barrier, which is not over: call `waitAt`
  };
  VTPU_INLINE Quick trySend(uint32_t self, int64_t to, const Message &message);
  VTPU_INLINE Quick tryReceive(uint32_t self, int64_t from, Message &message);
  VTPU_INLINE Quick tryBarrier(uint32_t self, uint32_t &generation);
  void wakeAfter(int64_t peer) { wake(uint32_t(peer)); }
  void wakeAfterBarrier() { wakeMet(); }
  /// The rest of a barrier of all.
  bool waitAt(uint32_t self, uint32_t generation);

  const std::atomic<bool> *stopFlag() const { return &stopped; }
  VTPU_INLINE bool isStopped() const { return stopped.load(std::memory_order_relaxed); }
  /// Why an operation of `self` failed; empty: another sentron's trap stopped it. For messages after a place, without a full stop.
  const std::string &error(uint32_t self) const { return waiters[self].error; }

private:
  /// Sentrons that meet: generation << 32 | what they meet for << 16 | how many have come.
  struct alignas(64) Meeting {
    std::atomic<uint64_t> state{0};
  };
  enum class WaitKind : uint8_t { none, send, receive, barrier, numbered, reduce, broadcast, merge };
  /// What a sentron waits for: to send to or receive from a peer, or that a meeting's generation has passed.
  struct Wait {
    WaitKind kind = WaitKind::none;
    uint32_t peer = 0; // or the barrier's number
    uint32_t generation = 0, needed = 0;
    const Meeting *meeting = nullptr;
  };
  struct alignas(64) Waiter {
    std::atomic<bool> parked{false}; // set under the lock
    bool returned = false;           // under the lock
    Wait wait;
    std::condition_variable changed;
    std::string error;
  };

  /// What a sentron sent to or received from last in this call.
  struct alignas(64) End {
    int64_t peer = 0;
    Channel *channel = nullptr; // null: nothing yet
  };

  const bool sleeperFences; // who goes to sleep fences for the others
  uint32_t sentrons = 0;
  std::unique_ptr<Transport> transport;
  const LocalTransport *local; // the same
  std::vector<Waiter> waiters;
  std::vector<End> outgoing, incoming;
  Meeting all, collective;
  std::vector<Meeting> numbered;
  std::vector<Message> contributions; // by sentron; allocated by `begin`
  Message results[2];                 // by the generation's lowest bit: some may still read one while others make the next

  alignas(64) std::atomic<bool> stopped{false};
  std::atomic<uint32_t> sleeping{0};
  std::mutex mutex;
  uint32_t left = 0; // under the lock

  /// Between what a sleeper may wait for and the look whether it sleeps.
  VTPU_INLINE void orderBeforeLook() const {
    if (sleeperFences)
      std::atomic_signal_fence(std::memory_order_seq_cst);
    else
      std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  bool await(uint32_t self, const Wait &wait);
  void sleep(uint32_t self, const Wait &wait);
  bool isOver(uint32_t self, const Wait &wait) const;
  void wake(uint32_t peer);
  void wakeMet();
  void stop();
  void checkDeadlock();
  std::string describe(uint32_t self, const Wait &wait) const;
  bool refuse(uint32_t self, std::string why);
  bool checkPeer(uint32_t self, int64_t peer);
  enum class Arrival : uint8_t { last, waits, conflict };
  /// Comes to a meeting of `needed` sentrons for `what`; `state` is what it was before. The last one calls `complete(generation)` before others
  /// can go on.
  template <typename Complete>
  VTPU_INLINE static Arrival arrive(Meeting &meeting, uint16_t what, uint32_t needed, uint64_t &state, Complete complete);
  /// Meets `needed` sentrons for `what`; the last one calls `complete(generation)` before the others go on.
  template <typename Complete>
  bool meet(uint32_t self, Meeting &meeting, uint16_t what, Wait wait, Complete complete);
  template <typename Combine>
  bool collect(uint32_t self, uint16_t what, WaitKind kind, Message &message, Combine combine);
};

// A meeting's state.
constexpr unsigned arrivedBits = 16, whatBits = 16;
VTPU_INLINE uint32_t arrivedOf(uint64_t state) { return state & 0xFFFF; }
VTPU_INLINE uint16_t whatOf(uint64_t state) { return uint16_t(state >> arrivedBits); }
VTPU_INLINE uint32_t generationOf(uint64_t state) { return uint32_t(state >> (arrivedBits + whatBits)); }
VTPU_INLINE uint64_t stateOf(uint32_t generation, uint16_t what, uint32_t arrived) {
  return uint64_t(generation) << (arrivedBits + whatBits) | uint64_t(what) << arrivedBits | arrived;
}

template <typename Complete>
CallGroup::Arrival CallGroup::arrive(Meeting &meeting, uint16_t what, uint32_t needed, uint64_t &state, Complete complete) {
  state = meeting.state.load();
  while (true) {
    const uint32_t arrived = arrivedOf(state), generation = generationOf(state);
    if (arrived && whatOf(state) != what)
      return Arrival::conflict;
    const bool last = arrived + 1 == needed;
    if (last)
      complete(generation);
    if (meeting.state.compare_exchange_strong(state, last ? stateOf(generation + 1, 0, 0) : stateOf(generation, what, arrived + 1)))
      return last ? Arrival::last : Arrival::waits;
  }
}

CallGroup::Quick CallGroup::trySend(uint32_t self, int64_t to, const Message &message) {
  End &end = outgoing[self];
  if (isStopped())
    return Quick::enter;
  if (!end.channel || to != end.peer) {
    if (uint64_t(to) >= sentrons)
      return Quick::enter;
    end = {to, local->find(self, uint32_t(to))};
  }
  if (!end.channel || !end.channel->trySend(message, local->wide))
    return Quick::enter;
  orderBeforeLook();
  return waiters[uint32_t(to)].parked.load(std::memory_order_relaxed) ? Quick::wake : Quick::done;
}

CallGroup::Quick CallGroup::tryReceive(uint32_t self, int64_t from, Message &message) {
  constexpr unsigned looks = 50, polls = 64; // some microseconds; then as everywhere
  End &end = incoming[self];
  bool done = false;
  auto look = [&](unsigned polls) __attribute__((always_inline)) {
    if (!end.channel || from != end.peer)
      end = {from, local->find(uint32_t(from), self)};
    done = end.channel && end.channel->tryReceive(message, local->wide, polls);
    return done || isStopped();
  };
  if (isStopped() || uint64_t(from) >= sentrons)
    return Quick::enter;
  for (unsigned i = 0; i < looks && !look(polls); ++i) {
  }
  if (!done)
    spin([&]() __attribute__((always_inline)) { return look(1); });
  if (!done)
    return Quick::enter;
  orderBeforeLook();
  return waiters[uint32_t(from)].parked.load(std::memory_order_relaxed) ? Quick::wake : Quick::done;
}

CallGroup::Quick CallGroup::tryBarrier(uint32_t self, uint32_t &generation) {
  (void)self;
  if (isStopped())
    return Quick::enter;
  uint64_t state;
  const Arrival arrival = arrive(all, 0, sentrons, state, [](uint32_t) __attribute__((always_inline)) {});
  generation = generationOf(state);
  if (arrival == Arrival::last) {
    orderBeforeLook();
    return sleeping.load(std::memory_order_relaxed) ? Quick::wake : Quick::done;
  }
  bool over = false;
  spin([&]() __attribute__((always_inline)) {
    over = generationOf(all.state.load()) != generation;
    return over || isStopped();
  });
  return over ? Quick::done : Quick::wait;
}

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CALLGROUP_H
