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
int vtpu_space_next(vtpu_space *space, const uint16_t *after, uint16_t *cell) {
  const mem::Query all = mem::Query::all();
  std::optional<Coordinate> found;
  if (!after) {
    found = space->space.space.first(all);
  } else {
    Result<Coordinate> c = read(after);
    if (!c)
      return fail(c.message());
    found = space->space.space.next(*c, all);
  }
  if (found)
    write(*found, cell);
  return found.has_value();
}

int vtpu_call_in(vtpu_program *program, uint32_t entry, const void *const *inputs, void *const *outputs, vtpu_space *space) {
  return finish(LoadedProgram::callIn(program->loaded, entry, inputs, outputs, space ? &space->space : nullptr));
}

int vtpu_binding_coordinate(const vtpu_program *program, uint32_t entry, const char *name, const int64_t *index, uint16_t *coordinate) {
  const auto &entries = program->loaded->getEntries();
  if (entry >= entries.size())
    return fail(fmt::format("entry {} does not exist; the program has {}", entry, entries.size()));
  const Function &function = program->loaded->getProgram().functions[entries[entry].function];
  for (uint32_t b = 0; b < function.bindings.size(); ++b) {
    const Binding &binding = function.bindings[b];
    if (binding.name != name && (binding.kind != BindingKind::Parameter || binding.key != name))
      continue;
    Result<BindingPlace> place = placeBinding(function, entry, b);
    if (!place)
      return fail(place.message());
    for (size_t t = 0; index && t < binding.shape.size(); ++t)
      if (index[t] < 0 || index[t] >= binding.shape[t])
        return fail(fmt::format("index {} of dimension {} of '{}' is outside 0..{}", index[t], t, name, binding.shape[t] - 1));
    write(index ? place->at(index) : place->box.first, coordinate);
    return 0;
  }
  return fail(fmt::format("entry {} has no input, output or parameter '{}'", function.name, name));
}
}
