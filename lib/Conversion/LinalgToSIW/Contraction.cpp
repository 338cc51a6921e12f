//===- Contraction.cpp - Matrix products ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Register-tiled products C[m][n] += A[m][k] B[k][n] of f32 and f64: up to 8 rows by 3 vectors of columns in accumulators, B streamed row by row,
// A broadcast in place. B must be contiguous along n; parameters that are not (the weights of a linear layer) are packed by the loader into
// panels of 48 columns, run-time operands are transposed into scratch memory first.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using vtpu::isa::SOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

namespace {
constexpr int64_t panelColumns = 48;

/// A contraction of two operands; dimension numbers are loops of the op.
struct Product {
  unsigned a = 0, b = 1; // operand numbers
  unsigned m, n, k;      // loop dimensions; m may be missing (== none)
  SmallVector<unsigned> outer;
  static constexpr unsigned none = ~0u;
};

/// True if the body is out + a * b on plain floats.
bool isMultiplyAdd(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block *block = op.getBlock();
  Type type = block->getArgument(2).getType();
  if ((!type.isF32() && !type.isF64()) || block->getArgument(0).getType() != type || block->getArgument(1).getType() != type)
    return false;
  auto add = block->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || std::distance(block->begin(), block->end()) != 3)
    return false;
  Value accumulator = block->getArgument(2);
  Value other = add.getLhs() == accumulator ? add.getRhs() : add.getRhs() == accumulator ? add.getLhs() : Value();
  auto multiply = other ? other.getDefiningOp<arith::MulFOp>() : nullptr;
  return multiply && ((multiply.getLhs() == block->getArgument(0) && multiply.getRhs() == block->getArgument(1)) ||
                      (multiply.getLhs() == block->getArgument(1) && multiply.getRhs() == block->getArgument(0)));
}

/// Assigns loop dimensions to m, n, k; `ignoreB` accepts any stride of B along n.
std::optional<Product> matchProduct(linalg::LinalgOp op, ArrayRef<LinearOperand> operands, ArrayRef<int64_t> extents, ArrayRef<bool> reduction) {
  if (!isMultiplyAdd(op))
    return std::nullopt;
  const int64_t width = op.getBlock()->getArgument(2).getType().isF32() ? 4 : 8;
  std::optional<Product> best;
  int64_t bestScore = 0;
  for (unsigned swap = 0; swap < 2; ++swap) {
    Product p;
    p.a = swap;
    p.b = 1 - swap;
    p.m = p.n = p.k = Product::none;
    const LinearOperand &a = operands[p.a], &b = operands[p.b], &c = operands[2];
    for (unsigned d = 0; d < extents.size(); ++d) {
      if (extents[d] == 1)
        continue;
      if (reduction[d]) {
        if (p.k == Product::none || extents[d] > extents[p.k])
          p.k = d;
      } else if (c.steps[d] == width && a.steps[d] == 0 && b.steps[d] != 0) {
        p.n = d;
      } else if (b.steps[d] == 0 && (p.m == Product::none || extents[d] > extents[p.m])) {
        p.m = d;
      }
    }
    if (p.n == Product::none || p.k == Product::none || extents[p.n] < 4 || a.steps[p.k] == 0 || b.steps[p.k] == 0)
      continue;
    for (unsigned d = 0; d < extents.size(); ++d)
      if (extents[d] != 1 && d != p.m && d != p.n && d != p.k)
        p.outer.push_back(d);
    int64_t score = extents[p.n] * (b.steps[p.n] == width ? 2 : 1);
    if (score > bestScore) {
      best = p;
      bestScore = score;
    }
  }
  return best;
}

Value rootOf(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}
} // namespace

/// Places of kernel arguments alone: enough to see how a contraction reads its operands.
static FailureOr<MemRefPlace> argumentPlace(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  MemRefPlace place;
  int64_t offset;
  if (!type || llvm::failed(getByteStrides(type, place.strides, offset)))
    return failure();
  place.shape.assign(type.getShape().begin(), type.getShape().end());
  place.element = type.getElementType();
  return place;
}

