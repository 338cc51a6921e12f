//===- PipelineLoops.cpp - Iterations of a loop overlapped ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Innermost loops whose body is a straight run become software pipelines where the model of the out-of-order host says that this saves more than its
// error. The host overlaps iterations by itself as far as its window reaches, so that many loops stay.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "PipelineRewrite.h"
#include "Registers.h"
#include "SchedulingProblem.h"
#include "SpillRewrites.h"

#include "vtpu/Scheduling/Algorithms.h"
#include "vtpu/Scheduling/Exact.h"

#include "mlir/IR/Remarks.h"

#include <numeric>

namespace vtpu::siw {
#define GEN_PASS_DEF_PIPELINELOOPS
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"
} // namespace vtpu::siw

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;

namespace {
struct PipelineLoops : vtpu::siw::impl::PipelineLoopsBase<PipelineLoops> {
  using PipelineLoopsBase::PipelineLoopsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Result<const sched::PortTable *> found = choosePortTable(module, portTable);
    if (!found) {
      module.emitError() << found.message();
      return signalPassFailure();
    }
    table = *found;
    if (algorithm != "modulo" && algorithm != "exact") {
      module.emitError() << "unknown algorithm '" << algorithm << "'; legal are modulo, exact";
      return signalPassFailure();
    }
    for (auto func : module.getOps<FuncOp>()) {
      SmallVector<ForOp> loops;
      func.walk([&](ForOp loop) { loops.push_back(loop); });
      for (ForOp loop : loops)
        if (std::optional<StraightLoop> straight = StraightLoop::match(loop); straight && !straight->body.empty())
          pipeline(func, *straight);
    }
  }

private:
  const sched::PortTable *table = nullptr;

  /// Gains below one part in so many are within the model's error.
  static constexpr double leastGain = 1.0 / 32;

  void pipeline(FuncOp func, const StraightLoop &straight) {
    ++numLoops;
    std::optional<sched::Problem> problem = describe(func, straight);
    if (!problem)
      return stays(straight, "its function must spill registers");
    Result<sched::ModuloSchedule> schedule = sched::moduloSchedule(*problem);
    if (!schedule)
      return stays(straight, schedule.message());
    std::string proof;
    if (algorithm == "exact") {
      Result<sched::ExactResult> exact = sched::scheduleExactly(*problem, *schedule, {seconds});
      if (!exact)
        return stays(straight, exact.message());
      proof = exact->optimal() ? ", proven to be the least" : ", not proven: " + exact->unknown;
      schedule = std::move(exact->schedule);
    }
    for (const sched::Violation &violation : sched::verify(*problem, *schedule)) {
      straight.body[violation.operation]->emitOpError() << "is scheduled wrongly: " << violation.message;
      return signalPassFailure();
    }
    const sched::IntervalBounds bounds = sched::findIntervalBounds(*problem);
    const bool narrow = bounds.registers > std::max(bounds.resource, bounds.recurrence);
    const std::string registers = narrow ? llvm::formatv(", {0} for registers", bounds.registers).str() : "";
    const std::string interval = llvm::formatv("interval {0}{1}, at least {2} ({3} for ports, {4} for recurrences{5}), {6} stages", schedule->ii, proof,
                                               bounds.least(), bounds.resource, bounds.recurrence, registers, schedule->stages());
    const double before = hostCycles(straight.loop, 1);
    if (schedule->stages() == 1)
      return stays(straight, llvm::formatv("{0}; the host overlaps iterations by itself and takes {1:f2} cycles for each", interval, before).str());
    std::optional<PipelinedLoop> pipelined = writePipelined(straight, *schedule, mostOps);
    if (!pipelined)
      return stays(straight, interval + ", for which it has too few iterations or too many instructions");
    const double after = hostCycles(pipelined->kernel, pipelined->unrolled);
    const std::string cycles = llvm::formatv("{0}, {1} iterations a pass: {2:f2} cycles an iteration instead of {3:f2}", interval, pipelined->unrolled, after, before);
    const char *why = !force && after > before * (1 - leastGain) ? "the host would gain too little" : !fits(func) ? "it would need too many registers" : nullptr;
    if (why) {
      discard(straight, *pipelined);
      return stays(straight, cycles + "; " + why);
    }
    ++numPipelined;
    if (getContext().getRemarkEngine())
      remark::passed(straight.loop.getLoc(), remark::RemarkOpts::name("pipeline").category("siw-pipeline-loops")) << cycles;
    commit(straight, *pipelined);
  }

  void stays(const StraightLoop &straight, llvm::StringRef why) {
    if (getContext().getRemarkEngine())
      remark::missed(straight.loop->getLoc(), remark::RemarkOpts::name("pipeline").category("siw-pipeline-loops")) << ("the loop stays: " + why).str();
  }

