//===- FuzzTest.cpp - The verifier's promise --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs with flipped bits, written ones and generated ones: whatever still verifies runs in every tier between guard pages without a crash.
// A program may trap or loop for ever (a timer ends it); it must not touch memory outside its bindings.
//
//===----------------------------------------------------------------------===//

#include "RandomWords.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Generator/Generator.h"
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

/// Buffers between pages that cannot be touched: an own one for each index, at either end.
class Guarded {
public:
  /// A buffer whose last byte stands before such a page, or whose first byte stands behind one. The same for the same index and end.
  uint8_t *get(size_t index, size_t size, bool atEnd) {
    while (pages.size() <= index) {
      auto *base = static_cast<uint8_t *>(mmap(nullptr, capacity + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      mprotect(base + page, capacity, PROT_READ | PROT_WRITE);
      pages.push_back(base + page);
    }
    return size > capacity ? nullptr : atEnd ? pages[index] + capacity - size : pages[index];
  }

private:
  const size_t page = size_t(sysconf(_SC_PAGESIZE)), capacity = 4 * page;
  std::vector<uint8_t *> pages;
};

/// What the child tells: the candidate it works on, how many verified (of written programs, of generated ones), and how many ran.
struct Shared {
  volatile unsigned candidate, verified[2], ran;
};

constexpr int timedOut = 77;

void runCandidate(const Program &program, Shared &shared, bool atEnd) {
  if (!rt::verify(program).ok())
    return;
  volatile unsigned &verified = shared.verified[shared.candidate % 2];
  verified = verified + 1;
  Result<std::vector<uint8_t>> bytes = writeObject(program);
  if (!bytes)
    return;
  for (vtpu_tier tier : {VTPU_TIER_INTERPRETER, VTPU_TIER_JIT, VTPU_TIER_ORC}) {
    if (tier == VTPU_TIER_JIT && !rt::hostHasBaseline())
      continue;
    if (tier == VTPU_TIER_ORC && (verified % 128 || !rt::hasORC())) // takes long to compile
      continue;
    Options options;
    options.tier = tier;
    Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
    if (!loaded)
      continue;
    static Guarded guarded;
    std::vector<const void *> in;
    std::vector<void *> out;
    vtpu_tensor_info info;
    for (uint32_t i = 0; i < vtpu_input_count(loaded->get(), 0); ++i) {
      vtpu_input_info(loaded->get(), 0, i, &info);
      uint8_t *start = guarded.get(i, info.bytes, atEnd);
      for (uint64_t b = 0; b < info.bytes; ++b)
        start[b] = uint8_t(b * 37 + i);
      in.push_back(start);
    }
    for (uint32_t i = 0; i < vtpu_output_count(loaded->get(), 0); ++i) {
      vtpu_output_info(loaded->get(), 0, i, &info);
      out.push_back(guarded.get(in.size() + i, info.bytes, atEnd));
    }
    itimerval limit = {{0, 0}, {0, 200000}};
    setitimer(ITIMER_REAL, &limit, nullptr);
    (void)vtpu_call(loaded->get(), 0, in.data(), out.data());
    limit.it_value.tv_usec = 0;
    setitimer(ITIMER_REAL, &limit, nullptr);
    shared.ran = shared.ran + 1;
  }
}

/// Short programs of every pipe and register class.
std::vector<Program> generatedPrograms() {
  std::vector<Program> programs;
  for (unsigned i = 0; i < 100; ++i) {
    gen::Settings settings;
    settings.seed = test::seed() + i;
    settings.words = 40;
    settings.memoryBytes = 1024;
    settings.calls = i % 2;
    settings.pattern = gen::Pattern(i % 6);
    Result<Program> program = gen::generate(settings);
    EXPECT_TRUE(program.ok()) << program.message();
    programs.push_back(std::move(*program));
  }
  return programs;
}

/// The candidate with a number: a program with one to three flipped bits in its words. Half of them are generated ones.
std::optional<Program> candidate(const std::vector<Program> &written, const std::vector<Program> &generated, unsigned number) {
  std::mt19937_64 random(test::seed() + number);
  const std::vector<Program> &programs = number % 2 ? generated : written;
  Program program = programs[number / 2 % programs.size()];
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
  std::vector<Program> written;
  for (const char *text : seeds) {
    Result<Program> program = parseAssembly(text, "seed.siw");
    ASSERT_TRUE(program.ok()) << program.message();
    ASSERT_EQ(rt::verify(*program).message(), "");
    written.push_back(*program);
  }
  const std::vector<Program> generated = generatedPrograms();
  auto *shared = static_cast<Shared *>(mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  unsigned next = 0, loops = 0;
  while (next < candidates) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::signal(SIGALRM, [](int) { _exit(timedOut); });
      for (unsigned i = next; i < candidates; ++i) {
        shared->candidate = i;
        if (std::optional<Program> program = candidate(written, generated, i))
          runCandidate(*program, *shared, i / 4 % 2);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != timedOut) {
      std::optional<Program> program = candidate(written, generated, shared->candidate);
      FAIL() << "seed " << test::seed() << ", candidate " << shared->candidate << " ended with status " << status << "\n"
             << printAssembly(*program);
    }
    ++loops;
    next = shared->candidate + 1;
  }
  std::printf("%u candidates: %u verified of written programs, %u of generated ones, %u calls, %u without end\n", candidates, shared->verified[0],
              shared->verified[1], shared->ran, loops);
  for (unsigned verified : shared->verified)
    EXPECT_GT(verified, candidates / 100);
}
