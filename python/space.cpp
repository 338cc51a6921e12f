//===- space.cpp - Coordinates and spaces in vtpu._runtime ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// `Coordinate` is what users see; its errors are those of the package. `Space` is what vtpu/_space.py builds upon.
//
//===----------------------------------------------------------------------===//

#include "Space.h"

#include "vtpu/Memory/Curves.h"
#include "vtpu/Memory/PhextText.h"

#include <nanobind/operators.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;
using vtpu::Coordinate;

void raise(const char *type, const std::string &message) {
  PyErr_SetString(nb::module_::import_("vtpu._errors").attr(type).ptr(), message.c_str());
  throw nb::python_error();
}

namespace {
[[noreturn]] void wrongValue(const std::string &message) { raise("WrongValue", message); }
void check(int code) {
  if (code < 0)
    wrongValue(vtpu_last_error());
}

using Dimension = std::variant<int, std::string>;
/// The number of a dimension given by number or name.
unsigned dimensionOf(const Dimension &given, unsigned count = Coordinate::dimensions) {
  if (const int *number = std::get_if<int>(&given)) {
    if (*number < 0 || *number >= int(count))
      wrongValue("dimension " + std::to_string(*number) + " is outside 0.." + std::to_string(count - 1));
    return unsigned(*number);
  }
  const std::string &name = std::get<std::string>(given);
  std::string known;
  for (unsigned d = 0; d < count; ++d) {
    if (vtpu::dimensionName(d) == name)
      return d;
    known += (d ? ", " : "") + std::string(vtpu::dimensionName(d));
  }
  wrongValue("dimension '" + name + "' is unknown; legal are the numbers 0.." + std::to_string(count - 1) + " and " + known);
}
unsigned component(int64_t value, unsigned dimension) {
  if (value < 0 || value > int64_t(Coordinate::limit))
    wrongValue("the " + std::string(vtpu::dimensionName(dimension)) + " (component " + std::to_string(dimension) + " of a coordinate) is " +
               std::to_string(value) + ", which is not in 0..2047");
  return unsigned(value);
}
Coordinate parse(const std::string &text, bool lenient) {
  if (lenient)
    return vtpu::parseCoordinateLeniently(text);
  vtpu::Result<Coordinate> c = vtpu::parseCoordinate(text);
  if (!c)
    wrongValue("coordinate '" + text + "': " + c.message());
  return *c;
}
Coordinate ofComponents(const std::vector<int64_t> &components) {
  if (components.size() != Coordinate::dimensions && components.size() != 9)
    wrongValue("a coordinate of " + std::to_string(components.size()) + " components; it has 11, or 9 with line and column 0");
  Coordinate::Components out{};
  for (unsigned d = 0; d < components.size(); ++d)
    out[d] = uint16_t(component(components[d], d));
  return Coordinate(out);
}
nb::object number(Coordinate::Bits bits) {
  return nb::int_(uint64_t(bits >> 64)).attr("__lshift__")(64).attr("__or__")(nb::int_(uint64_t(bits)));
}
/// The delimiters that lead from one coordinate to a later one.
Coordinate delimitersTo(const Coordinate &from, const Coordinate &to) {
  Coordinate::Components count{};
  unsigned first = 0;
  while (first < Coordinate::dimensions && from[first] == to[first])
    ++first;
  if (first == Coordinate::dimensions)
    return Coordinate();
  if (to < from)
    wrongValue("no delimiters lead from " + printCoordinate(from) + " back to " + printCoordinate(to));
  count[first] = uint16_t(to[first] - from[first]);
  for (unsigned d = first + 1; d < Coordinate::dimensions; ++d) {
    if (to[d] == 0)
      wrongValue("no delimiters lead from " + printCoordinate(from) + " to " + printCoordinate(to) + ": they set the " +
                 std::string(vtpu::dimensionName(d)) + " to 1 or more");
    count[d] = uint16_t(to[d] - 1);
  }
  return Coordinate(count);
}

/// A space and the elements of it, by address; vtpu/_space.py keeps the buffers alive.
class Space {
public:
  vtpu_space *get() const { return space.get(); }

