//===- object.cpp - Any bytes as a .vtpu file -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What reads must verify or be refused with one line; what is read is written back without loss.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Runtime/Verifier.h"

#include <cstdlib>

using namespace vtpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Result<Program> program = readObject(data, size);
  if (!program)
    return 0;
  (void)rt::verify(*program).ok();
  Result<std::vector<uint8_t>> bytes = writeObject(*program);
  if (!bytes || !readObject(bytes->data(), bytes->size()).ok())
    std::abort();
  return 0;
}
