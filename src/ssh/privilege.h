// Privilege: a command that is run as root, as data, and the sudoers file made of such data.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ssh {

/// One word of a privileged command: fixed text, or text around a whole number without leading
/// zeros ("/proc/" 4711 "/exe").
struct Word {
  Word(std::string text) : text(std::move(text)) {}                  // NOLINT(*-explicit-*)
  Word(const char* text) : text(text) {}                             // NOLINT(*-explicit-*)
  Word(std::string before, int most_digits, std::string after = "")  ///< 1 to 12 digits
      : text(std::move(before)), digits(most_digits), after(std::move(after)) {}
  std::string text;
  int digits = 0;     ///< 0 = fixed; else a number of at most so many digits follows `text`
  std::string after;  ///< follows the number
};

/// A command that may be run as root, and what for. A kind of component or step says so of itself
/// as data; `raksa sudoers` writes it down and tests hold what is run against it.
struct Privilege {
  std::vector<Word> argv;
  std::string why;
};

/// Whether `argv` is this command, word for word.
bool Covers(const Privilege& privilege, const std::vector<std::string>& argv);
bool Covers(const std::vector<Privilege>& privileges, const std::vector<std::string>& argv);

/// A privilege for fixed words.
Privilege Fixed(const std::vector<std::string>& argv, std::string why);

/// The path of a program on Debian and Ubuntu since the merge of /bin into /usr/bin; what is not
/// known is taken as /usr/bin/NAME; a path stays as it is.
std::string ProgramPath(const std::string& program);

/// One command as sudoers(5) writes it: the full path, every argument fixed (special characters
/// escaped), a number as character classes: one line for each number of digits. No `*`, so that no
/// further argument gets in.
std::vector<std::string> SudoersCommands(const Privilege& privilege);

/// A whole sudoers file for `user`; each reason is a comment above its commands, equal commands
/// stand once. `title`: lines of the first comment.
std::string SudoersFile(const std::string& user, const std::vector<std::string>& title,
                        const std::vector<Privilege>& privileges);

}  // namespace ssh
