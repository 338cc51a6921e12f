// RUN: vtpu-opt %s -split-input-file -verify-diagnostics

// vtpu_aggregate_c1
func.func @columns(%x: tensor<6x4xf32>, %n: tensor<9xi64>) -> tensor<3x5xf32> {
  // expected-error @below {{expects matrices of one element type and number of columns but got 'tensor<6x4xf32>' and 'tensor<3x5xf32>'}}
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %n, %n : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64> -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

// vtpu_aggregate_c2
func.func @pins(%x: tensor<6x4xf32>, %n: tensor<9xi64>, %e: tensor<8xi64>) -> tensor<3x4xf32> {
  // expected-error @below {{expects one node and one edge a pin but got 'tensor<9xi64>' and 'tensor<8xi64>'}}
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %n, %e : tensor<6x4xf32>, tensor<9xi64>, tensor<8xi64> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// vtpu_aggregate_c2
func.func @weights(%x: tensor<6x4xf32>, %n: tensor<9xi64>, %w: tensor<3xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{expects one weight a pin but got 'tensor<3xf32>' for 'tensor<9xi64>'}}
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %n, %n weights %w : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64>, tensor<3xf32> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// vtpu_aggregate_c3
func.func @weight_type(%x: tensor<6x4xf32>, %n: tensor<9xi64>, %w: tensor<9xf64>) -> tensor<3x4xf32> {
  // expected-error @below {{expects weights of the features' element type 'f32' but got 'f64'}}
  %0 = vtpu.hypergraph_aggregate <node_to_edge> %x by %n, %n weights %w : tensor<6x4xf32>, tensor<9xi64>, tensor<9xi64>, tensor<9xf64> -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// vtpu_attention_c1
func.func @key(%q: tensor<8x16xf32>, %k: tensor<4x15xf32>, %v: tensor<4x2xf32>) -> tensor<8x2xf32> {
  // expected-error @below {{expects query [B.., M, K], key [B.., N, K], value [B.., N, D] and result [B.., M, D] of one float type but got}}
  %0 = vtpu.attention %q, %k, %v scale 0.25 : tensor<8x16xf32>, tensor<4x15xf32>, tensor<4x2xf32> -> tensor<8x2xf32>
  return %0 : tensor<8x2xf32>
}

// -----

// vtpu_attention_c2
func.func @mask(%q: tensor<8x16xf32>, %k: tensor<4x16xf32>, %v: tensor<4x2xf32>, %m: tensor<8x4xi8>) -> tensor<8x2xf32> {
  // expected-error @below {{expects a mask [B.., M, N] of i1 or the query's type but got 'tensor<8x4xi8>'}}
  %0 = vtpu.attention %q, %k, %v mask %m scale 0.25 : tensor<8x16xf32>, tensor<4x16xf32>, tensor<4x2xf32>, tensor<8x4xi8> -> tensor<8x2xf32>
  return %0 : tensor<8x2xf32>
}
