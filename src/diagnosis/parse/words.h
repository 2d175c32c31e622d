// Words and numbers in the lines of command output: what several readers need.
#pragma once

#include <charconv>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace diagnosis::parse {

/// The pieces of a line between runs of spaces; none is empty.
inline std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto word : base::Split(line, ' ')) {
    if (!word.empty()) {
      out.push_back(word);
    }
  }
  return out;
}

/// Reads all of `text` as a number; false, and `out` unsettled, when it is none.
template <class T>
bool ReadNumber(std::string_view text, T& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

}  // namespace diagnosis::parse
