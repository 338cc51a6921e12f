//===- CacheTest.cpp - Host tables kept between runs ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Cache.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace vtpu;
using namespace vtpu::host;
namespace fs = std::filesystem;

namespace {
const CPU cpu = {"GenuineIntel", 6, 207, 2, "a processor", "0x2b000571"};

/// A cache folder of its own, gone at the end.
class HostCache : public testing::Test {
protected:
  fs::path folder = fs::temp_directory_path() / ("vtpu-cache-" + std::to_string(getpid()));
  std::string file = folder / "vtpu" / "GenuineIntel-6-207-2-0x2b000571.json";

  void SetUp() override { setenv("XDG_CACHE_HOME", folder.c_str(), 1); }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    fs::remove_all(folder);
  }
};
} // namespace

TEST_F(HostCache, KeepsTables) {
  EXPECT_EQ(loadTable(cpu).message(), "this machine (a processor) is not calibrated: there is no " + file + "; run 'vtpu calibrate'");
  Table table;
  table.name = "t";
  table.cpu = cpu;
  ASSERT_TRUE(writeText(file, toJSON(table)).ok());
  Result<Table> loaded = loadTable(cpu);
  ASSERT_TRUE(loaded) << loaded.message();
  EXPECT_EQ(*loaded, table);
  // Nothing but the file itself is left.
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "vtpu"), fs::directory_iterator()), 1);
}

TEST_F(HostCache, DamagedAndForeignTablesAreRefused) {
  Table table;
  table.cpu = cpu;
  ASSERT_TRUE(writeText(file, toJSON(table).substr(0, 100)).ok());
  EXPECT_EQ(loadTable(cpu).message(), file + " is damaged: host table: the text is no JSON object; run 'vtpu calibrate'");
  table.cpu.microcode = "0x2b000572";
  ASSERT_TRUE(writeText(file, toJSON(table)).ok());
  EXPECT_EQ(loadTable(cpu).message(), file + " is of another processor, GenuineIntel-6-207-2-0x2b000572; this one is GenuineIntel-6-207-2-0x2b000571; "
                                             "run 'vtpu calibrate'");
}

TEST_F(HostCache, FoldersThatCannotBeWrittenAreNamed) {
  ASSERT_TRUE(writeText(folder, "a file").ok());
  EXPECT_EQ(writeText(file, "x").message(), "cannot make the folder of " + file + ": Not a directory");
  fs::remove(folder);
  fs::create_directories(file);
  EXPECT_EQ(writeText(file, "x").message(), "cannot write " + file + ": Is a directory");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "vtpu"), fs::directory_iterator()), 1);
  EXPECT_EQ(readText(file).message(), "cannot read " + file + ": it is a folder");
  EXPECT_EQ(readText(file + "x").message(), "cannot read " + file + "x: No such file or directory");
}

TEST_F(HostCache, FolderFollowsTheEnvironment) {
  EXPECT_EQ(*cacheFolder(), folder.string() + "/vtpu");
  EXPECT_EQ(*portTablePath(cpu), (folder / "vtpu" / "GenuineIntel-6-207-2-0x2b000571.ports.json").string());
  setenv("XDG_CACHE_HOME", "", 1);
  const char *home = std::getenv("HOME");
  const std::string before = home ? home : "";
  setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(*cacheFolder(), "/somewhere/.cache/vtpu");
  unsetenv("HOME");
  EXPECT_EQ(cacheFolder().message(), "there is no folder for calibrations: neither XDG_CACHE_HOME nor HOME is set");
  setenv("HOME", before.c_str(), 1);
}

TEST(HostCPU, HasAName) {
  EXPECT_EQ(cpuName(cpu), "GenuineIntel-6-207-2-0x2b000571");
  EXPECT_EQ(cpuName({"../ x", 1, 2, 3, "", "unknown"}), "x-1-2-3-unknown");
  EXPECT_EQ(cpuName({}), "unknown-0-0-0-");
  const CPU here = thisCPU();
  EXPECT_EQ(here.vendor.size(), 12u);
  EXPECT_GT(here.family, 0u);
  EXPECT_FALSE(here.microcode.empty());
}

TEST(HostCPU, ReadsTheMicrocode) {
  EXPECT_EQ(findMicrocode("processor\t: 0\nmicrocode\t: 0x2b000571\ncpu MHz\t: 1\n"), "0x2b000571");
  EXPECT_EQ(findMicrocode("processor\t: 0\n"), "unknown");
  EXPECT_EQ(findMicrocode("x\nmicrocode\t: ../../etc\n"), "unknown");
  EXPECT_EQ(findMicrocode("x\nmicrocode\t:\n"), "unknown");
}
