//===- coordinate.cpp - Any text as a coordinate ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What parses prints as text that parses to the same coordinate, in every notation; the lenient reader takes anything.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Memory/CoordinateText.h"

#include <cstdlib>

using namespace vtpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  auto check = [](const auto &result, const auto &expected) {
    if (!result.ok() || !(*result == expected))
      std::abort();
  };
  size_t failure = 0;
  if (auto coordinate = parseCoordinate(text, &failure))
    check(parseCoordinate(printCoordinate(*coordinate)), *coordinate);
  else if (failure > size)
    std::abort();
  const auto lenient = parseCoordinateLeniently(text);
  check(parseCoordinate(printCoordinate(lenient)), lenient);
  if (auto coordinate = parseSyllableCoordinate(text))
    check(parseSyllableCoordinate(printSyllables(*coordinate)), *coordinate);
  if (auto bytes = parseSyllables(text))
    check(parseSyllables(printSyllables(*bytes)), *bytes);
  return 0;
}
