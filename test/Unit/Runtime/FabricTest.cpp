//===- FabricTest.cpp - Messages, barriers, collectives ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Channels and groups of sentrons without a program: order, back-pressure, results that do not depend on timing, deadlocks and every message.
//
//===----------------------------------------------------------------------===//

#include "CallGroup.h"

#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>
#include <thread>

using namespace vtpu;
using namespace vtpu::rt;

namespace {
Message number(uint64_t value) {
  Message message;
  for (uint64_t i = 0; i < 8; ++i)
    message.lanes[i] = value * 8 + i;
  return message;
}
bool operator==(const Message &a, const Message &b) { return std::memcmp(a.lanes, b.lanes, sizeof(a.lanes)) == 0; }

/// Runs `body(s)` on one thread a sentron; its result is whether the sentron ended well. Returns what each was told.
std::vector<std::string> runAll(CallGroup &group, uint32_t sentrons, const std::function<bool(uint32_t)> &body) {
  group.begin(sentrons);
  std::vector<std::thread> threads;
  for (uint32_t s = 0; s < sentrons; ++s)
    threads.emplace_back([&, s] { group.leave(s, !body(s)); });
  for (std::thread &thread : threads)
    thread.join();
  std::vector<std::string> errors;
  for (uint32_t s = 0; s < sentrons; ++s)
    errors.push_back(group.error(s));
  return errors;
}
/// Loses the processor now and then, so that threads meet in ever new orders.
void dawdle(std::mt19937_64 &random) {
  switch (random() % 16) {
  case 0:
    return std::this_thread::yield();
  case 1:
    return std::this_thread::sleep_for(std::chrono::microseconds(random() % 200)); // beyond the time that others poll
  default:
    return;
  }
}
using Strings = std::vector<std::string>;
} // namespace

TEST(Channel, HoldsItsCapacityInOrder) {
  LocalTransport transport(3);
  EXPECT_FALSE(transport.canReceive(0, 2));
  EXPECT_TRUE(transport.canSend(0, 2));
  Message got;
  EXPECT_EQ(transport.tryReceive(0, 2, got), Transfer::blocked);
  for (unsigned round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < channelCapacity; ++i)
      EXPECT_EQ(transport.trySend(0, 2, number(i)), Transfer::done);
    EXPECT_EQ(transport.trySend(0, 2, number(99)), Transfer::blocked);
    EXPECT_FALSE(transport.canSend(0, 2));
    EXPECT_EQ(transport.tryReceive(2, 0, got), Transfer::blocked); // another channel
    for (uint32_t i = 0; i < channelCapacity; ++i) {
      EXPECT_TRUE(transport.canReceive(0, 2));
      ASSERT_EQ(transport.tryReceive(0, 2, got), Transfer::done);
      EXPECT_TRUE(got == number(i));
    }
    EXPECT_FALSE(transport.canReceive(0, 2));
  }
}

TEST(Channel, LanesThatLookTheSameInItsSlotsArrive) {
  // A lane of message n is stored xor n * 2^64 / phi. These messages leave chosen lanes, or all, of a slot as they were.
  constexpr uint64_t spread = 0x9E3779B97F4A7C15;
  for (bool wide : {false, LocalTransport(1).wide}) {
    Channel channel;
    Message sent, got;
    std::mt19937_64 random(7);
    std::vector<Message> stored(channelCapacity);
    for (uint64_t n = 1; n < 2000; ++n) {
      const uint64_t key = n * spread, same = n % 7 == 0 ? 0xFF : random() & 0xFF;
      Message &slot = stored[(n - 1) % channelCapacity];
      for (unsigned i = 0; i < 8; ++i) {
        if (!(same >> i & 1))
          slot.lanes[i] = random();
        sent.lanes[i] = slot.lanes[i] ^ key;
      }
      const unsigned polls = n % 3 ? 64 : 1;
      EXPECT_FALSE(channel.tryReceive(got, wide, polls));
      ASSERT_TRUE(channel.trySend(sent, wide));
      ASSERT_TRUE(channel.tryReceive(got, wide, polls)) << n;
      ASSERT_TRUE(got == sent) << n;
    }
  }
}

