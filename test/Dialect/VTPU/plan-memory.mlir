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

func.func @main(%n: index) attributes {vtpu.entry} {
  // expected-error @below {{buffer of type 'memref<?xf32>' has no static size; the planner needs static shapes and identity layouts}}
  %a = memref.alloc(%n) : memref<?xf32>
  return
}
