//===- Semantics.cpp - The semantics as one module --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Built to bitcode only. The interpreter's functions as they are, under names that the translator finds.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Semantics.cpp"
#include "../Runtime/SemanticsControl.cpp"
#include "../Runtime/SemanticsMemory.cpp"

using namespace vtpu;

extern "C" {
void vtpu_executeD(const isa::Word &word, rt::Registers &regs) { rt::executeD(word.slot(isa::Pipe::D), word, regs); }
bool vtpu_executeS(const isa::Word &word, rt::Registers &regs, rt::SentronContext &context, uint8_t *base, uint64_t size, bool checked) {
  return rt::executeS(word.slot(isa::Pipe::S), word, regs, context, base, size, checked);
}
rt::Control vtpu_executeC(const isa::Word &word, rt::Registers &regs, rt::SentronContext &context) {
  return rt::executeC(word.slot(isa::Pipe::C), word, regs, context);
}
}
