//===- LoopProblem.cpp - The scheduling problem of a loop -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Generator/Loops.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace vtpu::gen {

using namespace isa;
using sched::DependenceKind;
using sched::RegisterValue;

namespace {
/// Register classes of the problem, in the order of docs/Scheduling.md; every register has a number of its own.
constexpr unsigned numClasses = 5;
constexpr unsigned counts[numClasses] = {numR, numV, numK, numP, numM};
constexpr unsigned firsts[numClasses] = {0, numR, numR + numV, numR + numV + numK, numR + numV + numK + numP};
constexpr unsigned numRegisters = firsts[4] + numM, noMask = firsts[2];
unsigned classOf(unsigned reg) {
  unsigned cls = numClasses - 1;
  while (reg < firsts[cls])
    --cls;
  return cls;
}

std::vector<bool> registersOf(const Effects &e, bool written) {
  const uint64_t sets[numClasses] = {written ? e.writeR : e.readR, written ? e.writeV : e.readV, written ? e.writeK : e.readK,
                                     written ? e.writeP : e.readP, written ? e.writeM : e.readM};
  std::vector<bool> all(numRegisters);
  for (unsigned cls = 0; cls < numClasses; ++cls)
    for (unsigned i = 0; i < counts[cls]; ++i)
      all[firsts[cls] + i] = sets[cls] >> i & 1;
  return all;
}

/// True if an operation keeps a part of what it writes, so that the result must stand in the same register.
bool updates(const InstrInfo &info, const Slot &slot, unsigned reg) {
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const OperandInfo &operand = info.operands[i];
    const OperandClass classes[numClasses] = {OperandClass::r, OperandClass::v, OperandClass::k, OperandClass::p, OperandClass::m};
    if (!registerCount(operand.cls) || operand.access == Access::in || operand.cls != classes[classOf(reg)] ||
        firsts[classOf(reg)] + getRegister(slot, operand.field) != reg)
      continue;
    if (operand.access == Access::inout || (operand.access == Access::out && operand.cls == OperandClass::v && slot.mask && !slot.zeroing))
      return true;
  }
  return false;
}

class LoopReader {
public:
  LoopReader(const Program &program, const sched::PortTable &table, const LoopAssumptions &assumptions)
      : program(program), assumptions(assumptions), result{sched::Problem(table)} {}

  Status run() {
    if (Status status = findLoop(); !status)
      return status;
    if (Status status = readWords(); !status)
      return status;
    leaveOutCounter();
    addOperations();
    findBases();
    for (unsigned reg = 0; reg < numRegisters; ++reg)
      addRegister(reg);
    addAccesses();
    addLimits();
    return {};
  }
  LoopProblem take() { return std::move(result); }

private:
  struct Part {
    LoopProblem::Place place;
    const InstrInfo *info;
    std::vector<bool> reads, writes; // by register
  };
  const Program &program;
  const LoopAssumptions &assumptions;
  LoopProblem result;
  std::vector<Part> parts;             // of the loop, without its branch
  std::vector<bool> readOutside = std::vector<bool>(numRegisters), readByBranch = std::vector<bool>(numRegisters);
  int32_t counter = -1; // the register that counts the loop
  int32_t bindings[numR]; // the binding into which an r register points as the loop starts; -1: unknown

  const std::vector<Word> &words() const { return program.functions[result.function].words; }
  std::string where(uint32_t word) const { return fmt::format("function {}, word {}", program.functions[result.function].name, word); }

  Status findLoop() {
    struct Found {
      uint32_t function, head, tail;
    };
    std::vector<Found> loops;
    for (uint32_t f = 0; f < program.functions.size(); ++f) {
      const std::vector<Word> &list = program.functions[f].words;
      for (uint32_t w = 0; w < list.size(); ++w) {
        const Slot &slot = list[w].slot(Pipe::C);
        const InstrInfo *info = lookup(Pipe::C, slot.opcode);
        if (!info || !info->isBranch || slot.imm > 0)
          continue;
        const int64_t head = int64_t(w) + slot.imm;
        if (head < 0)
          return Error{fmt::format("function {}, word {}: branches to word {}, before the function", program.functions[f].name, w, head)};
        // The first branch back to or behind another's head ends the inner loop.
        if (loops.empty() || loops.back().function != f || uint32_t(head) > loops.back().tail)
          loops.push_back({f, uint32_t(head), w});
      }
    }
    if (loops.empty())
      return Error{"no function has a loop, a branch to itself or an earlier word"};
    if (loops.size() > 1)
      return Error{fmt::format("there are {} innermost loops, in function {} at word {} and in function {} at word {}; give a program of one",
                               loops.size(), program.functions[loops[0].function].name, loops[0].head, program.functions[loops[1].function].name,
                               loops[1].head)};
    result.function = loops[0].function;
    result.head = loops[0].head;
    result.tail = loops[0].tail;
    return {};
  }

