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
#include "vtpu/Runtime/vtpu.h"

#include <benchmark/benchmark.h>
#include <functional>
#include <random>

namespace vtpu::tools {

using Configure = std::function<benchmark::internal::Benchmark *(benchmark::internal::Benchmark *)>;

/// A program with a name for its figures.
struct NamedProgram {
  std::string name;
  Program program;
};

/// Words of the block that loops repeat: the multiply-adds go through 12 registers, the loads through 8.
constexpr unsigned blockWords = 24;
constexpr unsigned blocksOf(unsigned words) { return (words + blockWords - 1) / blockWords; }
/// Least words of the loops' bodies, which are whole blocks.
constexpr unsigned loopWords[] = {64, 256, 1024, 4096};

/// The loops, each word a multiply-add, a load and a scalar sum in registers of their own. A call executes about `executed` words, one round at
/// least.
std::vector<NamedProgram> loops(int64_t executed = 0);

/// The phases of loading each program: `decode`, `verify`, `emit` (templates, relocation), and `load`, which is verification, emission,
/// relocation and the mapping of the code as memory that executes. Rates are words a second.
void registerEmission(std::vector<NamedProgram> programs, const Configure &configure);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_VTPU_BENCH_MACHINE_H
