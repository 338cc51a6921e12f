// RUN: vtpu-opt %s --siw-schedule | FileCheck %s
// RUN: vtpu-opt %s --siw-schedule=port-table=icelake | FileCheck %s --check-prefix=TABLE
// RUN: vtpu-opt %s --siw-schedule --remarks-filter=siw-schedule 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: vtpu-opt %s --siw-schedule --siw-schedule | FileCheck %s
// Where registers run out, the order stays: which values are spilled depends on it.
// RUN: %python %S/Inputs/many_values.py vectors 40 > %t.mlir
// RUN: vtpu-opt %t.mlir --siw-schedule --remarks-filter=siw-schedule 2>&1 >/dev/null | FileCheck %s --check-prefix=SPILL

// CHECK: module attributes {siw.port_table = "zen5"}
// TABLE: module attributes {siw.port_table = "icelake"}
// SPILL: the function must spill registers and keeps its order

// The operands of the chain at the end are loaded first; loads of another address may not pass the store.
// CHECK-LABEL: siw.func @chain
// CHECK: %[[P:.*]] = siw.cptr
// CHECK-NEXT: siw.sld %[[P]] {imm = 0
// CHECK-NEXT: siw.sld %[[P]] {imm = 64
// CHECK-NEXT: siw.sld %[[P]] {imm = 1024
// CHECK: siw.sst {{.*}} {imm = 2048
// CHECK-NEXT: siw.sld
// CHECK-NEXT: siw.cret
// REMARK: remark: {{.*}}Remark="1 instructions take 4.00 cycles at least: critical path"
// REMARK: remark: {{.*}}Remark="{{.*}} instructions in a new order: {{.*}} cycles instead of {{.*}} for 1 iterations"
siw.func @chain attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %i = siw.csid : () -> !siw.r
  siw.call @chain [0, 0]
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a0 = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a1 = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a2 = siw.sld %p {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a3 = siw.sld %p {imm = 192 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a4 = siw.sld %p {imm = 256 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a5 = siw.sld %p {imm = 320 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a6 = siw.sld %p {imm = 384 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a7 = siw.sld %p {imm = 448 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a8 = siw.sld %p {imm = 512 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a9 = siw.sld %p {imm = 576 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a10 = siw.sld %p {imm = 640 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a11 = siw.sld %p {imm = 704 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a12 = siw.sld %p {imm = 768 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a13 = siw.sld %p {imm = 832 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a14 = siw.sld %p {imm = 896 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %a15 = siw.sld %p {imm = 960 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %b = siw.sld %p {imm = 1024 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %s0 = siw.dfma %b, %a0, %a1 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s1 = siw.dfma %s0, %a0, %a2 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s2 = siw.dfma %s1, %a0, %a3 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  siw.sst %s2, %p {imm = 2048 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  %q = siw.sldr %p, %p {imm = 0 : i64, indexed, mem = "i64"} : (!siw.r, !siw.r) -> !siw.r
  siw.cret : () -> ()
}

// Nothing to gain: the order stays.
// CHECK-LABEL: siw.func @straight
// CHECK: siw.sld {{.*}} {imm = 0
// CHECK-NEXT: siw.sld {{.*}} {imm = 64
// CHECK-NEXT: siw.dfma
// CHECK-NEXT: siw.sst
// REMARK: Remark="6 instructions take {{.*}} cycles at least: critical path"
siw.func @straight attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %b = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  %c = siw.dfma %a, %b, %b {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  siw.sst %c, %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

// Loops stand where they stood, and a carried pointer steps behind all of its uses, else it would need a copy.
// CHECK-LABEL: siw.func @loop
// CHECK: siw.for
// CHECK: ^bb0(%{{.*}}: !siw.r, %[[C:.*]]: !siw.r):
// CHECK-NOT: siw.caddi
// CHECK: siw.sst {{.*}}, %[[C]]
// CHECK-NEXT: siw.caddi %[[C]]
// CHECK-NEXT: siw.yield
// CHECK: siw.sld
// REMARK: Remark="19 instructions take {{.*}} cycles an iteration at least: port load"
siw.func @loop attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  %end = siw.for from %zero bound 4 step 1 nonempty inits(%p) : (!siw.r, !siw.r) -> !siw.r {
  ^bb0(%i: !siw.r, %c: !siw.r):
    %a0 = siw.sld %c {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a1 = siw.sld %c {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a2 = siw.sld %c {imm = 128 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a3 = siw.sld %c {imm = 192 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a4 = siw.sld %c {imm = 256 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a5 = siw.sld %c {imm = 320 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a6 = siw.sld %c {imm = 384 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a7 = siw.sld %c {imm = 448 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a8 = siw.sld %c {imm = 512 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a9 = siw.sld %c {imm = 576 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a10 = siw.sld %c {imm = 640 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a11 = siw.sld %c {imm = 704 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a12 = siw.sld %c {imm = 768 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a13 = siw.sld %c {imm = 832 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a14 = siw.sld %c {imm = 896 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %a15 = siw.sld %c {imm = 960 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
    %s = siw.dfma %a0, %a1, %a2 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
    siw.sst %s, %c {imm = 2048 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v, !siw.r) -> ()
    %n = siw.caddi %c {imm = 64 : i64} : (!siw.r) -> !siw.r
    siw.yield %n : !siw.r
  }
  %after = siw.sld %end {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r) -> !siw.v
  siw.cret : () -> ()
}
