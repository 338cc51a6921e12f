//===- vtpu-opt.cpp - Runs passes over a module ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The usual MLIR driver over the dialects and passes of the compiler.
//
//===----------------------------------------------------------------------===//

#include "vtpu/InitAllDialects.h"
#include "vtpu/InitAllPasses.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  vtpu::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "vTPU modular optimizer driver\n", registry));
}
