//===- SemanticsMemory.cpp - What the S pipe's instructions do --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads and stores. A pointer is an offset into its binding. Also built as bitcode for the ORC tier.
//
//===----------------------------------------------------------------------===//

#include "SemanticsLanes.h"

#include "vtpu/Runtime/Observer.h"

#include <algorithm>
#include <limits>

namespace vtpu::rt {

using namespace isa;

namespace {
/// Element `i` behind any address, as a value of `To`.
template <typename To, typename Element>
To load(const uint8_t *memory, unsigned i = 0) {
  Element value;
  std::memcpy(&value, memory + i * sizeof(Element), sizeof(Element));
  if constexpr (std::is_same_v<Element, Half>)
    return To(halfToFloat(value.bits));
  else
    return To(value);
}
/// The value, truncated if it is an integer, rounded if it is a float.
template <typename Element, typename From>
void store(uint8_t *memory, From value, unsigned i = 0) {
  Element element;
  if constexpr (std::is_same_v<Element, Half>)
    element.bits = floatToHalf(float(value));
  else
    element = Element(value);
  std::memcpy(memory + i * sizeof(Element), &element, sizeof(Element));
}

/// Where an access leads: `size` bytes at `base`, and an offset into them.
struct Place {
  uint8_t *base;
  uint64_t size;
  uint64_t offset; // wraps as the host's address unit
  bool checked;

