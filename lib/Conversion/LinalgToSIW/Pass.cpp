//===- Pass.cpp - convert-linalg-to-siw -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lowers every kernel, then the entries: straight lists of calls with call tables.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Conversion/LinalgToSIW/LinalgToSIW.h"

#include "KernelLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Pass/Pass.h"

namespace vtpu {
#define GEN_PASS_DEF_CONVERTLINALGTOSIW
#include "vtpu/Conversion/LinalgToSIW/Passes.h.inc"
} // namespace vtpu

using namespace mlir;
using namespace vtpu;

namespace {
/// The element type that callers see; MLIR's integers have no sign of their own.
StringRef dtypeOf(Type type, bool isUnsigned) {
  if (type.isIndex())
    return "i64";
  if (type.isF32())
    return "f32";
  if (type.isF64())
    return "f64";
  if (type.isF16())
    return "f16";
  if (type.isBF16())
    return "bf16";
  auto integer = cast<IntegerType>(type);
  switch (integer.getWidth()) {
  case 1:
    return "i1";
  case 8:
    return isUnsigned ? "u8" : "i8";
  case 16:
    return "i16";
  case 32:
    return "i32";
  default:
    return "i64";
  }
}

/// One entry: bindings from its arguments, calls from its body.
class EntryLowering {
public:
  EntryLowering(func::FuncOp entry, ProgramTables &tables, ModuleOp module, SymbolTable &symbols)
      : entry(entry), tables(tables), module(module), symbols(symbols), builder(entry) {}

  LogicalResult run() {
    auto func = siw::FuncOp::create(builder, entry.getLoc(), builder.getStringAttr(entry.getName()), /*entry=*/true, builder.getArrayAttr({}));
    builder.setInsertionPointToStart(&func.getBody().emplaceBlock());
    for (BlockArgument arg : entry.getArguments())
      if (llvm::failed(addArgument(arg)))
        return failure();
    for (auto word : module.getOps<siw::FuncOp>())
      words[word.getSymName()] = word;
    for (auto call : entry.getOps<func::CallOp>())
      dividesWork |= tables.divided.contains(symbols.lookup(call.getCallee()));
    LogicalResult result = success();
    for (Operation &op : entry.front().without_terminator())
      if (llvm::failed(lower(op)))
        result = failure();
    siw::Emitter(builder, entry.getLoc()).c(isa::COp::cret, {});
    func.setBindingsAttr(builder.getArrayAttr(bindings));
    return result;
  }

private:
  func::FuncOp entry;
  ProgramTables &tables;
  ModuleOp module;
  SymbolTable &symbols;
  OpBuilder builder;
  SmallVector<Attribute> bindings;
  struct Place {
    unsigned binding;
    int64_t offset; // bytes of the memref's base pointer inside the binding
  };
  llvm::DenseMap<Value, Place> places;
  /// What calls since the last barrier touch.
  struct Access {
    unsigned binding;
    int64_t first, last; // bytes [first, last)
    bool writes, divided;
  };
  SmallVector<Access> accesses;
  llvm::StringMap<siw::FuncOp> words; // the kernels
  bool dividesWork = false;
  Block *firstSentron = nullptr; // where calls of undivided kernels go
  llvm::DenseMap<unsigned, BlockArgument> argumentOf; // parameter bindings
  SmallVector<std::pair<std::pair<BlockArgument, PanelWish>, unsigned>> packed;

  unsigned add(StringRef kind, StringRef name, int64_t size, bool writable, SmallVector<NamedAttribute> more) {
    more.push_back(builder.getNamedAttr("kind", builder.getStringAttr(kind)));
    more.push_back(builder.getNamedAttr("name", builder.getStringAttr(name)));
    more.push_back(builder.getNamedAttr("size", builder.getI64IntegerAttr(size)));
    more.push_back(builder.getNamedAttr("align", builder.getI64IntegerAttr(kind == "arena" || kind == "constant" ? 64 : 1)));
    if (writable)
      more.push_back(builder.getNamedAttr("writable", builder.getUnitAttr()));
    bindings.push_back(builder.getDictionaryAttr(more));
    return unsigned(bindings.size()) - 1;
  }

