//===- AllocateRegisters.cpp - Numbers for register values ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Copies make every tie harmless: an updated operand, a value that a loop carries or a region yields may then share its successor's register.
// 2. Tied values form webs; a web's life is one interval over a numbering of all ops. A use inside a loop of a value from outside lasts to the
//    loop's end.
// 3. Linear scan per register class. What does not fit is recomputed or spilled, then the scan starts again.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/IR/SIWBuilder.h"
#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/SetVector.h"

namespace vtpu::siw {
#define GEN_PASS_DEF_ALLOCATEREGISTERS
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"
} // namespace vtpu::siw

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using vtpu::isa::SOp;

namespace {

/// Ops whose value can be made again anywhere.
bool isRecomputable(Operation *op) { return op && getInstruction(op) && op->getNumOperands() == 0 && op->getNumResults() == 1 && isPure(op); }

enum RegisterClass { classR, classV, classK, numClasses };
RegisterClass classOf(Type type) { return mlir::isa<RType>(type) ? classR : mlir::isa<VType>(type) ? classV : classK; }

struct Web {
  SmallVector<Value, 2> values;
  int64_t start = INT64_MAX, end = -1;
  RegisterClass cls = classR;
  int number = -1;
};

class Allocator {
public:
  Allocator(FuncOp func) : func(func), builder(func.getContext()) {}
  LogicalResult run();
  unsigned copies = 0, recomputed = 0, spills = 0;

private:
  FuncOp func;
  OpBuilder builder;
  SmallVector<Web> webs;
  llvm::DenseMap<Value, unsigned> webOf;
  llvm::DenseMap<Operation *, int64_t> startOf, endOf;
  llvm::DenseSet<Value> reloads;
  int64_t stackBinding = -1, stackBytes = 0;

  Value copy(Value value, OpBuilder::InsertPoint at);
  void makeTiesHarmless(Block &block);
  void fixLoopInit(Operation *loop, unsigned operand);
  void fixTied(Operation *op);
  void fixYield(Operation *terminator, unsigned firstOperand, Block::BlockArgListType carried, bool mayReuse);
  void number(Block &block, int64_t &position);
  void buildWebs();
  LogicalResult scan(bool &changed);
  LogicalResult relieve(ArrayRef<unsigned> victims);
  void spill(Value value);
};
} // namespace

Value Allocator::copy(Value value, OpBuilder::InsertPoint at) {
  OpBuilder::InsertionGuard guard(builder);
  builder.restoreInsertionPoint(at);
  ++copies;
  if (Operation *def = value.getDefiningOp(); isRecomputable(def))
    return builder.clone(*def)->getResult(0);
  Emitter emitter(builder, value.getLoc());
  switch (classOf(value.getType())) {
  case classR:
    return emitter.c(COp::cmov, {value});
  case classK:
    return emitter.c(COp::kmov, {value});
  default: {
    Fields fields;
    fields.type = isa::Type::i32;
    return emitter.d(DOp::dmov, {value}, fields);
  }
  }
}

static OpBuilder::InsertPoint before(Operation *op) { return OpBuilder::InsertPoint(op->getBlock(), op->getIterator()); }

/// The loop's register starts as this operand: it must die here.
void Allocator::fixLoopInit(Operation *loop, unsigned operand) {
  Value value = loop->getOperand(operand);
  bool dies = value.hasOneUse() && value.getParentBlock() == loop->getBlock() && value.getDefiningOp();
  if (!dies)
    loop->setOperand(operand, copy(value, before(loop)));
}

void Allocator::fixTied(Operation *op) {
  unsigned result;
  int tied = getTiedOperand(op, result);
  if (tied < 0)
    return;
  Value value = op->getOperand(unsigned(tied));
  bool dies = value.hasOneUse() && value.getParentBlock() == op->getBlock();
  if (auto arg = dyn_cast<BlockArgument>(value)) // a counter is still needed
    dies &= !(mlir::isa<ForOp>(op->getParentOp()) && arg.getArgNumber() == 0);
  if (!dies)
    op->setOperand(unsigned(tied), copy(value, before(op)));
}

