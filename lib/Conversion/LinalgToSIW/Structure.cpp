//===- Structure.cpp - Kernels, views, scalar control -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What stands around linalg ops in a kernel: memref views, scalar loads and stores, loops, conditions, assertions.
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using vtpu::isa::COp;
using vtpu::isa::DOp;
using LaneType = vtpu::isa::Type;

namespace vtpu {

uint64_t ProgramTables::placeGlobal(memref::GlobalOp global) {
  auto [it, isNew] = globals.insert({global.getName(), 0});
  if (!isNew)
    return it->second;
  uint64_t offset = (rodata.size() + 63) / 64 * 64;
  rodata.resize(offset);
  it->second = offset;
  auto type = cast<MemRefType>(global.getType());
  std::optional<ElementInfo> info = getElementInfo(type.getElementType());
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(global.getInitialValueAttr())) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      rodata.append(blob->getData().begin(), blob->getData().end());
    return offset;
  }
  auto elements = dyn_cast_or_null<ElementsAttr>(global.getInitialValueAttr());
  if (!info || !elements)
    return offset;
  rodata.resize(offset + uint64_t(type.getNumElements()) * info->bytes);
  uint8_t *out = rodata.data() + offset;
  auto put = [&](uint64_t bits) {
    std::memcpy(out, &bits, info->bytes);
    out += info->bytes;
  };
  if (mlir::isa<FloatType>(type.getElementType()))
    for (const llvm::APFloat &value : elements.getValues<llvm::APFloat>())
      put(value.bitcastToAPInt().getZExtValue());
  else
    for (const llvm::APInt &value : elements.getValues<llvm::APInt>())
      put(value.getZExtValue());
  return offset;
}

int64_t ProgramTables::message(StringRef text) {
  for (auto [i, known] : llvm::enumerate(messages))
    if (known == text)
      return int64_t(i);
  messages.push_back(text.str());
  return int64_t(messages.size()) - 1;
}

KernelLowering::KernelLowering(func::FuncOp kernel, ProgramTables &tables, ModuleOp module)
    : kernel(kernel), tables(tables), module(module), builder(kernel), loc(kernel.getLoc()) {}

LogicalResult KernelLowering::unsupported(Operation *op, StringRef why) {
  failed = true;
  InFlightDiagnostic diagnostic = op->emitError() << "'" << op->getName() << "' cannot become words";
  if (!why.empty())
    diagnostic << ": " << why;
  return failure();
}

unsigned KernelLowering::addBinding(StringRef kind, StringRef name, uint64_t size, bool writable, uint64_t offset) {
  for (auto [i, attr] : llvm::enumerate(bindings)) {
    auto known = cast<DictionaryAttr>(attr);
    if (kind == "constant" && known.getAs<StringAttr>("kind").getValue() == kind &&
        uint64_t(known.getAs<IntegerAttr>("offset").getInt()) == offset && uint64_t(known.getAs<IntegerAttr>("size").getInt()) == size)
      return unsigned(i);
  }
  SmallVector<NamedAttribute> fields = {builder.getNamedAttr("kind", builder.getStringAttr(kind)),
                                        builder.getNamedAttr("name", builder.getStringAttr(name)),
                                        builder.getNamedAttr("size", builder.getI64IntegerAttr(int64_t(size))),
                                        builder.getNamedAttr("align", builder.getI64IntegerAttr(kind == "import" ? 1 : 64))};
  if (writable)
    fields.push_back(builder.getNamedAttr("writable", builder.getUnitAttr()));
  if (kind == "constant")
    fields.push_back(builder.getNamedAttr("offset", builder.getI64IntegerAttr(int64_t(offset))));
  bindings.push_back(builder.getDictionaryAttr(fields));
  return unsigned(bindings.size()) - 1;
}

/// Bytes from the first to behind the last element.
static uint64_t spannedBytes(MemRefType type, ArrayRef<int64_t> byteStrides, unsigned elementBytes) {
  int64_t last = 0;
  for (auto [extent, stride] : llvm::zip(type.getShape(), byteStrides)) {
    if (extent == 0)
      return 0;
    last += (extent - 1) * stride;
  }
  return uint64_t(last) + elementBytes;
}

