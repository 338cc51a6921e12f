// What is no coordinate, and where none or one must stand.
// RUN: vtpu-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{coordinate '1.1.1/2.3': character 10: expected '.' and the book}}
%p = siw.pcoord {coordinate = #siw.coordinate<"1.1.1/2.3">} : () -> !siw.p

// -----

// expected-error @+1 {{coordinate '1.1.1/1.1.1/1.1.2048.1.1'}}
%p = siw.pcoord {coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.2048.1.1">} : () -> !siw.p

// -----

// expected-error @+1 {{expected '<'}}
%p = siw.pcoord {coordinate = #siw.coordinate} : () -> !siw.p

// -----

// expected-error @+1 {{expected string}}
%p = siw.pcoord {coordinate = #siw.coordinate<1.1.1>} : () -> !siw.p

// -----

// expected-error @+1 {{needs a coordinate, such as coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.1.1.1">}}
%p = siw.pcoord : () -> !siw.p

// -----

// expected-error @+1 {{needs a coordinate, such as}}
%p = siw.pcoord {coordinate = "1.1.1/1.1.1/1.1.1.1.1"} : () -> !siw.p

// -----

// expected-error @+1 {{takes no coordinate}}
%r = siw.cimm {imm = 1 : i64, coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.1.1.1">} : () -> !siw.r

// -----

// expected-error @+1 {{has a coordinate of its own beside that of siw.pcoord}}
siw.bundle {
  %p = siw.pcoord {coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.1.1.1">} : () -> !siw.p<0>
} {coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.1.1.1">}
