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

  /// True if the code of a row's slots follows from their fields alone, of loads and stores if they need no check.
  static bool learns(isa::Pipe pipe, uint8_t opcode) { return forms[unsigned(pipe)][opcode].learned; }

  /// Writes the code of a slot whose row learns() at `out`, where `mostBytes` bytes are free; the number of bytes, 0 if there is no template for it.
  /// `variant`: what else decides its code, below 2.
  size_t write(uint8_t *out, isa::Pipe pipe, const isa::Slot &slot, unsigned variant) {
    const Form &form = forms[unsigned(pipe)][slot.opcode];
    Key key = keyOf(form, pipe, slot, variant);
    const Template *found = &find(key, pipe, slot, variant);
    uint64_t change = found->change(slot);
    if (change & refusals) {
      key.rest |= pinned(form, slot);
      found = &find(key, pipe, slot, variant);
      change = found->change(slot);
      if (change & refusals)
        return 0;
    }
    return found->fill(out, change, slot.imm);
  }

private:
  using Registers = std::array<uint8_t, 4>; // rd, ra, rb, rc

  /// What the templates of a row have in common.
  struct Form {
    bool learned = false;
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

  static Key keyOf(const Form &form, isa::Pipe pipe, const isa::Slot &slot, unsigned variant) {
    Key key;
    std::memcpy(&key.fields, &slot, sizeof key.fields);
    if (slot.mask) { // one for all masks
      constexpr unsigned maskPlace = 8 * offsetof(isa::Slot, mask);
      key.fields = (key.fields & ~(uint64_t(0xff) << maskPlace)) | uint64_t(1) << maskPlace;
    }
    key.rest = unsigned(pipe) | unsigned(slot.rb == isa::noRegister) << 5 | variant << 6;
    if (form.pairs)
      key.rest |= uint64_t((unsigned(slot.rd == slot.ra) | unsigned(slot.rd == slot.rb) << 1 | unsigned(slot.ra == slot.rb) << 2) & form.pairs) << 2;
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
      uint8_t size = 0;
    };
    std::array<Code, 3> code{};
    bool patches = false;
    uint8_t unit = 0; // log2 of the unit of an immediate of one byte

    bool allows(unsigned field, unsigned reg) const { return !(changes[field][reg] & refusals); }
    uint64_t change(const isa::Slot &slot) const {
      return changes[0][slot.rd & 31] ^ changes[1][slot.ra & 31] ^ changes[2][slot.rb & 31] ^ changes[3][slot.rc & 31] ^ masks[slot.mask];
    }
    size_t fill(uint8_t *out, uint64_t change, int32_t imm) const {
      if (!patches || imm == 0) {
        const uint64_t bytes = code[0].bytes ^ change;
        std::memcpy(out, &bytes, sizeof bytes);
        return code[0].size;
      }
      const int32_t steps = imm >> unit;
      const bool byte = int64_t(steps) * (int64_t(1) << unit) == imm && steps == int8_t(steps);
      const Code &taken = code[byte ? 1 : 2];
      const uint64_t bytes = taken.bytes ^ change;
      std::memcpy(out, &bytes, sizeof bytes);
      const int32_t last = byte ? steps : imm;
      std::memcpy(out + taken.size, &last, sizeof last);
      return taken.size + (byte ? 1u : 4u);
    }
  };

  const Template &find(const Key &key, isa::Pipe pipe, const isa::Slot &slot, unsigned variant) {
    const size_t place = ((key.fields ^ key.rest * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u) >> (64 - cacheBits);
    if (const Template *found = cache[place].get(); found && found->key == key)
      return *found;
    return findElsewhere(place, key, pipe, slot, variant);
  }
  /// In the places behind `place`; learns the template if it is nowhere.
  const Template &findElsewhere(size_t place, const Key &key, isa::Pipe pipe, const isa::Slot &slot, unsigned variant);
  void learn(Template &entry, isa::Pipe pipe, const isa::Slot &slot, unsigned variant) const;

  const Assemble assemble;
  static constexpr unsigned cacheBits = 10; // some hundreds of forms: few take another's place
  std::array<std::unique_ptr<Template>, 1 << cacheBits> cache;

  friend struct Learner;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_SLOTTEMPLATES_H
