//===- ConformanceTest.cpp - Every rule of the manual in every tier -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the self-checking programs of test/Conformance: those of rules/ and the generated ones. Directives in a program's comments:
//
//   // RULE: LABEL ...      labels of the manual that the program tests
//   // THREADS: N           sentrons of the call
//   // TRAP: TEXT           the call ends with this error
//   // REJECT: TEXT         the text does not assemble or the program does not load, with this error
//
// The report lists each label with the tests that cite it; a label without a test fails, and so does a citation of a label that is not there.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

using namespace vtpu;
namespace fs = std::filesystem;

namespace {
const fs::path sourceRoot = VTPU_SOURCE_ROOT, binaryRoot = VTPU_BINARY_ROOT;

std::string read(const fs::path &path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// What stands between each `key` and the next `end`.
std::vector<std::string> textsBehind(const std::string &text, const std::string &key, char end) {
  std::vector<std::string> values;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    at += key.size();
    values.push_back(text.substr(at, std::min(text.find(end, at), text.size()) - at));
  }
  return values;
}
/// The values of a directive: of each line that starts with it.
std::vector<std::string> valuesOf(const std::string &text, const std::string &directive) {
  return textsBehind("\n" + text, "\n" + directive + ": ", '\n');
}

struct Tier {
  const char *name;
  vtpu_tier tier;
};
/// The tiers that this build and host have, for a program of so many words. ORC takes about a millisecond a word: it runs programs of up to
/// VTPU_ORC_WORDS words, 200 unless set. (Every row runs in it in RuntimeTests.)
std::vector<Tier> tiers(const Program &program) {
  std::vector<Tier> all = {{"interpreter", VTPU_TIER_INTERPRETER}};
  if (rt::hostHasBaseline())
    all.push_back({"jit", VTPU_TIER_JIT});
  size_t words = 0;
  for (const Function &function : program.functions)
    words += function.words.size();
  const char *most = std::getenv("VTPU_ORC_WORDS");
  if (rt::hasORC() && words <= (most ? std::strtoull(most, nullptr, 10) : 200))
    all.push_back({"orc", VTPU_TIER_ORC});
  return all;
}

/// Runs the program's entry twice; the error, or nothing.
std::string execute(const std::vector<uint8_t> &bytes, vtpu_tier tier, uint32_t threads) {
  Options options;
  options.tier = tier;
  options.threads = threads;
  Result<LoadedFile> loaded = LoadedFile::load(bytes.data(), bytes.size(), options);
  if (!loaded)
    return "load: " + loaded.message();
  // Buffers of the caller, all zero.
  std::vector<std::vector<uint8_t>> buffers;
  auto place = [&](uint32_t count, auto info) {
    std::vector<void *> pointers;
    for (uint32_t i = 0; i < count; ++i) {
      vtpu_tensor_info tensor;
      info(loaded->get(), 0, i, &tensor);
      buffers.emplace_back(tensor.bytes + 64);
      pointers.push_back(buffers.back().data() + (64 - reinterpret_cast<uintptr_t>(buffers.back().data()) % 64));
    }
    return pointers;
  };
  std::vector<void *> inputs = place(vtpu_input_count(loaded->get(), 0), vtpu_input_info);
  std::vector<void *> outputs = place(vtpu_output_count(loaded->get(), 0), vtpu_output_info);
  auto call = [&] { return std::string(vtpu_call(loaded->get(), 0, inputs.data(), outputs.data()) == 0 ? "" : vtpu_last_error()); };
  std::string first = call(), second = call(); // a trap leaves the program usable
  return first == second ? first : fmt::format("the first call ended with '{}', the second with '{}'", first, second);
}

/// One program in every tier.
class ProgramTest : public testing::Test {
public:
  explicit ProgramTest(fs::path path) : path(std::move(path)) {}

