//===- Translator.cpp - Words to LLVM IR ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inlining with a constant word clones only the blocks that this word reaches: the switches over opcode, type and length are folded on the way.
//
//===----------------------------------------------------------------------===//

#include "Translator.h"

#include "llvm/IR/IntrinsicsX86.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <cstddef>
#include <numeric>

namespace vtpu::rt {

using namespace isa;
using llvm::BasicBlock;
using llvm::Constant;
using llvm::Value;

static_assert(std::is_standard_layout_v<SentronContext> && std::is_trivially_copyable_v<Word>);

namespace {
/// LLVM's passes take longer than in proportion to a function's length: longer ones than wholeWords are translated in pieces of pieceWords.
constexpr uint32_t wholeWords = 768, pieceWords = 512;
/// What a piece gives instead of a word to go on with.
constexpr uint32_t pieceReturned = ~uint32_t(0), pieceTrapped = pieceReturned - 1;

bool isBranch(const Word &word) {
  const Slot &c = word.slot(Pipe::C);
  return !c.empty() && lookup(Pipe::C, c.opcode)->isBranch;
}
} // namespace

std::string Translator::functionName(size_t f) { return "f" + std::to_string(f); }

Translator::Translator(const Program &program, const std::vector<FunctionFacts> &facts, const TierServices &services, llvm::Module &module,
                       bool hostScales)
    : program(program), facts(facts), services(services), module(module), hostScales(hostScales), builder(module.getContext()),
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

std::vector<uint32_t> Translator::pieces() const {
  const std::vector<Word> &words = program.functions[functionIndex].words;
  const auto count = uint32_t(words.size());
  std::vector<uint32_t> starts = {0};
  if (count > wholeWords) {
    std::vector<int32_t> loops(count + 1); // first changes from word to word, then how many loops lie around the place before a word
    for (uint32_t w = 0; w < count; ++w)
      if (isBranch(words[w]) && words[w].slot(Pipe::C).imm <= 0) {
        ++loops[w + words[w].slot(Pipe::C).imm + 1];
        --loops[w + 1];
      }
    std::partial_sum(loops.begin(), loops.end(), loops.begin());
    while (count - starts.back() > pieceWords) {
      // The last place with the fewest loops around it.
      const uint32_t most = starts.back() + pieceWords;
      uint32_t best = most;
      for (uint32_t w = most; w > most - pieceWords / 2; --w)
        if (loops[w] < loops[best])
          best = w;
      starts.push_back(best);
    }
  }
  starts.push_back(count);
  return starts;
}

void Translator::translateFunction() {
  const std::vector<uint32_t> starts = pieces();
  if (starts.size() == 2) {
    function = functions[functionIndex];
    begin(0, starts[1]);
    registers = allocate(sizeof(Registers), alignof(Registers));
    builder.CreateMemSet(registers, builder.getInt8(0), sizeof(Registers), llvm::Align(alignof(Registers)));
    translateWords(0, starts[1]);
    return;
  }
  // Pieces hand on the word to go on with, and registers in the context.
  llvm::Function *whole = functions[functionIndex];
  auto *start = BasicBlock::Create(module.getContext(), "entry", whole), *dispatch = BasicBlock::Create(module.getContext(), "dispatch", whole),
       *end = BasicBlock::Create(module.getContext(), "end", whole);
  llvm::BranchInst::Create(dispatch, start);
  builder.SetInsertPoint(dispatch);
  llvm::PHINode *at = builder.CreatePHI(builder.getInt32Ty(), unsigned(starts.size()));
  at->addIncoming(builder.getInt32(0), start);
  llvm::SwitchInst *choice = builder.CreateSwitch(at, end);
  builder.SetInsertPoint(end);
  builder.CreateRet(builder.CreateICmpEQ(at, builder.getInt32(pieceReturned)));
  bool fallsThrough = true;
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    std::vector<uint32_t> entries = targets(starts[i], starts[i + 1], true);
    if (fallsThrough)
      entries.push_back(starts[i]);
    if (entries.empty()) // no way leads here
      continue;
    translatePiece(starts[i], starts[i + 1], entries, fallsThrough);
    auto *call = BasicBlock::Create(module.getContext(), "piece", whole);
    for (uint32_t entry : entries)
      if (choice->findCaseValue(builder.getInt32(entry)) == choice->case_default())
        choice->addCase(builder.getInt32(entry), call);
    builder.SetInsertPoint(call);
    at->addIncoming(builder.CreateCall(function, {whole->getArg(0), whole->getArg(1), at}), call);
    builder.CreateBr(dispatch);
  }
}

