//===- Profile.cpp - vtpu-mca --profile -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Runner.h"
#include "Subject.h"

#include <algorithm>
#include <numeric>

namespace vtpu::tools {

Profile::Share Profile::shareOf(const host::Region &region) const {
  Taken inside;
  for (auto at = byWord.lower_bound({region.function, region.first}); at != byWord.upper_bound({region.function, region.last}); ++at) {
    inside.samples += at->second.samples;
    inside.rates += at->second.rates;
  }
  if (!samples.all())
    return {};
  return {inside.samples / double(samples.all()), inside.rates / samples.rates};
}

uint64_t Profile::newBytes(const host::Region &region) const {
  const std::vector<uint64_t> &lines = firstTouches[region.function];
  return 64 * std::accumulate(lines.begin() + region.first, lines.begin() + region.last + 1, uint64_t(0));
}

uint64_t Profile::newBytes() const {
  uint64_t lines = 0;
  for (const std::vector<uint64_t> &function : firstTouches)
    lines = std::accumulate(function.begin(), function.end(), lines);
  return 64 * lines;
}

Result<Profile> profileCalls(const Program &program, const std::vector<rt::FunctionFacts> &facts, const TraceArguments &arguments, double seconds) {
  const Result<rt::EmittedCode> emitted = rt::emitForDisplay(program, facts);
  if (!emitted)
    return Error{emitted.message()};
  Result<std::vector<std::vector<uint8_t>>> inputs = readInputs(arguments);
  if (!inputs)
    return inputs.takeError();
  Runner runner;
  if (Status status = runner.load(program, {arguments.entry, arguments.parameters, std::move(*inputs), arguments.seed}); !status)
    return Error{status.message()};
  const rt::RunningCode code = rt::runningCode(runner.get());
  if (!code.data)
    return Error{"this CPU does not run the template JIT, whose code is sampled"};
  if (code.bytes != emitted->bytes.size())
    return Error{fmt::format("the program runs {} bytes of code, {} were emitted to look at", code.bytes, emitted->bytes.size())};
  Result<analysis::Samples> samples = analysis::sampleCalls(code.data, code.bytes, seconds, [&] { return runner.call(); });
  if (!samples)
    return samples.takeError();
  TraceArguments counting = arguments;
  counting.limit = UINT64_MAX;
  Result<analysis::Trace> trace = recordRun(program, counting, false);
  if (!trace)
    return trace.takeError();
  Profile profile{runner.entryName(), std::move(*samples), std::move(trace->executions), std::move(trace->firstTouches), {}};
  // Words in the order of their code: functions stand behind each other.
  std::vector<std::pair<uint32_t, std::pair<uint32_t, uint32_t>>> starts; // offset; function and word
  for (uint32_t f = 0; f < emitted->wordOffsets.size(); ++f)
    for (uint32_t w = 0; w < emitted->wordOffsets[f].size(); ++w) // the last one stands for what is behind the words
      starts.push_back({emitted->wordOffsets[f][w], {f, w}});
  std::sort(starts.begin(), starts.end());
  for (const analysis::Sample &sample : profile.samples.inside) {
    auto at = std::upper_bound(starts.begin(), starts.end(), sample.offset, [](uint32_t o, const auto &start) { return o < start.first; });
    if (at == starts.begin())
      continue;
    Profile::Taken &taken = profile.byWord[std::prev(at)->second];
    ++taken.samples;
    taken.rates += double(sample.rate);
  }
  return profile;
}

} // namespace vtpu::tools
