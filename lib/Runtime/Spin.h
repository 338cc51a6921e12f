//===- Spin.h - Waiting awake -----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_SPIN_H
#define VTPU_LIB_RUNTIME_SPIN_H

namespace vtpu::rt {

/// Polls `condition` for some tens of microseconds; true as soon as it holds. Who gets false goes to sleep.
template <typename Condition>
[[gnu::always_inline]] inline bool spin(Condition condition) {
  constexpr unsigned eager = 200, polls = 1000; // at first without a pause, which would add half its length to every wait
  for (unsigned i = 0; i < eager; ++i)
    if (condition())
      return true;
  for (unsigned i = 0; i < polls; ++i) {
    if (condition())
      return true;
    __builtin_ia32_pause();
  }
  return condition();
}

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_SPIN_H
