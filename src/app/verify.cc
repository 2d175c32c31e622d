// Fresh probes held against the thresholds of the rules.
#include "app/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace app {
namespace {

/// The reading that an alert is about: the metric, and the port when the alert names one.
const probe::Reading* ReadingFor(const probe::Outcome& outcome, const model::Alert& alert) {
  const auto found = std::ranges::find_if(outcome.readings, [&](const probe::Reading& reading) {
    return reading.name == alert.Metric() &&
           (alert.labels.Get("port").empty() ||
            reading.labels.Get("port") == alert.labels.Get("port"));
  });
  return found == outcome.readings.end() ? nullptr : &*found;
}

bool Bad(const std::vector<api::ThresholdView>& thresholds, std::string_view metric, double value) {
  return std::ranges::any_of(thresholds, [&](const api::ThresholdView& threshold) {
    return threshold.metric == metric && Meets(threshold, value);
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
    const bool good = reading != nullptr && !Bad(thresholds, alert.Metric(), reading->value);
    result.passed = result.passed && good;
    const auto port = alert.labels.Get("port");
    const std::string what = fmt::format("{}{}{}", alert.Metric(), port.empty() ? "" : " ", port);
    const std::string seen = reading != nullptr ? fmt::format("{} {}", what, reading->value)
                                                : fmt::format("{}: {}", what, outcome.reason);
    result.detail += (result.detail.empty() ? "" : ", ") + seen;
  }
  co_return result;
}

}  // namespace app
