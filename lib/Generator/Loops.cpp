//===- Loops.cpp - Random hot loops -----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A body grows in program order. Temporaries are written, wait for a reader, and are read; carried registers pass through chains of operations once
// an iteration; fixed ones are only read. How many temporaries wait, how long the chains are and which ports are drawn is what a class steers.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Loops.h"

#include "Words.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

namespace vtpu::gen {

using namespace isa;

namespace {
/// Register pools: r, k, and v registers that hold bits or one float type (see Generator.h about payloads of NaNs).
enum Pool : uint8_t { poolBits, poolF32, poolF64, poolR, poolK, numPools };
constexpr unsigned numKinds = 3; // of v registers and of memory
Pool poolOf(Type type) { return type == Type::f32 ? poolF32 : type == Type::f64 ? poolF64 : poolBits; }
constexpr const char *areaNames[2][numKinds] = {{"bits", "f32", "f64"}, {"bits_out", "f32_out", "f64_out"}};
constexpr DType areaTypes[numKinds] = {DType::i64, DType::f32, DType::f64};

/// Accesses are aligned: hosts are slow where lines end, and where a load finds a part of what it reads in a store of another size. What a loop reads
/// moves by a line in an iteration, what it writes by a few, one for each of its stores in turn.
constexpr uint32_t line = 64, outLines = 4;
constexpr uint32_t reach = 4 * outLines * line; // bytes that accesses reach beyond the pointer
constexpr uint32_t stateBytes = 64 * 64; // of registers before and after the loop

struct Registers {
  std::vector<uint8_t> fixed, carried, temporary;
  std::vector<uint8_t> waiting; // temporaries that nothing has read for the last time, the oldest first
  std::vector<uint8_t> links;   // temporaries between two operations of a chain
  uint32_t target = 3;          // of waiting ones, about
  static bool holds(const std::vector<uint8_t> &list, uint8_t reg) { return std::find(list.begin(), list.end(), reg) != list.end(); }
  std::optional<uint8_t> free(Random &random) const {
    std::vector<uint8_t> list;
    for (uint8_t reg : temporary)
      if (!holds(waiting, reg) && !holds(links, reg))
        list.push_back(reg);
    return list.empty() ? std::nullopt : std::optional(random.of(list));
  }
};

/// The way of a carried register through an iteration.
struct Chain {
  Pool pool;
  uint8_t carried, current;
  uint32_t steps; // left
};

/// Memory that the loop walks over.
struct Stream {
  uint8_t pointer = 0;
  uint32_t binding = 0;
  uint32_t stride = line;
  bool moves = false;  // the pointer; else the counter is its index
  uint32_t stores = 0; // so far
};

/// Rows of which loops are made: what leaves control, other sentrons, the space and messages alone.
bool isLoopRow(const InstrInfo &info) {
  if (info.isControl() || info.hasSideEffects || info.usesSentron || info.usesSpace || info.isRoutine || info.usesCoordinate || info.trapsOnZero)
    return false;
  if (info.hasAddress() && info.operand(Field::rc)) // gathers: their time is one instruction's
    return false;
  return std::all_of(info.operands.begin(), info.operands.begin() + info.numOperands, [](const OperandInfo &o) {
    return o.cls != OperandClass::p && o.cls != OperandClass::m && o.cls != OperandClass::binding && o.cls != OperandClass::table;
  });
}

/// How often each port is drawn if nothing is to bind.
double usualWeight(PortClass port) {
  switch (port) {
  case PortClass::load:
  case PortClass::fma:
  case PortClass::vadd:
  case PortClass::alu:
    return 3;
  case PortClass::vlogic:
    return 2;
  case PortClass::store:
  case PortClass::vmul:
    return 1.5;
  case PortClass::vshift:
  case PortClass::shuffle:
    return 1;
  case PortClass::rload:
  case PortClass::kmask:
  case PortClass::vcmp:
    return 0.7;
  case PortClass::trit:
  case PortClass::funnel:
  case PortClass::reduce:
  case PortClass::vdiv:
    return 0.05;
  default:
    return 0.3;
  }
}

/// Ports that class `port` overloads, one group a loop.
const std::vector<std::vector<PortClass>> portGroups = {{PortClass::load, PortClass::bload},
                                                        {PortClass::store},
                                                        {PortClass::fma, PortClass::vmul},
                                                        {PortClass::shuffle},
                                                        {PortClass::kmask, PortClass::vcmp},
                                                        {PortClass::alu, PortClass::imul, PortClass::rload, PortClass::rstore}};

class LoopGenerator {
public:
  LoopGenerator(LoopClass cls, Random &random, const LoopOptions &options) : cls(cls), random(random), options(options) {
    chooseMix();
    assignRegisters();
  }

