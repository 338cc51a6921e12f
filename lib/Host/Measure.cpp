//===- Measure.cpp - Timing loops on this machine ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Runtime/CodeMemory.h"
#include "Kernel.h"
#include "vtpu/Host/Calibrate.h"
#include "vtpu/Runtime/Executor.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <hwloc.h>
#include <numeric>
#include <random>
#include <sched.h>
#include <sys/mman.h>
#include <x86intrin.h>

namespace vtpu::host {
namespace {
/// What a loop finds in registers; timeLoop knows the offsets.
struct alignas(64) Registers {
  uint8_t v[32][64];
  uint64_t k[8];
  uint64_t r[16];
  uint32_t control;
};
static_assert(offsetof(Registers, k) == 2048 && offsetof(Registers, r) == 2112 && offsetof(Registers, control) == 2240);
} // namespace
} // namespace vtpu::host

/// Loads all registers, calls `code` and returns the ticks between. The compiler cannot be told about all that a loop writes, so this is
/// assembly as a whole.
extern "C" uint64_t vtpu_time_loop(const void *registers, const void *code, uint32_t iterations);
asm(R"(
  .intel_syntax noprefix
  .text
  .p2align 4
  .hidden vtpu_time_loop
  .globl vtpu_time_loop
  .type vtpu_time_loop, @function
vtpu_time_loop:
  push rbx
  push rbp
  push r12
  push r13
  push r14
  push r15
  sub rsp, 24
  stmxcsr [rsp]
  ldmxcsr [rdi + 2240]
  mov [rsp + 8], rsi
  mov r15d, edx
  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  vmovups zmm\n, [rdi + 64*\n]
  .endr
  .irp n, 1,2,3,4,5,6,7
  kmovq k\n, [rdi + 2048 + 8*\n]
  .endr
  lfence
  rdtsc
  shl rdx, 32
  or rax, rdx
  mov [rsp + 16], rax
  mov rax, [rdi + 2112]
  mov rcx, [rdi + 2120]
  mov rdx, [rdi + 2128]
  mov rbx, [rdi + 2136]
  mov rbp, [rdi + 2152]
  mov rsi, [rdi + 2160]
  mov r8, [rdi + 2176]
  mov r9, [rdi + 2184]
  mov r10, [rdi + 2192]
  mov r11, [rdi + 2200]
  mov r12, [rdi + 2208]
  mov r13, [rdi + 2216]
  mov r14, [rdi + 2224]
  mov rdi, [rdi + 2168]
  lfence
  call [rsp + 8]
  rdtscp
  lfence
  shl rdx, 32
  or rax, rdx
  sub rax, [rsp + 16]
  ldmxcsr [rsp]
  vzeroupper
  add rsp, 24
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbp
  pop rbx
  ret
  .size vtpu_time_loop, . - vtpu_time_loop
  .att_syntax
)");

namespace vtpu::host {
namespace {
constexpr size_t mostCode = 256 << 10;
constexpr uint64_t hugePage = 2 << 20;

uint64_t now() {
  unsigned aux;
  _mm_lfence();
  const uint64_t ticks = __rdtscp(&aux);
  _mm_lfence();
  return ticks;
}

/// The data caches of this core, and memory.
std::vector<Cache> findCaches() {
  std::vector<Cache> caches;
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) == 0) {
    hwloc_topology_set_cache_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_ALL);
    if (hwloc_topology_load(topology) == 0)
      for (hwloc_obj_t at = hwloc_get_pu_obj_by_os_index(topology, unsigned(sched_getcpu())); at; at = at->parent)
        if (hwloc_obj_type_is_dcache(at->type))
          caches.push_back({fmt::format("L{}", at->attr->cache.depth), at->attr->cache.size, uint32_t(std::max(0, at->attr->cache.associativity)),
                            at->attr->cache.linesize, 0, 0, 0});
    hwloc_topology_destroy(topology);
  }
  caches.push_back({"memory", 0, 0, 64, 0, 0, 0});
  return caches;
}

