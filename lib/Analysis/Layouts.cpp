//===- Layouts.cpp - The same accesses in other layouts ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Layouts.h"

#include "../Runtime/BindingPlace.h"
#include "Moves.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fmt/format.h>

namespace vtpu::analysis {

namespace {
/// More memory than this times the tensor's is no way out.
constexpr uint64_t mostGrowth = 8;
constexpr uint64_t mostBytes = uint64_t(1) << 32;
constexpr unsigned measurements = 7;

/// Extents of a block of so many elements: as square as powers of two allow, the inner one larger.
std::array<uint16_t, 2> squareBlock(unsigned elements) {
  unsigned bits = 0;
  while (2u << bits <= elements)
    ++bits;
  return {uint16_t(1u << bits / 2), uint16_t(1u << (bits - bits / 2))};
}

/// The dimensions that extend, the outermost first.
std::vector<Axis> extendingAxes(const Object &object) {
  std::vector<Axis> axes;
  for (const Axis &axis : object.axes)
    if (axis.extent > 1)
      axes.push_back(axis);
  return axes;
}

/// A tensor in a layout, with storage of its own.
Result<std::unique_ptr<mem::Region>> makeRegion(const Object &object, const LayoutChoice &choice) {
  const std::vector<Axis> axes = extendingAxes(object);
  mem::RegionSpec spec;
  spec.name = object.name;
  spec.type = rt::regionType(object.dtype);
  spec.layout = choice.layout;
  uint64_t largest = 1;
  for (const Axis &axis : axes)
    largest = std::max(largest, axis.extent);
  while (largest & (largest - 1))
    largest += largest & -largest;
  for (const Axis &axis : axes) // Hilbert's curve needs a cube
    spec.box.last = spec.box.last.with(axis.dimension, uint16_t((choice.layout == mem::Layout::hilbert ? largest : axis.extent) - 1));
  if (choice.layout == mem::Layout::blocked)
    for (unsigned i = 0; i < 2; ++i) {
      const Axis &axis = axes[axes.size() - 2 + i];
      spec.block[axis.dimension] = uint16_t(std::min<uint64_t>(choice.block[i], axis.extent));
    }
  const Result<uint64_t> bytes = mem::Region::requiredBytes(spec);
  if (!bytes)
    return Error{bytes.message()};
  if (*bytes > mostGrowth * object.bytes || *bytes > mostBytes)
    return Error{fmt::format("it takes {} bytes for a tensor of {}", *bytes, object.bytes)};
  return mem::Region::create(std::move(spec));
}

/// The trace with a tensor in a region, at the address that it had.
std::vector<Access> relaid(const Trace &trace, const std::vector<Access> &spread, uint32_t index, const mem::Region &region,
                           uint64_t &runs) {
  const Object &object = trace.objects[index];
  const std::vector<Axis> axes = extendingAxes(object);
  const unsigned width = isa::byteWidth(region.type());
  const uint64_t base = spreadBase(trace, index);
  std::vector<Access> accesses;
  accesses.reserve(spread.size());
  runs = 0;
  for (const Access &access : spread) {
    if (trace.sites[access.site].object != index) {
      accesses.push_back(access);
      continue;
    }
    const size_t start = accesses.size();
    for (uint64_t at = access.address - base, end = at + access.bytes; at < end;) {
      const uint64_t element = at / width, next = std::min((element + 1) * width, end);
      Coordinate place;
      for (const Axis &axis : axes)
        place = place.with(axis.dimension, uint16_t(element * width / axis.stride % axis.extent));
      const uint64_t address = base + region.offset(place) + at % width;
      const uint8_t bytes = uint8_t(next - at);
      if (accesses.size() > start && accesses.back().address + accesses.back().bytes == address)
        accesses.back().bytes = uint8_t(accesses.back().bytes + bytes);
      else
        accesses.push_back({address, access.site, bytes, access.kind});
      at = next;
    }
    runs += accesses.size() - start;
  }
  return accesses;
}

/// Places in a region's storage, one for each line of each run.
struct Walk {
  std::unique_ptr<mem::Region> region;
  std::vector<uint64_t> offsets;
  double nanoseconds = 0;
  size_t result;
};

double timeOf(const Walk &walk) {
  const uint8_t *data = walk.region->data();
  const auto started = std::chrono::steady_clock::now();
  unsigned sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= walk.offsets.size(); i += 4)
    for (unsigned k = 0; k < 4; ++k)
      sums[k] += data[walk.offsets[i + k]];
  for (; i < walk.offsets.size(); ++i)
    sums[0] += data[walk.offsets[i]];
  const unsigned sum = sums[0] + sums[1] + sums[2] + sums[3];
  asm volatile("" : : "r"(sum));
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - started).count();
}
} // namespace

std::string layoutText(const LayoutChoice &choice) {
  switch (choice.layout) {
  case mem::Layout::rowMajor:
    return "row-major";
  case mem::Layout::blocked:
    return fmt::format("blocked-{}x{}", choice.block[0], choice.block[1]);
  case mem::Layout::morton:
    return "morton";
  case mem::Layout::hilbert:
    return "hilbert";
  }
  return "";
}

