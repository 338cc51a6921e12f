//===- Registers.cpp - Classes and lives of registers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Registers.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;

namespace vtpu::siw {

RegisterClass classOf(Type type) {
  return llvm::TypeSwitch<Type, RegisterClass>(type)
      .Case<RType>([](Type) { return classR; })
      .Case<VType>([](Type) { return classV; })
      .Case<KType>([](Type) { return classK; })
      .Case<PType>([](Type) { return classP; })
      .Case<MType>([](Type) { return classM; });
}

bool canUpdateInPlace(Operation *op, Value tied) {
  if (auto arg = dyn_cast<BlockArgument>(tied); arg && arg.getArgNumber() == 0 && mlir::isa<ForOp>(op->getParentOp()))
    return false; // a counter is still needed
  return tied.hasOneUse() && tied.getParentBlock() == op->getBlock();
}

bool canStartLoop(Value start, Block *block) { return start.hasOneUse() && start.getDefiningOp() && start.getParentBlock() == block; }

/// The value of a block whose register a value takes without a copy: the one that an op updates in place, or that a loop starts with; null if none.
static Value previousInRegister(Value value, Block *block) {
  Operation *def = value.getDefiningOp();
  if (!def || def->getBlock() != block)
    return {};
  const unsigned number = cast<OpResult>(value).getResultNumber();
  if (getInstruction(def)) {
    unsigned result;
    const int tied = getTiedOperand(def, result);
    const bool updates = tied >= 0 && result == number && canUpdateInPlace(def, def->getOperand(unsigned(tied)));
    return updates ? def->getOperand(unsigned(tied)) : Value();
  }
  Value start;
  if (auto loop = dyn_cast<ForOp>(def))
    start = loop.getStarts()[number];
  else if (auto loop = dyn_cast<WhileOp>(def))
    start = loop.getStarts()[number];
  return start && canStartLoop(start, block) ? start : Value();
}

/// The other way.
static Value nextInRegister(Value value, Block *block) {
  if (value.hasOneUse())
    for (Value result : value.getUsers().begin()->getResults())
      if (previousInRegister(result, block) == value)
        return result;
  return {};
}

Value firstInRegister(Value value, Block *block) {
  while (Value previous = previousInRegister(value, block))
    value = previous;
  return value;
}

bool canTakeOver(Value yielded, Value carried, Block *block) {
  if (!yielded.getDefiningOp() || yielded.getParentBlock() != block)
    return false;
  if (!carried)
    return true;
  const Value first = firstInRegister(yielded, block);
  Operation *def = first.getDefiningOp();
  if (!def) // the register of this argument or of another
    return first == carried;
  auto isReadBefore = [&](Operation *user) {
    Operation *top = block->findAncestorOpInBlock(*user);
    if (top == def) // it must be read before the result is written, and not inside a nested loop
      return user == def && !(getInstruction(def) && isWrittenEarly(cast<OpResult>(first)));
    return top && top->isBeforeInBlock(def);
  };
  for (Value held = carried; held; held = nextInRegister(held, block))
    if (!llvm::all_of(held.getUsers(), isReadBefore))
      return false;
  return true;
}

bool isWrittenEarly(OpResult result) {
  Operation *def = result.getOwner();
  return getResultRows(def)[result.getResultNumber()]->access == isa::Access::tmp || def->getName().stripDialect() == "sgather";
}

Positions::Positions(FuncOp func) {
  int64_t position = 0;
  startOf[func] = 0;
  number(func.getBody().front(), position);
  endOf[func] = position + 1;
}

void Positions::number(Block &block, int64_t &position) {
  for (Operation &op : block) {
    startOf[&op] = ++position;
    for (Region &region : op.getRegions())
      number(region.front(), position);
    endOf[&op] = op.getNumRegions() ? ++position : startOf[&op];
  }
}

int64_t Positions::lastRead(Value value, Operation *user) const {
  auto loop = dyn_cast<ForOp>(user);
  int64_t at = loop && loop.getUpper() == value ? end(user) : start(user);
  for (Operation *parent = user->getParentOp(); parent && !mlir::isa<FuncOp>(parent) && parent != value.getParentBlock()->getParentOp();
       parent = parent->getParentOp())
    if (mlir::isa<ForOp, WhileOp>(parent))
      at = std::max(at, end(parent));
  return at;
}

RegisterLives::RegisterLives(FuncOp func) : positions(func) {
  llvm::EquivalenceClasses<void *> classes;
  SmallVector<Value> all;
  auto share = [&](Value a, Value b) { classes.unionSets(a.getAsOpaquePointer(), b.getAsOpaquePointer()); };
  func.walk([&](Operation *op) {
    for (Value result : op->getResults())
      all.push_back(result);
    for (Region &region : op->getRegions())
      for (Value arg : region.front().getArguments())
        all.push_back(arg);
    unsigned result;
    if (getInstruction(op)) {
      if (int tied = getTiedOperand(op, result); tied >= 0 && canUpdateInPlace(op, op->getOperand(unsigned(tied))))
        share(op->getOperand(unsigned(tied)), op->getResult(result));
    } else if (auto loop = dyn_cast<ForOp>(op)) {
      for (auto [arg, yielded] : llvm::zip(loop.getCarried(), loop.getYield()->getOperands()))
        if (yielded == arg || canTakeOver(yielded, arg, &loop.getBody().front()))
          share(arg, yielded);
    } else if (auto loop = dyn_cast<WhileOp>(op)) {
      for (auto [first, second] : llvm::zip(loop.getBefore().front().getArguments(), loop.getAfter().front().getArguments()))
        share(first, second);
    }
  });
  llvm::DenseMap<void *, unsigned> ids;
  for (Value value : all) {
    void *pointer = value.getAsOpaquePointer();
    if (classes.findLeader(pointer) != classes.member_end())
      pointer = classes.getLeaderValue(pointer);
    auto [it, isNew] = ids.try_emplace(pointer, unsigned(lives.size()));
    if (isNew)
      lives.emplace_back();
    Life &life = lives[it->second];
    life.values.push_back(value);
    int64_t start, end;
    if (Operation *def = value.getDefiningOp()) {
      // The results of a condition share their registers with what its regions yield, and so live from its start.
      const bool merges = mlir::isa<IfOp>(def);
      const bool early = getInstruction(def) && isWrittenEarly(cast<OpResult>(value));
      start = def->getNumRegions() ? merges ? positions.start(def) : positions.end(def) : positions.start(def) + (early ? 0 : 1);
      end = def->getNumRegions() ? positions.end(def) : positions.start(def) + 1;
    } else { // an argument lives through the whole loop
      Operation *loop = value.getParentBlock()->getParentOp();
      start = positions.start(loop) + 1;
      end = positions.end(loop);
    }
    for (Operation *user : value.getUsers())
      end = std::max(end, positions.lastRead(value, user));
    life.start = std::min(life.start, start);
    life.end = std::max(life.end, end);
  }
}

bool RegisterLives::addTo(sched::Problem &problem, ArrayRef<Operation *> run) const {
  const int64_t first = positions.start(run.front()), last = positions.start(run.back()) + 1;
  llvm::DenseMap<Operation *, uint32_t> numbers;
  for (auto [i, op] : llvm::enumerate(run))
    numbers[op] = uint32_t(i);
  uint32_t through[numClasses] = {};
  for (const Life &life : lives) {
    if (life.end < first || life.start > last)
      continue;
    const RegisterClass cls = classOf(life.values.front().getType());
    if (life.start < first && life.end > last) {
      ++through[cls];
      continue;
    }
    sched::RegisterValue value;
    value.cls = cls;
    value.liveOut = life.end > last;
    for (Value member : life.values) {
      Operation *def = member.getDefiningOp();
      if (auto it = numbers.find(def); def && it != numbers.end()) {
        value.uses.push_back(it->second); // updates, and the first of them
        if (life.start >= first && it->second < value.def) {
          unsigned result;
          value.def = it->second;
          // A copy of the tied operand comes before the op.
          value.early = isWrittenEarly(cast<OpResult>(member)) || getTiedOperand(def, result) >= 0;
        }
      }
      for (Operation *user : member.getUsers())
        if (auto it = numbers.find(user); it != numbers.end())
          value.uses.push_back(it->second);
    }
    llvm::sort(value.uses);
    value.uses.erase(llvm::unique(value.uses), value.uses.end());
    if (value.def != sched::RegisterValue::none)
      llvm::erase(value.uses, value.def);
    problem.values.push_back(std::move(value));
  }
  problem.registerLimits.assign(numClasses, 0);
  std::vector<uint32_t> order(run.size());
  std::iota(order.begin(), order.end(), 0);
  const std::vector<uint32_t> peaks = sched::registerPeaks(problem, order);
  for (unsigned cls = 0; cls < numClasses; ++cls) {
    const uint32_t available = uint32_t(highest[cls] - lowest[cls] + 1);
    if (peaks[cls] + through[cls] > available)
      return false;
    problem.registerLimits[cls] = available - through[cls];
  }
  return true;
}

} // namespace vtpu::siw