  Program run() {
    prologue();
    const size_t outer = words.size();
    for (const Stream &stream : streams)
      place(control(COp::cptr, stream.pointer, 0, int32_t(stream.binding)));
    place(immediate(counter, 0));
    closed = true;
    const size_t head = words.size();
    body();
    branchBack(counter, int32_t(line >> counterScale), options.iterations, head);
    if (options.rounds > 1)
      branchBack(roundCounter, 1, options.rounds, outer);
    epilogue();
    return finish();
  }

private:
  const LoopClass cls;
  Random &random;
  const LoopOptions &options;
  std::vector<Word> words;
  bool closed = true; // nothing joins the last word
  Pool primary, secondary;
  Length mainLength;
  std::vector<double> weights;                 // by port class
  std::vector<std::vector<const Form *>> forms; // by port class
  std::array<Registers, numPools> pools;
  std::vector<Chain> chains;
  std::vector<Stream> streams;
  int inputs[numKinds] = {-1, -1, -1}, outputs[numKinds] = {-1, -1, -1}; // streams by kind
  uint8_t counter, roundCounter, scratchV, scratchK;
  uint8_t counterScale; // of an index into what is read, log2; what is written has four times the stride
  uint32_t placed = 0; // operations of the body

  //===-- Choices of a loop ----------------------------------------------===//

  void chooseMix() {
    static constexpr Pool kinds[] = {poolF32, poolF32, poolF32, poolBits, poolBits, poolF64};
    primary = random.of(kinds);
    secondary = cls == LoopClass::registers || random.chance(0.4) ? primary : random.of(kinds);
    static constexpr Length lengths[] = {Length::v512, Length::v512, Length::v256, Length::v128};
    mainLength = random.of(lengths);
    counterScale = uint8_t(random.below(2));
    weights.resize(numPortClasses);
    forms.resize(numPortClasses);
    for (const Form &form : allForms()) {
      const bool typed = form.type == Type::none || poolOf(form.type) == primary || poolOf(form.type) == secondary;
      const Pool memory = poolOf(form.memType);
      const bool known = form.memType == Type::none || memory == poolBits || memory == primary || memory == secondary;
      if (isLoopRow(*form.info) && typed && known && form.memType != Type::f16 && (!form.info->hasLength || form.length == mainLength))
        forms[unsigned(form.info->port)].push_back(&form);
    }
    for (unsigned port = 0; port < numPortClasses; ++port)
      weights[port] = forms[port].empty() ? 0 : usualWeight(PortClass(port)) * (0.5 + double(random.below(100)) / 100);
    auto favour = [&](const std::vector<PortClass> &ports, double factor) {
      for (PortClass port : ports)
        weights[unsigned(port)] *= factor;
    };
    switch (cls) {
    case LoopClass::port:
      favour(random.of(portGroups), 6 + double(random.below(10)));
      break;
    case LoopClass::issue: // cheap ones on many ports
      favour({PortClass::alu, PortClass::vlogic, PortClass::vmov, PortClass::kmask, PortClass::rload}, 3);
      break;
    case LoopClass::l2:
      favour({PortClass::load, PortClass::store}, 4);
      break;
    case LoopClass::registers: // what makes values
      favour({PortClass::load, PortClass::vadd, PortClass::fma, PortClass::vlogic}, 3);
      favour({PortClass::store}, 0.3);
      break;
    case LoopClass::recurrence:
      break;
    }
  }

