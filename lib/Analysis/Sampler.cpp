//===- Sampler.cpp - Where the time of some code goes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Sampler.h"

#include "vtpu/Host/Clock.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>

#if defined(__linux__) && defined(__x86_64__)
#include <csignal>
#include <ctime>
#include <memory>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#endif

namespace vtpu::analysis {

#if defined(__linux__) && defined(__x86_64__)

namespace {
using Clock = std::chrono::steady_clock;
double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Intervals between samples are drawn from around the mean, so that no loop keeps pace with them.
constexpr uint32_t leastInterval = 60'000, intervalRange = 1 << 16; // nanoseconds
constexpr size_t mostSamples = 1 << 20;

/// What the signal's handler needs; all memory is there before the first signal.
struct Sampling {
  timer_t timer;
  uintptr_t begin;
  size_t bytes;
  uint32_t random = 1;
  uint64_t outside = 0;
  double rates = 0;
  size_t count = 0;
  volatile std::sig_atomic_t active = 0; // else a late signal starts no new interval
  std::vector<Sample> inside = std::vector<Sample>(mostSamples);

  /// Async-signal-safe.
  void arm() {
    random = random * 1664525 + 1013904223;
    const itimerspec next = {{0, 0}, {0, long(leastInterval + random % intervalRange)}};
    timer_settime(timer, 0, &next, nullptr);
  }
};
std::atomic<Sampling *> current{nullptr};

void onTimer(int, siginfo_t *, void *context) {
  Sampling *sampling = current.load(std::memory_order_relaxed);
  if (!sampling)
    return;
  const double rate = 1 / host::ticksPerCycleJustNow(); // first, before the clock changes
  sampling->rates += rate;
  const uintptr_t place = uintptr_t(static_cast<ucontext_t *>(context)->uc_mcontext.gregs[REG_RIP]);
  if (place - sampling->begin >= sampling->bytes)
    ++sampling->outside;
  else if (sampling->count < mostSamples)
    sampling->inside[sampling->count++] = {uint32_t(place - sampling->begin), float(rate)};
  const int error = errno;
  if (sampling->active)
    sampling->arm();
  errno = error;
}

/// The timer and the signal of one thread, while it lives.
class Session {
public:
  ~Session() {
    if (hasTimer)
      timer_delete(sampling->timer);
    if (owns) {
      sigaction(SIGPROF, &before, nullptr);
      sigaltstack(&stackBefore, nullptr);
      current = nullptr;
    }
  }
  Status start(const uint8_t *code, size_t bytes) {
    sampling->begin = reinterpret_cast<uintptr_t>(code);
    sampling->bytes = bytes;
    Sampling *none = nullptr;
    if (!current.compare_exchange_strong(none, sampling.get()))
      return Error{"another thread of this process samples already"};
    owns = true;
    stack_t own = {};
    own.ss_sp = stack.data();
    own.ss_size = stack.size();
    sigaltstack(&own, &stackBefore);
    struct sigaction action = {};
    action.sa_sigaction = onTimer;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigaction(SIGPROF, &action, &before);
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = int(syscall(SYS_gettid));
    if (timer_create(CLOCK_MONOTONIC, &event, &sampling->timer) != 0)
      return Error{fmt::format("no timer to sample with: {}", std::strerror(errno))};
    hasTimer = true;
    return {};
  }
  void resume() {
    sampling->active = 1;
    sampling->arm();
  }
  void pause() {
    sampling->active = 0;
    const itimerspec never = {};
    timer_settime(sampling->timer, 0, &never, nullptr);
  }
  Samples take() const {
    Samples samples;
    samples.outside = sampling->outside;
    samples.rates = sampling->rates;
    samples.inside.assign(sampling->inside.begin(), sampling->inside.begin() + ptrdiff_t(sampling->count));
    return samples;
  }
  uint64_t samplesSoFar() const { return sampling->count + sampling->outside; }
  double ratesSoFar() const { return sampling->rates; }
  bool full() const { return sampling->count == mostSamples; }

private:
  std::unique_ptr<Sampling> sampling = std::make_unique<Sampling>();
  std::vector<uint8_t> stack = std::vector<uint8_t>(1 << 17); // holds the vector registers too
  stack_t stackBefore = {};
  struct sigaction before = {};
  bool owns = false, hasTimer = false;
};

/// The call in the middle of those of a turn, in ticks, and the mean rate in the calls that were interrupted right behind.
struct Turn {
  double ticks, rate;
};
/// Cycles of a call that nothing disturbs: of the fastest quarter of the turns the one in the middle.
double cyclesOf(std::vector<Turn> turns) {
  std::sort(turns.begin(), turns.end(), [](const Turn &a, const Turn &b) { return a.ticks < b.ticks; });
  turns.resize(turns.size() / 4 + 1);
  auto cycles = [](const Turn &turn) { return turn.ticks * turn.rate; };
  std::sort(turns.begin(), turns.end(), [&](const Turn &a, const Turn &b) { return cycles(a) < cycles(b); });
  return cycles(turns[turns.size() / 2]);
}
} // namespace

Result<Samples> sampleCalls(const uint8_t *code, size_t bytes, double seconds, const std::function<Status()> &call) {
  Session session;
  if (Status status = session.start(code, bytes); !status)
    return Error{status.message()};
  std::vector<Turn> turns;
  std::vector<double> ticks; // of the calls of a turn
  double nanoseconds = 1e300;
  const Clock::time_point began = Clock::now();
  // In turns of some milliseconds, so that both halves see the same machine.
  for (unsigned turn = 0; turn < 2 || secondsSince(began) < seconds; ++turn) {
    constexpr double lengthOfTurn = 0.02;
    const Clock::time_point plain = Clock::now();
    ticks.clear();
    do {
      const Clock::time_point start = Clock::now();
      const uint64_t from = host::readTicks();
      if (Status status = call(); !status)
        return Error{status.message()};
      ticks.push_back(double(host::readTicks() - from));
      nanoseconds = std::min(nanoseconds, 1e9 * secondsSince(start));
    } while (secondsSince(plain) < lengthOfTurn);
    const uint64_t samplesBefore = session.samplesSoFar();
    const double ratesBefore = session.ratesSoFar();
    const Clock::time_point sampled = Clock::now();
    Status status;
    session.resume();
    do
      status = call();
    while (status && secondsSince(sampled) < lengthOfTurn);
    session.pause();
    if (!status)
      return Error{status.message()};
    const uint64_t taken = session.samplesSoFar() - samplesBefore;
    const double rate = taken ? (session.ratesSoFar() - ratesBefore) / double(taken) : 1 / host::ticksPerCycle();
    std::nth_element(ticks.begin(), ticks.begin() + ptrdiff_t(ticks.size() / 2), ticks.end());
    turns.push_back({ticks[ticks.size() / 2], rate});
    if (session.full())
      break;
  }
  Samples samples = session.take();
  samples.nanoseconds = nanoseconds;
  samples.cycles = cyclesOf(turns);
  return samples;
}

#else

Result<Samples> sampleCalls(const uint8_t *, size_t, double, const std::function<Status()> &) {
  return Error{"only Linux on x86-64 has the timer that samples are taken with"};
}

#endif

} // namespace vtpu::analysis
