//===- PortTable.cpp - Reading port tables ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Scheduling/PortTable.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

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

constexpr std::string_view maskNames[] = {"", " merging", " zeroing"};
unsigned maskOf(const isa::Slot &slot) { return !slot.mask ? 0 : slot.zeroing ? 2 : 1; }

/// The form of a name; nothing if no instruction has it.
std::optional<uint32_t> parseForm(std::string_view name) {
  isa::Slot slot;
  for (unsigned mask : {1u, 2u})
    if (const std::string_view suffix = maskNames[mask]; name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix) {
      slot.mask = 1;
      slot.zeroing = mask == 2;
      name.remove_suffix(suffix.size());
    }
  size_t dot = name.find('.');
  const isa::InstrInfo *info = isa::lookup(name.substr(0, dot));
  if (!info)
    return std::nullopt;
  bool hasLength = false;
  while (dot != name.npos) {
    name.remove_prefix(dot + 1);
    dot = name.find('.');
    const std::string_view part = name.substr(0, dot);
    const auto length = std::find(std::begin(lengthNames), std::end(lengthNames), part);
    const isa::Type type = isa::parseType(part);
    if (length != std::end(lengthNames) && !hasLength) {
      slot.length = isa::Length(length - std::begin(lengthNames));
      hasLength = true;
    } else if (type != isa::Type::none && !hasLength && (slot.type == isa::Type::none || slot.memType == isa::Type::none)) {
      // Instructions with a type of memory alone have it first.
      (slot.type == isa::Type::none && info->types ? slot.type : slot.memType) = type;
    } else {
      return std::nullopt;
    }
  }
  if (hasLength != info->hasLength || (slot.mask && !info->maskable))
    return std::nullopt;
  return formKey(*info, slot);
}

class TableReader {
public:
  Result<PortTable> read(std::string_view text) {
    json j;
    try {
      j = json::parse(text);
    } catch (const json::parse_error &error) {
      const std::string_view before = text.substr(0, error.byte ? error.byte - 1 : 0);
      return Error{fmt::format("port table: the text is no JSON from line {}, column {} on", std::count(before.begin(), before.end(), '\n') + 1,
                               before.size() - (before.rfind('\n') + 1) + 1)};
    }
    if (!j.is_object())
      return Error{"port table: the text is no JSON object"};
    for (auto [key, target] : {std::pair("name", &table.name), std::pair("cpu", &table.cpu), std::pair("source", &table.source)}) {
      if (!j.contains(key) || !j[key].is_string())
        return Error{fmt::format("port table: '{}' must be a text", key)};
      *target = j[key].get<std::string>();
    }
    auto fail = [&](std::string what) { return Error{fmt::format("port table '{}': {}", table.name, what)}; };
    for (const auto &[key, value] : j.items())
      if (constexpr std::string_view known[] = {"name", "cpu", "source", "window", "ports", "classes", "forms"};
          std::find(std::begin(known), std::end(known), key) == std::end(known))
        return fail(fmt::format("'{}' is unknown; a table has {}", key, fmt::join(known, ", ")));
    if (!j.contains("window") || !j["window"].is_number_unsigned() || j["window"] < 1 || j["window"] > 65536)
      return fail(fmt::format("'window' {}; expected a number of operations from 1 to 65536", found(j, "window")));
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
    static const json none = json::object();
    const json &forms = j.contains("forms") ? j["forms"] : none;
    if (!forms.is_object())
      return fail("'forms' must give rows by form");
    for (const auto &[key, value] : forms.items()) {
      const std::optional<uint32_t> form = parseForm(key);
      if (!form)
        return fail(fmt::format("row '{}' is no form of an instruction, as 'dadd.f32.512 merging' is one", key));
      Result<PortRow> row = readRow(value);
      if (!row)
        return fail(fmt::format("row '{}': {}", key, row.message()));
      table.formRows[*form] = *row;
    }
    return std::move(table);
  }

private:
  PortTable table;

  /// What stands in the place of a figure, for messages.
  static std::string found(const json &object, const char *key) { return object.contains(key) ? "is " + object[key].dump() : "is missing"; }
  std::string portNames() const {
    std::string names;
    for (const Port &port : table.ports)
      names += (names.empty() ? "" : ", ") + port.name;
    return names;
  }

