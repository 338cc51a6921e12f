//===- TranslateFromProgram.cpp - Programs to siw MLIR ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words become bundles one by one; control stays as it stands in the binary, as branches with distances. What ops cannot carry becomes
// attributes: coordinates that the compiler would not choose, call tables, and locations that are not those of the words' own.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Target/SIWBinary/SIWBinary.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace vtpu;

StringRef siw::bindingKindName(BindingKind kind) {
  static const char *const names[] = {"", "input", "output", "parameter", "constant", "arena", "import", "stack"};
  return names[unsigned(kind)];
}

namespace {

class Importer {
public:
  Importer(const Program &program, MLIRContext &context) : program(program), builder(&context) {}

  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(builder.getUnknownLoc());
    for (const std::string &text : program.locationTexts)
      places.push_back(parseLocationText(text, *builder.getContext()));
    const bool plain = hasPlainLocations();
    if (!plain)
      (*module)->setAttr("siw.location_texts", strings(program.locationTexts));
    if (!program.rodata.empty())
      (*module)->setAttr("siw.rodata", builder.getDenseI8ArrayAttr(ArrayRef(reinterpret_cast<const int8_t *>(program.rodata.data()), program.rodata.size())));
    if (!program.messages.empty())
      (*module)->setAttr("siw.messages", strings(program.messages));
    if (!program.parameterFile.empty())
      (*module)->setAttr("siw.parameter_file", builder.getStringAttr(program.parameterFile));
    if (!program.portTable.empty())
      (*module)->setAttr("siw.port_table", builder.getStringAttr(program.portTable));
    for (size_t i = 0; i < program.functions.size(); ++i) {
      builder.setInsertionPointToEnd(module->getBody());
      addFunction(i, plain);
    }
    return module;
  }

private:
  const Program &program;
  OpBuilder builder;
  SmallVector<mlir::Location> places;

  ArrayAttr strings(const std::vector<std::string> &texts) {
    SmallVector<Attribute> attrs;
    for (const std::string &text : texts)
      attrs.push_back(builder.getStringAttr(text));
    return builder.getArrayAttr(attrs);
  }

  /// True if ops can carry all locations: the translation back collects texts in the order in which words first use them.
  bool hasPlainLocations() {
    uint32_t next = 0;
    for (const Function &function : program.functions)
      for (size_t i = 0; i < function.locations.size(); ++i) {
        const vtpu::Location &here = function.locations[i];
        const bool moves = i == 0 || (here.word > function.locations[i - 1].word && here.text != function.locations[i - 1].text);
        if (!moves || here.word >= function.words.size() || here.text > next || mlir::isa<UnknownLoc>(places[here.text]))
          return false;
        next = std::max(next, here.text + 1);
      }
    return next == program.locationTexts.size();
  }

  DictionaryAttr describe(const Binding &binding) {
    NamedAttrList fields;
    auto text = [&](StringRef name, StringRef value) {
      if (!value.empty())
        fields.set(name, builder.getStringAttr(value));
    };
    text("kind", siw::bindingKindName(binding.kind));
    text("name", binding.name);
    fields.set("size", builder.getI64IntegerAttr(int64_t(binding.size)));
    fields.set("align", builder.getI64IntegerAttr(binding.align));
    if (binding.writable)
      fields.set("writable", builder.getUnitAttr());
    if (binding.offset)
      fields.set("offset", builder.getI64IntegerAttr(int64_t(binding.offset)));
    text("key", binding.key);
    text("hash", binding.hash);
    if (binding.kind == BindingKind::Input || binding.kind == BindingKind::Output || binding.kind == BindingKind::Parameter) {
      std::string_view dtype = dtypeName(binding.dtype);
      text("dtype", StringRef(dtype.data(), dtype.size()));
      fields.set("shape", builder.getDenseI64ArrayAttr(binding.shape));
    }
    if (const Layout &l = binding.layout; l.kind == Layout::Panels)
      fields.set("panels", builder.getDenseI64ArrayAttr({l.batch, l.rows, l.cols, l.batchStride, l.rowStride, l.colStride, l.offset, l.tile}));
    return fields.getDictionary(builder.getContext());
  }

  void addFunction(size_t number, bool plainLocations) {
    const Function &function = program.functions[number];
    SmallVector<Attribute> bindings, tables;
    for (const Binding &binding : function.bindings)
      bindings.push_back(describe(binding));
    for (const CallTable &table : function.callTables) {
      SmallVector<int64_t> arguments;
      for (const CallArgument &argument : table.arguments)
        arguments.append({int64_t(argument.index), int64_t(argument.offset)});
      NamedAttrList fields;
      fields.set("callee", FlatSymbolRefAttr::get(builder.getContext(), program.functions[table.callee].name));
      fields.set("arguments", builder.getDenseI64ArrayAttr(arguments));
      tables.push_back(fields.getDictionary(builder.getContext()));
    }
    SmallVector<int64_t> pairs;
    for (const vtpu::Location &location : function.locations)
      pairs.append({location.word, location.text});
    auto func = siw::FuncOp::create(builder, builder.getUnknownLoc(), builder.getStringAttr(function.name), function.entry, builder.getArrayAttr(bindings));
    if (!tables.empty())
      func.setCallTablesAttr(builder.getArrayAttr(tables));
    if (!plainLocations)
      func.setLocations(pairs);
    Block &body = func.getBody().emplaceBlock();
    llvm::DenseMap<Type, Value> registers;
    OpBuilder head(builder.getContext());
    Operation *last = nullptr; // of the registers, which stand first
    auto named = [&](Type type) {
      Value &value = registers[type];
      if (value)
        return value;
      if (last)
        head.setInsertionPointAfter(last);
      else
        head.setInsertionPointToStart(&body);
      last = siw::RegisterOp::create(head, func.getLoc(), type);
      return value = last->getResult(0);
    };
    OpBuilder tail(builder.getContext());
    mlir::Location place = builder.getUnknownLoc();
    size_t next = 0;
    for (size_t w = 0; w < function.words.size(); ++w) {
      if (plainLocations && next < function.locations.size() && function.locations[next].word == w)
        place = places[function.locations[next++].text];
      const isa::Word &word = function.words[w];
      tail.setInsertionPointToEnd(&body);
      auto bundle = siw::BundleOp::create(tail, place);
      tail.setInsertionPointToStart(&bundle.getBody().emplaceBlock());
      isa::Word told; // what the instructions tell of the word, beside the place that it would get
      told.coordinate = siw::coordinateOf(number, w);
      for (isa::Pipe pipe : {isa::Pipe::D, isa::Pipe::S, isa::Pipe::C})
        if (!word.slot(pipe).empty())
          (void)siw::getSlot(siw::createInstruction(tail, place, pipe, word, named), told);
      if (word.hasImmediates && (!told.hasImmediates || told.i0 != word.i0 || told.i1 != word.i1))
        bundle.setImmediatesAttr(builder.getDenseI64ArrayAttr({word.i0, word.i1}));
      if (!word.hasImmediates && word.coordinate != told.coordinate)
        bundle.setCoordinateAttr(siw::CoordinateAttr::get(builder.getContext(), Coordinate(word.coordinate)));
    }
  }
};
} // namespace

OwningOpRef<ModuleOp> vtpu::importProgram(const Program &program, MLIRContext &context) {
  context.loadDialect<siw::SIWDialect>();
  return Importer(program, context).run();
}
