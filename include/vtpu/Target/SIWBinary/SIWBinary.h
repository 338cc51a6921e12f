//===- SIWBinary.h - siw MLIR to programs -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TARGET_SIWBINARY_SIWBINARY_H
#define VTPU_TARGET_SIWBINARY_SIWBINARY_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"
#include "vtpu/Object/Program.h"

#include "mlir/IR/BuiltinOps.h"

namespace vtpu {

/// Words of a module in phase `bundled`: structured control becomes branches. Diagnostics name the op.
mlir::FailureOr<Program> translateToProgram(mlir::ModuleOp module);

/// The module of a program's flat words; `translateToProgram` gives the same program back. The context needs the siw dialect.
mlir::OwningOpRef<mlir::ModuleOp> importProgram(const Program &program, mlir::MLIRContext &context);

/// A location as programs and messages show it: `net.py:12:3` (without the column where it is unknown), a call site as `callee at caller`, of
/// several places the first; empty if no file is known.
std::string locationText(mlir::Location location);
/// The location behind such a text; unknown for any other text.
mlir::Location parseLocationText(llvm::StringRef text, mlir::MLIRContext &context);

namespace siw {
/// Where the compiler places a word: the function in dimensions 7 and 8, the word in 9 and 10; see docs/ISA.md.
std::array<uint16_t, 11> coordinateOf(size_t function, size_t word);
/// `input`, `output`, ... as in the `kind` of a binding.
llvm::StringRef bindingKindName(BindingKind kind);
} // namespace siw

} // namespace vtpu

#endif // VTPU_TARGET_SIWBINARY_SIWBINARY_H
