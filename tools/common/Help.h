//===- Help.h - Short help of the LLVM-based tools ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's --help lists every option of every linked library, hundreds of lines.
// Here --help fits a screen and --help-all is LLVM's list.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_COMMON_HELP_H
#define VTPU_TOOLS_COMMON_HELP_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

namespace vtpu::tools {

/// Prints `text` for --help and -h, our version for --version, and ends the
/// process; hands --help-all on as LLVM's own --help. To be called before
/// options are parsed.
inline void handleHelp(int argc, char **argv, llvm::StringRef text) {
  static char full[] = "--help";
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument == "--help" || argument == "-help" || argument == "-h") {
      llvm::outs() << text;
      std::exit(0);
    }
    if (argument == "--version" || argument == "-version") {
      llvm::StringRef tool = argv[0];
      llvm::outs() << tool.substr(tool.rfind('/') + 1)
                   << " " VTPU_VERSION " (vTPU toolchain, LLVM "
                   << LLVM_VERSION_STRING << ")\n";
      std::exit(0);
    }
    if (argument == "--help-all")
      argv[i] = full;
  }
}

} // namespace vtpu::tools

#endif // VTPU_TOOLS_COMMON_HELP_H
