//===- FuzzTest.cpp - The verifier's promise --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs with flipped bits: whatever still verifies runs in every tier between guard pages without a crash. A program may trap or loop for
// ever (a timer ends it); it must not touch memory outside its bindings.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/Verifier.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vtpu;

namespace {
const char *const seeds[] = {
    // A gather with a checked index, and a scatter.
    R"(
.func main entry
  .binding input i size=64 align=4 dtype=i32 shape=[16]
  .binding input x size=64 align=4 dtype=f32 shape=[16]
  .binding output y size=64 align=4 writable dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { S: sld.i32.i32.512 v1, [r0] ; C: cptr r1, b1 }
  { C: cptr r2, b2 ; D: dimm.i32.512 v3, 15 }
  { D: dand.i32.512 v1, v1, v3 }
  { S: sgather.f32.512 v0, [r1 + v1*4], k1 }
  { S: sscatter.f32.512 v0, [r2 + v1*4], k2 }
  { C: cret }
.end
)",
    // A loop with indexed, masked and scalar accesses, and a call.
    R"(
.message "stop"
.func main entry
  .binding input x size=256 align=64 dtype=f32 shape=[64]
  .binding output y size=256 align=64 writable dtype=f32 shape=[64]
  .binding arena a size=256 align=64 writable
  .table kernel b0 b2
  .table kernel b2 b1
  { C: ccall t0 }
  { C: ccall t1 }
  { C: cptr r0, b1 }
  { S: sldr.u16 r1, [r0 + 6] }
  { C: candi r1, r1, 63 }
  { S: sldr.i32 r2, [r0 + r1*4] }
  { C: cassert r1, m0 }
  { S: sstr.i32 r2, [r0 + 4] ; C: cret }
.end
.func kernel
  .binding import x size=256 align=64
  .binding import y size=256 align=64 writable
  .binding stack s size=64 align=64 writable
  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { C: cptr r4, b2 }
  { C: cimm r2, 0 }
  { C: kset k1, 7 }
loop:
  { S: sld.f32.f32.512 v0, [r0 + r2*4] }
  { S: sst.f32.f32.512 v0, [r4] ; D: dadd.f32.512 v1, v0, v0 }
  { S: slds.f32 v2, [r4 + 60] }
  { D: dbcast.f32.512 v2, v2 }
  { D: dmul.f32.512 v1, v1, v2 {k1}{z} }
  { S: sst.f32.f32.512 v1, [r1 + r2*4] ; C: caddi r2, r2, 16 }
  { C: cbcci.lt r2, 64, loop }
  { C: cret }
.end
)"};

/// A buffer whose last byte stands before a page that cannot be touched, or whose first byte stands behind one.
uint8_t *guarded(size_t size, bool atEnd) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  auto *base = static_cast<uint8_t *>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(base + page, page, PROT_READ | PROT_WRITE);
  return atEnd ? base + 2 * page - size : base + page;
}

/// What the child tells: the candidate it works on, and how many ran.
struct Shared {
  volatile unsigned candidate, verified, ran;
};

constexpr int timedOut = 77;

void runCandidate(const Program &program, Shared &shared, bool atEnd) {
  if (!rt::verify(program).ok())
    return;
  shared.verified = shared.verified + 1;
  Result<std::vector<uint8_t>> bytes = writeObject(program);
  if (!bytes)
    return;
  for (vtpu_tier tier : {VTPU_TIER_INTERPRETER, VTPU_TIER_JIT, VTPU_TIER_ORC}) {
    if (tier == VTPU_TIER_JIT && !rt::hostHasBaseline())
      continue;
    if (tier == VTPU_TIER_ORC && (shared.verified % 128 || !rt::hasORC())) // takes long to compile
      continue;
    Options options;
    options.tier = tier;
    Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
    if (!loaded)
      continue;
    static uint8_t *inputs[2][2] = {{guarded(256, false), guarded(256, false)}, {guarded(256, true), guarded(256, true)}};
    static uint8_t *output[2] = {guarded(256, false), guarded(256, true)};
    std::vector<const void *> in;
    for (uint32_t i = 0; i < vtpu_input_count(loaded->get(), 0); ++i) {
      vtpu_tensor_info info;
      vtpu_input_info(loaded->get(), 0, i, &info);
      uint8_t *start = inputs[atEnd][i] + (atEnd ? 256 - info.bytes : 0);
      for (uint64_t b = 0; b < info.bytes; ++b)
        start[b] = uint8_t(b * 37 + i);
      in.push_back(start);
    }
    vtpu_tensor_info info;
    vtpu_output_info(loaded->get(), 0, 0, &info);
    void *out = output[atEnd] + (atEnd ? 256 - info.bytes : 0);
    itimerval limit = {{0, 0}, {0, 200000}};
    setitimer(ITIMER_REAL, &limit, nullptr);
    (void)vtpu_call(loaded->get(), 0, in.data(), &out);
    limit.it_value.tv_usec = 0;
    setitimer(ITIMER_REAL, &limit, nullptr);
    shared.ran = shared.ran + 1;
  }
}

/// The candidate with a number: a seed program with one to three flipped bits in its words.
std::optional<Program> candidate(const std::vector<Program> &programs, unsigned number) {
  std::mt19937_64 random(test::seed() + number);
  Program program = programs[number % programs.size()];
  for (unsigned flips = 1 + unsigned(random() % 3); flips; --flips) {
    Function &function = program.functions[random() % program.functions.size()];
    const size_t at = random() % function.words.size();
    uint8_t bytes[isa::wordBytes];
    isa::encode(function.words[at], nullptr, bytes);
    bytes[8 + random() % 56] ^= uint8_t(1u << random() % 8);
    Result<isa::Word> word = isa::decode(bytes);
    if (!word)
      return std::nullopt;
    function.words[at] = *word;
  }
  return program;
}
} // namespace

TEST(Fuzz, VerifiedProgramsStayInsideTheirBindings) {
  constexpr unsigned candidates = 20000;
  std::vector<Program> programs;
  for (const char *text : seeds) {
    Result<Program> program = parseAssembly(text, "seed.siw");
    ASSERT_TRUE(program.ok()) << program.message();
    ASSERT_EQ(rt::verify(*program).message(), "");
    programs.push_back(*program);
  }
  auto *shared = static_cast<Shared *>(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  unsigned next = 0, loops = 0;
  while (next < candidates) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::signal(SIGALRM, [](int) { _exit(timedOut); });
      for (unsigned i = next; i < candidates; ++i) {
        shared->candidate = i;
        if (std::optional<Program> program = candidate(programs, i))
          runCandidate(*program, *shared, i / 2 % 2);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != timedOut) {
      std::optional<Program> program = candidate(programs, shared->candidate);
      FAIL() << "seed " << test::seed() << ", candidate " << shared->candidate << " ended with status " << status << "\n"
             << printAssembly(*program);
    }
    ++loops;
    next = shared->candidate + 1;
  }
  std::printf("%u candidates: %u verified, %u calls, %u without end\n", candidates, shared->verified, shared->ran, loops);
  EXPECT_GT(shared->verified, candidates / 50);
}
