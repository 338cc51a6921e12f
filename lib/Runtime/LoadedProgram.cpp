//===- LoadedProgram.cpp - A program ready to be called ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Verifies, picks the tier, resolves parameters at the first call, and runs calls with contexts from a pool.
//
//===----------------------------------------------------------------------===//

#include "LoadedProgram.h"
#include "BindingPlace.h"
#include "Semantics.h"

#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

namespace vtpu::rt {

namespace {
/// True if a word of the function has an instruction with this bit in its row.
bool hasRow(const Function &function, bool isa::InstrInfo::*bit) {
  return std::any_of(function.words.begin(), function.words.end(), [bit](const isa::Word &word) {
    for (unsigned p = 0; p < isa::numPipes; ++p)
      if (const isa::InstrInfo *info = isa::lookup(isa::Pipe(p), word.slots[p].opcode); info && info->*bit)
        return true;
    return false;
  });
}
/// Row-major parameters up to this size are copied to a 64-byte boundary; larger ones stay mapped.
constexpr uint64_t mostCopied = 4 << 20;

/// The file that was saved beside a program, or the one that it names.
std::string findParameterFile(const std::string &named, const std::string &path) {
  if (named.empty() || named[0] == '/' || path.empty())
    return named;
  const size_t slash = path.rfind('/'), dot = path.rfind('.');
  const std::string expected = slash == std::string::npos ? named : path.substr(0, slash + 1) + named;
  const bool hasSuffix = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const std::string beside = path.substr(0, hasSuffix ? dot : std::string::npos) + ".safetensors";
  return access(beside.c_str(), F_OK) == 0 ? beside : expected;
}
uint64_t rounded(uint64_t size) { return (size + 63) / 64 * 64; }
} // namespace

/// What a caller passes must be at least as large as what the words may touch.
Status LoadedProgram::checkBindings() const {
  for (const Function &function : program.functions) {
    unsigned stacks = 0, arenas = 0;
    for (const Binding &binding : function.bindings) {
      stacks += binding.kind == BindingKind::Stack;
      arenas += binding.kind == BindingKind::Arena;
      if ((binding.kind == BindingKind::Input || binding.kind == BindingKind::Output) && binding.size > tensorBytes(binding))
        return Error{fmt::format("function {}, binding {}: {} bytes are more than the {} of its shape", function.name, binding.name,
                                 binding.size, tensorBytes(binding))};
    }
    if (stacks > 1)
      return Error{fmt::format("function {} has {} stack bindings; one is legal", function.name, stacks)};
    if (arenas > 1)
      return Error{fmt::format("function {} has {} arena bindings; one is legal", function.name, arenas)};
  }
  return {};
}

Result<std::unique_ptr<LoadedProgram>> LoadedProgram::create(Program loaded, const std::string &path, const vtpu_options &options,
                                                              LoopProbe *probe) {
  auto result = std::make_unique<LoadedProgram>();
  LoadedProgram &self = *result;
  self.program = std::move(loaded);
  Result<std::vector<FunctionFacts>> facts = verify(self.program);
  if (!facts)
    return Error{fmt::format("the program does not verify: {}", facts.message())};
  self.facts = std::move(*facts);
  if (Status status = self.checkBindings(); !status)
    return Error{fmt::format("the program does not verify: {}", status.message())};
  self.rodata = AlignedBuffer(self.program.rodata.size());
  if (!self.rodata.data())
    return Error{fmt::format("out of memory for {} bytes of constants", self.program.rodata.size())};
  std::copy(self.program.rodata.begin(), self.program.rodata.end(), self.rodata.data());

  const std::string features = options.cpu_features ? options.cpu_features : "";
  if (!features.empty() && features != "baseline")
    return Error{fmt::format("unknown CPU features '{}'; legal is 'baseline' (a CPU without AVX-512)", features)};
  const bool capable = features.empty() && hostHasBaseline();
  if (options.tier == VTPU_TIER_JIT && !capable)
    return Error{"this CPU lacks AVX-512 (F, VL, BW, DQ, CD), which the JIT tier needs; use the interpreter tier"};
  if (options.tier > VTPU_TIER_ORC)
    return Error{fmt::format("unknown tier {}; legal are 0 to {}", unsigned(options.tier), unsigned(VTPU_TIER_ORC))};
  self.tier = options.tier;
  if (options.tier == VTPU_TIER_DEFAULT) {
    self.tier = capable ? VTPU_TIER_JIT : hasORC() ? VTPU_TIER_ORC : VTPU_TIER_INTERPRETER;
    static std::once_flag said;
    if (!capable)
      std::call_once(said, [&] {
        std::fprintf(stderr, "vtpu: this CPU has no AVX-512; programs run in %s\n",
                     self.tier == VTPU_TIER_ORC ? "the ORC tier, which takes long to load them" : "the interpreter, slowly");
      });
  }
  if (self.tier == VTPU_TIER_INTERPRETER) {
    self.executor = createInterpreter(self.program, self.facts);
  } else {
    Result<std::unique_ptr<Executor>> compiled =
        self.tier == VTPU_TIER_JIT ? createJIT(self.program, self.facts, hostFeatures(), probe) : createORC(self.program, self.facts, !features.empty());
    if (!compiled)
      return compiled.takeError();
    self.executor = std::move(*compiled);
  }
  if (options.threads > mostSentrons)
    return Error{fmt::format("{} threads; legal are 1 to {}", options.threads, mostSentrons)};

  self.parameterFile = options.parameter_file ? options.parameter_file : findParameterFile(self.program.parameterFile, path);

  for (uint32_t f = 0; f < self.program.functions.size(); ++f) {
    const Function &function = self.program.functions[f];
    for (const Binding &binding : function.bindings)
      if (binding.kind == BindingKind::Stack)
        self.stackBytes += rounded(binding.size);
    if (!function.entry)
      continue;
    Entry entry;
    entry.function = f;
    entry.bases.assign(function.bindings.size(), nullptr);
    entry.sources.assign(function.bindings.size(), nullptr);
    for (uint32_t b = 0; b < function.bindings.size(); ++b) {
      const Binding &binding = function.bindings[b];
      if (binding.kind == BindingKind::Input)
        entry.inputs.push_back(b);
      else if (binding.kind == BindingKind::Output)
        entry.outputs.push_back(b);
      else if (binding.kind == BindingKind::Constant)
        entry.bases[b] = self.rodata.data() + binding.offset;
      else if (binding.kind == BindingKind::Arena) {
        entry.arenas.push_back(b);
        self.arenaBytes = std::max(self.arenaBytes, binding.size);
      }
    }
    self.entries.push_back(std::move(entry));
  }
  for (Entry &entry : self.entries) {
    self.inspect(entry, std::max<uint32_t>(options.threads, 1));
    self.sentrons = std::max(self.sentrons, entry.sentrons);
  }
  for (Entry &entry : self.entries)
    entry.stats.context_bytes = self.arenaBytes + self.sentrons * self.stackBytes;
  if (self.entries.empty())
    return Error{"the program has no entry function"};
  return result;
}

void LoadedProgram::inspect(Entry &entry, uint32_t threads) {
  std::vector<bool> seen(program.functions.size());
  std::vector<uint32_t> work = {entry.function};
  seen[entry.function] = true;
  vtpu_stats &stats = entry.stats;
  while (!work.empty()) {
    const Function &function = program.functions[work.back()];
    work.pop_back();
    stats.words += function.words.size();
    if (hasRow(function, &isa::InstrInfo::usesSentron))
      entry.sentrons = threads; // as many in every such entry
    entry.usesSpace |= hasRow(function, &isa::InstrInfo::usesSpace);
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
  stats.sentrons = entry.sentrons;
}

Status LoadedProgram::setParameter(const std::string &key, TensorView tensor) {
  std::lock_guard<std::mutex> lock(mutex);
  if (parametersReady)
    return Error{fmt::format("parameter '{}' is set after the first call; set parameters before it", key)};
  given[key] = std::move(tensor);
  return {};
}

/// Where the words find a parameter: the caller's or the mapped bytes, or a packed or aligned copy.
Result<uint8_t *> LoadedProgram::placeParameter(const Binding &binding, const TensorView &tensor) {
  if (binding.layout.kind == Layout::Panels)
    return packParameter(binding, tensor, copies);
  if (binding.size > tensor.bytes)
    return Error{fmt::format("parameter '{}' has {} bytes, its binding {}; the file is damaged", binding.key, tensor.bytes, binding.size)};
  if (reinterpret_cast<uintptr_t>(tensor.data) % 64 == 0 || tensor.bytes > mostCopied)
    return const_cast<uint8_t *>(tensor.data);
  uint8_t *copy = copies.take(tensor.bytes);
  if (!copy)
    return Error{fmt::format("parameter '{}': out of memory for {} bytes", binding.key, tensor.bytes)};
  std::copy_n(tensor.data, tensor.bytes, copy);
  return copy;
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
            return Error{
                fmt::format("parameter '{}' was not given and the program names no parameter file; name one when loading", binding.key)};
          Result<std::unique_ptr<SafetensorsFile>> opened = SafetensorsFile::open(parameterFile);
          if (!opened)
            return opened.takeError();
          file = std::move(*opened);
        }
        where = parameterFile;
        tensor = file->find(binding.key);
        if (!tensor)
          return Error{
              fmt::format("parameter '{}' is not in {}; use the file that the program was compiled with", binding.key, parameterFile)};
      }
      if (!checked[binding.key]) {
        if (Status status = checkParameter(binding, *tensor, where); !status)
          return status;
        checked[binding.key] = true;
      }
      uint8_t *base = nullptr;
      for (const auto &[layout, address] : done[binding.key])
        if (layout == binding.layout)
          base = address;
      if (!base) {
        Result<uint8_t *> placed = placeParameter(binding, *tensor);
        if (!placed)
          return placed.takeError();
        base = *placed;
        done[binding.key].push_back({binding.layout, base});
      }
      entry.bases[b] = base;
      entry.sources[b] = binding.layout.kind == Layout::RowMajor ? base : tensor->data;
    }
  }
  parametersReady = true;
  return {};
}

