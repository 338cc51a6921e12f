//===- KernelLowering.h - One kernel to words -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of lowering one kernel. Values of element types live in vector registers: a scalar is a vector of one lane, so that there is one
// emitter for the bodies of linalg ops and for scalar code. i1 lives in mask registers. Loop counters and addresses live in r registers.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_CONVERSION_LINALGTOSIW_KERNELLOWERING_H
#define VTPU_LIB_CONVERSION_LINALGTOSIW_KERNELLOWERING_H

#include "vtpu/Dialect/SIW/IR/SIWBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/MapVector.h"

namespace vtpu {

/// How an element type stands in registers and memory.
struct ElementInfo {
  isa::Type reg;         // lanes; none: a mask register
  isa::Type mem;         // of sld and sst
  unsigned bytes;        // in memory
  bool isBf16 = false;   // widened by the code generator
  unsigned intBits = 0;  // of integers narrower than their lanes
};
/// Nothing for types that have no lowering.
std::optional<ElementInfo> getElementInfo(mlir::Type type);

/// Layout wish for a parameter: found before any kernel is lowered (see Contraction.cpp).
struct PanelWish {
  int64_t rows, cols, rowStride, colStride, tile; // strides in elements of the source
  bool operator==(const PanelWish &o) const {
    return rows == o.rows && cols == o.cols && rowStride == o.rowStride && colStride == o.colStride && tile == o.tile;
  }
};

/// Program-wide tables that kernels add to.
struct ProgramTables {
  llvm::SmallVector<uint8_t> rodata;
  llvm::MapVector<mlir::StringRef, uint64_t> globals; // offset in rodata
  llvm::SmallVector<std::string> messages;
  /// Work from which the kernels of an entry are divided over sentrons, and the kernels that are (see Parallel.cpp).
  double leastWork = 0;
  llvm::DenseSet<mlir::Operation *> divided;
  /// Per kernel argument that is read as packed panels.
  llvm::DenseMap<mlir::BlockArgument, PanelWish> panels;

  uint64_t placeGlobal(mlir::memref::GlobalOp global);
  int64_t message(llvm::StringRef text);
};

/// Where a memref's first element stands and how it is strided.
struct MemRefPlace {
  unsigned binding;
  mlir::Value pointer;      // null: start of the binding
  int64_t offset = 0;       // bytes, beyond the pointer
  llvm::SmallVector<int64_t> shape, strides; // strides in bytes
  mlir::Type element;
};

/// A value in registers, one register per chunk of lanes.
struct LaneValue {
  llvm::SmallVector<mlir::Value, 4> regs;
  unsigned lanes = 1; // 1: a scalar, which stands in lane 0
};

/// The lanes that a body is emitted for: `chunks` groups of `lanes` lanes, the last perhaps partly active.
struct LaneShape {
  unsigned lanes = 1, chunks = 1;
  unsigned lastActive = 1; // active lanes of the last chunk
};

/// One operand of a loop nest as a linear function of the loop counters.
struct LinearOperand {
  MemRefPlace place;
  llvm::SmallVector<int64_t> steps; // bytes per loop dimension
};

class KernelLowering {
public:
  KernelLowering(mlir::func::FuncOp kernel, ProgramTables &tables, mlir::ModuleOp module);
  /// Emits the siw.func beside the kernel; every unsupported op is reported.
  mlir::LogicalResult run();

private:
  friend class LaneMath;

  mlir::func::FuncOp kernel;
  ProgramTables &tables;
  mlir::ModuleOp module;
  mlir::OpBuilder builder;
  mlir::Block *body = nullptr;
  llvm::SmallVector<mlir::Attribute> bindings;
  llvm::DenseMap<mlir::Value, MemRefPlace> places;
  llvm::DenseMap<mlir::Value, LaneValue> values;
  llvm::DenseMap<mlir::Value, mlir::Value> counters; // index values known in r registers
  /// Sets bytes of the stack binding aside; the offset of the first.
  int64_t reserveStack(uint64_t bytes);
  uint64_t stackBytes = 0;
  unsigned stackBinding = 0;
  LaneShape shape;
  /// The nest that is being emitted: its lane dimension, where the current lanes stand along it, and what is equal in all of them.
  struct LanePosition {
    int dim = -1;
    mlir::Value counter; // null: none
    int64_t start = 0;
    llvm::DenseSet<mlir::Value> scalars; // parts of addresses, equal in all lanes: they live in r registers (`counters`)
  } lane;
  mlir::Location loc;
  bool failed = false;

