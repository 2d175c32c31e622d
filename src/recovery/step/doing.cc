// What steps share.
#include "recovery/step/doing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "diagnosis/container/container.h"
#include "diagnosis/look.h"
#include "diagnosis/parse/words.h"
#include "diagnosis/service/unit.h"

namespace recovery::step {
namespace {

using namespace std::chrono_literals;
namespace parse = diagnosis::parse;

constexpr std::size_t kKeptOutput = 16 * 1024;
constexpr int kAskTimes = 8;
constexpr auto kAskGap = 130ms;
constexpr std::string_view kNginx = "nginx.service";
constexpr std::array<std::string_view, 2> kTestNginx = {"nginx", "-t"};
constexpr std::array<std::string_view, 2> kListeners = {"ss", "-ltnpH"};

std::vector<std::string> Words(std::span<const std::string_view> words) {
  return {words.begin(), words.end()};
}

std::vector<std::string> Systemctl(const std::string& verb, const std::string& unit) {
  return {"systemctl", verb, "--", unit};
}

std::vector<std::string> StatusArgv(const std::string& unit) {
  return {"systemctl", "status", "--no-pager", "-n", "15", "--", unit};
}

std::vector<std::string> Docker(const std::string& verb, const std::string& name) {
  return {"docker", verb, "--", name};
}

/// The most telling line of what a failed command said.
std::string Telling(std::string_view text) {
  for (const std::string_view sign : {"[emerg]", "ddress already in use", "rror response"}) {
    for (const auto line : base::Lines(text)) {
      if (line.find(sign) != std::string_view::npos) {
        return base::Printable(base::Trim(line).substr(0, 400));
      }
    }
  }
  return diagnosis::LastLine(text);
}

}  // namespace

Doing::Doing(const Request& request) : request_(request) {
  outcome_.component = request.component;
  outcome_.started = base::Clock::Now();
}

loop::Task<base::Result<model::CommandRecord>> Doing::Run(std::vector<std::string> argv,
                                                          bool changes, base::Duration limit,
                                                          bool sudo) {
  ssh::Command command;
  command.argv = std::move(argv);
  command.sudo = sudo;
  command.changes = changes;
  command.limit = limit;
  command.max_output = kKeptOutput;
  auto result = co_await request_.shell->Run(command);
  model::CommandRecord record;
  if (result) {
    record = *result;
  } else {
    record.argv = std::move(command.argv);
    record.changes = changes;
    record.started = base::Clock::Now();
    record.error = result.error().message;
  }
  outcome_.commands.push_back(std::move(record));
  co_return result;
}

loop::Task<base::Result<parse::Unit>> Doing::Unit(std::string unit) {
  std::vector<std::string> argv = {
      "systemctl", "show", "-p", std::string(parse::kUnitProperties), "--", std::move(unit)};
  const auto answer = co_await Run(std::move(argv), false, 10s, false);
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  const auto units = parse::ReadUnits(answer->output);
  if (!units) {
    co_return base::Fail(units.error());
  }
  last_state_ = diagnosis::service::StateOf(units->front());
  co_return units->front();
}

loop::Task<base::Result<parse::Container>> Doing::Container(std::string name) {
  if (!parse::IsContainerName(name)) {
    co_return base::Fail(base::ErrorKind::kInvalid, "no name of a container");
  }
  const auto answer = co_await Run(parse::InspectArgv(name), false, 10s);
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  if (answer->exit_status != 0) {
    co_return base::Fail(base::ErrorKind::kNotFound, diagnosis::LastLine(answer->output));
  }
  const auto container = parse::ReadContainer(answer->output);
  if (!container) {
    co_return base::Fail(container.error());
  }
  last_state_ = diagnosis::container::StateOf(*container);
  last_container_ = *container;
  co_return *container;
}

loop::Task<base::Result<>> Doing::RestartUnit(std::string unit) {
  if (unit == kNginx) {
    const auto tested = co_await Run(Words(kTestNginx), false, 15s);
    if (!tested) {
      co_return base::Fail(tested.error());
    }
    if (tested->exit_status != 0) {
      co_return base::Fail(base::ErrorKind::kRefused,
                           "not started, its configuration is invalid: " + Telling(tested->output));
    }
  }
  const auto restarted = co_await Run(Systemctl("restart", unit), true, 90s);
  if (!restarted) {
    co_return base::Fail(restarted.error());
  }
  if (restarted->exit_status != 0) {
    const auto told = co_await Run(StatusArgv(unit), false, 10s);
    const auto after = co_await Unit(unit);
    const std::string why = Telling(told && after ? told->output : restarted->output);
    co_return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("systemctl restart ended with {}: {}", restarted->exit_status, why));
  }
  co_return base::Result<>{};
}

