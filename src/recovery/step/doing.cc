// What steps share.
#include "recovery/step/doing.h"

#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/container/container.h"
#include "diagnosis/look.h"
#include "diagnosis/service/unit.h"

namespace recovery::step {
namespace {

using namespace std::chrono_literals;
namespace parse = diagnosis::parse;

constexpr std::size_t kKeptOutput = 16 * 1024;
constexpr int kAskTimes = 8;
constexpr auto kAskGap = 130ms;

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
  std::vector<std::string> argv = {
      "docker", "container",    "inspect", "-f", std::string(parse::kInspectFormat),
      "--",     std::move(name)};
  const auto answer = co_await Run(std::move(argv), false, 10s);
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
  co_return *container;
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
    std::vector<std::string> reset = {"systemctl", "reset-failed", "--", unit};
    const auto done = co_await Run(std::move(reset), true, 10s);
    if (!done) {
      co_return base::Fail(done.error());
    }
  }
  if (unit == "nginx.service") {
    std::vector<std::string> test = {"nginx", "-t"};
    const auto tested = co_await Run(std::move(test), false, 15s);
    if (!tested) {
      co_return base::Fail(tested.error());
    }
    if (tested->exit_status != 0) {
      co_return base::Fail(base::ErrorKind::kRefused,
                           "not started, its configuration is invalid: " + Telling(tested->output));
    }
  }
  std::vector<std::string> restart = {"systemctl", "restart", "--", unit};
  const auto restarted = co_await Run(std::move(restart), true, 90s);
  if (!restarted) {
    co_return base::Fail(restarted.error());
  }
  if (restarted->exit_status != 0) {
    std::vector<std::string> status = {"systemctl", "status", "--no-pager", "-n", "15", "--", unit};
    const auto told = co_await Run(std::move(status), false, 10s);
    const auto after = co_await Unit(unit);
    const std::string why = Telling(told && after ? told->output : restarted->output);
    co_return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("systemctl restart ended with {}: {}", restarted->exit_status, why));
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
      co_return last_state_;
    }
    if (after->active_state == "failed") {
      break;
    }
  }
  co_return base::Fail(base::ErrorKind::kUnavailable, unit + " is not active after its restart");
}

loop::Task<base::Result<std::string>> Doing::BringUp(std::string verb, std::string name) {
  if (!parse::IsContainerName(name)) {
    co_return base::Fail(base::ErrorKind::kInvalid, "no name of a container");
  }
  std::vector<std::string> argv = {"docker", verb, "--", name};
  const auto ran = co_await Run(std::move(argv), true, 90s);
  if (!ran) {
    co_return base::Fail(ran.error());
  }
  const auto after_command = co_await Container(name);
  if (ran->exit_status != 0) {
    co_return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("docker {} ended with {}: {}", verb, ran->exit_status, Telling(ran->output)));
  }
  if (!after_command) {
    co_return base::Fail(after_command.error());
  }
  int seen_running = after_command->running && !after_command->paused ? 1 : 0;
  for (int i = 1; i < kAskTimes && seen_running < 2; ++i) {
    co_await loop::Sleep(kAskGap);
    const auto after = co_await Container(name);
    if (!after) {
      co_return base::Fail(after.error());
    }
    seen_running = after->running && !after->paused && !after->restarting ? seen_running + 1 : 0;
  }
  if (seen_running < 2) {
    co_return base::Fail(base::ErrorKind::kUnavailable,
                         fmt::format("{} does not stay up: {}", name, last_state_));
  }
  co_return last_state_;
}

model::StepOutcome Doing::Done(std::string state_after) {
  outcome_.done = true;
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
