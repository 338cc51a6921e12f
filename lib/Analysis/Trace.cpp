//===- Trace.cpp - What a program touches -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Trace.h"

#include "../Runtime/BindingPlace.h"
#include "../Runtime/CallGroup.h"
#include "../Runtime/Parameters.h"
#include "../Runtime/Semantics.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Observer.h"
#include "vtpu/Runtime/SentronMemory.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>

namespace vtpu::analysis {

namespace {
constexpr uint64_t pageBytes = 4096;
/// Address of the first object: a multiple of every size of a cache's way.
constexpr uint64_t firstAddress = uint64_t(1) << 40;

/// Memory of the call's objects, zeroed where nobody writes.
class CallMemory {
public:
  ~CallMemory() {
    if (data)
      munmap(data, bytes);
  }
  Status allocate(uint64_t size) {
    bytes = std::max<uint64_t>(size, 1);
    void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
      return Error{fmt::format("out of memory for {} bytes of bindings", bytes)};
    data = static_cast<uint8_t *>(made);
    return {};
  }
  uint8_t *at(uint64_t address) const { return data + (address - firstAddress); }

private:
  uint8_t *data = nullptr;
  uint64_t bytes = 0;
};

class Recorder final : public rt::Observer {
public:
  Recorder(const Program &program, const std::vector<rt::FunctionFacts> &facts, const TraceOptions &options, Trace &trace)
      : program(program), facts(facts), limit(options.limit), keep(options.accesses), trace(trace) {
    for (const Function &function : program.functions) {
      trace.executions.emplace_back(function.words.size());
      trace.firstTouches.emplace_back(function.words.size());
      std::vector<Watched> &words = watched.emplace_back();
      for (const isa::Word &word : function.words)
        words.push_back(watch(word));
    }
  }
  /// Memory behind objects, ascending by it.
  void add(const uint8_t *data, uint32_t object) {
    ranges.push_back({data, object});
    std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) { return a.data < b.data; });
  }

  bool enter(uint32_t function, uint32_t index, uint8_t *const *bases, const rt::SentronContext &context) override {
    if (trace.executedWords == limit) {
      trace.cut = true;
      return false;
    }
    ++trace.executedWords;
    ++trace.executions[function][index];
    Watched &word = watched[function][index];
    if (word.pipe < 0)
      return true;
    const isa::Slot &slot = program.functions[function].words[index].slots[size_t(word.pipe)];
    if (word.byCoordinate) {
      enterCoordinate(word, slot, function, index, context);
      return true;
    }
    const int32_t binding = facts[function].accessBinding[index];
    const uint64_t size = program.functions[function].bindings[size_t(binding)].size;
    for (const rt::TouchedBytes &run : rt::findTouched(slot, context.registers)) {
      if (run.offset >= 0 && run.bytes <= size && uint64_t(run.offset) <= size - run.bytes) // else the word traps
        put(word, function, index, bases[binding] + run.offset, run.bytes);
    }
    return true;
  }

private:
  struct Watched {
    int8_t pipe = -1; // of the slot that touches memory
    AccessKind kind = AccessKind::load;
    bool byCoordinate = false;
    std::vector<uint32_t> sites; // of the word, one for each object
  };
  struct Range {
    const uint8_t *data;
    uint32_t object;
  };

  const Program &program;
  const std::vector<rt::FunctionFacts> &facts;
  const uint64_t limit;
  const bool keep; // accesses
  Trace &trace;
  std::vector<bool> touched; // lines from the first address on
  std::vector<std::vector<Watched>> watched;
  std::vector<Range> ranges;

  static Watched watch(const isa::Word &word) {
    Watched watched;
    for (isa::Pipe pipe : {isa::Pipe::S, isa::Pipe::C}) {
      const isa::Slot &slot = word.slot(pipe);
      const isa::InstrInfo *info = slot.empty() ? nullptr : isa::lookup(pipe, slot.opcode);
      if (!info)
        continue;
      watched.byCoordinate = info->usesSpace && (info->mnemonic == "cget" || info->mnemonic == "cput");
      if (!watched.byCoordinate && !(info->hasAddress() && !info->isPrefetch()))
        continue;
      watched.pipe = int8_t(pipe);
      watched.kind = info->isStore || info->mnemonic == "cput" ? AccessKind::store : AccessKind::load;
      break;
    }
    return watched;
  }

