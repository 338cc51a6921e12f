//===- TranslateToProgram.cpp - siw MLIR to programs ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Flattens structured control: a counted loop ends in `caddi i, i, step` and `cbcci lt i, bound`, a condition is a branch around its words.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Target/SIWBinary/SIWBinary.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace vtpu;
using vtpu::isa::COp;
using vtpu::isa::Pipe;
using vtpu::isa::Predicate;

namespace {

class FunctionEmitter {
public:
  FunctionEmitter(siw::FuncOp func, Program &program, const llvm::StringMap<uint32_t> &functions, llvm::StringMap<uint32_t> &texts)
      : func(func), program(program), functions(functions), texts(texts) {}

  FailureOr<Function> run() {
    out.name = func.getSymName().str();
    out.entry = func.getEntry();
    for (Attribute attr : func.getBindings())
      if (failed(addBinding(cast<DictionaryAttr>(attr))))
        return failure();
    if (ArrayAttr tables = func.getCallTablesAttr())
      for (Attribute attr : tables) {
        auto table = cast<DictionaryAttr>(attr);
        if (failed(addTable(func, table.getAs<FlatSymbolRefAttr>("callee").getValue(), table.getAs<DenseI64ArrayAttr>("arguments").asArrayRef())))
          return failure();
      }
    if (failed(emitBlock(func.getBody().front())))
      return failure();
    placeCoordinates();
    if (std::optional<ArrayRef<int64_t>> pairs = func.getLocations()) {
      out.locations.clear();
      for (size_t i = 0; i + 1 < pairs->size(); i += 2)
        out.locations.push_back({uint32_t((*pairs)[i]), uint32_t((*pairs)[i + 1])});
    }
    return std::move(out);
  }

private:
  siw::FuncOp func;
  Program &program;
  const llvm::StringMap<uint32_t> &functions;
  llvm::StringMap<uint32_t> &texts;
  Function out;
  llvm::DenseSet<size_t> placed; // words with coordinates of their own
  mlir::Location last = UnknownLoc::get(func.getContext());

  LogicalResult addBinding(DictionaryAttr attr) {
    Binding binding;
    StringRef kind = attr.getAs<StringAttr>("kind").getValue();
    for (BindingKind known : {BindingKind::Input, BindingKind::Output, BindingKind::Parameter, BindingKind::Constant, BindingKind::Arena,
                              BindingKind::Import, BindingKind::Stack})
      if (kind == siw::bindingKindName(known))
        binding.kind = known;
    if (kind != siw::bindingKindName(binding.kind))
      return func.emitError() << "binding kind '" << kind << "' is unknown";
    auto text = [&](StringRef name) { return attr.getAs<StringAttr>(name) ? attr.getAs<StringAttr>(name).getValue().str() : std::string(); };
    auto integer = [&](StringRef name, int64_t fallback) {
      return attr.getAs<IntegerAttr>(name) ? attr.getAs<IntegerAttr>(name).getInt() : fallback;
    };
    binding.name = text("name");
    binding.size = uint64_t(integer("size", 0));
    binding.align = uint32_t(integer("align", 1));
    binding.writable = attr.contains("writable");
    binding.offset = uint64_t(integer("offset", 0));
    binding.key = text("key");
    binding.hash = text("hash");
    if (attr.contains("dtype"))
      binding.dtype = parseDType(text("dtype"));
    if (auto shape = attr.getAs<DenseI64ArrayAttr>("shape"))
      binding.shape.assign(shape.asArrayRef().begin(), shape.asArrayRef().end());
    if (auto panels = attr.getAs<DenseI64ArrayAttr>("panels")) {
      ArrayRef<int64_t> p = panels.asArrayRef();
      if (p.size() != 8)
        return func.emitError() << "binding '" << binding.name << "' has " << p.size() << " panel numbers, needs 8";
      Layout &l = binding.layout;
      l.kind = Layout::Panels;
      l.batch = p[0], l.rows = p[1], l.cols = p[2], l.batchStride = p[3], l.rowStride = p[4], l.colStride = p[5], l.offset = p[6], l.tile = p[7];
    }
    out.bindings.push_back(std::move(binding));
    return success();
  }

  void append(const isa::Word &word, mlir::Location loc) {
    uint32_t index = uint32_t(out.words.size());
    out.words.push_back(word);
    if (loc == last)
      return;
    last = loc;
    std::string text = locationText(loc);
    if (text.empty())
      return;
    auto [it, isNew] = texts.try_emplace(text, uint32_t(program.locationTexts.size()));
    if (isNew)
      program.locationTexts.push_back(text);
    if (out.locations.empty() || out.locations.back().text != it->second)
      out.locations.push_back({index, it->second});
  }

