//===- Prediction.h - Predicted cycles against measured ones ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_BENCH_PREDICTION_H
#define VTPU_TOOLS_BENCH_PREDICTION_H

#include "vtpu/Support/Result.h"

#include <cstdint>

namespace vtpu::tools {

/// Predicts and times `loops` generated loops, as many of each class, with the seeds from `seed` on; llvm-mca's answer stands beside. JSON: each
/// loop, the mean errors, and Kendall's tau of predicted and measured cycles. Loops that cannot be measured are listed with the reason, and the next seeds
/// take their place.
Result<std::string> comparePredictions(uint32_t loops, uint64_t seed, const std::string &table);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_BENCH_PREDICTION_H
