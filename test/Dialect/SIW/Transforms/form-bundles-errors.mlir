// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-form-bundles))' -split-input-file -verify-diagnostics

siw.func @virtual attributes {bindings = []} {
  %a = siw.dimm {imm = 1 : i64, length = 512 : i32, type = "f32"} : () -> !siw.v<1>
  // expected-error @+1 {{has a result without an allocated register}}
  %b = siw.dadd %a, %a {length = 512 : i32, type = "f32"} : (!siw.v<1>, !siw.v<1>) -> !siw.v
  siw.cret : () -> ()
}

// -----

siw.func @selects attributes {bindings = []} {
  %a = siw.dimm {imm = 1 : i64, length = 512 : i32, type = "f32"} : () -> !siw.v<1>
  %k = siw.kset {imm = 3 : i64} : () -> !siw.k<0>
  // expected-error @+1 {{makes no legal word: slot D: dsel: k0 cannot select; use one of k1..k7}}
  %b = siw.dsel %a, %a, %k {length = 512 : i32, type = "f32"} : (!siw.v<1>, !siw.v<1>, !siw.k<0>) -> !siw.v<2>
  siw.cret : () -> ()
}

// -----

module attributes {siw.port_table = "pentium"} {
  // expected-error @+1 {{unknown port table 'pentium'; known are }}
  siw.func @table attributes {bindings = []} {
    siw.cret : () -> ()
  }
}
