//===- Coverage.cpp - Which forms ran ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Differential.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu::gen {

using namespace isa;

Coverage::Coverage() : counts(allForms().size()), orcCounts(allForms().size()) {}

void Coverage::record(const Program &program, const std::string &trapFunction, uint32_t trapWord, bool orc) {
  const auto count = [&](Pipe pipe, const Slot &slot) {
    const size_t form = formIndex(pipe, slot);
    ++counts[form];
    orcCounts[form] += orc;
  };
  for (const Function &function : program.functions) {
    size_t end = function.words.size();
    const bool stopped = !trapFunction.empty() && function.name == trapFunction;
    if (stopped)
      end = trapWord;
    else if (!trapFunction.empty() && !function.entry)
      continue; // perhaps never reached
    else if (!trapFunction.empty())
      end = 0; // stopped somewhere in a call
    // What a branch forward may skip does not count. Loops run at least once.
    size_t skipped = 0;
    for (size_t w = 0; w < end; ++w) {
      const Word &word = function.words[w];
      for (unsigned pipe = 0; pipe < numPipes && w >= skipped; ++pipe)
        if (!word.slots[pipe].empty())
          count(Pipe(pipe), word.slots[pipe]);
      const Slot &c = word.slot(Pipe::C);
      const InstrInfo *info = c.empty() ? nullptr : lookup(Pipe::C, c.opcode);
      if (info && info->isBranch && c.imm > 0)
        skipped = std::max(skipped, w + size_t(c.imm));
    }
    // An instruction that always traps has done its work by that.
    if (stopped) {
      const Slot &c = function.words[trapWord].slot(Pipe::C);
      const InstrInfo *info = c.empty() ? nullptr : lookup(Pipe::C, c.opcode);
      if (info && info->isTerminator && info->hasSideEffects)
        count(Pipe::C, c);
    }
  }
}

std::vector<std::string> Coverage::missing(uint64_t times, vtpu_tier tier) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < counts.size(); ++i)
    if (of(tier)[i] < times)
      names.push_back(fmt::format("{}: {}", formName(allForms()[i]), of(tier)[i]));
  return names;
}

uint64_t Coverage::least(vtpu_tier tier) const { return *std::min_element(of(tier).begin(), of(tier).end()); }

std::string Coverage::toJSON() const {
  const auto ofTiers = [](auto number) {
    std::string text;
    for (vtpu_tier tier : tiers())
      text += fmt::format("{}\"{}\": {}", text.empty() ? "" : ", ", tierNames[tier], number(tier));
    return text;
  };
  std::string text = "{\n  \"forms\": {\n";
  for (size_t i = 0; i < counts.size(); ++i)
    text += fmt::format("    \"{}\": {{{}}}{}\n", formName(allForms()[i]), ofTiers([&](vtpu_tier tier) { return of(tier)[i]; }),
                        i + 1 < counts.size() ? "," : "");
  return text + fmt::format("  }},\n  \"count\": {},\n  \"least\": {{{}}}\n}}\n", counts.size(),
                            ofTiers([&](vtpu_tier tier) { return least(tier); }));
}

} // namespace vtpu::gen
