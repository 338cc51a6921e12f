//===- Runner.h - Calls of a program again and again ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_MCA_RUNNER_H
#define VTPU_TOOLS_MCA_RUNNER_H

#include "vtpu/Object/Program.h"
#include "vtpu/Runtime/vtpu.h"

#include <random>
#include <string>
#include <vector>

namespace vtpu::tools {

/// A loaded program with what one of its entries is called with.
class Runner {
public:
  Runner() = default;
  Runner(const Runner &) = delete;
  Runner &operator=(const Runner &) = delete;
  ~Runner() { vtpu_release(program); }

  struct Contents {
    std::string entry;                        // empty: the first one
    std::string parameters;                   // safetensors file; empty: `fillRandom` too
    std::vector<std::vector<uint8_t>> inputs; // in order; those that are missing are filled with `fillRandom`
    uint64_t seed = 1;
  };
  /// Errors: what loading says, an entry or an input that the program does not have, a first call that fails.
  Status load(Program source, const Contents &contents);
  Status call();
  const vtpu_program *get() const { return program; }
  std::string entryName() const { return vtpu_entry_name(program, entry); }

private:
  vtpu_program *program = nullptr;
  uint32_t entry = 0;
  std::vector<std::vector<uint8_t>> storage, parameters;
  std::vector<const void *> inputs;
  std::vector<void *> outputs;

  Status setRandomParameters(const Program &source, std::mt19937 &random);
};

} // namespace vtpu::tools

#endif // VTPU_TOOLS_MCA_RUNNER_H
