//===- vtpu-reduce.cpp - Shrinks a failing module -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's reducer over the dialects and passes of the compiler: give it a
// module and a script that exits with 1 while the module is interesting.
//
//===----------------------------------------------------------------------===//

#include "Help.h"

#include "vtpu/InitAllDialects.h"
#include "vtpu/InitAllPasses.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

static constexpr llvm::StringLiteral kHelp =
    R"(Shrinks a module while a script finds it interesting (exits with 1).

Usage: vtpu-reduce [options] FILE.mlir

  --reduction-tree='traversal-mode=0 test=SCRIPT'   drop operations
  --opt-reduction-pass='opt-pass=PASS test=SCRIPT'  run a pass where it helps
  -o FILE                      write there (default: standard output)
  --help-all                   every option
  --version                    the version
)";

int main(int argc, char **argv) {
  vtpu::tools::handleHelp(argc, argv, kHelp);
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  vtpu::registerAllPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