Result<LayoutChoice> parseLayout(std::string_view text) {
  for (mem::Layout layout : {mem::Layout::rowMajor, mem::Layout::morton, mem::Layout::hilbert})
    if (layoutText({layout, {}}) == text)
      return LayoutChoice{layout, {}};
  const std::string_view prefix = "blocked-";
  if (text.substr(0, prefix.size()) == prefix) {
    LayoutChoice choice{mem::Layout::blocked, {}};
    const char *end = text.data() + text.size();
    auto first = std::from_chars(text.data() + prefix.size(), end, choice.block[0]);
    if (first.ec == std::errc() && first.ptr != end && *first.ptr == 'x')
      if (auto second = std::from_chars(first.ptr + 1, end, choice.block[1]); second.ec == std::errc() && second.ptr == end &&
                                                                              choice.block[0] && choice.block[1] &&
                                                                              choice.block[0] <= 2048 && choice.block[1] <= 2048)
        return choice;
  }
  return Error{fmt::format("unknown layout '{}'; known are row-major, blocked-AxB with A and B of 1 to 2048, morton, hilbert", text)};
}

std::vector<LayoutChoice> usualLayouts(unsigned lineBytes, unsigned elementBytes) {
  constexpr unsigned pageBytes = 4096;
  return {{mem::Layout::rowMajor, {}},
          {mem::Layout::blocked, squareBlock(std::max(lineBytes / elementBytes, 1u))},
          {mem::Layout::blocked, squareBlock(pageBytes / elementBytes)},
          {mem::Layout::morton, {}},
          {mem::Layout::hilbert, {}}};
}

std::vector<LayoutComparison> compareLayouts(const Trace &trace, const Caches &caches, const LayoutOptions &options) {
  std::vector<LayoutComparison> comparisons;
  const std::vector<Access> spread = spreadObjects(trace);
  const std::vector<LevelResult> before = simulateCaches(spread, trace.sites.size(), caches);
  const double current = memoryCycles(before, caches);
  std::vector<double> costs(trace.objects.size());
  for (size_t level = 0; level < before.size(); ++level)
    for (size_t site = 0; site < trace.sites.size(); ++site)
      costs[trace.sites[site].object] += double(before[level].bySite[site].misses()) * missCycles(caches, level);
  for (uint32_t index = 0; index < trace.objects.size(); ++index) {
    const Object &object = trace.objects[index];
    if (extendingAxes(object).size() < 2 || costs[index] < options.least * current || costs[index] == 0)
      continue;
    LayoutComparison comparison{index, {}, 0, current};
    std::vector<Walk> walks;
    const unsigned width = isa::byteWidth(rt::regionType(object.dtype));
    for (const LayoutChoice &choice : options.choices.empty() ? usualLayouts(caches[0].line, width) : options.choices) {
      LayoutResult result;
      result.choice = choice;
      Result<std::unique_ptr<mem::Region>> region = makeRegion(object, choice);
      if (!region) {
        result.refused = region.message();
        comparison.results.push_back(std::move(result));
        continue;
      }
      result.bytes = (*region)->bytes();
      const std::vector<Access> accesses = relaid(trace, spread, index, **region, result.runs);
      const std::vector<LevelResult> levels = simulateCaches(accesses, trace.sites.size(), caches);
      for (const LevelResult &level : levels)
        result.levels.push_back(level.total);
      result.cycles = memoryCycles(levels, caches);
      if (options.measure) {
        Walk walk{std::move(*region), {}, 0, comparison.results.size()};
        for (const Access &access : accesses)
          if (trace.sites[access.site].object == index)
            for (uint64_t at = access.address - spreadBase(trace, index), last = at + access.bytes - 1;;) {
              walk.offsets.push_back(at);
              at = (at / caches[0].line + 1) * caches[0].line;
              if (at > last)
                break;
            }
        walks.push_back(std::move(walk));
      }
      comparison.results.push_back(std::move(result));
    }
    for (unsigned i = 0; i < measurements; ++i)
      for (Walk &walk : walks)
        if (const double time = timeOf(walk); walk.nanoseconds == 0 || time < walk.nanoseconds)
          walk.nanoseconds = time;
    for (const Walk &walk : walks)
      comparison.results[walk.result].nanoseconds = walk.nanoseconds;
    for (size_t i = 0; i < comparison.results.size(); ++i)
      if (const LayoutResult &result = comparison.results[i], &best = comparison.results[comparison.best];
          result.refused.empty() && (!best.refused.empty() || result.cycles < best.cycles))
        comparison.best = i;
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

bool isWorthwhile(const LayoutComparison &comparison) {
  const LayoutResult &best = comparison.results[comparison.best];
  return best.refused.empty() && best.cycles <= mostOfCurrent * comparison.current;
}

} // namespace vtpu::analysis
