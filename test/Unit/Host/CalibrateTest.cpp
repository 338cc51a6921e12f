//===- CalibrateTest.cpp - Measuring a machine that is known ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibrates a machine whose times are computed from a table: what comes out must be that table. Nothing here depends on a clock.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Calibrate.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::host;

namespace {
/// What an instruction does on the computed machine: `ports` has a bit for each port that can take one of its operations, once for each operation.
struct Truth {
  double latency = 1, addressLatency = 0, uops = 1;
  std::vector<unsigned> ports;
  std::vector<double> operands = {}; // latencies, where they differ
  double indexed = 0;                // operations more if there is an index
};

constexpr unsigned p0 = 1, p1 = 2, p5 = 4, p6 = 8, loads = 48, stores = 64, divider = 128;
constexpr unsigned anyInteger = p0 | p1 | p5 | p6;

const std::map<std::string, Truth> truths = {
    {"add r64, r64", {1, 0, 1, {anyInteger}}},
    {"test r64, r64", {1, 0, 1, {anyInteger}}},
    {"imul r64, r64", {3, 0, 1, {p1}}},
    {"imul r64, r64, imm8", {3, 0, 1, {p1}}},
    {"shlx r64, r64, r64", {1, 0, 1, {p0 | p6}}},
    {"setnz r8", {1, 0, 1, {p0 | p6}}},
    {"cqo", {1, 0, 1, {p0 | p6}}},
    {"div r64", {14, 0, 10, {p1, p1, p1, divider, divider, divider, divider, divider, divider}}},
    {"jz rel", {0, 0, 1, {p6}}},
    {"mov r64, m64", {5, 5, 1, {loads}}},
    {"vmovups xmm, m128", {7, 7, 1, {loads}}},
    {"vmovups zmm, m512", {8, 8, 1, {loads}}},
    {"mov m64, r64", {4, 0, 1, {stores}}},
    {"vmovups m512, zmm", {5, 0, 1, {stores}}},
    {"vmovups m512 {k}, zmm", {6, 0, 2, {stores, p5}}},
    {"vmulps zmm, zmm, zmm", {4, 0, 1, {p0 | p5}}},
    {"vmulps ymm, ymm, ymm", {4, 0, 1, {p0 | p1}}},
    {"vfmadd231ps zmm, zmm, zmm", {4, 0, 1, {p0 | p5}}},
    {"vfmadd231ps zmm {k}, zmm, zmm", {6, 0, 1, {p0 | p5}, {4, 6, 4, 4}}},
    {"vpaddd ymm, ymm, ymm", {1, 0, 1, {p0 | p1 | p5}}},
    {"vpermd ymm, ymm, ymm", {3, 0, 1, {p5}}},
    {"vpermd zmm, zmm, zmm", {3, 0, 1, {p5}}},
    {"vpermd ymm, ymm, m256", {3, 10, 1, {p5, loads}, {}, 1}},
    {"vpcmpd k, ymm, ymm, imm8", {3, 0, 1, {p5}}},
    {"vpcompressd zmm {k} {z}, zmm", {6, 0, 2, {p5, p5}}},
    {"kandq k, k, k", {1, 0, 1, {p0}}},
    {"vpgatherdd zmm {k}, m[zmm]", {9, 20, 20, {p0, p0, p5, p5, loads, loads, loads, loads, loads, loads, loads, loads}}},
};

/// Computes times: the front end, the best spread of operations over ports, and chains through registers and memory.
class Machine : public Measurer {
public:
  double width = 5;
  std::string restless; // a form that never takes the same time twice
  std::vector<Cache> levels = {{"L1", 32768, 8, 64, 0, 0, 0}, {"memory", 0, 0, 64, 0, 0, 0}};
  bool hasMemory = true;
  double renaming = -1, otherRenaming = -1; // latency through memory that is renamed, by the same and by another register; less than 0: it is not
  double storeToLoad = 13, retireWidth = 8;

  Status load(unsigned loop, const std::vector<uint8_t> &body) override {
    Result<std::vector<Instruction>> decoded = decode(body.data(), body.size());
    EXPECT_EQ(decoded.message(), "");
    if (!decoded)
      return Error{decoded.message()};
    time[loop] = cycles(*decoded);
    unsettled[loop] = std::any_of(decoded->begin(), decoded->end(), [&](const Instruction &i) { return i.form == restless; });
    runs = 0; // what is added stays large beside the times
    return {};
  }
  uint64_t run(unsigned loop, uint32_t iterations) override {
    return uint64_t(time[loop] * iterations * ticks + (unsettled[loop] ? 400 * ++runs : 0));
  }
  double tickRate() const override { return 2e9; }
  std::vector<Cache> caches() const override { return levels; }
  double chaseTicks(uint64_t bytes) override { return !hasMemory ? 0 : bytes <= 32768 ? 5 * ticks : 200 * ticks; }
  double streamTicks(uint64_t bytes, bool store) override { return (bytes <= 32768 ? 1 : 10) * (store ? 2 : 1) * ticks; }

private:
  static constexpr double ticks = 0.5; // of a cycle: 4 GHz
  double time[numLoops] = {};
  bool unsettled[numLoops] = {};
  unsigned runs = 0;

