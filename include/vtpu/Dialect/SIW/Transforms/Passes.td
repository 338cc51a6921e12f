//===- Passes.td - Passes on siw ---------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_SIW_TRANSFORMS_PASSES_TD
#define VTPU_DIALECT_SIW_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AllocateRegisters : Pass<"siw-allocate-registers", "::vtpu::siw::FuncOp"> {
  let summary = "Give every register value a number";
  let description = [{
    Linear scan over structured control. Values that a loop carries share a register with their successors; copies go where that would clobber
    a live value. What does not fit is recomputed before its uses if it needs no operands, else stored to the function's stack binding. A
    `siw.for` whose counter or bound must leave its register too becomes a `siw.while` that tests and steps the counter.
  }];
  let statistics = [Statistic<"numCopies", "copies", "Copies inserted, with those that turn out to be none">,
                    Statistic<"numRecomputed", "recomputed", "Values recomputed before their uses">,
                    Statistic<"numSpills", "spills", "Values stored to the stack">];
}

def PipelineLoops : Pass<"siw-pipeline-loops", "::mlir::ModuleOp"> {
  let summary = "Overlap the iterations of innermost loops";
  let description = [{
    Modulo-schedules each innermost `siw.for` whose body is a straight run and writes it as a software pipeline: the stages of the first iterations, an
    unrolled kernel, the stages of the last ones, and the loop itself for the iterations that are left. Counters and registers that step by constants
    are no part of the schedule: accesses of other iterations get another displacement. A loop is taken if the model of the out-of-order host finds
    the kernel faster by more than its error, and if no register need be spilled. With MLIR's remark engine (`--remarks-filter=siw-pipeline-loops`),
    each loop says its interval, what bounds it, and why it stays.
  }];
  let options = [Option<"portTable", "port-table", "std::string", "", "Name of the port table; empty: the module's, else zen5">,
                 Option<"algorithm", "algorithm", "std::string", "\"modulo\"", "modulo, or exact: a SAT solver looks for shorter intervals and proves the least">,
                 Option<"seconds", "seconds", "double", "10", "Time of the solver for each interval that it tries">,
                 Option<"mostOps", "most-ops", "unsigned", "512", "Instructions that a kernel may have">,
                 Option<"force", "force", "bool", "false", "Take every loop that has more than one stage, faster or not (for tests)">];
  let statistics = [Statistic<"numLoops", "loops", "Straight innermost loops">, Statistic<"numPipelined", "pipelined", "Loops that became pipelines">];
}

def Schedule : Pass<"siw-schedule", "::mlir::ModuleOp"> {
  let summary = "Order instructions for the host's ports";
  let description = [{
    Orders the instructions of each straight run by list scheduling in host cycles, before registers are allocated. Structured ops and calls stay
    where they are. An order is taken if the model of the out-of-order host finds it faster than the given one; it never needs a spill that the
    given one does not need. The module's `siw.port_table` names the port table. With MLIR's remark engine (`--remarks-filter=siw-schedule`), each
    run says what bounds it.
  }];
  let options = [Option<"portTable", "port-table", "std::string", "", "Name of the port table; empty: the module's, else zen5">];
  let statistics = [Statistic<"numRuns", "runs", "Runs looked at">, Statistic<"numReordered", "reordered", "Runs with a new order">];
}

def FormBundles : Pass<"siw-form-bundles", "::vtpu::siw::FuncOp"> {
  let summary = "Pack allocated instructions into words";
  let description = [{
    Places each instruction of a straight run, in order, into the earliest word within a window that has its slot free and respects dependences:
    a word's slots read the state before it and write at its end. The scheduling verifier checks the result. Afterwards operands are
    `siw.register` values. With MLIR's remark engine (`--remarks-filter=siw-form-bundles`), each empty slot says what kept it empty.
  }];
  let options = [Option<"window", "window", "unsigned", "16", "How many words back an instruction may move">];
  let statistics = [Statistic<"numWords", "words", "Words formed">, Statistic<"numOps", "ops", "Instructions placed">];
}

#endif // VTPU_DIALECT_SIW_TRANSFORMS_PASSES_TD