  LogicalResult addArgument(BlockArgument arg) {
    auto type = dyn_cast<MemRefType>(arg.getType());
    const unsigned n = arg.getArgNumber();
    std::optional<ElementInfo> info = type ? getElementInfo(type.getElementType()) : std::nullopt;
    if (!info || !type.hasStaticShape() || !type.getLayout().isIdentity())
      return entry.emitError() << "argument " << n << " of entry '" << entry.getName() << "' has type " << arg.getType()
                               << "; an entry takes contiguous tensors of static shape";
    const int64_t size = type.getNumElements() * info->bytes;
    auto nameAttr = entry.getArgAttrOfType<StringAttr>(n, "vtpu.name");
    auto key = entry.getArgAttrOfType<StringAttr>(n, "vtpu.parameter");
    const bool result = entry.getArgAttr(n, "vtpu.result") != nullptr;
    const bool isUnsigned = entry.getArgAttr(n, "vtpu.unsigned") != nullptr;
    SmallVector<NamedAttribute> more = {builder.getNamedAttr("dtype", builder.getStringAttr(dtypeOf(type.getElementType(), isUnsigned))),
                                        builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(type.getShape()))};
    unsigned binding;
    if (entry.getArgAttr(n, "vtpu.arena")) {
      binding = add("arena", "arena", size, true, {});
    } else if (key) {
      more.push_back(builder.getNamedAttr("key", key));
      if (Attribute hash = entry.getArgAttr(n, "vtpu.hash"))
        more.push_back(builder.getNamedAttr("hash", hash));
      binding = add("parameter", key.getValue(), size, false, more);
      argumentOf[binding] = arg;
    } else {
      std::string fallback = ((result ? "out" : "arg") + Twine(n)).str();
      binding = add(result ? "output" : "input", nameAttr ? nameAttr.getValue() : StringRef(fallback), size, result, more);
    }
    places[arg] = {binding, 0};
    return success();
  }

  std::optional<int64_t> constantOf(Value value) {
    auto constant = value.getDefiningOp<arith::ConstantOp>();
    auto attr = constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr();
    return attr ? std::optional<int64_t>(attr.getInt()) : std::nullopt;
  }