  void TestBody() override {
    const std::string text = read(path);
    const std::vector<std::string> traps = valuesOf(text, "// TRAP"), rejects = valuesOf(text, "// REJECT"), threads = valuesOf(text, "// THREADS");
    ASSERT_FALSE(valuesOf(text, "// RULE").empty()) << path << ": it cites no rule";
    Result<Program> program = parseAssembly(text, path.filename().string());
    if (!program) {
      ASSERT_FALSE(rejects.empty()) << program.message();
      ASSERT_NE(program.message().find(rejects[0]), std::string::npos) << program.message();
      return;
    }
    Result<std::vector<uint8_t>> bytes = writeObject(*program);
    ASSERT_TRUE(bytes.ok()) << bytes.message();
    for (const Tier &tier : tiers(*program)) {
      SCOPED_TRACE(tier.name);
      const std::string error = execute(*bytes, tier.tier, threads.empty() ? 1 : uint32_t(std::stoul(threads[0])));
      const std::string expected = !rejects.empty() ? rejects[0] : traps.empty() ? "" : traps[0];
      if (expected.empty())
        EXPECT_EQ(error, "");
      else
        EXPECT_NE(error.find(expected), std::string::npos) << "ended with '" << error << "' instead of '" << expected << "'";
      EXPECT_EQ(rejects.empty(), error.rfind("load: ", 0) != 0) << error;
    }
  }

private:
  fs::path path;
};

std::vector<fs::path> programs() {
  std::vector<fs::path> paths;
  for (const fs::path &folder : {sourceRoot / "test/Conformance/rules", binaryRoot / "test/Conformance/programs"})
    for (const fs::directory_entry &entry : fs::directory_iterator(folder))
      if (entry.path().extension() == ".siw")
        paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

/// The labels of the manual, in its order: every anchor of the two pages.
std::vector<std::string> manualLabels() {
  std::vector<std::string> labels;
  for (const char *page : {"docs/ISA.md", "docs/Instructions.md"}) {
    const std::vector<std::string> anchors = textsBehind(read(sourceRoot / page), "<a id=\"", '"');
    labels.insert(labels.end(), anchors.begin(), anchors.end());
  }
  return labels;
}

/// Label to the tests that cite it; from the programs, and from C++ and Python tests of rules that no program can state.
std::map<std::string, std::set<std::string>> citations() {
  std::map<std::string, std::set<std::string>> result;
  std::vector<fs::path> paths = programs();
  for (const fs::directory_entry &entry : fs::recursive_directory_iterator(sourceRoot / "test"))
    if (entry.path().extension() == ".cpp" || entry.path().extension() == ".py")
      paths.push_back(entry.path());
  for (const fs::path &path : paths)
    for (const std::string &line : valuesOf(read(path), path.extension() == ".py" ? "# RULE" : "// RULE")) {
      std::istringstream words(line);
      for (std::string label; words >> label;)
        result[label].insert(path.filename().string());
    }
  return result;
}
} // namespace

TEST(Conformance, EveryRuleHasATest) {
  const std::vector<std::string> labels = manualLabels();
  const auto cited = citations();
  std::set<std::string> known;
  std::string missing, unknown;
  std::ostringstream report;
  report << "# Conformance report\n\n| Rule | Tests |\n|---|---|\n";
  for (const std::string &label : labels) {
    EXPECT_TRUE(known.insert(label).second) << "label " << label << " stands twice in the manual";
    auto found = cited.find(label);
    report << "| " << label << " |";
    if (found == cited.end())
      missing += " " + label;
    else
      for (const std::string &test : found->second)
        report << " " << test;
    report << " |\n";
  }
  for (const auto &[label, tests] : cited)
    if (!known.count(label))
      unknown += " " + label + " (" + *tests.begin() + ")";
  EXPECT_GT(labels.size(), 100u);
  EXPECT_EQ(missing, "") << "rules without a test; cite them with a RULE comment in a program of test/Conformance/rules";
  EXPECT_EQ(unknown, "") << "cited labels that the manual does not have";
  if (HasFailure())
    return;
  fs::create_directories(binaryRoot / "reports");
  std::ofstream(binaryRoot / "reports" / "conformance.md") << report.str();
}

// RULE: word.size word.layout word.slot word.immediates word.coordinate word.dependencies
TEST(Conformance, WordsHaveTheBytesOfTheManual) {
  const fs::path folder = binaryRoot / "test/Conformance/programs";
  Result<Program> program = parseAssembly(read(folder / "encoding.txt"), "encoding.txt");
  ASSERT_TRUE(program.ok()) << program.message();
  std::istringstream lines(read(folder / "encoding.hex"));
  const std::vector<isa::Word> &words = program->functions[0].words;
  size_t w = 0;
  for (std::string expected; std::getline(lines, expected); ++w) {
    ASSERT_LT(w, words.size());
    uint8_t bytes[isa::wordBytes];
    isa::encode(words[w], w ? &words[w - 1] : nullptr, bytes);
    std::string digits;
    for (uint8_t byte : bytes)
      digits += fmt::format("{:02x}", byte);
    ASSERT_EQ(digits, expected) << printWord(words[w], uint32_t(w), {});
    Result<isa::Word> decoded = isa::decode(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.message();
    ASSERT_TRUE(*decoded == words[w]) << printWord(words[w], uint32_t(w), {});
  }
  EXPECT_EQ(w + 1, words.size()); // the last one returns
}

// RULE: version.word word.layout
TEST(Conformance, OtherVersionsAndReservedBitsAreRefused) {
  uint8_t bytes[isa::wordBytes];
  isa::encode(isa::Word(), nullptr, bytes);
  ASSERT_TRUE(isa::decode(bytes).ok());
  for (unsigned at : {0u, 1u, 4u, 5u, 6u, 7u, 20u, 21u, 22u, 23u})
    for (unsigned bit = at == 0 ? 1 : 0; bit < 8; ++bit) {
      bytes[at] ^= uint8_t(1u << bit);
      EXPECT_FALSE(isa::decode(bytes).ok()) << "byte " << at << ", bit " << bit;
      bytes[at] ^= uint8_t(1u << bit);
    }
}

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  for (const fs::path &path : programs())
    testing::RegisterTest("Program", path.stem().string().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> testing::Test * { return new ProgramTest(path); });
  return RUN_ALL_TESTS();
}
