//===- CAPITest.cpp - The C API, loader and parameters ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Assembly/Assembly.h"
#include "vtpu/Runtime/Executor.h"
#include "vtpu/Runtime/vtpu.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

using namespace vtpu;

namespace {
std::vector<uint8_t> assemble(const std::string &text) {
  Result<Program> program = parseAssembly(text, "t.siw");
  EXPECT_TRUE(program.ok()) << program.message();
  Result<std::vector<uint8_t>> bytes = writeObject(*program);
  EXPECT_TRUE(bytes.ok()) << bytes.message();
  return *bytes;
}
/// Both tiers where the machine has both.
std::vector<vtpu_tier> tiers() {
  std::vector<vtpu_tier> result = {VTPU_TIER_INTERPRETER};
  if (rt::hostHasBaseline())
    result.push_back(VTPU_TIER_JIT);
  if (rt::hasORC())
    result.push_back(VTPU_TIER_ORC);
  return result;
}
std::string loadError(const std::string &text, Options options = {}) {
  std::vector<uint8_t> bytes = assemble(text);
  Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
  return program.ok() ? "" : program.message();
}

const char *const addText = R"(
.func main entry
  .binding input x size=64 align=64 dtype=f32 shape=[16]
  .binding output y size=64 align=64 writable dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { C: cptr r1, b1 ; D: dimm.f32.512 v1, 0x3f800000 }
  { S: sld.f32.f32.512 v0, [r0] }
  { D: dadd.f32.512 v0, v0, v1 }
  { S: sst.f32.f32.512 v0, [r1] ; C: cret }
.end
)";

/// Loads x[i] where i comes from a tensor: the gather's index is checked at run time.
const char *const lookupText = R"(
.message "index out of range"
.location "net.py:12:7"
.func main entry
  .binding input i size=8 align=8 dtype=i64 shape=[]
  .binding input x size=64 align=64 dtype=f32 shape=[16]
  .binding output y size=4 align=4 writable dtype=f32 shape=[]
  { C: cptr r0, b0 }
  { S: sldr.i64 r1, [r0] ; C: cptr r2, b1 }
  .loc 0
  { S: slds.f32 v0, [r2 + r1*4] ; C: cptr r3, b2 }
  { S: ssts.f32 v0, [r3] }
  { C: cset.lt r4, r1, r1 }
  { C: cimm r5, 7 }
  { C: csub r6, r1, r5 }
  { C: cassert r6, m0 }
  { C: cimm r5, 5 }
  { C: csub r6, r1, r5 }
  { C: cdiv r6, r5, r6 }
  { C: cret }
.end
)";

/// y[i][j] = w panels as the program sees them, copied out: 2 rows of 5 columns in tiles of 4.
const char *const panelText = R"(
.parameter_file "w.safetensors"
.func main entry
  .binding parameter w size=64 align=64 dtype=f32 shape=[2, 5] key="w" panels=[1, 2, 5, 0, 5, 1, 0, 4]HASH
  .binding output y size=64 align=64 writable dtype=f32 shape=[16]
  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { S: sld.f32.f32.512 v0, [r0] }
  { S: sst.f32.f32.512 v0, [r1] ; C: cret }
.end
)";
std::string panelProgram(const std::string &hash) {
  std::string text = panelText;
  return text.replace(text.find("HASH"), 4, hash.empty() ? "" : " hash=\"" + hash + "\"");
}

struct Folder {
  std::string path = "/tmp/vtpu-capi-XXXXXX";
  Folder() { EXPECT_TRUE(mkdtemp(path.data())); }
  ~Folder() {
    for (const char *name : {"/w.safetensors", "/p.safetensors", "/p.vtpu"})
      unlink((path + name).c_str());
    rmdir(path.c_str());
  }
  void write(const char *name, const std::string &header, const std::vector<float> &data) const {
    std::ofstream file(path + name, std::ios::binary);
    uint64_t size = header.size();
    file.write(reinterpret_cast<const char *>(&size), 8);
    file << header;
    file.write(reinterpret_cast<const char *>(data.data()), std::streamsize(data.size() * sizeof(float)));
  }
  void program(const std::string &text) const {
    std::vector<uint8_t> bytes = assemble(text);
    std::ofstream(path + "/p.vtpu", std::ios::binary).write(reinterpret_cast<const char *>(bytes.data()), std::streamsize(bytes.size()));
  }
};
const std::vector<float> weights = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
const std::vector<float> packed = {0, 1, 2, 3, 5, 6, 7, 8, 4, 0, 0, 0, 9, 0, 0, 0};
const char *const goodHeader = R"({"w":{"dtype":"F32","shape":[2,5],"data_offsets":[0,40]}})";
} // namespace

