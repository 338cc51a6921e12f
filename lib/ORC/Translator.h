//===- Translator.h - Words to LLVM IR --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function of a program becomes `bool (uint8_t *const *bases, SentronContext *context)`. Its registers are one alloca; each slot is a call of
// the semantics with the word as a constant, inlined at once, so that only what this word does is copied. LLVM's passes make values of the
// registers.
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
  /// `module` holds the semantics' bitcode; what it defines becomes internal.
  Translator(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services, llvm::Module &module);

  /// Adds every function of the program; function f is called functionName(f).
  void translateProgram();
  static std::string functionName(size_t f);

private:
  const Program &program;
  const std::vector<FunctionFacts> &facts;
  const TierServices &services;
  llvm::Module &module;
  llvm::IRBuilder<> builder;
  llvm::Function *executeD, *executeS, *executeC;
  std::vector<llvm::Function *> functions;

  // The function in translation.
  uint32_t functionIndex = 0, wordIndex = 0;
  llvm::Function *function = nullptr;
  llvm::Value *bases = nullptr, *context = nullptr, *registers = nullptr, *stopFlag = nullptr;
  std::vector<llvm::Value *> baseOf;         // per binding that is accessed
  std::vector<llvm::BasicBlock *> wordBlock; // per branch target

  void translateFunction();
  void findTargets();
  void translateWord(const isa::Word &word);
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
