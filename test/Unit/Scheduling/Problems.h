//===- Problems.h - Problems for scheduling tests ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TEST_UNIT_SCHEDULING_PROBLEMS_H
#define VTPU_TEST_UNIT_SCHEDULING_PROBLEMS_H

#include "vtpu/Scheduling/Algorithms.h"

#include <gtest/gtest.h>
#include <numeric>

namespace vtpu::sched::test {

/// Two multiply-adds, one load, one store and four operations a cycle; a division keeps its port for three.
inline PortTable makeTable() {
  PortTable table;
  table.name = "test";
  table.ports = {{"issue", 400}, {"fma", 200}, {"load", 100}, {"store", 100}, {"divide", 100}};
  table.window = 8;
  return table;
}
inline const PortTable table = makeTable();
inline const PortRow multiplyAdd = {4, {{0, 100}, {1, 100}}}, load = {5, {{0, 100}, {2, 100}}}, store = {3, {{0, 100}, {3, 100}}}, alu = {1, {{0, 100}}},
                     division = {9, {{0, 100}, {4, 300}}};

inline uint32_t add(Problem &problem, const PortRow &row) {
  Operation operation;
  operation.name = &row == &multiplyAdd ? "dfma" : &row == &load ? "sld" : &row == &store ? "sst" : &row == &division ? "ddiv" : "cadd";
  operation.pipe = &row == &multiplyAdd || &row == &division ? isa::Pipe::D : &row == &alu ? isa::Pipe::C : isa::Pipe::S;
  operation.row = &row;
  problem.operations.push_back(operation);
  return uint32_t(problem.operations.size()) - 1;
}
inline void flow(Problem &problem, uint32_t from, uint32_t to, uint32_t distance = 0) {
  problem.dependences.push_back({from, to, DependenceKind::flow, problem.row(from).latency, distance});
}
inline std::vector<uint32_t> givenOrder(const Problem &problem) {
  std::vector<uint32_t> order(problem.operations.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}
/// The schedule if it exists; all of its violations are failures.
inline Schedule schedule(const Problem &problem) {
  const Result<Schedule> result = listSchedule(problem);
  EXPECT_TRUE(result.ok()) << result.message();
  for (const Violation &violation : verify(problem, *result))
    ADD_FAILURE() << violation.message;
  return *result;
}
template <typename Solution = Schedule>
std::vector<std::string> messages(const Problem &problem, const Solution &solution) {
  std::vector<std::string> texts;
  for (const Violation &violation : verify(problem, solution))
    texts.push_back(violation.message);
  return texts;
}
using Texts = std::vector<std::string>;

/// A slot by mnemonic with registers in table order.
inline SlotContent slotOf(std::string_view mnemonic, std::initializer_list<uint8_t> registers, int64_t i0 = 0) {
  const isa::InstrInfo &info = *isa::lookup(mnemonic);
  SlotContent content;
  content.slot.opcode = info.opcode;
  auto next = registers.begin();
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const isa::OperandInfo &operand = info.operands[i];
    if (operand.cls == isa::OperandClass::idx)
      isa::setRegister(content.slot, operand.field, isa::noRegister);
    else if (operand.field <= isa::Field::rc)
      isa::setRegister(content.slot, operand.field, *next++);
    else if (operand.field == isa::Field::i0)
      content.hasImmediates = true;
  }
  if (content.hasImmediates)
    content.i0 = i0;
  if (info.types)
    content.slot.type = isa::Type::f32;
  if (info.memTypes)
    content.slot.memType = isa::Type::f32;
  if (info.hasLength)
    content.slot.length = isa::Length::v512;
  return content;
}
inline uint32_t addSlot(Problem &problem, std::string_view mnemonic, std::initializer_list<uint8_t> registers, int64_t i0 = 0) {
  const isa::InstrInfo &info = *isa::lookup(mnemonic);
  Operation operation;
  operation.name = info.mnemonic;
  operation.pipe = info.pipe;
  operation.row = info.isLoad ? &load : info.isStore ? &store : info.pipe == isa::Pipe::D ? &multiplyAdd : &alu;
  operation.content = slotOf(mnemonic, registers, i0);
  operation.memory.loads = info.isLoad;
  operation.memory.stores = info.isStore;
  problem.operations.push_back(operation);
  return uint32_t(problem.operations.size()) - 1;
}

} // namespace vtpu::sched::test

#endif // VTPU_TEST_UNIT_SCHEDULING_PROBLEMS_H
