//===- LoadedProgram.cpp - A program ready to be called ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifies, picks the tier, resolves parameters at the first call, and runs calls with contexts from a pool.
//
//===----------------------------------------------------------------------===//

#include "LoadedProgram.h"

#include "vtpu/Runtime/Verifier.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <thread>

namespace vtpu::rt {

namespace {
bool usesSentrons(const Program &program) {
  using isa::COp;
  for (const Function &function : program.functions)
    for (const isa::Word &word : function.words) {
      COp op = COp(word.slot(isa::Pipe::C).opcode);
      if (op == COp::csid || op == COp::csnum || op == COp::cbar)
        return true;
    }
  return false;
}
constexpr uint32_t mostSentrons = 1024;
} // namespace

Result<std::unique_ptr<LoadedProgram>> LoadedProgram::create(Program loaded, const std::string &folder, const vtpu_options &options) {
  auto result = std::make_unique<LoadedProgram>();
  LoadedProgram &self = *result;
  self.program = std::move(loaded);
  Result<std::vector<FunctionFacts>> facts = verify(self.program);
  if (!facts)
    return Error{fmt::format("the program does not verify: {}", facts.message())};
  self.facts = std::move(*facts);

  const std::string features = options.cpu_features ? options.cpu_features : "";
  if (!features.empty() && features != "baseline")
    return Error{fmt::format("unknown CPU features '{}'; legal is 'baseline' (a CPU without AVX-512)", features)};
  const bool capable = features.empty() && hostHasBaseline();
  if (options.tier == VTPU_TIER_JIT && !capable)
    return Error{"this CPU lacks AVX-512 (F, VL, BW, DQ, CD), which the JIT tier needs; use the interpreter tier"};
  self.tier = options.tier == VTPU_TIER_DEFAULT ? (capable ? VTPU_TIER_JIT : VTPU_TIER_INTERPRETER) : options.tier;
  if (options.tier == VTPU_TIER_DEFAULT && !capable) {
    static std::once_flag said;
    std::call_once(said, [] { std::fputs("vtpu: this CPU has no AVX-512; programs run in the interpreter, slowly\n", stderr); });
  }
  if (self.tier == VTPU_TIER_JIT) {
    Result<std::unique_ptr<Executor>> jit = createJIT(self.program, self.facts);
    if (!jit)
      return jit.takeError();
    self.executor = std::move(*jit);
  } else {
    self.executor = createInterpreter(self.program, self.facts);
  }
  if (options.threads > mostSentrons)
    return Error{fmt::format("{} threads; legal are 1 to {}", options.threads, mostSentrons)};
  // A program that never asks for its sentron's number would do the same work in each.
  self.sentrons = usesSentrons(self.program) ? std::max<uint32_t>(options.threads, 1) : 1;

  if (options.parameter_file)
    self.parameterFile = options.parameter_file;
  else if (!self.program.parameterFile.empty())
    self.parameterFile = self.program.parameterFile[0] == '/' || folder.empty() ? self.program.parameterFile : folder + "/" + self.program.parameterFile;

  for (uint32_t f = 0; f < self.program.functions.size(); ++f) {
    const Function &function = self.program.functions[f];
    for (const Binding &binding : function.bindings)
      if (binding.kind == BindingKind::Stack)
        self.stackBytes += (binding.size + 63) / 64 * 64;
    if (!function.entry)
      continue;
    Entry entry;
    entry.function = f;
    entry.bases.assign(function.bindings.size(), nullptr);
    for (uint32_t b = 0; b < function.bindings.size(); ++b) {
      const Binding &binding = function.bindings[b];
      if (binding.kind == BindingKind::Input)
        entry.inputs.push_back(b);
      else if (binding.kind == BindingKind::Output)
        entry.outputs.push_back(b);
      else if (binding.kind == BindingKind::Constant)
        entry.bases[b] = self.program.rodata.data() + binding.offset;
      else if (binding.kind == BindingKind::Arena)
        self.arenaBytes = std::max(self.arenaBytes, binding.size);
    }
    self.countWords(entry);
    self.entries.push_back(std::move(entry));
  }
  if (self.entries.empty())
    return Error{"the program has no entry function"};
  return result;
}

void LoadedProgram::countWords(Entry &entry) {
  std::vector<bool> seen(program.functions.size());
  std::vector<uint32_t> work = {entry.function};
  seen[entry.function] = true;
  vtpu_stats &stats = entry.stats;
  while (!work.empty()) {
    const Function &function = program.functions[work.back()];
    work.pop_back();
    stats.words += function.words.size();
    for (const isa::Word &word : function.words) {
      stats.d += !word.slot(isa::Pipe::D).empty();
      stats.s += !word.slot(isa::Pipe::S).empty();
      stats.c += !word.slot(isa::Pipe::C).empty();
    }
    for (const CallTable &table : function.callTables)
      if (!seen[table.callee]) {
        seen[table.callee] = true;
        work.push_back(table.callee);
      }
  }
  stats.code_bytes = executor->codeBytes();
  stats.context_bytes = arenaBytes + stackBytes;
}

Status LoadedProgram::setParameter(const std::string &key, TensorView tensor) {
  std::lock_guard<std::mutex> lock(mutex);
  if (parametersReady)
    return Error{fmt::format("parameter '{}' is set after the first call; set parameters before it", key)};
  given[key] = std::move(tensor);
  return {};
}

Status LoadedProgram::resolveParameters() {
  std::map<std::string, std::vector<std::pair<Layout, uint8_t *>>> done;
  std::map<std::string, bool> checked;
  for (Entry &entry : entries) {
    const Function &function = program.functions[entry.function];
    for (uint32_t b = 0; b < function.bindings.size(); ++b) {
      const Binding &binding = function.bindings[b];
      if (binding.kind != BindingKind::Parameter)
        continue;
      const TensorView *tensor = nullptr;
      std::string where = "the given tensors";
      if (auto it = given.find(binding.key); it != given.end()) {
        tensor = &it->second;
      } else {
        if (!file) {
          if (parameterFile.empty())
            return Error{fmt::format("parameter '{}' was not given and the program names no parameter file; name one when loading", binding.key)};
          Result<std::unique_ptr<SafetensorsFile>> opened = SafetensorsFile::open(parameterFile);
          if (!opened)
            return opened.takeError();
          file = std::move(*opened);
        }
        where = parameterFile;
        tensor = file->find(binding.key);
        if (!tensor)
          return Error{fmt::format("parameter '{}' is not in {}; use the file that the program was compiled with", binding.key, parameterFile)};
      }
      if (!checked[binding.key]) {
        if (Status status = checkParameter(binding, *tensor, where); !status)
          return status;
        checked[binding.key] = true;
      }
      if (binding.layout.kind == Layout::RowMajor) {
        if (binding.size > tensor->bytes)
          return Error{fmt::format("parameter '{}' has {} bytes, its binding {}; the file is damaged", binding.key, tensor->bytes, binding.size)};
        entry.bases[b] = const_cast<uint8_t *>(tensor->data);
        continue;
      }
      uint8_t *base = nullptr;
      for (const auto &[layout, address] : done[binding.key])
        if (layout == binding.layout)
          base = address;
      if (!base) {
        Result<AlignedBuffer> buffer = packParameter(binding, *tensor);
        if (!buffer)
          return buffer.takeError();
        base = buffer->data();
        packed.push_back(std::move(*buffer));
        done[binding.key].push_back({binding.layout, base});
      }
      entry.bases[b] = base;
    }
  }
  parametersReady = true;
  return {};
}

std::unique_ptr<LoadedProgram::Context> LoadedProgram::makeContext() {
  auto context = std::make_unique<Context>();
  context->arena = AlignedBuffer(arenaBytes);
  for (uint32_t s = 0; s < sentrons; ++s) {
    context->stackMemory.emplace_back(stackBytes);
    uint8_t *next = context->stackMemory.back().data();
    std::vector<uint8_t *> stacks(program.functions.size(), nullptr);
    for (size_t f = 0; f < program.functions.size(); ++f)
      for (const Binding &binding : program.functions[f].bindings)
        if (binding.kind == BindingKind::Stack) {
          stacks[f] = next;
          next += (binding.size + 63) / 64 * 64;
        }
    context->stacks.push_back(std::move(stacks));
  }
  return context;
}

std::string LoadedProgram::describe(const Trap &trap) const {
  const Function &function = program.functions[trap.function];
  std::string place = fmt::format("function {}, word {}", function.name, trap.word);
  const Location *best = nullptr;
  for (const Location &location : function.locations)
    if (location.word <= trap.word)
      best = &location;
  if (best)
    place += fmt::format(" ({})", program.locationTexts[best->text]);
  switch (trap.cause) {
  case TrapCause::message:
    return fmt::format("{}: {}", place, program.messages[trap.message]);
  case TrapCause::divideByZero:
    return fmt::format("{}: integer division by zero", place);
  case TrapCause::outOfBounds:
    return fmt::format("{}: memory access outside binding {}; an index is out of range", place, [&] {
      int32_t binding = facts[trap.function].accessBinding[trap.word];
      return binding < 0 ? std::string("?") : fmt::format("{} ({})", binding, function.bindings[binding].name);
    }());
  default:
    return fmt::format("{}: the call was stopped", place);
  }
}

Status LoadedProgram::call(uint32_t index, const void *const *inputs, void *const *outputs) {
  if (index >= entries.size())
    return Error{fmt::format("entry {} does not exist; the program has {}", index, entries.size())};
  Entry &entry = entries[index];
  auto started = std::chrono::steady_clock::now();
  std::unique_ptr<Context> memory;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!parametersReady)
      if (Status status = resolveParameters(); !status)
        return status;
    if (!idle.empty()) {
      memory = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!memory)
    memory = makeContext();
  const Function &function = program.functions[entry.function];
  memory->bases.assign(entry.bases.begin(), entry.bases.end());
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    memory->bases[entry.inputs[i]] = static_cast<uint8_t *>(const_cast<void *>(inputs[i]));
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    memory->bases[entry.outputs[i]] = static_cast<uint8_t *>(outputs[i]);
  for (size_t b = 0; b < function.bindings.size(); ++b)
    if (function.bindings[b].kind == BindingKind::Arena)
      memory->bases[b] = memory->arena.data();

