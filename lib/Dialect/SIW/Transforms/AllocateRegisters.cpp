//===- AllocateRegisters.cpp - Numbers for register values ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// 1. Copies make every tie harmless: an updated operand, a value that a loop carries or a region yields may then share its successor's register.
// 2. Tied values form webs; a web's life is one interval over a numbering of all ops. A use inside a loop of a value from outside lasts to the
//    loop's end.
// 3. Linear scan per register class. What does not fit is recomputed or spilled, then the scan starts again. A web that is spilled lives in one
//    stack slot as it lived in one register; a pointer, which may not be stored, becomes an offset from its binding first, and a counted loop whose
//    counter or bound must leave its register becomes one that tests and steps the counter itself.
// 4. Of the scalars that live at the same time the busiest get the registers that the JIT keeps in the host's.
// 5. Copies to the register that they read, where their operand died, go away.
//
//===----------------------------------------------------------------------===//

#include "Registers.h"
#include "SpillRewrites.h"

#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "llvm/ADT/EquivalenceClasses.h"

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

struct Web {
  SmallVector<Value, 2> values;
  int64_t start = INT64_MAX, end = -1;
  RegisterClass cls = classR;
  int number = -1;
  int64_t cost = 0; // reads and writes, those in loops weighted
};

/// What frees a register, best last.
enum class Relief { none, uncount, offsets, spillWeb, spillScalar, remake, spill, recompute };

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
  llvm::DenseSet<Value> reloads;
  int64_t stackBinding = -1, stackBytes = 0;

  Value copy(Value value, OpBuilder::InsertPoint at);
  void makeTiesHarmless(Block &block);
  void fixLoopInit(Operation *loop, unsigned operand);
  void fixTied(Operation *op);
  void fixYield(Operation *terminator, unsigned firstOperand, Block::BlockArgListType carried, bool mayReuse);
  void buildWebs();
  LogicalResult scan(bool &changed);
  void preferHostRegisters();
  Relief reliefOf(const Web &web);
  bool isKept(const Web &web, Value value);
  llvm::SetVector<Value> pointerClosure(const Web &web);
  llvm::SmallSetVector<Operation *, 2> countedLoops(const Web &web);
  void relieve(ArrayRef<unsigned> victims);
  void recompute(Value value);
  void spill(const llvm::SetVector<Value> &values);
  int64_t takeSlot(int64_t bytes);
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
  case classP:
    return emitter.s(SOp::pmov, {value}, Fields());
  case classM: // through a vector register
    return emitter.c(COp::cpackv, {emitter.c(COp::cunpackv, {value})});
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
  if (!canStartLoop(value, loop->getBlock()))
    loop->setOperand(operand, copy(value, before(loop)));
}

void Allocator::fixTied(Operation *op) {
  unsigned result;
  int tied = getTiedOperand(op, result);
  if (tied < 0)
    return;
  Value value = op->getOperand(unsigned(tied));
  if (!canUpdateInPlace(op, value))
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
    if (mayReuse && canTakeOver(value, arg, block) && taken.insert(value).second)
      continue;
    pending.push_back({i + firstOperand, value});
  }
  // First everything that is read from registers of arguments, then the registers that are written.
  for (auto &[operand, value] : pending)
    if (mlir::isa<BlockArgument>(firstInRegister(value, block)))
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

/// How often a block runs, as a guess: eight times for each loop around it.
static int64_t weightOf(Block *block) {
  int64_t weight = 1;
  for (Operation *parent = block->getParentOp(); parent && weight < 1 << 15; parent = parent->getParentOp())
    if (mlir::isa<ForOp, WhileOp>(parent))
      weight *= 8;
  return weight;
}

/// How often a use reads a value. A loop compares its counter with the bound; what it starts with is no read, for it stands in the same register.
static int64_t readsOf(OpOperand &use) {
  Operation *user = use.getOwner();
  if (auto loop = dyn_cast<ForOp>(user))
    return loop.getUpper() && use.getOperandNumber() == 1 ? weightOf(&loop.getBody().front()) : 0;
  return getInstruction(user) ? weightOf(user->getBlock()) : 0;
}

