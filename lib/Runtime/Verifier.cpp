//===- Verifier.cpp - What must hold before a program runs ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First what is wrong about words, tables and the call graph by themselves; then one forward data-flow analysis a function. It tracks for each
// register whether it is defined, whether an r register holds an integer or a pointer into a binding, and a strided interval of its value.
// Counted loops are solved in closed form: a register that only `caddi` steps, by a constant in each round of a loop with a known number of
// rounds, has exactly the values start + step * t at its head, which proves accesses through counters and through moving pointers alike. Integers
// that are loaded from constants are among those that stand there. What is not proven is checked at run time; it is no error.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/Verifier.h"

#include "Constants.h"
#include "Loops.h"
#include "Semantics.h"
#include "ValueRange.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace vtpu::rt {

using namespace isa;

namespace {

/// What is known about an r register.
struct RegisterFact {
  enum Kind : uint8_t { undefined, integer, pointer } kind = undefined;
  int32_t binding = -1; // pointer
  ValueRange value;     // of the integer, or of the pointer's offset
  bool operator==(const RegisterFact &o) const {
    return kind == o.kind && (kind == undefined || (binding == o.binding && value == o.value));
  }
};

/// Of each mask: most lanes that may be active, the index of the highest plus one.
using Lanes = std::array<uint8_t, numK>;

struct State {
  bool reached = false;
  uint16_t p = 0;                      // defined
  uint64_t vkm = WordFacts::allR;      // defined, the places as in WordFacts; of r registers their facts tell it
  Lanes kLanes{};
  RegisterFact r[numR];
  bool operator==(const State &o) const {
    return reached == o.reached && std::equal(r, r + numR, o.r) && vkm == o.vkm && p == o.p && kLanes == o.kLanes;
  }
  /// Joins `o` into this; `widen` gives up on values that still grow. True if this changed.
  bool join(const State &o, bool widen) {
    if (!reached) {
      *this = o;
      return true;
    }
    bool changed = false;
    for (unsigned i = 0; i < numR; ++i) {
      RegisterFact &a = r[i];
      const RegisterFact &b = o.r[i];
      if (a.kind == RegisterFact::undefined || a == b)
        continue;
      if (a.kind != b.kind || (a.kind == RegisterFact::pointer && a.binding != b.binding)) {
        a = RegisterFact();
        changed = true;
        continue;
      }
      ValueRange joined = a.value.joined(b.value);
      if (joined == a.value)
        continue;
      if (widen) {
        int64_t low = joined.low < a.value.low ? -ValueRange::unbounded : joined.low;
        int64_t high = joined.high > a.value.high ? ValueRange::unbounded : joined.high;
        joined = ValueRange::between(low, high);
      }
      a.value = joined;
      changed = true;
    }
    changed |= (vkm & ~o.vkm) || (p & ~o.p);
    vkm &= o.vkm;
    p &= o.p;
    for (unsigned i = 0; i < numK; ++i) {
      changed |= o.kLanes[i] > kLanes[i];
      kLanes[i] = std::max(kLanes[i], o.kLanes[i]);
    }
    return changed;
  }
};

/// What the verifier asks of every slot, by row.
struct RowFacts {
  const OperandInfo *named = nullptr; // a number of something outside the word: the only such operand
  bool onlyAddress = false;           // a memory access with no r register beside its address, which writes no k register
  bool moves = false;                 // does more to the state than define registers
};
const std::array<RowFacts, numInstructions> rowFacts = [] {
  std::array<RowFacts, numInstructions> all;
  for (unsigned row = 0; row < numInstructions; ++row) {
    const InstrInfo &info = isa::begin()[row];
    all[row].onlyAddress = info.hasAddress() && (info.isLoad || info.isStore);
    all[row].moves = info.isControl();
    for (unsigned i = 0; i < info.numOperands; ++i) {
      const OperandInfo &operand = info.operands[i];
      if (operand.cls >= OperandClass::target)
        all[row].named = &operand;
      const bool writesK = operand.cls == OperandClass::k && operand.access != Access::in;
      all[row].moves |= operand.cls == OperandClass::r || operand.cls == OperandClass::idx || writesK;
      if ((operand.cls == OperandClass::r && operand.field != Field::ra) || writesK)
        all[row].onlyAddress = false;
    }
  }
  return all;
}();

class FunctionVerifier {
public:
  FunctionVerifier(const Program &program, uint32_t index, Constants &constants)
      : program(program), index(index), constants(constants), function(program.functions[index]), words(function.words) {
    facts.access.assign(words.size(), AccessProof::none);
    facts.accessBinding.assign(words.size(), -1);
    facts.order.reserve(words.size());
    wordFacts.reserve(words.size());
  }
  FunctionFacts facts;

