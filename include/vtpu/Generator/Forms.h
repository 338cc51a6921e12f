//===- Forms.h - The forms of instructions ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A form is what of an instruction selects a template: row, element type, memory type, length and kind of mask. All forms follow from the
// instruction table and the rules of a word; nothing here names an instruction.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_FORMS_H
#define VTPU_GENERATOR_FORMS_H

#include "vtpu/ISA/Instruction.h"

#include <functional>
#include <iterator>
#include <random>
#include <vector>

namespace vtpu::gen {

/// Every random choice comes from one of these; one seed, one result, on every machine.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  uint64_t bits() { return engine(); }
  /// 0 .. n - 1; n > 0.
  uint64_t below(uint64_t n) { return engine() % n; }
  bool chance(double probability) { return double(engine() >> 11) * 0x1p-53 < probability; }
  template <typename List>
  auto &of(List &list) {
    return list[below(std::size(list))];
  }
  template <typename T>
  void shuffle(std::vector<T> &list) {
    for (size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[below(i)]);
  }
  /// An integer of a random number of significant bits, either sign.
  int64_t anyScale() { return int64_t(bits()) >> below(64); }

private:
  std::mt19937_64 engine; // its sequence is fixed by the language, unlike those of the distributions
};

enum class MaskForm : uint8_t { none, merging, zeroing };

struct Form {
  const isa::InstrInfo *info = nullptr;
  isa::Type type = isa::Type::none, memType = isa::Type::none;
  isa::Length length = isa::Length::v128;
  MaskForm mask = MaskForm::none;
  bool operator==(const Form &o) const {
    return info == o.info && type == o.type && memType == o.memType && length == o.length && mask == o.mask;
  }
};

/// All legal forms, ordered as the table.
const std::vector<Form> &allForms();
/// Index of the form of a slot in allForms(); the slot must be legal and not empty.
size_t formIndex(isa::Pipe pipe, const isa::Slot &slot);
/// `dadd.f32.512 merging`.
std::string formName(const Form &form);

/// Chooses the register of an operand, or of the mask (null; not k0, which means no mask); the second argument is the slot so far.
using RegisterChoice = std::function<uint8_t(const isa::OperandInfo *, const isa::Slot &)>;
/// One draw of a form: registers (and the mask's) as chosen, random predicate and immediates. It may break a rule of words: see checkWord.
isa::Slot drawSlot(const Form &form, isa::Word &word, const RegisterChoice &choose, Random &random);
/// A random legal word that holds only `info`. Immediates stay small. Never fails: every row has legal words.
isa::Word randomWord(const isa::InstrInfo &info, Random &random);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_FORMS_H
