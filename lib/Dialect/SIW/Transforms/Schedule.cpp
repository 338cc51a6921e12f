//===- Schedule.cpp - The order of instructions -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each straight run of instructions is a scheduling problem. The list scheduler's order replaces the given one where the model of the out-of-order
// host says that it is faster by more than its error; the host finds most parallelism by itself, so that this is so in long runs only.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/Transforms/Passes.h"

#include "Registers.h"
#include "SchedulingProblem.h"

#include "vtpu/Scheduling/Algorithms.h"

#include "mlir/IR/Remarks.h"

#include <numeric>

namespace vtpu::siw {
#define GEN_PASS_DEF_SCHEDULE
#include "vtpu/Dialect/SIW/Transforms/Passes.h.inc"
} // namespace vtpu::siw

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;

namespace {
struct Schedule : vtpu::siw::impl::ScheduleBase<Schedule> {
  using ScheduleBase::ScheduleBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Result<const sched::PortTable *> found = choosePortTable(module, portTable);
    if (!found) {
      module.emitError() << found.message();
      return signalPassFailure();
    }
    table = *found;
    for (auto func : module.getOps<FuncOp>())
      if (failed(scheduleFunction(func)))
        return signalPassFailure();
  }

private:
  const sched::PortTable *table = nullptr;

  /// Gains below one part in so many are within the model's error.
  static constexpr uint32_t leastGain = 32;

  struct Work {
    Run run;
    sched::Problem problem;
    bool repeats;
  };

  LogicalResult scheduleFunction(FuncOp func) {
    if (failed(checkVirtual(func)))
      return failure();
    const RegisterLives lives(func);
    SmallVector<Work> all;
    bool fits = true;
    func.walk([&](Block *block) {
      if (mlir::isa<BundleOp>(block->getParentOp()))
        return;
      SmallVector<Run> runs = findRuns(*block);
      for (Run &run : runs) {
        // The body of a loop is one run and its terminator.
        const bool repeats = mlir::isa<ForOp>(block->getParentOp()) && run.size() + 1 == block->getOperations().size();
        sched::Problem problem = describeRun(run, *table);
        addValueDependences(problem, run, repeats);
        sched::addMemoryDependences(problem);
        addControlDependences(problem, run);
        fits &= lives.addTo(problem, run);
        all.push_back({std::move(run), std::move(problem), repeats});
      }
    });
    for (const Work &work : all) {
      ++numRuns;
      if (getContext().getRemarkEngine())
        remark(work, fits);
      // Which values a function spills depends on the order everywhere: one that must spill keeps its order.
      if (fits && failed(scheduleRun(work)))
        return failure();
    }
    return success();
  }

  /// Numbered registers are state: their values order nothing.
  static LogicalResult checkVirtual(FuncOp func) {
    WalkResult walk = func.walk([](Operation *op) {
      if (!getInstruction(op) || mlir::isa<BundleOp>(op->getParentOp()))
        return WalkResult::advance();
      for (Type type : op->getResultTypes())
        if (getRegisterIndex(type) >= 0) {
          op->emitOpError() << "writes a numbered register; run siw-schedule before siw-allocate-registers";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  LogicalResult scheduleRun(const Work &work) {
    const sched::Problem &problem = work.problem;
    Result<sched::Schedule> schedule = sched::listSchedule(problem);
    if (!schedule)
      return success();
    if (failed(verifySchedule(problem, *schedule, work.run)))
      return failure();
    std::vector<uint32_t> given(work.run.size());
    std::iota(given.begin(), given.end(), 0);
    const std::vector<uint32_t> order = schedule->order();
    if (order == given)
      return success();
    // Enough iterations to fill the host's window twice.
    const uint32_t iterations = work.repeats ? std::clamp<uint32_t>(2 * table->window / uint32_t(given.size()), 2, 16) : 1;
    const uint32_t before = sched::hostCycles(problem, given, iterations), after = sched::hostCycles(problem, order, iterations);
    if (after + before / leastGain >= before)
      return success();
    ++numReordered;
    if (getContext().getRemarkEngine())
      remark::passed(work.run.front()->getLoc(), remark::RemarkOpts::name("order").category("siw-schedule"))
          << llvm::formatv("{0} instructions in a new order: {1} cycles instead of {2} for {3} iterations", order.size(), after, before, iterations)
                 .str();
    Operation *end = work.run.back()->getNextNode();
    Block *block = work.run.front()->getBlock();
    for (uint32_t op : order)
      work.run[op]->moveBefore(block, end ? end->getIterator() : block->end());
    return success();
  }

  /// Says what bounds a run.
  static void remark(const Work &work, bool fits) {
    const sched::Bounds bounds = sched::findBounds(work.problem);
    std::string what;
    const sched::Work cycles = bounds.limit(work.problem, what);
    remark::analysis(work.run.front()->getLoc(), remark::RemarkOpts::name("limit").category("siw-schedule"))
        << llvm::formatv("{0} instructions take {1:f2} cycles{2} at least: {3}{4}", work.run.size(), double(cycles) / sched::oneCycle,
                         work.repeats ? " an iteration" : "", what,
                         fits ? "" : "; the function must spill registers and keeps its order")
               .str();
  }
};
} // namespace
