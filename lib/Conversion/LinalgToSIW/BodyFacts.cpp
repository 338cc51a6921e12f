//===- BodyFacts.cpp - What bodies of linalg ops hold -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyFacts.h"

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using LaneType = vtpu::isa::Type;

namespace vtpu {

BodyFacts inspect(linalg::LinalgOp op) {
  BodyFacts facts;
  op.getBlock()->walk([&](Operation *inner) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      facts.counts.insert(int64_t(index.getDim()));
    if (mlir::isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp, memref::StoreOp>(inner) ||
        (inner->getNumRegions() != 0 && !mlir::isa<scf::ForOp>(inner)))
      facts.single = true;
  });
  return facts;
}

llvm::DenseSet<Value> findAddressParts(Block *block) {
  llvm::DenseSet<Value> parts;
  auto isPart = [&](Value value) {
    Type type = value.getType();
    Operation *def = value.getDefiningOp();
    const bool narrow = (type.isInteger(32) && (!def || mlir::isa<memref::LoadOp>(def))) || (type.isInteger(1) && def && mlir::isa<arith::CmpIOp>(def));
    return !value.use_empty() && (type.isIndex() || type.isInteger(64) || narrow) && llvm::all_of(value.getUses(), [&](OpOperand &use) {
      Operation *user = use.getOwner();
      if (mlir::isa<memref::LoadOp>(user))
        return use.getOperandNumber() > 0;
      if (mlir::isa<scf::ForOp>(user))
        return use.getOperandNumber() < 3;
      if (type.isInteger(1)) // 0 or 1 in an r register, so no number of one bit
        return mlir::isa<cf::AssertOp>(user) || (mlir::isa<arith::SelectOp>(user) && use.getOperandNumber() == 0 && parts.contains(user->getResult(0)));
      return mlir::isa<cf::AssertOp>(user) ||
             (mlir::isa<arith::IndexCastOp, arith::ExtSIOp, arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::CmpIOp, arith::SelectOp>(user) &&
              parts.contains(user->getResult(0)));
    });
  };
  SmallVector<Operation *> ops;
  block->walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops)) { // uses first
    if (auto loop = dyn_cast<scf::ForOp>(op); loop && isPart(loop.getInductionVar()))
      parts.insert(loop.getInductionVar());
    if (mlir::isa<linalg::IndexOp, memref::LoadOp, arith::IndexCastOp, arith::ExtSIOp, arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::CmpIOp,
                  arith::SelectOp>(op) &&
        isPart(op->getResult(0)))
      parts.insert(op->getResult(0));
  }
  for (BlockArgument arg : block->getArguments())
    if (isPart(arg))
      parts.insert(arg);
  return parts;
}

bool isWide(linalg::LinalgOp op, llvm::function_ref<bool(Value)> inRegisters) {
  bool wide = false;
  auto see = [&](Value value) {
    std::optional<ElementInfo> info = getElementInfo(value.getType());
    wide |= info && info->reg != LaneType::none && isa::byteWidth(info->reg) == 8 && !inRegisters(value);
  };
  for (BlockArgument arg : op.getBlock()->getArguments())
    see(arg);
  // What depends on nothing of the body is computed once, on one lane.
  llvm::DenseSet<Operation *> uniform;
  op.getBlock()->walk([&](Operation *inner) {
    if (inner->getNumResults() == 1 && inner->getNumRegions() == 0 && isPure(inner) && !mlir::isa<linalg::IndexOp>(inner) &&
        llvm::all_of(inner->getOperands(), [&](Value operand) {
          return !op.getBlock()->getParent()->isAncestor(operand.getParentRegion()) || (operand.getDefiningOp() && uniform.contains(operand.getDefiningOp()));
        })) {
      uniform.insert(inner);
      return;
    }
    for (Value result : inner->getResults())
      see(result);
    // A constant exponent becomes products; an address's constants go with it.
    if (mlir::isa<math::FPowIOp>(inner) && inner->getOperand(1).getDefiningOp<arith::ConstantOp>())
      return;
    const bool address = mlir::isa<memref::LoadOp, scf::ForOp>(inner) || llvm::any_of(inner->getOperands(), inRegisters);
    for (Value operand : inner->getOperands())
      if (!address || !operand.getDefiningOp<arith::ConstantOp>())
        see(operand);
  });
  return wide;
}

std::optional<int> reductionKind(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1)
    return std::nullopt;
  Block *block = op.getBlock();
  Value accumulator = block->getArguments().back();
  Value result = block->getTerminator()->getOperand(0);
  Operation *combiner = result.getDefiningOp();
  if (!combiner || combiner->getBlock() != block || !accumulator.hasOneUse() || *accumulator.getUsers().begin() != combiner ||
      combiner->getNumOperands() != 2)
    return std::nullopt;
  Type type = result.getType();
  std::optional<ElementInfo> info = getElementInfo(type);
  if (!info || info->intBits || type.isF16() || type.isBF16())
    return std::nullopt;
  if (mlir::isa<arith::AndIOp>(combiner))
    return 4;
  if (mlir::isa<arith::OrIOp>(combiner))
    return 5;
  if (info->reg == LaneType::none)
    return std::nullopt;
  if (mlir::isa<arith::AddFOp, arith::AddIOp>(combiner))
    return 0;
  if (mlir::isa<arith::MulFOp, arith::MulIOp>(combiner))
    return 1;
  if (mlir::isa<arith::MinSIOp>(combiner))
    return 2;
  if (mlir::isa<arith::MaxSIOp>(combiner))
    return 3;
  if (mlir::isa<arith::MaximumFOp>(combiner))
    return 13; // NaN-propagating: lanes are combined by the op itself
  if (mlir::isa<arith::MinimumFOp>(combiner))
    return 12;
  return std::nullopt;
}

} // namespace vtpu
