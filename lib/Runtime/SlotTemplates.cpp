//===- SlotTemplates.cpp - Encodings learned once ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SlotTemplates.h"

#include <algorithm>
#include <initializer_list>
#include <random>

namespace vtpu::rt {

using namespace isa;

const std::array<std::array<SlotTemplates::Form, 256>, numPipes> SlotTemplates::forms = [] {
  std::array<std::array<Form, 256>, numPipes> all{};
  for (const InstrInfo *info = isa::begin(); info != isa::end(); ++info) {
    Form form;
    // Control flow, routines and traps name what is outside of the slot; other coordinates and messages live in memory.
    form.learned = !info->isRoutine && !info->isControl() && !info->usesCoordinate && !info->usesSentron && !info->trapsOnZero;
    for (unsigned i = 0; i < info->numOperands; ++i) {
      const OperandInfo &operand = info->operands[i];
      const unsigned field = unsigned(operand.field);
      switch (operand.cls) {
      case OperandClass::v:
        form.count[field] = numV, form.bank[field] = 3;
        break;
      case OperandClass::r:
      case OperandClass::idx:
        form.count[field] = numHostR, form.bank[field] = 0;
        break;
      case OperandClass::k:
        form.count[field] = numK, form.bank[field] = 3;
        break;
      case OperandClass::i32:
        form.patches = operand.low == INT32_MIN && operand.high == INT32_MAX;
        break;
      case OperandClass::binding:
        break;
      default:
        form.learned = false;
      }
      form.learned &= operand.access != Access::tmp && !(info->pipe == Pipe::C && field == unsigned(Field::rc));
    }
    // Three-operand forms from two-operand instructions.
    if (info->pipe == Pipe::C)
      form.pairs = uint8_t((form.count[0] && form.count[1]) | (form.count[0] && form.count[2]) << 1 | (form.count[1] && form.count[2]) << 2);
    all[unsigned(info->pipe)][info->opcode] = form;
  }
  return all;
}();

const SlotTemplates::Template SlotTemplates::none;

/// One template while it is learned.
struct Learner {
  using Template = SlotTemplates::Template;

  Template &entry;
  const SlotTemplates::Form &form;
  const SlotTemplates::Assemble assemble;
  const Pipe pipe;
  const unsigned variant;
  Slot slot; // of the form; registers and, if they are patched, immediates do not matter

  struct Bytes {
    uint8_t bytes[SlotTemplates::mostBytes] = {};
    size_t size = 0;
    uint64_t first() const {
      uint64_t result;
      std::memcpy(&result, bytes, sizeof result);
      return result;
    }
  };
  Slot operands(const SlotTemplates::Registers &registers, unsigned mask, int32_t imm) const {
    Slot trial = slot;
    trial.rd = registers[0], trial.ra = registers[1], trial.rc = registers[3];
    if (slot.rb != noRegister)
      trial.rb = registers[2];
    trial.mask = uint8_t(mask);
    if (form.patches)
      trial.imm = imm;
    return trial;
  }
  /// Code of the slot with other operands.
  Bytes code(const SlotTemplates::Registers &registers, unsigned mask, int32_t imm) const {
    Bytes result;
    result.size = assemble(pipe, operands(registers, mask, imm), variant, result.bytes);
    return result;
  }

  bool used(unsigned field) const { return form.count[field] && !(field == unsigned(Field::rb) && slot.rb == noRegister); }
  bool same(unsigned a, unsigned b) const {
    const unsigned bits = unsigned(entry.key.rest >> 2) & 7;
    const unsigned pair = a + b - 1; // of rd ra, rd rb, ra rb
    return b < 3 && bits >> pair & 1;
  }
  /// The field whose register this one repeats.
  unsigned leader(unsigned field) const {
    for (unsigned before = 0; before < field; ++before)
      if (used(before) && same(before, field))
        return before;
    return field;
  }
  bool inBank(unsigned field, unsigned reg) const {
    return !(entry.key.rest & SlotTemplates::pinnedFlag) || reg >> form.bank[field] == (entry.key.rest >> (SlotTemplates::pinPlace + 4 * field) & 15);
  }
  /// Registers with one replaced, and with it those that repeat it; the others give way to it where they must differ.
  SlotTemplates::Registers with(SlotTemplates::Registers registers, unsigned field, unsigned reg) const {
    constexpr uint8_t spare = 3; // behind those that the fields start from
    for (unsigned other = 0; other < 4; ++other)
      if (leader(other) == field)
        registers[other] = uint8_t(reg);
      else if (form.pairs && used(other) && registers[other] == reg)
        registers[other] = spare;
    return registers;
  }

