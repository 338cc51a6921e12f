// RUN: vtpu-opt %s --verify-roundtrip | FileCheck %s
// RUN: vtpu-opt %s --mlir-print-op-generic | vtpu-opt | FileCheck %s

// Virtual registers, one op of each pipe, masks that zero and that merge.
// CHECK-LABEL: siw.func entry @main
// CHECK-SAME: kind = "input"
siw.func entry @main attributes {bindings = [{kind = "input", name = "x", size = 64 : i64, align = 64 : i64, dtype = "f32", shape = array<i64: 16>}]} {
  // CHECK: %[[P:.*]] = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  // CHECK: %[[K:.*]] = siw.kset {imm = 5 : i64} : () -> !siw.k
  %k = siw.kset {imm = 5 : i64} : () -> !siw.k
  // CHECK: %[[V:.*]] = siw.sld %[[P]], %[[K]] {{{.*}}masked{{.*}}zeroing} : (!siw.r, !siw.k) -> !siw.v
  %v = siw.sld %p, %k {imm = 0 : i64, length = 512 : i32, masked, mem = "f32", type = "f32", zeroing} : (!siw.r, !siw.k) -> !siw.v
  // CHECK: siw.dadd %[[V]], %[[V]], %[[K]], %[[V]] {{{.*}}masked{{.*}}} : (!siw.v, !siw.v, !siw.k, !siw.v) -> !siw.v
  %w = siw.dadd %v, %v, %k, %v {length = 512 : i32, masked, type = "f32"} : (!siw.v, !siw.v, !siw.k, !siw.v) -> !siw.v
  // CHECK: siw.sst %{{.*}}, %[[P]], %{{.*}} {{{.*}}indexed{{.*}}scale = 4
  %i = siw.cimm {imm = 3 : i64} : () -> !siw.r
  siw.sst %w, %p, %i {imm = 0 : i64, indexed, length = 512 : i32, mem = "f32", scale = 4 : i32, type = "f32"} : (!siw.v, !siw.r, !siw.r) -> ()
  // CHECK: siw.call @callee [0, 64]
  siw.call @callee [0, 64]
  // CHECK: siw.cret : () -> ()
  siw.cret : () -> ()
}

// CHECK-LABEL: siw.func @callee
siw.func @callee attributes {bindings = [{kind = "import", name = "x", size = 64 : i64}]} {
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  // CHECK: siw.for from %{{.*}} bound 64 step 16 nonempty inits(%{{.*}}) : (!siw.r, !siw.r) -> !siw.r
  %sum = siw.for from %zero bound 64 step 16 nonempty inits(%zero) : (!siw.r, !siw.r) -> !siw.r {
  ^bb0(%i: !siw.r, %acc: !siw.r):
    %next = siw.cadd %acc, %i : (!siw.r, !siw.r) -> !siw.r
    siw.yield %next : !siw.r
  }
  // CHECK: siw.for from %{{.*}} to %{{.*}} step 1 : (!siw.r, !siw.r) -> ()
  siw.for from %zero to %sum step 1 : (!siw.r, !siw.r) -> () {
  ^bb0(%i: !siw.r):
    siw.yield
  }
  // CHECK: siw.if %{{.*}} : (!siw.r) -> !siw.r {
  // CHECK: } else {
  %picked = siw.if %sum : (!siw.r) -> !siw.r {
    siw.yield %sum : !siw.r
  } else {
    siw.yield %zero : !siw.r
  }
  // CHECK: siw.while(%{{.*}}) : (!siw.r) -> !siw.r {
  // CHECK: siw.condition %{{.*}}, %{{.*}} : (!siw.r, !siw.r) -> ()
  // CHECK: } do {
  %left = siw.while(%picked) : (!siw.r) -> !siw.r {
  ^bb0(%x: !siw.r):
    siw.condition %x, %x : (!siw.r, !siw.r) -> ()
  } do {
  ^bb0(%y: !siw.r):
    %less = siw.caddi %y {imm = -1 : i64} : (!siw.r) -> !siw.r
    siw.yield %less : !siw.r
  }
  siw.cret : () -> ()
}

// Words of physical registers, flat as read from a binary.
// CHECK-LABEL: siw.func @words
// CHECK-SAME: call_tables = [{arguments = array<i64: 0, 0>, callee = @callee}]
// CHECK-SAME: locations = array<i64: 0, 0>
siw.func @words attributes {bindings = [{kind = "import", name = "x", size = 64 : i64}],
    call_tables = [{arguments = array<i64: 0, 0>, callee = @callee}], locations = array<i64: 0, 0>} {
  // CHECK: %[[V3:.*]] = siw.register : !siw.v<3>
  %v3 = siw.register : !siw.v<3>
  // CHECK: siw.bundle {
  // CHECK: siw.dadd %[[V3]], %[[V3]] {{.*}} -> !siw.v<4>
  // CHECK: siw.caddi
  // CHECK: } {coordinate = #siw.coordinate<"1.2.3/4.5.6/7.8.9.10.2047">}
  %r1 = siw.register : !siw.r<1>
  siw.bundle {
    %v4 = siw.dadd %v3, %v3 {length = 512 : i32, type = "f32"} : (!siw.v<3>, !siw.v<3>) -> !siw.v<4>
    %r2 = siw.caddi %r1 {imm = 8 : i64} : (!siw.r<1>) -> !siw.r<2>
  } {coordinate = #siw.coordinate<"1.2.3/4.5.6/7.8.9.10.2047">}
  // CHECK: } {immediates = array<i64: 1, 2>}
  siw.bundle {
    siw.ccall {imm = 0 : i64} : () -> ()
  } {immediates = array<i64: 1, 2>}
  siw.bundle {
    siw.cret : () -> ()
  }
}
