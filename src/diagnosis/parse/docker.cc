// Reader of docker's JSON.
#include "diagnosis/parse/docker.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/text.h"
#include "diagnosis/parse/json_answer.h"

namespace diagnosis::parse {
namespace {

namespace json = boost::json;

std::string Text(const json::object& object, std::string_view name, std::size_t limit = 512) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) {
    return "";
  }
  return base::Printable(std::string_view(value->get_string()).substr(0, limit), true);
}

bool Flag(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::int64_t Integer(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

int SmallInteger(const json::object& object, std::string_view name) {
  const auto value = Integer(object, name);
  return value >= -1'000'000 && value <= 1'000'000 ? static_cast<int>(value) : 0;
}

const json::object* Object(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

/// Docker's "never" is the year 1.
base::Time Moment(const json::object& object, std::string_view name) {
  const auto text = Text(object, name);
  if (text.empty() || text.starts_with("0001-")) {
    return {};
  }
  const auto time = base::ParseRfc3339(text);
  return time ? *time : base::Time{};
}

bool ReadPort(std::string_view text, std::uint16_t& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

void ReadPorts(const json::object& ports, Container& out) {
  for (const auto& [key, list] : ports) {
    const std::string_view name = key;
    const auto slash = name.find('/');
    PortBinding binding;
    if (slash == std::string_view::npos ||
        !ReadPort(name.substr(0, slash), binding.container_port) || !list.is_array()) {
      continue;
    }
    binding.protocol = std::string(name.substr(slash + 1, 8));
    for (const auto& item : list.get_array()) {
      if (!item.is_object() || out.ports.size() >= 256) {
        continue;
      }
      binding.host_ip = Text(item.get_object(), "HostIp", 64);
      binding.host_port = 0;
      if (ReadPort(Text(item.get_object(), "HostPort", 8), binding.host_port) &&
          binding.host_port != 0) {
        out.ports.push_back(binding);
      }
    }
  }
}

void ReadMounts(const json::array& mounts, Container& out) {
  for (const auto& item : mounts) {
    const auto* mount = item.if_object();
    if (mount == nullptr || Text(*mount, "Type") != "bind" || out.folders.size() >= 16) {
      continue;
    }
    auto source = Text(*mount, "Source", 1024);
    if (source.starts_with('/')) {
      out.folders.push_back(std::move(source));
    }
  }
}

void ReadHealth(const json::object& health, Container& out) {
  out.health = Text(health, "Status", 32);
  const auto* log = health.if_contains("Log");
  if (log == nullptr || !log->is_array()) {
    return;
  }
  for (const auto& entry : log->get_array()) {
    if (entry.is_object() && Integer(entry.get_object(), "ExitCode") != 0) {
      out.health_log = Text(entry.get_object(), "Output", 512);
    }
  }
}

}  // namespace

std::vector<std::string> InspectArgv(const std::string& name) {
  return {"docker", "container", "inspect", "-f", std::string(kInspectFormat), "--", name};
}

std::vector<std::string> ListArgv() {
  return {"docker", "ps", "-a", "--no-trunc", "--format", std::string(kListFormat)};
}

base::Result<Container> ReadContainer(std::string_view text) {
  const auto value = JsonAnswer(text, "docker", 1U << 20);
  if (!value) {
    return base::Fail(value.error());
  }
  const auto* root = value->if_object();
  const auto* state = root != nullptr ? Object(*root, "state") : nullptr;
  if (state == nullptr || Text(*state, "Status").empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "docker: its answer has no state");
  }
  Container out;
  out.name = Text(*root, "name", 256);
  if (out.name.starts_with('/')) {
    out.name.erase(0, 1);
  }
  out.status = Text(*state, "Status", 32);
  out.running = Flag(*state, "Running");
  out.paused = Flag(*state, "Paused");
  out.restarting = Flag(*state, "Restarting");
  out.oom_killed = Flag(*state, "OOMKilled");
  out.dead = Flag(*state, "Dead");
  out.exit_code = SmallInteger(*state, "ExitCode");
  out.error = Text(*state, "Error");
  out.started = Moment(*state, "StartedAt");
  out.finished = Moment(*state, "FinishedAt");
  if (const auto* health = Object(*state, "Health")) {
    ReadHealth(*health, out);
  }
  if (const auto* restart = Object(*root, "restart")) {
    out.restart_policy = Text(*restart, "Name", 32);
  }
  if (const auto* ports = Object(*root, "ports")) {
    ReadPorts(*ports, out);
  }
  if (const auto* mounts = root->if_contains("mounts"); mounts != nullptr && mounts->is_array()) {
    ReadMounts(mounts->get_array(), out);
  }
  out.network_mode = Text(*root, "network", 256);
  out.memory = Integer(*root, "memory");
  out.restarts = SmallInteger(*root, "restarts");
  out.compose_depends = Text(*root, "depends", 1024);
  out.compose_project = Text(*root, "project", 256);
  out.compose_service = Text(*root, "service", 256);
  out.id = Text(*root, "id", 64);
  return out;
}

std::vector<Container> ReadContainers(std::string_view text) {
  std::vector<Container> out;
  for (const auto line : base::Lines(text)) {
    if (out.size() < 200 && line.starts_with('{')) {
      if (auto container = ReadContainer(line)) {
        out.push_back(std::move(*container));
      }
    }
  }
  return out;
}

bool SharesNetwork(const Container& other, const Container& container) {
  constexpr std::string_view kShared = "container:";
  if (!other.network_mode.starts_with(kShared)) {
    return false;
  }
  const auto whose = std::string_view(other.network_mode).substr(kShared.size());
  return !whose.empty() && (whose == container.id || whose == container.name);
}

std::vector<std::string> DependsOn(const Container& container, const std::vector<Container>& all) {
  std::vector<std::string> out;
  const auto add = [&](const Container& other) {
    if (other.name != container.name &&
        std::find(out.begin(), out.end(), other.name) == out.end()) {
      out.push_back(other.name);
    }
  };
  for (const auto& other : all) {
    if (SharesNetwork(container, other)) {
      add(other);
    }
  }
  if (!container.compose_project.empty()) {
    // "db:service_started:false,cache:service_healthy:true"
    for (const auto each : base::Split(container.compose_depends, ',')) {
      const auto service = each.substr(0, each.find(':'));
      for (const auto& other : all) {
        if (!service.empty() && other.compose_service == service &&
            other.compose_project == container.compose_project) {
          add(other);
        }
      }
    }
  }
  return out;
}

std::vector<std::string> DependantsOf(const Container& container,
                                      const std::vector<Container>& all) {
  std::vector<std::string> out;
  for (const auto& other : all) {
    const auto needs = DependsOn(other, all);
    if (std::find(needs.begin(), needs.end(), container.name) != needs.end()) {
      out.push_back(other.name);
    }
  }
  return out;
}

bool IsContainerName(std::string_view name) {
  if (name.empty() || name.size() > 255) {
    return false;
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && (i == 0 || std::string_view("_.-").find(c) == std::string_view::npos)) {
      return false;
    }
  }
  return true;
}

}  // namespace diagnosis::parse