  void assignRegisters() {
    auto shuffled = [&](unsigned first, unsigned count) {
      std::vector<uint8_t> list(count - first);
      std::iota(list.begin(), list.end(), uint8_t(first));
      random.shuffle(list);
      return list;
    };
    std::vector<uint8_t> r = shuffled(0, numR), v = shuffled(0, numV), k = shuffled(1, numK);
    auto take = [](std::vector<uint8_t> &list) {
      const uint8_t last = list.back();
      list.pop_back();
      return last;
    };
    auto fill = [&](Registers &pool, std::vector<uint8_t> &list, size_t fixed, size_t carried, size_t temporary) {
      for (auto [target, count] : {std::make_pair(&pool.fixed, fixed), {&pool.carried, carried}, {&pool.temporary, temporary}})
        while (target->size() < count && !list.empty())
          target->push_back(take(list));
    };
    counter = take(r);
    roundCounter = take(r);
    scratchV = take(v);
    scratchK = take(k);
    for (unsigned kind = 0; kind < numKinds; ++kind) {
      if (kind != poolBits && kind != primary && kind != secondary)
        continue;
      for (bool out : {false, true}) {
        Stream stream;
        stream.pointer = take(r);
        stream.binding = kind + (out ? numKinds : 0);
        stream.stride = out ? outLines * line : line;
        stream.moves = random.chance(0.25); // mostly one counter is the index of all
        (out ? outputs : inputs)[kind] = int(streams.size());
        streams.push_back(stream);
      }
    }
    const bool chained = cls == LoopClass::recurrence;
    for (Pool pool : {poolBits, poolF32, poolF64})
      if (pool != primary && (pool == secondary || pool == poolBits))
        fill(pools[pool], v, 1, 1, 4);
    const size_t most = cls == LoopClass::registers ? 26 : 8 + random.below(8);
    fill(pools[primary], v, 1 + random.below(3), chained ? 4 : random.below(2), most);
    fill(pools[poolR], r, 1, 1 + random.below(2), 6);
    fill(pools[poolK], k, 2, 1, 3);
    pools[primary].target = uint32_t(cls == LoopClass::registers ? pools[primary].temporary.size() - 2 - random.below(6) : 2 + random.below(4));
    // Chains: of one operation, which is an accumulator, or longer.
    for (Pool pool : {primary, secondary, poolR, poolK}) {
      const std::vector<uint8_t> &carried = pools[pool].carried;
      if (pool == secondary && secondary == primary)
        continue;
      const size_t count = std::min<size_t>(carried.size(), chained ? 1 + random.below(4) : carried.size());
      for (size_t i = 0; i < count; ++i)
        chains.push_back({pool, carried[i], carried[i], uint32_t(chained ? 1 + random.below(6) : 1)});
      pools[pool].fixed.insert(pools[pool].fixed.end(), carried.begin() + ptrdiff_t(count), carried.end());
      pools[pool].carried.resize(count);
    }
  }

  //===-- Words ----------------------------------------------------------===//

  void place(const Word &word) { words.push_back(word); }

  /// Adds a word of one slot, in the last word if it means the same there.
  void append(const Word &word) {
    ++placed;
    if (!closed && random.chance(0.7)) {
      Word both = words.back();
      bool joins = !(both.hasImmediates && word.hasImmediates);
      for (unsigned pipe = 0; pipe < numPipes; ++pipe) {
        if (word.slots[pipe].empty())
          continue;
        joins &= both.slots[pipe].empty();
        const Effects here = effects(Pipe(pipe), word.slots[pipe]);
        for (unsigned other = 0; other < numPipes; ++other)
          if (!both.slots[other].empty())
            joins &= !effects(Pipe(other), both.slots[other]).feeds(here);
        both.slots[pipe] = word.slots[pipe];
      }
      if (word.hasImmediates) {
        both.hasImmediates = true;
        both.i0 = word.i0;
        both.i1 = word.i1;
      }
      if (joins && checkWord(both).ok()) {
        words.back() = both;
        return;
      }
    }
    words.push_back(word);
    closed = false;
  }

  void branchBack(uint8_t reg, int32_t step, uint32_t times, size_t head) {
    append(control(COp::caddi, reg, reg, step));
    Word word = control(COp::cbcci, 0, reg, int32_t(head) - int32_t(words.size()));
    word.slot(Pipe::C).predicate = Predicate::lt;
    word.hasImmediates = true;
    word.i1 = int64_t(times) * step;
    place(word);
    closed = true;
  }

  static Type typeOf(unsigned pool) { return pool == poolF32 ? Type::f32 : pool == poolF64 ? Type::f64 : Type::i64; }
  uint32_t stateAt(const Stream &stream) const { return (options.iterations + 1) * stream.stride + reach; }

