// Finding and naming the holder of a port.
#include "diagnosis/holder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "diagnosis/parse/listeners.h"

namespace diagnosis {
namespace {

/// Programs that are never ended, whatever unit they are in.
constexpr std::array<std::string_view, 10> kNever = {
    "sshd",    "systemd",    "systemd-journal", "systemd-logind", "dbus-daemon",
    "dockerd", "containerd", "docker-proxy",    "init",           "raksa"};

/// A login session's or a user's own; not a service.
bool IsSessionUnit(std::string_view unit) {
  return unit.starts_with("session-") && unit.ends_with(".scope");
}

}  // namespace

bool Holder::Stray() const {
  return pid > 1 && container.empty() && (unit.empty() || IsSessionUnit(unit)) &&
         std::find(kNever.begin(), kNever.end(), command) == kNever.end();
}

std::string Holder::ToString() const {
  std::string text = fmt::format("{} (pid {}, user {}", command, pid, user.empty() ? "?" : user);
  if (!exe.empty()) {
    text += ", " + exe;
  }
  text += ")";
  if (!container.empty()) {
    text += " of container " + (container.size() == 64 ? container.substr(0, 12) : container);
  } else if (!unit.empty()) {
    text += " of " + unit;
  }
  return text;
}

loop::Task<std::optional<Holder>> FindHolder(Look* look, std::vector<std::uint16_t> ports,
                                             std::vector<std::string> own) {
  if (ports.empty()) {
    co_return std::nullopt;
  }
  std::vector<std::string> list = {"ss", "-ltnpH"};
  const auto answer = co_await look->Ask(std::move(list), true);
  if (!answer || answer->exit_status != 0) {
    co_return std::nullopt;
  }
  const auto listeners = parse::ReadListeners(answer->output);
  if (!listeners) {
    co_return std::nullopt;
  }
  Holder holder;
  for (const auto& listener : *listeners) {
    if (holder.pid != 0 || std::find(ports.begin(), ports.end(), listener.port) == ports.end()) {
      continue;
    }
    for (const auto& owner : listener.owners) {
      if (std::find(own.begin(), own.end(), owner.command) == own.end()) {
        holder.port = listener.port;
        holder.pid = owner.pid;
        holder.command = owner.command;
        break;
      }
    }
  }
  if (holder.pid == 0) {
    co_return std::nullopt;
  }
  const auto proc = fmt::format("/proc/{}", holder.pid);
  std::vector<std::string> who = {"cat", proc + "/stat", proc + "/cgroup"};
  const auto identity = co_await look->Ask(std::move(who), true);
  if (identity && identity->exit_status == 0) {
    if (const auto read = parse::ReadIdentity(identity->output); read && read->pid == holder.pid) {
      holder.start_time = read->start_time;
      holder.unit = read->unit;
      holder.container = read->container;
    }
  }
  std::vector<std::string> whose = {"stat", "-c", "%U %N", proc + "/exe"};
  const auto owner = co_await look->Ask(std::move(whose), true);
  if (owner && owner->exit_status == 0) {
    // ops '/proc/4711/exe' -> '/usr/bin/python3.11'
    const auto line = LastLine(owner->output);
    holder.user = line.substr(0, line.find(' '));
    const auto arrow = line.find("' -> '");
    if (arrow != std::string::npos && line.ends_with('\'')) {
      holder.exe = line.substr(arrow + 6, line.size() - arrow - 7);
    }
  }
  if (holder.command == "docker-proxy") {
    // The engine's own helper: the container behind it is who holds the port.
    std::vector<std::string> ps = {"docker",   "ps",
                                   "--filter", fmt::format("publish={}", holder.port),
                                   "--format", "{{.Names}}"};
    const auto names = co_await look->Ask(std::move(ps), true);
    if (names && names->exit_status == 0) {
      holder.container = LastLine(names->output);
    }
  }
  co_return holder;
}

void NameHolder(model::Finding& finding, const Holder& holder, std::string_view kind,
                std::string_view name) {
  finding.details.emplace_back("Using Port", std::to_string(holder.port));
  finding.details.emplace_back("Using Command", holder.command);
  finding.details.emplace_back("PID", std::to_string(holder.pid));
  finding.details.emplace_back("By", holder.user);
  if (!holder.unit.empty()) {
    finding.details.emplace_back("Unit", holder.unit);
  }
  if (!holder.container.empty()) {
    finding.details.emplace_back("Container", holder.container.substr(0, 64));
  }
  if (!holder.Stray() || holder.start_time == 0) {
    finding.cause_class = model::CauseClass::kReport;
    finding.remedy.clear();
    finding.evidence += "; it is not ours to end";
    return;
  }
  finding.remedy_args = {std::to_string(holder.port), std::to_string(holder.pid),
                         std::to_string(holder.start_time), std::string(kind), std::string(name)};
}

}  // namespace diagnosis
