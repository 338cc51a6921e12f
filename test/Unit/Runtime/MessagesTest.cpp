//===- MessagesTest.cpp - Programs whose sentrons talk ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of messages and collective operations as assembly programs, in every tier.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <numeric>

using namespace vtpu;

namespace {
constexpr unsigned most = 64;
/// A program of one output `y` of 64 integers, whose address stands in r0, and of one input `x` of as many, at r1; r2 is the sentron, r3 their
/// number.
std::string program(const std::string &body) {
  return R"(.func main entry
  .binding input x size=512 align=64 dtype=i64 shape=[64]
  .binding output y size=512 align=64 writable dtype=i64 shape=[64]
  { C: cptr r0, b1 }
  { C: cptr r1, b0 }
  { C: csid r2 }
  { C: csnum r3 }
)" + body + ".end\n";
}
/// Runs it in every tier on `sentrons` sentrons; `check(y, message)` sees what came out of each call.
template <typename Check>
void run(const std::string &body, uint32_t sentrons, Check check, const std::vector<int64_t> &input = {}, unsigned rounds = 20) {
  Result<Program> parsed = parseAssembly(program(body), "t.siw");
  ASSERT_TRUE(parsed.ok()) << parsed.message();
  Result<std::vector<uint8_t>> bytes = writeObject(*parsed);
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  std::vector<int64_t> x(most);
  std::copy(input.begin(), input.end(), x.begin());
  for (vtpu_tier tier : {VTPU_TIER_INTERPRETER, VTPU_TIER_JIT}) {
    if (tier == VTPU_TIER_JIT && !rt::hostHasBaseline())
      continue;
    Options options;
    options.tier = tier;
    options.threads = sentrons;
    Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), options);
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    for (unsigned round = 0; round < rounds; ++round) {
      std::vector<int64_t> y(most, -1);
      const std::string message = loaded->call(0, {x.data()}, {y.data()}).message();
      check(y, message);
    }
  }
}
/// The first values of y.
auto gives(std::vector<int64_t> expected) {
  return [expected = std::move(expected)](const std::vector<int64_t> &y, const std::string &message) {
    EXPECT_EQ(message, "");
    EXPECT_EQ(std::vector<int64_t>(y.begin(), y.begin() + std::ptrdiff_t(expected.size())), expected);
  };
}
auto traps(std::string expected) {
  return [expected = std::move(expected)](const std::vector<int64_t> &, const std::string &message) { EXPECT_EQ(message, expected); };
}
} // namespace

TEST(Messages, ASentMessageIsReceived) {
  // T14: 42 goes from sentron 0 to 1, and the other lanes with it.
  for (uint32_t sentrons : {2u, 10u})
    run(R"(
  { C: cimm r4, 1 }
  { D: dset.i64.512 v0, r3 ; C: cbcci.ne r2, 0, other }
  { C: cpackv m0, v0 }
  { C: cimm r5, 42 }
  { C: cpack m0, r5, r4, 3 }
  { C: csend m0, r4 }
  { C: cret }
other:
  { C: cbcci.ne r2, 1, done }
  { C: cimm r6, 0 }
  { C: crecv m7, r6 }
  { C: cunpack r8, r9, m7, 3 }
  { S: sstr.i64 r8, [r0] }
  { S: sstr.i64 r9, [r0 + 8] ; C: cunpackv v1, m7 }
  { S: ssts.i64 v1, [r0 + 16] }
done:
  { C: cret }
)", sentrons, gives({42, 1, int64_t(sentrons)}));
}

TEST(Messages, ArriveInOrderHoweverMany) {
  // 1000 numbers through a channel of 16; each arrives when its turn is. Then one goes to the sentron itself.
  run(R"(
  { C: cimm r4, 0 }
  { C: cimm r6, 0 }
  { C: cimm r7, 1 }
  { D: dset.i64.512 v0, r2 }
  { C: cpackv m1, v0 }
  { C: cimm r11, 0 }
  { C: cbcci.ne r2, 0, destination }
source:
  { C: cpack m1, r4, r4, 0 }
  { C: csend m1, r7 }
  { C: caddi r4, r4, 1 }
  { C: cbcci.lt r4, 1000, source }
  { C: cret }
destination:
  { C: crecv m2, r6 }
  { C: cunpack r8, r9, m2, 0 }
  { C: cset.eq r10, r8, r4 }
  { C: cadd r11, r11, r10 }
  { C: caddi r4, r4, 1 }
  { C: cbcci.lt r4, 1000, destination }
  { C: csend m2, r2 }
  { C: crecv m3, r2 }
  { C: cunpack r8, r9, m3, 0 }
  { S: sstr.i64 r11, [r0] }
  { S: sstr.i64 r8, [r0 + 8] ; C: cret }
)", 2, gives({1000, 999}));
}