/// True if anything writes through the argument or a view of it.
static bool isWritten(Value value) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(user)) {
      if (linalgOp.isDpsInit(&use))
        return true;
    } else if (auto store = dyn_cast<memref::StoreOp>(user)) {
      if (store.getMemRef() == value)
        return true;
    } else if (auto copy = dyn_cast<memref::CopyOp>(user)) {
      if (copy.getTarget() == value)
        return true;
    } else if (mlir::isa<ViewLikeOpInterface>(user)) {
      if (isWritten(user->getResult(0)))
        return true;
    }
  }
  return false;
}

LogicalResult KernelLowering::run() {
  for (BlockArgument arg : kernel.getArguments()) {
    auto type = dyn_cast<MemRefType>(arg.getType());
    SmallVector<int64_t> strides;
    int64_t offset;
    if (!type || llvm::failed(getByteStrides(type, strides, offset)))
      return unsupported(kernel, "an argument is no memref of static shape with a supported element type");
    MemRefPlace place;
    place.shape.assign(type.getShape().begin(), type.getShape().end());
    place.strides = strides;
    place.element = type.getElementType();
    uint64_t size = spannedBytes(type, strides, getElementInfo(type.getElementType())->bytes);
    if (auto it = tables.panels.find(arg); it != tables.panels.end()) {
      const PanelWish &wish = it->second;
      size = uint64_t((wish.cols + wish.tile - 1) / wish.tile * wish.tile * wish.rows) * 4;
    }
    place.binding = addBinding("import", ("arg" + Twine(arg.getArgNumber())).str(), size, isWritten(arg));
    places[arg] = place;
  }
  // The stack binding is last but its number must be known: it is appended when first needed.
  auto func = siw::FuncOp::create(builder, kernel.getLoc(), builder.getStringAttr(kernel.getName()), /*entry=*/false, builder.getArrayAttr({}));
  body = &func.getBody().emplaceBlock();
  builder.setInsertionPointToStart(body);
  foldZeroFills();
  LogicalResult result = tables.divided.contains(kernel) ? lowerDivided(kernel.front()) : lowerBlock(kernel.front());
  loc = kernel.getLoc();
  emitter().c(COp::cret, {});
  if (stackBytes) {
    auto fields = SmallVector<NamedAttribute>(cast<DictionaryAttr>(bindings[stackBinding]).getValue());
    for (NamedAttribute &field : fields)
      if (field.getName() == "size")
        field.setValue(builder.getI64IntegerAttr(int64_t(stackBytes)));
    bindings[stackBinding] = builder.getDictionaryAttr(fields);
  }
  func.setBindingsAttr(builder.getArrayAttr(bindings));
  return success(succeeded(result) && !failed);
}

FailureOr<MemRefPlace> KernelLowering::placeOf(Value memref) {
  auto it = places.find(memref);
  if (it != places.end())
    return it->second;
  if (Operation *def = memref.getDefiningOp())
    return unsupported(def, "its memory has no place here"), failure();
  return failure();
}

Value KernelLowering::pointerOf(const MemRefPlace &place) {
  return place.pointer ? place.pointer : emitter().c(COp::cptr, {}, siw::Emitter::immediate(place.binding));
}

std::optional<int64_t> KernelLowering::constantIndex(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto attr = dyn_cast<IntegerAttr>(constant.getValue()))
      return attr.getInt();
  return std::nullopt;
}

Value KernelLowering::scalarIndex(Value value) {
  if (std::optional<int64_t> constant = constantIndex(value))
    return emitter().constant(*constant);
  if (auto it = counters.find(value); it != counters.end())
    return it->second;
  auto it = values.find(value);
  if (it == values.end() || it->second.lanes != 1)
    return Value();
  if (value.getType().isInteger(1))
    return emitter().c(COp::candi, {emitter().c(COp::kget, {it->second.regs[0]})}, siw::Emitter::immediate(1));
  siw::Fields fields;
  fields.type = getElementInfo(value.getType())->reg;
  return emitter().d(DOp::dget, {it->second.regs[0]}, fields);
}

