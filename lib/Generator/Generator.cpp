//===- Generator.cpp - Random programs that verify --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function is a prologue that loads every register, a body of items (a word, words of one access, a branch over a block, a loop), and an
// epilogue that stores every register. The roles of registers are fixed for a function and shuffled between functions.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Generator.h"

#include "Words.h"

#include "Places.h"
#include "vtpu/Runtime/Executor.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <numeric>

namespace vtpu::gen {

using namespace isa;

namespace {
/// Bindings of every function: two inputs, a table to chase, and a writable area of each kind.
enum BindingIndex : uint32_t { state, data, areas, cycle = areas + numKinds };
constexpr DType areaTypes[numKinds] = {DType::i64, DType::f32, DType::f64, DType::f16};
constexpr const char *areaNames[numKinds] = {"bits", "f32", "f64", "f16"};

constexpr unsigned cycleEntries = 64, coordinateBytes = 16;
/// Behind the table to chase: messages of four places in the space, so many of each kind.
constexpr unsigned placeMessages = 4, messageBytes = 64, placesAt = 8 * cycleEntries, tableBytes = placesAt + 3 * placeMessages * messageBytes;
/// Where the registers of each class stand in the state.
constexpr uint32_t vAt = 0, kAt = vAt + 64 * numV, rAt = kAt + 8 * numK, pAt = rAt + 8 * numR, mAt = pAt + 16 * numP, stateBytes = mAt + 64 * numM;
constexpr uint32_t numMessages = 8;
/// Bits of a gather's index.
constexpr unsigned indexBits = 6;

bool hasOperand(const InstrInfo &info, OperandClass cls) {
  return std::any_of(info.operands.begin(), info.operands.begin() + info.numOperands, [&](const OperandInfo &o) { return o.cls == cls; });
}
/// Rows that the structure of a function places, not a random draw.
bool isStructural(const InstrInfo &info) {
  return hasOperand(info, OperandClass::binding) || hasOperand(info, OperandClass::table) || (info.isTerminator && !info.isBranch);
}

class FunctionGenerator {
public:
  FunctionGenerator(const Settings &settings, const std::vector<const Form *> (&forms)[numPipes], Random &random, uint32_t index)
      : settings(settings), forms(forms), random(random), index(index) {
    assignRoles();
  }

  std::vector<Word> run() {
    const unsigned scratch = freeR[0];
    for (uint32_t f = 0; index == 0 && f < settings.calls; ++f)
      words.push_back(control(COp::ccall, 0, 0, int32_t(f)));
    prologue(scratch);
    block(settings.words, 0);
    epilogue();
    // A return, or a trap behind everything else.
    words.push_back(index == 0 && random.chance(settings.endTraps) ? control(COp::ctrap, 0, 0, int32_t(random.below(numMessages)))
                                                                   : control(COp::cret, 0, 0, 0));
    return std::move(words);
  }

private:
  const Settings &settings;
  const std::vector<const Form *> (&forms)[numPipes];
  Random &random;
  const uint32_t index;
  std::vector<Word> words;
  std::vector<uint8_t> freeR, freeV[numKinds], freeK, maskK, freeP, freeM;
  uint8_t placeP[2], placeM; // hold places of the space
  uint8_t nonzeroR, indexR, counterR[2], pointerR[areas + numKinds + 1], temporaryV, temporaryK, indexV;
  int32_t pointerAt[areas + numKinds + 1] = {}; // offset of each pointer in its binding
  int64_t counterLimit[2] = {}; // most that the counter of an open loop reaches
  unsigned openLoops = 0;
  std::vector<std::pair<OperandClass, uint8_t>> recent; // last results, the newest last