/// Each yielded value takes over the register of the carried argument. `mayReuse`: a value of this block may do so without a copy.
void Allocator::fixYield(Operation *terminator, unsigned firstOperand, Block::BlockArgListType carried, bool mayReuse) {
  Block *block = terminator->getBlock();
  SmallVector<std::pair<unsigned, Value>> pending;
  llvm::DenseSet<Value> taken;
  for (unsigned i = 0; i + firstOperand < terminator->getNumOperands(); ++i) {
    Value value = terminator->getOperand(i + firstOperand);
    Value arg = i < carried.size() ? Value(carried[i]) : Value();
    if (arg && value == arg && taken.insert(value).second)
      continue;
    Operation *def = value.getDefiningOp();
    bool direct = mayReuse && def && def->getBlock() == block && taken.insert(value).second;
    if (direct && arg)
      for (Operation *user : arg.getUsers()) {
        Operation *top = block->findAncestorOpInBlock(*user);
        direct &= top && (top == def || top->isBeforeInBlock(def));
      }
    if (direct && def->getNumRegions()) { // a nested loop's result: arg must not be read inside as a plain value
      if (arg)
        for (Operation *user : arg.getUsers())
          direct &= user == def || block->findAncestorOpInBlock(*user) != def;
    }
    if (direct)
      continue;
    pending.push_back({i + firstOperand, value});
  }
  // First everything that is read, then the registers that are written.
  for (auto &[operand, value] : pending)
    if (mlir::isa<BlockArgument>(value))
      value = copy(value, before(terminator));
  for (auto &[operand, value] : pending)
    terminator->setOperand(operand, copy(value, before(terminator)));
}

void Allocator::makeTiesHarmless(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (getInstruction(&op)) {
      fixTied(&op);
      continue;
    }
    if (auto loop = dyn_cast<ForOp>(op)) {
      fixLoopInit(&op, 0);
      unsigned first = loop.getUpper() ? 2 : 1;
      for (unsigned i = first; i < op.getNumOperands(); ++i)
        fixLoopInit(&op, i);
      makeTiesHarmless(loop.getBody().front());
      fixYield(loop.getYield(), 0, loop.getCarried(), true);
    } else if (auto branch = dyn_cast<IfOp>(op)) {
      for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()}) {
        makeTiesHarmless(region->front());
        fixYield(region->front().getTerminator(), 0, {}, false);
      }
    } else if (auto loop = dyn_cast<WhileOp>(op)) {
      for (unsigned i = 0; i < op.getNumOperands(); ++i)
        fixLoopInit(&op, i);
      Block &first = loop.getBefore().front(), &second = loop.getAfter().front();
      makeTiesHarmless(first);
      fixYield(first.getTerminator(), 1, first.getArguments(), false);
      makeTiesHarmless(second);
      fixYield(second.getTerminator(), 0, second.getArguments(), false);
    }
  }
}

void Allocator::number(Block &block, int64_t &position) {
  for (Operation &op : block) {
    startOf[&op] = ++position;
    for (Region &region : op.getRegions())
      number(region.front(), position);
    endOf[&op] = op.getNumRegions() ? ++position : startOf[&op];
  }
}

