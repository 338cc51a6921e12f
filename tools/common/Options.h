//===- Options.h - Command lines of the tools without LLVM ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small option reader: `--name=value`, `--name value`, `-n value`, flags and positional arguments, with a help text that fits a screen.
// Exit codes of the tools: 0 good, 1 the user's mistake, 2 numbers differ, 3 the toolchain's mistake.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_TOOLS_COMMON_OPTIONS_H
#define VTPU_TOOLS_COMMON_OPTIONS_H

#include "vtpu/Support/Result.h"

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vtpu::tools {

constexpr int exitGood = 0, exitUser = 1, exitMismatch = 2, exitInternal = 3;

class Options {
public:
  Options(std::string tool, std::string usage, std::string summary)
      : tool(std::move(tool)), usage(std::move(usage)), summary(std::move(summary)) {
    std::signal(SIGXFSZ, SIG_IGN); // a write beyond the limit of a file's size fails, and is told
  }

  /// `names` is a comma-separated list without dashes; the first is the one that help shows.
  void flag(std::string names, bool &target, std::string help) {
    add(std::move(names), "", std::move(help), [&target](const std::string &) -> Status {
      target = true;
      return {};
    });
  }
  void value(std::string names, std::string meta, std::string &target, std::string help) {
    add(std::move(names), std::move(meta), std::move(help), [&target](const std::string &text) -> Status {
      target = text;
      return {};
    });
  }
  void list(std::string names, std::string meta, std::vector<std::string> &target, std::string help) {
    add(std::move(names), std::move(meta), std::move(help), [&target](const std::string &text) -> Status {
      target.push_back(text);
      return {};
    });
  }
  void number(std::string names, std::string meta, uint64_t &target, uint64_t low, uint64_t high, std::string help) {
    std::string name = names.substr(0, names.find(','));
    add(std::move(names), std::move(meta), std::move(help), [&target, low, high, name](const std::string &text) -> Status {
      char *end = nullptr;
      uint64_t number = std::strtoull(text.c_str(), &end, 10);
      if (text.empty() || *end || text[0] == '-' || number < low || number > high)
        return Error{fmt::format("--{}={}: expected a number from {} to {}", name, text, low, high)};
      target = number;
      return {};
    });
  }
  void real(std::string names, std::string meta, double &target, std::string help) {
    std::string name = names.substr(0, names.find(','));
    add(std::move(names), std::move(meta), std::move(help), [&target, name](const std::string &text) -> Status {
      char *end = nullptr;
      double number = std::strtod(text.c_str(), &end);
      if (text.empty() || *end || !(number >= 0))
        return Error{fmt::format("--{}={}: expected a number that is not negative", name, text)};
      target = number;
      return {};
    });
  }

  /// The options that follow are not in the help text but in one of their own, `--help-NAME`, of which the former says `summary`.
  void group(std::string name, std::string summary) { groups.push_back({std::move(name), std::move(summary), options.size()}); }

  /// Reads the command line; exits for --help and --version, and with code 1 on a mistake.
  void parse(int argc, char **argv, std::vector<std::string> &positional) {
    for (int i = 1; i < argc; ++i) {
      std::string argument = argv[i];
      if (argument.size() < 2 || argument[0] != '-') {
        positional.push_back(argument);
        continue;
      }
      std::string name = argument.substr(argument[1] == '-' ? 2 : 1), text;
      size_t equals = name.find('=');
      const bool attached = equals != std::string::npos;
      if (attached) {
        text = name.substr(equals + 1);
        name.resize(equals);
      }
      if (name == "help" || (name == "h" && !find("h"))) {
        std::fputs(help().c_str(), stdout);
        std::exit(exitGood);
      }
      for (size_t g = 0; g < groups.size(); ++g)
        if (name == "help-" + groups[g].name) {
          std::fputs(help(g).c_str(), stdout);
          std::exit(exitGood);
        }
      if (name == "version") {
        fmt::print("{} {} (vTPU toolchain)\n", tool, VTPU_VERSION);
        std::exit(exitGood);
      }
      const Option *option = find(name);
      if (!option)
        fail(fmt::format("unknown option '{}'; see {} --help", argv[i], tool));
      if (option->meta.empty() && attached)
        fail(fmt::format("option --{} takes no value", name));
      if (!option->meta.empty() && !attached) {
        if (i + 1 >= argc)
          fail(fmt::format("option --{} needs a value: --{}={}", name, name, option->meta));
        text = argv[++i];
      }
      if (Status status = option->apply(text); !status)
        fail(status.message());
    }
  }
  /// Prints a mistake of the user and exits with code 1.
  [[noreturn]] void fail(const std::string &message, int code = exitUser) const {
    std::fflush(stdout);
    fmt::print(stderr, "{}: error: {}\n", tool, message);
    std::exit(code);
  }

private:
  struct Option {
    std::vector<std::string> names;
    std::string meta, help;
    std::function<Status(const std::string &)> apply;
  };
  std::string tool, usage, summary;
  struct Group {
    std::string name, summary;
    size_t first; // of its options
  };
  std::vector<Option> options;
  std::vector<Group> groups;

  void add(std::string names, std::string meta, std::string help, std::function<Status(const std::string &)> apply) {
    Option option{{}, std::move(meta), std::move(help), std::move(apply)};
    for (size_t at = 0; at <= names.size();) {
      size_t comma = std::min(names.find(',', at), names.size());
      option.names.push_back(names.substr(at, comma - at));
      at = comma + 1;
    }
    options.push_back(std::move(option));
  }
  const Option *find(std::string_view name) const {
    for (const Option &option : options)
      for (const std::string &candidate : option.names)
        if (candidate == name)
          return &option;
    return nullptr;
  }
  /// Of a group; else of the options before the first one.
  std::string help(size_t group = SIZE_MAX) const {
    const bool all = group == SIZE_MAX;
    const size_t first = all ? 0 : groups[group].first, next = all ? 0 : group + 1;
    const size_t last = next < groups.size() ? groups[next].first : options.size();
    std::string out = fmt::format("{}\n\nUsage: {} {}\n\nOptions:\n", all ? summary : groups[group].summary, tool, usage);
    auto row = [&](const std::string &left, const std::string &right) { out += fmt::format("  {:<34} {}\n", left, right); };
    for (size_t i = first; i < last; ++i) {
      const Option &option = options[i];
      std::string left;
      for (const std::string &name : option.names)
        left += fmt::format("{}{}{}", left.empty() ? "" : ", ", name.size() == 1 ? "-" : "--", name);
      row(left + (option.meta.empty() ? "" : "=" + option.meta), option.help);
    }
    if (!all)
      return out;
    for (const Group &other : groups)
      row("--help-" + other.name, other.summary);
    row("--help", "this text");
    row("--version", "the version");
    return out;
  }
};

} // namespace vtpu::tools

#endif // VTPU_TOOLS_COMMON_OPTIONS_H
