//===- Templates.cpp - Programs whose templates are looked at ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Templates.h"

namespace vtpu::gen {

using namespace isa;

std::vector<Word> templateWords(const InstrInfo &info, Random &random, unsigned draws) {
  std::vector<Word> words;
  for (unsigned type = 0; type < (info.types ? numTypes : 1); ++type)
    for (unsigned memType = 0; memType < (info.memTypes ? numTypes : 1); ++memType)
      for (unsigned length = 0; length < (info.hasLength ? 3 : 1); ++length)
        for (unsigned draw = 0; draw < draws; ++draw) {
          Word word = randomWord(info, random);
          Slot &slot = word.slot(info.pipe);
          if (info.types)
            slot.type = Type(type);
          if (info.memTypes)
            slot.memType = Type(memType);
          if (info.hasLength)
            slot.length = Length(length);
          if (info.isBranch)
            slot.imm = 1 + int(random.below(3));
          if (info.mnemonic == "ccall")
            slot.imm = 0;
          if (checkWord(word).ok())
            words.push_back(word);
        }
  return words;
}

TemplateProgram templateProgram(const std::vector<Word> &words, rt::AccessProof proof) {
  TemplateProgram result;
  Program &program = result.program;
  program.messages.assign(80, "message");
  Function function, callee;
  function.name = "f";
  function.entry = true;
  Binding input, arena;
  input.kind = BindingKind::Input;
  arena.kind = BindingKind::Arena;
  input.size = arena.size = 4096;
  function.bindings = {input, arena};
  function.words = words;
  Word end;
  end.slot(Pipe::C).opcode = uint8_t(COp::cret);
  function.words.insert(function.words.end(), 4, end);
  callee.name = "g";
  Binding import, stack, constant;
  import.kind = BindingKind::Import;
  stack.kind = BindingKind::Stack;
  constant.kind = BindingKind::Constant;
  import.size = stack.size = constant.size = 64;
  callee.bindings = {import, import, stack, constant};
  callee.words = {end};
  program.rodata.resize(64);
  CallTable table;
  table.callee = 1;
  table.arguments.resize(4);
  table.arguments[1].offset = uint64_t(1) << 40;
  function.callTables = {table};
  program.functions = {function, callee};
  for (const Function &f : program.functions) {
    rt::FunctionFacts facts;
    facts.access.assign(f.words.size(), proof);
    facts.accessBinding.assign(f.words.size(), 0);
    facts.order.assign(f.words.size(), {Pipe::D, Pipe::S, Pipe::C});
    facts.polls.assign(f.words.size(), false);
    result.facts.push_back(std::move(facts));
  }
  return result;
}

} // namespace vtpu::gen
