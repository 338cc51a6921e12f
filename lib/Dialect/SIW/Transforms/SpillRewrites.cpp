//===- SpillRewrites.cpp - How values leave their registers -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SpillRewrites.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace vtpu::siw {

using isa::COp;

bool isScalarOp(Operation *op, COp row) {
  const isa::InstrInfo *info = op ? getInstruction(op) : nullptr;
  return info && info->pipe == isa::Pipe::C && info->opcode == uint8_t(row);
}
static int64_t immediateOf(Operation *op) { return op->getAttrOfType<IntegerAttr>("imm").getInt(); }

int64_t getPointedBinding(Value value) {
  while (true) {
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      Operation *parent = arg.getOwner()->getParentOp();
      if (auto loop = dyn_cast<ForOp>(parent)) {
        if (arg.getArgNumber() == 0)
          return -1;
        value = loop.getStarts()[arg.getArgNumber() - 1];
      } else {
        value = cast<WhileOp>(parent).getStarts()[arg.getArgNumber()];
      }
      continue;
    }
    Operation *def = value.getDefiningOp();
    const unsigned number = cast<OpResult>(value).getResultNumber();
    if (auto loop = dyn_cast<ForOp>(def))
      value = loop.getStarts()[number];
    else if (auto loop = dyn_cast<WhileOp>(def))
      value = loop.getStarts()[number];
    else if (auto branch = dyn_cast<IfOp>(def))
      value = branch.getThenRegion().front().getTerminator()->getOperand(number);
    else if (isScalarOp(def, COp::cptr))
      return immediateOf(def);
    else if (isScalarOp(def, COp::caddi) || isScalarOp(def, COp::cmov))
      value = def->getOperand(0);
    else if (isScalarOp(def, COp::cadd)) {
      if (int64_t first = getPointedBinding(def->getOperand(0)); first >= 0)
        return first;
      value = def->getOperand(1);
    } else {
      return -1;
    }
  }
}

std::optional<KnownScalar> getKnownScalar(Value value) {
  int64_t added = 0;
  for (Operation *def = value.getDefiningOp(); def; def = def->getOperand(0).getDefiningOp()) {
    if (isScalarOp(def, COp::cptr))
      return KnownScalar{immediateOf(def), added};
    if (isScalarOp(def, COp::cimm))
      return KnownScalar{-1, int64_t(uint64_t(immediateOf(def)) + uint64_t(added))};
    if (isScalarOp(def, COp::caddi))
      added = int64_t(uint64_t(added) + uint64_t(immediateOf(def)));
    else if (!isScalarOp(def, COp::cmov))
      break;
  }
  return std::nullopt;
}

/// value + a constant.
static Value addConstant(Emitter &emitter, Value value, int64_t constant, llvm::DenseSet<Value> &made) {
  if (constant == int32_t(constant))
    return emitter.c(COp::caddi, {value}, Emitter::immediate(constant));
  Value number = emitter.constant(constant);
  made.insert(number);
  return emitter.c(COp::cadd, {value, number});
}

Value makeKnownScalar(Emitter &emitter, KnownScalar known, llvm::DenseSet<Value> &made) {
  Value value = known.binding < 0 ? emitter.constant(known.number) : emitter.c(COp::cptr, {}, Emitter::immediate(known.binding));
  made.insert(value);
  if (known.binding >= 0 && known.number != 0) {
    value = addConstant(emitter, value, known.number, made);
    made.insert(value);
  }
  return value;
}

bool isCarried(OpOperand &use) {
  Operation *owner = use.getOwner();
  const unsigned number = use.getOperandNumber();
  if (auto loop = dyn_cast<ForOp>(owner)) // the start of the counter becomes the counter
    return number == 0 || number >= (loop.getUpper() ? 2u : 1u);
  if (mlir::isa<ConditionOp>(owner))
    return number >= 1;
  return mlir::isa<WhileOp, YieldOp>(owner);
}

bool derivesPointers(Operation *op) { return isScalarOp(op, COp::caddi) || isScalarOp(op, COp::cmov) || isScalarOp(op, COp::cadd); }

