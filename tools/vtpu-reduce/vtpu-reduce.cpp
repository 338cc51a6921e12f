//===- vtpu-reduce.cpp - Shrinks a failing module -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's reducer over the dialects and passes of the compiler: give it a
// module and a script that exits with 1 while the module is interesting.
//
//===----------------------------------------------------------------------===//

#include "vtpu/InitAllDialects.h"
#include "vtpu/InitAllPasses.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  vtpu::registerAllPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