void Translator::translatePiece(uint32_t first, uint32_t last, const std::vector<uint32_t> &entries, bool &fallsThrough) {
  auto *type = llvm::FunctionType::get(builder.getInt32Ty(), {builder.getPtrTy(), builder.getPtrTy(), builder.getInt32Ty()}, false);
  function = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, functionName(functionIndex) + ".piece", module);
  function->copyAttributesFrom(functions[functionIndex]);
  Effects used, written;
  for (uint32_t w = first; w < last; ++w)
    for (unsigned pipe = 0; pipe < numPipes; ++pipe)
      if (const Slot &slot = program.functions[functionIndex].words[w].slots[pipe]; !slot.empty()) {
        const Effects of = effects(Pipe(pipe), slot);
        written.writeV |= of.writeV;
        written.writeR |= of.writeR;
        written.writeK |= of.writeK;
        used.writeV |= of.readV | of.writeV;
        used.writeR |= of.readR | of.writeR;
        used.writeK |= of.readK | of.writeK;
      }
  begin(first, last);
  if (!wordBlock[entries.back()]) // the first word, where the piece before ends
    wordBlock[entries.back()] = newBlock("start");
  registers = allocate(sizeof(Registers), alignof(Registers));
  copyRegisters(used, false);
  llvm::SwitchInst *choice = builder.CreateSwitch(function->getArg(2), wordBlock[entries[0]]);
  for (uint32_t entry : entries)
    if (wordBlock[entry] != wordBlock[entries[0]] && choice->findCaseValue(builder.getInt32(entry)) == choice->case_default())
      choice->addCase(builder.getInt32(entry), wordBlock[entry]);
  BasicBlock *leave = newBlock("leave");
  builder.SetInsertPoint(leave);
  nextWord = builder.CreatePHI(builder.getInt32Ty(), 2);
  copyRegisters(written, true);
  builder.CreateRet(nextWord);
  builder.ClearInsertionPoint();
  translateWords(first, last);
  fallsThrough = builder.GetInsertBlock() != nullptr;
  if (fallsThrough)
    builder.CreateBr(leaveTo(last));
  if (!nextWord->getNumIncomingValues())
    leave->eraseFromParent();
  nextWord = nullptr;
}

std::vector<uint32_t> Translator::targets(uint32_t first, uint32_t last, bool elsewhere) const {
  const std::vector<Word> &words = program.functions[functionIndex].words;
  std::vector<uint32_t> result;
  for (uint32_t w = 0; w < words.size(); ++w)
    if (isBranch(words[w]) && !(elsewhere && w >= first && w < last)) {
      const uint32_t target = w + uint32_t(words[w].slot(Pipe::C).imm);
      if (target >= first && target < last)
        result.push_back(target);
    }
  return result;
}

void Translator::begin(uint32_t first, uint32_t last) {
  const Function &source = program.functions[functionIndex];
  bases = function->getArg(0);
  context = function->getArg(1);
  builder.SetInsertPoint(newBlock("entry"));
  wordBlock.assign(source.words.size(), nullptr);
  for (uint32_t target : targets(first, last, false))
    if (!wordBlock[target])
      wordBlock[target] = newBlock("w" + llvm::Twine(target));
  baseOf.assign(source.bindings.size(), nullptr);
  for (int32_t binding : facts[functionIndex].accessBinding)
    if (binding >= 0 && !baseOf[binding])
      baseOf[binding] = builder.CreateLoad(builder.getPtrTy(), fieldOf(bases, 8 * uint64_t(binding)), "base");
  stopFlag = builder.CreateLoad(builder.getPtrTy(), fieldOf(context, offsetof(SentronContext, stop)), "stop");
}

void Translator::translateWords(uint32_t first, uint32_t last) {
  for (wordIndex = first; wordIndex < last; ++wordIndex)
    translateWord(program.functions[functionIndex].words[wordIndex]);
}

BasicBlock *Translator::leaveTo(uint32_t word) {
  BasicBlock *block = newBlock("leave");
  llvm::BranchInst::Create(nextWord->getParent(), block);
  nextWord->addIncoming(builder.getInt32(word), block);
  return block;
}

