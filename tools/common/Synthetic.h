//===- Synthetic.h - Contents for tensors that nobody gives -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_COMMON_SYNTHETIC_H
#define VTPU_TOOLS_COMMON_SYNTHETIC_H

#include "vtpu/Runtime/vtpu.h"

#include <cstring>
#include <random>
#include <vector>

namespace vtpu::tools {

/// Floats are random, integers are 1, booleans alternate.
inline void fillRandom(std::vector<uint8_t> &bytes, vtpu_dtype dtype, std::mt19937 &random) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  auto each = [&](auto sample) {
    for (size_t at = 0; at + sizeof(sample()) <= bytes.size(); at += sizeof(sample())) {
      auto value = sample();
      std::memcpy(bytes.data() + at, &value, sizeof value);
    }
  };
  bool odd = false;
  switch (dtype) {
  case VTPU_F32:
    return each([&] { return float(uniform(random)); });
  case VTPU_F64:
    return each([&] { return uniform(random); });
  case VTPU_F16: // 1.0 and its like: the exponent of 1, random mantissa and sign
    return each([&] { return uint16_t(0x3c00 | (random() & 0x83ff)); });
  case VTPU_BF16:
    return each([&] { return uint16_t(0x3f80 | (random() & 0x807f)); });
  case VTPU_I1:
    return each([&] { return uint8_t(odd = !odd); });
  case VTPU_I8:
  case VTPU_U8:
    return each([] { return uint8_t(1); });
  case VTPU_I16:
  case VTPU_U16:
    return each([] { return uint16_t(1); });
  case VTPU_I32:
  case VTPU_U32:
    return each([] { return uint32_t(1); });
  case VTPU_I64:
  case VTPU_U64:
    return each([] { return uint64_t(1); });
  }
}

} // namespace vtpu::tools

#endif // VTPU_TOOLS_COMMON_SYNTHETIC_H