  uint8_t *memory() const { return base + offset; }
  bool holds(uint64_t at, uint64_t bytes) const {
    return !checked || (int64_t(at) >= 0 && bytes <= size && at <= size - bytes);
  }
  /// `lanes` elements of `bytes` bytes, or those of a mask: from the first to the last active one.
  bool holdsLanes(unsigned lanes, unsigned bytes, const uint64_t *mask) const {
    if (!mask)
      return holds(offset, uint64_t(lanes) * bytes);
    const uint64_t active = *mask & ((uint64_t(1) << lanes) - 1); // at most 16 lanes
    if (!checked || !active)
      return true;
    const unsigned first = unsigned(__builtin_ctzll(active)), last = 63 - unsigned(__builtin_clzll(active));
    return holds(offset + uint64_t(first) * bytes, uint64_t(last - first + 1) * bytes);
  }
};

template <typename T, typename Element, unsigned n>
bool executeVector(const Slot &slot, Registers &regs, const Place &place) {
  const uint64_t mask = regs.k[slot.mask];
  if (!place.holdsLanes(n, sizeof(Element), slot.mask ? &mask : nullptr))
    return false;
  uint8_t *memory = place.memory();
  if (SOp(slot.opcode) == SOp::sld) {
    alignas(64) T values[n];
    if (slot.mask)
      for (unsigned i = 0; i < n; ++i)
        values[i] = mask >> i & 1 ? load<T, Element>(memory, i) : T(0);
    else
      for (unsigned i = 0; i < n; ++i)
        values[i] = load<T, Element>(memory, i);
    writeLanes<T, n>(slot, regs, values);
    return true;
  }
  alignas(64) T values[n]; // a copy: memory and registers overlap for no compiler
  std::memcpy(values, regs.v[slot.rd], sizeof values);
  if (slot.mask) {
    for (unsigned i = 0; i < n; ++i)
      if (mask >> i & 1)
        store<Element>(memory, values[i], i);
  } else {
    for (unsigned i = 0; i < n; ++i)
      store<Element>(memory, values[i], i);
  }
  return true;
}

template <typename T, unsigned n>
bool executeBroadcast(const Slot &slot, Registers &regs, const Place &place) {
  const uint64_t mask = slot.mask ? regs.k[slot.mask] & ((uint64_t(1) << n) - 1) : 1;
  if (mask && !place.holds(place.offset, sizeof(T)))
    return false;
  const T value = mask ? load<T, T>(place.memory()) : T(0);
  alignas(64) T values[n];
  std::fill(values, values + n, value);
  writeLanes<T, n>(slot, regs, values);
  return true;
}

template <typename T, unsigned n>
bool executeGather(const Slot &slot, Registers &regs, const Place &place) {
  using Index = std::make_signed_t<BitsOf<T>>;
  __extension__ typedef __int128 Wide;
  const Index *indices = reinterpret_cast<const Index *>(regs.v[slot.rc]);
  T *lanes = reinterpret_cast<T *>(regs.v[slot.rd]);
  const uint64_t mask = slot.mask ? regs.k[slot.mask] : ~uint64_t(0);
  // Legal indices: 0 <= offset + index * scale <= size - bytes.
  auto clamped = [](Wide value) {
    using Limits = std::numeric_limits<int64_t>;
    return int64_t(value < Limits::min() ? Wide(Limits::min()) : value > Limits::max() ? Wide(Limits::max()) : value);
  };
  const Wide offset = int64_t(place.offset);
  const int64_t low = clamped(-(offset >> slot.scale)), high = clamped((Wide(place.size) - Wide(sizeof(T)) - offset) >> slot.scale);
  unsigned outside = 0;
  for (unsigned i = 0; i < n; ++i)
    outside |= unsigned(mask >> i & 1) & (unsigned(indices[i] < low) | unsigned(indices[i] > high));
  if (outside)
    return false;
  auto address = [&](unsigned i) { return place.memory() + (uint64_t(int64_t(indices[i])) << slot.scale); };
  regs.k[slot.rb] = 0;
  if (SOp(slot.opcode) == SOp::sscatter) {
    for (unsigned i = 0; i < n; ++i)
      if (mask >> i & 1)
        store<T>(address(i), lanes[i]);
    return true;
  }
  alignas(64) T values[n];
  for (unsigned i = 0; i < n; ++i)
    values[i] = mask >> i & 1 ? load<T, T>(address(i)) : T(0);
  std::memcpy(lanes, values, sizeof values);
  std::memset(regs.v[slot.rd] + sizeof values, 0, 64 - sizeof values);
  return true;
}

/// The instructions on lanes of T.
template <typename T>
VTPU_CLONES bool executeLanes(const Slot &slot, Registers &regs, const Place &place) {
  bool inside = true;
  withLength<T>(slot.length, [&](auto n) {
    if (SOp(slot.opcode) == SOp::sbcast)
      inside = executeBroadcast<T, n.value>(slot, regs, place);
    else if (isGather(slot))
      inside = executeGather<T, n.value>(slot, regs, place);
    else
      withElement(slot.memType, [&](auto element) {
        using Element = decltype(element);
        constexpr bool isFloat = std::is_floating_point_v<Element> || std::is_same_v<Element, Half>;
        if constexpr (isFloat == std::is_floating_point_v<T> && sizeof(Element) <= sizeof(T))
          inside = executeVector<T, Element, n.value>(slot, regs, place);
      });
  });
  return inside;
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
/// The offset that an address leads to; of a gather without its index.
uint64_t addressed(const Slot &slot, const Registers &regs) {
  const uint64_t offset = uint64_t(regs.r[slot.ra]) + uint64_t(int64_t(slot.imm));
  return isGather(slot) || slot.rb == noRegister ? offset : offset + (uint64_t(regs.r[slot.rb]) << slot.scale);
}
} // namespace

int64_t findRefused(const Slot &slot, const Registers &regs, uint64_t size) {
  const uint64_t offset = addressed(slot, regs);
  if (!isGather(slot))
    return int64_t(offset);
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

TouchedRuns findTouched(const Slot &slot, const Registers &regs) {
  TouchedRuns touched;
  const uint64_t offset = addressed(slot, regs);
  const unsigned bytes = accessBytes(slot);
  if (!slot.mask && !isGather(slot)) {
    touched.runs[touched.count++] = {int64_t(offset), bytes};
    return touched;
  }
  const unsigned lanes = laneCount(slot.length, slot.type);
  const uint64_t active = (slot.mask ? regs.k[slot.mask] : ~uint64_t(0)) & ((uint64_t(1) << lanes) - 1);
  if (isGather(slot)) {
    for (unsigned i = 0; i < lanes; ++i)
      if (active >> i & 1)
        touched.runs[touched.count++] = {int64_t(offset + (uint64_t(laneIndex(regs.v[slot.rc], i, bytes)) << slot.scale)), bytes};
  } else if (active) {
    const unsigned first = unsigned(__builtin_ctzll(active)), last = 63 - unsigned(__builtin_clzll(active)), width = bytes / lanes;
    const bool broadcast = SOp(slot.opcode) == SOp::sbcast;
    touched.runs[touched.count++] = broadcast ? TouchedBytes{int64_t(offset), bytes}
                                              : TouchedBytes{int64_t(offset + uint64_t(first) * width), (last - first + 1) * width};
  }
  return touched;
}

bool executeS(const Slot &slot, const Word &word, Registers &regs, SentronContext &context, uint8_t *base, uint64_t size, bool checked) {
  const SOp op = SOp(slot.opcode);
  if (op == SOp::pcoord) {
    context.p[slot.rd] = Coordinate(word.coordinate);
    return true;
  }
  if (op == SOp::pmov) {
    context.p[slot.rd] = context.p[slot.ra];
    return true;
  }
  const Place place{base, size, addressed(slot, regs), checked};
  switch (op) {
  case SOp::sprefch:
  case SOp::sprefch2:
  case SOp::sprefch3:
  case SOp::sprefchn:
    return true;
  case SOp::sldr:
    if (!place.holds(place.offset, byteWidth(slot.memType)))
      return false;
    withElement(slot.memType, [&](auto element) {
      if constexpr (std::is_integral_v<decltype(element)>)
        regs.r[slot.rd] = load<int64_t, decltype(element)>(place.memory());
    });
    return true;
  case SOp::sstr:
    if (!place.holds(place.offset, byteWidth(slot.memType)))
      return false;
    std::memcpy(place.memory(), &regs.r[slot.rd], byteWidth(slot.memType));
    return true;
  case SOp::sldp:
  case SOp::sstp: {
    if (!place.holds(place.offset, 16))
      return false;
    if (op == SOp::sstp) {
      std::memcpy(place.memory(), &context.p[slot.rd], 16);
    } else {
      uint64_t halves[2];
      std::memcpy(halves, place.memory(), 16);
      context.p[slot.rd] = Coordinate::fromBits(halves[0], halves[1]);
    }
    return true;
  }
  case SOp::slds:
  case SOp::ssts: {
    const unsigned bytes = byteWidth(slot.type);
    if (!place.holds(place.offset, bytes))
      return false;
    if (op == SOp::ssts) {
      std::memcpy(place.memory(), regs.v[slot.rd], bytes);
    } else {
      alignas(64) uint8_t value[64] = {};
      std::memcpy(value, place.memory(), bytes);
      std::memcpy(regs.v[slot.rd], value, 64);
    }
    return true;
  }
  default:
    break;
  }
  switch (slot.type) {
  case Type::i32:
    return executeLanes<int32_t>(slot, regs, place);
  case Type::i64:
    return executeLanes<int64_t>(slot, regs, place);
  case Type::f32:
    return executeLanes<float>(slot, regs, place);
  default:
    return executeLanes<double>(slot, regs, place);
  }
}

} // namespace vtpu::rt
