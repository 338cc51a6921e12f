// RUN: vtpu-opt %s --vtpu-fuse-elementwise --canonicalize | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: @chain
// CHECK-COUNT-1: linalg.generic
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic
func.func @chain(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.add ins(%a, %b : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.mul ins(%0, %b : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// CHECK-LABEL: @complementary
// CHECK-NOT: math.erf %
// CHECK: math.erfc
// CHECK-NOT: arith.subf
func.func @complementary(%a: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  %one = arith.constant dense<1.0> : tensor<4x8xf32>
  %0 = linalg.erf ins(%a : tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.sub ins(%one, %0 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A transposition becomes an indexing map of the product.
// CHECK-LABEL: @transposed_product
// CHECK-NOT: linalg.transpose
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @transposed_product(%a: tensor<4x8xf32>, %b: tensor<16x8xf32>, %c: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %empty = tensor.empty() : tensor<8x16xf32>
  %0 = linalg.transpose ins(%b : tensor<16x8xf32>) outs(%empty : tensor<8x16xf32>) permutation = [1, 0]
  %1 = linalg.matmul ins(%a, %0 : tensor<4x8xf32>, tensor<8x16xf32>) outs(%c : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// Dear work with two uses is done once.
// CHECK-LABEL: @two_uses
// CHECK-COUNT-1: math.exp
// CHECK-NOT: math.exp
func.func @two_uses(%a: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %empty = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.exp ins(%a : tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.add ins(%0, %a : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = linalg.mul ins(%0, %a : tensor<4x8xf32>, tensor<4x8xf32>) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Cheap work that a body reads element by element, each once, is done there, through reshapes with dimensions of extent one.
// CHECK-LABEL: @extracted
// CHECK-COUNT-1: linalg.generic
// CHECK: scf.for
// CHECK: tensor.extract %{{.*}}[%{{.*}}, %{{.*}}] : tensor<9x8xf32>
// CHECK: tensor.extract %{{.*}}[%{{.*}}] : tensor<9xf32>
// CHECK: arith.mulf
// CHECK-NOT: linalg.generic
func.func @extracted(%a: tensor<9x8xf32>, %w: tensor<9xf32>) -> tensor<4x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %wide = tensor.empty() : tensor<9x8xf32>
  %empty = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %w : tensor<9x8xf32>, tensor<9xf32>) outs(%wide : tensor<9x8xf32>) {
  ^bb0(%x: f32, %y: f32, %out: f32):
    %1 = arith.mulf %x, %y : f32
    linalg.yield %1 : f32
  } -> tensor<9x8xf32>
  %2 = tensor.expand_shape %0 [[0], [1, 2]] output_shape [9, 1, 8] : tensor<9x8xf32> into tensor<9x1x8xf32>
  %3 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%empty : tensor<4x8xf32>) {
  ^bb0(%out: f32):
    %4 = linalg.index 0 : index
    %5 = linalg.index 1 : index
    %6 = arith.addi %4, %c2 : index
    %7 = scf.for %p = %4 to %6 step %c1 iter_args(%sum = %zero) -> (f32) {
      %8 = tensor.extract %2[%p, %c0, %5] : tensor<9x1x8xf32>
      %9 = arith.addf %sum, %8 : f32
      scf.yield %9 : f32
    } {vtpu.visits_once}
    linalg.yield %7 : f32
  } -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}

// Elements that are read more than once, or whose indices are checked, are computed ahead.
// CHECK-LABEL: @repeated
// CHECK-COUNT-4: linalg.generic
func.func @repeated(%a: tensor<9x8xf32>, %i: tensor<20xi64>, %k: tensor<2xi64>) -> (tensor<20x8xf32>, tensor<2x8xf32>) {
  %c9 = arith.constant 9 : index
  %wide = tensor.empty() : tensor<9x8xf32>
  %empty = tensor.empty() : tensor<20x8xf32>
  %small = tensor.empty() : tensor<2x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<9x8xf32>) outs(%wide : tensor<9x8xf32>) {
  ^bb0(%x: f32, %out: f32):
    %1 = arith.mulf %x, %x : f32
    linalg.yield %1 : f32
  } -> tensor<9x8xf32>
  %2 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<20xi64>) outs(%empty : tensor<20x8xf32>) {
  ^bb0(%in: i64, %out: f32):
    %3 = arith.index_cast %in : i64 to index
    %4 = linalg.index 1 : index
    %5 = tensor.extract %0[%3, %4] : tensor<9x8xf32>
    linalg.yield %5 : f32
  } -> tensor<20x8xf32>
  %6 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<20xi64>) outs(%empty : tensor<20x8xf32>) {
  ^bb0(%in: i64, %out: f32):
    %7 = arith.index_cast %in : i64 to index
    %8 = linalg.index 1 : index
    %ok = arith.cmpi ult, %7, %c9 : index
    cf.assert %ok, "checked"
    %9 = tensor.extract %a[%7, %8] : tensor<9x8xf32>
    linalg.yield %9 : f32
  } -> tensor<20x8xf32>
  %10 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<2xi64>) outs(%small : tensor<2x8xf32>) {
  ^bb0(%in: i64, %out: f32):
    %11 = arith.index_cast %in : i64 to index
    %12 = linalg.index 1 : index
    %13 = tensor.extract %6[%11, %12] : tensor<20x8xf32>
    linalg.yield %13 : f32
  } -> tensor<2x8xf32>
  return %2, %10 : tensor<20x8xf32>, tensor<2x8xf32>
}
