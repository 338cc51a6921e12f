//===- SchedulingTest.cpp - Algorithms and their verifier -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Problems.h"

#include <algorithm>
#include <bitset>
#include <random>

using namespace vtpu;
using namespace vtpu::sched;
using namespace vtpu::sched::test;
using isa::Pipe;

//===----------------------------------------------------------------------===//
// Known optima
//===----------------------------------------------------------------------===//

TEST(ListScheduler, KeepsPortsBusy) {
  Problem problem(table);
  for (int i = 0; i < 8; ++i)
    add(problem, multiplyAdd);
  EXPECT_EQ(schedule(problem).length(), 4u); // eight, two a cycle
  Problem wide(table);
  for (int i = 0; i < 10; ++i)
    add(wide, alu);
  EXPECT_EQ(schedule(wide).length(), 3u); // ten, four a cycle
}

TEST(ListScheduler, TakesFractionsOfACycle) {
  PortTable slow = makeTable();
  slow.ports[2].capacity = 112; // 1.12 loads a cycle
  Problem problem(slow);
  for (int i = 0; i < 112; ++i)
    add(problem, load);
  EXPECT_EQ(schedule(problem).length(), 100u);
}

TEST(ListScheduler, StartsTheLongestChainFirst) {
  // In the given order the chain starts last: 4 + 3 * 4 cycles; first, it hides the eight others.
  Problem problem(table);
  for (int i = 0; i < 8; ++i)
    add(problem, multiplyAdd);
  const uint32_t a = add(problem, multiplyAdd), b = add(problem, multiplyAdd), c = add(problem, multiplyAdd);
  flow(problem, a, b);
  flow(problem, b, c);
  EXPECT_EQ(schedule(problem).length(), 9u);
  const std::vector<uint32_t> given = issueInOrder(problem, givenOrder(problem));
  EXPECT_EQ(*std::max_element(given.begin(), given.end()), 12u);
}

TEST(ListScheduler, HidesLoads) {
  Problem problem(table);
  for (int i = 0; i < 4; ++i) {
    const uint32_t from = add(problem, load), to = add(problem, multiplyAdd);
    flow(problem, from, to);
  }
  EXPECT_EQ(schedule(problem).length(), 9u); // loads in cycles 0 to 3, the last result in 8
}

TEST(ListScheduler, RespectsRegisters) {
  // Four loads and their sums: with two registers for loaded values it must alternate.
  Problem problem(table);
  problem.registerLimits = {2};
  for (int i = 0; i < 4; ++i) {
    const uint32_t from = add(problem, load), to = add(problem, multiplyAdd);
    flow(problem, from, to);
    RegisterValue value;
    value.def = from;
    value.uses = {to};
    problem.values.push_back(value);
  }
  schedule(problem); // verified
  problem.registerLimits = {0};
  EXPECT_EQ(listSchedule(problem).message(), "no order is found within the registers: 0 of 8 operations are in their places, operation 0 (sld) is the "
                                             "first that waits; spill a value or keep the given order");
}

TEST(ListScheduler, SaysWhatIsWrongWithAProblem) {
  EXPECT_EQ(schedule(Problem(table)).length(), 0u); // no operations: nothing to do, nothing wrong
  Problem problem(table);
  const uint32_t from = add(problem, load), to = add(problem, multiplyAdd);
  flow(problem, from, to);
  auto expect = [&](const std::string &message) {
    EXPECT_EQ(listSchedule(problem).message(), message);
    EXPECT_EQ(messages(problem, {{0, 5}, {0, 1}}), Texts{message});
  };
  problem.registerLimits = {1};
  problem.values.resize(2); // both live from the start
  expect("2 values come from outside in registers of class 0, of which 1 are free; keep some in memory");
  problem.values[1].cls = 1;
  expect("value 1 is of register class 1; the problem limits 1 classes");
  problem.values.clear();
  problem.dependences.push_back({to, from, DependenceKind::anti, 0});
  expect("the anti dependence of operation 0 (sld) on operation 1 (dfma) goes backwards within an iteration; it needs a distance of 1 or more");
  problem.dependences.clear();
  PortTable slotless = makeTable();
  slotless.ports[2].capacity = 0;
  problem.table = &slotless;
  expect("operation 0 (sld) needs 1.00 cycles of port load, which does 0.00 a cycle in port table 'test'");
  slotless.ports.clear();
  expect("port table 'test' has no ports; the first must be its front end");
  problem.table = &table;
  problem.operations[to].row = nullptr;
  expect("operation 1 (dfma) has no row of port table 'test', which says what it costs");
}

