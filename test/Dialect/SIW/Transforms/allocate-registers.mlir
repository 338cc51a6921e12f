// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-allocate-registers,siw-form-bundles))' | FileCheck %s

// v0 is free when the reduction needs a temporary; its result may not take the same register.
// CHECK-LABEL: siw.func @temporary
// CHECK: siw.dred {{.*}} : (!siw.v<1>) -> (!siw.v<1>, !siw.v<0>)
siw.func @temporary attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %b = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  siw.sst %a, %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  %s, %t = siw.dred %b {imm = 0 : i64, length = 512 : i32, type = "f32"} : (!siw.v) -> (!siw.v, !siw.v)
  siw.ssts %s, %p {imm = 192 : i64, type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

// The product stands where the argument stood, and so the sum may not before the product is stored.
// CHECK-LABEL: siw.func @held
// CHECK: siw.dfma {{.*}} -> !siw.v<0>
// CHECK: siw.dadd {{.*}} -> !siw.v<[[SUM:[1-9]]]>
// CHECK: siw.sst {{.*}} : (!siw.v<0>,
// CHECK: siw.dmov {{.*}} : (!siw.v<[[SUM]]>) -> !siw.v<0>
siw.func @held attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %b = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  %out = siw.for from %zero bound 3 step 1 nonempty inits(%a) : (!siw.r, !siw.v) -> !siw.v {
  ^bb0(%i: !siw.r, %arg: !siw.v):
    %product = siw.dfma %arg, %b, %b {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
    %sum = siw.dadd %b, %b {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
    siw.sst %product, %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
    siw.yield %sum : !siw.v
  }
  siw.cret : () -> ()
}

// Both products stand where an argument stood, and change places.
// CHECK-LABEL: siw.func @crossed
// CHECK: siw.dfma {{.*}} -> !siw.v<[[A:[0-9]]]>
// CHECK: siw.dfma {{.*}} -> !siw.v<[[B:[0-9]]]>
// CHECK: siw.dmov {{.*}} : (!siw.v<[[B]]>) -> !siw.v<[[C:[0-9]]]>
// CHECK: siw.dmov {{.*}} : (!siw.v<[[A]]>) -> !siw.v<[[D:[0-9]]]>
// CHECK: siw.dmov {{.*}} : (!siw.v<[[C]]>) -> !siw.v<[[A]]>
// CHECK: siw.dmov {{.*}} : (!siw.v<[[D]]>) -> !siw.v<[[B]]>
siw.func @crossed attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %b = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %c = siw.sld %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  %out:2 = siw.for from %zero bound 3 step 1 nonempty inits(%a, %b) : (!siw.r, !siw.v, !siw.v) -> (!siw.v, !siw.v) {
  ^bb0(%i: !siw.r, %x: !siw.v, %y: !siw.v):
    %first = siw.dfma %x, %c, %c {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
    %second = siw.dfma %y, %c, %c {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
    siw.yield %second, %first : !siw.v, !siw.v
  }
  siw.sst %out#0, %p {imm = 192 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out#1, %p {imm = 256 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

// r12 to r15 stand in memory: of twelve pointers that are read once each, two go there, not what the loop reads.
// CHECK-LABEL: siw.func @busy
// CHECK: siw.for {{.*}} : (!siw.r<{{[0-9]|1[01]}}>, !siw.v<0>)
// CHECK: siw.sld {{.*}} : (!siw.r<{{[0-9]|1[01]}}>) -> !siw.v<1>
// CHECK: siw.sst {{.*}} : (!siw.v<0>, !siw.r<13>)
// CHECK: siw.sst {{.*}} : (!siw.v<0>, !siw.r<12>)
siw.func @busy attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %base = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %p0 = siw.caddi %base {imm = 0 : i64} : (!siw.r) -> !siw.r
  %p1 = siw.caddi %base {imm = 64 : i64} : (!siw.r) -> !siw.r
  %p2 = siw.caddi %base {imm = 128 : i64} : (!siw.r) -> !siw.r
  %p3 = siw.caddi %base {imm = 192 : i64} : (!siw.r) -> !siw.r
  %p4 = siw.caddi %base {imm = 256 : i64} : (!siw.r) -> !siw.r
  %p5 = siw.caddi %base {imm = 320 : i64} : (!siw.r) -> !siw.r
  %p6 = siw.caddi %base {imm = 384 : i64} : (!siw.r) -> !siw.r
  %p7 = siw.caddi %base {imm = 448 : i64} : (!siw.r) -> !siw.r
  %p8 = siw.caddi %base {imm = 512 : i64} : (!siw.r) -> !siw.r
  %p9 = siw.caddi %base {imm = 576 : i64} : (!siw.r) -> !siw.r
  %p10 = siw.caddi %base {imm = 640 : i64} : (!siw.r) -> !siw.r
  %p11 = siw.caddi %base {imm = 704 : i64} : (!siw.r) -> !siw.r
  %inner = siw.caddi %base {imm = 4096 : i64} : (!siw.r) -> !siw.r
  %start = siw.sld %base {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  %out = siw.for from %zero bound 9 step 1 nonempty inits(%start) : (!siw.r, !siw.v) -> !siw.v {
  ^bb0(%i: !siw.r, %sum: !siw.v):
    %x = siw.sld %inner {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %next = siw.dadd %sum, %x {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
    siw.yield %next : !siw.v
  }
  siw.sst %out, %p0 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p1 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p2 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p3 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p4 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p5 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p6 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p7 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p8 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p9 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p10 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %out, %p11 {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

// The copy for the update stands where its operand stood, which died there: it is none.
// CHECK-LABEL: siw.func @dies
// CHECK: siw.dmul {{.*}} -> !siw.v<[[SQUARE:[0-9]]]>
// CHECK-NOT: siw.dmov
// CHECK: siw.dfma {{.*}} : (!siw.v<[[X:[0-9]]]>, !siw.v<[[SQUARE]]>, !siw.v<[[SQUARE]]>) -> !siw.v<[[X]]>
siw.func @dies attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %square = siw.dmul %a, %a {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %sum = siw.dfma %a, %square, %square {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  siw.sst %sum, %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

// A shorter move clears the lanes behind.
// CHECK-LABEL: siw.func @shorter
// CHECK: siw.dmov {{.*}}length = 256{{.*}} : (!siw.v<0>) -> !siw.v<0>
siw.func @shorter attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %half = siw.dmov %a {length = 256 : i32, type = "f32"} : (!siw.v) -> !siw.v
  siw.sst %half, %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}
