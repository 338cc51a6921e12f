//===- PortTablesTest.cpp - Port tables from host tables --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Forms.h"
#include "vtpu/Host/PortTables.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
/// Every host instruction takes a slot, two cycles and a cycle of the one resource; wide ones also count at a wide resource.
Table uniformTable() {
  Table table;
  table.name = "uniform";
  table.cpu = {"Somebody", 1, 2, 3, "a machine", "0x4"};
  table.issueWidth = 4;
  table.window = 99;
  table.resources = {{"unit", 2, false}, {"wide", 1, true}};
  const auto forms = findHostForms();
  for (const auto &[form, example] : *forms)
    table.forms[form] = {2, 2, 1, 0.5, {{0, 1}, {1, 0.25}}, Origin::measured};
  return table;
}

const sched::PortRow &rowOf(const sched::PortTable &table, std::string_view mnemonic, isa::Type type, isa::Length length, bool masked = false) {
  isa::Slot slot;
  slot.type = type;
  slot.length = length;
  slot.mask = masked;
  return table.row(*isa::lookup(mnemonic), slot);
}
} // namespace

TEST(PortTables, RowsAreTheSumsOfTemplates) {
  Result<sched::PortTable> table = derivePortTable(uniformTable(), "here");
  ASSERT_TRUE(table) << table.message();
  EXPECT_EQ(table->name, "here");
  EXPECT_EQ(table->cpu, "a machine (family 1, model 2, stepping 3, microcode 0x4)");
  EXPECT_EQ(table->window, 99u);
  ASSERT_EQ(table->ports.size(), 3u);
  EXPECT_EQ(table->ports[0].name, "issue");
  EXPECT_EQ(table->ports[0].capacity, 400u);
  EXPECT_EQ(table->ports[1].capacity, 200u);
  // One host instruction.
  const sched::PortRow &add = rowOf(*table, "dadd", isa::Type::f32, isa::Length::v512);
  EXPECT_EQ(add.latency, 2u);
  ASSERT_EQ(add.uses.size(), 3u);
  EXPECT_EQ(add.uses[0].work, 100u);
  EXPECT_EQ(add.uses[1].work, 100u);
  EXPECT_EQ(add.uses[2].work, 25u);
  // A narrow form does not count where only wide ones do.
  EXPECT_EQ(rowOf(*table, "dadd", isa::Type::f32, isa::Length::v256, true).uses.size(), 2u);
  // Several host instructions, one behind the other.
  const sched::PortRow &sum = rowOf(*table, "dred", isa::Type::f32, isa::Length::v512);
  EXPECT_GT(sum.uses[0].work, 500u);
  EXPECT_GT(sum.latency, 8u);
  EXPECT_LE(sum.latency * 100, 2 * sum.uses[0].work);
  EXPECT_GT(table->formRows.size(), 1500u);
  EXPECT_LE(table->formRows.size(), gen::allForms().size());
}

TEST(PortTables, AreReadAsTheyWereWritten) {
  Result<sched::PortTable> table = derivePortTable(uniformTable(), "here");
  ASSERT_TRUE(table) << table.message();
  const std::string text = sched::toJSON(*table);
  Result<sched::PortTable> read = sched::parsePortTable(text);
  ASSERT_TRUE(read) << read.message();
  EXPECT_EQ(read->formRows.size(), table->formRows.size());
  EXPECT_EQ(sched::toJSON(*read).size(), text.size());
  // The names of forms mean the same here and there.
  for (const auto &[key, row] : table->formRows) {
    ASSERT_TRUE(read->formRows.count(key));
    EXPECT_EQ(read->formRows[key].latency, row.latency);
  }
}

TEST(PortTables, UnknownHostInstructionsLeaveTheClass) {
  Table table = uniformTable();
  table.forms.erase("vaddps zmm, zmm, zmm");
  Result<sched::PortTable> derived = derivePortTable(table, "here");
  ASSERT_TRUE(derived) << derived.message();
  const sched::PortRow &row = rowOf(*derived, "dadd", isa::Type::f32, isa::Length::v512);
  EXPECT_EQ(&row, &derived->row(isa::lookup("dadd")->port, isa::Length::v512));
}
