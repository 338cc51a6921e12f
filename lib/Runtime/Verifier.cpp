//===- Verifier.cpp - What must hold before a program runs ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First what is wrong about tables and words by themselves; then one forward data-flow analysis a function. It tracks for each
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
#include "Tables.h"
#include "ValueRange.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <memory>

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

/// What the verifier asks of every slot, by row; the last are of an empty one.
struct RowFacts {
  enum : uint8_t {
    moves = 1,        // InstrInfo::flows()
    accesses = 2,     // reads or writes memory
    stores = 4,       // writes memory
    indexes = 8,      // the address has an index, which may be absent
    onlyAddress = 16, // InstrInfo::accessesAlone()
    branches = 32,
    ends = 64,   // nothing behind it is reached
    calls = 128, // `ccall`
  };
  uint8_t flags = 0;
  uint8_t readsIntegers = 0, writesIntegers = 0; // fields rd, ra, rb, rc: bits of r registers, without the base of an address
};
const std::array<RowFacts, numInstructions + 1> rowFacts = [] {
  std::array<RowFacts, numInstructions + 1> all;
  for (unsigned row = 0; row < numInstructions; ++row) {
    const InstrInfo &info = isa::begin()[row];
    unsigned flags = 0;
    auto set = [&](unsigned flag, bool value) { flags |= value ? flag : 0; };
    for (unsigned i = 0; i < info.numOperands; ++i) {
      const OperandInfo &operand = info.operands[i];
      set(RowFacts::indexes, operand.cls == OperandClass::idx);
      if ((operand.cls == OperandClass::r || operand.cls == OperandClass::idx) && !(info.hasAddress() && operand.field == Field::ra)) {
        const unsigned field = 1u << unsigned(operand.field);
        all[row].readsIntegers |= operand.access == Access::in || operand.access == Access::inout ? field : 0;
        all[row].writesIntegers |= operand.access != Access::in ? field : 0;
      }
    }
    set(RowFacts::moves, info.flows());
    set(RowFacts::accesses, info.pipe == Pipe::S && (info.isLoad || info.isStore));
    set(RowFacts::onlyAddress, info.accessesAlone());
    set(RowFacts::branches, info.isBranch);
    set(RowFacts::ends, info.isTerminator);
    set(RowFacts::calls, info.pipe == Pipe::C && COp(info.opcode) == COp::ccall);
    set(RowFacts::stores, info.isStore);
    all[row].flags = uint8_t(flags);
  }
  return all;
}();

/// What a binding allows.
struct Extent {
  int64_t size;
  bool writable;
};

/// Arrays that each function starts anew; kept, so that small functions do not allocate.
struct Scratch {
  std::unique_ptr<WordFacts[]> wordFacts;
  std::vector<Extent> extents;    // of the bindings
  std::vector<uint32_t> branches; // words that branch, ascending
  std::vector<uint32_t> calls;    // words that call, ascending
  std::vector<uint32_t> starts;   // words that branches lead to, and those behind branches and ends
  // By block: whose head it is, -1: none; its state on entry; how often it was walked; whether it will be.
  std::vector<int32_t> loopOf;
  std::vector<State> in;
  std::vector<uint16_t> visits;
  std::vector<bool> queued;
  std::vector<State> entries;  // by loop: joined over the edges that enter it
  std::vector<int64_t> trips;  // by loop: most rounds; -1: unknown
  std::vector<uint32_t> heap;  // of blocks

  explicit Scratch(const Program &program) {
    size_t most = 0;
    for (const Function &function : program.functions)
      most = std::max(most, function.words.size());
    wordFacts.reset(new WordFacts[most]);
  }
};

class FunctionVerifier {
public:
  FunctionVerifier(const Program &program, uint32_t index, Constants &constants, Scratch &scratch)
      : program(program), index(index), constants(constants), function(program.functions[index]), words(function.words),
        wordFacts(scratch.wordFacts.get()), scratch(scratch), extents(scratch.extents), branches(scratch.branches), calls(scratch.calls),
        starts(scratch.starts), trips(scratch.trips) {
    facts.access.assign(words.size(), AccessProof::none);
    facts.accessBinding.assign(words.size(), -1);
    facts.order.reserve(words.size());
    branches.clear(), calls.clear(), starts.clear(), extents.clear();
    for (const Binding &binding : function.bindings)
      extents.push_back({int64_t(binding.size), binding.writable});
  }
  FunctionFacts facts;