TEST(Messages, RegistersSurviveAWaitHoweverLong) {
  // Sentron 1 counts for milliseconds before it sends, so that 0 sleeps in `crecv`; all its vectors, masks and integers are there afterwards.
  std::string set, check;
  for (unsigned v = 0; v < 32; ++v) {
    set += fmt::format("  {{ D: dimm.i64.512 v{}, {} }}\n", v, 1000 + v);
    check += fmt::format("  {{ D: dget.i64 r4, v{} }}\n  {{ C: cadd r5, r5, r4 }}\n", v);
  }
  for (unsigned k = 1; k < 8; ++k) {
    set += fmt::format("  {{ C: kset k{}, {} }}\n", k, 8 * k);
    check += fmt::format("  {{ C: kget r4, k{} }}\n  {{ C: cadd r5, r5, r4 }}\n", k);
  }
  for (unsigned r = 6; r < 16; ++r) {
    set += fmt::format("  {{ C: cimm r{}, {} }}\n", r, 1 << r);
    check += fmt::format("  {{ C: cadd r5, r5, r{} }}\n", r);
  }
  int64_t sum = 0;
  for (int64_t v = 0; v < 32; ++v)
    sum += 1000 + v;
  for (unsigned k = 1; k < 8; ++k)
    sum += int64_t((uint64_t(1) << (8 * k)) - 1);
  for (unsigned r = 6; r < 16; ++r)
    sum += 1 << r;
  run(R"(
  { C: cimm r5, 0 }
  { C: cimm r4, 1 }
  { C: cbcci.eq r2, 1, late }
)" + set + R"(
  { C: crecv m0, r4 }
)" + check + R"(
  { S: sstr.i64 r5, [r0] ; C: cret }
late:
  { C: caddi r4, r4, 1 }
  { C: cbcci.lt r4, 3000000, late }
  { D: dset.i64.512 v0, r4 }
  { C: cpackv m0, v0 }
  { C: csend m0, r5 }
  { C: cret }
)", 2, gives({sum}), {}, 1);
}