Value KernelLowering::lowerScalar(Operation &op) {
  siw::Fields fields;
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    FailureOr<MemRefPlace> place = placeOf(load.getMemRef());
    if (llvm::failed(place))
      return Value();
    FailureOr<Address> address = addressOf(&op, *place, load.getIndices());
    if (llvm::failed(address))
      return Value();
    fields.memType = getElementInfo(load.getType())->mem;
    fields.imm = address->offset;
    fields.scale = address->scale;
    return emitter().s(isa::SOp::sldr, {address->pointer, address->index}, fields);
  }
  SmallVector<Value> in;
  for (Value operand : op.getOperands()) {
    in.push_back(scalarIndex(operand));
    if (!in.back())
      return unsupported(&op, "an operand has no value here"), Value();
  }
  if (mlir::isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return in[0];
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    fields.predicate = integerPredicate(compare.getPredicate());
    return emitter().c(COp::cset, in, fields);
  }
  if (mlir::isa<arith::SelectOp>(op))
    return emitter().c(COp::csel, {in[1], in[2], in[0]});
  if (std::optional<int64_t> right = constantIndex(op.getOperand(1)); right && *right == int32_t(*right) && !mlir::isa<arith::SubIOp>(op))
    return emitter().c(mlir::isa<arith::AddIOp>(op) ? COp::caddi : COp::cmuli, {in[0]}, siw::Emitter::immediate(*right));
  return emitter().c(mlir::isa<arith::AddIOp>(op) ? COp::cadd : mlir::isa<arith::SubIOp>(op) ? COp::csub : COp::cmul, in);
}

FailureOr<KernelLowering::Address> KernelLowering::addressOf(Operation *op, const MemRefPlace &place, ValueRange indices, bool indexed) {
  Address address{pointerOf(place), place.offset, Value(), 1};
  for (auto [index, stride] : llvm::zip(indices, place.strides)) {
    if (std::optional<int64_t> constant = constantIndex(index)) {
      address.offset += *constant * stride;
      continue;
    }
    Value scalar = scalarIndex(index);
    if (!scalar)
      return unsupported(op, "an index has no value here"), failure();
    if (indexed && !address.index && (stride == 1 || stride == 2 || stride == 4 || stride == 8)) {
      address.index = scalar;
      address.scale = unsigned(stride);
      continue;
    }
    Value bytes = stride > 0 && llvm::isPowerOf2_64(uint64_t(stride))
                      ? emitter().c(COp::cshli, {scalar}, siw::Emitter::immediate(llvm::Log2_64(uint64_t(stride))))
                      : emitter().c(COp::cmuli, {scalar}, siw::Emitter::immediate(stride));
    address.pointer = emitter().c(COp::cadd, {address.pointer, bytes});
  }
  return address;
}

LogicalResult KernelLowering::lowerBlock(Block &block) {
  LogicalResult result = success();
  for (Operation &op : block.without_terminator())
    if (llvm::failed(lowerOp(op)))
      result = failure(); // go on: every offending op is named
  return result;
}

LogicalResult KernelLowering::lowerOp(Operation &op) {
  Location saved = loc;
  loc = op.getLoc();
  llvm::scope_exit restore([&] { loc = saved; });
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return lowerLinalg(linalgOp);
  if (mlir::isa<arith::ConstantOp>(op))
    return success();
  if (op.getNumResults() == 1 && lane.scalars.contains(op.getResult(0)) && op.getNumRegions() == 0) {
    Value number = lowerScalar(op);
    counters[op.getResult(0)] = number;
    return success(bool(number));
  }
  if (mlir::isa<ViewLikeOpInterface, memref::GetGlobalOp, memref::AllocaOp, memref::AllocOp>(op) && !mlir::isa<memref::LoadOp>(op))
    return lowerView(&op);
  if (mlir::isa<memref::DeallocOp>(op))
    return success();
  if (mlir::isa<memref::LoadOp>(op))
    return lowerGather(cast<memref::LoadOp>(op));
  if (mlir::isa<memref::StoreOp>(op))
    return lowerLoadStore(&op);
  if (auto copy = dyn_cast<memref::CopyOp>(op)) {
    int64_t rank = cast<MemRefType>(copy.getTarget().getType()).getRank();
    OpBuilder b(&op);
    auto generic = linalg::GenericOp::create(b, op.getLoc(), ValueRange{copy.getSource()}, ValueRange{copy.getTarget()},
                                             SmallVector<AffineMap>(2, b.getMultiDimIdentityMap(rank)),
                                             SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel),
                                             [](OpBuilder &inner, Location at, ValueRange args) { linalg::YieldOp::create(inner, at, args[0]); });
    LogicalResult result = lowerLinalg(cast<linalg::LinalgOp>(generic.getOperation()));
    generic.erase();
    return result;
  }
  if (mlir::isa<scf::ForOp>(op))
    return lowerFor(&op);
  if (mlir::isa<scf::ParallelOp>(op))
    return lowerParallel(&op);
  if (mlir::isa<scf::IfOp>(op))
    return lowerIf(&op);
  if (mlir::isa<scf::WhileOp>(op))
    return lowerWhile(&op);
  if (mlir::isa<cf::AssertOp>(op))
    return lowerAssert(&op);
  if (mlir::isa_and_present<arith::ArithDialect, math::MathDialect>(op.getDialect()))
    return lowerLanes(op);
  return unsupported(&op);
}

