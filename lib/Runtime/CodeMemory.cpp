//===- CodeMemory.cpp - Memory of emitted code ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mmap and mprotect.
//
//===----------------------------------------------------------------------===//

#include "CodeMemory.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vtpu::rt {

CodeMemory::~CodeMemory() {
  if (pages)
    munmap(pages, size);
}

Status CodeMemory::allocate(size_t bytes) {
  size_t page = size_t(sysconf(_SC_PAGESIZE));
  size = (bytes + page - 1) / page * page;
  void *mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return Error{fmt::format("cannot map {} bytes for machine code: {}; run with the interpreter tier", bytes, std::strerror(errno))};
  pages = static_cast<uint8_t *>(mapped);
  return {};
}

Status CodeMemory::seal() {
  if (mprotect(pages, size, PROT_READ | PROT_EXEC) != 0)
    return Error{fmt::format("cannot make machine code executable: {}; run with the interpreter tier", std::strerror(errno))};
  return {};
}

} // namespace vtpu::rt
