//===- JITHypervector.cpp - Templates of bits and trits ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Short straight sequences for the instructions that see a register as bits or as trits. Constants are read where the runtime has them.
//
//===----------------------------------------------------------------------===//

#include "JITEmitter.h"
#include "Semantics.h"

namespace vtpu::rt {

using namespace isa;
using namespace asmjit;
namespace Inst = asmjit::x86::Inst;

namespace {
/// A table of trits as numbers, looked up by lanes whose low bits are the code; repeated so that higher bits do not matter.
template <typename T>
struct TritTable {
  alignas(64) T values[64 / sizeof(T)];
  constexpr TritTable() : values() {
    for (size_t i = 0; i < 64 / sizeof(T); ++i)
      values[i] = i % 4 == 1 ? T(1) : i % 4 == 2 ? T(-1) : T(0);
  }
};
constexpr TritTable<float> tritsF32;
constexpr TritTable<double> tritsF64;
constexpr TritTable<int32_t> tritsI32;
constexpr TritTable<int64_t> tritsI64;

/// The lower bit of every trit.
constexpr uint64_t lowBitOfTrits = 0x5555555555555555;

int64_t addressOf(const void *constant) { return int64_t(reinterpret_cast<uintptr_t>(constant)); }
} // namespace

void JITEmitter::clear(unsigned v) { a.emit(Inst::kIdVpxord, x86::Xmm(v), x86::Xmm(v), x86::Xmm(v)); }

void JITEmitter::emitHypervector(const Slot &slot) {
  Vec rd = vec(slot.rd, slot.length), ra = vec(slot.ra, slot.length), rb = vec(slot.rb, slot.length);
  const bool wide = byteWidth(slot.type) == 8;
  const uint32_t ternaryLogic = wide ? Inst::kIdVpternlogq : Inst::kIdVpternlogd;
  switch (DOp(slot.opcode)) {
  case DOp::dhdbund:
    masked(slot).emit(ternaryLogic, rd, ra, rb, 0xE8);
    return;
  case DOp::dhdperm:
    return emitShiftUp(slot, slot.ra, slot.ra, slot.rb);
  case DOp::dhdperm2:
    return emitShiftUp(slot, slot.ra, slot.rb, slot.rc);
  case DOp::dhdsim: // inactive lanes keep their value, or become zero, in both steps
    masked(slot).emit(ternaryLogic, rd, ra, rb, 0x99);
    return emitPopcount(slot, slot.rd);
  case DOp::dpopcnt:
    return emitPopcount(slot, slot.ra);
  case DOp::dtpop: {
    x86::Mem mask = x86::ptr(x86::rax);
    mask = slot.length == Length::v512 ? mask._1to8() : slot.length == Length::v256 ? mask._1to4() : mask._1to2();
    a.emit(Inst::kIdVpsrlq, rb, ra, 1); // across 32-bit lanes too: only an upper bit is shifted in, which the mask drops
    load64(x86::rax, addressOf(&lowBitOfTrits));
    a.emit(Inst::kIdVpternlogq, rb, ra, mask, 0x28); // (rb ^ ra) & mask
    emitPopcount(slot, slot.rb);
    clear(slot.rb);
    return;
  }
  case DOp::dternary:
  case DOp::dtacc:
    return emitTrit(slot);
  default:
    break;
  }
}

/// rd = one bits of each lane of `source`, under the slot's mask.
void JITEmitter::emitPopcount(const Slot &slot, unsigned source) {
  const bool wide = byteWidth(slot.type) == 8;
  Vec rd = vec(slot.rd, slot.length), from = vec(source, slot.length);
  if (features.vpopcntdq) {
    masked(slot).emit(wide ? Inst::kIdVpopcntq : Inst::kIdVpopcntd, rd, from);
    return;
  }
  // Through the scalar unit, below the stack pointer.
  x86::Mem all = x86::ptr(x86::rsp, -64);
  a.emit(Inst::kIdVmovdqu64, all, from);
  for (unsigned lane = 0; lane < laneCount(slot.length, slot.type); ++lane) {
    x86::Mem memory = x86::ptr(x86::rsp, -64 + int32_t(lane * byteWidth(slot.type)), byteWidth(slot.type));
    Gp count = wide ? Gp(x86::rax) : Gp(x86::eax);
    a.popcnt(count, memory);
    a.mov(memory, count);
  }
  masked(slot).emit(wide ? Inst::kIdVmovdqu64 : Inst::kIdVmovdqu32, rd, all);
}

/// rd = the upper half of (high, low) shifted up by the immediate: whole lanes by alignment, the rest by two shifts.
void JITEmitter::emitShiftUp(const Slot &slot, unsigned high, unsigned low, unsigned temporary) {
  const unsigned n = laneCount(slot.length, slot.type), bits = unsigned(slot.imm) % (n * 64), lanes = bits / 64, rest = bits % 64;
  Vec rd = vec(slot.rd, slot.length), t = vec(temporary, slot.length), h = vec(high, slot.length), l = vec(low, slot.length);
  // Lanes n - lanes and up of (high, low); rd may be one of them, so it is written last.
  if (rest == 0) {
    if (lanes == 0)
      a.emit(Inst::kIdVmovdqa64, rd, h);
    else
      a.emit(Inst::kIdValignq, rd, h, l, int(n - lanes));
  } else {
    if (lanes == 0) {
      a.emit(Inst::kIdVpsllq, t, h, int(rest));
    } else {
      a.emit(Inst::kIdValignq, t, h, l, int(n - lanes));
      a.emit(Inst::kIdVpsllq, t, t, int(rest));
    }
    if (lanes == n - 1) {
      a.emit(Inst::kIdVpsrlq, rd, l, int(64 - rest));
    } else {
      a.emit(Inst::kIdValignq, rd, h, l, int(n - 1 - lanes));
      a.emit(Inst::kIdVpsrlq, rd, rd, int(64 - rest));
    }
    a.emit(Inst::kIdVporq, rd, rd, t);
  }
  clear(temporary);
}

/// The trit's code moves to the low bits of its lane, a table turns it into a number, and one multiplication follows.
void JITEmitter::emitTrit(const Slot &slot) {
  const bool wide = byteWidth(slot.type) == 8, accumulate = slot.opcode == uint8_t(DOp::dtacc);
  Vec rd = vec(slot.rd, slot.length), ra = vec(slot.ra, slot.length), trit = vec(slot.rc, slot.length);
  const unsigned shift = 2 * (unsigned(slot.imm) % (byteWidth(slot.type) * 4));
  // Permutations by index have no 128-bit form; what stands above is not used.
  const unsigned bytes = std::max(lengthBytes(slot.length), 32u);
  unsigned codes = slot.rb;
  if (shift) {
    a.emit(wide ? Inst::kIdVpsrlq : Inst::kIdVpsrld, trit, vec(slot.rb, slot.length), int(shift));
    codes = slot.rc;
  }
  const void *table = slot.type == Type::f32   ? static_cast<const void *>(tritsF32.values)
                      : slot.type == Type::f64 ? static_cast<const void *>(tritsF64.values)
                      : slot.type == Type::i32 ? static_cast<const void *>(tritsI32.values)
                                               : static_cast<const void *>(tritsI64.values);
  load64(x86::rax, addressOf(table));
  a.emit(wide ? Inst::kIdVpermq : Inst::kIdVpermd, vecOf(slot.rc, bytes), vecOf(codes, bytes), x86::ptr(x86::rax, 0, bytes));
  switch (slot.type) {
  case Type::f32:
    masked(slot).emit(accumulate ? Inst::kIdVfmadd231ps : Inst::kIdVmulps, rd, ra, trit);
    break;
  case Type::f64:
    masked(slot).emit(accumulate ? Inst::kIdVfmadd231pd : Inst::kIdVmulpd, rd, ra, trit);
    break;
  default:
    if (accumulate) {
      a.emit(wide ? Inst::kIdVpmullq : Inst::kIdVpmulld, trit, ra, trit);
      masked(slot).emit(wide ? Inst::kIdVpaddq : Inst::kIdVpaddd, rd, rd, trit);
    } else {
      masked(slot).emit(wide ? Inst::kIdVpmullq : Inst::kIdVpmulld, rd, ra, trit);
    }
    break;
  }
  clear(slot.rc);
}

} // namespace vtpu::rt
