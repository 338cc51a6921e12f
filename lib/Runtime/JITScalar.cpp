//===- JITScalar.cpp - Templates of the C pipe and functions ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalars, masks, control flow, calls, the entry trampoline and traps.
//
// Frame of a function: rbp points at the addresses of its bindings; the quadword before them is the context's address. A trap writes its cause
// into the context, restores the stack pointer that the trampoline saved there and returns false.
//
//===----------------------------------------------------------------------===//

#include "JITEmitter.h"
#include "Routines/Routine.h"
#include "Semantics.h"

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace vtpu::rt {

using namespace isa;
using namespace asmjit;
namespace Inst = asmjit::x86::Inst;

namespace {
// r12..r15 stand in spill[0..3]; spill[4] is the stack pointer to unwind to, spill[5] and spill[6] hold MXCSR values.
constexpr unsigned unwindSlot = 4, savedControlSlot = 5, controlSlot = 6;
constexpr uint32_t defaultControl = 0x1F80; // round to nearest, no exceptions, no flushing

int spillOffset(unsigned index) { return int(offsetof(SentronContext, spill)) + 8 * int(index); }

} // namespace

x86::Gp JITEmitter::gp(unsigned r) {
  static const Gp map[] = {x86::rcx, x86::rbx, x86::rsi, x86::rdi, x86::r8,  x86::r9,
                           x86::r10, x86::r11, x86::r12, x86::r13, x86::r14, x86::r15};
  return map[r];
}
x86::Mem JITEmitter::contextSlot(unsigned index, Gp base) { return x86::qword_ptr(base, spillOffset(index)); }
x86::Gp JITEmitter::useR(unsigned r, Gp scratch) {
  if (r < 12)
    return gp(r);
  a.mov(scratch, x86::qword_ptr(x86::rbp, -8));
  a.mov(scratch, contextSlot(r - 12, scratch));
  return scratch;
}
void JITEmitter::storeR(unsigned r, Gp value) {
  if (r < 12)
    return;
  Gp other = value.id() == x86::rdx.id() ? Gp(x86::rax) : Gp(x86::rdx);
  a.mov(other, x86::qword_ptr(x86::rbp, -8));
  a.mov(contextSlot(r - 12, other), value.r64());
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
}

void JITEmitter::emitTrampoline() {
  // rdi = bases, rsi = context, rdx = function.
  a.align(AlignMode::kCode, 64);
  a.bind(trampoline);
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

void JITEmitter::emitFunction(uint32_t index, std::vector<uint32_t> &offsets) {
  const Function &function = program.functions[index];
  functionIndex = index;
  traps.clear();
  wordLabels.assign(function.words.size(), Label());
  std::vector<bool> isHead(function.words.size());
  for (uint32_t w = 0; w < function.words.size(); ++w) {
    const Slot &c = function.words[w].slot(Pipe::C);
    if (c.empty() || !lookup(Pipe::C, c.opcode)->isBranch)
      continue;
    if (!wordLabels[w + c.imm].isValid())
      wordLabels[w + c.imm] = a.newLabel();
    if (c.imm <= 0)
      isHead[w + c.imm] = true;
  }
  offsets.reserve(function.words.size() + 1);
  a.align(AlignMode::kCode, 64);
  a.bind(functionLabels[index]);
  for (wordIndex = 0; wordIndex < function.words.size(); ++wordIndex) {
    const Word &word = function.words[wordIndex];
    if (probe && probe->function == index && (wordIndex == probe->head || wordIndex == probe->tail + 1))
      emitProbe(wordIndex != probe->head);
    if (isHead[wordIndex])
      a.align(AlignMode::kCode, 32);
    if (wordLabels[wordIndex].isValid())
      a.bind(wordLabels[wordIndex]);
    offsets.push_back(uint32_t(a.offset()));
    for (Pipe pipe : facts[index].order[wordIndex]) {
      const Slot &slot = word.slot(pipe);
      if (slot.empty() || (templates && emitLearned(pipe, slot)))
        continue;
      if (lookup(pipe, slot.opcode)->isRoutine)
        emitRoutine(pipe, slot, word);
      else if (pipe == Pipe::D)
        emitD(slot, word);
      else if (pipe == Pipe::S)
        emitS(slot, word);
      else
        emitC(slot, word);
    }
  }
  offsets.push_back(uint32_t(a.offset()));
  for (const TrapSite &site : traps)
    emitTrap(site);
}

bool JITEmitter::emitLearned(Pipe pipe, const Slot &slot) {
  if (!SlotTemplates::learns(pipe, slot.opcode) || a.remainingSpace() < SlotTemplates::mostBytes)
    return false;
  const AccessProof access = facts[functionIndex].access[wordIndex];
  if (pipe == Pipe::S && (access == AccessProof::checked || (access == AccessProof::none && !isPrefetch(slot))))
    return false;
  const size_t size = templates->write(a.bufferPtr(), pipe, slot, features.vpopcntdq);
  a._bufferPtr += size;
  CodeBuffer &buffer = a.currentSection()->buffer(); // when it grows, it keeps what its size says
  buffer._size = std::max(buffer._size, a.offset());
  return size != 0;
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
  if (!end)
    count();
  a.lfence();
  a.rdtsc();
  a.shl(x86::rdx, 32);
  a.or_(x86::rax, x86::rdx);
  load64(x86::rdx, int64_t(reinterpret_cast<uintptr_t>(probe)));
  if (!end) {
    a.mov(field(offsetof(LoopProbe, start)), x86::rax);
    a.lfence();
    return;
  }
  Label longer = a.newLabel();
  a.sub(x86::rax, field(offsetof(LoopProbe, start)));
  a.cmp(x86::rax, field(offsetof(LoopProbe, least)));
  a.jae(longer);
  a.mov(field(offsetof(LoopProbe, least)), x86::rax);
  a.bind(longer);
  a.add(field(offsetof(LoopProbe, entered)), 1);
  count();
}

void JITEmitter::emitPoll() {
  a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
  a.mov(x86::rax, x86::qword_ptr(x86::rax, int(offsetof(SentronContext, stop))));
  a.cmp(x86::byte_ptr(x86::rax), 0);
  a.jnz(trap(TrapCause::stopped));
}

void JITEmitter::emitDivide(const Slot &slot) {
  COp op = COp(slot.opcode);
  const bool isSigned = op == COp::cdiv || op == COp::crem, remainder = op == COp::crem || op == COp::cremu;
  Gp divisor;
  if (slot.rb < 12) {
    divisor = gp(slot.rb);
  } else { // the scratch registers are the dividend: the divisor waits below the stack pointer
    a.mov(x86::qword_ptr(x86::rsp, -16), useR(slot.rb, x86::rax));
  }
  auto divisorMemory = x86::qword_ptr(x86::rsp, -16);
  if (slot.rb < 12)
    a.test(divisor, divisor);
  else
    a.cmp(divisorMemory, 0);
  a.jz(trap(TrapCause::divideByZero, &slot));
  Gp dividend = useR(slot.ra, x86::rax);
  if (dividend.id() != x86::rax.id())
    a.mov(x86::rax, dividend);
  Label done = a.newLabel();
  if (isSigned) {
    Label regular = a.newLabel();
    if (slot.rb < 12)
      a.cmp(divisor, -1);
    else
      a.cmp(divisorMemory, -1);
    a.jne(regular);
    a.neg(x86::rax);
    a.xor_(x86::edx, x86::edx);
    a.jmp(done);
    a.bind(regular);
    a.cqo();
    if (slot.rb < 12)
      a.idiv(divisor);
    else
      a.idiv(divisorMemory);
  } else {
    a.xor_(x86::edx, x86::edx);
    if (slot.rb < 12)
      a.div(divisor);
    else
      a.div(divisorMemory);
  }
  a.bind(done);
  Gp result = remainder ? x86::rdx : x86::rax;
  if (slot.rd < 12)
    a.mov(gp(slot.rd), result);
  else
    storeR(slot.rd, result);
}

/// The product has 128 bits, the quotient is at most ra.
void JITEmitter::emitSlice(const Slot &slot) {
  Gp extent = useR(slot.ra, x86::rax);
  if (extent.id() != x86::rax.id())
    a.mov(x86::rax, extent);
  a.xor_(x86::edx, x86::edx);
  a.test(x86::rax, x86::rax);
  a.cmovs(x86::rax, x86::rdx);
  // Extent and divisor wait below the stack pointer.
  a.mov(x86::qword_ptr(x86::rsp, -8), x86::rax);
  a.mov(x86::rdx, x86::qword_ptr(x86::rbp, -8));
  a.mov(x86::rdx, x86::qword_ptr(x86::rdx, int(offsetof(SentronContext, sentrons))));
  a.mov(x86::qword_ptr(x86::rsp, -16), x86::rdx);
  a.mov(x86::rdx, x86::qword_ptr(x86::rbp, -8));
  a.mul(x86::qword_ptr(x86::rdx, int(offsetof(SentronContext, sentron))));
  if (slot.imm) {
    a.add(x86::rax, x86::qword_ptr(x86::rsp, -8));
    a.adc(x86::rdx, 0);
  }
  a.div(x86::qword_ptr(x86::rsp, -16));
  if (slot.rd < 12)
    a.mov(gp(slot.rd), x86::rax);
  else
    storeR(slot.rd, x86::rax);
}

void JITEmitter::emitCall(const Slot &slot) {
  const CallTable &table = program.functions[functionIndex].callTables[slot.imm];
  const Function &callee = program.functions[table.callee];
  const unsigned count = unsigned(callee.bindings.size());
  const unsigned bytes = ((count + 1) * 8 + 15) / 16 * 16;
  a.push(x86::rbp);
  a.sub(x86::rsp, bytes);
  a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
  a.mov(x86::qword_ptr(x86::rsp), x86::rax);
  for (unsigned i = 0; i < count; ++i) {
    const Binding &binding = callee.bindings[i];
    if (binding.kind == BindingKind::Constant) {
      load64(x86::rdx, int64_t(reinterpret_cast<uintptr_t>(program.rodata.data() + binding.offset)));
    } else if (binding.kind == BindingKind::Stack) {
      a.mov(x86::rdx, x86::qword_ptr(x86::rax, int(offsetof(SentronContext, stacks))));
      a.mov(x86::rdx, x86::qword_ptr(x86::rdx, int(8 * table.callee)));
    } else {
      const CallArgument &argument = table.arguments[i];
      a.mov(x86::rdx, x86::qword_ptr(x86::rbp, int(8 * argument.index)));
      if (argument.offset > uint64_t(INT32_MAX)) {
        a.mov(x86::rcx, argument.offset);
        a.add(x86::rdx, x86::rcx);
      } else if (argument.offset) {
        a.add(x86::rdx, int32_t(argument.offset));
      }
    }
    a.mov(x86::qword_ptr(x86::rsp, int(8 * (i + 1))), x86::rdx);
  }
  a.lea(x86::rbp, x86::ptr(x86::rsp, 8));
  a.call(functionLabels[table.callee]);
  a.add(x86::rsp, bytes);
  a.pop(x86::rbp);
}

namespace {
/// The registers that a C++ function may change, and the light one without v and k registers; rcx is r0.
constexpr unsigned callerSaved[] = {0, 2, 3, 4, 5, 6, 7};
int registerOffset(unsigned r) { return int(offsetof(SentronContext, registers.r)) + 8 * int(r); }
int maskOffset(unsigned k) { return int(offsetof(SentronContext, registers.k)) + 8 * int(k); }
int vectorOffset(unsigned v) { return int(offsetof(SentronContext, registers.v)) + 64 * int(v); }
} // namespace

template <typename F>
void JITEmitter::emitSaved(bool light, const Effects &effects, F &&call) {
  // rdx = context
  a.mov(x86::rdx, x86::qword_ptr(x86::rbp, -8));
  for (unsigned r = 0; r < numR; ++r) {
    const bool saved = std::count(std::begin(callerSaved), std::end(callerSaved), r) != 0;
    if (!saved && !(effects.readR >> r & 1))
      continue;
    if (r >= 12)
      a.mov(x86::rax, contextSlot(r - 12, x86::rdx));
    a.mov(x86::qword_ptr(x86::rdx, registerOffset(r)), r < 12 ? gp(r) : Gp(x86::rax));
  }
  if (!light) {
    for (unsigned i = 0; i < numV; ++i)
      a.vmovaps(x86::zmmword_ptr(x86::rdx, vectorOffset(i)), x86::Zmm(i));
    for (unsigned i = 0; i < numK; ++i)
      a.kmovq(x86::qword_ptr(x86::rdx, maskOffset(i)), k(i));
    a.vzeroupper();
  }
  call();
  // The result stays in rax.
  a.mov(x86::rdx, x86::qword_ptr(x86::rbp, -8));
  if (!light) {
    for (unsigned i = 0; i < numV; ++i)
      a.vmovaps(x86::Zmm(i), x86::zmmword_ptr(x86::rdx, vectorOffset(i)));
    for (unsigned i = 0; i < numK; ++i)
      a.kmovq(k(i), x86::qword_ptr(x86::rdx, maskOffset(i)));
  }
  for (unsigned r = 0; r < numR; ++r) {
    const bool saved = std::count(std::begin(callerSaved), std::end(callerSaved), r) != 0;
    if (r < 12 && (saved || (effects.writeR >> r & 1)))
      a.mov(gp(r), x86::qword_ptr(x86::rdx, registerOffset(r)));
  }
}

void JITEmitter::emitRoutine(Pipe pipe, const Slot &slot, const Word &word) {
  const Routine routine = findRoutine(pipe, slot.opcode);
  const Effects registers = effects(pipe, slot);
  emitSaved(routine.light, registers, [&] {
    // rsp is 8 mod 16; the frame takes 24 bytes.
    static_assert(sizeof(RoutineFrame) == 24 && std::is_trivially_copyable_v<RoutineFrame>, "three addresses");
    a.sub(x86::rsp, sizeof(RoutineFrame));
    a.mov(x86::qword_ptr(x86::rsp), x86::rdx);
    a.mov(x86::rax, uint64_t(reinterpret_cast<uintptr_t>(&slot)));
    a.mov(x86::qword_ptr(x86::rsp, 8), x86::rax);
    a.mov(x86::rax, uint64_t(reinterpret_cast<uintptr_t>(&word)));
    a.mov(x86::qword_ptr(x86::rsp, 16), x86::rax);
    a.mov(x86::rdi, x86::rsp);
    a.mov(x86::rax, uint64_t(reinterpret_cast<uintptr_t>(routine.function)));
    a.call(x86::rax);
    a.add(x86::rsp, sizeof(RoutineFrame));
  });
  a.test(x86::eax, x86::eax);
  a.jnz(trap(TrapCause::none)); // the cause stands in eax
  for (unsigned r = 12; r < numR; ++r)
    if (registers.writeR >> r & 1) {
      a.mov(x86::rax, x86::qword_ptr(x86::rdx, registerOffset(r)));
      a.mov(contextSlot(r - 12, x86::rdx), x86::rax);
    }
}

void JITEmitter::emitC(const Slot &slot, const Word &word) {
  COp op = COp(slot.opcode);
  const int32_t imm = slot.imm;
  if (facts[functionIndex].polls[wordIndex])
    emitPoll();
  // rd = ra op rb through a two-operand instruction.
  auto binary = [&](uint32_t id, bool commutes) {
    Gp target = defR(slot.rd, x86::rax), left = useR(slot.ra, x86::rax), right = useR(slot.rb, x86::rdx);
    if (target.id() == right.id() && target.id() != left.id()) {
      if (commutes) {
        a.emit(id, target, left);
      } else {
        a.mov(x86::rax, left);
        a.emit(id, x86::rax, right);
        a.mov(target, x86::rax);
      }
    } else {
      if (target.id() != left.id())
        a.mov(target, left);
      a.emit(id, target, right);
    }
    storeR(slot.rd, target);
  };
  auto immediate = [&](uint32_t id, int value) {
    Gp target = defR(slot.rd, x86::rax), left = useR(slot.ra, x86::rax);
    if (target.id() != left.id())
      a.mov(target, left);
    a.emit(id, target, value);
    storeR(slot.rd, target);
  };
  auto shift = [&](uint32_t id) {
    Gp target = defR(slot.rd, x86::rax), left = useR(slot.ra, x86::rax), count = useR(slot.rb, x86::rdx);
    a.emit(id, target, left, count);
    storeR(slot.rd, target);
  };
  auto condition = [](Predicate p) {
    static constexpr x86::CondCode codes[] = {x86::CondCode::kE,  x86::CondCode::kNE, x86::CondCode::kL, x86::CondCode::kLE, x86::CondCode::kG,
                                              x86::CondCode::kGE, x86::CondCode::kB,  x86::CondCode::kBE, x86::CondCode::kA, x86::CondCode::kAE};
    return codes[unsigned(p)];
  };
  switch (op) {
  case COp::empty:
    return;
  case COp::cimm: {
    Gp target = defR(slot.rd, x86::rax);
    load64(target, word.i0);
    storeR(slot.rd, target);
    return;
  }
  case COp::cmov: {
    Gp source = useR(slot.ra, x86::rax);
    if (slot.rd < 12)
      a.mov(gp(slot.rd), source);
    else
      storeR(slot.rd, source);
    return;
  }
  case COp::cadd: {
    Gp target = defR(slot.rd, x86::rax), left = useR(slot.ra, x86::rax), right = useR(slot.rb, x86::rdx);
    if (target.id() == left.id())
      a.add(target, right);
    else if (target.id() == right.id())
      a.add(target, left);
    else
      a.lea(target, x86::ptr(left, right));
    storeR(slot.rd, target);
    return;
  }
  case COp::caddi: {
    Gp target = defR(slot.rd, x86::rax), left = useR(slot.ra, x86::rax);
    if (target.id() == left.id())
      a.add(target, imm);
    else
      a.lea(target, x86::ptr(left, imm));
    storeR(slot.rd, target);
    return;
  }
  case COp::csub:
    return binary(Inst::kIdSub, false);
  case COp::cmul:
    return binary(Inst::kIdImul, true);
  case COp::cmuli: {
    Gp target = defR(slot.rd, x86::rax);
    a.imul(target, useR(slot.ra, x86::rax), imm);
    storeR(slot.rd, target);
    return;
  }
  case COp::cdiv:
  case COp::crem:
  case COp::cdivu:
  case COp::cremu:
    return emitDivide(slot);
  case COp::cand:
    return binary(Inst::kIdAnd, true);
  case COp::cor:
    return binary(Inst::kIdOr, true);
  case COp::cxor:
    return binary(Inst::kIdXor, true);
  case COp::cshl:
    return shift(Inst::kIdShlx);
  case COp::cshr:
    return shift(Inst::kIdShrx);
  case COp::csar:
    return shift(Inst::kIdSarx);
  case COp::cshli:
    return immediate(Inst::kIdShl, imm & 63);
  case COp::cshri:
    return immediate(Inst::kIdShr, imm & 63);
  case COp::csari:
    return immediate(Inst::kIdSar, imm & 63);
  case COp::candi:
    return immediate(Inst::kIdAnd, imm);
  case COp::cmin:
  case COp::cmax: {
    Gp left = useR(slot.ra, x86::rax), right = useR(slot.rb, x86::rdx);
    a.cmp(left, right);
    if (left.id() != x86::rax.id())
      a.mov(x86::rax, left);
    a.emit(op == COp::cmin ? Inst::kIdCmovg : Inst::kIdCmovl, x86::rax, right);
    if (slot.rd < 12)
      a.mov(gp(slot.rd), x86::rax);
    else
      storeR(slot.rd, x86::rax);
    return;
  }
  case COp::cset: {
    a.cmp(useR(slot.ra, x86::rax), useR(slot.rb, x86::rdx));
    a.set(condition(slot.predicate), x86::al);
    Gp target = defR(slot.rd, x86::rax);
    a.movzx(target.r32(), x86::al);
    storeR(slot.rd, target);
    return;
  }
  case COp::csel: {
    Gp test = useR(slot.rc, x86::rax);
    a.test(test, test);
    // mov leaves the flags alone.
    Gp left = useR(slot.ra, x86::rdx);
    if (left.id() != x86::rdx.id())
      a.mov(x86::rdx, left);
    Gp right = useR(slot.rb, x86::rax);
    a.emit(Inst::kIdCmovz, x86::rdx, right);
    if (slot.rd < 12)
      a.mov(gp(slot.rd), x86::rdx);
    else
      storeR(slot.rd, x86::rdx);
    return;
  }
  case COp::cext: {
    Gp target = defR(slot.rd, x86::rax), source = useR(slot.ra, x86::rax);
    switch (slot.memType) {
    case Type::i8:
      a.movsx(target, source.r8());
      break;
    case Type::i16:
      a.movsx(target, source.r16());
      break;
    case Type::i32:
      a.movsxd(target, source.r32());
      break;
    case Type::u8:
      a.movzx(target.r32(), source.r8());
      break;
    case Type::u16:
      a.movzx(target.r32(), source.r16());
      break;
    default:
      a.mov(target.r32(), source.r32());
      break;
    }
    storeR(slot.rd, target);
    return;
  }
  case COp::cptr: {
    Gp target = defR(slot.rd, x86::rax);
    a.mov(target, x86::qword_ptr(x86::rbp, 8 * imm));
    storeR(slot.rd, target);
    return;
  }
  case COp::cbr:
    a.jmp(wordLabels[wordIndex + imm]);
    return;
  case COp::cbcc:
    a.cmp(useR(slot.ra, x86::rax), useR(slot.rb, x86::rdx));
    a.j(condition(slot.predicate), wordLabels[wordIndex + imm]);
    return;
  case COp::cbcci: {
    Gp left = useR(slot.ra, x86::rax);
    if (word.i1 >= INT32_MIN && word.i1 <= INT32_MAX) {
      a.cmp(left, int32_t(word.i1));
    } else {
      load64(x86::rdx, word.i1);
      a.cmp(left, x86::rdx);
    }
    a.j(condition(slot.predicate), wordLabels[wordIndex + imm]);
    return;
  }
  case COp::ccall:
    return emitCall(slot);
  case COp::cret:
    a.ret();
    return;
  case COp::ctrap:
    a.jmp(trap(TrapCause::message, nullptr, uint32_t(imm)));
    return;
  case COp::cassert: {
    Gp value = useR(slot.ra, x86::rax);
    a.test(value, value);
    a.jz(trap(TrapCause::message, nullptr, uint32_t(imm)));
    return;
  }
  case COp::kset:
    load64(x86::rax, imm == 64 ? -1 : int64_t((1ull << imm) - 1));
    a.kmovq(k(slot.rd), x86::rax);
    return;
  case COp::kfirst: {
    Gp lanes = useR(slot.ra, x86::rax);
    if (lanes.id() != x86::rax.id())
      a.mov(x86::rax, lanes);
    a.xor_(x86::edx, x86::edx);
    a.test(x86::rax, x86::rax);
    a.cmovs(x86::rax, x86::rdx);
    a.mov(x86::edx, 64);
    a.cmp(x86::rax, x86::rdx);
    a.cmovg(x86::rax, x86::rdx);
    a.mov(x86::rdx, -1);
    a.bzhi(x86::rdx, x86::rdx, x86::rax);
    a.kmovq(k(slot.rd), x86::rdx);
    return;
  }
  case COp::kand:
    a.kandq(k(slot.rd), k(slot.ra), k(slot.rb));
    return;
  case COp::kor:
    a.korq(k(slot.rd), k(slot.ra), k(slot.rb));
    return;
  case COp::kxor:
    a.kxorq(k(slot.rd), k(slot.ra), k(slot.rb));
    return;
  case COp::kandn:
    a.kandnq(k(slot.rd), k(slot.ra), k(slot.rb));
    return;
  case COp::kmov:
    a.kmovq(k(slot.rd), k(slot.ra));
    return;
  case COp::kget: {
    Gp target = defR(slot.rd, x86::rax);
    a.kmovq(target, k(slot.ra));
    storeR(slot.rd, target);
    return;
  }
  case COp::kput:
    a.kmovq(k(slot.rd), useR(slot.ra, x86::rax));
    return;
  case COp::cpack:
  case COp::cunpack: {
    // rax holds the context, or rdx a register that stands there.
    const int low = int(offsetof(SentronContext, m)) + 64 * int(op == COp::cpack ? slot.rd : slot.ra) + 16 * imm;
    const unsigned pair[] = {op == COp::cpack ? slot.ra : slot.rd, slot.rb};
    for (int i : {0, 1}) {
      a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
      Mem lane = x86::qword_ptr(x86::rax, low + 8 * i);
      if (op == COp::cpack) {
        a.mov(lane, useR(pair[i], x86::rdx));
      } else {
        Gp target = defR(pair[i], x86::rdx);
        a.mov(target, lane);
        storeR(pair[i], target);
      }
    }
    return;
  }
  case COp::cpackv:
  case COp::cunpackv: {
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    const bool packs = op == COp::cpackv;
    Mem message = x86::zmmword_ptr(x86::rax, int(offsetof(SentronContext, m)) + 64 * int(packs ? slot.rd : slot.ra));
    if (packs)
      a.vmovaps(message, x86::Zmm(slot.ra));
    else
      a.vmovaps(x86::Zmm(slot.rd), message);
    return;
  }
  case COp::cpackp:
  case COp::cunpackp: {
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    const bool packs = op == COp::cpackp;
    Mem part = x86::qword_ptr(x86::rax, int(offsetof(SentronContext, m)) + 64 * int(packs ? slot.rd : slot.ra) + 16 * imm);
    if (packs)
      moveCoordinate(part, coordinate(slot.ra, x86::rax), false);
    else
      moveCoordinate(coordinate(slot.rd, x86::rax), part, true);
    return;
  }
  case COp::csid:
  case COp::csnum: {
    Gp target = defR(slot.rd, x86::rax);
    a.mov(target, x86::qword_ptr(x86::rbp, -8));
    a.mov(target, x86::qword_ptr(target, int(op == COp::csid ? offsetof(SentronContext, sentron) : offsetof(SentronContext, sentrons))));
    storeR(slot.rd, target);
    return;
  }
  case COp::cslice:
    return emitSlice(slot);
  case COp::cfence:
    if (imm != 0)
      a.mfence();
    return;
  case COp::cbar: {
    Label alone = a.newLabel();
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    a.cmp(x86::qword_ptr(x86::rax, int(offsetof(SentronContext, sentrons))), 1);
    a.je(alone);
    emitSaved(true, effects(Pipe::C, slot), [&] {
      a.mov(x86::rdi, x86::rdx);
      a.sub(x86::rsp, 8); // rsp is 8 mod 16
      a.mov(x86::rax, uint64_t(reinterpret_cast<uintptr_t>(&waitAtBarrierLightly)));
      a.call(x86::rax);
      a.add(x86::rsp, 8);
    });
    a.test(x86::al, x86::al);
    a.jz(trap(TrapCause::stopped));
    a.bind(alone);
    return;
  }
  default: // a routine
    return;
  }
}

} // namespace vtpu::rt
