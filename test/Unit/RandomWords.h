//===- RandomWords.h - Random legal words for property tests ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The generator's words, for tests that draw from a standard engine.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_RANDOMWORDS_H
#define VTPU_TEST_UNIT_RANDOMWORDS_H

#include "vtpu/Generator/Forms.h"

#include <random>

namespace vtpu::test {

/// The seed of this run: VTPU_SEED, else a fixed one; tests print it.
inline uint64_t seed() {
  const char *text = std::getenv("VTPU_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 20261124;
}

/// A random legal word that holds only `info`. Immediates stay small. Never fails: every row has legal words.
inline isa::Word randomWord(const isa::InstrInfo &info, std::mt19937_64 &random) {
  gen::Random own(random());
  return gen::randomWord(info, own);
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RANDOMWORDS_H
