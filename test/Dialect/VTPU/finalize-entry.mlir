// RUN: vtpu-opt %s --vtpu-finalize-entry | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK-SAME: memref<4xf32> {vtpu.result}
// CHECK-NEXT: linalg.generic
// CHECK-NOT: memref.copy
func.func @main(%x: memref<4xf32> {bufferization.writable = false}, %r: memref<4xf32> {bufferize.result}) attributes {vtpu.entry} {
  memref.copy %x, %r : memref<4xf32> to memref<4xf32>
  return
}
