//===- Passes.td - Passes of the vtpu front half -----------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that take a program from what the importer wrote to bufferized,
// memory-planned and kernel-outlined form. The order they run in is fixed in
// lib/Pipelines/Pipelines.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_TD
#define VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTMTensor : Pass<"convert-tm-tensor", "::mlir::ModuleOp"> {
  let summary = "Convert tm_tensor ops in generic form to linalg, scf and vtpu";
  let description = [{
    Accepts `tm_tensor.scatter`, `scan`, `sort` and `attention` as unregistered
    operations. A scatter becomes a loop of row updates with a bounds check; if
    its places are constants and its rows lie along one dimension, each target
    row visits its updates in their order instead, independently of the other
    rows. A scan becomes a loop along its dimension. A sort (stable, NaN last)
    becomes a rank computation and a permutation, or, of lines of more than 256
    elements, a merge sort. Attention becomes `vtpu.attention`.

    Input contract: static shapes; others are left for the contract check.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::vtpu::VTPUDialect"];
  let statistics = [
    Statistic<"numConverted", "converted", "Operations converted">
  ];
}

def Decompose : Pass<"vtpu-decompose", "::mlir::ModuleOp"> {
  let summary = "Replace vtpu ops by linalg and scf";
  let description = [{
    Replaces every op of the `vtpu` dialect, and `linalg.softmax`, by its
    decomposition.

    Output contract: no op of the `vtpu` dialect is left.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numDecomposed", "decomposed", "Operations decomposed">
  ];
}

def CleanUp : Pass<"vtpu-clean-up", "::mlir::func::FuncOp"> {
  let summary = "Remove what the importer writes and nobody needs";
  let description = [{
    Takes casts to dynamic shapes off the operands of `tensor.concat`, where
    the static shape is known, gives every reduction an initial value of
    its own, since a `linalg.fill` that several ops write over would cost a
    copy each, compares extended numbers, with each other or with constants
    that their own type holds, as they are, reduces what is complete right
    away, looks up now what one constant list of indices holds at the places of
    another, and keeps such lists in 32 bits.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numCompares", "compares", "Comparisons narrowed">,
    Statistic<"numReductions", "reductions", "Reductions moved ahead">,
    Statistic<"numFills", "fills", "Initial values repeated">,
    Statistic<"numTables", "tables", "Lists of indices composed or narrowed">
  ];
}

def CheckIndices : Pass<"vtpu-check-indices", "::mlir::func::FuncOp"> {
  let summary = "Assert the bounds of indices that come from data";
  let description = [{
    Puts a `cf.assert` before every `tensor.extract` in a `linalg.generic` whose
    index depends on an element of a tensor, unless the index is asserted
    already. An index that is out of range then traps with a message that names
    extent and dimension; the importer's messages, which do not, are replaced.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect"];
  let statistics = [
    Statistic<"numChecks", "checks", "Assertions added">
  ];
}

def PrepareEntry : Pass<"vtpu-prepare-entry", "::mlir::ModuleOp"> {
  let summary = "Mark entry functions and make their arguments read-only";
  let description = [{
    Marks every public function as an entry (`vtpu.entry`) and every tensor
    argument of it `bufferization.writable = false`: the caller's inputs and
    parameters are never written. Functions without a body are refused.

    Input contract: functions on tensors. Output contract: the same, marked.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def FinalizeEntry : Pass<"vtpu-finalize-entry", "::mlir::ModuleOp"> {
  let summary = "Turn bufferized entries into destination-passing form";
  let description = [{
    Runs after bufferization and `buffer-results-to-out-params`. Renames the
    marker of result arguments to `vtpu.result`, rewrites every `memref.copy`
    into a parallel `linalg.generic`, hoists static allocations out of nested
    regions and removes deallocations (the planner owns life times).
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
  let statistics = [
    Statistic<"numCopies", "copies", "Copies rewritten as generics">
  ];
}

def VerifyContract : Pass<"vtpu-verify-contract", "::mlir::ModuleOp"> {
  let summary = "Refuse what the compiler does not take, naming all of it";
  let description = [{
    Reports every op of an unknown dialect, every dynamic shape and every
    unsupported type with its source location, then fails.
  }];
}

def FuseElementwise : Pass<"vtpu-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuse element-wise work and fold transpositions";
  let description = [{
    Turns named ops into generics, drops dimensions of extent one, then fuses
    producers into consumers: pure data movement (transpositions, broadcasts)
    and conversions into every consumer, arithmetic into parallel consumers of
    its only use, and cheap arithmetic into reductions that read each element
    once. Reshapes move through parallel work, never into contractions, whose
    form the code generator relies on. What a body extracts from cheap parallel
    work is computed there if no element is computed twice: messages move into
    the loop over the updates of a scatter's target. `1 - erf(x)` becomes
    `math.erfc`, which keeps the digits of its result.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def OutlineKernels : Pass<"vtpu-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Outline the work of each entry into private kernels";
  let description = [{
    Splits the body of each entry into groups of operations and moves each
    group into a private function marked `vtpu.kernel`. What stays in the entry
    is a straight list of `func.call`s and of the view operations that define
    their arguments. Kernels with the same body and types are emitted once and
    called several times.

    Input contract: memrefs of static shape. Output contract: the entry holds
    calls, allocations, globals, constants and static views only.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"fuseEpilogues", "fuse-epilogues", "bool", /*default=*/"true",
           "Put a contraction and the row-wise work that follows it into one "
           "kernel">
  ];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels emitted">,
    Statistic<"numCalls", "calls", "Calls of kernels">
  ];
}

def PlanMemory : Pass<"vtpu-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Assign every intermediate a static offset in one arena";
  let description = [{
    Replaces each `memref.alloc` of an entry by a `memref.view` at a constant
    offset of an arena, which becomes the last argument of the entry
    (`memref<Nxi8>`, marked `vtpu.arena`). Buffers whose life times do not
    overlap share bytes; offsets are multiples of the alignment. The result of
    an element-wise kernel takes the place of an operand that is read there for
    the last time. Buffers are placed in the order of falling size, each at the
    lowest gap that fits.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"alignment", "alignment", "int64_t", /*default=*/"64",
           "Alignment of every buffer in bytes">
  ];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers placed">,
    Statistic<"numInPlace", "in-place", "Buffers in the place of an operand">,
    Statistic<"arenaBytes", "arena-bytes", "Bytes of the arenas">,
    Statistic<"sumBytes", "sum-bytes", "Bytes without reuse">
  ];
}

#endif // VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_TD
