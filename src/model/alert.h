// Alert: something is wrong, says a rule of ours or a system outside.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "model/labels.h"

namespace model {

/// One alert in the terms of Prometheus and Alertmanager: identified by its labels.
struct Alert {
  Labels labels;       ///< alertname, and the labels of the series; `target` when we know it
  Labels annotations;  ///< summary, description, …
  double value = 0;    ///< the expression's value
  base::Time starts_at{};
  base::Time ends_at{};  ///< when resolved; zero (1970) while it fires
  std::string source;    ///< "rule", "shs", "grafana", "alertmanager", "zabbix", "kuma"
  std::string generator_url;

  [[nodiscard]] bool Firing() const { return ends_at == base::Time{}; }
  [[nodiscard]] std::uint64_t Fingerprint() const { return labels.Fingerprint(); }
  /// The metric that the alert is about ("ping", "port", "http_code", "cpu_percent", …): the label
  /// `metric`, which our rules set and the webhook readers fill in; "" when nothing says.
  [[nodiscard]] std::string_view Metric() const { return labels.Get("metric"); }
  [[nodiscard]] std::string_view Target() const { return labels.Get("target"); }
  [[nodiscard]] std::string_view Name() const { return labels.Get("alertname"); }
};

}  // namespace model
