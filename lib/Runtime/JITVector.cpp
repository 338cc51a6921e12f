//===- JITVector.cpp - Templates of the D and S pipes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One x86-64 instruction per slot where the ISA has it; reductions and checked accesses are short straight sequences. No template loops.
//
//===----------------------------------------------------------------------===//

#include "JITEmitter.h"
#include "Semantics.h"

namespace vtpu::rt {

using namespace isa;
using namespace asmjit;
namespace Inst = asmjit::x86::Inst;

namespace {
/// Instruction ids by element type; 0 where the type is illegal.
struct TypedId {
  uint32_t f32, f64, i32, i64;
  uint32_t get(Type type) const { return type == Type::f32 ? f32 : type == Type::f64 ? f64 : type == Type::i32 ? i32 : i64; }
};

/// Plain instructions rd = op(ra, rb).
TypedId binaryId(DOp op) {
  switch (op) {
  case DOp::dadd:
    return {Inst::kIdVaddps, Inst::kIdVaddpd, Inst::kIdVpaddd, Inst::kIdVpaddq};
  case DOp::dsub:
    return {Inst::kIdVsubps, Inst::kIdVsubpd, Inst::kIdVpsubd, Inst::kIdVpsubq};
  case DOp::dmul:
    return {Inst::kIdVmulps, Inst::kIdVmulpd, Inst::kIdVpmulld, Inst::kIdVpmullq};
  case DOp::ddiv:
    return {Inst::kIdVdivps, Inst::kIdVdivpd, 0, 0};
  case DOp::dfma:
    return {Inst::kIdVfmadd231ps, Inst::kIdVfmadd231pd, 0, 0};
  case DOp::dfnma:
    return {Inst::kIdVfnmadd231ps, Inst::kIdVfnmadd231pd, 0, 0};
  case DOp::dmin:
    return {Inst::kIdVminps, Inst::kIdVminpd, Inst::kIdVpminsd, Inst::kIdVpminsq};
  case DOp::dmax:
    return {Inst::kIdVmaxps, Inst::kIdVmaxpd, Inst::kIdVpmaxsd, Inst::kIdVpmaxsq};
  case DOp::dminu:
    return {0, 0, Inst::kIdVpminud, Inst::kIdVpminuq};
  case DOp::dmaxu:
    return {0, 0, Inst::kIdVpmaxud, Inst::kIdVpmaxuq};
  case DOp::dand:
    return {Inst::kIdVandps, Inst::kIdVandpd, Inst::kIdVpandd, Inst::kIdVpandq};
  case DOp::dor:
    return {Inst::kIdVorps, Inst::kIdVorpd, Inst::kIdVpord, Inst::kIdVporq};
  case DOp::dhdbind:
    return {0, 0, Inst::kIdVpxord, Inst::kIdVpxorq};
  case DOp::dxor:
    return {Inst::kIdVxorps, Inst::kIdVxorpd, Inst::kIdVpxord, Inst::kIdVpxorq};
  case DOp::dandn:
    return {0, 0, Inst::kIdVpandnd, Inst::kIdVpandnq};
  case DOp::dshl:
    return {0, 0, Inst::kIdVpsllvd, Inst::kIdVpsllvq};
  case DOp::dshr:
    return {0, 0, Inst::kIdVpsrlvd, Inst::kIdVpsrlvq};
  case DOp::dsar:
    return {0, 0, Inst::kIdVpsravd, Inst::kIdVpsravq};
  case DOp::dscale:
    return {Inst::kIdVscalefps, Inst::kIdVscalefpd, 0, 0};
  case DOp::dperm:
    return {Inst::kIdVpermps, Inst::kIdVpermpd, Inst::kIdVpermd, Inst::kIdVpermq};
  case DOp::dperm2:
    return {Inst::kIdVpermi2ps, Inst::kIdVpermi2pd, Inst::kIdVpermi2d, Inst::kIdVpermi2q};
  default:
    return {0, 0, 0, 0};
  }
}
/// Plain instructions rd = op(ra), and those with an immediate.
TypedId unaryId(DOp op) {
  switch (op) {
  case DOp::dsqrt:
    return {Inst::kIdVsqrtps, Inst::kIdVsqrtpd, 0, 0};
  case DOp::dmov:
    return {Inst::kIdVmovaps, Inst::kIdVmovapd, Inst::kIdVmovdqa32, Inst::kIdVmovdqa64};
  case DOp::dabs:
    return {0, 0, Inst::kIdVpabsd, Inst::kIdVpabsq};
  case DOp::dgetexp:
    return {Inst::kIdVgetexpps, Inst::kIdVgetexppd, 0, 0};
  case DOp::dlzcnt:
    return {0, 0, Inst::kIdVplzcntd, Inst::kIdVplzcntq};
  case DOp::dcompress:
    return {Inst::kIdVcompressps, Inst::kIdVcompresspd, Inst::kIdVpcompressd, Inst::kIdVpcompressq};
  case DOp::dexpand:
    return {Inst::kIdVexpandps, Inst::kIdVexpandpd, Inst::kIdVpexpandd, Inst::kIdVpexpandq};
  default:
    return {0, 0, 0, 0};
  }
}
TypedId immediateId(DOp op) {
  switch (op) {
  case DOp::dshli:
    return {0, 0, Inst::kIdVpslld, Inst::kIdVpsllq};
  case DOp::dshri:
    return {0, 0, Inst::kIdVpsrld, Inst::kIdVpsrlq};
  case DOp::dsari:
    return {0, 0, Inst::kIdVpsrad, Inst::kIdVpsraq};
  case DOp::dround:
    return {Inst::kIdVrndscaleps, Inst::kIdVrndscalepd, 0, 0};
  case DOp::dgetmant:
    return {Inst::kIdVgetmantps, Inst::kIdVgetmantpd, 0, 0};
  default:
    return {0, 0, 0, 0};
  }
}
} // namespace

namespace {
// Below the stack pointer, where nothing else stands while a gather is tested: its legal indices, the offset of its base, its indices.
constexpr int lowPlace = -8, highPlace = -16, offsetPlace = -24, indexPlace = -128;
} // namespace

x86::Vec JITEmitter::vecOf(unsigned v, unsigned bytes) {
  return bytes <= 16 ? Vec(x86::Xmm(v)) : bytes == 32 ? Vec(x86::Ymm(v)) : Vec(x86::Zmm(v));
}
x86::Vec JITEmitter::vec(unsigned v, Length length) { return vecOf(v, lengthBytes(length)); }

/// An element in so many lanes.
static x86::Mem::Broadcast broadcastOf(unsigned lanes) {
  static_assert(unsigned(x86::Mem::Broadcast::k1To2) == 1 && unsigned(x86::Mem::Broadcast::k1To16) == 4);
  return x86::Mem::Broadcast(__builtin_ctz(lanes));
}

x86::Assembler &JITEmitter::masked(const Slot &slot) {
  if (slot.mask) {
    a.k(k(slot.mask));
    if (slot.zeroing)
      a.z();
  }
  return a;
}

void JITEmitter::emitD(const Slot &slot, const Word &word) {
  DOp op = DOp(slot.opcode);
  Vec rd = vec(slot.rd, slot.length), ra = vec(slot.ra, slot.length), rb = vec(slot.rb, slot.length);
  const bool wide = byteWidth(slot.type) == 8;
  if (uint32_t id = binaryId(op).get(slot.type)) {
    if (op == DOp::dperm && slot.length == Length::v128) {
      masked(slot).emit(Inst::kIdVpermilps, rd, rb, ra);
      return;
    }
    masked(slot).emit(id, rd, ra, rb);
    return;
  }
  if (uint32_t id = unaryId(op).get(slot.type)) {
    masked(slot).emit(id, rd, ra);
    return;
  }
  if (uint32_t id = immediateId(op).get(slot.type)) {
    int imm = op == DOp::dround ? slot.imm | 8 /* no precision exception */ : op == DOp::dgetmant ? 0 : slot.imm & (wide ? 63 : 31);
    masked(slot).emit(id, rd, ra, imm);
    return;
  }
  switch (op) {
  case DOp::dcmp:
    return emitCompare(slot);
  case DOp::dcmp3:
    return emitThreeWay(slot);
  case DOp::dsel:
    a.k(k(slot.rc));
    a.emit(wide ? Inst::kIdVblendmpd : Inst::kIdVblendmps, rd, rb, ra);
    return;
  case DOp::dbcast:
    masked(slot).emit(wide ? Inst::kIdVpbroadcastq : Inst::kIdVpbroadcastd, rd, x86::Xmm(slot.ra));
    return;
  case DOp::dset: {
    Gp source = useR(slot.ra, x86::rax);
    if (wide)
      masked(slot).emit(Inst::kIdVpbroadcastq, rd, source.r64());
    else
      masked(slot).emit(Inst::kIdVpbroadcastd, rd, source.r32());
    return;
  }
  case DOp::dimm:
    if (word.i0 == 0 && !slot.mask) {
      a.emit(Inst::kIdVpxord, x86::Xmm(slot.rd), x86::Xmm(slot.rd), x86::Xmm(slot.rd));
      return;
    }
    // From memory: general registers reach vectors through a port that arithmetic of 512 bits needs.
    masked(slot).emit(wide ? Inst::kIdVpbroadcastq : Inst::kIdVpbroadcastd, rd, x86::ptr(x86::rip, 0, wide ? 8 : 4));
    return useConstant(word.i0, wide ? 8 : 4);
  case DOp::dfmai: {
    Mem constant = x86::ptr(x86::rip, 0, wide ? 8 : 4);
    constant.setBroadcast(broadcastOf(lengthBytes(slot.length) / byteWidth(slot.type)));
    masked(slot).emit(wide ? Inst::kIdVfmadd213pd : Inst::kIdVfmadd213ps, rd, ra, constant);
    return useConstant(word.i0, wide ? 8 : 4);
  }
  case DOp::dget: {
    Gp target = defR(slot.rd, x86::rax);
    if (wide) {
      a.vmovq(target.r64(), x86::Xmm(slot.ra));
    } else {
      a.vmovd(target.r32(), x86::Xmm(slot.ra));
      if (slot.type == Type::i32)
        a.movsxd(target.r64(), target.r32());
    }
    storeR(slot.rd, target);
    return;
  }
  case DOp::dcvt:
    return emitConvert(slot);
  case DOp::drnd:
    a.emit(Inst::kIdVcvtps2ph, vecOf(slot.rd, lengthBytes(slot.length) / 2), ra, 0);
    a.emit(Inst::kIdVcvtph2ps, rd, vecOf(slot.rd, lengthBytes(slot.length) / 2));
    return;
  case DOp::dred:
    return emitReduce(slot);
  default:
    return emitHypervector(slot);
  }
}

void JITEmitter::emitCompare(const Slot &slot) {
  // Order: eq ne lt le gt ge ult ule ugt uge ueq one ord uno.
  static constexpr uint8_t floats[] = {0x00, 0x04, 0x11, 0x12, 0x1E, 0x1D, 0x19, 0x1A, 0x16, 0x15, 0x08, 0x0C, 0x07, 0x03};
  static constexpr uint8_t integers[] = {0, 4, 1, 2, 6, 5, 1, 2, 6, 5};
  Vec ra = vec(slot.ra, slot.length), rb = vec(slot.rb, slot.length);
  unsigned predicate = unsigned(slot.predicate);
  bool isUnsigned = slot.predicate >= Predicate::ult;
  uint32_t id;
  uint8_t imm;
  if (slot.type == Type::f32 || slot.type == Type::f64) {
    id = slot.type == Type::f32 ? Inst::kIdVcmpps : Inst::kIdVcmppd;
    imm = floats[predicate];
  } else {
    id = slot.type == Type::i32 ? (isUnsigned ? Inst::kIdVpcmpud : Inst::kIdVpcmpd) : (isUnsigned ? Inst::kIdVpcmpuq : Inst::kIdVpcmpq);
    imm = integers[predicate];
  }
  if (slot.mask)
    a.k(k(slot.mask));
  a.emit(id, k(slot.rd), ra, rb, imm);
}

/// Both comparisons come before the first write: rd may be ra or rb. The mask of the smaller lanes waits in rax.
void JITEmitter::emitThreeWay(const Slot &slot) {
  Vec rd = vec(slot.rd, slot.length);
  const bool wide = byteWidth(slot.type) == 8;
  const int64_t one = slot.type == Type::f32 ? 0x3F800000 : slot.type == Type::f64 ? 0x3FF0000000000000 : 1;
  const int64_t minusOne = slot.type == Type::f32 ? 0xBF800000 : slot.type == Type::f64 ? int64_t(0xBFF0000000000000) : -1;
  auto put = [&](int64_t value) {
    load64(x86::rdx, value);
    a.k(k(slot.rc));
    if (wide)
      a.emit(Inst::kIdVpbroadcastq, rd, x86::rdx);
    else
      a.emit(Inst::kIdVpbroadcastd, rd, x86::edx);
  };
  Slot compare = slot;
  compare.rd = slot.rc;
  compare.predicate = Predicate::lt;
  emitCompare(compare);
  a.kmovq(x86::rax, k(slot.rc));
  compare.predicate = Predicate::gt;
  emitCompare(compare);
  masked(slot).emit(wide ? Inst::kIdVpxorq : Inst::kIdVpxord, rd, rd, rd);
  put(one);
  a.kmovq(k(slot.rc), x86::rax);
  put(minusOne);
  a.kxorq(k(slot.rc), k(slot.rc), k(slot.rc));
}

void JITEmitter::emitConvert(const Slot &slot) {
  unsigned full = lengthBytes(slot.length);
  unsigned to = byteWidth(slot.type), from = byteWidth(slot.memType);
  unsigned wider = std::max(to, from);
  Vec rd = vecOf(slot.rd, full * to / wider), ra = vecOf(slot.ra, full * from / wider);
  auto id = [&]() -> uint32_t {
    switch (slot.type) {
    case Type::f32:
      return slot.memType == Type::i32   ? Inst::kIdVcvtdq2ps
             : slot.memType == Type::u32 ? Inst::kIdVcvtudq2ps
             : slot.memType == Type::i64 ? Inst::kIdVcvtqq2ps
                                         : Inst::kIdVcvtpd2ps;
    case Type::f64:
      return slot.memType == Type::i32   ? Inst::kIdVcvtdq2pd
             : slot.memType == Type::u32 ? Inst::kIdVcvtudq2pd
             : slot.memType == Type::i64 ? Inst::kIdVcvtqq2pd
                                         : Inst::kIdVcvtps2pd;
    case Type::i32:
      return slot.memType == Type::f32 ? Inst::kIdVcvttps2dq : slot.memType == Type::f64 ? Inst::kIdVcvttpd2dq : Inst::kIdVpmovqd;
    default:
      return slot.memType == Type::f32   ? Inst::kIdVcvttps2qq
             : slot.memType == Type::f64 ? Inst::kIdVcvttpd2qq
             : slot.memType == Type::i32 ? Inst::kIdVpmovsxdq
                                         : Inst::kIdVpmovzxdq;
    }
  }();
  masked(slot).emit(id, rd, ra);
}

void JITEmitter::emitReduce(const Slot &slot) {
  static constexpr DOp steps[] = {DOp::dadd, DOp::dmul, DOp::dmin, DOp::dmax, DOp::dand, DOp::dor, DOp::dxor};
  const uint32_t id = binaryId(steps[slot.imm]).get(slot.type);
  const bool wide = byteWidth(slot.type) == 8;
  unsigned current = slot.ra;
  const unsigned tree = slot.rb, spare = slot.rd; // rd is free once the first step has read ra
  for (unsigned half = lengthBytes(slot.length) / 2; half >= byteWidth(slot.type); half /= 2) {
    unsigned upper = current == slot.ra ? tree : spare;
    if (half == 32)
      a.emit(Inst::kIdVextractf64x4, x86::Ymm(upper), x86::Zmm(current), 1);
    else if (half == 16)
      a.emit(Inst::kIdVextractf32x4, x86::Xmm(upper), x86::Ymm(current), 1);
    else
      a.emit(Inst::kIdVpshufd, x86::Xmm(upper), x86::Xmm(current), half == 8 ? 0xEE : 0x55);
    Vec t = vecOf(tree, half);
    a.emit(id, t, vecOf(current, half), vecOf(upper, half));
    current = tree;
  }
  if (wide)
    a.emit(Inst::kIdVmovq, x86::Xmm(slot.rd), x86::Xmm(tree));
  else
    a.emit(Inst::kIdVinsertps, x86::Xmm(slot.rd), x86::Xmm(tree), x86::Xmm(tree), 0x0E);
  clear(tree);
}

x86::Mem JITEmitter::address(const Slot &slot, unsigned bytes) {
  Gp base = useR(slot.ra, x86::rax);
  if (slot.rb == noRegister)
    return x86::ptr(base, slot.imm, bytes);
  return x86::ptr(base, useR(slot.rb, x86::rdx), slot.scale, slot.imm, bytes);
}

/// Tests that the bytes of an access stand inside its binding; clobbers rax and rdx. `bytesPerLane` * `lanes` bytes are accessed, of a masked
/// access those from the first to the last active lane.
void JITEmitter::emitCheck(const Slot &slot, unsigned bytesPerLane, unsigned lanes) {
  const FunctionFacts &fact = facts[functionIndex];
  const int32_t binding = fact.accessBinding[wordIndex];
  const int64_t size = int64_t(program.functions[functionIndex].bindings[binding].size);
  Label out = trap(TrapCause::outOfBounds, &slot);
  auto offset = [&] {
    a.lea(x86::rax, address(slot, 0));
    a.sub(x86::rax, x86::qword_ptr(x86::rbp, 8 * binding));
  };
  auto bounded = [&](int64_t bytes) {
    if (bytes > size) {
      a.jmp(out);
      return;
    }
    load64(x86::rdx, size - bytes);
    a.cmp(x86::rax, x86::rdx);
    a.ja(out); // negative offsets are large
  };
  if (!slot.mask) {
    offset();
    bounded(int64_t(bytesPerLane) * lanes);
    return;
  }
  Label done = a.newLabel();
  if (slot.opcode == uint8_t(SOp::sbcast)) { // one element, read if any lane is active
    a.kmovq(x86::rdx, k(slot.mask));
    a.test(x86::rdx, int32_t((1u << laneCount(slot.length, slot.type)) - 1));
    a.jz(done);
    offset();
    bounded(bytesPerLane);
    a.bind(done);
    return;
  }
  // The highest active lane, then the lowest.
  for (bool high : {true, false}) {
    offset();
    a.kmovq(x86::rdx, k(slot.mask));
    a.and_(x86::rdx, int32_t((1u << lanes) - 1)); // at most 16 lanes; sets the zero flag
    a.jz(done);
    if (high)
      a.bsr(x86::rdx, x86::rdx);
    else
      a.bsf(x86::rdx, x86::rdx);
    a.imul(x86::rdx, x86::rdx, int(bytesPerLane));
    a.add(x86::rax, x86::rdx);
    bounded(bytesPerLane);
  }
  a.bind(done);
}

void JITEmitter::emitGatherTest(const Slot &slot, bool above) {
  const bool wide = byteWidth(slot.type) == 8;
  const unsigned lanes = laneCount(slot.length, slot.type);
  const int place = above ? highPlace : lowPlace;
  const Mem memory = wide ? x86::qword_ptr(x86::rsp, place) : x86::dword_ptr(x86::rsp, place);
  const Mem limit = lanes == 16 ? memory._1to16() : lanes == 8 ? memory._1to8() : lanes == 4 ? memory._1to4() : memory._1to2();
  if (slot.mask)
    a.k(k(slot.mask));
  a.emit(wide ? Inst::kIdVpcmpq : Inst::kIdVpcmpd, k(slot.rb), vec(slot.rc, slot.length), limit, above ? 6 : 1);
}

void JITEmitter::emitRefused(const Slot &slot, int32_t binding) {
  if (!isGather(slot)) {
    a.lea(x86::rdx, address(slot, 0));
    a.sub(x86::rdx, x86::qword_ptr(x86::rbp, 8 * binding));
    return;
  }
  // The first lane outside, on either side.
  emitGatherTest(slot, false);
  a.kmovq(x86::rax, k(slot.rb));
  emitGatherTest(slot, true);
  a.kmovq(x86::rdx, k(slot.rb));
  a.or_(x86::rdx, x86::rax);
  a.bsf(x86::rdx, x86::rdx);
  a.emit(Inst::kIdVmovdqu32, x86::ptr(x86::rsp, indexPlace, lengthBytes(slot.length)), vec(slot.rc, slot.length));
  if (byteWidth(slot.type) == 8)
    a.mov(x86::rdx, x86::qword_ptr(x86::rsp, x86::rdx, 3, indexPlace));
  else
    a.movsxd(x86::rdx, x86::dword_ptr(x86::rsp, x86::rdx, 2, indexPlace));
  if (slot.scale)
    a.shl(x86::rdx, slot.scale);
  a.add(x86::rdx, x86::qword_ptr(x86::rsp, offsetPlace));
}

void JITEmitter::emitGather(const Slot &slot) {
  const bool wide = byteWidth(slot.type) == 8, load = slot.opcode == uint8_t(SOp::sgather);
  const unsigned bytes = byteWidth(slot.type);
  const int32_t binding = facts[functionIndex].accessBinding[wordIndex];
  const int64_t size = int64_t(program.functions[functionIndex].bindings[binding].size);
  Vec index = vec(slot.rc, slot.length), data = vec(slot.rd, slot.length);
  x86::KReg temporary = k(slot.rb);
  Gp base = useR(slot.ra, x86::rax);
  if (facts[functionIndex].access[wordIndex] != AccessProof::proven) {
    // Legal indices: low = ceil(-offset / scale) .. high = floor((size - bytes - offset) / scale), written below the stack pointer.
    a.lea(x86::rdx, x86::ptr(base, slot.imm));
    a.sub(x86::rdx, x86::qword_ptr(x86::rbp, 8 * binding));
    a.mov(x86::qword_ptr(x86::rsp, offsetPlace), x86::rdx);
    if (slot.scale)
      a.sar(x86::rdx, slot.scale);
    a.neg(x86::rdx);
    a.mov(x86::qword_ptr(x86::rsp, lowPlace), x86::rdx);
    load64(x86::rdx, size - int64_t(bytes));
    a.sub(x86::rdx, x86::qword_ptr(x86::rsp, offsetPlace));
    if (slot.scale)
      a.sar(x86::rdx, slot.scale);
    a.mov(x86::qword_ptr(x86::rsp, highPlace), x86::rdx);
    if (!wide) { // clamp to what a lane holds; no index is legal if nothing is left
      a.mov(x86::rax, int64_t(INT32_MIN));
      a.cmp(x86::rdx, x86::rax);
      Label none = a.newLabel(), clamped = a.newLabel();
      a.jl(none);
      a.cmp(x86::qword_ptr(x86::rsp, lowPlace), INT32_MAX);
      a.jg(none);
      a.cmp(x86::qword_ptr(x86::rsp, lowPlace), x86::rax);
      Label lowFits = a.newLabel();
      a.jge(lowFits);
      a.mov(x86::qword_ptr(x86::rsp, lowPlace), INT32_MIN);
      a.bind(lowFits);
      a.cmp(x86::rdx, INT32_MAX);
      a.jle(clamped);
      a.mov(x86::qword_ptr(x86::rsp, highPlace), INT32_MAX);
      a.jmp(clamped);
      a.bind(none);
      a.mov(x86::qword_ptr(x86::rsp, lowPlace), 1);
      a.mov(x86::qword_ptr(x86::rsp, highPlace), 0);
      a.bind(clamped);
    }
    const Label out = trap(TrapCause::outOfBounds, &slot);
    for (bool above : {false, true}) {
      emitGatherTest(slot, above);
      a.kortestw(temporary, temporary);
      a.jnz(out);
    }
  }
  if (slot.mask)
    a.kmovq(temporary, k(slot.mask));
  else
    a.kxnorq(temporary, temporary, temporary);
  base = useR(slot.ra, x86::rax);
  Mem memory = x86::ptr(base, index, slot.scale, slot.imm);
  if (load) {
    a.emit(Inst::kIdVpxord, x86::Xmm(slot.rd), x86::Xmm(slot.rd), x86::Xmm(slot.rd));
    a.k(temporary);
    a.emit(wide ? Inst::kIdVpgatherqq : Inst::kIdVpgatherdd, data, memory);
  } else {
    a.k(temporary);
    a.emit(wide ? Inst::kIdVpscatterqq : Inst::kIdVpscatterdd, memory, data);
  }
  a.kxorq(temporary, temporary, temporary);
}

void JITEmitter::emitS(const Slot &slot, const Word &word) {
  SOp op = SOp(slot.opcode);
  if (op == SOp::pcoord) {
    const Coordinate place(word.coordinate);
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    for (bool high : {false, true}) {
      load64(x86::rdx, int64_t(high ? place.high() : place.low()));
      a.mov(coordinate(slot.rd, x86::rax).cloneAdjusted(high ? 8 : 0), x86::rdx);
    }
    return;
  }
  if (op == SOp::pmov) {
    a.mov(x86::rax, x86::qword_ptr(x86::rbp, -8));
    return moveCoordinate(coordinate(slot.rd, x86::rax), coordinate(slot.ra, x86::rax), false);
  }
  switch (op) {
  case SOp::sprefch:
    return void(a.prefetcht0(address(slot, 0)));
  case SOp::sprefch2:
    return void(a.prefetcht1(address(slot, 0)));
  case SOp::sprefch3:
    return void(a.prefetcht2(address(slot, 0)));
  case SOp::sprefchn:
    return void(a.prefetchnta(address(slot, 0)));
  default:
    break;
  }
  if (facts[functionIndex].accessBinding[wordIndex] < 0) { // no path leads here
    a.ud2();
    return;
  }
  if (isGather(slot))
    return emitGather(slot);
  const bool point = op == SOp::sldp || op == SOp::sstp;
  const bool scalar = op == SOp::sldr || op == SOp::sstr, vector = op == SOp::sld || op == SOp::sst;
  const unsigned element = point ? sizeof(Coordinate) : byteWidth(scalar || vector ? slot.memType : slot.type);
  const unsigned lanes = vector ? laneCount(slot.length, slot.type) : 1;
  if (facts[functionIndex].access[wordIndex] != AccessProof::proven)
    emitCheck(slot, element, lanes);
  const bool wide = byteWidth(slot.type) == 8;
  if (vector)
    return emitVectorAccess(slot, element * lanes);
  Mem memory = address(slot, element);
  switch (op) {
  case SOp::sbcast:
    masked(slot).emit(wide ? Inst::kIdVpbroadcastq : Inst::kIdVpbroadcastd, vec(slot.rd, slot.length), memory);
    return;
  case SOp::sldp:
  case SOp::sstp: {
    // Address and context leave one scratch register: the context is on the side that rax does not hold.
    a.lea(x86::rax, memory);
    a.push(x86::rcx);
    a.mov(x86::rcx, x86::qword_ptr(x86::rbp, -8));
    Mem there = x86::qword_ptr(x86::rax);
    if (op == SOp::sldp)
      moveCoordinate(coordinate(slot.rd, x86::rcx), there, true);
    else
      moveCoordinate(there, coordinate(slot.rd, x86::rcx), false);
    a.pop(x86::rcx);
    return;
  }
  case SOp::slds:
    a.emit(wide ? Inst::kIdVmovsd : Inst::kIdVmovss, x86::Xmm(slot.rd), memory);
    return;
  case SOp::ssts:
    a.emit(wide ? Inst::kIdVmovsd : Inst::kIdVmovss, memory, x86::Xmm(slot.rd));
    return;
  case SOp::sldr: {
    Gp target = defR(slot.rd, x86::rax);
    switch (slot.memType) {
    case Type::i8:
    case Type::i16:
      a.movsx(target, memory);
      break;
    case Type::u8:
    case Type::u16:
      a.movzx(target.r32(), memory);
      break;
    case Type::i32:
      a.movsxd(target, memory);
      break;
    case Type::u32:
      a.mov(target.r32(), memory);
      break;
    default:
      a.mov(target, memory);
      break;
    }
    storeR(slot.rd, target);
    return;
  }
  case SOp::sstr: {
    if (slot.rd >= numHostR && (slot.ra >= numHostR || (slot.rb != noRegister && slot.rb >= numHostR))) {
      a.lea(x86::rax, memory);
      memory = x86::ptr(x86::rax, 0, element);
    }
    Gp source = useR(slot.rd, x86::rdx);
    a.mov(memory, element == 1 ? Gp(source.r8()) : element == 2 ? Gp(source.r16()) : element == 4 ? Gp(source.r32()) : source);
    return;
  }
  default:
    break;
  }
}

void JITEmitter::emitVectorAccess(const Slot &slot, unsigned bytes) {
  const bool load = slot.opcode == uint8_t(SOp::sld), wide = byteWidth(slot.type) == 8;
  uint32_t id = 0;
  switch (slot.memType) {
  case Type::i8:
    id = load ? (wide ? Inst::kIdVpmovsxbq : Inst::kIdVpmovsxbd) : (wide ? Inst::kIdVpmovqb : Inst::kIdVpmovdb);
    break;
  case Type::i16:
    id = load ? (wide ? Inst::kIdVpmovsxwq : Inst::kIdVpmovsxwd) : (wide ? Inst::kIdVpmovqw : Inst::kIdVpmovdw);
    break;
  case Type::u8:
    id = wide ? Inst::kIdVpmovzxbq : Inst::kIdVpmovzxbd;
    break;
  case Type::u16:
    id = wide ? Inst::kIdVpmovzxwq : Inst::kIdVpmovzxwd;
    break;
  case Type::u32:
    id = Inst::kIdVpmovzxdq;
    break;
  case Type::i32:
    id = !wide ? Inst::kIdVmovdqu32 : load ? Inst::kIdVpmovsxdq : Inst::kIdVpmovqd;
    break;
  case Type::i64:
    id = Inst::kIdVmovdqu64;
    break;
  case Type::f32:
    id = wide ? Inst::kIdVcvtps2pd : Inst::kIdVmovups;
    break;
  case Type::f64:
    id = Inst::kIdVmovupd;
    break;
  default: // f16
    id = load ? Inst::kIdVcvtph2ps : Inst::kIdVcvtps2ph;
  }
  const Mem there = address(slot, bytes); // registers may be fetched from the context: before any mask's prefix
  const Vec data = vec(slot.rd, slot.length);
  if (load)
    masked(slot).emit(id, data, there);
  else if (slot.memType == Type::f16)
    masked(slot).emit(id, there, data, 0);
  else
    masked(slot).emit(id, there, data);
}

} // namespace vtpu::rt
