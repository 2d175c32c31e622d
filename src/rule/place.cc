// Lines and columns inside scalars.
#include "rule/place.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

namespace rule {

config::Place PlaceIn(const config::Node& node, const promql::ParseError& error,
                      const std::string& source) {
  config::Place place = node.place();
  std::vector<std::string_view> lines;
  std::string_view rest = source;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (place.line < 1 || place.line > static_cast<int>(lines.size())) {
    return place;
  }
  const std::string_view first = lines[static_cast<std::size_t>(place.line - 1)];
  const auto column = static_cast<std::size_t>(std::max(place.column - 1, 0));
  const char opening = column < first.size() ? first[column] : ' ';
  if (opening == '|' || opening == '>') {
    // The block's lines follow; the first one's indentation is not part of the text.
    const auto begin = static_cast<std::size_t>(place.line);
    const std::size_t line = begin + static_cast<std::size_t>(opening == '|' ? error.line - 1 : 0);
    if (line < lines.size()) {
      const std::size_t indent = lines[begin].find_first_not_of(' ');
      place.line = static_cast<int>(line) + 1;
      place.column = static_cast<int>(indent == std::string_view::npos ? 0 : indent) + error.column;
    }
    return place;
  }
  const bool quoted = opening == '"' || opening == '\'';
  if (error.line == 1) {
    place.column += error.column - 1 + (quoted ? 1 : 0);
  }
  return place;
}

std::string Slurp(const std::string& path) {
  std::string out;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char buffer[65536];
    std::size_t count = 0;
    while ((count = std::fread(buffer, 1, sizeof buffer, file)) > 0 && out.size() < (16U << 20U)) {
      out.append(buffer, count);
    }
    std::fclose(file);
  }
  return out;
}

}  // namespace rule