TEST(Channel, ForgetsWhatIsUnderWay) {
  LocalTransport transport(2);
  Message got;
  for (uint32_t left = 0; left <= channelCapacity; ++left) {
    for (uint32_t i = 0; i < left; ++i)
      transport.trySend(1, 0, number(i));
    transport.clear();
    EXPECT_FALSE(transport.canReceive(1, 0));
    EXPECT_EQ(transport.trySend(1, 0, number(1000 + left)), Transfer::done);
    ASSERT_EQ(transport.tryReceive(1, 0, got), Transfer::done);
    EXPECT_TRUE(got == number(1000 + left));
  }
}

TEST(Channel, CarriesMessagesBetweenThreadsWhole) {
  LocalTransport transport(2);
  constexpr uint64_t count = 20000;
  std::thread source([&] {
    for (uint64_t i = 0; i < count; ++i)
      while (transport.trySend(0, 1, number(i)) != Transfer::done)
        std::this_thread::yield();
  });
  uint64_t wrong = 0;
  Message got;
  for (uint64_t i = 0; i < count; ++i) {
    while (transport.tryReceive(0, 1, got) != Transfer::done)
      std::this_thread::yield();
    wrong += !(got == number(i));
  }
  source.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(Group, RandomPatternsArriveInOrder) {
  // A model runs a random pattern one step at a time and so knows that it ends; then each sentron does its part of it.
  struct Step {
    bool send;
    uint32_t peer;
    uint64_t value;
  };
  CallGroup group(6);
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const uint32_t sentrons = 1 + seed % 6;
    std::vector<std::vector<Step>> parts(sentrons);
    std::map<std::pair<uint32_t, uint32_t>, std::deque<uint64_t>> channels;
    for (unsigned step = 0; step < 300; ++step) {
      const uint32_t from = uint32_t(random() % sentrons), to = uint32_t(random() % sentrons);
      std::deque<uint64_t> &channel = channels[{from, to}];
      if (channel.size() < channelCapacity && random() % 2) {
        channel.push_back(random() >> 3);
        parts[from].push_back({true, to, channel.back()});
      } else if (!channel.empty()) {
        parts[to].push_back({false, from, channel.front()});
        channel.pop_front();
      }
    }
    std::atomic<unsigned> wrong{0};
    Strings errors = runAll(group, sentrons, [&](uint32_t s) {
      std::mt19937_64 pause(seed * 64 + s);
      for (const Step &step : parts[s]) {
        dawdle(pause);
        Message message = number(step.value);
        if (!(step.send ? group.send(s, step.peer, message) : group.receive(s, step.peer, message)))
          return false;
        wrong += !(message == number(step.value));
      }
      return true;
    });
    EXPECT_EQ(errors, Strings(sentrons)) << "seed " << seed;
    EXPECT_EQ(wrong, 0u) << "seed " << seed;
  }
}

TEST(Group, PingPongLosesNoWakeUp) {
  // Partners that now and then keep the other waiting until it sleeps.
  CallGroup group(2);
  Strings errors = runAll(group, 2, [&](uint32_t s) {
    std::mt19937_64 random(s);
    Message message;
    for (unsigned i = 0; i < 3000; ++i) {
      dawdle(random);
      if (!(s == i % 2 ? group.send(s, 1 - s, number(i)) : group.receive(s, 1 - s, message) && message == number(i)))
        return false;
    }
    return true;
  });
  EXPECT_EQ(errors, Strings(2));
}

TEST(Group, AFullChannelHoldsItsSourceBack) {
  CallGroup group(2);
  std::atomic<int64_t> sent{0}, taken{0}, ahead{0};
  Strings errors = runAll(group, 2, [&](uint32_t s) {
    std::mt19937_64 random(s);
    Message message;
    for (uint64_t i = 0; i < 1000; ++i) {
      if (s == 0) {
        if (!group.send(0, 1, number(i)))
          return false;
        ahead = std::max<int64_t>(ahead, ++sent - taken);
      } else {
        dawdle(random);
        ++taken; // counted before it is taken: the source may go on at once
        if (!group.receive(1, 0, message) || !(message == number(i)))
          return false;
      }
    }
    return true;
  });
  EXPECT_EQ(errors, Strings(2));
  EXPECT_LE(ahead, int64_t(channelCapacity));
}

