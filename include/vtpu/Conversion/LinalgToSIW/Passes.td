//===- Passes.td - Conversion to siw -----------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_CONVERSION_LINALGTOSIW_PASSES_TD
#define VTPU_CONVERSION_LINALGTOSIW_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinalgToSIW : Pass<"convert-linalg-to-siw", "::mlir::ModuleOp"> {
  let summary = "Turn kernels into words on virtual registers";
  let description = [{
    Input contract: phase `tiled`: entries that only call kernels, kernels on memrefs of static shape. Output contract: `siw.func`s with
    structured control and virtual registers. Every op that cannot become words is reported, then the pass fails.
  }];
  let dependentDialects = ["::vtpu::siw::SIWDialect", "::mlir::linalg::LinalgDialect"];
  let options = [
    Option<"divideFrom", "divide-from", "int64_t", /*default=*/"1 << 22",
           "Operations on lanes, about 60 a nanosecond, from which the kernels of an entry are divided over sentrons">
  ];
}

#endif // VTPU_CONVERSION_LINALGTOSIW_PASSES_TD