LogicalResult KernelLowering::lowerAssert(Operation *op) {
  auto assertion = cast<cf::AssertOp>(op);
  if (lane.scalars.contains(assertion.getArg())) {
    emitter().c(COp::cassert, {scalarIndex(assertion.getArg())}, siw::Emitter::immediate(tables.message(assertion.getMsg())));
    return success();
  }
  LaneValue condition = laneValue(assertion.getArg());
  if (condition.regs.empty())
    return unsupported(op, "its condition has no value here");
  for (auto [chunk, reg] : llvm::enumerate(condition.regs)) {
    Value active = maskOfChunk(unsigned(chunk));
    if (!active)
      active = laneMask(shape.lanes);
    Value wrong = emitter().c(COp::kget, {emitter().c(COp::kandn, {reg, active})});
    siw::Fields eq;
    eq.predicate = isa::Predicate::eq;
    Value good = emitter().c(COp::cset, {wrong, emitter().constant(0)}, eq);
    emitter().c(COp::cassert, {good}, siw::Emitter::immediate(tables.message(assertion.getMsg())));
  }
  return success();
}

int64_t KernelLowering::reserveStack(uint64_t bytes) {
  if (!stackBytes)
    stackBinding = addBinding("stack", "stack", 0, true);
  const int64_t offset = int64_t(stackBytes);
  stackBytes += llvm::alignTo(bytes, 64) + 64;
  return offset;
}

LogicalResult KernelLowering::lowerView(Operation *op) {
  auto type = dyn_cast<MemRefType>(op->getResult(0).getType());
  SmallVector<int64_t> strides;
  int64_t typeOffset;
  if (!type || llvm::failed(getByteStrides(type, strides, typeOffset)))
    return unsupported(op, "its result has no static shape and strides");
  MemRefPlace place;
  const unsigned bytes = getElementInfo(type.getElementType())->bytes;
  if (auto global = dyn_cast<memref::GetGlobalOp>(op)) {
    auto target = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(module, global.getNameAttr());
    uint64_t offset = tables.placeGlobal(target);
    place.binding = addBinding("constant", global.getName(), uint64_t(type.getNumElements()) * bytes, false, offset);
  } else if (mlir::isa<memref::AllocaOp, memref::AllocOp>(op)) {
    place.offset = reserveStack(spannedBytes(type, strides, bytes));
    place.binding = stackBinding;
  } else {
    FailureOr<MemRefPlace> source = placeOf(cast<ViewLikeOpInterface>(op).getViewSource());
    if (llvm::failed(source))
      return failure();
    place = *source;
    if (auto subview = dyn_cast<memref::SubViewOp>(op)) {
      for (auto [offset, stride] : llvm::zip(subview.getMixedOffsets(), source->strides)) {
        if (auto attr = dyn_cast<Attribute>(offset)) {
          place.offset += cast<IntegerAttr>(attr).getInt() * stride;
          continue;
        }
        if (std::optional<int64_t> constant = constantIndex(cast<Value>(offset))) {
          place.offset += *constant * stride;
          continue;
        }
        Value index = scalarIndex(cast<Value>(offset));
        if (!index)
          return unsupported(op, "an offset has no value here");
        place.pointer = emitter().c(COp::cadd, {pointerOf(place), emitter().c(COp::cmuli, {index}, siw::Emitter::immediate(stride))});
      }
    } else if (auto view = dyn_cast<memref::ViewOp>(op)) {
      std::optional<int64_t> shift = constantIndex(view.getByteShift());
      if (!shift)
        return unsupported(op, "its byte shift is no constant");
      place.offset += *shift;
    } else if (auto reinterpret = dyn_cast<memref::ReinterpretCastOp>(op)) {
      auto sourceType = cast<MemRefType>(reinterpret.getSource().getType());
      SmallVector<int64_t> sourceStrides;
      int64_t sourceOffset;
      if (llvm::failed(getByteStrides(sourceType, sourceStrides, sourceOffset)))
        return unsupported(op, "its source has no static strides");
      place.offset += typeOffset - sourceOffset;
    } else if (!mlir::isa<memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp, memref::AssumeAlignmentOp, memref::MemorySpaceCastOp,
                          memref::TransposeOp>(op)) {
      return unsupported(op);
    }
  }
  place.shape.assign(type.getShape().begin(), type.getShape().end());
  place.strides = strides;
  place.element = type.getElementType();
  places[op->getResult(0)] = place;
  return success();
}

