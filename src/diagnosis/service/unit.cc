// What systemd says of a unit, and why it does not run.
#include "diagnosis/service/unit.h"

#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/holder.h"
#include "diagnosis/parse/nginx_check.h"
#include "diagnosis/parse/nginx_config.h"

namespace diagnosis::service {
namespace {

// nginx -t asks for the addresses of the servers behind it; a dead resolver takes its time.
constexpr auto kConfigTest = std::chrono::seconds(25);

}  // namespace

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
  if (!ExecFault(unit).empty()) {
    return "service-exec-failed";
  }
  return "service-failed";
}

std::string_view ExecFault(const parse::Unit& unit) {
  if (unit.exit_code != 1) {
    return "";
  }
  switch (unit.exit_status) {
    case 200:
      return "its working directory cannot be entered (200/CHDIR)";
    case 203:
      return "its program is missing or may not be executed (203/EXEC)";
    case 209:
      return "its output cannot be opened (209/STDOUT)";
    case 216:
      return "its group is not there (216/GROUP)";
    case 217:
      return "its user is not there (217/USER)";
    case 226:
      return "its file system view cannot be made (226/NAMESPACE)";
    case 233:
      return "its runtime directory cannot be made (233/RUNTIME_DIRECTORY)";
    case 238:
      return "its state directory cannot be made (238/STATE_DIRECTORY)";
    default:
      return "";
  }
}

std::vector<std::string> LastWordsArgv(const std::string& unit) {
  return {"journalctl", "-u", unit, "-n", "40", "-o", "cat", "--no-pager"};
}

ssh::Privilege LastWordsPrivilege(const std::string& unit) {
  return ssh::Fixed(LastWordsArgv(unit), unit + ": its last words");
}

loop::Task<std::string> LastWords(Look* look, std::string unit) {
  auto argv = LastWordsArgv(unit);
  const auto answer = co_await look->Ask(std::move(argv), true, 16 * 1024);
  std::vector<std::string> lines;
  if (answer && answer->exit_status == 0) {
    for (const auto line : base::Lines(answer->output)) {
      // systemd's own remarks say what we know already.
      if (!base::Trim(line).empty() && line.find("systemd") == std::string_view::npos &&
          !line.starts_with("-- ") && line.find(".service: ") == std::string_view::npos &&
          !line.starts_with("Stopp") && !line.starts_with("Start") &&
          !line.starts_with("Failed to start") && !line.starts_with("Reload")) {
        lines.push_back(base::Printable(base::Trim(line).substr(0, 200)));
      }
    }
  }
  std::string out;
  for (std::size_t i = lines.size() > 3 ? lines.size() - 3 : 0; i < lines.size(); ++i) {
    out += (out.empty() ? "" : " | ") + lines[i];
  }
  co_return out;
}

namespace {

/// Of the units that it cannot do without, one that cannot run: named with its state. "" = none.
loop::Task<std::string> MissingNeed(Look* look, std::vector<std::string> needs) {
  std::erase_if(needs, [](const std::string& unit) {
    return unit.ends_with(".slice") || unit.ends_with(".target");
  });
  if (needs.empty()) {
    co_return "";
  }
  const auto units = co_await ShowUnits(look, std::move(needs));
  if (units) {
    for (const auto& unit : *units) {
      if (unit.active_state == "failed" ||
          (unit.active_state != "active" && unit.load_state != "loaded")) {
        co_return base::Printable(
            fmt::format("{} is {} ({})", unit.id, unit.active_state, unit.load_state));
      }
    }
  }
  co_return "";
}

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
         cause == "service-start-limit" || cause == "service-restart-loop" ||
         cause == "service-exec-failed";
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
  if (request.nginx && MayHoldDeeper(cause)) {
    // A wrong configuration comes first: freeing a port would not help.
    std::vector<std::string> argv = {"nginx", "-T"};
    const auto tested = co_await look->Ask(std::move(argv), true, parse::kNginxDump, kConfigTest);
    look->HideOutput();
    if (tested && tested->exit_status == 1) {
      if (const auto test = parse::ReadNginxCheck(tested->output); test.failed) {
        auto finding = look->Found(test.cause, StateOf(unit), "nginx -T: " + test.line);
        finding.details.emplace_back("Service Name", request.unit);
        co_return finding;
      }
    }
    if (auto ports = tested ? parse::ListenPorts(tested->output) : std::vector<std::uint16_t>{};
        !ports.empty()) {
      request.ports = std::move(ports);
    }
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
  if (MayHoldDeeper(cause)) {
    const auto need = co_await MissingNeed(look, unit.requires_units);
    if (!need.empty()) {
      auto finding = look->Found("service-dependency-failed", StateOf(unit),
                                 fmt::format("systemd: {} needs {}", unit.id, need));
      finding.details.emplace_back("Service Name", request.unit);
      co_return finding;
    }
    if (unit.condition_failed && unit.active_state == "inactive") {
      auto finding = look->Found(
          "service-condition-unmet", StateOf(unit),
          fmt::format("systemd: a condition in the file of {} does not hold; it was not started",
                      unit.id));
      finding.details.emplace_back("Service Name", request.unit);
      co_return finding;
    }
  }
  std::string words;
  if (cause != "service-stopped" && cause != "service-masked" && cause != "service-absent") {
    words = co_await LastWords(look, request.unit);
  }
  auto finding = look->Found(cause, StateOf(unit), Evidence(unit));
  if (const auto why = ExecFault(unit); cause == "service-exec-failed") {
    finding.evidence += fmt::format(": {}", why);
  }
  finding.details.emplace_back("Service Name", request.unit);
  finding.details.emplace_back("Result", base::Printable(unit.result));
  if (!words.empty()) {
    finding.evidence += "; it said: " + words;
    finding.details.emplace_back("Last words", words);
  }
  if (!finding.remedy.empty()) {
    finding.remedy_args = {request.unit};
  }
  co_return finding;
}

}  // namespace diagnosis::service
