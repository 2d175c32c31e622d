// Fresh probes held against the thresholds of the rules.
#include "app/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace app {
namespace {

/// The port that an alert is about; "" when its metric is another: senders outside label what they
/// like, and an http_code has no port here.
std::string_view PortOf(const model::Alert& alert) {
  return alert.Metric() == "port" ? alert.labels.Get("port") : "";
}

/// The reading that an alert is about: the metric, and the port when the alert names one.
const probe::Reading* ReadingFor(const probe::Outcome& outcome, const model::Alert& alert) {
  const auto found = std::ranges::find_if(outcome.readings, [&](const probe::Reading& reading) {
    return reading.name == alert.Metric() &&
           (PortOf(alert).empty() || reading.labels.Get("port") == PortOf(alert));
  });
  return found == outcome.readings.end() ? nullptr : &*found;
}

/// Whether a fresh reading is good: no rule on the metric finds it bad; where there is no such rule
/// (all alarms come from outside), the probe itself judges.
bool Good(const std::vector<api::ThresholdView>& thresholds, std::string_view metric,
          const probe::Outcome& outcome, double value) {
  const auto about = [&](const api::ThresholdView& threshold) {
    return threshold.metric == metric;
  };
  if (std::ranges::none_of(thresholds, about)) {
    return outcome.success;
  }
  return std::ranges::none_of(thresholds, [&](const api::ThresholdView& threshold) {
    return about(threshold) && Meets(threshold, value);
  });
}

}  // namespace

bool Meets(const api::ThresholdView& threshold, double value) {
  const auto& op = threshold.op;
  return (op == ">" && value > threshold.value) || (op == ">=" && value >= threshold.value) ||
         (op == "<" && value < threshold.value) || (op == "<=" && value <= threshold.value) ||
         (op == "==" && value == threshold.value) || (op == "!=" && value != threshold.value);
}

std::string ProbeFor(const model::Target& target, const model::Alert& alert) {
  const auto metric = alert.Metric();
  for (const auto& spec : target.probes) {
    const auto* kind = probe::Find(spec.kind);
    if (kind == nullptr) {
      continue;
    }
    const bool state = std::ranges::find(kind->state_metrics, metric) != kind->state_metrics.end();
    if (!state) {
      continue;
    }
    const auto port = alert.labels.Get("port");
    if (metric == "port" && !port.empty() &&
        std::to_string(spec.options.Get<std::int64_t>("port")) != port) {
      continue;
    }
    return spec.name;
  }
  return "";
}

loop::Task<incident::VerifyResult> VerifyFromOutside(probe::Scheduler* scheduler,
                                                     std::shared_ptr<const model::Target> target,
                                                     std::vector<api::ThresholdView> thresholds,
                                                     std::vector<model::Alert> alerts) {
  incident::VerifyResult result;
  result.passed = true;
  std::map<std::string, probe::Outcome> outcomes;
  std::set<std::string> told;  // many alerts may be about one reading
  for (const auto& alert : alerts) {
    const std::string name = ProbeFor(*target, alert);
    if (name.empty()) {
      result.possible = false;
      result.passed = false;
      result.detail = fmt::format("no probe measures {}", alert.Metric());
      co_return result;
    }
    if (!outcomes.contains(name)) {
      auto outcome = co_await scheduler->ProbeNow(target->name, name);
      outcomes.emplace(name, std::move(outcome));
    }
    const auto& outcome = outcomes.at(name);
    const auto* reading = ReadingFor(outcome, alert);
    const bool good =
        reading != nullptr && Good(thresholds, alert.Metric(), outcome, reading->value);
    result.passed = result.passed && good;
    const auto port = PortOf(alert);
    const std::string what = fmt::format("{}{}{}", alert.Metric(), port.empty() ? "" : " ", port);
    const std::string seen = reading != nullptr ? fmt::format("{} {}", what, reading->value)
                                                : fmt::format("{}: {}", what, outcome.reason);
    if (told.insert(seen).second) {
      result.detail += (result.detail.empty() ? "" : ", ") + seen;
    }
  }
  co_return result;
}

}  // namespace app
