//===- Layouts.h - The same accesses in other layouts -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the accesses of a trace would cost if the elements of one tensor lay in another order: that of a region of a space
// (vtpu/Memory/Region.h).
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_LAYOUTS_H
#define VTPU_ANALYSIS_LAYOUTS_H

#include "vtpu/Analysis/CacheSimulator.h"
#include "vtpu/Memory/Region.h"

namespace vtpu::analysis {

/// An order of elements; blocked: by blocks of `block` elements in the two innermost dimensions that extend.
struct LayoutChoice {
  mem::Layout layout = mem::Layout::rowMajor;
  std::array<uint16_t, 2> block{}; // the outer dimension first
};
/// `blocked-4x4`.
std::string layoutText(const LayoutChoice &choice);
/// `row-major`, `blocked-4x4`, `morton`, `hilbert`; the error lists them.
Result<LayoutChoice> parseLayout(std::string_view text);
/// Row-major, blocks of one line, blocks of a page, Morton and Hilbert order.
std::vector<LayoutChoice> usualLayouts(unsigned lineBytes, unsigned elementBytes);

struct LayoutResult {
  LayoutChoice choice;
  std::string refused;            // why the tensor cannot have it; empty: it can
  uint64_t bytes = 0;             // that it takes, padding included
  uint64_t runs = 0;              // pieces that the accesses to the tensor fall into
  std::vector<MissCounts> levels; // of the whole trace
  double cycles = 0;              // memory cycles of the whole trace
  double nanoseconds = 0;         // measured, of one pass over the tensor's accesses; 0: not measured
};

struct LayoutComparison {
  uint32_t object;
  std::vector<LayoutResult> results; // in the order asked for
  size_t best = 0;                   // the fewest memory cycles
  double current = 0;                // memory cycles as it is
};

struct LayoutOptions {
  std::vector<LayoutChoice> choices; // empty: the usual ones
  /// Also reads the places in the order of the trace, layouts in turns, and takes the least time.
  bool measure = false;
  double least = 0.05; // share of the memory cycles that a tensor's misses must take
};

/// Compares layouts for each tensor with coordinates of which at least two dimensions extend, and whose misses matter.
std::vector<LayoutComparison> compareLayouts(const Trace &trace, const Caches &caches, const LayoutOptions &options = {});

/// Whether the best layout leaves at most `mostOfCurrent` of the memory cycles: copying a tensor into it is no gift.
constexpr double mostOfCurrent = 0.8;
bool isWorthwhile(const LayoutComparison &comparison);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_LAYOUTS_H