  static Truth truthOf(const Instruction &instruction) {
    if (instruction.isZeroIdiom)
      return {0, 0, 1, {}};
    const auto found = truths.find(instruction.form);
    if (found != truths.end())
      return found->second;
    // What carries values back; loads among it are those of the machine.
    if (instruction.form == "vmovq r64, xmm" || instruction.form == "vmovq xmm, r64")
      return {3, 0, 1, {}};
    if (instruction.form == "kmovq r64, k" || instruction.form == "kmovq k, r64")
      return {2, 0, 1, {}};
    return {1, 0, 1, {}};
  }

  static double latencyOf(const Instruction &instruction, const Truth &truth, Register reg) {
    double latency = truth.operands.empty() ? truth.latency : 0;
    for (size_t i = 0; i < truth.operands.size(); ++i)
      if (instruction.operands[i] == reg)
        latency = std::max(latency, truth.operands[i]);
    return latency;
  }
  /// All addresses start at the same scratch memory.
  static int64_t placeOf(const Instruction &instruction) {
    const std::optional<Memory> &memory = instruction.memory;
    return !memory ? 0 : memory->displacement + (memory->index == noRegister || memory->vectorIndex() ? 0 : 64 * memory->scale);
  }

  struct Stored {
    double end = 0, latency = 0; // when a load that is forwarded has it; from when the value is there
    uint32_t bytes = 0;
    Register base = noRegister;
  };
  /// When a load has what was stored.
  double arrival(const Stored &stored, const Instruction &load) const {
    const double value = stored.end - stored.latency, renamed = load.memory->base == stored.base ? renaming : otherRenaming;
    return renamed >= 0 && load.form == "mov r64, m64" && load.memory->index == noRegister ? value + renamed : stored.end;
  }

  double cycles(const std::vector<Instruction> &body) const {
    double slots = 1; // the loop's own
    std::map<unsigned, double> work; // by set of ports
    for (const Instruction &instruction : body) {
      const Truth truth = truthOf(instruction);
      slots += truth.uops;
      if (instruction.memory && instruction.memory->index != noRegister && !instruction.memory->vectorIndex())
        slots += truth.indexed;
      for (unsigned ports : truth.ports)
        work[ports] += 1;
    }
    double bound = slots / width;
    // The best spread over ports takes as long as the set of ports that has most to do for its size.
    for (unsigned set = 1; set < 256; ++set) {
      double inside = 0;
      for (const auto &[ports, count] : work)
        if ((ports & ~set) == 0)
          inside += count;
      bound = std::max(bound, inside / __builtin_popcount(set));
    }
    double ready[numRegisters] = {}, last = 0, growth = 0, blocked = 0;
    std::map<int64_t, Stored> memory;
    for (unsigned iteration = 0; iteration < 8; ++iteration) {
      for (const Instruction &instruction : body) {
        const Truth truth = truthOf(instruction);
        double end = 0;
        for (Register reg = 0; reg < numRegisters; ++reg)
          if (instruction.reads[reg]) {
            const bool address = instruction.memory && instruction.memory->load && (reg == instruction.memory->base || reg == instruction.memory->index);
            end = std::max(end, ready[reg] + (address ? truth.addressLatency : latencyOf(instruction, truth, reg)));
          }
        // A form's latency to memory holds the load.
        const int64_t place = placeOf(instruction);
        if (instruction.memory && instruction.memory->load && memory.count(place)) {
          if (instruction.memory->bytes <= memory[place].bytes)
            end = std::max(end, arrival(memory[place], instruction));
          else if (!iteration) // one behind the other, since all leave in order
            blocked += storeToLoad + truth.latency;
        }
        if (instruction.memory && instruction.memory->store)
          memory[place] = {end, truth.latency, instruction.memory->bytes, instruction.memory->base};
        for (Register reg = 0; reg < numRegisters; ++reg)
          if (instruction.writes[reg])
            ready[reg] = end;
      }
      const double now = *std::max_element(std::begin(ready), std::end(ready));
      growth = now - last;
      last = now;
    }
    if (blocked > 0)
      bound = std::max(bound, blocked + slots / retireWidth);
    return std::max(bound, growth);
  }
};

std::map<std::string, Example> chosenForms(std::vector<std::string> more = {}) {
  static const Result<std::map<std::string, Example>> all = findHostForms();
  EXPECT_EQ(all.message(), "");
  std::map<std::string, Example> result;
  for (const auto &[form, example] : *all)
    if (truths.count(form) || std::count(more.begin(), more.end(), form))
      result.emplace(form, example);
  return result;
}

Prior somePrior() {
  return {"a guess", 77, [](const Example &example) -> std::optional<Figure> {
            if (example.instruction.form == "ret")
              return std::nullopt;
            return Figure{42, 0, 7, 3.5, {{0, 1}}, Origin::model};
          }};
}

const CPU somebody = {"Somebody", 1, 2, 3, "a machine", "0x4"};
} // namespace

