// RUN: vtpu-opt %s --compile-to=vtpu | FileCheck %s --check-prefix=VTPU
// RUN: vtpu-opt %s --compile-to=tiled | FileCheck %s --check-prefix=TILED
// RUN: vtpu-opt %s --compile-to=tiled | vtpu-opt --compile-from=tiled --compile-to=siw | FileCheck %s --check-prefix=SIW
// RUN: vtpu-opt %s --compile-to=bundled | FileCheck %s --check-prefix=BUNDLED
// RUN: vtpu-opt %s --compile-to=binary -o %t.vtpu
// RUN: od -A n -c -N 4 %t.vtpu | FileCheck %s --check-prefix=BINARY
// RUN: vtpu-opt %s --vtpu-frontend-pipeline --vtpu-tile-pipeline | FileCheck %s --check-prefix=TILED
// RUN: not vtpu-opt %s --compile-to=nowhere 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: vtpu-objdump -p %t.vtpu | FileCheck %s --check-prefix=TABLE
// RUN: vtpu-opt %s --compile-to=binary --port-table=icelake -o %t.icelake.vtpu
// RUN: vtpu-objdump -p %t.icelake.vtpu | FileCheck %s --check-prefix=CHOSEN
// RUN: not vtpu-opt %s --compile-to=binary --port-table=pentium 2>&1 | FileCheck %s --check-prefix=PORTS
// RUN: not vtpu-opt %s --compile-to=binary --schedule=greedy 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: not vtpu-opt %s --compile-from=siw --compile-to=tiled 2>&1 | FileCheck %s --check-prefix=BACK

// TABLE: port table {{ *}}zen5
// CHOSEN: port table {{ *}}icelake
// PORTS: error: unknown port table 'pentium'; known are {{.*}}, 'host' after 'vtpu calibrate', and any FILE.json
// SCHEDULE: error: unknown schedule 'greedy'; legal are list, modulo, exact
// UNKNOWN: error: unknown phase 'nowhere'; legal are input, vtpu, tiled, siw, scheduled, allocated, bundled, binary
// BACK: error: cannot compile from phase 'siw' back to phase 'tiled'; the order is

// VTPU: func.func @main({{.*}}vtpu.parameter = "w"{{.*}}) -> {{.*}} attributes {vtpu.entry}
// VTPU-NOT: linalg.transpose

// TILED: func.func @main({{.*}}vtpu.name = "x"{{.*}}vtpu.parameter = "w"{{.*}}vtpu.result{{.*}}) attributes {vtpu.entry}
// TILED-NOT: linalg
// TILED: call @kernel
// TILED: return
// TILED: func.func private @kernel{{.*}} attributes {vtpu.kernel}
// TILED: linalg.generic

// SIW: siw.func
// BUNDLED: siw.bundle
// BINARY: 177 E L F

func.func @main(%x: tensor<4x8xf32> {vtpu.name = "x"}, %w: tensor<16x8xf32> {vtpu.parameter = "w"}) -> tensor<4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<8x16xf32>
  %t = linalg.transpose ins(%w : tensor<16x8xf32>) outs(%e0 : tensor<8x16xf32>) permutation = [1, 0]
  %e1 = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4x16xf32>) -> tensor<4x16xf32>
  %0 = linalg.matmul ins(%x, %t : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = linalg.exp ins(%0 : tensor<4x16xf32>) outs(%e1 : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}