Result<std::unique_ptr<LoadedProgram::Context>> LoadedProgram::makeContext() {
  auto context = std::make_unique<Context>();
  context->arena = AlignedBuffer(arenaBytes);
  bool enough = context->arena.data();
  context->sentrons.resize(sentrons);
  context->group = std::make_unique<CallGroup>(sentrons);
  for (uint32_t s = 0; s < sentrons; ++s) {
    context->stackMemory.emplace_back(stackBytes);
    uint8_t *next = context->stackMemory.back().data();
    enough &= next != nullptr;
    std::vector<uint8_t *> stacks(program.functions.size(), nullptr);
    for (size_t f = 0; f < program.functions.size() && enough; ++f)
      for (const Binding &binding : program.functions[f].bindings)
        if (binding.kind == BindingKind::Stack) {
          stacks[f] = next;
          next += rounded(binding.size);
        }
    context->stacks.push_back(std::move(stacks));
  }
  if (!enough)
    return Error{fmt::format("out of memory for a calling context: {} bytes of arena, {} of stacks", arenaBytes, stackBytes)};
  return context;
}

std::string describeTrap(const Program &program, const std::vector<FunctionFacts> &facts, const Trap &trap, const std::string &why) {
  const Function &function = program.functions[trap.function];
  const isa::Word &word = function.words[trap.word];
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
  case TrapCause::divideByZero: {
    const isa::COp op = isa::COp(word.slot(isa::Pipe::C).opcode);
    const bool isUnsigned = op == isa::COp::cdivu || op == isa::COp::cremu;
    return fmt::format("{}: integer division of {} by zero", place,
                       isUnsigned ? std::to_string(uint64_t(trap.value)) : std::to_string(trap.value));
  }
  case TrapCause::outOfBounds: {
    const int32_t index = facts[trap.function].accessBinding[trap.word];
    const Binding &binding = function.bindings[index];
    const isa::Slot &slot = word.slot(isa::Pipe::S);
    return fmt::format("{}: memory access outside binding {} ({}): {} bytes{} at byte {} of {}; an index is out of range", place, index, binding.name,
                       accessBytes(slot), slot.mask && !isGather(slot) ? " under a mask" : "", trap.value, binding.size);
  }
  case TrapCause::coordination:
  case TrapCause::space:
    return fmt::format("{}: {}", place, why);
  default:
    return fmt::format("{}: the call was stopped", place);
  }
}

