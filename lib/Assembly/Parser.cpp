//===- Parser.cpp - Text to programs ----------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads one statement a line; every message names file, line and column. Manual: docs/Assembly.md.
//
//===----------------------------------------------------------------------===//

#include "Syntax.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Memory/CoordinateText.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace vtpu {

using namespace isa;

namespace {
/// A failure inside a line; column counts from 1.
struct Failure {
  size_t column = 0;
  std::string message;
};

/// Reads tokens of one line. The first failure is kept; afterwards every reader yields a default.
class Cursor {
public:
  explicit Cursor(std::string_view line) : line(line) {}

  std::optional<Failure> failure;
  bool ok() const { return !failure; }
  void fail(std::string message) { failAt(position, std::move(message)); }
  void failAt(size_t at, std::string message) {
    if (!failure)
      failure = Failure{at + 1, std::move(message)};
  }

  void skip() {
    while (position < line.size() && (line[position] == ' ' || line[position] == '\t' || line[position] == '\r'))
      ++position;
    if (line.substr(position, 2) == "//")
      position = line.size();
  }
  bool atEnd() {
    skip();
    return position >= line.size() || !ok();
  }
  char peek() { return atEnd() ? '\0' : line[position]; }
  bool accept(char c) {
    if (peek() != c)
      return false;
    ++position;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      fail(fmt::format("expected '{}' before {}", c, rest()));
  }
  size_t here() {
    skip();
    return position;
  }
  /// Letters, digits, '_', '$' and '.'.
  std::string_view word() {
    skip();
    size_t start = position;
    while (position < line.size() && (std::isalnum(static_cast<unsigned char>(line[position])) || line[position] == '_' ||
                                      line[position] == '$' || line[position] == '.'))
      ++position;
    return line.substr(start, position - start);
  }
  /// A coordinate's characters: up to a blank or a comment.
  std::string_view place() {
    skip();
    const size_t start = position;
    while (position < line.size() && !std::isspace(static_cast<unsigned char>(line[position])) && line.substr(position, 2) != "//")
      ++position;
    return line.substr(start, position - start);
  }
  int64_t integer(int64_t low, int64_t high, std::string_view what) {
    size_t start = here();
    bool negative = accept('-');
    if (!negative)
      accept('+');
    std::string_view digits = word();
    unsigned base = 10;
    if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
      base = 16;
      digits.remove_prefix(2);
    }
    __int128 value = 0;
    bool good = !digits.empty() && digits.size() <= 20;
    for (char c : digits) {
      int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
      if (!(good &= digit < int(base)))
        break; // as many digits as fit __int128 at most
      value = value * base + digit;
    }
    if (negative)
      value = -value;
    if (base == 16 && low == INT64_MIN && value > INT64_MAX && value <= __int128(UINT64_MAX))
      value = int64_t(uint64_t(value)); // bit patterns
    if (!good || value < low || value > high) {
      failAt(start, fmt::format("expected {} in {}..{}, found {}", what, low, high,
                                quote(line.substr(start, std::max<size_t>(position - start, 1)))));
      return low > 0 ? low : 0;
    }
    return int64_t(value);
  }
  std::string string() {
    std::string out;
    if (!accept('"')) {
      fail(fmt::format("expected a string in double quotes before {}", rest()));
      return out;
    }
    for (; position < line.size(); ++position) {
      char c = line[position];
      if (c == '"') {
        ++position;
        return out;
      }
      if (c != '\\') {
        out += c;
        continue;
      }
      char escape = ++position < line.size() ? line[position] : '\0';
      auto hex = [](char h) { return h >= '0' && h <= '9' ? h - '0' : h >= 'a' && h <= 'f' ? h - 'a' + 10 : -1; };
      if (escape == 'n') {
        out += '\n';
      } else if (escape == '"' || escape == '\\') {
        out += escape;
      } else if (escape == 'x' && position + 2 < line.size() && hex(line[position + 1]) >= 0 && hex(line[position + 2]) >= 0) {
        out += char(hex(line[position + 1]) * 16 + hex(line[position + 2]));
        position += 2;
      } else {
        fail("unknown escape in a string; legal are \\n, \\\", \\\\ and \\xhh");
        return out;
      }
    }
    fail("the string has no closing quote");
    return out;
  }
  std::string name(std::string_view what) {
    if (peek() == '"')
      return string();
    size_t start = here();
    std::string_view text = word();
    if (!assembly::isPlainName(text))
      failAt(start, fmt::format("expected {} before {}", what, text.empty() ? rest() : quote(text)));
    return std::string(text);
  }
  /// A register or a numbered name such as `b3`.
  int64_t numbered(char letter, int64_t high, std::string_view what) {
    size_t start = here();
    std::string_view text = word();
    int64_t value = 0;
    bool good = text.size() > 1 && text.size() < 12 && text[0] == letter &&
                std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (good)
      for (char c : text.substr(1))
        value = value * 10 + (c - '0');
    if (!good || value > high) {
      failAt(start, fmt::format("expected {} ({}0 to {}{}), found {}", what, letter, letter, high, text.empty() ? rest() : quote(text)));
      return 0;
    }
    return value;
  }
  std::vector<int64_t> list(int64_t low, int64_t high, std::string_view what) {
    std::vector<int64_t> values;
    expect('[');
    while (ok() && peek() != ']') {
      if (!values.empty())
        expect(',');
      values.push_back(integer(low, high, what));
    }
    expect(']');
    return values;
  }
  std::string rest() { return position >= line.size() ? "the end of the line" : quote(line.substr(position, 16)); }
  static std::string quote(std::string_view text) { return fmt::format("'{}'", text); }

private:
  std::string_view line;
  size_t position = 0;
};

