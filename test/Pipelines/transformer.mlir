// RUN: vtpu-opt %s --compile-to=tiled | FileCheck %s

// Two equal layers with parameters of their own: attention is decomposed once and its kernels are shared. Per layer seven kernels:
// scores, scale, maximum, exponential, sum, product, quotient.
// CHECK-LABEL: func.func @main
// CHECK-NOT: memref.alloc
// CHECK: call @[[SCORES:[a-z_0-9]+]](
// CHECK: call @[[SCORES]](
// CHECK: return
// CHECK-COUNT-7: func.func private
// CHECK-NOT: func.func private
// CHECK-NOT: memref.copy
func.func @main(%x: tensor<2x8x16xf32> {vtpu.name = "x"}, %k: tensor<2x8x16xf32> {vtpu.parameter = "k"}, %v: tensor<2x8x16xf32> {vtpu.parameter = "v"}) -> tensor<2x8x16xf32> {
  %0 = vtpu.attention %x, %k, %k scale 0.25 : tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32> -> tensor<2x8x16xf32>
  %1 = vtpu.attention %0, %v, %v scale 0.25 : tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32> -> tensor<2x8x16xf32>
  return %1 : tensor<2x8x16xf32>
}