  void addRegion(const std::string &name, const Coordinate &first, const Coordinate &last, int dtype, int layout, const std::vector<int64_t> &block,
                 bool readOnly, uintptr_t data, uint64_t bytes) {
    vtpu_region region = {};
    region.name = name.c_str();
    const Coordinate::Components a = first.components(), b = last.components(), extents = ofComponents(block).components();
    std::copy(a.begin(), a.end(), region.first);
    std::copy(b.begin(), b.end(), region.last);
    std::copy(extents.begin(), extents.end(), region.block);
    region.dtype = vtpu_dtype(dtype);
    region.layout = vtpu_layout(layout);
    region.read_only = readOnly;
    region.data = reinterpret_cast<void *>(data);
    region.bytes = bytes;
    if (vtpu::Status status = space.addRegion(region); !status)
      wrongValue(status.message());
  }
  using Found = std::tuple<std::string, Coordinate, Coordinate, int, int, bool>;
  /// Name, corners, type, layout and whether it is read-only.
  std::optional<Found> regionAt(const Coordinate &c) const {
    vtpu_region region = {};
    region.struct_size = sizeof(region);
    const int code = vtpu_space_region_at(get(), c.components().data(), &region);
    check(code);
    if (!code)
      return {};
    Coordinate::Components first, last;
    std::copy(std::begin(region.first), std::end(region.first), first.begin());
    std::copy(std::begin(region.last), std::end(region.last), last.begin());
    return Found(region.name, Coordinate(first), Coordinate(last), int(region.dtype), int(region.layout), region.read_only != 0);
  }
  /// Elements of a box from `first` on, row by row; `extents` are those of the last dimensions.
  void load(const Coordinate &first, int dtype, const std::vector<int64_t> &extents, uintptr_t out, uint64_t elementBytes) const {
    forRows(first, extents, [&](const Coordinate &row, uint32_t count, uint64_t at) {
      return space.load(row, vtpu_dtype(dtype), count, reinterpret_cast<uint8_t *>(out) + at * elementBytes);
    });
  }
  void store(const Coordinate &first, int dtype, const std::vector<int64_t> &extents, uintptr_t values, uint64_t elementBytes) {
    forRows(first, extents, [&](const Coordinate &row, uint32_t count, uint64_t at) {
      return space.store(row, vtpu_dtype(dtype), count, reinterpret_cast<const uint8_t *>(values) + at * elementBytes);
    });
  }
  void erase(const Coordinate &c) {
    if (vtpu::Status status = space.erase(c); !status) // nothing is there
      throw nb::key_error(status.message().c_str());
  }
  std::optional<Coordinate> find(int kind, const Coordinate &center, uint32_t number, const std::optional<Coordinate> &after) const {
    vtpu_query query = {};
    query.struct_size = sizeof(query);
    query.kind = vtpu_query_kind(kind);
    const Coordinate::Components components = center.components(), behind = after.value_or(Coordinate()).components();
    std::copy(components.begin(), components.end(), query.center);
    query.number = number;
    Coordinate::Components cell;
    int code;
    {
      nb::gil_scoped_release unlocked;
      code = vtpu_space_find(get(), &query, after ? behind.data() : nullptr, cell.data());
    }
    check(code);
    return code ? std::optional(Coordinate(cell)) : std::nullopt;
  }
  std::optional<Coordinate> nearest(const Coordinate &c, uint64_t k) const {
    Coordinate::Components cell;
    int code;
    {
      nb::gil_scoped_release unlocked;
      code = vtpu_space_nearest(get(), c.components().data(), k, cell.data());
    }
    check(code);
    return code ? std::optional(Coordinate(cell)) : std::nullopt;
  }

private:
  vtpu::Space space;

