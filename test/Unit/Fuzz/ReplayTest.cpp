//===- ReplayTest.cpp - The fuzz targets on their corpora -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every input of a corpus, and each with single bits flipped and its end cut off. A target aborts when what it states does not hold.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Object/Program.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>

extern "C" {
int fuzz_object(const uint8_t *data, size_t size);
int fuzz_word(const uint8_t *data, size_t size);
int fuzz_assembly(const uint8_t *data, size_t size);
int fuzz_coordinate(const uint8_t *data, size_t size);
}

namespace {
unsigned replay(const char *name, int (*target)(const uint8_t *, size_t)) {
  unsigned files = 0;
  std::mt19937_64 random(1);
  for (const auto &entry : std::filesystem::directory_iterator(std::string(VTPU_CORPUS "/") + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::vector<uint8_t> bytes(text.begin(), text.end());
    target(bytes.data(), bytes.size());
    for (unsigned i = 0; i < 500 && !bytes.empty(); ++i) {
      std::vector<uint8_t> changed = bytes;
      changed[random() % changed.size()] ^= uint8_t(1u << random() % 8);
      if (i % 4 == 0)
        changed.resize(random() % changed.size());
      target(changed.data(), changed.size());
    }
    ++files;
  }
  return files;
}
} // namespace

TEST(Fuzz, ObjectFiles) {
  EXPECT_GE(replay("object", fuzz_object), 2u);
  // A section table at a byte that its headers cannot stand at.
  std::ifstream file(VTPU_CORPUS "/object/table-at-odd-byte.vtpu", std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string message = vtpu::readObject(reinterpret_cast<const uint8_t *>(text.data()), text.size()).message();
  EXPECT_NE(message.find("which is no multiple of 8; the file is damaged"), std::string::npos) << message;
}
TEST(Fuzz, Words) { EXPECT_GE(replay("word", fuzz_word), 1u); }
TEST(Fuzz, Assembly) { EXPECT_GE(replay("assembly", fuzz_assembly), 2u); }
TEST(Fuzz, Coordinates) { EXPECT_GE(replay("coordinate", fuzz_coordinate), 3u); }
