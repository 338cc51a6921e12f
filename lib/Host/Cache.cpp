//===- Cache.cpp - Host tables kept between runs ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Cache.h"

#include <cctype>
#include <cerrno>
#include <cpuid.h>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace vtpu::host {

namespace fs = std::filesystem;

std::string findMicrocode(std::string_view cpuinfo) {
  size_t at = cpuinfo.find("\nmicrocode");
  if (at == cpuinfo.npos || (at = cpuinfo.find(':', at)) == cpuinfo.npos)
    return "unknown";
  const std::string_view line = cpuinfo.substr(at + 1, cpuinfo.find('\n', at) - at - 1);
  // Part of a file's name: nothing but the number.
  const size_t begin = line.find_first_not_of(" \t"), end = line.find_last_not_of(" \t");
  if (begin == line.npos || line.find_first_not_of("0123456789abcdefx", begin) <= end)
    return "unknown";
  return std::string(line.substr(begin, end - begin + 1));
}

CPU thisCPU() {
  CPU cpu;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &a, &b, &c, &d)) {
    char vendor[12];
    std::memcpy(vendor, &b, 4);
    std::memcpy(vendor + 4, &d, 4);
    std::memcpy(vendor + 8, &c, 4);
    cpu.vendor.assign(vendor, 12);
  }
  if (__get_cpuid(1, &a, &b, &c, &d)) {
    const unsigned family = a >> 8 & 15, extendedFamily = a >> 20 & 255, model = a >> 4 & 15, extendedModel = a >> 16 & 15;
    cpu.family = family == 15 ? family + extendedFamily : family;
    cpu.model = family == 6 || family == 15 ? extendedModel << 4 | model : model;
    cpu.stepping = a & 15;
  }
  for (unsigned leaf = 0x80000002; leaf <= 0x80000004; ++leaf)
    if (__get_cpuid(leaf, &a, &b, &c, &d))
      for (unsigned part : {a, b, c, d})
        cpu.brand.append(reinterpret_cast<const char *>(&part), 4);
  cpu.brand = cpu.brand.c_str(); // up to the first zero
  cpu.brand.erase(0, cpu.brand.find_first_not_of(' '));
  cpu.brand.erase(cpu.brand.find_last_not_of(' ') + 1);
  Result<std::string> cpuinfo = readText("/proc/cpuinfo");
  cpu.microcode = cpuinfo ? findMicrocode(*cpuinfo) : "unknown";
  return cpu;
}

std::string cpuName(const CPU &cpu) {
  std::string vendor;
  for (char c : cpu.vendor)
    if (std::isalnum(static_cast<unsigned char>(c)))
      vendor += c;
  return fmt::format("{}-{}-{}-{}-{}", vendor.empty() ? "unknown" : vendor, cpu.family, cpu.model, cpu.stepping, cpu.microcode);
}

Result<std::string> cacheFolder() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache && *cache)
    return std::string(cache) + "/vtpu";
  if (home && *home)
    return std::string(home) + "/.cache/vtpu";
  return Error{"there is no folder for calibrations: neither XDG_CACHE_HOME nor HOME is set"};
}

namespace {
Result<std::string> pathOf(const CPU &cpu, const char *extension) {
  Result<std::string> folder = cacheFolder();
  if (!folder)
    return folder.takeError();
  return fmt::format("{}/{}{}", *folder, cpuName(cpu), extension);
}
} // namespace

Result<std::string> tablePath(const CPU &cpu) { return pathOf(cpu, ".json"); }
Result<std::string> portTablePath(const CPU &cpu) { return pathOf(cpu, ".ports.json"); }

Result<std::string> readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char chunk[1 << 16]; // larger than the stream's own buffer, which it bypasses; files of /proc do not tell their size
  do {
    file.read(chunk, sizeof chunk);
    text.append(chunk, size_t(file.gcount()));
  } while (file);
  if (!file.eof())
    return Error{fmt::format("cannot read {}: {}", path, fs::is_directory(path) ? "it is a folder" : std::strerror(errno))};
  return text;
}

Status writeText(const std::string &path, std::string_view text) {
  std::error_code error;
  if (const fs::path folder = fs::path(path).parent_path(); !folder.empty())
    fs::create_directories(folder, error);
  if (error)
    return Error{fmt::format("cannot make the folder of {}: {}", path, error.message())};
  // Beside the file and of this process alone, so that a rename puts it there as a whole.
  const std::string partial = fmt::format("{}.{}", path, getpid());
  std::ofstream file(partial, std::ios::binary);
  file.write(text.data(), std::streamsize(text.size()));
  file.close();
  if (!file) {
    const int reason = errno;
    fs::remove(partial, error);
    return Error{fmt::format("cannot write {}: {}", path, std::strerror(reason))};
  }
  fs::rename(partial, path, error);
  if (!error)
    return {};
  const std::string reason = error.message();
  fs::remove(partial, error);
  return Error{fmt::format("cannot write {}: {}", path, reason)};
}

Result<Table> loadTable(const CPU &cpu) {
  Result<std::string> path = tablePath(cpu);
  if (!path)
    return path.takeError();
  if (!fs::exists(*path))
    return Error{fmt::format("this machine ({}) is not calibrated: there is no {}; run 'vtpu calibrate'", cpu.brand, *path)};
  Result<std::string> text = readText(*path);
  if (!text)
    return Error{text.message() + "; run 'vtpu calibrate'"};
  Result<Table> table = parseTable(*text);
  if (!table)
    return Error{fmt::format("{} is damaged: {}; run 'vtpu calibrate'", *path, table.message())};
  if (table->cpu != cpu)
    return Error{fmt::format("{} is of another processor, {}; this one is {}; run 'vtpu calibrate'", *path, cpuName(table->cpu), cpuName(cpu))};
  return table;
}

} // namespace vtpu::host
