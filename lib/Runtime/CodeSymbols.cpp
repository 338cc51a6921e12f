//===- CodeSymbols.cpp - Emitted code for perf and gdb ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sources: tools/perf/Documentation/jit-interface.txt of the Linux kernel; "JIT Compilation Interface" of the GDB manual.
//
//===----------------------------------------------------------------------===//

#include "CodeSymbols.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <gelf.h>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

//===----------------------------------------------------------------------===//
// GDB's JIT interface: it stops in the function and reads the descriptor.
//===----------------------------------------------------------------------===//

extern "C" {
enum jit_actions_t : uint32_t { JIT_NOACTION = 0, JIT_REGISTER_FN, JIT_UNREGISTER_FN };
struct jit_code_entry {
  jit_code_entry *next_entry, *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};
struct jit_descriptor {
  uint32_t version, action_flag;
  jit_code_entry *relevant_entry, *first_entry;
};
// Weak: LLVM has the same in the process if the ORC tier is there, and gdb needs one only.
__attribute__((weak, used)) jit_descriptor __jit_debug_descriptor = {1, JIT_NOACTION, nullptr, nullptr};
__attribute__((weak, noinline, used)) void __jit_debug_register_code() { asm volatile("" ::: "memory"); }
}

namespace vtpu::rt {

namespace {
bool isSet(const char *variable) {
  const char *text = std::getenv(variable);
  return text && std::strcmp(text, "1") == 0;
}
bool wantsMap() { return isSet("VTPU_PERF_MAP"); }
bool wantsDebugger() { return isSet("VTPU_GDB"); }

std::mutex &lock() {
  static std::mutex mutex;
  return mutex;
}

Status writeMap(const uint8_t *code, const std::vector<CodeSymbol> &symbols) {
  const std::string path = fmt::format("/tmp/perf-{}.map", getpid());
  std::string text;
  for (const CodeSymbol &symbol : symbols)
    text += fmt::format("{:x} {:x} {}\n", reinterpret_cast<uintptr_t>(code) + symbol.offset, symbol.size, symbol.name);
  std::lock_guard<std::mutex> guard(lock());
  std::FILE *file = std::fopen(path.c_str(), "ae");
  const bool written = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (!(file && std::fclose(file) == 0 && written))
    return Error{fmt::format("VTPU_PERF_MAP: cannot write {}: {}", path, std::strerror(errno))};
  return {};
}

/// A section's content for libelf, which keeps the pointer.
struct Section {
  const char *name;
  uint32_t type;
  uint64_t flags;
  void *content;
  size_t size;
};

/// An ELF object whose `.text` has no bytes but stands where the code does, with a function symbol for each name.
Result<std::vector<char>> makeObject(const uint8_t *code, size_t size, const std::vector<CodeSymbol> &symbols) {
  auto failed = [] { return Error{fmt::format("VTPU_GDB: cannot write symbols: {}", elf_errmsg(-1))}; };
  constexpr uint32_t textIndex = 1, symbolsIndex = 2, stringsIndex = 3, namesIndex = 4;
  const char *const names[] = {"", ".text", ".symtab", ".strtab", ".shstrtab"};
  std::string sectionNames;
  std::vector<uint32_t> nameOffsets;
  for (const char *name : names) {
    nameOffsets.push_back(uint32_t(sectionNames.size()));
    sectionNames += name;
    sectionNames += '\0';
  }
  std::string strings(1, '\0');
  std::vector<Elf64_Sym> table(1);
  for (const CodeSymbol &symbol : symbols) {
    Elf64_Sym entry = {};
    entry.st_name = uint32_t(strings.size());
    entry.st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
    entry.st_shndx = textIndex;
    entry.st_value = symbol.offset;
    entry.st_size = symbol.size;
    table.push_back(entry);
    strings += symbol.name;
    strings += '\0';
  }
  elf_version(EV_CURRENT);
  const int fd = memfd_create("vtpu-symbols", MFD_CLOEXEC);
  if (fd < 0)
    return Error{fmt::format("VTPU_GDB: no memory for symbols: {}", std::strerror(errno))};
  Elf *elf = elf_begin(fd, ELF_C_WRITE, nullptr);
  bool good = elf && gelf_newehdr(elf, ELFCLASS64);
  GElf_Ehdr header = {};
  if (good && gelf_getehdr(elf, &header)) {
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_machine = EM_X86_64;
    header.e_type = ET_REL;
    header.e_version = EV_CURRENT;
    header.e_shstrndx = namesIndex;
    good = gelf_update_ehdr(elf, &header);
  }
  const Section sections[] = {
      {names[textIndex], SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, nullptr, size},
      {names[symbolsIndex], SHT_SYMTAB, 0, table.data(), table.size() * sizeof(Elf64_Sym)},
      {names[stringsIndex], SHT_STRTAB, 0, strings.data(), strings.size()},
      {names[namesIndex], SHT_STRTAB, 0, sectionNames.data(), sectionNames.size()},
  };
  for (size_t i = 0; good && i < std::size(sections); ++i) {
    const Section &section = sections[i];
    Elf_Scn *scn = elf_newscn(elf);
    Elf_Data *data = scn ? elf_newdata(scn) : nullptr;
    GElf_Shdr shdr;
    if (!data || !gelf_getshdr(scn, &shdr)) {
      good = false;
      break;
    }
    data->d_buf = section.content;
    data->d_size = section.size;
    data->d_align = 8;
    data->d_version = EV_CURRENT;
    data->d_type = section.type == SHT_SYMTAB ? ELF_T_SYM : ELF_T_BYTE;
    shdr.sh_name = nameOffsets[i + 1];
    shdr.sh_type = section.type;
    shdr.sh_flags = section.flags;
    if (section.type == SHT_NOBITS)
      shdr.sh_addr = reinterpret_cast<uintptr_t>(code);
    if (section.type == SHT_SYMTAB) {
      shdr.sh_link = stringsIndex;
      shdr.sh_info = uint32_t(table.size()); // all are local
      shdr.sh_entsize = sizeof(Elf64_Sym);
    }
    good = gelf_update_shdr(scn, &shdr);
  }
  const int64_t bytes = good ? elf_update(elf, ELF_C_WRITE) : -1;
  if (elf)
    elf_end(elf);
  std::vector<char> object(bytes > 0 ? size_t(bytes) : 0);
  const bool read = bytes > 0 && pread(fd, object.data(), object.size(), 0) == bytes;
  close(fd);
  if (!read)
    return failed();
  return object;
}
} // namespace

struct CodeSymbols::Registration {
  std::vector<char> object;
  jit_code_entry entry = {};

