// RUN: vtpu-opt %s --split-input-file --vtpu-outline-kernels | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// Equal layers with other parameters are one kernel, called twice.
// CHECK-LABEL: func.func @main
// CHECK: memref.alloc
// CHECK-NEXT: call @[[KERNEL:.*]](%{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NEXT: call @[[KERNEL]](%{{.*}}, %{{.*}}, %{{.*}})
// CHECK-NEXT: return
// CHECK: func.func private @[[KERNEL]]
// CHECK-SAME: attributes {vtpu.kernel}
// CHECK-NOT: func.func
func.func @main(%x: memref<16xf32>, %p: memref<16xf32>, %q: memref<16xf32>, %r: memref<16xf32> {vtpu.result}) attributes {vtpu.entry} {
  %a = memref.alloc() : memref<16xf32>
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %p : memref<16xf32>, memref<16xf32>) outs(%a : memref<16xf32>) {
  ^bb0(%l: f32, %s: f32, %o: f32):
    %0 = arith.addf %l, %s : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %q : memref<16xf32>, memref<16xf32>) outs(%r : memref<16xf32>) {
  ^bb0(%l: f32, %s: f32, %o: f32):
    %0 = arith.addf %l, %s : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>

// What may trap keeps its own source line; equal lines share a kernel.
// CHECK-LABEL: func.func @gathers
// CHECK: call @[[FIRST:kernel_[0-9_]+]](
// CHECK: call @[[SECOND:kernel_[0-9_]+]](
// CHECK: call @[[FIRST]](
// CHECK: return
// CHECK: func.func private @[[FIRST]]
// CHECK: func.func private @[[SECOND]]
func.func @gathers(%x: memref<16xindex>, %r: memref<16xindex> {vtpu.result}) attributes {vtpu.entry} {
  %c4 = arith.constant 4 : index
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<16xindex>) outs(%r : memref<16xindex>) {
  ^bb0(%i: index, %o: index):
    %ok = arith.cmpi ult, %i, %c4 : index
    cf.assert %ok, "index out of range" loc("net.py":1:0)
    linalg.yield %i : index
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<16xindex>) outs(%r : memref<16xindex>) {
  ^bb0(%i: index, %o: index):
    %ok = arith.cmpi ult, %i, %c4 : index
    cf.assert %ok, "index out of range" loc("net.py":2:0)
    linalg.yield %i : index
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<16xindex>) outs(%r : memref<16xindex>) {
  ^bb0(%i: index, %o: index):
    %ok = arith.cmpi ult, %i, %c4 : index
    cf.assert %ok, "index out of range" loc("net.py":1:0)
    linalg.yield %i : index
  }
  return
}
