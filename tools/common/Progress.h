//===- Progress.h - What a tool is busy with --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A line with stage and elapsed seconds on standard error, for anything that takes more than two seconds on a terminal; silent otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_COMMON_PROGRESS_H
#define VTPU_TOOLS_COMMON_PROGRESS_H

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>

namespace vtpu::tools {

class Progress {
public:
  explicit Progress(std::string stage) : stage(std::move(stage)) {
    if (isatty(STDERR_FILENO))
      thread = std::thread([this] { show(); });
  }
  ~Progress() {
    if (!thread.joinable())
      return;
    {
      std::lock_guard<std::mutex> lock(mutex);
      done = true;
    }
    wake.notify_all();
    thread.join();
  }
  /// The next stage; the seconds go on.
  void enter(std::string next) {
    std::lock_guard<std::mutex> lock(mutex);
    stage = std::move(next);
  }

private:
  std::string stage;
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  std::thread thread;

  void show() {
    std::unique_lock<std::mutex> lock(mutex);
    int seconds = 0;
    auto next = std::chrono::steady_clock::now();
    while (!wake.wait_until(lock, next += std::chrono::seconds(1), [this] { return done; }))
      if (++seconds >= 2)
        std::fprintf(stderr, "\r\033[K%s: %d s", stage.c_str(), seconds);
    if (seconds >= 2)
      std::fputs("\r\033[K", stderr); // the line was only for waiting
  }
};

} // namespace vtpu::tools

#endif // VTPU_TOOLS_COMMON_PROGRESS_H