  Status run() {
    if (words.empty())
      return Error{fmt::format("function {}: it has no words", function.name)};
    for (uint32_t w = 0; w < words.size(); ++w)
      if (Status status = checkStatic(w); !status)
        return Error{fmt::format("function {}, word {}: {}", function.name, w, status.message())};
    loops = findLoops(words, wordFacts, branches);
    trips.assign(loops.size(), -1);
    if (Status status = solve(); !status)
      return status;
    findPolls();
    return {};
  }

private:
  const Program &program;
  const uint32_t index;
  Constants &constants;
  const Function &function;
  const std::vector<Word> &words;
  std::vector<WordFacts> wordFacts;
  std::vector<uint32_t> branches; // words that branch, ascending
  std::vector<uint32_t> calls;    // words that call, ascending
  std::vector<Loop> loops;
  std::vector<int64_t> trips; // by loop: most rounds; -1: unknown

  const InstrInfo *const instructions = isa::begin();

  const InstrInfo *rowOf(Pipe pipe, uint32_t w) const {
    const uint16_t row = wordFacts[w].rows[unsigned(pipe)];
    return row == WordFacts::noRow ? nullptr : &instructions[row];
  }
  uint32_t targetOf(uint32_t w) const { return uint32_t(int64_t(w) + words[w].slot(Pipe::C).imm); }

  /// What can be said of a word without data flow.
  Status checkStatic(uint32_t w) {
    const Word &word = words[w];
    // Each word's facts are made when they are known: clearing them all before would cost as much as checking some of the rules.
    wordFacts.emplace_back();
    if (Status status = checkWord(word, wordFacts.back()); !status)
      return status;
    facts.order.push_back(wordFacts.back().order);
    for (unsigned p = 0; p < numPipes; ++p) {
      const Slot &slot = word.slots[p];
      if (slot.empty())
        continue;
      const InstrInfo *info = rowOf(Pipe(p), w);
      if (const OperandInfo *named = rowFacts[wordFacts[w].rows[p]].named)
        switch (named->cls) {
        case OperandClass::target:
          if (int64_t target = int64_t(w) + slot.imm; target < 0 || target >= int64_t(words.size()))
            return Error{fmt::format("{} to word {}, but the function has {} words", info->mnemonic, target, words.size())};
          break;
        case OperandClass::binding:
          if (slot.imm >= int64_t(function.bindings.size()))
            return Error{fmt::format("{} names binding {}, but the function has {}", info->mnemonic, slot.imm, function.bindings.size())};
          break;
        case OperandClass::table:
          if (slot.imm >= int64_t(function.callTables.size()))
            return Error{fmt::format("{} names call table {}, but the function has {}", info->mnemonic, slot.imm, function.callTables.size())};
          break;
        case OperandClass::code:
          if (slot.imm >= int64_t(program.messages.size()))
            return Error{fmt::format("{} names message {}, but the program has {}", info->mnemonic, slot.imm, program.messages.size())};
          break;
        case OperandClass::host:
          if (slot.imm >= int64_t(numHostFunctions()))
            return Error{fmt::format("{} names host function {}, but {} are listed; the program is newer than this runtime", info->mnemonic,
                                     slot.imm, numHostFunctions())};
          break;
        default:
          break;
        }
    }
    const InstrInfo *info = rowOf(Pipe::C, w);
    if (info && info->isBranch)
      branches.push_back(w);
    if (info && COp(info->opcode) == COp::ccall)
      calls.push_back(w);
    if (w + 1 == words.size() && !(info && info->isTerminator))
      return Error{"control falls off the end of the function; the last word must return, branch or trap"};
    return {};
  }