  void prologue() {
    for (unsigned pool = 0; pool < numKinds; ++pool) {
      uint32_t offset = 0;
      if (inputs[pool] < 0)
        continue;
      const Stream &stream = streams[size_t(inputs[pool])];
      place(control(COp::cptr, counter, 0, int32_t(stream.binding)));
      auto load = [&](SOp op, const std::vector<uint8_t> &list) {
        for (uint8_t reg : list)
          place(access(op, typeOf(pool), reg, counter, stateAt(stream) + 64 * offset++));
      };
      load(SOp::sld, pools[pool].fixed);
      load(SOp::sld, pools[pool].carried);
      if (pool == poolBits) {
        load(SOp::sldr, pools[poolR].fixed);
        load(SOp::sldr, pools[poolR].carried);
      }
    }
    for (const std::vector<uint8_t> &list : {pools[poolK].fixed, pools[poolK].carried})
      for (uint8_t reg : list)
        place(control(COp::kset, reg, 0, int32_t(1 + random.below(16))));
    if (options.rounds > 1)
      place(immediate(roundCounter, 0));
  }

  void epilogue() {
    const uint8_t scratch = pools[poolR].temporary[0];
    for (unsigned pool = 0; pool < numKinds; ++pool) {
      if (outputs[pool] < 0)
        continue;
      uint32_t offset = 0;
      const Stream &stream = streams[size_t(outputs[pool])];
      place(control(COp::cptr, counter, 0, int32_t(stream.binding)));
      auto store = [&](SOp op, uint8_t reg) { place(access(op, typeOf(pool), reg, counter, stateAt(stream) + 64 * offset++)); };
      for (uint8_t reg : pools[pool].carried)
        store(SOp::sst, reg);
      if (pool != poolBits)
        continue;
      for (uint8_t reg : pools[poolR].carried)
        store(SOp::sstr, reg);
      for (uint8_t reg : pools[poolK].carried) {
        place(control(COp::kget, scratch, reg, 0));
        store(SOp::sstr, scratch);
      }
    }
    place(control(COp::cret, 0, 0, 0));
  }

  Program finish() {
    Program program;
    Function function;
    function.name = "main";
    function.entry = true;
    for (bool out : {false, true})
      for (unsigned kind = 0; kind < numKinds; ++kind) {
        Binding binding;
        binding.kind = out ? BindingKind::Output : BindingKind::Input;
        binding.name = areaNames[out][kind];
        const int stream = (out ? outputs : inputs)[kind];
        binding.size = stream < 0 ? line : stateAt(streams[size_t(stream)]) + stateBytes;
        binding.align = 64;
        binding.writable = out;
        binding.dtype = areaTypes[kind];
        binding.shape = {int64_t(binding.size / dtypeBytes(binding.dtype))};
        function.bindings.push_back(std::move(binding));
      }
    function.words = std::move(words);
    program.functions.push_back(std::move(function));
    return program;
  }

  //===-- The body -------------------------------------------------------===//

  void body() {
    const uint32_t wanted = options.operations;
    std::vector<size_t> unmoved;
    for (size_t s = 0; s < streams.size(); ++s)
      if (streams[s].moves)
        unmoved.push_back(s);
    random.shuffle(unmoved);
    auto chainSteps = [&] {
      uint32_t sum = 0;
      for (const Chain &chain : chains)
        sum += chain.steps;
      return sum;
    };
    auto waiting = [&] {
      size_t sum = 0;
      for (const Registers &pool : pools)
        sum += pool.waiting.size();
      return uint32_t(sum);
    };
    // What is owed at any time: the rest of the chains, the pointers, and about one operation for each temporary that waits.
    while (placed + chainSteps() + unmoved.size() + waiting() + 1 < wanted) {
      const double left = double(wanted - placed);
      if (random.chance(double(chainSteps()) / left)) {
        chainStep();
      } else if (random.chance(double(unmoved.size()) / left)) {
        moveNext(unmoved);
      } else if (!anyOperation()) {
        consumeOne();
      }
    }
    while (chainSteps())
      chainStep();
    while (consumeOne()) {
    }
    while (!unmoved.empty())
      moveNext(unmoved);
  }

  void moveNext(std::vector<size_t> &unmoved) {
    const Stream &stream = streams[unmoved.back()];
    unmoved.pop_back();
    append(control(COp::caddi, stream.pointer, stream.pointer, int32_t(stream.stride)));
  }

