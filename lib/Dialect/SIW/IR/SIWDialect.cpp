//===- SIWDialect.cpp - The siw dialect -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration, and the one verifier and slot conversion that all instruction ops share.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Dialect/SIW/IR/SIWDialect.h"

#include "vtpu/Memory/CoordinateText.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace vtpu;
using namespace vtpu::siw;

#include "vtpu/Dialect/SIW/IR/SIWDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWAttributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWTypes.cpp.inc"
#define GET_OP_CLASSES
#include "vtpu/Dialect/SIW/IR/SIWOps.cpp.inc"

void SIWDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "vtpu/Dialect/SIW/IR/SIWAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "vtpu/Dialect/SIW/IR/SIWTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "vtpu/Dialect/SIW/IR/SIWOps.cpp.inc"
      >();
}

Attribute CoordinateAttr::parse(AsmParser &parser, Type) {
  std::string text;
  if (parser.parseLess())
    return {};
  const SMLoc place = parser.getCurrentLocation();
  if (parser.parseString(&text))
    return {};
  Result<Coordinate> value = parseCoordinate(text);
  if (!value) {
    parser.emitError(place) << "coordinate '" << text << "': " << value.message();
    return {};
  }
  return parser.parseGreater() ? Attribute() : get(parser.getContext(), *value);
}
void CoordinateAttr::print(AsmPrinter &printer) const { printer << "<\"" << printCoordinate(getValue()) << "\">"; }

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

const isa::InstrInfo *siw::getInstruction(Operation *op) {
  if (op->getName().getDialectNamespace() != "siw")
    return nullptr;
  StringRef mnemonic = op->getName().stripDialect();
  return isa::lookup(std::string_view(mnemonic.data(), mnemonic.size()));
}

int siw::getRegisterIndex(Type type) {
  return llvm::TypeSwitch<Type, int>(type).Case<RType, VType, KType, PType, MType>([](auto t) { return t.getIndex(); }).Default([](Type) { return -1; });
}

Type siw::registerType(MLIRContext *context, isa::OperandClass cls, int index) {
  switch (cls) {
  case isa::OperandClass::v:
    return VType::get(context, index);
  case isa::OperandClass::k:
    return KType::get(context, index);
  case isa::OperandClass::p:
    return PType::get(context, index);
  case isa::OperandClass::m:
    return MType::get(context, index);
  default:
    return RType::get(context, index);
  }
}

static bool isRegisterClass(isa::OperandClass cls) {
  return cls != isa::OperandClass::idx && isa::registerCount(cls);
}
static bool matches(Type type, isa::OperandClass cls) {
  return type.getTypeID() == registerType(type.getContext(), cls, -1).getTypeID();
}

SmallVector<Place, 6> siw::getOperandPlaces(Operation *op) {
  const isa::InstrInfo *info = getInstruction(op);
  SmallVector<Place, 6> places;
  const isa::OperandInfo *out = nullptr;
  for (unsigned i = 0; i < info->numOperands; ++i) {
    const isa::OperandInfo &operand = info->operands[i];
    bool reads = operand.access == isa::Access::in || operand.access == isa::Access::inout;
    if ((isRegisterClass(operand.cls) && reads) || (operand.cls == isa::OperandClass::idx && op->hasAttr("indexed")))
      places.push_back({Place::operand, &operand});
    if (operand.access == isa::Access::out)
      out = &operand;
  }
  if (op->hasAttr("masked")) {
    places.push_back({Place::mask, nullptr});
    if (out && !op->hasAttr("zeroing"))
      places.push_back({Place::passthru, out});
  }
  return places;
}

SmallVector<const isa::OperandInfo *, 3> siw::getResultRows(Operation *op) {
  const isa::InstrInfo *info = getInstruction(op);
  SmallVector<const isa::OperandInfo *, 3> rows;
  for (unsigned i = 0; i < info->numOperands; ++i)
    if (isRegisterClass(info->operands[i].cls) && info->operands[i].access != isa::Access::in)
      rows.push_back(&info->operands[i]);
  return rows;
}

int siw::getTiedOperand(Operation *op, unsigned &result) {
  SmallVector<Place, 6> places = getOperandPlaces(op);
  SmallVector<const isa::OperandInfo *, 3> rows = getResultRows(op);
  for (auto [i, place] : llvm::enumerate(places)) {
    bool tied = place.kind == Place::passthru || (place.kind == Place::operand && place.info->access == isa::Access::inout);
    if (!tied)
      continue;
    for (auto [r, row] : llvm::enumerate(rows))
      if (row == place.info) {
        result = unsigned(r);
        return int(i);
      }
  }
  return -1;
}

