//===- BodyFacts.h - What bodies of linalg ops hold -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What must be known of a body before it is turned into lanes. Bodies may hold loops (scf.for).
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_CONVERSION_LINALGTOSIW_BODYFACTS_H
#define VTPU_LIB_CONVERSION_LINALGTOSIW_BODYFACTS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace vtpu {

struct BodyFacts {
  bool single = false;            // something works on one lane only
  llvm::DenseSet<int64_t> counts; // loops whose counter it uses
};
BodyFacts inspect(mlir::linalg::LinalgOp op);

/// Integers that only addresses, bounds of loops and their checks use: 64 bits hold them, and nothing has to wrap.
llvm::DenseSet<mlir::Value> findAddressParts(mlir::Block *block);

/// True if lanes must be as few as 64-bit values allow. What is in r registers takes no lanes.
bool isWide(mlir::linalg::LinalgOp op, llvm::function_ref<bool(mlir::Value)> inRegisters);

/// The combiner of a reduction whose body is one op on the accumulator, as `imm` of dred (12, 13: NaN-propagating minimum and maximum); nothing if
/// there is no such form.
std::optional<int> reductionKind(mlir::linalg::LinalgOp op);

} // namespace vtpu

#endif // VTPU_LIB_CONVERSION_LINALGTOSIW_BODYFACTS_H
