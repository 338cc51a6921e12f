//===- Pipelines.h - Phases of the compiler ---------------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phases a program passes through, the pipelines between them, and the
// one entry point that tools and the Python package call. Phases behind
// `tiled` are appended by `registerPhase`, so that this header needs none of
// the back half.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_PIPELINES_PIPELINES_H
#define VTPU_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vtpu {

/// The named stops of the compiler, in order.
enum class Phase {
  Input,
  VTPU,
  Tiled,
  SIW,
  Scheduled,
  Allocated,
  Bundled,
  Binary
};

/// The spelling used by `--compile-to` and `--compile-from`.
llvm::StringRef stringifyPhase(Phase phase);

/// The phase with the given spelling, if there is one.
std::optional<Phase> parsePhase(llvm::StringRef name);

/// All spellings, comma-separated, for messages and help texts.
std::string listPhases();

/// Makes a port table known and returns its name: a checked-in one, `host` for
/// the calibrated one of this machine, or a file that ends with `.json`.
llvm::Expected<std::string> loadPortTable(llvm::StringRef name);

/// Fails for a name that CompileOptions::schedule cannot have.
llvm::Error checkSchedule(llvm::StringRef name);

/// What a caller can choose.
struct CompileOptions {
  /// The phase the text is in.
  Phase compileFrom = Phase::Input;
  /// The phase to stop at.
  Phase compileTo = Phase::Binary;
  /// Fuse element-wise work and group contractions with what follows them.
  bool fuse = true;
  /// Work of an entry from which its kernels are divided over sentrons, as the
  /// option of `convert-linalg-to-siw`; its default if not given.
  std::optional<int64_t> divideFrom;
  /// Verify the IR behind every pass.
  bool verifyEach = false;
  /// Recorded in the program: where its parameters are.
  std::string parameterFile;
  /// Bytes of integer parameters by key. Those that the program marks as structure
  /// (`vtpu.structure`) become constants of the program.
  llvm::StringMap<llvm::ArrayRef<char>> structures;
  /// The port table that schedules the words, as `loadPortTable` takes it;
  /// empty: the one the text names, else the default.
  std::string portTable;
  /// How words are ordered: `list` schedules straight runs, `modulo` also
  /// overlaps the iterations of loops where that is faster, `exact` has a
  /// solver prove their intervals, which takes long.
  std::string schedule = "modulo";
  /// Where a reproducer goes if a pass fails or crashes; empty for none.
  std::string reproducer;
  /// Called on the pass manager of each phase before it runs.
  std::function<void(mlir::PassManager &)> configure;
  /// Called as each phase starts, for progress displays.
  std::function<void(Phase)> onPhase;
};

/// Adds the passes that lead from `input` to `vtpu`.
void buildFrontendPipeline(mlir::OpPassManager &pm, const CompileOptions &);

/// Adds the passes that lead from `vtpu` to `tiled`.
void buildTilePipeline(mlir::OpPassManager &pm, const CompileOptions &);

/// Adds the passes that lead from `tiled` to `siw`, and so on phase by phase.
void buildWordPipeline(mlir::OpPassManager &pm, const CompileOptions &);
void buildSchedulePipeline(mlir::OpPassManager &pm, const CompileOptions &);
void buildAllocationPipeline(mlir::OpPassManager &pm, const CompileOptions &);
void buildBundlePipeline(mlir::OpPassManager &pm, const CompileOptions &);

/// Builds the passes that lead to one phase from the one before it.
using PhaseBuilder =
    std::function<void(mlir::OpPassManager &, const CompileOptions &)>;

/// Says how `phase` is reached from the phase before it. Called once per phase
/// at start-up by the library that holds the passes.
void registerPhase(Phase phase, PhaseBuilder builder);

/// Adds everything between two phases; an error names the first phase that no
/// library has registered. `binary` is the `bundled` module: the object writer
/// turns it into bytes.
llvm::Error buildPipeline(mlir::OpPassManager &pm, const CompileOptions &);

/// Runs the pipeline over a module. Diagnostics go to the context's handler;
/// the error repeats the first of them.
llvm::Error compile(mlir::ModuleOp module, const CompileOptions &);

/// Compiles texts, whose entries end up in one program, to the bytes of a
/// `.vtpu` file, or, for an earlier phase, to text again.
llvm::Expected<std::string> compileText(mlir::MLIRContext &context,
                                        llvm::ArrayRef<llvm::StringRef> texts,
                                        llvm::StringRef fileName,
                                        const CompileOptions &);

/// Registers a named pipeline per phase.
void registerPipelines();

} // namespace vtpu

#endif // VTPU_PIPELINES_PIPELINES_H
