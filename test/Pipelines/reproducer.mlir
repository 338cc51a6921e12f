// A failing pass leaves a file that repeats the failure.
// RUN: not vtpu-opt %s --compile-to=vtpu --mlir-pass-pipeline-crash-reproducer=%t.mlir 2>&1 | FileCheck %s
// RUN: FileCheck %s --check-prefix=FILE < %t.mlir
// RUN: not vtpu-opt --run-reproducer %t.mlir 2>&1 | FileCheck %s

// CHECK: error: 'func.func' has the dynamic shape tensor<?xf32>; fix every extent before compiling
// FILE: mlir_reproducer
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
