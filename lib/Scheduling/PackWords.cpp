//===- PackWords.cpp - Operations to words ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/Algorithms.h"

#include "Graph.h"

#include <algorithm>

namespace vtpu::sched {

namespace {
/// Adds an operation to a word if it has room and the rules of words allow it.
bool addSlot(isa::Word &word, const Operation &operation) {
  const SlotContent &content = *operation.content;
  if (!word.slot(operation.pipe).empty() || (content.hasImmediates && word.hasImmediates))
    return false;
  isa::Word both = word;
  addTo(both, operation);
  if (!isa::checkWord(both))
    return false;
  word = both;
  return true;
}
} // namespace

Schedule packWords(const Problem &problem, unsigned window) {
  const Graph graph(problem, withinIteration);
  const uint32_t count = uint32_t(problem.operations.size());
  std::vector<isa::Word> words;
  std::vector<uint32_t> earliest(count);
  Schedule schedule;
  schedule.word.resize(count);
  for (uint32_t op = 0; op < count; ++op) {
    const Operation &here = problem.operations[op];
    uint32_t at = std::max(earliest[op], uint32_t(words.size()) - std::min(uint32_t(words.size()), window));
    while (at < words.size() && !addSlot(words[at], here))
      ++at;
    if (at >= words.size()) {
      at = uint32_t(words.size());
      addTo(words.emplace_back(), here);
    }
    schedule.word[op] = at;
    for (const Dependence *d : graph.leaving(op))
      earliest[d->to] = std::max(earliest[d->to], at + d->nextWord);
  }
  schedule.cycle = issueInOrder(problem, schedule.order());
  return schedule;
}

std::vector<uint32_t> issueInOrder(const Problem &problem, const std::vector<uint32_t> &order) {
  const Graph graph(problem, withinIteration);
  std::vector<uint32_t> cycles(problem.operations.size()), readyAt(problem.operations.size());
  PortState ports(*problem.table);
  uint32_t cycle = 0;
  for (uint32_t op : order) {
    auto moveTo = [&](uint32_t next) {
      ports.advance(next - cycle);
      cycle = next;
    };
    if (readyAt[op] > cycle)
      moveTo(readyAt[op]);
    while (!ports.admits(problem.row(op)))
      moveTo(cycle + 1);
    ports.start(problem.row(op));
    cycles[op] = cycle;
    for (const Dependence *d : graph.leaving(op))
      readyAt[d->to] = std::max(readyAt[d->to], cycle + d->latency);
  }
  return cycles;
}

} // namespace vtpu::sched
