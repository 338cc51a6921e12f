//===- HostFunctions.cpp - Listed host functions ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `chost` may call, by number. The list only grows: a number is part of the binary format.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/Executor.h"

#include <cmath>
#include <iterator>

namespace vtpu::rt {

namespace {
#define VTPU_UNARY(name) {#name, false, [](float a, float) { return std::name(a); }, [](double a, double) { return std::name(a); }}
#define VTPU_BINARY(name) {#name, true, [](float a, float b) { return std::name(a, b); }, [](double a, double b) { return std::name(a, b); }}
constexpr HostFunction list[] = {
    VTPU_BINARY(pow),  VTPU_BINARY(fmod), VTPU_BINARY(atan2), VTPU_UNARY(atan),   VTPU_UNARY(asin),  VTPU_UNARY(acos),  VTPU_UNARY(sinh),
    VTPU_UNARY(cosh),  VTPU_UNARY(tan),   VTPU_UNARY(cbrt),   VTPU_UNARY(erfc),   VTPU_UNARY(lgamma), VTPU_UNARY(tgamma), VTPU_UNARY(expm1),
    VTPU_UNARY(log1p), VTPU_UNARY(asinh), VTPU_UNARY(acosh),  VTPU_UNARY(atanh),  VTPU_UNARY(exp),   VTPU_UNARY(log),   VTPU_UNARY(sin),
    VTPU_UNARY(cos),   VTPU_UNARY(tanh),  VTPU_UNARY(erf),    VTPU_UNARY(exp2),   VTPU_UNARY(log2),  VTPU_UNARY(log10), VTPU_BINARY(remainder),
};
#undef VTPU_UNARY
#undef VTPU_BINARY
} // namespace

const HostFunction *hostFunctions() { return list; }
unsigned numHostFunctions() { return std::size(list); }
int findHostFunction(std::string_view name) {
  for (unsigned i = 0; i < numHostFunctions(); ++i)
    if (list[i].name == name)
      return int(i);
  return -1;
}

} // namespace vtpu::rt
