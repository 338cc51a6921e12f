//===- Ports.cpp - What each host instruction costs -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "vtpu/Generator/Templates.h"

#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace vtpu::mca {

using nlohmann::json;

namespace {
/// Every form of host instruction in the templates of all rows of the instruction table, with one example's bytes.
Result<std::map<std::string, std::vector<uint8_t>>> findForms() {
  std::map<std::string, std::vector<uint8_t>> forms;
  gen::Random random(1);
  for (const isa::InstrInfo *info = isa::begin(); info != isa::end(); ++info)
    for (rt::AccessProof proof : {rt::AccessProof::proven, rt::AccessProof::checked}) {
      const gen::TemplateProgram all = gen::templateProgram(gen::templateWords(*info, random), proof);
      const Result<rt::EmittedCode> code = rt::emitForDisplay(all.program, all.facts);
      if (!code)
        return Error{code.message()};
      const Result<std::vector<host::Instruction>> decoded = host::decode(code->bytes.data(), code->codeEnd);
      if (!decoded)
        return Error{decoded.message()};
      for (const host::Instruction &instruction : *decoded) {
        const auto begin = code->bytes.begin() + instruction.offset;
        forms.try_emplace(instruction.form, begin, begin + instruction.length);
      }
    }
  return forms;
}
} // namespace

Status printPorts(const host::Table &table, const host::LLVMModel &model, bool asJSON) {
  const Result<std::map<std::string, std::vector<uint8_t>>> forms = findForms();
  if (!forms)
    return Error{forms.message()};
  json rows = json::array();
  if (!asJSON)
    fmt::print("{} against LLVM's model of {}: cycles each of independent ones, and latency; -: no figure\n\n"
               "{:<40} {:>9} {:>9} {:>7}  {:>9} {:>9} {:>7}\n",
               table.name, model.cpu(), "Form", "measured", "LLVM", "ratio", "latency", "LLVM", "ratio");
  auto text = [](bool known, double value, const char *format) { return known ? fmt::format(fmt::runtime(format), value) : std::string("-"); };
  for (const auto &[form, bytes] : *forms) {
    const host::Figure *ours = table.find(form);
    const Result<host::Figure> theirs = model.figure(bytes.data(), bytes.size());
    const bool both = ours && theirs;
    const double ratio = both && ours->throughput > 0 ? theirs->throughput / ours->throughput : 0;
    const double latencyRatio = both && ours->latency > 0 ? theirs->latency / ours->latency : 0;
    if (!asJSON) {
      fmt::print("{:<40} {:>9} {:>9} {:>7}  {:>9} {:>9} {:>7}\n", form, text(ours, ours ? ours->throughput : 0, "{:.3f}"),
                 text(theirs.ok(), theirs ? theirs->throughput : 0, "{:.3f}"), text(ratio > 0, ratio, "{:.2f}"),
                 text(ours, ours ? ours->latency : 0, "{:.2f}"), text(theirs.ok(), theirs ? theirs->latency : 0, "{:.2f}"),
                 text(latencyRatio > 0, latencyRatio, "{:.2f}"));
      continue;
    }
    auto side = [](const host::Figure *figure) {
      return figure ? json{{"throughput", figure->throughput}, {"latency", figure->latency}, {"uops", figure->uops}} : json();
    };
    rows.push_back({{"form", form},
                    {"table", side(ours)},
                    {"origin", !ours ? json() : json(ours->origin == host::Origin::measured ? "measured" : "model")},
                    {"llvm", side(theirs ? &*theirs : nullptr)},
                    {"throughput_ratio", ratio > 0 ? json(ratio) : json()},
                    {"latency_ratio", latencyRatio > 0 ? json(latencyRatio) : json()}});
  }
  if (asJSON)
    fmt::print("{}\n", json{{"table", table.name}, {"llvm", model.cpu()}, {"forms", rows}}.dump(1));
  return {};
}

} // namespace vtpu::mca