  Status run() {
    if (words.empty())
      return Error{fmt::format("function {}: it has no words", function.name)};
    const size_t sound = checkWords(words.data(), words.size(), wordFacts);
    for (size_t w = 0; w < sound; ++w) {
      facts.order.push_back(wordFacts[w].order);
      if (wordFacts[w].traits & WordFacts::outward && !checkPlaces(uint32_t(w)))
        return failure;
    }
    if (sound < words.size())
      return fail(uint32_t(sound), checkWord(words[sound]).message()), failure;
    if (!(flagsOf(uint32_t(sound - 1)) & RowFacts::ends))
      return fail(uint32_t(sound - 1), "control falls off the end of the function; the last word must return, branch or trap"), failure;
    loops = findLoops(words, wordFacts, branches);
    trips.assign(loops.size(), -1);
    if (!solve())
      return failure;
    findPolls();
    return {};
  }

private:
  const Program &program;
  const uint32_t index;
  Constants &constants;
  const Function &function;
  const std::vector<Word> &words;
  WordFacts *const wordFacts;
  Scratch &scratch;
  std::vector<Extent> &extents;
  std::vector<uint32_t> &branches, &calls, &starts;
  std::vector<int64_t> &trips;
  std::vector<Loop> loops;
  Status failure;

  const InstrInfo &rowOf(Pipe pipe, uint32_t w) const { return isa::begin()[wordFacts[w].rows[unsigned(pipe)]]; }
  static std::string_view mnemonicOf(uint16_t row) { return isa::begin()[row].mnemonic; }
  uint32_t targetOf(uint32_t w) const { return uint32_t(int64_t(w) + words[w].slot(Pipe::C).imm); }
  /// Of all slots of a word together.
  unsigned flagsOf(uint32_t w) const {
    const std::array<uint16_t, numPipes> &rows = wordFacts[w].rows;
    return rowFacts[rows[0]].flags | rowFacts[rows[1]].flags | rowFacts[rows[2]].flags;
  }

  /// Says what is wrong with a word; false.
  __attribute__((noinline, cold)) bool fail(uint32_t w, const std::string &text) {
    failure = Error{fmt::format("function {}, word {}: {}", function.name, w, text)};
    return false;
  }