TEST(Group, FanOutReachesTheNamedSentrons) {
  CallGroup group(70);
  Strings errors = runAll(group, 70, [&](uint32_t s) {
    Message got;
    if (s == 3)
      return group.fanOut(3, 0b101001, 64, number(5)) && group.fanOut(3, uint64_t(1) << 63 | 2, 0, number(6));
    if (s == 64 || s == 67 || s == 69)
      return group.receive(s, 3, got) && got == number(5);
    return (s != 1 && s != 63) || (group.receive(s, 3, got) && got == number(6));
  });
  EXPECT_EQ(errors, Strings(70));
}

TEST(Group, BarriersHoldAllOrSome) {
  CallGroup group(5);
  std::atomic<uint32_t> arrived{0}, early{0};
  Strings errors = runAll(group, 5, [&](uint32_t s) {
    std::mt19937_64 random(s);
    for (uint32_t round = 1; round <= 200; ++round) {
      dawdle(random);
      ++arrived;
      if (!group.barrier(s))
        return false;
      early += arrived < 5 * round;
      if (!group.barrier(s)) // nobody is in the next round while some still look
        return false;
      // Pairs 0, 1 and 2, 3 at barriers of their own, as often as they like.
      for (unsigned i = 0; i < round % 3 && s < 4; ++i)
        if (!group.barrier(s, 10 + s / 2, 2))
          return false;
    }
    return true;
  });
  EXPECT_EQ(errors, Strings(5));
  EXPECT_EQ(early, 0u);
}

TEST(Group, ReductionsHaveOneOrder) {
  // Sums of floats of very different size: any other order, and any fusing, would show. Model: a tree over the sentrons in 1, 2, 4 ... steps.
  CallGroup group(9);
  for (uint32_t sentrons : {1u, 2u, 3u, 5u, 8u, 9u})
    for (unsigned seed = 0; seed < 8; ++seed) {
      std::mt19937_64 random(seed);
      std::vector<Message> values(sentrons);
      std::vector<std::array<float, 16>> tree(sentrons);
      for (uint32_t s = 0; s < sentrons; ++s) {
        for (float &lane : tree[s])
          lane = std::ldexp(float(int32_t(random() % 2001) - 1000), int(random() % 40));
        std::memcpy(values[s].lanes, tree[s].data(), 64);
      }
      const int kind = seed % 4;
      for (uint32_t step = 1; step < sentrons; step *= 2)
        for (uint32_t s = 0; s + step < sentrons; s += 2 * step)
          for (unsigned i = 0; i < 16; ++i) {
            volatile float a = tree[s][i], b = tree[s + step][i];
            tree[s][i] = kind == 0 ? a + b : kind == 1 ? a * b : kind == 2 ? (a < b ? a : b) : (a > b ? a : b);
          }
      std::atomic<unsigned> wrong{0};
      Strings errors = runAll(group, sentrons, [&](uint32_t s) {
        std::mt19937_64 pause(seed * 16 + s);
        for (unsigned round = 0; round < 20; ++round) {
          dawdle(pause);
          Message lanes = values[s];
          if (!group.reduce(s, isa::Type::f32, kind, lanes))
            return false;
          wrong += std::memcmp(lanes.lanes, tree[0].data(), 64) != 0;
        }
        return true;
      });
      EXPECT_EQ(errors, Strings(sentrons));
      EXPECT_EQ(wrong, 0u) << sentrons << " sentrons, seed " << seed;
    }
}