TEST(CAPI, CallsOnEveryTier) {
  std::vector<uint8_t> bytes = assemble(addText);
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
    ASSERT_TRUE(program.ok()) << program.message();
    EXPECT_EQ(vtpu_active_tier(program->get()), tier);
    ASSERT_EQ(vtpu_entry_count(program->get()), 1u);
    EXPECT_STREQ(vtpu_entry_name(program->get(), 0), "main");
    EXPECT_EQ(vtpu_find_entry(program->get(), "none"), -1);
    vtpu_tensor_info info;
    ASSERT_EQ(vtpu_input_info(program->get(), 0, 0, &info), 0);
    EXPECT_STREQ(info.name, "x");
    EXPECT_EQ(info.dtype, VTPU_F32);
    EXPECT_EQ(info.rank, 1u);
    EXPECT_EQ(info.shape[0], 16);
    EXPECT_EQ(info.bytes, 64u);
    float x[16], y[16];
    for (int i = 0; i < 16; ++i)
      x[i] = float(i);
    ASSERT_TRUE(program->call(0, {x}, {y}).ok());
    for (int i = 0; i < 16; ++i)
      EXPECT_EQ(y[i], float(i) + 1);
    ASSERT_TRUE(program->call(0, {x}, {x}).ok()); // input and output may be one buffer
    EXPECT_EQ(x[15], 16);
    vtpu_stats stats = {sizeof(vtpu_stats)};
    ASSERT_EQ(vtpu_get_stats(program->get(), 0, &stats), 0);
    EXPECT_EQ(stats.words, 5u);
    EXPECT_EQ(stats.d, 2u);
    EXPECT_EQ(stats.s, 2u);
    EXPECT_EQ(stats.c, 3u);
    EXPECT_GT(stats.total_seconds, 0);
  }
}

TEST(CAPI, MistakesOfTheCaller) {
  std::vector<uint8_t> bytes = assemble(addText);
  Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size());
  ASSERT_TRUE(program.ok());
  float x[16];
  EXPECT_EQ(program->call(0, {nullptr}, {x}).message(), "input 0 ('x') is a null pointer; pass a buffer of 64 bytes");
  EXPECT_EQ(program->call(0, {x}, {nullptr}).message(), "output 0 ('y') is a null pointer; pass a buffer of 64 bytes");
  EXPECT_EQ(program->call(7, {x}, {x}).message(), "entry 7 does not exist; the program has 1");
  vtpu_tensor_info info;
  EXPECT_NE(vtpu_input_info(program->get(), 0, 3, &info), 0);
  EXPECT_STREQ(vtpu_last_error(), "input 3 does not exist; the entry has 1");
  EXPECT_NE(vtpu_output_info(program->get(), 9, 0, &info), 0);
  EXPECT_STREQ(vtpu_last_error(), "entry 9 does not exist; the program has 1");
  vtpu_stats stats = {sizeof(vtpu_stats)};
  EXPECT_NE(vtpu_get_stats(program->get(), 9, &stats), 0);
  // A caller built against a shorter struct gets what it has room for.
  vtpu_stats shorter = {offsetof(vtpu_stats, d)};
  shorter.d = 7;
  ASSERT_EQ(vtpu_get_stats(program->get(), 0, &shorter), 0);
  EXPECT_GT(shorter.words, 0u);
  EXPECT_EQ(shorter.d, 7u);
  stats.struct_size = 0;
  EXPECT_NE(vtpu_get_stats(program->get(), 0, &stats), 0);
  EXPECT_NE(std::string(vtpu_last_error()).find("set struct_size"), std::string::npos);
  EXPECT_EQ(vtpu_entry_name(program->get(), 9), nullptr);

  Options options;
  options.threads = 5000;
  EXPECT_EQ(loadError(addText, options), "5000 threads; legal are 1 to 1024");
  options = {};
  options.cpuFeatures = "avx";
  EXPECT_EQ(loadError(addText, options), "unknown CPU features 'avx'; legal is 'baseline' (a CPU without AVX-512)");
  options.cpuFeatures = "baseline";
  options.tier = VTPU_TIER_JIT;
  EXPECT_EQ(loadError(addText, options), "this CPU lacks AVX-512 (F, VL, BW, DQ, CD), which the JIT tier needs; use the interpreter tier");
  EXPECT_NE(vtpu_load_file(nullptr, nullptr, nullptr), 0);
  EXPECT_STREQ(vtpu_last_error(), "vtpu_load_file: path and program must not be null pointers");
  EXPECT_NE(vtpu_load_memory(nullptr, 0, nullptr, nullptr), 0);
  EXPECT_STREQ(vtpu_last_error(), "vtpu_load_memory: data and program must not be null pointers");
  EXPECT_NE(LoadedFile::load("/no/such.vtpu").message().find("cannot open /no/such.vtpu: No such file or directory"), std::string::npos);
}