void Allocator::buildWebs() {
  const Positions positions(func);
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
        if (getInstruction(def))
          web.cost += weightOf(def->getBlock());
        // Results are written behind the reads of the op, temporaries and gathers beside them. A temporary is no result of the same op.
        const bool early = getInstruction(def) && isWrittenEarly(cast<OpResult>(value));
        start = def->getNumRegions() ? positions.end(def) : positions.start(def) + (early ? 0 : 1);
        web.end = std::max(web.end, start + early);
      } else {
        start = positions.start(value.getParentBlock()->getParentOp()) + 1;
        // A counter or carried value lives through the whole loop.
        Operation *loop = value.getParentBlock()->getParentOp();
        web.end = std::max(web.end, positions.end(loop));
        if (auto counted = dyn_cast<ForOp>(loop); counted && value == counted.getCounter())
          web.cost += 2 * weightOf(value.getParentBlock()); // the step and the comparison
      }
      web.start = std::min(web.start, start);
      web.end = std::max(web.end, start);
      for (OpOperand &use : value.getUses()) {
        web.cost += readsOf(use);
        web.end = std::max(web.end, positions.lastRead(value, use.getOwner()));
      }
    }
}

/// Numbers the scalars anew, of which the scan has shown that the registers suffice. A new life takes a register that is free; if that is none of the
/// host's, it changes places with the cheapest life beside it that one in memory has room for.
void Allocator::preferHostRegisters() {
  SmallVector<Web *> order, placed;
  for (Web &web : webs)
    if (web.cls == classR)
      order.push_back(&web);
  llvm::stable_sort(order, [](const Web *a, const Web *b) { return a->start < b->start; });
  auto freeFor = [&](const Web &web, int first) {
    uint64_t used = 0;
    for (const Web *other : placed)
      if (other != &web && other->end >= web.start && web.end >= other->start)
        used |= uint64_t(1) << other->number;
    return first + int(llvm::countr_one(used >> first));
  };
  for (Web *web : order) {
    web->number = freeFor(*web, lowest[classR]);
    if (web->number >= int(isa::numHostR)) {
      Web *cheapest = web;
      for (Web *other : placed)
        if (other->end >= web->start && other->number < int(isa::numHostR) && other->cost < cheapest->cost &&
            freeFor(*other, isa::numHostR) <= highest[classR])
          cheapest = other;
      if (cheapest != web) {
        web->number = cheapest->number;
        cheapest->number = freeFor(*cheapest, isa::numHostR);
      }
    }
    placed.push_back(web);
  }
}

LogicalResult Allocator::scan(bool &changed) {
  changed = false;
  SmallVector<unsigned> order;
  for (unsigned i = 0; i < webs.size(); ++i)
    order.push_back(i);
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return webs[a].start < webs[b].start; });
  SmallVector<unsigned> active[numClasses];
  SmallVector<unsigned> victims;
  SmallVector<std::optional<Relief>> reliefs(webs.size());
  auto reliefFor = [&](unsigned id) {
    if (!reliefs[id])
      reliefs[id] = reliefOf(webs[id]);
    return *reliefs[id];
  };
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
      // The victim: what is relieved in the best way; among equals the cheapest scalar, or what is needed last.
      int victim = -1;
      auto quality = [&](unsigned candidate) {
        const Web &w = webs[candidate];
        Relief relief = reliefFor(candidate);
        const bool byCost = relief != Relief::recompute && relief != Relief::spill;
        return std::make_tuple(relief, byCost ? -w.cost : 0, w.end);
      };
      list.push_back(id);
      for (unsigned candidate : list)
        if (reliefFor(candidate) != Relief::none && (victim < 0 || quality(candidate) > quality(unsigned(victim))))
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
  relieve(victims);
  return success();
}

/// True if a value stands unchanged in its register wherever the web's values are read.
bool Allocator::isKept(const Web &web, Value value) {
  auto it = webOf.find(value);
  return it != webOf.end() && webs[it->second].values.size() == 1 && webs[it->second].end >= web.end;
}

Relief Allocator::reliefOf(const Web &web) {
  if (!countedLoops(web).empty())
    return Relief::uncount;
  bool read = false, written = false;
  for (Value value : web.values) {
    if (reloads.contains(value))
      return Relief::none;
    read |= !value.use_empty();
    written |= value.getDefiningOp() && getInstruction(value.getDefiningOp());
  }
  if (!read || !written)
    return Relief::none;
  const Value value = web.values[0];
  Operation *def = value.getDefiningOp();
  const bool alone = web.values.size() == 1;
  if (alone && isRecomputable(def))
    return Relief::recompute;
  if (web.cls != classR)
    return alone ? Relief::spill : Relief::spillWeb;
  if (alone && getKnownScalar(value))
    return Relief::recompute;
  const bool cheap = isScalarOp(def, COp::caddi) || isScalarOp(def, COp::cadd) || isScalarOp(def, COp::cshli) || isScalarOp(def, COp::csub);
  if (alone && cheap && llvm::all_of(def->getOperands(), [&](Value operand) { return isKept(web, operand); }))
    return Relief::remake;
  if (getPointedBinding(value) < 0)
    return alone ? Relief::spillScalar : Relief::spillWeb;
  for (Value member : pointerClosure(web))
    if (reloads.contains(member))
      return Relief::none;
  return Relief::offsets;
}