struct LoadedProgram::Call {
  LoadedProgram &self;
  Entry &entry;
  Context &memory;
  CallGroup &group;
  std::unique_ptr<mem::Space> own;                      // if the caller gives none
  std::vector<std::unique_ptr<SentronMemory>> memories; // by sentron, if the entry uses the space

  Call(LoadedProgram &self, Entry &entry, Context &memory, mem::Space *space) : self(self), entry(entry), memory(memory), group(*memory.group) {
    group.begin(entry.sentrons);
    if (!entry.usesSpace)
      return;
    if (!space) {
      own = std::make_unique<mem::Space>();
      space = own.get();
    }
    for (uint32_t s = 0; s < entry.sentrons; ++s)
      memories.push_back(std::make_unique<SentronMemory>(*space));
  }

  void run(uint32_t number) {
    SentronContext &context = memory.sentrons[number];
    context = SentronContext();
    context.sentron = number;
    context.sentrons = entry.sentrons;
    context.group = &group;
    context.stop = group.stopFlag();
    context.stacks = memory.stacks[number].data();
    context.memory = memories.empty() ? nullptr : memories[number].get();
    uint8_t *const *bases = memory.bases.data();
    std::vector<uint8_t *> own;
    if (uint8_t *stack = memory.stacks[number][entry.function]) { // an entry's own stack differs by sentron
      const std::vector<Binding> &bindings = self.program.functions[entry.function].bindings;
      own = memory.bases;
      for (size_t b = 0; b < bindings.size(); ++b)
        if (bindings[b].kind == BindingKind::Stack)
          own[b] = stack;
      bases = own.data();
    }
    group.leave(number, !self.executor->run(entry.function, bases, context));
  }