void findPanels(ModuleOp module, ProgramTables &tables) {
  SymbolTable symbols(module);
  llvm::DenseMap<BlockArgument, PanelWish> wishes;
  // What kernels want.
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (!kernel.isPrivate() || kernel.isExternal())
      continue;
    for (BlockArgument arg : kernel.getArguments()) {
      if (!arg.hasOneUse())
        continue;
      auto op = dyn_cast<linalg::LinalgOp>(*arg.getUsers().begin());
      if (!op)
        continue;
      auto operands = linearise(op, argumentPlace);
      if (llvm::failed(operands))
        continue;
      SmallVector<int64_t> extents = op.getStaticLoopRanges();
      SmallVector<bool> reduction;
      for (utils::IteratorType kind : op.getIteratorTypesArray())
        reduction.push_back(kind == utils::IteratorType::reduction);
      std::optional<Product> p = matchProduct(op, *operands, extents, reduction);
      if (!p || op->getOperand(p->b) != arg || !mlir::isa<MemRefType>(arg.getType()) || !(*operands)[p->b].place.element.isF32())
        continue;
      const LinearOperand &b = (*operands)[p->b];
      bool plain = llvm::all_of(p->outer, [&](unsigned d) { return b.steps[d] == 0; });
      auto type = cast<MemRefType>(arg.getType());
      if (!plain || b.steps[p->n] <= 0 || b.steps[p->k] <= 0 || b.place.offset != 0 || type.getNumElements() != extents[p->n] * extents[p->k] ||
          !type.getLayout().isIdentity())
        continue;
      wishes[arg] = PanelWish{extents[p->k], extents[p->n], b.steps[p->k] / 4, b.steps[p->n] / 4, panelColumns};
    }
  }
  // Every caller must pass a whole parameter.
  for (auto kernel : module.getOps<func::FuncOp>()) {
    for (auto call : kernel.getOps<func::CallOp>()) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      for (auto [i, operand] : llvm::enumerate(call.getOperands())) {
        BlockArgument arg = callee.getArgument(unsigned(i));
        if (!wishes.count(arg))
          continue;
        auto root = dyn_cast<BlockArgument>(rootOf(operand));
        auto type = cast<MemRefType>(operand.getType());
        bool whole = root && kernel.getArgAttr(root.getArgNumber(), "vtpu.parameter") &&
                     cast<MemRefType>(root.getType()).getNumElements() == type.getNumElements() &&
                     cast<MemRefType>(root.getType()).getLayout().isIdentity();
        if (!whole)
          wishes.erase(arg);
      }
    }
  }
  tables.panels = std::move(wishes);
}

