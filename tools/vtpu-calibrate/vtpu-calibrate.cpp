//===- vtpu-calibrate.cpp - Measuring this machine --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Measures what the host instructions of the template JIT cost on this machine, once, and derives the port table `host`. Manual:
// docs/Scheduling.md.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "Progress.h"
#include "vtpu/Host/Cache.h"
#include "vtpu/Host/Calibrate.h"
#include "vtpu/Host/LLVMModel.h"
#include "vtpu/Host/PortTables.h"

#include <chrono>
#include <fstream>
#include <memory>

using namespace vtpu;
using namespace vtpu::host;

namespace {
/// Warnings of one kind can be hundreds; the file tells of each form where its figures are from.
constexpr size_t shownWarnings = 8;

void warn(const std::vector<std::string> &warnings) {
  for (size_t i = 0; i < std::min(warnings.size(), shownWarnings); ++i)
    fmt::print(stderr, "vtpu-calibrate: warning: {}\n", warnings[i]);
  if (warnings.size() > shownWarnings)
    fmt::print(stderr, "vtpu-calibrate: warning: {} more like these; run again when the machine is idle\n", warnings.size() - shownWarnings);
}

void summarize(const Table &table) {
  fmt::print("{} (family {}, model {}, stepping {}, microcode {})\n", table.cpu.brand, table.cpu.family, table.cpu.model, table.cpu.stepping,
             table.cpu.microcode);
  fmt::print("issue width {:g}, window {}, {:g} GHz, {} forms, {} resources{}\n", table.issueWidth, table.window, table.clock, table.forms.size(),
             table.resources.size(), table.disturbed ? ", disturbed" : "");
  for (const Cache &cache : table.caches)
    fmt::print("{:<7} {:>8} latency {:6.1f} cycles, {:6.1f} bytes loaded and {:6.1f} stored a cycle\n", cache.name,
               cache.bytes ? fmt::format("{} KiB", cache.bytes >> 10) : "", cache.latency, cache.loadBytes, cache.storeBytes);
  for (const std::string &note : table.notes)
    fmt::print("{}\n", note);
}

/// LLVM's model of a processor; of one that it does not know, a plain one with AVX-512, which is told.
Result<LLVMModel> findModel(const std::string &cpu, std::vector<std::string> &warnings) {
  Result<LLVMModel> model = LLVMModel::create(cpu);
  if (model || !cpu.empty())
    return model;
  warnings.push_back(fmt::format("{}; skylake-avx512 stands in", model.message()));
  return LLVMModel::create("skylake-avx512");
}

/// What LLVM says about the forms, where none can be timed.
Table modelTable(const LLVMModel &model, const CPU &cpu, const std::map<std::string, Example> &forms) {
  Table table = model.emptyTable();
  table.cpu = cpu;
  for (const auto &[form, example] : forms)
    if (Result<Figure> figure = model.figure(example.bytes.data(), example.bytes.size()))
      table.forms[form] = *figure;
  table.notes.push_back(fmt::format("nothing was measured: all figures are LLVM's for {}", model.cpu()));
  return table;
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-calibrate", "[options]",
                         "Measures what host instructions cost on this machine, once, for --port-table=host.");
  bool force = false, modelOnly = false;
  std::string output, modelName;
  options.flag("force,f", force, "measure although this machine has been measured");
  options.flag("no-measure", modelOnly, "take all figures from LLVM");
  options.value("output,o", "FILE.json", output, "write the table there instead of into the cache");
  options.value("model", "CPU", modelName, "processor whose LLVM model stands in (default: this one)");
  std::vector<std::string> positional;
  options.parse(argc, argv, positional);
  if (!positional.empty())
    options.fail(fmt::format("unexpected argument '{}'; see vtpu-calibrate --help", positional[0]));

  if (!modelName.empty())
    if (Result<LLVMModel> named = LLVMModel::create(modelName); !named)
      options.fail(named.message());

  const CPU cpu = thisCPU();
  Result<std::string> path = output.empty() ? tablePath(cpu) : Result<std::string>(output);
  Result<std::string> ports = output.empty() ? portTablePath(cpu) : Result<std::string>("");
  if (!path)
    options.fail(path.message() + "; set one, or use --output=FILE.json");
  if (output.empty() && !force) {
    const auto began = std::chrono::steady_clock::now();
    Result<Table> kept = loadTable(cpu);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    if (kept && std::ifstream(*ports).get() == '{') { // only passes read what stands in it, and say what is wrong
      summarize(*kept);
      fmt::print("read in {:.2f} ms\nkept in {}; --force measures again\n", took.count(), *path);
      return tools::exitGood;
    }
    if (!kept && readText(*path))
      warn({kept.message().substr(0, kept.message().rfind(';')) + "; measuring again"});
  }

  std::vector<std::string> warnings;
  Result<LLVMModel> model = findModel(modelName, warnings);
  if (!model)
    options.fail(model.message());
  Result<std::map<std::string, Example>> forms = findHostForms();
  if (!forms)
    options.fail(forms.message(), tools::exitInternal);
  Table table;
  Result<std::unique_ptr<Measurer>> measurer = modelOnly ? Result<std::unique_ptr<Measurer>>(Error{""}) : createNativeMeasurer();
  if (!measurer) {
    if (!modelOnly)
      warnings.push_back(measurer.message() + "; all figures are LLVM's");
    table = modelTable(*model, cpu, *forms);
  } else {
    Prior prior{"LLVM's model of " + model->cpu(), model->emptyTable().window, [&](const Example &example) -> std::optional<Figure> {
                  Result<Figure> figure = model->figure(example.bytes.data(), example.bytes.size());
                  return figure ? std::optional(*figure) : std::nullopt;
                }};
    tools::Progress progress("calibrating");
    Result<Calibration> calibration =
        calibrate(cpu, *forms, **measurer, prior, [&](std::string_view stage) { progress.enter(fmt::format("calibrating {}", stage)); });
    if (!calibration)
      options.fail(calibration.message(), tools::exitInternal);
    table = std::move(calibration->table);
    warnings.insert(warnings.end(), calibration->warnings.begin(), calibration->warnings.end());
  }
  table.name = cpuName(cpu);
  if (Status status = writeText(*path, toJSON(table)); !status)
    options.fail(status.message() + (output.empty() ? "; set XDG_CACHE_HOME, or use --output=FILE.json" : ""));
  if (output.empty()) {
    Result<sched::PortTable> derived = derivePortTable(table, table.name);
    if (!derived)
      options.fail(derived.message(), tools::exitInternal);
    if (Status status = writeText(*ports, sched::toJSON(*derived)); !status)
      options.fail(status.message());
  }
  summarize(table);
  fmt::print("written to {}\n", *path);
  warn(warnings);
  return tools::exitGood;
}
