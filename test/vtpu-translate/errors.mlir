// What verifies and still is no program of words.
// RUN: not vtpu-translate --mlir-to-binary %s 2>&1 | FileCheck %s
// CHECK: 'siw.func' op calls 'none', which does not exist
siw.func entry @main attributes {bindings = [], call_tables = [{callee = @none, arguments = array<i64>}]} {
  siw.bundle {
    siw.cret : () -> ()
  }
}