static isa::Type typeAttr(Operation *op, StringRef name) {
  auto attr = op->getAttrOfType<StringAttr>(name);
  return attr ? isa::parseType(std::string_view(attr.getValue().data(), attr.getValue().size())) : isa::Type::none;
}
static std::optional<isa::Predicate> predicateAttr(Operation *op) {
  auto attr = op->getAttrOfType<StringAttr>("pred");
  if (!attr)
    return std::nullopt;
  for (unsigned i = 0; i < isa::numPredicates; ++i)
    if (attr.getValue() == StringRef(isa::predicateName(isa::Predicate(i)).data(), isa::predicateName(isa::Predicate(i)).size()))
      return isa::Predicate(i);
  return std::nullopt;
}

LogicalResult siw::verifyInstruction(Operation *op) {
  const isa::InstrInfo *info = getInstruction(op);
  SmallVector<Place, 6> places = getOperandPlaces(op);
  SmallVector<const isa::OperandInfo *, 3> rows = getResultRows(op);
  if (places.size() != op->getNumOperands())
    return op->emitOpError() << "takes " << places.size() << " registers here, has " << op->getNumOperands();
  if (rows.size() != op->getNumResults())
    return op->emitOpError() << "writes " << rows.size() << " registers, has " << op->getNumResults() << " results";
  for (auto [place, operand] : llvm::zip(places, op->getOperands())) {
    isa::OperandClass cls = place.kind == Place::mask ? isa::OperandClass::k : place.info->cls;
    if (!matches(operand.getType(), cls))
      return op->emitOpError() << "operand of type " << operand.getType() << " stands where another register class is read";
  }
  for (auto [row, result] : llvm::zip(rows, op->getResults()))
    if (!matches(result.getType(), row->cls))
      return op->emitOpError() << "result of type " << result.getType() << " stands where another register class is written";
  if (Status status = isa::checkTypes(*info, typeAttr(op, "type"), typeAttr(op, "mem")); !status)
    return op->emitOpError() << status.message();
  if (info->hasLength) {
    auto length = op->getAttrOfType<IntegerAttr>("length");
    if (!length || (length.getInt() != 128 && length.getInt() != 256 && length.getInt() != 512))
      return op->emitOpError() << "needs a length of 128, 256 or 512";
  }
  for (StringRef name : {"imm", "i0", "compare", "scale"})
    if (Attribute attr = op->getAttr(name); attr && !mlir::isa<IntegerAttr>(attr))
      return op->emitOpError() << "has " << name << " = " << attr << ", needs an integer";
  if (auto scale = op->getAttrOfType<IntegerAttr>("scale"); scale && !llvm::is_contained({1, 2, 4, 8}, scale.getInt()))
    return op->emitOpError() << "has scale " << scale.getInt() << "; legal are 1, 2, 4 and 8";
  if (info->hasPredicate && !predicateAttr(op))
    return op->emitOpError() << "needs a known predicate (attribute pred)";
  if (op->hasAttr("masked") && !info->maskable)
    return op->emitOpError() << "takes no mask";
  Attribute coordinate = op->getAttr("coordinate");
  if (info->usesCoordinate && !mlir::isa_and_nonnull<CoordinateAttr>(coordinate))
    return op->emitOpError() << "needs a coordinate, such as coordinate = #siw.coordinate<\"1.1.1/1.1.1/1.1.1.1.1\">";
  if (!info->usesCoordinate && coordinate)
    return op->emitOpError() << "takes no coordinate";
  return success();
}

static uint8_t registerOf(Value value) {
  int index = getRegisterIndex(value.getType());
  return index < 0 ? isa::noRegister : uint8_t(index);
}

/// Attribute of an immediate: `imm` is the slot's, or the word's where the slot has none.
static StringRef immediateName(const isa::InstrInfo &info, isa::Field field) {
  return field == isa::Field::imm || !info.operand(isa::Field::imm) ? "imm" : field == isa::Field::i0 ? "i0" : "compare";
}

