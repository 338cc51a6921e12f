//===- RandomProgram.h - Random programs for property tests -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs that use every row of the instruction table and every directive. They are well-formed for files and text; they need not verify.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_RANDOMPROGRAM_H
#define VTPU_TEST_UNIT_RANDOMPROGRAM_H

#include "RandomWords.h"
#include "vtpu/Object/Program.h"

#include <ostream>

namespace vtpu::test {

inline bool same(const Binding &a, const Binding &b) {
  return a.kind == b.kind && a.name == b.name && a.size == b.size && a.align == b.align && a.writable == b.writable && a.dtype == b.dtype &&
         a.shape == b.shape && a.offset == b.offset && a.key == b.key && a.layout == b.layout && a.hash == b.hash;
}
inline bool same(const Function &a, const Function &b) {
  bool equal = a.name == b.name && a.entry == b.entry && a.words == b.words && a.bindings.size() == b.bindings.size() &&
               a.callTables.size() == b.callTables.size() && a.locations.size() == b.locations.size();
  for (size_t i = 0; equal && i < a.bindings.size(); ++i)
    equal = same(a.bindings[i], b.bindings[i]);
  for (size_t i = 0; equal && i < a.callTables.size(); ++i) {
    equal = a.callTables[i].callee == b.callTables[i].callee && a.callTables[i].arguments.size() == b.callTables[i].arguments.size();
    for (size_t j = 0; equal && j < a.callTables[i].arguments.size(); ++j)
      equal = a.callTables[i].arguments[j].index == b.callTables[i].arguments[j].index &&
              a.callTables[i].arguments[j].offset == b.callTables[i].arguments[j].offset;
  }
  for (size_t i = 0; equal && i < a.locations.size(); ++i)
    equal = a.locations[i].word == b.locations[i].word && a.locations[i].text == b.locations[i].text;
  return equal;
}
inline bool same(const Program &a, const Program &b) {
  bool equal = a.rodata == b.rodata && a.messages == b.messages && a.locationTexts == b.locationTexts &&
               a.parameterFile == b.parameterFile && a.portTable == b.portTable && a.functions.size() == b.functions.size();
  for (size_t i = 0; equal && i < a.functions.size(); ++i)
    equal = same(a.functions[i], b.functions[i]);
  return equal;
}

/// Two functions; the first holds `rounds` random words of every row.
inline Program randomProgram(std::mt19937_64 &random, unsigned rounds) {
  Program program;
  program.parameterFile = "some \"file\"\n.safetensors";
  program.portTable = "zen5";
  program.messages = {"index out of range", "", "tab\there // no comment"};
  program.locationTexts = {"model.py:12:3", "model.py:14:3"};
  for (unsigned i = 0; i < 77; ++i)
    program.rodata.push_back(uint8_t(random()));
  Function main, leaf;
  main.name = "main";
  main.entry = true;
  leaf.name = "kernel with \\ odd name";
  Binding input{BindingKind::Input, "x", 256, 64, false, DType::f32, {4, 16}, 0, "", {}, ""};
  Binding scalar{BindingKind::Output, "", 8, 8, true, DType::i64, {}, 0, "", {}, ""};
  Binding parameter{BindingKind::Parameter, "w", 4096, 64, false, DType::bf16, {16, 0, 3}, 0, "enc.w", {}, "crc32:01234567"};
  parameter.layout = {Layout::Panels, 1, 16, 64, 0, 64, 1, 3, 48};
  Binding constant{BindingKind::Constant, "c", 64, 1, false, DType::f32, {}, 64, "", {}, ""};
  Binding arena{BindingKind::Arena, "arena", 1 << 20, 4096, true, DType::f32, {}, 0, "", {}, ""};
  main.bindings = {input, scalar, parameter, constant, arena};
  leaf.bindings = {{BindingKind::Import, "a", 64, 64, true, DType::f32, {}, 0, "", {}, ""},
                   {BindingKind::Stack, "stack", 128, 64, true, DType::f32, {}, 0, "", {}, ""}};
  main.callTables = {{1, {{0, 0}, {4, 640}}}, {1, {}}};
  main.locations = {{0, 1}, {0, 0}, {7, 1}};
  for (unsigned round = 0; round < rounds; ++round)
    for (const isa::InstrInfo *info = isa::begin(); info != isa::end(); ++info) {
      isa::Word word = randomWord(*info, random);
      if (!word.hasImmediates && random() % 2)
        for (uint16_t &component : word.coordinate)
          component = uint16_t(random() % 2048);
      main.words.push_back(word);
    }
  main.words.push_back(isa::Word());
  isa::Word ret;
  ret.slot(isa::Pipe::C).opcode = uint8_t(isa::COp::cret);
  leaf.words = {ret};
  program.functions = {main, leaf};
  return program;
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RANDOMPROGRAM_H
