//===- Constants.h - What loads of constants give ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Read-only data is a part of the program: the verifier knows the integers there, which are indices as often as not.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_CONSTANTS_H
#define VTPU_LIB_RUNTIME_CONSTANTS_H

#include "ValueRange.h"
#include "vtpu/Object/Program.h"

#include <map>
#include <optional>

namespace vtpu::rt {

/// The constants that bindings of functions stand for, through calls. Tables and calls of the program must have been checked: its calls do not
/// recurse.
class Constants {
public:
  explicit Constants(const Program &program);

  /// The values of the integers of `type` at multiples of their size from the start of a binding; any value if not every call of the function passes
  /// constants, if those are many, or if the program makes too much work of it.
  ValueRange elements(uint32_t function, uint32_t binding, isa::Type type);

private:
  const Program &program;
  struct Site {
    uint32_t caller, table;
  };
  std::vector<std::vector<Site>> sites; // by callee
  /// Offsets in the read-only data that a binding may stand for; nothing: other memory too.
  using Places = std::optional<std::vector<uint64_t>>;
  std::map<std::pair<uint32_t, uint32_t>, Places> places;
  std::map<std::tuple<uint64_t, uint64_t, isa::Type>, ValueRange> ranges; // by offset, size, type
  uint64_t budget;                                                        // bytes that may still be read

  const Places &placesOf(uint32_t function, uint32_t binding);
  ValueRange rangeOf(uint64_t offset, uint64_t size, isa::Type type);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_CONSTANTS_H