  siw::Emitter emitter() { return siw::Emitter(builder, loc); }
  mlir::LogicalResult unsupported(mlir::Operation *op, llvm::StringRef why = "");

  // Structure (Structure.cpp).
  mlir::LogicalResult lowerBlock(mlir::Block &block);
  mlir::LogicalResult lowerOp(mlir::Operation &op);
  mlir::LogicalResult lowerFor(mlir::Operation *op);
  mlir::LogicalResult lowerParallel(mlir::Operation *op);
  mlir::LogicalResult lowerIf(mlir::Operation *op);
  mlir::LogicalResult lowerWhile(mlir::Operation *op);
  mlir::LogicalResult lowerView(mlir::Operation *op);
  mlir::LogicalResult lowerLoadStore(mlir::Operation *op);
  mlir::LogicalResult lowerAssert(mlir::Operation *op);
  unsigned addBinding(llvm::StringRef kind, llvm::StringRef name, uint64_t size, bool writable, uint64_t offset = 0);
  mlir::FailureOr<MemRefPlace> placeOf(mlir::Value memref);
  mlir::Value pointerOf(const MemRefPlace &place);
  /// An index value in an r register.
  mlir::Value scalarIndex(mlir::Value value);
  /// One op on integers in r registers (`lane.scalars`).
  mlir::Value lowerScalar(mlir::Operation &op);
  struct Address {
    mlir::Value pointer;
    int64_t offset;        // bytes
    mlir::Value index;     // null: none
    unsigned scale = 1;    // bytes per index: 1, 2, 4, 8
  };
  /// Where an element stands; fails, and says so, if an index has no value in an r register. With `indexed` one index may stay a scaled one.
  mlir::FailureOr<Address> addressOf(mlir::Operation *op, const MemRefPlace &place, mlir::ValueRange indices, bool indexed = true);
  std::optional<int64_t> constantIndex(mlir::Value value);

  // Division over sentrons (Parallel.cpp).
  /// This sentron's part [first, last) of a loop that counts from 0 in steps of 1; null registers: all of it.
  struct Share {
    mlir::Value first, last;
  };
  bool divides = false; // one parallel loop of the op that is being emitted takes a share
  mlir::LogicalResult lowerDivided(mlir::Block &block);
  /// Which loop, given outermost first by the parts that it falls into, is divided best; -1: none can be.
  static int pickLoop(llvm::ArrayRef<int64_t> parts);
  /// The share of a loop of `count` iterations; `more`: what stands behind it on the last sentron counts as one more. To be taken in front of
  /// all loops of the op.
  Share takeShare(int64_t count, bool more = false);
  /// Runs the body for the counters of the share, with pointers that are moved by their stride per iteration. Gives the pointers behind the
  /// whole loop.
  llvm::SmallVector<mlir::Value> parallelLoop(const Share &share, int64_t count, mlir::ValueRange pointers, llvm::ArrayRef<int64_t> strides,
                                              llvm::function_ref<void(mlir::Value, mlir::ValueRange)> body);
  /// `pointer` + `counter` * `stride`.
  mlir::Value movedBy(mlir::Value pointer, mlir::Value counter, int64_t stride);
  void onFirstSentron(llvm::function_ref<void()> emit);
  /// What stands behind a shared loop: on the last sentron if the share is one, else on every one.
  void onLastSentron(const Share &share, llvm::function_ref<void()> emit);
  /// Emits under the condition that the register is zero.
  void unless(mlir::Value reg, llvm::function_ref<void()> emit);

  // Loops over linalg ops (Generic.cpp).
  mlir::LogicalResult lowerLinalg(mlir::linalg::LinalgOp op);
  mlir::LogicalResult lowerNest(mlir::linalg::LinalgOp op, llvm::SmallVector<LinearOperand> operands, llvm::SmallVector<int64_t> extents,
                                llvm::SmallVector<bool> reduction);

  // Matrix products (Contraction.cpp). Returns nothing if the op is none that has a fast path.
  std::optional<mlir::LogicalResult> lowerContraction(mlir::linalg::LinalgOp op, llvm::ArrayRef<LinearOperand> operands,
                                                      llvm::ArrayRef<int64_t> extents, llvm::ArrayRef<bool> reduction);
  /// Drops the fills with zero that stand right in front of a product which can start its sums from zero itself.
  void foldZeroFills();
  llvm::DenseSet<mlir::Operation *> startAtZero; // these products

