//===- LineNumbers.h - Dense numbers of touched lines -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_ANALYSIS_LINENUMBERS_H
#define VTPU_LIB_ANALYSIS_LINENUMBERS_H

#include "vtpu/Analysis/Trace.h"

#include <unordered_map>

namespace vtpu::analysis {

/// Numbers from 0 for the lines that an access stream touches. Found by pages of lines, so that a big binding of which little is touched
/// costs little.
class LineNumbers {
public:
  LineNumbers(const std::vector<Access> &accesses, unsigned lineBytes) {
    for (const Access &access : accesses)
      for (uint64_t line = access.address / lineBytes, last = (access.address + access.bytes - 1) / lineBytes; line <= last; ++line) {
        uint32_t &number = page(line)[line % pageLines];
        if (number == UINT32_MAX)
          number = lines++;
      }
  }
  uint32_t count() const { return lines; }
  /// Of a line that the stream touches; `line` is an address in lines.
  uint32_t of(uint64_t line) const {
    const uint64_t wanted = line / pageLines;
    if (wanted != lastPage) {
      lastNumbers = pages.at(wanted).data();
      lastPage = wanted;
    }
    return lastNumbers[line % pageLines];
  }

private:
  static constexpr unsigned pageLines = 64;
  std::unordered_map<uint64_t, std::vector<uint32_t>> pages;
  uint32_t lines = 0;
  mutable uint64_t lastPage = UINT64_MAX;
  mutable const uint32_t *lastNumbers = nullptr;

  uint32_t *page(uint64_t line) {
    const uint64_t wanted = line / pageLines;
    if (wanted != lastPage) {
      std::vector<uint32_t> &numbers = pages[wanted];
      if (numbers.empty())
        numbers.assign(pageLines, UINT32_MAX);
      lastNumbers = numbers.data();
      lastPage = wanted;
    }
    return const_cast<uint32_t *>(lastNumbers);
  }
};

} // namespace vtpu::analysis

#endif // VTPU_LIB_ANALYSIS_LINENUMBERS_H