TEST(CAPI, RefusesProgramsThatDoNotVerify) {
  EXPECT_EQ(loadError(".func f\n  { C: cret }\n.end\n"), "the program has no entry function");
  std::string text = addText;
  EXPECT_EQ(loadError(text.replace(text.find("shape=[16]"), 10, "shape=[15]")),
            "the program does not verify: function main, binding x: 64 bytes are more than the 60 of its shape");
  EXPECT_EQ(loadError(".func main entry\n  .binding stack a size=8 align=8 writable\n  .binding stack b size=8 align=8 writable\n  { C: "
                      "cret }\n.end\n"),
            "the program does not verify: function main has 2 stack bindings; one is legal");
  EXPECT_EQ(loadError(".func main entry\n  { C: caddi r0, r1, 1 ; S: sldr.i64 r2, [r1] }\n  { C: cret }\n.end\n")
                .rfind("the program does not verify: ", 0),
            0u);
}

TEST(CAPI, OutOfMemoryIsAnError) {
  std::vector<uint8_t> bytes =
      assemble(".func main entry\n  .binding arena a size=140737488355328 align=64 writable\n  { C: cret }\n.end\n");
  Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size());
  ASSERT_TRUE(program.ok()) << program.message();
  EXPECT_EQ(program->call(0, {}, {}).message(), "out of memory for a calling context: 140737488355328 bytes of arena, 0 of stacks");
}

TEST(CAPI, TrapsNamePlaceAndCause) {
  std::vector<uint8_t> bytes = assemble(lookupText);
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
    ASSERT_TRUE(program.ok()) << program.message();
    float x[16] = {0, 1, 2, 3}, y = 0;
    auto message = [&](int64_t index) { return program->call(0, {&index, x}, {&y}).message(); };
    EXPECT_EQ(message(3), "");
    EXPECT_EQ(y, 3);
    const std::string place = "function main, word 2 (net.py:12:7): ";
    EXPECT_EQ(message(16), place + "memory access outside binding 1 (x): 4 bytes at byte 64 of 64; an index is out of range");
    EXPECT_EQ(message(-1), place + "memory access outside binding 1 (x): 4 bytes at byte -4 of 64; an index is out of range");
    EXPECT_EQ(message(int64_t(1) << 61), place + "memory access outside binding 1 (x): 4 bytes at byte -9223372036854775808 of 64; an index is out of range");
    EXPECT_EQ(message(7), "function main, word 7 (net.py:12:7): index out of range");
    EXPECT_EQ(message(5), "function main, word 10 (net.py:12:7): integer division of 5 by zero");
    EXPECT_EQ(message(2), ""); // the program lives on
  }
}

