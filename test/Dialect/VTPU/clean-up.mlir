// RUN: vtpu-opt %s --vtpu-clean-up | FileCheck %s
// RUN: vtpu-opt %s --vtpu-clean-up --vtpu-clean-up | FileCheck %s

// CHECK-LABEL: @concat
// CHECK: tensor.concat {{.*}} : (tensor<4x1xf32>, tensor<4x5xf32>) -> tensor<4x6xf32>
func.func @concat(%a: tensor<4x1xf32>, %b: tensor<4x5xf32>) -> tensor<4x6xf32> {
  %0 = tensor.cast %a : tensor<4x1xf32> to tensor<4x?xf32>
  %1 = tensor.cast %b : tensor<4x5xf32> to tensor<4x?xf32>
  %2 = tensor.concat dim(1) %0, %1 : (tensor<4x?xf32>, tensor<4x?xf32>) -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}

// Each product writes over a zero of its own.
// CHECK-LABEL: @fills
// CHECK-COUNT-2: linalg.fill
// CHECK-NOT: linalg.fill
func.func @fills(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = linalg.matmul ins(%b, %a : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>
}
