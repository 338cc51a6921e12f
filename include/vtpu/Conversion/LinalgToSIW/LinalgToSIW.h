//===- LinalgToSIW.h - Conversion to siw ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_CONVERSION_LINALGTOSIW_LINALGTOSIW_H
#define VTPU_CONVERSION_LINALGTOSIW_LINALGTOSIW_H

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Pass/Pass.h"

namespace vtpu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "vtpu/Conversion/LinalgToSIW/Passes.h.inc"

} // namespace vtpu

#endif // VTPU_CONVERSION_LINALGTOSIW_LINALGTOSIW_H
