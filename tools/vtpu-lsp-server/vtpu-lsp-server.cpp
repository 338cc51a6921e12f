//===- vtpu-lsp-server.cpp - Language server for the dialects -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's language server over the dialects of the compiler: editors get
// diagnostics, definitions and hovers in `.mlir` files of every phase.
//
//===----------------------------------------------------------------------===//

#include "Help.h"

#include "vtpu/InitAllDialects.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

static constexpr llvm::StringLiteral kHelp =
    R"(MLIR's language server with the dialects of the compiler. Editors start it
for .mlir files and speak the Language Server Protocol with it.

Usage: vtpu-lsp-server [options]

  --log=error|info|verbose     what it writes to standard error (default: info)
  --pretty                     indent the JSON that it sends
  --help-all                   every option
  --version                    the version
)";

int main(int argc, char **argv) {
  vtpu::tools::handleHelp(argc, argv, kHelp);
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
