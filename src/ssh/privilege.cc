// Matching and writing of privileges.
#include "ssh/privilege.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "base/text.h"

namespace ssh {
namespace {

constexpr std::array<std::string_view, 6> kInSbin = {"nginx",    "ufw", "sysctl",
                                                     "iptables", "nft", "ip6tables"};

bool IsNumber(std::string_view text, int most_digits) {
  return !text.empty() && text.size() <= static_cast<std::size_t>(most_digits) && text[0] != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool Matches(const Word& word, std::string_view text) {
  if (word.digits == 0) {
    return text == word.text;
  }
  if (text.size() < word.text.size() + word.after.size() || !text.starts_with(word.text) ||
      !text.ends_with(word.after)) {
    return false;
  }
  text.remove_prefix(word.text.size());
  text.remove_suffix(word.after.size());
  return IsNumber(text, word.digits);
}

/// Arguments are matched as patterns (fnmatch(3)) after the file's own escapes (sudoers(5), "Other
/// special characters and reserved words") were taken away: for those the second backslash is
/// enough.
std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\\\\\";
      continue;
    }
    if (std::string_view(",:=#!").find(c) != std::string_view::npos) {
      out += '\\';
    } else if (std::string_view("*?[]").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string Digits(int count) {
  std::string out = "[1-9]";
  for (int i = 1; i < count; ++i) {
    out += "[0-9]";
  }
  return out;
}

}  // namespace

bool Covers(const Privilege& privilege, const std::vector<std::string>& argv) {
  return privilege.argv.size() == argv.size() &&
         std::equal(argv.begin(), argv.end(), privilege.argv.begin(),
                    [](const std::string& text, const Word& word) { return Matches(word, text); });
}

bool Covers(const std::vector<Privilege>& privileges, const std::vector<std::string>& argv) {
  return std::any_of(privileges.begin(), privileges.end(),
                     [&](const Privilege& privilege) { return Covers(privilege, argv); });
}

Privilege Fixed(const std::vector<std::string>& argv, std::string why) {
  return {.argv = {argv.begin(), argv.end()}, .why = std::move(why)};
}

std::string ProgramPath(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return program;
  }
  const bool sbin = std::find(kInSbin.begin(), kInSbin.end(), program) != kInSbin.end();
  return (sbin ? "/usr/sbin/" : "/usr/bin/") + program;
}

std::vector<std::string> SudoersCommands(const Privilege& privilege) {
  std::vector<std::string> out;
  if (privilege.argv.empty()) {
    return out;
  }
  std::string program;
  for (const char c : Escape(ProgramPath(privilege.argv[0].text))) {
    program += c == ' ' ? "\\ " : std::string(1, c);
  }
  out.push_back(program);
  if (privilege.argv.size() == 1) {
    return {out[0] + " \"\""};  // no argument at all; without it sudo would take any
  }
  for (std::size_t i = 1; i < privilege.argv.size(); ++i) {
    const auto& word = privilege.argv[i];
    std::vector<std::string> longer;
    for (const auto& line : out) {
      if (word.digits == 0) {
        longer.push_back(line + " " + Escape(word.text));
      }
      for (int digits = 1; digits <= word.digits; ++digits) {
        longer.push_back(line + " " + Escape(word.text) + Digits(digits) + Escape(word.after));
      }
    }
    out = std::move(longer);
  }
  return out;
}

std::string SudoersFile(const std::string& user, const std::vector<std::string>& title,
                        const std::vector<Privilege>& privileges) {
  std::string out;
  for (const auto& line : title) {
    out += "# " + base::Printable(line) + "\n";
  }
  std::set<std::string> written;
  std::string why;
  for (const auto& privilege : privileges) {
    for (const auto& command : SudoersCommands(privilege)) {
      // A line break or control character cannot stand in the file; nothing of ours has one.
      if (!base::IsPrintable(command) || !written.insert(command).second) {
        continue;
      }
      if (privilege.why != why) {
        why = privilege.why;
        out += "\n# " + base::Printable(why) + "\n";
      }
      out += user + " ALL=(root) NOPASSWD: " + command + "\n";
    }
  }
  return out;
}

}  // namespace ssh
