//===- Instruction.cpp - The instruction table and what follows -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Look-up in the generated table, effects of a slot, and the rules of one word.
//
//===----------------------------------------------------------------------===//

#include "vtpu/ISA/Instruction.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace vtpu::isa {

#include "vtpu/ISA/SIWTable.inc"

static_assert(std::size(isaTable) == numInstructions);

namespace {
constexpr std::string_view typeNames[numTypes] = {"none", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "f32", "f64", "f16", "bf16"};
constexpr std::string_view predicateNames[numPredicates] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "ult",
                                                            "ule", "ugt", "uge", "ueq", "one", "ord", "uno"};
constexpr std::string_view pipeNames[numPipes] = {"D", "S", "C"};

/// Index in the table, or WordFacts::noRow.
using RowsByOpcode = std::array<std::array<uint16_t, 256>, numPipes>;
constexpr RowsByOpcode rowsByOpcode = [] {
  RowsByOpcode rows{};
  for (auto &pipe : rows)
    for (uint16_t &row : pipe)
      row = WordFacts::noRow;
  for (unsigned row = 0; row < numInstructions; ++row)
    rows[unsigned(isaTable[row].pipe)][isaTable[row].opcode] = uint16_t(row);
  return rows;
}();

constexpr unsigned registersOf(OperandClass cls) {
  switch (cls) {
  case OperandClass::r:
  case OperandClass::idx:
    return numR;
  case OperandClass::v:
    return numV;
  case OperandClass::k:
    return numK;
  case OperandClass::p:
    return numP;
  case OperandClass::m:
    return numM;
  default:
    return 0;
  }
}
constexpr bool controlOf(const InstrInfo &info) {
  return info.pipe == Pipe::C && (info.isBranch || info.isTerminator || info.port == PortClass::branch);
}
constexpr bool addressed(const InstrInfo &info) {
  for (unsigned i = 0; i < info.numOperands; ++i)
    if (info.operands[i].field == Field::ra)
      return info.pipe == Pipe::S && !info.isRoutine && info.operands[i].cls == OperandClass::r;
  return false;
}
constexpr bool isFlow(const InstrInfo &info, bool beyondAddress) {
  bool any = controlOf(info);
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const OperandInfo &operand = info.operands[i];
    const bool integer = operand.cls == OperandClass::r || operand.cls == OperandClass::idx;
    any |= integer && !(beyondAddress && (operand.field == Field::ra || operand.cls == OperandClass::idx));
    any |= operand.cls == OperandClass::k && operand.access != Access::in;
  }
  return any;
}
constexpr bool accessAlone(const InstrInfo &info) {
  return info.pipe == Pipe::S && (info.isLoad || info.isStore) && addressed(info) && !isFlow(info, true);
}
constexpr bool isFloat(Type type) { return type == Type::f32 || type == Type::f64 || type == Type::f16 || type == Type::bf16; }
constexpr bool isUnsigned(Type type) { return type == Type::u8 || type == Type::u16 || type == Type::u32; }
} // namespace

std::string_view typeName(Type type) { return typeNames[unsigned(type)]; }
Type parseType(std::string_view name) {
  for (unsigned i = 1; i < numTypes; ++i)
    if (typeNames[i] == name)
      return Type(i);
  return Type::none;
}
std::string_view pipeName(Pipe pipe) { return pipeNames[unsigned(pipe)]; }
std::string_view predicateName(Predicate predicate) { return predicateNames[unsigned(predicate)]; }
std::string_view portName(PortClass port) { return isaPortNames[unsigned(port)]; }

bool Slot::operator==(const Slot &o) const {
  return opcode == o.opcode && type == o.type && memType == o.memType && length == o.length && scale == o.scale && predicate == o.predicate &&
         mask == o.mask && zeroing == o.zeroing && rd == o.rd && ra == o.ra && rb == o.rb && rc == o.rc && imm == o.imm;
}
bool Word::operator==(const Word &o) const {
  return slots == o.slots && hasImmediates == o.hasImmediates && i0 == o.i0 && i1 == o.i1 && coordinate == o.coordinate;
}

bool InstrInfo::isControl() const { return controlOf(*this); }
bool InstrInfo::hasAddress() const { return addressed(*this); }
bool InstrInfo::flows() const { return isFlow(*this, false); }
bool InstrInfo::accessesAlone() const { return accessAlone(*this); }
const OperandInfo *InstrInfo::operand(Field field) const {
  for (unsigned i = 0; i < numOperands; ++i)
    if (operands[i].field == field)
      return &operands[i];
  return nullptr;
}

