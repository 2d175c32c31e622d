// Readers of `ss` and of /proc.
#include "diagnosis/parse/listeners.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "diagnosis/parse/words.h"

namespace diagnosis::parse {
namespace {

/// `users:(("nginx",pid=102,fd=5),("nginx",pid=101,fd=5))`
std::vector<Owner> ReadOwners(std::string_view text) {
  std::vector<Owner> out;
  constexpr std::string_view kPid = "\",pid=";
  std::size_t at = 0;
  while (out.size() < 256) {
    const auto open = text.find("(\"", at);
    if (open == std::string_view::npos) {
      break;
    }
    const auto close = text.find(kPid, open);
    if (close == std::string_view::npos) {
      break;
    }
    const auto end = text.find_first_of(",)", close + kPid.size());
    Owner owner;
    owner.command =
        base::Printable(text.substr(open + 2, std::min<std::size_t>(64, close - open - 2)));
    if (end == std::string_view::npos ||
        !ReadNumber(text.substr(close + kPid.size(), end - close - kPid.size()), owner.pid)) {
      break;
    }
    if (std::find(out.begin(), out.end(), owner) == out.end()) {
      out.push_back(std::move(owner));
    }
    at = end;
  }
  return out;
}

bool IsContainerId(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// The container's id in a cgroup path: "…/docker/ID" or "…/docker-ID.scope".
std::string ContainerOf(std::string_view path) {
  for (auto part : base::Split(path, '/')) {
    if (part.starts_with("docker-") && part.ends_with(".scope")) {
      part = part.substr(7, part.size() - 13);
    }
    if (IsContainerId(part)) {
      return std::string(part);
    }
  }
  return "";
}

/// The unit in a cgroup path: its last part that is a unit's name; a user's own service manager is
/// not gone into.
std::string UnitOf(std::string_view path) {
  std::string unit;
  for (const auto part : base::Split(path, '/')) {
    if (part.ends_with(".service") || part.ends_with(".scope") || part.ends_with(".socket")) {
      unit = base::Printable(part.substr(0, 255));
    }
  }
  return unit;
}

}  // namespace

base::Result<std::vector<Listener>> ReadListeners(std::string_view text) {
  std::vector<Listener> out;
  for (const auto line : base::Lines(text)) {
    const auto words = Words(line);
    if (words.empty() || words[0] != "LISTEN" || out.size() >= 10'000) {
      continue;
    }
    const auto colon = words.size() >= 5 ? words[3].rfind(':') : std::string_view::npos;
    Listener listener;
    if (colon == std::string_view::npos || !ReadNumber(words[3].substr(colon + 1), listener.port)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "ss: not understood: " + base::Printable(line.substr(0, 120)));
    }
    auto address = words[3].substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    }
    listener.address = base::Printable(address.substr(0, 64));
    const auto users = line.find("users:(");
    if (users != std::string_view::npos) {
      listener.owners = ReadOwners(line.substr(users));
    }
    out.push_back(std::move(listener));
  }
  return out;
}

base::Result<ProcessIdentity> ReadIdentity(std::string_view text) {
  const auto bad = [](std::string_view what) {
    return base::Fail(base::ErrorKind::kInvalid, "/proc: " + std::string(what));
  };
  const auto lines = base::Lines(text);
  if (lines.empty()) {
    return bad("no such process");
  }
  const auto stat = lines[0];
  // The name may hold anything, also parentheses and spaces: the last `)` ends it.
  const auto open = stat.find(" (");
  const auto close = stat.rfind(") ");
  ProcessIdentity out;
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2 ||
      !ReadNumber(stat.substr(0, open), out.pid)) {
    return bad("stat is not understood");
  }
  out.command = base::Printable(stat.substr(open + 2, std::min<std::size_t>(64, close - open - 2)));
  const auto rest = Words(stat.substr(close + 2));
  // Field 3 (state) is the first after the name; field 22 is the start time.
  if (rest.size() < 20 || rest[0].size() != 1 || !ReadNumber(rest[19], out.start_time)) {
    return bad("stat is too short");
  }
  out.state = rest[0][0];
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto first = lines[i].find(':');
    const auto second = first == std::string_view::npos ? first : lines[i].find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const auto controllers = lines[i].substr(first + 1, second - first - 1);
    const auto path = lines[i].substr(second + 1);
    if (out.container.empty()) {
      out.container = ContainerOf(path);
    }
    if (out.unit.empty() && (controllers.empty() || controllers == "name=systemd")) {
      out.unit = UnitOf(path);
    }
  }
  return out;
}

}  // namespace diagnosis::parse