  /// State at a loop's head from the state on entry: in closed form where the number of rounds is bounded, without what nobody reads.
  void enterLoop(int32_t index, const State &entry, State &head) {
    const Loop &loop = loops[index];
    for (unsigned dead = loop.dead; dead; dead &= dead - 1)
      head.r[__builtin_ctz(dead)] = RegisterFact();
    trips[index] = -1;
    if (loop.counter < 0 || entry.r[loop.counter].kind != RegisterFact::integer)
      return;
    const Slot &tail = words[loop.tail].slot(Pipe::C);
    const ValueRange start = entry.r[loop.counter].value;
    ValueRange bound;
    if (tail.opcode == uint8_t(COp::cbcci))
      bound = ValueRange::constant(words[loop.tail].i1);
    else if (entry.r[tail.rb].kind == RegisterFact::integer && !(loop.changed >> tail.rb & 1))
      bound = entry.r[tail.rb].value;
    // A start without an upper bound may wrap and run for longer than its lower bound says.
    if (!start.isBounded() || bound.high >= ValueRange::unbounded)
      return;
    const int64_t step = loop.steps[loop.counter];
    trips[index] = std::max<int64_t>(1, (bound.high - start.low + step - 1) / step);
    for (unsigned left = loop.induction; left; left &= left - 1) {
      const unsigned r = unsigned(__builtin_ctz(left));
      if (entry.r[r].kind == RegisterFact::undefined || head.r[r].kind == RegisterFact::undefined)
        continue;
      head.r[r] = entry.r[r];
      head.r[r].value = entry.r[r].value + ValueRange::between(0, trips[index] - 1).scaled(loop.steps[r]);
    }
    // Wherever it starts, the counter comes back only below its bound.
    ValueRange &counter = head.r[loop.counter].value;
    if (head.r[loop.counter].kind == RegisterFact::integer && counter.isBounded())
      counter = ValueRange::between(counter.low, std::min(counter.high, std::max(start.high, bound.high - 1)), counter.stride);
  }

  /// Walks the blocks, lowest first, until their entry states no longer change: a loop's body settles before what follows it.
  Status solve() {
    const uint32_t n = uint32_t(words.size());
    std::vector<int32_t> blockOf(n, -1); // of a block's first word
    blockOf[0] = 0;
    for (uint32_t w : branches) {
      blockOf[targetOf(w)] = 0;
      if (w + 1 < n)
        blockOf[w + 1] = 0;
    }
    std::vector<uint32_t> first;
    for (uint32_t w = 0; w < n; ++w)
      if (blockOf[w] == 0) {
        blockOf[w] = int32_t(first.size());
        first.push_back(w);
      }
    std::vector<int32_t> loopOf(first.size(), -1); // whose head a block is
    for (size_t i = 0; i < loops.size(); ++i)
      loopOf[blockOf[loops[i].head]] = int32_t(i);
    std::vector<State> in(first.size());
    std::vector<State> entries(loops.size()); // joined over the edges that enter the loop
    std::vector<uint16_t> visits(first.size(), 0);
    std::vector<bool> queued(first.size(), false);
    std::vector<int32_t> heap;
    auto flow = [&](uint32_t from, uint32_t to, const State &state) {
      const int32_t block = blockOf[to], loopIndex = loopOf[block];
      bool changed;
      if (loopIndex >= 0) {
        const State before = in[block];
        const Loop &loop = loops[loopIndex];
        bool back = from >= loop.head && from <= loop.tail && from != ~0u;
        if (!back)
          entries[loopIndex].join(state, entries[loopIndex].reached && visits[block] > 8);
        in[block].join(state, visits[block] > 2);
        if (entries[loopIndex].reached)
          enterLoop(loopIndex, entries[loopIndex], in[block]);
        changed = !(in[block] == before);
      } else {
        changed = in[block].join(state, visits[block] > 64);
      }
      if (!changed || queued[block])
        return;
      queued[block] = true;
      heap.push_back(block);
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    };
    State start;
    start.reached = true;
    flow(~0u, 0, start);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      const int32_t block = heap.back();
      heap.pop_back();
      queued[block] = false;
      if (visits[block] < 1000)
        ++visits[block];
      State state = in[block];
      for (uint32_t w = first[block];; ++w) {
        // The last walk of a block starts from its final state, and its proofs stand.
        if (Status status = transfer(w, state); !status)
          return Error{fmt::format("function {}, word {}: {}", function.name, w, status.message())};
        const InstrInfo *info = rowOf(Pipe::C, w);
        if (info && info->isBranch) {
          State taken = state;
          refine(words[w], state, taken);
          flow(w, targetOf(w), taken);
        }
        if (info && info->isTerminator)
          break;
        if (blockOf[w + 1] >= 0) {
          flow(w, w + 1, state);
          break;
        }
      }
    }
    return {};
  }

