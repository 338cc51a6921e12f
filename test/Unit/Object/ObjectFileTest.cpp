//===- ObjectFileTest.cpp - `.vtpu` files -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomProgram.h"

#include <csignal>
#include <cstring>
#include <dirent.h>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace vtpu;

namespace {
Program sample(unsigned rounds = 1) {
  std::mt19937_64 random(test::seed());
  return test::randomProgram(random, rounds);
}
std::vector<uint8_t> bytesOf(const Program &program) {
  Result<std::vector<uint8_t>> bytes = writeObject(program);
  EXPECT_TRUE(bytes.ok()) << bytes.message();
  return bytes.ok() ? *bytes : std::vector<uint8_t>();
}
std::string complaint(const std::vector<uint8_t> &bytes) { return readObject(bytes.data(), bytes.size()).message(); }

/// Replaces the first occurrence of a text in the file by one of the same length.
std::vector<uint8_t> replaced(std::vector<uint8_t> bytes, const std::string &from, const std::string &to) {
  const std::vector<uint8_t> pattern(from.begin(), from.end()); // unsigned, unlike char
  auto at = std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end());
  EXPECT_NE(at, bytes.end()) << from;
  if (at != bytes.end())
    std::copy(to.begin(), to.end(), at);
  return bytes;
}

/// A folder of its own that vanishes.
struct Folder {
  std::string path = "/tmp/vtpu-object-XXXXXX";
  Folder() { EXPECT_TRUE(mkdtemp(path.data())); }
  ~Folder() {
    for (const std::string &name : list())
      unlink((path + "/" + name).c_str());
    rmdir(path.c_str());
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    DIR *folder = opendir(path.c_str());
    while (dirent *entry = readdir(folder))
      if (entry->d_name[0] != '.')
        names.push_back(entry->d_name);
    closedir(folder);
    return names;
  }
};
} // namespace

TEST(ObjectFile, RoundTripsEverythingDeterministically) {
  Program program = sample(20);
  std::vector<uint8_t> bytes = bytesOf(program);
  Result<Program> again = readObject(bytes.data(), bytes.size());
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_TRUE(test::same(program, *again)) << "seed " << test::seed();
  EXPECT_EQ(bytesOf(*again), bytes);
}

TEST(ObjectFile, EveryTruncationIsAnError) {
  std::vector<uint8_t> bytes = bytesOf(sample());
  for (size_t size = 0; size < bytes.size(); size += size < 4096 ? 1 : 61) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + ptrdiff_t(size)); // its own allocation, so that ASan sees the end
    EXPECT_NE(complaint(cut), "") << size << " of " << bytes.size();
  }
}

TEST(ObjectFile, NoBitFlipCrashes) {
  const std::vector<uint8_t> bytes = bytesOf(sample());
  std::mt19937_64 random(test::seed());
  for (unsigned i = 0; i < 20000; ++i) {
    std::vector<uint8_t> damaged = bytes;
    // Most flips go where the structure is: the head with the note, and the tail with tables and section headers.
    for (unsigned flips = 1 + unsigned(random() % 4); flips; --flips) {
      size_t at = i % 3 == 0 ? random() % damaged.size() : i % 3 == 1 ? random() % 1200 : damaged.size() - 1 - random() % 1200;
      damaged[at] ^= uint8_t(1u << random() % 8);
    }
    Result<Program> program = readObject(damaged.data(), damaged.size());
    if (program.ok())
      (void)writeObject(*program);
  }
}

