// What happens to registers when there are not enough. Runs of such functions: test/python/test_registers.py.
// RUN: %python %S/Inputs/many_values.py integers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=INTEGER
// RUN: %python %S/Inputs/many_values.py pointers 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=POINTER
// RUN: %python %S/Inputs/many_values.py carried 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=CARRIED
// RUN: %python %S/Inputs/many_values.py walking 20 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=WALKING
// RUN: %python %S/Inputs/many_values.py vectors 40 | vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' | FileCheck %s --check-prefix=VECTORS
// RUN: %python %S/Inputs/many_values.py counters 17 | not vtpu-opt --pass-pipeline='builtin.module(siw.func(siw-allocate-registers))' 2>&1 | FileCheck %s --check-prefix=COUNTERS

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

// COUNTERS: error: function 'main' needs more than 16 registers of one class at once and nothing can be spilled