  void assignRoles() {
    std::vector<uint8_t> r(numR), v(numV), k(numK - 1), p(numP), m(numM);
    std::iota(r.begin(), r.end(), uint8_t(0));
    std::iota(v.begin(), v.end(), uint8_t(0));
    std::iota(k.begin(), k.end(), uint8_t(1));
    std::iota(p.begin(), p.end(), uint8_t(0));
    std::iota(m.begin(), m.end(), uint8_t(0));
    random.shuffle(r);
    random.shuffle(v);
    random.shuffle(k);
    random.shuffle(p);
    random.shuffle(m);
    auto take = [](std::vector<uint8_t> &list) {
      uint8_t last = list.back();
      list.pop_back();
      return last;
    };
    nonzeroR = take(r);
    indexR = take(r);
    for (uint8_t &counter : counterR)
      counter = take(r);
    for (uint32_t b = data; b <= cycle; ++b)
      pointerR[b] = take(r);
    freeR = r;
    for (uint8_t &place : placeP)
      place = take(p);
    freeP = p;
    placeM = take(m);
    freeM = m;
    temporaryV = take(v);
    temporaryK = take(k);
    indexV = take(v);
    freeK = maskK = k;
    freeK.push_back(0);
    for (size_t i = 0; i < v.size(); ++i)
      freeV[i % 4 == 0 ? unsigned(Kind::f32) : i % 4 == 1 ? unsigned(Kind::f64) : unsigned(Kind::bits)].push_back(v[i]);
  }

  void prologue(unsigned scratch) {
    const uint8_t base = pointerR[data];
    words.push_back(control(COp::cptr, base, 0, state));
    for (unsigned i = 0; i < numM; ++i) {
      words.push_back(access(SOp::sld, Type::i32, 0, base, int32_t(mAt + 64 * i)));
      words.push_back(control(COp::cpackv, i, 0, 0));
    }
    for (unsigned i = 0; i < numP; ++i)
      words.push_back(access(SOp::sldp, Type::none, i, base, int32_t(pAt + 16 * i)));
    for (unsigned i = 0; i < numV; ++i)
      words.push_back(access(SOp::sld, Type::i32, i, base, int32_t(vAt + 64 * i)));
    for (unsigned i = 0; i < numK; ++i) {
      words.push_back(access(SOp::sldr, Type::i64, scratch, base, int32_t(kAt + 8 * i)));
      words.push_back(control(COp::kput, i, scratch, 0));
    }
    for (uint8_t i : freeR)
      words.push_back(access(SOp::sldr, Type::i64, i, base, int32_t(rAt + 8 * i)));
    int64_t nonzero = random.anyScale();
    words.push_back(immediate(nonzeroR, nonzero ? nonzero : 1));
    for (uint8_t i : {indexR, counterR[0], counterR[1]})
      words.push_back(immediate(i, 0));
    for (uint32_t b = data; b <= cycle; ++b) {
      words.push_back(control(COp::cptr, pointerR[b], 0, int32_t(b)));
      if (b == cycle || random.below(2))
        continue;
      pointerAt[b] = 64 * int32_t(1 + random.below(settings.memoryBytes / 64));
      words.push_back(control(COp::caddi, pointerR[b], pointerR[b], pointerAt[b]));
    }
  }

  void epilogue() {
    const int32_t base = int32_t(settings.memoryBytes + index * stateBytes);
    for (Kind kind : {Kind::bits, Kind::f32, Kind::f64}) {
      const Type type = kind == Kind::f32 ? Type::f32 : kind == Kind::f64 ? Type::f64 : Type::i64;
      for (uint8_t v : freeV[unsigned(kind)])
        words.push_back(access(SOp::sst, type, v, pointerR[areas + unsigned(kind)],
                               base - pointerAt[areas + unsigned(kind)] + int32_t(vAt) + 64 * v));
    }
    auto store = [&](SOp op, Type type, uint8_t reg, uint32_t offset) {
      words.push_back(access(op, type, reg, pointerR[areas], base - pointerAt[areas] + int32_t(offset)));
    };
    for (uint8_t i = 0; i < numP; ++i)
      store(SOp::sstp, Type::none, i, pAt + 16 * i);
    for (uint8_t r : freeR)
      store(SOp::sstr, Type::i64, r, rAt + 8 * r);
    store(SOp::sstr, Type::i64, indexR, rAt + 8 * indexR);
    for (uint8_t k : freeK) {
      words.push_back(control(COp::kget, freeR[0], k, 0));
      store(SOp::sstr, Type::i64, freeR[0], kAt + 8 * k);
    }
    const uint8_t v = freeV[unsigned(Kind::bits)][0];
    for (uint8_t m = 0; m < numM; ++m) {
      words.push_back(control(COp::cunpackv, v, m, 0));
      store(SOp::sst, Type::i64, v, mAt + 64 * m);
    }
  }

