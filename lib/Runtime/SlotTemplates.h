//===- SlotTemplates.h - Encodings learned once -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Most slots of a program differ in nothing but their registers and an immediate. The code of such a form is learned from the assembler once a
// thread: bytes, what each register changes in them, and where the immediate stands. Later slots of that form copy the bytes and change them.
// Nothing here knows how the host's instructions are encoded. What a template gives is what the assembler gives: each is tried on operands that
// set every field before it is taken, and a form for which that fails stays with the assembler.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_SLOTTEMPLATES_H
#define VTPU_LIB_RUNTIME_SLOTTEMPLATES_H

#include "vtpu/ISA/Instruction.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

namespace vtpu::rt {

class SlotTemplates {
public:
  /// Bytes that write() may touch.
  static constexpr size_t mostBytes = 16;
  /// The assembler: writes the code of a slot by itself, at most `mostBytes`; 0 if there is more of it, or if it names anything outside.
  using Assemble = size_t (*)(isa::Pipe pipe, const isa::Slot &slot, unsigned variant, uint8_t *out);

  explicit SlotTemplates(Assemble assemble) : assemble(assemble) {}

  /// What else decides the code of slots that are written from now on, below 2.
  void use(unsigned variant);

  /// Writes the code of a slot at `out`, where `mostBytes` bytes are free; where it ends, null if there is no template for it. The code of the row's
  /// slots must follow from their fields alone, which is so for none of the loads and stores that need a check.
  __attribute__((always_inline)) uint8_t *write(uint8_t *out, isa::Pipe pipe, const isa::Slot &slot) {
    const Recent &recent = recents[unsigned(pipe)][slot.opcode];
    uint64_t fields;
    std::memcpy(&fields, &slot, sizeof fields);
    uint64_t differs = (fields ^ recent.fields) | (uint32_t(slot.imm ^ recent.imm) & recent.immAsked);
    if (recent.pairsAsked == 1) // most
      differs |= uint64_t(slot.rd == slot.ra) ^ recent.pairs;
    else if (recent.pairsAsked)
      differs |= (pairsOf(slot) & recent.pairsAsked) ^ recent.pairs;
    const uint64_t change = recent.found->change(slot) ^ recent.mask;
    if (differs | (change & refusals))
      return writeOther(out, pipe, slot);
    return out + recent.found->fill(out, change, slot.imm);
  }

private:
  using Registers = std::array<uint8_t, 4>; // rd, ra, rb, rc

  /// What the templates of a row have in common.
  struct Form {
    bool learned = false;          // the code of the row's slots follows from their fields, of loads and stores if they need no check
    bool patches = false;          // the immediate is any number, and stands at the end of the code; else it is a part of the form
    uint8_t pairs = 0;             // of registers of which it matters whether they are the same: rd ra, rd rb, ra rb
    Registers count{};             // registers of the field's class that may be learned; 0: the field is not used
    std::array<uint8_t, 4> bank{}; // log2 of the registers that are learned together if not all of the class are
  };
  static const std::array<std::array<Form, 256>, isa::numPipes> forms;

  struct Key {
    uint64_t fields = 0, rest = 0;
    bool operator==(const Key &o) const { return fields == o.fields && rest == o.rest; }
  };
  static constexpr unsigned pinPlace = 8, immPlace = 32; // in `rest`
  static constexpr uint64_t pinnedFlag = 1 << 7;