TEST(Group, CollectivesGiveWhatTheySay) {
  CallGroup group(5);
  for (uint32_t sentrons : {1u, 2u, 5u}) {
    std::atomic<unsigned> wrong{0};
    Strings errors = runAll(group, sentrons, [&](uint32_t s) {
      Message message;
      auto equals = [&](uint64_t lane0) { wrong += message.lanes[0] != lane0; };
      for (uint32_t root = 0; root < sentrons; ++root) {
        message = number(s);
        if (!group.broadcast(s, root, message))
          return false;
        wrong += !(message == number(root));
      }
      auto set = [&](int64_t value) { message = {}, message.lanes[0] = uint64_t(value); };
      const uint64_t n = sentrons;
      uint64_t factorial = 1, odd = 0;
      for (uint64_t i = 1; i <= n; ++i)
        factorial *= i, odd ^= i;
      const struct {
        int kind;
        uint64_t result;
      } reductions[] = {{0, n * (n + 1) / 2}, {1, factorial}, {2, 1}, {3, n}, {4, n == 1 ? 1u : 0u}, {5, n == 1 ? 1u : n == 2 ? 3u : 7u}, {6, odd}};
      for (const auto &reduction : reductions) {
        set(s + 1);
        if (!group.reduce(s, isa::Type::i64, reduction.kind, message))
          return false;
        equals(reduction.result);
      }
      set(s + 1);
      if (!group.merge(s, Merge::concat, message))
        return false;
      for (uint64_t i = 0; i < 8; ++i)
        wrong += message.lanes[i] != (i < n ? i + 1 : 0);
      set(-int64_t(s));
      if (!group.merge(s, Merge::max, message))
        return false;
      equals(0);
      set(-int64_t(s));
      if (!group.merge(s, Merge::sum, message))
        return false;
      equals(uint64_t(-int64_t(n * (n - 1) / 2)));
      const int64_t votes[] = {7, -2, 7, -2, 1}; // a draw of 7 and -2 among 2 and 5
      set(votes[s]);
      if (!group.merge(s, Merge::vote, message))
        return false;
      equals(n == 1 ? 7 : uint64_t(-2));
      return true;
    });
    EXPECT_EQ(errors, Strings(sentrons));
    EXPECT_EQ(wrong, 0u) << sentrons << " sentrons";
  }
}

TEST(Group, DeadlocksSayWhatEachWaitsFor) {
  CallGroup group(12);
  for (unsigned round = 0; round < 30; ++round) {
    Message message;
    auto receive = [&](uint32_t s, uint32_t from) {
      Message got;
      return group.receive(s, from, got);
    };
    EXPECT_EQ(runAll(group, 1, [&](uint32_t) { return receive(0, 0); }), (Strings{"deadlock: sentron 0 waits to receive from 0"}));

    std::string text = "deadlock: sentron 0 waits to receive from 1; sentron 1 waits at barrier 3 (1 of 2 arrived)";
    EXPECT_EQ(runAll(group, 2, [&](uint32_t s) { return s == 0 ? receive(0, 1) : group.barrier(1, 3, 2); }), (Strings{text, text}));

    text = "deadlock: sentron 1 waits to receive from 0, which has returned; sentron 2 waits at cbar (1 of 3 arrived)";
    EXPECT_EQ(runAll(group, 3, [&](uint32_t s) { return s == 0 || (s == 1 ? receive(1, 0) : group.barrier(2)); }), (Strings{"", text, text}));

    text = "deadlock: sentron 0 waits to send to 1; sentron 1 waits at creduce (1 of 2 arrived)";
    EXPECT_EQ(runAll(group, 2, [&](uint32_t s) {
      Message mine;
      if (s == 1)
        return group.reduce(1, isa::Type::i64, 0, mine);
      while (group.send(0, 1, mine)) {
      }
      return false;
    }), (Strings{text, text}));

    // A message that is under way is no deadlock, and what was sent before a return still arrives.
    EXPECT_EQ(runAll(group, 2, [&](uint32_t s) { return s == 0 ? group.send(0, 1, message) : receive(1, 0); }), Strings(2));
    EXPECT_EQ(runAll(group, 2, [&](uint32_t s) { return s == 0 ? group.send(0, 1, message) : receive(1, 0) && receive(1, 0); }),
              (Strings{"", "deadlock: sentron 1 waits to receive from 0, which has returned"}));
  }
  std::string text = "deadlock: ";
  for (uint32_t s = 0; s < 8; ++s)
    text += fmt::format("{}sentron {} waits to receive from {}", s ? "; " : "", s, s + 1);
  EXPECT_EQ(runAll(group, 12, [&](uint32_t s) {
    Message got;
    return group.receive(s, (s + 1) % 12, got);
  }), Strings(12, text + "; and 4 more"));
}

