//===- Space.h - Memory by coordinate in vtpu._runtime ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_PYTHON_SPACE_H
#define VTPU_PYTHON_SPACE_H

#include "vtpu/Runtime/vtpu.hpp"

#include <nanobind/nanobind.h>

/// Adds Coordinate, Space and the functions on phext text.
void addSpace(nanobind::module_ &m);
/// The handle of a Space for the C API; null for None.
vtpu_space *spaceHandle(nanobind::handle space);
/// Raises an exception of vtpu._errors.
[[noreturn]] void raise(const char *type, const std::string &message);

#endif // VTPU_PYTHON_SPACE_H
