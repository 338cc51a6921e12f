//===- Conflicts.cpp - Times planted conflicts ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conflicts.h"

#include "vtpu/Analysis/Trace.h"
#include "vtpu/Generator/Conflicts.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

namespace vtpu::tools {

namespace {
/// Levels larger than this take too long to be filled again and again.
constexpr uint64_t mostLevelBytes = uint64_t(32) << 20;

/// Zeros from the start of a huge page on, where the kernel has them.
class Pages {
public:
  explicit Pages(uint64_t wanted) : bytes((wanted + huge - 1) / huge * huge + huge) {
    void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
      return;
    memory = static_cast<uint8_t *>(made);
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    for (uint64_t at = 0; at < bytes; at += 4096)
      memory[at] = 0;
  }
  Pages(Pages &&o) noexcept : memory(o.memory), bytes(o.bytes) { o.memory = nullptr; }
  ~Pages() {
    if (memory)
      munmap(memory, bytes);
  }
  uint8_t *data() const { return memory ? memory + (-reinterpret_cast<uintptr_t>(memory) & (huge - 1)) : nullptr; }

private:
  static constexpr uint64_t huge = 2 << 20;
  uint8_t *memory = nullptr;
  uint64_t bytes;
};

struct Twin {
  vtpu_program *program = nullptr;
  std::vector<Pages> pages;
  std::vector<const void *> inputs;
  std::vector<void *> outputs;
  double seconds = 0; // the least of a call

  Twin() = default;
  Twin(const Twin &) = delete;
  Twin &operator=(const Twin &) = delete;
  ~Twin() { vtpu_release(program); }

  Status load(const gen::ConflictSettings &settings, const analysis::Caches &caches) {
    Result<Program> planted = gen::plantConflict(settings, caches);
    if (!planted)
      return Error{planted.message()};
    Result<std::vector<uint8_t>> object = writeObject(*planted);
    if (!object)
      return Error{object.message()};
    vtpu_options options = {};
    options.struct_size = sizeof options;
    if (vtpu_load_memory(object->data(), object->size(), &options, &program) != 0)
      return Error{vtpu_last_error()};
    for (const Binding &binding : planted->functions[0].bindings) {
      pages.emplace_back(binding.size);
      if (!pages.back().data())
        return Error{fmt::format("out of memory for {} bytes", binding.size)};
      if (binding.kind == BindingKind::Input)
        inputs.push_back(pages.back().data());
      else
        outputs.push_back(pages.back().data());
    }
    return {};
  }
  /// Seconds of a call.
  Result<double> time() {
    const auto started = std::chrono::steady_clock::now();
    if (vtpu_call(program, 0, inputs.data(), outputs.data()) != 0)
      return Error{vtpu_last_error()};
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }
};

/// Times both twins with so many rounds that the repaired one takes `seconds`; accesses of a round by a run in the interpreter.
Status timePair(gen::ConflictSettings settings, const analysis::Caches &caches, uint64_t repetitions, double seconds,
                nlohmann::ordered_json &pair) {
  settings.rounds = 1;
  Result<Program> once = gen::plantConflict(settings, caches);
  if (!once)
    return Error{once.message()};
  analysis::TraceOptions traceOptions;
  traceOptions.limit = uint64_t(1) << 28;
  Result<analysis::Trace> trace = analysis::record(*once, traceOptions);
  if (!trace)
    return Error{trace.message()};
  const double accesses = double(trace->accesses.size());
  {
    Twin probe;
    settings.repaired = true;
    settings.rounds = 64;
    if (Status status = probe.load(settings, caches); !status)
      return status;
    (void)probe.time(); // first touches
    Result<double> time = probe.time();
    if (!time)
      return Error{time.message()};
    settings.rounds = uint64_t(std::max(1.0, 64 * seconds / std::max(*time, 1e-9)));
  }
  Twin twins[2];
  for (bool repaired : {false, true}) {
    settings.repaired = repaired;
    if (Status status = twins[repaired].load(settings, caches); !status)
      return status;
  }
  for (uint64_t i = 0; i <= repetitions; ++i)
    for (Twin &twin : twins) {
      Result<double> time = twin.time();
      if (!time)
        return Error{time.message()};
      if (i == 1 || (i && *time < twin.seconds)) // the first call warms up
        twin.seconds = *time;
    }
  const double each = 1e9 / (double(settings.rounds) * accesses);
  pair["rounds"] = settings.rounds;
  pair["accesses_of_a_round"] = trace->accesses.size();
  pair["planted_ns"] = twins[0].seconds * each;
  pair["repaired_ns"] = twins[1].seconds * each;
  pair["ratio"] = twins[0].seconds / twins[1].seconds;
  return {};
}
} // namespace

Status timeConflicts(const analysis::Caches &caches, uint64_t repetitions, double seconds) {
  nlohmann::ordered_json json = {{"caches", analysis::printCaches(caches)}, {"conflicts", nlohmann::ordered_json::array()}};
  for (unsigned c = 0; c < gen::numConflicts; ++c)
    for (size_t level = 0; level + 1 < caches.size(); ++level) {
      const gen::Conflict conflict = gen::Conflict(c);
      if (level && (!gen::isOfLevel(conflict) || caches[level].bytes > mostLevelBytes))
        continue;
      nlohmann::ordered_json pair = {{"conflict", gen::conflictName(conflict)},
                                     {"level", gen::isOfLevel(conflict) ? nlohmann::ordered_json(caches[level].name) : nullptr}};
      if (Status status = timePair({conflict, level, false, 0}, caches, repetitions, seconds, pair); !status)
        pair["not_possible"] = status.message();
      json["conflicts"].push_back(std::move(pair));
    }
  fmt::print("{}\n", json.dump(1));
  return {};
}

} // namespace vtpu::tools
