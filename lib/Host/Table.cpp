//===- Table.cpp - Reading and writing host tables --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace vtpu::host {

using nlohmann::json;

namespace {
/// Changes when old texts would be misread.
constexpr uint64_t formatVersion = 2;
constexpr double largest = 1e9;
constexpr std::string_view originNames[] = {"measured", "model"};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

std::string quoted(const std::string &text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

std::string number(double value) {
  const double rounded = roundFigure(value);
  return rounded == std::floor(rounded) ? fmt::format("{:.0f}", rounded) : fmt::format("{}", rounded);
}

std::string_view originName(Origin origin) { return originNames[size_t(origin)]; }

/// The lines of a list, indented, separated by commas.
template <typename List, typename Line>
std::string lines(const List &list, Line &&line) {
  std::string out;
  for (const auto &element : list)
    out += fmt::format("{}\n    {}", out.empty() ? "" : ",", line(element));
  return out + (out.empty() ? "" : "\n  ");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Reads keys of one object and remembers the first failure; `finish` refuses keys that nobody asked for.
class ObjectReader {
public:
  ObjectReader(const json &object, std::string place, std::string &failure) : object(object), place(std::move(place)), failure(failure) {
    if (!object.is_object())
      fail(fmt::format("{}: expected an object, found {}", this->place, shown(object)));
  }

  void fail(std::string message) {
    if (failure.empty())
      failure = std::move(message);
  }
  /// `forms['add r64, r64'].latency`
  std::string keyPlace(std::string_view key) const { return place.empty() ? std::string(key) : fmt::format("{}.{}", place, key); }

  const json *get(std::string_view key, bool required = true) {
    read.emplace_back(key);
    if (!object.is_object())
      return nullptr;
    const auto found = object.find(std::string(key));
    if (found != object.end())
      return &*found;
    if (required)
      fail(fmt::format("{} is missing", keyPlace(key)));
    return nullptr;
  }
  void text(std::string_view key, std::string &target) {
    const json *value = get(key);
    if (value && value->is_string())
      target = value->get<std::string>();
    else if (value)
      fail(fmt::format("{}: expected a text, found {}", keyPlace(key), shown(*value)));
  }
  void flag(std::string_view key, bool &target, bool required = true) {
    const json *value = get(key, required);
    if (value && value->is_boolean())
      target = value->get<bool>();
    else if (value)
      fail(fmt::format("{}: expected true or false, found {}", keyPlace(key), shown(*value)));
  }
  void real(std::string_view key, double &target, double low, bool required = true) {
    const json *value = get(key, required);
    if (value && value->is_number() && value->get<double>() >= low && value->get<double>() <= largest)
      target = value->get<double>();
    else if (value)
      fail(fmt::format("{}: expected a number from {} to {}, found {}", keyPlace(key), low, largest, shown(*value)));
  }
  template <typename Integer>
  void integer(std::string_view key, Integer &target, Integer low = 0) {
    const json *value = get(key);
    if (value && value->is_number_unsigned() && value->get<uint64_t>() >= low && value->get<uint64_t>() <= std::numeric_limits<Integer>::max())
      target = value->get<Integer>();
    else if (value)
      fail(fmt::format("{}: expected a whole number from {} to {}, found {}", keyPlace(key), low, std::numeric_limits<Integer>::max(),
                       shown(*value)));
  }
  void origin(std::string_view key, Origin &target) {
    std::string name;
    text(key, name);
    const auto found = std::find(std::begin(originNames), std::end(originNames), name);
    if (found != std::end(originNames))
      target = Origin(found - std::begin(originNames));
    else
      fail(fmt::format("{}: expected 'measured' or 'model', found '{}'", keyPlace(key), name));
  }
  void finish() {
    if (!object.is_object())
      return;
    for (const auto &[key, value] : object.items())
      if (std::find(read.begin(), read.end(), key) == read.end())
        fail(fmt::format("{} is unknown", keyPlace(key)));
  }

  static std::string shown(const json &value) {
    std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "..." : text;
  }

private:
  const json &object;
  std::string place;
  std::string &failure;
  std::vector<std::string> read;
};

void readFigure(const json &value, const std::string &form, Table &table, std::string &failure) {
  ObjectReader reader(value, fmt::format("forms['{}']", form), failure);
  Figure figure;
  reader.real("latency", figure.latency, 0);
  reader.real("address", figure.addressLatency, 0, /*required=*/false);
  reader.real("uops", figure.uops, 0);
  reader.real("indexed", figure.indexedUops, 0, /*required=*/false);
  reader.real("throughput", figure.throughput, 0);
  reader.origin("origin", figure.origin);
  if (const json *uses = reader.get("uses")) {
    ObjectReader useReader(*uses, reader.keyPlace("uses"), failure);
    for (uint32_t r = 0; r < table.resources.size(); ++r)
      if (uses->is_object() && uses->contains(table.resources[r].name)) {
        figure.uses.push_back({r, 0});
        useReader.real(table.resources[r].name, figure.uses.back().work, 0);
      }
    if (uses->is_object())
      for (const auto &[name, work] : uses->items())
        if (!table.findResource(name))
          reader.fail(fmt::format("{}: there is no resource '{}'", reader.keyPlace("uses"), name));
  }
  if (const json *operands = reader.get("operands", /*required=*/false)) {
    for (const json &latency : *operands)
      if (latency.is_number() && latency.get<double>() >= 0 && latency.get<double>() <= largest)
        figure.operands.push_back(latency.get<double>());
    if (!operands->is_array() || figure.operands.size() != operands->size())
      reader.fail(fmt::format("{}: expected a list of numbers from 0 to {}, found {}", reader.keyPlace("operands"), largest,
                              ObjectReader::shown(*operands)));
  }
  reader.finish();
  table.forms[form] = std::move(figure);
}

Table readTable(const json &text, std::string &failure) {
  Table table;
  ObjectReader reader(text, "", failure);
  uint64_t version = 0;
  reader.integer("format", version);
  if (failure.empty() && version != formatVersion)
    reader.fail(fmt::format("format: this toolchain reads format {}, the text has {}", formatVersion, version));
  reader.text("name", table.name);
  if (const json *cpu = reader.get("cpu")) {
    ObjectReader cpuReader(*cpu, "cpu", failure);
    cpuReader.text("vendor", table.cpu.vendor);
    cpuReader.integer("family", table.cpu.family);
    cpuReader.integer("model", table.cpu.model);
    cpuReader.integer("stepping", table.cpu.stepping);
    cpuReader.text("brand", table.cpu.brand);
    cpuReader.text("microcode", table.cpu.microcode);
    cpuReader.finish();
  }
  reader.real("issue", table.issueWidth, 0.001);
  reader.real("retire", table.retireWidth, 0, /*required=*/false);
  reader.integer("window", table.window, 1u);
  reader.origin("windowOrigin", table.windowOrigin);
  reader.real("clock", table.clock, 0);
  reader.flag("disturbed", table.disturbed);
  if (const json *notes = reader.get("notes")) {
    for (const json &note : *notes)
      if (note.is_string())
        table.notes.push_back(note.get<std::string>());
    if (!notes->is_array() || table.notes.size() != notes->size())
      reader.fail(fmt::format("notes: expected a list of texts, found {}", ObjectReader::shown(*notes)));
  }
  if (const json *caches = reader.get("caches")) {
    if (!caches->is_array())
      reader.fail(fmt::format("caches: expected a list, found {}", ObjectReader::shown(*caches)));
    for (size_t i = 0; caches->is_array() && i < caches->size(); ++i) {
      ObjectReader cacheReader((*caches)[i], fmt::format("caches[{}]", i), failure);
      Cache cache;
      cacheReader.text("name", cache.name);
      cacheReader.integer("bytes", cache.bytes);
      cacheReader.integer("ways", cache.ways);
      cacheReader.integer("line", cache.line);
      cacheReader.real("latency", cache.latency, 0);
      cacheReader.real("loadBytes", cache.loadBytes, 0);
      cacheReader.real("storeBytes", cache.storeBytes, 0);
      cacheReader.finish();
      table.caches.push_back(std::move(cache));
    }
  }
  reader.real("storeToLoad", table.storeToLoad, 0, /*required=*/false);
  if (const json *renaming = reader.get("renaming", /*required=*/false)) {
    ObjectReader renamingReader(*renaming, "renaming", failure);
    table.renaming.emplace();
    renamingReader.real("latency", table.renaming->latency, 0);
    renamingReader.flag("anyBase", table.renaming->anyBase);
    renamingReader.finish();
  }
  if (const json *resources = reader.get("resources")) {
    if (!resources->is_array())
      reader.fail(fmt::format("resources: expected a list, found {}", ObjectReader::shown(*resources)));
    for (size_t i = 0; resources->is_array() && i < resources->size(); ++i) {
      ObjectReader resourceReader((*resources)[i], fmt::format("resources[{}]", i), failure);
      Resource resource;
      resourceReader.text("name", resource.name);
      resourceReader.real("capacity", resource.capacity, 0.001);
      resourceReader.flag("wide", resource.wide, /*required=*/false);
      resourceReader.finish();
      if (table.findResource(resource.name))
        reader.fail(fmt::format("resources[{}]: the name '{}' is taken", i, resource.name));
      table.resources.push_back(std::move(resource));
    }
  }
  if (const json *forms = reader.get("forms")) {
    if (!forms->is_object())
      reader.fail(fmt::format("forms: expected an object, found {}", ObjectReader::shown(*forms)));
    for (const auto &[form, figure] : forms->items())
      if (failure.empty())
        readFigure(figure, form, table, failure);
  }
  reader.finish();
  return table;
}
} // namespace

double roundFigure(double cycles) { return std::round(cycles * 1000) / 1000; }

std::optional<uint32_t> Table::findResource(std::string_view resource) const {
  for (uint32_t r = 0; r < resources.size(); ++r)
    if (resources[r].name == resource)
      return r;
  return std::nullopt;
}

size_t Table::levelOf(uint64_t bytes) const {
  size_t level = 0;
  while (level + 1 < caches.size() && caches[level].bytes < bytes)
    ++level;
  return level;
}

double Table::throughputOf(const Figure &figure, bool wide) const {
  double cycles = figure.uops / issueWidth;
  for (const Use &use : figure.uses)
    if (wide || !resources[use.resource].wide)
      cycles = std::max(cycles, use.work / resources[use.resource].capacity);
  return cycles;
}

bool Table::operator==(const Table &o) const {
  return name == o.name && cpu == o.cpu && cpu.brand == o.cpu.brand && issueWidth == o.issueWidth && retireWidth == o.retireWidth &&
         window == o.window && windowOrigin == o.windowOrigin && clock == o.clock && disturbed == o.disturbed && notes == o.notes && caches == o.caches &&
         storeToLoad == o.storeToLoad && renaming == o.renaming && resources == o.resources && forms == o.forms;
}

std::string toJSON(const Table &table) {
  const CPU &cpu = table.cpu;
  std::string out = fmt::format("{{\n  \"format\": {},\n  \"name\": {},\n", formatVersion, quoted(table.name));
  out += fmt::format("  \"cpu\": {{\"vendor\": {}, \"family\": {}, \"model\": {}, \"stepping\": {}, \"brand\": {}, \"microcode\": {}}},\n",
                     quoted(cpu.vendor), cpu.family, cpu.model, cpu.stepping, quoted(cpu.brand), quoted(cpu.microcode));
  out += fmt::format("  \"issue\": {}, \"retire\": {}, \"window\": {}, \"windowOrigin\": \"{}\", \"clock\": {}, \"disturbed\": {},\n",
                     number(table.issueWidth), number(table.retireWidth), table.window, originName(table.windowOrigin), number(table.clock), table.disturbed);
  out += fmt::format("  \"notes\": [{}],\n", lines(table.notes, quoted));
  out += fmt::format("  \"caches\": [{}],\n", lines(table.caches, [](const Cache &cache) {
                       return fmt::format("{{\"name\": {}, \"bytes\": {}, \"ways\": {}, \"line\": {}, \"latency\": {}, \"loadBytes\": {}, "
                                          "\"storeBytes\": {}}}",
                                          quoted(cache.name), cache.bytes, cache.ways, cache.line, number(cache.latency), number(cache.loadBytes),
                                          number(cache.storeBytes));
                     }));
  out += fmt::format("  \"storeToLoad\": {},\n", number(table.storeToLoad));
  if (table.renaming)
    out += fmt::format("  \"renaming\": {{\"latency\": {}, \"anyBase\": {}}},\n", number(table.renaming->latency), table.renaming->anyBase);
  out += fmt::format("  \"resources\": [{}],\n", lines(table.resources, [](const Resource &resource) {
                       return fmt::format("{{\"name\": {}, \"capacity\": {}{}}}", quoted(resource.name), number(resource.capacity),
                                          resource.wide ? ", \"wide\": true" : "");
                     }));
  out += fmt::format("  \"forms\": {{{}}}\n}}\n", lines(table.forms, [&](const auto &entry) {
                       const auto &[form, figure] = entry;
                       std::string uses;
                       for (const Use &use : figure.uses)
                         uses += fmt::format("{}{}: {}", uses.empty() ? "" : ", ", quoted(table.resources[use.resource].name), number(use.work));
                       std::string operands;
                       for (double latency : figure.operands)
                         operands += fmt::format("{}{}", operands.empty() ? "" : ", ", number(latency));
                       return fmt::format("{}: {{\"latency\": {}{}{}, \"uops\": {}{}, \"throughput\": {}, \"uses\": {{{}}}, \"origin\": \"{}\"}}",
                                          quoted(form), number(figure.latency),
                                          figure.addressLatency ? fmt::format(", \"address\": {}", number(figure.addressLatency)) : "",
                                          operands.empty() ? "" : fmt::format(", \"operands\": [{}]", operands),
                                          number(figure.uops), figure.indexedUops ? fmt::format(", \"indexed\": {}", number(figure.indexedUops)) : "",
                                          number(figure.throughput), uses, originName(figure.origin));
                     }));
  return out;
}

Result<Table> parseTable(std::string_view text) {
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object())
    return Error{"host table: the text is no JSON object"};
  std::string failure;
  Table table = readTable(parsed, failure);
  if (!failure.empty())
    return Error{"host table: " + failure};
  return table;
}

} // namespace vtpu::host