const InstrInfo *lookup(Pipe pipe, uint8_t opcode) {
  const uint16_t row = rowsByOpcode[unsigned(pipe)][opcode];
  return row == WordFacts::noRow ? nullptr : &isaTable[row];
}
const InstrInfo *lookup(std::string_view mnemonic) {
  static const std::map<std::string_view, const InstrInfo *> rows = [] {
    std::map<std::string_view, const InstrInfo *> result;
    for (const InstrInfo &info : isaTable)
      result[info.mnemonic] = &info;
    return result;
  }();
  auto it = rows.find(mnemonic);
  return it == rows.end() ? nullptr : it->second;
}
const InstrInfo *begin() { return std::begin(isaTable); }
const InstrInfo *end() { return std::end(isaTable); }
uint64_t tableHash() { return isaTableHash; }

unsigned registerCount(OperandClass cls) { return registersOf(cls); }

uint8_t getRegister(const Slot &slot, Field field) {
  switch (field) {
  case Field::rd:
    return slot.rd;
  case Field::ra:
    return slot.ra;
  case Field::rb:
    return slot.rb;
  case Field::rc:
    return slot.rc;
  default:
    return noRegister;
  }
}
void setRegister(Slot &slot, Field field, uint8_t value) {
  switch (field) {
  case Field::rd:
    slot.rd = value;
    break;
  case Field::ra:
    slot.ra = value;
    break;
  case Field::rb:
    slot.rb = value;
    break;
  case Field::rc:
    slot.rc = value;
    break;
  default:
    break;
  }
}

namespace {
/// Sets of registers, the places of the classes as in WordFacts.
struct RegisterSets {
  uint64_t vrkm = 0;
  uint16_t p = 0;
  bool meets(const RegisterSets &o) const { return (vrkm & o.vrkm) | (p & o.p); }
  RegisterSets operator|(const RegisterSets &o) const { return {vrkm | o.vrkm, uint16_t(p | o.p)}; }
};
constexpr unsigned rPlace = WordFacts::rPlace, kPlace = WordFacts::kPlace, mPlace = WordFacts::mPlace;

/// What a slot reads and writes.
struct SlotSets {
  RegisterSets read, write;