TEST(HostModel, ReordersWithinItsWindow) {
  // A chain behind eight independent operations: in a window of 8 its start must wait, in a larger one it need not.
  Problem problem(table);
  for (int i = 0; i < 16; ++i)
    add(problem, multiplyAdd);
  uint32_t last = add(problem, multiplyAdd);
  for (int i = 0; i < 3; ++i) {
    const uint32_t next = add(problem, multiplyAdd);
    flow(problem, last, next);
    last = next;
  }
  PortTable large = makeTable();
  large.window = 64;
  const uint32_t narrow = hostCycles(problem, givenOrder(problem), 1);
  const uint32_t scheduled = hostCycles(problem, schedule(problem).order(), 1);
  EXPECT_LT(scheduled, narrow);
  Problem wide = problem;
  wide.table = &large;
  EXPECT_LE(hostCycles(wide, givenOrder(wide), 1), narrow);
}

TEST(HostModel, OverlapsIterations) {
  // A sum over loads: four cycles an iteration, whatever the load takes.
  Problem problem(table);
  const uint32_t from = add(problem, load), sum = add(problem, multiplyAdd);
  flow(problem, from, sum);
  flow(problem, sum, sum, 1);
  const uint32_t ten = hostCycles(problem, givenOrder(problem), 10), twenty = hostCycles(problem, givenOrder(problem), 20);
  EXPECT_EQ(twenty - ten, 40u);
  const Bounds bounds = findBounds(problem);
  std::string what;
  EXPECT_EQ(bounds.limit(problem, what), 400u);
  EXPECT_EQ(what, "recurrence");
}

TEST(HostModel, PortsThatAreLeftThrough) {
  // Three cycles at a port when the store leaves: that is the time of an iteration, but nobody who waits for the store's result notices.
  PortTable leaving = makeTable();
  leaving.ports.push_back({"commit", oneCycle, 10 * oneCycle});
  const PortRow slow = {3, {{0, 100}, {3, 100}, {uint32_t(leaving.ports.size()) - 1, 300}}};
  Problem problem(leaving);
  add(problem, slow);
  add(problem, alu);
  flow(problem, 0, 1);
  const std::vector<HostTime> times = simulate(problem, givenOrder(problem), 64);
  EXPECT_NEAR(steadyCycles(problem, times, 64), 3, 0.1);
  for (size_t i = 0; i < times.size(); i += 2) {
    if (i < leaving.window) {
      EXPECT_LE(times[i].started, i / 2 + 1); // one a cycle, as the other port has it
    }
    EXPECT_EQ(times[i + 1].started, times[i].started + 3);
    EXPECT_GE(times[i].retired, times[i].done);
  }
  // Four stores of three cycles wait there before the next one must.
  EXPECT_EQ(times[6].retired, times[6].done);
  EXPECT_GT(times[40].retired, times[40].done);
  // A backlog that is not full yet when the simulation ends.
  leaving.ports.back().backlog = 1000 * oneCycle;
  EXPECT_EQ(steadyCycles(problem, simulate(problem, givenOrder(problem), 64), 64), 3);
}