  //===-- Items ----------------------------------------------------------===//

  /// About `budget` words. A branch may lead to the start of an item only.
  void block(uint32_t budget, unsigned depth) {
    const size_t end = words.size() + budget;
    while (words.size() < end) {
      const uint32_t left = uint32_t(end - words.size());
      if (settings.loops && depth < 2 && openLoops < 2 && left >= 12 && random.chance(0.04))
        loop(uint32_t(6 + random.below(left - 8)), depth);
      else
        item(left, depth);
    }
  }

  void loop(uint32_t budget, unsigned depth) {
    const unsigned level = openLoops++;
    const uint8_t counter = counterR[level];
    // The counter steps by elements, lines or rows of tiles.
    static constexpr int64_t strides[] = {1, 8, 16};
    const Pattern pattern = settings.pattern;
    int64_t step = pattern == Pattern::sequential ? 1 : pattern == Pattern::strided ? strides[1 + random.below(2)]
                   : pattern == Pattern::tiled    ? (level == 0 ? 16 : 1)
                                                  : strides[random.below(3)];
    const int64_t iterations = 1 + int64_t(random.below(settings.iterations));
    counterLimit[level] = (iterations - 1) * step;
    words.push_back(immediate(counter, 0));
    const size_t head = words.size();
    block(budget, depth + 1);
    words.push_back(control(COp::caddi, counter, counter, int32_t(step)));
    words.push_back(branchIf(Predicate::lt, counter, iterations * step, int32_t(head) - int32_t(words.size())));
    --openLoops;
  }

  /// One word, with what must stand before it or follow it.
  void item(uint32_t budget, unsigned depth) {
    const double shares[numPipes] = {settings.d, settings.s, settings.c};
    Word word;
    bool branches = false;
    std::vector<Word> before, after;
    // Each pipe's slot, the first pipe a random one; a slot that breaks a rule of the word stays empty.
    const unsigned first = unsigned(random.below(numPipes));
    for (unsigned i = 0; i < numPipes; ++i) {
      const unsigned pipe = (first + i) % numPipes;
      if (forms[pipe].empty() || !random.chance(shares[pipe]))
        continue;
      const Form &form = *random.of(forms[pipe]);
      const bool isBranch = form.info->isBranch;
      if (isBranch && (!settings.branches || depth > 3))
        continue;
      for (unsigned attempt = 0; attempt < 8; ++attempt) {
        Word trial = word;
        std::vector<Word> words = before;
        trial.slots[pipe] = draw(form, trial, words);
        if (isBranch)
          trial.slots[pipe].imm = 1;
        std::vector<Word> behind;
        if (talks(*form.info) && !random.chance(settings.traps))
          talk(trial.slots[pipe], words, behind);
        if (form.info->usesSpace)
          findPlaces(form, trial.slots[pipe], words, behind);
        const bool leads = isBranch || branches; // it would lead past what must follow
        if (!checkWord(trial).ok() || (leads && !(behind.empty() && after.empty())))
          continue;
        word = trial;
        before = std::move(words);
        after.insert(after.end(), behind.begin(), behind.end());
        branches |= isBranch;
        break;
      }
    }
    if (word == Word())
      return;
    words.insert(words.end(), before.begin(), before.end());
    const size_t at = words.size();
    words.push_back(word);
    remember(word);
    words.insert(words.end(), after.begin(), after.end());
    if (branches) {
      block(uint32_t(random.below(std::min<uint32_t>(6, budget))), depth + 1);
      words[at].slot(Pipe::C).imm = int32_t(words.size() - at);
    }
  }

