// Arithmetic, mathematics, comparisons and selections on whole tensors, with a transposition and a generated tensor behind them.
// RUN: vtpu-opt %s --compile-to=vtpu | FileCheck %s --check-prefix=VTPU
// RUN: vtpu-opt %s --compile-to=binary -o %t.vtpu
// RUN: vtpu-run %t.vtpu "--input=2x4xf32=0 1 2 3 4 5 6 7" "--input=2x4xf32=1 1 1 1 -9 -9 -9 -9" "--expected_output=2x4xf32=1 2 3 4 -5 -4 -3 -2" "--expected_output=4x2xf32=1 4 1 5 2 6 3 7" "--expected_output=2x3xf32=0 1 2 1 2 3"
// RUN: vtpu-run %t.vtpu --tier=interpreter "--input=2x4xf32=0 1 2 3 4 5 6 7" "--input=2x4xf32=1 1 1 1 -9 -9 -9 -9" "--expected_output=2x4xf32=1 2 3 4 -5 -4 -3 -2" "--expected_output=4x2xf32=1 4 1 5 2 6 3 7" "--expected_output=2x3xf32=0 1 2 1 2 3"

// VTPU-LABEL: func.func @main
// VTPU-NOT: arith.addf {{.*}} tensor
// VTPU: linalg.generic
func.func @main(%x: tensor<2x4xf32>, %y: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<4x2xf32>, tensor<2x3xf32>) {
  %sum = arith.addf %x, %y : tensor<2x4xf32>
  %less = arith.cmpf olt, %x, %y : tensor<2x4xf32>
  %largest = arith.select %less, %y, %x : tensor<2x4xi1>, tensor<2x4xf32>
  %same = math.absf %largest : tensor<2x4xf32>
  %empty = tensor.empty() : tensor<4x2xf32>
  %turned = linalg.transpose ins(%same : tensor<2x4xf32>) outs(%empty : tensor<4x2xf32>) permutation = [1, 0]
  %places = tensor.generate {
  ^bb0(%i: index, %j: index):
    %at = arith.addi %i, %j : index
    %number = arith.index_cast %at : index to i32
    %float = arith.sitofp %number : i32 to f32
    tensor.yield %float : f32
  } : tensor<2x3xf32>
  return %sum, %turned, %places : tensor<2x4xf32>, tensor<4x2xf32>, tensor<2x3xf32>
}
