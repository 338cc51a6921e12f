//===- Translator.cpp - Words to LLVM IR ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inlining with a constant word clones only the blocks that this word reaches: the switches over opcode, type and length are folded on the way.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"

#include "llvm/IR/MDBuilder.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <cstddef>

namespace vtpu::rt {

using namespace isa;
using llvm::BasicBlock;
using llvm::Constant;
using llvm::Value;

static_assert(std::is_standard_layout_v<SentronContext> && std::is_trivially_copyable_v<Word>);

std::string Translator::functionName(size_t f) { return "f" + std::to_string(f); }

Translator::Translator(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services, llvm::Module &module)
    : program(program), facts(facts), services(services), module(module), builder(module.getContext()),
      executeD(module.getFunction("vtpu_executeD")), executeS(module.getFunction("vtpu_executeS")),
      executeC(module.getFunction("vtpu_executeC")) {
  for (llvm::Function &f : module)
    if (!f.isDeclaration())
      f.setLinkage(llvm::GlobalValue::InternalLinkage);
}

void Translator::translateProgram() {
  auto *type = llvm::FunctionType::get(builder.getInt1Ty(), {builder.getPtrTy(), builder.getPtrTy()}, false);
  for (size_t f = 0; f < program.functions.size(); ++f) {
    auto *created = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, functionName(f), module);
    created->addFnAttr(llvm::Attribute::NoInline); // kernels stay apart: time to compile grows with the longest function
    created->addFnAttr(llvm::Attribute::NoUnwind);
    created->addFnAttr("min-legal-vector-width", "512");
    functions.push_back(created);
  }
  for (functionIndex = 0; functionIndex < functions.size(); ++functionIndex)
    translateFunction();
  for (llvm::Function *f : {executeD, executeS, executeC})
    f->eraseFromParent();
}

void Translator::findTargets() {
  const std::vector<Word> &words = program.functions[functionIndex].words;
  wordBlock.assign(words.size(), nullptr);
  for (size_t w = 0; w < words.size(); ++w) {
    const Slot &c = words[w].slot(Pipe::C);
    if (!c.empty() && lookup(Pipe::C, c.opcode)->isBranch && !wordBlock[w + c.imm])
      wordBlock[w + c.imm] = newBlock("w" + llvm::Twine(w + c.imm));
  }
}

void Translator::translateFunction() {
  const Function &source = program.functions[functionIndex];
  function = functions[functionIndex];
  bases = function->getArg(0);
  context = function->getArg(1);
  builder.SetInsertPoint(newBlock("entry"));
  findTargets();
  registers = allocate(sizeof(Registers), alignof(Registers));
  builder.CreateMemSet(registers, builder.getInt8(0), sizeof(Registers), llvm::Align(alignof(Registers)));
  baseOf.assign(source.bindings.size(), nullptr);
  for (int32_t binding : facts[functionIndex].accessBinding)
    if (binding >= 0 && !baseOf[binding])
      baseOf[binding] = builder.CreateLoad(builder.getPtrTy(), fieldOf(bases, 8 * uint64_t(binding)), "base");
  stopFlag = builder.CreateLoad(builder.getPtrTy(), fieldOf(context, offsetof(SentronContext, stop)), "stop");
  for (wordIndex = 0; wordIndex < source.words.size(); ++wordIndex)
    translateWord(source.words[wordIndex]);
}

void Translator::translateWord(const Word &word) {
  if (BasicBlock *block = wordBlock[wordIndex]) {
    if (builder.GetInsertBlock())
      builder.CreateBr(block);
    builder.SetInsertPoint(block);
  }
  if (!builder.GetInsertBlock()) // no way leads here
    return;
  Constant *constant = constantOf(word);
  for (Pipe pipe : facts[functionIndex].order[wordIndex]) {
    if (word.slot(pipe).empty())
      continue;
    if (lookup(pipe, word.slot(pipe).opcode)->isRoutine)
      translateRoutine(word, pipe);
    else if (pipe == Pipe::D)
      callInlined(executeD, {constant, registers});
    else if (pipe == Pipe::S)
      translateS(constant);
    else
      translateC(word, constant);
  }
}

