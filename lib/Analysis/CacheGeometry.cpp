//===- CacheGeometry.cpp - The data caches of a processor -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/CacheGeometry.h"

#include <charconv>
#include <fmt/format.h>
#include <hwloc.h>

namespace vtpu::analysis {

namespace {
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::optional<uint64_t> parseNumber(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

/// `48K`, `2M`, `1G` or bytes.
std::optional<uint64_t> parseBytes(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty())
    shift = text.back() == 'K' ? 10 : text.back() == 'M' ? 20 : text.back() == 'G' ? 30 : 0;
  std::optional<uint64_t> value = parseNumber(shift ? text.substr(0, text.size() - 1) : text);
  if (!value || *value > uint64_t(1) << (62 - shift))
    return std::nullopt;
  return *value << shift;
}

std::optional<double> parseCycles(std::string_view text) {
  const std::string copy(text);
  char *end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end || !(value > 0) || !(value < 1e6))
    return std::nullopt;
  return value;
}

void completeLatencies(Caches &caches) {
  for (size_t i = 0; i < caches.size(); ++i)
    if (caches[i].latency == 0)
      caches[i].latency = assumedLatency(i, caches.size() - 1);
}
} // namespace

double assumedLatency(size_t level, size_t levels) {
  constexpr double nearest[] = {5, 15, 60};
  return level < levels && level < std::size(nearest) ? nearest[level] : 250;
}

Status checkCaches(const Caches &caches) {
  if (caches.size() < 2 || caches.back().bytes)
    return Error{"no level of caches; name one as L1:48K:12:64"};
  for (size_t i = 0; i + 1 < caches.size(); ++i) {
    const host::Cache &cache = caches[i];
    auto fail = [&](const std::string &what) { return Error{fmt::format("cache {}: {}", cache.name, what)}; };
    if (cache.line < 16 || cache.line > 4096 || (cache.line & (cache.line - 1)))
      return fail(fmt::format("a line of {} bytes; legal are powers of two from 16 to 4096", cache.line));
    if (cache.line != caches[0].line)
      return fail(
          fmt::format("a line of {} bytes beside {} of {}; all levels need lines of one size", cache.line, caches[0].line, caches[0].name));
    if (cache.ways < 1 || cache.ways > 1024)
      return fail(fmt::format("{} ways; legal are 1 to 1024", cache.ways));
    if (cache.bytes == 0 || cache.bytes > uint64_t(64) << 30)
      return fail(fmt::format("{} bytes; legal are up to 64G", cache.bytes));
    if (cache.bytes % (uint64_t(cache.ways) * cache.line))
      return fail(
          fmt::format("{} bytes are no whole number of sets of {} ways with lines of {} bytes", cache.bytes, cache.ways, cache.line));
    if (i && cache.bytes < caches[i - 1].bytes)
      return fail(fmt::format("{} bytes are less than the {} of {}; levels go from the nearest outwards", cache.bytes, caches[i - 1].bytes,
                              caches[i - 1].name));
  }
  return {};
}

Result<Caches> parseCaches(std::string_view text) {
  Caches caches;
  host::Cache memory;
  memory.name = "memory";
  const std::vector<std::string_view> levels = split(text, ',');
  for (std::string_view level : levels) {
    const std::vector<std::string_view> parts = split(level, ':');
    auto fail = [&](const std::string &what) { return Error{fmt::format("'{}': {}", level, what)}; };
    if (memory.latency)
      return fail("memory comes last");
    if (parts[0] == "memory") {
      const std::optional<double> cycles = parts.size() == 2 ? parseCycles(parts[1]) : std::nullopt;
      if (!cycles)
        return fail("expected memory:CYCLES");
      memory.latency = *cycles;
      continue;
    }
    if (parts.size() < 4 || parts.size() > 5 || parts[0].empty())
      return fail("expected NAME:BYTES:WAYS:LINE or NAME:BYTES:WAYS:LINE:CYCLES, as L1:48K:12:64");
    host::Cache cache;
    cache.name = parts[0];
    const std::optional<uint64_t> bytes = parseBytes(parts[1]), ways = parseNumber(parts[2]), line = parseBytes(parts[3]);
    if (!bytes)
      return fail(fmt::format("'{}' is no size; write bytes, or a number with K, M or G", parts[1]));
    if (!ways || *ways > UINT32_MAX)
      return fail(fmt::format("'{}' is no number of ways", parts[2]));
    if (!line || *line > UINT32_MAX)
      return fail(fmt::format("'{}' is no size of a line", parts[3]));
    cache.bytes = *bytes;
    cache.ways = uint32_t(*ways);
    cache.line = uint32_t(*line);
    if (parts.size() == 5) {
      const std::optional<double> cycles = parseCycles(parts[4]);
      if (!cycles)
        return fail(fmt::format("'{}' is no number of cycles", parts[4]));
      cache.latency = *cycles;
    }
    caches.push_back(std::move(cache));
  }
  caches.push_back(std::move(memory));
  if (Status status = checkCaches(caches); !status)
    return Error{status.message()};
  completeLatencies(caches);
  return caches;
}

std::string printCaches(const Caches &caches) {
  auto bytes = [](uint64_t value) {
    for (auto [shift, letter] : {std::pair(30, 'G'), std::pair(20, 'M'), std::pair(10, 'K')})
      if (value && !(value & ((uint64_t(1) << shift) - 1)))
        return fmt::format("{}{}", value >> shift, letter);
    return std::to_string(value);
  };
  std::string out;
  for (const host::Cache &cache : caches)
    out += cache.bytes ? fmt::format("{}:{}:{}:{}:{:g},", cache.name, bytes(cache.bytes), cache.ways, cache.line, cache.latency)
                       : fmt::format("{}:{:g}", cache.name, cache.latency);
  return out;
}

Result<Caches> detectCaches() {
  const std::string wayOut = "; give the caches, as --caches=L1:48K:12:64,L2:2M:16:64";
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) != 0)
    return Error{"hwloc cannot start" + wayOut};
  hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
  Caches caches;
  Status status;
  if (hwloc_topology_load(topology) != 0)
    status = Error{"hwloc cannot read this machine" + wayOut};
  else if (hwloc_obj_t unit = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, 0))
    for (hwloc_obj_t object = unit->parent; object && status; object = object->parent) {
      if (!hwloc_obj_type_is_dcache(object->type))
        continue;
      const hwloc_obj_attr_u::hwloc_cache_attr_s &cache = object->attr->cache;
      host::Cache level;
      level.name = fmt::format("L{}", cache.depth);
      level.bytes = cache.size;
      level.line = cache.linesize;
      // -1: fully associative.
      level.ways =
          cache.associativity == -1 && cache.linesize ? uint32_t(cache.size / cache.linesize) : uint32_t(std::max(cache.associativity, 0));
      if (!level.bytes || !level.line || !level.ways)
        status = Error{fmt::format("hwloc knows of {} {} bytes, {} ways and lines of {} bytes, of which 0 is unknown{}", level.name,
                                   level.bytes, level.ways, level.line, wayOut)};
      caches.push_back(std::move(level));
    }
  hwloc_topology_destroy(topology);
  if (status && caches.empty())
    status = Error{"hwloc finds no data cache on this machine" + wayOut};
  caches.emplace_back().name = "memory";
  if (status)
    status = checkCaches(caches);
  if (!status)
    return Error{status.message()};
  completeLatencies(caches);
  return caches;
}

} // namespace vtpu::analysis
