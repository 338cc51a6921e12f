//===- SpaceContents.h - The space that a random program meets --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_GENERATOR_SPACECONTENTS_H
#define VTPU_LIB_GENERATOR_SPACECONTENTS_H

#include "Places.h"
#include "vtpu/Generator/Differential.h"

#include <functional>

namespace vtpu::gen {

/// Random bytes that exercise every type.
using ByteSource = std::function<std::vector<uint8_t>(size_t)>;

/// A space of the regions of Places.h and some cells, the same for the same bytes.
class PreparedSpace {
public:
  explicit PreparedSpace(const ByteSource &bytes, Random &random);
  const Space &space() const { return held; }
  /// What an error of the preparation says.
  const Status &status() const { return good; }
  /// All elements of the regions, then all cells in their order.
  std::vector<SpaceElement> contents() const;

private:
  Space held;
  std::vector<std::vector<uint8_t>> storage; // of the regions that are read-only
  Status good;

  void keep(Status status) {
    if (good && !status)
      good = std::move(status);
  }
  template <typename F>
  static void eachRow(const RegionPlace &place, F f);
};

} // namespace vtpu::gen

#endif // VTPU_LIB_GENERATOR_SPACECONTENTS_H