isa::Slot siw::getUnnumberedSlot(Operation *op, isa::Word &word) {
  const isa::InstrInfo *info = getInstruction(op);
  isa::Slot slot;
  slot.opcode = info->opcode;
  slot.type = typeAttr(op, "type");
  slot.memType = typeAttr(op, "mem");
  if (info->hasLength) {
    int64_t bits = op->getAttrOfType<IntegerAttr>("length").getInt();
    slot.length = bits == 128 ? isa::Length::v128 : bits == 256 ? isa::Length::v256 : isa::Length::v512;
  }
  if (info->hasPredicate)
    slot.predicate = *predicateAttr(op);
  if (auto scale = op->getAttrOfType<IntegerAttr>("scale"))
    slot.scale = uint8_t(llvm::Log2_64(uint64_t(scale.getInt())));
  for (unsigned i = 0; i < info->numOperands; ++i) {
    const isa::OperandInfo &operand = info->operands[i];
    if (operand.cls == isa::OperandClass::idx)
      isa::setRegister(slot, operand.field, isa::noRegister);
    auto attribute = op->getAttrOfType<IntegerAttr>(immediateName(*info, operand.field));
    const int64_t imm = attribute ? attribute.getInt() : 0;
    if (operand.field == isa::Field::imm)
      slot.imm = int32_t(imm);
    if (operand.field == isa::Field::i0) {
      word.hasImmediates = true;
      word.i0 = imm;
    }
    if (operand.field == isa::Field::i1) {
      word.hasImmediates = true;
      word.i1 = imm;
    }
  }
  slot.zeroing = op->hasAttr("zeroing");
  if (info->usesCoordinate)
    word.coordinate = op->getAttrOfType<CoordinateAttr>("coordinate").getValue().components();
  return slot;
}

FailureOr<isa::Slot> siw::getSlot(Operation *op, isa::Word &word) {
  isa::Slot slot = getUnnumberedSlot(op, word);
  for (auto [place, operand] : llvm::zip(getOperandPlaces(op), op->getOperands())) {
    uint8_t reg = registerOf(operand);
    if (reg == isa::noRegister)
      return op->emitOpError() << "has an operand without an allocated register", failure();
    if (place.kind == Place::mask)
      slot.mask = reg;
    else if (place.kind == Place::operand)
      isa::setRegister(slot, place.info->field, reg);
    else if (reg != registerOf(op->getResult(0)))
      return op->emitOpError() << "keeps lanes of register " << reg << " but writes another", failure();
  }
  for (auto [row, result] : llvm::zip(getResultRows(op), op->getResults())) {
    uint8_t reg = registerOf(result);
    if (reg == isa::noRegister)
      return op->emitOpError() << "has a result without an allocated register", failure();
    if (row->access == isa::Access::inout && isa::getRegister(slot, row->field) != reg)
      return op->emitOpError() << "updates a register but writes another", failure();
    isa::setRegister(slot, row->field, reg);
  }
  return slot;
}

Operation *siw::createInstruction(OpBuilder &builder, Location loc, isa::Pipe pipe, const isa::Word &word, llvm::function_ref<Value(Type)> named) {
  const isa::Slot &slot = word.slot(pipe);
  const isa::InstrInfo &info = *isa::lookup(pipe, slot.opcode);
  MLIRContext *context = builder.getContext();
  OperationState state(loc, "siw." + std::string(info.mnemonic));
  auto text = [&](std::string_view view) { return builder.getStringAttr(StringRef(view.data(), view.size())); };
  Type kept;
  for (unsigned i = 0; i < info.numOperands; ++i) {
    const isa::OperandInfo &operand = info.operands[i];
    if (operand.field == isa::Field::imm || operand.field == isa::Field::i0 || operand.field == isa::Field::i1) {
      int64_t value = operand.field == isa::Field::imm ? slot.imm : operand.field == isa::Field::i0 ? word.i0 : word.i1;
      state.addAttribute(immediateName(info, operand.field), builder.getI64IntegerAttr(value));
      continue;
    }
    const uint8_t index = isa::getRegister(slot, operand.field);
    if (operand.cls == isa::OperandClass::idx && index == isa::noRegister)
      continue;
    Type type = registerType(context, operand.cls, index);
    if (operand.cls == isa::OperandClass::idx)
      state.addAttribute("indexed", builder.getUnitAttr());
    if (operand.cls == isa::OperandClass::idx || operand.access == isa::Access::in || operand.access == isa::Access::inout)
      state.addOperands(named(type));
    if (operand.cls != isa::OperandClass::idx && operand.access != isa::Access::in)
      state.addTypes(type);
    if (operand.access == isa::Access::out)
      kept = type;
  }
  if (info.types)
    state.addAttribute("type", text(isa::typeName(slot.type)));
  if (info.memTypes)
    state.addAttribute("mem", text(isa::typeName(slot.memType)));
  if (info.hasLength)
    state.addAttribute("length", builder.getI32IntegerAttr(int(isa::lengthBytes(slot.length)) * 8));
  if (info.hasPredicate)
    state.addAttribute("pred", text(isa::predicateName(slot.predicate)));
  if (slot.scale)
    state.addAttribute("scale", builder.getI32IntegerAttr(1 << slot.scale));
  if (slot.mask) {
    state.addOperands(named(KType::get(context, slot.mask)));
    state.addAttribute("masked", builder.getUnitAttr());
    if (kept && !slot.zeroing)
      state.addOperands(named(kept));
  }
  if (slot.zeroing)
    state.addAttribute("zeroing", builder.getUnitAttr());
  if (info.usesCoordinate)
    state.addAttribute("coordinate", CoordinateAttr::get(context, Coordinate(word.coordinate)));
  return builder.create(state);
}

