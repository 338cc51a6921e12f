//===- AnalysisTest.cpp - Host code on the model of a host ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Host/LoopTimer.h"
#include "vtpu/Runtime/Verifier.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
using Bytes = std::vector<uint8_t>;

/// Four instructions a cycle, two of them multiply-adds, two loads, one store.
Table makeTable() {
  Table table;
  table.name = "test";
  table.issueWidth = 4;
  table.window = 64;
  table.resources = {{"fma", 2}, {"load", 2}, {"store", 1}, {"alu", 4}};
  auto add = [&](const char *form, double latency, double addressLatency, std::vector<Use> uses) {
    Figure figure;
    figure.latency = latency;
    figure.addressLatency = addressLatency;
    figure.uops = 1;
    figure.throughput = uses.empty() ? 0.25 : uses[0].work / table.resources[uses[0].resource].capacity;
    figure.uses = std::move(uses);
    table.forms[form] = figure;
  };
  add("add r64, imm8", 1, 0, {{3, 1}});
  add("add r64, r64", 1, 0, {{3, 1}});
  add("cmp r64, imm8", 1, 0, {{3, 1}});
  add("jl rel", 0, 0, {{3, 1}});
  add("mov r64, r64", 0, 0, {});
  add("mov r64, m64", 5, 5, {{1, 1}});
  add("mov m64, r64", 4, 0, {{2, 1}});
  add("xor r32, r32", 1, 0, {{3, 1}});
  add("vfmadd231ps zmm, zmm, zmm", 4, 0, {{0, 1}});
  add("vmovups zmm, m512", 7, 7, {{1, 1}});
  add("vmovups m512, zmm", 6, 0, {{2, 1}});
  add("vmovups m512 {k}, zmm", 6, 0, {{2, 1}});
  add("vmovq r64, xmm", 3, 0, {{0, 1}});
  return table;
}

const Bytes addRaxRcx = {0x48, 0x01, 0xc8}, addRaxOne = {0x48, 0x83, 0xc0, 0x01}, addRbx64 = {0x48, 0x83, 0xc3, 0x40},
            multiplyAdd = {0x62, 0xf2, 0x6d, 0x48, 0xb8, 0xcb}, // zmm1 += zmm2 * zmm3
            loadRax = {0x48, 0x8b, 0x03}, storeRax = {0x48, 0x89, 0x03}, // [rbx]
            xorEax = {0x31, 0xc0}, moveRcxRax = {0x48, 0x89, 0xc1}, compareRax = {0x48, 0x83, 0xf8, 0x64}, jumpBack = {0x7c, 0x80},
            loadVector = {0x62, 0xf1, 0x7c, 0x48, 0x10, 0x0b}, storeVector = {0x62, 0xf1, 0x7c, 0x48, 0x11, 0x0b}, // zmm1, [rbx]
            storeMasked = {0x62, 0xf1, 0x7c, 0x49, 0x11, 0x0b}, vectorToRax = {0x62, 0xf1, 0xfd, 0x08, 0x7e, 0xc8};

struct Analysis {
  std::vector<Instruction> code;
  std::unique_ptr<CodeModel> model;
  Prediction prediction;
};
Analysis analyse(std::initializer_list<Bytes> parts, const Table &table, CodeFacts facts = {true, 0}) {
  Bytes bytes;
  for (const Bytes &part : parts)
    bytes.insert(bytes.end(), part.begin(), part.end());
  Analysis result;
  Result<std::vector<Instruction>> code = decode(bytes.data(), bytes.size());
  EXPECT_EQ(code.message(), "");
  result.code = std::move(*code);
  Result<std::unique_ptr<CodeModel>> model = modelCode(result.code, table, facts);
  EXPECT_EQ(model.message(), "");
  result.model = std::move(*model);
  result.prediction = predict(*result.model, facts.loops);
  return result;
}
double cycles(std::initializer_list<Bytes> parts, const Table &table = makeTable()) { return analyse(parts, table).prediction.cycles; }

