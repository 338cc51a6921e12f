//===- Subject.cpp - The program that a mode looks at -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subject.h"

#include "../vtpu-run/Tensor.h"
#include "Synthetic.h"

namespace vtpu::tools {

using nlohmann::ordered_json;

void registerTraceOptions(Options &options, TraceArguments &arguments) {
  options.value("entry", "NAME", arguments.entry, "entry that runs (default: the first)");
  options.value("caches", "LIST", arguments.caches, "NAME:BYTES:WAYS:LINE[:CYCLES],... (default: this machine's)");
  options.list("input", "TENSOR", arguments.inputs, "input as for vtpu-run, repeatable (default: random)");
  options.value("parameters", "FILE", arguments.parameters, "safetensors file (default: filled as inputs are)");
  options.list("move", "NAME:BYTES", arguments.moves, "move a binding from its page's start, repeatable");
  options.number("limit", "WORDS", arguments.limit, 1, uint64_t(1) << 28, "most executed words (default 4000000)");
  options.number("seed", "N", arguments.seed, 0, UINT32_MAX, "of the inputs' contents (default 1)");
  options.real("least", "PERCENT", arguments.least, "of the memory cycles that make a finding (default 5)");
  options.real("alias-cycles", "N", arguments.aliasCycles, "cycles of a 4K alias, 0 if it is free (default 7)");
  options.value("layouts", "LIST", arguments.layouts, "row-major, blocked-AxB, morton, hilbert (default: all)");
}

Result<analysis::Caches> readCaches(const TraceArguments &arguments) {
  if (arguments.caches.empty())
    return analysis::detectCaches();
  Result<analysis::Caches> caches = analysis::parseCaches(arguments.caches);
  if (!caches)
    return Error{fmt::format("--caches: {}", caches.message())};
  return caches;
}

Result<std::vector<std::vector<uint8_t>>> readInputs(const TraceArguments &arguments) {
  std::vector<std::vector<uint8_t>> inputs;
  std::map<std::string, long> offsets;
  for (const std::string &text : arguments.inputs) {
    Result<run::Tensor> tensor = run::readTensor(text, offsets);
    if (!tensor)
      return Error{fmt::format("--input={}: {}", text, tensor.message())};
    inputs.push_back(std::move(tensor->bytes));
  }
  return inputs;
}

Result<analysis::Trace> recordRun(const Program &program, const TraceArguments &arguments, bool accesses) {
  analysis::TraceOptions options;
  options.accesses = accesses;
  options.entry = arguments.entry;
  options.limit = arguments.limit;
  options.parameters = arguments.parameters;
  Result<std::vector<std::vector<uint8_t>>> inputs = readInputs(arguments);
  if (!inputs)
    return inputs.takeError();
  options.inputs = std::move(*inputs);
  for (const std::string &text : arguments.moves) {
    const size_t colon = text.rfind(':');
    char *end = nullptr;
    const uint64_t bytes = colon == std::string::npos ? 0 : std::strtoull(text.c_str() + colon + 1, &end, 10);
    if (!end || *end || end == text.c_str() + colon + 1 || text[colon + 1] == '-' || bytes > 1 << 30)
      return Error{fmt::format("--move={}: expected NAME:BYTES with bytes from 0 to {}", text, 1 << 30)};
    options.displacements[text.substr(0, colon)] = bytes;
  }
  std::mt19937 random{uint32_t(arguments.seed)};
  options.fill = [&](std::vector<uint8_t> &bytes, DType type) { fillRandom(bytes, vtpu_dtype(type), random); };
  return analysis::record(program, options);
}

ordered_json traceJSON(const analysis::Trace &trace, const analysis::Caches &caches) {
  ordered_json json;
  json["entry"] = trace.entry;
  json["executed_words"] = trace.executedWords;
  json["accesses"] = trace.accesses.size();
  json["cut"] = trace.cut;
  json["trap"] = trace.trap.empty() ? ordered_json(nullptr) : ordered_json(trace.trap);
  json["caches"] = ordered_json::array();
  for (const host::Cache &cache : caches)
    json["caches"].push_back(
        {{"name", cache.name}, {"bytes", cache.bytes}, {"ways", cache.ways}, {"line", cache.line}, {"latency", cache.latency}});
  return json;
}

ordered_json siteJSON(const analysis::Trace &trace, uint32_t index) {
  const analysis::Site &site = trace.sites[index];
  return {{"word", site.place},
          {"location", site.location},
          {"slot", site.text},
          {"binding", site.binding},
          {"object", trace.objects[site.object].name}};
}

std::string siteText(const analysis::Trace &trace, uint32_t site) {
  const std::string text = describe(trace.sites[site]);
  return text.substr(std::string("word ").size());
}

void printTrace(const analysis::Trace &trace, const analysis::Caches &caches) {
  fmt::print("entry {}: {} words executed, {} accesses{}\n", trace.entry, trace.executedWords, trace.accesses.size(),
             trace.cut ? "; the limit of words ended it, what ran is analysed (--limit)" : "");
  if (!trace.trap.empty())
    fmt::print("it ended in a trap, what ran before is analysed: {}\n", trace.trap);
  fmt::print("caches: {}\n", analysis::printCaches(caches));
}

} // namespace vtpu::tools
