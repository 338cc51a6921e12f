// RUN: vtpu-opt %s --convert-linalg-to-siw --split-input-file | FileCheck %s

// Element-wise work: full vectors, the rest under a mask.
// CHECK-LABEL: siw.func @add
// CHECK: siw.kset {imm = 5 : i64}
// CHECK: siw.sld {{.*}} masked{{.*}} zeroing
// CHECK-COUNT-3: siw.dadd {{.*}} {length = 512 : i32, type = "f32"}
// CHECK: siw.sst {{.*}} masked
#id = affine_map<(d0) -> (d0)>
func.func private @add(%a: memref<37xf32>, %b: memref<37xf32>, %c: memref<37xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %b : memref<37xf32>, memref<37xf32>) outs(%c : memref<37xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.addf %x, %y : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A reduction along the lanes ends in one value.
// CHECK-LABEL: siw.func @sum
// CHECK: siw.dadd
// CHECK: siw.dred
// CHECK: siw.sst
#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @sum(%a: memref<2x64xf32>, %b: memref<2xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%a : memref<2x64xf32>) outs(%b : memref<2xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %0 = arith.addf %acc, %x : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// bf16 is storage: words compute in f32 and round to nearest even.
// CHECK-LABEL: siw.func @narrow
// CHECK: siw.sld {{.*}} mem = "u16", type = "i32"
// CHECK: siw.dshli {{.*}} {imm = 16 : i64
// CHECK: siw.dmul {{.*}} type = "f32"
// CHECK: siw.dcmp {{.*}} pred = "uno"
// CHECK: siw.sst {{.*}} mem = "i16", type = "i32"
#id = affine_map<(d0) -> (d0)>
func.func private @narrow(%a: memref<16xbf16>, %b: memref<16xbf16>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : memref<16xbf16>) outs(%b : memref<16xbf16>) {
  ^bb0(%x: bf16, %o: bf16):
    %0 = arith.mulf %x, %x : bf16
    linalg.yield %0 : bf16
  }
  return
}

// -----

// Comparisons and selections go through masks.
// CHECK-LABEL: siw.func @relu
// CHECK: %[[M:.*]] = siw.dcmp {{.*}} pred = "gt"
// CHECK: siw.dsel
#id = affine_map<(d0) -> (d0)>
func.func private @relu(%a: memref<16xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%a : memref<16xf32>) {
  ^bb0(%x: f32):
    %m = arith.cmpf ogt, %x, %zero : f32
    %0 = arith.select %m, %x, %zero : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A product of parameters is a nest of fused multiply-adds over panels that the loader packs.
// CHECK-LABEL: siw.func entry @main
// CHECK-SAME: key = "w", kind = "parameter"
// CHECK-SAME: panels = array<i64:
// CHECK-LABEL: siw.func @matmul
// CHECK: siw.for
// CHECK-NOT: siw.sprefch2
// CHECK: siw.dfma
func.func @main(%x: memref<8x64xf32>, %w: memref<64x48xf32> {vtpu.parameter = "w"}, %y: memref<8x48xf32> {vtpu.result}) attributes {vtpu.entry} {
  call @matmul(%x, %w, %y) : (memref<8x64xf32>, memref<64x48xf32>, memref<8x48xf32>) -> ()
  return
}
func.func private @matmul(%x: memref<8x64xf32>, %w: memref<64x48xf32>, %y: memref<8x48xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<8x48xf32>)
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x48xf32>) outs(%y : memref<8x48xf32>)
  return
}

// -----

// While a tile is computed, its share of the next panel is fetched, line by line: three tiles share the 192 lines, and each has 16 passes.
// CHECK-LABEL: siw.func @panels
// CHECK: siw.for
// CHECK: %[[NEXT:.*]] = siw.caddi %{{.*}} {imm = 12288 : i64}
// CHECK: siw.for
// CHECK: siw.for
// CHECK: siw.sprefch2 %[[AT:[0-9a-z]+]] {imm = 0 : i64}
// CHECK: siw.sprefch2 %[[AT]] {imm = 64 : i64}
// CHECK: siw.sprefch2 %[[AT]] {imm = 128 : i64}
// CHECK: siw.sprefch2 %[[AT]] {imm = 192 : i64}
// CHECK-NOT: siw.sprefch2
// CHECK: siw.dfma
// CHECK: siw.caddi %[[AT]] {imm = 256 : i64}
func.func @main(%x: memref<20x64xf32>, %w: memref<64x192xf32> {vtpu.parameter = "w"}, %y: memref<20x192xf32> {vtpu.result}) attributes {vtpu.entry} {
  call @panels(%x, %w, %y) : (memref<20x64xf32>, memref<64x192xf32>, memref<20x192xf32>) -> ()
  return
}
func.func private @panels(%x: memref<20x64xf32>, %w: memref<64x192xf32>, %y: memref<20x192xf32>) attributes {vtpu.kernel} {
  linalg.matmul ins(%x, %w : memref<20x64xf32>, memref<64x192xf32>) outs(%y : memref<20x192xf32>)
  return
}