Program assemble(const std::string &body) {
  Result<Program> program = parseAssembly(".func main entry\n  .binding input x size=4096 align=64 dtype=f32 shape=[1024]\n"
                                          "  .binding output y size=4096 align=64 writable dtype=f32 shape=[1024]\n" + body + ".end\n",
                                          "test.siw");
  EXPECT_EQ(program.message(), "");
  EXPECT_EQ(rt::verify(*program).message(), "");
  return *program;
}
const char *const addLoop = R"(  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { C: cimm r2, 0 }
L1:
  { S: sld.f32.f32.512 v0, [r0] ; C: caddi r0, r0, 64 }
  { D: dadd.f32.512 v1, v0, v0 ; C: caddi r2, r2, 64 }
  { S: sst.f32.f32.512 v1, [r1] ; C: caddi r1, r1, 64 }
  { C: cbcci.lt r2, 4096, L1 }
  { C: cret }
)";
} // namespace

TEST(Analysis, Recurrences) {
  EXPECT_NEAR(cycles({addRaxRcx}), 1, 0.01);
  EXPECT_NEAR(cycles({addRaxRcx, addRaxOne}), 2, 0.01);
  EXPECT_NEAR(cycles({multiplyAdd}), 4, 0.01);
  EXPECT_NEAR(cycles({multiplyAdd, addRaxRcx}), 4, 0.01);
}

TEST(Analysis, FractionsOfACycle) {
  Table table = makeTable();
  table.forms["vfmadd231ps zmm, zmm, zmm"].latency = 4.5;
  EXPECT_NEAR(cycles({multiplyAdd}, table), 4.5, 0.05);
  table.issueWidth = 2.5;
  EXPECT_NEAR(cycles({loadVector, loadVector, loadVector, loadVector, loadVector}, table), 2.5, 0.05); // ports
  table.resources[1].capacity = 8;
  EXPECT_NEAR(cycles({loadVector, loadVector, loadVector, loadVector}, table), 1.6, 0.05); // front end
}

TEST(Analysis, FrontEnd) {
  // A comparison and its jump are one operation; without that there would be five.
  const Analysis fused = analyse({loadVector, loadVector, addRbx64, compareRax, jumpBack}, makeTable());
  EXPECT_EQ(fused.model->rows.size(), 4u);
  EXPECT_EQ(fused.model->operations, (std::vector<uint32_t>{0, 1, 2, 3, 3}));
  EXPECT_NEAR(fused.prediction.cycles, 1, 0.05);
  // One taken branch a cycle, however few instructions there are.
  EXPECT_NEAR(cycles({compareRax, jumpBack}), 1, 0.05);
  // What renaming does alone starts no chain: the sum begins anew in every round.
  EXPECT_NEAR(cycles({xorEax, addRaxRcx, addRaxOne, addRaxOne}), 1, 0.05);
  EXPECT_NEAR(cycles({addRaxRcx, addRaxOne, addRaxOne, moveRcxRax}), 3, 0.05 + 1); // the move takes no time, but it closes the chain
}

TEST(Analysis, Window) {
  // A chain of a load and an addition in 63 others: a window of 16 sees the next load too late.
  Table table = makeTable();
  const Analysis wide = analyse({loadRax, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx}, table);
  table.window = 8;
  const Analysis narrow = analyse({loadRax, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx, addRaxRcx}, table);
  EXPECT_LT(wide.prediction.cycles + 2, narrow.prediction.cycles);
}

TEST(Analysis, Forwarding) {
  // A counter in memory: the addition and the way through the store.
  EXPECT_NEAR(cycles({loadRax, addRaxOne, storeRax}), 6, 0.05);
  // Every iteration at another address: nothing to wait for but the store's port.
  EXPECT_NEAR(cycles({loadRax, addRaxOne, storeRax, addRbx64}), 1, 0.05);
  // A load of 64 bytes behind a store of 8 of them waits until the store has left.
  Table table = makeTable();
  EXPECT_NEAR(cycles({loadVector, multiplyAdd, vectorToRax, storeRax}, table), 7 + 4 + 3 + 4 + 12, 1.05);
  table.storeToLoad = 20;
  EXPECT_NEAR(cycles({loadVector, multiplyAdd, vectorToRax, storeRax}, table), 7 + 4 + 3 + 4 + 20, 1.05);
  EXPECT_LT(cycles({storeVector, loadRax}), 8);
  // Nobody knows which lanes a masked store writes.
  EXPECT_NEAR(cycles({loadVector, multiplyAdd, storeVector}, table), 4 + 7, 0.05);
  EXPECT_NEAR(cycles({loadVector, multiplyAdd, storeMasked}, table), 7 + 4 + 6 + 20, 1.05);
}

