//===- BufferPoolTest.cpp - Memory of parameters ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parameters.h"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

using namespace vtpu;

TEST(BufferPool, TakingsAreAlignedAndApart) {
  rt::BufferPool pool;
  std::vector<std::pair<uint8_t *, size_t>> taken;
  for (size_t bytes : {size_t(100), size_t(0), size_t(64), size_t(5000), size_t(1), size_t(3 << 20), size_t(70000), size_t(64), size_t(1 << 20)}) {
    uint8_t *data = pool.take(bytes);
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
    std::memset(data, int(taken.size()), bytes);
    taken.push_back({data, bytes});
  }
  for (size_t i = 0; i < taken.size(); ++i)
    for (size_t at = 0; at < taken[i].second; ++at)
      ASSERT_EQ(taken[i].first[at], i) << at;
}

TEST(BufferPool, ManySmallTakingsLieInOneBlock) {
  rt::BufferPool pool;
  uint8_t *before = nullptr;
  size_t joined = 0;
  for (int i = 0; i < 64; ++i) {
    uint8_t *data = pool.take(1 << 20);
    ASSERT_NE(data, nullptr);
    joined += data == before;
    before = data + (1 << 20);
  }
  EXPECT_GE(joined, 56u); // blocks of 1, 1, 2, 4, 8, 16 and 32 MiB
}

TEST(BufferPool, SaysThatThereIsNoMemory) {
  rt::BufferPool pool;
  EXPECT_EQ(pool.take(SIZE_MAX), nullptr);
  EXPECT_EQ(pool.take(SIZE_MAX / 2), nullptr);
  EXPECT_NE(pool.take(64), nullptr);
}