/// The loops that keep a web in its register: those whose counter it is, or whose bound it is brought back for.
llvm::SmallSetVector<Operation *, 2> Allocator::countedLoops(const Web &web) {
  llvm::SmallSetVector<Operation *, 2> loops;
  for (Value value : web.values) {
    if (auto arg = dyn_cast<BlockArgument>(value))
      if (Operation *loop = arg.getOwner()->getParentOp(); arg.getArgNumber() == 0 && mlir::isa<ForOp>(loop))
        loops.insert(loop);
    if (reloads.contains(value))
      for (Operation *user : value.getUsers())
        if (auto loop = dyn_cast<ForOp>(user); loop && loop.getUpper() == value)
          loops.insert(loop);
  }
  return loops;
}

/// The values of the webs that must become offsets together with this one.
llvm::SetVector<Value> Allocator::pointerClosure(const Web &web) {
  llvm::SetVector<Value> closure;
  closure.insert(web.values.begin(), web.values.end());
  auto visit = [&](Operation *op, auto &visit) -> void {
    if (!op || !derivesPointers(op))
      return;
    for (Value operand : op->getOperands()) {
      if (getPointedBinding(operand) < 0 || getKnownScalar(operand) || closure.contains(operand))
        continue;
      if (reloads.contains(operand)) { // made for this op: derived again as offset
        visit(operand.getDefiningOp(), visit);
        continue;
      }
      const Web &source = webs[webOf.lookup(operand)];
      closure.insert(source.values.begin(), source.values.end());
    }
  };
  for (size_t i = 0; i < closure.size(); ++i) // grows
    visit(closure[i].getDefiningOp(), visit);
  return closure;
}

void Allocator::relieve(ArrayRef<unsigned> victims) {
  // Judged before anything changes.
  SmallVector<std::pair<unsigned, Relief>> plan;
  for (unsigned id : victims)
    plan.push_back({id, reliefOf(webs[id])});
  SmallVector<unsigned> pointers, webwise;
  llvm::SetVector<Operation *> loops;
  llvm::DenseSet<Value> gone;
  for (auto [id, relief] : plan) {
    const Value value = webs[id].values[0];
    if (relief == Relief::uncount) {
      loops.insert_range(countedLoops(webs[id]));
      continue;
    }
    if (relief == Relief::offsets || relief == Relief::spillWeb) {
      (relief == Relief::offsets ? pointers : webwise).push_back(id);
      continue;
    }
    if (relief == Relief::remake && llvm::any_of(value.getDefiningOp()->getOperands(),
                                                 [&](Value operand) { return gone.contains(operand) || !webOf.count(operand); }))
      continue; // judged again in the next round
    if (relief == Relief::recompute || relief == Relief::remake) {
      recompute(value);
      gone.insert(value);
    } else {
      llvm::SetVector<Value> values;
      values.insert(value);
      spill(values);
    }
  }
  // All replace values, and so they take turns.
  if (!loops.empty()) {
    for (Operation *loop : loops)
      countInWhile(cast<ForOp>(loop), reloads);
    return;
  }
  llvm::SetVector<Value> values;
  if (!pointers.empty()) {
    for (unsigned id : pointers)
      values.insert_range(pointerClosure(webs[id]));
    pointersToOffsets(values, reloads);
    return;
  }
  for (unsigned id : webwise) {
    llvm::SetVector<Value> web(webs[id].values.begin(), webs[id].values.end());
    spill(web);
    values.insert_range(web);
  }
  dropCarried(func, values);
}

/// Makes a value again before each use.
void Allocator::recompute(Value value) {
  ++recomputed;
  Operation *def = value.getDefiningOp();
  std::optional<KnownScalar> known = classOf(value.getType()) == classR ? getKnownScalar(value) : std::nullopt;
  for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
    builder.setInsertionPoint(use.getOwner());
    Emitter emitter(builder, def->getLoc());
    Value again = known ? makeKnownScalar(emitter, *known, reloads) : builder.clone(*def)->getResult(0);
    if (isCarried(use)) // stays long
      reloads.erase(again);
    else
      reloads.insert(again);
    use.set(again);
  }
  def->erase();
}

