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

// Numbers that were extended are compared as they are, if the other side is of their type or a constant that it holds.
// CHECK-LABEL: @compares
// CHECK-DAG: %[[INF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[TENTH:.*]] = arith.constant 1.000000e-01 : f64
// CHECK: arith.cmpf oeq, %arg0, %[[INF]] : f32
// CHECK: arith.cmpf ult, %arg0, %arg1 : f32
// CHECK: arith.cmpf ogt, %{{.*}}, %[[TENTH]] : f64
// CHECK: arith.cmpf une, %{{.*}}, %arg3 : f64
// CHECK: arith.cmpf oeq, %{{.*}}, %{{.*}} : f64
func.func @compares(%a: f32, %b: f32, %h: f16, %d: f64) -> (i1, i1, i1, i1, i1) {
  %inf = arith.constant 0xFFF0000000000000 : f64
  %tenth = arith.constant 1.0e-01 : f64
  %wide = arith.extf %a : f32 to f64
  %other = arith.extf %b : f32 to f64
  %half = arith.extf %h : f16 to f64
  %0 = arith.cmpf oeq, %wide, %inf : f64
  %1 = arith.cmpf ult, %wide, %other : f64
  %2 = arith.cmpf ogt, %wide, %tenth : f64
  %3 = arith.cmpf une, %wide, %d : f64
  %4 = arith.cmpf oeq, %wide, %half : f64
  return %0, %1, %2, %3, %4 : i1, i1, i1, i1, i1
}

// What reduces a large tensor runs as soon as that is there, and what fills its initial value in front of it; nothing else moves.
// CHECK-LABEL: @reductions
// CHECK: %[[X:.*]] = math.exp %arg0
// CHECK-NOT: math
// CHECK: %[[ZERO:.*]] = linalg.fill
// CHECK: %[[SUM:.*]] = linalg.reduce { arith.addf } ins(%[[X]] : {{.*}}) outs(%[[ZERO]] : {{.*}})
// CHECK: %[[Y:.*]] = math.sqrt %[[X]]
// CHECK: %[[Z:.*]] = math.absf %[[Y]]
// CHECK: linalg.broadcast ins(%[[SUM]]
// CHECK: linalg.reduce { arith.maximumf } ins(%arg1
func.func @reductions(%a: tensor<8x64xf32>, %b: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %x = math.exp %a : tensor<8x64xf32>
  %y = math.sqrt %x : tensor<8x64xf32>
  %z = math.absf %y : tensor<8x64xf32>
  %empty = tensor.empty() : tensor<8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.reduce { arith.addf } ins(%x : tensor<8x64xf32>) outs(%init : tensor<8xf32>) dimensions = [1]
  %all = tensor.empty() : tensor<8x64xf32>
  %wide = linalg.broadcast ins(%sum : tensor<8xf32>) outs(%all : tensor<8x64xf32>) dimensions = [1]
  %least = linalg.fill ins(%zero : f32) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  %max = linalg.reduce { arith.maximumf } ins(%b : tensor<8x64xf32>) outs(%least : tensor<8xf32>) dimensions = [1]
  return %z, %wide, %max : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8xf32>
}

// An initial value that stands there already.
// CHECK-LABEL: @ready
// CHECK: math.exp
// CHECK: linalg.fill
// CHECK: linalg.reduce
// CHECK: math.sqrt
func.func @ready(%a: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8xf32>) {
  %x = math.exp %a : tensor<8x64xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  %y = math.sqrt %x : tensor<8x64xf32>
  %sum = linalg.reduce { arith.addf } ins(%x : tensor<8x64xf32>) outs(%init : tensor<8xf32>) dimensions = [1]
  return %y, %sum : tensor<8x64xf32>, tensor<8xf32>
}

