//===- Problem.h - What a schedule must respect -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A problem: a straight run of operations, or the body of a loop, with everything that limits its order. It knows no IR: passes build it and
// algorithms solve it. Operations are numbered in the given order, which is always a legal one.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_PROBLEM_H
#define VTPU_SCHEDULING_PROBLEM_H

#include "vtpu/Scheduling/PortTable.h"

namespace vtpu::sched {

/// A slot with the word immediates that it brings along; known once registers have numbers.
struct SlotContent {
  isa::Slot slot;
  bool hasImmediates = false;
  int64_t i0 = 0, i1 = 0;
};

/// What an operation does to memory.
struct MemoryAccess {
  bool loads = false, stores = false;
  bool barrier = false; // ordered with every access and every other barrier
  uint64_t address = 0; // equal numbers: base and index hold the same values; 0: unknown
  int64_t offset = 0;   // bytes beyond the address
  int64_t bytes = 0;    // extent; 0: unknown
  int64_t step = 0;     // of a loop: bytes by which the address moves in an iteration; of equal addresses it is the same
  int32_t binding = -1; // into which the address points all the time; -1: unknown
};

struct Operation {
  std::string_view name; // for messages
  isa::Pipe pipe = isa::Pipe::C;
  const PortRow *row = nullptr; // of the problem's table
  MemoryAccess memory;
  bool control = false;               // executes behind the other slots of its word
  std::optional<SlotContent> content; // none before register allocation
};

enum class DependenceKind : uint8_t { flow, anti, output, memory, synchronisation };
std::string_view dependenceName(DependenceKind kind);

/// Adds an operation's content to a word.
void addTo(isa::Word &word, const Operation &operation);

/// `to`, `distance` iterations later, starts at least `latency` cycles after `from`.
struct Dependence {
  uint32_t from, to;
  DependenceKind kind;
  uint32_t latency;
  uint32_t distance = 0;
  bool nextWord = true; // within an iteration `to` stands in a later word; else it may share the word of `from`
  bool retired = false; // on the out-of-order host the latency counts from when `from` leaves the window
  Work hundredths = 0;  // of a cycle, beyond the latency; only what is predicted of the out-of-order host counts them
};

/// A use by an operation of a later iteration.
struct LaterUse {
  uint32_t operation, distance;
};

/// A value that needs a register of a class while it lives.
struct RegisterValue {
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t cls = 0;
  uint32_t def = none;        // the operation that first writes it; none: it lives from the start
  bool early = false;         // written while operands are still read
  bool liveOut = false;       // lives to the end
  std::vector<uint32_t> uses; // operations that read or update it; dependences lead to them from `def`
  std::vector<LaterUse> later; // of a loop: the same in later iterations
};

struct Problem {
  explicit Problem(const PortTable &table) : table(&table) {}

  const PortTable *table; // limits of the host
  std::vector<Operation> operations;
  std::vector<Dependence> dependences;
  std::vector<RegisterValue> values;
  std::vector<uint32_t> registerLimits; // registers that the values of each class may take together

  const PortRow &row(uint32_t op) const { return *operations[op].row; }
};

/// Adds what memory orders: accesses that may overlap, of which one stores, and barriers.
void addMemoryDependences(Problem &problem);
/// The same for the body of a loop, with distances: exact ones between equal addresses, else an order in every iteration. `bindingsApart`: different
/// bindings share no byte. Time: square in the number of accesses.
void addLoopMemoryDependences(Problem &problem, bool bindingsApart);
/// Adds what numbered registers order. Every operation must have a content.
void addRegisterDependences(Problem &problem);
/// Bytes that an instruction touches behind its address; 0 if its row does not tell.
int64_t accessBytes(const isa::InstrInfo &info, const isa::Slot &slot);
/// What an instruction does to memory, but for where. `effects`: it does more than it computes; what neither loads, stores nor prefetches is a barrier
/// then.
MemoryAccess accessOf(const isa::InstrInfo &info, const isa::Slot &slot, bool effects);

/// The most registers of each class that are alive at once if operations stand in these words.
std::vector<uint32_t> registerPeaks(const Problem &problem, const std::vector<uint32_t> &words);

/// A solution.
struct Schedule {
  std::vector<uint32_t> cycle; // when each operation starts
  std::vector<uint32_t> word;  // in which word it stands; words execute one after the other

  /// Operations by word, those of one word by number.
  std::vector<uint32_t> order() const;
  /// Cycles until the last operation has started.
  uint32_t length() const;
};

/// A solution for a loop whose iterations overlap: one starts every `ii` cycles. The loop becomes a kernel in which each operation stands once, at
/// its cycle modulo `ii`, and works for the iteration that started (cycle / ii) kernels ago.
struct ModuloSchedule {
  uint32_t ii = 0;             // cycles from one iteration to the next, the initiation interval
  std::vector<uint32_t> cycle; // when each operation starts, counted from the start of its iteration
  std::vector<uint32_t> order; // the operations as they stand in the kernel: by cycle % ii, those of one cycle as dependences want

  uint32_t stage(uint32_t op) const { return cycle[op] / ii; }
  /// Kernels that an iteration passes through.
  uint32_t stages() const;
  /// When each operation executes, counted in operations: one of iteration i executes at position + i * operations.
  std::vector<uint32_t> positions() const;
};

/// Why a problem cannot be scheduled at all: an operation without a row, a port without capacity, dependences within an iteration that go backwards,
/// a class with fewer registers than live through. The message names the operation, or the class, and the numbers.
Status checkProblem(const Problem &problem);

/// The most registers of each class that a loop needs at once. A value that lives longer than an interval needs one in each iteration that it
/// overlaps. A value that enters or leaves the loop, or goes from one iteration to the next, has its registers for itself all the time: before the
/// first and behind the last iteration it lives where others would.
std::vector<uint32_t> registerPeaks(const Problem &problem, const ModuloSchedule &schedule);

struct Violation {
  uint32_t operation;
  std::string message;
};
/// Everything about a schedule that breaks a rule of the problem: dependences, words, ports, registers. It shares no code with the algorithms.
std::vector<Violation> verify(const Problem &problem, const Schedule &schedule);
/// The same for a loop: dependences over the interval, ports in the steady state, registers.
std::vector<Violation> verify(const Problem &problem, const ModuloSchedule &schedule);

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_PROBLEM_H
