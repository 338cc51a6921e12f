//===- CodeSymbolsTest.cpp - Emitted code for perf and gdb ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/JIT.h"
#include "vtpu/Runtime/Verifier.h"

#include <cstdlib>
#include <fstream>
#include <gelf.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <unistd.h>

using namespace vtpu;

// What gdb reads.
extern "C" {
struct jit_code_entry {
  jit_code_entry *next_entry, *prev_entry;
  const char *symfile_addr;
  uint64_t symfile_size;
};
struct jit_descriptor {
  uint32_t version, action_flag;
  jit_code_entry *relevant_entry, *first_entry;
};
extern jit_descriptor __jit_debug_descriptor;
}

namespace {
/// Sets a variable of the environment for a while.
struct Variable {
  const char *name;
  explicit Variable(const char *name) : name(name) { setenv(name, "1", 1); }
  ~Variable() { unsetenv(name); }
};

std::unique_ptr<rt::Executor> emit() {
  const Result<Program> program = parseAssembly(R"(.func main entry
  { C: cimm r1, 0 }
L1:
  { C: caddi r1, r1, 1 }
  { C: cbcci.lt r1, 10, L1 }
  { C: cret }
.end
)",
                                                "loop.siw");
  EXPECT_EQ(program.message(), "");
  const Result<std::vector<rt::FunctionFacts>> facts = rt::verify(*program);
  EXPECT_EQ(facts.message(), "");
  Result<std::unique_ptr<rt::Executor>> jit = rt::createJIT(*program, *facts);
  EXPECT_EQ(jit.message(), "");
  return jit ? std::move(*jit) : nullptr;
}
const std::vector<std::string> expected = {"vtpu:enter", "vtpu:main.w0", "vtpu:main.w1", "vtpu:main.w2", "vtpu:main.w3"};
} // namespace

TEST(CodeSymbols, PerfMap) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "no AVX-512";
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  unlink(path.c_str());
  emit();
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "nobody has asked for it";
  Variable wanted("VTPU_PERF_MAP");
  std::unique_ptr<rt::Executor> jit = emit();
  std::ifstream file(path);
  std::vector<std::string> names;
  uint64_t last = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    uint64_t start = 0, size = 0;
    std::string name;
    words >> std::hex >> start >> size >> name;
    EXPECT_GE(start, last) << line;
    EXPECT_GT(size, 0u) << line;
    last = start + size;
    names.push_back(name);
  }
  unlink(path.c_str());
  EXPECT_EQ(names, expected);
}

TEST(CodeSymbols, Debugger) {
  if (!rt::hostHasBaseline())
    GTEST_SKIP() << "no AVX-512";
  emit();
  EXPECT_EQ(__jit_debug_descriptor.first_entry, nullptr) << "nobody has asked for it";
  Variable wanted("VTPU_GDB");
  std::unique_ptr<rt::Executor> first = emit(), second = emit();
  const jit_code_entry *entry = __jit_debug_descriptor.first_entry;
  ASSERT_NE(entry, nullptr);
  ASSERT_NE(entry->next_entry, nullptr);
  elf_version(EV_CURRENT);
  std::vector<char> object(entry->symfile_addr, entry->symfile_addr + entry->symfile_size);
  Elf *elf = elf_memory(object.data(), object.size());
  ASSERT_NE(elf, nullptr);
  std::vector<std::string> names;
  GElf_Addr address = 0;
  for (Elf_Scn *scn = nullptr; (scn = elf_nextscn(elf, scn));) {
    GElf_Shdr header;
    ASSERT_TRUE(gelf_getshdr(scn, &header));
    if (header.sh_type == SHT_NOBITS)
      address = header.sh_addr;
    if (header.sh_type != SHT_SYMTAB)
      continue;
    Elf_Data *data = elf_getdata(scn, nullptr);
    for (size_t i = 1; i < header.sh_size / header.sh_entsize; ++i) {
      GElf_Sym symbol;
      ASSERT_TRUE(gelf_getsym(data, int(i), &symbol));
      names.push_back(elf_strptr(elf, header.sh_link, symbol.st_name));
      EXPECT_EQ(GELF_ST_TYPE(symbol.st_info), STT_FUNC);
    }
  }
  elf_end(elf);
  EXPECT_EQ(names, expected);
  EXPECT_NE(address, 0u);
  second.reset();
  ASSERT_NE(__jit_debug_descriptor.first_entry, nullptr);
  EXPECT_EQ(__jit_debug_descriptor.first_entry->next_entry, nullptr);
  first.reset();
  EXPECT_EQ(__jit_debug_descriptor.first_entry, nullptr);
}
