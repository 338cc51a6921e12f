//===- Machine.cpp - Benchmarks of loading and of emitted code --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "vtpu/Runtime/JIT.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <memory>

namespace vtpu::tools {

using namespace isa;

namespace {
Word control(COp op, uint8_t rd = 0, uint8_t ra = 0, int32_t imm = 0) {
  Word word;
  Slot &slot = word.slot(Pipe::C);
  slot.opcode = uint8_t(op);
  slot.rd = rd, slot.ra = ra, slot.imm = imm;
  return word;
}

/// A loop with a body of `body` words, which makes `rounds` rounds.
Program loop(unsigned body, int64_t rounds) {
  Program program;
  Function function;
  function.name = "main";
  function.entry = true;
  Binding x;
  x.kind = BindingKind::Input, x.name = "x", x.size = blockWords * 64, x.align = 64, x.shape = {blockWords * 16};
  function.bindings = {x};
  function.words.push_back(control(COp::cptr, 0));
  function.words.push_back(control(COp::cimm, 5));
  function.words.back().hasImmediates = true;
  for (uint8_t r = 1; r < 5; ++r) {
    function.words.push_back(control(COp::cimm, r));
    function.words.back().hasImmediates = true;
  }
  for (uint8_t v : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 30, 31}) {
    Word word;
    word.hasImmediates = true;
    Slot &d = word.slot(Pipe::D);
    d.opcode = uint8_t(DOp::dimm), d.type = Type::f32, d.length = Length::v512, d.rd = v;
    function.words.push_back(word);
  }
  for (unsigned i = 0; i < body; ++i) {
    Word word;
    Slot &d = word.slot(Pipe::D), &s = word.slot(Pipe::S), &c = word.slot(Pipe::C);
    d.opcode = uint8_t(DOp::dfma), d.type = Type::f32, d.length = Length::v512;
    d.rd = uint8_t(i % 12), d.ra = 30, d.rb = 31;
    s.opcode = uint8_t(SOp::sld), s.type = s.memType = Type::f32, s.length = Length::v512;
    s.rd = uint8_t(16 + i % 8), s.ra = 0, s.rb = noRegister, s.imm = int32_t(i % blockWords * 64);
    c.opcode = uint8_t(COp::caddi), c.rd = c.ra = uint8_t(1 + i % 4), c.imm = 1;
    function.words.push_back(word);
  }
  function.words.push_back(control(COp::caddi, 5, 5, 1));
  Word branch = control(COp::cbcci, 0, 5, -int32_t(body) - 1);
  branch.slot(Pipe::C).predicate = Predicate::lt;
  branch.hasImmediates = true;
  branch.i1 = rounds;
  function.words.push_back(branch);
  function.words.push_back(control(COp::cret));
  program.functions.push_back(std::move(function));
  return program;
}

uint64_t wordsOf(const Program &program) {
  uint64_t words = 0;
  for (const Function &function : program.functions)
    words += function.words.size();
  return words;
}

template <typename F>
void phase(const char *name, const std::shared_ptr<NamedProgram> &subject, const Configure &configure, F &&body) {
  const uint64_t words = wordsOf(subject->program);
  configure(benchmark::RegisterBenchmark((std::string(name) + ":" + subject->name).c_str(), [words, body](benchmark::State &state) {
    for (auto _ : state)
      if (Status status = body(); !status)
        return state.SkipWithError(status.message().c_str());
    state.counters["words"] = double(words);
    state.SetItemsProcessed(int64_t(state.iterations()) * int64_t(words));
  }));
}
} // namespace

std::vector<NamedProgram> loops(int64_t executed) {
  std::vector<NamedProgram> result;
  for (unsigned words : loopWords) {
    const unsigned body = blocksOf(words) * blockWords;
    result.push_back({fmt::format("loop-{}", words), loop(body, std::max<int64_t>(executed / body, 1))});
  }
  return result;
}

void registerEmission(std::vector<NamedProgram> programs, const Configure &configure) {
  for (NamedProgram &named : programs) {
    auto subject = std::make_shared<NamedProgram>(std::move(named));
    auto bytes = std::make_shared<std::vector<uint8_t>>(*writeObject(subject->program));
    using Facts = std::vector<rt::FunctionFacts>;
    auto facts = std::make_shared<Result<Facts>>(rt::verify(subject->program));
    phase("decode", subject, configure, [bytes]() -> Status {
      Result<Program> program = readObject(bytes->data(), bytes->size(), false);
      benchmark::DoNotOptimize(program);
      return program ? Status() : Status(Error{program.message()});
    });
    phase("verify", subject, configure, [subject]() -> Status {
      Result<Facts> verified = rt::verify(subject->program);
      benchmark::DoNotOptimize(verified);
      return verified ? Status() : Status(Error{verified.message()});
    });
    if (!*facts)
      continue;
    phase("emit", subject, configure, [subject, facts]() -> Status {
      Result<rt::EmittedCode> code = rt::emitForDisplay(subject->program, **facts);
      benchmark::DoNotOptimize(code);
      return code ? Status() : Status(Error{code.message()});
    });
    if (!rt::hostHasBaseline())
      continue;
    phase("load", subject, configure, [subject]() -> Status {
      Result<Facts> verified = rt::verify(subject->program);
      if (!verified)
        return Error{verified.message()};
      Result<std::unique_ptr<rt::Executor>> jit = rt::createJIT(subject->program, *verified);
      benchmark::DoNotOptimize(jit);
      return jit ? Status() : Status(Error{jit.message()});
    });
  }
}

} // namespace vtpu::tools
