//===- Interpreter.cpp - The reference interpreter --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Executes words slot by slot in their emission order, which gives the parallel semantics. A pointer is the offset into the binding that the
// verifier found for the access; every access is tested against its binding's size, proven or not.
//
//===----------------------------------------------------------------------===//

#include "FunctionBases.h"
#include "Semantics.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

namespace vtpu::rt {

using namespace isa;

namespace {
struct DecodedWord {
  const Word *word;
  std::array<Pipe, numPipes> order;
};

/// What a step did to control.
enum class Step { next, branch, stop, trapped };

class Interpreter final : public Executor {
public:
  Interpreter(const Program &program, const std::vector<FunctionFacts> &facts) : program(program), facts(facts) {
    code.resize(program.functions.size());
    for (size_t f = 0; f < code.size(); ++f)
      for (const Word &word : program.functions[f].words)
        code[f].push_back({&word, *emissionOrder(word)});
  }

  bool run(uint32_t function, uint8_t *const *bases, SentronContext &context) override { return runFunction(function, bases, context); }

private:
  const Program &program;
  const std::vector<FunctionFacts> &facts;
  std::vector<std::vector<DecodedWord>> code;

  struct Frame {
    uint32_t function;
    const Function &code;
    const FunctionFacts &facts;
    uint8_t *const *bases;
    SentronContext &context;
    Registers regs;
    uint32_t word = 0;
    int64_t target = 0;
  };

  static Step trap(Frame &frame, TrapCause cause, uint32_t message = 0) {
    frame.context.trap = {cause, frame.function, frame.word, message};
    return Step::trapped;
  }

  bool runFunction(uint32_t function, uint8_t *const *bases, SentronContext &context) {
    Frame frame{function, program.functions[function], facts[function], bases, context, {}, 0, 0};
    const std::vector<DecodedWord> &words = code[function];
    while (true) {
      const DecodedWord &decoded = words[frame.word];
      ++context.executedWords;
      Step step = Step::next;
      for (Pipe pipe : decoded.order) {
        const Slot &slot = decoded.word->slot(pipe);
        if (slot.empty())
          continue;
        ++context.executedOps;
        if (pipe == Pipe::D)
          executeD(slot, *decoded.word, frame.regs);
        else if (pipe == Pipe::S)
          step = executeS(slot, frame);
        else
          step = executeC(slot, *decoded.word, frame);
        if (step == Step::trapped)
          return false;
      }
      if (step == Step::stop)
        return true;
      frame.word = step == Step::branch ? uint32_t(int64_t(frame.word) + frame.target) : frame.word + 1;
      if (step == Step::branch && context.group && context.group->isStopped()) {
        trap(frame, TrapCause::stopped);
        return false;
      }
    }
  }

  /// Address of `bytes` bytes at an offset of the access's binding; null if they are outside.
  static uint8_t *resolve(Frame &frame, int64_t offset, int64_t bytes) {
    int32_t binding = frame.facts.accessBinding[frame.word];
    const Binding &info = frame.code.bindings[binding];
    if (offset < 0 || bytes > int64_t(info.size) || offset > int64_t(info.size) - bytes)
      return nullptr;
    return frame.bases[binding] + offset;
  }

  template <typename Reg, typename Mem>
  static void widen(const uint8_t *memory, uint8_t *lane) {
    Mem value;
    std::memcpy(&value, memory, sizeof(Mem));
    Reg wide = Reg(value);
    std::memcpy(lane, &wide, sizeof(Reg));
  }
  static void loadLane(const Slot &slot, const uint8_t *memory, uint8_t *lane) {
    switch (slot.memType) {
    case Type::i8:
      return slot.type == Type::i32 ? widen<int32_t, int8_t>(memory, lane) : widen<int64_t, int8_t>(memory, lane);
    case Type::i16:
      return slot.type == Type::i32 ? widen<int32_t, int16_t>(memory, lane) : widen<int64_t, int16_t>(memory, lane);
    case Type::u8:
      return slot.type == Type::i32 ? widen<int32_t, uint8_t>(memory, lane) : widen<int64_t, uint8_t>(memory, lane);
    case Type::u16:
      return slot.type == Type::i32 ? widen<int32_t, uint16_t>(memory, lane) : widen<int64_t, uint16_t>(memory, lane);
    case Type::i32:
      return slot.type == Type::i32 ? widen<int32_t, int32_t>(memory, lane) : widen<int64_t, int32_t>(memory, lane);
    case Type::u32:
      return widen<int64_t, uint32_t>(memory, lane);
    case Type::f32:
      if (slot.type == Type::f64)
        return widen<double, float>(memory, lane);
      std::memcpy(lane, memory, 4);
      return;
    case Type::f16: {
      uint16_t bits;
      std::memcpy(&bits, memory, 2);
      float value = halfToFloat(bits);
      std::memcpy(lane, &value, 4);
      return;
    }
    default:
      std::memcpy(lane, memory, 8);
    }
  }
  static void storeLane(const Slot &slot, const uint8_t *lane, uint8_t *memory) {
    if (slot.memType == Type::f16) {
      float value;
      std::memcpy(&value, lane, 4);
      uint16_t bits = floatToHalf(value);
      std::memcpy(memory, &bits, 2);
    } else if (slot.memType == Type::f32 && slot.type == Type::f64) {
      widen<float, double>(lane, memory);
    } else {
      std::memcpy(memory, lane, byteWidth(slot.memType)); // truncation keeps the low bytes
    }
  }

