//===- Forms.cpp - The forms of instructions --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Forms.h"
#include "vtpu/Scheduling/PortTable.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace vtpu::gen {

using namespace isa;

namespace {
/// Draws of which one is legal if the form is: a row whose rules refuse more than half of all draws is refused 200 times in a row by no chance.
constexpr unsigned mostDraws = 200;

uint8_t anyRegister(const OperandInfo *operand, Random &random) {
  if (!operand)
    return uint8_t(1 + random.below(numK - 1));
  if (operand->cls == OperandClass::idx && random.below(2))
    return noRegister;
  return uint8_t(random.below(registerCount(operand->cls)));
}

std::optional<Word> drawWord(const Form &form, Random &random, unsigned draws) {
  for (unsigned i = 0; i < draws; ++i) {
    Word word;
    word.slot(form.info->pipe) =
        drawSlot(form, word, [&](const OperandInfo *operand, const Slot &) { return anyRegister(operand, random); }, random);
    if (checkWord(word).ok())
      return word;
  }
  return std::nullopt;
}

Slot slotOf(const Form &form) {
  Slot slot;
  slot.type = form.type, slot.memType = form.memType, slot.length = form.length;
  slot.mask = form.mask != MaskForm::none;
  slot.zeroing = form.mask == MaskForm::zeroing;
  return slot;
}

std::vector<Form> findForms() {
  std::vector<Form> forms;
  Random random(1);
  for (const InstrInfo *info = begin(); info != end(); ++info)
    for (unsigned type = 0; type < numTypes; ++type)
      for (unsigned memType = 0; memType < numTypes; ++memType)
        for (unsigned length = 0; length < (info->hasLength ? 3u : 1u); ++length)
          for (unsigned mask = 0; mask < (info->maskable ? 3u : 1u); ++mask) {
            Form form{info, Type(type), Type(memType), Length(length), MaskForm(mask)};
            if (checkTypes(*info, form.type, form.memType).ok() && drawWord(form, random, mostDraws))
              forms.push_back(form);
          }
  return forms;
}
} // namespace

const std::vector<Form> &allForms() {
  static const std::vector<Form> forms = findForms();
  return forms;
}

size_t formIndex(Pipe pipe, const Slot &slot) {
  static const std::map<uint32_t, size_t> indices = [] {
    std::map<uint32_t, size_t> result;
    for (size_t i = 0; i < allForms().size(); ++i)
      result[sched::formKey(*allForms()[i].info, slotOf(allForms()[i]))] = i;
    return result;
  }();
  return indices.at(sched::formKey(*lookup(pipe, slot.opcode), slot));
}

std::string formName(const Form &form) { return sched::formName(*form.info, slotOf(form)); }

Slot drawSlot(const Form &form, Word &word, const RegisterChoice &choose, Random &random) {
  const InstrInfo &info = *form.info;
  Slot slot;
  slot.opcode = info.opcode;
  slot.type = form.type;
  slot.memType = form.memType;
  slot.length = form.length;
  if (info.hasPredicate)
    slot.predicate = Predicate(random.below(numPredicates));
  if (form.mask != MaskForm::none) {
    slot.mask = choose(nullptr, slot);
    slot.zeroing = form.mask == MaskForm::zeroing;
  }
  bool hasIndex = false;
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const OperandInfo &operand = info.operands[i];
    if (registerCount(operand.cls)) {
      const uint8_t chosen = choose(&operand, slot);
      setRegister(slot, operand.field, chosen);
      // An index, or a vector of indices, which the template walks with a temporary.
      hasIndex |= operand.cls == OperandClass::idx ? chosen != noRegister : operand.cls == OperandClass::k && operand.access == Access::tmp;
    } else if (operand.field == Field::i0) {
      word.hasImmediates = true;
      word.i0 = random.anyScale();
    } else if (operand.field == Field::i1) {
      word.hasImmediates = true;
      word.i1 = random.anyScale();
    } else {
      const uint64_t span = uint64_t(int64_t(operand.high) - operand.low) + 1;
      slot.imm = span <= 1024      ? operand.low + int32_t(random.below(span))
                 : random.below(2) ? int32_t(random.below(70)) - 2
                                   : int32_t(random.anyScale());
    }
  }
  if (info.usesCoordinate)
    for (uint16_t &component : word.coordinate)
      component = uint16_t(random.below(2) ? random.below(2048) : random.below(2));
  if (hasIndex)
    slot.scale = uint8_t(random.below(4));
  return slot;
}

Word randomWord(const InstrInfo &info, Random &random) {
  static const std::map<const InstrInfo *, std::vector<Form>> forms = [] {
    std::map<const InstrInfo *, std::vector<Form>> result;
    for (const Form &form : allForms())
      result[form.info].push_back(form);
    return result;
  }();
  while (true)
    if (std::optional<Word> word = drawWord(random.of(forms.at(&info)), random, 1)) {
      Slot &slot = word->slot(info.pipe);
      if (slot.imm >= 68 || slot.imm < -2)
        slot.imm = int32_t(random.below(70)) - 2;
      if (checkWord(*word).ok())
        return *word;
    }
}

} // namespace vtpu::gen