  void remember(const Word &word) {
    for (unsigned pipe = 0; pipe < numPipes; ++pipe) {
      const Slot &slot = word.slots[pipe];
      const InstrInfo *info = slot.empty() ? nullptr : lookup(Pipe(pipe), slot.opcode);
      for (unsigned i = 0; info && i < info->numOperands; ++i) {
        const OperandInfo &operand = info->operands[i];
        if (operand.access != Access::in && operand.access != Access::tmp && registerCount(operand.cls))
          recent.push_back({operand.cls, getRegister(slot, operand.field)});
      }
    }
    if (recent.size() > 6)
      recent.erase(recent.begin(), recent.end() - 6);
  }

  //===-- Operands -------------------------------------------------------===//

  uint8_t pick(OperandClass cls, const std::vector<uint8_t> &allowed, bool reads) {
    auto isAllowed = [&](uint8_t reg) { return std::find(allowed.begin(), allowed.end(), reg) != allowed.end(); };
    if (!reads)
      return random.of(allowed);
    if (random.chance(settings.dependence))
      for (size_t i = recent.size(); i-- > 0;)
        if (recent[i].first == cls && isAllowed(recent[i].second))
          return recent[i].second;
    // Otherwise not one of the last results, where there is a choice.
    uint8_t chosen = random.of(allowed);
    for (unsigned attempt = 0; attempt < 4; ++attempt, chosen = random.of(allowed))
      if (std::find(recent.begin(), recent.end(), std::make_pair(cls, chosen)) == recent.end())
        break;
    return chosen;
  }

  /// The type that an operand's lanes have: conversions between registers read the memory type, which for loads and stores is memory's.
  static Type laneType(const InstrInfo &info, const OperandInfo &operand, const Slot &slot) {
    const bool converts = info.pipe == Pipe::D && operand.access == Access::in && slot.memType != Type::none;
    return converts && slot.memType != Type::f16 ? slot.memType : slot.type; // no v register holds f16: that one names a precision
  }

  /// A slot of a form; `before` receives words that prepare its operands.
  Slot draw(const Form &form, Word &word, std::vector<Word> &before) {
    const InstrInfo &info = *form.info;
    const bool addressed = info.hasAddress();
    // A destination that is read as bits stays bits: so must everything that reaches it.
    const bool keepsBits = std::any_of(info.operands.begin(), info.operands.begin() + info.numOperands,
                                       [](const OperandInfo &o) { return o.bits && o.access == Access::inout; });
    const OperandInfo *lastRead = nullptr;
    for (unsigned i = 0; i < info.numOperands; ++i)
      if (info.operands[i].access != Access::out && info.operands[i].cls == OperandClass::r)
        lastRead = &info.operands[i];
    const Kind area = kindOf(form.memType == Type::none ? form.type : form.memType);
    auto choose = [&](const OperandInfo *which, const Slot &slot) -> uint8_t {
      if (!which)
        return pick(OperandClass::k, maskK, true);
      const OperandInfo &operand = *which;
      const bool reads = operand.access == Access::in || operand.access == Access::inout;
      switch (operand.cls) {
      case OperandClass::v: {
        if (operand.access == Access::tmp)
          return temporaryV;
        if (addressed && operand.bits)
          return indexV;
        const Kind kind = operand.bits || keepsBits ? Kind::bits : kindOf(laneType(info, operand, slot));
        std::vector<uint8_t> allowed = freeV[unsigned(kind)];
        if (kind != Kind::bits && operand.access == Access::in) // bits are any float's
          allowed.insert(allowed.end(), freeV[unsigned(Kind::bits)].begin(), freeV[unsigned(Kind::bits)].end());
        return pick(operand.cls, allowed, reads);
      }
      case OperandClass::k:
        return operand.access == Access::tmp ? temporaryK : pick(operand.cls, freeK, reads);
      case OperandClass::idx:
        return chooseIndex();
      case OperandClass::p:
        return pick(operand.cls, freeP, reads);
      case OperandClass::m:
        return pick(operand.cls, freeM, reads);
      default:
        if (addressed && operand.field == Field::ra)
          return pointerR[!info.isStore && random.chance(0.3) ? uint32_t(data) : areas + uint32_t(area)];
        if (info.trapsOnZero && &operand == lastRead && !random.chance(settings.traps))
          return nonzeroR;
        if (operand.access == Access::in && random.chance(0.2)) { // the others may be read, but not written
          const uint8_t fixed[] = {nonzeroR, indexR, counterR[0], counterR[1]};
          return random.of(fixed);
        }
        return pick(operand.cls, freeR, reads);
      }
    };
    Slot slot = drawSlot(form, word, choose, random);
    for (unsigned i = 0; i < info.numOperands; ++i) {
      if (info.operands[i].cls == OperandClass::code)
        slot.imm = int32_t(random.below(numMessages));
      if (info.operands[i].cls == OperandClass::host)
        slot.imm = int32_t(random.below(rt::numHostFunctions()));
    }
    if (addressed)
      place(form, slot, before);
    return slot;
  }

