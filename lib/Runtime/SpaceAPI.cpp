//===- SpaceAPI.cpp - The C API of spaces -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BindingPlace.h"
#include "CAPI.h"
#include "vtpu/Memory/CoordinateText.h"

#include <cstring>
#include <fmt/format.h>

using namespace vtpu;
using namespace vtpu::rt;

namespace {
Result<Coordinate> read(const uint16_t *components) {
  Coordinate::Components out;
  for (unsigned d = 0; d < out.size(); ++d) {
    if (components[d] > Coordinate::limit)
      return Error{fmt::format("component {} of dimension {} is outside 0..{}", components[d], d, Coordinate::limit)};
    out[d] = components[d];
  }
  return Coordinate(out);
}
void write(const Coordinate &c, uint16_t *components) {
  const Coordinate::Components from = c.components();
  std::copy(from.begin(), from.end(), components);
}
Result<isa::Type> readType(vtpu_dtype dtype) {
  if (dtype < VTPU_I1 || dtype > VTPU_F64)
    return Error{fmt::format("unknown element type {}; use a vtpu_dtype", int(dtype))};
  return regionType(DType(dtype));
}
/// The other way, for types of regions.
vtpu_dtype writeType(isa::Type type) {
  for (DType dtype : {DType::i8, DType::i16, DType::i32, DType::i64, DType::u8, DType::u16, DType::u32, DType::f16, DType::bf16, DType::f32,
                      DType::f64})
    if (regionType(dtype) == type)
      return vtpu_dtype(dtype);
  return vtpu_dtype(0);
}
/// Calls `access(first, type, lanes, element)` for up to 64 elements at a time.
template <typename Access>
int forElements(const uint16_t *coordinate, vtpu_dtype dtype, uint32_t count, Access access) {
  Result<Coordinate> first = read(coordinate);
  if (!first)
    return fail(first.message());
  Result<isa::Type> type = readType(dtype);
  if (!type)
    return fail(type.message());
  const unsigned column = (*first)[10];
  if (column + uint64_t(count) > Coordinate::limit + 1)
    return fail(fmt::format("{} elements behind {} leave the columns; {} are there", count, printCoordinate(*first), Coordinate::limit + 1 - column));
  for (uint32_t i = 0; i < count; i += 64) {
    const uint32_t some = std::min<uint32_t>(64, count - i);
    if (Status status = access(first->with(10, column + i), *type, UINT64_MAX >> (64 - some), i * isa::byteWidth(*type)); !status)
      return fail(status.message());
  }
  return 0;
}
/// Calls `then(function, number)` for the binding of a name; -2 if there is none.
template <typename Then>
int forTensor(const vtpu_program *program, uint32_t entry, std::string_view name, Then then) {
  const auto &entries = program->loaded->getEntries();
  if (entry >= entries.size())
    return fail(fmt::format("entry {} does not exist; the program has {}", entry, entries.size()));
  const Function &function = program->loaded->getProgram().functions[entries[entry].function];
  for (uint32_t b = 0; b < function.bindings.size(); ++b)
    if (const Binding &binding = function.bindings[b]; binding.name == name || (binding.kind == BindingKind::Parameter && binding.key == name))
      return then(function, b);
  (void)fail(fmt::format("entry {} has no input, output or parameter '{}'", function.name, name));
  return -2;
}
} // namespace

