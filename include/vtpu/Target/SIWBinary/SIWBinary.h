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

} // namespace vtpu

#endif // VTPU_TARGET_SIWBINARY_SIWBINARY_H
