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

// Long lines are merged: passes of doubled width, two a step.
// CHECK-LABEL: @long_sort
// CHECK-NOT: linalg.generic
// CHECK: scf.for {{.*}} to %c5 {{.*}}iter_args
// CHECK-COUNT-2: scf.for {{.*}} to %c600
// CHECK-NOT: linalg.generic
func.func @long_sort(%x: tensor<600xf32>) -> tensor<600xf32> {
  %0 = "tm_tensor.sort"(%x) <{dimension = 0 : i64, operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%a: f32, %b: f32):
    %1 = arith.cmpf ole, %a, %b : f32
    "tm_tensor.yield"(%1) : (i1) -> ()
  }) : (tensor<600xf32>) -> tensor<600xf32>
  return %0 : tensor<600xf32>
}

// The scale defaults to 1 / sqrt(K).
// CHECK-LABEL: @attention
// CHECK: vtpu.attention {{.*}} scale 2.500000e-01
func.func @attention(%q: tensor<2x8x16xf32>, %o: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %0 = "tm_tensor.attention"(%q, %q, %q, %o) <{operandSegmentSizes = array<i32: 3, 1>}> : (tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %0 : tensor<2x8x16xf32>
}

// Known places: each target visits its updates in their order, through the table of their positions; no assertion is needed. The target is a
// fill, so its rows start from the number. Target 0 has two updates, 1 none, 2 one.
// CHECK-LABEL: @scatter_known
// CHECK-DAG: %[[STARTS:.*]] = arith.constant dense<[0, 2, 2, 3]> : tensor<4xi32>
// CHECK-DAG: %[[ORDER:.*]] = arith.constant dense<[1, 2, 0]> : tensor<3xi32>
// CHECK-NOT: cf.assert
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
// CHECK: tensor.extract %[[STARTS]]
// CHECK: tensor.extract %[[STARTS]]
// CHECK: scf.for {{.*}} iter_args(%[[OLD:.*]] = %{{.*}}) -> (f32)
// CHECK:   tensor.extract %[[ORDER]]
// CHECK:   arith.addf %[[OLD]]
func.func @scatter_known(%u: tensor<3x1x6xf32>) -> tensor<3x6xf32> {
  %i = arith.constant dense<[[2], [0], [0]]> : tensor<3x1xi64>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<3x6xf32>
  %x = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x6xf32>) -> tensor<3x6xf32>
  %0 = "tm_tensor.scatter"(%u, %i, %x) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%a: f32, %b: f32):
    %1 = arith.addf %b, %a : f32
    "tm_tensor.yield"(%1) : (f32) -> ()
  }) : (tensor<3x1x6xf32>, tensor<3x1xi64>, tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}

// A known place outside of the target traps when the program runs, as an unknown one does.
// CHECK-LABEL: @scatter_outside
// CHECK: scf.for
// CHECK: cf.assert
func.func @scatter_outside(%u: tensor<2x1x6xf32>, %x: tensor<3x6xf32>) -> tensor<3x6xf32> {
  %i = arith.constant dense<[[2], [3]]> : tensor<2x1xi64>
  %0 = "tm_tensor.scatter"(%u, %i, %x) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%a: f32, %b: f32):
    "tm_tensor.yield"(%a) : (f32) -> ()
  }) : (tensor<2x1x6xf32>, tensor<2x1xi64>, tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}
