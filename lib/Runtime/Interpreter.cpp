//===- Interpreter.cpp - The reference interpreter --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executes words slot by slot in their emission order, which gives the parallel semantics (Semantics.h). A pointer is the offset into the
// binding that the verifier found for the access; every access is tested against its binding's size, proven or not.
//
//===----------------------------------------------------------------------===//

#include "CallGroup.h"
#include "FunctionBases.h"
#include "Routines/Routine.h"
#include "Semantics.h"
#include "vtpu/Runtime/Observer.h"

namespace vtpu::rt {

using namespace isa;

namespace {
/// A word and its filled slots in emission order.
struct DecodedWord {
  const Word *word;
  std::array<Pipe, numPipes> order;
  std::array<RoutineFunction, numPipes> routines; // of the slots in that order; null: no routine
  uint8_t slots = 0;
};

class Interpreter final : public Executor {
public:
  Interpreter(const Program &program, const std::vector<FunctionFacts> &facts, Observer *observer)
      : program(program), facts(facts), observer(observer) {
    code.resize(program.functions.size());
    for (size_t f = 0; f < code.size(); ++f)
      for (size_t w = 0; w < program.functions[f].words.size(); ++w) {
        const Word &word = program.functions[f].words[w];
        DecodedWord decoded{&word, {}, {}, 0};
        for (Pipe pipe : facts[f].order[w])
          if (const Slot &slot = word.slot(pipe); !slot.empty()) {
            decoded.routines[decoded.slots] = findRoutine(pipe, slot.opcode).function;
            decoded.order[decoded.slots++] = pipe;
          }
        code[f].push_back(decoded);
      }
  }

  bool run(uint32_t function, uint8_t *const *bases, SentronContext &context) override { return runFunction(function, bases, context); }

private:
  const Program &program;
  const std::vector<FunctionFacts> &facts;
  Observer *observer; // null: nobody watches
  std::vector<std::vector<DecodedWord>> code;

  bool runFunction(uint32_t index, uint8_t *const *bases, SentronContext &context) {
    const Function &function = program.functions[index];
    const FunctionFacts &proofs = facts[index];
    const std::vector<DecodedWord> &words = code[index];
    Registers &regs = context.registers; // a call leaves them undefined
    uint32_t at = 0;
    auto trap = [&](TrapCause cause, int32_t message = 0) {
      Trap &trap = context.trap; // a routine has written the rest
      trap.cause = cause;
      trap.function = index;
      trap.word = at;
      trap.message = uint32_t(message);
      return false;
    };
    while (true) {
      const DecodedWord &decoded = words[at];
      if (observer && !observer->enter(index, at, bases, context))
        return trap(TrapCause::stopped);
      Control control = Control::next;
      for (unsigned i = 0; i < decoded.slots; ++i) {
        const Pipe pipe = decoded.order[i];
        const Slot &slot = decoded.word->slot(pipe);
        if (RoutineFunction routine = decoded.routines[i]) {
          if (TrapCause cause = routine({context, slot, *decoded.word}); cause != TrapCause::none)
            return trap(cause);
        } else if (pipe == Pipe::D) {
          executeD(slot, *decoded.word, regs);
        } else if (pipe == Pipe::C) {
          control = executeC(slot, *decoded.word, regs, context);
          if (control == Control::divideByZero) { // slots behind it do not run
            context.trap.value = regs.r[slot.ra];
            return trap(TrapCause::divideByZero);
          }
        } else {
          const int32_t binding = proofs.accessBinding[at];
          const bool accesses = binding >= 0;
          const uint64_t size = accesses ? function.bindings[binding].size : 0;
          if (!executeS(slot, *decoded.word, regs, context, accesses ? bases[binding] : nullptr, size, true)) {
            context.trap.value = findRefused(slot, regs, size);
            return trap(TrapCause::outOfBounds);
          }
        }
      }
      ++context.executedWords;
      context.executedOps += decoded.slots;
      const Slot &c = decoded.word->slot(Pipe::C);
      switch (control) {
      case Control::next:
        break;
      case Control::branch:
        if (context.group && context.group->isStopped())
          return trap(TrapCause::stopped);
        at = uint32_t(int64_t(at) + c.imm);
        continue;
      case Control::call: {
        const CallTable &table = function.callTables[c.imm];
        if (!runFunction(table.callee, calleeBases(program, table, bases, context).data(), context))
          return false;
        break;
      }
      case Control::stop:
        return true;
      case Control::divideByZero:
        break;
      case Control::message:
        return trap(TrapCause::message, c.imm);
      case Control::barrier:
        if (!waitAtBarrier(context))
          return trap(TrapCause::stopped);
        break;
      }
      ++at;
    }
  }
};
} // namespace

std::unique_ptr<Executor> createInterpreter(const Program &program, const std::vector<FunctionFacts> &facts) {
  return std::make_unique<Interpreter>(program, facts, nullptr);
}
std::unique_ptr<Executor> createInterpreter(const Program &program, const std::vector<FunctionFacts> &facts, Observer &observer) {
  return std::make_unique<Interpreter>(program, facts, &observer);
}

std::vector<uint8_t *> calleeBases(const Program &program, const CallTable &table, uint8_t *const *bases,
                                   const SentronContext &context) {
  const Function &callee = program.functions[table.callee];
  std::vector<uint8_t *> result(callee.bindings.size());
  for (size_t i = 0; i < result.size(); ++i) {
    const Binding &binding = callee.bindings[i];
    if (binding.kind == BindingKind::Constant)
      result[i] = const_cast<uint8_t *>(program.rodata.data()) + binding.offset;
    else if (binding.kind == BindingKind::Stack)
      result[i] = context.stacks[table.callee];
    else
      result[i] = bases[table.arguments[i].index] + table.arguments[i].offset;
  }
  return result;
}

} // namespace vtpu::rt
