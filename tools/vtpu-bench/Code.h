//===- Code.h - Benchmarks of emitted code ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_VTPU_BENCH_CODE_H
#define VTPU_TOOLS_VTPU_BENCH_CODE_H

#include "Machine.h"

namespace vtpu::tools {

/// `code:words:NAME` runs the loops of `loops()` in the template JIT; `code:native:NAME` runs the same host instructions in the same order as a
/// loop of the assembler's. Rates are words a second.
Status registerNative(const Configure &configure);

/// The first entry of a program in the template JIT: `checks:verified:NAME` as it is loaded, `checks:all:NAME` with every access checked at run
/// time, `checks:none:NAME` with none, `checks:unpolled:NAME` with no look at the stop flag in loops. Counters: `accesses` and `checked` of the
/// words as verified, `polls`. Parameters come from `<path without .vtpu>.safetensors`; the other inputs are random. The last three are for
/// measuring: nothing stops code that has no checks.
Status registerChecks(const std::string &path, NamedProgram named, uint64_t seed, const Configure &configure);

} // namespace vtpu::tools

#endif // VTPU_TOOLS_VTPU_BENCH_CODE_H
