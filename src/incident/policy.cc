// The table of decisions.
#include "incident/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace incident {

Treatment TreatmentOf(const model::Alert& alert) {
  constexpr std::array<std::string_view, 3> kNotices = {"DatasourceNoData", "DatasourceError",
                                                        "TestAlert"};
  if (std::find(kNotices.begin(), kNotices.end(), alert.Name()) != kNotices.end() ||
      alert.Target().empty()) {
    return Treatment::kReport;
  }
  const auto metric = alert.Metric();
  if (metric == "port") {
    return Treatment::kRepair;
  }
  if (metric == "http_code") {
    constexpr std::array<double, 6> kRepaired = {0, 404, 500, 502, 503, 504};
    const bool known =
        std::find(kRepaired.begin(), kRepaired.end(), alert.value) != kRepaired.end();
    return known ? Treatment::kRepair : Treatment::kExamine;
  }
  if (metric == "cpu_percent" || metric == "mem_percent" || metric == "disk_percent") {
    return Treatment::kExamine;
  }
  return Treatment::kReport;
}

Treatment TreatmentOf(const std::vector<model::Alert>& alerts) {
  auto strongest = Treatment::kReport;
  for (const auto& alert : alerts) {
    strongest = std::max(strongest, TreatmentOf(alert));
  }
  return strongest;
}

std::string SubjectOf(const model::Alert& alert) {
  const auto metric = alert.Metric();
  if (metric == "ping" || metric == "port" || metric == "http_code") {
    return "application";
  }
  return std::string(metric.empty() ? alert.Name() : metric);
}

std::string TitleOf(const model::Alert& alert) {
  const auto target = base::Printable(alert.Target().empty() ? "unknown target" : alert.Target());
  const auto metric = alert.Metric();
  if (metric == "ping") {
    return target + ": no answer to ping";
  }
  if (metric == "port") {
    return fmt::format("{}: port {} closed", target, base::Printable(alert.labels.Get("port")));
  }
  if (metric == "http_code") {
    return alert.value == 0 ? target + ": no answer to HTTP"
                            : fmt::format("{}: http_code {:.0f}", target, alert.value);
  }
  for (const auto& [name, word] :
       {std::pair{"cpu_percent", "CPU"}, std::pair{"mem_percent", "memory"},
        std::pair{"disk_percent", "disk"}}) {
    if (metric == name) {
      const auto path = base::Printable(alert.labels.Get("path"));
      return fmt::format("{}: {}{} {:.0f} % used", target, word, path.empty() ? "" : " " + path,
                         std::isfinite(alert.value) ? alert.value : 0);
    }
  }
  return fmt::format("{}: {}", target, base::Printable(alert.Name()).substr(0, 200));
}

bool Repairable(const model::Finding& finding) {
  return !finding.cause.empty() && finding.cause_class == model::CauseClass::kRepair &&
         !finding.remedy.empty() && finding.consequence_of.empty();
}

const model::Finding* Deepest(const std::vector<model::Finding>& findings) {
  const model::Finding* best = nullptr;
  for (const auto& finding : findings) {
    if (Repairable(finding) && (best == nullptr || finding.depth > best->depth)) {
      best = &finding;
    }
  }
  return best;
}

std::string RemedyKey(const model::Finding& finding) {
  auto key = finding.component + "|" + finding.remedy;
  for (const auto& arg : finding.remedy_args) {
    key += "|" + arg;
  }
  return key;
}

}  // namespace incident