TEST(CAPI, TrapsTellTheOffendingValue) {
  const struct {
    std::string name, words, message; // the bindings are x (64 bytes) and y (8 bytes, writable); r0 and r1 point to them
  } cases[] = {
      {"masked load", "{ C: kset k1, 3 }\n{ C: cimm r2, -8 }\n{ S: sld.f32.f32.256 v0, [r0 + r2] {k1} }",
       "memory access outside binding 0 (x): 32 bytes under a mask at byte -8 of 64; an index is out of range"},
      {"far register", "{ C: cimm r14, 1000 }\n{ C: cmov r13, r0 }\n{ S: sldr.u16 r2, [r13 + r14*2 - 1] }",
       "memory access outside binding 0 (x): 2 bytes at byte 1999 of 64; an index is out of range"},
      {"store", "{ C: cimm r2, 5 }\n{ S: sstr.i32 r2, [r1 + 6] }",
       "memory access outside binding 1 (y): 4 bytes at byte 6 of 8; an index is out of range"},
      {"broadcast", "{ S: sbcast.f64.512 v0, [r0 + 60] }", "memory access outside binding 0 (x): 8 bytes at byte 60 of 64; an index is out of range"},
      {"gather", "{ C: cimm r2, 0x300000002 }\n{ D: dset.i64.512 v1, r2 }\n{ C: cimm r3, 32 }\n{ C: kput k2, r3 }\n{ D: dimm.i32.512 v1, 99 {k2} }\n"
                 "{ S: sgather.f32.512 v0, [r0 + v1*4 + 4], k1 }",
       "memory access outside binding 0 (x): 4 bytes at byte 400 of 64; an index is out of range"},
      {"gather far below", "{ C: cimm r2, -0x10000000000 }\n{ C: cadd r0, r0, r2 }\n{ D: dimm.i32.512 v1, 0 }\n{ S: sgather.f32.512 v0, [r0 + v1*4], k1 }",
       "memory access outside binding 0 (x): 4 bytes at byte -1099511627776 of 64; an index is out of range"},
      {"gather far above",
       "{ C: cimm r2, 0x10000000000 }\n{ C: cadd r0, r0, r2 }\n{ D: dimm.i32.512 v1, -0x80000000 }\n{ S: sgather.f32.512 v0, [r0 + v1*4], k1 }",
       "memory access outside binding 0 (x): 4 bytes at byte 1090921693184 of 64; an index is out of range"},
      {"scatter of wide lanes", "{ C: cimm r2, -3 }\n{ D: dset.i64.256 v1, r2 }\n{ D: dimm.i64.256 v0, 1 }\n{ S: sscatter.i64.256 v0, [r1 + v1*8], k1 }",
       "memory access outside binding 1 (y): 8 bytes at byte -24 of 8; an index is out of range"},
      {"signed division", "{ C: cimm r2, -7 }\n{ C: cimm r15, 0 }\n{ C: crem r2, r2, r15 }", "integer division of -7 by zero"},
      {"unsigned division", "{ C: cimm r15, -7 }\n{ C: cimm r2, 0 }\n{ C: cdivu r2, r15, r2 }", "integer division of 18446744073709551609 by zero"},
      {"division beside a load outside", "{ C: cimm r2, 9 }\n{ C: cimm r3, 0 }\n{ C: cdiv r4, r2, r3 ; S: sldr.i64 r2, [r0 + 100] }",
       "integer division of 9 by zero"},
      {"assertion", "{ C: cimm r2, 0 }\n{ C: cassert r2, m0 }", "a message"},
      {"trap", "{ C: ctrap m0 }", "a message"},
  };
  for (const auto &one : cases) {
    SCOPED_TRACE(one.name);
    std::vector<uint8_t> bytes = assemble(".message \"a message\"\n.func main entry\n  .binding input x size=64 align=64 dtype=f32 shape=[16]\n"
                                          "  .binding output y size=8 align=8 writable dtype=i64 shape=[]\n{ C: cptr r0, b0 }\n{ D: dimm.i32.512 v0, 1 ; C: cptr r1, b1 }\n" +
                                          one.words + "\n{ C: cret }\n.end\n");
    const auto place = "function main, word " + std::to_string(2 + std::count(one.words.begin(), one.words.end(), '\n')) + ": ";
    for (vtpu_tier tier : tiers()) {
      Options options;
      options.tier = tier;
      Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
      ASSERT_TRUE(program.ok()) << program.message();
      float x[16] = {};
      int64_t y = 0;
      EXPECT_EQ(program->call(0, {x}, {&y}).message(), place + one.message);
      EXPECT_EQ(y, 0);
    }
  }
}

