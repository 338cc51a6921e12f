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
// Everything here uses general registers only, keeps the one vector register that it takes, and is inlined: light routines are made of it
// (Routines/Routine.h).
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
  /// `wide`: the host has 64-byte stores.
  VTPU_INLINE bool trySend(const Message &message, bool wide) {
    if (sent - known >= channelCapacity) {
      known = received.load(std::memory_order_acquire);
      if (sent - known >= channelCapacity)
        return false;
    }
    const uint32_t at = sent % channelCapacity;
    std::atomic<uint64_t> *slot = slots[at].lanes;
    const uint64_t key = ++sent * spread;
    uint64_t same = 0;
    for (unsigned i = 0; i < 8; ++i)
      same |= uint64_t((message.lanes[i] ^ key) == slot[i].load(std::memory_order_relaxed)) << i;
    if (same)
      repeats[at].store(sent << 8 | same, std::memory_order_release);
    if (wide) {
      moveWide(slot, message.lanes, nullptr, key);
    } else {
      for (unsigned i = 0; i < 8; ++i)
        slot[i].store(message.lanes[i] ^ key, std::memory_order_release);
    }
    return true;
  }
  VTPU_INLINE bool tryReceive(Message &message, bool wide) {
    uint64_t lanes[8];
    if (!peek(lanes))
      return false;
    const uint32_t at = taken % channelCapacity;
    const uint64_t key = ++taken * spread;
    if (wide) {
      moveWide(message.lanes, slots[at].lanes, before[at], key);
    } else {
      for (unsigned i = 0; i < 8; ++i) {
        before[at][i] = lanes[i];
        message.lanes[i] = lanes[i] ^ key;
      }
    }
    received.store(taken, std::memory_order_release);
    return true;
  }
  bool isFull() const { return sent - received.load(std::memory_order_acquire) >= channelCapacity; }
  bool isEmpty() const {
    uint64_t lanes[8];
    return !peek(lanes);
  }
  void clear() {
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
  /// The source's line.
  alignas(64) uint64_t sent = 0;
  uint64_t known = 0; // of `received`, at least
  /// The destination's lines: what its slots held before.
  alignas(64) std::atomic<uint64_t> received{0};
  uint64_t taken = 0;
  alignas(64) uint64_t before[channelCapacity][8] = {};

  /// The lanes of the next message; false if some have not arrived.
  VTPU_INLINE bool peek(uint64_t *lanes) const {
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
  /// `to` = `from` xor key in one store each; `copy`, if any, = `from`. 64 bytes, aligned.
  VTPU_INLINE static void moveWide(void *to, const void *from, void *copy, uint64_t key) {
#if VTPU_WIDE_STORE
    using Line = uint64_t[8];
    alignas(64) Line kept;
    if (copy)
      asm volatile("vmovdqa64 %%zmm0, %0\n\tvmovdqa64 %3, %%zmm0\n\tvmovdqa64 %%zmm0, %1\n\tvpxorq %4%{1to8%}, %%zmm0, %%zmm0\n\t"
                   "vmovdqa64 %%zmm0, %2\n\tvmovdqa64 %0, %%zmm0"
                   : "=&m"(kept), "=&m"(*static_cast<Line *>(copy)), "=&m"(*static_cast<Line *>(to))
                   : "m"(*static_cast<const Line *>(from)), "m"(key)
                   : "memory");
    else
      asm volatile("vmovdqa64 %%zmm0, %0\n\tvmovdqa64 %2, %%zmm0\n\tvpxorq %3%{1to8%}, %%zmm0, %%zmm0\n\tvmovdqa64 %%zmm0, %1\n\t"
                   "vmovdqa64 %0, %%zmm0"
                   : "=&m"(kept), "=&m"(*static_cast<Line *>(to))
                   : "m"(*static_cast<const Line *>(from)), "m"(key)
                   : "memory");
#else
    (void)to, (void)from, (void)copy, (void)key;
#endif
  }
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CHANNEL_H
