//===- CAPI.h - Objects of the C API ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CAPI_H
#define VTPU_LIB_RUNTIME_CAPI_H

#include "CallerSpace.h"
#include "LoadedProgram.h"

struct vtpu_program {
  std::shared_ptr<vtpu::rt::LoadedProgram> loaded; // spaces own it too, while its parameters have coordinates in them
};

struct vtpu_space {
  vtpu::rt::CallerSpace space;
};

namespace vtpu::rt {

/// Sets vtpu_last_error() and returns the code of a failure.
int fail(std::string message);
/// 0, or the failure.
inline int finish(const Status &status) { return status ? 0 : fail(status.message()); }

/// What the C API tells of a tensor; it points into the binding.
vtpu_tensor_info describeTensor(const Binding &binding);

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CAPI_H
