//===- PipelineRewrite.cpp - A loop from its modulo schedule ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In step t of a pipelined loop, iteration t - s executes its stage s. Iterations are numbered from the one that starts in the first step of the part
// that is being written: from 0 in the first part, from the pass's first in the kernel, from the first that was not started in the last part.
//
//===----------------------------------------------------------------------===//

#include "PipelineRewrite.h"
#include "SchedulingProblem.h"
#include "SpillRewrites.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace vtpu::siw {

using isa::COp;

std::optional<StraightLoop> StraightLoop::match(ForOp loop) {
  Block &block = loop.getBody().front();
  SmallVector<Run> runs = findRuns(block);
  if (runs.size() != 1 || runs.front().size() + 1 != block.getOperations().size())
    return std::nullopt;
  const isa::InstrInfo *last = getInstruction(runs.front().back());
  if (last->isBranch || last->isTerminator || isScalarOp(runs.front().back(), COp::ccall))
    return std::nullopt;
  StraightLoop result;
  result.loop = loop;
  result.inductions.push_back({loop.getCounter(), Value(), int64_t(loop.getStep())});
  llvm::DenseSet<Operation *> steps;
  for (auto [arg, yielded] : llvm::zip(loop.getCarried(), loop.getYield()->getOperands()))
    if (Operation *def = yielded.getDefiningOp(); def && isScalarOp(def, COp::caddi) && def->getOperand(0) == arg) {
      result.inductions.push_back({arg, yielded, def->getAttrOfType<IntegerAttr>("imm").getInt()});
      steps.insert(def);
    }
  for (Operation *op : runs.front())
    if (!steps.contains(op))
      result.body.push_back(op);
  std::optional<KnownScalar> lower = getKnownScalar(loop.getLower());
  if (loop.getBound() && lower && lower->binding < 0) {
    const int64_t step = int64_t(loop.getStep()), span = int64_t(*loop.getBound()) - lower->number;
    result.trips = span > 0 ? (span + step - 1) / step : 0;
  }
  return result;
}

const Induction *StraightLoop::inductionOf(Value value) const {
  for (const Induction &induction : inductions)
    if (induction.argument == value || (induction.next && induction.next == value))
      return &induction;
  return nullptr;
}

namespace {
/// A value of the old body in an iteration.
using Key = std::pair<Value, int64_t>;

class Writer {
public:
  Writer(const StraightLoop &straight, const sched::ModuloSchedule &schedule)
      : straight(straight), schedule(schedule), loop(straight.loop), builder(loop) {
    for (auto [number, op] : llvm::enumerate(straight.body))
      stageOf[op] = schedule.stage(uint32_t(number));
  }

  std::optional<PipelinedLoop> write(size_t mostOps);

private:
  const StraightLoop &straight;
  const sched::ModuloSchedule &schedule;
  mutable ForOp loop;
  OpBuilder builder;
  llvm::DenseMap<Operation *, uint32_t> stageOf;
  int64_t unrolled = 1;
  llvm::SetVector<Key> live; // what a pass takes over from the passes before

  // The part being written.
  llvm::DenseMap<Key, Value> values;
  llvm::DenseMap<Value, Value> bases;                       // of each induction's argument: its register in iteration 0
  llvm::DenseMap<std::pair<Value, int64_t>, Value> stepped; // bases with an offset

  int64_t warmUp() const { return int64_t(schedule.stages()) - 1; }
  bool isOutside(Value value) const { return value.getParentBlock() != &loop.getBody().front(); }
  unsigned carriedNumber(Value arg) const { return cast<BlockArgument>(arg).getArgNumber() - 1; }
  Value yielded(Value arg) const { return loop.getYield()->getOperand(carriedNumber(arg)); }

  /// What defines a value in the kernel: an operation's result, or a carried argument that is still the loop's start in the first pass.
  Key canonical(Key key) const;
  void need(Key key);
  void findLive();

