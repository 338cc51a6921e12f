//===- Addresses.cpp - Addresses that differ by constants -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Addresses.h"

#include <algorithm>

namespace vtpu::host {

namespace {
constexpr Register numGeneral = firstVector;
/// Memory that nothing names: bases and indices that are not there.
constexpr uint32_t nothing = 0;

bool startsWith(const std::string &text, std::string_view prefix) { return text.compare(0, prefix.size(), prefix) == 0; }

/// The only register in a set; none if there are more or fewer.
Register only(RegisterSet set) {
  set.reset(flagsRegister).reset(carryRegister);
  if (set.count() != 1)
    return noRegister;
  return Register(set._Find_first());
}
} // namespace

Addresses::Addresses(const std::vector<Instruction> &code) {
  symbols.push_back({Kind::sum}); // `nothing`: the number 0
  known[symbols[nothing]] = nothing;
  for (Register reg = 0; reg < numGeneral; ++reg)
    registers[reg] = {symbolOf({Kind::reg, reg}), 0};
  for (const Instruction &instruction : code) {
    std::optional<Address> address;
    if (instruction.memory && !instruction.memory->vectorIndex())
      address = addressOf(*instruction.memory);
    execute(instruction, address);
    addresses.push_back(instruction.memory && instruction.memory->bytes ? address : std::nullopt);
  }
}

uint32_t Addresses::symbolOf(const Symbol &symbol) {
  const auto [it, isNew] = known.insert({symbol, uint32_t(symbols.size())});
  if (isNew)
    symbols.push_back(symbol);
  return it->second;
}

uint32_t Addresses::fresh() {
  symbols.push_back({Kind::other});
  return uint32_t(symbols.size() - 1);
}

Addresses::Address Addresses::addressOf(const Memory &access) {
  Address result{nothing, access.displacement};
  if (access.base != noRegister && access.base < numGeneral) {
    result.symbol = registers[access.base].symbol;
    result.offset += registers[access.base].offset;
  }
  if (access.index != noRegister && access.index < numGeneral) {
    const Address &index = registers[access.index];
    result.offset += index.offset * access.scale;
    if (index.symbol != nothing)
      result.symbol = symbolOf({Kind::sum, result.symbol, index.symbol, 0, access.scale});
  }
  return result;
}

void Addresses::execute(const Instruction &instruction, const std::optional<Address> &address) {
  const std::string &form = instruction.form;
  const Register to = only(instruction.writes), from = only(instruction.reads);
  const bool toGeneral = to != noRegister && to < numGeneral;
  const std::optional<Memory> &access = instruction.memory;
  if (access && access->store && address) {
    // What else the same bytes held is gone; other symbols are taken for other memory.
    for (auto it = memory.lower_bound({address->symbol, address->offset - 7});
         it != memory.end() && it->first < Place(address->symbol, address->offset + access->bytes);)
      it = memory.erase(it);
    RegisterSet data = instruction.reads;
    for (Register reg : {access->base, access->index})
      if (reg != noRegister)
        data.reset(reg);
    const Register stored = only(data);
    memory[{address->symbol, address->offset}] =
        form == "mov m64, r64" && stored != noRegister && stored < numGeneral ? registers[stored] : Address{fresh(), 0};
  }
  if (toGeneral && form == "mov r64, r64" && from != noRegister) {
    registers[to] = registers[from];
  } else if (toGeneral && (startsWith(form, "add r64, imm") || startsWith(form, "sub r64, imm"))) {
    registers[to].offset += form[0] == 'a' ? instruction.immediate : -instruction.immediate;
  } else if (toGeneral && (form == "inc r64" || form == "dec r64")) {
    registers[to].offset += form[0] == 'i' ? 1 : -1;
  } else if (toGeneral && startsWith(form, "mov r64, imm")) {
    registers[to] = {nothing, instruction.immediate};
  } else if (toGeneral && startsWith(form, "lea r64") && address) {
    registers[to] = *address;
  } else if (toGeneral && form == "mov r64, m64" && address) {
    const Place place(address->symbol, address->offset);
    const auto found = memory.find(place);
    registers[to] = found != memory.end() ? found->second : Address{symbolOf({Kind::memory, place.first, 0, place.second}), 0};
  } else {
    for (Register reg = 0; reg < numGeneral; ++reg)
      if (instruction.writes[reg])
        registers[reg] = {instruction.isZeroIdiom ? nothing : fresh(), 0};
  }
}

std::optional<int64_t> Addresses::step(uint32_t symbol) const {
  const Symbol &s = symbols[symbol];
  switch (s.kind) {
  case Kind::reg:
    return registers[s.a].symbol == symbol ? std::optional(registers[s.a].offset) : std::nullopt;
  case Kind::memory: {
    const std::optional<int64_t> place = step(s.a);
    if (!place || *place)
      return std::nullopt;
    const auto found = memory.find({s.a, s.offset});
    if (found == memory.end())
      return 0;
    return found->second.symbol == symbol ? std::optional(found->second.offset) : std::nullopt;
  }
  case Kind::sum: {
    if (symbol == nothing)
      return 0;
    const std::optional<int64_t> a = step(s.a), b = step(s.b);
    return a && b ? std::optional(*a + *b * s.scale) : std::nullopt;
  }
  case Kind::other:
    break;
  }
  return std::nullopt;
}

} // namespace vtpu::host