  void enterCoordinate(Watched &word, const isa::Slot &slot, uint32_t function, uint32_t index, const rt::SentronContext &context) {
    if (!context.memory)
      return;
    const Coordinate &first = context.p[slot.ra];
    const mem::Place place = context.memory->space.find(first);
    if (!place.region)
      return; // cells have no binding
    const unsigned lanes = rt::laneCount(slot.length, slot.type), width = isa::byteWidth(slot.type);
    const uint64_t active = (slot.mask ? context.registers.k[slot.mask] : ~uint64_t(0)) & ((uint64_t(1) << lanes) - 1);
    if (!active)
      return;
    const unsigned from = unsigned(__builtin_ctzll(active)), to = 63 - unsigned(__builtin_clzll(active));
    const unsigned row = place.region->tile(first).extents[Coordinate::dimensions - 1];
    if (from < row)
      put(word, function, index, place.data + from * width, (std::min(to + 1, row) - from) * width);
  }

  void put(Watched &watched, uint32_t function, uint32_t word, const uint8_t *data, uint64_t bytes) {
    auto range =
        std::upper_bound(ranges.begin(), ranges.end(), data, [](const uint8_t *at, const Range &range) { return at < range.data; });
    if (range == ranges.begin())
      return;
    --range;
    const Object &object = trace.objects[range->object];
    const uint64_t offset = uint64_t(data - range->data);
    if (offset >= object.bytes)
      return;
    for (uint64_t at = (object.base + offset - firstAddress) >> 6; at <= (object.base + offset + bytes - 1 - firstAddress) >> 6; ++at) {
      if (at >= touched.size())
        touched.resize(at + at / 2 + 1);
      trace.firstTouches[function][word] += !touched[at];
      touched[at] = true;
    }
    if (!keep)
      return;
    uint32_t site = UINT32_MAX;
    for (uint32_t known : watched.sites)
      if (trace.sites[known].object == range->object)
        site = known;
    if (site == UINT32_MAX) {
      site = uint32_t(trace.sites.size());
      watched.sites.push_back(site);
      trace.sites.push_back(makeSite(watched, function, word, range->object));
    }
    trace.accesses.push_back({object.base + offset, site, uint8_t(bytes), watched.kind});
  }

  Site makeSite(const Watched &watched, uint32_t functionIndex, uint32_t word, uint32_t object) const {
    const Function &function = program.functions[functionIndex];
    Site site{functionIndex, word, object, fmt::format("{}:{}", function.name, word), "", "", "", watched.byCoordinate};
    for (const Location &location : function.locations)
      if (location.word <= word)
        site.location = program.locationTexts[location.text];
    site.text = printSlot(isa::Pipe(watched.pipe), function.words[word], word, {});
    const int32_t binding = facts[functionIndex].accessBinding[word];
    site.binding = watched.byCoordinate || binding < 0 ? trace.objects[object].name : function.bindings[size_t(binding)].name;
    return site;
  }
};

/// A call of one sentron with all that it needs.
struct Call {
  const Program &program;
  const TraceOptions &options;
  Trace &trace;
  uint32_t function = 0, number = 0; // of the entry
  CallMemory memory;
  std::vector<uint8_t *> bases, stacks;
  mem::Space space;

  Status findEntry() {
    std::string known;
    for (size_t f = 0, n = 0; f < program.functions.size(); ++f) {
      if (!program.functions[f].entry)
        continue;
      if (options.entry.empty() || options.entry == program.functions[f].name) {
        function = uint32_t(f);
        number = uint32_t(n);
        trace.entry = program.functions[f].name;
        return {};
      }
      known += (n++ ? ", " : "") + program.functions[f].name;
    }
    if (options.entry.empty())
      return Error{"the program has no entry function"};
    return Error{fmt::format("no entry '{}'; the program has {}", options.entry, known)};
  }

  /// The axes of a tensor in row-major order.
  std::vector<Axis> findAxes(const Binding &binding, uint32_t index) const {
    std::vector<Axis> axes;
    const Result<rt::BindingPlace> place = rt::placeBinding(program.functions[function], number, index);
    if (!place || (binding.kind == BindingKind::Parameter && binding.layout.kind == Layout::Panels))
      return axes;
    unsigned dimension = Coordinate::dimensions;
    uint64_t stride = dtypeBytes(binding.dtype);
    auto add = [&](uint64_t extent) {
      axes.insert(axes.begin(), {--dimension, extent, stride});
      stride *= extent;
    };
    for (size_t t = binding.shape.size(); t-- > 0;)
      if (const uint64_t inner = place->split[t]) {
        add(inner);
        add(uint64_t(binding.shape[t]) / inner);
      } else {
        add(uint64_t(binding.shape[t]));
      }
    return axes;
  }