  bool learn() {
    const bool pinned = entry.key.rest & SlotTemplates::pinnedFlag;
    SlotTemplates::Registers start{};
    for (unsigned f = 0; f < 4; ++f)
      if (used(f))
        start[f] = pinned ? uint8_t((entry.key.rest >> (SlotTemplates::pinPlace + 4 * f) & 15) << form.bank[f])
                          : uint8_t(form.pairs ? leader(f) : 0);
    const unsigned firstMask = slot.mask ? 1 : 0;
    // Immediates that take no byte, one and four.
    constexpr int32_t large = 0x12345673;
    std::array<int32_t, 3> immediates = {0, 0, large};
    std::array<size_t, 3> immediateBytes = {0, 1, 4};
    const unsigned kinds = form.patches ? 3 : 1;
    if (form.patches) {
      const Bytes last = code(start, firstMask, large);
      for (;; ++entry.unit) {
        immediates[1] = 1 << entry.unit;
        const Bytes one = code(start, firstMask, immediates[1]);
        if (one.size && one.size + 3 == last.size && one.bytes[one.size - 1] == 1)
          break;
        if (entry.unit == 6) // no access is longer
          return false;
      }
    }
    entry.patches = form.patches;
    for (unsigned kind = 0; kind < kinds; ++kind) {
      const Bytes all = code(start, firstMask, immediates[kind]);
      if (all.size <= immediateBytes[kind] || all.size - immediateBytes[kind] > SlotTemplates::mostCode)
        return false;
      entry.code[kind].size = all.size - immediateBytes[kind];
      entry.code[kind].bytes = prefix(all, entry.code[kind].size);
    }
    // What a register changes must not depend on the immediate.
    auto change = [&](const SlotTemplates::Registers &from, const SlotTemplates::Registers &to, unsigned mask, uint64_t &found) {
      for (unsigned kind = 0; kind < kinds; ++kind) {
        const Bytes a = code(from, firstMask, immediates[kind]), b = code(to, mask, immediates[kind]);
        const size_t size = entry.code[kind].size, whole = size + immediateBytes[kind];
        if (a.size != whole || b.size != whole || std::memcmp(a.bytes + size, b.bytes + size, immediateBytes[kind]) != 0)
          return false;
        const uint64_t difference = prefix(a, size) ^ prefix(b, size);
        if (kind && difference != found)
          return false;
        found = difference;
      }
      return true;
    };
    for (unsigned f = 0; f < 4; ++f) {
      if (form.count[f] && !used(f)) // absent: slots with a register there are of another form
        std::fill_n(entry.changes[f].begin(), noRegister % 32, SlotTemplates::refusal(f));
      if (!used(f) || leader(f) != f) // nothing there, or what its leader says
        continue;
      bool any = false;
      for (unsigned reg = 0; reg < 32; ++reg) {
        uint64_t &found = entry.changes[f][reg];
        const unsigned distance = start[f] ^ reg;
        bool known = false;
        if (reg >= form.count[f] || !inBank(f, reg)) {
        } else if (form.count[f] == numV && (distance & (distance - 1))) { // more than one bit: from smaller numbers, if bits add up
          const unsigned bit = distance & (~distance + 1), one = start[f] ^ bit, rest = reg ^ bit;
          known = entry.allows(f, one) && entry.allows(f, rest);
          found = entry.changes[f][one] ^ entry.changes[f][rest];
        } else {
          const SlotTemplates::Registers to = with(start, f, reg);
          known = change(with(to, f, start[f]), to, firstMask, found);
        }
        if (!known)
          found = SlotTemplates::refusal(f);
        any |= known;
      }
      if (!any)
        return false;
    }
    for (unsigned mask = 1; firstMask && mask < numK; ++mask)
      if (!change(start, start, mask, entry.masks[mask]))
        return false;
    return holds();
  }

  static uint64_t prefix(const Bytes &bytes, size_t size) { return bytes.first() & ((uint64_t(1) << 8 * size) - 1); }

