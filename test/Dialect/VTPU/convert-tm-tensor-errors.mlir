// RUN: vtpu-opt %s --allow-unregistered-dialect --convert-tm-tensor -verify-diagnostics

func.func @bad(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'tm_tensor.scatter' needs updates, indices, a target, 'dimension_map' and a body}}
  %0 = "tm_tensor.scatter"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{'tm_tensor.scan' needs an input, an output, an accumulator, 'dimension' and a body}}
  %1 = "tm_tensor.scan"(%0) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{'tm_tensor.sort' needs operands, 'dimension' and a body}}
  %2 = "tm_tensor.sort"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{'tm_tensor.attention' needs query, key, value, an optional mask and an output}}
  %3 = "tm_tensor.attention"(%2) : (tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

func.func @outside(%u: tensor<3x1x6xf32>, %i: tensor<3x1xi64>, %x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @below {{'tm_tensor.scatter' needs one row of indices an update, one index for each dimension of 'dimension_map', and these between 0 and 1, each once}}
  %0 = "tm_tensor.scatter"(%u, %i, %x) <{dimension_map = array<i64: 2>}> ({
  ^bb0(%a: f32, %b: f32):
    "tm_tensor.yield"(%a) : (f32) -> ()
  }) : (tensor<3x1x6xf32>, tensor<3x1xi64>, tensor<4x6xf32>) -> tensor<4x6xf32>
  // expected-error @below {{between 0 and 1, each once}}
  %1 = "tm_tensor.scatter"(%u, %i, %0) <{dimension_map = array<i64: -1>}> ({
  ^bb0(%a: f32, %b: f32):
    "tm_tensor.yield"(%a) : (f32) -> ()
  }) : (tensor<3x1x6xf32>, tensor<3x1xi64>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}
