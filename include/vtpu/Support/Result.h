//===- Result.h - Errors without exceptions ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The result types of the libraries that link no LLVM (ISA, Object, Assembly, Runtime). A failure is one sentence that names the value,
// the place and the way out; it travels by value and must be looked at.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_SUPPORT_RESULT_H
#define VTPU_SUPPORT_RESULT_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace vtpu {

/// A failure message. Lower-case start, no full stop.
struct Error {
  std::string message;
};

/// Success or a failure message.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : error(std::move(error)) {}

  bool ok() const { return !error; }
  explicit operator bool() const { return ok(); }
  /// The failure's sentence; empty on success.
  std::string message() const { return error ? error->message : std::string(); }

private:
  std::optional<Error> error;
};

/// A value or a failure message.
template <typename T>
class [[nodiscard]] Result {
public:
  Result(T value) : value(std::move(value)) {}
  Result(Error error) : error(std::move(error)) {}

  bool ok() const { return value.has_value(); }
  explicit operator bool() const { return ok(); }
  std::string message() const { return error.message; }
  Error takeError() { return std::move(error); }

  T &operator*() {
    assert(value && "result holds an error");
    return *value;
  }
  const T &operator*() const {
    assert(value && "result holds an error");
    return *value;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

private:
  std::optional<T> value;
  Error error;
};

} // namespace vtpu

#endif // VTPU_SUPPORT_RESULT_H
