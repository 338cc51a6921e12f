//===- Passes.h - Passes on siw ---------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_SIW_TRANSFORMS_PASSES_H
#define VTPU_DIALECT_SIW_TRANSFORMS_PASSES_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"

#include "mlir/Pass/Pass.h"

namespace vtpu::siw {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"

} // namespace vtpu::siw

#endif // VTPU_DIALECT_SIW_TRANSFORMS_PASSES_H
