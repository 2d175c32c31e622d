// The commands of a drill, one after the other.
#include "drill/causing.h"

#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/parse/docker.h"

namespace drill {
namespace {

using namespace std::chrono_literals;

std::string TimerOf(std::size_t number) { return fmt::format("raksa-drill-undo-{}", number); }

/// Runs one command as root and keeps its record. Gives "" or what went wrong. `again`: it does no
/// harm twice, so a lost connection is no reason to leave it undone.
loop::Task<std::string> RunOne(ssh::Shell* shell, Argv argv, Done* done, bool again = false) {
  const ssh::Command command{
      .argv = argv, .sudo = true, .changes = true, .limit = 30s, .max_output = 16 * 1024};
  auto answer = co_await shell->Run(command);
  if (!answer && again && answer.error().kind == base::ErrorKind::kUnavailable) {
    answer = co_await shell->Run(command);
  }
  if (!answer) {
    co_return fmt::format("{}: {}", argv.front(), answer.error().message);
  }
  done->commands.push_back(*answer);
  if (answer->exit_status != 0) {
    co_return fmt::format("{}: {}", argv.front(), base::Printable(base::Trim(answer->output)));
  }
  co_return "";
}

}  // namespace

Argv ArmArgv(std::size_t number, const Argv& undo) {
  // In their order, with room between them.
  const auto delay = std::chrono::duration_cast<std::chrono::seconds>(kUndoAfter).count() +
                     3 * static_cast<std::int64_t>(number);
  Argv out = {"systemd-run",
              "--quiet",
              "--collect",
              "--unit=" + TimerOf(number),
              "--on-active=" + std::to_string(delay),
              "--timer-property=AccuracySec=1s",
              "--"};
  out.insert(out.end(), undo.begin(), undo.end());
  return out;
}

Argv DisarmArgv(std::size_t number) { return {"systemctl", "stop", TimerOf(number) + ".timer"}; }

loop::Task<base::Result<std::string>> PortOf(ssh::Shell* shell, model::Target target,
                                             Scenario scenario) {
  const auto none = [&](const std::string& why) {
    return base::Fail(base::ErrorKind::kNotFound, fmt::format("{}: {}", scenario.Component(), why));
  };
  if (scenario.component.kind != "container") {
    const auto own = scenario.component.options.Get<std::vector<std::int64_t>>("ports");
    if (!own.empty()) {
      co_return std::to_string(own.front());
    }
    if (scenario.component.kind == "nginx" && !target.ports.empty()) {
      co_return std::to_string(target.ports.front());
    }
    co_return none("no port of it is configured");
  }
  const auto answer = co_await shell->Run(
      {.argv = {"docker", "container", "inspect", "-f",
                std::string(diagnosis::parse::kInspectFormat), "--", scenario.component.name},
       .sudo = true});
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  const auto container = diagnosis::parse::ReadContainer(answer->output);
  if (!container) {
    co_return base::Fail(container.error());
  }
  if (container->ports.empty()) {
    co_return none("it publishes no port");
  }
  co_return std::to_string(container->ports.front().host_port);
}

loop::Task<Done> Cause(ssh::Shell* shell, Plan plan) {
  Done done;
  for (std::size_t i = 0; i < plan.undo.size(); ++i) {
    auto argv = ArmArgv(i, plan.undo[i]);
    done.error = co_await RunOne(shell, std::move(argv), &done);
    if (!done.error.empty()) {
      done.error = "the undo cannot be armed, so nothing is broken: " + done.error;
      for (std::size_t armed = 0; armed < i; ++armed) {
        auto disarm = DisarmArgv(armed);
        co_await RunOne(shell, std::move(disarm), &done);
      }
      co_return done;
    }
  }
  for (auto& argv : plan.cause) {
    done.error = co_await RunOne(shell, std::move(argv), &done);
    if (!done.error.empty()) {
      co_return done;
    }
  }
  co_return done;
}

loop::Task<Done> Disarm(ssh::Shell* shell, Plan plan) {
  Done done;
  for (std::size_t i = 0; i < plan.undo.size(); ++i) {
    auto argv = DisarmArgv(i);
    const auto error = co_await RunOne(shell, std::move(argv), &done, true);
    done.error = done.error.empty() ? error : done.error;
  }
  co_return done;
}

loop::Task<Done> Undo(ssh::Shell* shell, Plan plan) {
  Done done;
  for (auto argv : plan.undo) {
    const auto error = co_await RunOne(shell, std::move(argv), &done, true);
    done.error = done.error.empty() ? error : done.error;
  }
  auto disarmed = co_await Disarm(shell, plan);
  for (auto& record : disarmed.commands) {
    done.commands.push_back(std::move(record));
  }
  co_return done;
}

}  // namespace drill
