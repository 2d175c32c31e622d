// Problem: how a mistake in a file is shown, with its line and a caret; no secrets on that line.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/state.h"

namespace config {
namespace {

/// Reads the UTF-8 character at the start of `text` (which is valid UTF-8) and its length.
std::pair<char32_t, std::size_t> Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) < 0x80) {
    return {byte(0), 1};
  }
  if (byte(0) < 0xE0) {
    return {((byte(0) & 0x1FU) << 6U) | (byte(1) & 0x3FU), 2};
  }
  if (byte(0) < 0xF0) {
    return {((byte(0) & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU), 3};
  }
  return {((byte(0) & 0x07U) << 18U) | ((byte(1) & 0x3FU) << 12U) | ((byte(2) & 0x3FU) << 6U) |
              (byte(3) & 0x3FU),
          4};
}

/// Cells that a character takes on a terminal (Unicode East Asian Width; Thai vowels and tones
/// above and below take none).
int Width(char32_t c) {
  struct Range {
    char32_t first;
    char32_t last;
    int width;
  };
  static constexpr std::array<Range, 13> kRanges = {{{0x0300, 0x036F, 0},
                                                     {0x0E31, 0x0E31, 0},
                                                     {0x0E34, 0x0E3A, 0},
                                                     {0x0E47, 0x0E4E, 0},
                                                     {0x1100, 0x115F, 2},
                                                     {0x200B, 0x200D, 0},
                                                     {0x2E80, 0xA4CF, 2},
                                                     {0xAC00, 0xD7A3, 2},
                                                     {0xF900, 0xFAFF, 2},
                                                     {0xFE00, 0xFE0F, 0},
                                                     {0xFF00, 0xFF60, 2},
                                                     {0x1F300, 0x1FAFF, 2},
                                                     {0x20000, 0x3FFFD, 2}}};
  for (const auto& range : kRanges) {
    if (c >= range.first && c <= range.last) {
      return range.width;
    }
  }
  return 1;
}

/// The part of a line around `column` (in characters from 1) and the space before the caret.
std::pair<std::string, std::string> Window(std::string_view line, int column) {
  constexpr int kBefore = 90;
  constexpr int kAfter = 60;
  std::string shown;
  std::string pad;
  int at = 1;
  if (column - kBefore > 1) {
    shown = "…";
    pad = " ";
  }
  while (!line.empty()) {
    const auto [c, length] = Decode(line);
    if (at > column + kAfter) {
      shown += "…";
      break;
    }
    if (at >= column - kBefore) {
      shown += line.substr(0, length);
      if (at < column) {
        pad += c == '\t' ? std::string("\t") : std::string(static_cast<std::size_t>(Width(c)), ' ');
      }
    }
    line.remove_prefix(std::min(length, line.size()));
    ++at;
  }
  return {shown, pad};
}

/// What stands for a secret. When more follows on the line it takes the same room, so that the
/// caret stays below what it means.
std::string Stars(std::string_view secret, bool same_room) {
  const auto characters = static_cast<std::size_t>(
      std::ranges::count_if(secret, [](unsigned char c) { return (c & 0xC0U) != 0x80; }));
  std::string out(same_room ? std::min<std::size_t>(characters, 3) : 3, '*');
  if (same_room) {
    out.append(characters - out.size(), ' ');
  }
  return out;
}

/// Hides the value that stands after a key such as "password" on this line: problems go to logs
/// and to the API, and secrets must not.
std::string HideSecrets(std::string line) {
  static constexpr std::array<std::string_view, 6> kWords = {"password", "passphrase", "passwd",
                                                             "secret",   "token",      "community"};
  std::string lower = base::LowerCase(line);
  for (const auto word : kWords) {
    for (auto at = lower.find(word); at != std::string::npos; at = lower.find(word, at + 1)) {
      auto end = at + word.size();
      while (end < line.size() && (line[end] == '"' || line[end] == '\'' || line[end] == ' ')) {
        ++end;
      }
      if (end >= line.size() || line[end] != ':') {
        continue;
      }
      const auto value = line.find_first_not_of(" \t", end + 1);
      if (value == std::string::npos || line[value] == '{' || line[value] == '[') {
        continue;
      }
      const auto stop = std::min(line.find_first_of(",}", value), line.size());
      const auto stars =
          Stars(std::string_view(line).substr(value, stop - value), stop < line.size());
      line.replace(value, stop - value, stars);
      lower.replace(value, stop - value, stars);
    }
  }
  // http://user:password@host
  for (auto at = line.find("://"); at != std::string::npos; at = line.find("://", at + 3)) {
    const auto end = std::min(line.find_first_of("/ \t\"',}", at + 3), line.size());
    const auto sign = line.rfind('@', end);
    if (sign != std::string::npos && sign > at + 3 && sign < end) {
      line.replace(at + 3, sign - at - 3, sign - at - 3, '*');
    }
  }
  return line;
}

}  // namespace

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string printable = base::Printable(text.substr(0, 4 * kMost));
  std::string out = "\"";
  std::string_view rest = printable;
  for (std::size_t n = 0; n < kMost && !rest.empty(); ++n) {
    const auto length = std::min(Decode(rest).second, rest.size());
    out += rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return out + (rest.empty() && text.size() <= 4 * kMost ? "\"" : "…\"");
}

std::string Problem::ToString() const {
  if (place.line == 0) {
    return fmt::format("{}: {}{}", place.file, message, hint.empty() ? "" : " (" + hint + ")");
  }
  std::string out = fmt::format("{}:{}:{}: {}", place.file, place.line, place.column, message);
  if (base::Trim(snippet).empty()) {
    return hint.empty() ? out : out + "\n  " + hint;
  }
  const auto [shown, pad] = Window(snippet, place.column);
  out += fmt::format("\n  {}\n  {}^", shown, pad);
  return hint.empty() ? out : out + " " + hint;
}

std::string_view Document::State::Line(int line) const {
  if (line < 0 || static_cast<std::size_t>(line) >= line_starts.size()) {
    return {};
  }
  const std::size_t start = line_starts[static_cast<std::size_t>(line)];
  std::string_view rest = std::string_view(text).substr(start);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.ends_with('\r')) {
    rest.remove_suffix(1);
  }
  return rest;
}

Place Document::State::At(Spot spot) const {
  const auto line = Line(spot.line);
  const auto before = line.substr(0, static_cast<std::size_t>(std::max(spot.byte, 0)));
  // Columns are characters, not bytes: continuation bytes do not count.
  const auto characters =
      std::ranges::count_if(before, [](unsigned char c) { return (c & 0xC0U) != 0x80; });
  return Place{file, spot.line + 1, static_cast<int>(characters) + 1};
}

void Document::State::Report(const Place& place, std::string message, std::string hint) {
  if (found.size() >= kMaxProblems) {
    overflow = true;
    return;
  }
  if (!seen.emplace(place.line, place.column, message).second) {
    return;
  }
  // A line is kept only as far as it can be shown.
  constexpr std::size_t kLongest = 4096;
  std::string snippet;
  if (place.line > 0 && place.file == file) {
    const auto line = Line(place.line - 1);
    snippet = line.size() <= kLongest ? HideSecrets(base::Printable(line, true)) : std::string();
  }
  found.push_back(Problem{place, std::move(message), std::move(hint), std::move(snippet)});
}

void Document::State::Report(Spot spot, std::string message, std::string hint) {
  Report(At(spot), std::move(message), std::move(hint));
}

void Document::State::Retract(const Place& place, const std::string& message) {
  std::erase_if(found, [&](const Problem& p) { return p.place == place && p.message == message; });
}

}  // namespace config