  Effects effects() const {
    Effects result;
    result.readV = uint32_t(read.vrkm), result.writeV = uint32_t(write.vrkm);
    result.readR = uint16_t(read.vrkm >> rPlace), result.writeR = uint16_t(write.vrkm >> rPlace);
    result.readK = uint8_t(read.vrkm >> kPlace), result.writeK = uint8_t(write.vrkm >> kPlace);
    result.readM = uint8_t(read.vrkm >> mPlace), result.writeM = uint8_t(write.vrkm >> mPlace);
    result.readP = read.p, result.writeP = write.p;
    return result;
  }
};

/// What the operands of a row do; registers by field rd, ra, rb, rc.
struct RowSets {
  uint64_t read[4] = {}, write[4] = {}; // all ones if the field's register is read or written; without class p
  uint16_t readP[4] = {}, writeP[4] = {};
  uint8_t first[4] = {};             // place of the class in the sets
  uint8_t registers[4] = {};         // of the class, a power of two, less one
  bool hasIndex = false;             // in rb, where it may be absent
  bool hasP = false, merges = false; // merges: a mask that does not zero keeps lanes of the v register in rd
  bool control = false, usesI0 = false, usesI1 = false;
};
constexpr auto rowSets = [] {
  std::array<RowSets, numInstructions> all{};
  for (unsigned row = 0; row < numInstructions; ++row) {
    const InstrInfo &info = isaTable[row];
    RowSets &sets = all[row];
    sets.control = controlOf(info);
    for (unsigned i = 0; i < info.numOperands; ++i) {
      const OperandInfo &operand = info.operands[i];
      const unsigned count = registersOf(operand.cls), field = unsigned(operand.field);
      sets.usesI0 |= operand.field == Field::i0;
      sets.usesI1 |= operand.field == Field::i1;
      if (!count)
        continue;
      const bool reads = operand.access == Access::in || operand.access == Access::inout, writes = operand.access != Access::in;
      sets.registers[field] = uint8_t(count - 1);
      if (operand.cls == OperandClass::p) {
        sets.hasP = true;
        sets.readP[field] = reads;
        sets.writeP[field] = writes;
        continue;
      }
      sets.first[field] = uint8_t(operand.cls == OperandClass::v   ? 0
                                  : operand.cls == OperandClass::k ? kPlace
                                  : operand.cls == OperandClass::m ? mPlace
                                                                   : rPlace);
      sets.read[field] = reads ? ~uint64_t(0) : 0;
      sets.write[field] = writes ? ~uint64_t(0) : 0;
      sets.hasIndex |= operand.cls == OperandClass::idx;
      sets.merges |= operand.access == Access::out && operand.cls == OperandClass::v && operand.field == Field::rd;
    }
  }
  return all;
}();
static_assert(
    [] {
      for (const InstrInfo &info : isaTable)
        for (unsigned i = 0; i < info.numOperands; ++i)
          if (const OperandInfo &operand = info.operands[i];
              (operand.cls == OperandClass::idx && operand.field != Field::rb) ||
              (info.maskable && operand.cls == OperandClass::v && operand.access == Access::out && operand.field != Field::rd))
            return false;
      return true;
    }(),
    "RowSets has one place for an index and one for a result that a mask merges into");

__attribute__((always_inline)) inline SlotSets setsOf(const RowSets &row, const Slot &slot) {
  const uint8_t registers[4] = {slot.rd, slot.ra, slot.rb, slot.rc};
  uint64_t places[4];
  for (unsigned i = 0; i < 4; ++i)
    places[i] = uint64_t(1) << (row.first[i] + (registers[i] & row.registers[i]));
  if (row.hasIndex && slot.rb == noRegister)
    places[unsigned(Field::rb)] = 0;
  SlotSets sets;
  for (unsigned i = 0; i < 4; ++i) {
    sets.read.vrkm |= places[i] & row.read[i];
    sets.write.vrkm |= places[i] & row.write[i];
  }
  if (row.hasP)
    for (unsigned i = 0; i < 4; ++i) {
      sets.read.p |= uint16_t(row.readP[i] << (registers[i] & row.registers[i]));
      sets.write.p |= uint16_t(row.writeP[i] << (registers[i] & row.registers[i]));
    }
  if (slot.mask) {
    sets.read.vrkm |= uint64_t(1) << (kPlace + slot.mask % numK);
    if (row.merges && !slot.zeroing)
      sets.read.vrkm |= places[0];
  }
  return sets;
}
SlotSets setsOf(const InstrInfo &info, const Slot &slot) { return setsOf(rowSets[size_t(&info - isaTable)], slot); }
} // namespace

Effects effects(Pipe pipe, const Slot &slot) {
  const InstrInfo *info = lookup(pipe, slot.opcode);
  return info ? setsOf(*info, slot).effects() : Effects();
}

namespace {
/// Sets `order`; false if there is none.
bool findOrder(const std::array<SlotSets, numPipes> &all, bool controlLast, std::array<Pipe, numPipes> &order) {
  if (!all[0].write.meets(all[1].read | all[2].read | all[1].write | all[2].write) && !all[1].write.meets(all[2].read | all[2].write)) {
    order = {Pipe::D, Pipe::S, Pipe::C}; // as most words have it
    return true;
  }
  if (all[0].write.meets(all[1].write) || all[0].write.meets(all[2].write) || all[1].write.meets(all[2].write))
    return false;
  std::array<unsigned, numPipes> tried = {0, 1, 2};
  do {
    const SlotSets &first = all[tried[0]], &second = all[tried[1]], &third = all[tried[2]];
    if (controlLast && tried[2] != unsigned(Pipe::C))
      continue;
    if (first.write.meets(second.read) || first.write.meets(third.read) || second.write.meets(third.read))
      continue;
    order = {Pipe(tried[0]), Pipe(tried[1]), Pipe(tried[2])};
    return true;
  } while (std::next_permutation(tried.begin(), tried.end()));
  return false;
}
} // namespace

std::optional<std::array<Pipe, numPipes>> emissionOrder(const Word &word) {
  std::array<SlotSets, numPipes> sets{};
  bool controlLast = false;
  for (unsigned i = 0; i < numPipes; ++i)
    if (const InstrInfo *info = lookup(Pipe(i), word.slots[i].opcode)) {
      sets[i] = setsOf(*info, word.slots[i]);
      controlLast |= info->isControl();
    }
  std::array<Pipe, numPipes> order;
  return findOrder(sets, controlLast, order) ? std::optional(order) : std::nullopt;
}

