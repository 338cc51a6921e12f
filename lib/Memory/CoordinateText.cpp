//===- CoordinateText.cpp - Coordinates as text -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/CoordinateText.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu {

namespace {
constexpr std::string_view names[Coordinate::dimensions] = {"library", "shelf",   "series", "collection", "volume", "book",
                                                            "chapter", "section", "scroll", "line",       "column"};
/// Parts of libphext's form.
constexpr unsigned scrollParts = 9;

/// Whether '/' stands before the component; '.' stands before the others.
bool opensGroup(unsigned dimension) { return dimension == 3 || dimension == 6; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::string found(std::string_view text, size_t at) {
  if (at >= text.size())
    return "the end";
  const unsigned char c = static_cast<unsigned char>(text[at]);
  return c < 0x20 || c >= 0x7f ? fmt::format("byte 0x{:02x}", c) : fmt::format("'{}'", text[at]);
}

constexpr std::string_view onsets = "bdfghjklmnprstvw", vowels = "aeio", codas = "cdfm";
} // namespace

std::string_view dimensionName(unsigned dimension) { return names[dimension]; }

static std::string print(const Coordinate &c, unsigned parts, char separator) {
  std::string out;
  for (unsigned d = 0; d < parts; ++d) {
    if (d)
      out += opensGroup(d) ? separator : '.';
    out += std::to_string(c[d]);
  }
  return out;
}

std::string printCoordinate(const Coordinate &c) { return print(c, Coordinate::dimensions, '/'); }
std::string printScrollCoordinate(const Coordinate &c, char separator) { return print(c, scrollParts, separator); }

Result<Coordinate> parseCoordinate(std::string_view text, size_t *failure) {
  auto fail = [&](size_t at, std::string message) {
    if (failure)
      *failure = at;
    else
      message = fmt::format("character {}: {}", at + 1, message);
    return Error{std::move(message)};
  };
  Coordinate::Components components{};
  size_t at = 0;
  char group = 0; // the separator of groups that this text has chosen
  for (unsigned d = 0; d < Coordinate::dimensions; ++d) {
    if (d == scrollParts && at == text.size())
      break; // the 9-part form
    if (d) {
      const bool groups = opensGroup(d), good = at < text.size() && (!groups      ? text[at] == '.'
                                                                     : group == 0 ? text[at] == '/' || text[at] == ';'
                                                                                  : text[at] == group);
      if (!good)
        return fail(at, fmt::format("expected '{}' and the {} of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found {}",
                                    groups ? (group ? group : '/') : '.', names[d], found(text, at)));
      if (groups)
        group = text[at];
      ++at;
    }
    const size_t start = at;
    unsigned value = 0;
    for (; at < text.size() && isDigit(text[at]); ++at)
      value = std::min(value * 10 + unsigned(text[at] - '0'), Coordinate::limit + 1);
    if (at == start)
      return fail(at, fmt::format("expected the {} (component {} of a coordinate) in 0..{}, found {}", names[d], d, Coordinate::limit,
                                  found(text, at)));
    if (value > Coordinate::limit)
      return fail(start, fmt::format("the {} (component {} of a coordinate) is {}, which is not in 0..{}", names[d], d,
                                     text.substr(start, at - start), Coordinate::limit));
    components[d] = uint16_t(value);
  }
  if (at != text.size())
    return fail(at, fmt::format("expected the end of the coordinate behind the column, found {}", found(text, at)));
  return Coordinate(components);
}

Coordinate parseCoordinateLeniently(std::string_view text) {
  Coordinate::Components components = phextOrigin().components();
  unsigned value = 0, stored = 0;
  bool seen = false;
  for (char c : text) {
    if (isDigit(c)) {
      value = std::min(value * 10 + unsigned(c - '0'), Coordinate::limit);
      seen = true;
    } else if (c == '.' || c == '/' || c == ';') {
      if (seen && stored < scrollParts - 1)
        components[stored++] = uint16_t(value);
      value = 0;
    }
  }
  if (value)
    components[scrollParts - 1] = uint16_t(value);
  return Coordinate(components);
}

Coordinate phextOrigin() { return Coordinate({1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}); }

std::string printSyllables(const std::vector<uint8_t> &bytes) {
  std::string out;
  out.reserve(bytes.size() * 3);
  for (uint8_t byte : bytes) {
    out += onsets[byte >> 4];
    out += vowels[byte >> 2 & 3];
    out += codas[byte & 3];
  }
  return out;
}

Result<std::vector<uint8_t>> parseSyllables(std::string_view text) {
  std::vector<uint8_t> bytes;
  for (size_t at = 0; at < text.size();) {
    if (!bytes.empty() && std::string_view(" .-/").find(text[at]) != std::string_view::npos)
      ++at;
    unsigned value = 0;
    for (std::string_view letters : {onsets, vowels, codas}) {
      const size_t digit = at < text.size() ? letters.find(text[at]) : std::string_view::npos;
      if (digit == std::string_view::npos)
        return Error{fmt::format("character {}: expected one of '{}' in a syllable, found {}", at + 1, letters, found(text, at))};
      value = value * unsigned(letters.size()) + unsigned(digit);
      ++at;
    }
    bytes.push_back(uint8_t(value));
  }
  return bytes;
}

std::string printSyllables(const Coordinate &coordinate) {
  std::vector<uint8_t> bytes(sizeof(Coordinate::Bits));
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(coordinate.bits() >> 8 * (bytes.size() - 1 - i));
  return printSyllables(bytes);
}

Result<Coordinate> parseSyllableCoordinate(std::string_view text) {
  Result<std::vector<uint8_t>> bytes = parseSyllables(text);
  if (!bytes)
    return bytes.takeError();
  if (bytes->size() != sizeof(Coordinate::Bits))
    return Error{fmt::format("a coordinate has {} syllables, found {}", sizeof(Coordinate::Bits), bytes->size())};
  Coordinate::Bits bits = 0;
  for (uint8_t byte : *bytes)
    bits = bits << 8 | byte;
  if (!Coordinate::isValid(uint64_t(bits >> 64)))
    return Error{fmt::format("the first syllable of a coordinate is bac or bad, found '{}'", printSyllables({bytes->front()}))};
  return Coordinate::fromBits(bits);
}

} // namespace vtpu