  static isa::Word control(COp op, unsigned rd, unsigned ra, unsigned rb, int64_t imm) {
    isa::Word word;
    isa::Slot &slot = word.slot(Pipe::C);
    slot.opcode = uint8_t(op);
    slot.rd = uint8_t(rd);
    slot.ra = uint8_t(ra);
    slot.rb = uint8_t(rb);
    slot.imm = int32_t(imm);
    return word;
  }
  static isa::Word branchOn(Predicate predicate, unsigned ra, int64_t bound) {
    isa::Word word = control(COp::cbcci, 0, ra, 0, 0);
    word.slot(Pipe::C).predicate = predicate;
    word.hasImmediates = true;
    word.i1 = bound;
    return word;
  }
  static isa::Word branchOnRegister(Predicate predicate, unsigned ra, unsigned rb) {
    isa::Word word = control(COp::cbcc, 0, ra, rb, 0);
    word.slot(Pipe::C).predicate = predicate;
    return word;
  }
  void setTarget(size_t branch, size_t target) {
    out.words[branch].slot(Pipe::C).imm = int32_t(int64_t(target) - int64_t(branch));
  }
  static unsigned reg(Value value) { return unsigned(siw::getRegisterIndex(value.getType())); }

  LogicalResult emitBlock(Block &block) {
    for (Operation &op : block)
      if (failed(emit(&op)))
        return failure();
    return success();
  }

  LogicalResult emit(Operation *op) {
    if (mlir::isa<siw::RegisterOp, siw::YieldOp, siw::ConditionOp>(op))
      return success();
    if (auto bundle = dyn_cast<siw::BundleOp>(op)) {
      isa::Word word;
      for (Operation &inner : bundle.getBody().front()) {
        if (!siw::getInstruction(&inner))
          return inner.emitOpError() << "stands beside words, not in one";
        FailureOr<isa::Slot> slot = siw::getSlot(&inner, word);
        if (failed(slot))
          return failure();
        const isa::InstrInfo *info = siw::getInstruction(&inner);
        word.slot(info->pipe) = *slot;
        if (info->usesCoordinate)
          placed.insert(out.words.size());
      }
      if (std::optional<ArrayRef<int64_t>> immediates = bundle.getImmediates()) {
        word.hasImmediates = true;
        word.i0 = (*immediates)[0];
        word.i1 = (*immediates)[1];
      }
      if (siw::CoordinateAttr place = bundle.getCoordinateAttr()) {
        word.coordinate = place.getValue().components();
        placed.insert(out.words.size());
      }
      if (Status status = isa::checkWord(word); !status)
        return op->emitOpError() << "is no legal word: " << status.message();
      append(word, op->getLoc());
      return success();
    }
    if (auto call = dyn_cast<siw::CallOp>(op))
      return emitCall(call);
    if (auto loop = dyn_cast<siw::ForOp>(op))
      return emitFor(loop);
    if (auto branch = dyn_cast<siw::IfOp>(op)) {
      size_t skip = out.words.size();
      append(branchOn(Predicate::eq, reg(branch.getCondition()), 0), op->getLoc());
      if (failed(emitBlock(branch.getThenRegion().front())))
        return failure();
      size_t leave = out.words.size();
      const bool hasElse = !branch.getElseRegion().front().without_terminator().empty();
      if (hasElse)
        append(control(COp::cbr, 0, 0, 0, 0), op->getLoc());
      setTarget(skip, out.words.size());
      if (failed(emitBlock(branch.getElseRegion().front())))
        return failure();
      if (hasElse)
        setTarget(leave, out.words.size());
      return success();
    }
    if (auto loop = dyn_cast<siw::WhileOp>(op)) {
      size_t head = out.words.size();
      if (failed(emitBlock(loop.getBefore().front())))
        return failure();
      size_t leave = out.words.size();
      append(branchOn(Predicate::eq, reg(loop.getBefore().front().getTerminator()->getOperand(0)), 0), op->getLoc());
      if (failed(emitBlock(loop.getAfter().front())))
        return failure();
      append(control(COp::cbr, 0, 0, 0, 0), op->getLoc());
      setTarget(out.words.size() - 1, head);
      setTarget(leave, out.words.size());
      return success();
    }
    return op->emitOpError() << "does not stand in a word; run siw-form-bundles first";
  }

  LogicalResult emitCall(siw::CallOp call) {
    append(control(COp::ccall, 0, 0, 0, int64_t(out.callTables.size())), call.getLoc());
    return addTable(call, call.getCallee(), call.getArguments());
  }

