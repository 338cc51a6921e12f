//===- Formula.cpp - Propositions for a SAT solver --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formula.h"

#include <algorithm>
#include <chrono>

namespace vtpu::sched {

void Formula::add(const std::vector<Literal> &clause) {
  for (Literal literal : clause)
    if (literal == yes)
      return;
  for (Literal literal : clause)
    if (literal != no)
      solver.add(literal);
  solver.add(0);
}

/// A tree of sums (Bailleux and Boufkhad, CP 2003).
std::vector<Formula::Literal> Formula::count(std::vector<Literal> literals, size_t most) {
  if (most == 0)
    return {};
  if (literals.size() <= 1)
    return literals;
  const auto middle = literals.begin() + std::ptrdiff_t(literals.size() / 2);
  const std::vector<Literal> left = count({literals.begin(), middle}, most), right = count({middle, literals.end()}, most);
  std::vector<Literal> sum(std::min(most, left.size() + right.size()));
  for (Literal &literal : sum)
    literal = fresh();
  for (size_t i = 0; i <= left.size(); ++i)
    for (size_t j = 0; j <= right.size(); ++j)
      if (i + j > 0 && i + j <= sum.size())
        add({i ? -left[i - 1] : no, j ? -right[j - 1] : no, sum[i + j - 1]});
  for (size_t i = 1; i < sum.size(); ++i)
    add({-sum[i], sum[i - 1]});
  return sum;
}

void Formula::addAtMost(const std::vector<Literal> &literals, size_t most) {
  if (literals.size() <= most)
    return;
  const std::vector<Literal> sum = count(literals, most + 1);
  add({-sum[most]});
}

Formula::Answer Formula::solve(double seconds) {
  struct Deadline : CaDiCaL::Terminator {
    using Clock = std::chrono::steady_clock;
    Clock::time_point at;
    bool terminate() override { return Clock::now() >= at; }
  } deadline;
  deadline.at = Deadline::Clock::now() + std::chrono::duration_cast<Deadline::Clock::duration>(std::chrono::duration<double>(std::min(seconds, 1e8)));
  solver.connect_terminator(&deadline);
  const int answer = solver.solve();
  solver.disconnect_terminator();
  return answer == 10 ? Answer::satisfied : answer == 20 ? Answer::impossible : Answer::unknown;
}

} // namespace vtpu::sched