  Step executeS(const Slot &slot, Frame &frame) {
    Registers &regs = frame.regs;
    SOp op = SOp(slot.opcode);
    uint64_t wrapping = uint64_t(regs.r[slot.ra]) + uint64_t(int64_t(slot.imm)); // as the host's address unit
    const bool isGather = op == SOp::sgather || op == SOp::sscatter;
    if (!isGather && slot.rb != noRegister)
      wrapping += uint64_t(regs.r[slot.rb]) << slot.scale;
    const int64_t offset = int64_t(wrapping);
    switch (op) {
    case SOp::sprefch:
      return Step::next;
    case SOp::sldr: {
      uint8_t *memory = resolve(frame, offset, byteWidth(slot.memType));
      if (!memory)
        return trap(frame, TrapCause::outOfBounds);
      Slot lane = slot;
      lane.type = Type::i64;
      loadLane(lane, memory, reinterpret_cast<uint8_t *>(&regs.r[slot.rd]));
      return Step::next;
    }
    case SOp::sstr: {
      uint8_t *memory = resolve(frame, offset, byteWidth(slot.memType));
      if (!memory)
        return trap(frame, TrapCause::outOfBounds);
      std::memcpy(memory, &regs.r[slot.rd], byteWidth(slot.memType));
      return Step::next;
    }
    case SOp::slds:
    case SOp::ssts: {
      unsigned bytes = byteWidth(slot.type);
      uint8_t *memory = resolve(frame, offset, bytes);
      if (!memory)
        return trap(frame, TrapCause::outOfBounds);
      if (op == SOp::ssts) {
        std::memcpy(memory, regs.v[slot.rd], bytes);
      } else {
        std::memset(regs.v[slot.rd], 0, 64);
        std::memcpy(regs.v[slot.rd], memory, bytes);
      }
      return Step::next;
    }
    default:
      break;
    }
    const unsigned lanes = laneCount(slot.length, slot.type), width = byteWidth(slot.type);
    const uint64_t all = lanes == 64 ? ~0ull : (1ull << lanes) - 1;
    uint64_t mask = (slot.mask ? regs.k[slot.mask] : ~0ull) & all;
    alignas(64) uint8_t values[64] = {};
    if (isGather) {
      const uint8_t *indices = regs.v[slot.rc];
      for (unsigned i = 0; i < lanes; ++i) {
        if (!(mask >> i & 1))
          continue;
        int64_t index;
        if (width == 4) {
          int32_t narrow;
          std::memcpy(&narrow, indices + 4 * i, 4);
          index = narrow;
        } else {
          std::memcpy(&index, indices + 8 * i, 8);
        }
        int64_t position;
        if (__builtin_mul_overflow(index, int64_t(1) << slot.scale, &position) || __builtin_add_overflow(position, offset, &position))
          return trap(frame, TrapCause::outOfBounds);
        uint8_t *memory = resolve(frame, position, width);
        if (!memory)
          return trap(frame, TrapCause::outOfBounds);
        if (op == SOp::sgather)
          std::memcpy(values + i * width, memory, width);
        else
          std::memcpy(memory, regs.v[slot.rd] + i * width, width);
      }
      regs.k[slot.rb] = 0;
      if (op == SOp::sgather) {
        std::memcpy(regs.v[slot.rd], values, lanes * width);
        std::memset(regs.v[slot.rd] + lanes * width, 0, 64 - lanes * width);
      }
      return Step::next;
    }
    if (op == SOp::sbcast) {
      if (mask) {
        uint8_t *memory = resolve(frame, offset, width);
        if (!memory)
          return trap(frame, TrapCause::outOfBounds);
        for (unsigned i = 0; i < lanes; ++i)
          std::memcpy(values + i * width, memory, width);
      }
      writeLanes(slot, regs, slot.rd, values, lanes, width);
      return Step::next;
    }
    const unsigned memoryWidth = byteWidth(slot.memType);
    if (mask) {
      unsigned first = unsigned(__builtin_ctzll(mask)), last = 63 - unsigned(__builtin_clzll(mask));
      uint8_t *memory = resolve(frame, int64_t(wrapping + uint64_t(first) * memoryWidth), int64_t(last - first + 1) * memoryWidth);
      if (!memory)
        return trap(frame, TrapCause::outOfBounds);
      memory -= int64_t(first) * memoryWidth;
      if (!slot.mask && slot.memType == slot.type) {
        if (op == SOp::sld)
          std::memcpy(values, memory, lanes * width);
        else
          std::memcpy(memory, regs.v[slot.rd], lanes * width);
      } else {
        for (unsigned i = 0; i < lanes; ++i) {
          if (!(mask >> i & 1))
            continue;
          if (op == SOp::sld)
            loadLane(slot, memory + i * memoryWidth, values + i * width);
          else
            storeLane(slot, regs.v[slot.rd] + i * width, memory + i * memoryWidth);
        }
      }
    }
    if (op == SOp::sld)
      writeLanes(slot, regs, slot.rd, values, lanes, width);
    return Step::next;
  }