TEST(Group, ATrapEndsEveryWait) {
  CallGroup group(5);
  for (unsigned round = 0; round < 50; ++round) {
    Strings errors = runAll(group, 5, [&](uint32_t s) {
      Message message;
      std::mt19937_64 random(round);
      switch (s) {
      case 0:
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 150));
        return false; // it traps
      case 1:
        return group.receive(1, 0, message);
      case 2:
        while (group.send(2, 0, message)) {
        }
        return false;
      case 3:
        return group.barrier(3, 63, 5);
      default:
        return group.broadcast(4, 0, message);
      }
    });
    EXPECT_EQ(errors, Strings(5));
  }
  // The next call of the same group knows nothing of it.
  EXPECT_EQ(runAll(group, 5, [&](uint32_t s) {
    Message message = number(s);
    return group.barrier(s, 63, 5) && group.broadcast(s, 4, message) && message == number(4) && group.send(s, s, message) &&
           group.receive(s, s, message);
  }), Strings(5));
}

TEST(Group, RefusesWithTheValue) {
  CallGroup group(70);
  auto alone = [&](auto body, uint32_t sentrons = 2) {
    return runAll(group, sentrons, [&](uint32_t s) { return s != 0 || body(); })[0];
  };
  Message message;
  EXPECT_EQ(alone([&] { return group.send(0, 2, message); }), "sentron 2 does not exist; this call has 2 (0 to 1)");
  EXPECT_EQ(alone([&] { return group.receive(0, -1, message); }), "sentron -1 does not exist; this call has 2 (0 to 1)");
  EXPECT_EQ(alone([&] { return group.broadcast(0, int64_t(1) << 32, message); }), "sentron 4294967296 does not exist; this call has 2 (0 to 1)");
  EXPECT_EQ(alone([&] { return group.fanOut(0, 9, 0, message); }), "sentron 3 does not exist; this call has 2 (0 to 1)");
  EXPECT_EQ(alone([&] { return group.barrier(0, 7, 3); }), "barrier 7 for 3 sentrons; this call has 2");
  EXPECT_EQ(alone([&] { return group.barrier(0, 7, 0); }), "barrier 7 for 0 sentrons; this call has 2");
  EXPECT_EQ(alone([&] { return group.merge(0, Merge::concat, message); }, 9), "cmerge joins the messages of up to 8 sentrons; this call has 9");
}

TEST(Group, SentronsThatDisagreeAreTold) {
  // Who comes second is told, whoever that is.
  CallGroup group(3);
  for (unsigned round = 0; round < 20; ++round) {
    auto told = [&](auto body) {
      Strings errors = runAll(group, 3, body);
      return std::set<std::string>(errors.begin(), errors.end());
    };
    auto expect = [&](const std::set<std::string> &got, const std::string &one, const std::string &other) {
      EXPECT_TRUE(got.count(one) || got.count(other)) << *got.rbegin();
      EXPECT_TRUE(got.count(""));
    };
    expect(told([&](uint32_t s) { return s == 2 || group.barrier(s, 1, 2 + s); }), "barrier 1 for 2 sentrons, but others wait there for 3",
           "barrier 1 for 3 sentrons, but others wait there for 2");
    expect(told([&](uint32_t s) {
      Message message;
      return s == 2 || (s ? group.broadcast(s, 0, message) : group.merge(s, Merge::sum, message));
    }), "sentron 0 is at cmerge, others are at ccast", "sentron 1 is at ccast, others are at cmerge");
    expect(told([&](uint32_t s) {
      Message message;
      return s == 2 || group.broadcast(s, s, message);
    }), "sentron 0 is at ccast with operands that differ from the others'", "sentron 1 is at ccast with operands that differ from the others'");
  }
}
