// RUN: vtpu-opt %s --convert-linalg-to-siw | FileCheck %s

// What stands around linalg ops: entries, calls, loops, conditions, assertions, scalar loads and stores.

// CHECK: siw.messages = ["index out of range"]

// An entry is a list of calls; a view becomes a byte offset of its binding.
// CHECK-LABEL: siw.func entry @main
// CHECK-SAME: hash = "crc32:0", key = "w", kind = "parameter"
// CHECK-SAME: dtype = "f32", kind = "output"
// CHECK-SAME: writable
// CHECK: siw.call @copy [0, 32, 1, 0]
// CHECK-NEXT: siw.cret
func.func @main(%w: memref<16xf32> {vtpu.parameter = "w", vtpu.hash = "crc32:0"}, %y: memref<8xf32> {vtpu.result}) attributes {vtpu.entry} {
  %half = memref.subview %w[8] [8] [1] : memref<16xf32> to memref<8xf32, strided<[1], offset: 8>>
  call @copy(%half, %y) : (memref<8xf32, strided<[1], offset: 8>>, memref<8xf32>) -> ()
  return
}

// Eight lanes are one masked or shorter vector: no loop.
// CHECK-LABEL: siw.func @copy
// CHECK-NOT: siw.for
// CHECK: siw.sld
// CHECK: siw.sst
// CHECK: siw.cret
func.func private @copy(%a: memref<8xf32, strided<[1], offset: 8>>, %b: memref<8xf32>) attributes {vtpu.kernel} {
  memref.copy %a, %b : memref<8xf32, strided<[1], offset: 8>> to memref<8xf32>
  return
}

// CHECK-LABEL: siw.func @loops
// CHECK: siw.for from %{{.*}} bound 7 step 2 nonempty
// CHECK: siw.yield
// CHECK: siw.for from %{{.*}} to %{{.*}} step 1
func.func private @loops(%m: memref<8xf32>, %n: memref<1xi64>) attributes {vtpu.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c7 = arith.constant 7 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c7 step %c2 {
    memref.store %one, %m[%i] : memref<8xf32>
  }
  %count = memref.load %n[%c0] : memref<1xi64>
  %bound = arith.index_cast %count : i64 to index
  scf.for %i = %c0 to %bound step %c1 {
    memref.store %one, %m[%c0] : memref<8xf32>
  }
  return
}

// CHECK-LABEL: siw.func @conditions
// CHECK: siw.if
// CHECK: } else {
// CHECK: siw.while
// CHECK: siw.condition
// CHECK: } do {
func.func private @conditions(%n: memref<1xi64>) attributes {vtpu.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %x = memref.load %n[%c0] : memref<1xi64>
  %positive = arith.cmpi sgt, %x, %zero : i64
  %y = scf.if %positive -> i64 {
    scf.yield %x : i64
  } else {
    scf.yield %one : i64
  }
  %z = scf.while (%a = %y) : (i64) -> i64 {
    %more = arith.cmpi sgt, %a, %zero : i64
    scf.condition(%more) %a : i64
  } do {
  ^bb0(%b: i64):
    %less = arith.subi %b, %one : i64
    scf.yield %less : i64
  }
  memref.store %z, %n[%c0] : memref<1xi64>
  return
}

// A picked row: the index is read and checked once a row, in r registers; the lanes run along the row.
// CHECK-LABEL: siw.func @gather
// CHECK: siw.for
// CHECK: %[[I:.*]] = siw.sldr {{.*}} mem = "i64"
// CHECK: %[[OK:.*]] = siw.cset %[[I]], %{{.*}} {pred = "ult"}
// CHECK: siw.cassert %[[OK]] {imm = 0 : i64}
// CHECK: siw.cshli %[[I]] {imm = 6 : i64}
// CHECK: siw.sld {{.*}} type = "f32"
// CHECK: siw.sst
#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @gather(%x: memref<10x16xf32>, %i: memref<5xi64>, %y: memref<5x16xf32>) attributes {vtpu.kernel} {
  %c10 = arith.constant 10 : index
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : memref<5xi64>) outs(%y : memref<5x16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %0 = arith.index_cast %in : i64 to index
    %ok = arith.cmpi ult, %0, %c10 : index
    cf.assert %ok, "index out of range"
    %1 = linalg.index 1 : index
    %2 = memref.load %x[%0, %1] : memref<10x16xf32>
    linalg.yield %2 : f32
  }
  return
}

// A negative index counts from the end: the whole of it is computed in r registers.
// CHECK-LABEL: siw.func @wrapped
// CHECK: siw.for
// CHECK: %[[I:.*]] = siw.csel
// CHECK: siw.cset %[[I]]
// CHECK: siw.cassert
// CHECK: siw.cshli %[[I]]
func.func private @wrapped(%x: memref<10x16xf32>, %i: memref<5xi64>, %y: memref<5x16xf32>) attributes {vtpu.kernel} {
  %c10 = arith.constant 10 : index
  %zero = arith.constant 0 : i64
  %ten = arith.constant 10 : i64
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%i : memref<5xi64>) outs(%y : memref<5x16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %negative = arith.cmpi slt, %in, %zero : i64
    %more = arith.addi %in, %ten : i64
    %picked = arith.select %negative, %more, %in : i64
    %0 = arith.index_cast %picked : i64 to index
    %ok = arith.cmpi ult, %0, %c10 : index
    cf.assert %ok, "index out of range"
    %1 = linalg.index 1 : index
    %2 = memref.load %x[%0, %1] : memref<10x16xf32>
    linalg.yield %2 : f32
  }
  return
}
