// RUN: vtpu-opt %s --vtpu-decompose | FileCheck %s
// RUN: vtpu-opt %s --vtpu-decompose --vtpu-decompose | FileCheck %s

// Scores, scale, maximum, exponential, sum, product, quotient: three passes over the scores.
// CHECK-LABEL: @attention
// CHECK-NOT: vtpu.
// CHECK: arith.mulf
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: return
func.func @attention(%q: tensor<2x8x64xf32>, %k: tensor<2x8x64xf32>, %v: tensor<2x8x64xf32>) -> tensor<2x8x64xf32> {
  %0 = vtpu.attention %q, %k, %v scale 0.125
      : tensor<2x8x64xf32>, tensor<2x8x64xf32>, tensor<2x8x64xf32>
      -> tensor<2x8x64xf32>
  return %0 : tensor<2x8x64xf32>
}

// A narrow type computes in f32.
// CHECK-LABEL: @half
// CHECK: arith.extf {{.*}} : f16 to f32
// CHECK: arith.truncf {{.*}} : f32 to f16
func.func @half(%q: tensor<8x16xf16>, %k: tensor<4x16xf16>, %v: tensor<4x2xf16>) -> tensor<8x2xf16> {
  %0 = vtpu.attention %q, %k, %v scale 0.25 : tensor<8x16xf16>, tensor<4x16xf16>, tensor<4x2xf16> -> tensor<8x2xf16>
  return %0 : tensor<8x2xf16>
}

// CHECK-LABEL: @mean
// CHECK: scf.for
// CHECK: cf.assert {{.*}}, "index out of range: expected 0 <= node < 6 in a hypergraph aggregation"
// CHECK: cf.assert {{.*}}, "index out of range: expected 0 <= edge < 3 in a hypergraph aggregation"
// CHECK: linalg.generic
// CHECK: scf.for
// CHECK: arith.divf
func.func @mean(%x: tensor<6x4xf32>, %nodes: tensor<9xi64>, %edges: tensor<9xi64>) -> tensor<3x4xf32> {
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %nodes, %edges {normalization = #vtpu.normalization<mean>}
      : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}