TEST(CAPI, ATrapEndsEndlessLoopsOfOtherSentrons) {
  // Sentron 0 traps; the others go round for ever, in a loop of their own or in one that calls.
  for (const char *rounds : {"again:\n{ C: cbr again }\n", "again:\n{ C: ccall t0 }\n{ C: cbr again }\n",
                             "outer:\n{ C: cimm r4, 0 }\ninner:\n{ C: caddi r4, r4, 1 }\n{ C: cbcci.lt r4, 100, inner }\n{ C: cbr outer }\n",
                             "{ C: cimm r4, 0 }\nlong:\n{ C: caddi r4, r4, 1 }\n{ C: cbcci.lt r4, 0x7fffffffffffffff, long }\n"}) {
    SCOPED_TRACE(rounds);
    std::vector<uint8_t> bytes = assemble(std::string(".message \"sentron 0 gives up\"\n.func main entry\n  .binding output y size=8 align=8 writable dtype=i64 "
                                                      "shape=[]\n  .table leaf\n{ C: csid r1 }\n{ C: cbcci.ne r1, 0, others }\n{ C: ctrap m0 }\nothers:\n") +
                                          rounds + "{ C: cret }\n.end\n.func leaf\n{ C: cret }\n.end\n");
    for (vtpu_tier tier : tiers()) {
      Options options;
      options.tier = tier;
      options.threads = 3;
      Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
      ASSERT_TRUE(program.ok()) << program.message();
      int64_t y = 0;
      EXPECT_EQ(program->call(0, {}, {&y}).message(), "function main, word 2: sentron 0 gives up");
    }
  }
}

TEST(CAPI, ParametersArePackedOnce) {
  Folder folder;
  folder.write("/w.safetensors", goodHeader, weights);
  folder.program(panelProgram(""));
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    Result<LoadedFile> program = LoadedFile::load(folder.path + "/p.vtpu", options); // the file is named relative to the program
    ASSERT_TRUE(program.ok()) << program.message();
    std::vector<float> y(16, -1);
    Status status = program->call(0, {}, {y.data()});
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(y, packed);
    int64_t shape[] = {2, 5};
    EXPECT_NE(vtpu_set_parameter(program->get(), "w", VTPU_F32, 2, shape, weights.data()), 0);
    EXPECT_STREQ(vtpu_last_error(), "parameter 'w' is set after the first call; set parameters before it");
  }
}

TEST(CAPI, ParametersBesideTheProgram) {
  // The program names w.safetensors; saved under another name, its parameters lie beside it under that name.
  Folder folder;
  folder.write("/p.safetensors", goodHeader, weights);
  folder.program(panelProgram(""));
  Result<LoadedFile> program = LoadedFile::load(folder.path + "/p.vtpu");
  ASSERT_TRUE(program.ok()) << program.message();
  std::vector<float> y(16, -1);
  Status status = program->call(0, {}, {y.data()});
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(y, packed);
  EXPECT_EQ(vtpu_parameter_file(program->get(), nullptr), folder.path + "/p.safetensors");
  EXPECT_EQ(vtpu_parameter_file(program->get(), (folder.path + "/p.vtpu").c_str()), folder.path + "/p.safetensors");
  EXPECT_EQ(vtpu_parameter_file(program->get(), (folder.path + "/other.vtpu").c_str()), folder.path + "/w.safetensors");
}

TEST(CAPI, ParametersFromTheCaller) {
  std::vector<uint8_t> bytes = assemble(panelProgram(""));
  Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size());
  ASSERT_TRUE(program.ok());
  int64_t shape[] = {2, 5};
  EXPECT_NE(vtpu_set_parameter(program->get(), "w", vtpu_dtype(99), 2, shape, weights.data()), 0);
  EXPECT_STREQ(vtpu_last_error(), "parameter 'w' has the unknown element type 99");
  ASSERT_EQ(vtpu_set_parameter(program->get(), "w", VTPU_F32, 2, shape, weights.data()), 0);
  std::vector<float> y(16, -1);
  ASSERT_TRUE(program->call(0, {}, {y.data()}).ok());
  EXPECT_EQ(y, packed);
}