  uint8_t chooseIndex() {
    if (openLoops > 0 && settings.pattern != Pattern::gather && settings.pattern != Pattern::chase && random.chance(0.8))
      return counterR[random.below(openLoops)];
    const bool scattered = settings.pattern == Pattern::gather || settings.pattern == Pattern::chase;
    return scattered || random.chance(0.5) ? indexR : noRegister;
  }

  /// Puts the address of a slot into its area, or deliberately outside.
  void place(const Form &form, Slot &slot, std::vector<Word> &before) {
    const InstrInfo &info = *form.info;
    const Type memory = form.memType == Type::none ? form.type : form.memType;
    // Rows without a type move a coordinate.
    const unsigned width = memory == Type::none ? coordinateBytes : byteWidth(memory);
    const bool gathers = info.operand(Field::rc) != nullptr;
    const bool spreads = info.hasLength && !gathers && form.memType != Type::none; // consecutive elements
    const unsigned lanes = spreads ? lengthBytes(form.length) / byteWidth(form.type) : 1;
    // Where NaNs may lie, elements keep their places.
    const bool aligned = kindOf(memory) != Kind::bits || random.chance(0.5);
    int64_t most = 0;
    const OperandInfo *rb = info.operand(Field::rb);
    if (gathers) {
      if (aligned)
        slot.scale = uint8_t(std::min(3, __builtin_ctz(width)));
      most = ((int64_t(1) << indexBits) - 1) << slot.scale;
      // Lanes of a few bits from any register of bits.
      Slot shift;
      shift.opcode = uint8_t(DOp::dshri);
      shift.type = byteWidth(form.type) == 8 ? Type::i64 : Type::i32;
      shift.length = Length::v512;
      shift.rd = indexV;
      shift.ra = random.of(freeV[unsigned(Kind::bits)]);
      shift.imm = int32_t(8 * byteWidth(form.type) - indexBits);
      before.push_back(wordWith(Pipe::D, shift));
    } else if (rb && rb->cls == OperandClass::idx && slot.rb != noRegister) {
      if (aligned)
        slot.scale = uint8_t(std::min(3, __builtin_ctz(width)));
      int64_t limit = cycleEntries - 1;
      for (unsigned level = 0; level < openLoops; ++level)
        if (slot.rb == counterR[level])
          limit = counterLimit[level];
      if (slot.rb == indexR)
        nextIndex(before);
      most = limit << slot.scale;
    }
    const int64_t room = int64_t(settings.memoryBytes) - most - int64_t(lanes) * width;
    const int64_t unit = aligned ? width : 1;
    if (room < 0) { // the counter walks farther than the area is long
      slot.rb = gathers ? slot.rb : noRegister;
      slot.scale = gathers ? slot.scale : 0;
    }
    slot.imm = int32_t(int64_t(random.below(uint64_t(std::max<int64_t>(room, 0) / unit) + 1)) * unit);
    if (random.chance(settings.traps)) {
      // At an end of the binding, by little: the largest index just passes it, or the smallest.
      const int64_t end = int64_t(settings.memoryBytes) + int64_t(settings.calls + 1) * stateBytes;
      const int64_t last = (end - (random.below(2) ? most : 0)) / width * width;
      slot.imm = int32_t(random.below(3) == 0 ? -int64_t(1 + random.below(8)) * width : last + (4 - int64_t(random.below(16))) * width);
    }
    slot.imm -= offsetOf(slot.ra);
  }