TEST(ObjectFile, NamesWhatIsWrong) {
  const std::vector<uint8_t> good = bytesOf(sample());
  EXPECT_EQ(complaint({}), "not a .vtpu file: 0 bytes that are no little-endian ELF64 header");
  EXPECT_EQ(complaint(replaced(good, "ELF", "ELG")).rfind("not a .vtpu file: ", 0), 0u);

  // A future version: the MessagePack key `abi` holds 1.
  EXPECT_EQ(complaint(replaced(good,
                               "\xa3"
                               "abi\x01",
                               "\xa3"
                               "abi\x02")),
            ".note.vtpu.meta: the file has ABI version 2, this build reads 1; recompile the program or update the toolchain");
  EXPECT_NE(complaint(replaced(good, "x86-64-v4", "x86-64-v9")).find("the program requires feature 'x86-64-v9'"), std::string::npos);
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(isa::tableHash()));
  EXPECT_NE(complaint(replaced(good, hash, "0123456789abcdef")).find("written for instruction table 0123456789abcdef, this build has"),
            std::string::npos);

  EXPECT_NE(complaint(replaced(good, "vTPU", "xTPU")).find(".note.vtpu.meta: the note is not a vTPU note"), std::string::npos);
  EXPECT_NE(complaint(replaced(good,
                               "\x87\xa3"
                               "abi",
                               "\xc1\xa3"
                               "abi"))
                .find(".note.vtpu.meta"),
            std::string::npos);
  struct Row {
    const char *from, *to, *message;
  };
  const Row rows[] = {
      {"\xa8messages", "\xa8massages", "key 'messages' is missing"},
      {"\xa5input", "\xa5inpux", "'inpux' is not a kind of binding"},
      {"\xa5"
       "dtype\xa3"
       "f32",
       "\xa5"
       "dtype\xa3"
       "f31",
       "'f31' is not an element type"},
      {"\xa8writable\xc2", "\xa8writable\x01", "key 'writable' is not a boolean"},
      {"\xa3"
       "key\xa5",
       "\xa3"
       "key\x95",
       ""},
      {"\xa6panels\x98", "\xa6panels\x97", ""},
  };
  for (const Row &row : rows) {
    std::string message = complaint(replaced(good, row.from, row.to));
    EXPECT_NE(message.find(row.message), std::string::npos) << row.to << ": " << message;
    EXPECT_EQ(message.rfind(".note.vtpu.meta: ", 0), 0u) << message;
  }
  EXPECT_EQ(complaint(replaced(good, ".note.vtpu.meta", ".note.vtpu.beta")), "not a .vtpu file: section .note.vtpu.meta is missing");
  EXPECT_EQ(complaint(replaced(good, ".siw.main", ".siw.pain")), "section .siw.main is missing");
  EXPECT_NE(complaint(replaced(good, "\xa5texts", "\xa5tents")).find("section .vtpu.loc: key 'texts' is missing"), std::string::npos);

  std::vector<uint8_t> word = good;
  Elf64_Ehdr header;
  std::memcpy(&header, word.data(), sizeof(header));
  Elf64_Shdr section;
  std::memcpy(&section, word.data() + header.e_shoff + 2 * sizeof(section), sizeof(section)); // .siw.main
  word[section.sh_offset + 64 + 1] = 9;
  EXPECT_EQ(complaint(word), "section .siw.main, word 1: word version 9 (this build reads version 1); recompile the program");
  std::vector<uint8_t> twice = good;
  Elf64_Shdr other = section;
  std::memcpy(&other, twice.data() + header.e_shoff + 3 * sizeof(section), sizeof(section)); // the other function's
  other.sh_name = section.sh_name;
  std::memcpy(twice.data() + header.e_shoff + 3 * sizeof(section), &other, sizeof(section));
  EXPECT_EQ(complaint(twice), "section .siw.main: it occurs twice; the file is damaged");
  std::vector<uint8_t> overlap = good;
  std::memcpy(&other, overlap.data() + header.e_shoff + 3 * sizeof(section), sizeof(section));
  other.sh_offset = 0;
  other.sh_size = overlap.size();
  std::memcpy(overlap.data() + header.e_shoff + 3 * sizeof(section), &other, sizeof(section));
  EXPECT_NE(complaint(overlap).find(": sections overlap; the file is damaged"), std::string::npos) << complaint(overlap);
  std::vector<uint8_t> size = good;
  section.sh_size -= 1;
  std::memcpy(size.data() + header.e_shoff + 2 * sizeof(section), &section, sizeof(section));
  EXPECT_NE(complaint(size).find("bytes are not a whole number of words"), std::string::npos);
}

TEST(ObjectFile, DeepMessagePackIsRefused) {
  // Arrays in arrays, as deep as the note is long: a recursive reader would exhaust the stack.
  Program program = sample();
  program.messages = {std::string(1 << 20, 'x')};
  std::vector<uint8_t> bytes = bytesOf(program);
  bytes = replaced(bytes,
                   "\x87\xa3"
                   "abi\x01",
                   "\x91\x91\x91\x91\x91\x91");
  auto at = std::search_n(bytes.begin(), bytes.end(), 6, uint8_t(0x91));
  ASSERT_GT(bytes.end() - at, 1 << 20);
  std::fill(at, at + (1 << 20), uint8_t(0x91));
  EXPECT_NE(complaint(bytes).find(".note.vtpu.meta: the note holds no MessagePack"), std::string::npos);
}

TEST(ObjectFile, RefusesWhatItCouldNotReadBack) {
  Program program = sample();
  program.functions[1].name = std::string("a\0b", 3);
  EXPECT_EQ(writeObject(program).message(), "function 1: the name 'a' is empty, taken or holds a zero byte");
  program.functions[1].name = "main";
  EXPECT_EQ(writeObject(program).message(), "function 1: the name 'main' is empty, taken or holds a zero byte");
}

TEST(ObjectFile, WritesWholeFilesOrNone) {
  Folder folder;
  const std::string path = folder.path + "/a.vtpu";
  Program program = sample();
  ASSERT_TRUE(writeObjectFile(program, path).ok());
  std::vector<uint8_t> before = bytesOf(program);

  // A limit on the file's size stands for a full disk: the old file stays as it was, nothing else is left.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = {4096, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status = writeObjectFile(program, path);
  Status fresh = writeObjectFile(program, folder.path + "/b.vtpu");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  EXPECT_EQ(status.message(), "cannot write " + path + ": File too large; nothing was written");
  EXPECT_FALSE(fresh.ok());
  EXPECT_EQ(folder.list(), std::vector<std::string>{"a.vtpu"});
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> after((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(after, before);

  // No file takes the place of a device.
  EXPECT_TRUE(writeObjectFile(program, "/dev/null").ok());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_EQ(writeObjectFile(program, "/dev/full").message(), "cannot write /dev/full: No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  const std::string socket = folder.path + "/socket";
  ASSERT_EQ(mknod(socket.c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_EQ(writeObjectFile(program, socket).message(), "cannot open " + socket + ": No such device or address");
  // Nor of a link.
  std::filesystem::create_symlink("a.vtpu", folder.path + "/link.vtpu");
  EXPECT_TRUE(writeObjectFile(program, folder.path + "/link.vtpu").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path + "/link.vtpu"));

  EXPECT_EQ(writeObjectFile(program, folder.path + "/no/a.vtpu").message(),
            "cannot create a file beside " + folder.path + "/no/a.vtpu: No such file or directory");
  EXPECT_EQ(readObjectFile(folder.path + "/none").message(), "cannot open " + folder.path + "/none: No such file or directory");
  EXPECT_EQ(readObjectFile(folder.path).message(), "cannot read " + folder.path + ": it is not a regular file");
}
