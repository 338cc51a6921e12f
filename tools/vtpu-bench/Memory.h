//===- Memory.h - Times memory by coordinate --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_BENCH_MEMORY_H
#define VTPU_TOOLS_BENCH_MEMORY_H

#include "Machine.h"

namespace vtpu::tools {

/// Registers the contestants of coordinate memory; `configure` sets repetitions and statistics of each. Every one reports `count`: the
/// accesses, coordinates, elements or multiply-adds of an iteration. What is read through the space is checked before timing; a difference ends
/// the program.
void registerMemoryBenchmarks(const Configure &configure, uint64_t seed);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_BENCH_MEMORY_H