TEST(HostModel, OperationsLeaveInOrder) {
  // A chain of a load a round, behind which 16 others are done long before: two leave in a cycle.
  PortTable narrow = makeTable();
  narrow.ports[0].capacity = 8 * oneCycle;
  narrow.window = 34;
  auto cycles = [&](Work leaving) {
    narrow.leaving = leaving;
    Problem problem(narrow);
    const uint32_t first = add(problem, load);
    for (int i = 0; i < 16; ++i)
      add(problem, alu);
    problem.dependences.push_back({first, first, DependenceKind::memory, 2, 1, true, true});
    return steadyCycles(problem, simulate(problem, givenOrder(problem), 64), 64);
  };
  EXPECT_NEAR(cycles(0), 7, 0.1);
  EXPECT_NEAR(cycles(2 * oneCycle), 8.5, 0.6); // of 17
}

TEST(Bounds, NameWhatLimits) {
  std::string what;
  Problem chain(table);
  const uint32_t from = add(chain, load), to = add(chain, multiplyAdd);
  flow(chain, from, to);
  EXPECT_EQ(findBounds(chain).limit(chain, what), 900u);
  EXPECT_EQ(what, "critical path");
  Problem loads(table);
  for (int i = 0; i < 20; ++i)
    add(loads, load);
  EXPECT_EQ(findBounds(loads).limit(loads, what), 2000u);
  EXPECT_EQ(what, "port load");
}

TEST(PackWords, FillsSlotsAndReadsBeforeItWrites) {
  Problem problem(table);
  addSlot(problem, "sld", {1, 0});       // v1 = [r0]
  addSlot(problem, "dadd", {2, 1, 1});   // v2 = v1 + v1: a later word
  addSlot(problem, "cadd", {0, 0, 1});   // r0 = r0 + r1: beside the load, which reads the old r0
  addSlot(problem, "sld", {1, 0});       // v1 = [r0]: beside the sum, which reads the old v1
  addRegisterDependences(problem);
  const Schedule packed = packWords(problem, 16);
  EXPECT_EQ(packed.word, (std::vector<uint32_t>{0, 1, 0, 1}));
  EXPECT_EQ(messages(problem, packed), Texts());
}

TEST(PackWords, SharesNoImmediatesAndKeepsTheWindow) {
  Problem problem(table);
  addSlot(problem, "dimm", {1}, 7);
  addSlot(problem, "cimm", {0}, 7);
  addSlot(problem, "dadd", {2, 1, 1});
  addSlot(problem, "dadd", {3, 2, 2});
  addSlot(problem, "sld", {4, 5}); // could stand in word 0
  addRegisterDependences(problem);
  EXPECT_EQ(packWords(problem, 16).word, (std::vector<uint32_t>{0, 1, 1, 2, 0}));
  EXPECT_EQ(packWords(problem, 2).word, (std::vector<uint32_t>{0, 1, 1, 2, 1}));
}

//===----------------------------------------------------------------------===//
// Dependences
//===----------------------------------------------------------------------===//

