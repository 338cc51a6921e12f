//===- SchedulingProblem.h - Instruction ops as a problem -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_DIALECT_SIW_TRANSFORMS_SCHEDULINGPROBLEM_H
#define VTPU_LIB_DIALECT_SIW_TRANSFORMS_SCHEDULINGPROBLEM_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"
#include "vtpu/Scheduling/Problem.h"

#include "mlir/IR/BuiltinOps.h"

namespace vtpu::siw {

/// Attribute of a module: the name of the port table that schedules it.
constexpr llvm::StringLiteral portTableAttr = "siw.port_table";
/// The table of a module; the default one if it names none.
Result<const sched::PortTable *> getPortTable(mlir::ModuleOp module);
/// The same after the module was given the name, if it is not empty; afterwards the module names its table.
Result<const sched::PortTable *> choosePortTable(mlir::ModuleOp module, llvm::StringRef name);

using Run = llvm::SmallVector<mlir::Operation *>;
/// The straight runs of instructions in a block, in order. Structured ops and calls stand between runs; what transfers control ends one.
llvm::SmallVector<Run> findRuns(mlir::Block &block);

/// The operations of a run without dependences. Addresses are known to be equal where they are the same values.
sched::Problem describeRun(const Run &run, const sched::PortTable &table);
/// Adds to every operation its slot with numbered registers.
mlir::LogicalResult addContents(sched::Problem &problem, const Run &run);
/// Adds the dependences of SSA values, and those that keep a loop's carried values in their registers. `repeats`: the run is a whole loop body.
void addValueDependences(sched::Problem &problem, const Run &run, bool repeats);
/// Orders everything before the op that ends a run, if control leaves there.
void addControlDependences(sched::Problem &problem, const Run &run);

/// Checks a schedule and reports each violation at its op.
mlir::LogicalResult verifySchedule(const sched::Problem &problem, const sched::Schedule &schedule, const Run &run);

} // namespace vtpu::siw

#endif // VTPU_LIB_DIALECT_SIW_TRANSFORMS_SCHEDULINGPROBLEM_H
