//===- PhextText.cpp - Text documents by coordinate -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/PhextText.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu {

namespace {
constexpr char delimiters[] = {0x01, 0x1f, 0x1e, 0x1d, 0x1c, 0x1a, 0x19, 0x18, 0x17, 0x0a};
/// Dimensions of a scroll's coordinate; the others are inside the scroll.
constexpr unsigned scrollDimensions = 9;

Coordinate scrollAfter(const Coordinate &c, unsigned dimension) { return c.afterBreak(dimension).with(9, 0).with(10, 0); }

/// Whether a document can hold the scroll at that coordinate.
Status check(const Coordinate &c, std::string_view scroll) {
  for (unsigned d = 0; d < Coordinate::dimensions; ++d)
    if ((d < scrollDimensions) != (c[d] != 0))
      return Error{fmt::format("no scroll can be at {}: the {} is {}; scrolls count from 1 and have line and column 0", printCoordinate(c),
                               dimensionName(d), c[d])};
  for (size_t i = 0; i < scroll.size(); ++i)
    if (int d = phextDelimiterDimension(scroll[i]); d >= 0)
      return Error{fmt::format("the scroll for {} has a {} delimiter at byte {}; parse such text as a document", printScrollCoordinate(c),
                               dimensionName(unsigned(d)), i)};
  return {};
}
} // namespace

char phextDelimiter(unsigned dimension) { return delimiters[dimension]; }

int phextDelimiterDimension(char byte) {
  for (unsigned d = 0; d < scrollDimensions; ++d)
    if (delimiters[d] == byte)
      return int(d);
  return -1;
}

Result<PhextText> PhextText::parse(std::string_view text) {
  PhextText document;
  Coordinate here = phextOrigin();
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int dimension = phextDelimiterDimension(text[i]);
    if (dimension < 0)
      continue;
    if (here[unsigned(dimension)] == Coordinate::limit)
      return Error{fmt::format("byte {}: a {} delimiter behind {} leads past {}; split the document", i, dimensionName(unsigned(dimension)),
                               printScrollCoordinate(here), Coordinate::limit)};
    document.parts.emplace(here, text.substr(start, i - start));
    here = scrollAfter(here, unsigned(dimension));
    start = i + 1;
  }
  if (start < text.size() || !document.parts.empty())
    document.parts.emplace(here, text.substr(start));
  return document;
}

std::string PhextText::print() const {
  std::string out;
  Coordinate here = phextOrigin();
  for (const auto &[c, scroll] : parts) {
    for (unsigned d = 0; d < scrollDimensions; ++d)
      while (here[d] < c[d]) {
        out += delimiters[d];
        here = scrollAfter(here, d);
      }
    out += scroll;
  }
  return out;
}

Result<PhextText> PhextText::fromScrolls(const Scrolls &scrolls) {
  for (const auto &[c, scroll] : scrolls)
    if (Status status = check(c, scroll); !status)
      return Error{status.message()};
  PhextText document;
  document.parts = scrolls;
  return document;
}

std::string_view PhextText::fetch(const Coordinate &c) const {
  auto it = parts.find(c);
  return it == parts.end() ? std::string_view() : it->second;
}

Status PhextText::insert(const Coordinate &c, std::string_view scroll) {
  Status status = check(c, scroll);
  if (status)
    parts[c] += scroll;
  return status;
}

Status PhextText::replace(const Coordinate &c, std::string_view scroll) {
  Status status = check(c, scroll);
  if (status)
    parts[c] = scroll;
  return status;
}

void PhextText::remove(const Coordinate &c) {
  parts.erase(c);
  normalize();
}

void PhextText::normalize() {
  for (auto it = parts.begin(); it != parts.end();)
    it = it->second.empty() ? parts.erase(it) : std::next(it);
}

std::optional<Coordinate> PhextText::next(const Coordinate &c) const {
  for (auto it = parts.upper_bound(c); it != parts.end(); ++it)
    if (!it->second.empty())
      return it->first;
  return {};
}

std::optional<Coordinate> PhextText::previous(const Coordinate &c) const {
  for (auto it = parts.lower_bound(c); it != parts.begin();)
    if (!(--it)->second.empty())
      return it->first;
  return {};
}

} // namespace vtpu
