// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-form-bundles))' | FileCheck %s
// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-form-bundles{window=1}))' | FileCheck %s --check-prefix=WINDOW
// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-form-bundles))' --remarks-filter=siw-form-bundles 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// REMARK-DAG: Remark="word 0, slot D is empty: dadd of word 2 waits for sld of word 1 (flow dependence)"
// REMARK-DAG: Remark="word 0, slot S is empty: sld of word 1 waits for cptr of word 0 (flow dependence)"
// REMARK-DAG: Remark="word 3, slot D is empty: no later word has an operation for D"
// The slots of a word read before it writes: the pointer steps beside the last load that needs it, and the second load overwrites v1 beside the sum.
// CHECK-LABEL: siw.func @parallel
// CHECK: siw.bundle
// CHECK-NEXT: siw.cptr
// CHECK: siw.bundle
// CHECK-NEXT: siw.sld
// CHECK-NEXT: {{^ *[}]}}
// CHECK: siw.bundle
// CHECK-NEXT: siw.dadd
// CHECK-NEXT: siw.sld
// CHECK-NEXT: siw.caddi
// CHECK-NEXT: {{^ *[}]}}
// CHECK: siw.bundle
// CHECK-NEXT: siw.sst
// CHECK-NEXT: siw.cret
// CHECK-NEXT: {{^ *[}]}}
siw.func @parallel attributes {bindings = [{kind = "import", name = "x", size = 8192 : i64, align = 64 : i64, writable}]} {
  %p = siw.cptr {imm = 0 : i64} : () -> !siw.r<0>
  %a = siw.sld %p {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r<0>) -> !siw.v<1>
  %s = siw.dadd %a, %a {length = 512 : i32, type = "f32"} : (!siw.v<1>, !siw.v<1>) -> !siw.v<2>
  %b = siw.sld %p {imm = 64 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r<0>) -> !siw.v<1>
  %q = siw.caddi %p {imm = 64 : i64} : (!siw.r<0>) -> !siw.r<0>
  siw.sst %s, %q {imm = 0 : i64, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.v<2>, !siw.r<0>) -> ()
  siw.cret : () -> ()
}

// A word has one pair of immediates. The last constant could share the first word, which a window of 1 forbids.
// CHECK-LABEL: siw.func @immediates
// CHECK: siw.bundle
// CHECK-NEXT: siw.dimm {{.*}}!siw.v<1>
// CHECK-NEXT: siw.kset
// CHECK: siw.bundle
// CHECK-NEXT: siw.dimm {{.*}}!siw.v<2>
// CHECK-NEXT: siw.cret
// WINDOW-LABEL: siw.func @immediates
// WINDOW: siw.bundle
// WINDOW-NEXT: siw.dimm {{.*}}!siw.v<1>
// WINDOW-NEXT: {{^ *[}]}}
// WINDOW: siw.bundle
// WINDOW-NEXT: siw.dimm {{.*}}!siw.v<2>
// WINDOW-NEXT: siw.kset
siw.func @immediates attributes {bindings = []} {
  %a = siw.dimm {imm = 1 : i64, length = 512 : i32, type = "f32"} : () -> !siw.v<1>
  %b = siw.dimm {imm = 2 : i64, length = 512 : i32, type = "f32"} : () -> !siw.v<2>
  %k = siw.kset {imm = 3 : i64} : () -> !siw.k<1>
  siw.cret : () -> ()
}

// Structured ops and calls stand between words; what is in words already stays so.
// CHECK-LABEL: siw.func @structured
// CHECK: siw.bundle
// CHECK: siw.if
// CHECK: siw.bundle
// CHECK-NEXT: siw.cmov
// CHECK: } else {
// CHECK-NOT: siw.bundle
// CHECK: siw.yield
// CHECK: siw.call @structured
// CHECK-NEXT: siw.bundle
// CHECK-NEXT: siw.cret
// CHECK-NEXT: {{^ *[}]}}
// CHECK-NEXT: {{^ *[}]}}
siw.func @structured attributes {bindings = []} {
  %c = siw.csid : () -> !siw.r<0>
  siw.if %c : (!siw.r<0>) -> () {
    %d = siw.cmov %c : (!siw.r<0>) -> !siw.r<1>
    siw.yield
  } else {
    siw.yield
  }
  siw.call @structured []
  siw.bundle {
    siw.cret : () -> ()
  }
}
