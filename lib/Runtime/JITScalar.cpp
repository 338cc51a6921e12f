//===- JITScalar.cpp - Templates of the C pipe ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalars, masks, control flow, calls and routines.
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

void JITEmitter::emitDivide(const Slot &slot) {
  COp op = COp(slot.opcode);
  const bool isSigned = op == COp::cdiv || op == COp::crem, remainder = op == COp::crem || op == COp::cremu;
  Gp divisor;
  if (slot.rb < numHostR) {
    divisor = gp(slot.rb);
  } else { // the scratch registers are the dividend: the divisor waits below the stack pointer
    a.mov(x86::qword_ptr(x86::rsp, -16), useR(slot.rb, x86::rax));
  }
  auto divisorMemory = x86::qword_ptr(x86::rsp, -16);
  if (slot.rb < numHostR)
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
    if (slot.rb < numHostR)
      a.cmp(divisor, -1);
    else
      a.cmp(divisorMemory, -1);
    a.jne(regular);
    a.neg(x86::rax);
    a.xor_(x86::edx, x86::edx);
    a.jmp(done);
    a.bind(regular);
    a.cqo();
    if (slot.rb < numHostR)
      a.idiv(divisor);
    else
      a.idiv(divisorMemory);
  } else {
    a.xor_(x86::edx, x86::edx);
    if (slot.rb < numHostR)
      a.div(divisor);
    else
      a.div(divisorMemory);
  }
  a.bind(done);
  Gp result = remainder ? x86::rdx : x86::rax;
  if (slot.rd < numHostR)
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
  if (slot.rd < numHostR)
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
    if (r >= numHostR)
      a.mov(x86::rax, contextSlot(r - numHostR, x86::rdx));
    a.mov(x86::qword_ptr(x86::rdx, registerOffset(r)), r < numHostR ? gp(r) : Gp(x86::rax));
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
    if (r < numHostR && (saved || (effects.writeR >> r & 1)))
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
  for (unsigned r = numHostR; r < numR; ++r)
    if (registers.writeR >> r & 1) {
      a.mov(x86::rax, x86::qword_ptr(x86::rdx, registerOffset(r)));
      a.mov(contextSlot(r - numHostR, x86::rdx), x86::rax);
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
    if (slot.rd < numHostR)
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
    if (slot.rd < numHostR)
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
    if (slot.rd < numHostR)
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
    a.jmp(labelOf(wordIndex + uint32_t(imm)));
    return;
  case COp::cbcc:
    a.cmp(useR(slot.ra, x86::rax), useR(slot.rb, x86::rdx));
    a.j(condition(slot.predicate), labelOf(wordIndex + uint32_t(imm)));
    return;
  case COp::cbcci: {
    Gp left = useR(slot.ra, x86::rax);
    if (word.i1 >= INT32_MIN && word.i1 <= INT32_MAX) {
      a.cmp(left, int32_t(word.i1));
    } else {
      load64(x86::rdx, word.i1);
      a.cmp(left, x86::rdx);
    }
    a.j(condition(slot.predicate), labelOf(wordIndex + uint32_t(imm)));
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