  /// Innermost loops of some thousand rounds end soon; the others look at the end of each round whether the call is stopped.
  void findPolls() {
    constexpr int64_t mostTrips = 1 << 16;
    facts.polls.assign(words.size(), false);
    // Words that call or branch back, ascending.
    std::vector<uint32_t> restless, back;
    std::copy_if(branches.begin(), branches.end(), std::back_inserter(back), [&](uint32_t w) { return targetOf(w) <= w; });
    std::merge(calls.begin(), calls.end(), back.begin(), back.end(), std::back_inserter(restless));
    for (uint32_t w : back)
      facts.polls[w] = true;
    for (size_t i = 0; i < loops.size(); ++i) // of loops with several branches back trips are unknown
      facts.polls[loops[i].tail] =
          trips[i] < 0 || trips[i] > mostTrips || *std::lower_bound(restless.begin(), restless.end(), loops[i].head) < loops[i].tail;
  }

  Status requireInteger(const State &state, uint8_t reg, std::string_view mnemonic) const {
    if (state.r[reg].kind == RegisterFact::integer)
      return {};
    return Error{fmt::format("{} reads r{}, which {}", mnemonic, reg,
                             state.r[reg].kind == RegisterFact::pointer ? "holds a pointer; only cadd, caddi, cmov and addresses take pointers"
                                                                        : "is undefined on some path or holds different kinds of values")};
  }

  Error undefinedRead(uint32_t w, const State &state) const {
    for (Pipe pipe : wordFacts[w].order) {
      const Effects e = effects(pipe, words[w].slot(pipe));
      for (auto [letter, read, defined] : {std::tuple<char, uint32_t, uint64_t>('v', e.readV, state.vkm), {'k', e.readK, state.vkm >> WordFacts::kPlace},
                                           {'p', e.readP, state.p}, {'m', e.readM, state.vkm >> WordFacts::mPlace}})
        if (const uint32_t missing = read & ~uint32_t(defined))
          return Error{fmt::format("{} reads {}{}, which is undefined on some path", rowOf(pipe, w)->mnemonic, letter, __builtin_ctz(missing))};
    }
    return Error{"a register is undefined on some path"};
  }

  /// Effect of word w on the state; also proves its access. In emission order no slot sees what another one writes.
  Status transfer(uint32_t w, State &state) {
    const WordFacts &known = wordFacts[w];
    if ((known.read & ~state.vkm) | uint64_t(known.readP & ~state.p))
      return undefinedRead(w, state);
    const Lanes lanesBefore = state.kLanes;
    state.vkm |= known.write;
    state.p |= known.writeP;
    for (unsigned written = uint8_t(known.write >> WordFacts::kPlace); written; written &= written - 1)
      state.kLanes[unsigned(__builtin_ctz(written))] = 64;
    for (Pipe pipe : known.order) {
      const Slot &slot = words[w].slot(pipe);
      if (slot.empty())
        continue;
      const uint16_t row = known.rows[unsigned(pipe)];
      if (!rowFacts[row].moves)
        continue;
      const InstrInfo &info = instructions[row];
      if (pipe == Pipe::S && (info.isLoad || info.isStore)) {
        if (Status status = transferAccess(w, slot, info, lanesBefore, state); !status)
          return status;
        if (rowFacts[row].onlyAddress)
          continue;
      }
      if (Status status = transferSlot(pipe, slot, words[w], info, lanesBefore, state); !status)
        return status;
    }
    return {};
  }

  /// An access goes into one binding on all paths.
  Status transferAccess(uint32_t w, const Slot &slot, const InstrInfo &info, const Lanes &lanes, const State &state) {
    const RegisterFact &base = state.r[slot.ra];
    if (base.kind != RegisterFact::pointer)
      return Error{fmt::format("the address register r{} of {} {}", slot.ra, info.mnemonic,
                               base.kind == RegisterFact::integer ? "holds an integer, not a pointer"
                                                                  : "is undefined on some path or points into different bindings")};
    if (slot.rb != noRegister && state.r[slot.rb % numR].kind != RegisterFact::integer && info.operand(Field::rb) &&
        info.operand(Field::rb)->cls == OperandClass::idx)
      if (Status status = requireInteger(state, slot.rb, info.mnemonic); !status)
        return status;
    if (facts.accessBinding[w] >= 0 && facts.accessBinding[w] != base.binding)
      return Error{fmt::format("{} accesses binding {} on one path and {} on another", info.mnemonic, facts.accessBinding[w], base.binding)};
    facts.accessBinding[w] = base.binding;
    if (info.isStore && !function.bindings[base.binding].writable)
      return Error{fmt::format("{} stores to binding {} ({}), which is not writable", info.mnemonic, base.binding,
                               function.bindings[base.binding].name)};
    proveAccess(w, slot, lanes, state);
    return {};
  }

