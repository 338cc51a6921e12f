//===- Assembly.h - Text form of programs -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prints a program as text and reads it back without loss. Driven by the instruction table. Manual: docs/Assembly.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ASSEMBLY_ASSEMBLY_H
#define VTPU_ASSEMBLY_ASSEMBLY_H

#include "vtpu/Object/Program.h"

#include <set>

namespace vtpu {

/// Text of a program; `parseAssembly` gives the same program back.
std::string printAssembly(const Program &program);
/// Reads a program. The error starts with `fileName:line:column: `; two more lines show the line and a caret under the column.
/// With `ownLines` the words' source locations are the lines of the text, which then may not name others.
Result<Program> parseAssembly(std::string_view text, std::string_view fileName, bool ownLines = false);

/// Text of one slot of a word, without its pipe's letter. `index` is the word's number: targets print as label `L<word>`, or as a signed
/// distance where `labels` does not hold that word.
std::string printSlot(isa::Pipe pipe, const isa::Word &word, uint32_t index, const std::set<uint32_t> &labels);
/// Text of a whole word: `{ D: ... ; S: ... ; C: ... } @coordinate`.
std::string printWord(const isa::Word &word, uint32_t index, const std::set<uint32_t> &labels);
/// Words of a function that a branch names.
std::set<uint32_t> branchTargets(const Function &function);

} // namespace vtpu

#endif // VTPU_ASSEMBLY_ASSEMBLY_H
