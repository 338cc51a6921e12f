//===- Workers.cpp - Threads that stay --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workers.h"

#include "Spin.h"

#include <fmt/format.h>
#include <system_error>

namespace vtpu::rt {

Status Workers::start(uint32_t count) {
  threads.reserve(count);
  try {
    for (uint32_t i = 1; i <= count; ++i)
      threads.emplace_back([this, i] { loop(i); });
  } catch (const std::system_error &error) {
    return Error{fmt::format("{} threads cannot be started, the system gave {} ({}); ask for fewer", count, threads.size(), error.code().message())};
  }
  return {};
}

Workers::~Workers() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    generation.fetch_add(1, std::memory_order_release);
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void Workers::run(void (*newWork)(void *, uint32_t), void *newArgument) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    work = newWork;
    argument = newArgument;
    running.store(uint32_t(threads.size()), std::memory_order_relaxed);
    generation.fetch_add(1, std::memory_order_release);
  }
  wake.notify_all();
  newWork(newArgument, 0);
  auto finished = [this] { return running.load(std::memory_order_acquire) == 0; };
  if (spin(finished))
    return;
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, finished);
}

void Workers::loop(uint32_t index) {
  uint32_t seen = 0;
  while (true) {
    auto called = [&] { return generation.load(std::memory_order_acquire) != seen; };
    if (!spin(called)) {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, called);
    }
    seen = generation.load(std::memory_order_acquire);
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (stopping)
        return;
    }
    work(argument, index);
    if (running.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard<std::mutex> lock(mutex);
      done.notify_one();
    }
  }
}

} // namespace vtpu::rt
