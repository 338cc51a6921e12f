//===- InitAllDialects.h - Dialects of the compiler -------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers the dialects that a program may hold in any phase, with the
// external models that the pipelines rely on. Nothing else is registered, so
// that tools start fast and accept what the compiler accepts.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_INITALLDIALECTS_H
#define VTPU_INITALLDIALECTS_H

#include "mlir/IR/DialectRegistry.h"

namespace vtpu {

/// Adds our dialects, the upstream dialects they build on, and their
/// interface implementations.
void registerAllDialects(mlir::DialectRegistry &registry);

} // namespace vtpu

#endif // VTPU_INITALLDIALECTS_H