TEST(Dependences, Memory) {
  Problem problem(table);
  auto access = [&](const PortRow &row, uint64_t address, int64_t offset) {
    MemoryAccess &memory = problem.operations[add(problem, row)].memory;
    memory.loads = &row == &load;
    memory.stores = &row == &store;
    memory.address = address;
    memory.offset = offset;
    memory.bytes = 64;
  };
  access(store, 1, 0);  // 0
  access(load, 1, 0);   // 1: forwarded from 0
  access(load, 1, 64);  // 2: beside 0
  access(load, 2, 0);   // 3: may overlap 0
  access(store, 1, 32); // 4: overlaps 0, 1, 2, may overlap 3
  problem.operations[add(problem, alu)].memory.barrier = true; // 5
  access(load, 1, 0);   // 6
  addMemoryDependences(problem);
  std::vector<std::array<uint32_t, 3>> found;
  for (const Dependence &d : problem.dependences)
    found.push_back({d.from, d.to, d.latency});
  const std::vector<std::array<uint32_t, 3>> expected = {{0, 1, 3}, {0, 3, 0}, {0, 4, 0}, {1, 4, 0}, {2, 4, 0}, {3, 4, 0}, {0, 5, 0},
                                                         {1, 5, 0}, {2, 5, 0}, {3, 5, 0}, {4, 5, 0}, {5, 6, 0}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(problem.dependences.back().kind, DependenceKind::synchronisation);
}

// However many accesses there are: two that overlap, of which one stores, are ordered, if only through others.
TEST(Dependences, OverlappingAccessesAreOrdered) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Problem problem(table);
    constexpr size_t count = 500;
    for (size_t i = 0; i < count; ++i) {
      const bool stores = random() % 4 == 0;
      MemoryAccess &memory = problem.operations[add(problem, stores ? store : load)].memory;
      memory.loads = !stores;
      memory.stores = stores;
      memory.address = random() % 60 == 0 ? 0 : 1;
      memory.offset = 64 * int64_t(random() % 40);
      memory.bytes = 64;
    }
    addMemoryDependences(problem);
    std::vector<std::bitset<count>> before(count); // what is ordered before each
    for (const Dependence &d : problem.dependences) // in the order of `to`
      before[d.to] |= before[d.from] | std::bitset<count>().set(d.from);
    for (size_t b = 0; b < count; ++b)
      for (size_t a = 0; a < b; ++a) {
        const MemoryAccess &x = problem.operations[a].memory, &y = problem.operations[b].memory;
        const bool apart = x.address && x.address == y.address && x.offset != y.offset;
        if ((x.stores || y.stores) && !apart) {
          ASSERT_TRUE(before[b][a]) << a << " and " << b;
        }
      }
  }
}

/// Against a walk over the iterations: the order that dependences give is no weaker, and no distance is shorter than the nearest overlap.
TEST(Dependences, OverlapsOfIterations) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 2000; ++round) {
    Problem problem(table);
    auto access = [&](bool stores) {
      const uint32_t op = add(problem, stores ? store : load);
      MemoryAccess &m = problem.operations[op].memory;
      (stores ? m.stores : m.loads) = true;
      m.address = 1;
      m.offset = int64_t(random() % 200) - 100;
      m.bytes = int64_t(1) << random() % 7;
    };
    access(true);
    access(random() % 2);
    const int64_t step = int64_t(random() % 100) - 50;
    for (Operation &operation : problem.operations)
      operation.memory.step = step;
    addLoopMemoryDependences(problem, false);
    for (uint32_t a = 0; a < 2; ++a)
      for (uint32_t b = 0; b < 2; ++b) {
        const MemoryAccess &x = problem.operations[a].memory, &y = problem.operations[b].memory;
        std::optional<uint32_t> nearest;
        for (uint32_t d = a < b ? 0 : 1; d < 400 && !nearest && (x.stores || y.stores); ++d) {
          const int64_t at = y.offset + int64_t(d) * step;
          if (at < x.offset + x.bytes && x.offset < at + y.bytes)
            nearest = d;
        }
        std::optional<uint32_t> found;
        for (const Dependence &d : problem.dependences)
          if (d.from == a && d.to == b)
            found = d.distance;
        EXPECT_EQ(found, nearest) << "round " << round << ", " << a << " to " << b;
      }
  }
}

TEST(Dependences, BindingsMayBeOneBuffer) {
  for (bool apart : {false, true}) {
    Problem problem(table);
    for (int32_t binding : {0, 1}) {
      MemoryAccess &m = problem.operations[add(problem, binding ? store : load)].memory;
      (binding ? m.stores : m.loads) = true;
      m.binding = binding;
    }
    addLoopMemoryDependences(problem, apart);
    EXPECT_EQ(problem.dependences.size(), apart ? 1u : 3u); // of stores to themselves; load to store and back
    problem.dependences.clear();
  }
}

