//===- Instruction.h - Words, slots and the instruction table ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The decoded form of a 64-byte Sentron Instruction Word and the derived tables that describe every instruction. Manual: docs/ISA.md.
// The opcode enumerators and the table come from SIWInstructions.td through tools/isa/gen_isa.py.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ISA_INSTRUCTION_H
#define VTPU_ISA_INSTRUCTION_H

#include "vtpu/Support/Result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vtpu::isa {

enum class Pipe : uint8_t { D, S, C };
constexpr unsigned numPipes = 3;
std::string_view pipeName(Pipe pipe);

/// Element types; the numbers are part of the encoding.
enum class Type : uint8_t { none = 0, i8, i16, i32, i64, u8, u16, u32, f32, f64, f16, bf16 };
constexpr unsigned numTypes = 12;
inline constexpr uint8_t byteShifts[numTypes] = {0, 0, 1, 2, 3, 0, 1, 2, 2, 3, 1, 1};
/// log2 of the bytes of one element; 0 for `none`.
constexpr unsigned byteShift(Type type) { return byteShifts[unsigned(type)]; }
/// Bytes of one element; 0 for `none`.
constexpr unsigned byteWidth(Type type) { return unsigned(type != Type::none) << byteShift(type); }
std::string_view typeName(Type type);
/// `none` if no type has that name.
Type parseType(std::string_view name);

/// Vector length; the numbers are part of the encoding.
enum class Length : uint8_t { v128 = 0, v256 = 1, v512 = 2 };
constexpr unsigned lengthBytes(Length length) { return 16u << unsigned(length); }

/// Comparison predicates. On floats eq..ge are ordered, ne is unordered-or-unequal; ueq, ult, ule, ugt, uge are unordered-or; one is
/// ordered-and-unequal; ord, uno test for NaN. On integers eq..ge are signed; ult, ule, ugt, uge are unsigned; the others are illegal.
enum class Predicate : uint8_t { eq = 0, ne, lt, le, gt, ge, ult, ule, ugt, uge, ueq, one, ord, uno };
constexpr unsigned numPredicates = 14;
std::string_view predicateName(Predicate predicate);

/// Registers of each class: integers and pointers, vectors, masks, coordinates, messages.
constexpr unsigned numR = 16, numV = 32, numK = 8, numP = 16, numM = 8;
/// r0 up to here stand in registers of the host, the others in memory: each use of one is a load more in emitted code.
constexpr unsigned numHostR = 12;
/// Register field value of an absent optional register.
constexpr uint8_t noRegister = 255;

/// One slot's operation. Fields that the instruction does not use are zero (`rb` of class idx: noRegister when absent).
struct Slot {
  uint8_t opcode = 0; // 0: empty
  Type type = Type::none;
  Type memType = Type::none;
  Length length = Length::v128;
  uint8_t scale = 0; // log2 of 1, 2, 4, 8
  Predicate predicate = Predicate::eq;
  uint8_t mask = 0; // k register, 0: every lane active
  bool zeroing = false;
  uint8_t rd = 0, ra = 0, rb = 0, rc = 0;
  int32_t imm = 0;

  bool empty() const { return opcode == 0; }
  bool operator==(const Slot &other) const;
};

/// One decoded word. Every slot reads the state before the word; writes land at its end.
struct Word {
  std::array<Slot, numPipes> slots; // indexed by Pipe
  /// True if the last 16 bytes hold I0 and I1 instead of a coordinate.
  bool hasImmediates = false;
  int64_t i0 = 0, i1 = 0;
  /// The phext coordinate, 11 dimensions of 0..2047, index 0 outermost; all zero when absent or when hasImmediates.
  std::array<uint16_t, 11> coordinate{};

  Slot &slot(Pipe pipe) { return slots[unsigned(pipe)]; }
  const Slot &slot(Pipe pipe) const { return slots[unsigned(pipe)]; }
  bool operator==(const Word &other) const;
};

constexpr unsigned wordBytes = 64;

/// A coordinate packs into the low 121 of 128 bits, dimension 10 (the innermost) in the lowest eleven: [0] is the low half.
void packCoordinate(const std::array<uint16_t, 11> &components, uint64_t packed[2]);
std::array<uint16_t, 11> unpackCoordinate(const uint64_t packed[2]);
/// The bits of [1] that belong to a coordinate.
constexpr uint64_t coordinateHighMask = (uint64_t(1) << (11 * 11 - 64)) - 1;

/// Register class or meaning of an operand.
enum class OperandClass : uint8_t { r, v, k, p, m, idx, i32, i64, cmp64, target, binding, table, code, host };
enum class Access : uint8_t { in, out, inout, tmp };
/// Registers of a class (idx: those of r); 0 if its operands are no registers.
unsigned registerCount(OperandClass cls);
/// Where the operand stands.
enum class Field : uint8_t { rd, ra, rb, rc, imm, i0, i1 };

struct OperandInfo {
  Field field;
  OperandClass cls;
  Access access;
  int32_t low, high; // what an immediate in the slot may be
  bool bits;         // a v register read as bits or integer lanes whatever the element type is
};

/// Port classes of host templates: keys into port tables.
enum class PortClass : uint8_t;

/// One row of the instruction table.
struct InstrInfo {
  Pipe pipe;
  uint8_t opcode;
  std::string_view mnemonic;
  std::array<OperandInfo, 6> operands;
  uint8_t numOperands;
  uint16_t types;    // bit set over Type
  uint16_t memTypes; // bit set over Type
  bool hasLength, maskable, hasPredicate, isLoad, isStore, isBranch, isTerminator, hasSideEffects, usesCoordinate, usesSentron, isRoutine, isLight, usesSpace;
  bool trapsOnZero; // if the last r register that it reads holds zero
  PortClass port;
  std::string_view summary;

