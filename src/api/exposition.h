// Exposition: metrics as text for a Prometheus to scrape (format 0.0.4, and OpenMetrics 1.0).
// Source: prometheus.io/docs/instrumenting/exposition_formats, OpenMetrics 1.0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"

namespace api {

/// One family: samples that share a name, a type and a help text.
struct MetricFamily {
  std::string name;
  std::string type = "gauge";  ///< "gauge", "counter", "histogram", "summary", "untyped"
  std::string help;
  /// __name__ in a sample's labels replaces `name` on its line (histograms' _bucket, _sum, _count);
  /// otherwise it is not needed.
  std::vector<model::Sample> samples;
};

/// Writes one sample's line, with its time in milliseconds when there is one. __name__ among the
/// labels stands before `name`.
void AppendSample(std::string& out, std::string_view name, const model::Labels& labels,
                  double value, std::optional<model::Timestamp> at = std::nullopt);

/// Gathers families and writes them. Families of one name become one (first type and help win), so
/// that each HELP and TYPE stands once and samples stand together, as the format demands. Names
/// that are no metric or label names are left out and counted.
///
/// Names are the source design's: `mem_total` is a gauge and `bits_received` a counter. Where
/// Prometheus's naming rules would read the name as another type ("_total" is a counter's) the type
/// is written as `untyped`, which any reader accepts.
class Exposition {
 public:
  void Add(MetricFamily family);
  /// One value without labels, or with the few given.
  void Add(std::string name, std::string type, std::string help, double value,
           model::Labels labels = {});

  /// The text format, version 0.0.4.
  [[nodiscard]] std::string Text() const;
  /// OpenMetrics 1.0, ending in `# EOF`.
  [[nodiscard]] std::string OpenMetrics() const;
  /// Whether an Accept header prefers OpenMetrics.
  static bool PrefersOpenMetrics(std::string_view accept);
  static constexpr std::string_view kTextType = "text/plain; version=0.0.4; charset=utf-8";
  static constexpr std::string_view kOpenMetricsType =
      "application/openmetrics-text; version=1.0.0; charset=utf-8";

  /// Samples left out because of a name that the format does not allow.
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  [[nodiscard]] std::string Write(bool open_metrics) const;

  std::vector<MetricFamily> families_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t left_out_ = 0;
};

}  // namespace api
