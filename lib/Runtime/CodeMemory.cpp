//===- CodeMemory.cpp - Memory of emitted code ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory files, each mapped once for execution. Their pages are shared after a fork, while the two processes no longer know of each other's places:
// so at a fork all pages are closed to new places, and those of either process go to other files. Where the size of files is limited, a program has
// pages of its own.
//
//===----------------------------------------------------------------------===//

#include "CodeMemory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace vtpu::rt {

/// One memory file and its mapping.
struct CodeMemory::Pages {
  int file = -1;
  uint8_t *base = nullptr;
  size_t size = 0;
  std::map<size_t, size_t> unused; // sizes by offset; no two touch

  ~Pages() {
    if (base)
      munmap(base, size);
    if (file >= 0)
      close(file);
  }
};

namespace {
constexpr size_t leastPages = 1 << 20, line = 64;
/// True if the process may not have files of so many bytes (`ulimit -f`), which counts for memory files too.
bool mayNotGrow(size_t bytes) {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes;
}
size_t roundedUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }
Error failed(const char *what) {
  return Error{fmt::format("cannot {} machine code: {}; run with the interpreter tier", what, std::strerror(errno))};
}
} // namespace

/// The pages that new places come from.
class CodePool {
public:
  static CodePool &get() {
    static CodePool *const pool = new CodePool; // programs may outlive every static object
    return *pool;
  }

  Status take(CodeMemory &memory, size_t bytes) {
    bytes = roundedUp(std::max<size_t>(bytes, 1), line);
    if (mayNotGrow(std::max(bytes, leastPages)))
      return takeAlone(memory, bytes);
    std::lock_guard<std::mutex> lock(mutex);
    for (const std::shared_ptr<Pages> &pages : open)
      for (auto it = pages->unused.begin(); it != pages->unused.end(); ++it)
        if (it->second >= bytes) {
          const auto [offset, size] = *it;
          pages->unused.erase(it);
          if (size > bytes)
            pages->unused.emplace(offset + bytes, size - bytes);
          memory.pages = pages, memory.offset = offset, memory.size = bytes;
          return {};
        }
    auto pages = std::make_shared<Pages>();
    const size_t size = roundedUp(std::max(bytes, leastPages), size_t(sysconf(_SC_PAGESIZE)));
    pages->file = memfd_create("vtpu-code", MFD_CLOEXEC);
    if (pages->file < 0 || ftruncate(pages->file, off_t(size)) != 0)
      return failed("make a memory file for");
    void *mapped = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_SHARED, pages->file, 0);
    if (mapped == MAP_FAILED)
      return failed("map memory for");
    pages->base = static_cast<uint8_t *>(mapped);
    pages->size = size;
    if (size > bytes)
      pages->unused.emplace(bytes, size - bytes);
    memory.pages = pages, memory.offset = 0, memory.size = bytes;
    open.push_back(std::move(pages));
    return {};
  }

  /// Pages of its own without a file, which are writable while nothing in them runs yet.
  static Status takeAlone(CodeMemory &memory, size_t bytes) {
    auto pages = std::make_shared<Pages>();
    const size_t size = roundedUp(bytes, size_t(sysconf(_SC_PAGESIZE)));
    void *mapped = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
      return failed("map memory for");
    pages->base = static_cast<uint8_t *>(mapped);
    pages->size = size;
    memory.pages = std::move(pages), memory.offset = 0, memory.size = bytes;
    return {};
  }

  void giveBack(CodeMemory &memory) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto owner = std::find(open.begin(), open.end(), memory.pages);
    if (owner == open.end()) // closed: nobody takes what becomes free
      return;
    Pages &pages = **owner;
    auto next = pages.unused.lower_bound(memory.offset);
    size_t begin = memory.offset, end = memory.offset + memory.size;
    if (next != pages.unused.end() && next->first == end) {
      end += next->second;
      next = pages.unused.erase(next);
    }
    if (next != pages.unused.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == begin) {
        begin = before->first;
        pages.unused.erase(before);
      }
    }
    pages.unused.emplace(begin, end - begin);
    if (end - begin == pages.size && (open.size() > 1 || pages.size > leastPages))
      open.erase(owner);
  }

private:
  using Pages = CodeMemory::Pages;
  std::mutex mutex;
  std::vector<std::shared_ptr<Pages>> open;

  CodePool() {
    pthread_atfork([] { get().mutex.lock(), get().open.clear(); }, [] { get().mutex.unlock(); }, [] { get().mutex.unlock(); });
  }
};

CodeMemory::~CodeMemory() {
  if (pages)
    CodePool::get().giveBack(*this);
}

Status CodeMemory::allocate(size_t bytes) { return CodePool::get().take(*this, bytes); }

Status CodeMemory::write(size_t at, const void *code, size_t bytes) {
  if (pages->file < 0) {
    if (mprotect(pages->base, pages->size, PROT_READ | PROT_WRITE) != 0)
      return failed("write");
    std::memcpy(pages->base + at, code, bytes);
    return mprotect(pages->base, pages->size, PROT_READ | PROT_EXEC) == 0 ? Status() : failed("seal");
  }
  for (size_t done = 0; done < bytes;) {
    const ssize_t n = pwrite(pages->file, static_cast<const uint8_t *>(code) + done, bytes - done, off_t(offset + at + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return failed("write");
    done += size_t(n);
  }
  return {};
}

const uint8_t *CodeMemory::data() const { return pages->base + offset; }

} // namespace vtpu::rt
