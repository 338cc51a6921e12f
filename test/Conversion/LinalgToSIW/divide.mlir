// RUN: vtpu-opt %s --split-input-file --compile-to=siw --divide-from=0 | FileCheck %s
// RUN: vtpu-opt %s --split-input-file --compile-to=siw | FileCheck %s --check-prefix=SMALL
// RUN: vtpu-opt %s --split-input-file --compile-to=allocated --divide-from=0 | FileCheck %s --check-prefix=ALLOCATED

// Work below the threshold is not divided.
// SMALL-NOT: siw.csid
// SMALL-NOT: siw.cbar

// Rows of an element-wise op that walks its operands in different orders: the loop runs over this sentron's share, whose ends the words
// compute, and addresses come from the counter.
// CHECK-LABEL: siw.func entry @rows
// CHECK-NOT: siw.c{{sid|bar}}
// CHECK: siw.func @kernel_0
// CHECK: %[[ID:.*]] = siw.csid :
// CHECK: %[[N:.*]] = siw.csnum
// CHECK: %[[PARTS:.*]] = siw.cimm {imm = 20 : i64}
// CHECK: %[[NEXT:.*]] = siw.caddi %[[ID]] {imm = 1 : i64}
// CHECK: %[[A:.*]] = siw.cmul %[[ID]], %[[PARTS]]
// CHECK: %[[B:.*]] = siw.cdivu %[[A]], %[[N]]
// CHECK: %[[FIRST:.*]] = siw.cmin %[[B]], %[[PARTS]]
// CHECK: %[[C:.*]] = siw.cmul %[[NEXT]], %[[PARTS]]
// CHECK: %[[D:.*]] = siw.cdivu %[[C]], %[[N]]
// CHECK: %[[LAST:.*]] = siw.cmin %[[D]], %[[PARTS]]
// CHECK: siw.for from %[[FIRST]] to %[[LAST]] step 1
// CHECK-NEXT: ^bb0(%[[I:.*]]: !siw.r)
// CHECK: %[[MOVED:.*]] = siw.cmuli %[[I]] {imm = 192 : i64}
// CHECK: siw.cadd %{{.*}}, %[[MOVED]]
// CHECK-NOT: siw.cbar
func.func @rows(%x: tensor<20x48xf32>, %y: tensor<20xf32>) -> tensor<20x48xf32> {
  %e = tensor.empty() : tensor<20x48xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<20x48xf32>, tensor<20xf32>) outs(%e : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.mulf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<20x48xf32>
  return %r : tensor<20x48xf32>
}

// -----

// One long dimension: groups of lanes are divided, what is left over is the last sentron's.
// CHECK-LABEL: siw.func entry @lanes
// CHECK: siw.func @kernel_0
// CHECK: siw.cimm {imm = 16 : i64}
// CHECK: siw.cimm {imm = 15 : i64}
// CHECK: %[[TO:.*]] = siw.cmuli %{{.*}} {imm = 64 : i64}
// CHECK: %[[FROM:.*]] = siw.cmuli %{{.*}} {imm = 64 : i64}
// CHECK: siw.for from %[[FROM]] to %[[TO]] step 64
// CHECK: %[[OTHERS:.*]] = siw.csub
// CHECK: siw.if %[[OTHERS]]
// CHECK-NEXT: siw.yield
// CHECK-NEXT: } else {
// CHECK: siw.sst
func.func @lanes(%x: tensor<1000xf32>) -> tensor<1000xf32> {
  %r = arith.addf %x, %x : tensor<1000xf32>
  return %r : tensor<1000xf32>
}

// -----

// A product: strips of columns, each sentron with a packed panel on its own stack. The initial values are a phase of their own.
// CHECK-LABEL: siw.func entry @product
// CHECK: siw.func @kernel_0
// CHECK-SAME: kind = "stack"
// CHECK: siw.for
// CHECK: siw.cbar
// CHECK: siw.cimm {imm = 9 : i64}
// CHECK: %[[FIRST:.*]] = siw.cmin
// CHECK: %[[LAST:.*]] = siw.cmin
// CHECK: siw.for from %[[FIRST]] to %[[LAST]] step 1
// CHECK: siw.for {{.*}} bound 100 step 1
// CHECK: siw.dfma
// CHECK-NOT: siw.cbar
func.func @product(%a: tensor<64x100xf32>, %b: tensor<100x400xf32>) -> tensor<64x400xf32> {
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<64x400xf32>
  %f = linalg.fill ins(%one : f32) outs(%e : tensor<64x400xf32>) -> tensor<64x400xf32>
  %r = linalg.matmul ins(%a, %b : tensor<64x100xf32>, tensor<100x400xf32>) outs(%f : tensor<64x400xf32>) -> tensor<64x400xf32>
  return %r : tensor<64x400xf32>
}

