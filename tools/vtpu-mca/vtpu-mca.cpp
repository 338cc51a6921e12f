//===- vtpu-mca.cpp - How fast words run, and why ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Predicts what the template JIT's code for the loops of a program takes on a host, from a table of what host instructions cost.
// Manual: docs/Analysis.md.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Report.h"
#include "Subject.h"

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Host/LoopTimer.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace vtpu;
using namespace vtpu::mca;
using nlohmann::json;

namespace {
struct Settings {
  std::vector<std::string> functions;
  std::string range, table, views = "summary,slots,bottleneck,pressure,instructions,chain", exportFile;
  uint64_t timelineRounds = 3;
  double profile = 0; // seconds
  bool json = false, ports = false, loopsOnly = false, timeline = false, listing = false, all = false, llvm = false, measure = false;
};

/// Of the time of calls: what takes less is not measured by itself.
constexpr double leastShare = 0.02;

/// A program from either form: the object's first bytes tell.
Result<Program> readProgram(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return Error{fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  std::string text;
  char buffer[1 << 16];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, file))
    text.append(buffer, n);
  const bool failed = std::ferror(file);
  std::fclose(file);
  if (failed)
    return Error{fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  return text.compare(0, 4, "\177ELF") == 0 ? readObjectFile(path) : parseAssembly(text, path, text.find(".location") == std::string::npos);
}

Result<std::pair<uint64_t, uint64_t>> parseRange(const std::string &text) {
  char *end = nullptr;
  const char *begin = text.c_str();
  const uint64_t first = std::strtoull(begin, &end, 10);
  if (end != begin && *end == '-' && end[1] >= '0' && end[1] <= '9' && *begin >= '0' && *begin <= '9') {
    const uint64_t last = std::strtoull(end + 1, &end, 10);
    if (!*end)
      return std::pair(first, last);
  }
  return Error{fmt::format("--range={}: expected words as FIRST-LAST", text)};
}

Result<std::vector<host::Region>> chooseRegions(const Program &program, const Settings &settings, const std::string &file) {
  std::vector<uint32_t> functions;
  for (const std::string &name : settings.functions) {
    const int found = program.find(name);
    if (found < 0)
      return Error{fmt::format("{} has no function '{}'", file, name)};
    functions.push_back(uint32_t(found));
  }
  if (!settings.range.empty()) {
    const Result<std::pair<uint64_t, uint64_t>> range = parseRange(settings.range);
    if (!range)
      return Error{range.message()};
    if (functions.empty() && program.functions.size() == 1)
      functions.push_back(0);
    if (functions.size() != 1)
      return Error{"--range needs one --function=NAME"};
    Result<host::Region> region = host::regionOf(program, functions[0], range->first, range->second);
    if (!region)
      return region.takeError();
    if (settings.loopsOnly && !region->loop)
      return Error{fmt::format("words {}-{} are no loop: the last one does not branch back to the first", range->first, range->second)};
    return std::vector<host::Region>{*region};
  }
  if (functions.empty())
    for (uint32_t f = 0; f < program.functions.size(); ++f)
      functions.push_back(f);
  std::vector<host::Region> regions;
  for (uint32_t f : functions)
    for (const host::Region &region : host::findRegions(program, f))
      if (region.loop || !settings.loopsOnly)
        regions.push_back(region);
  if (regions.empty())
    return Error{fmt::format("{} has no loop: no word branches back", settings.functions.empty() ? file : settings.functions.front())};
  return regions;
}

/// What the template JIT's code for some regions takes. Forms that the table lacks are added to `missing`.
std::vector<Report> analyseRegions(const tools::Options &options, const Program &program, const std::vector<rt::FunctionFacts> &facts,
                                   const std::vector<host::Region> &regions, host::NamedTable &table, std::set<std::string> &missing) {
  Result<rt::EmittedCode> emitted = rt::emitForDisplay(program, facts);
  if (!emitted)
    options.fail(emitted.message(), tools::exitInternal);
  std::vector<Report> reports;
  for (const host::Region &region : regions) {
    Result<host::RegionCode> code = host::codeOf(*emitted, region);
    if (!code)
      options.fail(code.message(), tools::exitInternal);
    if (code->instructions.empty()) // words that do nothing
      continue;
    Result<std::vector<std::string>> filled = table.fillGaps(code->instructions, code->bytes.data());
    if (!filled)
      options.fail(filled.message());
    missing.insert(filled->begin(), filled->end());
    Result<Report> report = analyse(program, region, std::move(*code), table.table());
    if (!report)
      options.fail(report.message());
    reports.push_back(std::move(*report));
  }
  return reports;
}

void warnOfGaps(const host::Table &table, const std::set<std::string> &missing) {
  if (!missing.empty())
    fmt::print(stderr, "vtpu-mca: the table '{}' lacks {} forms ({}); LLVM's figures stand in\n", table.name, missing.size(), *missing.begin());
}

/// Two programs beside each other.
void analysePair(const tools::Options &options, const tools::TraceArguments &arguments, host::NamedTable &table, const std::vector<std::string> &files) {
  Result<analysis::Caches> caches = tools::readCaches(arguments);
  if (!caches)
    options.fail(caches.message());
  std::set<std::string> missing;
  std::vector<Program> programs;
  tools::PairProgram pair[2];
  programs.reserve(2);
  for (size_t i = 0; i < 2; ++i) {
    Result<Program> program = readProgram(files[i]);
    if (!program)
      options.fail(program.message());
    programs.push_back(std::move(*program));
    Result<std::vector<rt::FunctionFacts>> facts = rt::verify(programs[i]);
    if (!facts)
      options.fail(fmt::format("{}: the program does not verify: {}", files[i], facts.message()));
    Result<analysis::Trace> trace = tools::recordRun(programs[i], arguments);
    if (!trace)
      options.fail(fmt::format("{}: {}", files[i], trace.message()));
    if (!trace->trap.empty() || trace->cut)
      options.fail(fmt::format("{}: a pair needs programs that return within the limit: {}", files[i],
                               trace->cut ? fmt::format("{} words ran (--limit)", trace->executedWords) : trace->trap));
    std::vector<host::Region> regions;
    for (uint32_t f = 0; f < programs[i].functions.size(); ++f)
      for (const host::Region &region : host::findRegions(programs[i], f))
        regions.push_back(region);
    pair[i] = {files[i], &programs[i], tools::demandOf(analyseRegions(options, programs[i], *facts, regions, table, missing), *trace, *caches)};
  }
  warnOfGaps(table.table(), missing);
  const std::vector<host::Cache> &known = table.table().caches;
  tools::runPairMode(options, arguments, pair, known.empty() ? 0 : known.back().loadBytes);
}

/// The host instructions of loops, as text that llvm-mca reads.
Result<std::string> exportAssembly(const std::vector<Report> &reports) {
  Result<host::LLVMModel> model = host::LLVMModel::create("x86-64"); // only writes
  if (!model)
    return model.takeError();
  std::string text;
  for (const Report &report : reports) {
    const std::string name = fmt::format("{}.{}", report.function().name, report.region.first), label = fmt::format(".L{}", text.size());
    text += fmt::format("# LLVM-MCA-BEGIN {}\n{}:\n", name, label);
    for (const host::Instruction &instruction : report.code.instructions) {
      const bool back = instruction.branch != host::Branch::none && instruction.target == report.code.address;
      Result<std::string> line = model->assembly(report.code.bytes.data() + instruction.offset, instruction.length, back ? label : "");
      if (!line)
        return line.takeError();
      text += "  " + *line + "\n";
    }
    text += "# LLVM-MCA-END\n";
  }
  return text;
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-mca", "[options] FILE", "Predicts how many host cycles the loops of a program take, and tells what bounds them.");
  Settings settings;
  std::vector<std::string> files;
  options.list("function", "NAME", settings.functions, "only this function (repeatable)");
  options.value("range", "FIRST-LAST", settings.range, "only these words of it");
  options.flag("loops", settings.loopsOnly, "loops only, no straight runs");
  options.value("table", "NAME", settings.table, "host (default, if calibrated), llvm, llvm:CPU or a file");
  options.value("views", "LIST", settings.views,
                "with commas, by name, or all: see docs/Analysis.md");
  options.flag("timeline", settings.timeline, "also the timeline");
  options.number("timeline-iterations", "N", settings.timelineRounds, 1, 1000, "iterations in the timeline (default 3)");
  options.flag("listing", settings.listing, "also each word with its host instructions");
  options.flag("all", settings.all, "all views");
  options.flag("measure", settings.measure, "also run them on this machine, with inputs of its own");
  options.real("profile", "SECONDS", settings.profile, "also where the time of calls goes, by samples");
  options.flag("llvm-mca", settings.llvm, "also what llvm-mca finds, with LLVM's model of the CPU");
  options.flag("ports", settings.ports, "instead: costs of host instructions; takes no file");
  options.flag("json", settings.json, "JSON on standard output");
  options.value("export-asm", "FILE", settings.exportFile, "write the loops' host instructions for llvm-mca");
  bool cache = false, memory = false, conflicts = false, pair = false;
  tools::TraceArguments trace;
  options.group("modes", "other modes: caches, memory, port conflicts, pairs");
  options.flag("cache", cache, "misses, set conflicts, 4K aliasing, split lines of a run");
  options.flag("memory", memory, "strides, footprint, reuse and layouts of a run");
  options.flag("conflicts", conflicts, "words that fight for ports");
  options.flag("pair", pair, "two files alone, on two cores, on SMT siblings");
  tools::registerTraceOptions(options, trace);
  options.parse(argc, argv, files);
  if (settings.ports + cache + memory + conflicts + pair > 1)
    options.fail("--ports, --cache, --memory, --conflicts and --pair are modes of their own; choose one");
  if (pair && files.size() != 2)
    options.fail("--pair compares two files");
  if (!pair && (settings.ports ? !files.empty() : files.size() != 1))
    options.fail(settings.ports ? "--ports takes no file" : "expected one file, .vtpu or assembly");
  trace.json = settings.json;
  trace.measure = settings.measure;
  Result<Views> views = parseViews(settings.all ? "all" : settings.views);
  if (!views)
    options.fail(views.message());
  if (settings.timeline)
    views->insert(View::timeline);
  if (settings.listing)
    views->insert(View::listing);
  settings.loopsOnly |= !settings.exportFile.empty();

  if (cache || memory) {
    Result<Program> program = readProgram(files[0]);
    if (!program)
      options.fail(program.message());
    (cache ? tools::runCacheMode : tools::runMemoryMode)(options, trace, *program, files[0]);
    return tools::exitGood;
  }
  const bool chosen = !settings.table.empty();
  Result<host::NamedTable> named = host::NamedTable::load(chosen ? settings.table : "host");
  if (!chosen && !named) {
    fmt::print(stderr, "vtpu-mca: {}; LLVM's model of this machine stands in\n", named.message());
    named = host::NamedTable::load("llvm");
  }
  if (!named)
    options.fail(named.message());
  const host::Table &table = named->table();
  std::optional<host::LLVMModel> llvm;
  if (settings.llvm || settings.ports) {
    Result<host::LLVMModel> model = host::LLVMModel::create(named->cpu());
    if (!model)
      options.fail(model.message());
    llvm = std::move(*model);
  }
  if (settings.ports) {
    if (Status status = printPorts(table, *llvm, settings.json); !status)
      options.fail(status.message(), tools::exitInternal);
    return tools::exitGood;
  }
  if (pair) {
    analysePair(options, trace, *named, files);
    return tools::exitGood;
  }

  Result<Program> program = readProgram(files[0]);
  if (!program)
    options.fail(program.message());
  Result<std::vector<rt::FunctionFacts>> facts = rt::verify(*program);
  if (!facts)
    options.fail(fmt::format("{}: the program does not verify: {}", files[0], facts.message()));
  Result<std::vector<host::Region>> regions = chooseRegions(*program, settings, files[0]);
  if (!regions)
    options.fail(regions.message());
  std::set<std::string> missing;
  std::vector<Report> reports = analyseRegions(options, *program, *facts, *regions, *named, missing);
  std::optional<tools::Profile> profile;
  if (settings.profile > 0) {
    Result<tools::Profile> taken = tools::profileCalls(*program, *facts, trace, settings.profile);
    if (!taken)
      options.fail(fmt::format("{}: {}", files[0], taken.message()));
    profile = std::move(*taken);
    const size_t level = table.levelOf(profile->newBytes()); // holds what a call touches
    for (Report &report : reports) {
      const tools::Profile::Share share = profile->shareOf(report.region);
      const uint64_t runs = profile->executions[report.region.function][report.region.last];
      const double each = runs ? 1 / double(runs) : 0;
      report.time = {share.time, runs, share.cycles * profile->samples.cycles * each, 0, ""};
      if (table.caches.empty())
        continue;
      const host::Cache &holds = table.caches[level];
      report.time->level = holds.name;
      if (level && holds.loadBytes > 0)
        report.time->far = double(profile->newBytes(report.region)) * each / holds.loadBytes;
    }
  }
  for (Report &report : reports) {
    if (llvm) {
      const Result<double> cycles = llvm->mcaCycles(report.code.instructions, report.code.bytes.data(), report.region.loop ? 100 : 1);
      if (!cycles)
        options.fail(cycles.message());
      report.llvm = *cycles;
    }
    if (settings.measure && report.time && report.time->share < leastShare) {
      report.notMeasured = fmt::format("it takes less than {:.0f} % of a call", 100 * leastShare);
    } else if (settings.measure) {
      const Result<double> cycles = host::timeLoop(*program, report.region);
      if (cycles)
        report.measured = *cycles;
      else
        report.notMeasured = cycles.message();
    }
  }
  warnOfGaps(table, missing);

  if (!settings.exportFile.empty()) {
    const Result<std::string> text = exportAssembly(reports);
    if (!text)
      options.fail(text.message());
    if (Status status = writeFile(text->data(), text->size(), settings.exportFile); !status)
      options.fail(status.message());
    return tools::exitGood;
  }
  if (conflicts) {
    tools::printPortConflicts(reports, table.name, settings.json);
    return tools::exitGood;
  }
  if (settings.json) {
    json all = {{"table", table.name}, {"file", files[0]}, {"regions", json::array()}};
    if (profile)
      all["call"] = {{"entry", profile->entry},
                     {"nanoseconds", profile->samples.nanoseconds},
                     {"cycles", profile->samples.cycles},
                     {"samples", profile->samples.all()},
                     {"outside", profile->samples.outside}};
    for (const Report &report : reports)
      all["regions"].push_back(toJSON(report, table, *views, uint32_t(settings.timelineRounds)));
    fmt::print("{}\n", all.dump(1));
    return tools::exitGood;
  }
  fmt::print("{}: table {}\n", files[0], table.name);
  if (profile)
    fmt::print("a call of {}: {:.1f} us, {:.0f} cycles; {} samples, {} of them outside of the words\n", profile->entry,
               profile->samples.nanoseconds / 1e3, profile->samples.cycles, profile->samples.all(), profile->samples.outside);
  for (const Report &report : reports)
    printReport(report, table, *views, uint32_t(settings.timelineRounds));
  return tools::exitGood;
}
