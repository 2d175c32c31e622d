// MemoryQuerier: series in memory behind the Querier that PromQL asks: for rule unit tests, tests
// and benchmarks.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/labels.h"
#include "store/querier.h"

namespace promql {

/// Holds series and answers as the store does. Not for use while it is changed.
class MemoryQuerier : public store::Querier {
 public:
  /// Adds one sample; a later one at the same time replaces an earlier one.
  void Add(const model::Labels& labels, model::Timestamp t, double v);
  void Clear() { series_.clear(); }

  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>& matchers,
                                                      model::Timestamp from,
                                                      model::Timestamp to) const override;
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>& matchers, model::Timestamp from,
      model::Timestamp to) const override;
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>& matchers,
                                                    model::Timestamp from,
                                                    model::Timestamp to) const override;
  base::Result<std::vector<std::string>> LabelValues(const std::string& name,
                                                     const std::vector<store::Matcher>& matchers,
                                                     model::Timestamp from,
                                                     model::Timestamp to) const override;
  /// How often Select was called: each selector is to be read once.
  mutable int selects = 0;

 private:
  struct Stored {
    std::shared_ptr<const model::Labels> labels;
    std::map<model::Timestamp, double> samples;
  };
  std::map<model::Labels, Stored> series_;
};

/// Reads `name{a="b",c="d"}` as labels; nullopt when it is no such text.
std::optional<model::Labels> ReadLabels(std::string_view text);

}  // namespace promql
