// The command that makes a token: printed once, kept as a hash only.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "api/auth.h"
#include "api/json.h"
#include "app/commands.h"
#include "base/text.h"

namespace app {
namespace {

/// Adds a line to a token file; a new one is for its owner alone. Errors: kUnavailable, kInvalid
/// (the name is there, or the file is no token file).
base::Result<> Append(const std::string& path, const std::string& name, const std::string& line) {
  struct stat info{};
  if (stat(path.c_str(), &info) == 0) {
    const auto tokens = api::ReadTokenFile(path);
    if (!tokens) {
      return base::Fail(tokens.error());
    }
    for (const auto& token : *tokens) {
      if (token.name == name) {
        return base::Fail(base::ErrorKind::kInvalid,
                          fmt::format("{} has a token named {} already", path, name));
      }
    }
  }
  std::ifstream old(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(old)), std::istreambuf_iterator<char>());
  const auto added = (text.empty() || text.ends_with('\n') ? "" : "\n") + line;
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // In one write: two that append at once do not mix.
  const bool written =
      file >= 0 && write(file, added.data(), added.size()) == static_cast<ssize_t>(added.size());
  const int error = errno;
  if (file >= 0) {
    close(file);
  }
  if (!written) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{}: {}", path, std::strerror(error)));
  }
  return {};
}

}  // namespace

int RunToken(const std::string& name, const std::string& role, const std::string& token_file,
             bool as_json) {
  const auto secret = api::NewToken();
  const auto kind = role == "operate" ? api::Role::kOperate
                    : role == "read"  ? api::Role::kRead
                    : role == "push"  ? api::Role::kPush
                                      : api::Role::kAlert;
  const auto line = api::TokenLine(name, kind, secret);
  // What the file's own reader would refuse is refused here.
  if (const auto read = api::ParseTokens(line, "NAME"); !read || read->size() != 1) {
    std::cerr << "raksa: a token's name is one word without a colon\n";
    return 1;
  }
  if (!token_file.empty()) {
    if (const auto done = Append(token_file, name, line); !done) {
      std::cerr << "raksa: " << base::Printable(done.error().message) << "\n";
      return done.error().kind == base::ErrorKind::kUnavailable ? 2 : 1;
    }
  }
  if (as_json) {
    std::cout << api::ToText(boost::json::object{{"name", name},
                                                 {"role", role},
                                                 {"token", secret},
                                                 {"line", line.substr(0, line.size() - 1)},
                                                 {"file", token_file}})
              << "\n";
    return 0;
  }
  std::cout << "token (shown this once): " << secret << "\n";
  if (token_file.empty()) {
    std::cout << "line for the token file: " << line;
  } else {
    std::cout << "added to " << token_file << "; reload Raksa to make it known\n";
  }
  return 0;
}

}  // namespace app