  void chainStep() {
    std::vector<Chain *> open;
    for (Chain &chain : chains)
      if (chain.steps)
        open.push_back(&chain);
    Chain &chain = *random.of(open);
    const bool isFloat = chain.pool == poolF32 || chain.pool == poolF64;
    for (unsigned attempt = 0; attempt < 200; ++attempt) {
      PortClass port = choosePort(false);
      // Sums keep floats from dying away in denormal numbers, which hosts are slow at.
      if (isFloat && chain.steps == 1)
        port = random.chance(0.5) ? PortClass::fma : PortClass::vadd;
      if (chain.pool == poolR)
        port = random.chance(0.8) ? PortClass::alu : PortClass::imul;
      if (chain.pool == poolK)
        port = PortClass::kmask;
      if (!forms[unsigned(port)].empty() && draw(*random.of(forms[unsigned(port)]), &chain))
        return;
    }
    // Nothing fits, perhaps because all temporaries wait: the chain ends here.
    if (chain.current != chain.carried)
      copy(chain.pool, chain.carried, chain.current);
    chain.steps = 0;
  }

  void copy(Pool pool, uint8_t to, uint8_t from) {
    Word word;
    if (pool == poolR || pool == poolK) {
      word = control(pool == poolR ? COp::cmov : COp::kmov, to, from, 0);
    } else {
      Slot &slot = word.slot(Pipe::D);
      slot.opcode = uint8_t(DOp::dmov);
      slot.type = typeOf(pool);
      slot.length = Length::v512;
      slot.rd = to;
      slot.ra = from;
    }
    append(word);
    release(pool, from);
  }

  bool anyOperation() {
    for (unsigned attempt = 0; attempt < 50; ++attempt) {
      const PortClass port = choosePort(true);
      if (draw(*random.of(forms[unsigned(port)]), nullptr))
        return true;
    }
    return false;
  }

  /// Makes one temporary of two that wait. False if there are none, or nothing does that.
  bool combineTwo() {
    std::vector<Pool> some;
    for (unsigned pool = 0; pool < numPools; ++pool)
      if (pools[pool].waiting.size() > 1)
        some.push_back(Pool(pool));
    if (some.empty())
      return false;
    const Pool pool = random.of(some);
    const uint8_t first = pools[pool].waiting[0], second = pools[pool].waiting[1];
    for (unsigned attempt = 0; attempt < 100; ++attempt) {
      const PortClass port = pool == poolR ? PortClass::alu : pool == poolK ? PortClass::kmask : choosePort(true);
      const Form &form = *random.of(forms[unsigned(port)]);
      const InstrInfo &info = *form.info;
      unsigned reads = 0;
      bool others = form.mask != MaskForm::none || info.hasAddress() || !info.operand(Field::rd);
      Slot typed;
      typed.type = form.type;
      typed.memType = form.memType;
      for (unsigned i = 0; i < info.numOperands; ++i) {
        const OperandInfo &operand = info.operands[i];
        if (!registerCount(operand.cls) || operand.access == Access::tmp)
          continue;
        others |= poolOfOperand(info, operand, typed, false) != pool || operand.access == Access::inout;
        reads += operand.access == Access::in;
      }
      const std::optional<uint8_t> target = pools[pool].free(random);
      if (others || reads != 2)
        continue;
      unsigned next = 0;
      Word word;
      word.slot(info.pipe) = drawSlot(form, word, [&](const OperandInfo *operand, const Slot &) -> uint8_t {
        if (operand->access == Access::tmp)
          return operand->cls == OperandClass::k ? scratchK : scratchV;
        return operand->access == Access::in ? (next++ ? second : first) : target.value_or(first);
      }, random);
      if (!checkWord(word).ok())
        continue;
      append(word);
      release(pool, first);
      release(pool, second);
      pools[pool].waiting.push_back(target.value_or(first));
      return true;
    }
    return false;
  }

