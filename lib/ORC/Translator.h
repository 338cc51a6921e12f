//===- Translator.h - Words to LLVM IR --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function of a program becomes `bool (uint8_t *const *bases, SentronContext *context)`. Its registers are one alloca; each slot is a call of
// the semantics with the word as a constant, inlined at once, so that only what this word does is copied. LLVM's passes make values of the
// registers. A long function becomes several that call none of each other: each runs until control leaves it and gives the word to go on with.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_ORC_TRANSLATOR_H
#define VTPU_LIB_ORC_TRANSLATOR_H

#include "vtpu/Runtime/TierPlugin.h"

#include "../Runtime/Semantics.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace vtpu::rt {

class Translator {
public:
  /// `module` holds the semantics' bitcode; what it defines becomes internal. `hostScales`: the CPU has vscalef.
  Translator(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services, llvm::Module &module, bool hostScales);

  /// Adds every function of the program; function f is called functionName(f).
  void translateProgram();
  static std::string functionName(size_t f);

private:
  const Program &program;
  const std::vector<FunctionFacts> &facts;
  const TierServices &services;
  llvm::Module &module;
  const bool hostScales;
  llvm::IRBuilder<> builder;
  llvm::Function *executeD, *executeS, *executeC;
  std::vector<llvm::Function *> functions;

  // The function in translation.
  uint32_t functionIndex = 0, wordIndex = 0;
  llvm::Function *function = nullptr;
  llvm::Value *bases = nullptr, *context = nullptr, *registers = nullptr, *stopFlag = nullptr;
  llvm::PHINode *nextWord = nullptr; // of a piece: where to go on, in the block that leaves it
  std::vector<llvm::Value *> baseOf;         // per binding that is accessed
  std::vector<llvm::BasicBlock *> wordBlock; // per branch target

  void translateFunction();
  /// The words with which the pieces of the function start, and the number of its words.
  std::vector<uint32_t> pieces() const;
  /// Translates the words `first` to `last` - 1, which may be entered at `entries`, into a function of their own; tells whether the last word falls
  /// through.
  void translatePiece(uint32_t first, uint32_t last, const std::vector<uint32_t> &entries, bool &fallsThrough);
  /// The words of a piece that branches lead to, or branches from elsewhere.
  std::vector<uint32_t> targets(uint32_t first, uint32_t last, bool elsewhere) const;
  /// Starts `function`, which holds some of the words.
  void begin(uint32_t first, uint32_t last);
  void translateWords(uint32_t first, uint32_t last);
  /// Leaves a piece for a word outside of it.
  llvm::BasicBlock *leaveTo(uint32_t word);
  /// Ends the call: it has returned, or trapped.
  void finish(bool good);
  void translateWord(const isa::Word &word);
  /// dscale by the host's own instruction, whose results are those of the semantics: from it they have their special cases.
  void translateScale(const isa::Slot &slot);
  void translateS(llvm::Constant *word);
  void translateC(const isa::Word &word, llvm::Constant *constant);
  void translateControl(Control control, const isa::Slot &slot);
  void translateCall(const isa::Slot &slot);
  void translateRoutine(const isa::Word &word, isa::Pipe pipe);

  /// Copies the registers that a slot names to the context, where functions of the runtime see them, or those that it writes back.
  void copyRegisters(const isa::Effects &used, bool out);
  llvm::Constant *constantOf(const isa::Word &word);
  /// Calls a function of the semantics and inlines it and all that it calls; its result.
  llvm::Value *callInlined(llvm::Function *callee, llvm::ArrayRef<llvm::Value *> arguments);
  /// Moves all blocks of a function to where the builder stands, which goes on behind its returns; the returned value, or null.
  llvm::Value *moveBody(llvm::Function &from);
  llvm::BasicBlock *branchTarget(const isa::Slot &slot);
  /// Goes on in a new block if `condition` holds.
  void continueIf(llvm::Value *condition, llvm::BasicBlock *otherwise);
  llvm::BasicBlock *divideTrap(const isa::Slot &slot);
  llvm::BasicBlock *trapBlock(TrapCause cause, uint32_t message = 0);
  llvm::BasicBlock *trapBlock(llvm::Value *cause, uint32_t message = 0);
  llvm::Value *callService(const void *service, llvm::Type *result, llvm::ArrayRef<llvm::Value *> arguments);
  llvm::MDNode *unlikely(unsigned ways);
  llvm::BasicBlock *newBlock(const llvm::Twine &name) { return llvm::BasicBlock::Create(module.getContext(), name, function); }
  llvm::Value *fieldOf(llvm::Value *pointer, uint64_t offset) { return builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), pointer, offset); }
  llvm::Value *addressOf(const void *object);
  llvm::AllocaInst *allocate(uint64_t bytes, uint64_t align);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_ORC_TRANSLATOR_H