  LogicalResult addTable(Operation *op, StringRef name, ArrayRef<int64_t> arguments) {
    auto callee = functions.find(name);
    if (callee == functions.end())
      return op->emitOpError() << "calls '" << name << "', which does not exist";
    CallTable table;
    table.callee = callee->second;
    for (size_t i = 0; i + 1 < arguments.size(); i += 2)
      table.arguments.push_back({uint32_t(arguments[i]), uint64_t(arguments[i + 1])});
    out.callTables.push_back(std::move(table));
    return success();
  }

  LogicalResult emitFor(siw::ForOp loop) {
    const unsigned counter = reg(loop.getCounter());
    if (reg(loop.getLower()) != counter)
      return loop.emitOpError() << "starts in register " << reg(loop.getLower()) << " but counts in " << counter;
    for (auto [init, arg] : llvm::zip(loop.getStarts(), loop.getCarried()))
      if (init.getType() != arg.getType())
        return loop.emitOpError() << "carries a value in different registers";
    auto test = [&](Predicate p) {
      return loop.getBound() ? branchOn(p, counter, int64_t(*loop.getBound())) : branchOnRegister(p, counter, reg(loop.getUpper()));
    };
    size_t guard = out.words.size();
    const bool guarded = !loop.getNonempty();
    if (guarded)
      append(test(Predicate::ge), loop.getLoc());
    size_t head = out.words.size();
    if (failed(emitBlock(loop.getBody().front())))
      return failure();
    isa::Word step = control(COp::caddi, counter, counter, 0, int64_t(loop.getStep()));
    if (int64_t(loop.getStep()) != int32_t(loop.getStep()))
      return loop.emitOpError() << "has step " << loop.getStep() << ", which does not fit a word";
    // The step shares the last word where that is legal.
    bool shared = false;
    if (out.words.size() > head && out.words.back().slot(Pipe::C).empty()) {
      isa::Word both = out.words.back();
      both.slot(Pipe::C) = step.slot(Pipe::C);
      if (isa::checkWord(both).ok()) {
        out.words.back() = both;
        shared = true;
      }
    }
    if (!shared)
      append(step, loop.getLoc());
    append(test(Predicate::lt), loop.getLoc());
    setTarget(out.words.size() - 1, head);
    if (guarded)
      setTarget(guard, out.words.size());
    return success();
  }

  void placeCoordinates() {
    const uint32_t number = functions.lookup(func.getSymName());
    for (size_t w = 0; w < out.words.size(); ++w)
      if (!out.words[w].hasImmediates && !placed.contains(w))
        out.words[w].coordinate = siw::coordinateOf(number, w);
  }
};
} // namespace

std::array<uint16_t, 11> siw::coordinateOf(size_t function, size_t word) {
  std::array<uint16_t, 11> place{};
  place[7] = uint16_t(function / 2048 % 2048);
  place[8] = uint16_t(function % 2048);
  place[9] = uint16_t(word / 2048 % 2048);
  place[10] = uint16_t(word % 2048);
  return place;
}

FailureOr<Program> vtpu::translateToProgram(ModuleOp module) {
  Program program;
  llvm::StringMap<uint32_t> functions, texts;
  uint32_t count = 0;
  for (Operation &op : *module.getBody())
    if (!mlir::isa<siw::FuncOp>(op))
      return op.emitOpError() << "is not in words; compile the program to phase bundled first", failure();
  for (auto func : module.getOps<siw::FuncOp>())
    functions[func.getSymName()] = count++;
  for (auto func : module.getOps<siw::FuncOp>()) {
    FailureOr<Function> function = FunctionEmitter(func, program, functions, texts).run();
    if (failed(function))
      return failure();
    program.functions.push_back(std::move(*function));
  }
  if (auto known = module->getAttrOfType<ArrayAttr>("siw.location_texts")) {
    program.locationTexts.clear();
    for (Attribute text : known)
      program.locationTexts.push_back(cast<StringAttr>(text).getValue().str());
  }
  if (auto bytes = module->getAttrOfType<DenseI8ArrayAttr>("siw.rodata"))
    program.rodata.assign(bytes.asArrayRef().begin(), bytes.asArrayRef().end());
  if (auto messages = module->getAttrOfType<ArrayAttr>("siw.messages"))
    for (Attribute message : messages)
      program.messages.push_back(cast<StringAttr>(message).getValue().str());
  if (auto file = module->getAttrOfType<StringAttr>("siw.parameter_file"))
    program.parameterFile = file.getValue().str();
  if (auto table = module->getAttrOfType<StringAttr>("siw.port_table"))
    program.portTable = table.getValue().str();
  return program;
}