  /// Gives every object its addresses and memory.
  Status place() {
    uint64_t next = firstAddress;
    std::map<std::string, uint64_t> displacements = options.displacements;
    auto add = [&](const std::string &name, const Binding &binding, uint32_t index) -> Status {
      uint64_t base = next;
      if (auto moved = displacements.find(name); moved != displacements.end()) {
        base += moved->second;
        displacements.erase(moved);
      }
      if (binding.size > (uint64_t(1) << 40) || base - firstAddress > (uint64_t(1) << 42))
        return Error{fmt::format("binding {} of {} bytes is more than an analysis takes; the limit is 4 TiB for all", name, binding.size)};
      trace.objects.push_back({name, binding.kind, base, binding.size, binding.dtype, binding.shape, index});
      next = (base + std::max<uint64_t>(binding.size, 1) + pageBytes - 1) / pageBytes * pageBytes;
      return {};
    };
    const std::vector<Binding> &bindings = program.functions[function].bindings;
    for (uint32_t b = 0; b < bindings.size(); ++b)
      if (bindings[b].kind != BindingKind::Stack) {
        if (Status status = add(bindings[b].name, bindings[b], b); !status)
          return status;
        trace.objects.back().axes = findAxes(bindings[b], b);
      }
    for (const Function &f : program.functions)
      for (uint32_t b = 0; b < f.bindings.size(); ++b)
        if (f.bindings[b].kind == BindingKind::Stack)
          if (Status status = add("stack of " + f.name, f.bindings[b], b); !status)
            return status;
    if (!program.rodata.empty()) {
      Binding constants;
      constants.kind = BindingKind::Constant;
      constants.size = program.rodata.size();
      if (Status status = add("read-only data", constants, 0); !status)
        return status;
    }
    if (!displacements.empty())
      return Error{fmt::format("entry {} has no binding '{}' to be moved", trace.entry, displacements.begin()->first)};
    return memory.allocate(next - firstAddress);
  }

  Status fillAll(Recorder &recorder) {
    const std::vector<Binding> &bindings = program.functions[function].bindings;
    std::unique_ptr<rt::SafetensorsFile> file;
    if (!options.parameters.empty()) {
      Result<std::unique_ptr<rt::SafetensorsFile>> opened = rt::SafetensorsFile::open(options.parameters);
      if (!opened)
        return opened.takeError();
      file = std::move(*opened);
    }
    size_t object = 0, input = 0;
    bases.assign(bindings.size(), nullptr);
    stacks.assign(program.functions.size(), nullptr);
    for (uint32_t b = 0; b < bindings.size(); ++b) {
      const Binding &binding = bindings[b];
      if (binding.kind == BindingKind::Stack)
        continue;
      bases[b] = memory.at(trace.objects[object].base);
      recorder.add(bases[b], uint32_t(object++));
      Status status;
      if (binding.kind == BindingKind::Constant)
        std::copy_n(program.rodata.data() + binding.offset, binding.size, bases[b]);
      else if (binding.kind == BindingKind::Input)
        status = fillInput(binding, input++, bases[b]);
      else if (binding.kind == BindingKind::Parameter)
        status = fillParameter(binding, file.get(), bases[b]);
      if (!status)
        return status;
    }
    if (options.inputs.size() > input)
      return Error{fmt::format("{} inputs for entry {}, which takes {}", options.inputs.size(), trace.entry, input)};
    for (size_t f = 0; f < program.functions.size(); ++f)
      for (const Binding &binding : program.functions[f].bindings)
        if (binding.kind == BindingKind::Stack) {
          stacks[f] = memory.at(trace.objects[object].base);
          recorder.add(stacks[f], uint32_t(object++));
        }
    for (uint32_t b = 0; b < bindings.size(); ++b)
      if (bindings[b].kind == BindingKind::Stack)
        bases[b] = stacks[function];
    if (!program.rodata.empty())
      recorder.add(program.rodata.data(), uint32_t(object)); // callees address the program's own
    return {};
  }

