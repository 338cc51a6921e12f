//===- InitAllPasses.h - Passes of the compiler -----------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers every pass and pipeline of the compiler by name, and the few
// upstream passes that are useful next to them.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_INITALLPASSES_H
#define VTPU_INITALLPASSES_H

namespace vtpu {

/// Registers our passes and pipelines and the upstream ones they use.
void registerAllPasses();

} // namespace vtpu

#endif // VTPU_INITALLPASSES_H
