//===- RunWords.h - Words of assembly over one buffer -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a few words in every tier on a buffer and holds the tiers to the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_RUNTIME_RUNWORDS_H
#define VTPU_TEST_UNIT_RUNTIME_RUNWORDS_H

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/Verifier.h"

#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>

namespace vtpu::test {

/// The one binding of the words, which r0 points to.
class Memory {
public:
  explicit Memory(size_t size) : bytes(size) {}
  template <typename T>
  T *as(size_t offset) {
    return reinterpret_cast<T *>(&bytes[offset]);
  }
  Coordinate coordinate(size_t offset) const {
    uint64_t halves[2];
    std::memcpy(halves, &bytes[offset], 16);
    return Coordinate::fromBits(halves[0], halves[1]);
  }
  std::vector<uint8_t> bytes;
};

/// Runs the words in every tier on copies of `memory`, which afterwards holds the result; the tiers must agree. `prepare` sees each context
/// before its call. The trap, of cause none if there was none.
inline rt::Trap run(const std::string &words, Memory &memory, const std::function<void(rt::SentronContext &)> &prepare = {}) {
  const std::string text = fmt::format(".func f entry\n.binding output y size={} align=8 writable dtype=u8 shape=[{}]\n{{ C: cptr r0, b0 }}\n{}"
                                       "{{ C: cret }}\n.end\n",
                                       memory.bytes.size(), memory.bytes.size(), words);
  Result<Program> program = parseAssembly(text, "t.siw");
  EXPECT_TRUE(program.ok()) << program.message() << "\n" << text;
  if (!program)
    return {};
  auto facts = rt::verify(*program);
  EXPECT_TRUE(facts.ok()) << facts.message() << "\n" << text;
  if (!facts)
    return {};
  std::vector<std::unique_ptr<rt::Executor>> tiers;
  tiers.push_back(rt::createInterpreter(*program, *facts));
  if (rt::hostHasBaseline())
    tiers.push_back(std::move(*rt::createJIT(*program, *facts)));
  const std::vector<uint8_t> before = memory.bytes;
  rt::Trap trap;
  for (auto &tier : tiers) {
    std::vector<uint8_t> bytes = before;
    uint8_t *bases[] = {bytes.data()};
    rt::SentronContext context;
    if (prepare)
      prepare(context);
    const bool returned = tier->run(0, bases, context);
    EXPECT_EQ(returned, context.trap.cause == rt::TrapCause::none);
    if (tier != tiers.front()) {
      EXPECT_EQ(bytes, memory.bytes) << text;
      EXPECT_EQ(context.trap.cause, trap.cause);
    }
    memory.bytes = bytes;
    trap = context.trap;
  }
  return trap;
}

} // namespace vtpu::test

#endif // VTPU_TEST_UNIT_RUNTIME_RUNWORDS_H