TEST(Analysis, RenamedMemory) {
  const Bytes loadOther = {0x48, 0x8b, 0x01}, loadIndexed = {0x48, 0x8b, 0x04, 0x1a}, storeIndexed = {0x48, 0x89, 0x04, 0x1a}, // [rcx], [rdx+rbx]
      moveRcxRbx = {0x48, 0x89, 0xd9};
  Table table = makeTable();
  table.renaming = {0.5, false};
  EXPECT_NEAR(cycles({loadRax, addRaxOne, storeRax}, table), 1.5, 0.05);
  EXPECT_NEAR(cycles({loadIndexed, addRaxOne, storeIndexed}, table), 6, 0.05);
  // By another register that holds the same.
  EXPECT_NEAR(cycles({moveRcxRbx, loadOther, addRaxOne, storeRax}, table), 6, 0.05);
  table.renaming->anyBase = true;
  EXPECT_NEAR(cycles({moveRcxRbx, loadOther, addRaxOne, storeRax}, table), 1.5, 0.05);
  // Vectors are not renamed.
  EXPECT_NEAR(cycles({loadVector, multiplyAdd, storeVector}, table), 4 + 7, 0.05);
}

TEST(Analysis, OperandsOfOneInstruction) {
  Table table = makeTable();
  table.forms["vfmadd231ps zmm, zmm, zmm"].operands = {2, 4, 4};
  EXPECT_NEAR(cycles({multiplyAdd}, table), 2, 0.05);
  const Bytes accumulates = {0x62, 0xf2, 0x75, 0x48, 0xb8, 0xd3}; // zmm2 += zmm1 * zmm3
  EXPECT_NEAR(cycles({multiplyAdd, accumulates}, table), 8, 0.05);   // each multiplies what the other has summed up
  // From an address it takes longer than from a register.
  EXPECT_NEAR(analyse({loadVector, multiplyAdd}, table, {false, 0}).prediction.cycles, 7 + 4, 0.05);
}

TEST(Analysis, SlotsOfIndices) {
  const Bytes indexed = {0x62, 0xf1, 0x7c, 0x48, 0x10, 0x0c, 0x1a}; // vmovups zmm1, [rdx+rbx]
  Table table = makeTable();
  table.resources[1].capacity = 8;
  EXPECT_NEAR(cycles({indexed, indexed, indexed, indexed}, table), 1, 0.05);
  table.forms["vmovups zmm, m512"].indexedUops = 1;
  EXPECT_NEAR(cycles({indexed, indexed, indexed, indexed}, table), 2, 0.05);
  EXPECT_NEAR(cycles({loadVector, loadVector, loadVector, loadVector}, table), 1, 0.05);
}

TEST(Analysis, ResourcesForWideOnes) {
  // A unit of two is closed for narrow multiply-adds beside wide ones; loads are nothing to it.
  const Bytes narrow = {0x62, 0xf2, 0x6d, 0x28, 0xb8, 0xe3}, other = {0x62, 0xf2, 0x6d, 0x28, 0xb8, 0xeb}; // ymm4, ymm5
  Table table = makeTable();
  table.resources.push_back({"fma.512", 1, true});
  table.forms["vfmadd231ps ymm, ymm, ymm"] = {1, 0, 1, 0.5, {{0, 1}, {4, 1}}, Origin::measured};
  table.forms["vfmadd231ps zmm, zmm, zmm"] = {1, 0, 1, 0.5, {{0, 1}, {4, 1}}, Origin::measured};
  EXPECT_NEAR(cycles({narrow, other}, table), 1, 0.05);
  EXPECT_NEAR(cycles({narrow, other, loadVector}, table), 1, 0.05);
  EXPECT_NEAR(cycles({narrow, other, multiplyAdd}, table), 3, 0.05);
}

TEST(Analysis, Memory) {
  Table table = makeTable();
  table.caches = {{"L1", 32768, 8, 64, 5, 128, 64}, {"L2", 1 << 20, 8, 64, 14, 32, 16}, {"memory", 0, 0, 64, 200, 8, 4}};
  const Analysis near = analyse({loadVector, addRbx64}, table, {true, 100});
  EXPECT_EQ(near.model->level, 0u);
  EXPECT_EQ(near.model->footprint, 6400u);
  ASSERT_EQ(near.model->streams.size(), 1u);
  EXPECT_EQ(near.model->streams[0].step, 64);
  EXPECT_NEAR(near.prediction.cycles, 1, 0.05);
  const Analysis far = analyse({loadVector, addRbx64}, table, {true, 10000});
  EXPECT_EQ(far.model->level, 1u);
  EXPECT_NEAR(far.prediction.cycles, 2, 0.05); // 32 bytes a cycle
  const Analysis stores = analyse({storeVector, addRbx64}, table, {true, 10000});
  EXPECT_NEAR(stores.prediction.cycles, 4, 0.05);
  EXPECT_EQ(analyse({storeVector, addRbx64}, table, {true, 1 << 20}).model->level, 2u);
}