Constant *Translator::constantOf(const Word &word) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(&word), sizeof(Word));
  auto *data = llvm::ConstantDataArray::getString(module.getContext(), bytes, /*AddNull=*/false);
  auto *global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "word");
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  global->setAlignment(llvm::Align(alignof(Word)));
  return global;
}

Value *Translator::callInlined(llvm::Function *callee, llvm::ArrayRef<Value *> arguments) {
  llvm::CallInst *call = builder.CreateCall(callee, arguments);
  // Inlining splits the block, which must have an end: a mark tells where to go on and what became of the call's value.
  Value *marked = callee->getReturnType()->isVoidTy() ? static_cast<Value *>(builder.getTrue()) : call;
  auto *mark = llvm::cast<llvm::Instruction>(builder.CreateFreeze(marked));
  llvm::Instruction *end = builder.CreateUnreachable();
  llvm::SmallVector<llvm::CallBase *, 8> pending = {call};
  while (!pending.empty()) {
    llvm::CallBase *next = pending.pop_back_val();
    llvm::InlineFunctionInfo info;
    if (!llvm::InlineFunction(*next, info, /*MergeAttributes=*/false, nullptr, /*InsertLifetime=*/false).isSuccess())
      continue;
    for (llvm::CallBase *inner : info.InlinedCallSites)
      if (inner->getCalledFunction() && !inner->getCalledFunction()->isDeclaration())
        pending.push_back(inner);
  }
  Value *result = mark->getOperand(0);
  builder.SetInsertPoint(mark->getParent());
  mark->eraseFromParent();
  end->eraseFromParent();
  return result;
}

void Translator::translateS(Constant *word) {
  const FunctionFacts &fact = facts[functionIndex];
  const int32_t binding = fact.accessBinding[wordIndex];
  const bool accesses = binding >= 0;
  Value *base = accesses ? baseOf[binding] : llvm::ConstantPointerNull::get(builder.getPtrTy());
  const uint64_t size = accesses ? program.functions[functionIndex].bindings[binding].size : 0;
  const bool checked = fact.access[wordIndex] != AccessProof::proven;
  Value *inside = callInlined(executeS, {word, registers, context, base, builder.getInt64(size), builder.getInt1(checked)});
  if (auto *known = llvm::dyn_cast<llvm::ConstantInt>(inside); known && known->isOne())
    return;
  BasicBlock *trap = trapBlock(TrapCause::outOfBounds);
  const Word &source = program.functions[functionIndex].words[wordIndex];
  llvm::IRBuilder<>::InsertPoint here = builder.saveIP();
  builder.SetInsertPoint(trap, trap->begin());
  copyRegisters(effects(Pipe::S, source.slot(Pipe::S)), true);
  callService(reinterpret_cast<const void *>(services.tellRefused), builder.getVoidTy(), {context, addressOf(&source), builder.getInt64(size)});
  builder.restoreIP(here);
  continueIf(inside, trap);
}

void Translator::translateC(const Word &word, Constant *constant) {
  const Slot &slot = word.slot(Pipe::C);
  Value *control = callInlined(executeC, {constant, registers, context});
  if (auto *known = llvm::dyn_cast<llvm::ConstantInt>(control))
    return translateControl(Control(known->getZExtValue()), slot);
  // What depends on registers is a branch or a trap.
  BasicBlock *next = newBlock("next");
  auto value = [&](Control c) { return builder.getInt8(uint8_t(c)); };
  if (lookup(Pipe::C, slot.opcode)->isBranch) {
    llvm::SwitchInst *choice = builder.CreateSwitch(control, next, 1);
    choice->addCase(value(Control::branch), branchTarget(slot));
  } else {
    llvm::SwitchInst *choice = builder.CreateSwitch(control, next, 2, unlikely(3));
    choice->addCase(value(Control::divideByZero), divideTrap(slot));
    choice->addCase(value(Control::message), trapBlock(TrapCause::message, uint32_t(slot.imm)));
  }
  builder.SetInsertPoint(next);
}