int64_t Allocator::takeSlot(int64_t bytes) {
  if (stackBinding < 0) {
    for (auto [i, attr] : llvm::enumerate(func.getBindings()))
      if (cast<DictionaryAttr>(attr).getAs<StringAttr>("kind").getValue() == "stack") {
        stackBinding = int64_t(i);
        stackBytes = (cast<DictionaryAttr>(attr).getAs<IntegerAttr>("size").getInt() + 63) / 64 * 64;
      }
    if (stackBinding < 0)
      stackBinding = int64_t(func.getBindings().size());
  }
  const int64_t slot = llvm::alignTo(stackBytes, bytes);
  stackBytes = slot + bytes;
  return slot;
}

/// Stores the values of a web behind their definitions and loads them before their uses, all in one slot.
void Allocator::spill(const llvm::SetVector<Value> &values) {
  ++spills;
  const RegisterClass cls = classOf(values[0].getType());
  Fields fields;
  // Masks are stored from an r register, messages from a v register.
  const bool wide = cls == classV || cls == classM;
  const SOp load = wide ? SOp::sld : cls == classP ? SOp::sldp : SOp::sldr, store = wide ? SOp::sst : cls == classP ? SOp::sstp : SOp::sstr;
  fields.imm = takeSlot(wide ? 64 : cls == classP ? 16 : 8);
  fields.type = isa::Type::i32;
  fields.memType = wide ? isa::Type::i32 : isa::Type::i64;
  auto address = [&](Emitter &emitter) {
    Value pointer = emitter.c(COp::cptr, {}, Emitter::immediate(stackBinding));
    reloads.insert(pointer);
    return pointer;
  };
  for (Value value : values)
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      if (isCarried(use))
        continue;
      builder.setInsertionPoint(use.getOwner());
      Emitter emitter(builder, use.getOwner()->getLoc());
      Value loaded = emitter.s(load, {address(emitter), Value()}, fields);
      reloads.insert(loaded);
      if (cls == classK || cls == classM)
        loaded = emitter.c(cls == classK ? COp::kput : COp::cpackv, {loaded});
      reloads.insert(loaded);
      use.set(loaded);
    }
  for (Value value : values) {
    Operation *def = value.getDefiningOp();
    if (!def || !getInstruction(def))
      continue;
    builder.setInsertionPointAfter(def);
    Emitter emitter(builder, def->getLoc());
    Value stored = value;
    if (cls == classK || cls == classM)
      stored = emitter.c(cls == classK ? COp::kget : COp::cunpackv, {value});
    emitter.s(store, {stored, address(emitter), Value()}, fields);
    reloads.insert(stored);
    reloads.insert(value);
  }
}

/// True for a move of a whole register to itself.
static bool movesToItself(Operation *op) {
  const isa::InstrInfo *info = getInstruction(op);
  if (!info || op->getNumOperands() != 1 || op->getNumResults() != 1 || op->getOperand(0).getType() != op->getResult(0).getType())
    return false;
  switch (info->pipe) {
  case isa::Pipe::D: {
    const auto length = op->getAttrOfType<IntegerAttr>("length");
    return info->opcode == uint8_t(DOp::dmov) && length && length.getInt() == 512;
  }
  case isa::Pipe::S:
    return info->opcode == uint8_t(SOp::pmov);
  case isa::Pipe::C:
    return info->opcode == uint8_t(COp::cmov) || info->opcode == uint8_t(COp::kmov);
  }
  return false;
}

LogicalResult Allocator::run() {
  // No register survives a call: behind one everything is made again.
  if (func.walk([](CallOp) { return WalkResult::interrupt(); }).wasInterrupted()) {
    SmallVector<Value> again;
    func.walk([&](Operation *op) {
      if (isRecomputable(op))
        again.push_back(op->getResult(0));
    });
    for (Value value : again)
      recompute(value);
  }
  makeTiesHarmless(func.getBody().front());
  for (unsigned round = 0; round < 4096; ++round) {
    buildWebs();
    bool changed;
    if (failed(scan(changed)))
      return failure();
    if (changed)
      continue;
    preferHostRegisters();
    for (Web &web : webs)
      for (Value value : web.values)
        value.setType(registerType(func.getContext(), operandClass[web.cls], web.number));
    func.walk([&](Operation *op) {
      if (!movesToItself(op))
        return;
      op->getResult(0).replaceAllUsesWith(op->getOperand(0));
      op->erase();
    });
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
