//===- Machine.h - Benchmarks of loading and of emitted code ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `vtpu-bench` measures besides calls of entries: the phases of loading. The programs are files, or straight loops of a chosen length made here.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_VTPU_BENCH_MACHINE_H
#define VTPU_TOOLS_VTPU_BENCH_MACHINE_H

#include "vtpu/Object/Program.h"

#include <benchmark/benchmark.h>
#include <functional>

namespace vtpu::tools {

using Configure = std::function<benchmark::internal::Benchmark *(benchmark::internal::Benchmark *)>;

/// A program with a name for its figures.
struct NamedProgram {
  std::string name;
  Program program;
};

/// Loops of 64 to 4096 words, each a multiply-add, a load and a scalar sum in registers of their own.
std::vector<NamedProgram> loops();

/// The phases of loading each program: `decode`, `verify`, `emit` (templates, relocation), and `load`, which is verification, emission,
/// relocation and the mapping of the code as memory that executes. Rates are words a second.
void registerEmission(std::vector<NamedProgram> programs, const Configure &configure);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_VTPU_BENCH_MACHINE_H
