//===- Explain.cpp - Why slots stay empty -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Explain.h"

#include <algorithm>
#include <fmt/format.h>

namespace vtpu::sched {

namespace {
/// What of the operations behind a slot's word is looked at.
constexpr size_t mostAsked = 64;

/// The rule that an operation would break in a word; empty: none.
std::string brokenRule(isa::Word word, const Operation &operation) {
  if (!operation.content)
    return {};
  if (operation.content->hasImmediates && word.hasImmediates)
    return "the word has immediates already";
  addTo(word, operation);
  const Status status = isa::checkWord(word);
  return status ? std::string() : status.message();
}
} // namespace

std::vector<EmptySlot> explainEmptySlots(const Problem &problem, const Schedule &schedule) {
  const size_t count = problem.operations.size();
  // What holds each operation back longest.
  std::vector<const Dependence *> holds(count);
  auto earliest = [&](const Dependence *d) { return d ? schedule.word[d->from] + d->nextWord : 0; };
  for (const Dependence &d : problem.dependences)
    if (d.distance == 0 && (!holds[d.to] || earliest(&d) > earliest(holds[d.to])))
      holds[d.to] = &d;

  std::vector<isa::Word> words;
  std::array<std::vector<uint32_t>, isa::numPipes> byPipe; // operations of each pipe by word
  const std::vector<uint32_t> order = schedule.order();
  for (uint32_t op : order) {
    const Operation &operation = problem.operations[op];
    words.resize(std::max<size_t>(words.size(), schedule.word[op] + 1));
    if (operation.content)
      addTo(words[schedule.word[op]], operation);
    byPipe[unsigned(operation.pipe)].push_back(op);
  }

  std::vector<EmptySlot> result;
  std::array<size_t, isa::numPipes> next = {};
  for (uint32_t w = 0; w < words.size(); ++w)
    for (unsigned p = 0; p < isa::numPipes; ++p) {
      const std::vector<uint32_t> &ops = byPipe[p];
      size_t &at = next[p];
      if (at < ops.size() && schedule.word[ops[at]] == w) {
        ++at;
        continue;
      }
      EmptySlot slot{w, isa::Pipe(p), EmptySlot::Reason::nothing};
      for (size_t i = at; i < std::min(ops.size(), at + mostAsked); ++i) {
        const Dependence *held = holds[ops[i]];
        if (earliest(held) > w) {
          if (slot.reason == EmptySlot::Reason::nothing)
            slot = {w, isa::Pipe(p), EmptySlot::Reason::dependence, ops[i], held, {}};
          continue;
        }
        std::string rule = brokenRule(words[w], problem.operations[ops[i]]);
        if (rule.empty()) {
          slot = {w, isa::Pipe(p), EmptySlot::Reason::notMoved, ops[i], nullptr, {}};
          break;
        }
        if (slot.reason != EmptySlot::Reason::rule)
          slot = {w, isa::Pipe(p), EmptySlot::Reason::rule, ops[i], nullptr, std::move(rule)};
      }
      result.push_back(std::move(slot));
    }
  return result;
}

std::string describe(const EmptySlot &slot, const Problem &problem, const Schedule &schedule) {
  auto label = [&](uint32_t op) { return fmt::format("{} of word {}", problem.operations[op].name, schedule.word[op]); };
  const std::string_view pipe = isa::pipeName(slot.pipe);
  switch (slot.reason) {
  case EmptySlot::Reason::nothing:
    return fmt::format("no later word has an operation for {}", pipe);
  case EmptySlot::Reason::dependence:
    return fmt::format("{} waits for {} ({} dependence)", label(slot.operation), label(slot.dependence->from), dependenceName(slot.dependence->kind));
  case EmptySlot::Reason::rule:
    return fmt::format("{} may not stand here: {}", label(slot.operation), slot.rule);
  case EmptySlot::Reason::notMoved:
    break;
  }
  return fmt::format("{} could stand here; packing did not look back so far", label(slot.operation));
}

} // namespace vtpu::sched
