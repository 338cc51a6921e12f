//===- Constants.cpp - What loads of constants give -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Constants.h"

#include <cstring>

namespace vtpu::rt {

using namespace isa;

namespace {
/// Constants that one binding may stand for, and how often all read-only data is read: bounds the work that a program can make.
constexpr size_t mostPlaces = 8;
constexpr uint64_t mostReads = 4;

template <typename T>
ValueRange extremes(const uint8_t *data, uint64_t bytes) {
  T low = std::numeric_limits<T>::max(), high = std::numeric_limits<T>::min();
  for (uint64_t at = 0; at + sizeof(T) <= bytes; at += sizeof(T)) {
    T value;
    std::memcpy(&value, data + at, sizeof value);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return low <= high ? ValueRange::between(int64_t(low), int64_t(high)) : ValueRange::any();
}
} // namespace

Constants::Constants(const Program &program) : program(program), sites(program.functions.size()), budget(mostReads * program.rodata.size()) {
  if (program.rodata.empty())
    return;
  for (uint32_t f = 0; f < program.functions.size(); ++f)
    for (uint32_t t = 0; t < program.functions[f].callTables.size(); ++t)
      sites[program.functions[f].callTables[t].callee].push_back({f, t});
}

const Constants::Places &Constants::placesOf(uint32_t function, uint32_t binding) {
  if (const auto known = places.find({function, binding}); known != places.end())
    return known->second;
  const Binding &row = program.functions[function].bindings[binding];
  Places result;
  if (row.kind == BindingKind::Constant) {
    result = {row.offset};
  } else if (row.kind == BindingKind::Import && !sites[function].empty()) {
    result.emplace();
    for (const Site &site : sites[function]) {
      const CallArgument argument = program.functions[site.caller].callTables[site.table].arguments[binding];
      const Places &passed = placesOf(site.caller, argument.index);
      if (!passed) {
        result.reset();
        break;
      }
      for (uint64_t offset : *passed)
        if (std::find(result->begin(), result->end(), offset + argument.offset) == result->end())
          result->push_back(offset + argument.offset);
      if (result->size() > mostPlaces) {
        result.reset();
        break;
      }
    }
  }
  return places.insert({{function, binding}, std::move(result)}).first->second;
}

ValueRange Constants::rangeOf(uint64_t offset, uint64_t size, Type type) {
  if (const auto known = ranges.find({offset, size, type}); known != ranges.end())
    return known->second;
  if (size > budget)
    return ValueRange::any();
  budget -= size;
  const uint8_t *data = program.rodata.data() + offset;
  ValueRange range;
  switch (type) {
  case Type::i8:
    range = extremes<int8_t>(data, size);
    break;
  case Type::i16:
    range = extremes<int16_t>(data, size);
    break;
  case Type::i32:
    range = extremes<int32_t>(data, size);
    break;
  case Type::i64:
    range = extremes<int64_t>(data, size);
    break;
  case Type::u8:
    range = extremes<uint8_t>(data, size);
    break;
  case Type::u16:
    range = extremes<uint16_t>(data, size);
    break;
  case Type::u32:
    range = extremes<uint32_t>(data, size);
    break;
  default:
    break;
  }
  return ranges[{offset, size, type}] = range;
}

ValueRange Constants::elements(uint32_t function, uint32_t binding, Type type) {
  if (program.rodata.empty())
    return ValueRange::any();
  const Places &known = placesOf(function, binding);
  if (!known)
    return ValueRange::any();
  const uint64_t size = program.functions[function].bindings[binding].size;
  ValueRange all = rangeOf(known->front(), size, type);
  for (uint64_t offset : *known)
    all = all.joined(rangeOf(offset, size, type));
  return all;
}

} // namespace vtpu::rt
