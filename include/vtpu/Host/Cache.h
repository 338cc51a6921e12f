//===- Cache.h - Host tables kept between runs ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A calibration is kept in a file of the user's cache, one for each processor and microcode. Manual: docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_CACHE_H
#define VTPU_HOST_CACHE_H

#include "vtpu/Host/Table.h"

namespace vtpu::host {

/// The processor of this machine: CPUID, and the microcode's revision as the kernel prints it.
CPU thisCPU();
/// Microcode in the text of /proc/cpuinfo; "unknown" if it has none.
std::string findMicrocode(std::string_view cpuinfo);

/// `GenuineIntel-6-207-2-0x2b000571`: what names the processor's files, and its tables.
std::string cpuName(const CPU &cpu);
/// $XDG_CACHE_HOME/vtpu, else ~/.cache/vtpu. An error if neither variable is set.
Result<std::string> cacheFolder();
/// Where the table of a processor is kept, and the port table that was derived from it.
Result<std::string> tablePath(const CPU &cpu);
Result<std::string> portTablePath(const CPU &cpu);

/// Reads a file; an error names it and says why not.
Result<std::string> readText(const std::string &path);
/// Writes a file as a whole or not at all, and its folder if there is none.
Status writeText(const std::string &path, std::string_view text);

/// The kept table of a processor. Errors: there is none, it cannot be read, it is damaged, it is of another processor. Each says the way out.
Result<Table> loadTable(const CPU &cpu);

} // namespace vtpu::host

#endif // VTPU_HOST_CACHE_H
