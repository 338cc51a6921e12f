//===- Templates.h - Programs whose templates are looked at -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs that make the template JIT emit what it can emit. They are not verified and never run: only their machine code counts.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_GENERATOR_TEMPLATES_H
#define VTPU_GENERATOR_TEMPLATES_H

#include "vtpu/Generator/Forms.h"
#include "vtpu/Runtime/Executor.h"

namespace vtpu::gen {

/// Words of one row of the instruction table: every legal pair of types with every length, `draws` random choices of registers, masks and
/// immediates of each.
std::vector<isa::Word> templateWords(const isa::InstrInfo &info, Random &random, unsigned draws = 6);

struct TemplateProgram {
  Program program; // function 0 holds the words first, then words to branch to; function 1 is there to be called
  std::vector<rt::FunctionFacts> facts; // what a verifier might have found
};
/// `proof`: of every access.
TemplateProgram templateProgram(const std::vector<isa::Word> &words, rt::AccessProof proof);

} // namespace vtpu::gen

#endif // VTPU_GENERATOR_TEMPLATES_H
