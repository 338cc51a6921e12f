//===- CoordinateText.h - Coordinates as text -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `a.b.c/d.e.f/g.h.i.j.k`, libphext's 9-part forms, and Base256 syllables. The one parser and printer of coordinates.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_COORDINATETEXT_H
#define VTPU_MEMORY_COORDINATETEXT_H

#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Support/Result.h"

#include <string_view>
#include <vector>

namespace vtpu {

/// Name of a dimension below 11, as libphext calls it: library, shelf, series, collection, volume, book, chapter, section, scroll, line, column.
std::string_view dimensionName(unsigned dimension);

/// `a.b.c/d.e.f/g.h.i.j.k`: all 11 components.
std::string printCoordinate(const Coordinate &coordinate);
/// libphext's 9 parts `a.b.c/d.e.f/g.h.i`, or with ';' in the place of '/' for URLs; line and column are left out.
std::string printScrollCoordinate(const Coordinate &coordinate, char separator = '/');

/// Reads `a.b.c/d.e.f/g.h.i.j.k` or the 9 parts `a.b.c/d.e.f/g.h.i` (line and column 0); ';' may stand for '/' throughout. Components are
/// decimal numbers of 0..2047. The error says what was expected, with the component's name, and what stands there; it starts with the
/// character's number from 1, unless `failure` takes its index from 0.
Result<Coordinate> parseCoordinate(std::string_view text, size_t *failure = nullptr);
/// Reads as libphext does, never failing: digits build a number, which '.', '/' or ';' stores into the next component from the library on
/// (separators before the first digit store nothing, those behind the ninth component neither); a last number that is not 0 becomes the
/// scroll; every other character is ignored. Components without a number are 1, line and column 0; numbers saturate at 2047.
Coordinate parseCoordinateLeniently(std::string_view text);

/// 1.1.1/1.1.1/1.1.1 of libphext, line and column 0.
Coordinate phextOrigin();

/// Base256 syllables: three letters a byte, onset * 16 + vowel * 4 + coda over "bdfghjklmnprstvw", "aeio", "cdfm"; 0 is bac, 255 is wom.
std::string printSyllables(const std::vector<uint8_t> &bytes);
/// Reads syllables that follow each other directly, or apart by one of ' ', '.', '-', '/'. The error names character and expectation.
Result<std::vector<uint8_t>> parseSyllables(std::string_view text);
/// A coordinate as 16 syllables: its 121 bits, most significant byte first.
std::string printSyllables(const Coordinate &coordinate);
Result<Coordinate> parseSyllableCoordinate(std::string_view text);

} // namespace vtpu

#endif // VTPU_MEMORY_COORDINATETEXT_H
