//===- Contraction.cpp - Matrix products ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Register-tiled products C[m][n] += A[m][k] B[k][n] of f32 and f64: up to 24 vectors in accumulators, mostly 8 rows of 3, B streamed row by row,
// A broadcast in place. Parameters are packed by the loader into panels of 48 columns; each panel is read from beyond the second-level cache once,
// while the one before is used. A run-time B that many rows use is copied (transposed if need be) panel by panel into scratch memory just before its
// use, a block of k at a time, so that the panel stays in the cache; for few rows it is read in place, with tiles as wide as the registers allow.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using vtpu::isa::SOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

namespace {
constexpr int64_t panelColumns = 48;
/// Vectors that a tile keeps in registers. Rows of a full tile of three vectors, from which on tiles are no wider.
constexpr int64_t accumulators = 24, fullRows = accumulators / 3;
/// Tiles of rows that sentrons divide among themselves well.
constexpr int64_t tilesToShare = 8;
/// Longest block of k of a panel in scratch memory: 48 columns of f32 take 60 KiB, which the second-level cache holds beside the rows of A.
constexpr int64_t packedBlock = 320;
/// Bytes of a packed panel that all tiles of rows use before the next ones: a first-level cache of 48 KiB holds them beside the rows of A.
constexpr int64_t panelBlockBytes = 36 << 10;
/// Rows of a B read in place for few rows of A: as many streams as the hardware follows.
constexpr int64_t streamedBlock = 8;
/// Rows from which a copy of a panel pays, and the bytes of B below which its rows are near each other anyway.
constexpr int64_t packingRows = 32, packingBytes = 16 << 10;

/// Steps of k that a pass through the loop of a tile takes.
int64_t unrollOf(int64_t depth) { return depth % 4 == 0 ? 4 : depth % 2 == 0 ? 2 : 1; }

/// A contraction of two operands; dimension numbers are loops of the op.
struct Product {
  unsigned a = 0, b = 1; // operand numbers
  unsigned m, n, k;      // loop dimensions; m may be missing (== none)
  SmallVector<unsigned> outer;
  bool panels = false, transposes = false, packs = false; // B is packed by the loader; a panel of it is copied just before its use
  int64_t depth = 0;                                      // steps of k in one block
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

/// Assigns loop dimensions to m, n, k.
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

/// The product that an op is, if it has a fast path.
std::optional<Product> fastProduct(linalg::LinalgOp op, ArrayRef<LinearOperand> operands, ArrayRef<int64_t> extents, ArrayRef<bool> reduction,
                                   const ProgramTables &tables) {
  std::optional<Product> p = matchProduct(op, operands, extents, reduction);
  if (!p)
    return std::nullopt;
  const LinearOperand &a = operands[p->a], &b = operands[p->b], &c = operands[2];
  const int64_t width = op.getBlock()->getArgument(2).getType().isF32() ? 4 : 8;
  const int64_t M = p->m == Product::none ? 1 : extents[p->m], K = extents[p->k], bytes = extents[p->n] * K * width;
  if (auto arg = dyn_cast<BlockArgument>(op->getOperand(p->b)))
    p->panels = tables.panels.count(arg);
  p->transposes = !p->panels && b.steps[p->n] != width;
  if (p->transposes && M < 4) // a transposition pays when several rows use it
    return std::nullopt;
  p->packs = p->transposes || (!p->panels && M >= packingRows && bytes > packingBytes && b.steps[p->k] != panelColumns * width);
  const int64_t longest = p->packs ? packedBlock : !p->panels && M < fullRows && bytes > packingBytes ? streamedBlock : K;
  const int64_t blocks = (K + longest - 1) / longest;
  p->depth = std::min<int64_t>(llvm::alignTo((K + blocks - 1) / blocks, 4), K);
  const int64_t row = p->m == Product::none ? 0 : std::max(std::abs(a.steps[p->m]), std::abs(c.steps[p->m]));
  if (accumulators * row >= INT32_MAX || 16 * std::abs(b.steps[p->k]) >= INT32_MAX)
    return std::nullopt;
  return p;
}

/// In how many equal blocks of k a packed panel is used: as few as are short enough, and as their unrolled loops allow.
int64_t blocksOfPanel(int64_t depth, int64_t width) {
  const int64_t longest = panelBlockBytes / (panelColumns * width), least = llvm::divideCeil(depth, longest);
  for (int64_t blocks = least; blocks <= 2 * least; ++blocks)
    if (depth % (4 * blocks) == 0)
      return blocks;
  return 1;
}

/// A reduction around a product that is unrolled: a window, with no counter and no pointers of its own.
bool isWindow(int64_t extent) { return extent <= 4; }
} // namespace

Value rootOf(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

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
      SmallVector<bool> reduction = reductionsOf(op);
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

void KernelLowering::foldZeroFills() {
  kernel.walk([&](linalg::FillOp fill) {
    Value sums = fill.getDpsInits()[0];
    Operation *next = fill->getNextNode();
    while (next && mlir::isa<arith::ConstantOp>(next))
      next = next->getNextNode();
    auto op = dyn_cast_or_null<linalg::LinalgOp>(next);
    if (!op || !matchPattern(fill.value(), m_PosZeroFloat()) || op.getNumDpsInits() != 1 || op.getDpsInits()[0] != sums ||
        llvm::any_of(op.getDpsInputs(), [&](Value input) { return rootOf(input) == rootOf(sums); }))
      return;
    auto operands = linearise(op, argumentPlace);
    if (llvm::failed(operands))
      return;
    const SmallVector<int64_t> extents = op.getStaticLoopRanges();
    const SmallVector<bool> reduction = reductionsOf(op);
    if (llvm::any_of(extents, [](int64_t extent) { return extent <= 0; })) // a sum of nothing is zero, which no product writes
      return;
    int64_t written = 1;
    for (auto [extent, reduces] : llvm::zip(extents, reduction))
      written *= reduces ? 1 : extent;
    if (written != cast<MemRefType>(sums.getType()).getNumElements())
      return;
    std::optional<Product> p = fastProduct(op, *operands, extents, reduction, tables);
    // A few rows of sums are filled quickly, and a loop around a product would have to know its first pass.
    if (!p || (p->depth < extents[p->k] && !p->packs) ||
        llvm::any_of(p->outer, [&](unsigned d) { return reduction[d] && !isWindow(extents[d]); }))
      return;
    startAtZero.insert(op);
    fill.erase();
  });
}

std::optional<LogicalResult> KernelLowering::lowerContraction(linalg::LinalgOp op, ArrayRef<LinearOperand> operands, ArrayRef<int64_t> extents,
                                                              ArrayRef<bool> reduction) {
  std::optional<Product> match = fastProduct(op, operands, extents, reduction, tables);
  if (!match)
    return std::nullopt;
  const Product p = *match;
  const bool panels = p.panels, packs = p.packs;
  const LinearOperand &a = operands[p.a], &c = operands[2];
  LinearOperand b = operands[p.b];
  const LaneType type = op.getBlock()->getArgument(2).getType().isF32() ? LaneType::f32 : LaneType::f64;
  const Type element = op.getBlock()->getArgument(2).getType();
  const int64_t width = isa::byteWidth(type), lanes = 64 / width;
  const int64_t M = p.m == Product::none ? 1 : extents[p.m], N = extents[p.n], K = extents[p.k];
  const int64_t aRow = p.m == Product::none ? 0 : a.steps[p.m], cRow = p.m == Product::none ? 0 : c.steps[p.m];
  // The sums that the next block begins with are zero, as those of the first one are; else they stand in C.
  bool fromZero = startAtZero.contains(op);

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

  // One register tile: `rows` rows, columns in `vectors` vectors, the last with `tail` active lanes. Beside it each step of its loop fetches the
  // next `lines` cache lines from `ahead` on.
  auto tile = [&](Value pa, Value pb, Value pc, int64_t bRowStep, int64_t depth, int64_t rows, int64_t vectors, int64_t tail, Value ahead,
                  int64_t lines) {
    Value mask = tail == lanes ? Value() : laneMask(unsigned(tail));
    auto maskOf = [&](int64_t v) { return v + 1 == vectors ? mask : Value(); };
    SmallVector<Value> inits;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        inits.push_back(fromZero ? splatFloat(type, 0) : emit().s(SOp::sld, {pc, Value()}, vector(r * cRow + v * 64, maskOf(v))));
    inits.push_back(pa);
    inits.push_back(pb);
    if (lines)
      inits.push_back(ahead);
    const int64_t unroll = unrollOf(depth);
    const size_t numAccumulators = size_t(rows * vectors);
    siw::ForOp loop = emit().forLoop(emit().constant(0), 0, depth, unroll, inits, [&](Value, ValueRange carried) {
      SmallVector<Value> sums(carried.begin(), carried.begin() + numAccumulators);
      Value pointerA = carried[numAccumulators], pointerB = carried[numAccumulators + 1];
      for (int64_t line = 0; line < lines; ++line)
        emit().s(SOp::sprefch2, {carried[numAccumulators + 2], Value()}, siw::Emitter::immediate(64 * line));
      for (int64_t u = 0; u < unroll; ++u) {
        auto column = [&](int64_t v) { // panels are padded: no mask needed
          return emit().s(SOp::sld, {pointerB, Value()}, vector(offsetB + u * bRowStep + v * 64, panels || packs ? Value() : maskOf(v)));
        };
        auto scalar = [&](int64_t r) {
          siw::Fields broadcast = fieldsFor(type);
          broadcast.imm = offsetA + r * aRow + u * a.steps[p.k];
          return emit().s(SOp::sbcast, {pointerA, Value()}, broadcast);
        };
        auto accumulate = [&](int64_t r, int64_t v, Value left, Value right) {
          Value &sum = sums[size_t(r * vectors + v)];
          sum = dop(DOp::dfma, type, {sum, left, right});
        };
        // The shorter side waits in registers, the longer one passes through.
        SmallVector<Value> waiting;
        if (rows < vectors) {
          for (int64_t r = 0; r < rows; ++r)
            waiting.push_back(scalar(r));
          for (int64_t v = 0; v < vectors; ++v) {
            Value passing = column(v);
            for (int64_t r = 0; r < rows; ++r)
              accumulate(r, v, waiting[size_t(r)], passing);
          }
        } else {
          for (int64_t v = 0; v < vectors; ++v)
            waiting.push_back(column(v));
          for (int64_t r = 0; r < rows; ++r) {
            Value passing = scalar(r);
            for (int64_t v = 0; v < vectors; ++v)
              accumulate(r, v, passing, waiting[size_t(v)]);
          }
        }
      }
      sums.push_back(emit().c(COp::caddi, {pointerA}, siw::Emitter::immediate(unroll * a.steps[p.k])));
      sums.push_back(emit().c(COp::caddi, {pointerB}, siw::Emitter::immediate(unroll * bRowStep)));
      if (lines)
        sums.push_back(emit().c(COp::caddi, {carried[numAccumulators + 2]}, siw::Emitter::immediate(64 * lines)));
      return sums;
    });
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        emit().s(SOp::sst, {loop.getResult(unsigned(r * vectors + v)), pc, Value()}, vector(r * cRow + v * 64, maskOf(v)));
  };

  // Few rows take wide tiles, unless panels give the width.
  const int64_t columnsPerTile = lanes * (panels || packs || M >= fullRows ? 3 : std::min<int64_t>(16, accumulators / M));
  // Few columns take high ones, but leave some for each sentron; tiles of rows are as equal as they can be.
  const int64_t mostRows = std::max<int64_t>(1, accumulators / llvm::divideCeil(std::min(N, columnsPerTile), lanes));
  const int64_t leastTiles = divides ? std::min(tilesToShare, int64_t(llvm::divideCeil(M, fullRows))) : 1;
  const int64_t rowsPerTile = llvm::divideCeil(M, std::max(leastTiles, int64_t(llvm::divideCeil(M, mostRows))));
  // Which loop is divided over sentrons: around the product, over strips of columns, or over tiles of rows.
  const int64_t strips = N / columnsPerTile, restColumns = N % columnsPerTile, rowTiles = M / rowsPerTile, restRows = M % rowsPerTile;
  int divided = -1;
  const int overStrips = int(p.outer.size()), overRows = overStrips + 1;
  if (divides) {
    SmallVector<int64_t> parts;
    for (unsigned d : p.outer)
      parts.push_back(reduction[d] || c.steps[d] == 0 ? 0 : extents[d]);
    parts.append({strips + (restColumns ? 1 : 0), rowTiles + (restRows ? 1 : 0)});
    divided = pickLoop(parts);
  }
  const Share share = divided < 0              ? Share()
                      : divided == overStrips ? takeShare(strips, restColumns)
                      : divided == overRows   ? takeShare(rowTiles, restRows)
                                              : takeShare(extents[p.outer[unsigned(divided)]]);
  auto shareOf = [&](int loop) { return loop == divided ? share : Share(); };
  auto advance = [&](Value pointer, int64_t bytes) { return bytes ? emit().c(COp::caddi, {pointer}, siw::Emitter::immediate(bytes)) : pointer; };

  // All rows for one strip of columns.
  auto strip = [&](Value pa, Value pb, Value pc, int64_t bRowStep, int64_t depth, int64_t columns) {
    const int64_t vectors = (columns + lanes - 1) / lanes, tail = columns - (vectors - 1) * lanes;
    // The tiles of a panel share the work of fetching the next one: each takes lines that follow each other, which the host's own prefetcher of the
    // second level finds and runs ahead of. By itself a core waits for fewer lines than the third level's latency asks for. The last tile fetches the
    // end of the panel, so that what the first ones need has not left the second level by then; they may have lines of this panel to fetch.
    const int64_t tiles = divided == overRows ? 1 : rowTiles + (restRows ? 1 : 0), steps = depth / unrollOf(depth);
    const int64_t panelLines = panels && (strips > 1 || depth < K) ? depth * bRowStep / 64 : 0;
    const int64_t lines = llvm::divideCeil(llvm::divideCeil(panelLines, tiles), steps), share = lines * steps;
    auto ahead = [&](int64_t tile) { return lines ? advance(pb, depth * bRowStep + (panelLines - (tiles - tile) * share) * 64) : Value(); };
    if (rowTiles > 1 || (rowTiles == 1 && divided == overRows)) {
      SmallVector<Value> starts = {pa, pc};
      SmallVector<int64_t> strides = {rowsPerTile * aRow, rowsPerTile * cRow};
      if (lines)
        starts.push_back(ahead(0)), strides.push_back(tiles > 1 ? share * 64 : 0);
      SmallVector<Value> ends = parallelLoop(shareOf(overRows), rowTiles, starts, strides, [&](Value, ValueRange at) {
        tile(at[0], pb, at[1], bRowStep, depth, rowsPerTile, vectors, tail, lines ? at[2] : Value(), lines);
      });
      pa = ends[0];
      pc = ends[1];
    } else if (rowTiles == 1) {
      tile(pa, pb, pc, bRowStep, depth, rowsPerTile, vectors, tail, ahead(0), lines);
      if (restRows) {
        pa = advance(pa, rowsPerTile * aRow);
        pc = advance(pc, rowsPerTile * cRow);
      }
    }
    if (restRows)
      onLastSentron(shareOf(overRows), [&] { tile(pa, pb, pc, bRowStep, depth, restRows, vectors, tail, ahead(tiles - 1), lines); });
  };

  // The same, a block of k after the other: of a panel that is far the first tile of rows waits for the first block only, and what is fetched ahead is
  // used soon.
  const int64_t blocks = panels && rowTiles > 1 && divided != overRows ? blocksOfPanel(K, width) : 1;
  auto stripByBlocks = [&](Value pa, Value pb, Value pc, int64_t bRowStep, int64_t columns) {
    const int64_t depth = K / blocks, byItself = fromZero ? 1 : 0;
    if (byItself) {
      strip(pa, pb, pc, bRowStep, depth, columns);
      pa = advance(pa, depth * a.steps[p.k]);
      pb = advance(pb, depth * bRowStep);
    }
    const bool zero = std::exchange(fromZero, false);
    emit().forLoop(emit().constant(0), 0, blocks - byItself, 1, {pa, pb}, [&](Value, ValueRange carried) {
      strip(carried[0], carried[1], pc, bRowStep, depth, columns);
      return SmallVector<Value>{advance(carried[0], depth * a.steps[p.k]), advance(carried[1], depth * bRowStep)};
    });
    fromZero = zero;
  };

  // A panel of `depth` rows and up to `columnsPerTile` columns of B, copied to `scratch`.
  auto pack = [&](Value pb, Value scratch, int64_t depth, int64_t columns) {
    emit().forLoop(emit().constant(0), 0, depth, 1, {pb, scratch}, [&](Value, ValueRange carried) {
      for (int64_t done = 0; done < columns; done += lanes) {
        const int64_t active = std::min(lanes, columns - done);
        Value mask = active == lanes ? Value() : laneMask(unsigned(active));
        const int64_t at = offsetB + done * b.steps[p.n];
        Value column = p.transposes ? loadStrided(element, carried[0], at, b.steps[p.n], mask) : emit().s(SOp::sld, {carried[0], Value()}, vector(at, mask));
        emit().s(SOp::sst, {column, carried[1], Value()}, vector(done * width, Value()));
      }
      return SmallVector<Value>{emit().c(COp::caddi, {carried[0]}, siw::Emitter::immediate(b.steps[p.k])),
                                emit().c(COp::caddi, {carried[1]}, siw::Emitter::immediate(columnsPerTile * width))};
    });
  };

  // All columns for `depth` steps of k.
  auto block = [&](Value pa, Value pb, Value pc, Value scratch, int64_t depth) {
    const int64_t rowStep = panels ? panelColumns * width : packs ? columnsPerTile * width : b.steps[p.k];
    // From one strip of columns to the next.
    const int64_t stripStep = panels ? K * panelColumns * width : columnsPerTile * b.steps[p.n];
    auto columnsAt = [&](Value pb, Value pc, int64_t columns) {
      if (blocks > 1)
        return stripByBlocks(pa, pb, pc, rowStep, columns);
      if (!packs)
        return strip(pa, pb, pc, rowStep, depth, columns);
      pack(pb, scratch, depth, columns);
      const int64_t window = std::exchange(offsetB, 0); // the panel begins at its pointer
      strip(pa, scratch, pc, rowStep, depth, columns);
      offsetB = window;
    };
    if (strips > 0) {
      SmallVector<Value> ends = parallelLoop(shareOf(overStrips), strips, {pb, pc}, {stripStep, columnsPerTile * width},
                                             [&](Value, ValueRange at) { columnsAt(at[0], at[1], columnsPerTile); });
      pb = ends[0];
      pc = ends[1];
    }
    if (restColumns)
      onLastSentron(shareOf(overStrips), [&] { columnsAt(pb, pc, restColumns); });
  };

  auto product = [&](Value pa, Value pb, Value pc) {
    const int64_t depth = p.depth;
    const int64_t full = K / depth, rest = K % depth;
    Value scratch;
    if (packs) {
      const int64_t offset = reserveStack(uint64_t(depth * columnsPerTile * width));
      scratch = advance(emit().c(COp::cptr, {}, siw::Emitter::immediate(stackBinding)), offset);
    }
    int64_t left = full;
    while (left == 1 || (left > 1 && fromZero)) { // no loop around the block that alone starts at zero
      block(pa, pb, pc, scratch, depth);
      fromZero = false;
      if (--left || rest) {
        pa = advance(pa, depth * a.steps[p.k]);
        pb = advance(pb, depth * b.steps[p.k]);
      }
    }
    if (left) {
      siw::ForOp loop = emit().forLoop(emit().constant(0), 0, left, 1, {pa, pb}, [&](Value, ValueRange carried) {
        block(carried[0], carried[1], pc, scratch, depth);
        return SmallVector<Value>{emit().c(COp::caddi, {carried[0]}, siw::Emitter::immediate(depth * a.steps[p.k])),
                                  emit().c(COp::caddi, {carried[1]}, siw::Emitter::immediate(depth * b.steps[p.k]))};
      });
      pa = loop.getResult(0);
      pb = loop.getResult(1);
    }
    if (rest)
      block(pa, pb, pc, scratch, rest);
  };

  auto start = [&](const LinearOperand &operand, bool usesOffset) { return advance(pointerOf(operand.place), usesOffset ? operand.place.offset : 0); };
  std::function<void(unsigned, Value, Value, Value)> outer = [&](unsigned depth, Value pa, Value pb, Value pc) {
    if (depth == p.outer.size())
      return product(pa, pb, pc);
    unsigned d = p.outer[depth];
    SmallVector<Value> all = {pa, pb, pc}, inits;
    SmallVector<int64_t> steps = {a.steps[d], b.steps[d], c.steps[d]};
    if (reduction[d] && isWindow(extents[d])) {
      for (int64_t i = 0; i < extents[d]; ++i) {
        offsetA += i * steps[0];
        offsetB += i * steps[1];
        outer(depth + 1, pa, pb, pc);
        offsetA -= i * steps[0];
        offsetB -= i * steps[1];
      }
      return;
    }
    SmallVector<int64_t> strides;
    for (unsigned i = 0; i < 3; ++i)
      if (steps[i]) {
        inits.push_back(all[i]);
        strides.push_back(steps[i]);
      }
    parallelLoop(shareOf(int(depth)), extents[d], inits, strides, [&](Value, ValueRange pointers) {
      SmallVector<Value> here = all;
      for (unsigned i = 0, at = 0; i < 3; ++i)
        if (steps[i])
          here[i] = pointers[at++];
      outer(depth + 1, here[0], here[1], here[2]);
    });
  };
  auto emitAll = [&] { outer(0, start(a, true), start(b, !panels), start(c, true)); };
  if (divides && divided < 0)
    onFirstSentron(emitAll);
  else
    emitAll();
  shape = outerShape;
  loc = saved;
  return success();
}

} // namespace vtpu
