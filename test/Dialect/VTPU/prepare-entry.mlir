// RUN: vtpu-opt %s --vtpu-prepare-entry -split-input-file -verify-diagnostics | FileCheck %s

// CHECK: func.func @main(%{{.*}}: tensor<4xf32> {bufferization.writable = false, vtpu.name = "x"}) {{.*}}attributes {vtpu.entry}
func.func @main(%x: tensor<4xf32> {vtpu.name = "x"}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{function 'missing' has no body; define it in the same module}}
func.func private @missing(tensor<4xf32>)
