//===- Code.cpp - Benchmarks of emitted code --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Code.h"
#include "Synthetic.h"

#include "../../lib/Runtime/Parameters.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>

namespace vtpu::tools {

namespace {
using Facts = std::vector<rt::FunctionFacts>;

/// One entry of a program with the memory of a call; variants of its machine code share both.
class Subject {
public:
  Program program;
  Facts facts;

  static Result<std::shared_ptr<Subject>> create(Program program, const std::string &parameters, uint64_t seed) {
    auto subject = std::make_shared<Subject>();
    subject->program = std::move(program);
    Result<Facts> facts = rt::verify(subject->program);
    if (!facts)
      return Error{facts.message()};
    subject->facts = std::move(*facts);
    if (Status status = subject->place(parameters, seed); !status)
      return Error{status.message()};
    return subject;
  }

  Status run(rt::Executor &executor) {
    rt::SentronContext context;
    context.stacks = stacks.data();
    if (executor.run(entry, bases.data(), context))
      return {};
    return Error{fmt::format("function {}, word {}: the call trapped; its inputs are random", program.functions[context.trap.function].name,
                             context.trap.word)};
  }

private:
  uint32_t entry = 0;
  rt::BufferPool memory;
  std::vector<uint8_t *> bases, stacks;

  Result<uint8_t *> allocate(uint64_t bytes) {
    uint8_t *data = memory.take(bytes);
    if (!data)
      return Error{fmt::format("out of memory for {} bytes", bytes)};
    return data;
  }