  void begin() {
    values.clear();
    bases.clear();
    stepped.clear();
  }
  Value induction(const Induction &which, int64_t offset);
  Value use(Key key);
  void emit(uint32_t number, int64_t iteration);
  SmallVector<Value> writeParts(Value lastCounter, std::optional<int64_t> passes, PipelinedLoop &result);
  Value counterAfter(ForOp kernel, std::optional<int64_t> passes);
};
} // namespace

Key Writer::canonical(Key key) const {
  auto [value, iteration] = key;
  while (!isOutside(value) && mlir::isa<BlockArgument>(value) && !straight.inductionOf(value) && warmUp() + iteration > 0) {
    value = yielded(value);
    --iteration;
  }
  return {value, iteration};
}

void Writer::need(Key key) {
  key = canonical(key);
  if (isOutside(key.first) || straight.inductionOf(key.first))
    return;
  Operation *def = key.first.getDefiningOp();
  if (!def || key.second + stageOf.lookup(def) < 0)
    live.insert(key);
}

void Writer::findLive() {
  live.clear();
  for (int64_t step = 0; step < unrolled; ++step)
    for (Operation *op : straight.body)
      for (Value operand : op->getOperands())
        need({operand, step - int64_t(stageOf[op])});
  for (int64_t step = 0; step < warmUp(); ++step)
    for (Operation *op : straight.body)
      if (int64_t(stageOf[op]) > step)
        for (Value operand : op->getOperands())
          need({operand, step - int64_t(stageOf[op])});
  for (Value arg : loop.getCarried())
    need({arg, 0});
  // The next pass takes them over too.
  for (size_t i = 0; i < live.size(); ++i)
    need({live[i].first, live[i].second + unrolled});
}

Value Writer::induction(const Induction &which, int64_t offset) {
  Value base = bases.lookup(which.argument);
  if (offset == 0)
    return base;
  Value &value = stepped[{which.argument, offset}];
  if (!value)
    value = Emitter(builder, loop.getLoc()).c(COp::caddi, {base}, Emitter::immediate(offset));
  return value;
}

Value Writer::use(Key key) {
  if (isOutside(key.first))
    return key.first;
  if (const Induction *which = straight.inductionOf(key.first))
    return induction(*which, (key.second + (key.first == which->next)) * which->step);
  if (Value value = values.lookup(key))
    return value;
  Value arg = key.first; // a carried argument
  Value value = use({yielded(arg), key.second - 1});
  values[key] = value;
  return value;
}

void Writer::emit(uint32_t number, int64_t iteration) {
  Operation *op = straight.body[number];
  const isa::InstrInfo *info = getInstruction(op);
  const isa::OperandInfo *immediate = info->operand(isa::Field::imm);
  auto displacement = op->getAttrOfType<IntegerAttr>("imm");
  const bool hasAddress = info->hasAddress() && immediate && displacement;
  int64_t offset = hasAddress ? displacement.getInt() : 0;
  SmallVector<Value> operands;
  for (auto [place, operand] : llvm::zip(getOperandPlaces(op), op->getOperands())) {
    // The address of another iteration: the same registers, another displacement.
    const Induction *which = hasAddress && place.kind == Place::operand ? straight.inductionOf(operand) : nullptr;
    int64_t scale = 0;
    if (which && place.info->field == isa::Field::ra)
      scale = 1;
    else if (which && place.info->cls == isa::OperandClass::idx)
      scale = op->hasAttr("scale") ? op->getAttrOfType<IntegerAttr>("scale").getInt() : 1;
    int64_t moved = 0;
    if (scale && !llvm::MulOverflow((iteration + (operand == which->next)) * which->step, scale, moved) &&
        !llvm::AddOverflow(offset, moved, moved) && moved >= immediate->low && moved <= immediate->high) {
      operands.push_back(bases.lookup(which->argument));
      offset = moved;
      continue;
    }
    operands.push_back(use({operand, iteration}));
  }
  Operation *made = builder.clone(*op);
  made->setOperands(operands);
  if (hasAddress)
    made->setAttr("imm", builder.getI64IntegerAttr(offset));
  for (auto [old, result] : llvm::zip(op->getResults(), made->getResults()))
    values[{old, iteration}] = result;
}

