//===- ObjectFile.cpp - `.vtpu` files ---------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ELF64 through libelf, metadata as MessagePack in a note. Manual: docs/BinaryFormat.md.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Object/Program.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>
#include <unordered_set>

namespace vtpu {

using nlohmann::json;

namespace {
constexpr int abiVersion = 1;
constexpr const char *noteName = "vTPU";
constexpr uint32_t noteType = 1;
constexpr const char *requiredFeature = "x86-64-v4"; // of the fast tier; the interpreter runs everywhere
constexpr const char *metaSection = ".note.vtpu.meta", *rodataSection = ".rodata.vtpu", *locationSection = ".vtpu.loc";
const std::string codePrefix = ".siw.";

const char *const kindNames[] = {"", "input", "output", "parameter", "constant", "arena", "import", "stack"};

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

json bindingToJson(const Binding &binding) {
  json j = {{"kind", kindNames[unsigned(binding.kind)]},
            {"name", binding.name},
            {"size", binding.size},
            {"align", binding.align},
            {"writable", binding.writable}};
  if (binding.kind <= BindingKind::Parameter) {
    j["dtype"] = std::string(dtypeName(binding.dtype));
    j["shape"] = binding.shape;
  }
  if (binding.kind == BindingKind::Constant)
    j["offset"] = binding.offset;
  if (binding.kind == BindingKind::Parameter) {
    j["key"] = binding.key;
    j["hash"] = binding.hash;
    const Layout &l = binding.layout;
    if (l.kind == Layout::Panels)
      j["panels"] = {l.batch, l.rows, l.cols, l.batchStride, l.rowStride, l.colStride, l.offset, l.tile};
  }
  return j;
}

json metadata(const Program &program) {
  json functions = json::array();
  for (const Function &function : program.functions) {
    json bindings = json::array(), tables = json::array();
    for (const Binding &binding : function.bindings)
      bindings.push_back(bindingToJson(binding));
    for (const CallTable &table : function.callTables) {
      json arguments = json::array();
      for (const CallArgument &argument : table.arguments)
        arguments.push_back({argument.index, argument.offset});
      tables.push_back({table.callee, arguments});
    }
    functions.push_back({{"name", function.name}, {"entry", function.entry}, {"bindings", bindings}, {"tables", tables}});
  }
  return {{"abi", abiVersion},
          {"isa", fmt::format("{:016x}", isa::tableHash())},
          {"features", json::array({requiredFeature})},
          {"functions", functions},
          {"messages", program.messages},
          {"parameter_file", program.parameterFile},
          {"port_table", program.portTable}};
}

/// Reads typed values out of the metadata; the first failure is kept and everything after it yields defaults.
class Reader {
public:
  std::string failure;

