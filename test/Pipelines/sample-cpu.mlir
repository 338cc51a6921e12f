// A CPU of one's own: the port table and the host table of a made-up core, in test/Unit/Scheduling.
// DEFINE: %{cpu} = %vtpu_src_root/test/Unit/Scheduling/SampleCPU.json
// DEFINE: %{host} = %vtpu_src_root/test/Unit/Scheduling/SampleCPU.host.json
// DEFINE: %{loop} = %vtpu_src_root/test/vtpu-mca/Inputs/scale.siw
// DEFINE: %{lower} = vtpu-opt %s --compile-from=siw --compile-to=scheduled --remarks-filter='siw-.*'

// What bounds a run, and a loop, follows from the table.
// RUN: %{lower} --port-table=zen5 -o %t.zen5.mlir 2>&1 | FileCheck %s --check-prefix=ZEN5
// RUN: %{lower} --port-table=%{cpu} -o %t.sample.mlir 2>&1 | FileCheck %s --check-prefix=SAMPLE
// ZEN5-DAG: 45 instructions take 44.00 cycles at least: critical path
// ZEN5-DAG: (1 for ports,
// 5 of a pointer, 9 of a load, seven times 8 of a multiply-add, 6 of a store.
// SAMPLE-DAG: 45 instructions take 76.00 cycles at least: critical path
// A load and a store of 512 bits keep the one memory unit for two cycles each.
// SAMPLE-DAG: (4 for ports,

// So does the order: zen5 has two loads a cycle done before the first sum can start, the sample one in two cycles.
// RUN: FileCheck %s --check-prefix=FAST < %t.zen5.mlir
// RUN: FileCheck %s --check-prefix=SLOW < %t.sample.mlir
// FAST-LABEL: siw.func entry @main
// FAST-NOT: siw.dfma
// FAST: siw.sld {{.*}} {imm = 960
// FAST: siw.dfma
// SLOW: siw.port_table = "sample"
// SLOW-LABEL: siw.func entry @main
// SLOW-NOT: siw.sld {{.*}} {imm = 384
// SLOW: siw.dfma
// SLOW: siw.sld {{.*}} {imm = 384

// The program is that of any other table: it verifies and computes the same.
// RUN: vtpu-opt %s --compile-from=siw --compile-to=binary --port-table=zen5 -o %t.zen5.vtpu
// RUN: vtpu-opt %s --compile-from=siw --compile-to=binary --port-table=%{cpu} -o %t.sample.vtpu
// RUN: vtpu-objdump -p --verify %t.sample.vtpu | FileCheck %s --check-prefix=PROGRAM
// PROGRAM: port table {{ *}}sample
// PROGRAM: verified: 2 functions
// RUN: %python -c "import struct; open(r'%t.x.bin', 'wb').write(struct.pack('<1024f', *(0.5 + i / 2048 for i in range(1024))))"
// RUN: vtpu-run %t.zen5.vtpu --entry=main --input=64x16xf32=@%t.x.bin --output=@%t.zen5.npy
// RUN: vtpu-run %t.sample.vtpu --entry=main --input=64x16xf32=@%t.x.bin --output=@%t.sample.npy
// RUN: cmp %t.zen5.npy %t.sample.npy

// vtpu-mca has the host table: all forms of this loop, so that LLVM is not asked.
// RUN: vtpu-mca --table=%{host} --loops --views=summary,bottleneck %{loop} 2>&1 | FileCheck %s --check-prefix=MCA
// MCA-NOT: lacks
// MCA: table sample
// MCA: of 2.00
// MCA: port memory 4.00 cycles

siw.func entry @main attributes {bindings = [
  {kind = "input", name = "x", size = 4096 : i64, align = 64 : i64, dtype = "f32", shape = array<i64: 64, 16>},
  {kind = "output", name = "y", size = 192 : i64, align = 64 : i64, dtype = "f32", shape = array<i64: 3, 16>, writable}]} {
  %x = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %y = siw.cptr {imm = 1 : i64} : () -> !siw.r
  %a0 = siw.sld %x {imm = 0 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a1 = siw.sld %x {imm = 64 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a2 = siw.sld %x {imm = 128 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a3 = siw.sld %x {imm = 192 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a4 = siw.sld %x {imm = 256 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a5 = siw.sld %x {imm = 320 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a6 = siw.sld %x {imm = 384 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a7 = siw.sld %x {imm = 448 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a8 = siw.sld %x {imm = 512 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a9 = siw.sld %x {imm = 576 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a10 = siw.sld %x {imm = 640 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a11 = siw.sld %x {imm = 704 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a12 = siw.sld %x {imm = 768 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a13 = siw.sld %x {imm = 832 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a14 = siw.sld %x {imm = 896 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %a15 = siw.sld %x {imm = 960 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %s2 = siw.dfma %a0, %a2, %a2 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s3 = siw.dfma %a1, %a3, %a3 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s4 = siw.dfma %s2, %a4, %a4 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s5 = siw.dfma %s3, %a5, %a5 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s6 = siw.dfma %s4, %a6, %a6 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s7 = siw.dfma %s5, %a7, %a7 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s8 = siw.dfma %s6, %a8, %a8 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s9 = siw.dfma %s7, %a9, %a9 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s10 = siw.dfma %s8, %a10, %a10 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s11 = siw.dfma %s9, %a11, %a11 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s12 = siw.dfma %s10, %a12, %a12 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s13 = siw.dfma %s11, %a13, %a13 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s14 = siw.dfma %s12, %a14, %a14 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %s15 = siw.dfma %s13, %a15, %a15 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v, !siw.v) -> !siw.v
  %b0 = siw.sld %x {imm = 1024 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.r) -> !siw.v
  %b1 = siw.dmul %b0, %b0 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b2 = siw.dmul %b1, %b1 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b3 = siw.dmul %b2, %b2 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b4 = siw.dmul %b3, %b3 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b5 = siw.dmul %b4, %b4 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b6 = siw.dmul %b5, %b5 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b7 = siw.dmul %b6, %b6 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  %b8 = siw.dmul %b7, %b7 {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
  siw.sst %s14, %y {imm = 0 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %s15, %y {imm = 64 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.sst %b8, %y {imm = 128 : i64, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.v, !siw.r) -> ()
  siw.cret : () -> ()
}

siw.func entry @loop attributes {bindings = [
  {kind = "input", name = "x", size = 4096 : i64, align = 64 : i64, dtype = "f32", shape = array<i64: 64, 16>},
  {kind = "output", name = "y", size = 4096 : i64, align = 64 : i64, dtype = "f32", shape = array<i64: 64, 16>, writable}]} {
  %x = siw.cptr {imm = 0 : i64} : () -> !siw.r
  %y = siw.cptr {imm = 1 : i64} : () -> !siw.r
  %zero = siw.cimm {imm = 0 : i64} : () -> !siw.r
  siw.for from %zero bound 1024 step 16 nonempty : (!siw.r) -> () {
  ^bb0(%i: !siw.r):
    %a = siw.sld %x, %i {imm = 0 : i64, indexed, scale = 4 : i32, length = 512 : i32, mem = "f32", type = "f32"} : (!siw.r, !siw.r) -> !siw.v
    %b = siw.dmul %a, %a {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
    %c = siw.dadd %b, %a {length = 512 : i32, type = "f32"} : (!siw.v, !siw.v) -> !siw.v
    siw.sst %c, %y, %i {imm = 0 : i64, indexed, scale = 4 : i32, mem = "f32", length = 512 : i32, type = "f32"} : (!siw.v, !siw.r, !siw.r) -> ()
    siw.yield
  }
  siw.cret : () -> ()
}
