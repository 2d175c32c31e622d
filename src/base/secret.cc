// Reads secrets from files that only their owner (and group) may read.
#include "base/secret.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/text.h"

namespace base {

Result<Secret> ReadSecretFile(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return Fail(ErrorKind::kUnavailable, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return Fail(ErrorKind::kInvalid, fmt::format("{}: not a regular file", path));
  }
  if ((info.st_mode & 07) != 0) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("{}: everybody may read it (mode {:04o}); chmod 600 {}", path,
                            info.st_mode & 07777, path));
  }
  if (info.st_size > 64 * 1024) {
    return Fail(ErrorKind::kInvalid, fmt::format("{}: larger than 64 KiB", path));
  }
  std::ifstream in(path);
  std::string line;
  if (!in || (!std::getline(in, line) && !in.eof())) {
    return Fail(ErrorKind::kUnavailable, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  const auto value = Trim(line);
  if (value.empty()) {
    return Fail(ErrorKind::kInvalid, fmt::format("{}: its first line is empty", path));
  }
  return Secret(std::string(value));
}

}  // namespace base
