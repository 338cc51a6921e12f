//===- Regions.cpp - Parts of a program to analyse --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Regions.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu::host {

using namespace isa;

namespace {
bool isBranch(const Word &word) {
  const InstrInfo *info = lookup(Pipe::C, word.slot(Pipe::C).opcode);
  return info && info->isBranch;
}
int64_t targetOf(const Word &word, uint32_t at) { return int64_t(at) + word.slot(Pipe::C).imm; }

/// What a word writes of r registers; everything if it calls.
uint16_t writtenR(const Word &word) {
  uint16_t written = word.slot(Pipe::C).opcode == uint8_t(COp::ccall) ? 0xffff : 0;
  for (unsigned pipe = 0; pipe < numPipes; ++pipe)
    if (!word.slots[pipe].empty())
      written |= effects(Pipe(pipe), word.slots[pipe]).writeR;
  return written;
}

/// How often a loop runs each time that it is entered, if it is counted by constants from a constant that the last write above it gives.
void countIterations(const std::vector<Word> &words, Region &region) {
  const Word &tail = words[region.last];
  const Slot &branch = tail.slot(Pipe::C);
  if ((branch.opcode != uint8_t(COp::cbcci) && branch.opcode != uint8_t(COp::cbcc)) || branch.predicate != Predicate::lt)
    return;
  const uint16_t counter = uint16_t(1u << branch.ra);
  int64_t step = 0;
  for (uint32_t w = region.first; w <= region.last; ++w) {
    if (!(writtenR(words[w]) & counter))
      continue;
    const Slot &slot = words[w].slot(Pipe::C);
    if (slot.opcode != uint8_t(COp::caddi) || slot.rd != branch.ra || slot.ra != branch.ra)
      return;
    step += slot.imm;
  }
  if (step <= 0)
    return;
  region.counter = branch.ra;
  region.step = step;
  auto constantBefore = [&](unsigned reg) -> std::optional<int64_t> {
    for (uint32_t w = region.first; w-- > 0;)
      if (writtenR(words[w]) >> reg & 1) {
        const Slot &slot = words[w].slot(Pipe::C);
        return slot.opcode == uint8_t(COp::cimm) && slot.rd == reg ? std::optional(words[w].i0) : std::nullopt;
      }
    return std::nullopt;
  };
  const std::optional<int64_t> start = constantBefore(branch.ra);
  const std::optional<int64_t> bound = branch.opcode == uint8_t(COp::cbcci) ? std::optional(tail.i1) : constantBefore(branch.rb);
  // The branch stands behind the steps: at least one iteration.
  if (start && bound)
    region.iterations = *bound <= *start ? 1 : (uint64_t(*bound) - uint64_t(*start) + uint64_t(step) - 1) / uint64_t(step);
}
} // namespace

std::vector<Region> findRegions(const Program &program, uint32_t function) {
  const std::vector<Word> &words = program.functions[function].words;
  const uint32_t n = uint32_t(words.size());
  std::vector<bool> starts(n + 1); // a straight run may not go on here
  std::vector<Region> regions;
  for (uint32_t w = 0; w < n; ++w) {
    if (!isBranch(words[w]))
      continue;
    const int64_t target = targetOf(words[w], w);
    if (target < 0 || target >= n)
      continue;
    starts[size_t(target)] = starts[w + 1] = true;
    // The first branch back to or behind another's head ends the inner loop.
    if (target <= w && (regions.empty() || target > regions.back().last)) {
      Region region;
      region.function = function;
      region.first = uint32_t(target);
      region.last = w;
      region.loop = true;
      countIterations(words, region);
      regions.push_back(region);
    }
  }
  const std::vector<Region> loops = regions;
  auto loop = loops.begin();
  for (uint32_t w = 0; w < n;) {
    if (loop != loops.end() && w == loop->first) {
      w = loop->last + 1;
      ++loop;
      continue;
    }
    Region region;
    region.function = function;
    region.first = w++;
    while (w < n && !starts[w] && (loop == loops.end() || w != loop->first))
      ++w;
    region.last = w - 1;
    regions.push_back(region);
  }
  std::sort(regions.begin(), regions.end(), [](const Region &a, const Region &b) { return a.first < b.first; });
  return regions;
}

Result<Region> regionOf(const Program &program, uint32_t function, uint64_t first, uint64_t last) {
  const Function &f = program.functions[function];
  if (first > last)
    return Error{fmt::format("the range {}-{} is empty", first, last)};
  if (last >= f.words.size())
    return Error{fmt::format("the range {}-{} goes beyond function {}, whose last word is {}", first, last, f.name, f.words.size() - 1)};
  Region region;
  region.function = function;
  region.first = uint32_t(first);
  region.last = uint32_t(last);
  region.loop = isBranch(f.words[last]) && targetOf(f.words[last], region.last) == int64_t(first);
  if (region.loop)
    countIterations(f.words, region);
  return region;
}

Result<RegionCode> codeOf(const rt::EmittedCode &code, const Region &region) {
  const std::vector<uint32_t> &offsets = code.wordOffsets[region.function];
  RegionCode result;
  result.address = offsets[region.first];
  result.bytes.assign(code.bytes.begin() + offsets[region.first], code.bytes.begin() + offsets[region.last + 1]);
  Result<std::vector<Instruction>> decoded = decode(result.bytes.data(), result.bytes.size(), result.address);
  if (!decoded)
    return decoded.takeError();
  result.instructions = std::move(*decoded);
  if (region.loop) // what stands behind the branch back aligns the next loop
    while (!result.instructions.empty() && result.instructions.back().target != result.address)
      result.instructions.pop_back();
  uint32_t word = region.first;
  for (const Instruction &instruction : result.instructions) {
    while (word < region.last && result.address + instruction.offset >= offsets[word + 1])
      ++word;
    result.words.push_back(word);
  }
  return result;
}

} // namespace vtpu::host