namespace {
/// True if a row that names both types takes this pair of types that it allows.
constexpr bool convertsBetween(const InstrInfo &info, Type type, Type memType) {
  if (info.isLoad || info.isStore) {
    // The register is at least as wide as memory, and of the same kind.
    bool legal = isFloat(type) == isFloat(memType) && byteWidth(type) >= byteWidth(memType) &&
                 !(type == Type::f64 && memType == Type::f16);
    legal &= !(memType == Type::u32 && type == Type::i32);
    if (info.isStore) // stores narrow integers by truncation and floats only to f16
      legal &= !isUnsigned(memType) && !(type == Type::f64 && memType == Type::f32);
    return legal;
  }
  if (info.mnemonic == "dcvt")
    return type != memType && !(memType == Type::u32 && type == Type::i32);
  return true;
}
} // namespace

Status checkTypes(const InstrInfo &info, Type type, Type memType) {
  if (info.types ? !info.allowsType(type) : type != Type::none)
    return Error{fmt::format("{} does not take the element type {}", info.mnemonic, typeName(type))};
  if (info.memTypes ? !info.allowsMemType(memType) : memType != Type::none)
    return Error{fmt::format("{} does not take the memory type {}", info.mnemonic, typeName(memType))};
  if (info.types && info.memTypes && !convertsBetween(info, type, memType))
    return Error{fmt::format("{} does not convert between the element type {} and the memory type {}", info.mnemonic, typeName(type),
                             typeName(memType))};
  return {};
}