//===----------------------------------------------------------------------===//
// Structured ops
//===----------------------------------------------------------------------===//

LogicalResult RegisterOp::verify() {
  if (getRegisterIndex(getType()) < 0)
    return emitOpError() << "names no register; its type needs a number";
  return success();
}

LogicalResult FuncOp::verify() {
  if (ArrayAttr tables = getCallTablesAttr())
    for (auto [i, attr] : llvm::enumerate(tables)) {
      auto table = dyn_cast<DictionaryAttr>(attr);
      auto arguments = table ? table.getAs<DenseI64ArrayAttr>("arguments") : DenseI64ArrayAttr();
      if (!arguments || arguments.size() % 2 || !table.getAs<FlatSymbolRefAttr>("callee"))
        return emitOpError() << "call table " << i << " needs a callee and arguments in pairs of binding and offset";
    }
  if (getLocations() && getLocations()->size() % 2)
    return emitOpError() << "locations come in pairs of a word and a text";
  for (auto [i, attr] : llvm::enumerate(getBindings())) {
    auto binding = dyn_cast<DictionaryAttr>(attr);
    if (!binding || !binding.getAs<StringAttr>("kind") || !binding.getAs<IntegerAttr>("size"))
      return emitOpError() << "binding " << i << " needs at least a kind and a size";
  }
  return success();
}

LogicalResult ForOp::verify() {
  if (getBound().has_value() == bool(getUpper()))
    return emitOpError() << "needs exactly one of a constant bound and an upper register";
  if (getStep() <= 0)
    return emitOpError() << "has step " << getStep() << "; only positive steps count upwards";
  Block &block = getBody().front();
  if (block.getNumArguments() != getStarts().size() + 1 || getNumResults() != getStarts().size())
    return emitOpError() << "carries " << getStarts().size() << " registers; its block and results do not";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getValues().size() != getStarts().size())
    return emitOpError() << "must yield " << getStarts().size() << " registers";
  return success();
}
/// True if both lists hold registers of the same classes; numbers are the allocator's matter.
static bool sameClasses(TypeRange left, TypeRange right) {
  return llvm::equal(left, right, [](Type l, Type r) { return l.getTypeID() == r.getTypeID(); });
}
/// The terminator if it is of the wanted kind.
template <typename T>
static T endOf(Region &region) {
  return region.front().empty() ? T() : dyn_cast<T>(region.front().back());
}

LogicalResult IfOp::verify() {
  for (Region *region : getRegions()) {
    auto yield = endOf<YieldOp>(*region);
    if (!yield || !sameClasses(yield.getValues().getTypes(), getResultTypes()))
      return emitOpError() << "must yield its " << getNumResults() << " results from both regions";
  }
  return success();
}

LogicalResult WhileOp::verify() {
  const TypeRange types = getStarts().getTypes();
  if (!sameClasses(getResultTypes(), types) || !sameClasses(getBefore().front().getArgumentTypes(), types) ||
      !sameClasses(getAfter().front().getArgumentTypes(), types))
    return emitOpError() << "carries " << types.size() << " registers; its blocks and results do not";
  auto condition = endOf<ConditionOp>(getBefore());
  auto yield = endOf<YieldOp>(getAfter());
  if (!condition || !sameClasses(condition.getValues().getTypes(), types) || !yield || !sameClasses(yield.getValues().getTypes(), types))
    return emitOpError() << "must pass on " << types.size() << " registers from its condition and its body";
  return success();
}

SmallVector<Region *> ForOp::getLoopRegions() { return {&getBody()}; }
SmallVector<Region *> WhileOp::getLoopRegions() { return {&getBefore(), &getAfter()}; }

LogicalResult BundleOp::verify() {
  if (getImmediates() && getImmediates()->size() != 2)
    return emitOpError() << "has " << getImmediates()->size() << " immediates, a word holds 2";
  unsigned used = 0;
  for (Operation &op : getBody().front()) {
    const isa::InstrInfo *info = getInstruction(&op);
    if (!info && !mlir::isa<CallOp>(op))
      return emitOpError() << "holds " << op.getName() << ", which is no instruction";
    unsigned bit = 1u << (info ? unsigned(info->pipe) : unsigned(isa::Pipe::C));
    if (used & bit)
      return emitOpError() << "holds two instructions of one pipe";
    used |= bit;
    if (info && info->usesCoordinate && getCoordinateAttr())
      return emitOpError() << "has a coordinate of its own beside that of " << op.getName();
  }
  return success();
}