  /// Combines two temporaries that wait, or stores one. False if none waits.
  bool consumeOne() {
    std::vector<Pool> some;
    for (unsigned pool = 0; pool < numPools; ++pool)
      if (!pools[pool].waiting.empty())
        some.push_back(Pool(pool));
    if (some.empty())
      return false;
    if (cls != LoopClass::l2 && random.chance(0.85) && combineTwo())
      return true;
    const Pool pool = random.of(some);
    const uint8_t reg = pools[pool].waiting.front();
    if (pool == poolK) { // a store of the mask's bits
      if (std::optional<uint8_t> to = pools[poolR].free(random)) {
        append(control(COp::kget, *to, reg, 0));
        pools[poolR].waiting.push_back(*to);
      }
      release(pool, reg);
      return true;
    }
    Word word = access(pool == poolR ? SOp::sstr : SOp::sst, pool == poolR ? Type::i64 : typeOf(pool), reg, 0, 0);
    if (pool != poolR)
      word.slot(Pipe::S).length = mainLength;
    const Pool area = pool == poolR ? poolBits : pool;
    address(word.slot(Pipe::S), true, pool != poolR, area, 8);
    ++streams[size_t(outputs[area])].stores;
    append(word);
    release(pool, reg);
    return true;
  }

  PortClass choosePort(bool all) {
    double sum = 0;
    for (double weight : weights)
      sum += weight;
    double at = double(random.bits() >> 11) * 0x1p-53 * sum;
    unsigned port = 0;
    for (; port + 1 < weights.size() && (at >= weights[port] || weights[port] == 0); ++port)
      at -= weights[port];
    return !all || !forms[port].empty() ? PortClass(port) : PortClass::alu;
  }

  void release(Pool pool, uint8_t reg) {
    for (std::vector<uint8_t> *list : {&pools[pool].waiting, &pools[pool].links})
      if (auto it = std::find(list->begin(), list->end(), reg); it != list->end())
        list->erase(it);
  }

  /// The type that an operand's lanes have: conversions between registers read the memory type.
  static Pool poolOfOperand(const InstrInfo &info, const OperandInfo &operand, const Slot &slot, bool keepsBits) {
    switch (operand.cls) {
    case OperandClass::v:
      if (operand.bits || keepsBits)
        return poolBits;
      return info.pipe == Pipe::D && operand.access == Access::in && slot.memType != Type::none && slot.memType != Type::f16 ? poolOf(slot.memType)
                                                                                                                             : poolOf(slot.type);
    case OperandClass::k:
      return poolK;
    default:
      return poolR;
    }
  }

  /// An address in a stream of the kind. What loops write they read again as whole vectors of floats only.
  void address(Slot &slot, bool stores, bool whole, Pool kind, uint32_t bytes) {
    const bool out = stores || (whole && kind != poolBits && random.chance(cls == LoopClass::recurrence ? 0.25 : 0.08));
    Stream &stream = streams[size_t((out ? outputs : inputs)[kind])];
    slot.ra = stream.pointer;
    slot.rb = stream.moves ? noRegister : counter;
    slot.scale = uint8_t(stream.moves ? 0 : counterScale + (out ? 2 : 0));
    if (stores)
      slot.imm = int32_t(line * (stream.stores % outLines));
    else
      slot.imm = int32_t((out ? line : bytes) * random.below(reach / 2 / (out ? line : bytes)));
  }