namespace {
/// The top bits of the bytes behind the lowest.
constexpr uint64_t tops = 0x8080808080808000;
static_assert(sizeof(Slot) == 16 && offsetof(Slot, opcode) == 0 && offsetof(Slot, zeroing) == 7 && offsetof(Slot, rd) == 8);

/// The rules of a row whose slots obey nothing but limits of their fields, and the sets that they read and write; for slots with and without an index
/// register, if it may be absent. A slot is judged by its first eight bytes and its registers as two numbers: the fields are small, and the top bits
/// of bytes show which byte is too large.
struct alignas(64) Rules {
  uint64_t most = ~tops;            // limits of the first eight bytes with the top bits set, but of the opcode; without those no slot passes
  uint16_t memTypes[numTypes] = {}; // by element type
  uint32_t excess = ~0u;            // bits of rd, ra, rb, rc that no register of the class has
  uint32_t read = noPlaces;         // places in the sets where the classes of rd, ra, rb, rc begin; noPlace of what is not read
  uint8_t written = noPlace;        // of rd
  bool mustZero = false;            // a mask does not merge
  int32_t lowest = 0;               // imm
  uint32_t span = 0;                // the highest imm less the lowest
  uint16_t uses = 0;
  /// In `uses` above WordFacts::Trait, of all slots of a word together. `sets`: other fields than rd are written, or registers of class p named;
  /// setsOf() tells.
  enum : uint16_t { i0 = 1 << 8, i1 = 1 << 9, control = 1 << 10, sets = 1 << 11, merges = 1 << 12 };
  static constexpr uint8_t noPlace = 64; // all classes begin at multiples of their sizes below it
  static constexpr uint32_t noPlaces = noPlace * 0x01010101u;
};
static_assert(sizeof(Rules) == 64);

/// The set of one register; nothing at places from Rules::noPlace on, where unused fields and absent registers point.
constexpr auto setAt = [] {
  std::array<uint64_t, 256> all{};
  for (unsigned place = 0; place < Rules::noPlace; ++place)
    all[place] = uint64_t(1) << place;
  return all;
}();

/// True if a mask of a slot of this row cannot merge.
constexpr bool masksOnlyZero(const InstrInfo &info) {
  for (unsigned i = 0; i < info.numOperands; ++i)
    if (const OperandInfo &operand = info.operands[i]; operand.field == Field::rd && info.maskable)
      return (operand.cls == OperandClass::k && operand.access == Access::out) || (info.pipe == Pipe::S && info.opcode == uint8_t(SOp::sgather));
  return false;
}
/// What is only read cannot be zeroed.
constexpr bool masksCanZero(const InstrInfo &info) {
  for (unsigned i = 0; i < info.numOperands; ++i)
    if (const OperandInfo &operand = info.operands[i]; operand.field == Field::rd && operand.access == Access::in)
      return false;
  return true;
}
constexpr Rules rulesOf(const InstrInfo &info, const RowSets &sets, bool absent) {
  Rules rules;
  bool apply = true, hasIndex = false;
  uint64_t most = tops | 0xff;
  auto limit = [&](size_t place, unsigned value) { most |= uint64_t(value) << 8 * place; };
  limit(offsetof(Slot, type), info.types ? numTypes - 1 : 0);
  limit(offsetof(Slot, memType), info.memTypes ? numTypes - 1 : 0);
  limit(offsetof(Slot, length), info.hasLength ? 2 : 0);
  limit(offsetof(Slot, predicate), info.hasPredicate ? unsigned(Predicate::uge) : 0); // the others need floats
  limit(offsetof(Slot, mask), info.maskable ? numK - 1 : 0);
  limit(offsetof(Slot, zeroing), masksCanZero(info));
  for (unsigned type = 0; type < numTypes; ++type)
    for (unsigned mem = 0; mem < numTypes; ++mem)
      if ((info.types ? info.types >> type & 1 : type == 0) && (info.memTypes ? info.memTypes >> mem & 1 : mem == 0) &&
          (!info.types || !info.memTypes || convertsBetween(info, Type(type), Type(mem))))
        rules.memTypes[type] |= uint16_t(1u << mem);
  uint32_t registers = 0;
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const OperandInfo &operand = info.operands[i];
    const unsigned count = registersOf(operand.cls), at = 8 * unsigned(operand.field);
    if (operand.field == Field::imm) {
      rules.lowest = operand.low;
      rules.span = uint32_t(operand.high) - uint32_t(operand.low);
    }
    if (operand.cls >= OperandClass::target)
      rules.uses |= WordFacts::outward;
    if (!count)
      continue;
    registers |= (count - 1) << at;
    hasIndex |= operand.cls == OperandClass::idx;
    apply &= operand.access != Access::tmp;
    for (unsigned other = 0; other < i; ++other) // two results may not share a register
      apply &= operand.access == Access::in || info.operands[other].access == Access::in || operand.cls != info.operands[other].cls;
    if (operand.cls == OperandClass::p || (operand.field != Field::rd && operand.access != Access::in))
      rules.uses |= Rules::sets;
    const uint8_t first = sets.first[unsigned(operand.field)];
    if (sets.read[unsigned(operand.field)])
      rules.read ^= uint32_t(Rules::noPlace ^ first) << at;
    if (operand.field == Field::rd && sets.write[unsigned(Field::rd)])
      rules.written = first;
  }
  // checkSlot() has more to say about these.
  for (std::string_view name : {"dsel", "dperm", "dcompress", "dexpand"})
    apply &= info.mnemonic != name;
  apply &= !info.isRoutine && !info.usesCoordinate;
  if (hasIndex && absent)
    registers |= 0xffu << 8 * unsigned(Field::rb);
  else if (hasIndex)
    limit(offsetof(Slot, scale), 3);
  rules.excess = ~registers;
  if (apply)
    rules.most = most;
  rules.mustZero = masksOnlyZero(info);
  auto uses = [&](unsigned bit, bool value) { rules.uses |= uint16_t(value ? bit : 0); };
  uses(Rules::i0, sets.usesI0);
  uses(Rules::i1, sets.usesI1);
  uses(Rules::merges, sets.merges);
  uses(Rules::control | WordFacts::outward, sets.control);
  const bool adds = info.pipe == Pipe::C && info.opcode == uint8_t(COp::caddi), accesses = accessAlone(info) && (absent || !hasIndex);
  uses(WordFacts::calls, info.pipe == Pipe::C && info.opcode == uint8_t(COp::ccall));
  uses(WordFacts::adds, adds);
  uses(WordFacts::accesses, accesses);
  uses(WordFacts::stores, accesses && info.isStore);
  uses(WordFacts::flows, isFlow(info, false) && !adds && !accesses);
  return rules;
}
/// Two of a row, the second for slots without index; the last are of an empty slot, all of whose bytes are zero.
constexpr auto rowRules = [] {
  std::array<std::array<Rules, 2>, numInstructions + 1> all{};
  for (unsigned i = 0; i < numInstructions; ++i)
    all[i] = {rulesOf(isaTable[i], rowSets[i], false), rulesOf(isaTable[i], rowSets[i], true)};
  for (Rules &empty : all[WordFacts::noRow]) {
    empty.most = tops;
    empty.memTypes[0] = 1;
  }
  return all;
}();
inline const Rules &rulesOf(uint16_t row, const Slot &slot) { return rowRules[row][slot.rb == noRegister]; }
static_assert(unsigned(Field::rd) == 0 && unsigned(Field::ra) == 1 && unsigned(Field::rb) == 2 && unsigned(Field::rc) == 3);

