//===- word.cpp - Any 64 bytes as a word ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A word that decodes is legal or refused by name; a legal one encodes to bytes that decode to it.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"

#include <cstdlib>

using namespace vtpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < isa::wordBytes)
    return 0;
  Result<isa::Word> word = isa::decode(data);
  if (!word || !isa::checkWord(*word).ok())
    return 0;
  uint8_t bytes[isa::wordBytes];
  isa::encode(*word, nullptr, bytes);
  Result<isa::Word> again = isa::decode(bytes);
  if (!again || !(*again == *word) || printWord(*word, 0, {}).empty())
    std::abort();
  return 0;
}
