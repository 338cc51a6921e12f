// RUN: vtpu-opt %s --split-input-file --verify-diagnostics

// Instructions: the verifier that all of them share.

func.func @operands(%v: !siw.v) {
  // expected-error @below {{takes 2 registers here, has 1}}
  %0 = siw.dadd %v {length = 512 : i32, type = "f32"} : (!siw.v) -> !siw.v
  return
}

// -----

func.func @mask_needs_the_kept_register(%v: !siw.v, %k: !siw.k) {
  // expected-error @below {{takes 4 registers here, has 3}}
  %0 = siw.dadd %v, %v, %k {length = 512 : i32, masked, type = "f32"} : (!siw.v, !siw.v, !siw.k) -> !siw.v
  return
}

// -----

func.func @results(%v: !siw.v) {
  // expected-error @below {{writes 1 registers, has 0 results}}
  siw.dadd %v, %v {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> ()
  return
}

// -----

func.func @operand_class(%v: !siw.v, %r: !siw.r) {
  // expected-error @below {{operand of type '!siw.r' stands where another register class is read}}
  %0 = siw.dadd %v, %r {length = 512 : i32, type = "f32"} : (!siw.v, !siw.r) -> !siw.v
  return
}

// -----

func.func @result_class(%v: !siw.v) {
  // expected-error @below {{result of type '!siw.r' stands where another register class is written}}
  %0 = siw.dadd %v, %v {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.r
  return
}

// -----

func.func @element_type(%v: !siw.v) {
  // expected-error @below {{type}}
  %0 = siw.dadd %v, %v {length = 512 : i32, type = "f80"} : (!siw.v, !siw.v) -> !siw.v
  return
}

// -----

func.func @conversion(%r: !siw.r) {
  // expected-error @below {{sld does not convert between the element type f32 and the memory type i8}}
  %0 = siw.sld %r {imm = 0 : i64, length = 512 : i32, mem = "i8", type = "f32"} : (!siw.r) -> !siw.v
  return
}

// -----

func.func @length(%v: !siw.v) {
  // expected-error @below {{needs a length of 128, 256 or 512}}
  %0 = siw.dadd %v, %v {length = 64 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  return
}

// -----

func.func @predicate(%v: !siw.v) {
  // expected-error @below {{needs a known predicate (attribute pred)}}
  %0 = siw.dcmp %v, %v {length = 512 : i32, pred = "almost", type = "f32"} : (!siw.v, !siw.v) -> !siw.k
  return
}

// -----

func.func @no_mask(%r: !siw.r, %k: !siw.k) {
  // expected-error @below {{takes no mask}}
  %0 = siw.cadd %r, %r, %k {masked, zeroing} : (!siw.r, !siw.r, !siw.k) -> !siw.r
  return
}

// -----

func.func @immediate(%r: !siw.r) {
  // expected-error @below {{has imm = "eight", needs an integer}}
  %0 = siw.caddi %r {imm = "eight"} : (!siw.r) -> !siw.r
  return
}

// -----

func.func @scale(%r: !siw.r) {
  // expected-error @below {{has scale 3; legal are 1, 2, 4 and 8}}
  %0 = siw.sld %r, %r {imm = 0 : i64, indexed, length = 512 : i32, mem = "f32", scale = 3 : i32, type = "f32"} : (!siw.r, !siw.r) -> !siw.v
  return
}

// -----

// expected-error @below {{names no register; its type needs a number}}
%0 = siw.register : !siw.v

// -----

// Functions.

// expected-error @below {{binding 0 needs at least a kind and a size}}
siw.func @bindings attributes {bindings = [{kind = "import"}]} {
  siw.cret : () -> ()
}

// -----

// expected-error @below {{call table 0 needs a callee and arguments in pairs of binding and offset}}
siw.func @tables attributes {bindings = [], call_tables = [{callee = @tables, arguments = array<i64: 0>}]} {
  siw.cret : () -> ()
}

// -----

// expected-error @below {{locations come in pairs of a word and a text}}
siw.func @locations attributes {bindings = [], locations = array<i64: 0>} {
  siw.cret : () -> ()
}

// -----

// Loops and conditions.

func.func @no_bound(%r: !siw.r) {
  // expected-error @below {{needs exactly one of a constant bound and an upper register}}
  siw.for from %r step 1 : (!siw.r) -> () {
  ^bb0(%i: !siw.r):
    siw.yield
  }
  return
}

// -----

func.func @two_bounds(%r: !siw.r) {
  // expected-error @below {{needs exactly one of a constant bound and an upper register}}
  siw.for from %r to %r bound 4 step 1 : (!siw.r, !siw.r) -> () {
  ^bb0(%i: !siw.r):
    siw.yield
  }
  return
}

// -----

func.func @step(%r: !siw.r) {
  // expected-error @below {{has step 0; only positive steps count upwards}}
  siw.for from %r bound 4 step 0 : (!siw.r) -> () {
  ^bb0(%i: !siw.r):
    siw.yield
  }
  return
}

// -----

func.func @carried(%r: !siw.r) {
  // expected-error @below {{carries 1 registers; its block and results do not}}
  siw.for from %r bound 4 step 1 inits(%r) : (!siw.r, !siw.r) -> () {
  ^bb0(%i: !siw.r, %x: !siw.r):
    siw.yield %x : !siw.r
  }
  return
}

// -----

func.func @yields(%r: !siw.r) {
  // expected-error @below {{must yield 1 registers}}
  %0 = siw.for from %r bound 4 step 1 inits(%r) : (!siw.r, !siw.r) -> !siw.r {
  ^bb0(%i: !siw.r, %x: !siw.r):
    siw.yield
  }
  return
}

// -----

func.func @if_yields(%r: !siw.r) {
  // expected-error @below {{must yield its 1 results from both regions}}
  %0 = siw.if %r : (!siw.r) -> !siw.r {
    siw.yield %r : !siw.r
  } else {
    siw.yield
  }
  return
}

// -----

func.func @while_carries(%r: !siw.r) {
  // expected-error @below {{carries 1 registers; its blocks and results do not}}
  %0 = siw.while(%r) : (!siw.r) -> !siw.r {
  ^bb0:
    siw.condition %r, %r : (!siw.r, !siw.r) -> ()
  } do {
  ^bb0(%y: !siw.r):
    siw.yield %y : !siw.r
  }
  return
}

// -----

func.func @while_passes(%r: !siw.r) {
  // expected-error @below {{must pass on 1 registers from its condition and its body}}
  %0 = siw.while(%r) : (!siw.r) -> !siw.r {
  ^bb0(%x: !siw.r):
    siw.condition %x : (!siw.r) -> ()
  } do {
  ^bb0(%y: !siw.r):
    siw.yield %y : !siw.r
  }
  return
}

// -----

func.func @stray_yield() {
  // expected-error @below {{expects parent op to be one of 'siw.for, siw.if, siw.while'}}
  siw.yield
}

// -----

// Words.

// expected-error @below {{has 3 immediates, a word holds 2}}
siw.bundle {
  siw.cret : () -> ()
} {immediates = array<i64: 1, 2, 3>}

// -----

// expected-error @below {{holds siw.register, which is no instruction}}
siw.bundle {
  %0 = siw.register : !siw.v<0>
}

// -----

// expected-error @below {{holds two instructions of one pipe}}
siw.bundle {
  siw.cret : () -> ()
  siw.cret : () -> ()
}