  const json &member(const json &j, const char *key) {
    static const json none;
    if (!j.is_object() || !j.contains(key))
      return fail(fmt::format("key '{}' is missing", key)), none;
    return j.at(key);
  }
  std::string string(const json &j, const char *key) {
    const json &v = member(j, key);
    if (!v.is_string())
      return fail(fmt::format("key '{}' is not a string", key)), "";
    return v.get<std::string>();
  }
  bool boolean(const json &j, const char *key) {
    const json &v = member(j, key);
    if (!v.is_boolean())
      return fail(fmt::format("key '{}' is not a boolean", key)), false;
    return v.get<bool>();
  }
  int64_t integer(const json &v, const char *what, int64_t low, int64_t high) {
    if (!v.is_number_integer() || (v.is_number_unsigned() && v.get<uint64_t>() > uint64_t(INT64_MAX)) || v.get<int64_t>() < low ||
        v.get<int64_t>() > high)
      return fail(fmt::format("'{}' is not an integer in {}..{}", what, low, high)), low;
    return v.get<int64_t>();
  }
  int64_t integer(const json &j, const char *key, const char *, int64_t low, int64_t high) {
    return integer(member(j, key), key, low, high);
  }
  const json &array(const json &j, const char *key) {
    static const json empty = json::array();
    const json &v = member(j, key);
    if (!v.is_array())
      return fail(fmt::format("key '{}' is not an array", key)), empty;
    return v;
  }
  void fail(std::string text) {
    if (failure.empty())
      failure = std::move(text);
  }
};

constexpr int64_t most = int64_t(1) << 48;

Binding bindingFromJson(Reader &reader, const json &j) {
  Binding binding;
  std::string kind = reader.string(j, "kind");
  unsigned number = 0;
  for (unsigned i = 1; i <= unsigned(BindingKind::Stack); ++i)
    if (kind == kindNames[i])
      number = i;
  if (!number)
    reader.fail(fmt::format("'{}' is not a kind of binding", kind)), number = 1;
  binding.kind = BindingKind(number);
  binding.name = reader.string(j, "name");
  binding.size = uint64_t(reader.integer(j, "size", "", 0, most));
  binding.align = uint32_t(reader.integer(j, "align", "", 1, 4096));
  binding.writable = reader.boolean(j, "writable");
  if (binding.kind <= BindingKind::Parameter) {
    std::string dtype = reader.string(j, "dtype");
    binding.dtype = parseDType(dtype);
    if (binding.dtype == DType(0))
      reader.fail(fmt::format("'{}' is not an element type", dtype)), binding.dtype = DType::f32;
    int64_t elements = 1;
    for (const json &extent : reader.array(j, "shape")) {
      binding.shape.push_back(reader.integer(extent, "shape", 0, most));
      if (__builtin_mul_overflow(elements, std::max<int64_t>(binding.shape.back(), 1), &elements) || elements > most)
        reader.fail("a shape is out of range"), elements = 1;
    }
    if (binding.shape.size() > 64)
      reader.fail(fmt::format("a shape has {} dimensions", binding.shape.size()));
  }
  if (binding.kind == BindingKind::Constant)
    binding.offset = uint64_t(reader.integer(j, "offset", "", 0, most));
  if (binding.kind == BindingKind::Parameter) {
    binding.key = reader.string(j, "key");
    binding.hash = reader.string(j, "hash");
    if (j.is_object() && j.contains("panels")) {
      const json &p = reader.array(j, "panels");
      if (p.size() != 8) {
        reader.fail("key 'panels' does not hold 8 numbers");
      } else {
        Layout &l = binding.layout;
        l.kind = Layout::Panels;
        int64_t *fields[] = {&l.batch, &l.rows, &l.cols, &l.batchStride, &l.rowStride, &l.colStride, &l.offset, &l.tile};
        for (unsigned i = 0; i < 8; ++i)
          *fields[i] = reader.integer(p[i], "panels", i == 7 ? 1 : 0, int64_t(1) << 40);
      }
    }
  }
  return binding;
}

Status readMetadata(const json &meta, Program &program) {
  Reader reader;
  if (int64_t abi = reader.integer(meta, "abi", "", 0, INT32_MAX); reader.failure.empty() && abi != abiVersion)
    return Error{fmt::format("{}: the file has ABI version {}, this build reads {}; recompile the program or update the toolchain",
                             metaSection, abi, abiVersion)};
  std::string hash = reader.string(meta, "isa");
  if (reader.failure.empty() && hash != fmt::format("{:016x}", isa::tableHash()))
    return Error{fmt::format("{}: the file was written for instruction table {}, this build has {:016x}; recompile the program",
                             metaSection, hash, isa::tableHash())};
  for (const json &feature : reader.array(meta, "features")) {
    if (!feature.is_string())
      reader.fail("a feature is not a string");
    else if (feature.get<std::string>() != requiredFeature)
      return Error{fmt::format("{}: the program requires feature '{}', which this build does not know; update the toolchain", metaSection,
                               feature.get<std::string>())};
  }
  for (const json &message : reader.array(meta, "messages")) {
    if (!message.is_string())
      reader.fail("a message is not a string");
    else
      program.messages.push_back(message.get<std::string>());
  }
  program.parameterFile = reader.string(meta, "parameter_file");
  program.portTable = reader.string(meta, "port_table");
  std::unordered_set<std::string> names;
  for (const json &j : reader.array(meta, "functions")) {
    Function function;
    function.name = reader.string(j, "name");
    function.entry = reader.boolean(j, "entry");
    for (const json &binding : reader.array(j, "bindings"))
      function.bindings.push_back(bindingFromJson(reader, binding));
    for (const json &t : reader.array(j, "tables")) {
      CallTable table;
      if (!t.is_array() || t.size() != 2 || !t[1].is_array()) {
        reader.fail("a call table is not a pair of callee and arguments");
        break;
      }
      table.callee = uint32_t(reader.integer(t[0], "callee", 0, INT32_MAX));
      for (const json &a : t[1]) {
        if (!a.is_array() || a.size() != 2) {
          reader.fail("an argument is not a pair of binding and offset");
          break;
        }
        table.arguments.push_back(
            {uint32_t(reader.integer(a[0], "argument", 0, INT32_MAX)), uint64_t(reader.integer(a[1], "offset", 0, most))});
      }
      function.callTables.push_back(std::move(table));
    }
    if (!names.insert(function.name).second)
      reader.fail(fmt::format("two functions are named '{}'", function.name));
    program.functions.push_back(std::move(function));
  }
  if (!reader.failure.empty())
    return Error{fmt::format("{}: {}; the file is damaged", metaSection, reader.failure)};
  return {};
}

//===----------------------------------------------------------------------===//
// ELF
//===----------------------------------------------------------------------===//

/// A file descriptor and an ELF handle that close themselves.
struct Handle {
  int fd = -1;
  Elf *elf = nullptr;
  ~Handle() {
    if (elf)
      elf_end(elf);
    if (fd >= 0)
      close(fd);
  }
};

std::vector<uint8_t> noteBytes(const json &meta) {
  std::vector<uint8_t> desc = json::to_msgpack(meta);
  auto padded = [](size_t n) { return (n + 3) / 4 * 4; };
  const size_t nameSize = std::strlen(noteName) + 1;
  std::vector<uint8_t> note(12 + padded(nameSize) + padded(desc.size()));
  uint32_t header[3] = {uint32_t(nameSize), uint32_t(desc.size()), noteType};
  std::memcpy(note.data(), header, 12);
  std::memcpy(note.data() + 12, noteName, nameSize);
  std::memcpy(note.data() + 12 + padded(nameSize), desc.data(), desc.size());
  return note;
}

struct Section {
  std::string name;
  uint32_t type;
  uint64_t flags, align, entrySize = 0;
  std::vector<uint8_t> bytes;
  uint32_t link = 0, info = 0, nameOffset = 0;
};

std::vector<Section> sectionsOf(const Program &program) {
  std::vector<Section> sections;
  sections.push_back({metaSection, SHT_NOTE, SHF_ALLOC, 4, 0, noteBytes(metadata(program))});
  std::vector<uint8_t> strings = {0};
  std::vector<Elf64_Sym> symbols(1);
  auto addString = [](std::vector<uint8_t> &table, const std::string &text) {
    uint32_t offset = uint32_t(table.size());
    table.insert(table.end(), text.begin(), text.end());
    table.push_back(0);
    return offset;
  };
  json locations = json::array();
  bool hasLocations = false;
  for (const Function &function : program.functions) {
    Section section{codePrefix + function.name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, isa::wordBytes, 0, {}};
    section.bytes.resize(function.words.size() * isa::wordBytes);
    for (size_t w = 0; w < function.words.size(); ++w)
      isa::encode(function.words[w], w ? &function.words[w - 1] : nullptr, section.bytes.data() + w * isa::wordBytes);
    Elf64_Sym symbol = {};
    symbol.st_name = addString(strings, function.name);
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_size = section.bytes.size();
    symbol.st_shndx = uint16_t(sections.size() + 1);
    symbols.push_back(symbol);
    sections.push_back(std::move(section));
    json rows = json::array();
    for (const Location &location : function.locations) {
      rows.push_back(location.word);
      rows.push_back(location.text);
      hasLocations = true;
    }
    locations.push_back(rows);
  }
  if (!program.rodata.empty())
    sections.push_back({rodataSection, SHT_PROGBITS, SHF_ALLOC, 64, 0, program.rodata});
  if (hasLocations || !program.locationTexts.empty())
    sections.push_back(
        {locationSection, SHT_PROGBITS, 0, 1, 0, json::to_msgpack({{"texts", program.locationTexts}, {"functions", locations}})});
  Section symtab{".symtab", SHT_SYMTAB, 0, 8, sizeof(Elf64_Sym), {}};
  symtab.bytes.resize(symbols.size() * sizeof(Elf64_Sym));
  std::memcpy(symtab.bytes.data(), symbols.data(), symtab.bytes.size());
  symtab.link = uint32_t(sections.size() + 2);
  symtab.info = 1;
  sections.push_back(std::move(symtab));
  sections.push_back({".strtab", SHT_STRTAB, 0, 1, 0, strings});
  Section names{".shstrtab", SHT_STRTAB, 0, 1, 0, {0}};
  for (Section &section : sections)
    section.nameOffset = addString(names.bytes, section.name);
  names.nameOffset = addString(names.bytes, names.name);
  sections.push_back(std::move(names));
  return sections;
}

Error elfError(const char *what) { return Error{fmt::format("{}: {}", what, elf_errmsg(-1))}; }
} // namespace

Result<std::vector<uint8_t>> writeObject(const Program &program) {
  if (program.functions.size() > 0xff00 - 8)
    return Error{fmt::format("{} functions do not fit an ELF file's section table", program.functions.size())};
  std::unordered_set<std::string> names;
  for (size_t f = 0; f < program.functions.size(); ++f) {
    const std::string &name = program.functions[f].name;
    if (name.empty() || name.find('\0') != std::string::npos || !names.insert(name).second)
      return Error{fmt::format("function {}: the name '{}' is empty, taken or holds a zero byte", f, name.c_str())};
  }
  elf_version(EV_CURRENT);
  std::vector<Section> sections = sectionsOf(program);
  Handle handle;
  handle.fd = memfd_create("vtpu-object", MFD_CLOEXEC);
  if (handle.fd < 0)
    return Error{fmt::format("cannot make a memory file: {}", std::strerror(errno))};
  handle.elf = elf_begin(handle.fd, ELF_C_WRITE, nullptr);
  Elf64_Ehdr *header = handle.elf ? elf64_newehdr(handle.elf) : nullptr;
  if (!header)
    return elfError("cannot begin the ELF file");
  header->e_ident[EI_DATA] = ELFDATA2LSB;
  header->e_type = ET_DYN;
  header->e_machine = EM_NONE;
  header->e_version = EV_CURRENT;
  for (Section &section : sections) {
    Elf_Scn *scn = elf_newscn(handle.elf);
    Elf_Data *data = scn ? elf_newdata(scn) : nullptr;
    Elf64_Shdr *shdr = scn ? elf64_getshdr(scn) : nullptr;
    if (!data || !shdr)
      return elfError(section.name.c_str());
    data->d_buf = section.bytes.data();
    data->d_size = section.bytes.size();
    data->d_align = section.align;
    data->d_type = section.type == SHT_SYMTAB ? ELF_T_SYM : ELF_T_BYTE;
    data->d_version = EV_CURRENT;
    shdr->sh_name = section.nameOffset;
    shdr->sh_type = section.type;
    shdr->sh_flags = section.flags;
    shdr->sh_entsize = section.entrySize;
    shdr->sh_link = section.link;
    shdr->sh_info = section.info;
  }
  header->e_shstrndx = uint16_t(sections.size());
  // libelf lays the file out; the bytes are put together in memory, so that no disk can be full here.
  const int64_t size = elf_update(handle.elf, ELF_C_NULL);
  if (size < 0)
    return elfError("cannot lay out the ELF file");
  std::vector<uint8_t> bytes(size_t(size), 0);
  for (size_t i = 0; i <= sections.size(); ++i) {
    Elf_Scn *scn = elf_getscn(handle.elf, i);
    Elf64_Shdr *shdr = scn ? elf64_getshdr(scn) : nullptr;
    if (!shdr)
      return elfError("cannot lay out the ELF file");
    if (i > 0) // section 0 is the null section
      std::copy(sections[i - 1].bytes.begin(), sections[i - 1].bytes.end(), bytes.begin() + ptrdiff_t(shdr->sh_offset));
    std::memcpy(bytes.data() + header->e_shoff + i * sizeof(*shdr), shdr, sizeof(*shdr));
  }
  std::memcpy(bytes.data(), header, sizeof(*header));
  return bytes;
}

namespace {
/// MessagePack of this many levels; the JSON library's reader is recursive and must not meet more.
constexpr size_t deepest = 16;

/// False if MessagePack ends inside a value or is nested deeper than `deepest`.
bool wellNested(const uint8_t *bytes, size_t size) {
  std::vector<uint64_t> open = {1}; // values still to come, per level
  size_t at = 0;
  auto number = [&](unsigned width) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value = value << 8 | (at + i < size ? bytes[at + i] : 0);
    at += width;
    return value;
  };
  while (!open.empty()) {
    if (open.back() == 0) {
      open.pop_back();
      continue;
    }
    --open.back();
    if (at >= size)
      return false;
    const uint8_t tag = bytes[at++];
    uint64_t children = 0, skip = 0;
    if (tag <= 0x7f || tag >= 0xe0 || (tag >= 0xc0 && tag <= 0xc3))
      skip = 0;
    else if (tag <= 0x8f)
      children = 2 * uint64_t(tag & 15);
    else if (tag <= 0x9f)
      children = tag & 15;
    else if (tag <= 0xbf)
      skip = tag & 31;
    else if (tag >= 0xc4 && tag <= 0xc6) // bin 8, 16, 32
      skip = number(1u << (tag - 0xc4));
    else if (tag >= 0xc7 && tag <= 0xc9) // ext 8, 16, 32
      skip = number(1u << (tag - 0xc7)) + 1;
    else if (tag == 0xca || tag == 0xcb)
      skip = tag == 0xca ? 4 : 8;
    else if (tag >= 0xcc && tag <= 0xd3) // unsigned and signed integers
      skip = 1u << ((tag - 0xcc) & 3);
    else if (tag >= 0xd4 && tag <= 0xd8) // fixext
      skip = (1u << (tag - 0xd4)) + 1;
    else if (tag >= 0xd9 && tag <= 0xdb) // str 8, 16, 32
      skip = number(1u << (tag - 0xd9));
    else if (tag == 0xdc || tag == 0xdd)
      children = number(tag == 0xdc ? 2 : 4);
    else
      children = 2 * number(tag == 0xde ? 2 : 4);
    if (at > size || skip > size - at)
      return false;
    at += skip;
    if (children) {
      if (open.size() >= deepest)
        return false;
      open.push_back(children);
    }
  }
  return true;
}

json parseMessagePack(const uint8_t *bytes, size_t size) {
  if (!wellNested(bytes, size))
    return json(json::value_t::discarded);
  return json::from_msgpack(bytes, bytes + size, true, false);
}

Result<json> parseNote(const uint8_t *bytes, size_t size) {
  uint32_t header[3];
  const size_t nameSize = std::strlen(noteName) + 1, nameEnd = 12 + (nameSize + 3) / 4 * 4;
  if (size < nameEnd)
    return Error{fmt::format("{}: the note is cut off at {} bytes; the file is damaged", metaSection, size)};
  std::memcpy(header, bytes, 12);
  if (header[0] != nameSize || header[2] != noteType || std::memcmp(bytes + 12, noteName, nameSize) != 0 || header[1] > size - nameEnd)
    return Error{fmt::format("{}: the note is not a vTPU note of type {}; the file is damaged", metaSection, noteType)};
  json meta = parseMessagePack(bytes + nameEnd, header[1]);
  if (meta.is_discarded())
    return Error{fmt::format("{}: the note holds no MessagePack; the file is damaged", metaSection)};
  return meta;
}

Status readLocations(const uint8_t *bytes, size_t size, Program &program) {
  auto damaged = [](std::string text) {
    return Error{fmt::format("section {}: {}; the section is damaged, llvm-objcopy --remove-section={} removes it", locationSection, text,
                             locationSection)};
  };
  json j = parseMessagePack(bytes, size);
  if (j.is_discarded())
    return damaged("it holds no MessagePack");
  Reader reader;
  for (const json &text : reader.array(j, "texts")) {
    if (!text.is_string())
      return damaged("a text is not a string");
    program.locationTexts.push_back(text.get<std::string>());
  }
  const json &functions = reader.array(j, "functions");
  if (!reader.failure.empty())
    return damaged(reader.failure);
  if (functions.size() != program.functions.size())
    return damaged(fmt::format("it describes {} functions, the program has {}", functions.size(), program.functions.size()));
  for (size_t f = 0; f < functions.size(); ++f) {
    const json &rows = functions[f];
    if (!rows.is_array() || rows.size() % 2)
      return damaged("the rows of a function are not pairs of word and text");
    Function &function = program.functions[f];
    int64_t last = 0;
    for (size_t i = 0; i < rows.size(); i += 2) {
      last = reader.integer(rows[i], "word", last, int64_t(function.words.size()));
      int64_t text = reader.integer(rows[i + 1], "text", 0, int64_t(program.locationTexts.size()) - 1);
      if (!reader.failure.empty())
        return damaged(reader.failure);
      function.locations.push_back({uint32_t(last), uint32_t(text)});
    }
  }
  return {};
}
} // namespace