  void link() {
    entry.symfile_addr = object.data();
    entry.symfile_size = object.size();
    std::lock_guard<std::mutex> guard(lock());
    entry.next_entry = __jit_debug_descriptor.first_entry;
    if (entry.next_entry)
      entry.next_entry->prev_entry = &entry;
    __jit_debug_descriptor.first_entry = &entry;
    tell(JIT_REGISTER_FN);
  }
  void unlink() {
    std::lock_guard<std::mutex> guard(lock());
    (entry.prev_entry ? entry.prev_entry->next_entry : __jit_debug_descriptor.first_entry) = entry.next_entry;
    if (entry.next_entry)
      entry.next_entry->prev_entry = entry.prev_entry;
    tell(JIT_UNREGISTER_FN);
  }
  void tell(jit_actions_t action) {
    __jit_debug_descriptor.relevant_entry = &entry;
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
  }
};

CodeSymbols::CodeSymbols() = default;
CodeSymbols::~CodeSymbols() {
  if (registration)
    registration->unlink();
}

bool CodeSymbols::wanted() { return wantsMap() || wantsDebugger(); }

Result<std::unique_ptr<CodeSymbols>> CodeSymbols::announce(const uint8_t *code, size_t size, const std::vector<CodeSymbol> &symbols) {
  std::unique_ptr<CodeSymbols> result(new CodeSymbols);
  if (wantsMap())
    if (Status status = writeMap(code, symbols); !status)
      return Error{status.message()};
  if (wantsDebugger()) {
    Result<std::vector<char>> object = makeObject(code, size, symbols);
    if (!object)
      return object.takeError();
    result->registration = std::make_unique<Registration>();
    result->registration->object = std::move(*object);
    result->registration->link();
  }
  return result;
}

} // namespace vtpu::rt
