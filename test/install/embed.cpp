// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The same through the C++ wrapper, for a program of one input and one output of 16 floats.
#include <cstdio>
#include <vtpu/Runtime/vtpu.hpp>

int main(int argc, char **argv) {
  auto program = vtpu::LoadedFile::load(argc > 1 ? argv[1] : "");
  float x[16] = {1}, y[16];
  vtpu::Status status = program ? program->call(0, {x}, {y}) : vtpu::Status(program.takeError());
  if (!status)
    return std::fprintf(stderr, "%s\n", status.message().c_str()), 1;
  std::printf("y[0] = %g, y[1] = %g\n", y[0], y[1]);
}