// -----

// Sums that start at zero are no phase of their own.
// CHECK-LABEL: siw.func entry @from_zero
// CHECK: siw.func @kernel_0
// CHECK-NOT: siw.cbar
// CHECK: siw.dfma
// CHECK-NOT: siw.cbar
func.func @from_zero(%a: tensor<64x100xf32>, %b: tensor<100x400xf32>) -> tensor<64x400xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x400xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x400xf32>) -> tensor<64x400xf32>
  %r = linalg.matmul ins(%a, %b : tensor<64x100xf32>, tensor<100x400xf32>) outs(%f : tensor<64x400xf32>) -> tensor<64x400xf32>
  return %r : tensor<64x400xf32>
}

// -----

// A loop that is parallel in the source, and a kernel that nothing can divide: sentron 0 runs it, after all have come to the barrier. No register
// survives a call: the sentron's number is read again.
// CHECK-LABEL: siw.func entry @forall
// CHECK: siw.call @[[FIRST:kernel[_0-9]*]] [
// CHECK-NEXT: siw.cbar
// CHECK: %[[ID:.*]] = siw.csid
// CHECK: siw.if %[[ID]]
// CHECK-NEXT: siw.yield
// CHECK-NEXT: } else {
// CHECK-NEXT: siw.call @[[SECOND:kernel[_0-9]*]] [
// CHECK-NEXT: siw.yield
// CHECK-NEXT: }
// CHECK-NEXT: siw.cbar
// CHECK-NEXT: siw.call @[[THIRD:kernel[_0-9]*]] [
// CHECK: siw.func @[[FIRST]] 
// CHECK: siw.csid
// CHECK: siw.for from %{{.*}} to %{{.*}} step 1
// CHECK: siw.func @[[SECOND]] 
// CHECK-NOT: siw.csid
// CHECK: siw.func @[[THIRD]] 
// CHECK: siw.csid

// ALLOCATED-LABEL: siw.func entry @forall
// ALLOCATED: siw.call @kernel
// ALLOCATED: siw.csid
// ALLOCATED-NEXT: siw.if
// ALLOCATED: siw.call @kernel
func.func @forall(%x: tensor<64x40xf32>, %i: tensor<9xindex>) -> tensor<64x40xf32> {
  %e = tensor.empty() : tensor<64x40xf32>
  %r = scf.forall (%n) in (64) shared_outs(%o = %e) -> (tensor<64x40xf32>) {
    %row = tensor.extract_slice %x[%n, 0] [1, 40] [1, 1] : tensor<64x40xf32> to tensor<1x40xf32>
    %out = tensor.extract_slice %o[%n, 0] [1, 40] [1, 1] : tensor<64x40xf32> to tensor<1x40xf32>
    %y = linalg.exp ins(%row : tensor<1x40xf32>) outs(%out : tensor<1x40xf32>) -> tensor<1x40xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %y into %o[%n, 0] [1, 40] [1, 1] : tensor<1x40xf32> into tensor<64x40xf32>
    }
  }
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %one = arith.constant 1.0 : f32
  %t = scf.for %k = %c0 to %c9 step %c1 iter_args(%acc = %r) -> (tensor<64x40xf32>) {
    %m = tensor.insert %one into %acc[%k, %c0] : tensor<64x40xf32>
    scf.yield %m : tensor<64x40xf32>
  }
  %z = linalg.exp ins(%t : tensor<64x40xf32>) outs(%e : tensor<64x40xf32>) -> tensor<64x40xf32>
  return %z : tensor<64x40xf32>
}

// -----

// A sum has no parallel loop: sentron 0 alone.
// CHECK-LABEL: siw.func entry @sum
// CHECK: siw.func @kernel_0
// CHECK: %[[ID:.*]] = siw.csid
// CHECK: siw.if %[[ID]]
// CHECK-NEXT: siw.yield
// CHECK-NEXT: } else {
// CHECK: siw.dred
func.func @sum(%x: tensor<4096xf32>, %s: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
    ins(%x : tensor<4096xf32>) outs(%s : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}
