//===- Pipeline.h - What becomes of a pipelined loop ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A modulo schedule as lists of operations that a pass can follow: prologue, kernel, epilogue, and the register of each value in each iteration.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SCHEDULING_PIPELINE_H
#define VTPU_SCHEDULING_PIPELINE_H

#include "vtpu/Scheduling/Problem.h"

namespace vtpu::sched {

/// An operation as it works for one iteration.
struct PlannedOperation {
  uint32_t operation, iteration;
};

/// The lists are a run of `leastIterations()` iterations, numbered from 0. Each further pass through the kernel makes `unroll` more: it and what
/// follows it then work for iterations with numbers greater by `unroll`. Other numbers of iterations are the caller's to make up, by running some
/// of the loop as it was before or behind.
struct PipelinePlan {
  uint32_t stages = 1; // an iteration passes through so many intervals
  uint32_t unroll = 1; // intervals in the kernel, so that values that live longer than one have registers in turn (modulo variable expansion)
  std::vector<PlannedOperation> prologue, kernel, epilogue;
  std::vector<uint32_t> registers; // of value v in iteration i: [v * unroll + i % unroll], numbers of its class from 0
  std::vector<uint32_t> used;      // registers of each class

  uint32_t leastIterations() const { return stages - 1 + unroll; }
  /// The register of a value that iteration `i` defines. What comes into the loop is iteration -1, -2 ...
  uint32_t registerOf(uint32_t value, int64_t i) const {
    const int64_t phase = i % int64_t(unroll);
    return registers[value * unroll + uint32_t(phase < 0 ? phase + unroll : phase)];
  }
};

/// Unrolls the kernel as often as the registers' limits ask for: as little as the longest life allows, more if registers come out less. The schedule
/// must pass `verify`. An error if values do not fit into the registers in any of these ways: they can be one or two more than are
/// alive at once.
Result<PipelinePlan> planPipeline(const Problem &problem, const ModuloSchedule &schedule);

/// A loop's schedule with its plan.
struct PipelinedLoop {
  ModuloSchedule schedule;
  PipelinePlan plan;
};
/// `moduloSchedule`, at a longer interval where a schedule keeps within the limits and its plan does not.
Result<PipelinedLoop> pipelineLoop(const Problem &problem);

/// Everything that is wrong with a plan, by walking through runs of one, two and three passes of the kernel: every operation once in each iteration,
/// in the order of the dependences, and every use finds its value in the register. It shares no code with `planPipeline`.
std::vector<Violation> verify(const Problem &problem, const PipelinePlan &plan);

} // namespace vtpu::sched

#endif // VTPU_SCHEDULING_PIPELINE_H