  Status readWords() {
    std::fill(std::begin(bindings), std::end(bindings), -1);
    for (uint32_t w = 0; w < words().size(); ++w) {
      WordFacts facts;
      if (Status status = checkWord(words()[w], facts); !status)
        return Error{fmt::format("{}: {}", where(w), status.message())};
      const bool inside = w >= result.head && w <= result.tail;
      for (Pipe pipe : facts.order) {
        const Slot &slot = words()[w].slot(pipe);
        const InstrInfo *info = lookup(pipe, slot.opcode);
        if (!info)
          continue;
        const Effects touched = effects(pipe, slot);
        std::vector<bool> reads = registersOf(touched, false), writes = registersOf(touched, true);
        if (inside && w == result.tail && info->isBranch) {
          readByBranch = reads;
          counter = slot.opcode == uint8_t(COp::cbcci) || slot.opcode == uint8_t(COp::cbcc) ? slot.ra : -1;
          continue;
        }
        if (inside && info->isControl())
          return Error{fmt::format("{}: {} leaves the loop at words {} to {} in the middle; only the branch at its end may", where(w), info->mnemonic,
                                   result.head, result.tail)};
        if (inside) {
          parts.push_back({{w, pipe}, info, std::move(reads), std::move(writes)});
          continue;
        }
        for (unsigned reg = 0; reg < numRegisters; ++reg)
          readOutside[reg] = readOutside[reg] || reads[reg];
        if (w < result.head)
          followPointer(*info, slot, writes);
      }
    }
    return {};
  }

  /// What is known about pointers before the loop.
  void followPointer(const InstrInfo &info, const Slot &slot, const std::vector<bool> &writes) {
    int32_t binding = -1;
    if (info.pipe == Pipe::C && slot.opcode == uint8_t(COp::cptr))
      binding = slot.imm;
    else if (info.pipe == Pipe::C && (slot.opcode == uint8_t(COp::caddi) || slot.opcode == uint8_t(COp::cmov)))
      binding = bindings[slot.ra];
    for (unsigned r = 0; r < numR; ++r)
      if (writes[r])
        bindings[r] = binding;
  }

  /// The steps of a counter that nothing else reads are the loop's own.
  void leaveOutCounter() {
    auto steps = [&](const Part &part) {
      const Slot &slot = words()[part.place.word].slot(part.place.pipe);
      return part.info->pipe == Pipe::C && slot.opcode == uint8_t(COp::caddi) && slot.rd == counter && slot.ra == counter;
    };
    if (counter < 0 || isReadLater(unsigned(counter)))
      return;
    for (const Part &part : parts)
      if (!steps(part) && (part.reads[unsigned(counter)] || part.writes[unsigned(counter)]))
        return;
    parts.erase(std::remove_if(parts.begin(), parts.end(), steps), parts.end());
  }

  void addOperations() {
    for (const Part &part : parts) {
      const Word &word = words()[part.place.word];
      const Slot &slot = word.slot(part.place.pipe);
      sched::Operation operation;
      operation.name = part.info->mnemonic;
      operation.pipe = part.place.pipe;
      operation.row = &result.problem.table->row(*part.info, slot);
      operation.memory = sched::accessOf(*part.info, slot, part.info->hasSideEffects);
      sched::SlotContent content;
      content.slot = slot;
      for (unsigned i = 0; i < part.info->numOperands; ++i)
        content.hasImmediates |= part.info->operands[i].field == Field::i0 || part.info->operands[i].field == Field::i1;
      if (content.hasImmediates) {
        content.i0 = word.i0;
        content.i1 = word.i1;
      }
      operation.content = content;
      result.problem.operations.push_back(std::move(operation));
      result.places.push_back(part.place);
    }
  }

  //===-- Registers ------------------------------------------------------===//

  void depend(uint32_t from, uint32_t to, DependenceKind kind, uint32_t distance) {
    const uint32_t latency = kind == DependenceKind::flow ? result.problem.row(from).latency : 0;
    result.problem.dependences.push_back({from, to, kind, latency, distance, kind != DependenceKind::anti});
  }