void Translator::translateControl(Control control, const Slot &slot) {
  switch (control) {
  case Control::next:
    return;
  case Control::branch:
    builder.CreateBr(branchTarget(slot));
    break;
  case Control::stop:
    builder.CreateRet(builder.getTrue());
    break;
  case Control::divideByZero:
    builder.CreateBr(divideTrap(slot));
    break;
  case Control::message:
    builder.CreateBr(trapBlock(TrapCause::message, uint32_t(slot.imm)));
    break;
  case Control::call:
    return translateCall(slot);
  case Control::barrier:
    return continueIf(callService(reinterpret_cast<const void *>(services.waitAtBarrier), builder.getInt1Ty(), {context}), trapBlock(TrapCause::stopped));
  }
  builder.ClearInsertionPoint();
}

void Translator::translateCall(const Slot &slot) {
  const CallTable &table = program.functions[functionIndex].callTables[slot.imm];
  const Function &callee = program.functions[table.callee];
  Value *callBases = allocate(8 * std::max<size_t>(callee.bindings.size(), 1), 8);
  for (size_t i = 0; i < callee.bindings.size(); ++i) {
    const Binding &binding = callee.bindings[i];
    Value *address;
    if (binding.kind == BindingKind::Constant) {
      address = addressOf(program.rodata.data() + binding.offset);
    } else if (binding.kind == BindingKind::Stack) {
      Value *stacks = builder.CreateLoad(builder.getPtrTy(), fieldOf(context, offsetof(SentronContext, stacks)));
      address = builder.CreateLoad(builder.getPtrTy(), fieldOf(stacks, 8 * uint64_t(table.callee)));
    } else {
      const CallArgument &argument = table.arguments[i];
      address = fieldOf(builder.CreateLoad(builder.getPtrTy(), fieldOf(bases, 8 * uint64_t(argument.index))), argument.offset);
    }
    builder.CreateStore(address, fieldOf(callBases, 8 * i));
  }
  Value *good = builder.CreateCall(functions[table.callee], {callBases, context});
  BasicBlock *next = newBlock("next"), *trapped = newBlock("trapped");
  builder.CreateCondBr(good, next, trapped, unlikely(2));
  builder.SetInsertPoint(trapped);
  builder.CreateRet(builder.getFalse());
  builder.SetInsertPoint(next);
}

void Translator::copyRegisters(const Effects &used, bool out) {
  Value *shared = fieldOf(context, offsetof(SentronContext, registers));
  Value *to = out ? shared : registers, *from = out ? registers : shared;
  auto each = [&](uint64_t set, size_t at, llvm::Type *type, uint64_t bytes) {
    for (uint64_t i = 0; set >> i; ++i)
      if (set >> i & 1)
        builder.CreateStore(builder.CreateLoad(type, fieldOf(from, at + bytes * i)), fieldOf(to, at + bytes * i));
  };
  each(used.writeV | (out ? used.readV : 0), offsetof(Registers, v), llvm::FixedVectorType::get(builder.getInt32Ty(), 16), 64);
  each(used.writeR | (out ? used.readR : 0), offsetof(Registers, r), builder.getInt64Ty(), 8);
  each(used.writeK | (out ? used.readK : 0), offsetof(Registers, k), builder.getInt64Ty(), 8);
}

void Translator::translateRoutine(const Word &word, Pipe pipe) {
  const Effects used = effects(pipe, word.slot(pipe));
  copyRegisters(used, true);
  Value *cause = callService(reinterpret_cast<const void *>(services.callRoutine), builder.getInt32Ty(),
                             {context, addressOf(&word), builder.getInt8(uint8_t(pipe))});
  BasicBlock *next = newBlock("next");
  builder.CreateCondBr(builder.CreateICmpEQ(cause, builder.getInt32(uint32_t(TrapCause::none))), next, trapBlock(cause), unlikely(2));
  builder.SetInsertPoint(next);
  copyRegisters(used, false);
}