loop::Task<base::Result<std::string>> Doing::StartUnit(std::string unit) {
  if (!parse::IsUnitName(unit)) {
    co_return base::Fail(base::ErrorKind::kInvalid, "no name of a unit");
  }
  const auto before = co_await Unit(unit);
  if (!before) {
    co_return base::Fail(before.error());
  }
  if (before->active_state == "active") {
    co_return last_state_;  // somebody was faster
  }
  if (before->result == "start-limit-hit") {
    const auto done = co_await Run(Systemctl("reset-failed", unit), true, 10s);
    if (!done) {
      co_return base::Fail(done.error());
    }
  }
  const auto begun = base::Clock::Steady();
  const auto restarted = co_await RestartUnit(unit);
  if (!restarted) {
    co_return base::Fail(restarted.error());
  }
  for (int i = 0; i < kAskTimes; ++i) {
    if (i > 0) {
      co_await loop::Sleep(kAskGap);
    }
    const auto after = co_await Unit(unit);
    if (!after) {
      co_return base::Fail(after.error());
    }
    if (after->active_state == "active") {
      if (unit == kNginx && after->main_pid > 0) {
        const auto proved = co_await ProveNginx(after->main_pid, begun);
        if (!proved) {
          co_return base::Fail(proved.error());
        }
      }
      co_return last_state_;
    }
    if (after->active_state == "failed") {
      break;
    }
  }
  co_return base::Fail(base::ErrorKind::kUnavailable, unit + " is not active after its restart");
}

loop::Task<base::Result<std::vector<parse::Listener>>> Doing::Listeners() {
  const auto answer = co_await Run(Words(kListeners), false, 10s);
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  if (answer->exit_status != 0) {
    co_return base::Fail(base::ErrorKind::kUnavailable,
                         "ss: " + diagnosis::LastLine(answer->output));
  }
  co_return parse::ReadListeners(answer->output);
}

/// systemd's word is not enough (FACTS of the field: a reload that exits 0 and did nothing; an
/// nginx beside systemd's that keeps the port).
loop::Task<base::Result<>> Doing::ProveNginx(int master, base::Instant restarted) {
  const auto listeners = co_await Listeners();
  if (!listeners) {
    co_return base::Fail(listeners.error());
  }
  for (const auto& listener : *listeners) {
    const auto& owners = listener.owners;
    const bool nginx = std::any_of(owners.begin(), owners.end(),
                                   [](const auto& owner) { return owner.command == "nginx"; });
    const bool ours = std::any_of(owners.begin(), owners.end(),
                                  [&](const auto& owner) { return owner.pid == master; });
    if (nginx && !ours) {
      co_return base::Fail(
          base::ErrorKind::kUnavailable,
          fmt::format("nginx was restarted (pid {}), but port {} is still held by another nginx, "
                      "pid {}",
                      master, listener.port, owners.front().pid));
    }
  }
  std::vector<std::string> argv = {"ps", "-o", "etimes=,args=", "--ppid", std::to_string(master)};
  const auto workers = co_await Run(std::move(argv), false, 10s, false);
  if (!workers) {
    co_return base::Fail(workers.error());
  }
  const auto most = base::ToSeconds(base::Clock::Steady() - restarted) + 2;
  for (const auto line : base::Lines(workers->output)) {
    const auto text = base::Trim(line);
    int age = 0;
    if (parse::ReadNumber(text.substr(0, text.find(' ')), age) && age > most &&
        text.find("worker process") != std::string_view::npos) {
      co_return base::Fail(base::ErrorKind::kUnavailable,
                           fmt::format("nginx was restarted, but a worker of it is {} s old", age));
    }
  }
  co_return base::Result<>{};
}

loop::Task<base::Result<>> Doing::Begin(std::string verb, std::string name) {
  if (!parse::IsContainerName(name)) {
    co_return base::Fail(base::ErrorKind::kInvalid, "no name of a container");
  }
  const auto ran = co_await Run(Docker(verb, name), true, 90s);
  if (!ran) {
    co_return base::Fail(ran.error());
  }
  const auto after = co_await Container(name);
  if (ran->exit_status != 0) {
    co_return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("docker {} ended with {}: {}", verb, ran->exit_status, Telling(ran->output)));
  }
  if (!after) {
    co_return base::Fail(after.error());
  }
  looked_ = base::Clock::Steady();
  co_return base::Result<>{};
}

loop::Task<base::Result<std::string>> Doing::StaysUp(std::string name) {
  int seen_running = last_container_->running && !last_container_->paused ? 1 : 0;
  for (int i = 1; i < kAskTimes && seen_running < 2; ++i) {
    co_await loop::Sleep(std::max<base::Duration>(looked_ + kAskGap - base::Clock::Steady(), 0ms));
    const auto after = co_await Container(name);
    if (!after) {
      co_return base::Fail(after.error());
    }
    looked_ = base::Clock::Steady();
    seen_running = after->running && !after->paused && !after->restarting ? seen_running + 1 : 0;
  }
  if (seen_running < 2) {
    co_return base::Fail(base::ErrorKind::kUnavailable,
                         fmt::format("{} does not stay up: {}", name, last_state_));
  }
  co_return last_state_;
}

