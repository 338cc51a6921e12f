//===- Conflicts.cpp - Programs with a planted conflict ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Conflicts.h"

#include "vtpu/Assembly/Assembly.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

namespace vtpu::gen {

namespace {
constexpr std::string_view names[numConflicts] = {"rows", "streams", "capacity", "aliasing", "split", "layout"};
/// Bytes of a vector access.
constexpr uint64_t vectorBytes = 64;
/// No binding of a pair is larger.
constexpr uint64_t mostBytes = uint64_t(1) << 30;

/// Lines of text about nested counted loops. r0 and r1 hold pointers to the bindings, r2 and r3 walk from there.
class Text {
public:
  void line(const std::string &text) { out += text + '\n'; }
  void word(const std::string &slots) { line("  { " + slots + " }"); }
  void load(uint64_t displacement) {
    word(fmt::format("S: sld.f32.f32.512 v{}, [r2 + {}]", registers, displacement));
    registers = (registers + 1) % 32;
  }
  /// `body` `times` times, counted in register r`counter`.
  void loop(unsigned counter, uint64_t times, const std::function<void()> &body) {
    word(fmt::format("C: cimm r{}, 0", counter));
    line(fmt::format("loop{}:", counter));
    body();
    word(fmt::format("C: caddi r{0}, r{0}, 1", counter));
    word(fmt::format("C: cbcci.lt r{}, {}, loop{}", counter, times, counter));
  }
  /// A walk over `bytes`, a vector from each line; several in a turn, so that the loop itself costs little.
  void sweep(unsigned counter, uint64_t bytes, uint64_t lineBytes, uint64_t displacement) {
    uint64_t lines = bytes / lineBytes, inTurn = 16;
    while (lines % inTurn)
      inTurn /= 2;
    loop(counter, lines / inTurn, [&] {
      for (uint64_t i = 0; i < inTurn; ++i)
        load(displacement + i * lineBytes);
      word(fmt::format("C: caddi r2, r2, {}", inTurn * lineBytes));
    });
  }