  /// The loop's body without what steps its inductions, whose registers cost the others one each. Nothing if the function has no register left.
  std::optional<sched::Problem> describe(FuncOp func, const StraightLoop &straight) {
    const Run whole = findRuns(straight.loop.getBody().front()).front();
    sched::Problem limits(*table);
    if (!RegisterLives(func).addTo(limits, whole))
      return std::nullopt;
    sched::Problem problem = describeRun(Run(straight.body), *table);
    addLoopAccesses(problem, straight);
    addLoopValues(problem, straight);
    problem.registerLimits = limits.registerLimits;
    problem.registerLimits[classR] -= std::min<uint32_t>(problem.registerLimits[classR], uint32_t(straight.inductions.size()));
    return problem;
  }

  /// Tells how the loop moves each address, and orders the accesses.
  static void addLoopAccesses(sched::Problem &problem, const StraightLoop &straight) {
    for (auto [operation, op] : llvm::zip(problem.operations, straight.body)) {
      sched::MemoryAccess &memory = operation.memory;
      auto add = [&](Value value, int64_t scale) {
        for (Operation *def = value.getDefiningOp(); def && isScalarOp(def, isa::COp::caddi); def = value.getDefiningOp())
          value = def->getOperand(0);
        if (const Induction *which = straight.inductionOf(value))
          memory.step += which->step * scale;
        else if (value.getParentBlock() == op->getBlock())
          memory.address = 0; // it changes from iteration to iteration
      };
      if (!memory.loads && !memory.stores)
        continue;
      for (auto [place, operand] : llvm::zip(getOperandPlaces(op), op->getOperands())) {
        if (place.kind != Place::operand)
          continue;
        if (place.info->field == isa::Field::ra) {
          add(operand, 1);
          memory.binding = int32_t(getPointedBinding(operand));
        } else if (place.info->cls == isa::OperandClass::idx) {
          add(operand, op->hasAttr("scale") ? op->getAttrOfType<IntegerAttr>("scale").getInt() : 1);
        }
      }
    }
    sched::addLoopMemoryDependences(problem, /*bindingsApart=*/false); // two bindings may be one buffer of the caller
  }

  /// Adds the values of the body, and the flow from one iteration to later ones.
  static void addLoopValues(sched::Problem &problem, const StraightLoop &straight) {
    ForOp loop = straight.loop;
    llvm::DenseMap<Value, uint32_t> valueOf;
    for (auto [i, op] : llvm::enumerate(straight.body))
      for (OpResult result : op->getResults()) {
        valueOf[result] = uint32_t(problem.values.size());
        sched::RegisterValue value;
        value.cls = classOf(result.getType());
        value.def = uint32_t(i);
        value.early = isWrittenEarly(result);
        problem.values.push_back(std::move(value));
      }
    // The operation that makes a value, and how many iterations before.
    auto trace = [&](Value value) {
      uint32_t distance = 0;
      for (; mlir::isa<BlockArgument>(value) && value.getParentBlock() == &loop.getBody().front() && !straight.inductionOf(value) &&
             distance <= loop.getCarried().size();
           ++distance)
        value = loop.getYield()->getOperand(cast<BlockArgument>(value).getArgNumber() - 1);
      return std::pair(valueOf.find(value), distance);
    };
    for (auto [i, op] : llvm::enumerate(straight.body))
      for (Value operand : op->getOperands()) {
        auto [it, distance] = trace(operand);
        if (it == valueOf.end())
          continue;
        sched::RegisterValue &value = problem.values[it->second];
        problem.dependences.push_back({value.def, uint32_t(i), sched::DependenceKind::flow, problem.row(value.def).latency, distance});
        if (distance)
          value.later.push_back({uint32_t(i), distance});
        else
          value.uses.push_back(uint32_t(i));
      }
    for (Value yielded : loop.getYield()->getOperands())
      if (auto it = valueOf.find(yielded); it != valueOf.end())
        problem.values[it->second].liveOut = true;
  }

  /// What an iteration takes on the host in the steady state, in a loop whose body is straight and makes so many iterations.
  double hostCycles(ForOp loop, uint32_t iterations) const {
    const Run run = findRuns(loop.getBody().front()).front();
    sched::Problem problem = describeRun(run, *table);
    addValueDependences(problem, run, /*repeats=*/true);
    sched::addMemoryDependences(problem);
    std::vector<uint32_t> order(run.size());
    std::iota(order.begin(), order.end(), 0);
    return sched::predictedCycles(problem, order, /*loop=*/true) / iterations;
  }

  /// True if no register would be spilled.
  bool fits(FuncOp func) const {
    const RegisterLives lives(func);
    bool all = true;
    func.walk([&](Block *block) {
      for (const Run &run : findRuns(*block)) {
        sched::Problem problem(*table);
        all &= lives.addTo(problem, run);
      }
    });
    return all;
  }
};
} // namespace
