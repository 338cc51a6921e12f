//===- RandomFile.cpp - Random programs for files and text ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Generator.h"

namespace vtpu::gen {

/// Two functions; the first holds the random words.
Program randomFile(Random &random, unsigned rounds) {
  Program program;
  program.parameterFile = "some \"file\"\n.safetensors";
  program.portTable = "zen5";
  program.messages = {"index out of range", "", "tab\there // no comment"};
  program.locationTexts = {"model.py:12:3", "model.py:14:3"};
  for (unsigned i = 0; i < 77; ++i)
    program.rodata.push_back(uint8_t(random.bits()));
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
      if (!word.hasImmediates && random.below(2))
        for (uint16_t &component : word.coordinate)
          component = uint16_t(random.below(2048));
      main.words.push_back(word);
    }
  main.words.push_back(isa::Word());
  isa::Word ret;
  ret.slot(isa::Pipe::C).opcode = uint8_t(isa::COp::cret);
  leaf.words = {ret};
  program.functions = {main, leaf};
  return program;
}

} // namespace vtpu::gen
