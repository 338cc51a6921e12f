//===- JITEmitter.h - Words to x86-64 ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One template per instruction over a static register map: v0..v31 are zmm0..zmm31, k1..k7 are k1..k7, r0..r11 stand in general registers,
// r12..r15 in the context. rbp holds the frame (addresses of the bindings; the context's address before them), rax and rdx are scratch.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_JITEMITTER_H
#define VTPU_LIB_RUNTIME_JITEMITTER_H

#include "FunctionBases.h"
#include "SlotTemplates.h"
#include "vtpu/Runtime/JIT.h"

#include <algorithm>
#include <asmjit/x86.h>
#include <vector>

namespace vtpu::rt {

class JITEmitter {
public:
  /// `templates`: what is known of slots' code, and where more is learned; null: the assembler makes all of it.
  JITEmitter(const Program &program, const std::vector<FunctionFacts> &facts, HostFeatures features, asmjit::x86::Assembler &a,
             SlotTemplates *templates, LoopProbe *probe = nullptr)
      : program(program), facts(facts), features(features), a(a), templates(templates), probe(probe) {}
  /// Of this thread.
  static SlotTemplates &threadTemplates();

  /// Emits every function; `wordOffsets` as in EmittedCode.
  void emitProgram(std::vector<std::vector<uint32_t>> &wordOffsets);
  /// Keeps the entry trampoline for later programs of this thread; nothing may have failed.
  void keepTrampoline();
  /// Label of the entry trampoline: bool (void **bases, SentronContext *, const void *function).
  asmjit::Label trampoline;
  std::vector<asmjit::Label> functionLabels;
  /// Where the code ends; constants stand behind.
  uint32_t codeEnd = 0;

private:
  using Gp = asmjit::x86::Gp;
  using Vec = asmjit::x86::Vec;
  using Mem = asmjit::x86::Mem;
  using Label = asmjit::Label;

  const Program &program;
  const std::vector<FunctionFacts> &facts;
  const HostFeatures features;
  asmjit::x86::Assembler &a;
  SlotTemplates *const templates;
  LoopProbe *const probe; // null: none

  /// A cold path behind the function.
  struct TrapSite {
    Label label;
    TrapCause cause; // none: a routine has left it in eax
    uint32_t word, message;
    const isa::Slot *slot; // whose operands tell the value; null: there is none
  };
  std::vector<TrapSite> traps;
  /// What an instruction reads behind the code, and where the instruction ends: with the distance to it, which is not known yet.
  struct ConstantUse {
    uint64_t value;
    uint32_t bytes, end;
  };
  std::vector<ConstantUse> constants;
  Label unwind;
  uint32_t functionIndex = 0, wordIndex = 0;
  struct BranchTarget {
    uint32_t word;
    bool head; // a branch comes back
    Label label;
  };
  std::vector<BranchTarget> branchTargets; // ascending

  /// The same code for every program: what keepTrampoline() has kept, or the assembler's.
  void emitTrampoline();
  void assembleTrampoline();
  struct Trampoline {
    std::vector<uint8_t> code;
    size_t unwind = 0; // the label's place in it
  };
  static Trampoline &threadTrampoline();
  size_t trampolineEnd = 0;
  void emitFunction(uint32_t index, std::vector<uint32_t> &offsets);
  void findBranchTargets(const Function &function);
  /// Templates write behind the assembler's place: puts it behind what they have written.
  void settle(uint8_t *out);
  /// Has the assembler emit a slot at `out`; where its code ends.
  uint8_t *assemble(uint8_t *out, uint32_t w, isa::Pipe pipe);
  Label labelOf(uint32_t word) const;
  /// SlotTemplates::Assemble; the variant is HostFeatures::vpopcntdq.
  static size_t assembleAlone(isa::Pipe pipe, const isa::Slot &slot, unsigned variant, uint8_t *out);
  void emitD(const isa::Slot &slot, const isa::Word &word);
  void emitS(const isa::Slot &slot, const isa::Word &word);
  void emitC(const isa::Slot &slot, const isa::Word &word);

  // Operands.
  static Gp gp(unsigned r);
  Gp useR(unsigned r, Gp scratch);
  Gp defR(unsigned r, Gp scratch) { return r < isa::numHostR ? gp(r) : scratch; }
  void storeR(unsigned r, Gp value);
  Mem contextSlot(unsigned index, Gp base);
  static Vec vec(unsigned v, isa::Length length);
  static Vec vecOf(unsigned v, unsigned bytes);
  static asmjit::x86::KReg k(unsigned index) { return asmjit::x86::KReg(index); }
  /// The slot's mask as a prefix of the next instruction.
  asmjit::x86::Assembler &masked(const isa::Slot &slot);
  Label trap(TrapCause cause, const isa::Slot *slot = nullptr, uint32_t message = 0);
  void emitTrap(const TrapSite &site);
  /// The instruction before ends with the distance to a constant.
  void useConstant(int64_t value, unsigned bytes) {
    constants.push_back({bytes == 8 ? uint64_t(value) : uint32_t(value), bytes, uint32_t(a.offset())});
  }
  void emitConstants();
  void emitProbe(bool end);
  /// Leaves the function if the call is stopped.
  void emitPoll();

  // D pipe.
  void emitReduce(const isa::Slot &slot);
  void emitConvert(const isa::Slot &slot);
  void emitCompare(const isa::Slot &slot);
  void emitThreeWay(const isa::Slot &slot);

  // D pipe: hypervectors and trits.
  void emitHypervector(const isa::Slot &slot);
  void emitPopcount(const isa::Slot &slot, unsigned source);
  void emitShiftUp(const isa::Slot &slot, unsigned high, unsigned low, unsigned temporary);
  void emitTrit(const isa::Slot &slot);
  void clear(unsigned v);

  // S pipe.
  Mem address(const isa::Slot &slot, unsigned bytes);
  void emitCheck(const isa::Slot &slot, unsigned bytesPerLane, unsigned lanes);
  void emitVectorAccess(const isa::Slot &slot, unsigned bytes);
  void emitGather(const isa::Slot &slot);
  /// The masks of lanes outside the limits that emitGather() has written: below, above.
  void emitGatherTest(const isa::Slot &slot, bool above);
  /// Trap::value of a refused access, in rdx.
  void emitRefused(const isa::Slot &slot, int32_t binding);

  // C pipe.
  void emitDivide(const isa::Slot &slot);
  void emitSlice(const isa::Slot &slot);
  void emitCall(const isa::Slot &slot);
  /// Puts the registers that C++ code may change, and those that are read, into the context, has `call` call it, and takes them back with what
  /// was written to r0..r11. Light code changes no v and k registers. rdx holds the context for `call` and afterwards, rax its result.
  template <typename F>
  void emitSaved(bool light, const isa::Effects &effects, F &&call);
  void emitRoutine(isa::Pipe pipe, const isa::Slot &slot, const isa::Word &word);
  /// A coordinate register behind the context's address.
  static Mem coordinate(unsigned p, Gp context);
  /// Copies 16 bytes through rdx; `truncate` drops what is no coordinate.
  void moveCoordinate(Mem to, Mem from, bool truncate);
  void load64(Gp reg, int64_t value);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_JITEMITTER_H
