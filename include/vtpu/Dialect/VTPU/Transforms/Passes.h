//===- Passes.h - Passes of the vtpu front half -----------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations of the passes in Passes.td and the names of the attributes
// that are part of the contract between the phases.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_H
#define VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_H

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace vtpu {

/// Unit attribute of a function that a caller of the program can name.
inline constexpr llvm::StringLiteral kEntryAttr = "vtpu.entry";
/// On a loop in a body: over all iterations of the body it visits each element
/// of what it reads once.
inline constexpr llvm::StringLiteral kVisitsOnceAttr = "vtpu.visits_once";
/// Unit attribute of an outlined private function.
inline constexpr llvm::StringLiteral kKernelAttr = "vtpu.kernel";
/// Argument attribute of an entry: the caller's buffer for a result.
inline constexpr llvm::StringLiteral kResultAttr = "vtpu.result";
/// Argument attribute of an entry: the arena of intermediates.
inline constexpr llvm::StringLiteral kArenaAttr = "vtpu.arena";
/// Argument attribute of a kernel: nothing outside the kernel reads or writes
/// the buffer, so its contents need never reach memory.
inline constexpr llvm::StringLiteral kScratchAttr = "vtpu.scratch";

#define GEN_PASS_DECL
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"

} // namespace vtpu

#endif // VTPU_DIALECT_VTPU_TRANSFORMS_PASSES_H