/// Writable memory whose pages are there; nothing if there is none.
class Buffer {
public:
  ~Buffer() {
    if (mapped)
      munmap(mapped, size + hugePage);
  }
  uint8_t *get(uint64_t bytes) {
    if (bytes > size) {
      if (mapped)
        munmap(mapped, size + hugePage);
      size = bytes;
      void *found = mmap(nullptr, size + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      mapped = found == MAP_FAILED ? nullptr : found;
      if (!mapped)
        return nullptr;
      madvise(mapped, size + hugePage, MADV_HUGEPAGE); // or not
      std::memset(aligned(), 1, size);
    }
    return aligned();
  }

private:
  void *mapped = nullptr;
  uint64_t size = 0;
  uint8_t *aligned() const { return reinterpret_cast<uint8_t *>((uintptr_t(mapped) + hugePage - 1) / hugePage * hugePage); }
};

class NativeMeasurer final : public Measurer {
public:
  ~NativeMeasurer() override { sched_setaffinity(0, sizeof(before), &before); }

  Status start() {
    if (!rt::hostHasBaseline())
      return Error{"this CPU lacks AVX-512 (F, VL, BW, DQ, CD): the template JIT does not run on it, so its code cannot be timed"};
    CPU_ZERO(&before);
    sched_getaffinity(0, sizeof(before), &before);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(unsigned(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof(one), &one);
    for (rt::CodeMemory &memory : code)
      if (Status status = memory.allocate(mostCode); !status)
        return status;
    setRegisters();
    findTickRate();
    return findOverhead();
  }

  Status load(unsigned loop, const std::vector<uint8_t> &body) override {
    using namespace kernel;
    std::fill_n(reinterpret_cast<uint64_t *>(memory), scratchBytes / 8, numberValue); // stores have changed it: nothing divides by zero
    std::vector<uint8_t> bytes = body;
    append(bytes, ZYDIS_MNEMONIC_DEC, {operandOf(counter)});
    const int32_t back = -int32_t(bytes.size()) - 6;
    bytes.insert(bytes.end(), {0x0f, 0x85}); // jnz, 32 bits
    bytes.insert(bytes.end(), reinterpret_cast<const uint8_t *>(&back), reinterpret_cast<const uint8_t *>(&back) + 4);
    bytes.push_back(0xc3); // ret
    if (bytes.size() > mostCode)
      return Error{fmt::format("a loop of {} bytes is too long to be timed", bytes.size())};
    return code[loop].write(0, bytes.data(), bytes.size());
  }

  uint64_t run(unsigned loop, uint32_t iterations) override {
    const uint64_t ticks = vtpu_time_loop(&registers, code[loop].data(), iterations);
    return ticks > overhead ? ticks - overhead : 0;
  }

  double tickRate() const override { return rate; }
  std::vector<Cache> caches() const override { return findCaches(); }

  double chaseTicks(uint64_t bytes) override {
    uint8_t *data = buffer.get(bytes);
    if (!data)
      return 0;
    // One cycle through all lines, in an order that no prefetcher knows.
    const uint64_t lines = bytes / 64;
    std::vector<uint32_t> order(lines);
    std::iota(order.begin(), order.end(), 0u);
    std::mt19937 random(1);
    for (uint64_t i = lines; i > 1; --i)
      std::swap(order[i - 1], order[random() % i]);
    for (uint64_t i = 0; i < lines; ++i)
      *reinterpret_cast<void **>(data + 64 * uint64_t(order[i])) = data + 64 * uint64_t(order[(i + 1) % lines]);
    const uint64_t loads = std::clamp<uint64_t>(lines, 1 << 12, 1 << 16) / 16 * 16;
    double best = 1e300;
    void **at = reinterpret_cast<void **>(data + 64 * uint64_t(order[0]));
    for (int repetition = 0; repetition < 6; ++repetition) {
      const uint64_t begin = now();
      for (uint64_t i = 0; i < loads; ++i) {
        at = static_cast<void **>(*at);
        asm volatile("" : "+r"(at));
      }
      best = std::min(best, double(now() - begin) / double(loads));
    }
    return best;
  }

  double streamTicks(uint64_t bytes, bool store) override {
    uint8_t *data = buffer.get(bytes);
    if (!data)
      return 0;
    double best = 1e300;
    const uint64_t rounds = std::max<uint64_t>(1, (1 << 20) / bytes);
    for (int repetition = 0; repetition < 6; ++repetition) {
      const uint64_t begin = now();
      for (uint64_t round = 0; round < rounds; ++round)
        if (store)
          storeAll(data, bytes);
        else
          loadAll(data, bytes);
      best = std::min(best, double(now() - begin) * 64 / double(rounds * bytes));
    }
    return best;
  }

private:
  static constexpr uint64_t numberValue = 0x3b9aca07;
  cpu_set_t before;
  rt::CodeMemory code[numLoops];
  Registers registers = {};
  alignas(4096) uint8_t memory[kernel::scratchBytes];
  Buffer buffer;
  uint64_t overhead = 0;
  double rate = 0;

  void setRegisters() {
    using namespace kernel;
    // Ordinary numbers as integers and as floating point of 16, 32 and 64 bits.
    constexpr uint64_t ordinary[] = {0x3ff000003f803f81, 0x3ff800003fc03fc1};
    for (unsigned v = 0; v < 32; ++v)
      for (unsigned lane = 0; lane < 8; ++lane)
        std::memcpy(&registers.v[v][8 * lane], &ordinary[v + firstVector == vectorOther], 8);
    std::mt19937 random(1);
    for (unsigned lane = 0; lane < 16; ++lane) {
      const uint32_t place = random() % 256;
      std::memcpy(&registers.v[index32 - firstVector][4 * lane], &place, 4);
      const uint64_t wide = random() % 256;
      if (lane < 8)
        std::memcpy(&registers.v[index64 - firstVector][8 * lane], &wide, 8);
    }
    std::fill(std::begin(registers.k), std::end(registers.k), ~uint64_t(0));
    registers.k[noLane - firstMask] = 0;
    std::fill(std::begin(registers.r), std::end(registers.r), 1);
    registers.r[rax] = registers.r[other] = 0x0123456789abcdef;
    registers.r[rcx] = registers.r[rdx] = 0;
    registers.r[kernel::index] = 64;
    registers.r[number] = numberValue;
    registers.r[scratch] = uint64_t(uintptr_t(memory));
    registers.control = 0x9fc0; // no exceptions; denormal numbers are zero, in and out
  }

  /// Ticks against the system's clock, 5 ms.
  void findTickRate() {
    auto seconds = [] {
      timespec time;
      clock_gettime(CLOCK_MONOTONIC_RAW, &time);
      return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
    };
    const double begin = seconds();
    const uint64_t ticks = now();
    double end = begin;
    while (end - begin < 0.005)
      end = seconds();
    rate = double(now() - ticks) / (end - begin);
  }

  Status findOverhead() {
    if (Status status = load(0, {}); !status)
      return status;
    uint64_t least = ~uint64_t(0);
    for (int repetition = 0; repetition < 100; ++repetition)
      least = std::min(least, vtpu_time_loop(&registers, code[0].data(), 1));
    overhead = least;
    return {};
  }

  // Eight lines a round: the loop costs nothing beside its accesses.
  __attribute__((target("avx512f"))) static void loadAll(const uint8_t *data, uint64_t bytes) {
    for (const uint8_t *at = data, *end = data + bytes; at < end; at += 512)
      asm volatile("vmovups 0(%0), %%zmm0\n vmovups 64(%0), %%zmm1\n vmovups 128(%0), %%zmm2\n vmovups 192(%0), %%zmm3\n"
                   "vmovups 256(%0), %%zmm4\n vmovups 320(%0), %%zmm5\n vmovups 384(%0), %%zmm6\n vmovups 448(%0), %%zmm7"
                   :
                   : "r"(at)
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
    _mm256_zeroupper();
  }
  __attribute__((target("avx512f"))) static void storeAll(uint8_t *data, uint64_t bytes) {
    for (uint8_t *at = data, *end = data + bytes; at < end; at += 512)
      asm volatile("vmovups %%zmm0, 0(%0)\n vmovups %%zmm0, 64(%0)\n vmovups %%zmm0, 128(%0)\n vmovups %%zmm0, 192(%0)\n"
                   "vmovups %%zmm0, 256(%0)\n vmovups %%zmm0, 320(%0)\n vmovups %%zmm0, 384(%0)\n vmovups %%zmm0, 448(%0)"
                   :
                   : "r"(at)
                   : "memory");
  }
};
} // namespace

Result<std::unique_ptr<Measurer>> createNativeMeasurer() {
  auto measurer = std::make_unique<NativeMeasurer>();
  if (Status status = measurer->start(); !status)
    return Error{status.message()};
  return std::unique_ptr<Measurer>(std::move(measurer));
}

} // namespace vtpu::host
