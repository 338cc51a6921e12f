//===- Executor.h - Tiers and their calling context -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every tier shares: the prepared program, the frame that a function runs in, traps.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_EXECUTOR_H
#define VTPU_RUNTIME_EXECUTOR_H

#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Object/Program.h"

#include <atomic>
#include <memory>

namespace vtpu::rt {

/// How one memory access of a word was proven (Verifier.h): a checked access is tested at run time by every tier.
enum class AccessProof : uint8_t { none, proven, checked };

/// What the verifier learned about a function; index: word.
struct FunctionFacts {
  std::vector<AccessProof> access;
  /// Binding that the pointer of the word's S slot points into; -1 without a memory access.
  std::vector<int32_t> accessBinding;
  /// An order of the slots in which none overwrites what a later one reads.
  std::vector<std::array<isa::Pipe, isa::numPipes>> order;
  /// Words that branch back and look whether the call is stopped: of loops that hold a loop or a call, or may run long.
  std::vector<bool> polls;
};

/// Why a call stopped.
enum class TrapCause : uint32_t { none = 0, message, divideByZero, outOfBounds, stopped, coordination, space };

struct Trap {
  TrapCause cause = TrapCause::none;
  uint32_t function = 0, word = 0;
  uint32_t message = 0; // TrapCause::message: index into Program::messages
  /// divideByZero: the dividend; outOfBounds: offset in the binding, in bytes, of lane 0, of a gather the lane that is outside; else what a
  /// routine refused.
  int64_t value = 0;
  Coordinate coordinate; // that a routine refused
};

/// Registers of the reference interpreter, and of a routine in every tier: there those are defined that its slot names. A v register written
/// with a shorter length is zero above it.
struct Registers {
  int64_t r[isa::numR] = {};
  uint64_t k[isa::numK] = {};
  alignas(64) uint8_t v[isa::numV][64] = {};
};

/// Most sentrons of a call; the verifier counts on it.
constexpr uint32_t mostSentrons = 1024;

class CallGroup;
class SentronMemory;

/// What a sentron without a group looks at.
inline const std::atomic<bool> neverStopped{false};

/// State of one sentron in one call, on cache lines of its own. Emitted code addresses its fields by offset: standard layout, fields only
/// appended.
struct alignas(64) SentronContext {
  uint64_t sentron = 0;
  uint64_t sentrons = 1;
  CallGroup *group = nullptr;
  double hostSeconds = 0;
  Trap trap;
  uint64_t executedWords = 0, executedOps = 0; // counted by the interpreter
  uint8_t *const *stacks = nullptr;            // per function: its Stack area, or null
  int64_t spill[8] = {};                       // r12..r15 and template temporaries
  double barrierSeconds = 0;                   // spent waiting for other sentrons
  const std::atomic<bool> *stop = &neverStopped; // true: the call is to end
  Coordinate p[isa::numP];
  alignas(64) uint64_t m[isa::numM][8] = {}; // messages
  Registers registers;
  SentronMemory *memory = nullptr; // null: rows that use the space end the call
};

/// A tier runs entry functions: `bases[i]` is the address of binding i of that function. False: `context.trap` says why.
class Executor {
public:
  virtual ~Executor() = default;
  virtual bool run(uint32_t function, uint8_t *const *bases, SentronContext &context) = 0;
  virtual size_t codeBytes() const { return 0; }
};

/// The reference interpreter.
std::unique_ptr<Executor> createInterpreter(const Program &program, const std::vector<FunctionFacts> &facts);
/// What a host has beyond the template JIT's baseline. Templates choose by it when they are emitted; results do not depend on it.
struct HostFeatures {
  bool vpopcntdq = false; // AVX512_VPOPCNTDQ
};
HostFeatures hostFeatures();
struct LoopProbe;
/// The template JIT, with code around a loop that fills in `probe` if there is one (JIT.h); an error without AVX-512 (F, VL, BW, DQ, CD).
Result<std::unique_ptr<Executor>> createJIT(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features = hostFeatures(),
                                            LoopProbe *probe = nullptr);
/// The ORC tier, which is loaded on demand (TierPlugin.h); an error without its library. `baseline`: without the host's extensions.
Result<std::unique_ptr<Executor>> createORC(const Program &program, const std::vector<FunctionFacts> &facts, bool baseline = false);
/// True if the ORC tier's library can be loaded.
bool hasORC();
/// True if the host runs the template JIT's baseline (x86-64-v4).
bool hostHasBaseline();

/// Listed host functions of `chost`, by number; name and lane functions.
struct HostFunction {
  std::string_view name;
  bool binary;
  float (*f32)(float, float);
  double (*f64)(double, double);
};
const HostFunction *hostFunctions();
unsigned numHostFunctions();
/// -1 if no listed function has that name.
int findHostFunction(std::string_view name);

} // namespace vtpu::rt

#endif // VTPU_RUNTIME_EXECUTOR_H