void Allocator::buildWebs() {
  llvm::EquivalenceClasses<void *> classes;
  SmallVector<Value> all;
  auto see = [&](Value value) {
    classes.insert(value.getAsOpaquePointer());
    all.push_back(value);
  };
  auto tie = [&](Value a, Value b) { classes.unionSets(a.getAsOpaquePointer(), b.getAsOpaquePointer()); };
  func.walk([&](Operation *op) {
    for (Value result : op->getResults())
      see(result);
    for (Region &region : op->getRegions())
      for (Value arg : region.front().getArguments())
        see(arg);
  });
  func.walk([&](Operation *op) {
    unsigned result;
    if (getInstruction(op)) {
      if (int tied = getTiedOperand(op, result); tied >= 0)
        tie(op->getOperand(unsigned(tied)), op->getResult(result));
    } else if (auto loop = dyn_cast<ForOp>(op)) {
      tie(loop.getLower(), loop.getCounter());
      for (auto [init, arg, yielded, out] : llvm::zip(loop.getStarts(), loop.getCarried(), loop.getYield()->getOperands(), loop.getResults())) {
        tie(init, arg);
        tie(init, yielded);
        tie(init, out);
      }
    } else if (auto branch = dyn_cast<IfOp>(op)) {
      for (auto [a, b, out] : llvm::zip(branch.getThenRegion().front().getTerminator()->getOperands(),
                                        branch.getElseRegion().front().getTerminator()->getOperands(), branch.getResults())) {
        tie(a, out);
        tie(b, out);
      }
    } else if (auto loop = dyn_cast<WhileOp>(op)) {
      Block &first = loop.getBefore().front(), &second = loop.getAfter().front();
      for (unsigned i = 0; i < loop.getStarts().size(); ++i) {
        tie(loop.getStarts()[i], first.getArgument(i));
        tie(loop.getStarts()[i], first.getTerminator()->getOperand(i + 1));
        tie(loop.getStarts()[i], second.getArgument(i));
        tie(loop.getStarts()[i], second.getTerminator()->getOperand(i));
        tie(loop.getStarts()[i], loop.getResult(i));
      }
    }
  });
  webs.clear();
  webOf.clear();
  llvm::DenseMap<void *, unsigned> ids;
  for (Value value : all) {
    void *leader = classes.getLeaderValue(value.getAsOpaquePointer());
    auto [it, isNew] = ids.try_emplace(leader, unsigned(webs.size()));
    if (isNew)
      webs.emplace_back();
    Web &web = webs[it->second];
    web.values.push_back(value);
    web.cls = classOf(value.getType());
    webOf[value] = it->second;
  }
  for (Web &web : webs)
    for (Value value : web.values) {
      int64_t start;
      if (Operation *def = value.getDefiningOp()) {
        // Results are written behind the reads of the op, temporaries and gathers beside them.
        bool early = false;
        if (getInstruction(def)) {
          unsigned index = cast<OpResult>(value).getResultNumber();
          early = getResultRows(def)[index]->access == isa::Access::tmp || def->getName().stripDialect() == "sgather";
        }
        start = def->getNumRegions() ? 2 * endOf[def] : 2 * startOf[def] + (early ? 0 : 1);
      } else {
        start = 2 * startOf[value.getParentBlock()->getParentOp()] + 1;
        // A counter or carried value lives through the whole loop.
        web.end = std::max(web.end, 2 * endOf[value.getParentBlock()->getParentOp()]);
      }
      web.start = std::min(web.start, start);
      web.end = std::max(web.end, start);
      for (Operation *user : value.getUsers()) {
        int64_t at = 2 * startOf[user];
        if (auto loop = dyn_cast<ForOp>(user); loop && loop.getUpper() == value)
          at = 2 * endOf[user];
        // Loops between the use and the value's block repeat the use.
        for (Operation *parent = user->getParentOp(); parent && parent != func.getOperation(); parent = parent->getParentOp()) {
          if (value.getParentBlock()->getParentOp() == parent)
            break;
          if (mlir::isa<ForOp, WhileOp>(parent))
            at = std::max(at, 2 * endOf[parent]);
        }
        web.end = std::max(web.end, at);
      }
    }
}

LogicalResult Allocator::scan(bool &changed) {
  changed = false;
  SmallVector<unsigned> order;
  for (unsigned i = 0; i < webs.size(); ++i)
    order.push_back(i);
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return webs[a].start < webs[b].start; });
  static const int lowest[numClasses] = {0, 0, 1}, highest[numClasses] = {15, 31, 7};
  SmallVector<unsigned> active[numClasses];
  SmallVector<unsigned> victims;
  for (unsigned id : order) {
    Web &web = webs[id];
    auto &list = active[web.cls];
    llvm::erase_if(list, [&](unsigned other) { return webs[other].end < web.start; });
    uint64_t used = 0;
    for (unsigned other : list)
      used |= uint64_t(1) << webs[other].number;
    int number = -1;
    for (int n = lowest[web.cls]; n <= highest[web.cls] && number < 0; ++n)
      if (!(used >> n & 1))
        number = n;
    if (number < 0) {
      // The victim: a recomputable value that is needed last, else a plain vector or mask value.
      int victim = -1;
      auto quality = [&](unsigned candidate) -> int64_t {
        const Web &w = webs[candidate];
        if (w.values.size() != 1 || reloads.contains(w.values[0]))
          return -1;
        Operation *def = w.values[0].getDefiningOp();
        if (isRecomputable(def))
          return (int64_t(1) << 40) + w.end;
        if (def && getInstruction(def) && w.cls == classV)
          return w.end;
        if (def && getInstruction(def) && w.cls == classK)
          return w.end;
        return -1;
      };
      list.push_back(id);
      for (unsigned candidate : list)
        if (quality(candidate) >= 0 && (victim < 0 || quality(candidate) > quality(unsigned(victim))))
          victim = int(candidate);
      if (victim < 0)
        return func.emitError() << "function '" << func.getSymName() << "' needs more than " << highest[web.cls] - lowest[web.cls] + 1
                                << " registers of one class at once and nothing can be spilled";
      llvm::erase(list, unsigned(victim));
      victims.push_back(unsigned(victim));
      if (unsigned(victim) == id)
        continue;
      number = webs[unsigned(victim)].number;
      web.number = number;
      continue;
    }
    web.number = number;
    list.push_back(id);
  }
  if (victims.empty())
    return success();
  changed = true;
  return relieve(victims);
}