TEST(Dependences, BytesOfAccesses) {
  auto bytes = [](std::string_view mnemonic, isa::Type type, isa::Type memType) {
    isa::Slot slot;
    slot.type = type;
    slot.memType = memType;
    slot.length = isa::Length::v512;
    return accessBytes(*isa::lookup(mnemonic), slot);
  };
  EXPECT_EQ(bytes("sld", isa::Type::f32, isa::Type::f32), 64);
  EXPECT_EQ(bytes("sst", isa::Type::i64, isa::Type::i8), 8);
  EXPECT_EQ(bytes("sbcast", isa::Type::f64, isa::Type::none), 8);
  EXPECT_EQ(bytes("sldr", isa::Type::none, isa::Type::u16), 2);
  EXPECT_EQ(bytes("ssts", isa::Type::f32, isa::Type::none), 4);
  EXPECT_EQ(bytes("sgather", isa::Type::f32, isa::Type::none), 0);
  EXPECT_EQ(bytes("dadd", isa::Type::f32, isa::Type::none), 0);
}

TEST(Dependences, Registers) {
  Problem problem(table);
  addSlot(problem, "sld", {1, 0});     // 0 writes v1
  addSlot(problem, "dadd", {2, 1, 1}); // 1 reads v1, writes v2
  addSlot(problem, "sld", {1, 0});     // 2 writes v1 again
  addSlot(problem, "dfma", {2, 1, 1}); // 3 updates v2
  addRegisterDependences(problem);
  std::vector<std::string> found;
  for (const Dependence &d : problem.dependences)
    found.push_back(std::string(dependenceName(d.kind)) + std::to_string(d.from) + std::to_string(d.to));
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (Texts{"anti12", "flow01", "flow13", "flow23", "output02", "output13"}));
}

//===----------------------------------------------------------------------===//
// Random problems
//===----------------------------------------------------------------------===//

namespace {
/// A problem whose given order is legal: dependences go forwards, values die at a later operation.
Problem randomProblem(uint32_t seed) {
  std::mt19937 random(seed);
  auto below = [&](uint32_t n) { return uint32_t(random() % n); };
  Problem problem(table);
  const uint32_t count = 1 + below(60);
  const PortRow *rows[] = {&multiplyAdd, &load, &store, &alu};
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t op = add(problem, *rows[below(4)]);
    RegisterValue value;
    value.cls = below(2);
    value.def = op;
    value.early = below(8) == 0;
    value.liveOut = below(10) == 0;
    problem.values.push_back(value);
    for (uint32_t edges = below(3); op > 0 && edges > 0; --edges) {
      const uint32_t from = below(op);
      const DependenceKind kind = DependenceKind(below(5));
      if (kind == DependenceKind::flow) {
        flow(problem, from, op);
        problem.values[from].uses.push_back(op);
      } else {
        problem.dependences.push_back({from, op, kind, below(2), 0, kind != DependenceKind::anti});
      }
    }
  }
  problem.registerLimits = {0, 0};
  problem.registerLimits = registerPeaks(problem, givenOrder(problem));
  return problem;
}
} // namespace

TEST(Random, SchedulesPassTheVerifier) {
  uint32_t solved = 0;
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Problem problem = randomProblem(seed);
    Schedule given;
    given.word = givenOrder(problem);
    given.cycle = issueInOrder(problem, given.word);
    EXPECT_EQ(messages(problem, given), Texts());
    const Result<Schedule> result = listSchedule(problem);
    if (!result)
      continue;
    ++solved;
    EXPECT_EQ(messages(problem, *result), Texts());
    EXPECT_EQ(listSchedule(problem)->cycle, result->cycle); // deterministic
    // No schedule beats the bounds.
    std::string what;
    EXPECT_GE((hostCycles(problem, result->order(), 1) + 1) * oneCycle, findBounds(problem).limit(problem, what)) << what;
  }
  EXPECT_GE(solved, 250u);
}

