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
#include "vtpu/Generator/Generator.h"

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

/// A program of the generator that uses every row `rounds` times.
inline Program randomProgram(std::mt19937_64 &random, unsigned rounds) {
  gen::Random own(random());
  return gen::randomFile(own, rounds);
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RANDOMPROGRAM_H
