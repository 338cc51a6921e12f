//===- Printer.cpp - Programs to text ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One line a word; every directive carries what the binary's note and sections carry. Manual: docs/Assembly.md.
//
//===----------------------------------------------------------------------===//

#include "Syntax.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/CoordinateText.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace vtpu {

using namespace isa;

namespace {
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', char(c)};
    else if (c == '\n')
      out += "\\n";
    else if (c < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", c);
    else
      out += char(c);
  }
  return out + "\"";
}
std::string name(std::string_view text) { return assembly::isPlainName(text) ? std::string(text) : quoted(text); }

std::string registerText(OperandClass cls, uint8_t number) {
  return fmt::format("{}{}", assembly::registerLetter(cls), number);
}

std::string immediateText(const OperandInfo &operand, const Slot &slot, const Word &word, uint32_t index,
                          const std::set<uint32_t> &labels) {
  switch (operand.cls) {
  case OperandClass::target: {
    int64_t target = int64_t(index) + slot.imm;
    if (target >= 0 && labels.count(uint32_t(target)))
      return fmt::format("L{}", target);
    return fmt::format("{:+}", slot.imm);
  }
  case OperandClass::binding:
    return fmt::format("b{}", slot.imm);
  case OperandClass::table:
    return fmt::format("t{}", slot.imm);
  case OperandClass::code:
    return fmt::format("m{}", slot.imm);
  case OperandClass::host:
    return fmt::format("h{}", slot.imm);
  case OperandClass::i64:
    return fmt::format("{}", word.i0);
  case OperandClass::cmp64:
    return fmt::format("{}", word.i1);
  default:
    return fmt::format("{}", slot.imm);
  }
}

std::string addressText(const InstrInfo &info, const Slot &slot) {
  std::string out = fmt::format("[r{}", slot.ra);
  if (const OperandInfo *index = assembly::indexOperand(info)) {
    uint8_t number = getRegister(slot, index->field);
    if (index->cls != OperandClass::idx || number != noRegister) {
      out += " + " + registerText(index->cls, number);
      if (slot.scale)
        out += fmt::format("*{}", 1u << slot.scale);
    }
  }
  if (slot.imm)
    out += slot.imm < 0 ? fmt::format(" - {}", -int64_t(slot.imm)) : fmt::format(" + {}", slot.imm);
  return out + "]";
}

std::string bindingText(const Binding &binding) {
  std::string out = fmt::format(".binding {} {} size={} align={}", assembly::kindNames[unsigned(binding.kind)], name(binding.name),
                                binding.size, binding.align);
  if (binding.writable)
    out += " writable";
  if (binding.kind <= BindingKind::Parameter)
    out += fmt::format(" dtype={} shape=[{}]", dtypeName(binding.dtype), fmt::join(binding.shape, ", "));
  if (binding.kind == BindingKind::Constant)
    out += fmt::format(" offset={}", binding.offset);
  if (binding.kind == BindingKind::Parameter) {
    out += fmt::format(" key={}", quoted(binding.key));
    if (!binding.hash.empty())
      out += fmt::format(" hash={}", quoted(binding.hash));
    const Layout &l = binding.layout;
    if (l.kind == Layout::Panels)
      out += fmt::format(" panels=[{}, {}, {}, {}, {}, {}, {}, {}]", l.batch, l.rows, l.cols, l.batchStride, l.rowStride, l.colStride,
                         l.offset, l.tile);
  }
  return out;
}

void printFunction(const Program &program, const Function &function, std::string &out) {
  out += fmt::format("\n.func {}{}\n", name(function.name), function.entry ? " entry" : "");
  for (size_t b = 0; b < function.bindings.size(); ++b)
    out += fmt::format("  {} // b{}\n", bindingText(function.bindings[b]), b);
  for (size_t t = 0; t < function.callTables.size(); ++t) {
    const CallTable &table = function.callTables[t];
    out += "  .table " +
           (table.callee < program.functions.size() ? name(program.functions[table.callee].name) : fmt::format("#{}", table.callee));
    for (const CallArgument &argument : table.arguments)
      out += fmt::format(" b{}+{}", argument.index, argument.offset);
    out += fmt::format(" // t{}\n", t);
  }
  std::set<uint32_t> labels = branchTargets(function);
  size_t nextLocation = 0;
  auto printLocations = [&](uint32_t word) {
    for (; nextLocation < function.locations.size() && function.locations[nextLocation].word <= word; ++nextLocation) {
      uint32_t text = function.locations[nextLocation].text;
      out += fmt::format("  .loc {} // {}\n", text, text < program.locationTexts.size() ? quoted(program.locationTexts[text]) : "");
    }
  };
  for (uint32_t w = 0; w < function.words.size(); ++w) {
    if (labels.count(w))
      out += fmt::format("L{}:\n", w);
    printLocations(w);
    out += fmt::format("  {}\n", printWord(function.words[w], w, labels));
  }
  printLocations(uint32_t(-1));
  out += ".end\n";
}
} // namespace

