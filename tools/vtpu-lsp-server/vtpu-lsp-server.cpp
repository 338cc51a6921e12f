//===- vtpu-lsp-server.cpp - Language server for the dialects -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's language server over the dialects of the compiler: editors get
// diagnostics, definitions and hovers in `.mlir` files of every phase.
//
//===----------------------------------------------------------------------===//

#include "vtpu/InitAllDialects.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
