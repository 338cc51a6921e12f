//===- PortTableTest.cpp - Reading port tables ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/PortTable.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::sched;

namespace {
/// A table with the same row for every class; `more` follows the rows, `without` names a class that is left out.
std::string tableText(std::string ports = R"({"issue": 4, "load": 1.5})", std::string more = "", std::string without = "",
                      std::string row = R"({"latency": 2, "uses": {"issue": 1, "load": 0.25}})") {
  std::string rows;
  for (unsigned c = 0; c < isa::numPortClasses; ++c)
    if (std::string name(isa::portName(isa::PortClass(c))); name != without)
      rows += fmt::format("{}\"{}\": {}", rows.empty() ? "" : ", ", name, row);
  return fmt::format(R"({{"name": "t", "cpu": "c", "source": "s", "window": 10, "ports": {}, "classes": {{{}{}}}}})", ports, rows, more);
}
std::string messageOf(std::string text) { return parsePortTable(text).message(); }
} // namespace

TEST(PortTable, EveryCheckedInTableReads) {
  const std::string names = listPortTables();
  EXPECT_EQ(names, "icelake, zen4, zen5");
  for (std::string name : {"icelake", "zen4", "zen5"}) {
    Result<const PortTable *> table = findPortTable(name);
    ASSERT_TRUE(table) << table.message();
    EXPECT_EQ((*table)->name, name);
    EXPECT_EQ((*table)->ports.front().name, "issue");
    // What performance depends on: two multiply-adds a cycle of 512 bits, or one where the units are narrower.
    const PortRow &fma = (*table)->row(isa::PortClass::fma, isa::Length::v512);
    double busiest = 0;
    for (const PortUse &use : fma.uses)
      busiest = std::max(busiest, double(use.work) / (*table)->ports[use.port].capacity);
    EXPECT_NEAR(busiest, name == "zen4" ? 1 : 0.5, 1e-9) << name;
    EXPECT_EQ(fma.latency, 4u);
  }
  EXPECT_TRUE(findPortTable(defaultPortTable));
}

TEST(PortTable, RowsOfALengthStandBeforeThoseOfTheClass) {
  Result<PortTable> table = parsePortTable(tableText(R"({"load": 1.5, "issue": 4})", R"(, "fma.512": {"latency": 9, "uses": {"issue": 2}})"));
  ASSERT_TRUE(table) << table.message();
  EXPECT_EQ(table->ports[0].capacity, 400u);
  EXPECT_EQ(table->ports[1].capacity, 150u);
  EXPECT_EQ(table->window, 10u);
  EXPECT_EQ(table->row(isa::PortClass::fma, isa::Length::v512).latency, 9u);
  EXPECT_EQ(table->row(isa::PortClass::fma, isa::Length::v256).latency, 2u);
  EXPECT_EQ(table->row(isa::PortClass::fma, isa::Length::v256).uses[1].work, 25u);
}

TEST(PortTable, SaysWhatIsWrong) {
  EXPECT_EQ(findPortTable("pentium").message(), "unknown port table 'pentium'; known are icelake, zen4, zen5");
  EXPECT_EQ(messageOf("{"), "port table: the text is no JSON object");
  EXPECT_EQ(messageOf("{}"), "port table: 'name' must be a text");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s", "window": 0})"),
            "port table 't': 'window' must be a number of operations from 1 to 65536");
  EXPECT_EQ(messageOf(tableText(R"({"load": 1})")),
            "port table 't': 'ports' must give the cycles of work a cycle of each port, among them 'issue'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 0, "load": 1})")), "port table 't': port 'issue' has the capacity 0; expected a number above 0");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s", "window": 1, "ports": {"issue": 1}})"),
            "port table 't': 'classes' must give a row for each port class");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1, "load": 1})", "", "fma")), "port table 't': the port class 'fma' has no row");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1, "load": 1})", R"(, "fma.64": {})")),
            "port table 't': row 'fma.64' is no port class of the instruction table, alone or with '.128', '.256' or '.512'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": -1, "uses": {"issue": 1}})")),
            "port table 't': row 'alu': 'latency' must be a number of cycles");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 1, "uses": {}})")),
            "port table 't': row 'alu': 'uses' must give the cycles on each port, among them 'issue'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})")), "port table 't': row 'alu': there is no port 'load'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 1, "uses": {"issue": "x"}})")),
            "port table 't': row 'alu': port 'issue' is used for \"x\"; expected a number above 0");
}