// -----

// Long panels are used in blocks of k: all rows with the first, which starts at zero, then a loop over the others. Two tiles of 48 passes share 576 lines
// of the next block, and the last one ends with it.
// CHECK-LABEL: siw.func @panel_blocks
// CHECK: siw.for {{.*}} bound 2 step 1
// CHECK: siw.caddi %{{.*}} {imm = 36864 : i64}
// CHECK: siw.for {{.*}} bound 2 step 1
// CHECK: siw.dimm
// CHECK: siw.for {{.*}} bound 192 step 4
// CHECK-COUNT-6: siw.sprefch2
// CHECK: siw.dfma
// CHECK: siw.sst
// CHECK: siw.for {{.*}} bound 3 step 1
// CHECK: siw.for {{.*}} bound 2 step 1
// CHECK: siw.sld
// CHECK: siw.for {{.*}} bound 192 step 4
// CHECK-NOT: bound 192
func.func @main(%x: memref<16x768xf32>, %w: memref<768x96xf32> {vtpu.parameter = "w"}, %y: memref<16x96xf32> {vtpu.result}) attributes {vtpu.entry} {
  call @panel_blocks(%x, %w, %y) : (memref<16x768xf32>, memref<768x96xf32>, memref<16x96xf32>) -> ()
  return
}
func.func private @panel_blocks(%x: memref<16x768xf32>, %w: memref<768x96xf32>, %y: memref<16x96xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<16x96xf32>)
  linalg.matmul ins(%x, %w : memref<16x768xf32>, memref<768x96xf32>) outs(%y : memref<16x96xf32>)
  return
}

// -----

// A product starts its sums at zero itself: nothing is filled, and C is only written.
// CHECK-LABEL: siw.func @from_zero
// CHECK-NOT: siw.s{{st|ld}}
// CHECK-COUNT-24: siw.dimm {imm = 0 : i64, length = 512 : i32, type = "f32"}
// CHECK-NOT: siw.s{{st|ld}}
// CHECK: siw.for {{.*}} bound 64 step 4
// CHECK: siw.dfma
// CHECK: siw.sst
func.func private @from_zero(%x: memref<8x64xf32>, %w: memref<64x48xf32>, %y: memref<8x48xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<8x48xf32>)
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x48xf32>) outs(%y : memref<8x48xf32>)
  return
}

// -----

// Of two blocks of k the second adds to what the first has stored.
// CHECK-LABEL: siw.func @blocks
// CHECK-NOT: siw.dimm
// CHECK: siw.for {{.*}} bound 256 step 1
// CHECK-COUNT-24: siw.dimm {imm = 0 : i64, length = 512 : i32, type = "f32"}
// CHECK: siw.for {{.*}} bound 256 step 4
// CHECK: siw.sst
// CHECK: siw.sld
// CHECK: siw.for {{.*}} bound 256 step 4
// CHECK-NOT: siw.for {{.*}} bound 256 step 4
func.func @main(%x: memref<32x512xf32>, %w: memref<512x96xf32>, %y: memref<32x96xf32> {vtpu.result}) attributes {vtpu.entry} {
  call @blocks(%x, %w, %y) : (memref<32x512xf32>, memref<512x96xf32>, memref<32x96xf32>) -> ()
  return
}
func.func private @blocks(%x: memref<32x512xf32>, %w: memref<512x96xf32>, %y: memref<32x96xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<32x96xf32>)
  linalg.matmul ins(%x, %w : memref<32x512xf32>, memref<512x96xf32>) outs(%y : memref<32x96xf32>)
  return
}

// -----

