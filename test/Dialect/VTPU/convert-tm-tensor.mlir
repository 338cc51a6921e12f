// RUN: vtpu-opt %s --allow-unregistered-dialect --convert-tm-tensor | FileCheck %s

// CHECK-LABEL: @scatter
// CHECK-NOT: tm_tensor
// CHECK: scf.for
// CHECK: arith.cmpi ult
// CHECK: cf.assert {{.*}}, "index out of range: expected 0 <= index < 4 in dimension 0 of a scatter"
// CHECK: tensor.extract_slice
// CHECK: linalg.generic
// CHECK: tensor.insert_slice
func.func @scatter(%u: tensor<3x1x6xf32>, %i: tensor<3x1xi64>, %x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %0 = "tm_tensor.scatter"(%u, %i, %x) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%a: f32, %b: f32):
    %1 = arith.addf %b, %a : f32
    "tm_tensor.yield"(%1) : (f32) -> ()
  }) : (tensor<3x1x6xf32>, tensor<3x1xi64>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// CHECK-LABEL: @scan
// CHECK-NOT: tm_tensor
// CHECK: scf.for
// CHECK: linalg.generic
func.func @scan(%x: tensor<4x6xf32>, %o: tensor<4x6xf32>, %a: tensor<4xf32>) -> tensor<4x6xf32> {
  %0:2 = "tm_tensor.scan"(%x, %o, %a) <{dimension = 1 : i64, inclusive = true, operandSegmentSizes = array<i32: 1, 2>}> ({
  ^bb0(%l: f32, %r: f32):
    %1 = arith.addf %l, %r : f32
    "tm_tensor.yield"(%1) : (f32) -> ()
  }) : (tensor<4x6xf32>, tensor<4x6xf32>, tensor<4xf32>) -> (tensor<4x6xf32>, tensor<4xf32>)
  return %0#0 : tensor<4x6xf32>
}

// NaN is the largest value: the comparison is completed by `uno`.
// CHECK-LABEL: @sort
// CHECK: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.cmpf ole
// CHECK: arith.cmpf uno
// CHECK: scf.for
// CHECK: tensor.insert
func.func @sort(%x: tensor<4x6xf32>, %i: tensor<4x6xi64>) -> (tensor<4x6xf32>, tensor<4x6xi64>) {
  %0:2 = "tm_tensor.sort"(%x, %i) <{dimension = 1 : i64, operandSegmentSizes = array<i32: 0, 2>}> ({
  ^bb0(%a: f32, %b: f32, %c: i64, %d: i64):
    %1 = arith.cmpf ole, %a, %b : f32
    "tm_tensor.yield"(%1) : (i1) -> ()
  }) : (tensor<4x6xf32>, tensor<4x6xi64>) -> (tensor<4x6xf32>, tensor<4x6xi64>)
  return %0#0, %0#1 : tensor<4x6xf32>, tensor<4x6xi64>
}

// The scale defaults to 1 / sqrt(K).
// CHECK-LABEL: @attention
// CHECK: vtpu.attention {{.*}} scale 2.500000e-01
func.func @attention(%q: tensor<2x8x16xf32>, %o: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %0 = "tm_tensor.attention"(%q, %q, %q, %o) <{operandSegmentSizes = array<i32: 3, 1>}> : (tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %0 : tensor<2x8x16xf32>
}
