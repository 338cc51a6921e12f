//===- CheckIndices.cpp - Gathers that cannot leave their tensor ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer asserts the bounds of some gathers and not of others. Every
// `tensor.extract` whose index comes from data gets an assertion unless the
// program already has one.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

namespace vtpu {
#define GEN_PASS_DEF_CHECKINDICES
#include "vtpu/Dialect/VTPU/Transforms/Passes.h.inc"
} // namespace vtpu

using namespace mlir;

/// True if `value` depends on an element of a tensor: on an argument of the
/// body or on another extraction.
static bool comesFromData(Value value, Region &body) {
  SmallVector<Value> pending{value};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!pending.empty()) {
    Value current = pending.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(current)) {
      if (argument.getOwner()->getParent() == &body)
        return true;
      continue; // the counter of a loop
    }
    Operation *def = current.getDefiningOp();
    if (isa<tensor::ExtractOp>(def))
      return true;
    if (body.isAncestor(def->getParentRegion()) && seen.insert(def).second)
      llvm::append_range(pending, def->getOperands());
  }
  return false;
}

/// The assertions that compare `index`, or what it was cast from.
static SmallVector<cf::AssertOp> assertionsOf(Value index) {
  SmallVector<Value> names{index};
  if (auto cast = index.getDefiningOp<arith::IndexCastOp>())
    names.push_back(cast.getIn());
  SmallVector<cf::AssertOp> found;
  for (Value name : names)
    for (Operation *user : name.getUsers())
      if (auto compare = dyn_cast<arith::CmpIOp>(user);
          compare && compare.getLhs() == name)
        for (Operation *use : compare->getUsers())
          if (auto assertion = dyn_cast<cf::AssertOp>(use))
            found.push_back(assertion);
  return found;
}

/// True if the assertions together say that an index is in 0 .. extent - 1.
static bool limit(ArrayRef<cf::AssertOp> assertions, int64_t extent) {
  bool below = false, notNegative = false;
  for (cf::AssertOp assertion : assertions) {
    auto compare = assertion.getArg().getDefiningOp<arith::CmpIOp>();
    APInt bound;
    if (!matchPattern(compare.getRhs(), m_ConstantInt(&bound)))
      continue;
    const int64_t number = bound.getSExtValue();
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::ult:
      below |= number >= 0 && number <= extent;
      notNegative |= number >= 0;
      break;
    case arith::CmpIPredicate::slt:
      below |= number <= extent;
      break;
    case arith::CmpIPredicate::sge:
      notNegative |= number >= 0;
      break;
    case arith::CmpIPredicate::sgt:
      notNegative |= number >= -1;
      break;
    default:
      break;
    }
  }
  return below && notNegative;
}

/// True if `index` is an element of a constant tensor whose elements all lie
/// in 0 .. extent - 1.
static bool isKnownInside(Value index, int64_t extent) {
  while (Operation *def = index.getDefiningOp()) {
    if (!isa<arith::IndexCastOp, arith::ExtSIOp>(def))
      break;
    index = def->getOperand(0);
  }
  Value table;
  if (auto extract = index.getDefiningOp<tensor::ExtractOp>()) {
    table = extract.getTensor();
  } else if (auto argument = dyn_cast<BlockArgument>(index)) {
    if (auto generic =
            dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp()))
      table = generic.getMatchingOpOperand(argument)->get();
  }
  DenseIntElementsAttr elements;
  if (!table || !matchPattern(table, m_Constant(&elements)))
    return false;
  return llvm::all_of(elements.getValues<APInt>(), [&](const APInt &value) {
    return value.sge(0) && value.getSExtValue() < extent;
  });
}

namespace {

struct CheckIndices : vtpu::impl::CheckIndicesBase<CheckIndices> {
  void runOnOperation() override {
    getOperation().walk([&](tensor::ExtractOp extract) {
      auto generic = extract->getParentOfType<linalg::GenericOp>();
      if (!generic)
        return;
      Region &body = generic.getRegion();
      auto type = cast<RankedTensorType>(extract.getTensor().getType());
      OpBuilder builder(extract);
      for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
        if (!comesFromData(index, body))
          continue;
        int64_t extent = type.getDimSize(dim);
        std::string message =
            ("index out of range: expected 0 <= index < " + Twine(extent) +
             " in dimension " + Twine(dim) + " of a gather")
                .str();
        SmallVector<cf::AssertOp> known = assertionsOf(index);
        const bool limited = limit(known, extent);
        // The importer's own words name neither extent nor dimension.
        for (cf::AssertOp assertion : known)
          if (limited && assertion.getMsg().starts_with("index must be "))
            assertion.setMsg(message);
        if (limited || isKnownInside(index, extent))
          continue;
        Location loc = extract.getLoc();
        Value limit = arith::ConstantIndexOp::create(builder, loc, extent);
        // One unsigned comparison covers both ends.
        Value inside = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::ult, index, limit);
        cf::AssertOp::create(builder, loc, inside, message);
        ++numChecks;
      }
    });
  }
};

} // namespace
