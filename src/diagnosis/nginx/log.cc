// Reading nginx's error log.
#include "diagnosis/nginx/log.h"

#include "base/text.h"

namespace diagnosis::nginx {
namespace {

constexpr std::string_view kTime = "0000/00/00 00:00:00";

/// Whether a line begins as nginx's do: "2026/11/25 03:36:12 [error] ".
bool HasTime(std::string_view line) {
  if (line.size() < kTime.size()) {
    return false;
  }
  for (std::size_t i = 0; i < kTime.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    if (kTime[i] == '0' ? !digit : line[i] != kTime[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<std::string> LatelySaid(std::string_view text, std::string_view since) {
  std::vector<std::string> out;
  if (!HasTime(since)) {
    return out;
  }
  for (const auto line : base::Lines(text)) {
    if (HasTime(line) && line.substr(0, kTime.size()) >= since.substr(0, kTime.size())) {
      out.push_back(base::Printable(line.substr(0, 400)));
    }
  }
  return out;
}

std::string LineWith(const std::vector<std::string>& lines,
                     const std::vector<std::string_view>& signs) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    for (const auto sign : signs) {
      if (line->find(sign) != std::string::npos) {
        return line->substr(0, 300);
      }
    }
  }
  return "";
}

std::string_view LimitHit(const std::vector<std::string>& lines) {
  if (!LineWith(lines, {"worker_connections are not enough"}).empty()) {
    return "nginx-connections-exhausted";
  }
  if (!LineWith(lines, {"(24: Too many open files)"}).empty()) {
    return "nginx-files-exhausted";
  }
  return "";
}

std::vector<std::string> ErrorLogArgv(std::string_view path) {
  return {"tail", "-n", "50", "--", std::string(path)};
}

loop::Task<std::vector<std::string>> ReadErrorLog(Look* look, std::string path) {
  std::vector<std::string> lines;
  if (path.empty()) {
    path = std::string(kErrorLog);
  }
  if (!path.starts_with('/') || !base::IsPrintable(path)) {
    co_return lines;
  }
  std::vector<std::string> when = {"date", "-d", "-20 seconds", "+%Y/%m/%d %H:%M:%S"};
  const auto since = co_await look->Ask(std::move(when), false);
  if (!since || since->exit_status != 0) {
    co_return lines;
  }
  auto tail = ErrorLogArgv(path);
  const auto text = co_await look->Ask(std::move(tail), true);
  if (text && text->exit_status == 0) {
    lines = LatelySaid(text->output, LastLine(since->output));
  }
  co_return lines;
}

}  // namespace diagnosis::nginx
