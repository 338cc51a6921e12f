// RUN: vtpu-opt %s --vtpu-check-indices | FileCheck %s
// RUN: vtpu-opt %s --vtpu-check-indices --vtpu-check-indices | FileCheck %s

#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// Only the index that comes from data is checked, and once.
// CHECK-LABEL: @gather
// CHECK-COUNT-1: cf.assert {{.*}}, "index out of range: expected 0 <= index < 4 in dimension 0 of a gather"
// CHECK-NOT: cf.assert
func.func @gather(%x: tensor<4x6xf32>, %i: tensor<5xi64>) -> tensor<5x6xf32> {
  %empty = tensor.empty() : tensor<5x6xf32>
  %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<5xi64>) outs(%empty : tensor<5x6xf32>) {
  ^bb0(%in: i64, %out: f32):
    %1 = arith.index_cast %in : i64 to index
    %2 = linalg.index 1 : index
    %3 = tensor.extract %x[%1, %2] : tensor<4x6xf32>
    linalg.yield %3 : f32
  } -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// CHECK-LABEL: @asserted
// CHECK-COUNT-1: cf.assert {{.*}}, "mine"
// CHECK-NOT: cf.assert
func.func @asserted(%x: tensor<4x6xf32>, %i: tensor<5xi64>) -> tensor<5x6xf32> {
  %c4 = arith.constant 4 : index
  %empty = tensor.empty() : tensor<5x6xf32>
  %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<5xi64>) outs(%empty : tensor<5x6xf32>) {
  ^bb0(%in: i64, %out: f32):
    %1 = arith.index_cast %in : i64 to index
    %2 = linalg.index 1 : index
    %ok = arith.cmpi ult, %1, %c4 : index
    cf.assert %ok, "mine"
    %3 = tensor.extract %x[%1, %2] : tensor<4x6xf32>
    linalg.yield %3 : f32
  } -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}

// Constants are looked at: the first list stays inside, the second does not.
// CHECK-LABEL: @known
// CHECK-COUNT-1: cf.assert
// CHECK-NOT: cf.assert
func.func @known(%x: tensor<4x6xf32>) -> (tensor<5x6xf32>, tensor<5x6xf32>) {
  %inside = arith.constant dense<[0, 3, 1, 2, 3]> : tensor<5xi64>
  %outside = arith.constant dense<[0, 4, 1, 2, 3]> : tensor<5xi64>
  %empty = tensor.empty() : tensor<5x6xf32>
  %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%inside : tensor<5xi64>) outs(%empty : tensor<5x6xf32>) {
  ^bb0(%in: i64, %out: f32):
    %1 = arith.index_cast %in : i64 to index
    %2 = linalg.index 1 : index
    %3 = tensor.extract %x[%1, %2] : tensor<4x6xf32>
    linalg.yield %3 : f32
  } -> tensor<5x6xf32>
  %4 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%empty : tensor<5x6xf32>) {
  ^bb0(%out: f32):
    %5 = linalg.index 0 : index
    %6 = linalg.index 1 : index
    %7 = tensor.extract %outside[%5] : tensor<5xi64>
    %8 = arith.index_cast %7 : i64 to index
    %9 = tensor.extract %x[%8, %6] : tensor<4x6xf32>
    linalg.yield %9 : f32
  } -> tensor<5x6xf32>
  return %0, %4 : tensor<5x6xf32>, tensor<5x6xf32>
}

// The importer's messages give way, others stay.
// CHECK-LABEL: @imported
// CHECK: cf.assert {{.*}}, "index out of range: expected 0 <= index < 4 in dimension 0 of a gather"
// CHECK: cf.assert {{.*}}, "index out of range: expected 0 <= index < 4 in dimension 0 of a gather"
// CHECK-NOT: cf.assert
func.func @imported(%x: tensor<4x6xf32>, %i: tensor<5xi64>) -> tensor<5x6xf32> {
  %c4 = arith.constant 4 : index
  %c0 = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<5x6xf32>
  %0 = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<5xi64>) outs(%empty : tensor<5x6xf32>) {
  ^bb0(%in: i64, %out: f32):
    %1 = arith.index_cast %in : i64 to index
    %2 = linalg.index 1 : index
    %below = arith.cmpi slt, %1, %c4 : index
    cf.assert %below, "index must be smaller than dim size"
    %above = arith.cmpi sge, %in, %c0 : i64
    cf.assert %above, "index must be larger or equal to 0"
    %3 = tensor.extract %x[%1, %2] : tensor<4x6xf32>
    linalg.yield %3 : f32
  } -> tensor<5x6xf32>
  return %0 : tensor<5x6xf32>
}
