//===- NamedTable.cpp - Host tables by name ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/NamedTable.h"

#include "vtpu/Host/Cache.h"

#include <fmt/format.h>

namespace vtpu::host {

namespace {
constexpr std::string_view unknownPort = "unknown";
} // namespace

Result<NamedTable> NamedTable::load(const std::string &name) {
  NamedTable result;
  if (name == "llvm" || name.compare(0, 5, "llvm:") == 0) {
    Result<LLVMModel> model = LLVMModel::create(name == "llvm" ? "" : name.substr(5));
    if (!model)
      return model.takeError();
    result.figures = model->emptyTable();
    result.isModel = true;
    result.model = std::move(*model);
    return result;
  }
  if (name == "host") {
    Result<Table> table = loadTable(thisCPU());
    if (!table)
      return table.takeError();
    result.figures = std::move(*table);
    return result;
  }
  Result<std::string> text = readText(name);
  if (!text)
    return text.takeError();
  Result<Table> table = parseTable(*text);
  if (!table)
    return Error{fmt::format("{}: {}", name, table.message())};
  result.figures = std::move(*table);
  return result;
}

Result<std::vector<std::string>> NamedTable::fillGaps(const std::vector<Instruction> &code, const uint8_t *bytes) {
  std::vector<std::string> missing;
  for (const Instruction &instruction : code) {
    if (figures.find(instruction.form))
      continue;
    if (!model) {
      Result<LLVMModel> made = LLVMModel::create();
      if (!made)
        return Error{fmt::format("the table '{}' has no figure for `{}`, and {}", figures.name, instruction.form, made.message())};
      model = std::move(*made);
    }
    Result<Figure> figure = model->figure(bytes + instruction.offset, instruction.length);
    if (!figure)
      return figure.takeError();
    if (!isModel) {
      std::optional<uint32_t> port = figures.findResource(unknownPort);
      if (!port) {
        port = uint32_t(figures.resources.size());
        figures.resources.push_back({std::string(unknownPort), 1});
      }
      figure->uses = {{*port, figure->throughput}};
      missing.push_back(instruction.form);
    }
    figures.forms.emplace(instruction.form, std::move(*figure));
  }
  return missing;
}

} // namespace vtpu::host
