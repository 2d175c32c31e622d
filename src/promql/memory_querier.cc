// Series in memory, found by trying every matcher on every series.
#include "promql/memory_querier.h"

#include <algorithm>
#include <set>

#include "promql/expr.h"

namespace promql {
namespace {

bool MatchesAll(const std::vector<store::Matcher>& matchers, const model::Labels& labels) {
  return std::ranges::all_of(matchers, [&](const store::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name));
  });
}

}  // namespace

void MemoryQuerier::Add(const model::Labels& labels, model::Timestamp t, double v) {
  Stored& stored = series_[labels];
  if (!stored.labels) {
    stored.labels = std::make_shared<model::Labels>(labels);
  }
  stored.samples[t] = v;
}

base::Result<std::vector<store::SeriesData>> MemoryQuerier::Select(
    const std::vector<store::Matcher>& matchers, model::Timestamp from, model::Timestamp to) const {
  ++selects;
  std::vector<store::SeriesData> out;
  for (const auto& [labels, stored] : series_) {
    if (!MatchesAll(matchers, labels)) {
      continue;
    }
    store::SeriesData data{stored.labels, {}, {}};
    for (auto at = stored.samples.lower_bound(from); at != stored.samples.end() && at->first <= to;
         ++at) {
      data.t.push_back(at->first);
      data.v.push_back(at->second);
    }
    if (!data.t.empty()) {
      out.push_back(std::move(data));
    }
  }
  return out;
}

base::Result<std::vector<std::shared_ptr<const model::Labels>>> MemoryQuerier::Series(
    const std::vector<store::Matcher>& matchers, model::Timestamp from, model::Timestamp to) const {
  std::vector<std::shared_ptr<const model::Labels>> out;
  for (const auto& series : *Select(matchers, from, to)) {
    out.push_back(series.labels);
  }
  return out;
}

base::Result<std::vector<std::string>> MemoryQuerier::LabelNames(
    const std::vector<store::Matcher>& matchers, model::Timestamp from, model::Timestamp to) const {
  std::set<std::string> names;
  for (const auto& labels : *Series(matchers, from, to)) {
    for (const auto& [name, value] : *labels) {
      names.insert(name);
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

base::Result<std::vector<std::string>> MemoryQuerier::LabelValues(
    const std::string& name, const std::vector<store::Matcher>& matchers, model::Timestamp from,
    model::Timestamp to) const {
  std::set<std::string> values;
  for (const auto& labels : *Series(matchers, from, to)) {
    if (labels->Has(name)) {
      values.emplace(labels->Get(name));
    }
  }
  return std::vector<std::string>(values.begin(), values.end());
}

std::optional<model::Labels> ReadLabels(std::string_view text) {
  if (text == "{}" || text.empty()) {
    return model::Labels();
  }
  const auto matchers = ParseSelector(text);
  if (!matchers) {
    return std::nullopt;
  }
  model::Labels out;
  for (const store::Matcher& matcher : *matchers) {
    if (matcher.op != store::Matcher::Op::kEqual) {
      return std::nullopt;
    }
    out.Set(matcher.name, matcher.value);
  }
  return out;
}

}  // namespace promql
