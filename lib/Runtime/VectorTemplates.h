//===- VectorTemplates.h - Encodings learned once ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Most words of a program are 512-bit instructions that differ in registers and addresses. Their encoding is learned from the assembler once a
// thread; later uses copy the bytes and set the fields, which in the EVEX format stand in the same places for all of them. A template is taken
// only after it has given the assembler's own bytes for operands that set every field.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_VECTORTEMPLATES_H
#define VTPU_LIB_RUNTIME_VECTORTEMPLATES_H

#include <array>
#include <asmjit/x86.h>
#include <cstdint>
#include <cstring>

namespace vtpu::rt {

/// Operands of a template, all vectors of 512 bits: rd, ra; rd, ra, rb; rd, [address]; [address], rd.
enum class TemplateForm : uint8_t { two, three, load, store };

/// Registers by number; `mask` 0: none.
struct TemplateOperands {
  unsigned rd = 0, ra = 0, rb = 0, mask = 0;
  bool zeroing = false;
  /// Of loads and stores: [base + index * 2^scale + displacement], general registers by their hardware number; noIndex: without index.
  static constexpr unsigned noIndex = ~0u;
  unsigned base = 0, index = noIndex, scale = 0;
  int32_t displacement = 0;
};

class VectorTemplates {
public:
  static constexpr size_t mostBytes = 16;

  /// Writes instruction `id` at `out`, where `mostBytes` bytes are free; the number of bytes, 0 if there is no template for it. `unit`: bytes that a
  /// load or store touches.
  static size_t write(uint8_t *out, uint32_t id, TemplateForm form, unsigned unit, const TemplateOperands &operands) {
    const uint32_t key = id << 2 | uint32_t(form);
    Template &entry = cache[(key * 0x9E3779B1u) >> (32 - cacheBits)];
    if (entry.key != key)
      learn(entry, id, form, unit);
    return entry.usable ? fill(out, entry, form, operands) : 0;
  }

private:
  struct Template {
    uint64_t bytes = 0; // with every operand 0
    uint32_t key = 0;   // 0: empty
    uint8_t size = 0, unit = 0;
    bool usable = false;
  };
  static constexpr unsigned cacheBits = 9; // some hundreds of ids: few take another's place
  static thread_local std::array<Template, 1 << cacheBits> cache;

  static void learn(Template &entry, uint32_t id, TemplateForm form, unsigned unit);

  /// The fields of the prefix 62 P0 P1 P2, the opcode and ModRM; the prefix holds most of them inverted.
  static size_t fill(uint8_t *out, const Template &entry, TemplateForm form, const TemplateOperands &o) {
    uint64_t bits = field(o.rd, 3, 15) | field(o.rd, 4, 12) | uint64_t(o.rd & 7) << 43 | uint64_t(o.mask) << 24 | uint64_t(o.zeroing) << 31;
    if (form <= TemplateForm::three) {
      const unsigned rm = form == TemplateForm::two ? o.ra : o.rb;
      bits |= field(rm, 4, 14) | field(rm, 3, 13) | uint64_t(rm & 7) << 40;
      if (form == TemplateForm::three)
        bits |= uint64_t(o.ra & 15) << 19 | field(o.ra, 4, 27);
      bits ^= entry.bytes;
      std::memcpy(out, &bits, sizeof bits);
      return entry.size;
    }
    const bool indexed = o.index != TemplateOperands::noIndex, sib = indexed || (o.base & 7) == 4;
    bits |= field(o.base, 3, 13) | (indexed ? field(o.index, 3, 14) : 0);
    const int32_t unit = entry.unit, steps = o.displacement / unit;
    const bool none = o.displacement == 0 && (o.base & 7) != 5;
    const bool byte = !none && steps * unit == o.displacement && steps == int8_t(steps);
    bits |= uint64_t(none ? 0 : byte ? 1 : 2) << 46 | uint64_t(sib ? 4 : o.base & 7) << 40;
    bits ^= entry.bytes;
    if (sib)
      bits |= uint64_t((indexed ? o.scale << 6 | (o.index & 7) << 3 : 4u << 3) | (o.base & 7)) << 48;
    std::memcpy(out, &bits, sizeof bits);
    size_t size = sib ? 7 : 6;
    const int32_t displacement = byte ? steps : o.displacement;
    std::memcpy(out + size, &displacement, sizeof displacement);
    return size + (none ? 0 : byte ? 1 : 4);
  }
  /// Bit `from` of a register's number at bit `to`.
  static uint64_t field(unsigned reg, unsigned from, unsigned to) { return uint64_t(reg >> from & 1) << to; }
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_VECTORTEMPLATES_H