  Status place(const std::string &parameters, uint64_t seed) {
    const auto found = std::find_if(program.functions.begin(), program.functions.end(), [](const Function &f) { return f.entry; });
    if (found == program.functions.end())
      return Error{"the program has no entry function"};
    entry = uint32_t(found - program.functions.begin());
    stacks.assign(program.functions.size(), nullptr);
    for (size_t f = 0; f < program.functions.size(); ++f)
      for (const Binding &binding : program.functions[f].bindings)
        if (binding.kind == BindingKind::Stack) {
          Result<uint8_t *> data = allocate(binding.size);
          if (!data)
            return Error{data.message()};
          stacks[f] = *data;
        }
    std::unique_ptr<rt::SafetensorsFile> file;
    std::mt19937 random{uint32_t(seed)};
    for (const Binding &binding : found->bindings) {
      Result<uint8_t *> data = binding.kind == BindingKind::Stack ? stacks[entry] : allocate(std::max<uint64_t>(binding.size, 1));
      if (!data)
        return Error{data.message()};
      if (binding.kind == BindingKind::Input) {
        std::vector<uint8_t> values(binding.size);
        fillRandom(values, vtpu_dtype(binding.dtype), random);
        std::copy(values.begin(), values.end(), *data);
      } else if (binding.kind == BindingKind::Constant) {
        std::copy_n(program.rodata.data() + binding.offset, binding.size, *data);
      } else if (binding.kind == BindingKind::Parameter) {
        if (!file) {
          Result<std::unique_ptr<rt::SafetensorsFile>> opened = rt::SafetensorsFile::open(parameters);
          if (!opened)
            return Error{opened.message()};
          file = std::move(*opened);
        }
        const rt::TensorView *tensor = file->find(binding.key);
        if (!tensor)
          return Error{fmt::format("parameter '{}' is not in {}", binding.key, parameters)};
        if (Status status = rt::checkParameter(binding, *tensor, parameters); !status)
          return status;
        if (binding.layout.kind == Layout::Panels) {
          data = rt::packParameter(binding, *tensor, memory);
          if (!data)
            return Error{data.message()};
        } else {
          std::copy_n(tensor->data, std::min(tensor->bytes, binding.size), *data);
        }
      }
      bases.push_back(*data);
    }
    return {};
  }
};

/// Registers calls of a variant; `count` items are executed by one.
Status registerCalls(const std::string &name, const std::shared_ptr<Subject> &subject, const Facts &facts,
                     std::vector<std::pair<std::string, double>> counters, uint64_t count, const Configure &configure) {
  Result<std::unique_ptr<rt::Executor>> jit = rt::createJIT(subject->program, facts);
  if (!jit)
    return Error{jit.message()};
  std::shared_ptr<rt::Executor> executor = std::move(*jit);
  if (Status status = subject->run(*executor); !status)
    return Error{fmt::format("{}: {}", name, status.message())};
  configure(benchmark::RegisterBenchmark(name.c_str(), [subject, executor, counters, count](benchmark::State &state) {
    for (auto _ : state)
      if (Status status = subject->run(*executor); !status)
        return state.SkipWithError(status.message().c_str());
    for (const auto &[key, value] : counters)
      state.counters[key] = value;
    if (count)
      state.SetItemsProcessed(int64_t(state.iterations()) * int64_t(count));
  }));
  return {};
}

#if defined(__x86_64__)
#define WORD(sum, loaded, scalar, offset) \
  "vfmadd231ps %%zmm31, %%zmm30, %%zmm" #sum "\n\tvmovups " #offset "(%[x]), %%zmm" #loaded "\n\tadd $1, %%" #scalar "\n\t"
/// The words of loop() (Machine.cpp) as the host's instructions: `Blocks` blocks of 24 words a round.
template <unsigned Blocks>
__attribute__((target("avx512f"), noinline)) void nativeLoop(const uint8_t *x, int64_t rounds) {
  int64_t round = 0;
  asm volatile(".irp sum, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 30, 31\n\t"
               "vpxord %%zmm\\sum, %%zmm\\sum, %%zmm\\sum\n\t"
               ".endr\n\t"
               ".p2align 5\n"
               "1:\n\t"
               ".rept %c[blocks]\n\t"
               // clang-format off
               WORD(0, 16, r8, 0) WORD(1, 17, r9, 64) WORD(2, 18, r10, 128) WORD(3, 19, r11, 192)
               WORD(4, 20, r8, 256) WORD(5, 21, r9, 320) WORD(6, 22, r10, 384) WORD(7, 23, r11, 448)
               WORD(8, 16, r8, 512) WORD(9, 17, r9, 576) WORD(10, 18, r10, 640) WORD(11, 19, r11, 704)
               WORD(0, 20, r8, 768) WORD(1, 21, r9, 832) WORD(2, 22, r10, 896) WORD(3, 23, r11, 960)
               WORD(4, 16, r8, 1024) WORD(5, 17, r9, 1088) WORD(6, 18, r10, 1152) WORD(7, 19, r11, 1216)
               WORD(8, 20, r8, 1280) WORD(9, 21, r9, 1344) WORD(10, 22, r10, 1408) WORD(11, 23, r11, 1472)
               // clang-format on
               ".endr\n\t"
               "add $1, %[round]\n\t"
               "cmp %[rounds], %[round]\n\t"
               "jl 1b\n\t"
               "vzeroupper"
               : [round] "+r"(round)
               : [x] "r"(x), [rounds] "r"(rounds), [blocks] "i"(Blocks)
               : "r8", "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                 "xmm10", "xmm11", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31");
}
#undef WORD
#endif
} // namespace

Status registerNative(const Configure &configure) {
#if defined(__x86_64__)
  if (!rt::hostHasBaseline())
    return Error{"this CPU lacks AVX-512, which the code to be measured needs"};
  constexpr int64_t executed = 400000; // words of a call
  using Native = void (*)(const uint8_t *, int64_t);
  const Native natives[] = {nativeLoop<blocksOf(64)>, nativeLoop<blocksOf(256)>, nativeLoop<blocksOf(1024)>, nativeLoop<blocksOf(4096)>};
  static_assert(std::size(natives) == std::size(loopWords));
  std::vector<NamedProgram> programs = loops(executed);
  for (size_t i = 0; i < programs.size(); ++i) {
    const unsigned body = blocksOf(loopWords[i]) * blockWords;
    const int64_t rounds = std::max<int64_t>(executed / body, 1);
    const uint64_t count = uint64_t(rounds) * body;
    Result<std::shared_ptr<Subject>> subject = Subject::create(std::move(programs[i].program), "", 1);
    if (!subject)
      return Error{subject.message()};
    if (Status status = registerCalls("code:words:" + programs[i].name, *subject, (*subject)->facts, {}, count, configure); !status)
      return status;
    auto memory = std::make_shared<rt::AlignedBuffer>(blockWords * 64);
    if (!memory->data())
      return Error{"out of memory"};
    std::fill_n(memory->data(), blockWords * 64, uint8_t(0));
    configure(benchmark::RegisterBenchmark(("code:native:" + programs[i].name).c_str(), [memory, native = natives[i], rounds, count](benchmark::State &state) {
      for (auto _ : state)
        native(memory->data(), rounds);
      state.SetItemsProcessed(int64_t(state.iterations()) * int64_t(count));
    }));
  }
  return {};
#else
  (void)configure;
  return Error{"the code to be measured is x86-64's"};
#endif
}

Status registerChecks(const std::string &path, NamedProgram named, uint64_t seed, const Configure &configure) {
  const std::string suffix = ".vtpu";
  const bool suffixed = path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
  Result<std::shared_ptr<Subject>> subject =
      Subject::create(std::move(named.program), path.substr(0, path.size() - (suffixed ? suffix.size() : 0)) + ".safetensors", seed);
  if (!subject)
    return Error{fmt::format("{}: {}", path, subject.message())};
  const Facts &verified = (*subject)->facts;
  double accesses = 0, checked = 0, polls = 0;
  for (const rt::FunctionFacts &function : verified) {
    accesses += double(std::count_if(function.access.begin(), function.access.end(), [](rt::AccessProof proof) { return proof != rt::AccessProof::none; }));
    checked += double(std::count(function.access.begin(), function.access.end(), rt::AccessProof::checked));
    polls += double(std::count(function.polls.begin(), function.polls.end(), true));
  }
  auto with = [&](const char *variant, auto &&edit) -> Status {
    Facts facts = verified;
    for (rt::FunctionFacts &function : facts)
      edit(function);
    return registerCalls(fmt::format("checks:{}:{}", variant, named.name), *subject, facts,
                         {{"accesses", accesses}, {"checked", checked}, {"polls", polls}}, 0, configure);
  };
  auto proof = [](rt::AccessProof wanted) {
    return [wanted](rt::FunctionFacts &function) {
      for (rt::AccessProof &access : function.access)
        if (access != rt::AccessProof::none)
          access = wanted;
    };
  };
  Status status = with("verified", [](rt::FunctionFacts &) {});
  if (status)
    status = with("all", proof(rt::AccessProof::checked));
  if (status)
    status = with("none", proof(rt::AccessProof::proven));
  if (status)
    status = with("unpolled", [](rt::FunctionFacts &function) { function.polls.assign(function.polls.size(), false); });
  return status;
}

} // namespace vtpu::tools
