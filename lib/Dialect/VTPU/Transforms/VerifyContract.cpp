//===- VerifyContract.cpp - What may enter the compiler -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frontend contract: registered dialects the compiler knows, static shapes
// and element types it has registers for. Every offending op is named, then
// the pass fails.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace vtpu {
#define GEN_PASS_DEF_VERIFYCONTRACT
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// What is wrong with a type; empty if nothing is.
static std::string complaint(Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto shaped = dyn_cast<ShapedType>(type)) {
    if (isa<VectorType>(type))
      return (os << "the vector type " << type, text);
    if (!shaped.hasRank() || !shaped.hasStaticShape())
      return (os << "the dynamic shape " << type
                 << "; fix every extent before compiling",
              text);
    type = shaped.getElementType();
  }
  bool known = type.isF32() || type.isF64() || type.isF16() || type.isBF16() ||
               type.isIndex() || isa<FunctionType>(type);
  if (auto integer = dyn_cast<IntegerType>(type))
    known = llvm::is_contained({1u, 8u, 16u, 32u, 64u}, integer.getWidth());
  if (!known)
    os << "the type " << type
       << "; supported are f64, f32, f16, bf16, i64, i32, i16, i8, i1, index";
  return text;
}

namespace {

struct VerifyContract : vtpu::impl::VerifyContractBase<VerifyContract> {
  void runOnOperation() override {
    static const StringRef dialects[] = {"builtin", "func", "linalg", "tensor",
                                         "arith",   "math", "scf",    "cf",
                                         "memref",  "vtpu", "affine"};
    bool failed = false;
    getOperation().walk([&](Operation *op) {
      StringRef name = op->getName().getStringRef();
      if (!op->isRegistered() ||
          !llvm::is_contained(dialects, op->getName().getDialectNamespace())) {
        if (name.starts_with("tm_tensor.yield"))
          return;
        op->emitError() << "'" << name
                        << "' is not supported; legal dialects are linalg, "
                           "tensor, arith, math, scf and cf";
        failed = true;
        return;
      }
      SmallVector<Type> types(op->getResultTypes());
      if (auto function = dyn_cast<func::FuncOp>(op))
        llvm::append_range(types, function.getArgumentTypes());
      for (Type type : types)
        if (std::string text = complaint(type); !text.empty()) {
          op->emitError() << "'" << name << "' has " << text;
          failed = true;
          break;
        }
    });
    if (failed)
      signalPassFailure();
  }
};

} // namespace
