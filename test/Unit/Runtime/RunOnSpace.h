//===- RunOnSpace.h - Words over a space of cells ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A field as a plain map, and words that run on a space that holds it.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_RUNTIME_RUNONSPACE_H
#define VTPU_TEST_UNIT_RUNTIME_RUNONSPACE_H

#include "RandomWords.h"
#include "RunWords.h"
#include "vtpu/Runtime/SentronMemory.h"

#include <deque>
#include <map>

namespace vtpu::test {

/// A model of the space: what stands at the coordinates that are occupied.
template <typename T>
using Numbers = std::map<Coordinate, T>;

template <typename T>
const char *typeOf() {
  return sizeof(T) == 4 ? "f32" : "f64";
}

/// Runs the words in every tier, each on a space of its own with these cells and what `bind` adds; afterwards `numbers` holds the cells.
/// `error`: gets why the space ended a call.
template <typename T>
rt::Trap runOn(Numbers<T> &numbers, const std::string &words, Memory &memory, const std::function<void(mem::Space &)> &bind = {},
               std::string *error = nullptr) {
  std::deque<mem::Space> spaces;
  std::deque<rt::SentronMemory> memories;
  const rt::Trap trap = run(words, memory, [&](rt::SentronContext &context) {
    spaces.emplace_back();
    for (const auto &[c, value] : numbers)
      std::memcpy(spaces.back().touch(c).data, &value, sizeof(T));
    if (bind)
      bind(spaces.back());
    context.memory = &memories.emplace_back(spaces.back());
  });
  for (const mem::Space &space : spaces) {
    Numbers<T> after;
    space.forEach(mem::Query::all(), [&](const Coordinate &c, const uint8_t *data) { std::memcpy(&after[c], data, sizeof(T)); });
    if (&space != &spaces.front()) {
      EXPECT_EQ(after, numbers); // tiers agree
    }
    numbers = after;
  }
  if (error)
    *error = memories.back().error;
  return trap;
}

/// Cells with small whole numbers and halves: about `density` of 100 places of a box of `extent` in each of the dimensions, from `origin`.
template <typename T>
Numbers<T> randomNumbers(std::mt19937_64 &random, const Coordinate &origin, const std::vector<unsigned> &dimensions, unsigned extent,
                         unsigned density) {
  Numbers<T> out;
  std::vector<unsigned> place(dimensions.size());
  while (true) {
    Coordinate c = origin;
    for (size_t i = 0; i < place.size(); ++i)
      c = c.with(dimensions[i], origin[dimensions[i]] + place[i]);
    if (random() % 100 < density)
      out[c] = T(int(random() % 64) - 32) / 2;
    size_t i = 0;
    while (i < place.size() && ++place[i] == extent)
      place[i++] = 0;
    if (i == place.size())
      return out;
  }
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RUNTIME_RUNONSPACE_H
