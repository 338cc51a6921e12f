//===- VTPUDialect.h - The vtpu dialect -------------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// C++ side of VTPUOps.td.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_VTPU_IR_VTPUDIALECT_H
#define VTPU_DIALECT_VTPU_IR_VTPUDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h.inc"
#include "vtpu/Dialect/VTPU/IR/VTPUEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "vtpu/Dialect/VTPU/IR/VTPUAttributes.h.inc"
#define GET_OP_CLASSES
#include "vtpu/Dialect/VTPU/IR/VTPUOps.h.inc"

#endif // VTPU_DIALECT_VTPU_IR_VTPUDIALECT_H
