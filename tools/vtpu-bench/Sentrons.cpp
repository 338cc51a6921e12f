//===- Sentrons.cpp - Benchmarks of messages and barriers -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sentrons.h"

#include "../../lib/Runtime/Workers.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <atomic>
#include <fmt/format.h>
#include <memory>

namespace vtpu::tools {

namespace {
/// Of one call: enough that waking the second thread is a small part.
constexpr int64_t rounds = 500;

std::string pingPong() {
  return fmt::format(R"(.func main entry
  {{ D: dimm.i64.512 v0, 0 }}
  {{ C: cpackv m0, v0 }}
  {{ C: cimm r4, 0 }}
  {{ C: cimm r1, 1 }}
  {{ C: csid r2 }}
  {{ C: csub r3, r1, r2 }}
  {{ C: cbcci.eq r2, 1, answer }}
ask:
  {{ C: csend m0, r3 }}
  {{ C: crecv m0, r3 }}
  {{ C: caddi r4, r4, 1 }}
  {{ C: cbcci.lt r4, {0}, ask }}
  {{ C: cret }}
answer:
  {{ C: crecv m0, r3 }}
  {{ C: csend m0, r3 }}
  {{ C: caddi r4, r4, 1 }}
  {{ C: cbcci.lt r4, {0}, answer }}
  {{ C: cret }}
.end
)", rounds);
}
std::string barrier() {
  return fmt::format(R"(.func main entry
  {{ C: cimm r4, 0 }}
next:
  {{ C: cbar }}
  {{ C: caddi r4, r4, 1 }}
  {{ C: cbcci.lt r4, {}, next }}
  {{ C: cret }}
.end
)", rounds);
}

struct Line {
  alignas(128) std::atomic<int64_t> value{0};
};

void finish(benchmark::State &state) { state.SetItemsProcessed(state.iterations() * rounds); }

Status registerWords(const std::string &name, const std::string &text, const Configure &configure) {
  Result<Program> program = parseAssembly(text, name);
  if (!program)
    return program.takeError();
  Result<std::vector<uint8_t>> bytes = writeObject(*program);
  if (!bytes)
    return bytes.takeError();
  Options options;
  options.threads = 2;
  Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
  if (!loaded)
    return Error{loaded.message()};
  auto file = std::make_shared<LoadedFile>(std::move(*loaded));
  configure(benchmark::RegisterBenchmark(name.c_str(), [file](benchmark::State &state) {
    for (auto _ : state)
      if (Status status = file->call(0, {}, {}); !status)
        return state.SkipWithError(status.message().c_str());
    finish(state);
  }));
  return {};
}

/// `body(thread)` on this thread and a second one that stays, as the runtime runs two sentrons.
template <typename Body>
Status registerThreads(const char *name, Body body, const Configure &configure) {
  auto workers = std::make_shared<rt::Workers>();
  if (Status status = workers->start(1); !status)
    return status;
  configure(benchmark::RegisterBenchmark(name, [workers, body](benchmark::State &state) {
    for (auto _ : state)
      workers->run([](void *argument, uint32_t thread) { (*static_cast<const Body *>(argument))(thread); }, const_cast<Body *>(&body));
    finish(state);
  }));
  return {};
}
} // namespace

Status registerSentrons(const Configure &configure) {
  auto there = std::make_shared<Line>(), back = std::make_shared<Line>();
  Status status = registerThreads("ping-pong:line", [there, back](uint32_t thread) {
    std::atomic<int64_t> &mine = thread ? back->value : there->value, &other = thread ? there->value : back->value;
    const int64_t start = mine.load(std::memory_order_relaxed);
    for (int64_t i = start + 1; i <= start + rounds; ++i) {
      if (thread == 0)
        mine.store(i, std::memory_order_release);
      while (other.load(std::memory_order_acquire) < i) {
      }
      if (thread == 1)
        mine.store(i, std::memory_order_release);
    }
  }, configure);
  if (status)
    status = registerWords("ping-pong:words", pingPong(), configure);
  auto arrived = std::make_shared<Line>(), generation = std::make_shared<Line>();
  if (status)
    status = registerThreads("barrier:counter", [arrived, generation](uint32_t) {
      for (int64_t i = 0; i < rounds; ++i) {
        const int64_t before = generation->value.load(std::memory_order_acquire);
        if (arrived->value.fetch_add(1, std::memory_order_acq_rel) == 1) {
          arrived->value.store(0, std::memory_order_relaxed);
          generation->value.store(before + 1, std::memory_order_release);
        } else {
          while (generation->value.load(std::memory_order_acquire) == before) {
          }
        }
      }
    }, configure);
  if (status)
    status = registerWords("barrier:words", barrier(), configure);
  return status;
}

} // namespace vtpu::tools