  /// True if the template gives the assembler's bytes for whatever it allows: numbers that set every bit of the fields both ways, and immediates at
  /// the limits of their sizes.
  bool holds() const {
    std::minstd_rand random(1);
    const int32_t unit = 1 << entry.unit;
    const int32_t immediates[] = {0, unit, 127 * unit, 128 * unit, -128 * unit, -129 * unit, 127 * unit + 1, INT32_MIN, INT32_MAX, -1};
    for (unsigned trial = 0; trial < 3 * std::size(immediates); ++trial) {
      SlotTemplates::Registers registers{};
      for (unsigned f = 0; f < 4; ++f) {
        if (!used(f))
          continue;
        if (leader(f) != f) {
          registers[f] = registers[leader(f)];
          continue;
        }
        auto taken = [&](unsigned reg) {
          for (unsigned before = 0; form.pairs && before < f; ++before)
            if (used(before) && registers[before] == reg)
              return true;
          return !entry.allows(f, reg);
        };
        unsigned reg = unsigned(random()) % 32, tries = 0;
        while (taken(reg) && ++tries < 32)
          reg = (reg + 1) % 32;
        if (taken(reg)) // no two registers that differ are allowed: nothing to try, and nothing to be used
          return false;
        registers[f] = uint8_t(reg);
      }
      const unsigned mask = slot.mask ? 1 + trial % (numK - 1) : 0;
      const int32_t imm = form.patches ? immediates[trial % std::size(immediates)] : slot.imm;
      const Bytes theirs = code(registers, mask, imm);
      uint8_t ours[SlotTemplates::mostBytes] = {};
      const uint64_t changed = entry.change(operands(registers, mask, imm)) ^ entry.masks[mask];
      if (!theirs.size || entry.fill(ours, changed, imm) != theirs.size || std::memcmp(ours, theirs.bytes, theirs.size) != 0)
        return false;
    }
    return true;
  }
};

const SlotTemplates::Template &SlotTemplates::find(const Key &key, Pipe pipe, const Slot &slot) {
  const size_t place = ((key.fields ^ key.rest * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u) >> (64 - cacheBits);
  constexpr unsigned probes = 4;
  std::unique_ptr<Template> *free = nullptr;
  for (unsigned probe = 0; probe < probes && !free; ++probe) {
    std::unique_ptr<Template> &candidate = cache[(place + probe) % cache.size()];
    if (!candidate)
      free = &candidate;
    else if (candidate->key == key)
      return *candidate;
  }
  if (!free) {
    free = &cache[place]; // another's
    recents = {};
  }
  *free = std::make_unique<Template>();
  (*free)->key = key;
  learn(**free, pipe, slot);
  return **free;
}

void SlotTemplates::use(unsigned wanted) {
  if (variant != wanted)
    recents = {};
  variant = wanted;
}

uint8_t *SlotTemplates::writeOther(uint8_t *out, Pipe pipe, const Slot &slot) {
  const Form &form = forms[unsigned(pipe)][slot.opcode];
  if (!form.learned)
    return nullptr;
  Key key = keyOf(form, pipe, slot, variant);
  const Template *found = &find(key, pipe, slot);
  uint64_t change = found->change(slot);
  if (change & refusals) {
    key.rest |= pinned(form, slot);
    found = &find(key, pipe, slot);
    change = found->change(slot);
    if (change & refusals)
      return nullptr;
  }
  Recent &recent = recents[unsigned(pipe)][slot.opcode];
  std::memcpy(&recent.fields, &slot, sizeof recent.fields);
  recent.mask = found->masks[slot.mask];
  recent.imm = slot.imm, recent.immAsked = form.patches ? 0 : ~0u;
  recent.pairs = pairsOf(slot) & form.pairs, recent.pairsAsked = form.pairs;
  recent.found = found;
  return out + found->fill(out, change ^ recent.mask, slot.imm);
}

void SlotTemplates::learn(Template &entry, Pipe pipe, const Slot &slot) const {
  Learner learner{entry, forms[unsigned(pipe)][slot.opcode], assemble, pipe, variant, slot};
  if (!learner.learn())
    for (uint64_t &change : entry.changes[0])
      change = refusal(0);
}

} // namespace vtpu::rt
