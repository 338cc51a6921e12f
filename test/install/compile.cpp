// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A user's program against an installed compiler: MLIR text on standard input, a program's file on standard output.
#include "vtpu/InitAllDialects.h"
#include "vtpu/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

int main() {
  mlir::DialectRegistry registry;
  vtpu::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto input = llvm::MemoryBuffer::getSTDIN();
  if (!input)
    return 1;
  llvm::Expected<std::string> bytes = vtpu::compileText(context, (*input)->getBuffer(), "<stdin>", vtpu::CompileOptions());
  if (!bytes) {
    llvm::errs() << llvm::toString(bytes.takeError()) << "\n";
    return 1;
  }
  llvm::outs() << *bytes;
  return 0;
}