  Status bindSpace() {
    const std::vector<Binding> &bindings = program.functions[function].bindings;
    for (uint32_t b = 0; b < bindings.size(); ++b) {
      const Binding &binding = bindings[b];
      const bool panels = binding.kind == BindingKind::Parameter && binding.layout.kind == Layout::Panels; // not addressable
      Result<rt::BindingPlace> place = rt::placeBinding(program.functions[function], number, b);
      if (!place || panels || !binding.size)
        continue;
      mem::RegionSpec spec;
      spec.name = binding.name;
      spec.box = place->box;
      spec.type = rt::regionType(binding.dtype);
      spec.writable = binding.kind == BindingKind::Output;
      spec.data = bases[b];
      spec.bytes = binding.size;
      if (Result<const mem::Region *> region = space.bind(std::move(spec)); !region)
        return region.takeError();
    }
    return {};
  }

  Status run(const std::vector<rt::FunctionFacts> &facts, Recorder &recorder) {
    bool usesSpace = false;
    for (const Function &f : program.functions)
      for (const isa::Word &word : f.words)
        for (unsigned p = 0; p < isa::numPipes; ++p)
          if (const isa::InstrInfo *info = isa::lookup(isa::Pipe(p), word.slots[p].opcode))
            usesSpace |= info->usesSpace;
    if (usesSpace)
      if (Status status = bindSpace(); !status)
        return status;
    rt::SentronMemory sentronMemory(space);
    rt::CallGroup group(1);
    group.begin(1);
    auto context = std::make_unique<rt::SentronContext>();
    context->group = &group;
    context->stacks = stacks.data();
    context->memory = usesSpace ? &sentronMemory : nullptr;
    if (!rt::createInterpreter(program, facts, recorder)->run(function, bases.data(), *context) && !trace.cut) {
      rt::Trap &trap = context->trap;
      if (trap.cause == rt::TrapCause::stopped && !group.error(0).empty())
        trap.cause = rt::TrapCause::coordination;
      trace.trap = rt::describeTrap(program, facts, trap, trap.cause == rt::TrapCause::space ? sentronMemory.error : group.error(0));
    }
    return {};
  }

private:
  Status fillInput(const Binding &binding, size_t input, uint8_t *data) {
    if (input < options.inputs.size()) {
      const std::vector<uint8_t> &given = options.inputs[input];
      if (given.size() != binding.size)
        return Error{fmt::format("input {} ('{}') has {} bytes, the entry takes {}", input, binding.name, given.size(), binding.size)};
      std::copy(given.begin(), given.end(), data);
      return {};
    }
    fillBytes(binding, data);
    return {};
  }
  Status fillParameter(const Binding &binding, const rt::SafetensorsFile *file, uint8_t *data) {
    if (!file) {
      fillBytes(binding, data);
      return {};
    }
    const rt::TensorView *tensor = file->find(binding.key);
    if (!tensor)
      return Error{fmt::format("parameter '{}' is not in {}", binding.key, options.parameters)};
    if (Status status = rt::checkParameter(binding, *tensor, options.parameters); !status)
      return status;
    if (binding.layout.kind != Layout::Panels) {
      std::copy_n(tensor->data, std::min(tensor->bytes, binding.size), data);
      return {};
    }
    rt::BufferPool pool;
    const Result<uint8_t *> packed = rt::packParameter(binding, *tensor, pool);
    if (!packed)
      return Error{packed.message()};
    std::copy_n(*packed, binding.size, data);
    return {};
  }
  void fillBytes(const Binding &binding, uint8_t *data) {
    if (!options.fill)
      return;
    std::vector<uint8_t> bytes(binding.size);
    options.fill(bytes, binding.dtype);
    std::copy(bytes.begin(), bytes.end(), data);
  }
};
} // namespace

std::string describe(const Site &site) {
  return fmt::format("word {}{}{}, {}", site.place, site.location.empty() ? "" : " at ", site.location, site.text);
}

Result<Trace> record(const Program &program, const TraceOptions &options) {
  Result<std::vector<rt::FunctionFacts>> facts = rt::verify(program);
  if (!facts)
    return facts.takeError();
  Trace trace;
  Call call{program, options, trace, 0, 0, {}, {}, {}, {}};
  Recorder recorder(program, *facts, options, trace);
  Status status = call.findEntry();
  if (status)
    status = call.place();
  if (status)
    status = call.fillAll(recorder);
  if (status)
    status = call.run(*facts, recorder);
  if (!status)
    return Error{status.message()};
  return trace;
}

} // namespace vtpu::analysis