extern "C" {

int vtpu_coordinate_parse(const char *text, uint16_t *coordinate) {
  Result<Coordinate> c = parseCoordinate(text);
  if (!c)
    return fail(fmt::format("coordinate '{}': {}", text, c.message()));
  write(*c, coordinate);
  return 0;
}

int vtpu_space_create(vtpu_space **space) {
  *space = new vtpu_space;
  return 0;
}
void vtpu_space_release(vtpu_space *space) { delete space; }

int vtpu_space_add_region(vtpu_space *space, const vtpu_region *region) {
  vtpu_region given = {};
  std::memcpy(&given, region, std::min<size_t>(region->struct_size, sizeof(given)));
  Result<Coordinate> first = read(given.first), last = read(given.last);
  for (const Result<Coordinate> &corner : {first, last})
    if (!corner)
      return fail(corner.message());
  Result<isa::Type> type = readType(given.dtype);
  if (!type)
    return fail(type.message());
  if (unsigned(given.layout) > VTPU_LAYOUT_HILBERT)
    return fail(fmt::format("unknown layout {}; use a vtpu_layout", int(given.layout)));
  mem::RegionSpec spec;
  spec.name = given.name ? given.name : "";
  spec.box = {*first, *last};
  spec.type = *type;
  spec.layout = mem::Layout(given.layout);
  std::copy(std::begin(given.block), std::end(given.block), spec.block.begin());
  spec.writable = !given.read_only;
  spec.data = given.data;
  spec.bytes = given.bytes;
  Result<const mem::Region *> made = space->space.space.bind(std::move(spec));
  return made ? 0 : fail(made.message());
}

int vtpu_space_load(vtpu_space *space, const uint16_t *coordinate, vtpu_dtype dtype, uint32_t count, void *out) {
  return forElements(coordinate, dtype, count, [&](const Coordinate &c, isa::Type type, uint64_t lanes, size_t at) {
    return space->space.space.load(c, type, lanes, static_cast<uint8_t *>(out) + at);
  });
}
int vtpu_space_store(vtpu_space *space, const uint16_t *coordinate, vtpu_dtype dtype, uint32_t count, const void *values) {
  return forElements(coordinate, dtype, count, [&](const Coordinate &c, isa::Type type, uint64_t lanes, size_t at) {
    return space->space.space.store(c, type, lanes, static_cast<const uint8_t *>(values) + at);
  });
}
int vtpu_space_erase(vtpu_space *space, const uint16_t *coordinate) {
  Result<Coordinate> c = read(coordinate);
  return c ? finish(space->space.space.release(*c)) : fail(c.message());
}
int vtpu_space_region_at(vtpu_space *space, const uint16_t *coordinate, vtpu_region *out) {
  Result<Coordinate> c = read(coordinate);
  if (!c)
    return fail(c.message());
  const mem::Region *region = space->space.space.regionAt(*c);
  if (!region)
    return 0;
  vtpu_region found = {};
  found.name = region->name().c_str();
  write(region->box().first, found.first);
  write(region->box().last, found.last);
  found.dtype = writeType(region->type());
  found.layout = vtpu_layout(region->layout());
  std::copy(region->block().begin(), region->block().end(), found.block);
  found.read_only = !region->writable();
  found.data = region->data();
  found.bytes = region->bytes();
  const size_t size = std::min<size_t>(out->struct_size, sizeof(found));
  if (size < offsetof(vtpu_region, name))
    return fail("vtpu_space_region_at: set struct_size to sizeof(vtpu_region) first");
  found.struct_size = out->struct_size;
  std::memcpy(out, &found, size);
  return 1;
}

int vtpu_space_find(vtpu_space *space, const vtpu_query *query, const uint16_t *after, uint16_t *cell) {
  vtpu_query given = {};
  if (query)
    std::memcpy(&given, query, std::min<size_t>(query->struct_size, sizeof(given)));
  Result<Coordinate> start = read(after ? after : given.center), center = read(given.center);
  for (const Result<Coordinate> &c : {start, center})
    if (!c)
      return fail(c.message());
  mem::Query wanted = mem::Query::all();
  switch (given.kind) {
  case VTPU_QUERY_ALL:
    break;
  case VTPU_QUERY_PREFIX:
    if (given.number > Coordinate::dimensions)
      return fail(fmt::format("a prefix of {} dimensions; there are {}", given.number, Coordinate::dimensions));
    wanted = mem::Query::prefix(*center, given.number);
    break;
  case VTPU_QUERY_PATTERN:
    if (given.number >> Coordinate::dimensions)
      return fail(fmt::format("the pattern's mask {:#x} has bits behind dimension {}", given.number, Coordinate::dimensions - 1));
    wanted = mem::Query::pattern(*center, given.number);
    break;
  case VTPU_QUERY_CHILDREN:
    wanted = mem::Query::children(*center);
    break;
  case VTPU_QUERY_MANHATTAN:
    wanted = mem::Query::manhattan(*center, given.number);
    break;
  case VTPU_QUERY_HAMMING:
    wanted = mem::Query::hamming(*center, given.number);
    break;
  default:
    return fail(fmt::format("unknown kind of query {}; use a vtpu_query_kind", int(given.kind)));
  }
  const mem::Space &cells = space->space.space;
  const std::optional<Coordinate> found = after ? cells.next(*start, wanted) : cells.first(wanted);
  if (found)
    write(*found, cell);
  return found.has_value();
}
int vtpu_space_next(vtpu_space *space, const uint16_t *after, uint16_t *cell) { return vtpu_space_find(space, nullptr, after, cell); }

int vtpu_space_nearest(vtpu_space *space, const uint16_t *coordinate, uint64_t k, uint16_t *cell) {
  Result<Coordinate> c = read(coordinate);
  if (!c)
    return fail(c.message());
  if (k == 0)
    return fail("the 0-th nearest cell; they count from 1");
  const std::optional<Coordinate> found = space->space.space.nearest(*c, k);
  if (found)
    write(*found, cell);
  return found.has_value();
}

int vtpu_call_in(vtpu_program *program, uint32_t entry, const void *const *inputs, void *const *outputs, vtpu_space *space) {
  return finish(LoadedProgram::callIn(program->loaded, entry, inputs, outputs, space ? &space->space : nullptr));
}

int vtpu_binding_coordinate(const vtpu_program *program, uint32_t entry, const char *name, const int64_t *index, uint16_t *coordinate) {
  return forTensor(program, entry, name, [&](const Function &function, uint32_t b) {
    const Binding &binding = function.bindings[b];
    Result<BindingPlace> place = placeBinding(function, entry, b);
    if (!place)
      return fail(place.message());
    for (size_t t = 0; index && t < binding.shape.size(); ++t)
      if (index[t] < 0 || index[t] >= binding.shape[t])
        return fail(fmt::format("index {} of dimension {} of '{}' is outside 0..{}", index[t], t, name, binding.shape[t] - 1));
    write(index ? place->at(index) : place->box.first, coordinate);
    return 0;
  });
}
int vtpu_binding_info(const vtpu_program *program, uint32_t entry, const char *name, vtpu_tensor_info *info) {
  return forTensor(program, entry, name, [&](const Function &function, uint32_t b) {
    *info = describeTensor(function.bindings[b]);
    return 0;
  });
}
}