TEST(Calibrate, FindsTheMachine) {
  Machine machine;
  const std::map<std::string, Example> forms = chosenForms();
  ASSERT_EQ(forms.size(), truths.size()) << "the JIT emits fewer of these forms than the test knows";
  Result<Calibration> calibration = calibrate(somebody, forms, machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  const Table &table = calibration->table;
  EXPECT_EQ(calibration->warnings, std::vector<std::string>());
  EXPECT_FALSE(table.disturbed);
  EXPECT_EQ(table.cpu, somebody);
  EXPECT_EQ(table.issueWidth, 5);
  EXPECT_EQ(table.window, 77u);
  EXPECT_EQ(table.windowOrigin, Origin::model);
  EXPECT_NEAR(table.clock, 4, 0.01);
  for (const auto &[form, truth] : truths) {
    SCOPED_TRACE(form);
    const Figure *figure = table.find(form);
    ASSERT_TRUE(figure);
    EXPECT_EQ(figure->origin, Origin::measured);
    EXPECT_NEAR(figure->latency, truth.latency, 0.05);
    EXPECT_NEAR(figure->addressLatency, truth.addressLatency, 0.05);
    EXPECT_EQ(figure->uops, truth.uops);
    EXPECT_EQ(figure->indexedUops, truth.indexed);
    // By itself a form takes what its ports allow.
    double alone = truth.uops / machine.width;
    for (unsigned set = 1; set < 256; ++set)
      alone = std::max(alone, double(std::count_if(truth.ports.begin(), truth.ports.end(), [&](unsigned p) { return (p & ~set) == 0; })) /
                                  __builtin_popcount(set));
    EXPECT_NEAR(figure->throughput, alone, 0.03 * alone);
    EXPECT_NEAR(table.throughputOf(*figure, isWide(form)), figure->throughput, 0.04 * alone);
  }
}

TEST(Calibrate, TellsResourcesApart) {
  Machine machine;
  Result<Calibration> calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  const Table &table = calibration->table;
  // How long one of each takes together.
  auto together = [&](std::vector<std::string> forms) {
    std::vector<double> work(table.resources.size());
    double slots = 0;
    for (const std::string &form : forms) {
      slots += table.find(form)->uops;
      for (const Use &use : table.find(form)->uses)
        work[use.resource] += use.work;
    }
    return std::max(slots / table.issueWidth, *std::max_element(work.begin(), work.end()));
  };
  EXPECT_NEAR(together({"vpermd zmm, zmm, zmm", "vpermd ymm, ymm, ymm"}), 2, 0.05);     // one port
  EXPECT_NEAR(together({"vpermd zmm, zmm, zmm", "kandq k, k, k"}), 1, 0.05);            // two ports
  EXPECT_NEAR(together({"vpermd ymm, ymm, ymm", "vmulps ymm, ymm, ymm"}), 1, 0.05);
  EXPECT_NEAR(together({"imul r64, r64", "div r64"}), 6, 0.3);                          // the divider, beside p1
  EXPECT_NEAR(together({"vmovups zmm, m512", "mov r64, m64"}), 1, 0.05);                // two load ports
  EXPECT_NEAR(together({"vmovups m512, zmm", "mov m64, r64"}), 2, 0.05);                // one store port
  EXPECT_NEAR(together({"vpermd ymm, ymm, m256", "vpermd ymm, ymm, ymm"}), 2, 0.05);
  // What is bound by the same has one resource.
  const auto count = [&](std::string_view name) {
    return std::count_if(table.resources.begin(), table.resources.end(), [&](const Resource &r) { return r.name == name; });
  };
  EXPECT_EQ(count("shuffle"), 1);
  EXPECT_EQ(count("compare"), 0);
  EXPECT_EQ(count("shuffle.512"), 0);
}

TEST(Calibrate, TellsOperandsApart) {
  Machine machine;
  Result<Calibration> calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  const std::vector<double> &operands = calibration->table.find("vfmadd231ps zmm {k}, zmm, zmm")->operands;
  ASSERT_EQ(operands.size(), 4u); // the sum, the mask, the factors
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(operands[i], i == 1 ? 6 : 4, 0.05) << i;
  EXPECT_TRUE(calibration->table.find("vfmadd231ps zmm, zmm, zmm")->operands.empty());
}

TEST(Calibrate, WaysThroughMemory) {
  Machine machine;
  Result<Calibration> calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  EXPECT_NEAR(calibration->table.storeToLoad, 13, 0.5); // with what it takes both to leave
  EXPECT_EQ(calibration->table.retireWidth, 8);
  EXPECT_FALSE(calibration->table.renaming);
  machine.renaming = 0.5;
  calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  ASSERT_TRUE(calibration->table.renaming);
  EXPECT_NEAR(calibration->table.renaming->latency, 0.5, 0.05);
  EXPECT_FALSE(calibration->table.renaming->anyBase);
  EXPECT_NEAR(calibration->table.find("mov m64, r64")->latency, 4, 0.05); // with an index
  machine.otherRenaming = 0.5;
  calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  EXPECT_TRUE(calibration->table.renaming && calibration->table.renaming->anyBase);
}

TEST(Calibrate, IsTheSameTwice) {
  Machine one, two;
  Result<Calibration> a = calibrate(somebody, chosenForms(), one, somePrior()), b = calibrate(somebody, chosenForms(), two, somePrior());
  ASSERT_TRUE(a && b);
  EXPECT_EQ(toJSON(a->table), toJSON(b->table));
}

TEST(Calibrate, RestlessFormsHaveThePriorsFigures) {
  Machine machine;
  machine.restless = "setnz r8";
  Result<Calibration> calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  EXPECT_EQ(calibration->warnings, std::vector<std::string>{"'setnz r8' never took the same time twice: its figures are those of a guess"});
  EXPECT_TRUE(calibration->table.disturbed);
  const Figure &figure = *calibration->table.find("setnz r8");
  EXPECT_EQ(figure.origin, Origin::model);
  EXPECT_EQ(figure.latency, 42);
  EXPECT_EQ(figure.uops, 7);
  EXPECT_EQ(calibration->table.find("add r64, r64")->origin, Origin::measured);
}

TEST(Calibrate, CallsAreThePriorsAndUnknownOnesAreTold) {
  Machine machine;
  Result<Calibration> calibration = calibrate(somebody, chosenForms({"call rel", "ret"}), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  EXPECT_EQ(calibration->warnings, std::vector<std::string>{"'ret' has no figures: it cannot be timed and a guess does not know it"});
  EXPECT_FALSE(calibration->table.disturbed); // nothing could be done about it
  EXPECT_EQ(calibration->table.find("call rel")->origin, Origin::model);
  EXPECT_EQ(calibration->table.find("ret"), nullptr);
}

TEST(Calibrate, TimesCaches) {
  Machine machine;
  Result<Calibration> calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  const std::vector<Cache> &caches = calibration->table.caches;
  ASSERT_EQ(caches.size(), 2u);
  EXPECT_NEAR(caches[0].latency, 5, 0.01);
  EXPECT_NEAR(caches[0].loadBytes, 64, 0.1);
  EXPECT_NEAR(caches[0].storeBytes, 32, 0.1);
  EXPECT_NEAR(caches[1].latency, 200, 0.5);
  EXPECT_NEAR(caches[1].loadBytes, 6.4, 0.01);
  machine.hasMemory = false;
  calibration = calibrate(somebody, chosenForms(), machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
  EXPECT_EQ(calibration->warnings, (std::vector<std::string>{"no memory of 0 MiB to time L1", "no memory of 64 MiB to time memory"}));
}

// Every loop that a calibration of this JIT would run can be built: the machine decodes them all.
TEST(Calibrate, MakesLoopsOfAllForms) {
  Machine machine;
  Result<std::map<std::string, Example>> forms = findHostForms();
  ASSERT_TRUE(forms) << forms.message();
  ASSERT_GT(forms->size(), 1000u);
  std::map<std::string, Example> some; // one in 29; all of them take too long
  size_t index = 0;
  for (const auto &[form, example] : *forms)
    if (index++ % 29 == 0)
      some.emplace(form, example);
  Result<Calibration> calibration = calibrate(somebody, some, machine, somePrior());
  ASSERT_TRUE(calibration) << calibration.message();
}
