//===- Workers.h - Threads that stay ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The threads behind the sentrons 1..n-1 of a calling context. They live as long as the context; between calls they spin briefly, then
// sleep.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_WORKERS_H
#define VTPU_LIB_RUNTIME_WORKERS_H

#include "vtpu/Support/Result.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace vtpu::rt {

class Workers {
public:
  /// Makes `count` threads; an error if the system has no more. To be called once.
  Status start(uint32_t count);
  ~Workers();

  /// Calls `work(argument, i)` for every i in 0..count: 0 on the calling thread, the others on the workers. Returns when all are done.
  void run(void (*work)(void *argument, uint32_t index), void *argument);

private:
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint32_t> generation{0}, running{0};
  void (*work)(void *, uint32_t) = nullptr;
  void *argument = nullptr;
  bool stopping = false;

  void loop(uint32_t index);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_WORKERS_H
