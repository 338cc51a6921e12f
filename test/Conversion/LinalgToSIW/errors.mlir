// RUN: vtpu-opt %s --split-input-file --verify-diagnostics --convert-linalg-to-siw --allow-unregistered-dialect

// Every operation that cannot become words is named, not only the first.
func.func private @all_at_once(%m: memref<4xf32>) attributes {vtpu.kernel} {
  // expected-error @below {{'foreign.one' cannot become words}}
  "foreign.one"() : () -> ()
  // expected-error @below {{'foreign.two' cannot become words}}
  "foreign.two"() : () -> ()
  return
}

// -----

// expected-error @below {{'func.func' cannot become words: an argument is no memref of static shape with a supported element type}}
func.func private @argument(%m: memref<?xf32>) attributes {vtpu.kernel} {
  return
}

// -----

#twice = affine_map<(d0) -> (d0 mod 2)>
#id = affine_map<(d0) -> (d0)>
func.func private @map(%m: memref<4xf32>, %n: memref<2xf32>) attributes {vtpu.kernel} {
  // expected-error @below {{'linalg.generic' cannot become words: an operand is no linear function of the loops}}
  linalg.generic {indexing_maps = [#twice, #id], iterator_types = ["parallel"]} ins(%n : memref<2xf32>) outs(%m : memref<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

func.func private @reduces(%m: memref<4xf32>) attributes {vtpu.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{'scf.parallel' cannot become words: it reduces}}
  %0 = scf.parallel (%i) = (%c0) to (%c4) step (%c1) init (%zero) -> f32 {
    scf.reduce(%zero : f32) {
    ^bb0(%a: f32, %b: f32):
      %1 = arith.addf %a, %b : f32
      scf.reduce.return %1 : f32
    }
  }
  return
}

// -----

func.func private @bound(%m: memref<4xi64>) attributes {vtpu.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.load %m[%c0] : memref<4xi64>
  %bound = arith.index_cast %n : i64 to index
  // expected-error @below {{'scf.parallel' cannot become words: a bound or step is no constant}}
  scf.parallel (%i) = (%c0) to (%bound) step (%c1) {
    scf.reduce
  }
  return
}

// -----

func.func private @step(%m: memref<4xi64>) attributes {vtpu.kernel} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = memref.load %m[%c0] : memref<4xi64>
  %step = arith.index_cast %n : i64 to index
  // expected-error @below {{'scf.for' cannot become words: its step is no positive constant}}
  scf.for %i = %c0 to %c4 step %step {
  }
  return
}

// -----

func.func private @while_types(%m: memref<4xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : i64
  // expected-error @below {{'scf.while' cannot become words: its condition passes on other types than it takes}}
  %0 = scf.while (%a = %zero) : (f32) -> i64 {
    %t = arith.constant true
    scf.condition(%t) %one : i64
  } do {
  ^bb0(%b: i64):
    scf.yield %zero : f32
  }
  return
}

// -----

// Entries hold constants, views and calls of kernels.

// expected-error @below {{argument 0 of entry 'main' has type 'memref<?xf32>'; an entry takes contiguous tensors of static shape}}
func.func @main(%m: memref<?xf32>) attributes {vtpu.entry} {
  return
}

// -----

func.func @main(%m: memref<4xf32>) attributes {vtpu.entry} {
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{'linalg.fill' stands in an entry outside every kernel}}
  linalg.fill ins(%zero : f32) outs(%m : memref<4xf32>)
  return
}

// -----

func.func @main(%m: memref<64xi8>, %n: index) attributes {vtpu.entry} {
  return
}
// expected-error @-3 {{argument 1 of entry 'main' has type 'index'; an entry takes contiguous tensors of static shape}}

// -----

func.func private @kernel(%m: memref<4xf32>) attributes {vtpu.kernel} {
  return
}
func.func @main() attributes {vtpu.entry} {
  %m = memref.alloc() : memref<4xf32>
  // expected-error @-1 {{'memref.alloc' stands in an entry outside every kernel}}
  // expected-error @below {{argument 0 of a kernel call has no static place}}
  call @kernel(%m) : (memref<4xf32>) -> ()
  return
}