constexpr int64_t most = int64_t(1) << 48;

class Parser {
public:
  Parser(std::string_view text, std::string_view fileName, bool ownLines) : text(text), fileName(fileName), ownLines(ownLines) {}
  Result<Program> run();

private:
  struct Fixup {
    size_t line, column;
    uint32_t function, item; // word or call table
    std::string label;
  };
  std::string_view text, fileName;
  const bool ownLines; // locations are the lines of the text
  Program program;
  bool inFunction = false;
  std::map<std::string, uint32_t> labels; // of the open function
  std::vector<Fixup> branches, callees;
  size_t lineNumber = 0;

  /// The message, the line it is about, and a caret under the column; control characters of the line print as spaces.
  Error error(size_t line, size_t column, std::string_view message) const {
    std::string_view rest = text;
    for (size_t skipped = 1; skipped < line; ++skipped) {
      size_t end = rest.find('\n');
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    std::string shown(rest.substr(0, rest.find('\n')));
    std::replace_if(shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
    return Error{fmt::format("{}:{}:{}: {}\n  {}\n  {}^", fileName, line, column, message, shown, std::string(column - 1, ' '))};
  }
  Status statement(std::string_view line);
  Status closeFunction();
  void directive(Cursor &cursor, std::string_view word, size_t start);
  void binding(Cursor &cursor);
  void table(Cursor &cursor);
  void siwWord(Cursor &cursor);
  void slot(Cursor &cursor, Word &word);
  void suffixes(Cursor &cursor, size_t start, std::string_view text, const InstrInfo &info, Slot &slot);
  void address(Cursor &cursor, const InstrInfo &info, Slot &slot);
  void immediate(Cursor &cursor, const OperandInfo &operand, Word &word, Slot &slot);
  void coordinate(Cursor &cursor, Word &word);
};

void Parser::directive(Cursor &cursor, std::string_view word, size_t start) {
  auto outside = [&] {
    if (inFunction)
      cursor.failAt(start, fmt::format("{} stands before all functions; close the function with .end first", word));
  };
  auto inside = [&] {
    if (!inFunction)
      cursor.failAt(start, fmt::format("{} belongs inside a function; open one with .func", word));
  };
  if (word == ".isa") {
    outside();
    size_t at = cursor.here();
    std::string_view hash = cursor.word();
    if (hash != fmt::format("{:016x}", tableHash()))
      cursor.failAt(at,
                    fmt::format("the text was written for instruction table '{}', this build has {:016x}; regenerate it or drop the line",
                                hash, tableHash()));
  } else if (word == ".parameter_file") {
    outside();
    program.parameterFile = cursor.string();
  } else if (word == ".port_table") {
    outside();
    program.portTable = cursor.string();
  } else if (word == ".message") {
    outside();
    program.messages.push_back(cursor.string());
  } else if (ownLines && (word == ".location" || word == ".loc")) {
    cursor.failAt(start, fmt::format("{} names the source of these words; locations cannot be the lines of this file (-g) at the same time", word));
  } else if (word == ".location") {
    outside();
    program.locationTexts.push_back(cursor.string());
  } else if (word == ".rodata") {
    outside();
    size_t at = cursor.here();
    std::string_view hex = cursor.word();
    auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    for (size_t i = 0; i < hex.size(); i += 2) {
      if (i + 1 >= hex.size() || digit(hex[i]) < 0 || digit(hex[i + 1]) < 0)
        return cursor.failAt(at + i, "expected bytes as pairs of lower-case hexadecimal digits");
      program.rodata.push_back(uint8_t(digit(hex[i]) * 16 + digit(hex[i + 1])));
    }
  } else if (word == ".func") {
    outside();
    Function function;
    size_t at = cursor.here();
    function.name = cursor.name("a function name");
    if (program.find(function.name) >= 0)
      cursor.failAt(at, fmt::format("function '{}' is defined twice", function.name));
    if (!cursor.atEnd()) {
      at = cursor.here();
      if (cursor.word() != "entry")
        cursor.failAt(at, "expected 'entry' or the end of the line after the function's name");
      function.entry = true;
    }
    program.functions.push_back(std::move(function));
    inFunction = true;
  } else if (word == ".binding") {
    inside();
    if (cursor.ok())
      binding(cursor);
  } else if (word == ".table") {
    inside();
    if (cursor.ok())
      table(cursor);
  } else if (word == ".loc") {
    inside();
    if (!cursor.ok())
      return;
    if (program.locationTexts.empty())
      return cursor.fail("there is no .location that .loc could name");
    Function &function = program.functions.back();
    int64_t number = cursor.integer(0, int64_t(program.locationTexts.size()) - 1, "the number of a .location");
    function.locations.push_back({uint32_t(function.words.size()), uint32_t(number)});
  } else {
    cursor.failAt(start, fmt::format("unknown directive '{}'", word));
  }
}

void Parser::binding(Cursor &cursor) {
  Binding binding;
  size_t at = cursor.here();
  std::string_view kind = cursor.word();
  unsigned number = 0;
  for (unsigned i = 1; i < std::size(assembly::kindNames); ++i)
    if (assembly::kindNames[i] == kind)
      number = i;
  if (!number)
    return cursor.failAt(
        at, fmt::format("unknown kind of binding '{}'; legal are input, output, parameter, constant, arena, import, stack", kind));
  binding.kind = BindingKind(number);
  binding.name = cursor.name("the binding's name");
  while (!cursor.atEnd()) {
    at = cursor.here();
    std::string_view key = cursor.word();
    if (key == "writable") {
      binding.writable = true;
      continue;
    }
    cursor.expect('=');
    if (key == "size") {
      binding.size = uint64_t(cursor.integer(0, most, "a size"));
    } else if (key == "align") {
      binding.align = uint32_t(cursor.integer(1, 4096, "an alignment"));
    } else if (key == "dtype") {
      size_t start = cursor.here();
      std::string_view name = cursor.word();
      binding.dtype = parseDType(name);
      if (binding.dtype == DType(0))
        cursor.failAt(start, fmt::format("'{}' is not an element type", name));
    } else if (key == "shape") {
      binding.shape = cursor.list(0, most, "an extent");
    } else if (key == "offset") {
      binding.offset = uint64_t(cursor.integer(0, most, "an offset"));
    } else if (key == "key") {
      binding.key = cursor.string();
    } else if (key == "hash") {
      binding.hash = cursor.string();
    } else if (key == "panels") {
      size_t start = cursor.here();
      std::vector<int64_t> v = cursor.list(0, int64_t(1) << 40, "a number");
      if (v.size() != 8 || v[7] < 1)
        return cursor.failAt(
            start, "panels holds 8 numbers: batch, rows, cols, batch stride, row stride, column stride, offset, tile (at least 1)");
      binding.layout = {Layout::Panels, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]};
    } else {
      cursor.failAt(at, fmt::format("unknown attribute '{}' of a binding", key));
    }
  }
  program.functions.back().bindings.push_back(std::move(binding));
}

void Parser::table(Cursor &cursor) {
  Function &function = program.functions.back();
  CallTable table;
  size_t at = cursor.here();
  if (cursor.accept('#'))
    table.callee = uint32_t(cursor.integer(0, UINT32_MAX, "a function number"));
  else
    callees.push_back(
        {lineNumber, at + 1, uint32_t(program.functions.size() - 1), uint32_t(function.callTables.size()), cursor.name("a function")});
  while (!cursor.atEnd()) {
    CallArgument argument;
    argument.index = uint32_t(cursor.numbered('b', INT32_MAX, "a binding"));
    if (cursor.accept('+'))
      argument.offset = uint64_t(cursor.integer(0, most, "an offset"));
    table.arguments.push_back(argument);
  }
  function.callTables.push_back(std::move(table));
}

void Parser::suffixes(Cursor &cursor, size_t start, std::string_view text, const InstrInfo &info, Slot &slot) {
  bool havePredicate = false, haveType = false, haveMemType = false, haveLength = false;
  while (!text.empty()) {
    text.remove_prefix(1);
    std::string_view part = text.substr(0, text.find('.'));
    text.remove_prefix(part.size());
    bool taken = false;
    if (info.hasPredicate && !havePredicate)
      for (unsigned p = 0; p < numPredicates && !taken; ++p)
        if (part == predicateName(Predicate(p))) {
          slot.predicate = Predicate(p);
          taken = havePredicate = true;
        }
    if (!taken && info.hasLength && !haveLength)
      for (unsigned l = 0; l < 3 && !taken; ++l)
        if (part == fmt::format("{}", lengthBytes(Length(l)) * 8)) {
          slot.length = Length(l);
          taken = haveLength = true;
        }
    if (Type type = parseType(part); !taken && type != Type::none) {
      if (info.types && !haveType) {
        slot.type = type;
        taken = haveType = true;
      } else if (info.memTypes && !haveMemType) {
        slot.memType = type;
        taken = haveMemType = true;
      }
    }
    if (!taken)
      return cursor.failAt(start, fmt::format("{} does not take the suffix '.{}'", info.mnemonic, part));
  }
  auto missing = [&](bool wanted, bool have, std::string_view what) {
    if (wanted && !have)
      cursor.failAt(start, fmt::format("{} needs {} in its suffixes", info.mnemonic, what));
  };
  missing(info.hasPredicate, havePredicate, "a predicate such as .lt");
  missing(info.types != 0, haveType, "an element type such as .f32");
  missing(info.memTypes != 0, haveMemType,
          info.types ? "a second type, that of memory or source, such as .f32" : "a memory type such as .i32");
  missing(info.hasLength, haveLength, "a length .128, .256 or .512");
}

void Parser::address(Cursor &cursor, const InstrInfo &info, Slot &slot) {
  const OperandInfo *index = assembly::indexOperand(info);
  if (index && index->cls == OperandClass::idx)
    setRegister(slot, index->field, noRegister);
  cursor.expect('[');
  slot.ra = uint8_t(cursor.numbered('r', numR - 1, "the address register"));
  bool haveIndex = false;
  while (cursor.ok() && cursor.peek() != ']') {
    char sign = cursor.peek();
    if (sign != '+' && sign != '-')
      return cursor.fail(fmt::format("expected '+', '-' or ']' before {}", cursor.rest()));
    cursor.accept(sign);
    char next = cursor.peek();
    if (sign == '+' && (next == 'r' || next == 'v')) {
      if (!index || haveIndex)
        return cursor.fail(fmt::format("{} takes no {}index register", info.mnemonic, haveIndex ? "second " : ""));
      bool vector = index->cls == OperandClass::v;
      setRegister(slot, index->field, uint8_t(cursor.numbered(vector ? 'v' : 'r', (vector ? numV : numR) - 1, "the index register")));
      haveIndex = true;
      if (cursor.accept('*')) {
        size_t at = cursor.here();
        int64_t factor = cursor.integer(1, 8, "a scale");
        slot.scale = factor == 8 ? 3 : factor == 4 ? 2 : factor == 2 ? 1 : 0;
        if (1 << slot.scale != factor)
          cursor.failAt(at, fmt::format("scale {} is not 1, 2, 4 or 8", factor));
      }
      continue;
    }
    int64_t value =
        sign == '-' ? -cursor.integer(0, -int64_t(INT32_MIN), "a displacement") : cursor.integer(INT32_MIN, INT32_MAX, "a displacement");
    slot.imm = int32_t(value);
  }
  if (index && index->cls == OperandClass::v && !haveIndex)
    cursor.fail(fmt::format("{} needs a vector index in its address", info.mnemonic));
  cursor.expect(']');
}

void Parser::immediate(Cursor &cursor, const OperandInfo &operand, Word &word, Slot &slot) {
  // The word has one I0 and one I1; slots may share a value, but not bring two.
  auto wordImmediate = [&](int64_t &value) {
    const size_t at = cursor.here();
    bool taken = false;
    for (unsigned p = 0; p < numPipes; ++p) {
      const InstrInfo *other = &word.slots[p] == &slot ? nullptr : lookup(Pipe(p), word.slots[p].opcode);
      taken |= other && other->operand(operand.field);
    }
    const int64_t given = cursor.integer(INT64_MIN, INT64_MAX, "a 64-bit immediate");
    if (taken && given != value)
      return cursor.failAt(at, fmt::format("another slot of the word has the immediate {}; move one of them to another word", value));
    word.hasImmediates = true;
    value = given;
  };
  switch (operand.cls) {
  case OperandClass::i64:
    wordImmediate(word.i0);
    break;
  case OperandClass::cmp64:
    wordImmediate(word.i1);
    break;
  case OperandClass::target: {
    char c = cursor.peek();
    if (c == '+' || c == '-') {
      slot.imm = int32_t(cursor.integer(INT32_MIN, INT32_MAX, "a distance in words"));
      break;
    }
    size_t at = cursor.here();
    std::string label = cursor.name("a label or a signed distance");
    branches.push_back(
        {lineNumber, at + 1, uint32_t(program.functions.size() - 1), uint32_t(program.functions.back().words.size()), label});
    break;
  }
  case OperandClass::binding:
    slot.imm = int32_t(cursor.numbered('b', INT32_MAX, "a binding"));
    break;
  case OperandClass::table:
    slot.imm = int32_t(cursor.numbered('t', INT32_MAX, "a call table"));
    break;
  case OperandClass::code:
    slot.imm = int32_t(cursor.numbered('m', INT32_MAX, "a message"));
    break;
  case OperandClass::host:
    slot.imm = int32_t(cursor.numbered('h', INT32_MAX, "a listed host function"));
    break;
  default:
    slot.imm = int32_t(cursor.integer(INT32_MIN, INT32_MAX, "a 32-bit immediate"));
    break;
  }
}

void Parser::slot(Cursor &cursor, Word &word) {
  size_t start = cursor.here();
  std::string_view letter = cursor.word();
  size_t pipe = letter.size() == 1 ? std::string_view("DSC").find(letter[0]) : std::string_view::npos;
  if (pipe == std::string_view::npos)
    return cursor.failAt(start, fmt::format("expected a slot 'D:', 'S:' or 'C:', found {}", Cursor::quote(letter)));
  cursor.expect(':');
  if (!word.slots[pipe].empty())
    return cursor.failAt(start, fmt::format("slot {} is filled twice", letter));
  start = cursor.here();
  std::string_view text = cursor.word();
  std::string_view mnemonic = text.substr(0, text.find('.'));
  const InstrInfo *info = lookup(mnemonic);
  if (!info)
    return cursor.failAt(start, fmt::format("unknown instruction '{}'", mnemonic));
  if (info->pipe != Pipe(pipe))
    return cursor.failAt(start, fmt::format("{} belongs into slot {}, not {}", mnemonic, "DSC"[unsigned(info->pipe)], letter));
  Slot &slot = word.slots[pipe];
  slot.opcode = info->opcode;
  suffixes(cursor, start, text.substr(mnemonic.size()), *info, slot);
  bool first = true;
  for (const assembly::Item &item : assembly::items(*info)) {
    if (!first)
      cursor.expect(',');
    first = false;
    if (!cursor.ok())
      return;
    if (item.address) {
      address(cursor, *info, slot);
    } else if (assembly::isRegister(item.operand->cls)) {
      OperandClass cls = item.operand->cls;
      const char *what = cls == OperandClass::v   ? "a vector register"
                         : cls == OperandClass::k ? "a mask register"
                         : cls == OperandClass::p ? "a coordinate register"
                         : cls == OperandClass::m ? "a message register"
                                                  : "a scalar register";
      setRegister(slot, item.operand->field, uint8_t(cursor.numbered(assembly::registerLetter(cls), registerCount(cls) - 1, what)));
    } else {
      immediate(cursor, *item.operand, word, slot);
    }
  }
  if (cursor.accept('{')) {
    slot.mask = uint8_t(cursor.numbered('k', numK - 1, "a mask register"));
    cursor.expect('}');
    if (cursor.accept('{')) {
      size_t at = cursor.here();
      if (cursor.word() != "z")
        cursor.failAt(at, "expected {z} after the mask");
      slot.zeroing = true;
      cursor.expect('}');
    }
  }
}

void Parser::coordinate(Cursor &cursor, Word &word) {
  const size_t start = cursor.here();
  size_t failure = 0;
  Result<Coordinate> coordinate = parseCoordinate(cursor.place(), &failure);
  if (!coordinate)
    return cursor.failAt(start + failure, coordinate.message());
  word.coordinate = coordinate->components();
}

void Parser::siwWord(Cursor &cursor) {
  Word word;
  size_t start = cursor.here();
  cursor.expect('{');
  while (cursor.ok() && cursor.peek() != '}') {
    slot(cursor, word);
    if (cursor.ok() && cursor.peek() != '}')
      cursor.expect(';');
  }
  cursor.expect('}');
  if (cursor.accept('@'))
    coordinate(cursor, word);
  if (!cursor.ok())
    return;
  if (Status status = checkWord(word); !status)
    return cursor.failAt(start, status.message());
  Function &function = program.functions.back();
  if (ownLines) {
    function.locations.push_back({uint32_t(function.words.size()), uint32_t(program.locationTexts.size())});
    program.locationTexts.push_back(fmt::format("{}:{}", fileName.substr(fileName.find_last_of('/') + 1), lineNumber));
  }
  function.words.push_back(word);
}

Status Parser::closeFunction() {
  Function &function = program.functions.back();
  for (const Fixup &fixup : branches) {
    auto it = labels.find(fixup.label);
    if (it == labels.end())
      return error(fixup.line, fixup.column, fmt::format("label '{}' is not defined in function '{}'", fixup.label, function.name));
    function.words[fixup.item].slot(Pipe::C).imm = int32_t(int64_t(it->second) - int64_t(fixup.item));
  }
  branches.clear();
  labels.clear();
  inFunction = false;
  return {};
}

Status Parser::statement(std::string_view line) {
  Cursor cursor(line);
  if (cursor.atEnd())
    return {};
  size_t start = cursor.here();
  if (cursor.peek() == '{') {
    if (!inFunction)
      cursor.failAt(start, "a word belongs inside a function; open one with .func");
    else
      siwWord(cursor);
  } else {
    std::string_view word = cursor.word();
    if (word == ".end") {
      if (!inFunction)
        cursor.failAt(start, ".end without .func");
      else if (Status status = closeFunction(); !status)
        return status;
    } else if (!word.empty() && word[0] == '.') {
      directive(cursor, word, start);
    } else if (assembly::isPlainName(word) && cursor.accept(':')) {
      if (!inFunction)
        cursor.failAt(start, fmt::format("label '{}' belongs inside a function; open one with .func", word));
      else if (!labels.emplace(word, uint32_t(program.functions.back().words.size())).second)
        cursor.failAt(start, fmt::format("label '{}' is defined twice", word));
    } else {
      cursor.failAt(start, fmt::format("expected a directive, a label or a word, found {}", Cursor::quote(line.substr(start, 16))));
    }
  }
  if (cursor.ok() && !cursor.atEnd())
    cursor.fail(fmt::format("unexpected {} at the end of the statement", cursor.rest()));
  if (!cursor.ok())
    return error(lineNumber, cursor.failure->column, cursor.failure->message);
  return {};
}

Result<Program> Parser::run() {
  std::string_view rest = text;
  while (!rest.empty()) {
    ++lineNumber;
    size_t end = rest.find('\n');
    if (Status status = statement(rest.substr(0, end)); !status)
      return Error{status.message()};
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (inFunction)
    return error(lineNumber + 1, 1, fmt::format("function '{}' has no .end", program.functions.back().name));
  for (const Fixup &fixup : callees) {
    int callee = program.find(fixup.label);
    if (callee < 0)
      return error(fixup.line, fixup.column, fmt::format("function '{}' is not defined", fixup.label));
    program.functions[fixup.function].callTables[fixup.item].callee = uint32_t(callee);
  }
  return std::move(program);
}
} // namespace

Result<Program> parseAssembly(std::string_view text, std::string_view fileName, bool ownLines) { return Parser(text, fileName, ownLines).run(); }

} // namespace vtpu
