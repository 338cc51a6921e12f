// What happens to registers when there are not enough. Runs of such functions: test/python/test_registers.py.
// RUN: %python %S/Inputs/many_values.py integers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=INTEGER
// RUN: %python %S/Inputs/many_values.py pointers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=POINTER
// RUN: %python %S/Inputs/many_values.py carried 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=CARRIED
// RUN: %python %S/Inputs/many_values.py walking 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=WALKING
// RUN: %python %S/Inputs/many_values.py vectors 40 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=VECTORS
// RUN: %python %S/Inputs/many_values.py coordinates 16 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=P16
// RUN: %python %S/Inputs/many_values.py coordinates 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=P20
// RUN: %python %S/Inputs/many_values.py carried-coordinates 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=CARRYP
// RUN: %python %S/Inputs/many_values.py messages 8 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=M8
// RUN: %python %S/Inputs/many_values.py messages 12 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=M12
// RUN: %python %S/Inputs/many_values.py carried-messages 12 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=CARRYM
// RUN: %python %S/Inputs/many_values.py counters 17 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=COUNTERS
// RUN: %python %S/Inputs/many_values.py bounds 9 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=BOUNDS

// An integer goes to a stack slot of 8 bytes and comes back before its use.
// INTEGER: kind = "stack"
// INTEGER: %[[VALUE:.*]] = siw.sldr {{.*}}imm = 0 : i64
// INTEGER-NEXT: %[[STACK:.*]] = siw.cptr {imm = 2 : i64}
// INTEGER-NEXT: siw.sstr %[[VALUE]], %[[STACK]] {imm = 0 : i64, mem = "i64"}
// INTEGER: %[[AGAIN:.*]] = siw.sldr %{{.*}} {imm = 0 : i64, mem = "i64"}
// INTEGER-NEXT: siw.sstr %[[AGAIN]], %{{.*}} {imm = 152 : i64

// A pointer is never stored: what is kept is its offset, added to its binding where it is used.
// POINTER: kind = "stack"
// POINTER: %[[OFFSET:.*]] = siw.cadd
// POINTER-NEXT: %[[STACK:.*]] = siw.cptr {imm = 2 : i64}
// POINTER-NEXT: siw.sstr %[[OFFSET]], %[[STACK]] {imm = [[SLOT:[0-9]+]] :
// POINTER: %[[OFFSET:.*]] = siw.sldr %{{.*}} {imm = [[SLOT]] :
// POINTER-NEXT: %[[POINTER:.*]] = siw.cadd %{{.*}}, %[[OFFSET]]
// POINTER-NEXT: siw.sldr %[[POINTER]]

// Fewer values are carried than the 20 that were; the others live in slots through the loop.
// CARRIED: kind = "stack"
// CARRIED: %{{.*}}:13 = siw.for
// CARRIED: siw.sstr
// CARRIED: siw.yield

// Pointers that a loop moves are carried as offsets.
// WALKING: kind = "stack"
// WALKING: siw.for
// WALKING: siw.sldr
// WALKING: siw.caddi %{{.*}} {imm = 8 : i64}
// WALKING: siw.sstr
// WALKING: siw.yield

// Vector slots take 64 bytes and are aligned so.
// VECTORS: align = 64 : i64, kind = "stack"
// VECTORS: siw.for
// VECTORS: siw.sld {{.*}}length = 512
// VECTORS: siw.dadd
// VECTORS: siw.sst {{.*}}length = 512
// VECTORS: siw.yield

// Sixteen coordinates fit p0..p15 (their origin is made again for each), eight messages m0..m7.
// P16-NOT: kind = "stack"
// P16: siw.pcoord {{.*}} -> !siw.p<0>
// P16: siw.pins {{.*}} -> !siw.p<15>
// M8-NOT: kind = "stack"
// M8: siw.cpackv {{.*}} -> !siw.m<7>

// A coordinate takes 16 bytes of the stack.
// P20: kind = "stack", name = "stack", size = {{[0-9]+}}
// P20: %[[VALUE:.*]] = siw.pins
// P20-NEXT: %[[STACK:.*]] = siw.cptr {imm = 2 : i64}
// P20-NEXT: siw.sstp %[[VALUE]], %[[STACK]] {imm = [[SLOT:[0-9]+]] : i64}
// P20: %[[AGAIN:.*]] = siw.sldp %{{.*}} {imm = [[SLOT]] : i64}
// P20-NEXT: siw.sstp %[[AGAIN]], %{{.*}} {imm = {{[0-9]+}} : i64}
// CARRYP: kind = "stack"
// CARRYP: siw.for
// CARRYP: siw.sldp
// CARRYP: siw.pins
// CARRYP: siw.sstp
// CARRYP: siw.yield

// A message goes through a vector register into 64 bytes.
// M12: kind = "stack"
// M12: %[[VALUE:.*]] = siw.cpackv
// M12-NEXT: %[[BITS:.*]] = siw.cunpackv %[[VALUE]]
// M12-NEXT: %[[STACK:.*]] = siw.cptr {imm = 2 : i64}
// M12-NEXT: siw.sst %[[BITS]], %[[STACK]] {imm = 0 : i64, length = 512
// M12: %[[BITS:.*]] = siw.sld %{{.*}} {imm = 0 : i64, length = 512
// M12-NEXT: %[[AGAIN:.*]] = siw.cpackv %[[BITS]]
// M12-NEXT: siw.cunpackv %[[AGAIN]]
// CARRYM: kind = "stack"
// CARRYM: siw.for
// CARRYM: siw.sld
// CARRYM: siw.sst
// CARRYM: siw.yield

// A loop whose counter must leave its register tests and steps it in its stack slot; the loops inside keep theirs.
// COUNTERS: kind = "stack"
// COUNTERS: siw.while() : () -> () {
// COUNTERS-NEXT: %[[BOUND:.*]] = siw.cimm {imm = 6 : i64}
// COUNTERS-NEXT: siw.cptr
// COUNTERS-NEXT: %[[COUNTER:.*]] = siw.sldr
// COUNTERS-NEXT: %[[LESS:.*]] = siw.cset %[[COUNTER]], %[[BOUND]] {pred = "lt"}
// COUNTERS-NEXT: siw.condition %[[LESS]]
// COUNTERS: siw.for
// COUNTERS: siw.caddi %{{.*}} {imm = 2 : i64}
// COUNTERS: siw.sstr
// COUNTERS: siw.yield

// A bound that is spilled comes back for each test.
// BOUNDS: siw.while(
// BOUNDS: %[[BOUND:.*]] = siw.sldr
// BOUNDS-NEXT: siw.cset %{{.*}}, %[[BOUND]] {pred = "lt"}
// BOUNDS: siw.for
