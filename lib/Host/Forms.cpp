//===- Forms.cpp - Host instructions of the template JIT --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Forms.h"
#include "vtpu/Generator/Templates.h"
#include "vtpu/Runtime/JIT.h"

#include <fmt/format.h>

namespace vtpu::host {

using namespace isa;

namespace {
/// Enough to see immediates of each size, an index and none: a template that five draws in seven avoid is missed by one form in a hundred, and its
/// host instructions are those of other forms. Each predicate has a draw of its own.
constexpr unsigned drawsOfForm = numPredicates;

/// A legal word of a form that can be emitted without a program around it, with the predicate of that draw if it is one of the form's.
std::optional<Word> drawWord(const gen::Form &form, unsigned draw, gen::Random &random) {
  for (unsigned attempt = 0; attempt < 200; ++attempt) {
    Word word;
    Slot &slot = word.slot(form.info->pipe);
    slot = gen::drawSlot(
        form, word,
        [&](const OperandInfo *operand, const Slot &) -> uint8_t {
          if (!operand)
            return uint8_t(1 + random.below(numK - 1));
          if (operand->cls == OperandClass::idx && random.below(2))
            return noRegister;
          return uint8_t(random.below(registerCount(operand->cls)));
        },
        random);
    if (form.info->hasPredicate && attempt < 100) // it may be one of floats only
      slot.predicate = Predicate(draw);
    if (form.info->isBranch)
      slot.imm = 1;
    else if (slot.imm >= 68 || slot.imm < -2)
      slot.imm = int32_t(random.below(68)); // among the messages of the program
    if (form.info->mnemonic == "ccall")
      slot.imm = 0;
    if (checkWord(word).ok())
      return word;
  }
  return std::nullopt;
}
} // namespace

Example TemplateCode::example(const Instruction &instruction) const {
  const auto begin = bytes.begin() + instruction.offset;
  return {instruction, {begin, begin + instruction.length}};
}

Result<std::vector<TemplateCode>> emitTemplates(bool checkedAccesses) {
  gen::Random random(1);
  std::vector<Word> words;
  std::vector<gen::Form> forms;
  for (const gen::Form &form : gen::allForms())
    for (unsigned draw = 0; draw < drawsOfForm; ++draw)
      if (std::optional<Word> word = drawWord(form, draw, random)) {
        words.push_back(*word);
        forms.push_back(form);
      }
  const gen::TemplateProgram all = gen::templateProgram(words, checkedAccesses ? rt::AccessProof::checked : rt::AccessProof::proven);
  Result<rt::EmittedCode> code = rt::emitForDisplay(all.program, all.facts);
  if (!code)
    return Error{code.message()};
  std::vector<TemplateCode> templates;
  for (size_t w = 0; w < words.size(); ++w) {
    const uint32_t begin = code->wordOffsets[0][w], end = code->wordOffsets[0][w + 1];
    Result<std::vector<Instruction>> instructions = decode(code->bytes.data() + begin, end - begin, begin);
    if (!instructions)
      return Error{fmt::format("the template of {}: {}", gen::formName(forms[w]), instructions.message())};
    templates.push_back({forms[w], std::move(*instructions), {code->bytes.begin() + begin, code->bytes.begin() + end}});
  }
  return templates;
}

Result<std::map<std::string, Example>> findHostForms() {
  std::map<std::string, Example> forms;
  for (bool checked : {false, true}) {
    Result<std::vector<TemplateCode>> templates = emitTemplates(checked);
    if (!templates)
      return templates.takeError();
    for (const TemplateCode &code : *templates)
      for (const Instruction &instruction : code.instructions)
        forms.emplace(instruction.form, code.example(instruction));
  }
  return forms;
}

} // namespace vtpu::host
