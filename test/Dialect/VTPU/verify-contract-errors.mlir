// RUN: vtpu-opt %s --allow-unregistered-dialect --vtpu-verify-contract -verify-diagnostics
// RUN: not vtpu-opt %s --compile-to=vtpu 2>&1 | FileCheck %s

// All offending operations are named in one run.
// CHECK-DAG: error: 'tm_tensor.topk' is not supported
// CHECK-DAG: error: 'func.func' has the dynamic shape
// expected-error @below {{'func.func' has the dynamic shape tensor<?xf32>; fix every extent before compiling}}
func.func @dynamic(%x: tensor<?xf32>) {
  return
}

func.func @unknown(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'tm_tensor.topk' is not supported; legal dialects are linalg, tensor, arith, math, scf and cf}}
  %0 = "tm_tensor.topk"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// expected-error @below {{'func.func' has the type i24; supported are f64, f32, f16, bf16, i64, i32, i16, i8, i1, index}}
func.func @width(%x: tensor<4xi24>) {
  return
}