  /// All sentrons; the first on this thread.
  Status runAll() {
    if (entry.sentrons == 1) {
      run(0);
      return {};
    }
    if (!memory.workers) {
      auto workers = std::make_unique<Workers>();
      if (Status status = workers->start(self.sentrons - 1); !status)
        return status;
      memory.workers = std::move(workers);
    }
    std::chrono::steady_clock::time_point ended;
    auto work = [&](uint32_t number) {
      run(number);
      if (number == 0)
        ended = std::chrono::steady_clock::now();
    };
    memory.workers->run([](void *argument, uint32_t number) { (*static_cast<decltype(work) *>(argument))(number); }, &work);
    memory.sentrons[0].barrierSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - ended).count();
    return {};
  }

  /// Why a sentron's trap ended the call, where the trap does not say it.
  const std::string &reason(const SentronContext &sentron) const {
    return sentron.trap.cause == TrapCause::space ? sentron.memory->error : group.error(uint32_t(sentron.sentron));
  }

  /// The sentron whose trap ended the call; null if there is none. One that stopped others comes before those that were stopped.
  const SentronContext *findTrapped() {
    const SentronContext *found = nullptr;
    for (uint32_t s = 0; s < entry.sentrons; ++s) {
      Trap &trap = memory.sentrons[s].trap;
      if (trap.cause == TrapCause::stopped && !group.error(s).empty())
        trap.cause = TrapCause::coordination; // the tiers do not tell one from the other
      if (trap.cause != TrapCause::none && (!found || found->trap.cause == TrapCause::stopped))
        found = &memory.sentrons[s];
    }
    return found;
  }
};

/// Parameters on the first call, then a calling context from the pool.
Status LoadedProgram::takeContext(std::unique_ptr<Context> &memory) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!parametersReady)
      if (Status status = resolveParameters(); !status)
        return status;
    if (!idle.empty()) {
      memory = std::move(idle.back());
      idle.pop_back();
      return {};
    }
  }
  Result<std::unique_ptr<Context>> made = makeContext();
  if (!made)
    return made.takeError();
  memory = std::move(*made);
  return {};
}

