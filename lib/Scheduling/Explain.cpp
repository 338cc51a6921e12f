//===- Explain.cpp - Why slots stay empty -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Explain.h"

#include "vtpu/Scheduling/Algorithms.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>

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

Result<PackedWords> readWords(const PortTable &table, const isa::Word *words, size_t count) {
  PackedWords result{Problem(table), {}};
  Problem &problem = result.problem;
  std::array<uint32_t, isa::numR> versions = {}; // writes so far
  std::map<std::array<uint32_t, 5>, uint64_t> addresses;
  std::optional<uint32_t> branch;
  for (uint32_t w = 0; w < count; ++w) {
    isa::WordFacts facts;
    if (Status status = isa::checkWord(words[w], facts); !status)
      return Error{fmt::format("word {}: {}", w, status.message())};
    for (isa::Pipe pipe : facts.order) { // as if one after the other
      const isa::Slot &slot = words[w].slot(pipe);
      if (slot.empty())
        continue;
      const isa::InstrInfo *info = isa::lookup(pipe, slot.opcode);
      Operation operation;
      operation.name = info->mnemonic;
      operation.pipe = pipe;
      operation.row = &table.row(*info, slot);
      operation.control = info->isControl();
      operation.memory = accessOf(*info, slot, info->hasSideEffects);
      if (operation.memory.bytes) {
        const isa::OperandInfo *index = info->operand(isa::Field::rb);
        const bool indexed = index && index->cls == isa::OperandClass::idx && slot.rb != isa::noRegister;
        operation.memory.offset = slot.imm;
        const std::array<uint32_t, 5> key = {slot.ra, versions[slot.ra], indexed ? slot.rb : isa::noRegister, indexed ? versions[slot.rb] : 0,
                                             indexed ? slot.scale : 0u};
        operation.memory.address = addresses.try_emplace(key, addresses.size() + 1).first->second;
      }
      SlotContent content;
      content.slot = slot;
      for (unsigned i = 0; i < info->numOperands; ++i)
        content.hasImmediates |= info->operands[i].field == isa::Field::i0 || info->operands[i].field == isa::Field::i1;
      if (content.hasImmediates) {
        content.i0 = words[w].i0;
        content.i1 = words[w].i1;
      }
      operation.content = content;
      const uint32_t number = uint32_t(problem.operations.size());
      if (branch)
        problem.dependences.push_back({*branch, number, DependenceKind::synchronisation, 0, 0, true});
      if (operation.control) {
        for (uint32_t op = 0; op < number; ++op)
          problem.dependences.push_back({op, number, DependenceKind::synchronisation, 0, 0, /*nextWord=*/false});
        branch = number;
      }
      problem.operations.push_back(std::move(operation));
      result.schedule.word.push_back(w);
      const uint16_t written = isa::effects(pipe, slot).writeR;
      for (unsigned r = 0; r < isa::numR; ++r)
        versions[r] += written >> r & 1;
    }
  }
  addRegisterDependences(problem);
  addMemoryDependences(problem);
  result.schedule.cycle = issueInOrder(problem, result.schedule.order());
  return result;
}

std::string describe(const EmptySlot &slot, const Problem &problem, const Schedule &schedule, uint32_t firstWord) {
  auto label = [&](uint32_t op) { return fmt::format("{} of word {}", problem.operations[op].name, firstWord + schedule.word[op]); };
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
