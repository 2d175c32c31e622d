// One evaluation of one rule: recording, and the life of its alerts.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "rule/state.h"

namespace rule {
namespace {

auto Bad(std::string message) { return base::Fail(base::ErrorKind::kInvalid, std::move(message)); }

}  // namespace

model::Alert ToAlert(const ActiveAlert& active, base::Time ends_at) {
  model::Alert out;
  out.labels = active.labels;
  out.annotations = active.annotations;
  out.value = active.value;
  out.starts_at = active.active_at;
  out.ends_at = ends_at;
  out.source = "rule";
  return out;
}

RuleRun::RuleRun(RuleState& state, const Group& group, base::Time now, const QueryFunc& query,
                 const ManagerOptions& options, Evaluation& out)
    : state_(state),
      group_(group),
      now_(now),
      query_(query),
      no_data_bound_(options.no_data_bound),
      surroundings_(options.surroundings),
      out_(out) {
  template_query_ =
      [this](
          const std::string& text) -> base::Result<std::vector<std::pair<model::Labels, double>>> {
    const auto expr = promql::ParseExpr(text);
    if (!expr) {
      return base::Fail(expr.error());
    }
    const auto found = Ask(**expr);
    if (!found) {
      return base::Fail(found.error());
    }
    std::vector<std::pair<model::Labels, double>> out;
    for (const Found& one : *found) {
      out.emplace_back(one.series, one.value);
    }
    return out;
  };
}

void RuleRun::Run() {
  const base::Instant start = base::Clock::Steady();
  const auto done = state_.rule.alerting ? Alert() : Record();
  state_.error = done ? "" : done.error().message;
  state_.evaluated_at = now_;
  state_.took = base::Clock::Steady() - start;
  if (!done) {
    // The last state is kept: what could not be asked is no reason to change anything.
    out_.errors.push_back(fmt::format("{}/{}: {}", group_.name, state_.rule.name, state_.error));
    return;
  }
  WriteStale();
}

base::Result<std::vector<RuleRun::Found>> RuleRun::Ask(const promql::Expr& expr) const {
  auto value = query_(expr, base::ToMs(now_));
  if (!value) {
    return base::Fail(value.error());
  }
  std::vector<Found> out;
  if (const auto* scalar = std::get_if<promql::Scalar>(&*value)) {
    out.push_back({model::Labels(), scalar->v});
  } else if (const auto* vector = std::get_if<promql::Vector>(&*value)) {
    for (const promql::VectorSample& sample : *vector) {
      out.push_back({*sample.labels, sample.v});
    }
  } else {
    return Bad("rule result is not a vector or scalar");
  }
  return out;
}

void RuleRun::Write(model::Labels labels, double value) {
  out_.samples.push_back({std::make_shared<model::Labels>(labels), value});
  written_.insert(std::move(labels));
}

void RuleRun::WriteStale() {
  for (const model::Labels& labels : state_.written) {
    if (!written_.contains(labels)) {
      out_.samples.push_back({std::make_shared<model::Labels>(labels), model::StaleNaN()});
    }
  }
  state_.written = std::move(written_);
}

base::Result<> RuleRun::Record() {
  auto found = Ask(*state_.rule.expr);
  if (!found) {
    return base::Fail(found.error());
  }
  std::map<model::Labels, double> recorded;
  for (const Found& one : *found) {
    model::Labels labels = one.series;
    labels.Set(model::kName, state_.rule.name);
    for (const auto& [name, value] : state_.rule.labels) {
      labels.Set(name, value.text());
    }
    if (!recorded.emplace(std::move(labels), one.value).second) {
      return Bad("vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (group_.limit > 0 && recorded.size() > static_cast<std::size_t>(group_.limit)) {
    return Bad(fmt::format("exceeded limit of {} with {} series", group_.limit, recorded.size()));
  }
  for (const auto& [labels, value] : recorded) {
    Write(labels, value);
  }
  return {};
}

ActiveAlert RuleRun::Make(const model::Labels& series, double value) const {
  ActiveAlert out;
  out.series = series;
  out.series.Remove(model::kName);
  out.value = value;
  out.labels = out.series;
  const TemplateScope scope{&series, value, &surroundings_, &template_query_};
  // A text that cannot be filled in says so; the alert is what matters.
  const auto fill = [&](const Template& text) {
    const auto expanded = text.Expand(scope);
    return expanded ? *expanded
                    : fmt::format("<error expanding template: {}>", expanded.error().message);
  };
  for (const auto& [name, text] : state_.rule.labels) {
    out.labels.Set(name, fill(text));
  }
  out.labels.Set("alertname", state_.rule.name);
  for (const auto& [name, text] : state_.rule.annotations) {
    out.annotations.Set(name, fill(text));
  }
  return out;
}

base::Result<std::map<model::Labels, ActiveAlert>> RuleRun::Raised(
    const std::vector<Found>& found) const {
  std::map<model::Labels, ActiveAlert> out;
  for (const Found& one : found) {
    auto alert = Make(one.series, one.value);
    const model::Labels labels = alert.labels;
    if (!out.emplace(labels, std::move(alert)).second) {
      return Bad("vector contains metrics with the same labelset after applying alert labels");
    }
  }
  return out;
}

/// With `raksa_no_data: alert`: series that gave data before and give none now.
base::Result<> RuleRun::AddMissing(std::map<model::Labels, ActiveAlert>& raised) {
  if (state_.rule.no_data != NoData::kAlert || !state_.rule.presence) {
    return {};
  }
  const auto found = Ask(*state_.rule.presence);
  if (!found) {
    return base::Fail(found.error());
  }
  for (const Found& one : *found) {
    model::Labels series = one.series;
    series.Remove(model::kName);
    present_.insert(series);
    state_.known[series] = now_;
  }
  presence_asked_ = true;
  for (const auto& [labels, alert] : raised) {
    state_.known[alert.series] = now_;
  }
  std::erase_if(state_.known,
                [this](const auto& pair) { return now_ - pair.second > no_data_bound_; });
  for (const auto& [series, seen] : state_.known) {
    if (seen == now_) {
      continue;
    }
    auto alert = Make(series, std::numeric_limits<double>::quiet_NaN());
    alert.no_data_since = seen;
    const model::Labels labels = alert.labels;
    raised.emplace(labels, std::move(alert));
  }
  return {};
}

bool RuleRun::HasData(const ActiveAlert& alert) {
  if (!presence_asked_) {
    presence_asked_ = true;
    const auto found = Ask(*state_.rule.presence);
    presence_failed_ = !found;
    if (found) {
      for (const Found& one : *found) {
        model::Labels series = one.series;
        series.Remove(model::kName);
        present_.insert(std::move(series));
      }
    }
  }
  return !presence_failed_ && present_.contains(alert.series);
}

void RuleRun::End(const ActiveAlert& alert) {
  if (alert.state == AlertState::kFiring) {
    out_.alerts.push_back(ToAlert(alert, now_));
  }
}

/// An alert whose condition gave nothing this time; true when it stays.
bool RuleRun::Vanished(ActiveAlert& alert) {
  const Rule& rule = state_.rule;
  if (rule.no_data != NoData::kOk && rule.presence && !HasData(alert)) {
    if (!alert.NoDataNow()) {
      alert.no_data_since = now_;
    }
    if (now_ - alert.no_data_since <= no_data_bound_) {
      return true;
    }
    End(alert);
    return false;
  }
  alert.no_data_since = {};
  if (alert.state == AlertState::kFiring && rule.keep_firing_for.count() > 0) {
    if (alert.keep_firing_since == base::Time{}) {
      alert.keep_firing_since = now_;
    }
    if (now_ - alert.keep_firing_since < rule.keep_firing_for) {
      return true;
    }
  }
  End(alert);
  return false;
}

void RuleRun::Merge(std::map<model::Labels, ActiveAlert> raised) {
  for (auto at = state_.alerts.begin(); at != state_.alerts.end();) {
    const bool stays = raised.contains(at->first) || Vanished(at->second);
    at = stays ? std::next(at) : state_.alerts.erase(at);
  }
  for (auto& [labels, alert] : raised) {
    const auto [at, fresh] = state_.alerts.try_emplace(labels, std::move(alert));
    ActiveAlert& active = at->second;
    if (fresh) {
      active.active_at = now_;
    } else {
      active.value = alert.value;
      active.annotations = std::move(alert.annotations);
      active.series = std::move(alert.series);
      active.no_data_since = alert.no_data_since;
      active.keep_firing_since = {};
    }
    if (active.state == AlertState::kPending && now_ - active.active_at >= state_.rule.hold) {
      active.state = AlertState::kFiring;
      active.fired_at = now_;
    }
  }
}

void RuleRun::WriteAlerts() {
  for (const auto& [labels, alert] : state_.alerts) {
    model::Labels series = labels;
    series.Set(model::kName, "ALERTS");
    series.Set("alertname", state_.rule.name);
    series.Set("alertstate", ToString(alert.state));
    Write(std::move(series), 1);
    model::Labels since = labels;
    since.Set(model::kName, "ALERTS_FOR_STATE");
    const auto whole_seconds = base::ToMs(alert.active_at) / 1000;  // as Prometheus writes it
    Write(std::move(since), static_cast<double>(whole_seconds));
    if (alert.state == AlertState::kFiring) {
      out_.alerts.push_back(ToAlert(alert, {}));
    }
  }
}

base::Result<> RuleRun::Alert() {
  auto found = Ask(*state_.rule.expr);
  if (!found) {
    return base::Fail(found.error());
  }
  auto raised = Raised(*found);
  if (!raised) {
    return base::Fail(raised.error());
  }
  if (auto added = AddMissing(*raised); !added) {
    return added;
  }
  if (group_.limit > 0 && raised->size() > static_cast<std::size_t>(group_.limit)) {
    return Bad(fmt::format("exceeded limit of {} with {} alerts", group_.limit, raised->size()));
  }
  Merge(std::move(*raised));
  WriteAlerts();
  return {};
}

}  // namespace rule
