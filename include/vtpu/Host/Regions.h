//===- Regions.h - Parts of a program to analyse ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The innermost loops and straight runs of a program's words, and the host code that the template JIT makes of them.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_REGIONS_H
#define VTPU_HOST_REGIONS_H

#include "vtpu/Host/Analysis.h"
#include "vtpu/Runtime/JIT.h"

namespace vtpu::host {

/// Words [first, last] of a function.
struct Region {
  uint32_t function = 0, first = 0, last = 0;
  bool loop = false;       // the last word branches back to the first
  uint64_t iterations = 0; // each time that the loop is entered; 0: the words do not tell
  /// The r register that counts the loop, and its step; -1: none.
  int counter = -1;
  int64_t step = 0;
};

/// The innermost loops of a function and, between them and the branches and targets of branches, its straight runs; in the order of words.
std::vector<Region> findRegions(const Program &program, uint32_t function);
/// One region of given words: a loop if the last one branches back to the first. An error if there are none, or not in the function.
Result<Region> regionOf(const Program &program, uint32_t function, uint64_t first, uint64_t last);

struct RegionCode {
  std::vector<uint8_t> bytes;
  std::vector<Instruction> instructions; // of a loop the last one is its branch
  std::vector<uint32_t> words;           // of each instruction
  uint64_t address = 0;                  // of the first byte in the emitted code
};
Result<RegionCode> codeOf(const rt::EmittedCode &code, const Region &region);

} // namespace vtpu::host

#endif // VTPU_HOST_REGIONS_H