  /// Narrows the tested register on both edges of a conditional branch.
  void refine(const Word &word, State &out, State &taken) const {
    const Slot &c = word.slot(Pipe::C);
    bool immediate = c.opcode == uint8_t(COp::cbcci);
    if (!immediate && c.opcode != uint8_t(COp::cbcc))
      return;
    ValueRange bound = immediate ? ValueRange::constant(word.i1) : out.r[c.rb].value; // no slot beside a branch writes what it reads
    auto limit = [&](State &state, Predicate p) {
      RegisterFact &fact = state.r[c.ra];
      if (fact.kind != RegisterFact::integer || !bound.isBounded())
        return;
      ValueRange v = fact.value;
      int64_t low = v.low, high = v.high;
      switch (p) {
      case Predicate::lt:
        high = std::min(high, bound.high - 1);
        break;
      case Predicate::le:
        high = std::min(high, bound.high);
        break;
      case Predicate::gt:
        low = std::max(low, bound.low + 1);
        break;
      case Predicate::ge:
        low = std::max(low, bound.low);
        break;
      case Predicate::eq:
        low = std::max(low, bound.low), high = std::min(high, bound.high);
        break;
      default:
        return;
      }
      if (low > high) // this edge is never taken; any value describes it
        return;
      bool keepStride = v.isBounded() && low == v.low;
      fact.value = keepStride ? ValueRange::between(low, high, v.stride) : ValueRange::between(low, high);
    };
    static constexpr Predicate opposite[] = {Predicate::ne, Predicate::eq, Predicate::ge, Predicate::gt, Predicate::le, Predicate::lt};
    limit(taken, c.predicate);
    if (unsigned(c.predicate) < std::size(opposite))
      limit(out, opposite[unsigned(c.predicate)]);
  }