  /// The fields before the registers, with one mask for all.
  static uint64_t fieldsOf(const isa::Slot &slot) {
    uint64_t fields;
    std::memcpy(&fields, &slot, sizeof fields);
    constexpr uint64_t maskField = uint64_t(0xff) << 8 * offsetof(isa::Slot, mask);
    return slot.mask ? (fields & ~maskField) | (maskField & -maskField) : fields;
  }
  /// Which registers are the same, as Form::pairs has it.
  static unsigned pairsOf(const isa::Slot &slot) {
    return unsigned(slot.rd == slot.ra) | unsigned(slot.rd == slot.rb) << 1 | unsigned(slot.ra == slot.rb) << 2;
  }
  static Key keyOf(const Form &form, isa::Pipe pipe, const isa::Slot &slot, unsigned variant) {
    Key key;
    key.fields = fieldsOf(slot);
    key.rest = unsigned(pipe) | (pairsOf(slot) & form.pairs) << 2 | unsigned(slot.rb == isa::noRegister) << 5 | variant << 6;
    if (!form.patches)
      key.rest |= uint64_t(uint32_t(slot.imm)) << immPlace;
    return key;
  }
  /// The banks of the registers.
  static uint64_t pinned(const Form &form, const isa::Slot &slot) {
    const Registers registers = {slot.rd, slot.ra, slot.rb == isa::noRegister ? uint8_t(0) : slot.rb, slot.rc};
    uint64_t bits = pinnedFlag;
    for (unsigned f = 0; f < 4; ++f)
      bits |= uint64_t(form.count[f] ? registers[f] >> form.bank[f] & 15 : 0) << (pinPlace + 4 * f);
    return bits;
  }

  /// Bytes of code before an immediate; what a register changes has a bit for each field in the byte behind them, set if there is no template for it.
  static constexpr size_t mostCode = 7;
  static constexpr uint64_t refusals = uint64_t(0xff) << 8 * mostCode;
  static constexpr uint64_t refusal(unsigned field) { return uint64_t(1) << (8 * mostCode + field); }

  struct Template {
    Key key;
    /// What each register, and each mask, changes.
    std::array<std::array<uint64_t, 32>, 4> changes{};
    std::array<uint64_t, isa::numK> masks{};
    /// The code without the immediate behind it: for no immediate, for one byte, for four.
    struct Code {
      uint64_t bytes = 0;
      size_t size = 0;
    };
    std::array<Code, 3> code{};
    bool patches = false;
    uint8_t unit = 0; // log2 of the unit of an immediate of one byte

    bool allows(unsigned field, unsigned reg) const { return !(changes[field][reg] & refusals); }
    /// Of the registers.
    uint64_t change(const isa::Slot &slot) const {
      uint32_t registers;
      std::memcpy(&registers, &slot.rd, sizeof registers);
      registers &= 0x1f1f1f1f;
      return changes[0][uint8_t(registers)] ^ changes[1][uint8_t(registers >> 8)] ^ changes[2][uint8_t(registers >> 16)] ^
             changes[3][registers >> 24];
    }
    size_t fill(uint8_t *out, uint64_t change, int32_t imm) const {
      if (!patches || imm == 0) {
        const Code taken = code[0];
        const uint64_t bytes = taken.bytes ^ change;
        std::memcpy(out, &bytes, sizeof bytes);
        return taken.size;
      }
      const int32_t steps = imm >> unit;
      const bool byte = int64_t(steps) * (int64_t(1) << unit) == imm && steps == int8_t(steps);
      const Code taken = code[byte ? 1 : 2];
      const uint64_t bytes = taken.bytes ^ change;
      std::memcpy(out, &bytes, sizeof bytes);
      const int32_t last = byte ? steps : imm;
      std::memcpy(out + taken.size, &last, sizeof last);
      return taken.size + (byte ? 1u : sizeof last);
    }
  };

  /// The template of a key; learned if it is not known.
  const Template &find(const Key &key, isa::Pipe pipe, const isa::Slot &slot);
  void learn(Template &entry, isa::Pipe pipe, const isa::Slot &slot) const;
  /// write() of what is not the recent one.
  uint8_t *writeOther(uint8_t *out, isa::Pipe pipe, const isa::Slot &slot);

  const Assemble assemble;
  static constexpr unsigned cacheBits = 10; // some hundreds of forms: few take another's place
  std::array<std::unique_ptr<Template>, 1 << cacheBits> cache;
  unsigned variant = 0;

  /// The template that a row used last, and what of its key is not in its refusals: most slots of a row are alike.
  struct Recent {
    uint64_t fields = ~uint64_t(0); // no slot's
    uint64_t mask = 0;              // what the mask among them changes
    int32_t imm = 0;
    uint32_t immAsked = 0; // all ones: the immediate is a part of the form
    unsigned pairs = 0, pairsAsked = 0;
    const Template *found = &none;
  };
  static const Template none;
  std::array<std::array<Recent, 256>, isa::numPipes> recents;

  friend struct Learner;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_SLOTTEMPLATES_H