  static int64_t extend(Type type, int64_t value) {
    switch (type) {
    case Type::i8:
      return int8_t(value);
    case Type::i16:
      return int16_t(value);
    case Type::i32:
      return int32_t(value);
    case Type::u8:
      return uint8_t(value);
    case Type::u16:
      return uint16_t(value);
    default:
      return uint32_t(value);
    }
  }

  Step executeC(const Slot &slot, const Word &word, Frame &frame) {
    Registers &regs = frame.regs;
    int64_t &rd = regs.r[slot.rd % numR];
    const int64_t a = regs.r[slot.ra % numR], b = regs.r[slot.rb % numR], c = regs.r[slot.rc % numR];
    const uint64_t ua = uint64_t(a), ub = uint64_t(b), ka = regs.k[slot.ra % numK], kb = regs.k[slot.rb % numK];
    uint64_t &kd = regs.k[slot.rd % numK];
    const int64_t imm = slot.imm;
    const int64_t lowest = std::numeric_limits<int64_t>::min();
    switch (COp(slot.opcode)) {
    case COp::empty:
      return Step::next;
    case COp::cimm:
      rd = word.i0;
      return Step::next;
    case COp::cmov:
      rd = a;
      return Step::next;
    case COp::cadd:
      rd = int64_t(ua + ub);
      return Step::next;
    case COp::caddi:
      rd = int64_t(ua + uint64_t(imm));
      return Step::next;
    case COp::csub:
      rd = int64_t(ua - ub);
      return Step::next;
    case COp::cmul:
      rd = int64_t(ua * ub);
      return Step::next;
    case COp::cmuli:
      rd = int64_t(ua * uint64_t(imm));
      return Step::next;
    case COp::cdiv:
    case COp::crem: {
      if (b == 0)
        return trap(frame, TrapCause::divideByZero);
      bool overflow = a == lowest && b == -1;
      if (COp(slot.opcode) == COp::cdiv)
        rd = overflow ? lowest : a / b;
      else
        rd = overflow ? 0 : a % b;
      return Step::next;
    }
    case COp::cdivu:
    case COp::cremu:
      if (b == 0)
        return trap(frame, TrapCause::divideByZero);
      rd = int64_t(COp(slot.opcode) == COp::cdivu ? ua / ub : ua % ub);
      return Step::next;
    case COp::cand:
      rd = a & b;
      return Step::next;
    case COp::cor:
      rd = a | b;
      return Step::next;
    case COp::cxor:
      rd = a ^ b;
      return Step::next;
    case COp::cshl:
      rd = int64_t(ua << (ub & 63));
      return Step::next;
    case COp::cshr:
      rd = int64_t(ua >> (ub & 63));
      return Step::next;
    case COp::csar:
      rd = a >> (ub & 63);
      return Step::next;
    case COp::cshli:
      rd = int64_t(ua << (imm & 63));
      return Step::next;
    case COp::cshri:
      rd = int64_t(ua >> (imm & 63));
      return Step::next;
    case COp::csari:
      rd = a >> (imm & 63);
      return Step::next;
    case COp::candi:
      rd = a & imm;
      return Step::next;
    case COp::cmin:
      rd = std::min(a, b);
      return Step::next;
    case COp::cmax:
      rd = std::max(a, b);
      return Step::next;
    case COp::cset:
      rd = compareIntegers(slot.predicate, a, b);
      return Step::next;
    case COp::csel:
      rd = c != 0 ? a : b;
      return Step::next;
    case COp::cext:
      rd = extend(slot.memType, a);
      return Step::next;
    case COp::cptr:
      rd = 0;
      return Step::next;
    case COp::cbr:
      frame.target = imm;
      return Step::branch;
    case COp::cbcc:
      frame.target = imm;
      return compareIntegers(slot.predicate, a, b) ? Step::branch : Step::next;
    case COp::cbcci:
      frame.target = imm;
      return compareIntegers(slot.predicate, a, word.i1) ? Step::branch : Step::next;
    case COp::ccall: {
      const CallTable &table = frame.code.callTables[imm];
      std::vector<uint8_t *> bases = calleeBases(program, table, frame.bases, frame.context);
      return runFunction(table.callee, bases.data(), frame.context) ? Step::next : Step::trapped;
    }
    case COp::cret:
      return Step::stop;
    case COp::ctrap:
      return trap(frame, TrapCause::message, uint32_t(imm));
    case COp::cassert:
      return a == 0 ? trap(frame, TrapCause::message, uint32_t(imm)) : Step::next;
    case COp::kset:
      kd = imm == 64 ? ~0ull : (1ull << imm) - 1;
      return Step::next;
    case COp::kfirst: {
      int64_t lanes = std::clamp<int64_t>(a, 0, 64);
      kd = lanes == 64 ? ~0ull : (1ull << lanes) - 1;
      return Step::next;
    }
    case COp::kand:
      kd = ka & kb;
      return Step::next;
    case COp::kor:
      kd = ka | kb;
      return Step::next;
    case COp::kxor:
      kd = ka ^ kb;
      return Step::next;
    case COp::kandn:
      kd = ~ka & kb;
      return Step::next;
    case COp::kmov:
      kd = ka;
      return Step::next;
    case COp::kget:
      rd = int64_t(ka);
      return Step::next;
    case COp::kput:
      kd = ua;
      return Step::next;
    case COp::chost: {
      auto started = std::chrono::steady_clock::now();
      callHost(slot, regs.v[slot.rd], regs.v[slot.ra], regs.v[slot.rb]);
      std::memset(regs.v[slot.rd] + lengthBytes(slot.length), 0, 64 - lengthBytes(slot.length));
      frame.context.hostSeconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
      return Step::next;
    }
    case COp::csid:
      rd = int64_t(frame.context.sentron);
      return Step::next;
    case COp::csnum:
      rd = int64_t(frame.context.sentrons);
      return Step::next;
    case COp::cbar:
      if (!waitAtBarrier(frame.context))
        return trap(frame, TrapCause::stopped);
      return Step::next;
    }
    return Step::next;
  }
};
} // namespace

std::unique_ptr<Executor> createInterpreter(const Program &program, const std::vector<FunctionFacts> &facts) {
  return std::make_unique<Interpreter>(program, facts);
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

void callHost(const Slot &slot, void *out, const void *a, const void *b) {
  const HostFunction &function = hostFunctions()[slot.imm];
  if (slot.type == Type::f32) {
    for (unsigned i = 0, n = laneCount(slot.length, slot.type); i < n; ++i)
      static_cast<float *>(out)[i] = function.f32(static_cast<const float *>(a)[i], static_cast<const float *>(b)[i]);
  } else {
    for (unsigned i = 0, n = laneCount(slot.length, slot.type); i < n; ++i)
      static_cast<double *>(out)[i] = function.f64(static_cast<const double *>(a)[i], static_cast<const double *>(b)[i]);
  }
}

} // namespace vtpu::rt
