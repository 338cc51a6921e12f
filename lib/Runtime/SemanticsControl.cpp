//===- SemanticsControl.cpp - What the C pipe's instructions do -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalars and masks, and which way control goes. Also built as bitcode for the ORC tier.
//
//===----------------------------------------------------------------------===//

#include "Semantics.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

namespace vtpu::rt {

using namespace isa;

namespace {
int64_t extend(Type type, int64_t value) {
  switch (type) {
  case Type::i8:
    return int8_t(value);
  case Type::i16:
    return int16_t(value);
  case Type::i32:
    return int32_t(value);
  case Type::u8:
    return uint8_t(value);
  case Type::u16:
    return uint16_t(value);
  default:
    return uint32_t(value);
  }
}
} // namespace

Control executeC(const Slot &slot, const Word &word, Registers &regs, SentronContext &context) {
  int64_t &rd = regs.r[slot.rd % numR];
  const int64_t a = regs.r[slot.ra % numR], b = regs.r[slot.rb % numR], c = regs.r[slot.rc % numR];
  const uint64_t ua = uint64_t(a), ub = uint64_t(b), ka = regs.k[slot.ra % numK], kb = regs.k[slot.rb % numK];
  uint64_t &kd = regs.k[slot.rd % numK];
  const int64_t imm = slot.imm;
  const int64_t lowest = std::numeric_limits<int64_t>::min();
  switch (COp(slot.opcode)) {
  case COp::empty:
    return Control::next;
  case COp::cimm:
    rd = word.i0;
    return Control::next;
  case COp::cmov:
    rd = a;
    return Control::next;
  case COp::cadd:
    rd = int64_t(ua + ub);
    return Control::next;
  case COp::caddi:
    rd = int64_t(ua + uint64_t(imm));
    return Control::next;
  case COp::csub:
    rd = int64_t(ua - ub);
    return Control::next;
  case COp::cmul:
    rd = int64_t(ua * ub);
    return Control::next;
  case COp::cmuli:
    rd = int64_t(ua * uint64_t(imm));
    return Control::next;
  case COp::cdiv:
  case COp::crem: {
    if (b == 0)
      return Control::divideByZero;
    bool overflow = a == lowest && b == -1;
    if (COp(slot.opcode) == COp::cdiv)
      rd = overflow ? lowest : a / b;
    else
      rd = overflow ? 0 : a % b;
    return Control::next;
  }
  case COp::cdivu:
  case COp::cremu:
    if (b == 0)
      return Control::divideByZero;
    rd = int64_t(COp(slot.opcode) == COp::cdivu ? ua / ub : ua % ub);
    return Control::next;
  case COp::cand:
    rd = a & b;
    return Control::next;
  case COp::cor:
    rd = a | b;
    return Control::next;
  case COp::cxor:
    rd = a ^ b;
    return Control::next;
  case COp::cshl:
    rd = int64_t(ua << (ub & 63));
    return Control::next;
  case COp::cshr:
    rd = int64_t(ua >> (ub & 63));
    return Control::next;
  case COp::csar:
    rd = a >> (ub & 63);
    return Control::next;
  case COp::cshli:
    rd = int64_t(ua << (imm & 63));
    return Control::next;
  case COp::cshri:
    rd = int64_t(ua >> (imm & 63));
    return Control::next;
  case COp::csari:
    rd = a >> (imm & 63);
    return Control::next;
  case COp::candi:
    rd = a & imm;
    return Control::next;
  case COp::cmin:
    rd = std::min(a, b);
    return Control::next;
  case COp::cmax:
    rd = std::max(a, b);
    return Control::next;
  case COp::cset:
    rd = compareIntegers(slot.predicate, a, b);
    return Control::next;
  case COp::csel:
    rd = c != 0 ? a : b;
    return Control::next;
  case COp::cext:
    rd = extend(slot.memType, a);
    return Control::next;
  case COp::cptr:
    rd = 0;
    return Control::next;
  case COp::cbr:
    return Control::branch;
  case COp::cbcc:
    return compareIntegers(slot.predicate, a, b) ? Control::branch : Control::next;
  case COp::cbcci:
    return compareIntegers(slot.predicate, a, word.i1) ? Control::branch : Control::next;
  case COp::ccall:
    return Control::call;
  case COp::cret:
    return Control::stop;
  case COp::ctrap:
    return Control::message;
  case COp::cassert:
    return a == 0 ? Control::message : Control::next;
  case COp::kset:
    kd = imm == 64 ? ~0ull : (1ull << imm) - 1;
    return Control::next;
  case COp::kfirst: {
    int64_t lanes = std::clamp<int64_t>(a, 0, 64);
    kd = lanes == 64 ? ~0ull : (1ull << lanes) - 1;
    return Control::next;
  }
  case COp::kand:
    kd = ka & kb;
    return Control::next;
  case COp::kor:
    kd = ka | kb;
    return Control::next;
  case COp::kxor:
    kd = ka ^ kb;
    return Control::next;
  case COp::kandn:
    kd = ~ka & kb;
    return Control::next;
  case COp::kmov:
    kd = ka;
    return Control::next;
  case COp::kget:
    rd = int64_t(ka);
    return Control::next;
  case COp::kput:
    kd = ua;
    return Control::next;
  case COp::cpack: {
    uint64_t *pair = context.m[slot.rd] + 2 * imm;
    pair[0] = ua;
    pair[1] = ub;
    return Control::next;
  }
  case COp::cunpack: {
    const uint64_t *pair = context.m[slot.ra] + 2 * imm;
    rd = int64_t(pair[0]);
    regs.r[slot.rb] = int64_t(pair[1]);
    return Control::next;
  }
  case COp::cpackv:
    std::memcpy(context.m[slot.rd], regs.v[slot.ra], 64);
    return Control::next;
  case COp::cunpackv:
    std::memcpy(regs.v[slot.rd], context.m[slot.ra], 64);
    return Control::next;
  case COp::cpackp:
    std::memcpy(context.m[slot.rd] + 2 * imm, &context.p[slot.ra], 16);
    return Control::next;
  case COp::cunpackp: {
    const uint64_t *pair = context.m[slot.ra] + 2 * imm;
    context.p[slot.rd] = Coordinate::fromBits(pair[0], pair[1]);
    return Control::next;
  }
  case COp::csid:
    rd = int64_t(context.sentron);
    return Control::next;
  case COp::csnum:
    rd = int64_t(context.sentrons);
    return Control::next;
  case COp::cslice: {
    __extension__ using Wide = unsigned __int128;
    rd = int64_t(Wide(std::max<int64_t>(a, 0)) * (context.sentron + uint64_t(imm)) / context.sentrons);
    return Control::next;
  }
  case COp::cfence:
    if (imm != 0)
      std::atomic_thread_fence(std::memory_order_seq_cst);
    return Control::next;
  case COp::cbar:
    return Control::barrier;
  default: // a routine
    break;
  }
  return Control::next;
}

} // namespace vtpu::rt
