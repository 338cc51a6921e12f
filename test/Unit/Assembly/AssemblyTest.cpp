//===- AssemblyTest.cpp - Text form of programs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/CoordinateText.h"
#include "RandomProgram.h"

#include <gtest/gtest.h>

using namespace vtpu;

TEST(Assembly, EveryRowSurvivesTheRoundTrip) {
  std::mt19937_64 random(test::seed());
  Program program = test::randomProgram(random, 50);
  std::string text = printAssembly(program);
  Result<Program> again = parseAssembly(text, "t.siw");
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_TRUE(test::same(program, *again)) << "seed " << test::seed();
  EXPECT_EQ(printAssembly(*again), text);
}

TEST(Assembly, ReadsWhatAPersonWrites) {
  Result<Program> program = parseAssembly(R"(
// Adds one to 16 floats.
.func main entry
  .binding input x size=64 align=64 dtype=f32 shape=[16]
  .binding output y size=64 align=64 writable dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { C: cptr r1, b1; D: dimm.f32.512 v1, 0x3f800000 }
again:
  { S: sld.f32.f32.512 v0, [r0] } @1.2.3/4.5.6/7.8.9
  { D: dadd.f32.512 v0, v0, v1 {k1}{z} }
  { S: sst.f32.f32.512 v0, [r1 + r2*4 - 8] ; C: cbr again }
  { C: cret } @1.2.3/4.5.6/7.8.9.10.11
.end
)",
                                          "t.siw");
  ASSERT_TRUE(program.ok()) << program.message();
  const Function &function = program->functions[0];
  ASSERT_EQ(function.words.size(), 6u);
  EXPECT_EQ(function.words[1].i0, 0x3f800000);
  EXPECT_EQ(function.words[4].slot(isa::Pipe::C).imm, -2);
  EXPECT_EQ(function.words[4].slot(isa::Pipe::S).imm, -8);
  EXPECT_EQ(function.words[4].slot(isa::Pipe::S).scale, 2);
  EXPECT_EQ(printCoordinate(Coordinate(function.words[2].coordinate)), "1.2.3/4.5.6/7.8.9.0.0");
  EXPECT_EQ(printCoordinate(Coordinate(function.words[5].coordinate)), "1.2.3/4.5.6/7.8.9.10.11");
}