  Status transferSlot(Pipe pipe, const Slot &slot, const Word &word, const InstrInfo &info, const Lanes &lanesBefore, State &state) {
    auto integer = [&](ValueRange value) {
      state.r[slot.rd] = {RegisterFact::integer, -1, value};
    };
    // What moves pointers, and how.
    const COp op = pipe == Pipe::C ? COp(slot.opcode) : COp::empty;
    switch (op) {
    case COp::cptr:
      state.r[slot.rd] = {RegisterFact::pointer, slot.imm, ValueRange::constant(0)};
      return {};
    case COp::cmov:
    case COp::caddi: {
      const RegisterFact &from = state.r[slot.ra];
      if (from.kind == RegisterFact::undefined)
        return requireInteger(state, slot.ra, info.mnemonic);
      state.r[slot.rd] = {from.kind, from.binding, op == COp::cmov ? from.value : from.value + ValueRange::constant(slot.imm)};
      return {};
    }
    default:
      break;
    }
    const RegisterFact a = state.r[slot.ra % numR], b = state.r[slot.rb % numR]; // copies: results may replace them
    switch (op) {
    case COp::cadd: {
      const RegisterFact &base = b.kind == RegisterFact::pointer ? b : a, &other = b.kind == RegisterFact::pointer ? a : b;
      if (base.kind == RegisterFact::undefined)
        return requireInteger(state, slot.ra, info.mnemonic);
      if (other.kind != RegisterFact::integer)
        return requireInteger(state, &other == &a ? slot.ra : slot.rb, info.mnemonic);
      state.r[slot.rd] = {base.kind, base.binding, base.value + other.value};
      return {};
    }
    default:
      break;
    }
    // Everything else takes integers, but for the base of an address, and makes integers. All is read before anything is written.
    for (bool write : {false, true})
      for (unsigned i = 0; i < info.numOperands; ++i) {
        const OperandInfo &operand = info.operands[i];
        const uint8_t reg = getRegister(slot, operand.field);
        if ((operand.cls != OperandClass::r && operand.cls != OperandClass::idx) || reg == noRegister ||
            (info.hasAddress() && operand.field == Field::ra))
          continue;
        if (write && operand.access != Access::in)
          state.r[reg] = {RegisterFact::integer, -1,
                          operand.low == INT32_MIN && operand.high == INT32_MAX ? ValueRange::any() : ValueRange::between(operand.low, operand.high)};
        else if (!write && (operand.access == Access::in || operand.access == Access::inout))
          if (Status status = requireInteger(state, reg, info.mnemonic); !status)
            return status;
      }
    if (pipe == Pipe::D)
      return {};
    if (pipe == Pipe::S) {
      if (slot.opcode == uint8_t(SOp::sldr)) {
        const unsigned bytes = byteWidth(slot.memType), bits = bytes * 8;
        const bool isSigned = slot.memType >= Type::i8 && slot.memType <= Type::i64;
        ValueRange loaded = bits == 64   ? ValueRange::any()
                            : isSigned ? ValueRange::between(-(int64_t(1) << (bits - 1)), (int64_t(1) << (bits - 1)) - 1)
                                       : ValueRange::between(0, (int64_t(1) << bits) - 1);
        // The access stays inside its binding, whoever proves it: at multiples of its size it gives one of the integers there.
        const ValueRange offset = accessOffset(slot, a, b.value);
        if (offset.isBounded() && offset.low % bytes == 0 && offset.stride % bytes == 0)
          if (const ValueRange known = constants.elements(index, uint32_t(a.binding), slot.memType); known.isBounded())
            loaded = known;
        integer(loaded);
      }
      if (isPrefetch(slot) && state.r[slot.ra].kind != RegisterFact::pointer)
        return Error{fmt::format("the address register r{} of {} does not hold a pointer", slot.ra, info.mnemonic)};
      return {};
    }
    switch (COp(slot.opcode)) {
    case COp::cimm:
      integer(ValueRange::constant(word.i0));
      break;
    case COp::csub:
      integer(a.value + b.value.negated());
      break;
    case COp::cmul:
      integer(b.value.isConstant() ? a.value.scaled(b.value.low) : a.value.isConstant() ? b.value.scaled(a.value.low) : product(a.value, b.value));
      break;
    case COp::cmuli:
      integer(a.value.scaled(slot.imm));
      break;
    case COp::cshli:
      integer((slot.imm & 63) < 48 ? a.value.scaled(int64_t(1) << (slot.imm & 63)) : ValueRange::any());
      break;
    case COp::cmin:
      integer(ValueRange::between(std::min(a.value.low, b.value.low), std::min(a.value.high, b.value.high)));
      break;
    case COp::cmax:
      integer(ValueRange::between(std::max(a.value.low, b.value.low), std::max(a.value.high, b.value.high)));
      break;
    case COp::csel:
      integer(a.value.joined(b.value));
      break;
    case COp::cset:
      integer(ValueRange::between(0, 1));
      break;
    case COp::candi:
      integer(slot.imm >= 0 ? ValueRange::between(0, slot.imm) : ValueRange::any());
      break;
    case COp::crem:
      if (b.value.isBounded() && b.value.low > 0)
        integer(ValueRange::between(a.value.low < 0 ? -(b.value.high - 1) : 0, b.value.high - 1));
      else
        integer(ValueRange::any());
      break;
    case COp::cremu:
      integer(b.value.isBounded() && b.value.low > 0 ? ValueRange::between(0, b.value.high - 1) : ValueRange::any());
      break;
    case COp::cdiv:
      integer(quotient(a.value, b.value));
      break;
    case COp::cdivu:
      integer(a.value.low >= 0 ? quotient(a.value, b.value) : ValueRange::any());
      break;
    case COp::cshri:
    case COp::csari:
      if (a.value.isBounded() && a.value.low >= 0)
        integer(ValueRange::between(a.value.low >> (slot.imm & 63), a.value.high >> (slot.imm & 63)));
      else
        integer(ValueRange::any());
      break;
    case COp::cext: {
      unsigned bits = byteWidth(slot.memType) * 8;
      bool isSigned = slot.memType <= Type::i64;
      ValueRange narrow = isSigned ? ValueRange::between(-(int64_t(1) << (bits - 1)), (int64_t(1) << (bits - 1)) - 1)
                                   : ValueRange::between(0, (int64_t(1) << bits) - 1);
      integer(a.value.low >= narrow.low && a.value.high <= narrow.high ? a.value : narrow);
      break;
    }
    case COp::csid:
      integer(ValueRange::between(0, mostSentrons - 1));
      break;
    case COp::csnum:
      integer(ValueRange::between(1, mostSentrons));
      break;
    case COp::cslice:
      integer(ValueRange::between(0, std::max<int64_t>(a.value.high, 0)));
      break;
    case COp::kset:
      state.kLanes[slot.rd] = uint8_t(slot.imm);
      break;
    case COp::kfirst:
      state.kLanes[slot.rd] = uint8_t(std::clamp<int64_t>(a.value.high, 0, 64));
      break;
    case COp::kand:
      state.kLanes[slot.rd] = std::min(lanesBefore[slot.ra], lanesBefore[slot.rb]);
      break;
    case COp::kandn:
      state.kLanes[slot.rd] = lanesBefore[slot.rb];
      break;
    case COp::kor:
    case COp::kxor:
      state.kLanes[slot.rd] = std::max(lanesBefore[slot.ra], lanesBefore[slot.rb]);
      break;
    case COp::kmov:
      state.kLanes[slot.rd] = lanesBefore[slot.ra];
      break;
    case COp::ccall:
      // All registers are undefined afterwards.
      state = State();
      state.reached = true;
      break;
    default:
      break;
    }
    return {};
  }