/// True if a slot is legal for plain reasons; most are. Otherwise checkSlot() decides, and tells what is wrong.
__attribute__((always_inline)) inline bool isPlain(const Slot &slot, const Rules &rules, uint64_t &read, uint64_t &write) {
  uint64_t head;
  uint32_t registers;
  std::memcpy(&head, &slot, sizeof head);
  std::memcpy(&registers, &slot.rd, sizeof registers);
  if (((~(rules.most - head) | head) & tops) | (registers & rules.excess))
    return false;
  if (!(rules.memTypes[unsigned(slot.type)] >> unsigned(slot.memType) & 1) || uint32_t(slot.imm) - uint32_t(rules.lowest) > rules.span)
    return false;
  const uint32_t places = registers ^ rules.read;
  read = setAt[uint8_t(places)] | setAt[uint8_t(places >> 8)] | setAt[uint8_t(places >> 16)] | setAt[places >> 24];
  write = setAt[slot.rd ^ rules.written];
  if (head >> 8 * offsetof(Slot, mask)) {
    if (!slot.mask || (rules.mustZero && !slot.zeroing))
      return false;
    read |= setAt[kPlace + slot.mask];
    if (!slot.zeroing && (rules.uses & Rules::merges))
      read |= write;
  }
  return true;
}

