//===- Trace.h - What a program touches -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs an entry in the interpreter, as one sentron, and records every access of its S slots, and those to the call's tensors by coordinate.
// Not recorded: prefetches, accesses to cells, what other routines than `cget` and `cput` touch.
//
// Addresses are those of a model: every object (a binding of the entry, a stack) starts on a page, one behind the other, as big buffers of
// an allocator do, and a page is where its address says. A real machine maps pages of 4 KiB to places of its own, so that what is found in
// caches whose ways are larger than a page holds for large pages.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_TRACE_H
#define VTPU_ANALYSIS_TRACE_H

#include "vtpu/Memory/Coordinate.h"
#include "vtpu/Object/Program.h"

#include <functional>
#include <map>

namespace vtpu::analysis {

/// A dimension of the coordinates that an object's elements have in a space (docs/Memory.md).
struct Axis {
  unsigned dimension;
  uint64_t extent, stride; // stride in bytes
};

/// Something that has memory of its own in a call.
struct Object {
  std::string name;
  BindingKind kind;
  uint64_t base, bytes; // in the model
  DType dtype;
  std::vector<int64_t> shape;
  uint32_t binding;            // of the entry; of a stack: of its function
  std::vector<Axis> axes = {}; // the outermost first; empty: its elements have no coordinates, or not in row-major order
};

enum class AccessKind : uint8_t { load, store };

/// One run of bytes that a word touched.
struct Access {
  uint64_t address;
  uint32_t site; // index into Trace::sites
  uint8_t bytes; // 1 to 64
  AccessKind kind;
};

/// A word that touches an object.
struct Site {
  uint32_t function, word, object;
  std::string place;    // `main:5`: function and word
  std::string location; // of the source; empty: the program has none there
  std::string text;     // of the slot
  std::string binding;  // as the word's function calls it
  bool byCoordinate;    // cget, cput
};
/// `word 5 of main (a.py:3), sld.f32.f32.512 v0, [r0]`.
std::string describe(const Site &site);

struct Trace {
  std::string entry;
  std::vector<Object> objects; // ascending by address
  std::vector<Site> sites;
  std::vector<Access> accesses; // in the order of their happening
  uint64_t executedWords = 0;
  std::vector<std::vector<uint64_t>> executions; // of each word of each function
  /// Lines of 64 bytes that each word of each function was the first to touch.
  std::vector<std::vector<uint64_t>> firstTouches;
  bool cut = false;                              // the limit ended it
  std::string trap;                              // empty: there was none
};

struct TraceOptions {
  std::string entry;          // empty: the first one
  uint64_t limit = 4'000'000; // most words that are executed
  bool accesses = true;       // false: only counts of each word; `accesses` and `sites` stay empty
  /// Contents of inputs, in order; bindings without one are filled by `fill`.
  std::vector<std::vector<uint8_t>> inputs;
  std::function<void(std::vector<uint8_t> &bytes, DType type)> fill; // empty: zeros
  std::string parameters;                                            // safetensors file; empty: parameters are filled too
  std::map<std::string, uint64_t> displacements;                     // bytes that the object of a name is moved up from its page's start
};

/// Errors: the program does not verify, has no such entry, is given inputs of another size, or needs more memory than there is. A trap is
/// none: what ran before is recorded.
Result<Trace> record(const Program &program, const TraceOptions &options);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_TRACE_H