  /// Numbers of what is outside of a word, and where control goes behind it.
  bool checkPlaces(uint32_t w) {
    const unsigned flags = flagsOf(w);
    for (unsigned p = 0; p < numPipes; ++p) {
      const Slot &slot = words[w].slots[p];
      if (slot.empty())
        continue;
      const InstrInfo &info = rowOf(Pipe(p), w);
      for (unsigned i = 0; i < info.numOperands; ++i)
        switch (info.operands[i].cls) {
        case OperandClass::target:
          if (int64_t target = int64_t(w) + slot.imm; target < 0 || target >= int64_t(words.size()))
            return fail(w, fmt::format("{} to word {}, but the function has {} words", info.mnemonic, target, words.size()));
          break;
        case OperandClass::binding:
          if (slot.imm >= int64_t(function.bindings.size()))
            return fail(w, fmt::format("{} names binding {}, but the function has {}", info.mnemonic, slot.imm, function.bindings.size()));
          break;
        case OperandClass::table:
          if (slot.imm >= int64_t(function.callTables.size()))
            return fail(w, fmt::format("{} names call table {}, but the function has {}", info.mnemonic, slot.imm, function.callTables.size()));
          break;
        case OperandClass::code:
          if (slot.imm >= int64_t(program.messages.size()))
            return fail(w, fmt::format("{} names message {}, but the program has {}", info.mnemonic, slot.imm, program.messages.size()));
          break;
        case OperandClass::host:
          if (slot.imm >= int64_t(numHostFunctions()))
            return fail(w, fmt::format("{} names host function {}, but {} are listed; the program is newer than this runtime", info.mnemonic,
                                       slot.imm, numHostFunctions()));
          break;
        default:
          break;
        }
    }
    if (flags & RowFacts::branches) {
      branches.push_back(w);
      starts.push_back(targetOf(w));
    }
    if (flags & RowFacts::calls)
      calls.push_back(w);
    if (flags & (RowFacts::branches | RowFacts::ends) && w + 1 < words.size())
      starts.push_back(w + 1);
    return true;
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
  bool solve() {
    starts.push_back(0);
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    const std::vector<uint32_t> &first = starts; // by block
    auto blockOf = [&](uint32_t start) { return uint32_t(std::lower_bound(first.begin(), first.end(), start) - first.begin()); };
    std::vector<int32_t> &loopOf = scratch.loopOf;
    loopOf.assign(first.size(), -1);
    for (size_t i = 0; i < loops.size(); ++i)
      loopOf[blockOf(loops[i].head)] = int32_t(i);
    std::vector<State> &in = scratch.in, &entries = scratch.entries;
    in.assign(first.size(), State());
    entries.assign(loops.size(), State());
    std::vector<uint16_t> &visits = scratch.visits;
    visits.assign(first.size(), 0);
    std::vector<bool> &queued = scratch.queued;
    queued.assign(first.size(), false);
    std::vector<uint32_t> &heap = scratch.heap;
    heap.clear();
    auto flow = [&](uint32_t from, uint32_t block, const State &state) {
      const int32_t loopIndex = loopOf[block];
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
      const uint32_t block = heap.back();
      heap.pop_back();
      queued[block] = false;
      if (visits[block] < 1000)
        ++visits[block];
      State state = in[block];
      const uint32_t end = block + 1 < first.size() ? first[block + 1] : uint32_t(words.size()), last = end - 1;
      // The last walk of a block starts from its final state, and its proofs stand.
      if (!walk(first[block], end, state))
        return false;
      const unsigned flags = flagsOf(last);
      if (flags & RowFacts::branches) {
        State taken = state;
        refine(words[last], state, taken);
        flow(last, blockOf(targetOf(last)), taken);
      }
      if (!(flags & RowFacts::ends))
        flow(last, block + 1, state);
    }
    return true;
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

  __attribute__((noinline)) bool requireInteger(uint32_t w, const State &state, uint8_t reg, std::string_view mnemonic) {
    if (state.r[reg].kind == RegisterFact::integer)
      return true;
    return fail(w, fmt::format("{} reads r{}, which {}", mnemonic, reg,
                               state.r[reg].kind == RegisterFact::pointer ? "holds a pointer; only cadd, caddi, cmov and addresses take pointers"
                                                                          : "is undefined on some path or holds different kinds of values"));
  }

  /// The first operand that should be an integer.
  __attribute__((noinline, cold)) bool failIntegers(uint32_t w, const Slot &slot, uint16_t row, const State &state) {
    const InstrInfo &info = isa::begin()[row];
    for (unsigned i = 0; i < info.numOperands; ++i) {
      const Field field = info.operands[i].field;
      if (field <= Field::rc && rowFacts[row].readsIntegers >> unsigned(field) & 1 && getRegister(slot, field) != noRegister &&
          !requireInteger(w, state, getRegister(slot, field), info.mnemonic))
        break;
    }
    return false;
  }

  __attribute__((noinline, cold)) bool failUndefined(uint32_t w, const State &state) {
    for (Pipe pipe : wordFacts[w].order) {
      const Effects e = effects(pipe, words[w].slot(pipe));
      for (auto [letter, read, defined] : {std::tuple<char, uint32_t, uint64_t>('v', e.readV, state.vkm), {'k', e.readK, state.vkm >> WordFacts::kPlace},
                                           {'p', e.readP, state.p}, {'m', e.readM, state.vkm >> WordFacts::mPlace}})
        if (const uint32_t missing = read & ~uint32_t(defined))
          return fail(w, fmt::format("{} reads {}{}, which is undefined on some path", rowOf(pipe, w).mnemonic, letter, __builtin_ctz(missing)));
    }
    return fail(w, "a register is undefined on some path");
  }

  /// Effect of words on the state, one after the other; also proves their accesses.
  __attribute__((noinline)) bool walk(uint32_t first, uint32_t end, State &state) {
    const WordFacts *known = &wordFacts[first], *const last = known + (end - first);
    const Word *word = &words[first];
    AccessProof *proof = &facts.access[first];
    int32_t *binding = &facts.accessBinding[first];
    const Extent *const places = extents.data();
    for (; known != last; ++known, ++word, ++proof, ++binding)
      if (!stepPlain(*known, *word, *proof, *binding, places, state) && !step(uint32_t(known - wordFacts), state))
        return false;
    return true;
  }

  /// step() of most words: beside vectors an access, and a `caddi` of one register with a bounded value, which an undefined one has not. False: nothing
  /// has been done.
  __attribute__((always_inline)) static bool stepPlain(const WordFacts &known, const Word &word, AccessProof &proof, int32_t &binding,
                                                       const Extent *extents, State &state) {
    const unsigned traits = known.traits;
    if ((traits & WordFacts::flows) | (known.read & ~state.vkm))
      return false;
    const Slot &access = word.slot(Pipe::S), &add = word.slot(Pipe::C);
    RegisterFact &sum = state.r[add.rd % numR]; // if the C slot adds
    if (traits & WordFacts::adds && (add.rd != add.ra || !sum.value.isMovable(add.imm)))
      return false;
    if (traits & WordFacts::accesses) {
      const RegisterFact &base = state.r[access.ra];
      if (access.mask || base.kind != RegisterFact::pointer)
        return false;
      const Extent extent = extents[base.binding];
      if ((binding != base.binding && binding >= 0) || (traits & WordFacts::stores && !extent.writable))
        return false;
      binding = base.binding;
      proof = isWithin(base.value, access.imm, accessBytes(access), extent.size) ? AccessProof::proven : AccessProof::checked;
    }
    if (traits & WordFacts::adds)
      sum.value.low += add.imm, sum.value.high += add.imm;
    state.vkm |= known.write;
    return true;
  }
  static RegisterFact sum(const RegisterFact &from, int32_t imm) { return {from.kind, from.binding, from.value + ValueRange::constant(imm)}; }
  static bool isWithin(const ValueRange &start, int64_t offset, int64_t bytes, int64_t size) {
    return start.isBounded() && start.low + offset >= 0 && start.high + offset + bytes <= size;
  }

  /// Effect of a word. In emission order no slot sees what another one writes.
  __attribute__((noinline)) bool step(uint32_t w, State &state) {
    const WordFacts &known = wordFacts[w];
    if ((known.read & ~state.vkm) | uint64_t(known.readP & ~state.p))
      return failUndefined(w, state);
    state.vkm |= known.write;
    state.p |= known.writeP;
    const Lanes lanesBefore = state.kLanes;
    for (unsigned written = uint8_t(known.write >> WordFacts::kPlace); written; written &= written - 1)
      state.kLanes[unsigned(__builtin_ctz(written))] = 64;
    for (Pipe pipe : known.order) {
      const uint16_t row = known.rows[unsigned(pipe)];
      const unsigned flags = rowFacts[row].flags;
      if (!(flags & RowFacts::moves))
        continue;
      const Slot &slot = words[w].slot(pipe);
      if (flags & RowFacts::accesses && !accessMemory(w, slot, flags, lanesBefore, state))
        return failAccess(w, slot, state);
      if (!(flags & RowFacts::onlyAddress) && !transferSlot(pipe, slot, w, row, lanesBefore, state))
        return false;
    }
    return true;
  }

  /// An access goes into one binding on all paths; false if something is wrong.
  bool accessMemory(uint32_t w, const Slot &slot, unsigned flags, const Lanes &lanes, const State &state) {
    const RegisterFact &base = state.r[slot.ra];
    const bool indexed = slot.rb != noRegister && flags & RowFacts::indexes;
    if (base.kind != RegisterFact::pointer || (indexed && state.r[slot.rb].kind != RegisterFact::integer))
      return false;
    const Extent &extent = extents[size_t(base.binding)];
    int32_t &binding = facts.accessBinding[w];
    if ((binding != base.binding && binding >= 0) || (flags & RowFacts::stores && !extent.writable))
      return false;
    binding = base.binding;
    AccessProof &proof = facts.access[w];
    proof = AccessProof::checked;
    if (isGather(slot))
      return true;
    int64_t bytes = accessBytes(slot);
    if (slot.mask && (SOp(slot.opcode) == SOp::sld || SOp(slot.opcode) == SOp::sst))
      bytes = std::min<int64_t>(bytes, int64_t(lanes[slot.mask]) * byteWidth(slot.memType));
    // Sums with an unbounded side have no bound.
    if (indexed ? isWithin(accessOffset(slot, base, state.r[slot.rb].value), 0, bytes, extent.size)
                : isWithin(base.value, slot.imm, bytes, extent.size))
      proof = AccessProof::proven;
    return true;
  }
  /// What is wrong with an access.
  __attribute__((noinline, cold)) bool failAccess(uint32_t w, const Slot &slot, const State &state) {
    const std::string_view mnemonic = rowOf(Pipe::S, w).mnemonic;
    const RegisterFact &base = state.r[slot.ra];
    if (base.kind != RegisterFact::pointer)
      return fail(w, fmt::format("the address register r{} of {} {}", slot.ra, mnemonic,
                                 base.kind == RegisterFact::integer ? "holds an integer, not a pointer"
                                                                    : "is undefined on some path or points into different bindings"));
    if (slot.rb != noRegister && rowFacts[wordFacts[w].rows[unsigned(Pipe::S)]].flags & RowFacts::indexes &&
        state.r[slot.rb].kind != RegisterFact::integer)
      return requireInteger(w, state, slot.rb, mnemonic);
    if (const int32_t other = facts.accessBinding[w]; other >= 0 && other != base.binding)
      return fail(w, fmt::format("{} accesses binding {} on one path and {} on another", mnemonic, other, base.binding));
    return fail(w, fmt::format("{} stores to binding {} ({}), which is not writable", mnemonic, base.binding,
                               function.bindings[size_t(base.binding)].name));
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

  bool transferSlot(Pipe pipe, const Slot &slot, uint32_t w, uint16_t row, const Lanes &lanesBefore, State &state) {
    auto integer = [&](ValueRange value) {
      state.r[slot.rd] = {RegisterFact::integer, -1, value};
    };
    // What moves pointers, and how.
    const COp op = pipe == Pipe::C ? COp(slot.opcode) : COp::empty;
    switch (op) {
    case COp::cptr:
      state.r[slot.rd] = {RegisterFact::pointer, slot.imm, ValueRange::constant(0)};
      return true;
    case COp::cmov:
    case COp::caddi:
      if (state.r[slot.ra].kind == RegisterFact::undefined)
        return requireInteger(w, state, slot.ra, mnemonicOf(row));
      state.r[slot.rd] = op == COp::cmov ? state.r[slot.ra] : sum(state.r[slot.ra], slot.imm);
      return true;
    case COp::cadd: {
      const RegisterFact &a = state.r[slot.ra], &b = state.r[slot.rb];
      const RegisterFact &base = b.kind == RegisterFact::pointer ? b : a, &other = b.kind == RegisterFact::pointer ? a : b;
      if (base.kind == RegisterFact::undefined)
        return requireInteger(w, state, slot.ra, mnemonicOf(row));
      if (other.kind != RegisterFact::integer)
        return requireInteger(w, state, &other == &a ? slot.ra : slot.rb, mnemonicOf(row));
      state.r[slot.rd] = {base.kind, base.binding, base.value + other.value};
      return true;
    }
    default:
      break;
    }
    const RegisterFact a = state.r[slot.ra % numR], b = state.r[slot.rb % numR]; // copies: results may replace them
    // Everything else takes integers, but for the base of an address, and makes integers. All is read before anything is written.
    const uint8_t registers[] = {slot.rd, slot.ra, slot.rb, slot.rc};
    for (unsigned fields = rowFacts[row].readsIntegers; fields; fields &= fields - 1)
      if (const uint8_t reg = registers[__builtin_ctz(fields)]; reg != noRegister && state.r[reg].kind != RegisterFact::integer)
        return failIntegers(w, slot, row, state);
    for (unsigned fields = rowFacts[row].writesIntegers; fields; fields &= fields - 1) {
      const Field field = Field(__builtin_ctz(fields));
      const OperandInfo &operand = *isa::begin()[row].operand(field);
      state.r[registers[unsigned(field)]] = {RegisterFact::integer, -1,
                                             operand.low == INT32_MIN && operand.high == INT32_MAX ? ValueRange::any()
                                                                                                   : ValueRange::between(operand.low, operand.high)};
    }
    if (pipe == Pipe::D)
      return true;
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
      if (isa::begin()[row].isPrefetch() && state.r[slot.ra].kind != RegisterFact::pointer)
        return fail(w, fmt::format("the address register r{} of {} does not hold a pointer", slot.ra, mnemonicOf(row)));
      return true;
    }
    switch (COp(slot.opcode)) {
    case COp::cimm:
      integer(ValueRange::constant(words[w].i0));
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
    return true;
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
};
} // namespace

Result<std::vector<FunctionFacts>> verify(const Program &program) {
  if (Status status = checkTables(program); !status)
    return Error{status.message()};
  std::vector<FunctionFacts> facts;
  facts.reserve(program.functions.size());
  Constants constants(program);
  Scratch scratch(program);
  for (uint32_t i = 0; i < program.functions.size(); ++i) {
    FunctionVerifier verifier(program, i, constants, scratch);
    if (Status status = verifier.run(); !status)
      return Error{status.message()};
    facts.push_back(std::move(verifier.facts));
  }
  return facts;
}

} // namespace vtpu::rt
