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
  // expected-error @+1 {{has 1 immediates, a word holds 2}}
  siw.bundle {
    siw.cret : () -> ()
  } {immediates = array<i64: 1>}
}