__attribute__((noinline, cold)) Status checkSlot(Pipe pipe, const Slot &slot, const Word &word) {
  auto fail = [&](std::string text) { return Error{fmt::format("slot {}: {}", pipeName(pipe), text)}; };
  if (slot.empty()) {
    if (!(slot == Slot()))
      return fail("the slot is empty, but one of its fields is not zero");
    return {};
  }
  const InstrInfo *info = lookup(pipe, slot.opcode);
  if (!info)
    return fail(fmt::format("opcode {} is not in the instruction table", slot.opcode));
  if (Status status = checkTypes(*info, slot.type, slot.memType); !status)
    return fail(status.message());
  if (unsigned(slot.length) > 2 || (!info->hasLength && slot.length != Length::v128))
    return fail(fmt::format("{} with length code {}", info->mnemonic, unsigned(slot.length)));
  if (unsigned(slot.predicate) >= numPredicates || (!info->hasPredicate && slot.predicate != Predicate::eq))
    return fail(fmt::format("{} with predicate code {}", info->mnemonic, unsigned(slot.predicate)));
  if (info->hasPredicate && !isFloat(slot.type) && slot.predicate >= Predicate::ueq)
    return fail(fmt::format("{}: predicate {} needs a float type", info->mnemonic, predicateName(slot.predicate)));
  if (slot.mask >= numK || (slot.mask && !info->maskable))
    return fail(fmt::format("{} with mask k{}", info->mnemonic, slot.mask));
  if (slot.zeroing && (!slot.mask || !masksCanZero(*info)))
    return fail(fmt::format("{} with a zeroing bit but no mask that can zero", info->mnemonic));
  if (slot.mask && masksOnlyZero(*info) && !slot.zeroing)
    return fail(fmt::format("{} only takes a zeroing mask", info->mnemonic));
  if (pipe == Pipe::D && (slot.opcode == uint8_t(DOp::dcompress) || slot.opcode == uint8_t(DOp::dexpand)) && !slot.mask)
    return fail(fmt::format("{} needs a mask", info->mnemonic));

  bool usesImm = false, hasIndex = false, gathers = false;
  if (info->usesCoordinate && word.hasImmediates)
    return fail(fmt::format("{} takes the word's coordinate, but the word carries immediates; put them into another word", info->mnemonic));
  for (Field field : {Field::rd, Field::ra, Field::rb, Field::rc}) {
    uint8_t reg = getRegister(slot, field);
    const OperandInfo *operand = info->operand(field);
    if (!operand) {
      if (reg != 0)
        return fail(fmt::format("{} does not use register field {}, which holds {}", info->mnemonic, unsigned(field), reg));
      continue;
    }
    const unsigned limit = registerCount(operand->cls);
    if (operand->cls == OperandClass::idx) {
      hasIndex = reg != noRegister;
      if (!hasIndex)
        continue;
    }
    if (reg >= limit)
      return fail(fmt::format("{}: register {} in field {} is out of range (0..{})", info->mnemonic, reg, unsigned(field), limit - 1));
    // A template's temporary is clobbered while the operands are still needed.
    if (operand->access == Access::tmp)
      for (unsigned i = 0; i < info->numOperands; ++i) {
        const OperandInfo &other = info->operands[i];
        if (other.field != field && other.cls == operand->cls && getRegister(slot, other.field) == reg)
          return fail(fmt::format("{}: the temporary register {} is also an operand", info->mnemonic, reg));
      }
    if (operand->access == Access::tmp && operand->cls == OperandClass::k) {
      gathers = info->hasAddress();
      if (reg == 0 || reg == slot.mask)
        return fail(fmt::format("{}: the temporary mask must be one of k1..k7 and not the mask", info->mnemonic));
    }
  }
  if (pipe == Pipe::D && slot.opcode == uint8_t(DOp::dsel) && slot.rc == 0)
    return fail("dsel: k0 cannot select; use one of k1..k7");
  if (pipe == Pipe::D && slot.opcode == uint8_t(DOp::dperm) && slot.length == Length::v128 && byteWidth(slot.type) == 8)
    return fail("dperm of 64-bit lanes needs length 256 or 512");
  if (pipe == Pipe::S && slot.opcode == uint8_t(SOp::sgather) && slot.rd == slot.rc)
    return fail("sgather: the destination is also the index register");
  if (pipe == Pipe::S && slot.opcode == uint8_t(SOp::ssimplex) && __builtin_popcount(uint32_t(slot.imm)) > 4)
    return fail(fmt::format("ssimplex: mask {} names {} dimensions; a message holds the cells of 1 to 4", slot.imm,
                            __builtin_popcount(uint32_t(slot.imm))));
  for (unsigned i = 0; i < info->numOperands; ++i) {
    const OperandInfo &operand = info->operands[i];
    if (operand.field == Field::imm)
      usesImm = true;
    if ((operand.field == Field::i0 || operand.field == Field::i1) && !word.hasImmediates)
      return fail(fmt::format("{} needs a word immediate, but the word carries a coordinate", info->mnemonic));
    if (operand.field == Field::imm && (slot.imm < operand.low || slot.imm > operand.high))
      return fail(fmt::format("{}: immediate {} is outside {}..{}", info->mnemonic, slot.imm, operand.low, operand.high));
    // Every result has a register of its own.
    for (unsigned j = 0; j < i; ++j) {
      const OperandInfo &other = info->operands[j];
      if (other.cls == operand.cls && other.access != Access::in && operand.access != Access::in &&
          getRegister(slot, other.field) == getRegister(slot, operand.field))
        return fail(fmt::format("{}: two results in register {}", info->mnemonic, getRegister(slot, operand.field)));
    }
  }
  if (!usesImm && slot.imm != 0)
    return fail(fmt::format("{} takes no immediate, but the field holds {}", info->mnemonic, slot.imm));
  if (slot.scale > 3 || (slot.scale && !hasIndex && !gathers))
    return fail(fmt::format("{} with scale code {} but no index", info->mnemonic, slot.scale));
  return {};
}

/// The order of slots with registers of the classes v, r, k, m alone; false if there is none.
__attribute__((noinline)) bool findOrder(const std::array<uint64_t, numPipes> &read, const std::array<uint64_t, numPipes> &write, bool controlLast,
                                         std::array<Pipe, numPipes> &order) {
  std::array<SlotSets, numPipes> sets;
  for (unsigned i = 0; i < numPipes; ++i)
    sets[i].read.vrkm = read[i], sets[i].write.vrkm = write[i];
  return findOrder(sets, controlLast, order);
}