  std::vector<SentronContext> extra(sentrons > 1 ? sentrons - 1 : 0);
  SentronContext first;
  CallGroup group;
  group.sentrons = sentrons;
  auto runOne = [&](SentronContext &context, uint32_t number) {
    context.sentron = number;
    context.sentrons = sentrons;
    context.group = &group;
    context.stacks = memory->stacks[number].data();
    std::vector<uint8_t *> own;
    uint8_t *const *bases = memory->bases.data();
    if (uint8_t *stack = memory->stacks[number][entry.function]) { // an entry's own stack differs by sentron
      own = memory->bases;
      for (size_t b = 0; b < function.bindings.size(); ++b)
        if (function.bindings[b].kind == BindingKind::Stack)
          own[b] = stack;
      bases = own.data();
    }
    if (!executor->run(entry.function, bases, context))
      group.stop.store(1);
  };
  std::vector<std::thread> threads;
  for (uint32_t s = 1; s < sentrons; ++s)
    threads.emplace_back([&, s] { runOne(extra[s - 1], s); });
  runOne(first, 0);
  for (std::thread &thread : threads)
    thread.join();

  const Trap *trap = first.trap.cause != TrapCause::none ? &first.trap : nullptr;
  for (const SentronContext &context : extra)
    if (context.trap.cause != TrapCause::none && (!trap || trap->cause == TrapCause::stopped))
      trap = &context.trap;
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  {
    std::lock_guard<std::mutex> lock(mutex);
    entry.stats.executed_words = first.executedWords;
    entry.stats.executed_ops = first.executedOps;
    entry.stats.host_seconds = first.hostSeconds;
    entry.stats.total_seconds = seconds;
    entry.stats.context_bytes = arenaBytes + stackBytes;
    idle.push_back(std::move(memory));
  }
  if (trap)
    return Error{describe(*trap)};
  return {};
}

Result<vtpu_stats> LoadedProgram::stats(uint32_t entry) {
  if (entry >= entries.size())
    return Error{fmt::format("entry {} does not exist; the program has {}", entry, entries.size())};
  std::lock_guard<std::mutex> lock(mutex);
  return entries[entry].stats;
}

} // namespace vtpu::rt