void Translator::finish(bool good) {
  builder.CreateRet(nextWord ? builder.getInt32(good ? pieceReturned : pieceTrapped) : builder.getInt1(good));
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
    else if (pipe == Pipe::D && hostScales && word.slot(pipe).opcode == uint8_t(DOp::dscale))
      translateScale(word.slot(pipe));
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
  // In a function of its own: inlining walks all blocks of the caller, which may be thousands of words long. Constants fold on the way.
  auto *slot = llvm::Function::Create(callee->getFunctionType(), llvm::GlobalValue::InternalLinkage, "slot", module);
  slot->copyAttributesFrom(callee);
  auto *start = BasicBlock::Create(module.getContext(), "", slot);
  llvm::IRBuilder<> inside(start);
  llvm::SmallVector<Value *, 8> passed;
  for (size_t i = 0; i < arguments.size(); ++i)
    passed.push_back(llvm::isa<Constant>(arguments[i]) ? arguments[i] : slot->getArg(unsigned(i)));
  llvm::CallInst *call = inside.CreateCall(callee, passed);
  callee->getReturnType()->isVoidTy() ? inside.CreateRetVoid() : inside.CreateRet(call);
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
  for (size_t i = 0; i < arguments.size(); ++i)
    slot->getArg(unsigned(i))->replaceAllUsesWith(arguments[i]);
  Value *result = moveBody(*slot);
  slot->eraseFromParent();
  return result;
}

Value *Translator::moveBody(llvm::Function &from) {
  BasicBlock *start = &from.getEntryBlock(), *here = builder.GetInsertBlock();
  for (llvm::Instruction &instruction : llvm::make_early_inc_range(*start))
    if (auto *local = llvm::dyn_cast<llvm::AllocaInst>(&instruction); local && local->isStaticAlloca())
      local->moveBefore(function->getEntryBlock(), function->getEntryBlock().begin());
  llvm::SmallVector<llvm::ReturnInst *, 4> returns;
  for (BasicBlock &block : from)
    if (auto *end = llvm::dyn_cast<llvm::ReturnInst>(block.getTerminator()))
      returns.push_back(end);
  start->replaceSuccessorsPhiUsesWith(here);
  here->splice(here->end(), start);
  start->eraseFromParent();
  function->splice(function->end(), &from);
  if (returns.size() == 1) {
    Value *result = returns[0]->getReturnValue();
    builder.SetInsertPoint(returns[0]->getParent());
    returns[0]->eraseFromParent();
    return result;
  }
  BasicBlock *next = newBlock("next");
  builder.SetInsertPoint(next);
  llvm::PHINode *result = from.getReturnType()->isVoidTy() ? nullptr : builder.CreatePHI(from.getReturnType(), unsigned(returns.size()));
  for (llvm::ReturnInst *end : returns) {
    if (result)
      result->addIncoming(end->getReturnValue(), end->getParent());
    llvm::BranchInst::Create(next, end->getParent());
    end->eraseFromParent();
  }
  return result;
}

void Translator::translateScale(const Slot &slot) {
  const bool isDouble = slot.type == Type::f64;
  const unsigned lanes = isDouble ? 8 : 16, length = lengthBytes(slot.length) / byteWidth(slot.type);
  auto *type = llvm::FixedVectorType::get(isDouble ? builder.getDoubleTy() : builder.getFloatTy(), lanes);
  auto *bits = builder.getIntNTy(lanes);
  auto at = [&](unsigned v) { return fieldOf(registers, offsetof(Registers, v) + 64 * uint64_t(v)); };
  auto lanesOf = [&](Value *mask) { return builder.CreateBitCast(mask, llvm::FixedVectorType::get(builder.getInt1Ty(), lanes)); };
  Value *zero = Constant::getNullValue(type), *a = builder.CreateLoad(type, at(slot.ra)), *b = builder.CreateLoad(type, at(slot.rb));
  Value *result = builder.CreateIntrinsic(isDouble ? llvm::Intrinsic::x86_avx512_mask_scalef_pd_512 : llvm::Intrinsic::x86_avx512_mask_scalef_ps_512,
                                          {a, b, zero, Constant::getAllOnesValue(bits), builder.getInt32(4)}); // 4: rounds to nearest
  if (slot.mask) {
    Value *mask = builder.CreateLoad(builder.getInt64Ty(), fieldOf(registers, offsetof(Registers, k) + 8 * uint64_t(slot.mask)));
    Value *kept = slot.zeroing ? zero : builder.CreateLoad(type, at(slot.rd));
    result = builder.CreateSelect(lanesOf(builder.CreateTrunc(mask, bits)), result, kept);
  }
  if (length < lanes)
    result = builder.CreateSelect(lanesOf(llvm::ConstantInt::get(bits, (1u << length) - 1)), result, zero);
  builder.CreateStore(result, at(slot.rd));
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
    finish(true);
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
  finish(false);
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
  if (!target)
    target = leaveTo(uint32_t(int64_t(wordIndex) + slot.imm));
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
  finish(false);
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