LogicalResult Allocator::relieve(ArrayRef<unsigned> victims) {
  for (unsigned id : victims) {
    Value value = webs[id].values[0];
    Operation *def = value.getDefiningOp();
    if (!isRecomputable(def)) {
      spill(value);
      continue;
    }
    ++recomputed;
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      builder.setInsertionPoint(use.getOwner());
      Operation *clone = builder.clone(*def);
      use.set(clone->getResult(0));
      reloads.insert(clone->getResult(0));
    }
    def->erase();
  }
  return success();
}

/// Stores a vector or mask behind its definition and loads it before each use.
void Allocator::spill(Value value) {
  ++spills;
  Operation *def = value.getDefiningOp();
  if (stackBinding < 0) {
    SmallVector<Attribute> bindings(func.getBindings().begin(), func.getBindings().end());
    for (auto [i, attr] : llvm::enumerate(bindings))
      if (cast<DictionaryAttr>(attr).getAs<StringAttr>("kind").getValue() == "stack") {
        stackBinding = int64_t(i);
        stackBytes = (cast<DictionaryAttr>(attr).getAs<IntegerAttr>("size").getInt() + 63) / 64 * 64;
      }
    if (stackBinding < 0)
      stackBinding = int64_t(bindings.size());
  }
  const int64_t slot = stackBytes;
  stackBytes += 64;
  const bool isMask = classOf(value.getType()) == classK;
  auto address = [&](Emitter &emitter) {
    Value pointer = emitter.c(COp::cptr, {}, Emitter::immediate(stackBinding));
    reloads.insert(pointer);
    return pointer;
  };
  Fields fields;
  fields.imm = slot;
  fields.type = fields.memType = isa::Type::i32;
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
    builder.setInsertionPoint(use.getOwner());
    Emitter emitter(builder, use.getOwner()->getLoc());
    Value loaded;
    if (isMask) {
      Fields scalar = fields;
      scalar.memType = isa::Type::i64;
      Value bits = emitter.s(SOp::sldr, {address(emitter), Value()}, scalar);
      loaded = emitter.c(COp::kput, {bits});
    } else {
      loaded = emitter.s(SOp::sld, {address(emitter), Value()}, fields);
    }
    reloads.insert(loaded);
    use.set(loaded);
  }
  builder.setInsertionPointAfter(def);
  Emitter emitter(builder, def->getLoc());
  if (isMask) {
    Fields scalar = fields;
    scalar.memType = isa::Type::i64;
    emitter.s(SOp::sstr, {emitter.c(COp::kget, {value}), address(emitter), Value()}, scalar);
  } else {
    emitter.s(SOp::sst, {value, address(emitter), Value()}, fields);
  }
  reloads.insert(value);
}

LogicalResult Allocator::run() {
  makeTiesHarmless(func.getBody().front());
  for (unsigned round = 0; round < 64; ++round) {
    startOf.clear();
    endOf.clear();
    int64_t position = 0;
    startOf[func] = 0;
    number(func.getBody().front(), position);
    endOf[func] = position + 1;
    buildWebs();
    bool changed;
    if (failed(scan(changed)))
      return failure();
    if (changed)
      continue;
    for (Web &web : webs)
      for (Value value : web.values) {
        MLIRContext *context = func.getContext();
        value.setType(web.cls == classR   ? Type(RType::get(context, web.number))
                      : web.cls == classV ? Type(VType::get(context, web.number))
                                          : Type(KType::get(context, web.number)));
      }
    if (stackBytes) {
      SmallVector<Attribute> bindings(func.getBindings().begin(), func.getBindings().end());
      DictionaryAttr stack = builder.getDictionaryAttr({builder.getNamedAttr("kind", builder.getStringAttr("stack")),
                                                        builder.getNamedAttr("name", builder.getStringAttr("stack")),
                                                        builder.getNamedAttr("size", builder.getI64IntegerAttr(stackBytes)),
                                                        builder.getNamedAttr("align", builder.getI64IntegerAttr(64)),
                                                        builder.getNamedAttr("writable", builder.getUnitAttr())});
      if (size_t(stackBinding) == bindings.size())
        bindings.push_back(stack);
      else
        bindings[size_t(stackBinding)] = stack;
      func.setBindingsAttr(builder.getArrayAttr(bindings));
    }
    return success();
  }
  return func.emitError() << "function '" << func.getSymName() << "': register allocation does not settle";
}

namespace {
struct AllocateRegisters : vtpu::siw::impl::AllocateRegistersBase<AllocateRegisters> {
  void runOnOperation() override {
    Allocator allocator(getOperation());
    if (failed(allocator.run()))
      return signalPassFailure();
    numCopies += allocator.copies;
    numRecomputed += allocator.recomputed;
    numSpills += allocator.spills;
  }
};
} // namespace
