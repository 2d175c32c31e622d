// Readers of `top`, `df` and the facts script.
#include "diagnosis/parse/host.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/text.h"
#include "diagnosis/parse/words.h"

namespace diagnosis::parse {
namespace {

/// "25.0"; also with a decimal comma.
bool ReadPercent(std::string_view text, double& out) {
  std::string copy(text.substr(0, 16));
  std::replace(copy.begin(), copy.end(), ',', '.');
  return ReadNumber(std::string_view(copy), out) && std::isfinite(out) && out >= 0;
}

std::string LastWords(std::string_view line, std::size_t skip) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < skip; ++i) {
    at = line.find_first_not_of(' ', at);
    at = at == std::string_view::npos ? line.size() : line.find(' ', at);
    at = std::min(at, line.size());
  }
  return base::Printable(base::Trim(line.substr(at)).substr(0, 128));
}

/// `who -u`: USER LINE DATE TIME IDLE PID COMMENT; idle is ".", "old" or HH:MM.
bool TypedLately(const std::vector<std::string_view>& words) {
  for (std::size_t i = 4; i < words.size() && i < 6; ++i) {
    if (words[i] == ".") {
      return true;
    }
    int hours = 0;
    int minutes = 0;
    const auto colon = words[i].find(':');
    if (colon != std::string_view::npos && ReadNumber(words[i].substr(0, colon), hours) &&
        ReadNumber(words[i].substr(colon + 1), minutes)) {
      return hours == 0 && minutes < 10;
    }
  }
  return false;
}

bool IsMachineId(std::string_view text) {
  return text.size() == 32 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

base::Result<std::vector<Process>> ReadTop(std::string_view text, std::size_t limit) {
  std::vector<Process> out;
  std::map<std::string_view, std::size_t> columns;
  for (const auto line : base::Lines(text)) {
    const auto words = Words(line);
    if (words.size() > 4 && words[0] == "PID") {
      columns.clear();
      out.clear();
      for (std::size_t i = 0; i < words.size(); ++i) {
        columns[words[i]] = i;
      }
      continue;
    }
    if (!columns.contains("USER") || !columns.contains("%CPU") || !columns.contains("%MEM") ||
        !columns.contains("COMMAND") || words.size() <= columns["COMMAND"] || out.size() >= limit) {
      continue;
    }
    Process process;
    if (!ReadNumber(words[0], process.pid) || !ReadPercent(words[columns["%CPU"]], process.cpu) ||
        !ReadPercent(words[columns["%MEM"]], process.memory)) {
      continue;
    }
    process.user = base::Printable(words[columns["USER"]].substr(0, 64));
    process.command = LastWords(line, columns["COMMAND"]);
    out.push_back(std::move(process));
  }
  if (columns.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "top: no table in its answer");
  }
  return out;
}

base::Result<std::vector<FileSystem>> ReadDf(std::string_view text) {
  std::vector<FileSystem> out;
  bool table = false;
  for (const auto line : base::Lines(text)) {
    if (line.starts_with("Filesystem ")) {
      table = true;
      continue;
    }
    const auto words = Words(line);
    if (!table || words.size() < 6 || words[1] == "-" || out.size() >= 1000) {
      continue;
    }
    FileSystem fs;
    if (!words[4].ends_with('%') && words[4] != "-") {
      continue;  // a line of standard error
    }
    if (!ReadNumber(words[1], fs.size) || !ReadNumber(words[2], fs.used) ||
        !ReadNumber(words[3], fs.available)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "df: not understood: " + base::Printable(line.substr(0, 120)));
    }
    fs.device = base::Printable(words[0].substr(0, 256));
    fs.mount = LastWords(line, 5);
    out.push_back(std::move(fs));
  }
  if (!table) {
    return base::Fail(base::ErrorKind::kInvalid, "df: no table in its answer");
  }
  return out;
}

base::Result<HostFacts> ReadFacts(std::string_view text) {
  HostFacts out;
  for (const auto line : base::Lines(text)) {
    const auto space = line.find(' ');
    const auto name = line.substr(0, space);
    const auto value = space == std::string_view::npos ? "" : base::Trim(line.substr(space + 1));
    const auto shown = base::Printable(value.substr(0, 200));
    if (value.empty()) {
      continue;
    }
    if (name == "machine" && IsMachineId(value)) {
      out.machine_id = shown;
    } else if (name == "boot") {
      out.boot_id = shown;
    } else if (name == "from") {
      out.from = shown;
    } else if (name == "now") {
      std::int64_t seconds = 0;
      if (ReadNumber(value, seconds) && seconds > 0 && seconds < 100'000'000'000) {
        out.now = base::Time(std::chrono::seconds(seconds));
      }
    } else if (name == "uptime") {
      ReadPercent(value.substr(0, value.find(' ')), out.uptime_seconds);
    } else if (name == "hold" && out.holds.size() < 8) {
      out.holds.push_back(shown);
    } else if (name == "packager" && out.packagers.size() < 8) {
      out.packagers.push_back(shown);
    } else if (name == "who" && out.logins.size() < 8) {
      const auto words = Words(value);
      if (words.size() >= 5 && TypedLately(words)) {
        out.logins.push_back(base::Printable(std::string(words[0].substr(0, 32)) + " at " +
                                             std::string(words[1].substr(0, 32))));
      }
    }
  }
  if (out.machine_id.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "the host does not tell its machine-id");
  }
  return out;
}

}  // namespace diagnosis::parse
