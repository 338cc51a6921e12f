//===- JITFunction.cpp - Functions around the templates ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands in registers and in the context, the entry trampoline, functions word by word, traps and polls.
//
// Frame of a function: rbp points at the addresses of its bindings; the quadword before them is the context's address. A trap writes its cause
// into the context, restores the stack pointer that the trampoline saved there and returns false. Behind all functions stand constants.
//
//===----------------------------------------------------------------------===//

#include "JITEmitter.h"
#include "Routines/Routine.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <tuple>

namespace vtpu::rt {

using namespace isa;
using namespace asmjit;

namespace {
// r12..r15 stand in spill[0..3]; spill[4] is the stack pointer to unwind to, spill[5] and spill[6] hold MXCSR values.
constexpr unsigned unwindSlot = 4, savedControlSlot = 5, controlSlot = 6;
constexpr uint32_t defaultControl = 0x1F80; // round to nearest, no exceptions, no flushing
constexpr int exceptionFlags = 0x3f;         // of the control register

int spillOffset(unsigned index) { return int(offsetof(SentronContext, spill)) + 8 * int(index); }

} // namespace

x86::Gp JITEmitter::gp(unsigned r) {
  static const Gp map[numHostR] = {x86::rcx, x86::rbx, x86::rsi, x86::rdi, x86::r8,  x86::r9,
                           x86::r10, x86::r11, x86::r12, x86::r13, x86::r14, x86::r15};
  return map[r];
}
x86::Mem JITEmitter::contextSlot(unsigned index, Gp base) { return x86::qword_ptr(base, spillOffset(index)); }
x86::Gp JITEmitter::useR(unsigned r, Gp scratch) {
  if (r < numHostR)
    return gp(r);
  a.mov(scratch, x86::qword_ptr(x86::rbp, -8));
  a.mov(scratch, contextSlot(r - numHostR, scratch));
  return scratch;
}
void JITEmitter::storeR(unsigned r, Gp value) {
  if (r < numHostR)
    return;
  Gp other = value.id() == x86::rdx.id() ? Gp(x86::rax) : Gp(x86::rdx);
  a.mov(other, x86::qword_ptr(x86::rbp, -8));
  a.mov(contextSlot(r - numHostR, other), value.r64());
}
x86::Mem JITEmitter::coordinate(unsigned p, Gp context) {
  return x86::qword_ptr(context, int(offsetof(SentronContext, p)) + int(sizeof(Coordinate) * p));
}
void JITEmitter::moveCoordinate(Mem to, Mem from, bool truncate) {
  for (bool high : {false, true}) {
    a.mov(x86::rdx, high ? from.cloneAdjusted(8) : from);
    if (high && truncate) {
      const int spare = 128 - int(Coordinate::dimensions * Coordinate::componentBits);
      a.shl(x86::rdx, spare);
      a.shr(x86::rdx, spare);
    }
    a.mov(high ? to.cloneAdjusted(8) : to, x86::rdx);
  }
}
void JITEmitter::load64(Gp reg, int64_t value) {
  if (value == 0)
    a.xor_(reg.r32(), reg.r32());
  else if (value > 0 && value <= int64_t(UINT32_MAX))
    a.mov(reg.r32(), uint32_t(value));
  else
    a.mov(reg.r64(), value);
}

asmjit::Label JITEmitter::trap(TrapCause cause, const Slot *slot, uint32_t message) {
  TrapSite site{a.newLabel(), cause, wordIndex, message, slot};
  traps.push_back(site);
  return site.label;
}

void JITEmitter::emitProgram(std::vector<std::vector<uint32_t>> &wordOffsets) {
  unwind = a.newLabel();
  trampoline = a.newLabel();
  for (size_t f = 0; f < program.functions.size(); ++f)
    functionLabels.push_back(a.newLabel());
  emitTrampoline();
  wordOffsets.resize(program.functions.size());
  for (uint32_t f = 0; f < program.functions.size(); ++f)
    emitFunction(f, wordOffsets[f]);
  codeEnd = uint32_t(a.offset());
  emitConstants();
}

JITEmitter::Trampoline &JITEmitter::threadTrampoline() {
  static thread_local Trampoline known;
  return known;
}

void JITEmitter::emitTrampoline() {
  a.align(AlignMode::kCode, 64);
  a.bind(trampoline);
  const Trampoline &known = threadTrampoline();
  if (templates && !known.code.empty()) {
    a.embed(known.code.data(), known.unwind);
    a.bind(unwind);
    a.embed(known.code.data() + known.unwind, known.code.size() - known.unwind);
  } else {
    assembleTrampoline();
  }
  trampolineEnd = a.offset();
}

void JITEmitter::keepTrampoline() {
  Trampoline &known = threadTrampoline();
  if (!known.code.empty())
    return;
  const size_t begin = a.code()->labelOffset(trampoline);
  known.code.assign(a.bufferData() + begin, a.bufferData() + trampolineEnd);
  known.unwind = a.code()->labelOffset(unwind) - begin;
}

void JITEmitter::assembleTrampoline() {
  // rdi = bases, rsi = context, rdx = function.
  const Gp saved[] = {x86::rbp, x86::rbx, x86::r12, x86::r13, x86::r14, x86::r15};
  for (const Gp &reg : saved)
    a.push(reg);
  // Six pushes and the return address: 56 bytes; with 8 more the callee starts at 8 mod 16 like every function.
  a.sub(x86::rsp, 8);
  a.mov(contextSlot(unwindSlot, x86::rsi), x86::rsp);
  a.stmxcsr(x86::dword_ptr(x86::rsi, spillOffset(savedControlSlot)));
  a.mov(x86::dword_ptr(x86::rsi, spillOffset(controlSlot)), defaultControl);
  a.ldmxcsr(x86::dword_ptr(x86::rsi, spillOffset(controlSlot)));
  a.mov(x86::rbp, x86::rdi);
  a.push(x86::rsi);
  a.push(x86::rsi);
  a.call(x86::rdx);
  a.pop(x86::rsi);
  a.pop(x86::rsi);
  a.mov(x86::eax, 1);
  Label leave = a.newLabel();
  a.bind(leave);
  a.ldmxcsr(x86::dword_ptr(x86::rsi, spillOffset(savedControlSlot)));
  a.vzeroupper();
  a.add(x86::rsp, 8);
  for (int i = 5; i >= 0; --i)
    a.pop(saved[i]);
  a.ret();
  a.bind(unwind); // rax = context
  a.mov(x86::rsi, x86::rax);
  a.mov(x86::rsp, contextSlot(unwindSlot, x86::rsi));
  a.xor_(x86::eax, x86::eax);
  a.jmp(leave);
}

void JITEmitter::findBranchTargets(const Function &function) {
  static const auto branches = [] {
    std::array<bool, 256> all{};
    for (const InstrInfo *info = isa::begin(); info != isa::end(); ++info)
      if (info->pipe == Pipe::C)
        all[info->opcode] = info->isBranch;
    return all;
  }();
  branchTargets.clear();
  const Word *const words = function.words.data();
  for (size_t w = 0, count = function.words.size(); w < count; ++w)
    if (const Slot &c = words[w].slot(Pipe::C); branches[c.opcode])
      branchTargets.push_back({uint32_t(w) + uint32_t(c.imm), c.imm <= 0, Label()});
  std::sort(branchTargets.begin(), branchTargets.end(), [](const BranchTarget &x, const BranchTarget &y) { return x.word < y.word; });
  size_t count = 0;
  for (const BranchTarget &target : branchTargets)
    if (count && branchTargets[count - 1].word == target.word)
      branchTargets[count - 1].head |= target.head;
    else
      branchTargets[count++] = {target.word, target.head, a.newLabel()};
  branchTargets.resize(count);
}

asmjit::Label JITEmitter::labelOf(uint32_t word) const {
  return std::lower_bound(branchTargets.begin(), branchTargets.end(), word, [](const BranchTarget &x, uint32_t w) { return x.word < w; })->label;
}

void JITEmitter::settle(uint8_t *out) {
  a._bufferPtr = out;
  CodeBuffer &buffer = a.currentSection()->buffer(); // when it grows, it keeps what its size says
  buffer._size = std::max(buffer._size, a.offset());
}

uint8_t *JITEmitter::assemble(uint8_t *out, uint32_t w, Pipe pipe) {
  const Word &word = program.functions[functionIndex].words[w];
  const Slot &slot = word.slot(pipe);
  settle(out);
  wordIndex = w;
  if (lookup(pipe, slot.opcode)->isRoutine)
    emitRoutine(pipe, slot, word);
  else if (pipe == Pipe::D)
    emitD(slot, word);
  else if (pipe == Pipe::S)
    emitS(slot, word);
  else
    emitC(slot, word);
  return a.bufferPtr();
}

void JITEmitter::emitFunction(uint32_t index, std::vector<uint32_t> &offsets) {
  const Function &function = program.functions[index];
  const uint32_t count = uint32_t(function.words.size());
  functionIndex = index;
  traps.clear();
  findBranchTargets(function);
  offsets.resize(count + 1);
  a.align(AlignMode::kCode, 64);
  a.bind(functionLabels[index]);
  uint8_t *out = a.bufferPtr();
  const AccessProof *const access = facts[index].access.data();
  const std::array<Pipe, numPipes> *const order = facts[index].order.data();
  const Word *const words = function.words.data();
  auto target = branchTargets.begin();
  // The next word before which there is more than code of slots.
  auto nextStop = [&](uint32_t w) {
    uint32_t next = target == branchTargets.end() ? count : target->word;
    if (probe && probe->function == index)
      for (uint32_t end : {probe->head, probe->tail + 1})
        if (end >= w)
          next = std::min(next, end);
    return next;
  };
  if (templates)
    templates->use(features.vpopcntdq);
  uint32_t stop = nextStop(0);
  for (uint32_t w = 0; w < count; ++w) {
    if (w == stop) {
      settle(out);
      if (probe && probe->function == index && (w == probe->head || w == probe->tail + 1))
        emitProbe(w != probe->head);
      if (target != branchTargets.end() && w == target->word) {
        if (target->head)
          a.align(AlignMode::kCode, 32);
        a.bind(target->label);
        ++target;
      }
      stop = nextStop(w + 1);
      out = a.bufferPtr();
    }
    offsets[w] = uint32_t(out - a._bufferData);
    auto emitSlot = [&](Pipe pipe) __attribute__((always_inline)) {
      const Slot &slot = words[w].slot(pipe);
      if (slot.empty())
        return;
      uint8_t *end = nullptr;
      // What the assembler wrote may have left less room than a template needs.
      const bool space = templates && a._bufferEnd - out >= ptrdiff_t(SlotTemplates::mostBytes);
      if (space && (pipe != Pipe::S || access[w] == AccessProof::proven ||
                    (access[w] == AccessProof::none && lookup(pipe, slot.opcode)->isPrefetch())))
        end = templates->write(out, pipe, slot);
      out = end ? end : assemble(out, w, pipe);
    };
    if (order[w][0] == Pipe::D && order[w][1] == Pipe::S) { // most words; each pipe has code of its own
      emitSlot(Pipe::D);
      emitSlot(Pipe::S);
      emitSlot(Pipe::C);
    } else {
      for (Pipe pipe : order[w])
        emitSlot(pipe);
    }
  }
  settle(out);
  offsets[count] = uint32_t(a.offset());
  for (const TrapSite &site : traps)
    emitTrap(site);
}

size_t JITEmitter::assembleAlone(Pipe pipe, const Slot &slot, unsigned variant, uint8_t *out) {
  /// An assembler in whose program there is one word with a proven access.
  struct Bench final : ErrorHandler {
    CodeHolder code;
    x86::Assembler a;
    Program program;
    std::vector<FunctionFacts> facts;
    bool failed = false;
    Bench() {
      code.init(Environment(Arch::kX64));
      code.setErrorHandler(this);
      code.attach(&a);
      program.functions.resize(1);
      program.functions[0].bindings.resize(1);
      facts.resize(1);
      facts[0].access = {AccessProof::proven};
      facts[0].accessBinding = {0};
      facts[0].polls = {false};
    }
    void handleError(asmjit::Error, const char *, BaseEmitter *) override { failed = true; }
  };
  static thread_local Bench bench;
  bench.failed = false;
  bench.a.setOffset(0);
  HostFeatures features;
  features.vpopcntdq = variant & 1;
  JITEmitter emitter(bench.program, bench.facts, features, bench.a, nullptr);
  const uint32_t labels = uint32_t(bench.code.labelCount());
  const Word word;
  if (pipe == Pipe::D)
    emitter.emitD(slot, word);
  else if (pipe == Pipe::S)
    emitter.emitS(slot, word);
  else
    emitter.emitC(slot, word);
  const size_t size = bench.a.offset();
  if (bench.failed || size > SlotTemplates::mostBytes || bench.code.labelCount() != labels)
    return 0;
  std::memcpy(out, bench.a.bufferData(), size);
  return size;
}

SlotTemplates &JITEmitter::threadTemplates() {
  static thread_local SlotTemplates templates(assembleAlone);
  return templates;
}

void JITEmitter::emitTrap(const TrapSite &site) {
  a.bind(site.label);
  const int trapOffset = int(offsetof(SentronContext, trap));
  const Mem cause = x86::dword_ptr(x86::rax, trapOffset + int(offsetof(Trap, cause)));
  // Registers are as the slot found them, but for the scratch ones.
  if (site.cause == TrapCause::none) { // a routine has returned it, and written what else there is to tell
    a.mov(x86::edx, x86::eax);
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    a.mov(cause, x86::edx);
  } else {
    if (!site.slot) {
      a.xor_(x86::edx, x86::edx);
    } else if (site.cause == TrapCause::divideByZero) {
      Gp dividend = useR(site.slot->ra, x86::rdx);
      if (dividend.id() != x86::rdx.id())
        a.mov(x86::rdx, dividend);
    } else {
      emitRefused(*site.slot, facts[functionIndex].accessBinding[site.word]);
    }
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    a.mov(cause, uint32_t(site.cause));
    a.mov(x86::qword_ptr(x86::rax, trapOffset + int(offsetof(Trap, value))), x86::rdx);
  }
  a.mov(x86::dword_ptr(x86::rax, trapOffset + int(offsetof(Trap, function))), functionIndex);
  a.mov(x86::dword_ptr(x86::rax, trapOffset + int(offsetof(Trap, word))), site.word);
  a.mov(x86::dword_ptr(x86::rax, trapOffset + int(offsetof(Trap, message))), site.message);
  a.jmp(unwind);
}

/// Behind all functions, in lines of their own; each value once.
void JITEmitter::emitConstants() {
  if (constants.empty())
    return;
  const auto rank = [](const ConstantUse &use) { return std::make_tuple(-int(use.bytes), use.value, use.end); };
  std::sort(constants.begin(), constants.end(), [&](const ConstantUse &x, const ConstantUse &y) { return rank(x) < rank(y); });
  a.align(AlignMode::kZero, 64);
  const ConstantUse *last = nullptr;
  for (const ConstantUse &use : constants) {
    if (!last || last->bytes != use.bytes || last->value != use.value)
      a.embed(&use.value, use.bytes);
    last = &use;
    const auto distance = int32_t(a.offset() - use.bytes - use.end);
    std::memcpy(a.bufferData() + use.end - sizeof distance, &distance, sizeof distance);
  }
}

/// Scratch registers are free between words, and so are the flags.
void JITEmitter::emitProbe(bool end) {
  auto field = [&](size_t offset) { return x86::qword_ptr(x86::rdx, int(offset)); };
  auto count = [&] {
    load64(x86::rdx, int64_t(reinterpret_cast<uintptr_t>(probe)));
    if (probe->counter < 0)
      return;
    const Gp counter = useR(unsigned(probe->counter), x86::rax);
    if (end)
      a.add(field(offsetof(LoopProbe, counted)), counter);
    else
      a.sub(field(offsetof(LoopProbe, counted)), counter);
  };
  const Mem control = x86::dword_ptr(x86::rdx, int(offsetof(LoopProbe, control)));
  if (!end) {
    if (probe->counter >= 0) {
      const Gp counter = useR(unsigned(probe->counter), x86::rax);
      load64(x86::rdx, int64_t(reinterpret_cast<uintptr_t>(probe)));
      a.add(counter, field(offsetof(LoopProbe, skip)));
      storeR(unsigned(probe->counter), counter);
    }
    count();
    a.stmxcsr(control);
    a.and_(control, ~exceptionFlags);
    a.ldmxcsr(control);
  }
  auto readTicks = [&] {
    a.lfence();
    a.rdtsc();
    a.shl(x86::rdx, 32);
    a.or_(x86::rax, x86::rdx);
    load64(x86::rdx, int64_t(reinterpret_cast<uintptr_t>(probe)));
  };
  auto start = [&] {
    readTicks();
    a.mov(field(offsetof(LoopProbe, start)), x86::rax);
    a.lfence();
  };
  if (!end)
    return start();
  Label longer = a.newLabel();
  readTicks();
  a.sub(x86::rax, field(offsetof(LoopProbe, start)));
  a.cmp(x86::rax, field(offsetof(LoopProbe, least)));
  a.jae(longer);
  a.mov(field(offsetof(LoopProbe, least)), x86::rax);
  for (size_t chain = 0; chain < std::size(LoopProbe::chainBlocks); ++chain) {
    a.mov(field(offsetof(LoopProbe, left)), LoopProbe::chainBlocks[chain]);
    start();
    Label again = a.newLabel();
    a.bind(again);
    for (unsigned i = 0; i < LoopProbe::chainBlock; ++i)
      a.add(x86::rax, x86::rdx);
    a.dec(field(offsetof(LoopProbe, left)));
    a.jnz(again);
    readTicks();
    a.sub(x86::rax, field(offsetof(LoopProbe, start)));
    a.mov(field(offsetof(LoopProbe, chains) + chain * sizeof(uint64_t)), x86::rax);
  }
  a.bind(longer);
  a.add(field(offsetof(LoopProbe, entered)), 1);
  a.stmxcsr(control);
  a.mov(x86::eax, control);
  a.and_(x86::eax, exceptionFlags);
  a.or_(x86::dword_ptr(x86::rdx, int(offsetof(LoopProbe, exceptions))), x86::eax);
  count();
}

void JITEmitter::emitPoll() {
  a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
  a.mov(x86::rax, x86::qword_ptr(x86::rax, int(offsetof(SentronContext, stop))));
  a.cmp(x86::byte_ptr(x86::rax), 0);
  a.jnz(trap(TrapCause::stopped));
}

} // namespace vtpu::rt
