//===- CallGroup.cpp - The sentrons of one call -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A barrier that spins briefly, then sleeps. It cannot hang: a sentron that traps stops the others, and once a sentron has returned, a barrier
// at which all others wait is reported as stuck.
//
//===----------------------------------------------------------------------===//

#include "FunctionBases.h"
#include "Spin.h"

#include <chrono>

namespace vtpu::rt {

bool CallGroup::wait() {
  if (isStopped())
    return false;
  const uint32_t before = generation.load();
  if (arrived.fetch_add(1) + 1 == sentrons) {
    arrived.store(0);
    {
      std::lock_guard<std::mutex> lock(mutex);
      generation.store(before + 1);
    }
    changed.notify_all();
    return true;
  }
  checkProgress();
  auto over = [&] { return generation.load() != before || isStopped(); };
  if (!spin(over)) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, over);
  }
  return generation.load() != before;
}

void CallGroup::leave(bool trapped) {
  if (trapped)
    return stop();
  left.fetch_add(1);
  checkProgress();
}

/// Each side counts itself before it looks at the other: one of them sees the whole.
void CallGroup::checkProgress() {
  const uint32_t gone = left.load(), waiting = arrived.load();
  if (gone == 0 || waiting == 0 || gone + waiting != sentrons || isStopped())
    return;
  stuck.store(true);
  stop();
}

void CallGroup::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopped.store(true);
  }
  changed.notify_all();
}

bool waitAtBarrier(SentronContext &context) {
  if (!context.group || context.sentrons <= 1)
    return true;
  auto started = std::chrono::steady_clock::now();
  const bool released = context.group->wait();
  context.barrierSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return released;
}

} // namespace vtpu::rt
