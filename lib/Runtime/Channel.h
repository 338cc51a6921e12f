//===- Channel.h - A ring between two threads -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cost of a message between two cores is the cache lines that move, so a message moves in one: its own 64 bytes tell that it has arrived.
// A message is written xor a key that differs from message to message; a lane of a slot has arrived when it differs from what the slot held
// before. Where a lane happens to be the same, the source says so in a word beside (`repeats`), which no ordinary message touches: the
// destination finds it unchanged in its cache. A flag in a second line takes 1.9 times the time of one line, one line written lane by lane
// as well: the destination fetches it half-written. Hence the single 64-byte store where the host has one; lanes are judged one by one, so
// nothing depends on its being indivisible.
//
// The source keeps a copy of what it wrote, so that it never reads a slot, and what need not come before the store of a message comes behind it.
//
// Everything here uses general registers only, keeps the vector and the mask register that it takes, and is inlined: light routines are made of
// it (Routines/Routine.h).
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CHANNEL_H
#define VTPU_LIB_RUNTIME_CHANNEL_H

#include "Transport.h"

#include <atomic>

/// No function of its own, which might come from a file that is compiled for vector registers.
#define VTPU_INLINE [[gnu::always_inline]] inline

// ThreadSanitizer sees stores of the language only.
#if defined(__SANITIZE_THREAD__)
#define VTPU_WIDE_STORE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VTPU_WIDE_STORE 0
#endif
#endif
#if !defined(VTPU_WIDE_STORE)
#if defined(__x86_64__)
#define VTPU_WIDE_STORE 1
#else
#define VTPU_WIDE_STORE 0
#endif
#endif

namespace vtpu::rt {

class Channel {
public:
  /// `wide`: the host has 64-byte stores (LocalTransport::wide).
  VTPU_INLINE bool trySend(const Message &message, bool wide) {
    if (sent - known >= channelCapacity) {
      known = received.load(std::memory_order_acquire);
      if (sent - known >= channelCapacity)
        return false;
    }
    const uint32_t at = sent % channelCapacity;
    const uint64_t key = ++sent * spread;
    const uint64_t same = wide ? putLine(slots[at], message, held[at], sourceVector, key) : putLanes(slots[at], message, held[at], key);
    if (same)
      repeats[at].store(sent << 8 | same, std::memory_order_release);
    // The destination's line comes while nothing waits for it, not before a message that is to go.
    if (sent - known >= channelCapacity / 2)
      known = received.load(std::memory_order_acquire);
    return true;
  }
  /// Looks up to `polls` times, each after the one before: loads that run ahead would all be done again when the line changes hands.
  VTPU_INLINE bool tryReceive(Message &message, bool wide, unsigned polls = 1) {
    const uint64_t taken = received.load(std::memory_order_relaxed);
    const uint32_t at = taken % channelCapacity;
    // The lane that is written last, where lanes are written one by one.
    for (const uint64_t old = before[at][7]; slots[at].lanes[7].load(std::memory_order_acquire) == old;) {
      if (--polls == 0) {
        if (repeats[at].load(std::memory_order_acquire) >> 8 != taken + 1)
          return false;
        break;
      }
      asm volatile("lfence");
    }
    const uint64_t key = (taken + 1) * spread;
    if (!(wide && takeLine(slots[at], before[at], message, destinationVector, key)) && !takeLanes(taken, message, key))
      return false;
    received.store(taken + 1, std::memory_order_release);
    return true;
  }
  bool isFull() const { return sent - received.load(std::memory_order_acquire) >= channelCapacity; }
  bool isEmpty() const {
    uint64_t lanes[8];
    return !peek(received.load(std::memory_order_relaxed), lanes);
  }
  void clear() {
    uint64_t taken = received.load(std::memory_order_relaxed);
    for (; taken < sent; ++taken)
      for (unsigned i = 0; i < 8; ++i)
        before[taken % channelCapacity][i] = slots[taken % channelCapacity].lanes[i].load(std::memory_order_relaxed);
    received.store(taken, std::memory_order_relaxed);
  }

private:
  /// Odd and irregular: keys of different messages differ in high and low bits. 2^64 / golden ratio.
  static constexpr uint64_t spread = 0x9E3779B97F4A7C15;

  struct alignas(64) Slot {
    std::atomic<uint64_t> lanes[8];
  };
  Slot slots[channelCapacity] = {};
  /// Number of the message << 8 | lanes that equal what the slot held before.
  alignas(64) std::atomic<uint64_t> repeats[channelCapacity] = {};
  /// The source's lines; `held`: what it has written to the slots.
  alignas(64) uint64_t sent = 0;
  uint64_t known = 0; // of `received`, at least
  alignas(64) uint64_t sourceVector[8];
  alignas(64) uint64_t held[channelCapacity][8] = {};
  /// The destination's lines; `before`: what the slots held before.
  alignas(64) std::atomic<uint64_t> received{0};
  alignas(64) uint64_t destinationVector[8];
  alignas(64) uint64_t before[channelCapacity][8] = {};

