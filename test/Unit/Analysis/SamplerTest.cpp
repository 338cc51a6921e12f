//===- SamplerTest.cpp - Where the time of some code goes -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Analysis/Sampler.h"

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/JIT.h"
#include "vtpu/Runtime/Verifier.h"

#include <gtest/gtest.h>

using namespace vtpu;
using namespace vtpu::analysis;

namespace {
/// A program with a long loop between two words, running in the template JIT.
class Running {
public:
  explicit Running(const std::string &text) {
    Result<Program> program = parseAssembly(text, "test.siw", true);
    EXPECT_TRUE(program) << program.message();
    rt::LoopProbe probe; // around nothing
    probe.function = UINT32_MAX;
    Result<vtpu_program *> loaded = rt::loadProbed(*program, probe);
    EXPECT_TRUE(loaded) << loaded.message();
    handle = *loaded;
    Result<rt::EmittedCode> code = rt::emitForDisplay(*program, *rt::verify(*program));
    EXPECT_TRUE(code) << code.message();
    emitted = *code;
  }
  ~Running() { vtpu_release(handle); }
  Status call() const {
    int64_t y = 0;
    void *out[] = {&y};
    return vtpu_call(handle, 0, nullptr, out) == 0 ? Status() : Status(Error{vtpu_last_error()});
  }
  vtpu_program *handle = nullptr;
  rt::EmittedCode emitted;
};

constexpr const char *loop = R"(.func main entry
  .binding output y size=8 align=8 writable dtype=i64 shape=[1]
  { C: cptr r0, b0 }
  { C: cimm r1, 0 }
L1:
  { C: caddi r1, r1, 1 }
  { C: cbcci.lt r1, 200000, L1 }
  { S: sstr.i64 r1, [r0] }
  { C: cret }
.end
)";

TEST(Sampler, FindsTheLoop) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "this CPU does not run the template JIT";
  const Running running(loop);
  const rt::RunningCode code = rt::runningCode(running.handle);
  ASSERT_EQ(code.bytes, running.emitted.bytes.size());
  const Result<Samples> samples = sampleCalls(code.data, code.bytes, 0.05, [&] { return running.call(); });
  ASSERT_TRUE(samples) << samples.message();
  ASSERT_GT(samples->inside.size(), 5u);
  const std::vector<uint32_t> &words = running.emitted.wordOffsets[0];
  size_t inside = 0;
  for (const Sample &sample : samples->inside) {
    inside += sample.offset >= words[2] && sample.offset < words[4];
    EXPECT_GT(sample.rate, 0.1);
    EXPECT_LT(sample.rate, 20);
  }
  EXPECT_GT(double(inside), 0.9 * double(samples->inside.size()));
  EXPECT_GT(samples->cycles, 50'000);
  EXPECT_GT(samples->nanoseconds, 1'000);
}

TEST(Sampler, ReportsFailingCalls) {
  const uint8_t code[1] = {};
  int calls = 0;
  const Result<Samples> samples = sampleCalls(code, 1, 0, [&] { return ++calls < 3 ? Status() : Status(Error{"no more"}); });
  ASSERT_FALSE(samples);
  EXPECT_EQ(samples.message(), "no more");
  // One sampling inside another.
  const Result<Samples> outer = sampleCalls(code, 1, 0, [&] {
    const Result<Samples> inner = sampleCalls(code, 1, 0, [] { return Status(); });
    return inner ? Status() : Status(Error{inner.message()});
  });
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.message(), "another thread of this process samples already");
  EXPECT_TRUE(sampleCalls(code, 1, 0, [] { return Status(); })); // and nothing is left behind
}
} // namespace
