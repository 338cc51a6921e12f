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
