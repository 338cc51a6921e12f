//===- PortTableTest.cpp - Reading port tables ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Loops.h"
#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/PortTable.h"

#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

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
  std::istringstream names(listPortTables());
  for (std::string name; std::getline(names >> std::ws, name, ',');) {
    Result<const PortTable *> table = findPortTable(name);
    ASSERT_TRUE(table) << name << ": " << table.message();
    EXPECT_EQ((*table)->name, name); // that of the file
    EXPECT_EQ((*table)->ports.front().name, "issue");
  }
  // What performance depends on: two multiply-adds a cycle of 512 bits, or one where the units are narrower.
  for (auto [name, cycles] : {std::pair("icelake", 0.5), {"zen4", 1}, {"zen5", 0.5}}) {
    const PortTable &table = **findPortTable(name);
    const PortRow &fma = table.row(isa::PortClass::fma, isa::Length::v512);
    double busiest = 0;
    for (const PortUse &use : fma.uses)
      busiest = std::max(busiest, double(use.work) / table.ports[use.port].capacity);
    EXPECT_NEAR(busiest, cycles, 1e-9) << name;
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
  EXPECT_EQ(findPortTable("pentium").message(),
            fmt::format("unknown port table 'pentium'; known are {}, 'host' after 'vtpu calibrate', and any FILE.json", listPortTables()));
  EXPECT_EQ(messageOf(""), "port table: the text is no JSON from line 1, column 1 on");
  EXPECT_EQ(messageOf("{"), "port table: the text is no JSON from line 1, column 2 on");
  EXPECT_EQ(messageOf("{\n  \"name\": \"t\",\n  \"cpu\": ,\n}"), "port table: the text is no JSON from line 3, column 10 on");
  EXPECT_EQ(messageOf("[]"), "port table: the text is no JSON object");
  EXPECT_EQ(messageOf("{}"), "port table: 'name' must be a text");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": 3})"), "port table: 'source' must be a text");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s", "window": 0})"),
            "port table 't': 'window' is 0; expected a number of operations from 1 to 65536");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s", "widow": 8})"),
            "port table 't': 'widow' is unknown; a table has name, cpu, source, window, ports, classes, forms");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s"})"),
            "port table 't': 'window' is missing; expected a number of operations from 1 to 65536");
  EXPECT_EQ(messageOf(tableText(R"({"load": 1})")),
            "port table 't': 'ports' must give the cycles of work a cycle of each port, among them 'issue'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 0, "load": 1})")), "port table 't': port 'issue' has the capacity 0; expected a number above 0");
  EXPECT_EQ(messageOf(R"({"name": "t", "cpu": "c", "source": "s", "window": 1, "ports": {"issue": 1}})"),
            "port table 't': 'classes' must give a row for each port class");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1, "load": 1})", "", "fma")), "port table 't': the port class 'fma' has no row");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1, "load": 1})", R"(, "fma.64": {})")),
            "port table 't': row 'fma.64' is no port class of the instruction table, alone or with '.128', '.256' or '.512'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": -1, "uses": {"issue": 1}})")),
            "port table 't': row 'alu': 'latency' is -1; expected a whole number of cycles from 0 to 1000000");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 3.5, "uses": {"issue": 1}})")),
            "port table 't': row 'alu': 'latency' is 3.5; expected a whole number of cycles from 0 to 1000000");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": "3", "uses": {"issue": 1}})")),
            "port table 't': row 'alu': 'latency' is \"3\"; expected a whole number of cycles from 0 to 1000000");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"uses": {"issue": 1}})")),
            "port table 't': row 'alu': 'latency' is missing; expected a whole number of cycles from 0 to 1000000");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 1, "uses": {"issue": 1}, "throughput": 1})")),
            "port table 't': row 'alu': 'throughput' is unknown; a row has latency, uses");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", "3")), "port table 't': row 'alu': expected 'latency' and 'uses', found 3");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 1, "uses": {}})")),
            "port table 't': row 'alu': 'uses' must give the cycles on each port, among them 'issue'");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})")), "port table 't': row 'alu': there is no port 'load'; there are issue");
  EXPECT_EQ(messageOf(tableText(R"({"issue": 1})", "", "", R"({"latency": 1, "uses": {"issue": "x"}})")),
            "port table 't': row 'alu': port 'issue' is used for \"x\"; expected a number above 0");
}

namespace {
std::string textWithForms(std::string forms) {
  std::string text = tableText();
  return text.replace(text.rfind('}'), 1, ", \"forms\": " + forms + "}");
}
} // namespace

