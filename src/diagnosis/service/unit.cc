// What systemd says of a unit, and why it does not run.
#include "diagnosis/service/unit.h"

#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/holder.h"

namespace diagnosis::service {

loop::Task<base::Result<std::vector<parse::Unit>>> ShowUnits(Look* look,
                                                             std::vector<std::string> units) {
  std::vector<std::string> argv = {"systemctl", "show", "-p", std::string(parse::kUnitProperties),
                                   "--"};
  for (auto& unit : units) {
    if (!parse::IsUnitName(unit)) {
      co_return base::Fail(base::ErrorKind::kInvalid,
                           "no name of a unit: " + base::Printable(unit));
    }
    argv.push_back(std::move(unit));
  }
  const auto answer = co_await look->Ask(std::move(argv), false);
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  if (answer->exit_status != 0) {
    co_return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("systemctl ended with {}: {}", answer->exit_status, LastLine(answer->output)));
  }
  co_return parse::ReadUnits(answer->output);
}

std::string StateOf(const parse::Unit& unit) {
  return "State " + base::Printable(unit.active_state);
}

std::string_view CauseOf(const parse::Unit& unit) {
  if (unit.load_state == "masked") {
    return "service-masked";
  }
  if (unit.load_state == "not-found") {
    return "service-absent";
  }
  if (unit.load_state != "loaded") {
    return "service-unit-invalid";
  }
  if (unit.active_state == "activating" && unit.sub_state == "auto-restart") {
    return "service-restart-loop";
  }
  if (unit.active_state != "failed" && unit.active_state != "inactive") {
    return "";
  }
  if (unit.result == "start-limit-hit") {
    return "service-start-limit";
  }
  if (unit.result == "oom-kill") {
    return "service-out-of-memory";
  }
  if (unit.result == "signal" || unit.result == "core-dump" || unit.result == "watchdog") {
    return "service-killed";
  }
  if (unit.active_state == "inactive" && (unit.result == "success" || unit.result.empty())) {
    return "service-stopped";
  }
  return "service-failed";
}

namespace {

std::string Evidence(const parse::Unit& unit) {
  auto text = fmt::format("systemd: {} is {} ({}), result {}", unit.id, unit.active_state,
                          unit.sub_state, unit.result.empty() ? "none" : unit.result);
  if (unit.exit_code == 2 || unit.exit_code == 3) {
    text += fmt::format(", main process ended by signal {}", unit.exit_status);
  } else if (unit.exit_code == 1 && unit.exit_status != 0) {
    text += fmt::format(", main process ended with {}", unit.exit_status);
  }
  return base::Printable(text);
}

/// Causes after which it makes sense to ask who holds the port and whether the configuration is
/// good.
bool MayHoldDeeper(std::string_view cause) {
  return cause == "service-stopped" || cause == "service-failed" || cause == "service-killed" ||
         cause == "service-start-limit" || cause == "service-restart-loop";
}

}  // namespace

loop::Task<std::optional<model::Finding>> ExamineUnit(Look* look, UnitRequest request) {
  std::vector<std::string> names = {request.unit};
  const auto units = co_await ShowUnits(look, std::move(names));
  if (!units) {
    co_return look->Blind(units.error().message);
  }
  const auto& unit = units->front();
  const auto cause = CauseOf(unit);
  if (cause.empty()) {
    co_return std::nullopt;
  }
  if (MayHoldDeeper(cause)) {
    const auto holder = co_await FindHolder(look, request.ports, request.unit);
    if (holder) {
      auto finding =
          look->Found("service-address-in-use", StateOf(unit),
                      fmt::format("port {} is held by {}", holder->port, holder->ToString()));
      finding.details.emplace_back("Service Name", request.unit);
      NameHolder(finding, *holder, "service", request.unit);
      co_return finding;
    }
  }
  if (request.nginx && MayHoldDeeper(cause)) {
    std::vector<std::string> test = {"nginx", "-t"};
    const auto tested = co_await look->Ask(std::move(test), true);
    if (tested && tested->exit_status == 1 &&
        tested->output.find("test failed") != std::string::npos) {
      std::string line = LastLine(tested->output);
      for (const auto each : base::Lines(tested->output)) {
        if (each.find("[emerg]") != std::string_view::npos) {
          line = base::Printable(each.substr(each.find("[emerg]")).substr(0, 300));
        }
      }
      auto finding = look->Found("nginx-config-invalid", StateOf(unit), "nginx -t: " + line);
      finding.details.emplace_back("Service Name", request.unit);
      co_return finding;
    }
  }
  auto finding = look->Found(cause, StateOf(unit), Evidence(unit));
  finding.details.emplace_back("Service Name", request.unit);
  finding.details.emplace_back("Result", base::Printable(unit.result));
  if (!finding.remedy.empty()) {
    finding.remedy_args = {request.unit};
  }
  co_return finding;
}

}  // namespace diagnosis::service