std::optional<LogicalResult> KernelLowering::lowerContraction(linalg::LinalgOp op, ArrayRef<LinearOperand> operands, ArrayRef<int64_t> extents,
                                                              ArrayRef<bool> reduction) {
  std::optional<Product> match = matchProduct(op, operands, extents, reduction);
  if (!match)
    return std::nullopt;
  const Product p = *match;
  const LinearOperand &a = operands[p.a], &c = operands[2];
  LinearOperand b = operands[p.b];
  const LaneType type = op.getBlock()->getArgument(2).getType().isF32() ? LaneType::f32 : LaneType::f64;
  const Type element = op.getBlock()->getArgument(2).getType();
  const int64_t width = isa::byteWidth(type), lanes = 64 / width;
  const int64_t M = p.m == Product::none ? 1 : extents[p.m], N = extents[p.n], K = extents[p.k];
  const int64_t aRow = p.m == Product::none ? 0 : a.steps[p.m], cRow = p.m == Product::none ? 0 : c.steps[p.m];
  bool panels = false;
  if (auto arg = dyn_cast<BlockArgument>(op->getOperand(p.b)))
    panels = tables.panels.count(arg);
  const bool transposes = !panels && b.steps[p.n] != width;
  // A transposition pays when several rows use it.
  if (transposes && (M < 4 || N * K * width > (int64_t(8) << 20)))
    return std::nullopt;
  if (8 * std::max(std::abs(aRow), std::abs(cRow)) >= INT32_MAX || 16 * std::abs(b.steps[p.k]) >= INT32_MAX)
    return std::nullopt;

  Location saved = loc;
  loc = op.getLoc();
  LaneShape outerShape = shape;
  shape = LaneShape{unsigned(lanes), 1, unsigned(lanes)};
  auto emit = [&] { return emitter(); };
  auto vector = [&](int64_t imm, Value mask) {
    siw::Fields fields = fieldsFor(type);
    fields.memType = type;
    fields.imm = imm;
    fields.mask = mask;
    return fields;
  };

  // Where A and B stand beyond their pointers: steps of unrolled loops around the product.
  int64_t offsetA = 0, offsetB = 0;

  // One register tile: `rows` rows, columns in `vectors` vectors, the last with `tail` active lanes.
  auto tile = [&](Value pa, Value pb, Value pc, int64_t bRowStep, int64_t rows, int64_t vectors, int64_t tail) {
    Value mask = tail == lanes ? Value() : laneMask(unsigned(tail));
    auto maskOf = [&](int64_t v) { return v + 1 == vectors ? mask : Value(); };
    SmallVector<Value> inits;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        inits.push_back(emit().s(SOp::sld, {pc, Value()}, vector(r * cRow + v * 64, maskOf(v))));
    inits.push_back(pa);
    inits.push_back(pb);
    const int64_t unroll = K % 4 == 0 ? 4 : K % 2 == 0 ? 2 : 1;
    const size_t numAccumulators = size_t(rows * vectors);
    siw::ForOp loop = emit().forLoop(emit().constant(0), 0, K, unroll, inits, [&](Value, ValueRange carried) {
      SmallVector<Value> sums(carried.begin(), carried.begin() + numAccumulators);
      Value pointerA = carried[numAccumulators], pointerB = carried[numAccumulators + 1];
      for (int64_t u = 0; u < unroll; ++u) {
        SmallVector<Value> columns;
        for (int64_t v = 0; v < vectors; ++v) {
          // Panels are padded: no mask needed.
          Value laneMaskB = panels || transposes ? Value() : maskOf(v);
          columns.push_back(emit().s(SOp::sld, {pointerB, Value()}, vector(offsetB + u * bRowStep + v * 64, laneMaskB)));
        }
        for (int64_t r = 0; r < rows; ++r) {
          siw::Fields broadcast = fieldsFor(type);
          broadcast.imm = offsetA + r * aRow + u * a.steps[p.k];
          Value scalar = emit().s(SOp::sbcast, {pointerA, Value()}, broadcast);
          for (int64_t v = 0; v < vectors; ++v)
            sums[size_t(r * vectors + v)] = dop(DOp::dfma, type, {sums[size_t(r * vectors + v)], scalar, columns[size_t(v)]});
        }
      }
      sums.push_back(emit().c(COp::caddi, {pointerA}, siw::Emitter::immediate(unroll * a.steps[p.k])));
      sums.push_back(emit().c(COp::caddi, {pointerB}, siw::Emitter::immediate(unroll * bRowStep)));
      return sums;
    });
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        emit().s(SOp::sst, {loop.getResult(unsigned(r * vectors + v)), pc, Value()}, vector(r * cRow + v * 64, maskOf(v)));
  };

  // All rows for one strip of columns.
  const int64_t columnsPerTile = 3 * lanes;
  const int64_t rowsPerTile = 8;
  auto strip = [&](Value pa, Value pb, Value pc, int64_t bRowStep, int64_t columns) {
    const int64_t vectors = (columns + lanes - 1) / lanes, tail = columns - (vectors - 1) * lanes;
    const int64_t full = M / rowsPerTile, rest = M % rowsPerTile;
    if (full > 1) {
      siw::ForOp rows = emit().forLoop(emit().constant(0), 0, full, 1, {pa, pc}, [&](Value, ValueRange carried) {
        tile(carried[0], pb, carried[1], bRowStep, rowsPerTile, vectors, tail);
        return SmallVector<Value>{emit().c(COp::caddi, {carried[0]}, siw::Emitter::immediate(rowsPerTile * aRow)),
                                  emit().c(COp::caddi, {carried[1]}, siw::Emitter::immediate(rowsPerTile * cRow))};
      });
      pa = rows.getResult(0);
      pc = rows.getResult(1);
    } else if (full == 1) {
      tile(pa, pb, pc, bRowStep, rowsPerTile, vectors, tail);
      if (rest) {
        pa = emit().c(COp::caddi, {pa}, siw::Emitter::immediate(rowsPerTile * aRow));
        pc = emit().c(COp::caddi, {pc}, siw::Emitter::immediate(rowsPerTile * cRow));
      }
    }
    if (rest)
      tile(pa, pb, pc, bRowStep, rest, vectors, tail);
  };

  auto product = [&](Value pa, Value pb, Value pc) {
    int64_t bRowStep = panels ? panelColumns * width : b.steps[p.k];
    // From one strip of columns to the next.
    int64_t bStrip = panels ? K * panelColumns * width : columnsPerTile * width;
    if (transposes) {
      // Panels of one strip each, in scratch memory: [strip][k][columns].
      const int64_t strips = (N + columnsPerTile - 1) / columnsPerTile;
      if (!stackBytes)
        stackBinding = addBinding("stack", "stack", 0, true);
      const int64_t base = int64_t(stackBytes);
      stackBytes += uint64_t(strips * K * columnsPerTile * width) + 64;
      bRowStep = columnsPerTile * width;
      bStrip = K * bRowStep;
      Value scratch = emit().c(COp::caddi, {emit().c(COp::cptr, {}, siw::Emitter::immediate(stackBinding))}, siw::Emitter::immediate(base));
      for (int64_t s = 0; s < strips; ++s) {
        const int64_t columns = std::min(columnsPerTile, N - s * columnsPerTile), vectors = (columns + lanes - 1) / lanes;
        Value from = s ? emit().c(COp::caddi, {pb}, siw::Emitter::immediate(s * columnsPerTile * b.steps[p.n])) : pb;
        Value to = s ? emit().c(COp::caddi, {scratch}, siw::Emitter::immediate(s * bStrip)) : scratch;
        emit().forLoop(emit().constant(0), 0, K, 1, {from, to}, [&](Value, ValueRange carried) {
          for (int64_t v = 0; v < vectors; ++v) {
            const int64_t active = std::min(lanes, columns - v * lanes);
            Value mask = active == lanes ? Value() : laneMask(unsigned(active));
            Value column = loadStrided(element, carried[0], offsetB + v * lanes * b.steps[p.n], b.steps[p.n], mask);
            emit().s(SOp::sst, {column, carried[1], Value()}, vector(v * 64, Value()));
          }
          return SmallVector<Value>{emit().c(COp::caddi, {carried[0]}, siw::Emitter::immediate(b.steps[p.k])),
                                    emit().c(COp::caddi, {carried[1]}, siw::Emitter::immediate(bRowStep))};
        });
      }
      pb = scratch;
    }
    const int64_t window = offsetB;
    if (transposes) // the scratch panels begin at their pointer
      offsetB = 0;
    const int64_t full = N / columnsPerTile, rest = N % columnsPerTile;
    if (full > 0) {
      siw::ForOp columns = emit().forLoop(emit().constant(0), 0, full, 1, {pb, pc}, [&](Value, ValueRange carried) {
        strip(pa, carried[0], carried[1], bRowStep, columnsPerTile);
        return SmallVector<Value>{emit().c(COp::caddi, {carried[0]}, siw::Emitter::immediate(bStrip)),
                                  emit().c(COp::caddi, {carried[1]}, siw::Emitter::immediate(columnsPerTile * width))};
      });
      pb = columns.getResult(0);
      pc = columns.getResult(1);
    }
    if (rest)
      strip(pa, pb, pc, bRowStep, rest);
    offsetB = window;
  };

  auto start = [&](const LinearOperand &operand, bool usesOffset) {
    Value pointer = pointerOf(operand.place);
    return usesOffset && operand.place.offset ? emit().c(COp::caddi, {pointer}, siw::Emitter::immediate(operand.place.offset)) : pointer;
  };
  std::function<void(unsigned, Value, Value, Value)> outer = [&](unsigned depth, Value pa, Value pb, Value pc) {
    if (depth == p.outer.size())
      return product(pa, pb, pc);
    unsigned d = p.outer[depth];
    SmallVector<Value> all = {pa, pb, pc}, inits;
    SmallVector<int64_t> steps = {a.steps[d], b.steps[d], c.steps[d]};
    if (reduction[d] && extents[d] <= 4) { // a window: no counter, no pointers of its own
      for (int64_t i = 0; i < extents[d]; ++i) {
        offsetA += i * steps[0];
        offsetB += i * steps[1];
        outer(depth + 1, pa, pb, pc);
        offsetA -= i * steps[0];
        offsetB -= i * steps[1];
      }
      return;
    }
    for (unsigned i = 0; i < 3; ++i)
      if (steps[i])
        inits.push_back(all[i]);
    emit().forLoop(emit().constant(0), 0, extents[d], 1, inits, [&](Value, ValueRange carried) {
      SmallVector<Value> here = all, next;
      for (unsigned i = 0, at = 0; i < 3; ++i)
        if (steps[i])
          here[i] = carried[at++];
      outer(depth + 1, here[0], here[1], here[2]);
      for (unsigned i = 0, at = 0; i < 3; ++i)
        if (steps[i])
          next.push_back(emit().c(COp::caddi, {carried[at++]}, siw::Emitter::immediate(steps[i])));
      return next;
    });
  };
  outer(0, start(a, true), start(b, !panels), start(c, true));
  shape = outerShape;
  loc = saved;
  return success();
}

} // namespace vtpu