/// The offset of a pointer at the emitter's place: constant, of the web, or derived word by word as the pointer is.
static Value makeOffset(Emitter &emitter, Value pointer, const llvm::SetVector<Value> &web, llvm::DenseSet<Value> &made) {
  if (std::optional<KnownScalar> known = getKnownScalar(pointer)) {
    Value value = emitter.constant(known->number);
    made.insert(value);
    return value;
  }
  if (web.contains(pointer))
    return pointer;
  Operation *def = pointer.getDefiningOp();
  const unsigned from = getPointedBinding(def->getOperand(0)) >= 0 ? 0 : 1;
  Value offset = makeOffset(emitter, def->getOperand(from), web, made), sum = offset;
  if (isScalarOp(def, COp::caddi))
    sum = addConstant(emitter, offset, immediateOf(def), made);
  else if (isScalarOp(def, COp::cadd))
    sum = emitter.c(COp::cadd, {offset, def->getOperand(1 - from)});
  made.insert(sum);
  return sum;
}

void pointersToOffsets(const llvm::SetVector<Value> &web, llvm::DenseSet<Value> &made) {
  SmallVector<std::pair<Operation *, Value>> replaced; // later: the ops below look at the old ones
  for (Value value : web) {
    const int64_t binding = getPointedBinding(value);
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      Operation *owner = use.getOwner();
      if (isCarried(use) || (derivesPointers(owner) && web.contains(owner->getResult(0))))
        continue;
      OpBuilder builder(owner);
      Emitter emitter(builder, owner->getLoc());
      Value base = emitter.c(COp::cptr, {}, Emitter::immediate(binding));
      Value pointer = emitter.c(COp::cadd, {base, value});
      made.insert(base);
      made.insert(pointer);
      use.set(pointer);
    }
  }
  for (Value value : web) {
    Operation *def = value.getDefiningOp();
    if (!def || !getInstruction(def))
      continue;
    OpBuilder builder(def);
    Emitter emitter(builder, def->getLoc());
    if (std::optional<KnownScalar> known = getKnownScalar(value)) {
      replaced.push_back({def, emitter.constant(known->number)});
      continue;
    }
    const unsigned from = getPointedBinding(def->getOperand(0)) >= 0 ? 0 : 1;
    if (web.contains(def->getOperand(from)))
      continue;
    Value offset = makeOffset(emitter, def->getOperand(from), web, made);
    replaced.push_back({def, isScalarOp(def, COp::caddi)  ? addConstant(emitter, offset, immediateOf(def), made)
                             : isScalarOp(def, COp::cadd) ? emitter.c(COp::cadd, {offset, def->getOperand(1 - from)})
                                                          : emitter.c(COp::cmov, {offset})});
  }
  for (auto [def, value] : replaced)
    def->getResult(0).replaceAllUsesWith(value);
  for (auto [def, value] : replaced)
    def->erase();
}

namespace {
/// The op without some of its results; regions move over.
template <typename Op>
void rebuild(Op op, ArrayRef<Value> operands, const llvm::BitVector &dropped, ArrayRef<NamedAttribute> attributes) {
  OpBuilder builder(op);
  OperationState state(op.getLoc(), Op::getOperationName());
  state.addOperands(operands);
  state.addAttributes(attributes);
  for (auto [i, type] : llvm::enumerate(op->getResultTypes()))
    if (!dropped[unsigned(i)])
      state.addTypes(type);
  for (Region &region : op->getRegions())
    state.addRegion()->takeBody(region);
  Operation *next = builder.create(state);
  unsigned kept = 0;
  for (OpResult result : op->getResults())
    if (!dropped[result.getResultNumber()])
      result.replaceAllUsesWith(next->getResult(kept++));
  op->erase();
}

/// `dropped` with `ahead` positions before it that stay.
llvm::BitVector shifted(const llvm::BitVector &dropped, unsigned ahead) {
  llvm::BitVector bits(dropped.size() + ahead);
  for (unsigned i : dropped.set_bits())
    bits.set(i + ahead);
  return bits;
}
} // namespace

