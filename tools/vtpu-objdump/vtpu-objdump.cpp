//===- vtpu-objdump.cpp - What is inside a `.vtpu` file ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Listings in llvm-objdump's spelling, and the text that vtpu-as reads. `--host` shows each word's machine code beside it.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Host/Code.h"
#include "vtpu/Runtime/JIT.h"
#include "vtpu/Runtime/Verifier.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

using namespace vtpu;

namespace {
//===----------------------------------------------------------------------===//
// Sections and symbols
//===----------------------------------------------------------------------===//

/// The file as ELF; closes itself.
struct ElfFile {
  int fd = -1;
  Elf *elf = nullptr;
  size_t names = 0;
  explicit ElfFile(const std::string &path) {
    elf_version(EV_CURRENT);
    fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, nullptr) : nullptr;
    if (elf && elf_getshdrstrndx(elf, &names) != 0) {
      elf_end(elf);
      elf = nullptr;
    }
  }
  ~ElfFile() {
    if (elf)
      elf_end(elf);
    if (fd >= 0)
      close(fd);
  }
  template <typename Action>
  void sections(Action action) {
    for (Elf_Scn *scn = nullptr; (scn = elf_nextscn(elf, scn));) {
      GElf_Shdr header;
      if (!gelf_getshdr(scn, &header))
        continue;
      const char *name = elf_strptr(elf, names, header.sh_name);
      action(scn, header, std::string(name ? name : ""));
    }
  }
};

const char *typeText(const GElf_Shdr &header) {
  return header.sh_flags & SHF_EXECINSTR ? "TEXT" : header.sh_type == SHT_NOTE ? "NOTE" : header.sh_flags & SHF_ALLOC ? "DATA" : "";
}

void printSections(ElfFile &file) {
  fmt::print("\nSections:\nIdx Name                             Size     Offset   Type\n");
  file.sections([](Elf_Scn *scn, const GElf_Shdr &header, const std::string &name) {
    fmt::print("{:>3} {:<32} {:08x} {:08x} {}\n", elf_ndxscn(scn), name, header.sh_size, header.sh_offset, typeText(header));
  });
}

void printSymbols(ElfFile &file) {
  fmt::print("\nSYMBOL TABLE:\n");
  file.sections([&](Elf_Scn *scn, const GElf_Shdr &header, const std::string &) {
    Elf_Data *data = header.sh_type == SHT_SYMTAB && header.sh_entsize ? elf_getdata(scn, nullptr) : nullptr;
    if (!data)
      return;
    for (size_t i = 1; i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      if (!gelf_getsym(data, int(i), &symbol))
        continue;
      Elf_Scn *home = elf_getscn(file.elf, symbol.st_shndx);
      GElf_Shdr homeHeader;
      const char *section = home && gelf_getshdr(home, &homeHeader) ? elf_strptr(file.elf, file.names, homeHeader.sh_name) : nullptr;
      const char *name = elf_strptr(file.elf, header.sh_link, symbol.st_name);
      fmt::print("{:016x} {}     {} {}\t{:016x} {}\n", symbol.st_value, GELF_ST_BIND(symbol.st_info) == STB_GLOBAL ? 'g' : 'l',
                 GELF_ST_TYPE(symbol.st_info) == STT_FUNC ? 'F' : ' ', section ? section : "*UND*", symbol.st_size, name ? name : "");
    }
  });
}

void printContents(ElfFile &file) {
  file.sections([](Elf_Scn *scn, const GElf_Shdr &header, const std::string &name) {
    Elf_Data *data = header.sh_type == SHT_NOBITS ? nullptr : elf_rawdata(scn, nullptr);
    if (!data || !data->d_size)
      return;
    fmt::print("\nContents of section {}:\n", name);
    const auto *bytes = static_cast<const uint8_t *>(data->d_buf);
    for (size_t at = 0; at < data->d_size; at += 16) {
      std::string hex, text;
      for (size_t i = at; i < at + 16; ++i) {
        hex += i < data->d_size ? fmt::format("{:02x}", bytes[i]) : "  ";
        if (i % 4 == 3)
          hex += ' ';
        if (i < data->d_size)
          text += bytes[i] >= 0x20 && bytes[i] < 0x7f ? char(bytes[i]) : '.';
      }
      fmt::print(" {:04x} {} {}\n", at, hex, text);
    }
  });
}

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

void printHostCode(const rt::EmittedCode &code, uint32_t begin, uint32_t end) {
  for (uint32_t at = begin; at < end && at < code.bytes.size();) {
    const host::Text text = host::disassemble(code.bytes.data() + at, end - at, at);
    fmt::print("           {:6x}: {}\n", at, text.text);
    at += text.length;
  }
}

struct Listing {
  bool rawBytes = true;
  bool source = false;
  const rt::EmittedCode *host = nullptr;
};

