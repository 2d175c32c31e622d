// From a draft to an alert of ours.
#include "alert/inbound/collector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "alert/inbound/fields.h"

namespace alert::inbound {
namespace {

/// Labels that name a target, in the order in which they are believed. Only the first ones speak of
/// the monitored server in the sender's own right, so only there a loopback address counts.
struct TargetLabel {
  std::string_view name;
  bool loopback;
};
constexpr std::array<TargetLabel, 10> kTargetLabels = {{{"target", true},
                                                        {"ip", true},
                                                        {"instance", false},
                                                        {"url", true},
                                                        {"host", false},
                                                        {"hostname", false},
                                                        {"host_name", false},
                                                        {"host_host", false},
                                                        {"host_ip", false},
                                                        {"address", false}}};

bool IsTest(std::string_view name) { return name == "TestAlert" || name == "Test notification"; }
bool IsSendersFault(std::string_view name) {
  return name == "DatasourceNoData" || name == "DatasourceError";
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text[0] != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos &&
         std::stoi(std::string(text)) <= 65535;
}

/// Other programs' names of what we measure.
std::string_view OurMetric(std::string_view metric) {
  return metric == "probe_http_status_code" ? "http_code" : metric;
}

std::string_view UsualSeverity(std::string_view metric) {
  return metric == "ping" || metric == "port" || metric == "http_code" ? "critical" : "warning";
}

}  // namespace

Collector::Collector(const Context& context, std::string source) : context_(context) {
  out_.sender = std::move(source);
}

std::vector<Place> Collector::Places(const Draft& draft) const {
  std::vector<Place> places;
  const auto add = [&](std::string_view name, bool loopback) {
    if (const auto value = draft.labels.Get(name); !value.empty()) {
      places.push_back({std::string(name), std::string(value), loopback});
    }
  };
  bool first = true;
  for (const auto& [name, loopback] : kTargetLabels) {
    add(name, loopback);
    if (std::exchange(first, false)) {
      for (const auto& own : context_.target_labels) {
        add(own, true);
      }
    }
  }
  places.insert(places.end(), draft.places.begin(), draft.places.end());
  return places;
}

std::string Collector::TargetOf(const Draft& draft) const {
  return context_.targets == nullptr ? "" : context_.targets->Find(Places(draft)).target;
}

void Collector::Decide(Draft& draft, const Found& found) const {
  auto& labels = draft.labels;
  if (const auto own = context_.metrics.find(std::string(labels.Get("alertname")));
      own != context_.metrics.end()) {
    draft.metric = own->second;
  } else if (draft.metric.empty()) {
    draft.metric = labels.Get("metric");
  }
  const std::string metric(OurMetric(draft.metric));
  labels.Set("metric", model::IsMetricName(metric) && metric.size() <= 128 ? metric : "");
  if (labels.Get("metric") == "port" && !labels.Has("port")) {
    labels.Set("port", found.port);
  }
  if (!IsPort(labels.Get("port"))) {
    labels.Remove("port");
  }
  if (!labels.Has("severity")) {
    const std::string_view usual = UsualSeverity(labels.Get("metric"));
    labels.Set("severity", draft.severity.empty() ? usual : std::string_view(draft.severity));
  }
  labels.Set("target", found.target);
  labels.Set("source", out_.sender);
}

bool Collector::Begin() {
  if (begun_ >= kMaxAlerts) {
    ++left_out_;
    return false;
  }
  ++begun_;
  return true;
}

bool Collector::Take(Draft draft) {
  if (!draft.labels.Has("alertname")) {
    draft.labels.Set("alertname", "alert from " + out_.sender);
  }
  const auto name = Quoted(draft.labels.Get("alertname"));
  if (IsTest(draft.labels.Get("alertname"))) {
    Ignore("test notice " + name + ": nothing is done");
    return false;
  }
  if (IsSendersFault(draft.labels.Get("alertname"))) {
    Ignore(name + " is a trouble of the sender's own data source: nothing is repaired for it");
    return false;
  }
  const auto places = Places(draft);
  const Found found = context_.targets == nullptr ? Found{} : context_.targets->Find(places);
  if (found.target.empty()) {
    ++out_.unknown_targets;
    if (places.empty()) {
      Ignore("alert " + name + " names no target (by target, ip, instance, url or host)");
    } else if (found.candidates > 1) {
      Ignore(fmt::format("alert {}: {} {} fits {} targets", name, places[0].label,
                         Quoted(places[0].value), found.candidates));
    } else {
      Ignore("alert " + name + ": unknown target " + Quoted(places[0].value) + " (" +
             places[0].label + ")");
    }
    return false;
  }
  Decide(draft, found);
  model::Alert alert{.labels = std::move(draft.labels),
                     .annotations = std::move(draft.annotations),
                     .value = draft.value,
                     .starts_at = draft.starts,
                     .ends_at = draft.ends,
                     .source = out_.sender,
                     .generator_url = CleanUrl(draft.url)};
  if (alert.starts_at <= base::Time{} || alert.starts_at > context_.now) {
    alert.starts_at = context_.now;
  }
  out_.alerts.push_back(std::move(alert));
  return true;
}

void Collector::Ignore(std::string sentence) {
  if (out_.ignored.size() + 1 < kMaxIgnored) {
    out_.ignored.push_back(std::move(sentence));
  } else {
    ++more_ignored_;
  }
}

void Collector::End(model::Labels labels) {
  if (out_.ends.size() < kMaxAlerts) {
    labels.Set("source", out_.sender);
    out_.ends.push_back(std::move(labels));
  }
}

Inbound Collector::Finish() {
  if (left_out_ > 0) {
    Ignore(fmt::format("{} more alerts were left out: at most {} are read of one message",
                       left_out_, kMaxAlerts));
  }
  if (more_ignored_ > 0) {
    out_.ignored.push_back(fmt::format("… and {} more like these", more_ignored_));
  }
  return std::move(out_);
}

}  // namespace alert::inbound
