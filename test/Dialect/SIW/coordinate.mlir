// Coordinates of the dialect, and what becomes of them in words.
// RUN: vtpu-opt %s --verify-roundtrip | FileCheck %s
// RUN: vtpu-opt %s --mlir-print-op-generic | vtpu-opt | FileCheck %s
// RUN: vtpu-opt %s --pass-pipeline='builtin.module(siw.func(siw-allocate-registers,siw-form-bundles))' -o %t.mlir
// RUN: FileCheck %s --check-prefix=WORDS --input-file=%t.mlir
// RUN: vtpu-translate --mlir-to-binary %t.mlir -o %t.vtpu
// RUN: vtpu-objdump -d %t.vtpu | FileCheck %s --check-prefix=BINARY
// RUN: vtpu-translate --binary-to-mlir %t.vtpu -o %t.again.mlir
// RUN: FileCheck %s --check-prefix=AGAIN --input-file=%t.again.mlir
// RUN: vtpu-translate --mlir-to-binary %t.again.mlir -o %t.again.vtpu
// RUN: cmp %t.vtpu %t.again.vtpu

// All eleven components are printed, whatever the form that was read.
// CHECK: siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3.4/5.6.7.8.9">}
// CHECK: siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3.4/5.6.7.0.0">}
// CHECK: siw.pcoord {coordinate = #siw.coordinate<"2047.0.2047/0.2047.0/2047.0.2047.0.2047">}

// A word with a coordinate of its own gets none from its bundle.
// WORDS: siw.bundle {
// WORDS-NEXT: siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3.4/5.6.7.8.9">} : () -> !siw.p<0>
// WORDS-NEXT: siw.cptr
// WORDS-NEXT: }{{$}}

// BINARY: pcoord p0 ; C: cptr r0, b0 } @1.1.1/2.3.4/5.6.7.8.9
// BINARY: pcoord p1 } @1.1.1/2.3.4/5.6.7.0.0
// BINARY: pcoord p2 } @2047.0.2047/0.2047.0/2047.0.2047.0.2047

// AGAIN: siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3.4/5.6.7.8.9">} : () -> !siw.p<0>
// AGAIN-NEXT: siw.cptr
// AGAIN-NEXT: } loc(
// AGAIN: } {coordinate = #siw.coordinate<"0.0.0/0.0.0/0.0.0.0.77">}
siw.func entry @main attributes {bindings = [{kind = "output", name = "y", size = 64 : i64, align = 64 : i64, writable, dtype = "i64", shape = array<i64: 8>}]} {
  %full = siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3.4/5.6.7.8.9">} : () -> !siw.p
  %nine = siw.pcoord {coordinate = #siw.coordinate<"1.1.1;2.3.4;5.6.7">} : () -> !siw.p
  %edge = siw.pcoord {coordinate = #siw.coordinate<"2047.0.2047/0.2047.0/2047.0.2047.0.2047">} : () -> !siw.p
  %y = siw.cptr {imm = 0 : i64} : () -> !siw.r
  siw.sstp %full, %y {imm = 0 : i64} : (!siw.p, !siw.r) -> ()
  siw.sstp %nine, %y {imm = 16 : i64} : (!siw.p, !siw.r) -> ()
  siw.sstp %edge, %y {imm = 32 : i64} : (!siw.p, !siw.r) -> ()
  siw.bundle {
    siw.cret : () -> ()
  } {coordinate = #siw.coordinate<"0.0.0/0.0.0/0.0.0.0.77">}
}
