//===- Tables.h - What must hold of bindings and calls ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verifier asks of a program without looking at its words.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_TABLES_H
#define VTPU_LIB_RUNTIME_TABLES_H

#include "vtpu/Object/Program.h"

namespace vtpu::rt {

/// Bindings, call tables and the call graph. The error names the function and the row.
Status checkTables(const Program &program);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_TABLES_H