loop::Task<base::Result<std::string>> Doing::BringUp(std::string verb, std::string name) {
  const auto begun = co_await Begin(std::move(verb), name);
  if (!begun) {
    co_return base::Fail(begun.error());
  }
  co_return co_await StaysUp(std::move(name));
}

loop::Task<base::Result<std::string>> Doing::BringUpWithDependants(std::string verb,
                                                                   std::string name) {
  const auto begun = co_await Begin(std::move(verb), name);
  if (!begun) {
    co_return base::Fail(begun.error());
  }
  // While it is given a moment, those that may need it are looked at.
  const auto itself = *last_container_;
  struct Dependant {
    std::string name;
    parse::Container container;
    std::string state;
  };
  std::vector<Dependant> dependants;
  for (const auto& component : request_.target.application) {
    if (component.kind != "container" || component.name == name ||
        !parse::IsContainerName(component.name)) {
      continue;
    }
    const auto other = co_await Container(component.name);
    if (other && !parse::DependsOn(*other, {itself}).empty()) {
      dependants.push_back({component.name, *other, last_state_});
    }
  }
  last_container_ = itself;
  auto up = co_await StaysUp(name);
  if (!up) {
    co_return up;
  }
  std::string states = *up;
  std::string errors;
  for (const auto& [other, container, now] : dependants) {
    const bool shares = parse::SharesNetwork(container, itself);
    if (!shares || !container.running || container.started > itself.started) {
      states +=
          fmt::format("; {} {}: {}", other, shares ? "shares its network" : "depends on it", now);
      continue;
    }
    const auto restarted = co_await BringUp("restart", other);
    if (restarted) {
      states += fmt::format("; {} shares its network, restarted after it: {}", other, *restarted);
    } else {
      errors += fmt::format("; {} shares its network and could not be restarted: {}", other,
                            restarted.error().message);
    }
  }
  last_state_ = states;
  if (!errors.empty()) {
    co_return base::Fail(base::ErrorKind::kUnavailable, name + " runs" + errors);
  }
  co_return states;
}

std::string UnitOf(const model::ComponentSpec& component) {
  if (component.kind == "nginx" || component.kind == "docker") {
    return component.kind + ".service";
  }
  return component.kind == "service" ? parse::UnitName(component.name) : "";
}

std::vector<ssh::Privilege> StartUnitPrivileges(const std::string& unit) {
  if (!parse::IsUnitName(unit)) {
    return {};
  }
  const auto why = "repair of " + unit;
  std::vector<ssh::Privilege> out = {ssh::Fixed(Systemctl("restart", unit), why),
                                     ssh::Fixed(Systemctl("reset-failed", unit), why),
                                     ssh::Fixed(StatusArgv(unit), why)};
  if (unit == kNginx) {
    out.push_back(ssh::Fixed(Words(kTestNginx), why));
    out.push_back(ssh::Fixed(Words(kListeners), why));
  }
  return out;
}

std::vector<ssh::Privilege> BringUpPrivileges(const model::Target& target, const std::string& verb,
                                              const std::string& name) {
  if (!parse::IsContainerName(name)) {
    return {};
  }
  const auto why = "repair of container " + name;
  std::vector<ssh::Privilege> out = {ssh::Fixed(Docker(verb, name), why),
                                     ssh::Fixed(parse::InspectArgv(name), why)};
  for (const auto& other : target.application) {
    if (other.kind == "container" && other.name != name && parse::IsContainerName(other.name)) {
      const auto after = "container " + other.name + ", when it shares the network of another";
      out.push_back(ssh::Fixed(parse::InspectArgv(other.name), after));
      out.push_back(ssh::Fixed(Docker("restart", other.name), after));
    }
  }
  return out;
}

model::StepOutcome Doing::Done(std::string state_after) {
  outcome_.done = std::any_of(outcome_.commands.begin(), outcome_.commands.end(),
                              [](const auto& command) { return command.changes; });
  if (!outcome_.done) {
    outcome_.refused = true;
    outcome_.error = "it runs already: nothing was changed";
  }
  outcome_.state_after = std::move(state_after);
  outcome_.finished = base::Clock::Now();
  return outcome_;
}

model::StepOutcome Doing::Failed(std::string error) {
  outcome_.done = false;
  outcome_.state_after = last_state_;
  outcome_.error = base::Printable(error);
  outcome_.finished = base::Clock::Now();
  return outcome_;
}

}  // namespace recovery::step
