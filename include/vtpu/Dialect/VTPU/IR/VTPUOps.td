//===- VTPUOps.td - The vtpu dialect ------------------------*- tablegen -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations on tensors that upstream dialects do not say: aggregation over a
// hypergraph and attention kept whole. Parameters need no op of their own:
// they are entry arguments with the attribute `vtpu.parameter`.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_VTPU_IR_VTPUOPS_TD
#define VTPU_DIALECT_VTPU_IR_VTPUOPS_TD

include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def VTPU_Dialect : Dialect {
  let name = "vtpu";
  let cppNamespace = "::vtpu";
  let summary = "Tensor and hypergraph operations in value semantics";
  let description = [{
    What a model says and `linalg` does not: hypergraph aggregation and
    attention. Every op decomposes to `linalg` and `scf`
    (`vtpu-decompose`), which also defines its meaning.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class VTPU_Op<string mnemonic, list<Trait> traits = []>
    : Op<VTPU_Dialect, mnemonic, traits # [AggregatedOpInterface]> {
  let extraClassDeclaration = [{
    /// The op in terms of linalg and scf.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>
    decomposeOperation(::mlir::OpBuilder &builder);
  }];
}

def VTPU_Direction : I32EnumAttr<"Direction", "Which way features flow", [
    I32EnumAttrCase<"NodeToEdge", 0, "node_to_edge">,
    I32EnumAttrCase<"EdgeToNode", 1, "edge_to_node">]> {
  let cppNamespace = "::vtpu";
  let genSpecializedAttr = 0;
}
def VTPU_DirectionAttr : EnumAttr<VTPU_Dialect, VTPU_Direction, "direction"> {
  let assemblyFormat = "`<` $value `>`";
}

def VTPU_Normalization : I32EnumAttr<
    "Normalization", "What the sum of a target is divided by", [
    I32EnumAttrCase<"None", 0, "none">,
    I32EnumAttrCase<"Mean", 1, "mean">]> {
  let cppNamespace = "::vtpu";
  let genSpecializedAttr = 0;
}
def VTPU_NormalizationAttr
    : EnumAttr<VTPU_Dialect, VTPU_Normalization, "normalization"> {
  let assemblyFormat = "`<` $value `>`";
}

def VTPU_FloatMatrix : StaticShapeTensorOf<[F32, F64]>;
def VTPU_IndexVector : 1DTensorOf<[I32, I64, Index]>;

def VTPU_HypergraphAggregateOp : VTPU_Op<"hypergraph_aggregate"> {
  let summary = "Sum features over the incidence of a hypergraph";
  let description = [{
    The incidence is a list of pins: pin `p` says that node `nodes[p]` belongs
    to hyperedge `edges[p]`. Features flow from nodes to hyperedges
    (`node_to_edge`) or back (`edge_to_node`):

    ```
    result[target[p], :] += weights[p] * features[source[p], :]
    ```

    starting from zero, in the order of the pins. Weights are optional and
    count as one. With `normalization = mean` each row is divided by the number
    of its pins; a row without pins is zero.

    Constraints: (`vtpu_aggregate_c1`) features and result are matrices of the
    same element type and number of columns; (`vtpu_aggregate_c2`) nodes,
    edges and weights have one entry a pin; (`vtpu_aggregate_c3`) weights have
    the features' element type. An index outside its range is a run-time
    trap.

    ```mlir
    %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %nodes, %edges
        {normalization = #vtpu.normalization<mean>}
        : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64> -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins VTPU_DirectionAttr:$direction,
                       VTPU_FloatMatrix:$features,
                       VTPU_IndexVector:$nodes,
                       VTPU_IndexVector:$edges,
                       Optional<1DTensorOf<[F32, F64]>>:$weights,
                       DefaultValuedAttr<VTPU_NormalizationAttr,
                         "::vtpu::Normalization::None">:$normalization);
  let results = (outs VTPU_FloatMatrix:$result);
  let assemblyFormat = [{
    $direction $features `by` $nodes `,` $edges (`weights` $weights^)?
    attr-dict `:` type($features) `,` type($nodes) `,` type($edges)
    (`,` type($weights)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def VTPU_AttentionOp : VTPU_Op<"attention", [Pure]> {
  let summary = "Scaled dot-product attention";
  let description = [{
    `softmax(scale * query * transpose(key) + mask) * value` over the last two
    dimensions; all dimensions before them are a batch. A mask of `i1` keeps the
    scores where it is true and sets the others to minus infinity. A row whose
    scores are all minus infinity gives zeros, as in PyTorch.

    Constraints: (`vtpu_attention_c1`) query `[B.., M, K]`, key `[B.., N, K]`,
    value `[B.., N, D]`, result `[B.., M, D]`, all of one float type;
    (`vtpu_attention_c2`) the mask is `[B.., M, N]` of that type or `i1`.

    ```mlir
    %0 = vtpu.attention %q, %k, %v scale 0.125
        : tensor<2x8x64xf32>, tensor<2x8x64xf32>, tensor<2x8x64xf32>
        -> tensor<2x8x64xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$query,
                       AnyStaticShapeTensor:$key,
                       AnyStaticShapeTensor:$value,
                       Optional<AnyStaticShapeTensor>:$mask,
                       F64Attr:$scale);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? `scale` $scale attr-dict `:`
    type($query) `,` type($key) `,` type($value) (`,` type($mask)^)?
    `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // VTPU_DIALECT_VTPU_IR_VTPUOPS_TD