TEST(CAPI, DamagedParameterFiles) {
  Folder folder;
  const std::string path = folder.path + "/w.safetensors";
  folder.program(panelProgram(""));
  auto message = [&] {
    Result<LoadedFile> program = LoadedFile::load(folder.path + "/p.vtpu");
    EXPECT_TRUE(program.ok()) << program.message();
    std::vector<float> y(16);
    return program->call(0, {}, {y.data()}).message();
  };
  EXPECT_EQ(message(), "cannot open parameter file " + path + ": No such file or directory; name the right file when loading the program");
  struct Row {
    std::string header, message;
  };
  const Row rows[] = {
      {"nonsense", path + " is not a safetensors file: its header is no JSON object"},
      {"[1]", path + " is not a safetensors file: its header is no JSON object"},
      {R"({"v":{"dtype":"F32","shape":[2,5],"data_offsets":[0,40]}})",
       "parameter 'w' is not in " + path + "; use the file that the program was compiled with"},
      {R"({"w":{"dtype":"F32","shape":[2,5]}})", path + " is not a safetensors file: the entry of tensor 'w' is malformed"},
      {R"({"w":{"dtype":"F32","shape":[2,-5],"data_offsets":[0,40]}})",
       path + " is not a safetensors file: the shape of tensor 'w' is malformed"},
      {R"({"w":{"dtype":"F32","shape":[2,5],"data_offsets":[0,44]}})",
       path + " is not a safetensors file: the bytes of tensor 'w' do not fit its shape or the file"},
      {R"({"w":{"dtype":"F64","shape":[5],"data_offsets":[0,40]}})",
       "parameter 'w' in " + path + " is f64[5], the program wants f32[2, 5]; use the file that the program was compiled with"},
      {R"({"w":{"dtype":"F32","shape":[5,2],"data_offsets":[0,40]}})",
       "parameter 'w' in " + path + " is f32[5, 2], the program wants f32[2, 5]; use the file that the program was compiled with"},
  };
  for (const Row &row : rows) {
    folder.write("/w.safetensors", row.header, weights);
    EXPECT_EQ(message(), row.message);
  }
  std::ofstream(path, std::ios::binary) << "short";
  EXPECT_EQ(message(), path + " is not a safetensors file: it ends inside the header");
  std::ofstream(path, std::ios::binary).write("\xff\xff\0\0\0\0\0\0", 8);
  EXPECT_EQ(message(), path + " is not a safetensors file: its header of 65535 bytes ends beyond the file of 8 bytes");
  std::ofstream(path, std::ios::binary).flush();
  EXPECT_EQ(message(), path + " is not a safetensors file: its 0 bytes cannot be mapped");

  folder.write("/w.safetensors", goodHeader, weights);
  folder.program(panelProgram("crc32:00000001"));
  EXPECT_EQ(message().rfind("parameter 'w' in " + path + " has changed (hash crc32:", 0), 0u) << message();

  std::string text = panelProgram("");
  text.erase(text.find(".parameter_file"), std::strlen(".parameter_file \"w.safetensors\""));
  folder.program(text);
  EXPECT_EQ(message(), "parameter 'w' was not given and the program names no parameter file; name one when loading");
  text = panelProgram("");
  folder.program(text.replace(text.find("panels=[1, 2, 5"), 15, "panels=[1, 2, 9"));
  EXPECT_EQ(message(), "parameter 'w': its panel layout does not fit the tensor or the binding's 64 bytes; the file is damaged");
  text = panelProgram("");
  folder.program(text.replace(text.find(" panels=[1, 2, 5, 0, 5, 1, 0, 4]"), 32, ""));
  EXPECT_EQ(message(), "parameter 'w' has 40 bytes, its binding 64; the file is damaged");
}

