//===- PortTable.cpp - Reading port tables ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/PortTable.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vtpu::sched {

using nlohmann::json;

namespace {
/// Name and text of the checked-in tables, in the order of names.
constexpr std::pair<std::string_view, std::string_view> checkedIn[] = {
#include "PortTables.inc"
};

constexpr std::string_view lengthNames[] = {"128", "256", "512"};
constexpr double largest = 1e6; // cycles; keeps sums of work in range

/// A number of cycles in the table's text; nothing if it is none.
std::optional<Work> readWork(const json &value) {
  if (!value.is_number())
    return std::nullopt;
  const double cycles = value.get<double>();
  if (!(cycles > 0 && cycles <= largest))
    return std::nullopt;
  return std::max<Work>(1, Work(std::lround(cycles * oneCycle)));
}

class TableReader {
public:
  Result<PortTable> read(std::string_view text) {
    const json j = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!j.is_object())
      return Error{"port table: the text is no JSON object"};
    for (auto [key, target] : {std::pair("name", &table.name), std::pair("cpu", &table.cpu), std::pair("source", &table.source)}) {
      if (!j.contains(key) || !j[key].is_string())
        return Error{fmt::format("port table: '{}' must be a text", key)};
      *target = j[key].get<std::string>();
    }
    auto fail = [&](std::string what) { return Error{fmt::format("port table '{}': {}", table.name, what)}; };
    if (!j.contains("window") || !j["window"].is_number_unsigned() || j["window"] < 1 || j["window"] > 65536)
      return fail("'window' must be a number of operations from 1 to 65536");
    table.window = j["window"].get<uint32_t>();
    if (!j.contains("ports") || !j["ports"].is_object() || !j["ports"].contains("issue"))
      return fail("'ports' must give the cycles of work a cycle of each port, among them 'issue'");
    // The front end first, whatever its place in the text.
    table.ports.push_back({"issue", 0});
    for (const auto &[name, capacity] : j["ports"].items()) {
      const std::optional<Work> work = readWork(capacity);
      if (!work)
        return fail(fmt::format("port '{}' has the capacity {}; expected a number above 0", name, capacity.dump()));
      if (name == "issue")
        table.ports.front().capacity = *work;
      else
        table.ports.push_back({name, *work});
    }
    if (!j.contains("classes") || !j["classes"].is_object())
      return fail("'classes' must give a row for each port class");
    const json &classes = j["classes"];
    for (unsigned c = 0; c < isa::numPortClasses; ++c) {
      const std::string name(isa::portName(isa::PortClass(c)));
      if (!classes.contains(name))
        return fail(fmt::format("the port class '{}' has no row", name));
    }
    for (const auto &[key, value] : classes.items()) {
      const size_t dot = key.find('.');
      const std::string name = key.substr(0, dot);
      unsigned c = 0;
      while (c < isa::numPortClasses && isa::portName(isa::PortClass(c)) != name)
        ++c;
      const auto length = dot == std::string::npos ? std::end(lengthNames) : std::find(lengthNames, std::end(lengthNames), key.substr(dot + 1));
      if (c == isa::numPortClasses || (dot != std::string::npos && length == std::end(lengthNames)))
        return fail(fmt::format("row '{}' is no port class of the instruction table, alone or with '.128', '.256' or '.512'", key));
      Result<PortRow> row = readRow(value);
      if (!row)
        return fail(fmt::format("row '{}': {}", key, row.message()));
      // JSON objects are sorted: the plain row of a class precedes those of its lengths.
      if (length != std::end(lengthNames))
        table.rows[c][size_t(length - lengthNames)] = *row;
      else
        table.rows[c].fill(*row);
    }
    return std::move(table);
  }

private:
  PortTable table;

  Result<PortRow> readRow(const json &value) {
    PortRow row;
    if (!value.is_object() || !value.contains("latency") || !value["latency"].is_number_unsigned() || value["latency"] > largest)
      return Error{"'latency' must be a number of cycles"};
    row.latency = value["latency"].get<uint32_t>();
    if (!value.contains("uses") || !value["uses"].is_object() || !value["uses"].contains("issue"))
      return Error{"'uses' must give the cycles on each port, among them 'issue'"};
    for (const auto &[name, cycles] : value["uses"].items()) {
      const auto port = std::find_if(table.ports.begin(), table.ports.end(), [&](const Port &p) { return p.name == name; });
      if (port == table.ports.end())
        return Error{fmt::format("there is no port '{}'", name)};
      const std::optional<Work> work = readWork(cycles);
      if (!work)
        return Error{fmt::format("port '{}' is used for {}; expected a number above 0", name, cycles.dump())};
      row.uses.push_back({uint32_t(port - table.ports.begin()), *work});
    }
    return row;
  }
};
} // namespace

Result<PortTable> parsePortTable(std::string_view text) { return TableReader().read(text); }

std::string listPortTables() {
  std::string names;
  for (const auto &[name, text] : checkedIn)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  return names;
}

Result<const PortTable *> findPortTable(std::string_view name) {
  // Parsed once; the unit tests read every checked-in table.
  static const std::vector<PortTable> tables = [] {
    std::vector<PortTable> all;
    for (const auto &[known, text] : checkedIn)
      if (Result<PortTable> table = parsePortTable(text))
        all.push_back(std::move(*table));
    return all;
  }();
  for (const PortTable &table : tables)
    if (table.name == name)
      return &table;
  return Error{fmt::format("unknown port table '{}'; known are {}", name, listPortTables())};
}

} // namespace vtpu::sched
