// Export: samples as OpenMetrics text, a little at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace app {

struct ExportRequest {
  std::vector<std::vector<store::Matcher>> any;  ///< series that meet one of these; empty = all
  model::Timestamp from = 0;                     ///< inclusive
  model::Timestamp to = INT64_MAX;               ///< inclusive
  bool milliseconds = false;  ///< Prometheus's text format instead: times in them, no "# EOF"
  bool stale = true;  ///< staleness markers as "nan", which others read as NaN; else left out
};
struct ExportCount {
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t nameless = 0;  ///< series without a metric name, which the text cannot hold
};

/// Writes series by name, each with its samples in order of time, then "# EOF". Memory: the labels
/// of all series and a few windows of one series. `write` gives false when the text cannot be
/// taken. Errors: the store's; kUnavailable when `write` says so.
base::Result<ExportCount> Export(const store::Store& store, const ExportRequest& request,
                                 const std::function<bool(std::string_view)>& write);

}  // namespace app
