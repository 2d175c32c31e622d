// label_replace, label_join and histogram_quantile: functions that work on labels.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "model/expand.h"
#include "promql/evaluator.h"
#include "promql/number.h"

namespace promql {
namespace {

base::Result<Frame> Bad(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

struct Bucket {
  double bound = 0;
  double count = 0;
};

/// The quantile of a classic histogram; the rules are those of Prometheus's bucketQuantile.
double BucketQuantile(double q, std::vector<Bucket>& buckets) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (std::isnan(q)) {
    return kNaN;
  }
  if (q < 0 || q > 1) {
    return q < 0 ? -kInf : kInf;
  }
  std::ranges::stable_sort(buckets, {}, &Bucket::bound);
  if (buckets.back().bound != kInf) {
    return kNaN;
  }
  std::vector<Bucket> merged;
  for (const Bucket& bucket : buckets) {
    if (!merged.empty() && merged.back().bound == bucket.bound) {
      merged.back().count += bucket.count;
    } else {
      merged.push_back(bucket);
    }
  }
  double highest = merged[0].count;
  for (Bucket& bucket : merged) {
    highest = bucket.count > highest ? bucket.count : highest;
    bucket.count = bucket.count < highest ? highest : bucket.count;
  }
  if (merged.size() < 2 || merged.back().count == 0) {
    return kNaN;
  }
  double rank = q * merged.back().count;
  std::size_t low = 0;
  std::size_t high = merged.size() - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (merged[middle].count >= rank) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == merged.size() - 1) {
    return merged[low - 1].bound;
  }
  if (low == 0 && merged[0].bound <= 0) {
    return merged[0].bound;
  }
  double start = 0;
  double count = merged[low].count;
  if (low > 0) {
    start = merged[low - 1].bound;
    count -= merged[low - 1].count;
    rank -= merged[low - 1].count;
  }
  return start + (merged[low].bound - start) * (rank / count);
}

/// The buckets of one histogram: upper bound and the series that counts it.
struct Histogram {
  LabelsPtr labels;
  std::vector<std::pair<double, const Column*>> buckets;
};

std::vector<Histogram> Histograms(const Frame& input) {
  std::vector<Histogram> out;
  std::unordered_map<model::Labels, std::size_t, model::LabelsHash> index;
  for (const Column& column : input) {
    const auto bound = ParseFloat(column.labels->Get("le"));
    if (!bound) {
      continue;
    }
    model::Labels key = column.labels->Without({"le"});
    const auto [at, fresh] = index.try_emplace(std::move(key), out.size());
    if (fresh) {
      out.push_back({WithoutName(std::make_shared<model::Labels>(at->first)), {}});
    }
    out[at->second].buckets.emplace_back(*bound, &column);
  }
  return out;
}

}  // namespace

base::Result<Frame> HistogramQuantile(const std::vector<double>& q, const Frame& input,
                                      std::size_t steps) {
  Frame out;
  std::vector<Bucket> buckets;
  for (const Histogram& histogram : Histograms(input)) {
    Column column{histogram.labels, std::vector<double>(steps, Absent())};
    for (std::size_t i = 0; i < steps; ++i) {
      buckets.clear();
      for (const auto& [bound, counts] : histogram.buckets) {
        if (IsPresent(counts->v[i])) {
          buckets.push_back({bound, counts->v[i]});
        }
      }
      if (!buckets.empty()) {
        column.v[i] = BucketQuantile(q[i], buckets);
      }
    }
    out.push_back(std::move(column));
  }
  return Joined(std::move(out));
}

base::Result<Frame> LabelReplace(Frame input, const std::vector<std::string>& args) {
  const std::string& target = args[0];
  const std::string& replacement = args[1];
  const std::string& source = args[2];
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(args[3], options);
  if (!regex.ok()) {
    return Bad(fmt::format("invalid regular expression in label_replace(): {}", args[3]));
  }
  if (!model::IsLabelName(target)) {
    return Bad(fmt::format("invalid destination label name in label_replace(): {}", target));
  }
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  for (Column& column : input) {
    const std::string value(column.labels->Get(source));
    if (regex.Match(value, 0, value.size(), RE2::ANCHOR_BOTH, groups.data(),
                    static_cast<int>(groups.size()))) {
      auto labels = std::make_shared<model::Labels>(*column.labels);
      labels->Set(target, model::ExpandGroups(replacement, regex, groups));
      column.labels = std::move(labels);
    }
  }
  return Joined(std::move(input));
}

base::Result<Frame> LabelJoin(Frame input, const std::vector<std::string>& args) {
  const std::vector<std::string> sources(args.begin() + 2, args.end());
  for (const std::string& source : sources) {
    if (!model::IsLabelName(source)) {
      return Bad(fmt::format("invalid source label name in label_join(): {}", source));
    }
  }
  if (!model::IsLabelName(args[0])) {
    return Bad(fmt::format("invalid destination label name in label_join(): {}", args[0]));
  }
  for (Column& column : input) {
    std::vector<std::string> values;
    values.reserve(sources.size());
    for (const std::string& source : sources) {
      values.emplace_back(column.labels->Get(source));
    }
    auto labels = std::make_shared<model::Labels>(*column.labels);
    labels->Set(args[0], fmt::format("{}", fmt::join(values, args[1])));
    column.labels = std::move(labels);
  }
  return Joined(std::move(input));
}

}  // namespace promql