  LogicalResult lower(Operation &op) {
    if (mlir::isa<arith::ConstantOp, memref::DeallocOp>(op))
      return success();
    if (auto global = dyn_cast<memref::GetGlobalOp>(op)) {
      auto target = symbols.lookup<memref::GlobalOp>(global.getName());
      auto type = cast<MemRefType>(global.getType());
      std::optional<ElementInfo> info = getElementInfo(type.getElementType());
      if (!info)
        return op.emitError() << "a constant of type " << type << " cannot become bytes";
      uint64_t offset = tables.placeGlobal(target);
      unsigned binding = add("constant", global.getName(), type.getNumElements() * info->bytes, false,
                             {builder.getNamedAttr("offset", builder.getI64IntegerAttr(int64_t(offset)))});
      places[global.getResult()] = {binding, 0};
      return success();
    }
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      auto it = places.find(view.getSource());
      std::optional<int64_t> shift = constantOf(view.getByteShift());
      if (it == places.end() || !shift)
        return op.emitError() << "a view of an entry needs a constant shift";
      Place place = it->second;
      place.offset += *shift;
      places[view.getResult()] = place;
      return success();
    }
    if (auto view = dyn_cast<ViewLikeOpInterface>(op)) {
      auto it = places.find(view.getViewSource());
      if (it == places.end())
        return op.emitError() << "'" << op.getName() << "' views memory that has no place in the entry";
      Place place = it->second; // the offset of the first element stands in the type
      places[op.getResult(0)] = place;
      return success();
    }
    if (auto call = dyn_cast<func::CallOp>(op))
      return lowerCall(call);
    return op.emitError() << "'" << op.getName() << "' stands in an entry outside every kernel";
  }

  LogicalResult lowerCall(func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    SmallVector<int64_t> arguments;
    for (auto [i, operand] : llvm::enumerate(call.getOperands())) {
      auto it = places.find(operand);
      SmallVector<int64_t> strides;
      int64_t offset = 0;
      auto type = dyn_cast<MemRefType>(operand.getType());
      if (it == places.end() || !type || llvm::failed(getByteStrides(type, strides, offset)))
        return call.emitError() << "argument " << i << " of a kernel call has no static place";
      unsigned binding = it->second.binding;
      int64_t at = it->second.offset + offset;
      if (auto wish = tables.panels.find(callee.getArgument(unsigned(i))); wish != tables.panels.end()) {
        binding = packedBinding(argumentOf.lookup(binding), binding, wish->second);
        at = 0;
      }
      arguments.push_back(binding);
      arguments.push_back(at);
    }
    placeCall(call.getLoc(), callee, arguments);
    return success();
  }

  StringRef kindOf(unsigned binding) { return cast<DictionaryAttr>(bindings[binding]).getAs<StringAttr>("kind").getValue(); }

  /// Which one must come first: they touch the same bytes, one writes, and not both run on sentron 0 alone. A caller may pass one buffer as
  /// input and output.
  bool mustWait(const Access &before, const Access &now) {
    if ((!before.writes && !now.writes) || (!before.divided && !now.divided))
      return false;
    if (before.binding == now.binding)
      return before.first < now.last && now.first < before.last;
    StringRef one = kindOf(before.binding), other = kindOf(now.binding);
    return (one == "input" && other == "output") || (one == "output" && other == "input");
  }

  /// In an entry with divided kernels all sentrons run the calls of these, sentron 0 alone the others; a barrier stands where one reads what
  /// another may have written, or writes what another may read.
  void placeCall(Location loc, func::FuncOp callee, ArrayRef<int64_t> arguments) {
    OpBuilder::InsertionGuard guard(builder);
    if (dividesWork) {
      const bool divided = tables.divided.contains(callee);
      SmallVector<Access> now;
      for (auto [i, attr] : llvm::enumerate(words.lookup(callee.getName()).getBindings())) {
        auto binding = cast<DictionaryAttr>(attr);
        if (binding.getAs<StringAttr>("kind").getValue() != "import")
          break;
        const int64_t first = arguments[2 * i + 1];
        now.push_back({unsigned(arguments[2 * i]), first, first + binding.getAs<IntegerAttr>("size").getInt(), binding.contains("writable"), divided});
      }
      if (llvm::any_of(accesses, [&](const Access &before) { return llvm::any_of(now, [&](const Access &one) { return mustWait(before, one); }); })) {
        siw::Emitter(builder, loc).c(isa::COp::cbar, {});
        accesses.clear();
        firstSentron = nullptr;
      }
      accesses.append(now);
      if (divided) {
        firstSentron = nullptr;
      } else {
        if (!firstSentron) {
          siw::Emitter emitter(builder, loc);
          firstSentron = emitter.unless(emitter.c(isa::COp::csid, {}));
        }
        builder.setInsertionPoint(firstSentron->getTerminator());
      }
    }
    siw::CallOp::create(builder, loc, callee.getName(), arguments);
  }

  unsigned packedBinding(BlockArgument arg, unsigned plain, const PanelWish &wish) {
    for (auto &[known, binding] : packed)
      if (known.first == arg && known.second == wish)
        return binding;
    SmallVector<NamedAttribute> more;
    for (NamedAttribute field : cast<DictionaryAttr>(bindings[plain]))
      if (field.getName() == "dtype" || field.getName() == "shape" || field.getName() == "key" || field.getName() == "hash")
        more.push_back(field);
    more.push_back(builder.getNamedAttr(
        "panels", builder.getDenseI64ArrayAttr({1, wish.rows, wish.cols, 0, wish.rowStride, wish.colStride, 0, wish.tile})));
    const int64_t size = (wish.cols + wish.tile - 1) / wish.tile * wish.tile * wish.rows * 4;
    StringRef name = cast<DictionaryAttr>(bindings[plain]).getAs<StringAttr>("name").getValue();
    unsigned binding = add("parameter", name, size, false, more);
    packed.push_back({{arg, wish}, binding});
    return binding;
  }
};

struct ConvertLinalgToSIW : vtpu::impl::ConvertLinalgToSIWBase<ConvertLinalgToSIW> {
  using ConvertLinalgToSIWBase::ConvertLinalgToSIWBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    ProgramTables tables;
    findPanels(module, tables);
    tables.leastWork = double(divideFrom);
    findDividedKernels(module, tables);
    SymbolTable symbols(module);
    bool failed = false;
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (!function->hasAttr("vtpu.entry"))
        failed |= llvm::failed(KernelLowering(function, tables, module).run());
    for (func::FuncOp function : functions)
      if (function->hasAttr("vtpu.entry"))
        failed |= llvm::failed(EntryLowering(function, tables, module, symbols).run());
    if (failed)
      return signalPassFailure();
    for (func::FuncOp function : functions)
      function.erase();
    for (auto global : llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
      global.erase();
    OpBuilder builder(module.getContext());
    auto bytes = ArrayRef<int8_t>(reinterpret_cast<const int8_t *>(tables.rodata.data()), tables.rodata.size());
    module->setAttr("siw.rodata", builder.getDenseI8ArrayAttr(bytes));
    SmallVector<StringRef> messages(tables.messages.begin(), tables.messages.end());
    module->setAttr("siw.messages", builder.getStrArrayAttr(messages));
    if (Attribute file = module->getAttr("vtpu.parameter_file"))
      module->setAttr("siw.parameter_file", file);
  }
};
} // namespace
