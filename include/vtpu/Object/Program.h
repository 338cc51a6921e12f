//===- Program.h - A program as data ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The in-memory form of a `.vtpu` file: what the compiler and the assembler produce, what the loader verifies and runs. Manual:
// docs/BinaryFormat.md.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_OBJECT_PROGRAM_H
#define VTPU_OBJECT_PROGRAM_H

#include "vtpu/ISA/Instruction.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vtpu {

/// Element types of tensors as a caller sees them; `i1` and `bf16` have no register type of their own (a byte of 0/1, 16-bit patterns).
enum class DType : uint8_t { i1 = 1, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64 };
std::string_view dtypeName(DType type);
unsigned dtypeBytes(DType type);
/// DType(0) if no type has that name.
DType parseDType(std::string_view name);

/// Where the memory behind a binding comes from.
enum class BindingKind : uint8_t {
  Input = 1, // entry: caller's buffer, read only
  Output,    // entry: caller's buffer, written
  Parameter, // entry: external tensor by key, packed once per process as `layout` says
  Constant,  // entry: bytes [offset, offset + size) of the program's read-only data
  Arena,     // entry: scratch memory of the calling context (one static arena)
  Import,    // not an entry: whatever the call table passes
  Stack,     // any function: spill slots and local scratch of this function, one static area a calling context
};

/// How a parameter wants to be laid out in memory.
struct Layout {
  enum Kind : uint8_t {
    RowMajor = 0,
    /// Source: matrices [K][N] given by element strides; memory: [batch][ceil(N / tile)][K][tile], zero padded.
    Panels = 1,
  } kind = RowMajor;
  int64_t batch = 1, rows = 0, cols = 0;                     // batch, K, N
  int64_t batchStride = 0, rowStride = 0, colStride = 0, offset = 0; // in elements of the source
  int64_t tile = 0;
  bool operator==(const Layout &o) const;
};

/// One row of a function's binding table.
struct Binding {
  BindingKind kind = BindingKind::Import;
  std::string name;
  uint64_t size = 0; // bytes that the function may touch
  uint32_t align = 1;
  bool writable = false;
  // Input, Output, Parameter:
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  // Constant:
  uint64_t offset = 0;
  // Parameter:
  std::string key;
  Layout layout;
  std::string hash; // of the source tensor's bytes, hex; empty: not checked
};

/// Bytes of an input's, output's or parameter's tensor.
uint64_t tensorBytes(const Binding &binding);

/// One argument of a call: binding `index` of the caller, displaced by `offset` bytes.
struct CallArgument {
  uint32_t index = 0;
  uint64_t offset = 0;
};

/// A call names one of these; argument i becomes binding i of the callee (its Import bindings come first).
struct CallTable {
  uint32_t callee = 0; // function index
  std::vector<CallArgument> arguments;
};

/// A source location of a word.
struct Location {
  uint32_t word = 0;
  uint32_t text = 0; // index into Program::locationTexts
};

struct Function {
  std::string name;
  bool entry = false;
  std::vector<isa::Word> words;
  std::vector<Binding> bindings;
  std::vector<CallTable> callTables;
  std::vector<Location> locations; // ascending by word; strippable
};

struct Program {
  std::vector<Function> functions;
  std::vector<uint8_t> rodata;            // 64-byte aligned constants
  std::vector<std::string> messages;      // of ctrap and cassert
  std::vector<std::string> locationTexts; // "file.py:12:3"
  std::string parameterFile;              // where external parameters were at compile time; a hint
  std::string portTable;                  // the port table that scheduled it

  /// Index of a function; -1 if there is none.
  int find(std::string_view name) const;
};

/// ELF64 bytes of a program and back (ISA hash checked; strict; every error names the section or key). Without `checkWords` the words have their
/// fields and may break rules: for who verifies the program next, which checks them.
Result<std::vector<uint8_t>> writeObject(const Program &program);
Result<Program> readObject(const uint8_t *data, size_t size, bool checkWords = true);
/// The same on files; writing is atomic (a temporary beside the target, then renamed), a full disk leaves nothing behind.
Status writeObjectFile(const Program &program, const std::string &path);
Result<Program> readObjectFile(const std::string &path, bool checkWords = true);
/// Writes any bytes in that way; to a device or a pipe as they are.
Status writeFile(const void *data, size_t size, const std::string &path);

} // namespace vtpu

#endif // VTPU_OBJECT_PROGRAM_H
