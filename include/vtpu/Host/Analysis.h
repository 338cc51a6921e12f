//===- Analysis.h - Host code on the model of a host ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoded host code and a host table become a scheduling problem, which the same engine runs that schedules are chosen with (lib/Scheduling).
// Manual: docs/Analysis.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_ANALYSIS_H
#define VTPU_HOST_ANALYSIS_H

#include "vtpu/Host/Code.h"
#include "vtpu/Host/Table.h"
#include "vtpu/Scheduling/Algorithms.h"

#include <memory>

namespace vtpu::host {

/// What the code does not tell.
struct CodeFacts {
  bool loops = false;      // its end goes on at its start
  uint64_t iterations = 0; // of the loop each time that it is entered; 0: unknown, memory counts as near
};

/// Memory that a loop moves through, or stays at: accesses that differ by constants.
struct Stream {
  std::vector<uint32_t> instructions;
  int64_t step = 0;                // bytes an iteration
  int64_t begin = 0, end = 0;      // bytes of one iteration, from the address that all share
  uint64_t bytes = 0;              // of lines that an iteration is the first to touch; of memory that it stays at: of all
  bool loads = false, stores = false;
};

/// Some code as a scheduling problem. Neither copied nor moved: the problem points into it.
struct CodeModel {
  CodeModel() : problem(ports) {}
  CodeModel(const CodeModel &) = delete;
  CodeModel &operator=(const CodeModel &) = delete;

  /// `issue`, the table's resources, `taken` branches; if the table tells of caches `commit`, by which stores leave, and, where the memory of a loop
  /// is not in the nearest cache, the one that holds it.
  sched::PortTable ports;
  std::vector<sched::PortRow> rows; // of operations
  sched::Problem problem;           // an operation for each instruction, but one for a pair that the front end fuses
  std::vector<uint32_t> operations; // of each instruction
  std::vector<const Figure *> figures; // of each instruction, in the table that the code was modelled with
  std::vector<uint32_t> leaders;    // of each operation: its first instruction
  std::vector<Stream> streams;
  uint32_t level = 0;     // position of the cache that holds the streams, in Table::caches
  uint64_t footprint = 0; // bytes of all streams; 0 if iterations are unknown

  std::vector<uint32_t> order() const;
};

/// The forms of some code that a table lacks.
std::vector<std::string> missingForms(const std::vector<Instruction> &code, const Table &table);

/// `table` must know every form of the code, else an error names the first one that it lacks. Code stays in its order; branches within it count as
/// not taken. Loads read what stores of the same code left at the same address; different registers, unless one is computed from the other, are
/// taken for different memory.
Result<std::unique_ptr<CodeModel>> modelCode(const std::vector<Instruction> &code, const Table &table, const CodeFacts &facts);

/// What the engine predicts.
struct Prediction {
  double cycles = 0; // of a loop an iteration in its steady state, else from the first operation to the last result
  uint32_t rounds = 1;
  std::vector<sched::HostTime> times; // of each operation of each round
  sched::Bounds bounds;
  std::string bottleneck; // what limits: "port NAME", "recurrence", "critical path", "window"
  double uops = 0;        // issue slots of one round
  /// Rounds in the middle of the steady state, whose waiting counts; cycles that an operation of one waits on average.
  double waitOperands = 0, waitPorts = 0;
};
Prediction predict(const CodeModel &model, bool loops);

/// The operations of one round that its time hangs on, the last one first, and what each waited for.
struct ChainLink {
  enum class Why : uint8_t { entered, operand, port };
  uint32_t operation;
  uint32_t round;
  Why why;
  uint32_t waited; // cycles
};
std::vector<ChainLink> criticalChain(const CodeModel &model, const Prediction &prediction);

} // namespace vtpu::host

#endif // VTPU_HOST_ANALYSIS_H