  /// Toward zero, by a positive divisor: the ends lie at ends of the operands.
  static ValueRange quotient(const ValueRange &a, const ValueRange &b) {
    if (!a.isBounded() || !b.isBounded() || b.low <= 0)
      return ValueRange::any();
    return ValueRange::between(std::min(a.low / b.low, a.low / b.high), std::max(a.high / b.low, a.high / b.high));
  }

  static ValueRange product(const ValueRange &a, const ValueRange &b) {
    if (!a.isBounded() || !b.isBounded())
      return ValueRange::any();
    int64_t low = ValueRange::unbounded, high = -ValueRange::unbounded;
    for (int64_t x : {a.low, a.high})
      for (int64_t y : {b.low, b.high}) {
        int64_t p;
        if (__builtin_mul_overflow(x, y, &p))
          return ValueRange::any();
        low = std::min(low, p);
        high = std::max(high, p);
      }
    return ValueRange::between(low, high);
  }

  /// Where in its binding an access begins; `index` is the value of rb, if that is a register.
  static ValueRange accessOffset(const Slot &slot, const RegisterFact &base, const ValueRange &index) {
    const ValueRange offset = base.value + ValueRange::constant(slot.imm);
    return slot.rb == noRegister ? offset : offset + index.scaled(int64_t(1) << slot.scale);
  }

  void proveAccess(uint32_t w, const Slot &slot, const Lanes &lanes, const State &state) {
    facts.access[w] = AccessProof::checked;
    SOp op = SOp(slot.opcode);
    if (isGather(slot))
      return;
    const RegisterFact &base = state.r[slot.ra];
    const ValueRange offset = accessOffset(slot, base, state.r[slot.rb % numR].value);
    int64_t bytes = accessBytes(slot);
    if (slot.mask && (op == SOp::sld || op == SOp::sst))
      bytes = std::min<int64_t>(bytes, int64_t(lanes[slot.mask]) * byteWidth(slot.memType));
    if (offset.isBounded() && offset.low >= 0 && offset.high + bytes <= int64_t(function.bindings[base.binding].size))
      facts.access[w] = AccessProof::proven;
  }
};