std::set<uint32_t> branchTargets(const Function &function) {
  std::set<uint32_t> labels;
  for (size_t w = 0; w < function.words.size(); ++w) {
    const Slot &slot = function.words[w].slot(Pipe::C);
    const InstrInfo *info = lookup(Pipe::C, slot.opcode);
    const OperandInfo *operand = info ? info->operand(Field::imm) : nullptr;
    if (!operand || operand->cls != OperandClass::target)
      continue;
    int64_t target = int64_t(w) + slot.imm;
    if (target >= 0 && target < int64_t(function.words.size()))
      labels.insert(uint32_t(target));
  }
  return labels;
}

std::string printSlot(Pipe pipe, const Word &word, uint32_t index, const std::set<uint32_t> &labels) {
  const Slot &slot = word.slot(pipe);
  const InstrInfo *info = lookup(pipe, slot.opcode);
  if (!info)
    return fmt::format("unknown.{}", slot.opcode);
  std::string out(info->mnemonic);
  if (info->hasPredicate)
    out += fmt::format(".{}", predicateName(slot.predicate));
  if (info->types)
    out += fmt::format(".{}", typeName(slot.type));
  if (info->memTypes)
    out += fmt::format(".{}", typeName(slot.memType));
  if (info->hasLength)
    out += fmt::format(".{}", lengthBytes(slot.length) * 8);
  const char *separator = " ";
  for (const assembly::Item &item : assembly::items(*info)) {
    out += separator;
    separator = ", ";
    if (item.address)
      out += addressText(*info, slot);
    else if (assembly::isRegister(item.operand->cls))
      out += item.operand->cls == OperandClass::idx && getRegister(slot, item.operand->field) == noRegister
                 ? std::string("none")
                 : registerText(item.operand->cls, getRegister(slot, item.operand->field));
    else
      out += immediateText(*item.operand, slot, word, index, labels);
  }
  if (slot.mask)
    out += fmt::format(" {{k{}}}{}", slot.mask, slot.zeroing ? "{z}" : "");
  return out;
}

std::string printWord(const Word &word, uint32_t index, const std::set<uint32_t> &labels) {
  std::string out = "{";
  const char *separator = " ";
  for (unsigned p = 0; p < numPipes; ++p) {
    if (word.slots[p].empty())
      continue;
    out += fmt::format("{}{}: {}", separator, "DSC"[p], printSlot(Pipe(p), word, index, labels));
    separator = " ; ";
  }
  out += " }";
  const Coordinate coordinate(word.coordinate);
  return coordinate == Coordinate() ? out : out + " @" + printCoordinate(coordinate);
}

std::string printAssembly(const Program &program) {
  std::string out;
  out += fmt::format(".isa {:016x}\n", tableHash());
  if (!program.parameterFile.empty())
    out += fmt::format(".parameter_file {}\n", quoted(program.parameterFile));
  if (!program.portTable.empty())
    out += fmt::format(".port_table {}\n", quoted(program.portTable));
  for (size_t i = 0; i < program.messages.size(); ++i)
    out += fmt::format(".message {} // m{}\n", quoted(program.messages[i]), i);
  for (size_t i = 0; i < program.locationTexts.size(); ++i)
    out += fmt::format(".location {} // {}\n", quoted(program.locationTexts[i]), i);
  constexpr size_t bytesPerLine = 32;
  for (size_t at = 0; at < program.rodata.size(); at += bytesPerLine) {
    out += ".rodata ";
    for (size_t i = at; i < std::min(program.rodata.size(), at + bytesPerLine); ++i)
      out += fmt::format("{:02x}", program.rodata[i]);
    out += fmt::format(" // {}\n", at);
  }
  for (const Function &function : program.functions)
    printFunction(program, function, out);
  return out;
}

} // namespace vtpu
