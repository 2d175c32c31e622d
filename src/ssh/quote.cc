// Quoting of argv for a POSIX shell.
#include "ssh/quote.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace ssh {
namespace {

constexpr std::size_t kMaxLine = 128 * 1024;

/// Characters that mean nothing to any POSIX shell wherever they stand in a word.
bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:@,+").find(c) != std::string_view::npos;
}

void AppendQuoted(std::string& line, std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), IsPlain)) {
    line += word;
    return;
  }
  line += '\'';
  for (const char c : word) {
    if (c == '\'') {
      line += "'\\''";
    } else {
      line += c;
    }
  }
  line += '\'';
}

}  // namespace

base::Result<std::string> QuoteArgv(const std::vector<std::string>& argv) {
  if (argv.empty() || argv[0].empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "an empty command");
  }
  if (argv[0][0] == '-') {
    return base::Fail(base::ErrorKind::kInvalid, "a command that begins with '-'");
  }
  std::string line;
  for (const auto& word : argv) {
    if (word.find('\0') != std::string::npos) {
      return base::Fail(base::ErrorKind::kInvalid, "a command with a NUL byte");
    }
    if (!line.empty()) {
      line += ' ';
    }
    AppendQuoted(line, word);
    if (line.size() > kMaxLine) {
      return base::Fail(base::ErrorKind::kInvalid, "a command longer than 128 KiB");
    }
  }
  return line;
}

std::string ShowArgv(const std::vector<std::string>& argv) {
  std::string line;
  for (const auto& word : argv) {
    if (!line.empty()) {
      line += ' ';
    }
    AppendQuoted(line, word);
  }
  return base::Printable(line, true);
}

}  // namespace ssh
