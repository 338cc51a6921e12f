// RUN: vtpu-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: @aggregate
func.func @aggregate(%x: tensor<6x4xf32>, %nodes: tensor<9xi64>, %edges: tensor<9xi64>) -> tensor<3x4xf32> {
  // CHECK: vtpu.hypergraph_aggregate <node_to_edge> %{{.*}} by %{{.*}}, %{{.*}} {normalization = #vtpu.normalization<mean>}
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %nodes, %edges
      {normalization = #vtpu.normalization<mean>}
      : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// CHECK-LABEL: @aggregate_weighted
func.func @aggregate_weighted(%x: tensor<3x4xf64>, %nodes: tensor<9xi32>, %edges: tensor<9xi32>, %w: tensor<9xf64>) -> tensor<6x4xf64> {
  // CHECK: vtpu.hypergraph_aggregate <edge_to_node> %{{.*}} by %{{.*}}, %{{.*}} weights %{{.*}} : tensor<3x4xf64>
  %0 = vtpu.hypergraph_aggregate <edge_to_node> %x by %nodes, %edges weights %w
      : tensor<3x4xf64>, tensor<9xi32>, tensor<9xi32>, tensor<9xf64> -> tensor<6x4xf64>
  return %0 : tensor<6x4xf64>
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<2x8x64xf32>, %k: tensor<2x8x64xf32>, %v: tensor<2x8x64xf32>) -> tensor<2x8x64xf32> {
  // CHECK: vtpu.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.250000e-01 : tensor<2x8x64xf32>
  %0 = vtpu.attention %q, %k, %v scale 0.125
      : tensor<2x8x64xf32>, tensor<2x8x64xf32>, tensor<2x8x64xf32>
      -> tensor<2x8x64xf32>
  return %0 : tensor<2x8x64xf32>
}

// CHECK-LABEL: @attention_masked
func.func @attention_masked(%q: tensor<8x16xf32>, %k: tensor<4x16xf32>, %v: tensor<4x2xf32>, %m: tensor<8x4xi1>) -> tensor<8x2xf32> {
  // CHECK: vtpu.attention {{.*}} mask %{{.*}} scale 2.500000e-01
  %0 = vtpu.attention %q, %k, %v mask %m scale 0.25
      : tensor<8x16xf32>, tensor<4x16xf32>, tensor<4x2xf32>, tensor<8x4xi1> -> tensor<8x2xf32>
  return %0 : tensor<8x2xf32>
}