  /// Rows by which sentrons talk to each other. The program is one of a lone sentron, which can talk to itself.
  static bool talks(const InstrInfo &info) { return info.usesSentron && info.isRoutine && info.hasSideEffects; }
  /// Gives a slot that talks a partner: what is received was sent, what is sent is received.
  void talk(Slot &slot, std::vector<Word> &before, std::vector<Word> &after) {
    const uint8_t own = random.of(freeR);
    auto message = [&] { return unsigned(random.below(numM)); };
    auto receive = [&] {
      after.push_back(control(COp::csid, own, 0, 0));
      after.push_back(control(COp::crecv, message(), own, 0));
    };
    switch (COp(slot.opcode)) {
    case COp::csend:
      before.push_back(control(COp::csid, own, 0, 0));
      slot.rb = own;
      receive();
      break;
    case COp::croute:
      receive();
      break;
    case COp::cfanout: // the number of sentrons, 1, is also the set of the first
      before.push_back(control(COp::csnum, own, 0, 0));
      slot.rb = own;
      slot.imm = 0;
      receive();
      break;
    case COp::crecv: {
      before.push_back(control(COp::csid, own, 0, 0));
      Word send = control(COp::csend, 0, message(), 0);
      send.slot(Pipe::C).rb = own;
      before.push_back(send);
      slot.ra = own;
      break;
    }
    case COp::cbarn:
      before.push_back(control(COp::csnum, own, 0, 0));
      slot.ra = own;
      break;
    case COp::ccast:
      before.push_back(control(COp::csid, own, 0, 0));
      slot.ra = own;
      break;
    default:
      break;
    }
  }

