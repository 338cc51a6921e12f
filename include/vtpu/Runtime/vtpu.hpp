//===- vtpu.hpp - The C++ API of the runtime --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C API with ownership and results instead of codes; header only, no exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_RUNTIME_VTPU_HPP
#define VTPU_RUNTIME_VTPU_HPP

#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Runtime/vtpu.h"
#include "vtpu/Support/Result.h"

#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>

namespace vtpu {

/// Names of tiers in tools, by number.
constexpr std::string_view tierNames[] = {"default", "interpreter", "jit", "orc"};
/// The tier of a name; nothing if there is none.
inline std::optional<vtpu_tier> parseTier(std::string_view name) {
  for (size_t i = 0; i < std::size(tierNames); ++i)
    if (tierNames[i] == name)
      return vtpu_tier(i);
  return std::nullopt;
}

/// How to load a program; see vtpu_options.
struct Options {
  vtpu_tier tier = VTPU_TIER_DEFAULT;
  uint32_t threads = 1;
  std::string cpuFeatures;   // empty: detect
  std::string parameterFile; // empty: the one the program names
};

/// Memory by coordinate that outlives the calls in it; see vtpu_call_in.
class Space {
public:
  Space() {
    vtpu_space *made = nullptr;
    if (vtpu_space_create(&made) == 0)
      space.reset(made);
  }
  /// The handle for the C API.
  vtpu_space *get() const { return space.get(); }

  /// Fills in `struct_size`.
  Status addRegion(vtpu_region region) {
    region.struct_size = sizeof(region);
    return finish(vtpu_space_add_region(get(), &region));
  }
  Status load(const Coordinate &c, vtpu_dtype dtype, uint32_t count, void *out) const {
    return finish(vtpu_space_load(get(), c.components().data(), dtype, count, out));
  }
  Status store(const Coordinate &c, vtpu_dtype dtype, uint32_t count, const void *values) {
    return finish(vtpu_space_store(get(), c.components().data(), dtype, count, values));
  }
  Status erase(const Coordinate &c) { return finish(vtpu_space_erase(get(), c.components().data())); }
  /// The first cell, or the one behind another; nothing behind the last.
  std::optional<Coordinate> first() const { return next(nullptr); }
  std::optional<Coordinate> next(const Coordinate &after) const { return next(after.components().data()); }

private:
  struct Release {
    void operator()(vtpu_space *space) const { vtpu_space_release(space); }
  };
  std::unique_ptr<vtpu_space, Release> space;

  static Status finish(int code) { return code == 0 ? Status() : Status(Error{vtpu_last_error()}); }
  std::optional<Coordinate> next(const uint16_t *after) const {
    Coordinate::Components cell;
    if (vtpu_space_next(get(), after, cell.data()) != 1)
      return {};
    return Coordinate(cell);
  }
};

/// A loaded program. Calls may come from several threads at once.
class LoadedFile {
public:
  static Result<LoadedFile> load(const std::string &path, const Options &options = {}) {
    return load(options, [&](const vtpu_options *o, vtpu_program **p) { return vtpu_load_file(path.c_str(), o, p); });
  }
  static Result<LoadedFile> load(const void *data, size_t size, const Options &options = {}) {
    return load(options, [&](const vtpu_options *o, vtpu_program **p) { return vtpu_load_memory(data, size, o, p); });
  }

  /// The handle for the C API.
  vtpu_program *get() const { return program.get(); }
  /// Index of an entry; -1 if there is none.
  int32_t find(const std::string &entry) const { return vtpu_find_entry(get(), entry.c_str()); }

  /// Calls an entry with contiguous row-major buffers in the order of the signature.
  /// `space`: null stands for an empty one of the call's own.
  Status call(uint32_t entry, std::initializer_list<const void *> inputs, std::initializer_list<void *> outputs, const Space *space = nullptr) {
    if (entry < vtpu_entry_count(get()) &&
        (inputs.size() != vtpu_input_count(get(), entry) || outputs.size() != vtpu_output_count(get(), entry)))
      return Error{"wrong number of inputs or outputs for entry " + std::string(vtpu_entry_name(get(), entry))};
    if (vtpu_call_in(get(), entry, inputs.begin(), outputs.begin(), space ? space->get() : nullptr) != 0)
      return Error{vtpu_last_error()};
    return {};
  }
  /// See vtpu_binding_coordinate; an empty index stands for the first element.
  Result<Coordinate> coordinate(uint32_t entry, const std::string &name, std::initializer_list<int64_t> index = {}) const {
    Coordinate::Components components;
    if (vtpu_binding_coordinate(get(), entry, name.c_str(), index.size() ? index.begin() : nullptr, components.data()) != 0)
      return Error{vtpu_last_error()};
    return Coordinate(components);
  }

private:
  struct Release {
    void operator()(vtpu_program *program) const { vtpu_release(program); }
  };
  std::unique_ptr<vtpu_program, Release> program;

  explicit LoadedFile(vtpu_program *program) : program(program) {}
  template <typename Load>
  static Result<LoadedFile> load(const Options &options, Load load) {
    vtpu_options raw = {};
    raw.struct_size = sizeof(raw);
    raw.tier = options.tier;
    raw.threads = options.threads;
    raw.cpu_features = options.cpuFeatures.empty() ? nullptr : options.cpuFeatures.c_str();
    raw.parameter_file = options.parameterFile.empty() ? nullptr : options.parameterFile.c_str();
    vtpu_program *handle = nullptr;
    if (load(&raw, &handle) != 0)
      return Error{vtpu_last_error()};
    return LoadedFile(handle);
  }
};

} // namespace vtpu

#endif // VTPU_RUNTIME_VTPU_HPP
