//===- TableTest.cpp - Reading and writing host tables ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Table.h"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
Table makeTable() {
  Table table;
  table.name = "test";
  table.cpu = {"GenuineIntel", 6, 207, 2, "A \"processor\"", "0x2b000571"};
  table.issueWidth = 6;
  table.retireWidth = 8;
  table.window = 512;
  table.clock = 3.5;
  table.disturbed = true;
  table.notes = {"the window is the model's"};
  table.caches = {{"L1", 49152, 12, 64, 5, 128, 64}, {"memory", 0, 0, 64, 300, 4.5, 2.25}};
  table.resources = {{"load", 2}, {"fma", 2}, {"exec", 4.5}, {"fma.512", 1, true}};
  table.forms["vfmadd231ps zmm, zmm, m512"] = {4, 11, 1, 0.5, {{0, 1}, {1, 1}}, Origin::measured};
  table.forms["add r64, r64"] = {1, 0, 1, 0.167, {{2, 1}}, Origin::model};
  table.forms["vaddps zmm {k}, zmm, zmm"] = {4.5, 0, 1, 0.5, {{1, 1}}, Origin::measured, {1, 4.5, 3.5, 3.5}, 1};
  table.storeToLoad = 13;
  table.renaming = {0.5, true};
  return table;
}

/// The failure of a good text in which `from` is replaced by `to`.
std::string failure(std::string_view from, std::string_view to) {
  std::string text = toJSON(makeTable());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return parseTable(text.replace(at, from.size(), to)).message();
}
} // namespace

TEST(HostTable, IsReadAsItWasWritten) {
  const Table table = makeTable();
  const std::string text = toJSON(table);
  Result<Table> read = parseTable(text);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(*read, table);
  EXPECT_EQ(toJSON(*read), text);
}

TEST(HostTable, HasOneLineForEachForm) {
  const std::string text = toJSON(makeTable());
  EXPECT_NE(text.find("\n    \"add r64, r64\": {\"latency\": 1, \"uops\": 1, \"throughput\": 0.167, \"uses\": {\"exec\": 1}, \"origin\": \"model\"},\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n    \"vfmadd231ps zmm, zmm, m512\": {\"latency\": 4, \"address\": 11, \"uops\": 1, \"throughput\": 0.5, "
                      "\"uses\": {\"load\": 1, \"fma\": 1}, \"origin\": \"measured\"}\n"),
            std::string::npos)
      << text;
}

TEST(HostTable, EmptyListsAreFine) {
  Result<Table> read = parseTable(toJSON(Table()));
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(*read, Table());
}

TEST(HostTable, TheBusiestResourceDecides) {
  const Table table = makeTable();
  EXPECT_EQ(table.throughputOf(*table.find("vfmadd231ps zmm, zmm, m512"), true), 0.5);
  EXPECT_EQ(table.throughputOf({1, 0, 12, 0, {{0, 1}}, Origin::measured}, true), 2); // the front end
  // A wide resource counts only beside wide operations.
  EXPECT_EQ(table.throughputOf({1, 0, 1, 0, {{0, 1}, {3, 0.75}}, Origin::measured}, true), 0.75);
  EXPECT_EQ(table.throughputOf({1, 0, 1, 0, {{0, 1}, {3, 0.75}}, Origin::measured}, false), 0.5);
  EXPECT_TRUE(isWide("vmovups m512 {k}, zmm") && isWide("vcvtps2pd zmm, ymm") && !isWide("vaddps ymm, ymm, m256"));
  EXPECT_EQ(table.find("sub r64, r64"), nullptr);
  EXPECT_EQ(table.findResource("exec"), 2u);
  EXPECT_EQ(table.findResource("store"), std::nullopt);
}

TEST(HostTable, TheQuickestOperand) {
  const Table table = makeTable();
  EXPECT_EQ(table.find("vaddps zmm {k}, zmm, zmm")->leastLatency(), 1);
  EXPECT_EQ(table.find("add r64, r64")->leastLatency(), 1);
  EXPECT_EQ(table.find("vfmadd231ps zmm, zmm, m512")->leastLatency(), 4); // the address takes longer
}

TEST(HostTable, OtherMicrocodeIsAnotherProcessor) {
  CPU cpu = makeTable().cpu;
  cpu.brand = "the same";
  EXPECT_EQ(cpu, makeTable().cpu);
  cpu.microcode = "0x2b000572";
  EXPECT_NE(cpu, makeTable().cpu);
}