TEST(Analysis, Commits) {
  // Stores of one line leave two a cycle, others one.
  Table table = makeTable();
  table.resources[2].capacity = 2;
  table.caches = {{"L1", 32768, 8, 64, 5, 128, 64}, {"memory", 0, 0, 64, 200, 8, 4}};
  const Bytes next = {0x48, 0x89, 0x43, 0x08}, other = {0x48, 0x89, 0x43, 0x40}; // [rbx+8], [rbx+64]
  EXPECT_NEAR(cycles({storeRax, next}, table), 1, 0.05);
  EXPECT_NEAR(cycles({storeRax, other}, table), 2, 0.05);
}

TEST(Analysis, StoresToFarLines) {
  Table table = makeTable();
  table.resources[2].capacity = 4;
  table.caches = {{"L1", 32768, 8, 64, 5, 128, 64}, {"L2", 1 << 20, 8, 64, 16, 32, 16}, {"memory", 0, 0, 64, 200, 8, 4}};
  const Bytes second = {0x48, 0x89, 0x43, 0x40}, third = {0x48, 0x89, 0x83, 0x80, 0, 0, 0}, fourth = {0x48, 0x89, 0x83, 0xc0, 0, 0, 0},
              addRbx256 = {0x48, 0x81, 0xc3, 0, 1, 0, 0}, near = {0x48, 0x89, 0x45, 0x00}, // [rbx+64], ..., [rbp]
              moveRbpOn = {0x48, 0x83, 0xc5, 0x40}, loadRbp = {0x48, 0x8b, 0x45, 0x00};
  table.forms["add r64, imm32"] = table.forms["add r64, imm8"];
  auto far = [&](std::initializer_list<Bytes> parts) { return analyse(parts, table, {true, 1000}).prediction.cycles; };
  EXPECT_NEAR(far({storeRax, second, third, fourth, addRbx256}), 16, 0.1);
  // Lines that have arrived cost a cycle each.
  EXPECT_NEAR(far({storeRax, second, third, fourth, storeRax, second, third, fourth, addRbx256}), 20, 0.1);
  EXPECT_NEAR(far({storeRax, near, second, near, third, near, fourth, near, addRbx256}), 20, 0.1);
  // A load may bring the line; the store costs a cycle then. Lines that are only read cost as much where others are written.
  EXPECT_NEAR(far({loadRax, storeRax, addRbx256}), 5, 0.1);
  EXPECT_NEAR(far({storeRax, addRbx256, moveRbpOn, loadRbp}), 8, 0.1);
  const Analysis some = analyse({storeRax, third, addRbx256}, table, {true, 1000});
  ASSERT_EQ(some.model->streams.size(), 1u);
  EXPECT_EQ(some.model->streams[0].bytes, 128u);
  EXPECT_EQ(some.model->footprint, 128000u);
}

TEST(Analysis, StraightRunsAndChains) {
  const Analysis run = analyse({loadVector, multiplyAdd, storeVector}, makeTable(), {false, 0});
  EXPECT_EQ(run.prediction.rounds, 1u);
  EXPECT_EQ(run.prediction.cycles, 17); // 7, 4 and 6
  std::vector<uint32_t> chain;
  for (const ChainLink &link : criticalChain(*run.model, run.prediction))
    chain.push_back(link.operation);
  EXPECT_EQ(chain, (std::vector<uint32_t>{2, 1, 0}));
}

TEST(Analysis, NamesWhatItCannotTell) {
  const Bytes bytes = {0x48, 0xf7, 0xf9}; // idiv rcx
  const Result<std::vector<Instruction>> code = decode(bytes.data(), bytes.size());
  const Table table = makeTable();
  EXPECT_EQ(modelCode(*code, table, {}).message(), "the table 'test' has no figure for `idiv r64`");
  EXPECT_EQ(missingForms(*code, table), std::vector<std::string>{"idiv r64"});
  EXPECT_EQ(modelCode({}, table, {}).message(), "there is no host code to analyse");
}