std::optional<PipelinedLoop> Writer::write(size_t mostOps) {
  // A pass starts so many iterations that no value outlives it: none needs a copy.
  findLive();
  for (const Key &key : live)
    if (Operation *def = key.first.getDefiningOp())
      unrolled = std::max(unrolled, -(key.second + int64_t(stageOf[def])));
  const int64_t least = warmUp() + unrolled;
  if (straight.body.size() * size_t(unrolled) > mostOps || (straight.trips && *straight.trips < least))
    return std::nullopt;
  findLive();

  PipelinedLoop result;
  result.unrolled = uint32_t(unrolled);
  Operation *before = loop->getPrevNode();
  Emitter emitter(builder, loop.getLoc());
  const int64_t step = int64_t(loop.getStep());
  if (straight.trips) {
    const int64_t passes = (*straight.trips - warmUp()) / unrolled;
    const int64_t started = warmUp() + passes * unrolled, lower = getKnownScalar(loop.getLower())->number;
    result.results = writeParts(Value(), passes, result);
    if (started < *straight.trips) {
      auto rest = cast<ForOp>(builder.clone(*loop));
      rest.getLowerMutable().assign(emitter.constant(lower + started * step));
      rest->getOperand(0).getDefiningOp()->moveBefore(rest);
      rest.getStartsMutable().assign(result.results);
      rest.setNonempty(true);
      result.results.assign(rest.getResults().begin(), rest.getResults().end());
    }
  } else {
    // Enough iterations if upper - lower > (least - 1) * step.
    Value lower = loop.getLower(), upper = loop.getUpper() ? loop.getUpper() : emitter.constant(int64_t(*loop.getBound()));
    Fields less, more;
    less.predicate = isa::Predicate::lt;
    more.predicate = isa::Predicate::ult;
    Value counts = emitter.c(COp::cset, {lower, upper}, less);
    Value span = emitter.c(COp::csub, {upper, lower});
    Value enough = emitter.c(COp::cset, {emitter.constant((least - 1) * step), span}, more);
    Value condition = emitter.c(COp::cand, {counts, enough});
    OperationState state(loop.getLoc(), IfOp::getOperationName());
    state.addOperands(condition);
    state.addTypes(loop.getResultTypes());
    Block *then = &state.addRegion()->emplaceBlock(), *otherwise = &state.addRegion()->emplaceBlock();
    Operation *branch = builder.create(state);
    builder.setInsertionPointToStart(then);
    Value last = emitter.c(COp::caddi, {upper}, Emitter::immediate(-(unrolled - 1) * step));
    SmallVector<Value> ends = writeParts(last, std::nullopt, result);
    auto rest = cast<ForOp>(builder.clone(*loop));
    rest.getLowerMutable().assign(ends.pop_back_val());
    rest.getStartsMutable().assign(ends);
    rest.setNonempty(false);
    YieldOp::create(builder, loop.getLoc(), rest.getResults());
    builder.setInsertionPointToStart(otherwise);
    Operation *whole = builder.clone(*loop);
    YieldOp::create(builder, loop.getLoc(), whole->getResults());
    result.results.assign(branch->result_begin(), branch->result_end());
  }
  result.first = before ? before->getNextNode() : &loop->getBlock()->front();
  return result;
}