/// True if a word is legal for plain reasons; most are, and `found` is what follows. Otherwise judgeWord() decides.
__attribute__((always_inline)) inline bool isPlain(const Word &word, WordFacts &found) {
  std::array<uint64_t, numPipes> read, write;
  unsigned uses = 0;
#pragma GCC unroll 3
  for (unsigned i = 0; i < numPipes; ++i) {
    const uint16_t row = rowsByOpcode[i][word.slots[i].opcode];
    const Rules &rules = rulesOf(row, word.slots[i]);
    found.rows[i] = row;
    uses |= rules.uses;
    if (!isPlain(word.slots[i], rules, read[i], write[i]))
      return false;
  }
  // The coordinate's components, four at a time.
  static_assert(sizeof word.coordinate == 22);
  uint64_t parts[3];
  std::memcpy(parts, word.coordinate.data(), 16);
  std::memcpy(parts + 2, &word.coordinate[7], 8);
  const uint64_t illegal = (parts[0] | parts[1] | parts[2]) & (0xF800F800F800F800 | -uint64_t(word.hasImmediates)); // beside immediates there is none
  const uint64_t unused = (uses & Rules::i0 ? 0 : word.i0) | (uses & Rules::i1 ? 0 : word.i1);
  if (illegal | unused || word.hasImmediates != ((uses & (Rules::i0 | Rules::i1)) != 0) || (uses & Rules::sets))
    return false;
  if (uses & WordFacts::calls && write[0] | write[1])
    return false;
  found.order = {Pipe::D, Pipe::S, Pipe::C};
  const bool meet = (write[0] & (read[1] | read[2] | write[1] | write[2])) | (write[1] & (read[2] | write[2]));
  if (meet) {
    if (!findOrder(read, write, uses & Rules::control, found.order))
      return false;
    uses |= WordFacts::flows;
  }
  found.traits = uint8_t(uses);
  found.read = read[0] | read[1] | read[2], found.readP = 0;
  found.write = write[0] | write[1] | write[2], found.writeP = 0;
  return true;
}

__attribute__((noinline)) Status judgeWord(const Word &word, WordFacts &found) {
  unsigned uses = 0;
  std::array<SlotSets, numPipes> sets;
  for (unsigned i = 0; i < numPipes; ++i) {
    const Slot &slot = word.slots[i];
    const uint16_t row = rowsByOpcode[i][slot.opcode];
    const Rules &rules = rulesOf(row, word.slots[i]);
    found.rows[i] = row;
    uses |= rules.uses;
    if (!isPlain(slot, rules, sets[i].read.vrkm, sets[i].write.vrkm) || (!word.hasImmediates && (rules.uses & (Rules::i0 | Rules::i1))))
      if (Status status = checkSlot(Pipe(i), slot, word); !status)
        return status;
    sets[i] = row == WordFacts::noRow ? SlotSets() : setsOf(rowSets[row], slot);
  }
  const bool usesI0 = uses & Rules::i0, usesI1 = uses & Rules::i1;
  if (word.hasImmediates && !usesI0 && !usesI1)
    return Error{"the word carries immediates that no slot uses"};
  if ((!usesI0 && word.i0 != 0) || (!usesI1 && word.i1 != 0))
    return Error{"a word immediate that no slot uses is not zero"};
  if (word.coordinate != std::array<uint16_t, std::tuple_size_v<decltype(word.coordinate)>>{})
    for (uint16_t c : word.coordinate)
      if (c > 2047 || (word.hasImmediates && c != 0))
        return Error{fmt::format("coordinate component {} is outside 0..2047 or stands beside immediates", c)};
  if (uses & WordFacts::calls) {
    for (Pipe pipe : {Pipe::D, Pipe::S}) {
      if (sets[unsigned(pipe)].write.vrkm | sets[unsigned(pipe)].write.p)
        return Error{fmt::format("slot {} writes a register beside ccall, which leaves all registers undefined", pipeName(pipe))};
    }
  }
  if (!findOrder(sets, uses & Rules::control, found.order))
    return Error{"two slots write one register, or the slots exchange registers in a cycle"};
  found.traits = uint8_t(uses | WordFacts::flows);
  const RegisterSets read = sets[0].read | sets[1].read | sets[2].read, write = sets[0].write | sets[1].write | sets[2].write;
  found.read = read.vrkm, found.readP = read.p;
  found.write = write.vrkm, found.writeP = write.p;
  return {};
}
} // namespace

Status checkWord(const Word &word) {
  WordFacts facts;
  return checkWord(word, facts);
}

Status checkWord(const Word &word, WordFacts &facts) { return isPlain(word, facts) ? Status() : judgeWord(word, facts); }

size_t checkWords(const Word *words, size_t count, WordFacts *facts) {
  for (size_t w = 0; w < count; ++w)
    if (!isPlain(words[w], facts[w]) && !judgeWord(words[w], facts[w]))
      return w;
  return count;
}

} // namespace vtpu::isa
