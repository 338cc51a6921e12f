//===- vtpu-as.cpp - The assembler ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to `.vtpu`. Words are checked one by one; whether the program may run is the loader's question. Manual: docs/Assembly.md.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "vtpu/Assembly/Assembly.h"

#include <cerrno>
#include <cstring>

using namespace vtpu;

namespace {
bool readAll(std::FILE *file, std::string &text) {
  char buffer[1 << 16];
  while (size_t n = std::fread(buffer, 1, sizeof(buffer), file))
    text.append(buffer, n);
  return !std::ferror(file);
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-as", "[options] FILE.siw", "Assembles the text form of a program into a .vtpu file.");
  std::string output;
  std::vector<std::string> inputs;
  options.value("o,output", "FILE", output, "the file to write (default: the input's name with .vtpu)");
  bool ownLines = false;
  options.flag("g", ownLines, "source locations are the lines of FILE.siw");
  options.parse(argc, argv, inputs);
  if (inputs.size() != 1)
    options.fail("expected one input file ('-' reads standard input)");
  std::string text;
  const bool standardInput = inputs[0] == "-";
  std::FILE *file = standardInput ? stdin : std::fopen(inputs[0].c_str(), "rb");
  if (!file || !readAll(file, text))
    options.fail(fmt::format("cannot read {}: {}", inputs[0], std::strerror(errno)));
  if (!standardInput)
    std::fclose(file);
  if (output.empty()) {
    if (standardInput)
      options.fail("standard input has no name to derive the output from; give -o FILE");
    size_t dot = inputs[0].rfind('.'), slash = inputs[0].rfind('/');
    bool hasSuffix = dot != std::string::npos && (slash == std::string::npos || dot > slash);
    output = inputs[0].substr(0, hasSuffix ? dot : std::string::npos) + ".vtpu";
  }
  Result<Program> program = parseAssembly(text, standardInput ? "<stdin>" : inputs[0], ownLines);
  if (!program)
    options.fail(program.message());
  if (Status status = writeObjectFile(*program, output); !status)
    options.fail(status.message());
  return tools::exitGood;
}