void dropCarried(FuncOp func, const llvm::SetVector<Value> &web) {
  SmallVector<Operation *> ops; // inner ops first
  func.walk([&](Operation *op) {
    if (mlir::isa<ForOp, IfOp, WhileOp>(op) && llvm::any_of(op->getResults(), [&](Value result) { return web.contains(result); }))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    llvm::BitVector dropped(op->getNumResults());
    for (OpResult result : op->getResults())
      if (web.contains(result))
        dropped.set(result.getResultNumber());
    SmallVector<Value> operands;
    SmallVector<NamedAttribute> attributes(op->getAttrDictionary().getValue());
    auto keepStarts = [&](ValueRange starts) {
      unsigned count = 0;
      for (auto [i, start] : llvm::enumerate(starts))
        if (!dropped[unsigned(i)]) {
          operands.push_back(start);
          ++count;
        }
      return count;
    };
    if (auto loop = dyn_cast<ForOp>(op)) {
      operands.push_back(loop.getLower());
      if (loop.getUpper())
        operands.push_back(loop.getUpper());
      const unsigned kept = keepStarts(loop.getStarts());
      loop.getYield()->eraseOperands(dropped);
      loop.getBody().front().eraseArguments(shifted(dropped, 1));
      NamedAttrList list(attributes);
      list.set("operandSegmentSizes", Builder(func.getContext()).getDenseI32ArrayAttr({1, loop.getUpper() ? 1 : 0, int32_t(kept)}));
      rebuild(loop, operands, dropped, list.getAttrs());
    } else if (auto branch = dyn_cast<IfOp>(op)) {
      operands.push_back(branch.getCondition());
      for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
        region->front().getTerminator()->eraseOperands(dropped);
      rebuild(branch, operands, dropped, attributes);
    } else {
      auto repeat = cast<WhileOp>(op);
      keepStarts(repeat.getStarts());
      Block &before = repeat.getBefore().front(), &after = repeat.getAfter().front();
      before.getTerminator()->eraseOperands(shifted(dropped, 1));
      before.eraseArguments(dropped);
      after.getTerminator()->eraseOperands(dropped);
      after.eraseArguments(dropped);
      rebuild(repeat, operands, dropped, attributes);
    }
  }
}

/// A value that was made for one use, made again with what was made for it.
static Value remake(Emitter &emitter, Value value, llvm::DenseSet<Value> &made) {
  if (!made.contains(value))
    return value;
  Operation *def = value.getDefiningOp();
  SmallVector<Value> operands;
  for (Value operand : def->getOperands())
    operands.push_back(remake(emitter, operand, made));
  Operation *again = emitter.builder.clone(*def);
  again->setOperands(operands);
  Value result = again->getResult(cast<OpResult>(value).getResultNumber());
  made.insert(result);
  return result;
}

/// Removes a value that was made for uses which are gone, and what was made for it.
static void dropMade(Value value, llvm::DenseSet<Value> &made) {
  if (!made.contains(value) || !value.use_empty())
    return;
  Operation *def = value.getDefiningOp();
  const SmallVector<Value> operands(def->getOperands());
  made.erase(value);
  def->erase();
  for (Value operand : operands)
    dropMade(operand, made);
}

WhileOp countInWhile(ForOp loop, llvm::DenseSet<Value> &made) {
  OpBuilder builder(loop);
  const Location loc = loop.getLoc();
  Emitter emitter(builder, loc);
  OperationState state(loc, WhileOp::getOperationName());
  state.addOperands(loop.getLower());
  state.addOperands(loop.getStarts());
  const SmallVector<Type> types(ValueRange(state.operands).getTypes());
  state.addTypes(types);
  Block &test = state.addRegion()->emplaceBlock();
  Region *body = state.addRegion();
  for (Type type : types)
    test.addArgument(type, loc);

  builder.setInsertionPointToStart(&test);
  const Value upper = loop.getUpper(), bound = upper ? remake(emitter, upper, made) : emitter.constant(int64_t(*loop.getBound()));
  if (!upper)
    made.insert(bound);
  Fields less;
  less.predicate = isa::Predicate::lt;
  const Value goesOn = emitter.c(COp::cset, {test.getArgument(0), bound}, less);
  made.insert(goesOn);
  ConditionOp::create(builder, loc, goesOn, test.getArguments());

  Operation *yield = loop.getYield();
  builder.setInsertionPoint(yield);
  yield->insertOperands(0, addConstant(emitter, loop.getCounter(), int64_t(loop.getStep()), made));
  body->takeBody(loop.getBody());
  builder.setInsertionPoint(loop);
  auto repeat = cast<WhileOp>(builder.create(state));
  loop->replaceAllUsesWith(repeat.getResults().drop_front());
  loop->erase();
  if (upper)
    dropMade(upper, made);
  return repeat;
}

} // namespace vtpu::siw