// Another value than zero is filled in, and so is zero where something else stands between.
// CHECK-LABEL: siw.func @from_one
// CHECK: siw.sst
// CHECK: siw.dfma
func.func private @from_one(%x: memref<8x64xf32>, %w: memref<64x48xf32>, %y: memref<8x48xf32>) attributes {vtpu.kernel} {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%y : memref<8x48xf32>)
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x48xf32>) outs(%y : memref<8x48xf32>)
  return
}
// CHECK-LABEL: siw.func @between
// CHECK: siw.sst
// CHECK: siw.sst
// CHECK: siw.dfma
func.func private @between(%x: memref<8x64xf32>, %w: memref<64x48xf32>, %y: memref<8x48xf32>, %z: memref<8x48xf32>) attributes {vtpu.kernel} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<8x48xf32>)
  memref.copy %y, %z : memref<8x48xf32> to memref<8x48xf32>
  linalg.matmul ins(%x, %w : memref<8x64xf32>, memref<64x48xf32>) outs(%y : memref<8x48xf32>)
  return
}

// -----

// Masks reduce along the lanes too; those of the rest that are not there keep what they had.
// CHECK-LABEL: siw.func @all
// CHECK: %[[SUM:.*]] = siw.for {{.*}} bound 32 step 16
// CHECK: %[[BOTH:.*]] = siw.kand %{{.*}}, %{{.*}} : (!siw.k, !siw.k) -> !siw.k
// CHECK-NEXT: siw.yield %[[BOTH]]
// CHECK: siw.kandn %{{.*}}, %[[SUM]] :
// CHECK: %[[TOTAL:.*]] = siw.kor
// CHECK: %[[ODD:.*]] = siw.kandn %[[TOTAL]],
// CHECK: %[[BITS:.*]] = siw.kget %[[ODD]]
// CHECK: siw.cset %[[BITS]], %{{.*}} {pred = "eq"}
#row = affine_map<(d0, d1) -> (d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func private @all(%a: memref<2x37xf32>, %b: memref<2xi1>) attributes {vtpu.kernel} {
  %inf = arith.constant 0xFF800000 : f32
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%a : memref<2x37xf32>) outs(%b : memref<2xi1>) {
  ^bb0(%x: f32, %acc: i1):
    %0 = arith.cmpf oeq, %x, %inf : f32
    %1 = arith.andi %0, %acc : i1
    linalg.yield %1 : i1
  }
  return
}

// -----

// Steps along the lines that a gather reads stand inside the loop over lanes.
// CHECK-LABEL: siw.func @transpose
// CHECK: siw.for {{.*}} bound 256 step 64
// CHECK: siw.for {{.*}} bound 32 step 1
// CHECK-COUNT-4: siw.sgather
#id = affine_map<(d0, d1) -> (d0, d1)>
#turned = affine_map<(d0, d1) -> (d1, d0)>
func.func private @transpose(%a: memref<256x32xf32>, %b: memref<32x256xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<256x32xf32>) outs(%b : memref<32x256xf32>) {
  ^bb0(%x: f32, %o: f32):
    %0 = arith.negf %x : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Others stay outside: each of their steps reads lines of its own.
// CHECK-LABEL: siw.func @columns
// CHECK: siw.for {{.*}} bound 32 step 1
// CHECK: siw.for {{.*}} bound 256 step 64
// CHECK-COUNT-4: siw.sgather
#id = affine_map<(d0, d1) -> (d0, d1)>
#spread = affine_map<(d0, d1) -> (d0, d1 * 3)>
func.func private @columns(%a: memref<32x766xf32>, %b: memref<32x256xf32>) attributes {vtpu.kernel} {
  linalg.generic {indexing_maps = [#spread, #id], iterator_types = ["parallel", "parallel"]} ins(%a : memref<32x766xf32>) outs(%b : memref<32x256xf32>) {
  ^bb0(%x: f32, %o: f32):
    %0 = arith.negf %x : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A tile of few columns has as many rows as the registers hold: two of 24 for 48 rows, four steps of k each.
// CHECK-LABEL: siw.func @tall
// CHECK: siw.for {{.*}} bound 2 step 1
// CHECK: siw.for {{.*}} bound 8 step 4
// CHECK-COUNT-96: siw.dfma
// CHECK-NOT: siw.dfma
func.func private @tall(%a: memref<48x8xf32>, %b: memref<8x16xf32>, %c: memref<48x16xf32>) attributes {vtpu.kernel} {
  linalg.matmul ins(%a, %b : memref<48x8xf32>, memref<8x16xf32>) outs(%c : memref<48x16xf32>)
  return
}