  /// One access of a value.
  struct Access {
    uint32_t operation, distance;
    bool reads, writes;
  };
  /// Orders the accesses of one value, which come one after the other. A value that lives all the time meets them again in every iteration.
  void orderAccesses(const std::vector<Access> &accesses, bool repeats) {
    std::optional<Access> writer;
    std::vector<Access> readers;
    auto between = [&](const Access &from, const Access &to, DependenceKind kind, uint32_t more) {
      depend(from.operation, to.operation, kind, to.distance + more - from.distance);
    };
    for (uint32_t round = 0; round < (repeats ? 2u : 1u); ++round)
      for (const Access &access : accesses) {
        if (access.reads && writer)
          between(*writer, access, DependenceKind::flow, round);
        if (access.writes) {
          if (writer && !access.reads)
            between(*writer, access, DependenceKind::output, round);
          for (const Access &reader : readers)
            if (reader.operation != access.operation)
              between(reader, access, DependenceKind::anti, round);
          readers.clear();
          if (round) // known from the first round
            return;
          writer = access;
        } else {
          readers.push_back(access);
        }
        if (access.writes && access.reads)
          readers.clear();
      }
  }

  void addRegister(unsigned reg) {
    std::vector<Access> accesses;
    std::vector<bool> begins; // a plain write: a new value
    for (uint32_t op = 0; op < parts.size(); ++op) {
      const Part &part = parts[op];
      if (!part.reads[reg] && !part.writes[reg])
        continue;
      const bool update = part.writes[reg] && updates(*part.info, words()[part.place.word].slot(part.place.pipe), reg);
      if (part.writes[reg] && !update) { // reads come before
        if (part.reads[reg]) {
          accesses.push_back({op, 0, true, false});
          begins.push_back(false);
        }
        accesses.push_back({op, 0, false, true});
        begins.push_back(true);
        continue;
      }
      accesses.push_back({op, 0, part.reads[reg] || update, update});
      begins.push_back(false);
    }
    if (accesses.empty())
      return;
    if (assumptions.offsetsFollow && reg < numR && isAddress(reg)) {
      RegisterValue value;
      value.liveOut = isReadLater(reg);
      for (const Access &access : accesses)
        if (access.writes) { // the steps follow each other
          value.uses.push_back(access.operation);
          const bool first = value.uses.size() == 1;
          if (!first)
            depend(value.uses[value.uses.size() - 2], access.operation, DependenceKind::flow, 0);
        }
      if (!value.uses.empty())
        depend(value.uses.back(), value.uses.front(), DependenceKind::flow, 1);
      result.problem.values.push_back(std::move(value));
      result.registers.push_back(reg);
      return;
    }
    auto addValue = [&](const std::vector<Access> &list, bool begun, bool liveOut) {
      RegisterValue value;
      value.cls = classOf(reg);
      value.liveOut = liveOut;
      for (size_t i = 0; i < list.size(); ++i) {
        if (i == 0 && begun)
          value.def = list[i].operation;
        else if (list[i].distance)
          value.later.push_back({list[i].operation, list[i].distance});
        else
          value.uses.push_back(list[i].operation);
      }
      // A temporary is written while operands are still read.
      if (begun) {
        const Part &part = parts[value.def];
        const Slot &slot = words()[part.place.word].slot(part.place.pipe);
        for (unsigned i = 0; i < part.info->numOperands; ++i)
          value.early |= part.info->operands[i].access == isa::Access::tmp &&
                         firsts[value.cls] + getRegister(slot, part.info->operands[i].field) == reg;
      }
      orderAccesses(list, !begun);
      result.problem.values.push_back(std::move(value));
      result.registers.push_back(reg - firsts[classOf(reg)]);
    };
    const size_t first = size_t(std::find(begins.begin(), begins.end(), true) - begins.begin());
    if (first == begins.size()) // lives all the time
      return addValue(accesses, false, isReadLater(reg));
    for (size_t i = first; i < accesses.size();) {
      std::vector<Access> list = {accesses[i]};
      for (++i; i < accesses.size() && !begins[i]; ++i)
        list.push_back(accesses[i]);
      const bool last = i == accesses.size();
      for (size_t next = 0; last && next < first; ++next) {
        list.push_back(accesses[next]);
        list.back().distance = 1;
      }
      addValue(list, true, last && (readByBranch[reg] || isReadLater(reg)));
    }
  }

  void addLimits() {
    sched::Problem &problem = result.problem;
    std::vector<bool> touched(numRegisters);
    for (const Part &part : parts)
      for (unsigned reg = 0; reg < numRegisters; ++reg)
        touched[reg] = touched[reg] || part.reads[reg] || part.writes[reg];
    for (unsigned cls = 0; cls < numClasses; ++cls) {
      uint32_t limit = counts[cls];
      for (unsigned reg = firsts[cls]; reg < firsts[cls] + counts[cls]; ++reg)
        if (reg == noMask ? !touched[reg] : !touched[reg] && isReadLater(reg) && int32_t(reg) != counter)
          --limit;
      problem.registerLimits.push_back(cls == 0 ? limit - 1 : limit);
    }
  }

