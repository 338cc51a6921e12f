//===- Formula.h - Propositions for a SAT solver ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_SCHEDULING_EXACT_FORMULA_H
#define VTPU_LIB_SCHEDULING_EXACT_FORMULA_H

#include <cadical.hpp>
#include <vector>

namespace vtpu::sched {

/// Clauses over propositions, which CaDiCaL decides. A literal is the number of a proposition, negative where it is negated.
class Formula {
public:
  using Literal = int;
  static constexpr Literal yes = 1, no = -1;

  Formula() {
    solver.set("quiet", 1); // it writes to standard output
    solver.add(yes), solver.add(0);
  }

  Literal fresh() { return ++last; }
  /// At least one of these is true.
  void add(const std::vector<Literal> &clause);
  /// Propositions that are true if 1, 2, ... or more of `literals` are, which may be there several times; `most` of them, or one for each literal. They
  /// may be true of fewer as well: what follows from one that is true is a bound, from one that is false nothing.
  std::vector<Literal> count(std::vector<Literal> literals, size_t most);
  void addAtMost(const std::vector<Literal> &literals, size_t most);

  enum class Answer { satisfied, impossible, unknown };
  /// Looks for values of the propositions for so long.
  Answer solve(double seconds);
  /// After `satisfied`.
  bool value(Literal literal) { return literal == yes || (literal != no && solver.val(literal) > 0); }

private:
  CaDiCaL::Solver solver;
  Literal last = yes;
};

} // namespace vtpu::sched

#endif // VTPU_LIB_SCHEDULING_EXACT_FORMULA_H
