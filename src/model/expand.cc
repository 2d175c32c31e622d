// Go's Regexp.Expand over RE2's groups.
#include "model/expand.h"

#include <re2/re2.h>

#include <algorithm>

namespace model {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_';
}

/// The number of the group that a template calls `name`; -1: there is none.
int GroupOf(const re2::RE2& regex, std::string_view name) {
  constexpr int kMost = 100'000'000;
  int number = 0;
  for (const char c : name) {
    number = IsDigit(c) && number >= 0 && number < kMost ? number * 10 + (c - '0') : -1;
  }
  if (number >= 0 && (name[0] != '0' || name.size() == 1)) {
    return number;
  }
  const auto& names = regex.NamedCapturingGroups();
  const auto at = names.find(std::string(name));
  return at == names.end() ? -1 : at->second;
}

}  // namespace

std::string ExpandGroups(std::string_view text, const re2::RE2& regex,
                         std::span<const re2::StringPiece> groups) {
  std::string out;
  while (true) {
    const auto dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool brace = text.starts_with('{');
    const auto begin = text.begin() + (brace ? 1 : 0);
    const auto end = std::find_if_not(begin, text.end(), IsWord);
    if (begin == end || (brace && (end == text.end() || *end != '}'))) {
      out += '$';  // no name follows: the sign stands for itself
      continue;
    }
    const int group = GroupOf(regex, {begin, end});
    if (group >= 0 && static_cast<std::size_t>(group) < groups.size()) {
      const auto& found = groups[static_cast<std::size_t>(group)];
      out.append(found.data() == nullptr ? "" : found.data(), found.size());
    }
    text = {end + (brace ? 1 : 0), text.end()};
  }
}

}  // namespace model
