//===- SemanticsMemory.cpp - What the S pipe's instructions do --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores. A pointer is an offset into its binding. Also built as bitcode for the ORC tier.
//
//===----------------------------------------------------------------------===//

#include "Semantics.h"

#include <cstring>

namespace vtpu::rt {

using namespace isa;

namespace {
template <typename Reg, typename Mem>
void widen(const uint8_t *memory, uint8_t *lane) {
  Mem value;
  std::memcpy(&value, memory, sizeof(Mem));
  Reg wide = Reg(value);
  std::memcpy(lane, &wide, sizeof(Reg));
}
void loadLane(const Slot &slot, const uint8_t *memory, uint8_t *lane) {
  switch (slot.memType) {
  case Type::i8:
    return slot.type == Type::i32 ? widen<int32_t, int8_t>(memory, lane) : widen<int64_t, int8_t>(memory, lane);
  case Type::i16:
    return slot.type == Type::i32 ? widen<int32_t, int16_t>(memory, lane) : widen<int64_t, int16_t>(memory, lane);
  case Type::u8:
    return slot.type == Type::i32 ? widen<int32_t, uint8_t>(memory, lane) : widen<int64_t, uint8_t>(memory, lane);
  case Type::u16:
    return slot.type == Type::i32 ? widen<int32_t, uint16_t>(memory, lane) : widen<int64_t, uint16_t>(memory, lane);
  case Type::i32:
    return slot.type == Type::i32 ? widen<int32_t, int32_t>(memory, lane) : widen<int64_t, int32_t>(memory, lane);
  case Type::u32:
    return widen<int64_t, uint32_t>(memory, lane);
  case Type::f32:
    if (slot.type == Type::f64)
      return widen<double, float>(memory, lane);
    std::memcpy(lane, memory, 4);
    return;
  case Type::f16: {
    uint16_t bits;
    std::memcpy(&bits, memory, 2);
    float value = halfToFloat(bits);
    std::memcpy(lane, &value, 4);
    return;
  }
  default:
    std::memcpy(lane, memory, 8);
  }
}
void storeLane(const Slot &slot, const uint8_t *lane, uint8_t *memory) {
  if (slot.memType == Type::f16) {
    float value;
    std::memcpy(&value, lane, 4);
    uint16_t bits = floatToHalf(value);
    std::memcpy(memory, &bits, 2);
  } else if (slot.memType == Type::f32 && slot.type == Type::f64) {
    widen<float, double>(lane, memory);
  } else {
    std::memcpy(memory, lane, byteWidth(slot.memType)); // truncation keeps the low bytes
  }
}
/// Lane `i` of a vector of signed indices.
int64_t laneIndex(const uint8_t *indices, unsigned i, unsigned width) {
  if (width == 4) {
    int32_t index;
    std::memcpy(&index, indices + 4 * i, 4);
    return index;
  }
  int64_t index;
  std::memcpy(&index, indices + 8 * i, 8);
  return index;
}
} // namespace

int64_t findRefused(const Slot &slot, const Registers &regs, uint64_t size) {
  const uint64_t offset = uint64_t(regs.r[slot.ra]) + uint64_t(int64_t(slot.imm));
  if (!isGather(slot))
    return int64_t(slot.rb == noRegister ? offset : offset + (uint64_t(regs.r[slot.rb]) << slot.scale));
  const unsigned width = byteWidth(slot.type);
  for (unsigned i = 0, lanes = laneCount(slot.length, slot.type); i < lanes; ++i) {
    if (slot.mask && !(regs.k[slot.mask] >> i & 1))
      continue;
    const int64_t index = laneIndex(regs.v[slot.rc], i, width);
    int64_t position;
    const bool wraps = __builtin_mul_overflow(index, int64_t(1) << slot.scale, &position) | __builtin_add_overflow(position, int64_t(offset), &position);
    if (wraps || position < 0 || width > size || uint64_t(position) > size - width)
      return int64_t(offset + (uint64_t(index) << slot.scale));
  }
  return int64_t(offset);
}

bool executeS(const Slot &slot, const Word &word, Registers &regs, SentronContext &context, uint8_t *base, uint64_t size, bool checked) {
  // Address of `bytes` bytes at an offset; null if they are outside.
  auto resolve = [&](int64_t offset, int64_t bytes) -> uint8_t * {
    const bool inside = offset >= 0 && bytes <= int64_t(size) && offset <= int64_t(size) - bytes;
    return inside || !checked ? base + offset : nullptr;
  };
  SOp op = SOp(slot.opcode);
  if (op == SOp::pcoord) {
    context.p[slot.rd] = Coordinate(word.coordinate);
    return true;
  }
  if (op == SOp::pmov) {
    context.p[slot.rd] = context.p[slot.ra];
    return true;
  }
  uint64_t wrapping = uint64_t(regs.r[slot.ra]) + uint64_t(int64_t(slot.imm)); // as the host's address unit
  const bool gathers = isGather(slot);
  if (!gathers && slot.rb != noRegister)
    wrapping += uint64_t(regs.r[slot.rb]) << slot.scale;
  const int64_t offset = int64_t(wrapping);
  switch (op) {
  case SOp::sprefch:
    return true;
  case SOp::sldr: {
    uint8_t *memory = resolve(offset, byteWidth(slot.memType));
    if (!memory)
      return false;
    Slot lane = slot;
    lane.type = Type::i64;
    loadLane(lane, memory, reinterpret_cast<uint8_t *>(&regs.r[slot.rd]));
    return true;
  }
  case SOp::sstr: {
    uint8_t *memory = resolve(offset, byteWidth(slot.memType));
    if (!memory)
      return false;
    std::memcpy(memory, &regs.r[slot.rd], byteWidth(slot.memType));
    return true;
  }
  case SOp::sldp:
  case SOp::sstp: {
    uint8_t *memory = resolve(offset, 16);
    if (!memory)
      return false;
    if (op == SOp::sstp) {
      std::memcpy(memory, &context.p[slot.rd], 16);
    } else {
      uint64_t halves[2];
      std::memcpy(halves, memory, 16);
      context.p[slot.rd] = Coordinate::fromBits(halves[0], halves[1]);
    }
    return true;
  }
  case SOp::slds:
  case SOp::ssts: {
    unsigned bytes = byteWidth(slot.type);
    uint8_t *memory = resolve(offset, bytes);
    if (!memory)
      return false;
    if (op == SOp::ssts) {
      std::memcpy(memory, regs.v[slot.rd], bytes);
    } else {
      std::memset(regs.v[slot.rd], 0, 64);
      std::memcpy(regs.v[slot.rd], memory, bytes);
    }
    return true;
  }
  default:
    break;
  }
  const unsigned lanes = laneCount(slot.length, slot.type), width = byteWidth(slot.type);
  const uint64_t all = lanes == 64 ? ~0ull : (1ull << lanes) - 1;
  uint64_t mask = (slot.mask ? regs.k[slot.mask] : ~0ull) & all;
  alignas(64) uint8_t values[64] = {};
  if (gathers) {
    const uint8_t *indices = regs.v[slot.rc];
    uint8_t *elements[64 / sizeof(int32_t)];
    for (unsigned i = 0; i < lanes; ++i) {
      if (!(mask >> i & 1))
        continue;
      const int64_t index = laneIndex(indices, i, width);
      int64_t position;
      if (__builtin_mul_overflow(index, int64_t(1) << slot.scale, &position) || __builtin_add_overflow(position, offset, &position))
        return false;
      elements[i] = resolve(position, width);
      if (!elements[i])
        return false;
    }
    // A word that traps has written nothing: from here on every lane is in bounds.
    for (unsigned i = 0; i < lanes; ++i) {
      if (!(mask >> i & 1))
        continue;
      if (op == SOp::sgather)
        std::memcpy(values + i * width, elements[i], width);
      else
        std::memcpy(elements[i], regs.v[slot.rd] + i * width, width);
    }
    regs.k[slot.rb] = 0;
    if (op == SOp::sgather) {
      std::memcpy(regs.v[slot.rd], values, lanes * width);
      std::memset(regs.v[slot.rd] + lanes * width, 0, 64 - lanes * width);
    }
    return true;
  }
  if (op == SOp::sbcast) {
    if (mask) {
      uint8_t *memory = resolve(offset, width);
      if (!memory)
        return false;
      for (unsigned i = 0; i < lanes; ++i)
        std::memcpy(values + i * width, memory, width);
    }
    writeLanes(slot, regs, slot.rd, values, lanes, width);
    return true;
  }
  const unsigned memoryWidth = byteWidth(slot.memType);
  if (mask) {
    unsigned first = unsigned(__builtin_ctzll(mask)), last = 63 - unsigned(__builtin_clzll(mask));
    uint8_t *memory = resolve(int64_t(wrapping + uint64_t(first) * memoryWidth), int64_t(last - first + 1) * memoryWidth);
    if (!memory)
      return false;
    memory -= int64_t(first) * memoryWidth;
    if (!slot.mask && slot.memType == slot.type) {
      if (op == SOp::sld)
        std::memcpy(values, memory, lanes * width);
      else
        std::memcpy(memory, regs.v[slot.rd], lanes * width);
    } else {
      for (unsigned i = 0; i < lanes; ++i) {
        if (!(mask >> i & 1))
          continue;
        if (op == SOp::sld)
          loadLane(slot, memory + i * memoryWidth, values + i * width);
        else
          storeLane(slot, regs.v[slot.rd] + i * width, memory + i * memoryWidth);
      }
    }
  }
  if (op == SOp::sld)
    writeLanes(slot, regs, slot.rd, values, lanes, width);
  return true;
}

} // namespace vtpu::rt