  template <typename Access>
  static void forRows(const Coordinate &first, const std::vector<int64_t> &extents, Access access) {
    // The corner tells whether the box fits before anything is touched.
    const unsigned outer = Coordinate::dimensions - unsigned(extents.size());
    uint64_t rows = 1;
    for (unsigned i = 0; i < extents.size(); ++i) {
      const int64_t room = int64_t(Coordinate::limit) + 1 - int64_t(first[outer + i]);
      if (extents[i] > room)
        wrongValue(std::to_string(extents[i]) + " elements from " + printCoordinate(first) + " on along the " +
                   std::string(vtpu::dimensionName(outer + i)) + " (dimension " + std::to_string(outer + i) + "); there is room for " +
                   std::to_string(room));
      if (i + 1 < extents.size())
        rows *= uint64_t(extents[i]);
    }
    const uint32_t count = extents.empty() ? 1 : uint32_t(extents.back());
    vtpu::Status status;
    {
      nb::gil_scoped_release unlocked;
      for (uint64_t row = 0; row < rows && count && status; ++row) {
        Coordinate at = first;
        uint64_t rest = row;
        for (unsigned i = unsigned(extents.size()); i-- > 1;) {
          at = at.with(outer + i - 1, int64_t(first[outer + i - 1]) + int64_t(rest % uint64_t(extents[i - 1])));
          rest /= uint64_t(extents[i - 1]);
        }
        status = access(at, count, row * count);
      }
    }
    if (!status)
      wrongValue(status.message());
  }
};

using Scrolls = std::vector<std::pair<Coordinate, nb::bytes>>;
Scrolls parsePhext(nb::bytes text) {
  vtpu::Result<vtpu::PhextText> parsed = vtpu::PhextText::parse({text.c_str(), text.size()});
  if (!parsed)
    wrongValue("phext text: " + parsed.message());
  Scrolls scrolls;
  for (const auto &[c, scroll] : parsed->scrolls())
    if (!scroll.empty())
      scrolls.emplace_back(c, nb::bytes(scroll.data(), scroll.size()));
  return scrolls;
}
nb::bytes printPhext(const Scrolls &scrolls) {
  vtpu::PhextText::Scrolls all;
  for (const auto &[c, scroll] : scrolls)
    all[c] = std::string(scroll.c_str(), scroll.size());
  vtpu::Result<vtpu::PhextText> text = vtpu::PhextText::fromScrolls(all);
  if (!text)
    wrongValue("phext text: " + text.message());
  const std::string bytes = text->print();
  return nb::bytes(bytes.data(), bytes.size());
}

void addCoordinate(nb::module_ &m) {
  nb::class_<Coordinate> c(m, "Coordinate", R"(A point of the 11-dimensional space.

Components of 0..2047, dimension 0 (library) outermost, 10 (column) innermost.

Made from text `a.b.c/d.e.f/g.h.i.j.k` or the nine parts of phext (line and column 0), or from 11 or 9 numbers. Immutable, hashable and
ordered as its components are. Sums, differences and products saturate to 0..2047; what is given directly must be in that range (WrongValue,
a ValueError, names the component). Dimensions are given by number or name.)");
  c.def(nb::init<const Coordinate &>(), "other"_a)
      .def("__init__", [](Coordinate *self, const std::string &text) { new (self) Coordinate(parse(text, false)); }, "text"_a)
      .def("__init__", [](Coordinate *self, const std::vector<int64_t> &parts) { new (self) Coordinate(ofComponents(parts)); }, "components"_a)
      .def_static("parse", &parse, "text"_a, nb::kw_only(), "lenient"_a = false,
                  "Reads text strictly (WrongValue names character and component), or as libphext does: whatever is there, never failing.")
      .def_static("from_syllables",
                  [](const std::string &text) {
                    vtpu::Result<Coordinate> value = vtpu::parseSyllableCoordinate(text);
                    if (!value)
                      wrongValue("coordinate '" + text + "': " + value.message());
                    return *value;
                  },
                  "text"_a, "Reads 16 Base256 syllables; WrongValue names the character.")
      .def_static("origin", [] { return vtpu::phextOrigin(); }, "1.1.1/1.1.1/1.1.1 of phext, with line and column 0.")
      .def_static("uniform", [](int64_t value) { return Coordinate::uniform(component(value, 0)); }, "value"_a, "Every component the same.")
      .def_static("from_morton", [](nb::int_ index) {
                    const nb::object low = index.attr("__and__")(nb::int_(~uint64_t(0))), high = index.attr("__rshift__")(64);
                    uint64_t bits = 0;
                    if (!nb::try_cast(high, bits) || !Coordinate::isValid(bits))
                      wrongValue("the Morton index " + std::string(nb::str(index).c_str()) + " is outside 0..2**121 - 1");
                    return vtpu::mortonCoordinate(Coordinate::Bits(bits) << 64 | nb::cast<uint64_t>(low));
                  }, "index"_a, "The coordinate of a Morton index.")
      .def("__str__", [](const Coordinate &self) { return printCoordinate(self); })
      .def("__repr__", [](const Coordinate &self) { return "Coordinate('" + printCoordinate(self) + "')"; })
      .def("scroll_text", [](const Coordinate &self, const std::string &separator) {
             if (separator != "/" && separator != ";")
               wrongValue("separator '" + separator + "'; legal are '/' and, for URLs, ';'");
             return printScrollCoordinate(self, separator[0]);
           }, "separator"_a = "/", "The nine parts of phext, without line and column.")
      .def("syllables", [](const Coordinate &self) { return vtpu::printSyllables(self); }, "16 Base256 syllables, the most significant byte first.")
      .def_prop_ro("bits", [](const Coordinate &self) { return number(self.bits()); },
                   "The packed 121 bits, dimension 10 lowest: their order is that of coordinates.")
      .def_prop_ro("morton", [](const Coordinate &self) { return number(vtpu::mortonIndex(self)); }, "Morton index, 121 bits.")
      .def_prop_ro("hilbert", [](const Coordinate &self) { return number(vtpu::hilbertIndex(self)); }, "Hilbert index, 121 bits.")
      .def("__len__", [](const Coordinate &) { return Coordinate::dimensions; })
      .def("__getitem__", [](const Coordinate &self, int d) {
             if (d < -int(Coordinate::dimensions) || d >= int(Coordinate::dimensions))
               throw nb::index_error(("dimension " + std::to_string(d) + " of a coordinate; it has 11").c_str());
             return self[unsigned(d < 0 ? d + int(Coordinate::dimensions) : d)];
           }, "dimension"_a)
      .def("replace", [](const Coordinate &self, const Dimension &dimension, int64_t value) {
             const unsigned d = dimensionOf(dimension);
             return self.with(d, component(value, d));
           }, "dimension"_a, "value"_a, "The same with one component replaced.")
      .def("step", [](const Coordinate &self, const Dimension &dimension, int64_t distance) { return self.step(dimensionOf(dimension), distance); },
           "dimension"_a, "distance"_a = 1, "Moved along one dimension, saturating.")
      .def("after_break", [](const Coordinate &self, const Dimension &dimension) { return self.afterBreak(dimensionOf(dimension, 10)); },
           "dimension"_a, "Where reading a delimiter of a dimension below 10 leads to: it is one more, saturating, and those behind it are 1.")
      .def("delta", &Coordinate::delta, "delimiters"_a,
           "Where reading `delimiters[d]` delimiters of every dimension d, outermost first, leads to; saturates.")
      .def("delimiters_to", &delimitersTo, "other"_a,
           "The delimiters that lead to a later coordinate: `a.delta(a.delimiters_to(b)) == b`. WrongValue if none do.")
      .def_prop_ro("depth", &Coordinate::depth, "Dimensions up to and with the innermost component that is not 0.")
      .def("parent", &Coordinate::parent, "One level up: the last component that is not 0 becomes 0. All zero is its own parent.")
      .def("child", [](const Coordinate &self, int64_t value) {
             if (value < 1)
               wrongValue("child " + std::to_string(value) + "; children are numbered 1..2047");
             if (self.depth() == Coordinate::dimensions)
               wrongValue(printCoordinate(self) + " has no children: its column is not 0");
             return self.child(component(value, self.depth()));
           }, "value"_a, "One level down: the first component behind the last nonzero one becomes `value`, 1..2047.")
      .def("manhattan", &Coordinate::manhattan, "other"_a, "Sum of the components' distances.")
      .def("hamming", &Coordinate::hamming, "other"_a, "Number of dimensions that differ.")
      .def("covers", &Coordinate::covers, "other"_a, "Whether no component is less than the other's.")
      .def("same_prefix", [](const Coordinate &self, const Coordinate &other, unsigned count) {
             if (count > Coordinate::dimensions)
               wrongValue("a prefix of " + std::to_string(count) + " dimensions; there are 11");
             return self.samePrefix(other, count);
           }, "other"_a, "count"_a, "Whether the first `count` dimensions are equal.")
      .def(nb::self == nb::self)
      .def(nb::self != nb::self)
      .def(nb::self < nb::self)
      .def(nb::self <= nb::self)
      .def(nb::self > nb::self)
      .def(nb::self >= nb::self)
      .def(nb::self + nb::self)
      .def(nb::self - nb::self)
      .def(nb::self * nb::self)
      .def("__mul__", [](const Coordinate &self, int64_t factor) { return self.scaled(factor); }, nb::is_operator())
      .def("__rmul__", [](const Coordinate &self, int64_t factor) { return self.scaled(factor); }, nb::is_operator())
      .def("__hash__", [](const Coordinate &self) { return int64_t(self.hash() >> 1); })
      .def("__reduce__", [](const Coordinate &self) { return nb::make_tuple(nb::type<Coordinate>(), nb::make_tuple(printCoordinate(self))); });
  nb::list names;
  for (unsigned d = 0; d < Coordinate::dimensions; ++d)
    names.append(nb::str(std::string(vtpu::dimensionName(d)).c_str()));
  c.attr("dimension_names") = nb::tuple(names);
}
} // namespace

vtpu_space *spaceHandle(nb::handle space) { return space.is_none() ? nullptr : nb::cast<Space &>(space).get(); }

void addSpace(nb::module_ &m) {
  addCoordinate(m);
  nb::class_<Space>(m, "Space")
      .def(nb::init<>())
      .def("add_region", &Space::addRegion)
      .def("region_at", &Space::regionAt)
      .def("load", &Space::load)
      .def("store", &Space::store)
      .def("erase", &Space::erase)
      .def("find", &Space::find, "kind"_a, "center"_a, "number"_a, "after"_a.none())
      .def("nearest", &Space::nearest);
  m.def("parse_phext", &parsePhext);
  m.def("print_phext", &printPhext);
}
