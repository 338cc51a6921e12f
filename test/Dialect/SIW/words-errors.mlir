// What flat words may not say.
// RUN: vtpu-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{call table 0 needs a callee and arguments in pairs of binding and offset}}
siw.func @f attributes {bindings = [], call_tables = [{callee = @f, arguments = array<i64: 1>}]} {
  siw.cret : () -> ()
}

// -----

// expected-error @+1 {{locations come in pairs of a word and a text}}
siw.func @f attributes {bindings = [], locations = array<i64: 1>} {
  siw.cret : () -> ()
}

// -----

siw.func @f attributes {bindings = []} {
  // expected-error @+1 {{has a coordinate of 2 dimensions, needs 11}}
  siw.bundle {
    siw.cret : () -> ()
  } {coordinate = array<i64: 1, 2>}
}

// -----

siw.func @f attributes {bindings = []} {
  // expected-error @+1 {{has a coordinate with 2048, which is not in 0..2047}}
  siw.bundle {
    siw.cret : () -> ()
  } {coordinate = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2048>}
}

// -----

siw.func @f attributes {bindings = []} {
  // expected-error @+1 {{has 1 immediates, a word holds 2}}
  siw.bundle {
    siw.cret : () -> ()
  } {immediates = array<i64: 1>}
}