LogicalResult KernelLowering::lowerLoadStore(Operation *op) {
  auto store = cast<memref::StoreOp>(op);
  FailureOr<MemRefPlace> place = placeOf(store.getMemRef());
  if (llvm::failed(place))
    return failure();
  if (shape.lanes != 1)
    return unsupported(op, "it stores inside a vector body");
  LaneValue value = laneValue(store.getValue());
  if (value.regs.empty())
    return unsupported(op, "the stored value has no registers");
  FailureOr<Address> address = addressOf(op, *place, store.getIndices());
  if (llvm::failed(address))
    return failure();
  storeLanes(place->element, value.regs[0], address->pointer, address->index, address->scale, address->offset, laneMask(1));
  return success();
}

LogicalResult KernelLowering::lowerFor(Operation *op) {
  auto loop = cast<scf::ForOp>(op);
  std::optional<int64_t> lower = constantIndex(loop.getLowerBound()), upper = constantIndex(loop.getUpperBound()),
                         step = constantIndex(loop.getStep());
  if (!step || *step <= 0)
    return unsupported(op, "its step is no positive constant");
  SmallVector<Value> inits;
  SmallVector<size_t> counts; // registers per carried value
  for (Value init : loop.getInitArgs()) {
    LaneValue value = laneValue(init);
    if (value.regs.empty())
      return unsupported(op, "an initial value has no registers");
    inits.append(value.regs.begin(), value.regs.end());
    counts.push_back(value.regs.size());
  }
  auto unpack = [&](ValueRange targets, ValueRange regs) {
    for (auto [target, count] : llvm::zip(targets, counts)) {
      setValue(target, LaneValue{SmallVector<Value, 4>(regs.take_front(count))});
      regs = regs.drop_front(count);
    }
  };
  Value start = scalarIndex(loop.getLowerBound());
  Value end = upper ? Value() : scalarIndex(loop.getUpperBound());
  if (!start || (!upper && !end))
    return unsupported(op, "a bound has no value here");
  LogicalResult result = success();
  auto bodyOf = [&](Value counter, ValueRange carried) {
    if (loop.getInductionVar().getType().isIndex() || getElementInfo(loop.getInductionVar().getType()))
      counters[loop.getInductionVar()] = counter;
    unpack(loop.getRegionIterArgs(), carried);
    result = lowerBlock(*loop.getBody());
    SmallVector<Value> yielded;
    for (auto [value, count] : llvm::zip(loop.getBody()->getTerminator()->getOperands(), counts)) {
      LaneValue lanes = laneValue(value);
      if (lanes.regs.size() != count) {
        result = failure();
        return SmallVector<Value>(carried);
      }
      yielded.append(lanes.regs.begin(), lanes.regs.end());
    }
    return yielded;
  };
  siw::ForOp created = upper ? emitter().forLoop(start, lower ? *lower : INT64_MAX, *upper, *step, inits, bodyOf)
                             : emitter().forLoop(start, end, *step, inits, bodyOf);
  unpack(loop.getResults(), created.getResults());
  return result;
}

LogicalResult KernelLowering::lowerParallel(Operation *op) {
  auto loop = cast<scf::ParallelOp>(op);
  if (loop.getNumReductions() != 0)
    return unsupported(op, "it reduces");
  SmallVector<int64_t> lowers, steps, trips;
  for (auto [first, last, by] : llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    std::optional<int64_t> lower = constantIndex(first), upper = constantIndex(last), step = constantIndex(by);
    if (!lower || !upper || !step || *step <= 0)
      return unsupported(op, "a bound or step is no constant");
    lowers.push_back(*lower);
    steps.push_back(*step);
    trips.push_back(std::max<int64_t>(0, llvm::divideCeil(*upper - *lower, *step)));
  }
  if (llvm::is_contained(trips, 0))
    return success();
  const bool shared = std::exchange(divides, false); // what is inside is not divided again
  const int divided = shared ? pickLoop(trips) : -1;
  const Share share = divided >= 0 ? takeShare(trips[unsigned(divided)]) : Share();
  LogicalResult result = success();
  std::function<void(unsigned)> nest = [&](unsigned d) {
    if (d == loop.getNumLoops()) {
      result = lowerBlock(*loop.getBody());
      return;
    }
    auto inside = [&](Value counter) {
      counters[loop.getInductionVars()[d]] = counter;
      nest(d + 1);
    };
    if (int(d) == divided) {
      parallelLoop(share, trips[d], {}, {}, [&](Value part, ValueRange) { inside(movedBy(emitter().constant(lowers[d]), part, steps[d])); });
      return;
    }
    emitter().forLoop(emitter().constant(lowers[d]), lowers[d], lowers[d] + trips[d] * steps[d], steps[d], {}, [&](Value counter, ValueRange) {
      inside(counter);
      return SmallVector<Value>();
    });
  };
  if (shared && divided < 0)
    onFirstSentron([&] { nest(0); });
  else
    nest(0);
  return result;
}