  /// Ends the word: branches, calls, returns, traps. Emitted behind the other slots.
  bool isControl() const;
  /// ra, rb and the immediate are an address; ra holds a pointer.
  bool hasAddress() const;
  /// Reads or writes r registers, writes k registers or is control: what a flow of integers and of active lanes looks at.
  bool flows() const;
  /// A load or store that flows() by its address alone.
  bool accessesAlone() const;
  /// Names an address and touches nothing there.
  bool isPrefetch() const { return hasAddress() && !isLoad && !isStore; }
  /// The operand in a field; null if the instruction does not use it.
  const OperandInfo *operand(Field field) const;
  bool allowsType(Type type) const { return types >> unsigned(type) & 1; }
  bool allowsMemType(Type type) const { return memTypes >> unsigned(type) & 1; }
};

/// Opcode enumerators `isa::DOp::dadd`, `isa::SOp::sld`, `isa::COp::caddi`, PortClass, and the table.
#include "vtpu/ISA/SIWOpcodes.inc"

/// The row of an opcode; null if the opcode is not in the table.
const InstrInfo *lookup(Pipe pipe, uint8_t opcode);
/// The row of a mnemonic; null if there is none.
const InstrInfo *lookup(std::string_view mnemonic);
/// All rows, ordered by pipe and opcode.
const InstrInfo *begin();
const InstrInfo *end();
/// Hash of the instruction table; a binary names it and others are refused while the version is 0.x.
uint64_t tableHash();

/// Name of a port class, the key into port tables.
std::string_view portName(PortClass port);
/// What is wrong with the pair of element and memory type of a row.
Status checkTypes(const InstrInfo &info, Type type, Type memType);

/// Value of a register field.
uint8_t getRegister(const Slot &slot, Field field);
void setRegister(Slot &slot, Field field, uint8_t value);

/// What a slot reads and writes, as bit sets; used by the parallel-slot rule, the scheduler's checks and the JIT's emission order.
struct Effects {
  uint32_t readV = 0, writeV = 0;
  uint16_t readR = 0, writeR = 0;
  uint8_t readK = 0, writeK = 0;
  uint16_t readP = 0, writeP = 0;
  uint8_t readM = 0, writeM = 0;

  bool writes() const { return writeV || writeR || writeK || writeP || writeM; }
  /// Writes a register that `other` reads.
  bool feeds(const Effects &other) const {
    return (writeV & other.readV) || (writeR & other.readR) || (writeK & other.readK) || (writeP & other.readP) || (writeM & other.readM);
  }
  /// Writes a register that `other` writes.
  bool overwrites(const Effects &other) const {
    return (writeV & other.writeV) || (writeR & other.writeR) || (writeK & other.writeK) || (writeP & other.writeP) || (writeM & other.writeM);
  }
};
Effects effects(Pipe pipe, const Slot &slot);

/// An order of the three slots in which each slot is emitted before any slot overwrites what it reads (slots are parallel, hosts are not), or
/// nothing if the reads and writes form a cycle. Two writers of one register have no order either.
std::optional<std::array<Pipe, numPipes>> emissionOrder(const Word &word);

/// What follows from a word that is well-formed; an array is made without being cleared.
struct WordFacts {
  /// What its slots read and write together: registers of the classes v, r, k, m from the lowest bit, and those of class p.
  uint64_t read, write;
  uint16_t readP, writeP;
  /// By pipe: index of the row from begin(); noRow of an empty slot.
  std::array<uint16_t, numPipes> rows;
  static constexpr uint16_t noRow = numInstructions;
  /// See emissionOrder().
  std::array<Pipe, numPipes> order;
  /// Of all slots together.
  enum Trait : uint8_t {
    outward = 1,  // one moves control, or names something outside of the word
    calls = 2,    // the C slot is `ccall`
    adds = 4,     // the C slot is `caddi`
    accesses = 8, // the S slot accessesAlone() at a register and an offset
    stores = 16,  // and writes
    flows = 32,   // one flows() that the traits above do not tell of, registers of class p are named, or the order is not D, S, C
  };
  uint8_t traits;

  static constexpr unsigned rPlace = numV, kPlace = rPlace + numR, mPlace = kPlace + numK;
  static_assert(mPlace + numM == 64);
  static constexpr uint64_t allR = ((uint64_t(1) << numR) - 1) << rPlace;
  uint16_t readR() const { return uint16_t(read >> rPlace); }
  uint16_t writeR() const { return uint16_t(write >> rPlace); }
};

/// Encodes a word; the word must be well-formed (see checkWord). Dependency bits are derived from `previous` (null: first word).
void encode(const Word &word, const Word *previous, uint8_t out[wordBytes]);
/// Decodes a word; strict: unknown opcodes, registers out of range and nonzero reserved bits are errors that name the slot and the value.
Result<Word> decode(const uint8_t in[wordBytes]);
/// The fields alone, into a word as it is constructed: all that decode() does but checkWord().
Status decodeFields(const uint8_t in[wordBytes], Word &word);
/// Everything that is wrong about one word by itself: types, lengths, registers, immediates, two writers, cyclic exchange.
Status checkWord(const Word &word);
/// The same; if nothing is wrong, `facts` is all that follows from the word.
Status checkWord(const Word &word, WordFacts &facts);
/// The same of many; the index of the first word with something wrong, `count` if there is none. `facts` are those of the words before it.
size_t checkWords(const Word *words, size_t count, WordFacts *facts);

} // namespace vtpu::isa

#endif // VTPU_ISA_INSTRUCTION_H