  /// The lanes of message `taken`, the first not yet received; false if some have not arrived.
  VTPU_INLINE bool peek(uint64_t taken, uint64_t *lanes) const {
    const uint32_t at = taken % channelCapacity;
    const std::atomic<uint64_t> *slot = slots[at].lanes;
    uint64_t arrived = 0;
    for (unsigned i = 8; i-- > 0;) {
      lanes[i] = slot[i].load(std::memory_order_acquire);
      arrived |= uint64_t(lanes[i] != before[at][i]) << i;
    }
    if (arrived == 0xFF)
      return true;
    const uint64_t repeated = repeats[at].load(std::memory_order_acquire);
    return repeated >> 8 == taken + 1 && ((arrived | repeated) & 0xFF) == 0xFF;
  }
  VTPU_INLINE bool takeLanes(uint64_t taken, Message &message, uint64_t key) {
    uint64_t lanes[8];
    if (!peek(taken, lanes))
      return false;
    for (unsigned i = 0; i < 8; ++i) {
      before[taken % channelCapacity][i] = lanes[i];
      message.lanes[i] = lanes[i] ^ key;
    }
    return true;
  }
  using Line = uint64_t[8];
  /// Writes a slot, which holds `held`. Result: the lanes that stay as they were.
  VTPU_INLINE static uint64_t putLanes(Slot &slot, const Message &message, Line &held, uint64_t key) {
    uint64_t same = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const uint64_t lane = message.lanes[i] ^ key;
      slot.lanes[i].store(lane, std::memory_order_release);
      same |= uint64_t(lane == held[i]) << i;
      held[i] = lane;
    }
    return same;
  }
  /// The same in one store, before anything else is done. zmm0 waits in `vector`.
  VTPU_INLINE static uint64_t putLine(Slot &slot, const Message &message, Line &held, Line &vector, uint64_t key) {
    uint64_t same = 0;
#if VTPU_WIDE_STORE
    uint64_t mask;
    asm volatile("vmovdqa64 %%zmm0, %[vector]\n\t"
                 "vmovdqa64 %[message], %%zmm0\n\t"
                 "vpxorq %[key]%{1to8%}, %%zmm0, %%zmm0\n\t"
                 "vmovdqa64 %%zmm0, %[slot]\n\t"
                 "kmovq %%k1, %[mask]\n\t"
                 "vpcmpeqq %[held], %%zmm0, %%k1\n\t"
                 "vmovdqa64 %%zmm0, %[held]\n\t"
                 "kmovb %%k1, %k[same]\n\t"
                 "kmovq %[mask], %%k1\n\t"
                 "vmovdqa64 %[vector], %%zmm0"
                 : [vector] "=&m"(vector), [slot] "=&m"(slot), [held] "+m"(held), [mask] "=&r"(mask), [same] "=&r"(same)
                 : [message] "m"(message), [key] "m"(key)
                 : "memory");
#else
    (void)slot, (void)message, (void)held, (void)vector, (void)key;
#endif
    return same;
  }
  /// Takes the message out of a slot if all its lanes differ from `before`. zmm0 waits in `vector`.
  VTPU_INLINE static bool takeLine(const Slot &slot, Line &before, Message &message, Line &vector, uint64_t key) {
    bool arrived = false;
#if VTPU_WIDE_STORE
    uint64_t mask;
    asm volatile("vmovdqa64 %%zmm0, %[vector]\n\t"
                 "kmovq %%k1, %[mask]\n\t"
                 "vmovdqa64 %[slot], %%zmm0\n\t"
                 "vpcmpneqq %[before], %%zmm0, %%k1\n\t"
                 "kortestb %%k1, %%k1\n\t"
                 "setc %[arrived]\n\t"
                 "jnc 1f\n\t"
                 "vmovdqa64 %%zmm0, %[before]\n\t"
                 "vpxorq %[key]%{1to8%}, %%zmm0, %%zmm0\n\t"
                 "vmovdqa64 %%zmm0, %[message]\n"
                 "1:\n\t"
                 "kmovq %[mask], %%k1\n\t"
                 "vmovdqa64 %[vector], %%zmm0"
                 : [vector] "=&m"(vector), [before] "+m"(before), [message] "+m"(message), [mask] "=&r"(mask), [arrived] "=&q"(arrived)
                 : [slot] "m"(slot), [key] "m"(key)
                 : "cc", "memory");
#else
    (void)slot, (void)before, (void)message, (void)vector, (void)key;
#endif
    return arrived;
  }
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CHANNEL_H
