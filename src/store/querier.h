// Querier: how series are asked for; PromQL knows this and nothing else of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"

namespace re2 {
class RE2;
}

namespace store {

/// A condition on one label. A regular expression is anchored at both ends (Prometheus).
struct Matcher {
  enum class Op { kEqual, kNotEqual, kRegex, kNotRegex };
  Op op = Op::kEqual;
  std::string name;
  std::string value;
  std::shared_ptr<const re2::RE2> regex;  ///< set by MakeMatcher for kRegex and kNotRegex

  /// Whether a label's value ("" when the label is not there) meets the condition.
  [[nodiscard]] bool Matches(std::string_view label_value) const;
};

/// Makes a matcher; compiles its expression. Errors: kInvalid with RE2's sentence.
base::Result<Matcher> MakeMatcher(Matcher::Op op, std::string name, std::string value);

/// The samples of one series in a time range, by columns of equal length, times strictly ascending.
/// Stale markers are among the values (model::IsStale).
struct SeriesData {
  std::shared_ptr<const model::Labels> labels;
  std::vector<model::Timestamp> t;
  std::vector<double> v;
  /// How many raw samples each stands for; empty: one each. Only Each with hints gives others.
  std::vector<double> weight;
};

/// What samples are wanted for (Prometheus: SelectHints). It matters only where they are gone and
/// statistics of five minutes stand for them.
struct Hints {
  std::int64_t range_ms = 0;  ///< of the range vector; 0: an instant one
  std::string_view function;  ///< that takes the range vector: "rate", "max_over_time"
  bool abreast = false;       ///< the sink may be called by two threads at once
  bool newest = false;        ///< of each series the newest sample will do; others may come, too
};

/// One series' samples, lent for the length of a call.
struct SeriesView {
  const std::shared_ptr<const model::Labels>& labels;
  std::span<const model::Timestamp> t;
  std::span<const double> v;
  std::span<const double> weight = {};  ///< as SeriesData has it
};
/// Takes one series; `place` is its place in the order of labels. An error ends the reading. By one
/// thread at a time, but for Hints::abreast.
using SeriesSink = std::function<base::Result<>(std::size_t place, const SeriesView& series)>;
/// Lends series that were read, in their order.
inline base::Result<> Lend(const std::vector<SeriesData>& all, const SeriesSink& sink) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (auto done = sink(i, {all[i].labels, all[i].t, all[i].v, all[i].weight}); !done) {
      return done;
    }
  }
  return {};
}

/// Reads series. Implementations are safe to call from any thread; one call sees one state.
class Querier {
 public:
  virtual ~Querier() = default;
  /// Series that meet every matcher, with their samples of [from, to] (milliseconds, both
  /// inclusive), ordered by labels. Series without a sample in the range are left out. At least one
  /// matcher must not match "".
  virtual base::Result<std::vector<SeriesData>> Select(const std::vector<Matcher>& matchers,
                                                       model::Timestamp from,
                                                       model::Timestamp to) const = 0;
  /// What Select gives, lent series by series as they are read, in whatever order; places of series
  /// without a sample are left out. Needs memory for a few series only. With `hints`, statistics of
  /// samples that are gone stand for them, such as serve that use; nullptr: only samples.
  virtual base::Result<> Each(const std::vector<Matcher>& matchers, model::Timestamp from,
                              model::Timestamp to, const Hints* /*hints*/,
                              const SeriesSink& sink) const {
    const auto all = Select(matchers, from, to);
    return all ? Lend(*all, sink) : base::Fail(all.error());
  }
  /// Labels of series that meet every matcher and have a sample in the range, without samples.
  virtual base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<Matcher>& matchers, model::Timestamp from, model::Timestamp to) const = 0;
  /// Names of labels (sorted) of the series that meet every matcher (none = all) in the range.
  virtual base::Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                                            model::Timestamp from,
                                                            model::Timestamp to) const = 0;
  /// Values (sorted) that `name` has in those series.
  virtual base::Result<std::vector<std::string>> LabelValues(const std::string& name,
                                                             const std::vector<Matcher>& matchers,
                                                             model::Timestamp from,
                                                             model::Timestamp to) const = 0;
};

}  // namespace store
