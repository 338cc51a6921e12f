//===- LLVMModelTest.cpp - What LLVM says instructions cost -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/LLVMModel.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
using Bytes = std::vector<uint8_t>;
const LLVMModel &icelake() {
  static Result<LLVMModel> model = LLVMModel::create("icelake-server");
  EXPECT_EQ(model.message(), "");
  return *model;
}
Figure figureOf(const Bytes &bytes) {
  const Result<Figure> figure = icelake().figure(bytes.data(), bytes.size());
  EXPECT_EQ(figure.message(), "");
  return figure ? *figure : Figure();
}
const Bytes multiplyAdd = {0x62, 0xf2, 0x6d, 0x48, 0xb8, 0x4c, 0x88, 0x01}; // vfmadd231ps zmm1, zmm2, zmmword ptr [rax+rcx*4+64]
const Bytes add = {0x48, 0x01, 0xc8};                                      // add rax, rcx
} // namespace

TEST(LLVMModel, TellsTheProcessor) {
  const Table table = icelake().emptyTable();
  EXPECT_EQ(table.name, "llvm:icelake-server");
  EXPECT_EQ(table.issueWidth, 6);
  EXPECT_EQ(table.window, 352u);
  ASSERT_FALSE(table.resources.empty());
  EXPECT_TRUE(table.findResource("ICXPort0"));
}

TEST(LLVMModel, TellsFigures) {
  const Figure sum = figureOf(add);
  EXPECT_EQ(sum.latency, 1);
  EXPECT_EQ(sum.addressLatency, 0);
  EXPECT_EQ(sum.uops, 1);
  EXPECT_EQ(sum.throughput, 0.25);
  EXPECT_EQ(sum.origin, Origin::model);
  EXPECT_EQ(icelake().emptyTable().throughputOf(sum, false), 0.25);
  const Figure product = figureOf(multiplyAdd);
  EXPECT_EQ(product.latency, 4); // of a register operand: what is loaded may come later
  EXPECT_EQ(product.addressLatency, 11);
  EXPECT_EQ(product.uops, 2);
  EXPECT_EQ(product.throughput, 1);
  const Figure load = figureOf({0x62, 0xf1, 0x7c, 0x48, 0x10, 0x2b}); // vmovups zmm5, zmmword ptr [rbx]
  EXPECT_EQ(load.latency, 8);
  EXPECT_EQ(load.addressLatency, 8);
  EXPECT_GE(figureOf({0x62, 0xf1, 0x7c, 0x48, 0x11, 0x2b}).latency, 5); // vmovups zmmword ptr [rbx], zmm5: to the load behind it
}

TEST(LLVMModel, MakesTables) {
  Bytes bytes = multiplyAdd;
  bytes.insert(bytes.end(), add.begin(), add.end());
  const Result<std::vector<Instruction>> code = decode(bytes.data(), bytes.size());
  ASSERT_TRUE(code.ok());
  Table table = icelake().emptyTable();
  ASSERT_EQ(icelake().addForms(table, *code, bytes.data()).message(), "");
  EXPECT_EQ(table.forms.size(), 2u);
  ASSERT_TRUE(table.find("add r64, r64"));
  const Result<Table> again = parseTable(toJSON(table));
  ASSERT_EQ(again.message(), "");
  EXPECT_EQ(again->forms.size(), 2u);
}

TEST(LLVMModel, RunsItsAnalyser) {
  // A chain of additions: one cycle each.
  Bytes bytes;
  for (int i = 0; i < 8; ++i)
    bytes.insert(bytes.end(), add.begin(), add.end());
  const Result<std::vector<Instruction>> code = decode(bytes.data(), bytes.size());
  const Result<double> cycles = icelake().mcaCycles(*code, bytes.data());
  ASSERT_EQ(cycles.message(), "");
  EXPECT_NEAR(*cycles, 8, 0.1);
}

TEST(LLVMModel, WritesAssembly) {
  EXPECT_EQ(*icelake().assembly(multiplyAdd.data(), multiplyAdd.size()), "vfmadd231ps 64(%rax,%rcx,4), %zmm2, %zmm1");
  const Bytes jump = {0x7c, 0xfb}; // jl
  EXPECT_EQ(*icelake().assembly(jump.data(), jump.size(), ".Lloop"), "jl .Lloop");
}

TEST(LLVMModel, NamesWhatItDoesNotKnow) {
  const Result<LLVMModel> unknown = LLVMModel::create("pentium9");
  EXPECT_EQ(unknown.message().find("LLVM knows no CPU 'pentium9'; it has models of "), 0u) << unknown.message();
  EXPECT_NE(unknown.message().find("znver4"), std::string::npos);
  const Bytes none = {0x06};
  EXPECT_EQ(icelake().figure(none.data(), none.size()).message(), "LLVM cannot decode `.byte 0x06`");
}
