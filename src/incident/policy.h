// Policy: what kind of alert is repaired, examined or only told; which incident it belongs to;
// which finding is mended first.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/incident.h"

namespace incident {

/// What an alert may lead to.
enum class Treatment {
  kReport,   ///< people are told; nobody logs in (ping; alerts that no table knows)
  kExamine,  ///< looked at with read-only commands, told, never changed (cpu, memory, disk)
  kRepair    ///< diagnosed and repaired (http_code, port)
};

/// By metric: http_code 0, 404, 500, 502, 503, 504 and port are repaired; other codes,
/// cpu_percent, mem_percent and disk_percent are examined; all else is reported. Alerts named
/// DatasourceNoData, DatasourceError or TestAlert (Grafana) are only reported, whatever they say.
Treatment TreatmentOf(const model::Alert& alert);
/// The strongest treatment of several; kReport for none.
Treatment TreatmentOf(const std::vector<model::Alert>& alerts);

/// What the alert is about on its target: "application" (ping, port, http_code and other state), or
/// the metric of a resource ("cpu_percent", …). One open incident per target and subject.
std::string SubjectOf(const model::Alert& alert);

/// "web1: http_code 500", "web1: port 80 closed", "web1: no answer to ping", "web1: cpu 93 %".
std::string TitleOf(const model::Alert& alert);

/// Whether the finding is one that a step may mend: class repair, a remedy, and no mere consequence
/// of another component's cause.
bool Repairable(const model::Finding& finding);
/// The deepest repairable finding; nullptr when there is none. Points into `findings`.
const model::Finding* Deepest(const std::vector<model::Finding>& findings);
/// One name for "this remedy on this component", to count repeats.
std::string RemedyKey(const model::Finding& finding);

}  // namespace incident