TEST(Random, WordsPassTheVerifier) {
  const char *const mnemonics[] = {"dadd", "dfma", "dmov", "sld", "sst", "cadd", "cmov", "cimm", "dimm"};
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto reg = [&] { return uint8_t(random() % 5); };
    Problem problem(table);
    for (uint32_t count = 1 + random() % 60; count > 0; --count)
      addSlot(problem, mnemonics[random() % std::size(mnemonics)], {reg(), reg(), reg()}, 1);
    addRegisterDependences(problem);
    addMemoryDependences(problem);
    for (unsigned window : {1u, 16u})
      EXPECT_EQ(messages(problem, packWords(problem, window)), Texts());
  }
}

//===----------------------------------------------------------------------===//
// Planted violations
//===----------------------------------------------------------------------===//

TEST(Verifier, FindsWhatIsWrong) {
  Problem problem(table);
  const uint32_t a = add(problem, load), b = add(problem, multiplyAdd);
  flow(problem, a, b);
  EXPECT_EQ(messages(problem, {{0}, {0, 1}}), Texts{"the schedule places 1 operations in cycles and 2 in words, the problem has 2"});
  EXPECT_EQ(messages(problem, {{0, 4}, {0, 1}}),
            Texts{"operation 1 (dfma) starts in cycle 4; its flow dependence on operation 0 (sld) allows cycle 5 at the earliest"});
  EXPECT_EQ(messages(problem, {{0, 5}, {0, 0}}),
            Texts{"operation 1 (dfma) stands in word 0; its flow dependence on operation 0 (sld) allows word 1 at the earliest"});
  EXPECT_EQ(messages(problem, {{0, 5}, {0, 1}}), Texts());
  // Any numbers, as a hand may write them.
  constexpr uint32_t most = UINT32_MAX;
  EXPECT_EQ(messages(problem, {{most, 0}, {0, 1}}),
            Texts{"operation 1 (dfma) starts in cycle 0; its flow dependence on operation 0 (sld) allows cycle 4294967300 at the earliest"});
  EXPECT_EQ(messages(problem, {{0, 5}, {most, 1}}),
            Texts{"operation 1 (dfma) stands in word 1; its flow dependence on operation 0 (sld) allows word 4294967296 at the earliest"});
  problem.registerLimits = {1};
  problem.values.emplace_back();
  EXPECT_EQ(messages(problem, {{0, most}, {0, most}}), Texts());

  Problem two(table);
  add(two, load);
  add(two, load);
  EXPECT_EQ(messages(two, {{0, 1}, {0, 0}}), Texts{"operation 0 (sld) and operation 1 (sld) need the same slot of word 0"});
  EXPECT_EQ(messages(two, {{3, 3}, {0, 1}}),
            Texts{"operation 1 (sld) starts in cycle 3, when 1.00 cycles of work wait at port load, which does 1.00 a cycle"});

  two.registerLimits = {1};
  for (uint32_t op : {0, 1}) {
    RegisterValue value;
    value.def = op;
    value.liveOut = true;
    two.values.push_back(value);
  }
  EXPECT_EQ(messages(two, {{0, 1}, {0, 1}}), Texts{"the order needs 2 registers of class 0 at once, 1 are free"});
}

TEST(Verifier, FindsIllegalWords) {
  Problem problem(table);
  addSlot(problem, "dimm", {1}, 7);
  addSlot(problem, "cimm", {0}, 7);
  EXPECT_EQ(messages(problem, {{0, 0}, {0, 0}}), Texts{"operation 1 (cimm) brings immediates to word 0, which has some already"});
  Problem writers(table);
  addSlot(writers, "dadd", {1, 2, 2});
  addSlot(writers, "sld", {1, 0});
  EXPECT_EQ(messages(writers, {{0, 0}, {0, 0}}),
            Texts{"word 0 with operation 1 (sld) is illegal: two slots write one register, or the slots exchange registers in a cycle"});
}