Result<Program> readObject(const uint8_t *data, size_t size, bool checkWords) {
  elf_version(EV_CURRENT);
  if (size < sizeof(Elf64_Ehdr) || std::memcmp(data, ELFMAG, SELFMAG) != 0 || data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB)
    return Error{fmt::format("not a .vtpu file: {} bytes that are no little-endian ELF64 header", size)};
  Elf64_Ehdr header;
  std::memcpy(&header, data, sizeof(header));
  if (header.e_shoff > size || uint64_t(header.e_shnum) * sizeof(Elf64_Shdr) > size - header.e_shoff)
    return Error{fmt::format("not a whole .vtpu file: its section table ends at byte {}, the file has {}; the file is truncated",
                             header.e_shoff + uint64_t(header.e_shnum) * sizeof(Elf64_Shdr), size)};
  if (header.e_shoff % alignof(Elf64_Shdr) != 0) // libelf hands out pointers into the table
    return Error{fmt::format("not a .vtpu file: its section table stands at byte {}, which is no multiple of {}; the file is damaged",
                             header.e_shoff, alignof(Elf64_Shdr))};
  std::vector<uint8_t> copy(data, data + size); // libelf may write into its image
  Handle handle;
  handle.elf = elf_memory(reinterpret_cast<char *>(copy.data()), copy.size());
  size_t names = 0;
  if (!handle.elf || elf_kind(handle.elf) != ELF_K_ELF || elf_getshdrstrndx(handle.elf, &names) != 0)
    return Error{fmt::format("not a .vtpu file: its ELF header is damaged ({})", elf_errmsg(-1))};
  struct Found {
    const uint8_t *bytes = nullptr;
    size_t size = 0;
  };
  std::unordered_map<std::string, Found> sections;
  uint64_t total = 0; // sections that overlap would multiply a small file
  for (Elf_Scn *scn = nullptr; (scn = elf_nextscn(handle.elf, scn));) {
    Elf64_Shdr *shdr = elf64_getshdr(scn);
    const char *name = shdr ? elf_strptr(handle.elf, names, shdr->sh_name) : nullptr;
    if (!name)
      return Error{fmt::format("section {}: its header is damaged ({})", elf_ndxscn(scn), elf_errmsg(-1))};
    if (shdr->sh_type == SHT_NOBITS)
      continue;
    if (shdr->sh_offset > size || shdr->sh_size > size - shdr->sh_offset)
      return Error{fmt::format("section {}: bytes {}..{} are outside the file of {} bytes; the file is truncated", name, shdr->sh_offset,
                               shdr->sh_offset + shdr->sh_size, size)};
    if (!sections.emplace(name, Found{data + shdr->sh_offset, size_t(shdr->sh_size)}).second)
      return Error{fmt::format("section {}: it occurs twice; the file is damaged", name)};
    if ((total += shdr->sh_size) > size)
      return Error{fmt::format("section {}: sections overlap; the file is damaged", name)};
  }
  auto find = [&](const std::string &name) -> const Found * {
    auto it = sections.find(name);
    return it == sections.end() ? nullptr : &it->second;
  };
  const Found *note = find(metaSection);
  if (!note)
    return Error{fmt::format("not a .vtpu file: section {} is missing", metaSection)};
  Result<json> meta = parseNote(note->bytes, note->size);
  if (!meta)
    return meta.takeError();
  Program program;
  if (Status status = readMetadata(*meta, program); !status)
    return Error{status.message()};
  for (Function &function : program.functions) {
    const Found *code = find(codePrefix + function.name);
    if (!code)
      return Error{fmt::format("section {}{} is missing", codePrefix, function.name)};
    if (code->size % isa::wordBytes)
      return Error{fmt::format("section {}{}: {} bytes are not a whole number of words", codePrefix, function.name, code->size)};
    function.words.resize(code->size / isa::wordBytes);
    auto fail = [&](size_t word, const Status &status) {
      return Error{fmt::format("section {}{}, word {}: {}", codePrefix, function.name, word, status.message())};
    };
    for (size_t w = 0; w < function.words.size(); ++w)
      if (Status status = isa::decodeFields(code->bytes + w * isa::wordBytes, function.words[w]); !status)
        return fail(w, status);
    for (size_t w = 0; checkWords && w < function.words.size(); ++w)
      if (Status status = isa::checkWord(function.words[w]); !status)
        return fail(w, status);
  }
  if (const Found *rodata = find(rodataSection))
    program.rodata.assign(rodata->bytes, rodata->bytes + rodata->size);
  if (const Found *locations = find(locationSection))
    if (Status status = readLocations(locations->bytes, locations->size, program); !status)
      return Error{status.message()};
  return program;
}