TEST(CAPI, SeveralThreadsCallOneProgram) {
  // Each call squares through the arena, so that shared scratch memory would show.
  std::vector<uint8_t> bytes = assemble(R"(
.func main entry
  .binding input x size=64 align=64 dtype=f32 shape=[16]
  .binding output y size=64 align=64 writable dtype=f32 shape=[16]
  .binding arena a size=64 align=64 writable
  .table square b0 b2
  .table square b2 b1
  { C: ccall t0 }
  { C: ccall t1 }
  { C: cret }
.end
.func square
  .binding import x size=64 align=64
  .binding import y size=64 align=64 writable
  .binding stack s size=64 align=64 writable
  { C: cptr r0, b0 }
  { C: cptr r1, b2 ; S: sld.f32.f32.512 v0, [r0] }
  { S: sst.f32.f32.512 v0, [r1] }
  { S: sld.f32.f32.512 v1, [r1] ; C: cptr r2, b1 }
  { D: dmul.f32.512 v2, v0, v1 }
  { S: sst.f32.f32.512 v2, [r2] ; C: cret }
.end
)");
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
    ASSERT_TRUE(program.ok()) << program.message();
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          float x[16], y[16];
          for (int j = 0; j < 16; ++j)
            x[j] = float(t + i % 3 + j);
          wrong += !program->call(0, {x}, {y}).ok();
          for (int j = 0; j < 16; ++j)
            wrong += y[j] != x[j] * x[j] * x[j] * x[j];
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(CAPI, SentronsShareACall) {
  // Sentron s writes s + 1 to y[s]; after the barrier each adds what its neighbour wrote.
  std::vector<uint8_t> bytes = assemble(R"(
.func main entry
  .binding output y size=512 align=64 writable dtype=i64 shape=[64]
  .binding output z size=512 align=64 writable dtype=i64 shape=[64]
  { C: cptr r0, b0 }
  { C: cptr r1, b1 }
  { C: csid r2 }
  { C: csnum r3 }
  { C: caddi r4, r2, 1 }
  { S: sstr.i64 r4, [r0 + r2*8] ; C: cbar }
  { C: crem r5, r4, r3 }
  { S: sldr.i64 r6, [r0 + r5*8] }
  { C: cadd r6, r6, r4 }
  { S: sstr.i64 r6, [r1 + r2*8] ; C: cret }
.end
)");
  for (vtpu_tier tier : tiers())
    for (uint32_t sentrons : {1u, 2u, 5u}) {
      Options options;
      options.tier = tier;
      options.threads = sentrons;
      Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
      ASSERT_TRUE(program.ok()) << program.message();
      for (int round = 0; round < 50; ++round) {
        std::vector<int64_t> y(64, 0), z(64, 0);
        ASSERT_TRUE(program->call(0, {}, {y.data(), z.data()}).ok());
        for (uint32_t s = 0; s < 64; ++s) {
          EXPECT_EQ(y[s], s < sentrons ? int64_t(s) + 1 : 0);
          EXPECT_EQ(z[s], s < sentrons ? int64_t(s) + 1 + int64_t((s + 1) % sentrons) + 1 : 0);
        }
      }
    }
}

TEST(CAPI, ATrapStopsEverySentron) {
  // Sentron 1 traps before the barrier at which the others wait.
  std::vector<uint8_t> bytes = assemble(R"(
.message "sentron 1 gives up"
.func main entry
  { C: csid r0 }
  { C: cimm r1, 1 }
  { C: cset.ne r2, r0, r1 }
  { C: cassert r2, m0 }
  { C: cbar }
  { C: cret }
.end
)");
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    options.threads = 3;
    Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
    ASSERT_TRUE(program.ok()) << program.message();
    for (int round = 0; round < 20; ++round)
      EXPECT_EQ(program->call(0, {}, {}).message(), "function main, word 3: sentron 1 gives up");
  }
}

TEST(CAPI, ATrapOfAnySentronStopsWorkBehindTheBarrier) {
  // After ten barriers the last sentron divides by zero; no one passes the next barrier.
  std::vector<uint8_t> bytes = assemble(R"(
.func main entry
  .binding output y size=8 align=8 writable dtype=i64 shape=[1]
  { C: cptr r7, b0 }
  { C: cimm r0, 0 }
  { C: cbar }
  { C: caddi r0, r0, 1 }
  { C: cbcci.lt r0, 10, -2 }
  { C: csid r1 }
  { C: csnum r2 }
  { C: csub r3, r2, r1 }
  { C: caddi r3, r3, -1 }
  { C: cdiv r4, r0, r3 }
  { C: cbar }
  { S: sstr.i64 r0, [r7] ; C: cret }
.end
)");
  for (vtpu_tier tier : tiers())
    for (uint32_t sentrons : {1u, 2u, 4u}) {
      Options options;
      options.tier = tier;
      options.threads = sentrons;
      Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
      ASSERT_TRUE(program.ok()) << program.message();
      for (int round = 0; round < 20; ++round) {
        int64_t y = 0;
        EXPECT_EQ(program->call(0, {}, {&y}).message(), "function main, word 9: integer division of 10 by zero");
        EXPECT_EQ(y, 0);
      }
    }
}