  // Lanes (Lanes.cpp).
  isa::Length lengthFor(isa::Type type) const;
  siw::Fields fieldsFor(isa::Type type) const;
  mlir::Value splatInt(isa::Type type, int64_t value);
  mlir::Value splatFloat(isa::Type type, double value);
  /// A number as a constant of words has it.
  static uint64_t floatBits(isa::Type type, double value);
  mlir::Value laneMask(unsigned active);
  mlir::Value maskOfChunk(unsigned chunk);
  mlir::Value loadLanes(mlir::Type element, mlir::Value pointer, mlir::Value index, unsigned scale, int64_t offset, mlir::Value mask);
  void storeLanes(mlir::Type element, mlir::Value value, mlir::Value pointer, mlir::Value index, unsigned scale, int64_t offset,
                  mlir::Value mask);
  /// Lanes that stand `step` bytes apart.
  mlir::Value loadStrided(mlir::Type element, mlir::Value pointer, int64_t offset, int64_t step, mlir::Value mask);
  LaneValue laneValue(mlir::Value value);
  void setValue(mlir::Value value, LaneValue lanes) {
    lanes.lanes = shape.lanes;
    values[value] = std::move(lanes);
  }
  LaneValue constantLanes(mlir::Attribute attr, mlir::Type type);
  mlir::LogicalResult lowerLanes(mlir::Operation &op);
  mlir::Value lowerArith(mlir::Operation &op, llvm::ArrayRef<mlir::Value> in);
  mlir::Value lowerMaskOp(mlir::Operation &op, llvm::ArrayRef<mlir::Value> in);
  mlir::Value convert(mlir::Value value, isa::Type from, isa::Type to);
  mlir::Value canonical(mlir::Value value, const ElementInfo &info);
  mlir::Value roundStorage(mlir::Value value, mlir::Type type);
  mlir::Value compareFloat(isa::Predicate p, isa::Type type, mlir::Value a, mlir::Value b);
  mlir::Value select(isa::Type type, mlir::Value mask, mlir::Value a, mlir::Value b);
  mlir::Value divideIntegers(mlir::Operation &op, mlir::Value a, mlir::Value b, bool isSigned, bool remainder, isa::Type type);
  mlir::LogicalResult lowerGather(mlir::memref::LoadOp op);
  /// True if the lanes walk along a row that indices equal in all lanes pick: one address and a plain load.
  bool walksRow(mlir::memref::LoadOp op);

  // Elementary functions (Math.cpp). Null if the op has none.
  mlir::Value lowerMath(mlir::Operation &op, llvm::ArrayRef<mlir::Value> in, isa::Type type);
  mlir::Value hostLanes(llvm::StringRef name, isa::Type type, mlir::Value a, mlir::Value b);
  mlir::Value dop(isa::DOp op, isa::Type type, llvm::ArrayRef<mlir::Value> in, int64_t imm = 0, mlir::Value mask = {}, mlir::Value passthru = {});
};

/// The predicate of an integer comparison.
isa::Predicate integerPredicate(mlir::arith::CmpIPredicate p);
/// Finds the kernels that are divided over sentrons.
void findDividedKernels(mlir::ModuleOp module, ProgramTables &tables);
/// The value that a chain of views starts from.
mlir::Value rootOf(mlir::Value value);
/// Finds the parameters that every use reads as panels.
void findPanels(mlir::ModuleOp module, ProgramTables &tables);
/// Operand strides of a linalg op as bytes per loop dimension; fails for maps that are not linear.
mlir::FailureOr<llvm::SmallVector<LinearOperand>> linearise(mlir::linalg::LinalgOp op, llvm::function_ref<mlir::FailureOr<MemRefPlace>(mlir::Value)> placeOf);
/// For each loop of a linalg op whether it is a reduction.
llvm::SmallVector<bool> reductionsOf(mlir::linalg::LinalgOp op);
/// Strides in bytes of a memref type; fails for dynamic ones.
mlir::LogicalResult getByteStrides(mlir::MemRefType type, llvm::SmallVectorImpl<int64_t> &strides, int64_t &offset);

} // namespace vtpu

#endif // VTPU_LIB_CONVERSION_LINALGTOSIW_KERNELLOWERING_H
