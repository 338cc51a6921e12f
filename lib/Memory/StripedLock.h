//===- StripedLock.h - Shared lock without a shared line --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_MEMORY_STRIPEDLOCK_H
#define VTPU_LIB_MEMORY_STRIPEDLOCK_H

#include <atomic>
#include <thread>

namespace vtpu::mem {

/// A reader-writer lock for many short readers: threads count themselves in stripes of their own cache line, so readers do not slow each other.
/// Writers must exclude each other by other means; they wait for all stripes.
class StripedLock {
public:
  void lock_shared() {
    std::atomic<uint32_t> &readers = mine();
    while (true) {
      readers.fetch_add(1, std::memory_order_seq_cst);
      if (!writing.load(std::memory_order_seq_cst))
        return;
      readers.fetch_sub(1, std::memory_order_release);
      while (writing.load(std::memory_order_relaxed))
        std::this_thread::yield();
    }
  }
  void unlock_shared() { mine().fetch_sub(1, std::memory_order_release); }
  void lock() {
    writing.store(true, std::memory_order_seq_cst);
    for (Stripe &stripe : stripes)
      while (stripe.readers.load(std::memory_order_seq_cst))
        std::this_thread::yield();
  }
  void unlock() { writing.store(false, std::memory_order_release); }

private:
  static constexpr unsigned count = 16;
  struct alignas(64) Stripe {
    std::atomic<uint32_t> readers{0};
  };
  std::atomic<uint32_t> &mine() {
    static std::atomic<unsigned> threads{0};
    thread_local const unsigned index = threads.fetch_add(1, std::memory_order_relaxed) % count;
    return stripes[index].readers;
  }

  Stripe stripes[count];
  alignas(64) std::atomic<bool> writing{false};
};

} // namespace vtpu::mem

#endif // VTPU_LIB_MEMORY_STRIPEDLOCK_H