std::vector<mem::RegionSpec> LoadedProgram::tensorRegions(uint32_t index, const std::vector<uint8_t *> &bases) const {
  const Entry &entry = entries[index];
  const Function &function = program.functions[entry.function];
  std::vector<mem::RegionSpec> regions;
  for (uint32_t b = 0; b < function.bindings.size(); ++b) {
    Result<BindingPlace> place = placeBinding(function, index, b);
    if (!place)
      continue; // vtpu_binding_coordinate says why
    const Binding &binding = function.bindings[b];
    mem::RegionSpec spec;
    spec.name = binding.name;
    spec.box = place->box;
    spec.type = regionType(binding.dtype);
    spec.writable = binding.kind == BindingKind::Output;
    spec.data = binding.kind == BindingKind::Parameter ? const_cast<uint8_t *>(entry.sources[b]) : bases[b];
    spec.bytes = tensorBytes(binding);
    if (spec.data) // of an output that no word touches there may be none
      regions.push_back(std::move(spec));
  }
  return regions;
}

Status LoadedProgram::call(uint32_t index, const void *const *inputs, void *const *outputs, CallerSpace *space,
                           std::shared_ptr<const void> owner) {
  if (index >= entries.size())
    return Error{fmt::format("entry {} does not exist; the program has {}", index, entries.size())};
  Entry &entry = entries[index];
  const std::vector<Binding> &bindings = program.functions[entry.function].bindings;
  auto started = std::chrono::steady_clock::now();
  std::unique_ptr<Context> memory;
  if (Status status = takeContext(memory); !status)
    return status;
  memory->bases.assign(entry.bases.begin(), entry.bases.end());
  auto place = [&](uint32_t b, const void *address, size_t i, const char *side) -> Status {
    if (!address && bindings[b].size)
      return Error{fmt::format("{} {} ('{}') is a null pointer; pass a buffer of {} bytes", side, i, bindings[b].name, bindings[b].size)};
    memory->bases[b] = static_cast<uint8_t *>(const_cast<void *>(address));
    return {};
  };
  Status placed;
  for (size_t i = 0; i < entry.inputs.size() && placed; ++i)
    placed = place(entry.inputs[i], inputs[i], i, "input");
  for (size_t i = 0; i < entry.outputs.size() && placed; ++i)
    placed = place(entry.outputs[i], outputs[i], i, "output");
  for (uint32_t b : entry.arenas)
    memory->bases[b] = memory->arena.data();

  Status result = std::move(placed);
  std::unique_lock<std::mutex> calling;
  if (space && result) {
    calling = std::unique_lock<std::mutex>(space->calling);
    result = space->bind(index, tensorRegions(index, memory->bases), std::move(owner));
  }
  Call call(*this, entry, *memory, space ? &space->space : nullptr);
  if (result)
    result = call.runAll();
  if (result)
    if (const SentronContext *sentron = call.findTrapped())
      result = Error{describeTrap(program, facts, sentron->trap, call.reason(*sentron))};
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  std::lock_guard<std::mutex> lock(mutex);
  vtpu_stats &stats = entry.stats;
  stats.executed_words = stats.executed_ops = 0;
  stats.host_seconds = 0;
  for (uint32_t s = 0; s < entry.sentrons; ++s) {
    const SentronContext &sentron = memory->sentrons[s];
    stats.executed_words += sentron.executedWords;
    stats.executed_ops += sentron.executedOps;
    stats.host_seconds = std::max(stats.host_seconds, sentron.hostSeconds);
  }
  stats.barrier_seconds = memory->sentrons[0].barrierSeconds;
  stats.total_seconds = seconds;
  idle.push_back(std::move(memory));
  return result;
}

std::string LoadedProgram::getParameterFile(const char *path) const {
  return path ? findParameterFile(program.parameterFile, path) : parameterFile;
}

Result<vtpu_stats> LoadedProgram::stats(uint32_t entry) {
  if (entry >= entries.size())
    return Error{fmt::format("entry {} does not exist; the program has {}", entry, entries.size())};
  std::lock_guard<std::mutex> lock(mutex);
  return entries[entry].stats;
}

} // namespace vtpu::rt