  /// Gives a slot that uses the space places where it finds or makes something of its type.
  void findPlaces(const Form &form, Slot &slot, std::vector<Word> &before, std::vector<Word> &after) {
    const InstrInfo &info = *form.info;
    const bool typed = form.type != Type::none, allocates = slot.opcode == uint8_t(SOp::salloc), frees = slot.opcode == uint8_t(SOp::sfree);
    // What has no type meets no contents, so any coordinate is fine there too.
    if (!typed && !frees && random.chance(0.4))
      return;
    const Kind kind = typed ? kindOf(form.type) : Kind(random.below(3));
    const Type type = typed ? form.type : kind == Kind::f32 ? Type::f32 : kind == Kind::f64 ? Type::f64 : Type::i64;
    const bool readOnly = slot.opcode == uint8_t(SOp::cget) || random.chance(settings.traps);
    for (unsigned i = 0, used = 0; i < info.numOperands; ++i) {
      const OperandInfo &operand = info.operands[i];
      if (operand.access != Access::in || (operand.cls != OperandClass::p && operand.cls != OperandClass::m))
        continue;
      if (operand.cls == OperandClass::m) {
        before.push_back(access(SOp::sld, Type::i64, temporaryV, pointerR[cycle],
                                int32_t(placesAt + messageBytes * (unsigned(kind) * placeMessages + random.below(placeMessages)))));
        before.push_back(control(COp::cpackv, placeM, temporaryV, 0));
        setRegister(slot, operand.field, placeM);
        continue;
      }
      Coordinate at = allocates ? allocatedCorner(kind) : frees ? placeAt(kind, 0, 0, 0, 0) : randomPlace(type, readOnly, random);
      if (allocates && used) { // extents that every layout takes
        const int64_t extent = int64_t(1) << random.below(5);
        at = at.step(9, random.below(2) ? extent - 1 : 0).step(10, extent - 1);
      }
      if (frees)
        at = at.step(9, int64_t(random.below(planeExtents[1]))).step(10, int64_t(random.below(planeExtents[2])));
      before.push_back(placeWord(placeP[used], at));
      setRegister(slot, operand.field, placeP[used++]);
    }
    if (slot.opcode == uint8_t(SOp::sdiffuse))
      slot.imm |= 1; // of the cells of its kind alone
    else if (slot.opcode == uint8_t(SOp::ddiverg) && slot.imm == 0)
      slot.imm = 1; // nor does it walk to the tensors of the call
    if (random.chance(settings.traps))
      return;
    if (frees) {
      Slot put;
      put.opcode = uint8_t(SOp::cput);
      put.type = type;
      put.rd = random.of(freeV[unsigned(kind)]);
      put.ra = slot.ra;
      before.push_back(wordWith(Pipe::S, put));
    }
    if (allocates) {
      Slot release;
      release.opcode = uint8_t(SOp::sfree);
      release.ra = slot.ra;
      after.push_back(wordWith(Pipe::S, release));
    }
  }

  static Word placeWord(uint8_t p, const Coordinate &at) {
    Slot slot;
    slot.opcode = uint8_t(SOp::pcoord);
    slot.rd = p;
    Word word = wordWith(Pipe::S, slot);
    for (unsigned d = 0; d < Coordinate::dimensions; ++d)
      word.coordinate[d] = uint16_t(at[d]);
    return word;
  }

  /// Offset of the pointer that a register holds.
  int32_t offsetOf(uint8_t pointer) const {
    return pointerAt[std::find(std::begin(pointerR) + data, std::end(pointerR), pointer) - std::begin(pointerR)];
  }

