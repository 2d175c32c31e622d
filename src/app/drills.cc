// Drills as the daemon knows them, and the conditions under which it lets one begin.
#include "app/drills.h"

#include <fmt/format.h>

#include "app/daemon.h"
#include "base/log.h"
#include "drill/kind.h"

namespace app {
namespace {

/// After so long a drill that nobody ended is over: its undo on the host has run long before.
constexpr base::Duration kLongest = std::chrono::minutes(10);

base::Error Refused(std::string why) {
  return {base::ErrorKind::kRefused, "no drill: " + std::move(why)};
}

}  // namespace

base::Result<> Drills::Begin(api::DrillView drill, base::Time now) {
  for (const auto& other : List(now)) {
    return std::unexpected(Refused(
        fmt::format("{} is being drilled ({}, by {})", other.target, other.scenario, other.by)));
  }
  drills_.clear();
  drill.until = now + kLongest;
  auto name = drill.target;
  drills_.insert_or_assign(std::move(name), std::move(drill));
  return {};
}

base::Result<> Drills::End(const std::string& target) {
  if (drills_.erase(target) == 0) {
    return base::Fail(base::ErrorKind::kNotFound, "no drill goes on there");
  }
  return {};
}

std::vector<api::DrillView> Drills::List(base::Time now) const {
  std::vector<api::DrillView> out;
  for (const auto& [target, drill] : drills_) {
    if (drill.until > now) {
      out.push_back(drill);
    }
  }
  return out;
}

void Drills::Mark(std::vector<model::Alert>& alerts, base::Time now) const {
  for (auto& alert : alerts) {
    const auto at = drills_.find(std::string(alert.Target()));
    if (at != drills_.end() && at->second.until > now) {
      alert.annotations.Set("raksa_drill",
                            fmt::format("{}, begun by {}", at->second.scenario, at->second.by));
    }
  }
}

base::Result<> Daemon::MayDrill(const model::Target& target, bool repaired) const {
  if (!target.drill) {
    return std::unexpected(Refused(target.name + " does not say `drill: allowed`"));
  }
  const auto view = OneView(target.name);
  if (!view) {
    return std::unexpected(Refused("nothing is known of " + target.name + " yet"));
  }
  if (const auto* silence = alerts_->MaintenanceOf(target.name, base::Clock::Now())) {
    return std::unexpected(
        Refused(fmt::format("{} is in maintenance: {}", target.name, silence->comment)));
  }
  if (view->incident) {
    return std::unexpected(
        Refused(fmt::format("{} has an open incident: {}", target.name, view->incident->title)));
  }
  if (!view->alerts.empty() || view->status != api::TargetStatus::kUp) {
    return std::unexpected(
        Refused(fmt::format("{} is not well{}{}", target.name, view->reason.empty() ? "" : ": ",
                            view->reason.empty() ? "" : view->reason)));
  }
  if (repaired && view->recovery_mode != "auto") {
    return std::unexpected(
        Refused(fmt::format("recovery of {} is in mode {}: nothing would be repaired", target.name,
                            view->recovery_mode)));
  }
  return {};
}

loop::Task<base::Result<api::DrillView>> Daemon::BeginDrill(api::DrillView asked) {
  const auto target = Target(asked.target);
  if (target == nullptr) {
    co_return base::Fail(base::ErrorKind::kNotFound,
                         fmt::format("there is no target \"{}\"", asked.target));
  }
  const auto scenario = drill::FindScenario(*target, asked.scenario);
  if (!scenario) {
    co_return base::Fail(scenario.error());
  }
  if (auto may = MayDrill(*target, scenario->kind->repaired); !may) {
    co_return base::Fail(may.error());
  }
  // From inside too, and the guard's own word on the repair that will be needed.
  incident::DiagnoseRequest look{"", target->name, {}};
  const auto found = co_await hands_->Diagnose(std::move(look));
  if (!found.error.empty() || !found.cause.empty()) {
    co_return std::unexpected(Refused(
        fmt::format("{} is not well: {}", target->name,
                    found.error.empty() ? found.cause + " in " + found.component : found.error)));
  }
  if (scenario->kind->repaired) {
    incident::ActRequest act;
    act.target = target->name;
    act.finding.component = scenario->Component();
    act.finding.cause = scenario->kind->cause;
    act.finding.remedy = scenario->kind->remedy;
    const auto verdict = hands_->MayAct(act);
    if (verdict.kind != incident::GuardVerdict::Kind::kAllowed) {
      co_return std::unexpected(Refused("the guard would refuse the repair: " + verdict.reason));
    }
  }
  const auto now = base::Clock::Now();
  if (auto may = MayDrill(*target, scenario->kind->repaired); !may) {  // looking took its time
    co_return base::Fail(may.error());
  }
  if (auto begun = drills_.Begin(asked, now); !begun) {
    co_return base::Fail(begun.error());
  }
  base::Log(base::Level::kInfo, "a drill begins",
            {{"target", asked.target}, {"scenario", asked.scenario}, {"by", asked.by}});
  co_return drills_.List(now).front();
}

}  // namespace app