TEST(PortTable, RowsOfAFormStandBeforeThoseOfTheClass) {
  Result<PortTable> table = parsePortTable(textWithForms(R"({"dadd.f32.512 merging": {"latency": 7, "uses": {"issue": 1}}})"));
  ASSERT_TRUE(table) << table.message();
  isa::Slot slot;
  slot.type = isa::Type::f32;
  slot.length = isa::Length::v512;
  const isa::InstrInfo &dadd = *isa::lookup("dadd");
  EXPECT_EQ(table->row(dadd, slot).latency, 2u);
  slot.mask = 3;
  EXPECT_EQ(formName(dadd, slot), "dadd.f32.512 merging");
  EXPECT_EQ(table->row(dadd, slot).latency, 7u);
  slot.zeroing = true;
  EXPECT_EQ(table->row(dadd, slot).latency, 2u);
  Result<PortTable> again = parsePortTable(toJSON(*table));
  ASSERT_TRUE(again) << again.message();
  EXPECT_EQ(toJSON(*again), toJSON(*table));
  EXPECT_EQ(again->formRows.size(), 1u);
}

TEST(PortTable, SaysWhatIsWrongWithAForm) {
  EXPECT_EQ(messageOf(textWithForms("[]")), "port table 't': 'forms' must give rows by form");
  for (const char *form : {"dad", "dadd.f33.512", "dadd.f32", "dadd.f32.512.512", "dadd.f32.512 merged", "cadd merging", "cadd.512", ""})
    EXPECT_EQ(messageOf(textWithForms(fmt::format(R"({{"{}": {{"latency": 1, "uses": {{"issue": 1}}}}}})", form))),
              fmt::format("port table 't': row '{}' is no form of an instruction, as 'dadd.f32.512 merging' is one", form));
  EXPECT_EQ(messageOf(textWithForms(R"({"dadd.f32.512": {"latency": -1}})")),
            "port table 't': row 'dadd.f32.512': 'latency' is -1; expected a whole number of cycles from 0 to 1000000");
}

TEST(PortTable, FilesAreRead) {
  const std::string path = testing::TempDir() + fmt::format("vtpu-ports-{}.json", getpid());
  EXPECT_EQ(findPortTable(path).message(), fmt::format("port table '{}' cannot be read: No such file or directory", path));
  auto write = [&](const std::string &text) { std::ofstream(path) << text; };
  write(tableText());
  Result<const PortTable *> table = findPortTable(path);
  ASSERT_TRUE(table) << table.message();
  EXPECT_EQ((*table)->name, "t");
  EXPECT_EQ(*findPortTable("t"), *table); // from now on by its name
  Result<const PortTable *> again = findPortTable(path); // the file may have changed
  ASSERT_TRUE(again);
  EXPECT_EQ(*findPortTable("t"), *again);
  write("{");
  EXPECT_EQ(findPortTable(path).message(), path + ": port table: the text is no JSON from line 1, column 2 on");
  std::string named = tableText();
  write(named.replace(named.find("\"t\""), 3, "\"zen5\""));
  EXPECT_EQ(findPortTable(path).message(), path + ": the name 'zen5' is that of a checked-in port table; choose another one");
  std::remove(path.c_str());
}

TEST(SampleCPU, IsACPUAsAnyOther) {
  Result<const PortTable *> table = findPortTable(VTPU_SAMPLE_CPU);
  ASSERT_TRUE(table) << table.message();
  EXPECT_EQ((*table)->window, 16u);
  isa::Slot slot;
  slot.length = isa::Length::v512;
  slot.type = isa::Type::f32;
  const PortRow &single = (*table)->row(*isa::lookup("dfma"), slot);
  slot.type = isa::Type::f64;
  const PortRow &twice = (*table)->row(*isa::lookup("dfma"), slot); // the row of a form
  EXPECT_EQ(single.latency, 8u);
  EXPECT_EQ(twice.latency, 12u);
  EXPECT_EQ(2 * single.uses[1].work, twice.uses[1].work);

  uint32_t longer = 0, count = 0;
  for (gen::LoopClass cls : gen::loopClasses)
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      SCOPED_TRACE(std::string(gen::loopClassName(cls)) + " " + std::to_string(seed));
      const Result<Program> program = gen::generateLoop(cls, seed, {});
      ASSERT_TRUE(program) << program.message();
      const Problem problem = gen::problemOfLoop(*program, **table, {true, true})->problem;
      const Problem known = gen::problemOfLoop(*program, **findPortTable(defaultPortTable), {true, true})->problem;
      const Result<ModuloSchedule> schedule = moduloSchedule(problem);
      ASSERT_TRUE(schedule) << schedule.message();
      for (const Violation &violation : verify(problem, *schedule))
        ADD_FAILURE() << violation.message;
      ++count;
      longer += findIntervalBounds(problem).least() > findIntervalBounds(known).least();
      EXPECT_GE(findIntervalBounds(problem).resource, findIntervalBounds(known).resource); // it has less of everything
    }
  EXPECT_EQ(longer, count);
}
