//===- Verifier.h - What must hold before a program runs --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program that passes cannot read or write outside its bindings nor crash the process: every word is well-formed, control stays inside
// functions, pointers come only from bindings, calls do not recurse, and every access is proven by interval analysis or marked for a check.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_VERIFIER_H
#define VTPU_RUNTIME_VERIFIER_H

#include "vtpu/Runtime/Executor.h"

namespace vtpu::rt {

/// Verifies a program. The error names function, word and slot.
Result<std::vector<FunctionFacts>> verify(const Program &program);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_VERIFIER_H
