// RUN: vtpu-opt %s --vtpu-plan-memory -split-input-file -verify-diagnostics | FileCheck %s

// Three buffers of 64 bytes in a chain: the first and the third share a place.
// CHECK-LABEL: func.func @main
// CHECK-SAME: memref<128xi8> {vtpu.arena}
// CHECK-NOT: memref.alloc
// CHECK: memref.view
func.func @main(%x: memref<16xf32>, %r: memref<16xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  %c = memref.alloc() : memref<16xf32>
  call @k(%x, %a) : (memref<16xf32>, memref<16xf32>) -> ()
  call @k(%a, %b) : (memref<16xf32>, memref<16xf32>) -> ()
  call @k(%b, %c) : (memref<16xf32>, memref<16xf32>) -> ()
  call @k(%c, %r) : (memref<16xf32>, memref<16xf32>) -> ()
  return
}
func.func private @k(%a: memref<16xf32>, %b: memref<16xf32>) attributes {vtpu.kernel} {
  return
}

// -----

// Results of element-wise kernels take the place of what is read there for the last time: a chain of two, through another shape.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: memref<64xi8> {vtpu.arena}
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @in_place(%x: memref<4x4xf32>, %r: memref<4x4xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<2x2x4xf32>
  %c = memref.alloc() : memref<4x4xf32>
  %b2 = memref.collapse_shape %b [[0, 1], [2]] : memref<2x2x4xf32> into memref<4x4xf32>
  call @sum(%x, %x, %a) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @sum(%x, %a, %b2) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @sum(%b2, %x, %c) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @sum(%x, %c, %r) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  return
}
func.func private @sum(%a: memref<4x4xf32>, %b: memref<4x4xf32>, %c: memref<4x4xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : memref<4x4xf32>, memref<4x4xf32>) outs(%c : memref<4x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Elements that are read elsewhere (a transposition, a buffer that is read twice), that live on, that are of another size, or that a kernel reads
// behind what writes the result, keep their places.
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func @turned
// CHECK-SAME: memref<128xi8> {vtpu.arena}
func.func @turned(%x: memref<4x4xf32>, %r: memref<4x4xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf32>
  call @transpose(%x, %a) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @transpose(%a, %b) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @transpose(%b, %r) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  return
}
// CHECK-LABEL: func.func @twice
// CHECK-SAME: memref<128xi8> {vtpu.arena}
func.func @twice(%x: memref<4x4xf32>, %r: memref<4x4xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf32>
  call @transpose(%x, %a) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @symmetric(%a, %a, %b) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @transpose(%b, %r) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  return
}
// CHECK-LABEL: func.func @lives
// CHECK-SAME: memref<128xi8> {vtpu.arena}
func.func @lives(%x: memref<4x4xf32>, %r: memref<4x4xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf32>
  call @transpose(%x, %a) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @negate(%a, %b) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @symmetric(%a, %b, %r) : (memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>) -> ()
  return
}
// CHECK-LABEL: func.func @wider
// CHECK-SAME: memref<192xi8> {vtpu.arena}
func.func @wider(%x: memref<4x4xf32>, %r: memref<4x4xf64> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf64>
  call @transpose(%x, %a) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @extend(%a, %b) : (memref<4x4xf32>, memref<4x4xf64>) -> ()
  call @copy(%b, %r) : (memref<4x4xf64>, memref<4x4xf64>) -> ()
  return
}
// CHECK-LABEL: func.func @behind
// CHECK-SAME: memref<128xi8> {vtpu.arena}
func.func @behind(%x: memref<4x4xf32>, %r: memref<4x4xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.alloc() : memref<4x4xf32>
  call @transpose(%x, %a) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @filled(%a, %b) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  call @transpose(%b, %r) : (memref<4x4xf32>, memref<4x4xf32>) -> ()
  return
}
func.func private @transpose(%a: memref<4x4xf32>, %b: memref<4x4xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<4x4xf32>) outs(%b : memref<4x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  }
  return
}
func.func private @symmetric(%a: memref<4x4xf32>, %b: memref<4x4xf32>, %c: memref<4x4xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #turned, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : memref<4x4xf32>, memref<4x4xf32>) outs(%c : memref<4x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}
func.func private @negate(%a: memref<4x4xf32>, %b: memref<4x4xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<4x4xf32>) outs(%b : memref<4x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %0 = arith.negf %x : f32
    linalg.yield %0 : f32
  }
  return
}
func.func private @extend(%a: memref<4x4xf32>, %b: memref<4x4xf64>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<4x4xf32>) outs(%b : memref<4x4xf64>) {
  ^bb0(%x: f32, %o: f64):
    %0 = arith.extf %x : f32 to f64
    linalg.yield %0 : f64
  }
  return
}
func.func private @copy(%a: memref<4x4xf64>, %b: memref<4x4xf64>) attributes {vtpu.kernel} {
  linalg.copy ins(%a : memref<4x4xf64>) outs(%b : memref<4x4xf64>)
  return
}
func.func private @filled(%a: memref<4x4xf32>, %b: memref<4x4xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%b : memref<4x4xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<4x4xf32>) outs(%b : memref<4x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %0 = arith.addf %x, %o : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A buffer of which there are only views.
// CHECK-LABEL: func.func @unused
// CHECK-SAME: memref<64xi8> {vtpu.arena}
func.func @unused() attributes {vtpu.entry} {
  %a = memref.alloc() : memref<4x4xf32>
  %b = memref.collapse_shape %a [[0, 1]] : memref<4x4xf32> into memref<16xf32>
  return
}

// -----

func.func @main(%n: index) attributes {vtpu.entry} {
  // expected-error @below {{buffer of type 'memref<?xf32>' has no static size; the planner needs static shapes and identity layouts}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}
