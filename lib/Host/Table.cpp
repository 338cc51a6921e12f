//===- Table.cpp - Reading and writing host tables --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <simdjson.h>

namespace vtpu::host {

using nlohmann::json;
namespace dom = simdjson::dom;

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

/// How a value stands in messages.
std::string shown(dom::element value) {
  std::string text = simdjson::minify(value);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

/// A number of the range; nothing if the value is none.
std::optional<double> realOf(dom::element value, double low) {
  double number = 0;
  if (value.get(number) || !(number >= low && number <= largest))
    return std::nullopt;
  return number;
}

/// Reads keys of one object and remembers the first failure.
class ObjectReader {
public:
  struct Field {
    std::string_view key;
    dom::element value;
    bool asked = false;
  };
  std::vector<Field> fields; // in the text's order; none if the value is no object
  /// The place of the object is put into words for messages alone: a table has thousands of objects.
  using Place = std::function<std::string()>;

  ObjectReader(dom::element value, Place place, std::string &failure) : place(std::move(place)), failure(failure) {
    dom::object object;
    if (value.get(object)) {
      fail(fmt::format("{}: expected an object, found {}", this->place(), shown(value)));
      return;
    }
    fields.reserve(object.size());
    for (const auto &[key, field] : object)
      fields.push_back({key, field});
  }

  void fail(std::string message) {
    if (failure.empty())
      failure = std::move(message);
  }
  /// `forms['add r64, r64'].latency`
  std::string keyPlace(std::string_view key) const {
    const std::string object = place();
    return object.empty() ? std::string(key) : fmt::format("{}.{}", object, key);
  }

  /// The value of a key, of several the last.
  std::optional<dom::element> get(std::string_view key, bool required = true) {
    std::optional<dom::element> found;
    for (Field &field : fields)
      if (field.key == key) {
        found = field.value;
        field.asked = true;
      }
    if (required && !found)
      fail(fmt::format("{} is missing", keyPlace(key)));
    return found;
  }
  void text(std::string_view key, std::string &target) {
    std::string_view found;
    const std::optional<dom::element> value = get(key);
    if (value && !value->get(found))
      target = found;
    else if (value)
      fail(fmt::format("{}: expected a text, found {}", keyPlace(key), shown(*value)));
  }
  void flag(std::string_view key, bool &target, bool required = true) {
    const std::optional<dom::element> value = get(key, required);
    if (value && value->get(target))
      fail(fmt::format("{}: expected true or false, found {}", keyPlace(key), shown(*value)));
  }
  void real(std::string_view key, double &target, double low, bool required = true) {
    const std::optional<dom::element> value = get(key, required);
    if (!value)
      return;
    if (const std::optional<double> number = realOf(*value, low))
      target = *number;
    else
      fail(fmt::format("{}: expected a number from {} to {}, found {}", keyPlace(key), low, largest, shown(*value)));
  }
  template <typename Integer>
  void integer(std::string_view key, Integer &target, Integer low = 0) {
    uint64_t number = 0;
    const std::optional<dom::element> value = get(key);
    if (value && !value->get(number) && number >= low && number <= std::numeric_limits<Integer>::max())
      target = Integer(number);
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
  /// Refuses keys that nobody asked for.
  void finish() {
    for (const Field &field : fields)
      if (!field.asked)
        fail(fmt::format("{} is unknown", keyPlace(field.key)));
  }

private:
  Place place;
  std::string &failure;
};

/// Takes each element of a list; false if the value is no list, or `take` refuses one.
template <typename Take>
bool readList(dom::element value, Take &&take) {
  dom::array list;
  if (value.get(list))
    return false;
  bool good = true;
  for (const dom::element element : list)
    good = good && take(element);
  return good;
}

void readFigure(dom::element value, std::string_view form, Table &table, std::string &failure) {
  ObjectReader reader(value, [&] { return fmt::format("forms['{}']", form); }, failure);
  Figure figure;
  reader.real("latency", figure.latency, 0);
  reader.real("address", figure.addressLatency, 0, /*required=*/false);
  reader.real("uops", figure.uops, 0);
  reader.real("indexed", figure.indexedUops, 0, /*required=*/false);
  reader.real("throughput", figure.throughput, 0);
  reader.origin("origin", figure.origin);
  if (const auto uses = reader.get("uses")) {
    ObjectReader useReader(*uses, [&] { return reader.keyPlace("uses"); }, failure);
    figure.uses.reserve(useReader.fields.size());
    for (const ObjectReader::Field &field : useReader.fields) {
      const std::optional<uint32_t> resource = table.findResource(field.key);
      if (!resource) {
        reader.fail(fmt::format("{}: there is no resource '{}'", reader.keyPlace("uses"), field.key));
        break;
      }
      auto use = std::lower_bound(figure.uses.begin(), figure.uses.end(), *resource, [](const Use &a, uint32_t b) { return a.resource < b; });
      if (use == figure.uses.end() || use->resource != *resource)
        use = figure.uses.insert(use, {*resource, 0});
      useReader.real(field.key, use->work, 0);
    }
  }
  if (const auto operands = reader.get("operands", /*required=*/false)) {
    const bool good = readList(*operands, [&](dom::element latency) {
      const std::optional<double> number = realOf(latency, 0);
      figure.operands.push_back(number.value_or(0));
      return number.has_value();
    });
    if (!good)
      reader.fail(fmt::format("{}: expected a list of numbers from 0 to {}, found {}", reader.keyPlace("operands"), largest, shown(*operands)));
  }
  reader.finish();
  table.forms.insert_or_assign(table.forms.end(), std::string(form), std::move(figure)); // written in their order
}

Table readTable(dom::element text, std::string &failure) {
  Table table;
  ObjectReader reader(text, [] { return std::string(); }, failure);
  uint64_t version = 0;
  reader.integer("format", version);
  if (failure.empty() && version != formatVersion)
    reader.fail(fmt::format("format: this toolchain reads format {}, the text has {}", formatVersion, version));
  reader.text("name", table.name);
  if (const auto cpu = reader.get("cpu")) {
    ObjectReader cpuReader(*cpu, [] { return "cpu"; }, failure);
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
  if (const auto notes = reader.get("notes")) {
    const bool good = readList(*notes, [&](dom::element note) {
      std::string_view text;
      const bool isText = !note.get(text);
      table.notes.emplace_back(text);
      return isText;
    });
    if (!good)
      reader.fail(fmt::format("notes: expected a list of texts, found {}", shown(*notes)));
  }
  if (const auto caches = reader.get("caches")) {
    const bool good = readList(*caches, [&](dom::element value) {
      ObjectReader cacheReader(value, [i = table.caches.size()] { return fmt::format("caches[{}]", i); }, failure);
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
      return true;
    });
    if (!good)
      reader.fail(fmt::format("caches: expected a list, found {}", shown(*caches)));
  }
  reader.real("storeToLoad", table.storeToLoad, 0, /*required=*/false);
  if (const auto renaming = reader.get("renaming", /*required=*/false)) {
    ObjectReader renamingReader(*renaming, [] { return "renaming"; }, failure);
    table.renaming.emplace();
    renamingReader.real("latency", table.renaming->latency, 0);
    renamingReader.flag("anyBase", table.renaming->anyBase);
    renamingReader.finish();
  }
  if (const auto resources = reader.get("resources")) {
    const bool good = readList(*resources, [&](dom::element value) {
      ObjectReader resourceReader(value, [i = table.resources.size()] { return fmt::format("resources[{}]", i); }, failure);
      Resource resource;
      resourceReader.text("name", resource.name);
      resourceReader.real("capacity", resource.capacity, 0.001);
      resourceReader.flag("wide", resource.wide, /*required=*/false);
      resourceReader.finish();
      if (table.findResource(resource.name))
        reader.fail(fmt::format("resources[{}]: the name '{}' is taken", table.resources.size(), resource.name));
      table.resources.push_back(std::move(resource));
      return true;
    });
    if (!good)
      reader.fail(fmt::format("resources: expected a list, found {}", shown(*resources)));
  }
  if (const auto forms = reader.get("forms")) {
    ObjectReader formsReader(*forms, [] { return "forms"; }, failure);
    for (const ObjectReader::Field &field : formsReader.fields)
      if (failure.empty())
        readFigure(field.value, field.key, table, failure);
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
  dom::parser parser;
  simdjson::simdjson_result<dom::element> parsed = parser.parse(text.data(), text.size());
  // simdjson refuses whole numbers of more than 64 bits, and byte order marks; as floating ones the former get messages that name their keys.
  if (parsed.error())
    if (const json again = json::parse(text, nullptr, /*allow_exceptions=*/false); again.is_object())
      parsed = parser.parse(again.dump());
  if (parsed.error() || !parsed.is_object())
    return Error{"host table: the text is no JSON object"};
  std::string failure;
  Table table = readTable(parsed.value_unsafe(), failure);
  if (!failure.empty())
    return Error{"host table: " + failure};
  return table;
}

} // namespace vtpu::host
