//===- Addresses.h - Addresses that differ by constants ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_HOST_ADDRESSES_H
#define VTPU_LIB_HOST_ADDRESSES_H

#include "vtpu/Host/Code.h"

#include <map>
#include <tuple>

namespace vtpu::host {

/// What is known about addresses of one round of some code. A value is a symbol plus a constant; symbols are what registers and memory hold when a
/// round starts, sums of two, and whatever else is computed.
class Addresses {
public:
  explicit Addresses(const std::vector<Instruction> &code);

  struct Address {
    uint32_t symbol = 0; // equal symbols: addresses differ by their offsets
    int64_t offset = 0;
  };
  /// Of the access of each instruction; nothing of gathers, or if there is none.
  const std::vector<std::optional<Address>> &all() const { return addresses; }
  /// Bytes that a symbol grows in a round; nothing if that is no constant.
  std::optional<int64_t> step(uint32_t symbol) const;

private:
  enum class Kind : uint8_t { reg, memory, sum, other };
  struct Symbol {
    Kind kind;
    uint32_t a = 0, b = 0; // register; symbol of an address; summands, b times the scale
    int64_t offset = 0, scale = 0;
    auto key() const { return std::tie(kind, a, b, offset, scale); }
    bool operator<(const Symbol &o) const { return key() < o.key(); }
  };
  using Place = std::pair<uint32_t, int64_t>; // of memory

  std::vector<Symbol> symbols;
  std::map<Symbol, uint32_t> known;
  Address registers[16];
  std::map<Place, Address> memory; // that quadwords of the round's stores hold
  std::vector<std::optional<Address>> addresses;

  uint32_t symbolOf(const Symbol &symbol);
  uint32_t fresh();
  Address addressOf(const Memory &access);
  void execute(const Instruction &instruction, const std::optional<Address> &address);
};

} // namespace vtpu::host

#endif // VTPU_LIB_HOST_ADDRESSES_H
