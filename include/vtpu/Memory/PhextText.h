//===- PhextText.h - Text documents by coordinate ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// libphext's documents: one byte stream in which control characters move on in nine dimensions. A scroll is the text between two delimiters;
// its coordinate has line and column 0.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_MEMORY_PHEXTTEXT_H
#define VTPU_MEMORY_PHEXTTEXT_H

#include "vtpu/Memory/CoordinateText.h"

#include <map>

namespace vtpu {

/// The delimiter byte of a dimension below 10 (9: the line's, 0x0A; 8: the scroll's, 0x17; 0: the library's, 0x01).
char phextDelimiter(unsigned dimension);
/// The dimension of a delimiter byte that ends a scroll (0 to 8), or -1: text, line breaks included.
int phextDelimiterDimension(char byte);

class PhextText {
public:
  using Scrolls = std::map<Coordinate, std::string>;

  /// An empty document.
  PhextText() = default;
  /// Splits a document at its delimiters. The error names the byte (from 0) whose delimiter leads past 2047.
  static Result<PhextText> parse(std::string_view text);
  /// The document's bytes: exactly what was parsed, as long as nothing was changed.
  std::string print() const;

  /// The scrolls in order, empty ones between delimiters included (explode).
  const Scrolls &scrolls() const { return parts; }
  /// A document of the given scrolls (implode). The error names a coordinate that no document can hold: one with a component 0 in the first
  /// nine dimensions, or with a line or column, and a scroll with a delimiter in it.
  static Result<PhextText> fromScrolls(const Scrolls &scrolls);

  /// The scroll at a coordinate; empty if there is none.
  std::string_view fetch(const Coordinate &c) const;
  /// Appends to the scroll at a coordinate, which is made if there is none.
  Status insert(const Coordinate &c, std::string_view scroll);
  /// Sets the scroll at a coordinate.
  Status replace(const Coordinate &c, std::string_view scroll);
  /// Removes the scroll at a coordinate and normalizes.
  void remove(const Coordinate &c);
  /// Drops empty scrolls, and with them the delimiters that only led to them.
  void normalize();

  /// The first scroll with text behind a coordinate, or the last before it.
  std::optional<Coordinate> next(const Coordinate &c) const;
  std::optional<Coordinate> previous(const Coordinate &c) const;

private:
  Scrolls parts;
};

} // namespace vtpu

#endif // VTPU_MEMORY_PHEXTTEXT_H
