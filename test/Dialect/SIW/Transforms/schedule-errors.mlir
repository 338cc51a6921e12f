// RUN: vtpu-opt %s --siw-schedule -split-input-file -verify-diagnostics

// expected-error @+1 {{unknown port table 'pentium'; known are }}
module attributes {siw.port_table = "pentium"} {
}

// -----

siw.func @numbered attributes {bindings = []} {
  // expected-error @+1 {{writes a numbered register; run siw-schedule before siw-allocate-registers}}
  %a = siw.cimm {imm = 1 : i64} : () -> !siw.r<1>
  siw.cret : () -> ()
}
