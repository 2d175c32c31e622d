// The newest values, and what they say of a target as a whole.
#include "app/board.h"

#include <fmt/format.h>

#include <algorithm>

namespace app {
namespace {

bool Shown(std::string_view metric) { return !metric.starts_with("probe_"); }

/// Help, type and unit of every metric of every kind, by name.
const std::map<std::string_view, const model::MetricSpec*>& KnownMetrics() {
  static const auto known = [] {
    std::map<std::string_view, const model::MetricSpec*> out;
    for (const auto* kind : probe::Catalogue()) {
      for (const auto& metric : kind->spec.metrics) {
        out.emplace(metric.name, &metric);
      }
    }
    return out;
  }();
  return known;
}

bool MeasuresState(const std::string& kind) {
  const probe::Kind* found = probe::Find(kind);
  return found != nullptr && !found->state_metrics.empty();
}

}  // namespace

void Board::Apply(const std::vector<model::Target>& targets) {
  std::map<std::string, Row> rows;
  order_.clear();
  for (const auto& target : targets) {
    Row row;
    row.target = std::make_shared<const model::Target>(target);
    if (const auto old = rows_.find(target.name); old != rows_.end()) {
      row.good_since = old->second.good_since;
      row.bad_since = old->second.bad_since;
      for (const auto& spec : target.probes) {
        if (auto seen = old->second.probes.extract(spec.name)) {
          row.probes.insert(std::move(seen));
        }
      }
    }
    order_.push_back(target.name);
    rows.emplace(target.name, std::move(row));
  }
  rows_ = std::move(rows);
}

std::vector<api::ValueView> Board::Values(const std::vector<probe::Reading>& readings,
                                          base::Time time) {
  std::vector<api::ValueView> out;
  for (const auto& reading : readings) {
    if (Shown(reading.name)) {
      out.push_back({reading.name, reading.labels, reading.value, time});
    }
  }
  return out;
}

bool Board::OnRun(probe::Run& run) {
  const auto found = rows_.find(run.target->name);
  if (found == rows_.end()) {
    return false;
  }
  auto& row = found->second;
  const bool configured = std::ranges::any_of(
      row.target->probes,
      [&](const model::ProbeSpec& spec) { return spec.name == run.spec->name; });
  if (!configured) {
    row.probes.erase(run.spec->name);
    row.settled = false;
    return true;
  }
  auto& seen = row.probes[run.spec->name];
  auto& view = seen.view;
  const bool same = row.settled && view.time != base::Time{} && view.kind == run.spec->kind &&
                    view.success == run.outcome.success && view.reason == run.outcome.reason;
  if (!same) {
    view.name = run.spec->name;
    view.kind = run.spec->kind;
    view.success = run.outcome.success;
    view.reason = run.outcome.reason;
  }
  view.time = base::FromMs(run.slot);
  view.took = run.outcome.took;
  seen.readings = std::move(run.outcome.readings);
  seen.batch = run.kept ? run.kept : std::make_shared<const model::Batch>(run.batch);
  if (same) {
    return false;
  }
  seen.counts = seen.counts || run.outcome.success || MeasuresState(run.spec->kind);
  const bool good =
      std::ranges::all_of(row.probes, [](const auto& entry) { return entry.second.view.success; });
  if (good && row.good_since == base::Time{}) {
    row.good_since = base::FromMs(run.slot);
    row.bad_since = {};
  } else if (!good && row.bad_since == base::Time{}) {
    row.bad_since = base::FromMs(run.slot);
    row.good_since = {};
  }
  row.settled = ToState(row, base::Clock::Now()).status != api::TargetStatus::kUnknown;
  return true;
}

std::string Board::FirstReason(const Row& row) {
  const Seen* first = nullptr;
  for (const auto& spec : row.target->probes) {
    const auto seen = row.probes.find(spec.name);
    const bool fails = seen != row.probes.end() && !seen->second.view.success;
    if (fails && (first == nullptr || (seen->second.counts && !first->counts))) {
      first = &seen->second;
    }
  }
  if (first == nullptr) {
    return "";
  }
  const auto& view = first->view;
  return view.reason.empty() ? view.name + " fails" : fmt::format("{}: {}", view.name, view.reason);
}

api::TargetView Board::ToState(const Row& row, base::Time now) {
  api::TargetView view;
  view.target = row.target;
  base::Duration longest{};
  for (const auto& spec : row.target->probes) {
    view.interval =
        view.interval == base::Duration{} ? spec.interval : std::min(view.interval, spec.interval);
    view.timeout = std::max(view.timeout, spec.timeout);
    longest = std::max(longest, spec.interval);
    const auto seen = row.probes.find(spec.name);
    if (seen == row.probes.end()) {
      api::ProbeView waiting;
      waiting.name = spec.name;
      waiting.kind = spec.kind;
      view.probes.push_back(std::move(waiting));
      continue;
    }
    view.probes.push_back(seen->second.view);
    view.last_probe = std::max(view.last_probe, seen->second.view.time);
  }
  view.since = row.good_since != base::Time{} ? row.good_since : row.bad_since;
  const bool stale =
      view.last_probe == base::Time{} || now - view.last_probe > 3 * longest + view.timeout;
  const auto passing = std::ranges::count_if(view.probes, &api::ProbeView::success);
  const auto ping = std::ranges::find(view.probes, "icmp", &api::ProbeView::kind);
  const bool no_ping = ping != view.probes.end() && ping->time != base::Time{} && !ping->success;
  if (stale || view.probes.empty()) {
    view.status = api::TargetStatus::kUnknown;
  } else if (no_ping || passing == 0) {
    view.status = api::TargetStatus::kDown;
  } else {
    const bool failing = std::ranges::any_of(row.probes, [](const auto& entry) {
      return !entry.second.view.success && entry.second.counts;
    });
    view.status = failing ? api::TargetStatus::kDegraded : api::TargetStatus::kUp;
  }
  if (view.status == api::TargetStatus::kUnknown) {
    view.reason = "not probed yet";
  } else if (view.status != api::TargetStatus::kUp) {
    view.reason = FirstReason(row);
  }
  return view;
}

api::TargetView Board::ToView(const Row& row, base::Time now) {
  auto view = ToState(row, now);
  for (const auto& spec : row.target->probes) {
    if (const auto seen = row.probes.find(spec.name); seen != row.probes.end()) {
      auto values = Values(seen->second.readings, seen->second.view.time);
      std::ranges::move(values, std::back_inserter(view.values));
    }
  }
  return view;
}

std::vector<api::TargetView> Board::Views(base::Time now) const {
  std::vector<api::TargetView> out;
  out.reserve(order_.size());
  for (const auto& name : order_) {
    out.push_back(ToView(rows_.at(name), now));
  }
  return out;
}

std::optional<api::TargetView> Board::View(const std::string& name, base::Time now) const {
  const auto found = rows_.find(name);
  return found == rows_.end() ? std::nullopt : std::optional(ToView(found->second, now));
}

std::optional<api::TargetView> Board::State(const std::string& name, base::Time now) const {
  const auto found = rows_.find(name);
  return found == rows_.end() ? std::nullopt : std::optional(ToState(found->second, now));
}

alert::PingState Board::Ping(const std::string& target) const {
  const auto found = rows_.find(target);
  if (found == rows_.end()) {
    return {};
  }
  const auto& probes = found->second.target->probes;
  const auto spec = std::ranges::find(probes, "icmp", &model::ProbeSpec::kind);
  if (spec == probes.end()) {
    return {};
  }
  const auto seen = found->second.probes.find(spec->name);
  if (seen == found->second.probes.end()) {
    return {alert::PingState::Kind::kUnknown, {}};
  }
  return {seen->second.view.success ? alert::PingState::Kind::kUp : alert::PingState::Kind::kDown,
          seen->second.view.time};
}

void Board::AddMetrics(api::Exposition& exposition) const {
  const auto& known = KnownMetrics();
  std::map<std::string, api::MetricFamily> families;
  for (const auto& name : order_) {
    for (const auto& [probe, seen] : rows_.at(name).probes) {
      for (const auto& sample : seen.batch->samples) {
        if (model::IsStale(sample.value)) {
          continue;
        }
        const std::string metric(sample.labels->Get(model::kName));
        auto& family = families[metric];
        if (family.name.empty()) {
          family.name = metric;
          if (const auto spec = known.find(metric); spec != known.end()) {
            family.type = spec->second->type;
            family.help = spec->second->help;
          }
        }
        family.samples.push_back(sample);
      }
    }
  }
  for (auto& [metric, family] : families) {
    exposition.Add(std::move(family));
  }
}

void Complete(api::TargetView& view, std::vector<alert::View> alerts,
              std::optional<model::Incident> incident) {
  view.alerts = std::move(alerts);
  view.incident = std::move(incident);
  if (view.status == api::TargetStatus::kUp && !view.alerts.empty()) {
    view.status = api::TargetStatus::kDegraded;
  }
  if (view.reason.empty() && !view.alerts.empty()) {
    const auto& first = view.alerts.front().alert;
    const auto summary = first.annotations.Get("summary");
    view.reason = std::string(summary.empty() ? first.Name() : summary);
  }
}

}  // namespace app
