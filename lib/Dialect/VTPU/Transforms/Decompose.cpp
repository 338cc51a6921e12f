//===- Decompose.cpp - vtpu ops become upstream ops -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Replaces every op of the vtpu dialect by its decomposition.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h"
#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace vtpu {
#define GEN_PASS_DEF_DECOMPOSE
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

namespace {

struct Decompose : vtpu::impl::DecomposeBase<Decompose> {
  void runOnOperation() override {
    SmallVector<linalg::AggregatedOpInterface> work;
    getOperation().walk([&](linalg::AggregatedOpInterface op) {
      if (isa_and_present<vtpu::VTPUDialect>(op->getDialect()) || isa<linalg::SoftmaxOp>(op))
        work.push_back(op);
    });
    for (linalg::AggregatedOpInterface op : work) {
      OpBuilder builder(op);
      FailureOr<SmallVector<Value>> values = op.decomposeOperation(builder);
      if (failed(values))
        return signalPassFailure();
      op->replaceAllUsesWith(*values);
      op->erase();
      ++numDecomposed;
    }
  }
};

} // namespace