/// The kernel's loop and the parts around it. Returns the carried registers after it and, if the number of passes is not known, the counter.
SmallVector<Value> Writer::writeParts(Value lastCounter, std::optional<int64_t> passes, PipelinedLoop &result) {
  Emitter emitter(builder, loop.getLoc());
  const int64_t step = int64_t(loop.getStep()), warm = warmUp();

  begin();
  bases[loop.getCounter()] = loop.getLower();
  for (auto [arg, start] : llvm::zip(loop.getCarried(), loop.getStarts())) {
    bases[arg] = start; // only those of inductions are asked for
    values[{arg, 0}] = start;
  }
  for (int64_t t = 0; t < warm; ++t)
    for (uint32_t number : schedule.order)
      if (int64_t stage = schedule.stage(number); stage <= t)
        emit(number, t - stage);

  // The kernel carries the inductions, then what is live, then, if it must, its counter.
  ArrayRef<Induction> stepping = ArrayRef(straight.inductions).drop_front();
  SmallVector<Value> starts;
  for (const Induction &which : stepping)
    starts.push_back(induction(which, warm * which.step));
  for (const Key &key : live)
    starts.push_back(use({key.first, warm + key.second}));
  Value lower = induction(straight.inductions.front(), warm * step);
  if (!passes)
    starts.push_back(lower);
  auto write = [&](Value counter, ValueRange carried) {
    begin();
    bases[loop.getCounter()] = counter;
    for (auto [which, value] : llvm::zip(stepping, carried))
      bases[which.argument] = value;
    for (auto [key, value] : llvm::zip(live, carried.drop_front(stepping.size())))
      values[key] = value;
    for (int64_t t = 0; t < unrolled; ++t)
      for (uint32_t number : schedule.order)
        emit(number, t - int64_t(schedule.stage(number)));
    SmallVector<Value> yields;
    for (const Induction &which : stepping)
      yields.push_back(emitter.c(COp::caddi, {bases.lookup(which.argument)}, Emitter::immediate(unrolled * which.step)));
    for (const Key &key : live)
      yields.push_back(use(canonical({key.first, key.second + unrolled})));
    if (!passes)
      yields.push_back(emitter.c(COp::caddi, {carried.back()}, Emitter::immediate(unrolled * step)));
    return yields;
  };
  std::optional<KnownScalar> known = getKnownScalar(loop.getLower());
  if (passes)
    result.kernel =
        emitter.forLoop(lower, known->number + warm * step, known->number + (warm + *passes * unrolled) * step, unrolled * step, starts, write);
  else
    result.kernel = emitter.forLoop(lower, lastCounter, unrolled * step, starts, write);

  begin();
  ValueRange ends = result.kernel.getResults();
  for (auto [which, value] : llvm::zip(stepping, ends))
    bases[which.argument] = value;
  for (auto [key, value] : llvm::zip(live, ends.drop_front(stepping.size())))
    values[key] = value;
  bases[loop.getCounter()] = passes ? emitter.constant(known->number + (warm + *passes * unrolled) * step) : ends.back();
  for (int64_t t = 0; t < warm; ++t)
    for (uint32_t number : schedule.order)
      if (int64_t stage = schedule.stage(number); stage > t)
        emit(number, t - stage);
  SmallVector<Value> carried;
  for (Value arg : loop.getCarried())
    carried.push_back(use(canonical({arg, 0})));
  if (!passes)
    carried.push_back(ends.back());
  else if (Operation *counter = bases[loop.getCounter()].getDefiningOp(); counter->use_empty())
    counter->erase();
  return carried;
}

std::optional<PipelinedLoop> writePipelined(const StraightLoop &loop, const sched::ModuloSchedule &schedule, size_t mostOps) {
  return Writer(loop, schedule).write(mostOps);
}

void commit(const StraightLoop &straight, const PipelinedLoop &pipelined) {
  ForOp loop = straight.loop;
  loop->replaceAllUsesWith(pipelined.results);
  loop.erase();
}

void discard(const StraightLoop &straight, const PipelinedLoop &pipelined) {
  ForOp loop = straight.loop;
  for (Operation *op = loop->getPrevNode(); ; op = loop->getPrevNode()) {
    const bool last = op == pipelined.first;
    op->erase();
    if (last)
      break;
  }
}

} // namespace vtpu::siw
