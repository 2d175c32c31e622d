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
constexpr std::array<std::string_view, 12> kNever = {
    "sshd",         "systemd", "systemd-journal", "systemd-logind",
    "dbus-daemon",  "sudo",    "dockerd",         "containerd",
    "docker-proxy", "init",    "raksa",           "systemd-journald"};

/// A login session's or a user's own; not a service.
bool IsSessionUnit(std::string_view unit) {
  return unit.starts_with("session-") && unit.ends_with(".scope");
}

}  // namespace

bool Holder::Stray() const {
  // A process may call itself what it likes; its program's file counts as well.
  auto program = std::string_view(exe).substr(0, exe.find(" (deleted)"));
  program = program.substr(program.rfind('/') + 1);
  return pid > 1 && container.empty() && (unit.empty() || IsSessionUnit(unit)) &&
         std::find(kNever.begin(), kNever.end(), command) == kNever.end() &&
         std::find(kNever.begin(), kNever.end(), program) == kNever.end();
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

namespace {

/// The processes behind our ports, the lowest number of each socket first.
std::vector<std::pair<std::uint16_t, parse::Owner>> Owners(
    const std::vector<parse::Listener>& listeners, const std::vector<std::uint16_t>& ports) {
  std::vector<std::pair<std::uint16_t, parse::Owner>> out;
  for (const auto& listener : listeners) {
    if (std::find(ports.begin(), ports.end(), listener.port) == ports.end() ||
        listener.owners.empty()) {
      continue;
    }
    const auto master =
        std::min_element(listener.owners.begin(), listener.owners.end(),
                         [](const auto& a, const auto& b) { return a.pid < b.pid; });
    const auto known = [&](const auto& each) { return each.second.pid == master->pid; };
    if (std::none_of(out.begin(), out.end(), known)) {
      out.emplace_back(listener.port, *master);
    }
  }
  return out;
}

/// Start time, unit and container; everybody may read those.
loop::Task<> Identify(Look* look, Holder* holder) {
  const auto proc = fmt::format("/proc/{}", holder->pid);
  std::vector<std::string> who = {"cat", proc + "/stat", proc + "/cgroup"};
  const auto identity = co_await look->Ask(std::move(who), false);
  if (identity && identity->exit_status == 0) {
    if (const auto read = parse::ReadIdentity(identity->output); read && read->pid == holder->pid) {
      holder->start_time = read->start_time;
      holder->unit = read->unit;
      holder->container = read->container;
    }
  }
}

/// User, program, and behind docker's own helper the container.
loop::Task<> Describe(Look* look, Holder* holder) {
  const auto proc = fmt::format("/proc/{}", holder->pid);
  std::vector<std::string> whose = {"stat", "-c", "%U", proc};
  const auto user = co_await look->Ask(std::move(whose), false);
  if (user && user->exit_status == 0) {
    holder->user = LastLine(user->output);
  }
  std::vector<std::string> which = {"readlink", proc + "/exe"};
  const auto exe = co_await look->Ask(std::move(which), true);
  if (exe && exe->exit_status == 0) {
    holder->exe = LastLine(exe->output);
  }
  if (holder->command == "docker-proxy") {
    std::vector<std::string> ps = {"docker",   "ps",
                                   "--filter", fmt::format("publish={}", holder->port),
                                   "--format", "{{.Names}}"};
    const auto names = co_await look->Ask(std::move(ps), true);
    if (names && names->exit_status == 0) {
      holder->container = LastLine(names->output);
    }
  }
}

}  // namespace

std::vector<ssh::Privilege> HolderPrivileges() {
  constexpr int kPidDigits = 7;  // 4194304 is the most (proc(5), pid_max)
  return {ssh::Fixed({"ss", "-ltnpH"}, "who listens on a port"),
          {.argv = {"readlink", {"/proc/", kPidDigits, "/exe"}},
           .why = "which program holds a port: read only, the number of its process varies"},
          {.argv = {"docker", "ps", "--filter", {"publish=", 5}, "--format", "{{.Names}}"},
           .why = "which container holds a port: read only, the port varies"}};
}

loop::Task<std::optional<Holder>> FindHolder(Look* look, std::vector<std::uint16_t> ports,
                                             std::string own_unit) {
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
  for (const auto& [port, owner] : Owners(*listeners, ports)) {
    Holder holder;
    holder.port = port;
    holder.pid = owner.pid;
    holder.command = owner.command;
    co_await Identify(look, &holder);
    if (!own_unit.empty() && holder.unit == own_unit) {
      continue;
    }
    co_await Describe(look, &holder);
    co_return holder;
  }
  co_return std::nullopt;
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
  finding.remedy_args = {
      std::to_string(holder.port), std::to_string(holder.pid), std::to_string(holder.start_time),
      std::string(kind),           std::string(name),          holder.exe};
}

}  // namespace diagnosis