  /// Draws the registers of a form and appends it. False if a rule of words forbids it or no temporary is free.
  bool draw(const Form &form, Chain *chain) {
    const InstrInfo &info = *form.info;
    const bool addressed = info.hasAddress();
    const bool keepsBits = std::any_of(info.operands.begin(), info.operands.begin() + info.numOperands,
                                       [](const OperandInfo &o) { return o.bits && o.access == Access::inout; });
    const Pool area = form.memType == Type::none ? poolOf(form.type) : poolOf(form.memType);
    if (addressed && inputs[area] < 0)
      return false;
    bool possible = true, linked = !chain, written = !chain;
    std::vector<std::pair<Pool, uint8_t>> begun, ended;
    auto read = [&](Pool which, bool mask) -> uint8_t {
      Registers &pool = pools[which];
      const bool full = pool.waiting.size() >= pool.target;
      if (!pool.waiting.empty() && random.chance(full ? 0.8 : mask || cls == LoopClass::registers ? 0.25 : 0.5)) {
        // The oldest where many are to wait, else a late one.
        const size_t n = pool.waiting.size(), late = std::min<size_t>(n, 4);
        const uint8_t reg = cls == LoopClass::registers ? pool.waiting[random.below(late)] : pool.waiting[n - 1 - random.below(late)];
        if (random.chance(full ? 0.9 : 0.5))
          ended.push_back({which, reg});
        return reg;
      }
      const bool carried = !pool.carried.empty() && random.chance(0.2);
      std::vector<uint8_t> &list = carried ? pool.carried : pool.fixed;
      if (list.empty()) {
        possible = false;
        return 0;
      }
      return random.of(list);
    };
    auto choose = [&](const OperandInfo *which, const Slot &slot) -> uint8_t {
      if (!which)
        return read(poolK, true);
      const OperandInfo &operand = *which;
      if (operand.access == Access::tmp)
        return operand.cls == OperandClass::k ? scratchK : scratchV;
      if (operand.cls == OperandClass::idx || (addressed && operand.field == Field::ra))
        return operand.cls == OperandClass::idx ? noRegister : 0; // the address follows
      const Pool pool = poolOfOperand(info, operand, slot, keepsBits);
      const bool updates = operand.access == Access::inout || (operand.access == Access::out && form.mask == MaskForm::merging && pool < poolR);
      if (operand.access == Access::in) {
        if (!linked && pool == chain->pool) {
          linked = true;
          return chain->current;
        }
        return read(pool, false);
      }
      if (chain && pool == chain->pool && !written) {
        written = true;
        if (updates) {
          linked = true;
          possible &= chain->steps > 1 || chain->current == chain->carried;
          return chain->current;
        }
        if (chain->steps == 1)
          return chain->carried;
      } else if (updates) {
        if (pools[pool].waiting.empty()) {
          possible = false;
          return 0;
        }
        return random.of(pools[pool].waiting);
      }
      std::optional<uint8_t> reg = pools[pool].free(random);
      for (auto &[other, taken] : begun)
        possible &= !reg || other != pool || taken != *reg;
      if (!reg) {
        possible = false;
        return 0;
      }
      begun.push_back({pool, *reg});
      return *reg;
    };
    Word word;
    Slot &slot = word.slot(info.pipe);
    slot = drawSlot(form, word, choose, random);
    if (addressed) {
      const uint32_t bytes = uint32_t(sched::accessBytes(info, slot));
      address(slot, info.isStore, info.hasLength && form.memType == form.type, area, bytes);
    }
    if (!possible || !linked || !written || !checkWord(word).ok())
      return false;
    append(word);
    if (info.isStore)
      ++streams[size_t(outputs[area])].stores;
    for (auto &[pool, reg] : ended)
      release(pool, reg);
    for (auto &[pool, reg] : begun)
      if (!chain || pool != chain->pool)
        pools[pool].waiting.push_back(reg);
    if (chain) {
      const OperandInfo &result = *info.operand(Field::rd);
      const uint8_t before = chain->current;
      chain->current = getRegister(slot, result.field);
      if (chain->current != before)
        release(chain->pool, before);
      --chain->steps;
      if (chain->current != before && chain->current != chain->carried)
        pools[chain->pool].links.push_back(chain->current);
    }
    return true;
  }
};
} // namespace

std::string_view loopClassName(LoopClass cls) {
  static constexpr std::string_view names[] = {"recurrence", "port", "issue", "registers", "l2"};
  return names[unsigned(cls)];
}
std::optional<LoopClass> parseLoopClass(std::string_view name) {
  for (LoopClass cls : loopClasses)
    if (loopClassName(cls) == name)
      return cls;
  return std::nullopt;
}

Result<Program> generateLoop(LoopClass cls, uint64_t seed, const LoopOptions &options) {
  constexpr uint32_t fewest = 4, most = 1024, mostIterations = 1 << 16;
  if (options.operations && (options.operations < fewest || options.operations > most))
    return Error{fmt::format("a loop of {} operations; legal are {} to {}", options.operations, fewest, most)};
  if (options.iterations > mostIterations)
    return Error{fmt::format("a loop of {} iterations; legal are 1 to {}", options.iterations, mostIterations)};
  if (options.rounds < 1)
    return Error{"a loop that runs in 0 rounds; legal are 1 and more"};
  Random random(seed * std::size(loopClasses) + unsigned(cls));
  LoopOptions chosen = options;
  // Few operations need few registers, and are bound by the latency of an accumulator.
  const uint32_t fewestHere = cls == LoopClass::registers ? 40 : cls == LoopClass::recurrence ? 8 : 16;
  const uint32_t some = uint32_t(fewestHere + random.below(65 - fewestHere));
  if (!chosen.operations)
    chosen.operations = some;
  if (!chosen.iterations)
    chosen.iterations = cls == LoopClass::l2 ? 512 : 32;
  return LoopGenerator(cls, random, chosen).run();
}

} // namespace vtpu::gen
