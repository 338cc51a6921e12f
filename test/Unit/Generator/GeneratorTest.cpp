//===- GeneratorTest.cpp - Generated programs are legal ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Differential.h"
#include "vtpu/Runtime/Verifier.h"

#include <gtest/gtest.h>
#include <set>

using namespace vtpu;
using namespace vtpu::gen;

namespace {
Settings some(uint64_t number) {
  Settings settings;
  settings.seed = test::seed() + number;
  settings.pattern = Pattern(number % 6);
  settings.words = 40 + uint32_t(number * 7 % 200);
  settings.calls = uint32_t(number % 3);
  settings.dependence = double(number % 5) / 4;
  return settings;
}
} // namespace

TEST(Generator, ProgramsVerifyAndRunToTheirEnd) {
  for (uint64_t number = 0; number < 120; ++number) {
    const Settings settings = some(number);
    SCOPED_TRACE("seed " + std::to_string(settings.seed));
    Result<Program> program = generate(settings);
    ASSERT_TRUE(program.ok()) << program.message();
    ASSERT_EQ(rt::verify(*program).message(), "") << printAssembly(*program);
    Result<Outcome> outcome = runTier(*program, VTPU_TIER_INTERPRETER, settings.seed);
    ASSERT_TRUE(outcome.ok()) << outcome.message();
    ASSERT_EQ(outcome->error, "");
  }
}

TEST(Generator, SameSeedSameProgram) {
  const Settings settings = some(5);
  Settings other = settings;
  ++other.seed;
  EXPECT_EQ(printAssembly(*generate(settings)), printAssembly(*generate(settings)));
  EXPECT_NE(printAssembly(*generate(settings)), printAssembly(*generate(other)));
}

TEST(Generator, FollowsTheMix) {
  Settings settings = some(2);
  settings.words = 2000;
  settings.calls = 0;
  settings.d = 1;
  settings.s = 0;
  settings.c = 0.25;
  settings.loops = settings.branches = false;
  settings.only = {"dfma", "dadd", "cadd"};
  settings.types = 1u << unsigned(isa::Type::f32);
  settings.lengths = 1u << unsigned(isa::Length::v512);
  Result<Program> program = generate(settings);
  ASSERT_TRUE(program.ok()) << program.message();
  unsigned d = 0, c = 0;
  for (const isa::Word &word : program->functions[0].words) {
    const isa::Slot &slot = word.slot(isa::Pipe::D);
    if (!slot.empty()) {
      EXPECT_TRUE(slot.opcode == uint8_t(isa::DOp::dfma) || slot.opcode == uint8_t(isa::DOp::dadd));
      EXPECT_EQ(slot.type, isa::Type::f32);
      EXPECT_EQ(slot.length, isa::Length::v512);
      ++d;
    }
    c += word.slot(isa::Pipe::C).opcode == uint8_t(isa::COp::cadd);
  }
  EXPECT_EQ(d, 2000u);
  EXPECT_GT(c, 2000 * 0.2);
  EXPECT_LT(c, 2000 * 0.3);
}

TEST(Generator, DenserDependenceReadsRecentResultsMore) {
  auto distance = [](double dependence) {
    Settings settings;
    settings.words = 3000;
    settings.calls = 0;
    settings.loops = settings.branches = false;
    settings.s = settings.c = 0;
    settings.d = 1;
    settings.dependence = dependence;
    settings.only = {"dadd"};
    Result<Program> program = generate(settings);
    unsigned reads = 0;
    const std::vector<isa::Word> &words = program->functions[0].words;
    for (size_t w = 1; w < words.size(); ++w) {
      isa::Effects now = effects(isa::Pipe::D, words[w].slot(isa::Pipe::D)), last = effects(isa::Pipe::D, words[w - 1].slot(isa::Pipe::D));
      reads += (now.readV & last.writeV) != 0;
    }
    return reads;
  };
  EXPECT_GT(distance(1), 4 * distance(0));
}

TEST(Generator, SaysWhatIsWrong) {
  Settings settings;
  settings.memoryBytes = 1000;
  EXPECT_EQ(generate(settings).message(), "1000 bytes of memory; legal are powers of two from 1024");
  settings = Settings();
  settings.only = {"dfoo"};
  EXPECT_EQ(generate(settings).message(), "no instruction is called 'dfoo'; docs/Instructions.md lists them");
  settings.only = {"cret"};
  EXPECT_EQ(generate(settings).message(), "'cret' belongs to the structure of functions; it cannot be asked for by name");
  settings.only = {"dadd"};
  settings.d = 0;
  EXPECT_EQ(generate(settings).message(), "no instruction fits the settings; allow more types, lengths, instructions or pipes");
}

TEST(Forms, EveryRowHasFormsWithNamesOfTheirOwn) {
  std::set<const isa::InstrInfo *> rows;
  std::set<std::string> names;
  for (const Form &form : allForms()) {
    rows.insert(form.info);
    EXPECT_TRUE(names.insert(formName(form)).second) << formName(form);
  }
  EXPECT_EQ(rows.size(), size_t(isa::numInstructions));
  EXPECT_TRUE(names.count("dadd.f32.512 merging"));
  EXPECT_TRUE(names.count("sld.i64.u8.128 zeroing"));
  EXPECT_FALSE(names.count("sgather.f32.512 merging"));
}