void disassemble(const Program &program, uint32_t index, const Listing &listing) {
  const Function &function = program.functions[index];
  fmt::print("\nDisassembly of section .siw.{}:\n\n{:016x} <{}>:\n", function.name, 0, function.name);
  std::set<uint32_t> labels = branchTargets(function);
  size_t next = 0;
  uint32_t lastText = UINT32_MAX;
  for (uint32_t w = 0; w < function.words.size(); ++w) {
    for (; next < function.locations.size() && function.locations[next].word <= w; ++next)
      if (uint32_t text = function.locations[next].text; listing.source && text != lastText && text < program.locationTexts.size()) {
        fmt::print("; {}\n", program.locationTexts[text]);
        lastText = text;
      }
    if (labels.count(w))
      fmt::print("L{}:\n", w);
    std::string raw;
    if (listing.rawBytes) {
      uint8_t bytes[isa::wordBytes];
      isa::encode(function.words[w], w ? &function.words[w - 1] : nullptr, bytes);
      for (unsigned i = 0; i < 8; ++i)
        raw += fmt::format("{:02x} ", bytes[i]);
    }
    fmt::print("{:8x}: {} {}\n", w * isa::wordBytes, raw, printWord(function.words[w], w, labels));
    if (listing.host && index < listing.host->wordOffsets.size() && w + 1 < listing.host->wordOffsets[index].size())
      printHostCode(*listing.host, listing.host->wordOffsets[index][w], listing.host->wordOffsets[index][w + 1]);
  }
}

const char *const kindNames[] = {"?", "input", "output", "parameter", "constant", "arena", "import", "stack"};

void printHeaders(const Program &program) {
  fmt::print("\nProgram:\n  instruction table {:016x}\n  parameter file    {}\n  port table        {}\n  read-only data    {} bytes\n",
             isa::tableHash(), program.parameterFile.empty() ? "none" : program.parameterFile,
             program.portTable.empty() ? "none" : program.portTable, program.rodata.size());
  for (const Function &function : program.functions) {
    uint64_t filled[3] = {};
    for (const isa::Word &word : function.words)
      for (unsigned p = 0; p < isa::numPipes; ++p)
        filled[p] += !word.slots[p].empty();
    fmt::print("{} {}: {} words (D {}, S {}, C {}), {} call tables\n", function.entry ? "entry" : "function", function.name,
               function.words.size(), filled[0], filled[1], filled[2], function.callTables.size());
    for (size_t b = 0; b < function.bindings.size(); ++b) {
      const Binding &binding = function.bindings[b];
      std::string shape;
      for (int64_t extent : binding.shape)
        shape += fmt::format("{}x", extent);
      fmt::print("  b{} {} {}: {} bytes{}{}\n", b, kindNames[unsigned(binding.kind)], binding.name, binding.size,
                 binding.kind <= BindingKind::Parameter ? fmt::format(", {}{}", shape, dtypeName(binding.dtype)) : "",
                 binding.key.empty() ? "" : fmt::format(", key {}", binding.key));
    }
  }
}
} // namespace

int main(int argc, char **argv) {
  tools::Options options("vtpu-objdump", "[options] FILE.vtpu", "Shows what is inside a .vtpu file.");
  bool words = false, host = false, sections = false, symbols = false, contents = false, headers = false, source = false, noRaw = false,
       assembly = false, check = false;
  std::vector<std::string> functions, files;
  options.flag("d,disassemble", words, "words: offset, header bytes, slots, coordinate");
  options.list("function,disassemble-symbols", "NAME", functions, "only this function (repeatable)");
  options.flag("host", host, "with each word, its x86-64 machine code (implies -d)");
  options.flag("S,source", source, "source locations between the words (implies -d)");
  options.flag("no-show-raw-insn", noRaw, "leave out the header bytes");
  options.flag("h,section-headers", sections, "sections");
  options.flag("t,syms", symbols, "symbols");
  options.flag("s,full-contents", contents, "bytes of every section");
  options.flag("p,private-headers", headers, "functions, bindings and what the note says");
  options.flag("assembly", assembly, "only the text that vtpu-as reads");
  options.flag("verify", check, "verify the program as the loader does");
  options.parse(argc, argv, files);
  if (files.size() != 1)
    options.fail("expected one file");
  words |= host | source;
  if (!words && !sections && !symbols && !contents && !headers && !assembly && !check)
    options.fail("nothing to show; give one of -d, --host, -S, -h, -t, -s, -p, --assembly, --verify");

  Result<Program> program = readObjectFile(files[0]);
  if (!program)
    options.fail(program.message());
  if (assembly) {
    std::fputs(printAssembly(*program).c_str(), stdout);
    return tools::exitGood;
  }
  fmt::print("\n{}:\tfile format elf64-vtpu\n", files[0]);
  if (headers)
    printHeaders(*program);
  if (sections || symbols || contents) {
    ElfFile file(files[0]);
    if (!file.elf)
      options.fail(fmt::format("cannot read {} as ELF: {}", files[0], elf_errmsg(-1)));
    if (sections)
      printSections(file);
    if (contents)
      printContents(file);
    if (symbols)
      printSymbols(file);
  }
  Result<rt::EmittedCode> emitted = Error{""};
  if (host || check) {
    Result<std::vector<rt::FunctionFacts>> facts = rt::verify(*program);
    if (!facts)
      options.fail(fmt::format("{}: the program does not verify: {}", files[0], facts.message()));
    if (check)
      fmt::print("\nverified: {} functions\n", program->functions.size());
    if (host) {
      emitted = rt::emitForDisplay(*program, *facts);
      if (!emitted)
        options.fail(emitted.message(), tools::exitInternal);
    }
  }
  if (!words)
    return tools::exitGood;
  for (const std::string &name : functions)
    if (program->find(name) < 0)
      options.fail(fmt::format("{} has no function '{}'", files[0], name));
  Listing listing{!noRaw, source || host, host ? &*emitted : nullptr};
  for (uint32_t f = 0; f < program->functions.size(); ++f)
    if (functions.empty() || std::find(functions.begin(), functions.end(), program->functions[f].name) != functions.end())
      disassemble(*program, f, listing);
  return tools::exitGood;
}