Status writeObjectFile(const Program &program, const std::string &path) {
  Result<std::vector<uint8_t>> bytes = writeObject(program);
  if (!bytes)
    return bytes.takeError();
  return writeFile(bytes->data(), bytes->size(), path);
}

Status writeFile(const void *data, size_t size, const std::string &path) {
  // A device or a pipe is written to; a file takes the place of the one before, as a whole, also where a link leads to it.
  struct stat before;
  const bool exists = stat(path.c_str(), &before) == 0, special = exists && !S_ISREG(before.st_mode) && !S_ISDIR(before.st_mode);
  std::string target = path;
  if (char *real = exists && !special ? realpath(path.c_str(), nullptr) : nullptr) {
    target = real;
    std::free(real);
  }
  std::string temporary = target + ".XXXXXX";
  int fd = special ? open(path.c_str(), O_WRONLY | O_CLOEXEC) : mkstemp(temporary.data());
  if (fd < 0 && special)
    return Error{fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  if (fd < 0)
    return Error{fmt::format("cannot create a file beside {}: {}", path, std::strerror(errno))};
  auto fail = [&](const char *what) {
    int code = errno;
    if (fd >= 0)
      close(fd);
    if (!special)
      unlink(temporary.c_str());
    return Error{fmt::format("cannot {} {}: {}{}", what, path, std::strerror(code), special ? "" : "; nothing was written")};
  };
  for (size_t done = 0; done < size;) {
    ssize_t n = write(fd, static_cast<const char *>(data) + done, size - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return fail("write");
    done += size_t(n);
  }
  mode_t mask = umask(0);
  umask(mask);
  if (!special && fchmod(fd, 0666 & ~mask) != 0)
    return fail("set the mode of");
  int result = close(fd);
  fd = -1;
  if (result != 0)
    return fail("write");
  if (!special && rename(temporary.c_str(), target.c_str()) != 0)
    return fail("rename the finished file to");
  return {};
}

Result<Program> readObjectFile(const std::string &path, bool checkWords) {
  Handle handle;
  handle.fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (handle.fd < 0 || fstat(handle.fd, &status) != 0)
    return Error{fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  if (!S_ISREG(status.st_mode))
    return Error{fmt::format("cannot read {}: it is not a regular file", path)};
  std::vector<uint8_t> bytes(size_t(status.st_size));
  for (size_t done = 0; done < bytes.size();) {
    ssize_t n = read(handle.fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return Error{fmt::format("cannot read {}: {}", path, n ? std::strerror(errno) : "it became shorter")};
    done += size_t(n);
  }
  Result<Program> program = readObject(bytes.data(), bytes.size(), checkWords);
  if (!program)
    return Error{fmt::format("{}: {}", path, program.message())};
  return program;
}

} // namespace vtpu