namespace {
struct Case {
  const char *text, *message;
};
// Wrapped in a function unless the text opens with '!'.
const Case cases[] = {
    {"!.bogus", "1:1: unknown directive '.bogus'"},
    {"!nonsense here", "1:1: expected a directive, a label or a word, found 'nonsense here'"},
    {"!{ C: cret }", "1:1: a word belongs inside a function; open one with .func"},
    {"!L0:", "1:1: label 'L0' belongs inside a function; open one with .func"},
    {"!.end", "1:1: .end without .func"},
    {"!.loc 0", "1:1: .loc belongs inside a function; open one with .func"},
    {"!.func a\n.message \"x\"", "2:1: .message stands before all functions; close the function with .end first"},
    {"!.func a\n.end\n.func a", "3:7: function 'a' is defined twice"},
    {"!.func a exit", "1:9: expected 'entry' or the end of the line after the function's name"},
    {"!.func 3", "1:7: expected a function name before '3'"},
    {"!.func a\n", "2:1: function 'a' has no .end"},
    {"!.isa 00", "1:6: the text was written for instruction table '00', this build has "},
    {"!.message \"a", "1:12: the string has no closing quote"},
    {"!.message \"\\q\"", "1:12: unknown escape in a string; legal are \\n, \\\", \\\\ and \\xhh"},
    {"!.message x", "1:10: expected a string in double quotes before 'x'"},
    {"!.rodata 0g", "1:9: expected bytes as pairs of lower-case hexadecimal digits"},
    {".loc 0", "2:5: there is no .location that .loc could name"},
    {".binding floor x", "2:10: unknown kind of binding 'floor'; legal are input, output, parameter, constant, arena, import, stack"},
    {".binding import x size=-1", "2:24: expected a size in 0..281474976710656, found '-1'"},
    {".binding import x dtype=f8", "2:25: 'f8' is not an element type"},
    {".binding import x colour=1", "2:19: unknown attribute 'colour' of a binding"},
    {".binding parameter x panels=[1]",
     "2:29: panels holds 8 numbers: batch, rows, cols, batch stride, row stride, column stride, offset, tile (at least 1)"},
    {".table nowhere", "2:8: function 'nowhere' is not defined"},
    {"L:\nL:", "3:1: label 'L' is defined twice"},
    {"{ C: cbr away }", "2:10: label 'away' is not defined in function 'f'"},
    {"{ X: cret }", "2:3: expected a slot 'D:', 'S:' or 'C:', found 'X'"},
    {"{ C: cret ; C: cret }", "2:13: slot C is filled twice"},
    {"{ C: nop }", "2:6: unknown instruction 'nop'"},
    {"{ D: cret }", "2:6: cret belongs into slot C, not D"},
    {"{ D: dadd v0, v1, v2 }", "2:6: dadd needs an element type such as .f32 in its suffixes"},
    {"{ D: dadd.f32 v0, v1, v2 }", "2:6: dadd needs a length .128, .256 or .512 in its suffixes"},
    {"{ D: dadd.f32.64 v0, v1, v2 }", "2:6: dadd does not take the suffix '.64'"},
    {"{ D: dcmp.f32.512 k1, v1, v2 }", "2:6: dcmp needs a predicate such as .lt in its suffixes"},
    {"{ S: sld.f32.512 v0, [r0] }", "2:6: sld needs a second type, that of memory or source, such as .f32 in its suffixes"},
    {"{ S: sldr r0, [r0] }", "2:6: sldr needs a memory type such as .i32 in its suffixes"},
    {"{ D: dadd.f32.512 v0, v1, v32 }", "2:27: expected a vector register (v0 to v31), found 'v32'"},
    {"{ C: cmov r0, v1 }", "2:15: expected a scalar register (r0 to r15), found 'v1'"},
    {"{ C: kmov k0, k8 }", "2:15: expected a mask register (k0 to k7), found 'k8'"},
    {"{ S: pmov p0, p16 }", "2:15: expected a coordinate register (p0 to p15), found 'p16'"},
    {"{ C: cpackv m8, v0 }", "2:13: expected a message register (m0 to m7), found 'm8'"},
    {"{ S: pins p0, r1, 11 }", "2:1: slot S: pins: immediate 11 is outside 0..10"},
    {"{ S: pcoord p0 ; C: cimm r0, 1 }",
     "2:1: slot S: pcoord takes the word's coordinate, but the word carries immediates; put them into another word"},
    {"{ C: cunpack r1, r1, m0, 2 }", "2:1: slot C: cunpack: two results in register 1"},
    {"{ S: pmov p0, p1 ; C: cunpackp p0, m0, 0 }", "2:1: two slots write one register, or the slots exchange registers in a cycle"},
    {"{ S: sldr.i64 r0, [r1 + v2] }", "2:25: expected the index register (r0 to r15), found 'v2'"},
    {"{ S: sldr.i64 r0, [r1 + r2*3] }", "2:28: scale 3 is not 1, 2, 4 or 8"},
    {"{ S: sldr.i64 r0, [r1 + r2 + r3] }", "2:30: sldr takes no second index register"},
    {"{ S: sgather.f32.512 v0, [r1], k1 }", "2:29: sgather needs a vector index in its address"},
    {"{ S: sldr.i64 r0, [r1 * 3] }", "2:23: expected '+', '-' or ']' before '* 3] }'"},
    {"{ C: caddi r0, r0, 3000000000 }", "2:20: expected a 32-bit immediate in -2147483648..2147483647, found '3000000000'"},
    {"{ C: cptr r0, 3 }", "2:15: expected a binding (b0 to b2147483647), found '3'"},
    {"{ C: cret } @1.2", "2:17: expected '.' and the series of a coordinate a.b.c/d.e.f/g.h.i.j.k (or a.b.c/d.e.f/g.h.i), found the end"},
    {"{ C: cret } @ 1.2.3/4.5.6/7.8.9.10.2048", "2:36: the column (component 10 of a coordinate) is 2048, which is not in 0..2047"},
    {"{ C: cret } @// place", "2:22: expected the library (component 0 of a coordinate) in 0..2047, found the end"},
    {"{ C: cret } cret", "2:13: unexpected 'cret' at the end of the statement"},
    {"{ C: cret", "2:10: expected ';' before the end of the line"},
    {"{ D: dadd.f32.512 v0, v1, v2 {k1}{y} }", "2:35: expected {z} after the mask"},
    {"{ D: dmov.f32.512 v0, v1 ; S: sld.f32.f32.512 v0, [r0] }",
     "2:1: two slots write one register, or the slots exchange registers in a cycle"},
};
} // namespace

TEST(Assembly, EveryErrorNamesItsPlace) {
  for (const Case &c : cases) {
    std::string text = c.text[0] == '!' ? c.text + 1 : std::string(".func f\n") + c.text + "\n.end\n";
    Result<Program> program = parseAssembly(text, "t.siw");
    ASSERT_FALSE(program.ok()) << text;
    EXPECT_EQ(program.message().find(std::string("t.siw:") + c.message), 0u) << text << "\n" << program.message();
  }
}

TEST(Assembly, DamagedTextNeverCrashes) {
  std::mt19937_64 random(test::seed());
  const std::string text = printAssembly(test::randomProgram(random, 1));
  for (unsigned i = 0; i < 2000; ++i) {
    std::string damaged = text;
    for (unsigned flips = 1 + random() % 3; flips; --flips)
      damaged[random() % damaged.size()] = char(random() % 128);
    if (random() % 4 == 0)
      damaged.resize(random() % damaged.size());
    Result<Program> program = parseAssembly(damaged, "t.siw");
    EXPECT_TRUE(program.ok() || program.message().rfind("t.siw:", 0) == 0);
  }
}