TEST(Messages, GoToTheSentronOfACoordinate) {
  const Coordinate place(std::array<uint16_t, 11>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  for (uint32_t sentrons : {1u, 2u, 3u}) {
    const int64_t owner = int64_t(place.hash() % sentrons);
    run(fmt::format(R"(
  {{ D: dset.i64.512 v0, r2 }}
  {{ C: cpackv m0, v0 }}
  {{ S: pcoord p3 }} @1.2.3/4.5.6/7.8.9.10.11
  {{ C: croute m0, p3 }}
  {{ C: cimm r4, 0 }}
  {{ C: cbcci.ne r2, {}, done }}
next:
  {{ C: crecv m1, r4 }}
  {{ C: cunpack r5, r6, m1, 0 }}
  {{ S: sstr.i64 r5, [r0 + r4*8] ; C: caddi r4, r4, 1 }}
  {{ C: cbcc.lt r4, r3, next }}
done:
  {{ C: cret }}
)", owner), sentrons, gives(sentrons == 1 ? std::vector<int64_t>{0} : sentrons == 2 ? std::vector<int64_t>{0, 1} : std::vector<int64_t>{0, 1, 2}));
  }
}

TEST(Messages, FanOutToTheBitsOfAMask) {
  run(R"(
  { D: dset.i64.512 v0, r3 }
  { C: cpackv m0, v0 }
  { C: cimm r4, 0 }
  { C: cimm r5, 22 }
  { C: cbcci.ne r2, 0, other }
  { C: cfanout m0, r5, 0 }
  { C: cret }
other:
  { C: cbcci.eq r2, 3, done }
  { C: crecv m1, r4 }
  { C: cunpack r6, r7, m1, 3 }
  { S: sstr.i64 r7, [r0 + r2*8] }
done:
  { C: cret }
)", 5, gives({-1, 5, 5, -1, 5}));
}

TEST(Messages, TheThirdArrivalCompletesABarrier) {
  // T15: three of five sentrons at barrier 63. Each writes before it and sums up behind it what all three wrote.
  run(R"(
  { C: cimm r4, 3 }
  { C: cbcci.ge r2, 3, done }
  { C: caddi r5, r2, 10 }
  { S: sstr.i64 r5, [r0 + r2*8] }
  { C: cbarn r4, 63 }
  { S: sldr.i64 r6, [r0] }
  { S: sldr.i64 r7, [r0 + 8] ; C: caddi r9, r2, 3 }
  { S: sldr.i64 r8, [r0 + 16] ; C: cadd r6, r6, r7 }
  { C: cadd r6, r6, r8 }
  { S: sstr.i64 r6, [r0 + r9*8] }
done:
  { C: cret }
)", 5, gives({10, 11, 12, 33, 33, 33, -1}));
}

TEST(Messages, CollectiveOperationsReachEverySentron) {
  const std::vector<int64_t> x = {5, 3, 6, -9, 3};
  for (int64_t n : {1, 2, 5}) {
    auto over = [&](int64_t first, auto pair) { return std::accumulate(x.begin() + 1, x.begin() + n, first, pair); };
    const std::vector<int64_t> reduced = {
        over(x[0], [](int64_t a, int64_t b) { return a + b; }), over(x[0], [](int64_t a, int64_t b) { return a * b; }),
        over(x[0], [](int64_t a, int64_t b) { return std::min(a, b); }), over(x[0], [](int64_t a, int64_t b) { return std::max(a, b); }),
        over(x[0], [](int64_t a, int64_t b) { return a & b; }), over(x[0], [](int64_t a, int64_t b) { return a | b; }),
        over(x[0], [](int64_t a, int64_t b) { return a ^ b; })};
    auto everywhere = [&](int64_t value) {
      std::vector<int64_t> result(most, -1);
      std::fill_n(result.begin(), n, value);
      return result;
    };
    for (unsigned kind = 0; kind < reduced.size(); ++kind) {
      run(fmt::format("  {{ S: sldr.i64 r14, [r1 + r2*8] }}\n  {{ C: creduce r15, r14, {} }}\n  {{ S: sstr.i64 r15, [r0 + r2*8] ; C: cret }}\n", kind),
          uint32_t(n), gives(everywhere(reduced[kind])), x, 3);
      // Lane 0 as the scalar, with any register and with a length that leaves the rest zero.
      run(fmt::format("  {{ S: slds.i64 v9, [r1 + r2*8] }}\n  {{ C: creducev.i64.128 v31, v9, {} }}\n"
                      "  {{ S: ssts.i64 v31, [r0 + r2*8] ; C: cret }}\n", kind),
          uint32_t(n), gives(everywhere(reduced[kind])), x, 3);
    }
    const std::string load = "  { D: dimm.i64.512 v0, 0 }\n  { C: cpackv m5, v0 }\n  { S: sldr.i64 r4, [r1 + r2*8] ; C: cimm r5, 0 }\n"
                             "  { C: cpack m5, r4, r5, 0 }\n";
    const std::string store = "  { C: cunpack r6, r7, m6, 0 }\n  { S: sstr.i64 r6, [r0 + r2*8] ; C: cret }\n";
    run(load + "  { C: cmerge m6, m5, 1 }\n" + store, uint32_t(n), gives(everywhere(reduced[0])), x, 3);
    run(load + "  { C: cmerge m6, m5, 2 }\n" + store, uint32_t(n), gives(everywhere(reduced[3])), x, 3);
    run(load + "  { C: cmerge m6, m5, 3 }\n" + store, uint32_t(n), gives(everywhere(n == 1 ? 5 : 3)), x, 3);
    std::vector<int64_t> joined(x.begin(), x.begin() + n);
    joined.resize(8);
    // The last sentron tells.
    run(load + "  { C: cmerge m6, m5, 0 }\n  { C: cunpackv v1, m6 }\n  { C: caddi r4, r2, 1 }\n  { C: cbcc.ne r4, r3, done }\n"
               "  { S: sst.i64.i64.512 v1, [r0] }\ndone:\n  { C: cret }\n",
        uint32_t(n), gives(joined), x, 3);
    for (int64_t root = 0; root < n; ++root)
      run(load + fmt::format("  {{ C: cimm r8, {} }}\n  {{ C: ccast m5, r8 }}\n  {{ C: cunpack r6, r7, m5, 0 }}\n"
                             "  {{ S: sstr.i64 r6, [r0 + r2*8] ; C: cret }}\n", root),
          uint32_t(n), gives(everywhere(x[size_t(root)])), x, 3);
  }
}

TEST(Messages, FloatsAreReducedInOneOrder) {
  // (1e30 + 1) + (-1e30 + 1) = 0 in the tree; from left to right it is 1.
  std::vector<int64_t> x;
  for (double value : {1e30, 1.0, -1e30, 1.0}) {
    int64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    x.push_back(bits);
  }
  run("  { S: sbcast.f64.512 v0, [r1 + r2*8] }\n  { C: creducev.f64.512 v0, v0, 0 }\n  { S: ssts.f64 v0, [r0 + r2*8] ; C: cret }\n", 4,
      gives({0, 0, 0, 0, -1}), x, 50);
}

TEST(Messages, DeadlocksAreReported) {
  run("  { C: crecv m0, r2 }\n  { C: cret }\n", 1, traps("function main, word 4: deadlock: sentron 0 waits to receive from 0"));
  run(R"(
  { C: cimm r4, 1 }
  { C: cimm r5, 2 }
  { C: cbcci.ne r2, 0, other }
  { C: crecv m0, r4 }
  { C: cret }
other:
  { C: cbarn r5, 3 }
  { C: cret }
)", 2, traps("function main, word 7: deadlock: sentron 0 waits to receive from 1; sentron 1 waits at barrier 3 (1 of 2 arrived)"));
  run(R"(
  { C: cimm r4, 0 }
  { C: cbcci.eq r2, 0, done }
  { C: crecv m0, r4 }
done:
  { C: cret }
)", 3, traps("function main, word 6: deadlock: sentron 1 waits to receive from 0, which has returned; sentron 2 waits to receive from 0, "
             "which has returned"));
  run(R"(
  { D: dset.i64.512 v0, r2 ; C: cimm r4, 1 }
  { C: cpackv m0, v0 }
  { C: cbcci.ne r2, 0, other }
more:
  { C: csend m0, r4 }
  { C: cbr more }
other:
  { C: creduce r5, r4, 0 }
  { C: cret }
)", 2, traps("function main, word 7: deadlock: sentron 0 waits to send to 1; sentron 1 waits at creduce (1 of 2 arrived)"));
}