TEST(Regions, LoopsAndRuns) {
  const Program program = assemble(addLoop);
  const std::vector<Region> regions = findRegions(program, 0);
  ASSERT_EQ(regions.size(), 3u);
  EXPECT_FALSE(regions[0].loop);
  EXPECT_EQ(regions[0].last, 2u);
  EXPECT_TRUE(regions[1].loop);
  EXPECT_EQ(regions[1].first, 3u);
  EXPECT_EQ(regions[1].last, 6u);
  EXPECT_EQ(regions[1].iterations, 64u);
  EXPECT_EQ(regions[1].counter, 2);
  EXPECT_EQ(regions[1].step, 64);
  EXPECT_EQ(regions[2].first, 7u);
  EXPECT_EQ(regionOf(program, 0, 5, 4).message(), "the range 5-4 is empty");
  EXPECT_EQ(regionOf(program, 0, 3, 99).message(), "the range 3-99 goes beyond function main, whose last word is 7");
  EXPECT_TRUE(regionOf(program, 0, 3, 6)->loop);
  EXPECT_FALSE(regionOf(program, 0, 4, 6)->loop);
  const Result<rt::EmittedCode> emitted = rt::emitForDisplay(program, *rt::verify(program));
  const Result<RegionCode> code = codeOf(*emitted, regions[1]);
  ASSERT_EQ(code.message(), "");
  EXPECT_EQ(code->instructions.back().form, "jl rel");
  EXPECT_EQ(code->instructions.back().target, code->address);
  EXPECT_EQ(code->words.front(), 3u);
  EXPECT_EQ(code->words.back(), 6u);
}

TEST(LoopTimer, SkipsIterations) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "no AVX-512";
  const Program program = assemble(addLoop);
  const Region region = findRegions(program, 0)[1];
  rt::LoopProbe probe;
  probe.head = region.first;
  probe.tail = region.last;
  probe.counter = region.counter;
  const Result<vtpu_program *> loaded = rt::loadProbed(program, probe);
  ASSERT_EQ(loaded.message(), "");
  alignas(64) static float in[1024], out[1024];
  const void *inputs[] = {in};
  void *outputs[] = {out};
  ASSERT_EQ(vtpu_call(*loaded, 0, inputs, outputs), 0);
  EXPECT_EQ(probe.entered, 1u);
  EXPECT_EQ(probe.counted, 4096);
  EXPECT_NE(probe.least, UINT64_MAX);
  EXPECT_GT(probe.chains[0], 0u);
  EXPECT_GT(probe.chains[1], probe.chains[0]);
  EXPECT_EQ(probe.exceptions, 0u);
  probe.skip = 3 * region.step;
  in[0] = 1e-40f; // denormal
  ASSERT_EQ(vtpu_call(*loaded, 0, inputs, outputs), 0);
  EXPECT_EQ(probe.entered, 2u);
  EXPECT_EQ(probe.counted, 2 * 4096 - 3 * region.step);
  EXPECT_EQ(probe.exceptions, 2u);
  vtpu_release(*loaded);
}

TEST(LoopTimer, RefusesDenormalNumbers) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "no AVX-512";
  const Program program = assemble(R"(  { C: cimm r0, 228737632 }
  { D: dset.f32.512 v0, r0 }
  { C: cimm r2, 0 }
L1:
  { D: dmul.f32.512 v1, v0, v0 ; C: caddi r2, r2, 1 }
  { C: cbcci.lt r2, 64, L1 }
  { C: cret }
)"); // 1e-30
  const std::vector<Region> regions = findRegions(program, 0);
  ASSERT_TRUE(regions[1].loop);
  EXPECT_EQ(timeLoop(program, regions[1]).message(), "it computes denormal numbers, which hosts are slow at");
}

TEST(LoopTimer, TimesALoop) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "no AVX-512";
  const Program program = assemble(addLoop);
  const Result<double> cycles = timeLoop(program, findRegions(program, 0)[1]);
  if (cycles)
    EXPECT_GT(*cycles, 0.1); // how many is for benchmarks
  else // others may keep the machine busy
    EXPECT_TRUE(cycles.message().find("its time does not repeat: between ") == 0 || cycles.message() == "the clock of the core never kept still")
        << cycles.message();
  EXPECT_EQ(timeLoop(program, findRegions(program, 0)[0]).message(), "a straight run is no loop");
}