  Result<PortRow> readRow(const json &value) {
    PortRow row;
    if (!value.is_object())
      return Error{fmt::format("expected 'latency' and 'uses', found {}", value.dump())};
    for (const auto &[key, figure] : value.items())
      if (key != "latency" && key != "uses")
        return Error{fmt::format("'{}' is unknown; a row has latency, uses", key)};
    if (!value.contains("latency") || !value["latency"].is_number_unsigned() || value["latency"] > largest)
      return Error{fmt::format("'latency' {}; expected a whole number of cycles from 0 to {:.0f}", found(value, "latency"), largest)};
    row.latency = value["latency"].get<uint32_t>();
    if (!value.contains("uses") || !value["uses"].is_object() || !value["uses"].contains("issue"))
      return Error{"'uses' must give the cycles on each port, among them 'issue'"};
    for (const auto &[name, cycles] : value["uses"].items()) {
      const auto port = std::find_if(table.ports.begin(), table.ports.end(), [&](const Port &p) { return p.name == name; });
      if (port == table.ports.end())
        return Error{fmt::format("there is no port '{}'; there are {}", name, portNames())};
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

const PortRow &PortTable::row(const isa::InstrInfo &info, const isa::Slot &slot) const {
  if (!formRows.empty())
    if (const auto found = formRows.find(formKey(info, slot)); found != formRows.end())
      return found->second;
  return row(info.port, slot.length);
}

uint32_t formKey(const isa::InstrInfo &info, const isa::Slot &slot) {
  return unsigned(info.pipe) | unsigned(info.opcode) << 2 | unsigned(slot.type) << 10 | unsigned(slot.memType) << 14 |
         (info.hasLength ? unsigned(slot.length) : 0) << 18 | maskOf(slot) << 20;
}

std::string formName(const isa::InstrInfo &info, const isa::Slot &slot) {
  std::string name(info.mnemonic);
  for (isa::Type type : {slot.type, slot.memType})
    if (type != isa::Type::none)
      name += fmt::format(".{}", isa::typeName(type));
  if (info.hasLength)
    name += fmt::format(".{}", lengthNames[unsigned(slot.length)]);
  return name + std::string(maskNames[maskOf(slot)]);
}

namespace {
std::string rowText(const PortTable &table, const PortRow &row) {
  std::string uses;
  for (const PortUse &use : row.uses)
    uses += fmt::format("{}{}: {}", uses.empty() ? "" : ", ", json(table.ports[use.port].name).dump(), double(use.work) / oneCycle);
  return fmt::format("{{\"latency\": {}, \"uses\": {{{}}}}}", row.latency, uses);
}

/// The name of a form's key.
std::string formName(uint32_t key) {
  isa::Slot slot;
  slot.type = isa::Type(key >> 10 & 15);
  slot.memType = isa::Type(key >> 14 & 15);
  slot.length = isa::Length(key >> 18 & 3);
  slot.mask = key >> 20 ? 1 : 0;
  slot.zeroing = key >> 20 == 2;
  return sched::formName(*isa::lookup(isa::Pipe(key & 3), uint8_t(key >> 2 & 255)), slot);
}
} // namespace

std::string toJSON(const PortTable &table) {
  auto text = [](const std::string &value) { return json(value).dump(-1, ' ', false, json::error_handler_t::replace); };
  std::string out = fmt::format("{{\n  \"name\": {},\n  \"cpu\": {},\n  \"source\": {},\n  \"window\": {},\n  \"ports\": {{", text(table.name),
                                text(table.cpu), text(table.source), table.window);
  for (const Port &port : table.ports)
    out += fmt::format("{}{}: {}", &port == &table.ports.front() ? "" : ", ", text(port.name), double(port.capacity) / oneCycle);
  out += "},\n  \"classes\": {";
  for (unsigned c = 0; c < isa::numPortClasses; ++c)
    for (unsigned l = 0; l < 3; ++l) // the plain row of a class holds for 128 bits
      out += fmt::format("{}\n    \"{}{}\": {}", c + l ? "," : "", isa::portName(isa::PortClass(c)), l ? fmt::format(".{}", lengthNames[l]) : "",
                         rowText(table, table.rows[c][l]));
  out += "\n  },\n  \"forms\": {";
  bool first = true;
  for (const auto &[key, row] : table.formRows) {
    out += fmt::format("{}\n    \"{}\": {}", first ? "" : ",", formName(key), rowText(table, row));
    first = false;
  }
  return out + (first ? "}\n}\n" : "\n  }\n}\n");
}

namespace {
/// Tables that were read from files; programs may still point to one whose file was read again.
struct FileTables {
  std::mutex mutex;
  std::vector<std::unique_ptr<PortTable>> tables;
};
FileTables &fileTables() {
  static FileTables tables;
  return tables;
}

const std::vector<PortTable> &checkedInTables() {
  // Parsed once; the unit tests read every checked-in table.
  static const std::vector<PortTable> tables = [] {
    std::vector<PortTable> all;
    for (const auto &[known, text] : checkedIn)
      if (Result<PortTable> table = parsePortTable(text))
        all.push_back(std::move(*table));
    return all;
  }();
  return tables;
}

Result<const PortTable *> readPortTable(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return Error{fmt::format("port table '{}' cannot be read: {}", path, std::strerror(errno))};
  Result<PortTable> table = parsePortTable(text.str());
  if (!table)
    return Error{fmt::format("{}: {}", path, table.message())};
  for (const PortTable &known : checkedInTables())
    if (known.name == table->name)
      return Error{fmt::format("{}: the name '{}' is that of a checked-in port table; choose another one", path, known.name)};
  FileTables &all = fileTables();
  const std::lock_guard<std::mutex> lock(all.mutex);
  all.tables.push_back(std::make_unique<PortTable>(std::move(*table)));
  return static_cast<const PortTable *>(all.tables.back().get());
}
} // namespace

Result<const PortTable *> findPortTable(std::string_view name) {
  constexpr std::string_view extension = ".json";
  if (name.size() > extension.size() && name.substr(name.size() - extension.size()) == extension)
    return readPortTable(std::string(name));
  for (const PortTable &table : checkedInTables())
    if (table.name == name)
      return &table;
  FileTables &all = fileTables();
  const std::lock_guard<std::mutex> lock(all.mutex);
  for (auto table = all.tables.rbegin(); table != all.tables.rend(); ++table) // the latest
    if ((*table)->name == name)
      return static_cast<const PortTable *>(table->get());
  return Error{fmt::format("unknown port table '{}'; known are {}, 'host' after 'vtpu calibrate', and any FILE.json", name, listPortTables())};
}

} // namespace vtpu::sched