TEST(Messages, ABadSentronTrapsWithItsNumber) {
  const std::string message = "  { D: dset.i64.512 v0, r2 }\n  { C: cpackv m0, v0 }\n  { C: cimm r4, %}\n  { C: cimm r5, 1 }\n  { C: kset k1, 1 }\n";
  auto with = [&](const std::string &value, const std::string &word) {
    std::string text = message;
    text.replace(text.find('%'), 1, value + " ");
    return text + "  { C: " + word + " }\n  { C: cret }\n";
  };
  auto none = [](const std::string &value) { return "function main, word 9: sentron " + value + " does not exist; this call has 2 (0 to 1)"; };
  run(with("2", "csend m0, r4"), 2, traps(none("2")));
  run(with("-1", "crecv m0, r4"), 2, traps(none("-1")));
  run(with("4294967296", "csend m0, r4"), 2, traps(none("4294967296")));
  run(with("1024", "ccast m0, r4"), 2, traps(none("1024")));
  run(with("4", "cfanout m0, r4, 0"), 2, traps(none("2")));
  run(with("1", "cfanout m0, r4, 1"), 2, traps(none("64")));
  run(with("3", "cbarn r4, 5"), 2, traps("function main, word 9: barrier 5 for 3 sentrons; this call has 2"));
  run(with("0", "cmerge m0, m0, 0"), 9, traps("function main, word 9: cmerge joins the messages of up to 8 sentrons; this call has 9"));
}

TEST(Messages, AreDefinedBeforeTheyAreSent) {
  for (const char *word : {"csend m0, r2", "cfanout m0, r2, 0", "ccast m0, r2", "cmerge m1, m0, 1"}) {
    Result<Program> parsed = parseAssembly(program(fmt::format("  {{ C: {} }}\n  {{ C: cret }}\n", word)), "t.siw");
    ASSERT_TRUE(parsed.ok()) << parsed.message();
    Result<std::vector<uint8_t>> bytes = writeObject(*parsed);
    Result<LoadedFile> loaded = LoadedFile::load(bytes->data(), bytes->size(), Options());
    EXPECT_FALSE(loaded.ok()) << word;
    EXPECT_NE(loaded.message().find("m0"), std::string::npos) << loaded.message();
  }
}