  /// The next index: from a random register, or from the table to chase.
  void nextIndex(std::vector<Word> &before) {
    const bool chases = settings.pattern == Pattern::chase || (settings.pattern == Pattern::mixed && random.chance(0.5));
    if (chases) {
      Word word = access(SOp::sldr, Type::i64, indexR, pointerR[cycle], 0);
      word.slot(Pipe::S).rb = indexR;
      word.slot(Pipe::S).scale = 3;
      before.push_back(word);
    } else {
      before.push_back(control(COp::candi, indexR, random.of(freeR), cycleEntries - 1));
    }
  }
};

/// A permutation of one cycle, so that a chase visits every entry; then messages of places.
std::vector<uint8_t> randomTable(Random &random) {
  std::vector<uint64_t> order(cycleEntries);
  std::iota(order.begin(), order.end(), uint64_t(0));
  random.shuffle(order);
  std::vector<uint8_t> bytes(tableBytes);
  for (size_t i = 0; i < order.size(); ++i)
    for (unsigned b = 0; b < 8; ++b)
      bytes[8 * order[i] + b] = uint8_t(order[(i + 1) % order.size()] >> 8 * b);
  uint8_t *to = &bytes[placesAt];
  for (Type type : {Type::i64, Type::f32, Type::f64})
    for (unsigned i = 0; i < placeMessages * (messageBytes / coordinateBytes); ++i, to += coordinateBytes) {
      const Coordinate at = randomPlace(type, false, random);
      const uint64_t halves[] = {at.low(), at.high()};
      std::memcpy(to, halves, coordinateBytes);
    }
  return bytes;
}

std::vector<Binding> bindingsOf(const Settings &settings, bool entry) {
  auto binding = [&](BindingKind kind, std::string name, uint64_t size, DType dtype) {
    Binding result;
    result.kind = entry || kind == BindingKind::Constant ? kind : BindingKind::Import;
    result.name = std::move(name);
    result.size = size;
    result.align = 64;
    result.writable = kind == BindingKind::Output;
    if (result.kind == BindingKind::Input || result.kind == BindingKind::Output) {
      result.dtype = dtype;
      result.shape = {int64_t(size / dtypeBytes(dtype))};
    }
    return result;
  };
  const uint64_t area = settings.memoryBytes + uint64_t(settings.calls + 1) * stateBytes;
  std::vector<Binding> bindings = {binding(BindingKind::Input, "state", stateBytes, DType::i64),
                                   binding(BindingKind::Input, "data", area, DType::i64)};
  for (unsigned kind = 0; kind < numKinds; ++kind)
    bindings.push_back(binding(BindingKind::Output, areaNames[kind], area, areaTypes[kind]));
  bindings.push_back(binding(BindingKind::Constant, "cycle", tableBytes, DType::i64));
  return bindings;
}
} // namespace

std::string_view patternName(Pattern pattern) {
  static constexpr std::string_view names[] = {"sequential", "strided", "tiled", "gather", "chase", "mixed"};
  return names[unsigned(pattern)];
}
std::optional<Pattern> parsePattern(std::string_view name) {
  for (Pattern pattern : {Pattern::sequential, Pattern::strided, Pattern::tiled, Pattern::gather, Pattern::chase, Pattern::mixed})
    if (patternName(pattern) == name)
      return pattern;
  return std::nullopt;
}

Result<Program> generate(const Settings &settings) {
  if (settings.memoryBytes < 1024 || (settings.memoryBytes & (settings.memoryBytes - 1)))
    return Error{fmt::format("{} bytes of memory; legal are powers of two from 1024", settings.memoryBytes)};
  std::vector<const Form *> forms[numPipes];
  for (const std::string &name : settings.only) {
    const InstrInfo *info = lookup(name);
    if (!info)
      return Error{fmt::format("no instruction is called '{}'; docs/Instructions.md lists them", name)};
    if (isStructural(*info))
      return Error{fmt::format("'{}' belongs to the structure of functions; it cannot be asked for by name", name)};
  }
  for (const Form &form : allForms()) {
    const InstrInfo &info = *form.info;
    const bool wanted = settings.only.empty() || std::find(settings.only.begin(), settings.only.end(), info.mnemonic) != settings.only.end();
    const bool typed = !info.types || settings.types >> unsigned(form.type) & 1;
    const bool sized = !info.hasLength || settings.lengths >> unsigned(form.length) & 1;
    if (wanted && typed && sized && !isStructural(info))
      forms[unsigned(info.pipe)].push_back(&form);
  }
  const double shares[numPipes] = {settings.d, settings.s, settings.c};
  bool some = false;
  for (unsigned pipe = 0; pipe < numPipes; ++pipe)
    some |= !forms[pipe].empty() && shares[pipe] > 0;
  if (!some)
    return Error{"no instruction fits the settings; allow more types, lengths, instructions or pipes"};

  Random random(settings.seed);
  Program program;
  program.rodata = randomTable(random);
  for (uint32_t i = 0; i < numMessages; ++i)
    program.messages.push_back(fmt::format("message {}", i));
  for (uint32_t f = 0; f <= settings.calls; ++f) {
    Function function;
    function.name = f == 0 ? "main" : fmt::format("kernel{}", f);
    function.entry = f == 0;
    function.bindings = bindingsOf(settings, f == 0);
    for (uint32_t callee = 1; f == 0 && callee <= settings.calls; ++callee) {
      CallTable table;
      table.callee = callee;
      for (uint32_t b = 0; b < cycle; ++b)
        table.arguments.push_back({b, 0});
      function.callTables.push_back(table);
    }
    function.words = FunctionGenerator(settings, forms, random, f).run();
    program.functions.push_back(std::move(function));
  }
  return program;
}

} // namespace vtpu::gen
