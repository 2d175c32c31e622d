// Secret: a value that must not show up in logs, errors or pages.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

/// Holds a password, token or community. Prints as "***" wherever fmt meets it; Reveal() is the
/// only way in.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  [[nodiscard]] const std::string& Reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

/// Reads a secret from a file: its first line, without white space around it. Errors: kUnavailable
/// with the path and the system's reason; kInvalid when it is empty, larger than 64 KiB or readable
/// by others than its owner and group.
Result<Secret> ReadSecretFile(const std::string& path);

}  // namespace base

template <>
struct fmt::formatter<base::Secret> : fmt::formatter<std::string_view> {
  auto format(const base::Secret&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