/// Tables: constants inside the read-only data, calls that pass what the callee declares.
Status checkTables(const Program &program, const Function &function) {
  bool seenLocal = false;
  // A frame holds 8 bytes a binding, and calls nest 64 deep: all frames together stay far below a thread's smallest stack.
  constexpr size_t mostBindings = 1024;
  if (!function.entry && function.bindings.size() > mostBindings)
    return Error{fmt::format("function {}: {} bindings; legal are {}", function.name, function.bindings.size(), mostBindings)};
  for (size_t i = 0; i < function.bindings.size(); ++i) {
    const Binding &binding = function.bindings[i];
    auto fail = [&](std::string text) { return Error{fmt::format("function {}, binding {} ({}): {}", function.name, i, binding.name, text)}; };
    bool entryKind = binding.kind == BindingKind::Input || binding.kind == BindingKind::Output || binding.kind == BindingKind::Parameter ||
                     binding.kind == BindingKind::Arena;
    if (binding.kind < BindingKind::Input || binding.kind > BindingKind::Stack)
      return fail(fmt::format("unknown kind {}", unsigned(binding.kind)));
    if (entryKind != function.entry && (entryKind || binding.kind == BindingKind::Import))
      return fail(function.entry ? "an entry takes no imports" : "only an entry has inputs, outputs, parameters and an arena");
    if (binding.size >= uint64_t(ValueRange::unbounded))
      return fail(fmt::format("size {} is out of range", binding.size));
    if (binding.align == 0 || (binding.align & (binding.align - 1)) || binding.align > 4096)
      return fail(fmt::format("alignment {} is not a power of two up to 4096", binding.align));
    if (binding.kind == BindingKind::Constant) {
      if (binding.offset > program.rodata.size() || binding.size > program.rodata.size() - binding.offset)
        return fail(fmt::format("bytes {}..{} are outside the read-only data of {} bytes", binding.offset, binding.offset + binding.size,
                                program.rodata.size()));
    }
    if (binding.writable && (binding.kind == BindingKind::Input || binding.kind == BindingKind::Parameter || binding.kind == BindingKind::Constant))
      return fail("a binding of this kind cannot be writable");
    if (binding.kind == BindingKind::Import && seenLocal)
      return fail("imports come before a function's own bindings");
    seenLocal |= binding.kind != BindingKind::Import;
  }
  for (size_t t = 0; t < function.callTables.size(); ++t) {
    const CallTable &table = function.callTables[t];
    auto fail = [&](std::string text) { return Error{fmt::format("function {}, call table {}: {}", function.name, t, text)}; };
    if (table.callee >= program.functions.size())
      return fail(fmt::format("callee {} does not exist; the program has {} functions", table.callee, program.functions.size()));
    const Function &callee = program.functions[table.callee];
    if (callee.entry)
      return fail(fmt::format("callee {} is an entry; only kernels are called", callee.name));
    size_t imports = size_t(std::count_if(callee.bindings.begin(), callee.bindings.end(),
                                          [](const Binding &b) { return b.kind == BindingKind::Import; }));
    if (table.arguments.size() != imports)
      return fail(fmt::format("{} arguments for {}, which imports {}", table.arguments.size(), callee.name, imports));
    for (size_t i = 0; i < imports; ++i) {
      const CallArgument &argument = table.arguments[i];
      const Binding &import = callee.bindings[i];
      if (argument.index >= function.bindings.size())
        return fail(fmt::format("argument {} names binding {}, but the function has {}", i, argument.index, function.bindings.size()));
      const Binding &source = function.bindings[argument.index];
      if (argument.offset > source.size || import.size > source.size - argument.offset)
        return fail(fmt::format("argument {} passes {} bytes at offset {} of {} ({} bytes); {} needs {}", i,
                                source.size - std::min(source.size, argument.offset), argument.offset, source.name, source.size, callee.name,
                                import.size));
      if (import.writable && !source.writable)
        return fail(fmt::format("argument {} is written by {}, but {} is not writable", i, callee.name, source.name));
    }
  }
  return {};
}

Status checkCalls(const Program &program) {
  enum Colour : uint8_t { white, grey, black };
  std::vector<Colour> colour(program.functions.size(), white);
  constexpr unsigned deepest = 64;
  // Depth-first with an explicit stack: a hostile file must not exhaust ours.
  for (uint32_t root = 0; root < program.functions.size(); ++root) {
    std::vector<std::pair<uint32_t, size_t>> path = {{root, 0}};
    if (colour[root] != white)
      continue;
    colour[root] = grey;
    while (!path.empty()) {
      auto &[f, next] = path.back();
      if (path.size() > deepest)
        return Error{fmt::format("function {}: calls are nested deeper than {}", program.functions[f].name, deepest)};
      if (next == program.functions[f].callTables.size()) {
        colour[f] = black;
        path.pop_back();
        continue;
      }
      uint32_t callee = program.functions[f].callTables[next++].callee;
      if (colour[callee] == grey)
        return Error{fmt::format("function {} calls itself through {}; recursion has no static frame", program.functions[callee].name,
                                 program.functions[f].name)};
      if (colour[callee] == white) {
        colour[callee] = grey;
        path.push_back({callee, 0});
      }
    }
  }
  return {};
}
} // namespace

Result<std::vector<FunctionFacts>> verify(const Program &program) {
  for (const Function &function : program.functions)
    if (Status status = checkTables(program, function); !status)
      return Error{status.message()};
  if (Status status = checkCalls(program); !status)
    return Error{status.message()};
  // One allocation holds the stacks of all functions for each sentron.
  uint64_t stacks = 0;
  for (const Function &function : program.functions)
    for (const Binding &binding : function.bindings)
      if (binding.kind == BindingKind::Stack && (stacks += binding.size) >= uint64_t(ValueRange::unbounded))
        return Error{fmt::format("function {}: the stacks of all functions together take more than 2^48 bytes", function.name)};
  std::vector<FunctionFacts> facts;
  Constants constants(program);
  for (uint32_t i = 0; i < program.functions.size(); ++i) {
    FunctionVerifier verifier(program, i, constants);
    if (Status status = verifier.run(); !status)
      return Error{status.message()};
    facts.push_back(std::move(verifier.facts));
  }
  return facts;
}

} // namespace vtpu::rt