// Not ahead of what its body takes from elsewhere, and not if the result is no smaller.
// CHECK-LABEL: @stay
// CHECK: math.exp
// CHECK: math.sqrt
// CHECK: tensor.extract
// CHECK: linalg.generic
// CHECK: linalg.reduce
func.func @stay(%a: tensor<8x64xf32>, %b: tensor<8x1xf32>) -> (tensor<8x64xf32>, tensor<8xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %x = math.exp %a : tensor<8x64xf32>
  %one = math.exp %b : tensor<8x1xf32>
  %y = math.sqrt %x : tensor<8x64xf32>
  %scale = tensor.extract %y[%c0, %c0] : tensor<8x64xf32>
  %empty = tensor.empty() : tensor<8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<8xf32>) -> tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x64xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %scale : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  %same = linalg.reduce { arith.addf } ins(%one : tensor<8x1xf32>) outs(%init : tensor<8xf32>) dimensions = [1]
  return %y, %sum, %same : tensor<8x64xf32>, tensor<8xf32>, tensor<8xf32>
}

// What a list of indices holds at the places of another is looked up now, in 32 bits; three lists at once, too.
// CHECK-LABEL: @tables(
// CHECK-NOT: tensor<{{.}}xi64>
// CHECK-DAG: %[[TWO:.*]] = arith.constant dense<[30, 10, 30]> : tensor<3xi32>
// CHECK-DAG: %[[THREE:.*]] = arith.constant dense<[10, 30]> : tensor<2xi32>
// CHECK: %[[A:.*]] = tensor.extract %[[TWO]][%arg1] : tensor<3xi32>
// CHECK: %[[AT:.*]] = arith.index_cast %[[A]] : i32 to index
// CHECK: tensor.extract %arg0[%[[AT]]]
// CHECK: %[[B:.*]] = tensor.extract %[[THREE]][%arg1] : tensor<2xi32>
// CHECK: %[[BT:.*]] = arith.index_cast %[[B]] : i32 to index
// CHECK: tensor.extract %arg0[%[[BT]]]
func.func @tables(%x: tensor<40xf32>, %i: index) -> (f32, f32) {
  %nodes = arith.constant dense<[10, 20, 30]> : tensor<3xi64>
  %order = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %some = arith.constant dense<[1, 2]> : tensor<2xi32>
  %0 = tensor.extract %order[%i] : tensor<3xi32>
  %1 = arith.index_cast %0 : i32 to index
  %2 = tensor.extract %nodes[%1] : tensor<3xi64>
  %3 = arith.index_cast %2 : i64 to index
  %4 = tensor.extract %x[%3] : tensor<40xf32>
  %5 = tensor.extract %some[%i] : tensor<2xi32>
  %6 = arith.index_cast %5 : i32 to index
  %7 = tensor.extract %order[%6] : tensor<3xi32>
  %8 = arith.index_cast %7 : i32 to index
  %9 = tensor.extract %nodes[%8] : tensor<3xi64>
  %10 = arith.index_cast %9 : i64 to index
  %11 = tensor.extract %x[%10] : tensor<40xf32>
  return %4, %11 : f32, f32
}

// Not beyond the end of a list, which is checked when the program runs, not if the numbers are more than indices, and not where 32 bits hold too little.
// CHECK-LABEL: @tables_stay
// CHECK-DAG: arith.constant dense<[10, 20]> : tensor<2xi64>
// CHECK-DAG: arith.constant dense<[0, 2]> : tensor<2xi64>
// CHECK-DAG: arith.constant dense<[0, 4294967296]> : tensor<2xi64>
// CHECK-COUNT-3: tensor.extract {{.*}} : tensor<2xi64>
func.func @tables_stay(%x: tensor<40xf32>, %i: index) -> (f32, i64, f32) {
  %nodes = arith.constant dense<[10, 20]> : tensor<2xi64>
  %order = arith.constant dense<[0, 2]> : tensor<2xi64>
  %far = arith.constant dense<[0, 4294967296]> : tensor<2xi64>
  %0 = tensor.extract %order[%i] : tensor<2xi64>
  %1 = arith.index_cast %0 : i64 to index
  %2 = tensor.extract %nodes[%1] : tensor<2xi64>
  %3 = arith.index_cast %2 : i64 to index
  %4 = tensor.extract %x[%3] : tensor<40xf32>
  %5 = arith.addi %0, %2 : i64
  %6 = tensor.extract %far[%i] : tensor<2xi64>
  %7 = arith.index_cast %6 : i64 to index
  %8 = tensor.extract %x[%7] : tensor<40xf32>
  return %4, %5, %8 : f32, i64, f32
}