LogicalResult KernelLowering::lowerIf(Operation *op) {
  auto branch = cast<scf::IfOp>(op);
  Value condition = scalarIndex(branch.getCondition());
  if (!condition)
    return unsupported(op, "its condition has no value here");
  OperationState state(loc, siw::IfOp::getOperationName());
  state.addOperands(condition);
  for (Type type : branch.getResultTypes()) {
    std::optional<ElementInfo> info = getElementInfo(type);
    if (!info)
      return unsupported(op, "a result type has no registers");
    state.addTypes(info->reg == LaneType::none ? Type(siw::KType::get(builder.getContext(), -1)) : Type(siw::VType::get(builder.getContext(), -1)));
  }
  LogicalResult result = success();
  for (Region *source : {&branch.getThenRegion(), &branch.getElseRegion()}) {
    Region *target = state.addRegion();
    target->push_back(new Block);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&target->front());
    SmallVector<Value> yielded;
    if (!source->empty()) {
      if (llvm::failed(lowerBlock(source->front())))
        result = failure();
      for (Value value : source->front().getTerminator()->getOperands()) {
        LaneValue lanes = laneValue(value);
        if (lanes.regs.empty())
          return unsupported(op, "a yielded value has no registers");
        yielded.push_back(lanes.regs[0]);
      }
    }
    siw::YieldOp::create(builder, loc, yielded);
  }
  Operation *created = builder.create(state);
  for (auto [res, reg] : llvm::zip(branch.getResults(), created->getResults()))
    setValue(res, LaneValue{{reg}});
  return result;
}

LogicalResult KernelLowering::lowerWhile(Operation *op) {
  auto loop = cast<scf::WhileOp>(op);
  OperationState state(loc, siw::WhileOp::getOperationName());
  SmallVector<Value> inits;
  for (Value init : loop.getInits()) {
    LaneValue value = laneValue(init);
    if (value.regs.empty())
      return unsupported(op, "an initial value has no registers");
    inits.push_back(value.regs[0]);
  }
  if (loop.getResultTypes() != loop.getInits().getTypes())
    return unsupported(op, "its condition passes on other types than it takes");
  state.addOperands(inits);
  state.addTypes(ValueRange(inits).getTypes());
  Block *before = new Block, *after = new Block;
  state.addRegion()->push_back(before);
  state.addRegion()->push_back(after);
  Operation *created = builder.create(state);
  LogicalResult result = success();
  for (auto [target, source] : {std::pair(before, &loop.getBefore().front()), std::pair(after, &loop.getAfter().front())}) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(target);
    for (auto [arg, init] : llvm::zip(source->getArguments(), inits))
      setValue(arg, LaneValue{{target->addArgument(init.getType(), loc)}});
    if (llvm::failed(lowerBlock(*source)))
      result = failure();
    Operation *terminator = source->getTerminator();
    SmallVector<Value> passed;
    auto condition = dyn_cast<scf::ConditionOp>(terminator);
    for (Value value : condition ? OperandRange(condition.getArgs()) : OperandRange(terminator->getOperands())) {
      LaneValue lanes = laneValue(value);
      if (lanes.regs.empty())
        return unsupported(op, "a passed value has no registers");
      passed.push_back(lanes.regs[0]);
    }
    if (condition) {
      Value test = scalarIndex(condition.getCondition());
      if (!test)
        return unsupported(op, "its condition has no value here");
      siw::ConditionOp::create(builder, loc, test, passed);
    } else {
      siw::YieldOp::create(builder, loc, passed);
    }
  }
  for (auto [res, reg] : llvm::zip(loop.getResults(), created->getResults()))
    setValue(res, LaneValue{{reg}});
  return result;
}

} // namespace vtpu