TEST(HostTable, FailuresNameTheKey) {
  EXPECT_EQ(parseTable("").message(), "host table: the text is no JSON object");
  EXPECT_EQ(parseTable("[1]").message(), "host table: the text is no JSON object");
  EXPECT_EQ(parseTable("{\"format\": 2,").message(), "host table: the text is no JSON object");
  EXPECT_EQ(parseTable("{}").message(), "host table: format is missing");
  EXPECT_EQ(failure("\"format\": 2", "\"format\": 1"), "host table: format: this toolchain reads format 2, the text has 1");
  EXPECT_EQ(failure("\"name\": \"test\"", "\"name\": 4"), "host table: name: expected a text, found 4");
  EXPECT_EQ(failure("\"model\": 207", "\"model\": -1"), "host table: cpu.model: expected a whole number from 0 to 4294967295, found -1");
  EXPECT_EQ(failure("\"microcode\"", "\"micro\""), "host table: cpu.microcode is missing");
  EXPECT_EQ(failure("\"cpu\": {", "\"cpu\": {\"speed\": 1, "), "host table: cpu.speed is unknown");
  EXPECT_EQ(failure("\"issue\": 6", "\"issue\": 0"), "host table: issue: expected a number from 0.001 to 1000000000, found 0");
  EXPECT_EQ(failure("\"window\": 512", "\"window\": 1.5"), "host table: window: expected a whole number from 1 to 4294967295, found 1.5");
  EXPECT_EQ(failure("\"window\": 512", "\"window\": 0"), "host table: window: expected a whole number from 1 to 4294967295, found 0");
  EXPECT_EQ(failure("\"windowOrigin\": \"model\"", "\"windowOrigin\": \"guess\""),
            "host table: windowOrigin: expected 'measured' or 'model', found 'guess'");
  EXPECT_EQ(failure("\"disturbed\": true", "\"disturbed\": \"yes\""), "host table: disturbed: expected true or false, found \"yes\"");
  EXPECT_EQ(failure("\"notes\": [\n    \"the window is the model's\"", "\"notes\": [1"), "host table: notes: expected a list of texts, found [1]");
  EXPECT_EQ(failure("\"ways\": 12", "\"ways\": []"), "host table: caches[0].ways: expected a whole number from 0 to 4294967295, found []");
  EXPECT_EQ(failure("\"storeToLoad\": 13", "\"storeToLoad\": -1"),
            "host table: storeToLoad: expected a number from 0 to 1000000000, found -1");
  EXPECT_EQ(failure("\"retire\": 8", "\"retire\": \"8\""), "host table: retire: expected a number from 0 to 1000000000, found \"8\"");
  EXPECT_EQ(failure("\"storeToLoad\": 13,", ""), ""); // 12 then
  EXPECT_EQ(failure("\"anyBase\": true", "\"anyBase\": 1"), "host table: renaming.anyBase: expected true or false, found 1");
  EXPECT_EQ(failure("[1, 4.5, 3.5, 3.5]", "[1, -4.5]"),
            "host table: forms['vaddps zmm {k}, zmm, zmm'].operands: expected a list of numbers from 0 to 1000000000, found [1,-4.5]");
  EXPECT_EQ(failure("[1, 4.5, 3.5, 3.5]", "1"),
            "host table: forms['vaddps zmm {k}, zmm, zmm'].operands: expected a list of numbers from 0 to 1000000000, found 1");
  EXPECT_EQ(failure("\"capacity\": 4.5", "\"capacity\": 0"), "host table: resources[2].capacity: expected a number from 0.001 to 1000000000, found 0");
  EXPECT_EQ(failure("\"name\": \"fma\"", "\"name\": \"load\""), "host table: resources[1]: the name 'load' is taken");
  EXPECT_EQ(failure("\"latency\": 1,", "\"latency\": \"1\","),
            "host table: forms['add r64, r64'].latency: expected a number from 0 to 1000000000, found \"1\"");
  EXPECT_EQ(failure("\"uops\": 1, \"throughput\": 0.167", "\"throughput\": 0.167"), "host table: forms['add r64, r64'].uops is missing");
  EXPECT_EQ(failure("{\"exec\": 1}", "{\"exe\": 1}"), "host table: forms['add r64, r64'].uses: there is no resource 'exe'");
  EXPECT_EQ(failure("{\"exec\": 1}", "[1]"), "host table: forms['add r64, r64'].uses: expected an object, found [1]");
  EXPECT_EQ(failure("\"origin\": \"model\"}", "\"origin\": \"model\", \"port\": 5}"), "host table: forms['add r64, r64'].port is unknown");
}

TEST(HostTable, NumbersOfMoreThan64BitsNameTheirKey) {
  EXPECT_EQ(failure("\"window\": 512", "\"window\": 99999999999999999999"),
            "host table: window: expected a whole number from 1 to 4294967295, found 1e+20");
  EXPECT_EQ(failure("\"bytes\": 49152", "\"bytes\": 18446744073709551615"), "");
  EXPECT_EQ(failure("\"clock\": 3.5", "\"clock\": 1e400"), "host table: the text is no JSON object");
}

TEST(HostTable, TextsMustBeUnicode) {
  EXPECT_EQ(failure("\"name\": \"test\"", "\"name\": \"\xff\""), "host table: the text is no JSON object");
  EXPECT_EQ(failure("\"name\": \"test\"", "\"name\": \"\\ud800\""), "host table: the text is no JSON object");
  EXPECT_TRUE(parseTable("\xef\xbb\xbf" + toJSON(makeTable())).ok()); // a byte order mark, which some editors write
}

// In a file that people changed.
TEST(HostTable, OrderDoesNotMatterAndTheLastOfAKeyCounts) {
  std::string text = toJSON(makeTable());
  const std::string_view uses = "{\"load\": 1, \"fma\": 1}", issue = "\"issue\": 6";
  text.replace(text.find(uses), uses.size(), "{\"fma\": 7, \"load\": 1, \"fma\": 1}");
  text.replace(text.find(issue), issue.size(), "\"issue\": \"six\", \"issue\": 6");
  Result<Table> read = parseTable(text);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(*read, makeTable());
}

// Whatever is cut from or changed in a text: an error or a table, never a crash.
TEST(HostTable, DamagedTextsAreRefused) {
  const std::string good = toJSON(makeTable());
  for (size_t cut = 0; cut + 2 < good.size(); ++cut)
    EXPECT_FALSE(parseTable(good.substr(0, cut)).ok()) << cut;
  for (size_t i = 0; i < good.size(); ++i)
    for (char c : {'\0', '"', '{', '9', '\xff'}) {
      std::string damaged = good;
      damaged[i] = c;
      (void)parseTable(damaged).ok();
    }
}
