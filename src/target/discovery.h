// discovery: targets that files and web servers name, in Prometheus's form (file_sd, http_sd).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "target/target.h"

namespace target {

/// The most targets that one entry of `discovery:` may give.
inline constexpr std::size_t kMaxDiscovered = 10'000;

/// One entry of `discovery:`: where target groups come from, and how their targets are scraped.
struct Discovery {
  std::vector<std::string> files;  ///< patterns as glob(7) has them; empty: `url`
  std::string url;                 ///< answers with the groups as JSON
  base::Duration refresh = std::chrono::seconds(30);  ///< between two looks
  model::Labels labels;                               ///< of every target
  std::vector<model::RelabelRule> relabeling;         ///< relabel_configs
  model::ProbeSpec probe;                             ///< without its url
  bool operator==(const Discovery&) const = default;
};

/// Reads `discovery:`; a false node gives none. Mistakes go to the node's document.
std::vector<Discovery> ReadDiscovery(config::Node node, const Defaults& defaults,
                                     const Kinds& kinds);

/// Reads target groups: a list of `{targets: ["host:port"], labels: {…}}`, YAML or JSON. Their
/// labels are relabeled, with __address__ and what Prometheus puts beside it. Of what is left
/// __address__, __scheme__, __metrics_path__, __param_NAME, job, instance and all without `__` in
/// front count; the others (`__meta_…`) are dropped. Mistakes go to the document; then the result
/// must not be used.
std::vector<model::Target> ReadGroups(config::Document& document, const Discovery& discovery);

/// The targets of the configuration, and behind them those found whose names are not taken.
std::vector<model::Target> Joined(std::vector<model::Target> own,
                                  const std::vector<std::vector<model::Target>>& found);

}  // namespace target
