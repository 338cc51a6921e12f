//===- Patterns.cpp - Strides, footprints, reuse ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Patterns.h"

#include "LineNumbers.h"

#include <algorithm>
#include <unordered_set>

namespace vtpu::analysis {

namespace {
/// Marks on moments, counted by ranges. When the moments run out they are numbered anew, so that the tree stays within twice the marks.
class Moments {
public:
  explicit Moments(uint32_t lines) : last(lines, 0), tree(2 * size_t(std::max(lines, 512u)) + 1), lineAt(tree.size()) {}

  /// Distinct lines since the last touch of `line`, which is touched now.
  uint64_t touch(uint32_t line) {
    if (now + 1 == tree.size())
      renumber();
    uint64_t distance = neverBefore;
    if (last[line]) {
      distance = marks - countUpTo(last[line]);
      add(last[line], -1);
      --marks;
    }
    last[line] = ++now;
    lineAt[now] = line;
    add(now, 1);
    ++marks;
    return distance;
  }

private:
  std::vector<uint32_t> last; // moment of a line's last touch; 0: none
  std::vector<int32_t> tree;  // Fenwick's, over moments from 1
  std::vector<uint32_t> lineAt;
  uint32_t now = 0;
  uint64_t marks = 0;

  void add(uint32_t moment, int32_t value) {
    for (size_t i = moment; i < tree.size(); i += i & -i)
      tree[i] += value;
  }
  uint64_t countUpTo(uint32_t moment) const {
    uint64_t count = 0;
    for (size_t i = moment; i; i -= i & -i)
      count += uint64_t(tree[i]);
    return count;
  }
  void renumber() {
    uint32_t next = 0;
    for (uint32_t moment = 1; moment <= now; ++moment)
      if (const uint32_t line = lineAt[moment]; last[line] == moment) {
        last[line] = ++next;
        lineAt[next] = line;
      }
    now = next;
    std::fill(tree.begin(), tree.end(), 0);
    for (uint32_t moment = 1; moment <= now; ++moment)
      add(moment, 1);
  }
};

struct Walk {
  uint64_t previous = 0;
  std::unordered_map<int64_t, uint64_t> strides;
  std::unordered_set<uint64_t> lines;
  std::array<uint64_t, Coordinate::dimensions> steps{}, distance{};
  uint64_t several = 0, moved = 0;
};

/// Counts the step between two places of an object by the dimensions that it moves in.
void countStep(Walk &walk, const Object &object, uint64_t from, uint64_t to) {
  int moved = -1;
  uint64_t distance = 0;
  for (const Axis &axis : object.axes) {
    const uint64_t a = from / axis.stride % axis.extent, b = to / axis.stride % axis.extent;
    if (a == b)
      continue;
    if (moved >= 0) {
      ++walk.several;
      ++walk.moved;
      return;
    }
    moved = int(axis.dimension);
    distance = a < b ? b - a : a - b;
  }
  if (moved < 0)
    return;
  ++walk.moved;
  ++walk.steps[size_t(moved)];
  walk.distance[size_t(moved)] += distance;
}

void finish(SitePattern &pattern, const Walk &walk, const Object &object) {
  pattern.lines = walk.lines.size();
  const double steps = double(pattern.accesses - 1);
  std::vector<std::pair<int64_t, uint64_t>> strides(walk.strides.begin(), walk.strides.end());
  std::sort(strides.begin(), strides.end(),
            [](const auto &a, const auto &b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
  double covered = 0;
  for (size_t i = 0; i < strides.size() && i < 4; ++i) {
    pattern.strides.push_back({strides[i].first, double(strides[i].second) / steps});
    covered += pattern.strides.back().second;
  }
  constexpr double nearlyAll = 0.9;
  if (!strides.empty())
    pattern.kind = pattern.strides[0].second >= nearlyAll ? StrideKind::constant
                   : covered >= nearlyAll                 ? StrideKind::few
                                                          : StrideKind::random;
  if (object.axes.empty() || !walk.moved)
    return;
  for (unsigned d = 0; d < Coordinate::dimensions; ++d)
    if (walk.steps[d])
      pattern.steps.push_back({d, double(walk.steps[d]) / double(walk.moved), double(walk.distance[d]) / double(walk.steps[d])});
  pattern.severalDimensions = double(walk.several) / double(walk.moved);
}
} // namespace

void forEachReuse(const std::vector<Access> &accesses, unsigned lineBytes, const std::function<void(uint32_t, uint64_t)> &visit) {
  const LineNumbers numbers(accesses, lineBytes);
  Moments moments(numbers.count());
  for (size_t i = 0; i < accesses.size(); ++i)
    for (uint64_t line = accesses[i].address / lineBytes, last = (accesses[i].address + accesses[i].bytes - 1) / lineBytes; line <= last;
         ++line)
      visit(uint32_t(i), moments.touch(numbers.of(line)));
}

std::string_view strideName(StrideKind kind) {
  constexpr std::string_view names[] = {"single", "constant", "few", "random"};
  return names[size_t(kind)];
}

Patterns findPatterns(const Trace &trace, unsigned lineBytes) {
  Patterns patterns;
  patterns.lineBytes = lineBytes;
  patterns.bySite.resize(trace.sites.size());
  std::vector<Walk> walks(trace.sites.size());
  for (const Access &access : trace.accesses) {
    SitePattern &pattern = patterns.bySite[access.site];
    Walk &walk = walks[access.site];
    const Object &object = trace.objects[trace.sites[access.site].object];
    if (pattern.accesses++) {
      // A walk whose strides are all different is random long before the table is large.
      const int64_t stride = int64_t(access.address - walk.previous);
      if (walk.strides.size() < 4096)
        ++walk.strides[stride];
      else if (auto known = walk.strides.find(stride); known != walk.strides.end())
        ++known->second;
      if (!object.axes.empty())
        countStep(walk, object, walk.previous - object.base, access.address - object.base);
    }
    walk.previous = access.address;
    pattern.bytes += access.bytes;
  }
  forEachReuse(trace.accesses, lineBytes, [&](uint32_t access, uint64_t distance) {
    for (ReuseHistogram *reuse : {&patterns.reuse, &patterns.bySite[trace.accesses[access].site].reuse})
      if (distance == neverBefore)
        ++reuse->first;
      else
        ++reuse->counts[std::min(ReuseHistogram::bucketOf(distance), ReuseHistogram::buckets - 1)];
  });
  patterns.lines = patterns.reuse.first;
  for (const Access &access : trace.accesses)
    for (uint64_t line = access.address / lineBytes, last = (access.address + access.bytes - 1) / lineBytes; line <= last; ++line)
      walks[access.site].lines.insert(line);
  for (size_t i = 0; i < walks.size(); ++i)
    finish(patterns.bySite[i], walks[i], trace.objects[trace.sites[i].object]);
  return patterns;
}

} // namespace vtpu::analysis
