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