  std::string out;

private:
  unsigned registers = 0;
};

std::string inputBinding(const std::string &name, uint64_t bytes) {
  return fmt::format("  .binding input {} size={} align=64 dtype=f32 shape=[{}]", name, bytes, bytes / 4);
}
} // namespace

std::string_view conflictName(Conflict conflict) { return names[size_t(conflict)]; }
std::optional<Conflict> parseConflict(std::string_view name) {
  for (size_t i = 0; i < numConflicts; ++i)
    if (names[i] == name)
      return Conflict(i);
  return std::nullopt;
}
bool isOfLevel(Conflict conflict) { return conflict <= Conflict::capacity; }

Result<std::string> conflictText(const ConflictSettings &settings, const analysis::Caches &caches) {
  const size_t levels = caches.size() - 1;
  if (settings.level >= levels)
    return Error{fmt::format("level {} of the caches; there are {}", settings.level + 1, levels)};
  if (!isOfLevel(settings.conflict) && settings.level)
    return Error{fmt::format("conflict {} is no matter of a level; leave the level out", conflictName(settings.conflict))};
  const host::Cache &nearest = caches[0], &cache = caches[settings.level];
  const uint64_t line = cache.line, sets = analysis::setsOf(cache), way = sets * line;
  uint64_t ways = 0; // of the level and all nearer ones, which would hide it
  for (size_t i = 0; i <= settings.level; ++i)
    ways = std::max<uint64_t>(ways, caches[i].ways);
  const bool repaired = settings.repaired;
  auto tooSmall = [&](const host::Cache &of, const std::string &why) {
    return Error{
        fmt::format("cache {} of {} bytes has no room for conflict {}: {}", of.name, of.bytes, conflictName(settings.conflict), why)};
  };
  if (line < vectorBytes)
    return tooSmall(cache, fmt::format("its lines have {} bytes, vectors have {}", line, vectorBytes));
  if (nearest.bytes < 32 * line)
    return tooSmall(nearest, fmt::format("it has less than 32 lines of {} bytes", line));

  Text text;
  auto begin = [&](const std::vector<std::string> &bindings) {
    text.line(fmt::format("// {} of {}, {}", conflictName(settings.conflict), cache.name, repaired ? "repaired" : "planted"));
    text.line(".func main entry");
    for (const std::string &binding : bindings)
      text.line(binding);
    for (size_t i = 0; i < bindings.size(); ++i)
      text.word(fmt::format("C: cptr r{}, b{}", i, i));
  };
  auto rounds = [&](uint64_t usual) { return settings.rounds ? settings.rounds : usual; };
  auto fits = [&](uint64_t bytes) -> Status {
    if (bytes > mostBytes)
      return Error{fmt::format("conflict {} of {} takes {} bytes, more than {}; choose a nearer level", conflictName(settings.conflict),
                               cache.name, bytes, mostBytes)};
    return {};
  };

  switch (settings.conflict) {
  case Conflict::rows: {
    if (sets < 4)
      return tooSmall(cache, fmt::format("it has {} sets; a conflict needs 4", sets));
    const uint64_t rows = 2 * ways, pitch = repaired ? way + line : way;
    if (Status status = fits(rows * (way + line)); !status)
      return Error{status.message()};
    begin({inputBinding("x", rows * (way + line))});
    text.loop(8, rounds(64), [&] {
      // Displacements have 32 bits.
      constexpr uint64_t reach = uint64_t(1) << 30;
      text.word("C: caddi r2, r0, 0");
      uint64_t base = 0;
      for (uint64_t row = 0; row < rows; ++row) {
        if (row * pitch - base >= reach) {
          text.word(fmt::format("C: caddi r2, r2, {}", row * pitch - base));
          base = row * pitch;
        }
        text.load(row * pitch - base);
      }
    });
    break;
  }
  case Conflict::streams: {
    // All lines fit into the nearest level too.
    const uint64_t parts = ways + 4, lines = std::min<uint64_t>(nearest.bytes / line / (2 * parts), sets / 4), step = 16;
    if (lines == 0)
      return tooSmall(cache, fmt::format("{} parts do not fit into {} sets of {} ways", parts, sets, ways));
    const uint64_t pitch = repaired ? way + lines * line : way;
    if (Status status = fits(parts * (way + lines * line)); !status)
      return Error{status.message()};
    begin({inputBinding("x", parts * (way + lines * line))});
    text.loop(8, rounds(64), [&] {
      text.word("C: caddi r2, r0, 0");
      text.loop(9, lines * line / step, [&] {
        for (uint64_t part = 0; part < parts; ++part)
          text.word(fmt::format("S: sld.f32.f32.128 v{}, [r2 + {}]", part % 32, part * pitch));
        text.word(fmt::format("C: caddi r2, r2, {}", step));
      });
    });
    break;
  }
  case Conflict::capacity: {
    const uint64_t bytes = 2 * cache.bytes / line * line;
    if (Status status = fits(bytes); !status)
      return Error{status.message()};
    // Whole tiles of half of the nearest level.
    uint64_t tile = nearest.bytes / 2 / line * line, tiles = bytes / tile;
    begin({inputBinding("x", bytes)});
    if (repaired) {
      text.word("C: caddi r3, r0, 0");
      text.loop(8, tiles, [&] {
        text.loop(9, rounds(16), [&] {
          text.word("C: caddi r2, r3, 0");
          text.sweep(10, tile, line, 0);
        });
        text.word(fmt::format("C: caddi r3, r3, {}", tile));
      });
    } else {
      text.loop(8, rounds(16), [&] {
        text.word("C: caddi r2, r0, 0");
        text.sweep(9, tiles * tile, line, 0);
      });
    }
    break;
  }
  case Conflict::aliasing: {
    constexpr uint64_t page = 4096;
    uint64_t bytes = nearest.bytes / 4 / vectorBytes * vectorBytes;
    bytes = std::min(bytes, page / 4);
    const uint64_t displacement = repaired ? page / 2 : 0;
    begin({inputBinding("x", bytes),
           fmt::format("  .binding output y size={} align=64 writable dtype=f32 shape=[{}]", bytes + page, (bytes + page) / 4)});
    text.word("C: cimm r4, 0");
    text.loop(8, rounds(64), [&] {
      text.word("C: caddi r2, r0, 0");
      text.word("C: caddi r3, r1, 0");
      text.loop(9, bytes / vectorBytes, [&] {
        text.word(fmt::format("S: sstr.i64 r8, [r3 + {}]", displacement));
        text.word("S: sldr.i64 r4, [r2 + r4]");
        text.word("C: candi r4, r4, 0"); // the next load waits for this one
        text.word(fmt::format("C: caddi r2, r2, {}", vectorBytes));
        text.word(fmt::format("C: caddi r3, r3, {}", vectorBytes));
      });
    });
    break;
  }
  case Conflict::split: {
    const uint64_t bytes = nearest.bytes / 2 / line * line;
    begin({inputBinding("x", bytes + line)});
    text.loop(8, rounds(64), [&] {
      text.word("C: caddi r2, r0, 0");
      text.sweep(9, bytes, line, repaired ? 0 : line - vectorBytes / 2);
    });
    break;
  }
  case Conflict::layout: {
    constexpr uint64_t element = 4, inTurn = 8;
    const uint64_t rows = 2 * nearest.bytes / line / inTurn * inTurn, columns = 64, pitch = columns * element;
    if (Status status = fits(rows * pitch); !status)
      return Error{status.message()};
    begin({fmt::format("  .binding input x size={} align=64 dtype=f32 shape=[{}, {}]", rows * pitch, rows, columns)});
    const uint64_t outer = repaired ? rows : columns, inner = repaired ? columns : rows, step = repaired ? element : pitch,
                   outerStep = repaired ? pitch : element;
    text.loop(8, rounds(1), [&] {
      text.word("C: caddi r3, r0, 0");
      text.loop(9, outer, [&] {
        text.word("C: caddi r2, r3, 0");
        text.loop(10, inner / inTurn, [&] {
          for (uint64_t i = 0; i < inTurn; ++i)
            text.word(fmt::format("S: slds.f32 v{}, [r2 + {}]", i, i * step));
          text.word(fmt::format("C: caddi r2, r2, {}", inTurn * step));
        });
        text.word(fmt::format("C: caddi r3, r3, {}", outerStep));
      });
    });
    break;
  }
  }
  text.word("C: cret");
  text.line(".end");
  return text.out;
}

Result<Program> plantConflict(const ConflictSettings &settings, const analysis::Caches &caches) {
  Result<std::string> text = conflictText(settings, caches);
  if (!text)
    return text.takeError();
  return parseAssembly(*text, fmt::format("{}.siw", conflictName(settings.conflict)), true);
}

} // namespace vtpu::gen