TEST(CAPI, ABarrierThatASentronNeverReachesIsReported) {
  // Sentron 0 returns at once, or only the others do.
  for (const char *predicate : {"eq", "ne"}) {
    std::vector<uint8_t> bytes = assemble(std::string(R"(
.func main entry
  { C: csid r0 }
  { C: cbcci.)") + predicate + R"( r0, 0, +2 }
  { C: cbar }
  { C: cret }
.end
)");
    for (vtpu_tier tier : tiers())
      for (uint32_t sentrons : {1u, 2u, 5u}) {
        Options options;
        options.tier = tier;
        options.threads = sentrons;
        Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
        ASSERT_TRUE(program.ok()) << program.message();
        std::string expected;
        const uint32_t waiting = *predicate == 'e' ? sentrons - 1 : 1, first = *predicate == 'e' ? 1 : 0;
        for (uint32_t s = first; s < first + waiting; ++s)
          expected += fmt::format("{}sentron {} waits at cbar ({} of {} arrived)", s == first ? "" : "; ", s, waiting, sentrons);
        for (int round = 0; round < 20; ++round)
          EXPECT_EQ(program->call(0, {}, {}).message(), sentrons == 1 ? "" : "function main, word 2: deadlock: " + expected);
      }
  }
}

/// Each sentron fills its own stack, and after a barrier copies it to its row of y: with a shared stack the rows would mix.
static const char *stackText = R"(
.func main entry
  .binding input x size=8 align=8 dtype=i64 shape=[1]
  .binding output y size=512 align=64 writable dtype=i64 shape=[64]
  .table fill b1 b0
  { C: ccall t0 }
  { C: cret }
.end
.func fill
  .binding import y size=512 align=64 writable
  .binding import x size=8 align=8
  .binding stack s size=64 align=64 writable
  { C: csid r0 }
  { C: cptr r1, b2 }
  { C: cptr r2, b1 }
  { S: sldr.i64 r3, [r2] }
  { C: cadd r3, r3, r0 }
  { S: sstr.i64 r3, [r1] ; C: cbar }
  { C: cptr r4, b0 }
  { S: sldr.i64 r5, [r1] }
  { S: sstr.i64 r5, [r4 + r0*8] ; C: cret }
.end
)";

TEST(CAPI, EverySentronHasItsStackAndEveryCallItsSentrons) {
  std::vector<uint8_t> bytes = assemble(stackText);
  for (vtpu_tier tier : tiers()) {
    Options options;
    options.tier = tier;
    options.threads = 3;
    Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
    ASSERT_TRUE(program.ok()) << program.message();
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> callers;
    for (int64_t t = 0; t < 3; ++t)
      callers.emplace_back([&, t] {
        for (int64_t i = 0; i < 100; ++i) {
          int64_t x = 1000 * t + i, y[64] = {};
          wrong += !program->call(0, {&x}, {y}).ok();
          for (int64_t s = 0; s < 64; ++s)
            wrong += y[s] != (s < 3 ? x + s : 0);
        }
      });
    for (std::thread &caller : callers)
      caller.join();
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(CAPI, OnlyEntriesThatAskRunOnSeveralSentrons) {
  std::vector<uint8_t> bytes = assemble(std::string(addText) + R"(
.func number entry
  .binding output y size=64 align=64 writable dtype=i64 shape=[8]
  { C: cptr r0, b0 }
  { C: csid r1 }
  { C: csnum r2 }
  { S: sstr.i64 r2, [r0 + r1*8] ; C: cret }
.end
)");
  Options options;
  options.threads = 4;
  Result<LoadedFile> program = LoadedFile::load(bytes.data(), bytes.size(), options);
  ASSERT_TRUE(program.ok()) << program.message();
  float x[16] = {}, z[16];
  int64_t y[8] = {};
  ASSERT_TRUE(program->call(0, {x}, {z}).ok());
  ASSERT_TRUE(program->call(1, {}, {y}).ok());
  EXPECT_EQ(std::vector<int64_t>(y, y + 8), (std::vector<int64_t>{4, 4, 4, 4, 0, 0, 0, 0}));
  vtpu_stats stats = {sizeof(vtpu_stats)};
  ASSERT_EQ(vtpu_get_stats(program->get(), 0, &stats), 0);
  EXPECT_EQ(stats.sentrons, 1u);
  EXPECT_EQ(stats.barrier_seconds, 0);
  ASSERT_EQ(vtpu_get_stats(program->get(), 1, &stats), 0);
  EXPECT_EQ(stats.sentrons, 4u);
  EXPECT_GT(stats.barrier_seconds, 0);
}
