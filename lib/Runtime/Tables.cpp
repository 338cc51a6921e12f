//===- Tables.cpp - What must hold of bindings and calls --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tables.h"

#include "ValueRange.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace vtpu::rt {

namespace {
/// Tables: constants inside the read-only data, calls that pass what the callee declares.
Status checkTables(const Program &program, const Function &function) {
  bool seenLocal = false;
  // A frame holds 8 bytes a binding, and calls nest 64 deep: all frames together stay far below a thread's smallest stack.
  constexpr size_t mostBindings = 1024;
  if (!function.entry && function.bindings.size() > mostBindings)
    return Error{fmt::format("function {}: {} bindings; legal are {}", function.name, function.bindings.size(), mostBindings)};
  for (size_t i = 0; i < function.bindings.size(); ++i) {
    const Binding &binding = function.bindings[i];
    auto fail = [&](std::string text) { return Error{fmt::format("function {}, binding {} ({}): {}", function.name, i, binding.name, text)}; };
    bool entryKind = binding.kind == BindingKind::Input || binding.kind == BindingKind::Output || binding.kind == BindingKind::Parameter ||
                     binding.kind == BindingKind::Arena;
    if (binding.kind < BindingKind::Input || binding.kind > BindingKind::Stack)
      return fail(fmt::format("unknown kind {}", unsigned(binding.kind)));
    if (entryKind != function.entry && (entryKind || binding.kind == BindingKind::Import))
      return fail(function.entry ? "an entry takes no imports" : "only an entry has inputs, outputs, parameters and an arena");
    if (binding.size >= uint64_t(ValueRange::unbounded))
      return fail(fmt::format("size {} is out of range", binding.size));
    if (binding.align == 0 || (binding.align & (binding.align - 1)) || binding.align > 4096)
      return fail(fmt::format("alignment {} is not a power of two up to 4096", binding.align));
    if (binding.kind == BindingKind::Constant) {
      if (binding.offset > program.rodata.size() || binding.size > program.rodata.size() - binding.offset)
        return fail(fmt::format("bytes {}..{} are outside the read-only data of {} bytes", binding.offset, binding.offset + binding.size,
                                program.rodata.size()));
    }
    if (binding.writable && (binding.kind == BindingKind::Input || binding.kind == BindingKind::Parameter || binding.kind == BindingKind::Constant))
      return fail("a binding of this kind cannot be writable");
    if (binding.kind == BindingKind::Import && seenLocal)
      return fail("imports come before a function's own bindings");
    seenLocal |= binding.kind != BindingKind::Import;
  }
  for (size_t t = 0; t < function.callTables.size(); ++t) {
    const CallTable &table = function.callTables[t];
    auto fail = [&](std::string text) { return Error{fmt::format("function {}, call table {}: {}", function.name, t, text)}; };
    if (table.callee >= program.functions.size())
      return fail(fmt::format("callee {} does not exist; the program has {} functions", table.callee, program.functions.size()));
    const Function &callee = program.functions[table.callee];
    if (callee.entry)
      return fail(fmt::format("callee {} is an entry; only kernels are called", callee.name));
    size_t imports = size_t(std::count_if(callee.bindings.begin(), callee.bindings.end(),
                                          [](const Binding &b) { return b.kind == BindingKind::Import; }));
    if (table.arguments.size() != imports)
      return fail(fmt::format("{} arguments for {}, which imports {}", table.arguments.size(), callee.name, imports));
    for (size_t i = 0; i < imports; ++i) {
      const CallArgument &argument = table.arguments[i];
      const Binding &import = callee.bindings[i];
      if (argument.index >= function.bindings.size())
        return fail(fmt::format("argument {} names binding {}, but the function has {}", i, argument.index, function.bindings.size()));
      const Binding &source = function.bindings[argument.index];
      if (argument.offset > source.size || import.size > source.size - argument.offset)
        return fail(fmt::format("argument {} passes {} bytes at offset {} of {} ({} bytes); {} needs {}", i,
                                source.size - std::min(source.size, argument.offset), argument.offset, source.name, source.size, callee.name,
                                import.size));
      if (import.writable && !source.writable)
        return fail(fmt::format("argument {} is written by {}, but {} is not writable", i, callee.name, source.name));
    }
  }
  return {};
}

Status checkCalls(const Program &program) {
  enum Colour : uint8_t { white, grey, black };
  std::vector<Colour> colour(program.functions.size(), white);
  constexpr unsigned deepest = 64;
  // Depth-first with an explicit stack: a hostile file must not exhaust ours.
  for (uint32_t root = 0; root < program.functions.size(); ++root) {
    std::vector<std::pair<uint32_t, size_t>> path = {{root, 0}};
    if (colour[root] != white)
      continue;
    colour[root] = grey;
    while (!path.empty()) {
      auto &[f, next] = path.back();
      if (path.size() > deepest)
        return Error{fmt::format("function {}: calls are nested deeper than {}", program.functions[f].name, deepest)};
      if (next == program.functions[f].callTables.size()) {
        colour[f] = black;
        path.pop_back();
        continue;
      }
      uint32_t callee = program.functions[f].callTables[next++].callee;
      if (colour[callee] == grey)
        return Error{fmt::format("function {} calls itself through {}; recursion has no static frame", program.functions[callee].name,
                                 program.functions[f].name)};
      if (colour[callee] == white) {
        colour[callee] = grey;
        path.push_back({callee, 0});
      }
    }
  }
  return {};
}
} // namespace

Status checkTables(const Program &program) {
  for (const Function &function : program.functions)
    if (Status status = checkTables(program, function); !status)
      return status;
  if (Status status = checkCalls(program); !status)
    return status;
  // One allocation holds the stacks of all functions for each sentron.
  uint64_t stacks = 0;
  for (const Function &function : program.functions)
    for (const Binding &binding : function.bindings)
      if (binding.kind == BindingKind::Stack && (stacks += binding.size) >= uint64_t(ValueRange::unbounded))
        return Error{fmt::format("function {}: the stacks of all functions together take more than 2^48 bytes", function.name)};
  return {};
}

} // namespace vtpu::rt
