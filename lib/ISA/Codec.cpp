//===- Codec.cpp - Words to bytes and back ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Little-endian layout of the 64 bytes: header 8 (format, version, dependency bits), D slot 16, S slot 12, C slot 12, coordinate or two
// immediates 16. Manual: docs/ISA.md.
//
//===----------------------------------------------------------------------===//

#include "vtpu/ISA/Instruction.h"
#include "vtpu/Memory/Coordinate.h"

#include <cstddef>
#include <cstring>
#include <fmt/format.h>
#include <type_traits>

namespace vtpu::isa {

namespace {
constexpr uint8_t wordVersion = 1;
constexpr unsigned slotOffset[numPipes] = {8, 24, 36};
constexpr unsigned dPadding = 20, tailOffset = 48;

template <typename T>
T load(const uint8_t *in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}
template <typename T>
void store(uint8_t *out, T value) {
  std::memcpy(out, &value, sizeof(T));
}

void encodeSlot(const Slot &slot, uint8_t *out) {
  out[0] = slot.opcode;
  out[1] = uint8_t(unsigned(slot.type) | unsigned(slot.memType) << 4);
  out[2] = uint8_t(unsigned(slot.length) | slot.scale << 2 | unsigned(slot.predicate) << 4);
  out[3] = uint8_t(slot.mask | unsigned(slot.zeroing) << 3);
  out[4] = slot.rd;
  out[5] = slot.ra;
  out[6] = slot.rb;
  out[7] = slot.rc;
  store<int32_t>(out + 8, slot.imm);
}

/// Bit 3 * i + j: slot i reads what slot j of the previous word wrote.
uint16_t dependencyBits(const Word &word, const Word *previous) {
  if (!previous)
    return 0;
  uint16_t bits = 0;
  for (unsigned i = 0; i < numPipes; ++i) {
    Effects reader = effects(Pipe(i), word.slots[i]);
    for (unsigned j = 0; j < numPipes; ++j) {
      Effects writer = effects(Pipe(j), previous->slots[j]);
      if (writer.feeds(reader))
        bits |= uint16_t(1u << (3 * i + j));
    }
  }
  return bits;
}
} // namespace

void encode(const Word &word, const Word *previous, uint8_t out[wordBytes]) {
  std::memset(out, 0, wordBytes);
  out[0] = word.hasImmediates ? 1 : 0;
  out[1] = wordVersion;
  store<uint16_t>(out + 2, dependencyBits(word, previous));
  for (unsigned i = 0; i < numPipes; ++i)
    encodeSlot(word.slots[i], out + slotOffset[i]);
  if (word.hasImmediates) {
    store<int64_t>(out + tailOffset, word.i0);
    store<int64_t>(out + tailOffset + 8, word.i1);
    return;
  }
  const Coordinate coordinate(word.coordinate);
  store<uint64_t>(out + tailOffset, coordinate.low());
  store<uint64_t>(out + tailOffset + 8, coordinate.high());
}

Status decodeFields(const uint8_t in[wordBytes], Word &word) {
  if (in[1] != wordVersion)
    return Error{fmt::format("word version {} (this build reads version {}); recompile the program", in[1], wordVersion)};
  if (in[0] > 1)
    return Error{fmt::format("word format 0x{:02x} has reserved bits set", in[0])};
  if (load<uint16_t>(in + 2) >> 9 || load<uint32_t>(in + 4) || load<uint32_t>(in + dPadding))
    return Error{"reserved bits of the word are not zero"};
  for (unsigned i = 0; i < numPipes; ++i) {
    const uint8_t *s = in + slotOffset[i];
    const uint32_t form = load<uint32_t>(s);
    // Two bits that may not both be set: the upper ones of each type, those of the length.
    static_assert(numTypes == 12);
    constexpr uint32_t pairs = 1u << 10 | 1u << 14 | 1u << 16;
    if ((form & form >> 1 & pairs) | form >> 28)
      return Error{fmt::format("slot {}: reserved bits or unknown types in bytes {:02x} {:02x} {:02x}", "DSC"[i], s[1], s[2], s[3])};
    auto bits = [form](unsigned from, unsigned count, size_t place) { return uint64_t(form & ((1u << count) - 1) << from) << (8 * place - from); };
    // Eight stores of a byte would have to be collected by whoever looks at the slot as a whole.
    const uint64_t fields = bits(0, 8, offsetof(Slot, opcode)) | bits(8, 4, offsetof(Slot, type)) | bits(12, 4, offsetof(Slot, memType)) |
                            bits(16, 2, offsetof(Slot, length)) | bits(18, 2, offsetof(Slot, scale)) | bits(20, 4, offsetof(Slot, predicate)) |
                            bits(24, 3, offsetof(Slot, mask)) | bits(27, 1, offsetof(Slot, zeroing));
    Slot &slot = word.slots[i];
    static_assert(std::is_trivially_copyable_v<Slot> && offsetof(Slot, rd) == 8 && offsetof(Slot, imm) == 12 && sizeof(Slot) == 16);
    std::memcpy(static_cast<void *>(&slot), &fields, 8);
    std::memcpy(&slot.rd, s + 4, 8); // rd to rc and the immediate
  }
  word.hasImmediates = in[0] & 1;
  const uint64_t low = load<uint64_t>(in + tailOffset), high = load<uint64_t>(in + tailOffset + 8);
  if (word.hasImmediates) {
    word.i0 = int64_t(low);
    word.i1 = int64_t(high);
  } else if (low | high) {
    if (!Coordinate::isValid(high))
      return Error{"reserved bits of the coordinate are not zero"};
    word.coordinate = Coordinate::fromBits(low, high).components();
  }
  return {};
}

Result<Word> decode(const uint8_t in[wordBytes]) {
  Word word;
  if (Status status = decodeFields(in, word); !status)
    return Error{status.message()};
  if (Status status = checkWord(word); !status)
    return Error{status.message()};
  return word;
}

} // namespace vtpu::isa
