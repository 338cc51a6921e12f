//===- CodeMemoryTest.cpp - Memory of emitted code --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeMemory.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace vtpu;

namespace {
std::unique_ptr<rt::CodeMemory> place(size_t bytes) {
  auto memory = std::make_unique<rt::CodeMemory>();
  EXPECT_TRUE(memory->allocate(bytes).ok());
  return memory;
}
bool holds(const rt::CodeMemory &memory, size_t bytes, uint8_t value) {
  const std::vector<uint8_t> expected(bytes, value);
  return std::memcmp(memory.data(), expected.data(), bytes) == 0;
}
void fill(rt::CodeMemory &memory, size_t bytes, uint8_t value) {
  const std::vector<uint8_t> code(bytes, value);
  EXPECT_TRUE(memory.write(0, code.data(), bytes).ok());
}
} // namespace

TEST(CodeMemory, PlacesStandApartAndAreTakenAgain) {
  std::vector<std::unique_ptr<rt::CodeMemory>> places;
  for (size_t i = 0; i < 300; ++i) {
    places.push_back(place(1 + i * 37));
    fill(*places.back(), 1 + i * 37, uint8_t(i));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(places.back()->data()) % 64, 0u);
  }
  for (size_t i = 1; i < places.size(); i += 2)
    places[i] = nullptr;
  auto large = place(5 << 20);
  fill(*large, 5 << 20, 7);
  for (size_t i = 1; i < places.size(); i += 2) {
    places[i] = place(1 + i * 37);
    fill(*places[i], 1 + i * 37, uint8_t(i));
  }
  for (size_t i = 0; i < places.size(); ++i)
    EXPECT_TRUE(holds(*places[i], 1 + i * 37, uint8_t(i))) << i;
  places.clear();
  const uint8_t *const first = place(64)->data();
  EXPECT_EQ(place(64)->data(), first);
}

TEST(CodeMemory, NeedsNoFileWhereTheirSizeIsLimited) {
  rlimit before, small;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 1024;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  auto memory = place(100), other = place(5000);
  fill(*memory, 100, 1);
  fill(*other, 5000, 2);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(holds(*memory, 100, 1) && holds(*other, 5000, 2));
}

TEST(CodeMemory, NoPageIsWritable) {
  auto memory = place(4096);
  fill(*memory, 4096, 0xC3);
  std::ifstream maps("/proc/self/maps");
  bool found = false;
  for (std::string line; std::getline(maps, line);)
    if (line.find("vtpu-code") != std::string::npos) {
      found = true;
      EXPECT_EQ(line.substr(line.find(' ') + 1, 3), "r-x") << line;
    }
  EXPECT_TRUE(found);
}

TEST(CodeMemory, AForkedProcessKeepsItsCode) {
  auto memory = place(100);
  fill(*memory, 100, 1);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) { // once the parent has written new code, this process still sees the old, and has places of its own
    char byte;
    bool right = read(ready[0], &byte, 1) == 1;
    rt::CodeMemory own;
    right = right && own.allocate(100).ok() && own.data() != memory->data();
    right = right && holds(*memory, 100, 1);
    _exit(right ? 0 : 1);
  }
  memory = nullptr;
  auto next = place(100);
  fill(*next, 100, 2);
  ASSERT_EQ(write(ready[1], "x", 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(holds(*next, 100, 2));
  close(ready[0]), close(ready[1]);
}
