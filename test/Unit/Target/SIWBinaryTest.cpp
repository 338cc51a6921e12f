//===- SIWBinaryTest.cpp - Programs to siw MLIR and back --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomProgram.h"
#include "vtpu/Target/SIWBinary/SIWBinary.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace vtpu;

namespace {
/// The program that comes back through printed and parsed MLIR.
Program throughText(const Program &program) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string text;
  {
    mlir::OwningOpRef<mlir::ModuleOp> module = importProgram(program, context);
    EXPECT_TRUE(mlir::succeeded(mlir::verify(*module)));
    llvm::raw_string_ostream os(text);
    module->print(os, mlir::OpPrintingFlags().enableDebugInfo());
  }
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context));
  EXPECT_TRUE(bool(parsed)) << text;
  if (!parsed)
    return {};
  mlir::FailureOr<Program> back = translateToProgram(*parsed);
  EXPECT_TRUE(mlir::succeeded(back));
  return mlir::succeeded(back) ? std::move(*back) : Program();
}

TEST(SIWBinary, EveryRowComesBack) {
  const uint64_t seed = test::seed();
  std::printf("seed %llu (VTPU_SEED)\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (unsigned round = 0; round < 20; ++round) {
    Program program = test::randomProgram(random, 4);
    ASSERT_TRUE(test::same(program, throughText(program))) << "round " << round;
  }
}

TEST(SIWBinary, LocationTexts) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  for (const char *text : {"net.py:12:3", "net.py:12", "C:/net.py:12", "lib.py:3 at net.py:12", "a.py:1:2 at b.py:3 at c.py:4:5"}) {
    mlir::Location location = parseLocationText(text, context);
    EXPECT_FALSE(mlir::isa<mlir::UnknownLoc>(location)) << text;
    EXPECT_EQ(locationText(location), text);
  }
  for (const char *text : {"", "net.py", "net.py:x", "net.py:01", "net.py:1:0", "net.py:1 at ", "somewhere at net.py:1"})
    EXPECT_TRUE(mlir::isa<mlir::UnknownLoc>(parseLocationText(text, context))) << text;
  mlir::Location unknown = mlir::UnknownLoc::get(&context), place = mlir::FileLineColLoc::get(&context, "net.py", 1, 2);
  EXPECT_EQ(locationText(unknown), "");
  EXPECT_EQ(locationText(mlir::FusedLoc::get(&context, {unknown, place})), "net.py:1:2");
  EXPECT_EQ(locationText(mlir::NameLoc::get(mlir::StringAttr::get(&context, "x"), place)), "net.py:1:2");
  EXPECT_EQ(locationText(mlir::CallSiteLoc::get(unknown, place)), "net.py:1:2");
}

TEST(SIWBinary, LocationsOfWordsAreLocationsOfOps) {
  std::mt19937_64 random(test::seed());
  Program program = test::randomProgram(random, 1);
  // As the compiler writes them: texts in the order of their first word, each entry another place.
  program.functions[0].locations = {{1, 0}, {3, 1}, {9, 0}};
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module = importProgram(program, context);
  EXPECT_FALSE((*module)->hasAttr("siw.location_texts"));
  EXPECT_TRUE(test::same(program, throughText(program)));
  // No op can carry these.
  for (std::vector<Location> odd : {std::vector<Location>{{1, 1}, {3, 0}}, {{1, 0}, {1, 1}}, {{1, 0}, {2, 0}, {4, 1}}, {{1, 0}}}) {
    program.functions[0].locations = odd;
    EXPECT_TRUE((*importProgram(program, context))->hasAttr("siw.location_texts"));
    EXPECT_TRUE(test::same(program, throughText(program)));
  }
  program.functions[0].locations = {{1, 0}, {3, 1}};
  program.locationTexts = {"no place at all", "model.py:014:3"};
  EXPECT_TRUE(test::same(program, throughText(program)));
}
} // namespace