Value *Translator::callService(const void *service, llvm::Type *result, llvm::ArrayRef<Value *> arguments) {
  llvm::SmallVector<llvm::Type *, 3> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType());
  llvm::CallInst *call = builder.CreateCall(llvm::FunctionType::get(result, types, false), addressOf(service), arguments);
  for (unsigned i = 0; i < types.size(); ++i)
    if (types[i]->isIntegerTy())
      call->addParamAttr(i, llvm::Attribute::ZExt);
  if (result->isIntegerTy(1))
    call->addRetAttr(llvm::Attribute::ZExt);
  return call;
}

BasicBlock *Translator::branchTarget(const Slot &slot) {
  BasicBlock *target = wordBlock[wordIndex + slot.imm];
  if (!facts[functionIndex].polls[wordIndex])
    return target;
  llvm::IRBuilder<>::InsertPointGuard guard(builder);
  BasicBlock *poll = newBlock("poll");
  builder.SetInsertPoint(poll);
  llvm::LoadInst *stop = builder.CreateAlignedLoad(builder.getInt8Ty(), stopFlag, llvm::Align(1));
  stop->setAtomic(llvm::AtomicOrdering::Monotonic);
  builder.CreateCondBr(builder.CreateIsNull(stop), target, trapBlock(TrapCause::stopped), unlikely(2));
  return poll;
}

void Translator::continueIf(Value *condition, BasicBlock *otherwise) {
  BasicBlock *next = newBlock("next");
  builder.CreateCondBr(condition, next, otherwise, unlikely(2));
  builder.SetInsertPoint(next);
}

BasicBlock *Translator::divideTrap(const Slot &slot) {
  BasicBlock *block = trapBlock(TrapCause::divideByZero);
  llvm::IRBuilder<>::InsertPointGuard guard(builder);
  builder.SetInsertPoint(block, block->begin());
  Value *dividend = builder.CreateLoad(builder.getInt64Ty(), fieldOf(registers, offsetof(Registers, r) + 8 * uint64_t(slot.ra)));
  builder.CreateStore(dividend, fieldOf(context, offsetof(SentronContext, trap) + offsetof(Trap, value)));
  return block;
}

BasicBlock *Translator::trapBlock(TrapCause cause, uint32_t message) { return trapBlock(builder.getInt32(uint32_t(cause)), message); }

BasicBlock *Translator::trapBlock(Value *cause, uint32_t message) {
  llvm::IRBuilder<>::InsertPointGuard guard(builder);
  BasicBlock *block = newBlock("trap");
  builder.SetInsertPoint(block);
  auto store = [&](size_t offset, Value *value) {
    builder.CreateStore(value, fieldOf(context, offsetof(SentronContext, trap) + offset));
  };
  store(offsetof(Trap, cause), cause);
  store(offsetof(Trap, function), builder.getInt32(functionIndex));
  store(offsetof(Trap, word), builder.getInt32(wordIndex));
  store(offsetof(Trap, message), builder.getInt32(message));
  builder.CreateRet(builder.getFalse());
  return block;
}

/// Weights of a branch whose first way is the usual one.
llvm::MDNode *Translator::unlikely(unsigned ways) {
  llvm::SmallVector<uint32_t, 3> weights(ways, 1);
  weights[0] = 1 << 20;
  return llvm::MDBuilder(module.getContext()).createBranchWeights(weights);
}

Value *Translator::addressOf(const void *object) {
  return llvm::ConstantExpr::getIntToPtr(builder.getInt64(uint64_t(reinterpret_cast<uintptr_t>(object))), builder.getPtrTy());
}

llvm::AllocaInst *Translator::allocate(uint64_t bytes, uint64_t align) {
  BasicBlock &entry = function->getEntryBlock();
  llvm::IRBuilder<> at(&entry, entry.begin());
  llvm::AllocaInst *result = at.CreateAlloca(llvm::ArrayType::get(at.getInt8Ty(), bytes));
  result->setAlignment(llvm::Align(align));
  return result;
}

} // namespace vtpu::rt