  /// True if what a register holds behind the loop may be read: straight on, or around the loop that encloses this one.
  bool isReadLater(unsigned reg) const {
    const uint32_t count = uint32_t(words().size());
    std::vector<std::pair<uint32_t, uint32_t>> ways = {{result.tail + 1, count}};
    for (uint32_t w = 0; w < count; ++w) {
      const Slot &slot = words()[w].slot(Pipe::C);
      const InstrInfo *branch = lookup(Pipe::C, slot.opcode);
      if (!branch || !branch->isBranch || w == result.tail)
        continue;
      const int64_t target = int64_t(w) + slot.imm;
      if (target > int64_t(w) && (w < result.head || w > result.tail))
        return readOutside[reg]; // who knows
      if (w > result.tail && target <= int64_t(result.head))
        ways.push_back({uint32_t(target), result.tail + 1});
    }
    bool reads = false;
    for (auto [from, to] : ways)
      for (uint32_t w = from; w < to; ++w) {
        bool writes = false, readsHere = false;
        for (unsigned pipe = 0; pipe < numPipes; ++pipe) {
          const Effects e = effects(Pipe(pipe), words()[w].slots[pipe]);
          readsHere |= registersOf(e, false)[reg];
          writes |= registersOf(e, true)[reg];
        }
        reads |= readsHere;
        if (reads || writes)
          break;
      }
    return reads;
  }

  //===-- Memory ---------------------------------------------------------===//

  /// A register that the loop moves by a constant: bytes (or elements) in an iteration, and before each operation so far.
  struct Induction {
    bool valid = true;
    int64_t step = 0;
    std::vector<int64_t> before; // by operation
  };
  std::array<Induction, numR> inductions;

  void findBases() {
    for (unsigned r = 0; r < numR; ++r) {
      Induction &induction = inductions[r];
      for (const Part &part : parts) {
        induction.before.push_back(induction.step);
        if (!part.writes[r])
          continue;
        const Slot &slot = words()[part.place.word].slot(part.place.pipe);
        induction.valid &= part.info->pipe == Pipe::C && slot.opcode == uint8_t(COp::caddi) && slot.ra == r;
        induction.step += slot.imm;
      }
    }
  }

  /// True if the loop moves a register by constants only, and reads it otherwise in addresses only.
  bool isAddress(unsigned reg) const {
    if (!inductions[reg].valid)
      return false;
    for (const Part &part : parts) {
      const Slot &slot = words()[part.place.word].slot(part.place.pipe);
      for (unsigned i = 0; i < part.info->numOperands; ++i) {
        const OperandInfo &operand = part.info->operands[i];
        const bool reads = operand.access != isa::Access::out && (operand.cls == OperandClass::r || operand.cls == OperandClass::idx);
        if (reads && !part.writes[reg] && getRegister(slot, operand.field) == reg &&
            !(part.info->hasAddress() && (operand.field == Field::ra || operand.cls == OperandClass::idx)))
          return false;
      }
    }
    return !readByBranch[reg] || int32_t(reg) == counter;
  }

  /// Tells where every access goes.
  void addAccesses() {
    std::map<std::array<int32_t, 3>, uint64_t> addresses; // register, index, scale
    for (uint32_t op = 0; op < parts.size(); ++op) {
      sched::MemoryAccess &memory = result.problem.operations[op].memory;
      if (memory.barrier || (!memory.loads && !memory.stores))
        continue;
      const Slot &slot = result.problem.operations[op].content->slot;
      const Induction &base = inductions[slot.ra];
      if (!base.valid)
        continue;
      memory.binding = bindings[slot.ra];
      memory.offset = slot.imm + base.before[op];
      memory.step = base.step;
      std::array<int32_t, 3> key = {slot.ra, -1, 0};
      if (const OperandInfo *rb = parts[op].info->operand(Field::rb); rb && rb->cls == OperandClass::idx && slot.rb != noRegister) {
        const Induction &index = inductions[slot.rb];
        if (!index.valid)
          continue;
        memory.offset += index.before[op] * (int64_t(1) << slot.scale);
        memory.step += index.step * (int64_t(1) << slot.scale);
        key = {slot.ra, slot.rb, slot.scale};
      }
      if (memory.bytes)
        memory.address = addresses.try_emplace(key, addresses.size() + 1).first->second;
    }
    sched::addLoopMemoryDependences(result.problem, assumptions.bindingsApart);
  }
};
} // namespace

Result<LoopProblem> problemOfLoop(const Program &program, const sched::PortTable &table, const LoopAssumptions &assumptions) {
  LoopReader reader(program, table, assumptions);
  if (Status status = reader.run(); !status)
    return Error{status.message()};
  return reader.take();
}

} // namespace vtpu::gen
