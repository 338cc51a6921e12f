//===- VTPUDialect.cpp - The vtpu dialect and its verifiers ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration and the constraints that TableGen cannot say; the labels are
// those of VTPUOps.td.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "vtpu/Dialect/VTPU/IR/VTPUDialect.cpp.inc"
#include "vtpu/Dialect/VTPU/IR/VTPUEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "vtpu/Dialect/VTPU/IR/VTPUAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "vtpu/Dialect/VTPU/IR/VTPUOps.cpp.inc"

using namespace mlir;

void vtpu::VTPUDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "vtpu/Dialect/VTPU/IR/VTPUAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "vtpu/Dialect/VTPU/IR/VTPUOps.cpp.inc"
      >();
}

LogicalResult vtpu::HypergraphAggregateOp::verify() {
  auto features = cast<RankedTensorType>(getFeatures().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // vtpu_aggregate_c1
  if (features.getRank() != 2 || result.getRank() != 2 ||
      features.getDimSize(1) != result.getDimSize(1) ||
      features.getElementType() != result.getElementType())
    return emitOpError("expects matrices of one element type and number of "
                       "columns but got ")
           << features << " and " << result;
  auto nodes = cast<RankedTensorType>(getNodes().getType());
  auto edges = cast<RankedTensorType>(getEdges().getType());
  // vtpu_aggregate_c2
  if (!nodes.hasStaticShape() || nodes.getShape() != edges.getShape())
    return emitOpError("expects one node and one edge a pin but got ")
           << nodes << " and " << edges;
  if (!getWeights())
    return success();
  auto weights = cast<RankedTensorType>(getWeights().getType());
  if (weights.getShape() != nodes.getShape())
    return emitOpError("expects one weight a pin but got ")
           << weights << " for " << nodes;
  // vtpu_aggregate_c3
  if (weights.getElementType() != features.getElementType())
    return emitOpError("expects weights of the features' element type ")
           << features.getElementType() << " but got "
           << weights.getElementType();
  return success();
}

LogicalResult vtpu::AttentionOp::verify() {
  auto query = cast<RankedTensorType>(getQuery().getType());
  auto key = cast<RankedTensorType>(getKey().getType());
  auto value = cast<RankedTensorType>(getValue().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  int64_t rank = query.getRank();
  auto matches = [&](RankedTensorType type, int64_t rows, int64_t columns) {
    return type.getRank() == rank &&
           type.getElementType() == query.getElementType() &&
           type.getShape().drop_back(2) == query.getShape().drop_back(2) &&
           type.getDimSize(rank - 2) == rows &&
           type.getDimSize(rank - 1) == columns;
  };
  // vtpu_attention_c1
  if (rank < 2 || !isa<FloatType>(query.getElementType()) ||
      key.getRank() != rank || value.getRank() != rank ||
      !matches(key, key.getDimSize(rank - 2), query.getDimSize(rank - 1)) ||
      !matches(value, key.getDimSize(rank - 2), value.getDimSize(rank - 1)) ||
      !matches(result, query.getDimSize(rank - 2),
               value.getDimSize(rank - 1)))
    return emitOpError("expects query [B.., M, K], key [B.., N, K], value "
                       "[B.., N, D] and result [B.., M, D] of one float type "
                       "but got ")
           << query << ", " << key << ", " << value << " and " << result;
  // vtpu_attention_c2
  if (!getMask())
    return success();
  auto mask = cast<RankedTensorType>(getMask().getType());
  SmallVector<int64_t> scores(query.getShape().drop_back(1));
  scores.push_back(key.getDimSize(rank - 2));
  if (mask.getShape() != ArrayRef<int64_t>(scores) ||
      (mask.getElementType() != query.getElementType() &&
       !mask.getElementType().isInteger(1)))
    return emitOpError("expects a mask [B.., M, N] of i1 or the query's type "
                       "but got ")
           << mask;
  return success();
}
